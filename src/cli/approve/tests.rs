//! What a decision says and must name, and how a denial is told.

use pretty_assertions::assert_eq;

use super::*;

#[test]
fn a_denial_ends_later_than_now() {
    assert_eq!(end("4h"), Ok(End::After(SignedDuration::from_hours(4))));
    let time = "9999-01-05T12:00:00Z";
    assert_eq!(end(time), Ok(End::At(time.parse().unwrap())));
    for over in ["2020-01-05T12:00:00Z", "-4h", "0s"] {
        assert_eq!(end(over), Err("a denial ends later than now".to_owned()), "{over}");
    }
}

fn report(heal: &str) -> DriftReport {
    serde_json::from_value(json!({
        "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport",
        "metadata": {"name": "deployment-web", "namespace": "shop"},
        "spec": {"target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                 "watchRef": {"namespace": "shop", "name": "all"}},
        "status": {"heal": heal, "approval": {"decision": "Denied", "planHash": "a", "by": "ann",
                                              "at": "2026-01-05T10:00:00Z",
            "until": "2026-01-05T12:00:00Z", "reason": "Git is wrong"}},
    }))
    .unwrap()
}

#[test]
fn who_approves_names_each_caution_that_must_be_acknowledged_and_no_other() {
    let plan: PlanReport = serde_json::from_value(json!({
        "hash": "a".repeat(64), "serial": 1, "expires": "2026-01-05T10:00:00Z", "steps": [],
        "cautions": [
            {"id": "Overwrites", "text": ".spec.replicas from 5 to 1", "mustAcknowledge": true},
            {"id": "Breaks", "text": "a port", "mustAcknowledge": true},
            {"id": "RollOut", "text": "once"},
            "NeedsSync: written by an earlier version",
        ],
    }))
    .unwrap();
    let check = |ids: &[&str]| {
        let mut ids = ids.iter().map(|id| (*id).to_owned()).collect();
        check_acknowledged(&plan, &mut ids, "web").map(|()| ids)
    };
    let none = check(&["RollOut"]).unwrap_err();
    assert_eq!(
        none.message,
        "plan aaaaaaaaaaaa is approved only by who acknowledges this: Overwrites: .spec.replicas from 5 to 1; \
         Breaks: a port"
    );
    assert_eq!(
        none.hint.as_deref(),
        Some("approve with --acknowledge Overwrites --acknowledge Breaks where that may be")
    );
    assert!(
        check(&["Overwrites"])
            .unwrap_err()
            .message
            .ends_with("this: Breaks: a port")
    );
    assert_eq!(
        check(&["Nothing", "Overwrites", "Breaks"]).unwrap_err().message,
        "plan aaaaaaaaaaaa has no caution \"Nothing\""
    );
    let both = || vec!["Breaks".to_owned(), "Overwrites".to_owned()];
    assert_eq!(check(&["Overwrites", "Breaks", "Overwrites"]).unwrap(), both());
    assert_eq!(plan.cautions[3].to_string(), "NeedsSync: written by an earlier version");
}

#[test]
fn a_reason_stays_where_the_same_person_decides_the_same_again_without_one() {
    let report = report("None");
    let before = report.status.clone().and_then(|status| status.approval).unwrap();
    let again = Approval { reason: None, ..before };
    assert_eq!(
        with_reason(again.clone(), &report).reason.as_deref(),
        Some("Git is wrong")
    );
    let new = Approval {
        reason: Some("still".to_owned()),
        ..again.clone()
    };
    assert_eq!(with_reason(new, &report).reason.as_deref(), Some("still"));
    for other in [
        Approval {
            decision: Decision::Approved,
            ..again.clone()
        },
        Approval {
            plan_hash: "b".to_owned(),
            ..again.clone()
        },
        Approval {
            by: "bob".to_owned(),
            ..again
        },
    ] {
        assert_eq!(with_reason(other, &report).reason, None);
    }
}

#[test]
fn where_a_person_said_no_it_is_told_who_until_when_and_how_it_is_taken_back() {
    let fault = offered(&report("Denied")).unwrap_err();
    assert_eq!(
        fault.message,
        "web shows no plan: ann denied it until 2026-01-05T12:00:00Z: Git is wrong"
    );
    assert_eq!(fault.hint.as_deref(), Some("driftmend deny web -n shop --withdraw"));
    assert_eq!(
        offered(&report("None")).unwrap_err().message,
        "web shows no plan: there is nothing to heal"
    );
}
