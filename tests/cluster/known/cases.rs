//! What watches and reports say, and what a person is told of it.

use serde_json::{Value, json};

/// What a report about a Deployment is called.
pub(super) fn report_name(name: &str) -> String {
    format!("deployment-{name}")
}

fn conditions(ready: (&str, &str, &str), mass: &str) -> Value {
    let one = |type_: &str, status: &str, reason: &str, message: &str| {
        json!({"type": type_, "status": status,
        "reason": reason, "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    json!([
        one("MassDrift", mass, "TooManyAtOnce", "6 of 10 at once"),
        one("Ready", ready.0, ready.1, ready.2)
    ])
}

/// The status of a watch that is well, with changes.
pub(super) fn well(changes: &Value) -> Value {
    let mut status = json!({
        "observedGeneration": 1, "counts": {"governed": 2, "inSync": 2}, "revision": "4be2c1d0",
        "shortRevision": "4be2c1d",
        "notGoverned": [], "warnings": [], "conditions": conditions(("True", "Assessing", ""), "False"),
    });
    json_patch::merge(&mut status, changes);
    status
}

/// A status with changes.
pub(super) fn with(status: &Value, changes: &Value) -> Value {
    let mut status = status.clone();
    json_patch::merge(&mut status, changes);
    status
}

pub(super) fn in_phase(phase: &str) -> Value {
    json!({
        "phase": phase, "heal": "None", "summary": "1 field drifted",
        "counts": {"drifted": 1, "refused": 0, "pending": 0, "info": 0, "ignored": 0},
        "fields": [], "findings": [], "history": [], "conditions": [],
    })
}

/// One namespace as a reader meets it.
pub(super) struct Case {
    pub(super) name: &'static str,

    /// The status of its watch; `None` for no watch, null for one that nobody has looked at.
    pub(super) watch: Option<Value>,

    /// The reports in it.
    pub(super) reports: Vec<(&'static str, Value)>,

    pub(super) code: i32,

    /// With `NS` for the namespace.
    pub(super) first_line: &'static str,
}

pub(super) fn cases() -> Vec<Case> {
    let case = |name, watch, code, first_line| Case {
        name,
        watch,
        reports: Vec::new(),
        code,
        first_line,
    };
    let failure = json!({"reason": "GitTimeout", "message": "no answer", "since": "2026-01-01T00:00:00Z"});
    vec![
        case("unwatched", None, 2, "error: no DriftWatch stands in namespace NS"),
        case(
            "unseen",
            Some(Value::Null),
            1,
            "watch NS/all: no controller has looked at it yet: nothing is assessed",
        ),
        case(
            "well",
            Some(well(&json!({}))),
            0,
            "no reports: every governed object is what Git says (2 objects, 1 watch)",
        ),
        case(
            "unread",
            Some(well(&json!({"counts": {"governed": 0, "inSync": 0},
                        "conditions": conditions(("False", "GitUnreachable", "nobody is there"), "False")}))),
            1,
            "watch NS/all: not ready: GitUnreachable: nobody is there",
        ),
        case(
            "nothing",
            Some(well(&json!({"counts": {"governed": 0, "inSync": 0},
                        "conditions": conditions(("False", "GovernsNothing", "a folder of Services"), "False")}))),
            1,
            "watch NS/all: not ready: GovernsNothing: a folder of Services",
        ),
        case(
            "behind",
            Some(well(&json!({"observedGeneration": 0}))),
            1,
            "watch NS/all: its spec was changed and has not been looked at yet",
        ),
        case(
            "away",
            Some(well(&json!({"sourceFailure": failure}))),
            1,
            "watch NS/all: its source cannot be read, for ",
        ),
        case(
            "mass",
            Some(well(
                &json!({"conditions": conditions(("True", "Assessing", ""), "True")}),
            )),
            1,
            "watch NS/all: mass drift: 6 of 10 at once",
        ),
        case(
            "early",
            Some(well(&json!({"counts": {"inSync": 1}}))),
            1,
            "watch NS/all: 1 of its 2 Deployments is not assessed yet",
        ),
        case(
            "untold",
            Some(well(&json!({"counts": {"inSync": 1, "drifted": 1}}))),
            1,
            "watch NS/all: 1 of its Deployments is not what Git says, and of those 0 with a report here",
        ),
        Case {
            reports: vec![("web", in_phase("Drifted"))],
            ..case(
                "drifted",
                Some(well(&json!({"counts": {"inSync": 1, "drifted": 1}}))),
                1,
                "NAMESPACE ",
            )
        },
        Case {
            reports: vec![("web", in_phase("Pending"))],
            ..case(
                "pending",
                Some(well(&json!({"counts": {"inSync": 1, "pending": 1}}))),
                0,
                "NAMESPACE ",
            )
        },
        // What a heal left undone asks for a person, although the fields are what Git says.
        Case {
            reports: vec![("web", json!({"heal": "Failed", "history": []}))],
            ..case("failed", Some(well(&json!({}))), 1, "NAMESPACE ")
        },
        Case {
            reports: vec![("web", Value::Null)],
            ..case("blank", Some(well(&json!({}))), 1, "NAMESPACE ")
        },
        Case {
            reports: vec![("web", in_phase("InSync"))],
            ..case(
                "orphaned",
                None,
                2,
                "watch NS/all: it is gone, and what its reports say is followed up by nobody",
            )
        },
    ]
}
