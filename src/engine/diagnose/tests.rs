//! What each rule says, in whole sentences.

use std::sync::Arc;

use jiff::SignedDuration;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::diff::{Change, ChangeKind, Moved};
use crate::engine::object::{Document, ObjectId, Origin};
use crate::engine::operation::{GitRepository, Kustomization};
use crate::engine::ownership::{Operation, Owner};
use crate::engine::predict::{Strategy, Syncer, TakesOver};
use crate::engine::{Flux, Mode, OwnHeal, Policy, Remedy, SourceFacts, Tool, Wrote, assess, assess_during};

mod harm;
pub(in crate::engine) mod latent;
pub(in crate::engine) mod reason;
mod unapplied;
mod unnamed;

pub(super) fn git() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                 "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]}}}})
}

/// The cluster after a client-side apply of `git`, with one more write.
fn live(manager: &str, fields: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut live = git();
    crate::engine::schema::apply_defaults(&mut live);
    live["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": git().to_string()});
    let entry = |manager: &str, time: &str, fields: &Value| {
        json!({"manager": manager, "operation": "Update",
        "apiVersion": "apps/v1", "time": time, "fieldsType": "FieldsV1", "fieldsV1": fields})
    };
    live["metadata"]["managedFields"] = json!([
        entry(
            "kubectl-client-side-apply",
            "2026-01-05T09:00:00Z",
            &json!({"f:spec": {"f:selector": {}}})
        ),
        entry(manager, "2026-01-05T10:00:00Z", fields),
    ]);
    change(&mut live);
    live
}

fn told(desired: Value, live: Value) -> Vec<(String, String, Option<String>)> {
    of(&snapshot(desired, live))
        .into_iter()
        .map(|(rule, message, _, remedy)| (rule, message, remedy))
        .collect()
}

pub(super) fn snapshot(desired: Value, live: Value) -> Snapshot {
    let id = ObjectId::of(&desired).unwrap();
    Snapshot {
        cluster: String::new(),
        judge: String::new(),
        target: id.clone(),
        desired: Some(Document {
            id,
            value: desired,
            origin: Origin {
                file: "web.yaml".into(),
                line: 1,
            },
        }),
        live: Some(live),
        seen: true,
        syncer: Syncer::new(Strategy::ClientSideApply, "kubectl-client-side-apply"),
        tool: Tool::default(),
        source: SourceFacts::default(),
        now: "2026-01-05T12:00:00Z".parse().unwrap(),
    }
}

/// Rule and weight, message, evidence, remedy.
pub(super) fn of(snapshot: &Snapshot) -> Vec<(String, String, Option<String>, Option<String>)> {
    let policy = Policy {
        mode: Mode::Alert,
        remedy: Remedy::Choose,
        ignore: Vec::new(),
        plan_ttl: SignedDuration::ZERO,
    };
    let found = assess(snapshot, &policy).findings.into_iter();
    found
        .map(|finding| {
            (
                format!("{} {:?}", finding.rule, finding.weight),
                finding.message,
                finding.evidence,
                finding.remedy,
            )
        })
        .collect()
}

#[test]
fn a_change_by_hand_that_the_sync_undoes_is_told_before_it_is_lost() {
    let scaled = live("kubectl-edit", &json!({"f:spec": {"f:replicas": {}}}), |live| {
        live["spec"]["replicas"] = json!(5)
    });
    let message =
        "the next sync undoes a change by hand: spec.replicas (kubectl-edit, since 2026-01-05T10:00:00Z)".to_owned();
    let remedy = "commit it to Git before the sync if it is right (no roll-out); else the sync, or Restore, puts Git's \
                  value back (no roll-out)";
    assert_eq!(
        told(git(), scaled),
        [("hot-fix-lost Warning".to_owned(), message, Some(remedy.to_owned()))]
    );
    let by_a_program = live("release-bot", &json!({"f:spec": {"f:replicas": {}}}), |live| {
        live["spec"]["replicas"] = json!(5)
    });
    assert_eq!(told(git(), by_a_program), []);
}

