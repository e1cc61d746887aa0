//! How a heal is told in the status after it.

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::predict::Prediction;
use crate::engine::syncer::Strategy;
use crate::report::conditions::{APPROVED, HEALED};

fn status(value: serde_json::Value) -> ReportStatus {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_heal_is_no_longer_told_as_one_where_the_next_sync_meets_a_refusal_or_a_conflict() {
    let old = status(
        json!({"history": [{"planHash": "a", "by": "ann", "startedAt": "2026-01-05T10:00:00Z",
        "finishedAt": "2026-01-05T10:05:00Z", "result": "Healed", "message": "Git's values are back",
        "healer": "ann"}]}),
    );
    let of = |verdict| {
        let prediction = Some(Prediction::bare(Strategy::ServerSideApply, verdict, Vec::new()));
        let assessment = Assessment {
            prediction,
            ..assessment(Phase::Pending)
        };
        heal(&old, &assessment, Err(&NoPlan::NothingToHeal), &Answer::Open)
    };
    assert_eq!(
        [of(Verdict::Clean), of(Verdict::Reverts), of(Verdict::Residual)],
        [Heal::Healed; 3]
    );
    assert_eq!([of(Verdict::Conflict), of(Verdict::Refused)], [Heal::None; 2]);
}

fn assessment(phase: Phase) -> Assessment {
    Assessment::bare(phase, "live is what Git says".to_owned())
}

#[test]
fn a_heal_that_failed_is_told_although_live_is_what_git_says() {
    let failed = json!({"planHash": "a", "by": "ann", "startedAt": "2026-01-05T10:00:00Z",
                        "finishedAt": "2026-01-05T10:05:00Z",
        "result": "Failed", "message": "the roll-out failed", "healer": "ann", "steps": []});
    let old: ReportStatus = serde_json::from_value(json!({"history": [failed]})).unwrap();
    let told = "the last heal failed: the roll-out failed; now live is what Git says";
    assert_eq!(summary(&old, &assessment(Phase::InSync), Heal::Failed), told);
    for (phase, heal) in [
        (Phase::Drifted, Heal::Failed),
        (Phase::InSync, Heal::Healed),
        (Phase::InSync, Heal::None),
    ] {
        assert_eq!(
            summary(&old, &assessment(phase), heal),
            "live is what Git says",
            "{phase:?} {heal:?}"
        );
    }
}

#[test]
fn a_heal_that_was_overtaken_before_its_first_write_failed_nobody_and_is_told_with_its_reason() {
    let message = "nothing was written: somebody changed the Deployment after the approval";
    let entry = json!({"planHash": "00b5b4e534a6ff", "by": "ada", "startedAt": "2026-01-05T10:00:00Z",
        "finishedAt": "2026-01-05T10:00:01Z", "result": "NotCarriedOut", "message": message, "healer": "h"});
    let approval =
        json!({"decision": "Approved", "planHash": "00b5b4e534a6ff", "by": "ada", "at": "2026-01-05T09:59:00Z"});
    let old = status(json!({"history": [entry], "approval": approval}));
    assert!(is_spent(&old));
    for (why, phase) in [(NoPlan::NothingToHeal, Phase::InSync), (NoPlan::Paused, Phase::Drifted)] {
        assert_eq!(
            heal(&old, &assessment(phase), Err(&why), &Answer::Open),
            Heal::None,
            "{why}"
        );
    }
    let snapshot = Snapshot {
        kind: &DEPLOYMENT,
        cluster: String::new(),
        judge: String::new(),
        target: ObjectId::of(&json!({"apiVersion": "apps/v1", "kind": "Deployment",
                                     "metadata": {"namespace": "shop", "name": "web"}}))
        .unwrap(),
        desired: None,
        live: None,
        seen: true,
        syncer: crate::engine::syncer::Syncer::new(Strategy::ClientSideApply, "argocd-controller"),
        tool: crate::engine::Tool::Unknown,
        source: crate::engine::SourceFacts::default(),
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let policy = Policy {
        mode: crate::engine::Mode::Propose,
        remedy: crate::engine::Remedy::Choose,
        ignore: Vec::new(),
        plan_ttl: jiff::SignedDuration::ZERO,
    };
    let (masker, assessment) = (Masker::default(), assessment(Phase::Drifted));
    let found = Findings {
        snapshot: &snapshot,
        policy: &policy,
        assessment: &assessment,
        findings: &[],
        plan: Err(&NoPlan::Paused),
        dry_run: None,
        confirmation: None,
        answer: Answer::Open,
        masker: &masker,
    };
    let new = compose(&old, found);
    let condition = |kind: &str| new.conditions.iter().find(|condition| condition.type_ == kind);
    let approved = condition(APPROVED).unwrap();
    let told = format!("plan 00b5b4e534a6, approved by ada, was not carried out: {message}");
    assert_eq!(
        (approved.reason.as_str(), approved.message.as_str()),
        ("NotCarriedOut", told.as_str())
    );
    assert!(condition(HEALED).is_none() && new.approval.is_none());
}
