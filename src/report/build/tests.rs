//! What of an assessment comes into a report, cut and masked.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::engine::argo_cd::ArgoCd;
use crate::engine::argo_cd::application::Application;
use crate::engine::argo_cd::window::Windows;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::syncer::{Strategy, Syncer};
use crate::engine::{Mode, Policy, Remedy, SourceFacts, Tool, assess};

#[test]
fn a_megabyte_of_an_operations_state_is_told_in_a_kilobyte() {
    let refused = "Deployment.apps \"web\" is invalid: spec: Forbidden; ".repeat(20_000);
    let application = Application::read(&json!({
        "metadata": {"namespace": "argocd", "name": "shop", "uid": "u"},
        "spec": {"source": {"repoURL": "https://git.example/shop.git"}},
        "status": {"operationState": {"phase": "Failed", "startedAt": "2026-01-05T10:00:00Z", "message": refused,
                                      "operation": {"sync": {}},
            "syncResult": {"revision": "a", "resources": vec![json!({"kind": "ConfigMap", "name": "x",
                "message": refused}); 2]}}},
    }));
    let desired =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "shop", "name": "web"}});
    let snapshot = Snapshot {
        kind: &DEPLOYMENT,
        cluster: String::new(),
        judge: String::new(),
        target: ObjectId::of(&desired).unwrap(),
        desired: None,
        live: Some(desired),
        seen: true,
        syncer: Syncer::new(Strategy::ClientSideApply, "argocd-controller"),
        tool: Tool::ArgoCd(Arc::new(ArgoCd {
            application: Arc::new(application.unwrap()),
            windows: Windows::none(),
            application_set: None,
            seen_alive: None,
        })),
        source: SourceFacts::default(),
        now: "2026-01-05T10:10:00Z".parse().unwrap(),
    };
    let policy = Policy {
        mode: Mode::Alert,
        remedy: Remedy::Choose,
        ignore: Vec::new(),
        plan_ttl: jiff::SignedDuration::ZERO,
    };
    let told = operation(&snapshot, &assess(&snapshot, &policy), &Masker::default()).unwrap();
    let message = told.message.unwrap();
    assert!(
        message.starts_with("Deployment.apps \"web\" is invalid") && message.ends_with(" bytes omitted)"),
        "{message}"
    );
    let (begin, rest) = message.split_once('…').unwrap();
    assert_eq!(begin.len() + rest.split_once('…').unwrap().1.len(), MESSAGE_LIMIT);
}

#[test]
fn what_the_next_sync_overwrites_is_masked_like_any_value() {
    let path = r#".spec.template.spec.containers[name="web"].env[name="DB_PASSWORD"]"#;
    let variable = |value: &str| Some(json!({"name": "DB_PASSWORD", "value": value}));
    let overwrite = Overwrite {
        path: path.parse().unwrap(),
        from: variable("hunter2-hunter2"),
        to: variable("another-secret"),
        owners: Vec::new(),
        severity: Severity::Ignored,
        reason: None,
    };
    let caution = Caution {
        id: "Overwrites",
        text: "…".to_owned(),
        must_acknowledge: true,
        fields: vec![overwrite.clone()],
    };
    let caution = caution_report(&caution, &Masker::default()).text;
    assert!(
        caution.contains("DB_PASSWORD") && !caution.contains("hunter2") && !caution.contains("another-secret"),
        "{caution}"
    );
    let prediction = Prediction {
        overwrites: vec![overwrite],
        breaks: vec![path.parse().unwrap()],
        ..Prediction::bare(Strategy::Replace, crate::engine::predict::Verdict::Residual, Vec::new())
    };
    let told = serde_json::to_value(prediction_report(&prediction, &Masker::default())).unwrap();
    assert_eq!(told["breaks"], json!([path]));
    assert_eq!(
        (&told["overwrites"][0]["path"], &told["overwrites"][0]["from"]["value"]),
        (&json!(path), &json!("(masked)"))
    );
    assert!(
        !told.to_string().contains("hunter2") && !told.to_string().contains("another-secret"),
        "{told}"
    );
}
