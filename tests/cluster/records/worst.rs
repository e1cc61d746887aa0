//! The worst status that a report can have.

use std::path::Path;

use anyhow::{Result, ensure};
use driftmend::api::v1alpha1::ReportStatus;
use driftmend::report::{STATUS_LIMIT, fit, fitting_entry};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{AT, hash, with};
use crate::harness::{ControlPlane, Options, definitions};

/// The worst status that an input can give: everything long, everything many, and the history full of heals that were
/// as bad.
fn worst() -> Result<ReportStatus> {
    let long = |characters: usize| "ü".repeat(characters);
    let field = |at: usize| {
        json!({
            "path": format!(".spec.template.spec.containers[name=\"{at}\"].env[name=\"{}\"]", long(2_000)),
            "change": "Changed", "severity": "drift",
            "desired": long(50_000), "live": long(50_000), "manager": long(200), "managers": vec![long(128); 40],
            "operation": "Update",
            "subresource": long(400), "time": AT, "reason": long(5_000),
        })
    };
    let evidence =
        json!({"path": long(200), "manager": long(100), "operation": "Update", "time": AT, "digest": hash(1)});
    let sent = json!({"kind": "Restore", "at": AT, "digest": hash(1), "answer": "resourceVersion 812, generation 5"});
    let past = |number: usize| -> Result<Value> {
        let entry = json!({
            "planHash": hash(number), "by": long(200), "healer": long(200), "startedAt": AT, "finishedAt": AT,
            "result": "Failed",
            "message": long(5_000), "evidence": vec![evidence.clone(); 2], "requests": [sent, sent],
        });
        // As whoever heals writes it.
        Ok(serde_json::to_value(fitting_entry(serde_json::from_value(entry)?))?)
    };
    let step = json!({"kind": "Restore", "target": long(300), "summary": long(3_000), "patch": long(40_000)});
    let causes = vec![json!({"reason": long(300), "field": long(2_000), "message": long(5_000)}); 200];
    let finding = json!({"rule": long(400), "severity": "error", "path": long(2_000), "message": long(5_000),
                         "evidence": long(5_000), "remedy": long(5_000)});
    let condition = |at: usize| {
        json!({"type": format!("Type{at}"), "status": "True", "reason": "Reason",
                                       "message": long(5_000), "lastTransitionTime": AT})
    };
    Ok(serde_json::from_value(json!({
        "phase": "Conflicted", "heal": "Healing", "summary": long(5_000),
        "counts": {"drifted": 500, "refused": 200, "pending": 0, "info": 0, "ignored": 0},
        "source": {"repoURL": long(3_000), "revision": long(3_000), "path": long(3_000)},
        "fields": (0..500).map(field).collect::<Vec<_>>(),
        "prediction": {"strategy": "server-side-apply", "verdict": "Refused", "causes": causes,
                       "residual": vec![long(2_000); 2_000], "when": long(3_000)},
        "operation": {"application": long(600), "class": "FailedAtRevision", "phase": "Failed", "message": long(5_000)},
        "findings": vec![finding; 100],
        "plan": {"hash": hash(1), "serial": 1, "expires": AT,
                 "cautions": vec![json!({"id": long(100), "text": long(3_000), "mustAcknowledge": true}); 30],
                 "steps": vec![step; 4]},
        "planSerial": 9, "supersededPlans": vec![json!({"hash": hash(1), "reason": "Changed"}); 40],
        "deniedDrift": hash(2),
        "approval": {"decision": "Approved", "planHash": hash(1), "by": long(253), "at": AT, "reason": long(1_024)},
        "healing": {
            "planHash": hash(1), "uid": "u", "by": long(253), "healer": long(253), "startedAt": AT,
            "steps": [{"kind": "Restore", "state": "Begun", "paths": vec![long(100); 58]}],
            "evidence": vec![evidence.clone(); 2],
        },
        "history": (0..10).map(past).collect::<Result<Vec<_>>>()?,
        "conditions": (0..30).map(condition).collect::<Vec<_>>(),
        "cluster": "u", "targetUid": "u",
    }))?)
}

#[test]
fn the_worst_status_is_stored_by_a_real_server_within_its_limit() -> Result<()> {
    let fitted = serde_json::to_value(fit(worst()?))?;
    ensure!(
        fitted.to_string().len() <= STATUS_LIMIT,
        "{} bytes",
        fitted.to_string().len()
    );
    assert_eq!(
        fitted["history"].as_array().map(Vec::len),
        Some(10),
        "the history is nobody's to shorten"
    );
    // Where no chart is, nothing but the definition judges.
    let control_plane = &ControlPlane::start(Options::default())?;
    definitions::install(control_plane, &Path::new(env!("CARGO_MANIFEST_DIR")).join("crds"))?;
    let namespace = control_plane.namespace("worst")?;
    let report = json!({
        "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport",
        "metadata": {"name": "deployment-worst", "namespace": namespace},
        "spec": {
            "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worst"},
            "watchRef": {"namespace": namespace, "name": "shop"},
        },
    });
    control_plane.apply(&report.to_string())?;
    let get = [
        "get",
        "driftreport",
        "deployment-worst",
        "-n",
        &namespace,
        "--output=json",
    ];
    let mut whole: Value = serde_json::from_str(&control_plane.kubectl(&get)?.success()?)?;
    whole["status"] = fitted.clone();
    control_plane
        .tool("kubectl")?
        .input(whole.to_string())
        .run(&["replace", "--subresource=status", "-f", "-"])?
        .success()?;
    let stored: Value = serde_json::from_str(&control_plane.kubectl(&get)?.success()?)?;
    assert_eq!(stored["status"]["history"], fitted["history"]);
    assert_eq!(stored["status"]["healing"], fitted["healing"]);
    assert_eq!(stored["status"]["fields"], fitted["fields"]);

    // What is beyond the bounds of the definition is refused, whoever writes it.
    let long = "x".repeat(5_000);
    for (what, beyond) in [
        ("history", json!({"history": vec![fitted["history"][0].clone(); 11]})),
        (
            "message",
            json!({"history": [with(&fitted["history"][0], json!({ "message": long }))]}),
        ),
        (
            "steps",
            json!({"healing": with(&fitted["healing"],
                                   json!({"steps": vec![fitted["healing"]["steps"][0].clone(); 9]}))}),
        ),
        (
            "reason",
            json!({"approval": with(&fitted["approval"], json!({ "reason": long }))}),
        ),
    ] {
        let patch = json!({ "status": beyond }).to_string();
        let patch = [
            "patch",
            "driftreport",
            "deployment-worst",
            "-n",
            &namespace,
            "--subresource=status",
            "--type=merge",
            "--patch",
            &patch,
        ];
        let answer = control_plane.kubectl(&patch)?;
        ensure!(
            answer.code != 0 && answer.stderr.contains("is invalid"),
            "{what}: {}{}",
            answer.stdout,
            answer.stderr
        );
    }
    Ok(())
}
