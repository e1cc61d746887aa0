//! Which side moved, where Argo CD itself tells: a rollback that waits for Git, and a sync that admission undoes each
//! time.

use anyhow::{Result, ensure};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::watched::finding;
use crate::shop::{Apply, Policy, Shop, deployment, http_get, phase};
use crate::watched::Watched;

fn with_replicas(replicas: u32) -> Value {
    let mut manifest = deployment(&http_get());
    manifest["spec"]["replicas"] = json!(replicas);
    manifest
}

#[test]
fn a_rollback_waits_for_git_is_told_with_who_did_it_and_has_no_plan() -> Result<()> {
    for (name, apply) in [("back-client", Apply::ClientSide), ("back-server", Apply::ServerSide)] {
        let shop = Shop::open(name, apply, Policy::Manual, &[])?;
        let first = shop.application.read()?["status"]["sync"]["revision"].clone();
        let second = shop.commit(&[with_replicas(2)]);
        shop.bring(Policy::Manual, &second)?;
        let watched = Watched::open(shop, &json!({}))?;
        let shop = &watched.shop;
        // As `argocd app rollback` asks for it.
        shop.sync(&json!({"revision": first}))?;
        shop.wait_until("the rollback", |seen| {
            phase(seen) == "Succeeded"
                && seen["status"]["operationState"]["syncResult"]["revision"] == first
                && seen["operation"].is_null()
        })?;
        let back = format!(
            "rolled back to {} by ada",
            first.as_str().unwrap_or_default().get(..7).unwrap_or_default()
        );
        let status = watched.wait_for_status("what the rollback left", |status| {
            status["phase"] == "Pending"
                && status["summary"]
                    .as_str()
                    .is_some_and(|summary| summary.starts_with(&back))
        })?;
        let waits: Vec<&Value> = status["fields"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|field| field["severity"] == "pending")
            .collect();
        assert_eq!(waits.len(), 1, "{status:#}");
        assert_eq!(
            (&waits[0]["moved"], &waits[0]["reason"], &status["plan"]),
            (&json!("git"), &json!(back), &Value::Null)
        );
        assert_eq!(status["counts"]["drifted"], 0, "{status:#}");
        // Brought forth again, nothing is left of it.
        shop.sync(&json!({}))?;
        watched.wait_for_status("in sync", |status| status["phase"] == "InSync")?;
    }
    Ok(())
}

#[test]
fn self_heal_against_a_policy_is_told_as_a_loop_and_not_as_drift() -> Result<()> {
    let shop = Shop::open("looping", Apply::ClientSide, Policy::SelfHeal, &[])?;
    let watched = Watched::open(shop, &json!({}))?;
    let shop = &watched.shop;
    let expression = "Object{spec: Object.spec{minReadySeconds: 7}}";
    let rule = json!({"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                      "resources": ["deployments"]});
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": "looping"},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]}, "failurePolicy": "Fail", "reinvocationPolicy": "Never",
            "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}],
        },
    });
    let namespace = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": shop.namespace}}});
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": "looping"},
        "spec": {"policyName": "looping", "matchResources": namespace},
    });
    shop.control_plane.apply(&policy.to_string())?;
    shop.control_plane.apply(&binding.to_string())?;
    let mut manifest = deployment(&http_get());
    manifest["spec"]["minReadySeconds"] = json!(1);
    shop.commit(&[manifest]);
    shop.argo_cd.refresh(&shop.application)?;
    let status = watched.wait_for_status("a loop", |status| finding(status, "admission-loop").is_object())?;
    ensure!(
        finding(&status, "hot-fix-lost").is_null() && status["plan"].is_null(),
        "{status:#}"
    );
    assert_eq!(
        (
            &status["counts"]["drifted"],
            &finding(&status, "admission-loop")["severity"]
        ),
        (&json!(0), &json!("warning"))
    );
    Ok(())
}
