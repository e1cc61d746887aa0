//! What a check tells of each manifest, and its last line.

use std::slice::from_ref;

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::api::v1alpha1::{Notice, ObjectId, Warning};
use crate::engine::rules::no_effect;

fn cause(field: &str, message: &str) -> Cause {
    Cause {
        reason: "FieldValueInvalid".to_owned(),
        field: field.to_owned(),
        message: message.to_owned(),
    }
}

/// A manifest with a cause of its own, and the same and another one over the live object.
fn report() -> ObjectReport {
    let prediction = json!({"strategy": "replace", "verdict": "Refused", "residual": [],
                            "causes": [cause("spec.a", "bad"), cause("spec.b", "worse")]});
    let finding = |message: &str, evidence: &str| {
        json!({"rule": "next-sync-refused", "severity": "error",
        "path": ".spec", "message": message, "evidence": evidence, "remedy": null})
    };
    let report = ObjectReport {
        object: ObjectId {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: None,
            name: "web".to_owned(),
        },
        phase: Phase::Drifted,
        summary: String::new(),
        fields: Vec::new(),
        prediction: serde_json::from_value(prediction).unwrap(),
        refusals: Vec::new(),
        findings: serde_json::from_value(json!([
            finding("the first", "spec.a: bad"),
            finding("the second", "spec.b: worse")
        ]))
        .unwrap(),
        places: Vec::new(),
        warnings: vec![Warning {
            rule: no_effect::RULE.id,
            notice: Notice {
                path: Some(".x".to_owned()),
                file: Some("web.yaml".to_owned()),
                line: Some(9),
                message: ".x is idle".to_owned(),
            },
        }],
    };
    let places = vec![Place {
        field: "spec.a".to_owned(),
        file: "web.yaml".to_owned(),
        line: 7,
    }];
    checked(report, &[cause("spec.a", "bad").into()], places, &Masker::default())
}

#[test]
fn what_is_refused_as_it_is_is_not_told_again_for_the_live_object() {
    let report = report();
    let told: Vec<_> = tellings(&report)
        .iter()
        .map(|telling| (telling.rule.id, telling.message, telling.line))
        .collect();
    assert_eq!(
        told,
        [
            ("manifest-refused", Words::OfField("bad"), Some(7)),
            ("next-sync-refused", Words::OfField("worse"), None),
            ("no-effect", Words::Whole(".x is idle"), Some(9)),
        ]
    );
    let expected = "\
Deployment.apps web                 the API server refuses it as it is
  web.yaml:7: spec.a
    bad
  next sync (replace): will be refused by the API server
    spec.b
      worse
  [ERROR] next-sync-refused: the second
  warning: web.yaml:9: .x is idle
";
    assert_eq!(text(&report), expected);
    assert_eq!((report.phase, is_refused(&report)), (Phase::Conflicted, true));
}

#[test]
fn the_last_line_counts_what_is_refused_what_was_there_to_hold_it_against_and_what_was_passed_over() {
    let refused = report();
    let fine = ObjectReport {
        refusals: Vec::new(),
        prediction: None,
        ..report()
    };
    let alone = Summary {
        against: None,
        passed_over: "",
        passed_over_live: "",
        all_was_read: true,
    };
    let (two, one) = (
        Summary {
            passed_over: "2 Services",
            ..alone
        },
        Summary {
            passed_over: "1 Service",
            ..alone
        },
    );
    assert_eq!(summary(&[], &two), "0 Deployments checked; passed over: 2 Services.\n");
    assert_eq!(
        summary(from_ref(&fine), &alone),
        "1 Deployment checked, none is refused.\n"
    );
    let unread = Summary {
        all_was_read: false,
        ..alone
    };
    assert_eq!(
        summary(from_ref(&refused), &unread),
        "1 Deployment checked, it is refused; not everything could be read.\n"
    );
    let held = Summary {
        against: Some((1, 1)),
        ..alone
    };
    assert_eq!(
        summary(&[refused.clone(), fine.clone()], &held),
        "2 Deployments checked, 1 is refused; held against live objects: 1, new: 1.\n"
    );
    let others = Summary {
        against: Some((0, 1)),
        passed_over_live: "1 ConfigMap",
        ..alone
    };
    assert_eq!(
        summary(from_ref(&fine), &others),
        "1 Deployment checked, none is refused; held against live objects: 0, new: 1 (LIVE: passed over 1 \
         ConfigMap).\n"
    );
    assert_eq!(
        summary(&[refused.clone(), refused, fine], &one),
        "3 Deployments checked, 2 are refused; passed over: 1 Service.\n"
    );
}

#[test]
fn a_manifest_with_nothing_to_tell_has_no_text() {
    let quiet = ObjectReport {
        refusals: Vec::new(),
        prediction: None,
        warnings: Vec::new(),
        ..report()
    };
    assert_eq!(
        (text(&quiet), tellings(&quiet), is_refused(&quiet)),
        (String::new(), Vec::new(), false)
    );
}
