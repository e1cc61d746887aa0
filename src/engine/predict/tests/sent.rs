//! What is sent as Git has it: metadata that is the server's own, nulls, fields that the type does not have, an
//! annotation that is no JSON.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::kind::DEPLOYMENT;

#[test]
fn a_version_that_is_none_is_refused_and_zero_is_any() {
    for strategy in [Strategy::ClientSideApply, Strategy::ServerSideApply, Strategy::Replace] {
        let asked = |version: &str| {
            let mut desired = git();
            desired["metadata"]["resourceVersion"] = json!(version);
            let answer = predict(&DEPLOYMENT, &desired, &synced(strategy), &syncer(strategy));
            (answer.verdict, answer.status_text(&DEPLOYMENT, "checkout"))
        };
        for any in ["0", "4711", ""] {
            assert_eq!(asked(any), (Verdict::Clean, None), "{strategy:?} {any}");
        }
        for (none, fault) in [
            ("4.7", "invalid syntax"),
            ("-1", "invalid syntax"),
            ("99999999999999999999", "value out of range"),
        ] {
            let text = format!("strconv.ParseUint: parsing \"{none}\": {fault}");
            assert_eq!(asked(none), (Verdict::Refused, Some(text)), "{strategy:?}");
        }
    }
}

#[test]
fn what_only_the_server_sets_is_told_by_field() {
    let immutable = |field: &str, value: &str| {
        Some(format!(
            "Deployment.apps \"checkout\" is invalid: metadata.{field}: Invalid value: {value}: field is immutable"
        ))
    };
    let uid = "Operation cannot be fulfilled on deployments.apps \"checkout\": StorageError: invalid object, Code: 4, \
               Key: /registry/deployments/shop/checkout, ResourceVersion: 0, \
               AdditionalErrorMsg: Precondition failed: UID in precondition: 1, \
               UID in object meta: 2f0c8a5e-52c9-4b1c-9a55-0d4f8c0f7f21";
    for strategy in [Strategy::ClientSideApply, Strategy::ServerSideApply, Strategy::Replace] {
        let asked = |metadata: Value| {
            let mut desired = git();
            json_patch::merge(&mut desired["metadata"], &metadata);
            let answer = predict(&DEPLOYMENT, &desired, &synced(strategy), &syncer(strategy));
            (answer.verdict, answer.status_text(&DEPLOYMENT, "checkout"))
        };
        let deleted = json!({"deletionTimestamp": "2026-01-05T10:00:00Z"});
        assert_eq!(
            asked(deleted),
            (
                Verdict::Refused,
                immutable("deletionTimestamp", "\"2026-01-05T10:00:00Z\"")
            ),
            "{strategy:?}"
        );
        let grace = json!({"deletionGracePeriodSeconds": 5});
        assert_eq!(
            asked(grace),
            (Verdict::Refused, immutable("deletionGracePeriodSeconds", "5")),
            "{strategy:?}"
        );
        for ignored in [
            json!({"creationTimestamp": "2020-01-01T00:00:00Z"}),
            json!({"generation": 77}),
            json!({"selfLink": "/apis/x"}),
        ] {
            assert_eq!(asked(ignored.clone()).0, Verdict::Clean, "{strategy:?} {ignored}");
        }
        // A PUT of another object does not get as far as to its version.
        let other = json!({"uid": "1", "resourceVersion": if strategy == Strategy::Replace { "12" } else { "4711" }});
        let told = match strategy {
            Strategy::Replace => (Verdict::Conflict, Some(uid.to_owned())),
            _ => (Verdict::Refused, immutable("uid", "\"1\"")),
        };
        assert_eq!(asked(other), told, "{strategy:?}");
        let managed =
            asked(json!({"managedFields": [entry("a", "Apply", json!({"f:spec": {}}))], "resourceVersion": "4711"}));
        let refused = (Verdict::Refused, Some("metadata.managedFields must be nil".to_owned()));
        assert_eq!(
            managed,
            if strategy == Strategy::ServerSideApply {
                refused
            } else {
                (Verdict::Clean, None)
            },
            "{strategy:?}"
        );
    }
}

#[test]
fn a_null_in_a_map_of_texts_is_an_empty_one_but_to_client_side_apply() {
    let mut desired = git();
    desired["spec"]["selector"]["matchLabels"]["tier"] = Value::Null;
    let text = "Deployment.apps \"checkout\" is invalid: [spec.template.metadata.labels: Invalid value: \
                {\"app\":\"checkout\"}: `selector` does not match template `labels`, spec.selector: Invalid value: \
                {\"matchLabels\":{\"app\":\"checkout\",\"tier\":\"\"}}: field is immutable]";
    for strategy in [Strategy::ServerSideApply, Strategy::Replace] {
        let answer = predict(&DEPLOYMENT, &desired, &synced(strategy), &syncer(strategy));
        assert_eq!(
            answer.status_text(&DEPLOYMENT, "checkout").as_deref(),
            Some(text),
            "{strategy:?}"
        );
    }
    let answer = predict(
        &DEPLOYMENT,
        &desired,
        &synced(Strategy::ClientSideApply),
        &syncer(Strategy::ClientSideApply),
    );
    assert_eq!((answer.verdict, answer.causes), (Verdict::Clean, vec![]));
}

