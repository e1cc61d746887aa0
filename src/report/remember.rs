//! What a report remembers of its plans: which were offered and until when, which are over, and which clears failed.

use jiff::Timestamp;

use super::conditions::APPROVED;
use crate::api::v1alpha1::{ConditionStatus, Decision, Ended, HistoryEntry, ReportStatus, SupersededPlan};
use crate::engine::plan::{Memory, NoPlan, Plan};
use crate::engine::{Beside, Snapshot, Tool};

/// What a report remembers of its plans; which report and which watch it is, only the objects themselves know.
pub fn memory(status: &ReportStatus) -> Memory {
    let of = |reason: Ended| status.superseded_plans.iter().filter(move |plan| plan.reason == reason);
    let over = of(Ended::Expired)
        .chain(of(Ended::TakenBack))
        .map(|plan| plan.hash.clone());
    let withdrawn = status
        .plan
        .iter()
        .filter(|_| is_withdrawn(status))
        .map(|plan| plan.hash.clone());
    Memory {
        decided: status.approval.as_ref().map(|approval| approval.plan_hash.clone()),
        serial: status.plan_serial,
        offered: status.plan.as_ref().map(|plan| (plan.hash.clone(), plan.expires)),
        // Who decides about one that is not shown, past every policy, decides about nothing.
        passed: of(Ended::Changed)
            .filter(|plan| {
                plan.decided
                    || status
                        .approval
                        .as_ref()
                        .is_none_or(|approval| approval.plan_hash != plan.hash)
            })
            .filter_map(|plan| Some((plan.hash.clone(), plan.expires?)))
            .collect(),
        spent: status.history.iter().map(|entry| entry.plan_hash.clone()).collect(),
        refused: status
            .history
            .iter()
            .filter(|entry| entry.was_refused())
            .map(|entry| entry.plan_hash.clone())
            .collect(),
        over: over.chain(withdrawn).collect(),
        denied: status.denied_drift.clone().filter(|_| {
            status
                .approval
                .as_ref()
                .is_some_and(|approval| approval.decision == Decision::Denied)
        }),
        denied_until: status.approval.as_ref().and_then(|approval| approval.until),
        failed_clears: status.history.iter().filter_map(HistoryEntry::failed_clear).collect(),
        ..Memory::default()
    }
}

/// How often the state of the Application's operation was cleared in vain at the revision that it compared last; `None`
/// for never.
pub fn failed_clears(snapshot: &Snapshot, status: &ReportStatus) -> Option<usize> {
    count(&snapshot.tool, &snapshot.source.beside, status)
}

fn count(tool: &Tool, beside: &Beside, status: &ReportStatus) -> Option<usize> {
    let (revision, own) = own(tool, status)?;
    Some(own + beside.failed_clears_of(&revision)).filter(|count| *count > 0)
}

/// The revision that was compared last, and how many clears of this report's own heals failed at it.
fn own(tool: &Tool, status: &ReportStatus) -> Option<(String, usize)> {
    let revision = tool
        .argo_cd()?
        .application
        .sync
        .as_ref()?
        .revision
        .as_ref()?
        .to_string();
    let own = status
        .history
        .iter()
        .filter_map(HistoryEntry::failed_clear)
        .filter(|of| *of == revision)
        .count();
    Some((revision, own))
}

/// What of these the heals of other Deployments were, for who cannot read their reports.
pub fn failed_clears_beside(tool: &Tool, status: &ReportStatus) -> Option<Vec<String>> {
    let (revision, own) = own(tool, status)?;
    let all = status.operation.as_ref()?.failed_clears?;
    Some(vec![revision; all.saturating_sub(own)])
}

/// Whether a yes that the report told of was taken away before anything was carried out: what is offered then is
/// another question.
fn is_withdrawn(status: &ReportStatus) -> bool {
    let told = status
        .conditions
        .iter()
        .any(|condition| condition.type_ == APPROVED && condition.status == ConditionStatus::True);
    told && status.approval.is_none() && status.healing.is_none()
}

