//! What an approval holds for, and how an interrupted heal goes on under it.

use jiff::Timestamp;
use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;

#[test]
fn an_approval_holds_for_the_current_plan_only() {
    let plan = proposed(&snapshot(git(), switched()), &Memory::default()).unwrap();
    let now: Timestamp = "2026-01-05T12:30:00Z".parse().unwrap();
    let (none, spent) = (
        Ledger {
            spent: &[],
            superseded: &[],
            offered: Some(&plan.hash),
        },
        [plan.hash.clone()],
    );
    let judged = |approval: &Approval, ledger, now| {
        judge(approval, Ok(&plan), ledger, now).map(|approved| approved.plan().hash.clone())
    };
    let yes = approval(&plan.hash);
    assert_eq!(judged(&yes, none, now), Ok(plan.hash.clone()));
    assert_eq!(
        judged(&yes, none, plan.expires),
        Err(Refusal::Expired(plan.hash.clone()))
    );
    assert_eq!(
        judged(&yes, Ledger { spent: &spent, ..none }, now),
        Err(Refusal::Spent(plan.hash.clone()))
    );
    let old = "1".repeat(64);
    let superseded = [(old.clone(), Ended::Changed)];
    assert_eq!(
        judged(
            &approval(&old),
            Ledger {
                superseded: &superseded,
                ..none
            },
            now
        ),
        Err(Refusal::Stale(old.clone()))
    );
    let expired = [(old.clone(), Ended::Expired)];
    assert_eq!(
        judged(
            &approval(&old),
            Ledger {
                superseded: &expired,
                ..none
            },
            now
        ),
        Err(Refusal::Expired(old.clone()))
    );
    assert_eq!(judged(&approval(&old), none, now), Err(Refusal::Foreign(old)));
}

#[test]
fn an_interrupted_heal_goes_on_only_under_the_same_approval_and_for_the_same_object() {
    let before = snapshot(git(), switched());
    let plan = proposed(&before, &Memory::default()).unwrap();
    let begun = |uid: &'static str| Begun {
        plan_hash: &plan.hash,
        uid,
        by: "alice",
        steps: (plan.steps.iter())
            .map(|step| Remembered {
                kind: step.kind(),
                paths: step.paths().to_vec(),
                stale: None,
                revision: None,
            })
            .collect(),
    };
    let uid = "6a1f6bd0-0000-4000-8000-000000000001";
    let steps = |approved: Result<Approved, Refusal>| approved.map(|approved| approved.plan().steps.len());
    let yes = approval(&plan.hash);
    // Before its first write the plan is simply the plan.
    assert_eq!(steps(resume(&begun(uid), Some(&yes), Ok(&plan), &before)), Ok(2));
    // After it no drift is left to derive a plan from; the step is there to be skipped.
    let after = snapshot(git(), synced());
    assert_eq!(
        steps(resume(&begun(uid), Some(&yes), Err(&NoPlan::NothingToHeal), &after)),
        Ok(2)
    );
    // What passes is waited for before the first write; where nothing passes, the reason is told.
    let held = NoPlan::HeldBack("Argo CD has not compared it yet".to_owned());
    for (why, reason) in [(held, "ApprovalWaits"), (NoPlan::Denied, "ApprovalMoot")] {
        assert_eq!(
            resume(&begun(uid), Some(&yes), Err(&why), &before)
                .unwrap_err()
                .reason(),
            reason
        );
    }
    // Somebody changed the fields in between.
    let mut other = switched();
    container(&mut other)["livenessProbe"]["tcpSocket"]["port"] = json!(9090);
    let other = snapshot(git(), other);
    let other_plan = proposed(&other, &Memory::default()).unwrap();
    assert_eq!(
        steps(resume(&begun(uid), Some(&yes), Ok(&other_plan), &other)),
        Err(Refusal::Stale(plan.hash.clone()))
    );
    assert_eq!(
        steps(resume(&begun(uid), None, Ok(&plan), &before)),
        Err(Refusal::Altered(plan.hash.clone()))
    );
    let no = Approval {
        decision: Decision::Denied,
        ..yes.clone()
    };
    assert_eq!(
        steps(resume(&begun(uid), Some(&no), Ok(&plan), &before)),
        Err(Refusal::Altered(plan.hash.clone()))
    );
    // What another person says yes to meanwhile is nothing that this heal waits for, and gives it no leave.
    let bob = Approval {
        by: "bob".to_owned(),
        break_glass: Some(true),
        reason: Some("in a hurry".to_owned()),
        ..approval("41ca41e9f15f")
    };
    assert_eq!(steps(resume(&begun(uid), Some(&bob), Ok(&plan), &before)), Ok(2));
    assert_eq!(
        steps(resume(&begun(uid), Some(&bob), Err(&NoPlan::NothingToHeal), &after)),
        Ok(2)
    );
    let shut = Plan {
        window: Some("a deny window is open".to_owned()),
        ..plan.clone()
    };
    assert_eq!(
        resume(&begun(uid), Some(&bob), Ok(&shut), &before)
            .unwrap_err()
            .reason(),
        "HeldBackBySyncWindow"
    );
    assert_eq!(
        steps(resume(&begun("another"), Some(&yes), Ok(&plan), &before)),
        Err(Refusal::OtherObject(plan.hash.clone()))
    );
}

#[test]
fn a_plan_under_a_sync_window_needs_an_approval_that_breaks_the_glass_with_a_reason() {
    let mut plan = proposed(&snapshot(git(), switched()), &Memory::default()).unwrap();
    plan.window = Some("a deny window is open".to_owned());
    let ledger = Ledger {
        spent: &[],
        superseded: &[],
        offered: Some(&plan.hash),
    };
    let now: Timestamp = "2026-01-05T12:30:00Z".parse().unwrap();
    let judged = |approval: &Approval| {
        judge(approval, Ok(&plan), ledger, now)
            .map(drop)
            .map_err(|refusal| refusal.reason())
    };
    let (yes, reason) = (approval(&plan.hash), || Some("the shop is down".to_owned()));
    assert_eq!(judged(&yes), Err("HeldBackBySyncWindow"));
    assert_eq!(
        judged(&Approval {
            break_glass: Some(true),
            ..yes.clone()
        }),
        Err("HeldBackBySyncWindow")
    );
    assert_eq!(
        judged(&Approval {
            reason: reason(),
            ..yes.clone()
        }),
        Err("HeldBackBySyncWindow")
    );
    assert_eq!(
        judged(&Approval {
            break_glass: Some(true),
            reason: reason(),
            ..yes
        }),
        Ok(())
    );
}