#[test]
fn what_stands_under_the_tools_own_name_is_a_persons_only_where_live_is_known_to_have_moved() {
    use super::outcome::hot_fix_lost;
    use crate::engine::predict::{Prediction, Verdict};
    let drift = |manager: &str, moved: Option<Moved>| Drift {
        change: Change {
            path: ".spec.replicas".parse().unwrap(),
            kind: ChangeKind::Changed,
            desired: Some(json!(2)),
            live: Some(json!(5)),
        },
        owners: vec![owner_of(manager)],
        severity: Severity::Drift,
        moved,
        reason: None,
    };
    let scene = snapshot(git(), git());
    let prediction = Prediction::bare(Strategy::ClientSideApply, Verdict::Reverts, Vec::new());
    for (manager, moved, is_told) in [
        ("kubectl-client-side-apply", Some(Moved::Live), true),
        ("kubectl-client-side-apply", Some(Moved::Git), false),
        ("kubectl-client-side-apply", Some(Moved::Server), false),
        ("kubectl-client-side-apply", Some(Moved::Unknown), false),
        ("kubectl-client-side-apply", None, false),
        ("kubectl-edit", Some(Moved::Unknown), true),
    ] {
        let found = hot_fix_lost(&scene, &[drift(manager, moved)], &prediction);
        assert_eq!(!found.is_empty(), is_told, "{manager} {moved:?}");
    }
}