/// The plans that ended otherwise, with the one that was offered last if it is no longer the one.
pub fn superseded(status: &ReportStatus, plan: Result<&Plan, &NoPlan>, now: Timestamp) -> Vec<SupersededPlan> {
    let mut ended = status.superseded_plans.clone();
    let is_over = |expires: Option<Timestamp>| expires.is_some_and(|expires| expires <= now);
    ended
        .iter_mut()
        .filter(|plan| plan.reason == Ended::Changed && is_over(plan.expires))
        .for_each(|plan| plan.reason = Ended::Expired);
    if let Some(offered) = &status.plan {
        let current = plan.is_ok_and(|plan| plan.hash == offered.hash);
        let carried_out = status.history.iter().any(|entry| entry.plan_hash == offered.hash)
            || status
                .healing
                .as_ref()
                .is_some_and(|healing| healing.plan_hash == offered.hash);
        if !current && !carried_out {
            let reason = match plan {
                // Whoever lets the watch tell only takes back what it offered.
                Err(NoPlan::Denied | NoPlan::AlertOnly) => Ended::TakenBack,
                _ if is_withdrawn(status) => Ended::TakenBack,
                _ if offered.expires <= now => Ended::Expired,
                _ => Ended::Changed,
            };
            ended.retain(|plan| plan.hash != offered.hash);
            let decided = status
                .approval
                .as_ref()
                .is_some_and(|approval| approval.plan_hash == offered.hash);
            ended.push(SupersededPlan {
                hash: offered.hash.clone(),
                reason,
                expires: Some(offered.expires),
                decided,
            });
        }
    }
    ended
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::engine::argo_cd::ArgoCd;
    use crate::engine::argo_cd::application::Application;
    use crate::engine::argo_cd::window::Windows;

    fn shown(hash: &str) -> serde_json::Value {
        json!({"hash": hash, "serial": 1, "expires": "2026-01-05T11:00:00Z", "cautions": [], "steps": []})
    }

    fn status(value: serde_json::Value) -> ReportStatus {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_plan_that_gave_way_is_remembered_with_its_end_and_one_that_a_person_took_back_as_such() {
        let (before, after): (Timestamp, Timestamp) = (
            "2026-01-05T10:00:00Z".parse().unwrap(),
            "2026-01-05T11:00:00Z".parse().unwrap(),
        );
        let old = status(json!({"plan": shown("a"), "planSerial": 1}));
        let held = NoPlan::HeldBack("the controller is away".to_owned());
        let ended = |old: &ReportStatus, why: &NoPlan, now: Timestamp| {
            let ended = superseded(old, Err(why), now);
            (
                ended[0].reason,
                memory(&ReportStatus {
                    plan: None,
                    superseded_plans: ended,
                    ..ReportStatus::default()
                }),
            )
        };
        let (reason, remembered) = ended(&old, &held, before);
        assert_eq!(
            (reason, remembered.passed, remembered.over),
            (Ended::Changed, vec![("a".to_owned(), after)], vec![])
        );
        let alert = &NoPlan::AlertOnly;
        for (why, now, wanted) in [
            (&NoPlan::Denied, before, Ended::TakenBack),
            (alert, before, Ended::TakenBack),
            (&held, after, Ended::Expired),
        ] {
            let (reason, remembered) = ended(&old, why, now);
            assert_eq!(
                (reason, remembered.passed, remembered.over),
                (wanted, vec![], vec!["a".to_owned()])
            );
        }
        // A yes that was there when the plan was shown outlasts what passes; one that was written while it was not is
        // to nothing.
        let yes = json!({"decision": "Approved", "planHash": "a", "by": "ann", "at": "2026-01-05T10:00:00Z"});
        let seen = status(json!({"plan": shown("a"), "planSerial": 1, "approval": yes}));
        for (old, remembered) in [(&seen, 1), (&old, 0)] {
            let passed = superseded(old, Err(&held), before);
            let later = status(json!({"approval": yes, "supersededPlans": passed}));
            assert_eq!(memory(&later).passed.len(), remembered);
        }
        // A yes that was told of and is gone.
        let approved = json!({"type": "Approved", "status": "True", "reason": "Waits", "message": "",
                              "lastTransitionTime": "2026-01-05T10:00:00Z"});
        let withdrawn = status(json!({"plan": shown("a"), "planSerial": 1, "conditions": [approved]}));
        assert_eq!(memory(&withdrawn).over, ["a"]);
        assert_eq!(ended(&withdrawn, &held, before).0, Ended::TakenBack);
        // What gave way is over when its time is.
        let gone =
            status(json!({"supersededPlans": [{"hash": "a", "reason": "Changed", "expires": "2026-01-05T11:00:00Z"}]}));
        assert_eq!(superseded(&gone, Err(&held), before)[0].reason, Ended::Changed);
        assert_eq!(superseded(&gone, Err(&held), after)[0].reason, Ended::Expired);
    }

    #[test]
    fn a_heal_that_ended_in_the_second_of_its_approval_ended_after_it() {
        let entry: HistoryEntry = serde_json::from_value(
            json!({"planHash": "a", "by": "ann", "startedAt": "2026-01-05T10:00:00Z",
            "finishedAt": "2026-01-05T10:00:05Z", "result": "Healed", "message": ""}),
        )
        .unwrap();
        let after = |at: &str| entry.ended_after(at.parse().unwrap());
        assert!(after("2026-01-05T10:00:05.19Z") && !after("2026-01-05T10:00:06Z"));
    }

    #[test]
    fn clears_in_vain_are_those_of_all_deployments_of_an_application_and_a_report_tells_which_are_not_its_own() {
        let application = json!({"metadata": {"namespace": "argocd", "name": "shop"},
                                 "spec": {"source": {"repoURL": "https://git.example/a.git"}},
            "status": {"sync": {"status": "OutOfSync", "revision": "4be2c1d"}}});
        let application = Arc::new(Application::read(&application).unwrap());
        let tool = Tool::ArgoCd(Arc::new(ArgoCd {
            application,
            windows: Windows::none(),
            application_set: None,
            seen_alive: None,
        }));
        let entry = json!({"planHash": "a", "by": "ann", "startedAt": "2026-01-05T10:00:00Z",
                           "finishedAt": "2026-01-05T10:05:00Z",
            "result": "Failed", "message": "", "removed": "{\"revision\": \"4be2c1d\"}",
            "requests": [{"kind": "ClearOperation", "at": "2026-01-05T10:00:00Z", "digest": "d", "answer": "stored"}]});
        let own = status(json!({"history": [entry]}));
        let theirs: Arc<[String]> = ["4be2c1d".to_owned(), "before".to_owned()].into();
        let beside = Beside {
            failed_clears: theirs,
            ..Beside::default()
        };
        assert_eq!(
            (count(&tool, &beside, &own), count(&tool, &Beside::default(), &own)),
            (Some(2), Some(1))
        );
        assert_eq!(count(&tool, &Beside::default(), &status(json!({}))), None);
        let operation = json!({"class": "FailedAtRevision", "failedClears": 2});
        let told = status(json!({"history": [entry], "operation": operation}));
        assert_eq!(failed_clears_beside(&tool, &told), Some(vec!["4be2c1d".to_owned()]));
    }

    #[test]
    fn clears_that_failed_are_remembered_by_their_revision() {
        let entry = |result: &str, kind: &str| {
            json!({"planHash": "a", "by": "ann", "startedAt": "2026-01-05T10:00:00Z",
                   "finishedAt": "2026-01-05T10:05:00Z", "result": result,
                "message": "", "removed": "{\"phase\": \"Failed\", \"revision\": \"4be2c1d\"}",
                "requests": [{"kind": kind, "at": "2026-01-05T10:01:00Z", "digest": "", "answer": ""}]})
        };
        let history = [
            entry("Failed", "ClearOperation"),
            entry("Healed", "ClearOperation"),
            entry("Failed", "StartOperation"),
        ];
        assert_eq!(memory(&status(json!({"history": history}))).failed_clears, ["4be2c1d"]);
    }

    #[test]
    fn a_report_remembers_what_the_server_found_invalid() {
        let entry = |hash: &str, result: &str, message: &str| {
            json!({"planHash": hash, "by": "ann", "startedAt": "2026-01-05T10:00:00Z",
                   "finishedAt": "2026-01-05T10:05:00Z", "result": result,
                   "message": message, "healer": "ann", "steps": []})
        };
        let invalid = format!("{}: livenessProbe: Required value", crate::api::v1alpha1::FOUND_INVALID);
        let history = json!([
            entry("a", "Failed", &invalid),
            entry("b", "Failed", "the roll-out failed"),
            entry("c", "Healed", "done")
        ]);
        let status: ReportStatus = serde_json::from_value(json!({"history": history})).unwrap();
        let memory = memory(&status);
        assert_eq!(
            (memory.spent, memory.refused),
            (
                vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
                vec!["a".to_owned()]
            )
        );
    }
}
