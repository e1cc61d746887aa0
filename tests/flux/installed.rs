//! The chart's controller beside a real kustomize-controller whose Kustomization is in Flux's own namespace: it heals
//! through its own fence, with the rights that the chart gives and no others, and only where the Kustomization's
//! namespace is listed.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::kustomize_controller::{KustomizeController, NAMESPACE, Options, condition as of_flux};
use crate::harness::object::field_owners;
use crate::harness::{ControlPlane, wait};
use crate::installation::{self, Installation, RELEASE};
use crate::shop::{Shop, deployment, exec, http_get};
use crate::watched::{Watched, condition, kinds};

/// Where the Deployment is.
const SHOP: &str = "shop";

/// What a policy of somebody else says.
const CLOSED: &str = "nobody asks Flux for anything before noon";

/// Whom it refuses besides, so that one can see that it holds: the chart's own fence speaks first to the
/// ServiceAccount.
const TRIAL: &str = "trial";

/// A policy by which the chart's ServiceAccount writes no Kustomization.
struct Fence<'a> {
    control_plane: &'a ControlPlane,
}

impl<'a> Fence<'a> {
    /// Puts it up, and waits until the API server goes by it.
    fn close(installation: &'a Installation, shop: &Shop<'_>) -> Result<Self> {
        let control_plane = &installation.control_plane;
        let user = format!("system:serviceaccount:{RELEASE}:{RELEASE}");
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": "before-noon"},
            "spec": {
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["kustomize.toolkit.fluxcd.io"], "apiVersions": ["*"], "operations": ["UPDATE"],
                    "resources": ["kustomizations"],
                }]},
                "validations": [{"expression": format!("!(request.userInfo.username in ['{user}', '{TRIAL}'])"),
                                 "reason": "Forbidden", "message": CLOSED}],
            },
        });
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": "before-noon"},
            "spec": {"policyName": "before-noon", "validationActions": ["Deny"]},
        });
        for object in [policy, binding] {
            control_plane.apply(&object.to_string())?;
        }
        let annotate = [
            "annotate",
            "kustomization",
            shop.kustomization.name(),
            "-n",
            NAMESPACE,
            "noon=past",
            "--dry-run=server",
        ];
        wait::until("the fence", Duration::from_secs(90), || {
            let answer =
                control_plane.kubectl(&[&annotate[..], &["--as", TRIAL, "--as-group=system:masters"]].concat())?;
            Ok(if answer.stderr.contains(CLOSED) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stderr)
            })
        })?;
        Ok(Self { control_plane })
    }

    fn open(self) -> Result<()> {
        self.control_plane
            .kubectl(&[
                "delete",
                "validatingadmissionpolicybinding,validatingadmissionpolicy",
                "before-noon",
            ])?
            .success()
            .map(drop)
    }
}

#[test]
fn the_controller_asks_for_a_reconciliation_where_the_chart_lists_the_kustomizations_namespace() -> Result<()> {
    let installation = Installation::prepare(&[SHOP])?;
    let control_plane = &installation.control_plane;
    let controller = installation.start_controller(&installation.install("heal", &[SHOP])?.without_lease())?;
    // Flux comes later than the chart, and is found.
    let flux = KustomizeController::start(control_plane, &Options::default())?;
    // What happens is met by watches alone.
    let rarely = json!({"source": {"fluxKustomization": {"interval": "1h"}}});
    let watched = Watched::beside(
        Shop::open_at(control_plane, &flux, NAMESPACE, SHOP, &json!({}))?,
        &rarely,
    )?;
    let shop = &watched.shop;

    shop.switch_handler()?;
    let refused = shop.flux.poke(&shop.kustomization)?;
    assert_eq!(of_flux(&refused, "Ready")["reason"], "ReconciliationFailed");
    let status = watched.wait_for_status("a plan after Flux's refusal", |status| {
        kinds(status) == ["HandBack", "Reconcile"] && status["operation"]["class"] == "FailedDryRun"
    })?;
    let plan = status["plan"]["hash"].as_str().unwrap_or_default().to_owned();
    watched.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
    let status = watched.wait_for_status("a plan that waits for a person", |status| {
        condition(status, "Approved")["reason"] == "AwaitingHealer"
    })?;
    let words = format!(
        "approved; this controller does not write Kustomizations in namespace {NAMESPACE}: run `driftmend heal web -n \
         {SHOP} --plan {}`",
        &plan[..12]
    );
    assert_eq!(condition(&status, "Approved")["message"], words.as_str());
    assert_eq!(shop.probe()?["tcpSocket"]["port"], 8080);
    installation::assert_no_right_was_missing(&controller);
    drop(controller);

    // A fence holds on for a moment after the chart was changed, and somebody else's for as long as it stands: nothing
    // is half done then.
    let before = shop.deployment.read()?;
    let fence = Fence::close(&installation, shop)?;
    let flags = installation.install_with("heal", &[SHOP], &[("heal.kustomizations.namespaces", &[NAMESPACE])])?;
    let controller = installation.start_controller(&flags.without_lease())?;
    let status = watched.wait_for_status("a plan that waits for a right", |status| {
        let approved = condition(status, "Approved");
        approved["reason"] == "Forbidden"
            && approved["message"]
                .as_str()
                .is_some_and(|message| message.contains(CLOSED))
    })?;
    assert_eq!(
        (&status["healing"], &status["history"], &status["plan"]["hash"]),
        (&Value::Null, &json!([]), &json!(plan))
    );
    assert_eq!(field_owners(&shop.deployment.read()?), field_owners(&before));
    fence.open()?;
    // The end of the heal is written first, what was found after it then.
    let status = watched.wait_for_status("a healed report", |status| {
        status["heal"] == "Healed" && status["phase"] == "InSync" && status["operation"]["class"] == "Ready"
    })?;
    assert_eq!(status["history"][0]["planHash"], json!(plan));
    let kustomization = shop.kustomization.read()?;
    let asked = format!("driftmend-{plan}");
    assert_eq!(
        kustomization["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"],
        asked.as_str()
    );
    assert_eq!(kustomization["status"]["lastHandledReconcileAt"], asked.as_str());
    let probe = shop.probe()?;
    assert_eq!(
        (&probe["httpGet"]["path"], &probe["tcpSocket"]),
        (&http_get()["httpGet"]["path"], &Value::Null)
    );
    // Counted when the report is read again.
    assert_eq!(
        controller.wait_for_metric("driftmend_heals_total{result=\"Healed\"}")?,
        1.0
    );

    // Nothing of the heal stands in the way of Git's next handler.
    let revision = shop.publish(&deployment(&exec()))?;
    shop.flux.wait_ready(&shop.kustomization, &revision)?;
    let probe = shop.probe()?;
    assert_eq!((&probe["exec"], &probe["httpGet"]), (&exec()["exec"], &Value::Null));

    shop.source
        .merge_patch("ada", &json!({"spec": {"ref": {"semver": ">=1.0.0"}}}))?
        .success()?;
    watched.wait_for_failure("UnsupportedSource")?;
    installation::assert_no_right_was_missing(&controller);
    Ok(())
}