#[test]
fn what_nobody_owns_is_not_told_as_another_managers() {
    use super::outcome::next_sync_keeps;
    use crate::engine::predict::{Facts, Prediction, Verdict};
    let pinned = live("shipper", &json!({}), |live| {
        live["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "ssd"})
    });
    let git = git();
    let why = |strategy: Strategy, owner: Option<&str>| {
        let scene = Snapshot {
            syncer: Syncer::new(strategy, "shipper"),
            ..snapshot(git.clone(), pinned.clone())
        };
        let path: FieldPath = ".spec.template.spec.nodeSelector".parse().unwrap();
        let residual = vec![path.clone()];
        let change = Change {
            path,
            kind: ChangeKind::Added,
            desired: None,
            live: Some(json!({"disk": "ssd"})),
        };
        let drift = Drift {
            change,
            owners: owner.map(owner_of).into_iter().collect(),
            severity: Severity::Drift,
            moved: None,
            reason: None,
        };
        let prediction = Prediction {
            residual,
            ..Prediction::bare(strategy, Verdict::Residual, Vec::new())
        };
        let found = next_sync_keeps(&scene, &Facts::of(&git, &pinned), &[drift], &prediction);
        found[0].message.rsplit_once(": ").unwrap().1.to_owned()
    };
    let (by_server, by_client) = (Strategy::ServerSideApply, Strategy::ClientSideApply);
    assert_eq!(
        why(by_server, Some("gone")),
        "Git does not set it, and another manager owns it"
    );
    assert_eq!(
        why(by_server, None),
        "Git does not set it, and nobody is recorded to own it"
    );
    assert_eq!(why(by_server, Some("shipper")), "shipper does not change it");
    assert_eq!(
        why(by_client, Some("shipper")),
        "Git does not set it, and neither does what was applied last"
    );
    assert_eq!(why(Strategy::Replace, None), "shipper does not change it");
}

/// Argo CD with this strategy and these options in Git or live, over a selector that Git changes: the summary and the
/// findings.
fn forced(strategy: Strategy, options: &str, on_live: bool) -> (String, Vec<(String, String)>) {
    let mut live = live("kubectl-patch", &json!({}), |_| {});
    let mut desired = git();
    desired["spec"]["selector"]["matchLabels"]["v"] = json!("2");
    desired["spec"]["template"]["metadata"]["labels"]["v"] = json!("2");
    let asks = if on_live { &mut live } else { &mut desired };
    json_patch::merge(
        asks,
        &json!({"metadata": {"annotations": {"argocd.argoproj.io/sync-options": options}}}),
    );
    let scene = Snapshot {
        syncer: Syncer::new(strategy, "argocd-controller"),
        ..snapshot(desired, live)
    };
    let policy = Policy {
        mode: Mode::Alert,
        remedy: Remedy::Choose,
        ignore: Vec::new(),
        plan_ttl: SignedDuration::ZERO,
    };
    let found = assess(&scene, &policy);
    let told = found
        .findings
        .into_iter()
        .map(|finding| (format!("{} {:?}", finding.rule, finding.weight), finding.message));
    (found.summary, told.collect())
}

#[test]
fn force_in_argo_cd_is_an_outage_where_it_recreates_and_nothing_where_it_does_not() {
    let outage = "The next sync is an outage: told to force, Argo CD deletes the Deployment with all its pods and \
                  creates it anew: ";
    for on_live in [false, true] {
        for (strategy, words) in [
            (Strategy::Replace, "Replace=true with Force=true"),
            (Strategy::ClientSideApply, "Force=true"),
        ] {
            let (summary, found) = forced(strategy, "Prune=false, Force=true", on_live);
            assert!(summary.starts_with(outage), "{summary}");
            let told = format!(
                "the next sync is an outage: {words} makes Argo CD delete the Deployment with all its pods and create \
                 it anew"
            );
            assert_eq!(found.first(), Some(&("force-recreates Error".to_owned(), told)));
            assert!(
                !found.iter().any(|(_, message)| message.contains("will refuse")),
                "{found:?}"
            );
        }
        for (strategy, options) in [
            (Strategy::ServerSideApply, "Force=true"),
            (Strategy::ClientSideApply, "force=True"),
        ] {
            let (summary, found) = forced(strategy, options, on_live);
            assert!(summary.starts_with("The next sync will be refused: "), "{summary}");
            assert!(
                !found.iter().any(|(rule, _)| rule.starts_with("force-recreates")),
                "{found:?}"
            );
        }
    }
}

/// An update under this manager.
fn owner_of(manager: &str) -> Owner {
    Owner {
        manager: manager.to_owned(),
        operation: Operation::Update,
        subresource: None,
        time: None,
    }
}

#[test]
fn what_the_sync_leaves_behind_is_told_with_its_owner_and_its_cost() {
    let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:nodeSelector": {}}}}});
    let pinned = live("kubectl-patch", &fields, |live| {
        live["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "ssd"})
    });
    let message = "the next sync succeeds and leaves spec.template.spec.nodeSelector as it is (kubectl-patch, since \
                   2026-01-05T10:00:00Z): Git does not set it, and neither does what was applied last";
    let remedy = "Restore makes it what Git says by a write of ours (one roll-out); HandBack names what is in the way \
                  in the last-applied annotation (nothing else), so that the next sync of kubectl-client-side-apply \
                  removes it (one roll-out, at that sync); if the change in the cluster is right, commit it to Git (no \
                  roll-out)";
    assert_eq!(
        told(git(), pinned),
        [(
            "next-sync-keeps Warning".to_owned(),
            message.to_owned(),
            Some(remedy.to_owned())
        )]
    );
}

#[test]
fn while_our_own_heal_runs_a_field_is_told_in_the_name_of_who_had_changed_it() {
    let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:nodeSelector": {}}}}});
    let found = |manager: &str| {
        let pinned = live(manager, &fields, |live| {
            live["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "ssd"})
        });
        let scene = Snapshot {
            syncer: Syncer::new(Strategy::ServerSideApply, "argocd-controller"),
            ..snapshot(git(), pinned)
        };
        let policy = Policy {
            mode: Mode::Alert,
            remedy: Remedy::Choose,
            ignore: Vec::new(),
            plan_ttl: SignedDuration::ZERO,
        };
        let wrote = Wrote {
            path: FieldPath::of(&["spec", "template", "spec", "nodeSelector"]),
            owner: Some(owner_of("kubectl-patch")),
        };
        let (plain, during) = (
            assess(&scene, &policy),
            assess_during(&scene, &policy, &OwnHeal { wrote: vec![wrote] }),
        );
        [plain, during].map(|found| {
            (
                found.drifts[0].owners[0].manager.clone(),
                found.summary.contains("by kubectl-patch"),
            )
        })
    };
    let by_person = ("kubectl-patch".to_owned(), true);
    for ours in ["driftmend-heal", "argocd-controller"] {
        assert_eq!(found(ours), [(ours.to_owned(), false), by_person.clone()]);
    }
    assert_eq!(
        found("kubectl-edit")[1],
        ("kubectl-edit".to_owned(), false),
        "somebody else wrote it meanwhile"
    );
}

#[test]
fn a_forced_sync_is_told_as_the_outage_that_it_is() {
    let unchanged = || live("kubectl-patch", &json!({}), |_| {});
    for (annotation, value, count) in [
        ("argocd.argoproj.io/sync-options", "Prune=false, Force=true", 1),
        ("argocd.argoproj.io/sync-options", "Force=false", 0),
        ("kustomize.toolkit.fluxcd.io/force", "enabled", 1),
    ] {
        let mut desired = git();
        desired["metadata"]["annotations"] = json!({annotation: value});
        let found = told(desired, unchanged());
        assert_eq!(
            found
                .iter()
                .filter(|(rule, ..)| rule == "force-recreates Warning")
                .count(),
            count,
            "{found:?}"
        );
    }
}

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
    crate::engine::schema::apply_defaults(&mut refused);
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
    crate::engine::schema::apply_defaults(&mut drifted);
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
    crate::engine::schema::apply_defaults(&mut drifted);
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
    crate::engine::schema::apply_defaults(&mut drifted);
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
    crate::engine::schema::apply_defaults(&mut shared);
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