#[test]
fn a_selector_that_git_does_not_have_is_null() {
    let mut desired = git();
    desired["spec"].as_object_mut().unwrap().remove("selector");
    let answer = predict(
        &DEPLOYMENT,
        &desired,
        &synced(Strategy::Replace),
        &syncer(Strategy::Replace),
    );
    let last = answer.causes.last().map(|cause| cause.message.as_str());
    assert_eq!(last, Some("Invalid value: null: field is immutable"));
}

#[test]
fn kubectl_gives_up_over_an_annotation_that_it_cannot_read_and_no_other_way_reads_it() {
    for (text, readable) in [
        ("gone", false),
        ("[]", false),
        ("\"x\"", false),
        ("{} {}", false),
        ("null", true),
        ("", true),
        ("{}\n", true),
    ] {
        let mut live = synced(Strategy::ClientSideApply);
        live["metadata"]["annotations"][LAST_APPLIED] = json!(text);
        let answer = predict(&DEPLOYMENT, &git(), &live, &syncer(Strategy::ClientSideApply));
        let told = if readable {
            (Verdict::Clean, None)
        } else {
            (Verdict::Refused, Some("invalid JSON document".to_owned()))
        };
        assert_eq!(
            (answer.verdict, answer.kubectl_text(&DEPLOYMENT, "checkout")),
            told,
            "{text}"
        );
        assert_eq!(
            request(&DEPLOYMENT, &git(), &live, &syncer(Strategy::ClientSideApply)).is_ok(),
            readable,
            "{text}"
        );
        for strategy in [Strategy::ServerSideApply, Strategy::Replace] {
            assert_ne!(
                predict(&DEPLOYMENT, &git(), &live, &syncer(strategy)).verdict,
                Verdict::Refused,
                "{text} {strategy:?}"
            );
        }
    }
}

#[test]
fn an_unknown_field_is_refused_where_the_server_is_asked_to_be_strict() {
    let mut desired = git();
    desired["spec"]["Replicas"] = json!(3);
    desired.pointer_mut(CONTAINER).unwrap()["limits"] = json!({"cpu": "1"});
    let fields = "strict decoding error: unknown field \"spec.Replicas\", unknown field \
                  \"spec.template.spec.containers[0].limits\"";
    for strategy in [Strategy::ClientSideApply, Strategy::Replace] {
        for validation in [FieldValidation::Ignore, FieldValidation::Warn] {
            let answer = predict(
                &DEPLOYMENT,
                &desired,
                &synced(strategy),
                &Syncer {
                    validation,
                    ..syncer(strategy)
                },
            );
            assert_eq!(
                (answer.verdict, answer.causes),
                (Verdict::Clean, vec![]),
                "{strategy:?} {validation:?}"
            );
        }
        let answer = predict(
            &DEPLOYMENT,
            &desired,
            &synced(strategy),
            &Syncer {
                validation: FieldValidation::Strict,
                ..syncer(strategy)
            },
        );
        assert_eq!(answer.verdict, Verdict::Refused, "{strategy:?}");
        let text = answer.kubectl_text(&DEPLOYMENT, "checkout").unwrap();
        let begin = match strategy {
            Strategy::Replace => "Deployment in version \"v1\" cannot be handled as a Deployment: ",
            _ => "The request is invalid: patch: Invalid value: \"map[",
        };
        assert!(text.starts_with(begin) && text.ends_with(fields), "{text}");
        assert_eq!(
            request(&DEPLOYMENT, &desired, &synced(strategy), &syncer(strategy)).is_ok(),
            strategy == Strategy::ClientSideApply
        );
    }
}

#[test]
fn a_null_annotation_is_an_empty_one_to_kubectl() {
    let mut desired = git();
    desired["metadata"]["annotations"] = json!({"note": null});
    let answer = predict(
        &DEPLOYMENT,
        &desired,
        &synced(Strategy::ClientSideApply),
        &syncer(Strategy::ClientSideApply),
    );
    let annotations = answer.predicted.unwrap()["metadata"]["annotations"].clone();
    assert_eq!(annotations["note"], json!(""));
    assert!(
        annotations[LAST_APPLIED]
            .as_str()
            .unwrap()
            .contains(r#""annotations":{"note":""}"#)
    );
}
