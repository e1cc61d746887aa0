//! What is told where Flux applies.

use std::sync::Arc;

use jiff::SignedDuration;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::flux::Flux;
use crate::engine::flux::git_repository::GitRepository;
use crate::engine::flux::kustomization::Kustomization;
use crate::engine::syncer::{Strategy, Syncer, TakesOver};
use crate::engine::{Mode, Policy, Remedy, SourceFacts, Tool, assess};

/// Flux with this Kustomization, and a live object with a toleration that no server would merge with Git's.
fn under_flux(kustomization: &Value, manager: &str, live: Option<Value>) -> Snapshot {
    let mut object = json!({
        "metadata": {"name": "shop", "namespace": "flux-system", "generation": 1},
        "spec": {"sourceRef": {"kind": "GitRepository", "name": "shop"}, "interval": "10m", "retryInterval": "90s"},
        "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "ReconciliationSucceeded",
                                   "message": ""}]},
    });
    json_patch::merge(&mut object, kustomization);
    let tool = Tool::Flux(Arc::new(Flux {
        kustomization: Arc::new(Kustomization::read(&object).unwrap()),
        repository: None,
    }));
    let syncer = Syncer {
        takes_over: TakesOver::KubectlsAfterDryRun,
        ..Syncer::new(Strategy::ServerSideApply, "kustomize-controller")
    };
    let live = live.map(|mut live| {
        live["metadata"].as_object_mut().unwrap().remove("annotations");
        let entry = |manager: &str, operation: &str, fields: Value| {
            json!({"manager": manager, "operation": operation,
            "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": fields})
        };
        live["metadata"]["managedFields"] = json!([
            entry(
                "kustomize-controller",
                "Apply",
                json!({"f:spec": {"f:selector": {}, "f:replicas": {}}})
            ),
            entry(
                manager,
                "Update",
                json!({"f:spec": {"f:strategy": {"f:rollingUpdate": {"f:maxSurge": {}}}}})
            ),
        ]);
        live
    });
    let mut desired = git();
    desired["spec"]["strategy"] = json!({"type": "Recreate"});
    Snapshot {
        syncer,
        tool,
        live,
        ..snapshot(desired, git())
    }
}

fn of_rule(snapshot: &Snapshot, rule: &str) -> Vec<(String, String)> {
    of(snapshot)
        .into_iter()
        .filter(|(named, ..)| named.starts_with(rule))
        .map(|(named, message, ..)| (named, message))
        .collect()
}

#[test]
fn force_in_flux_over_a_refusal_is_told_as_an_outage_and_by_a_kubectl_manager_as_a_longer_one() {
    // Recreate beside a rollingUpdate is refused.
    let mut refused = git();
    crate::engine::schema::apply_defaults(DEPLOYMENT.root, &mut refused);
    let force = json!({"spec": {"force": true}});
    let rule = |kustomization: &Value, manager, live: &Value| {
        of_rule(
            &under_flux(kustomization, manager, Some(live.clone())),
            "force-recreates",
        )
    };
    let outage = "the next reconciliation is an outage: spec.force of Kustomization flux-system/shop makes Flux delete \
                  the Deployment with all its pods";
    assert_eq!(
        rule(&force, "Lens", &refused),
        [(
            "force-recreates Error".to_owned(),
            format!("{outage} and create it anew")
        )]
    );
    let absent = "and, since a kubectl manager owns fields of it, Flux was seen to fail before it creates it anew: the \
                  Deployment stays absent until the retryInterval is over (1m 30s later)";
    assert_eq!(
        rule(&force, "kubectl-patch", &refused),
        [("force-recreates Error".to_owned(), format!("{outage}, {absent}"))]
    );
    assert_eq!(rule(&json!({}), "kubectl-patch", &refused), []);
    let mut labelled = refused.clone();
    labelled["metadata"]["labels"] = json!({"kustomize.toolkit.fluxcd.io/force": "Enabled"});
    assert_eq!(
        rule(&json!({}), "Lens", &labelled).len(),
        1,
        "the live object asks for it, too"
    );
    let policy = Policy {
        mode: Mode::Alert,
        remedy: Remedy::Choose,
        ignore: Vec::new(),
        plan_ttl: SignedDuration::ZERO,
    };
    let summary = assess(&under_flux(&force, "Lens", Some(refused.clone())), &policy).summary;
    let told = "The next sync is an outage: told to force, Flux deletes the Deployment with all its pods and creates \
                it anew: ";
    assert!(
        summary.starts_with(told) && !summary.contains("will be refused"),
        "{summary}"
    );
    let accepted = json!({"type": "Recreate"});
    refused["spec"]["strategy"] = accepted;
    let message = "spec.force of Kustomization flux-system/shop makes Flux delete the Deployment and create it anew \
                   where the server refuses a change: all its pods go at once";
    assert_eq!(
        rule(&force, "kubectl-patch", &refused),
        [("force-recreates Warning".to_owned(), message.to_owned())]
    );
}

