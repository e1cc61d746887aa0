//! What each rule says, in whole sentences.

use jiff::SignedDuration;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::diff::{Change, ChangeKind, Drift, Moved, Severity};
use crate::engine::kind::DEPLOYMENT;
use crate::engine::object::{Document, ObjectId, Origin};
use crate::engine::ownership::{Operation, Owner};
use crate::engine::phase::Phase;
use crate::engine::predict::{Prediction, Verdict};
use crate::engine::syncer::{Strategy, Syncer};
use crate::engine::{Mode, OwnHeal, Policy, Remedy, SourceFacts, Tool, Wrote, assess, assess_during};

mod flux;
mod harm;
pub(in crate::engine) mod latent;
pub(in crate::engine) mod reason;
mod unapplied;
mod unnamed;
mod wants;

pub(super) fn git() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                 "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]}}}})
}

/// The cluster after a client-side apply of `git`, with one more write.
fn live(manager: &str, fields: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut live = git();
    crate::engine::schema::apply_defaults(DEPLOYMENT.root, &mut live);
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
        kind: &DEPLOYMENT,
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

/// What the rules say of an assessment; each finding weighs what its rule says.
pub(super) fn findings(snapshot: &Snapshot, assessment: &Assessment) -> Vec<Finding> {
    let findings = diagnose(&Case::unasked(snapshot, assessment));
    for finding in &findings {
        let rule = rule(finding.rule).unwrap();
        let weighs = rule.severity == finding.weight || rule.milder.contains(&finding.weight);
        assert!(weighs, "{finding:?}");
    }
    findings
}

/// Rule and weight, message, evidence, remedy.
pub(super) fn of(snapshot: &Snapshot) -> Vec<(String, String, Option<String>, Option<String>)> {
    let policy = Policy {
        mode: Mode::Alert,
        remedy: Remedy::Choose,
        ignore: Vec::new(),
        plan_ttl: SignedDuration::ZERO,
    };
    let found = findings(snapshot, &assess(snapshot, &policy));
    found
        .into_iter()
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
        let found = findings(&scene, &of_drift(drift(manager, moved), &prediction));
        assert_eq!(!found.is_empty(), is_told, "{manager} {moved:?}");
    }
}

#[test]
fn what_nobody_owns_is_not_told_as_another_managers() {
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
        let found = findings(&scene, &of_drift(drift, &prediction));
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
    let told = findings(&scene, &found)
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

/// One drift, and what the next sync makes of it.
fn of_drift(drift: Drift, prediction: &Prediction) -> Assessment {
    Assessment {
        drifts: vec![drift],
        prediction: Some(prediction.clone()),
        ..Assessment::bare(Phase::Drifted, String::new())
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
