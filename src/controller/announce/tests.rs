//! What is told, once, and what is not.

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::controller::index::Index;
use crate::engine::kind::DEPLOYMENT;

/// The reasons on the report for what changed, where Events told this much of the cure before.
fn reasons(announced: Option<Announced>, (old, new): (&ReportStatus, &ReportStatus)) -> Vec<&'static str> {
    let report: DriftReport = serde_json::from_value(json!({
        "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport",
        "metadata": {"name": "deployment-web", "namespace": "shop"},
        "spec": {
            "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "watchRef": {"namespace": "shop", "name": "all"},
        },
    }))
    .unwrap();
    let target = Target {
        kind: &DEPLOYMENT,
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    };
    let told = occurrences(&target, &report, false, announced, (old, new)).into_iter();
    told.filter(|one| one.regarding.kind.as_deref() == Some("DriftReport"))
        .map(|one| one.reason)
        .collect()
}

fn healed() -> ReportStatus {
    let entry = HistoryEntry {
        plan_hash: String::new(),
        by: String::new(),
        started_at: Timestamp::UNIX_EPOCH,
        finished_at: Timestamp::UNIX_EPOCH,
        result: HealResult::Healed,
        message: String::new(),
        removed: None,
        healer: String::new(),
        evidence: Vec::new(),
        evidence_omitted: 0,
        requests: Vec::new(),
    };
    ReportStatus {
        heal: Heal::Healed,
        history: vec![entry],
        ..ReportStatus::default()
    }
}

#[test]
fn a_sync_that_begins_to_harm_or_ends_to_is_told_though_the_phase_stays() {
    let status = |phase: Phase, breaks: &[&str]| {
        let prediction = json!({"strategy": "client-side-apply", "verdict": "Residual", "causes": [],
                                "residual": breaks, "breaks": breaks});
        ReportStatus {
            phase,
            prediction: Some(serde_json::from_value(prediction).unwrap()),
            ..ReportStatus::default()
        }
    };
    let (broken, more) = ([".spec.replicas"], [".spec.paused", ".spec.replicas"]);
    for (old, new, told) in [
        (
            status(Phase::InSync, &[]),
            status(Phase::InSync, &broken),
            vec!["NextSyncHarms"],
        ),
        (status(Phase::InSync, &broken), status(Phase::InSync, &more), vec![]),
        (
            status(Phase::InSync, &broken),
            status(Phase::InSync, &[]),
            vec!["InSync"],
        ),
        (
            status(Phase::Drifted, &[]),
            status(Phase::Drifted, &broken),
            vec!["NextSyncHarms"],
        ),
        (
            status(Phase::Drifted, &broken),
            status(Phase::Drifted, &[]),
            vec!["Drifted"],
        ),
        (
            status(Phase::InSync, &[]),
            status(Phase::Drifted, &broken),
            vec!["Drifted"],
        ),
        (
            status(Phase::Drifted, &broken),
            status(Phase::InSync, &broken),
            vec!["NextSyncHarms"],
        ),
    ] {
        assert_eq!(reasons(None, (&old, &new)), told);
    }
}

#[test]
fn a_trap_under_what_is_in_sync_is_told_when_it_comes_and_when_it_goes() {
    let finding = json!({"rule": latent_trap::RULE.id, "severity": "warning", "message": "the next change of …"});
    let trapped = ReportStatus {
        findings: vec![serde_json::from_value(finding).unwrap()],
        ..ReportStatus::default()
    };
    let quiet = ReportStatus {
        phase: trapped.phase,
        ..ReportStatus::default()
    };
    assert_eq!(reasons(None, (&quiet, &trapped)), ["LatentTrap"]);
    assert_eq!(reasons(None, (&trapped, &trapped)), Vec::<&str>::new());
    assert_eq!(reasons(None, (&trapped, &quiet)), ["InSync"]);
}

#[test]
fn what_somebody_else_wrote_of_a_cure_is_told_once_and_not_again_after_a_restart() {
    let (status, index) = (healed(), Index::default());
    let target = Target {
        kind: &DEPLOYMENT,
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    };
    let before = Announced {
        heal: Heal::Healing,
        healed_at: None,
        decision: None,
        assessed: Assessed::of(&status),
    };
    assert_eq!(reasons(Some(before), (&status, &status)), ["Healed"]);
    // Nobody looked between the yes and the end.
    let unseen = Announced {
        heal: Heal::AwaitingApproval,
        healed_at: None,
        decision: None,
        assessed: Assessed::of(&status),
    };
    assert_eq!(reasons(Some(unseen), (&status, &status)), ["PlanApproved", "Healed"]);
    assert_eq!(replace(&index, &target, (&status, &status)), None);
    let told = replace(&index, &target, (&status, &status));
    assert_eq!(reasons(told, (&status, &status)), Vec::<&str>::new());
    assert_eq!(reasons(None, (&status, &status)), Vec::<&str>::new());
    let waits = ReportStatus {
        heal: Heal::AwaitingApproval,
        ..ReportStatus::default()
    };
    assert_eq!(reasons(None, (&waits, &waits)), Vec::<&str>::new());
    assert_eq!(reasons(None, (&ReportStatus::default(), &waits)), ["PlanReady"]);
}

#[test]
fn what_a_heal_does_on_its_way_is_no_news_and_what_is_there_afterwards_is() {
    let healing = json!({"planHash": "41ca41e9f15f77", "uid": "", "by": "ada", "healer": "h",
                         "startedAt": "2026-01-05T10:00:00Z", "steps": []});
    let refused = ReportStatus {
        phase: Phase::Conflicted,
        heal: Heal::AwaitingApproval,
        ..ReportStatus::default()
    };
    let during = |phase| ReportStatus {
        phase,
        heal: Heal::Healing,
        healing: Some(serde_json::from_value(healing.clone()).unwrap()),
        ..ReportStatus::default()
    };
    let (drifted, stuck) = (during(Phase::Drifted), during(Phase::OperationStuck));
    let after = |phase| ReportStatus { phase, ..healed() };
    for (phase, told) in [
        (Phase::InSync, vec!["InSync", "Healed"]),
        (Phase::Drifted, vec!["Drifted", "Healed"]),
        (Phase::Conflicted, vec!["Healed"]),
    ] {
        let index = Index::default();
        let target = Target {
            kind: &DEPLOYMENT,
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        };
        let after = after(phase);
        replace(&index, &target, (&refused, &refused));
        let mut all = Vec::new();
        for (old, new) in [(&refused, &drifted), (&drifted, &stuck), (&stuck, &after)] {
            all.push(reasons(replace(&index, &target, (old, new)), (old, new)));
        }
        assert_eq!(all, [vec!["HealStarted"], vec![], told], "{phase:?}");
    }
    // Who begins to tell in the middle of it does not know what was told before.
    let index = Index::default();
    let target = Target {
        kind: &DEPLOYMENT,
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    };
    assert_eq!(
        reasons(replace(&index, &target, (&drifted, &stuck)), (&drifted, &stuck)),
        Vec::<&str>::new()
    );
    let quiet = after(Phase::InSync);
    assert_eq!(
        reasons(replace(&index, &target, (&stuck, &quiet)), (&stuck, &quiet)),
        ["InSync", "Healed"]
    );
}