#[test]
fn what_keeps_flux_from_applying_is_told_of_those_that_wait_for_it() {
    let failed = |reason: &str, message: &str| {
        json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": reason,
                                                     "message": message}]}})
    };
    let dry_run = |name: &str| {
        let message = format!(
            "Deployment/shop/{name} dry-run failed (Invalid): Deployment.apps \"{name}\" is invalid: spec.replicas: \
             Invalid value: -1: no\n"
        );
        failed("ReconciliationFailed", &message)
    };
    let mut drifted = git();
    crate::engine::schema::apply_defaults(DEPLOYMENT.root, &mut drifted);
    drifted["spec"]["strategy"] = json!({"type": "Recreate"});
    let in_sync = drifted.clone();
    drifted["spec"]["replicas"] = json!(5);
    let rule = |kustomization: &Value, live: Option<&Value>| {
        of_rule(&under_flux(kustomization, "Lens", live.cloned()), "not-reconciled")
    };
    let told = |weight: &str, why: &str| {
        vec![(
            format!("not-reconciled {weight}"),
            format!("Kustomization flux-system/shop: {why}"),
        )]
    };
    let ours = told(
        "Error",
        "the API server refuses this Deployment in Flux's dry run, so that nothing of this revision is applied",
    );
    assert_eq!(rule(&dry_run("web"), Some(&in_sync)), ours);
    let other = told(
        "Error",
        "the API server refuses another object in Flux's dry run, so that nothing of this revision is applied",
    );
    assert_eq!(rule(&dry_run("api"), Some(&drifted)), other);
    assert_eq!(rule(&dry_run("api"), Some(&in_sync)), [], "it waits for nothing");
    assert_eq!(rule(&dry_run("api"), None), other, "the Deployment is missing");
    let suspended = told("Info", "it is suspended: Flux applies nothing, and no plan is made");
    assert_eq!(rule(&json!({"spec": {"suspend": true}}), Some(&drifted)), suspended);
    assert_eq!(
        rule(&failed("BuildFailed", "no such folder"), Some(&drifted)),
        told("Error", "the last reconciliation failed (BuildFailed)")
    );
    assert_eq!(rule(&json!({}), Some(&drifted)), []);
}

#[test]
fn what_flux_waits_for_is_told_as_that_and_not_as_a_failure() {
    let mut drifted = git();
    crate::engine::schema::apply_defaults(DEPLOYMENT.root, &mut drifted);
    drifted["spec"]["replicas"] = json!(5);
    let rule = |reason: &str, message: &str| {
        let ready = json!([{"type": "Ready", "status": "False", "reason": reason, "message": message}]);
        of_rule(
            &under_flux(&json!({"status": {"conditions": ready}}), "Lens", Some(drifted.clone())),
            "not-reconciled",
        )
    };
    let told = |weight: &str, what: &str| {
        let message = format!("Kustomization flux-system/shop: the next reconciliation waits until {what}");
        vec![(format!("not-reconciled {weight}"), message)]
    };
    assert_eq!(
        rule("DependencyNotReady", "dependency 'flux-system/db' is not ready"),
        told("Warning", "what it depends on is ready")
    );
    assert_eq!(
        rule("ArtifactFailed", "Source artifact not found, retrying in 30s"),
        told("Error", "its source has an artifact")
    );
    let absent = "gitrepositories.source.toolkit.fluxcd.io \"shop\" not found";
    assert_eq!(rule("ArtifactFailed", absent), told("Error", "its source is there"));
}

