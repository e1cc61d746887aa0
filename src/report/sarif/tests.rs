//! The shape of the log: what the standard requires, and what code hosts ask for.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::api::v1alpha1::{Notice, ObjectId, Phase, Place, Warning};
use crate::engine::diff::Masker;
use crate::engine::predict::Cause;
use crate::engine::rules::read_otherwise;
use crate::report::check;

fn report() -> ObjectReport {
    let report = ObjectReport {
        object: ObjectId {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "web".to_owned(),
        },
        phase: Phase::Pending,
        summary: String::new(),
        fields: Vec::new(),
        prediction: serde_json::from_value(json!({
            "strategy": "server-side-apply", "verdict": "Conflict", "residual": [],
            "causes": [{"reason": "FieldManagerConflict", "field": ".spec.replicas",
                        "message": "conflict with \"hpa\""}],
        }))
        .unwrap(),
        refusals: Vec::new(),
        findings: Vec::new(),
        places: Vec::new(),
        warnings: vec![Warning {
            rule: read_otherwise::RULE.id,
            notice: Notice {
                path: None,
                file: Some("web.yaml".to_owned()),
                line: Some(3),
                message: "the key is set twice".to_owned(),
            },
        }],
    };
    let refusal = Cause {
        reason: "FieldValueInvalid".to_owned(),
        field: "spec.replicas".to_owned(),
        message: "must not be -1".to_owned(),
    };
    let place = |field: &str, line| Place {
        field: field.to_owned(),
        file: "./web.yaml".to_owned(),
        line,
    };
    check::checked(
        report,
        &[refusal],
        vec![place("spec.replicas", 7), place(".spec.replicas", 7)],
        &Masker::default(),
    )
}

fn written(objects: &[ObjectReport], unread: &[Unread<'_>]) -> Value {
    serde_json::to_value(log(objects, unread, Some("/srv"))).unwrap()
}

#[test]
fn the_log_has_what_the_standard_and_code_hosts_require() {
    let log = written(&[report()], &[]);
    assert_eq!((&log["version"], log["$schema"].is_string()), (&json!("2.1.0"), true));
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!(
        (&driver["name"], &driver["version"]),
        (&json!("driftmend"), &json!(env!("CARGO_PKG_VERSION")))
    );
    let rules = driver["rules"].as_array().unwrap();
    for rule in rules {
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(
                rule[text]["text"].as_str().is_some_and(|text| !text.is_empty()),
                "{rule}"
            );
        }
        assert!(
            matches!(
                rule["defaultConfiguration"]["level"].as_str(),
                Some("error" | "warning")
            ),
            "{rule}"
        );
    }
    let results = run["results"].as_array().unwrap();
    for result in results {
        let at = result["ruleIndex"]
            .as_u64()
            .and_then(|at| usize::try_from(at).ok())
            .unwrap();
        assert_eq!(
            (&rules[at]["id"], &rules[at]["defaultConfiguration"]["level"]),
            (&result["ruleId"], &result["level"])
        );
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "web.yaml");
        assert!(
            place["region"]["startLine"].as_u64().is_some_and(|line| line > 0),
            "{result}"
        );
    }
    let told: Vec<_> = results
        .iter()
        .map(|result| (&result["ruleId"], &result["level"], &result["message"]["text"]))
        .collect();
    let web = "Deployment.apps shop/web: ";
    assert_eq!(
        told,
        [
            (
                &json!("manifest-refused"),
                &json!("error"),
                &json!(format!("{web}spec.replicas: must not be -1"))
            ),
            (
                &json!("next-sync-conflict"),
                &json!("error"),
                &json!(format!("{web}.spec.replicas: conflict with \"hpa\""))
            ),
            (
                &json!("read-otherwise"),
                &json!("warning"),
                &json!(format!("{web}the key is set twice"))
            ),
        ]
    );
    assert_eq!(
        run["invocations"],
        json!([{"executionSuccessful": true, "toolExecutionNotifications": []}])
    );
}

#[test]
fn without_a_finding_there_are_still_the_rules_and_an_empty_list_of_results() {
    let run = &written(&[], &[])["runs"][0];
    assert_eq!(
        (&run["results"], run["tool"]["driver"]["rules"].as_array().map(Vec::len)),
        (&json!([]), Some(rules().count()))
    );
}

#[test]
fn an_input_that_was_not_read_makes_the_run_unsuccessful() {
    let broken = Unread {
        message: "no mapping here",
        hint: Some("indent it"),
        file: Some("a/b.yaml"),
        line: Some(4),
        column: Some(2),
    };
    let log = written(
        &[],
        &[
            broken,
            Unread {
                message: "unable to connect",
                ..Unread::default()
            },
        ],
    );
    let id = json!({"id": "unreadable-input"});
    assert_eq!(
        log["runs"][0]["invocations"],
        json!([{"executionSuccessful": false, "toolExecutionNotifications": [
            {"descriptor": id, "level": "error", "message": {"text": "no mapping here; indent it"}, "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": "a/b.yaml"},
                                      "region": {"startLine": 4, "startColumn": 2}}},
            ]},
            {"descriptor": id, "level": "error", "message": {"text": "unable to connect"}},
        ]}])
    );
    assert_eq!(log["runs"][0]["tool"]["driver"]["notifications"][0]["id"], id["id"]);
}

#[test]
fn files_are_named_relative_to_the_folder_and_encoded() {
    for (file, wanted) in [
        ("deploy/web.yaml", "deploy/web.yaml"),
        ("./deploy/web.yaml", "deploy/web.yaml"),
        ("/srv/deploy/web.yaml", "deploy/web.yaml"),
        ("/srvices/web.yaml", "file:///srvices/web.yaml"),
        ("../web.yaml", "../web.yaml"),
        ("two words/a:b#%.yaml", "two%20words/a%3Ab%23%25.yaml"),
        ("schön.yaml", "sch%C3%B6n.yaml"),
        ("-", "-"),
    ] {
        assert_eq!(uri(file, Some("/srv")), wanted, "{file}");
    }
}