#[test]
fn a_commit_that_flux_does_not_fetch_is_told_of_what_differs() {
    const FETCHED: &str = "1111111111111111111111111111111111111111";
    const NEWEST: &str = "2222222222222222222222222222222222222222";
    let mut drifted = git();
    crate::engine::schema::apply_defaults(DEPLOYMENT.root, &mut drifted);
    drifted["spec"]["strategy"] = json!({"type": "Recreate"});
    let in_sync = drifted.clone();
    drifted["spec"]["replicas"] = json!(5);
    let with = |repository: &Value, revision: &str, live: Option<&Value>| {
        let scene = under_flux(&json!({}), "Lens", live.cloned());
        let mut object = json!({"metadata": {"namespace": "flux-system", "name": "shop"},
                                "spec": {"url": "https://git.example/shop.git"}});
        json_patch::merge(&mut object, repository);
        let kustomization = scene.tool.flux().unwrap().kustomization.clone();
        let tool = Tool::Flux(Arc::new(Flux {
            kustomization,
            repository: Some(Arc::new(GitRepository::read(&object).unwrap())),
        }));
        let source = SourceFacts {
            revision: revision.to_owned(),
            ..SourceFacts::default()
        };
        Snapshot { tool, source, ..scene }
    };
    let rule = |repository: &Value, revision: &str, live: Option<&Value>| -> Vec<_> {
        let found = of(&with(repository, revision, live)).into_iter();
        found
            .filter(|(rule, ..)| rule == "no-new-commits Warning")
            .map(|(_, message, evidence, _)| (message, evidence))
            .collect()
    };
    let artifact = json!({"revision": format!("main@sha1:{FETCHED}")});
    let suspended = json!({"spec": {"suspend": true}, "status": {"artifact": artifact}});
    let again = "Flux applies 1111111 again, and what Git has since then does not come";
    let told = vec![(format!("GitRepository flux-system/shop is suspended: {again}"), None)];
    assert_eq!(rule(&suspended, NEWEST, Some(&drifted)), told);
    assert_eq!(rule(&suspended, NEWEST, None), told);
    assert_eq!(rule(&suspended, NEWEST, Some(&in_sync)), [], "it waits for nothing");
    assert_eq!(rule(&suspended, FETCHED, Some(&drifted)), [], "Flux has what Git has");
    assert_eq!(
        rule(&json!({"status": {"artifact": artifact}}), NEWEST, Some(&drifted)),
        [],
        "it is fetched in a moment"
    );
    let failed = json!([{"type": "FetchFailed", "status": "True", "reason": "GitOperationFailed",
                         "message": "failed to checkout: timeout"}]);
    let failing = json!({"status": {"artifact": artifact, "conditions": failed}});
    let told = format!("GitRepository flux-system/shop cannot be fetched (GitOperationFailed): {again}");
    assert_eq!(
        rule(&failing, NEWEST, Some(&drifted)),
        [(told, Some("failed to checkout: timeout".to_owned()))]
    );
    let never = json!({"spec": {"suspend": true}});
    let told = "GitRepository flux-system/shop is suspended: Flux has no commit of it";
    assert_eq!(rule(&never, NEWEST, Some(&drifted)), [(told.to_owned(), None)]);
}

#[test]
fn a_second_kustomization_that_applies_the_same_object_is_told() {
    let mut shared = git();
    crate::engine::schema::apply_defaults(DEPLOYMENT.root, &mut shared);
    let labelled = |namespace: &str, name: &str| {
        let mut live = shared.clone();
        live["metadata"]["labels"] =
            json!({"kustomize.toolkit.fluxcd.io/namespace": namespace, "kustomize.toolkit.fluxcd.io/name": name});
        of_rule(&under_flux(&json!({}), "Lens", Some(live)), "two-kustomizations")
    };
    assert_eq!(labelled("flux-system", "shop"), []);
    let told = "Kustomization flux-system/other applied this object last, and Kustomization flux-system/shop applies \
                it, too: at each interval one undoes the other";
    assert_eq!(
        labelled("flux-system", "other"),
        [("two-kustomizations Error".to_owned(), told.to_owned())]
    );
}
