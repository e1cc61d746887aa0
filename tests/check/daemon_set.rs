//! The DaemonSet, held to its own rules.

use std::fs;

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::json;

use super::run::{DESIRED, a_while_ago, driftmend, live};

/// The incident on a DaemonSet: Git's document, and live with a probe that somebody switched.
#[test]
fn a_daemon_set_is_held_to_its_own_rules_and_against_live() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let daemon_set = |text: &str| {
        text.replace("kind: Deployment", "kind: DaemonSet")
            .replace("  replicas: 2\n", "")
    };
    fs::write(folder.path().join("git.yaml"), daemon_set(DESIRED))?;
    let mut live = live("shop", a_while_ago());
    live["kind"] = json!("DaemonSet");
    live["spec"] = json!({"selector": live["spec"]["selector"], "template": live["spec"]["template"]});
    live["spec"]["updateStrategy"] =
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}});
    live["spec"]["revisionHistoryLimit"] = json!(10);
    live["metadata"]["annotations"]["deprecated.daemonset.template.generation"] = json!("7");
    fs::write(folder.path().join("live.json"), live.to_string())?;
    let strategy = ["--strategy", "client-side-apply", "-o", "json"];
    let answer = driftmend(
        folder.path(),
        "",
        &[&["diff", "git.yaml", "live.json"], &strategy[..]].concat(),
    )?;
    let told: serde_json::Value = serde_json::from_str(&answer.stdout)?;
    let object = &told["objects"][0];
    assert_eq!((&object["object"]["kind"], answer.code), (&json!("DaemonSet"), Some(1)));
    assert_eq!(object["prediction"]["verdict"], "Refused", "{told}");
    let drifted = object["fields"].as_array().into_iter().flatten();
    let drifted: Vec<&str> = drifted
        .filter(|field| field["severity"] == "drift")
        .filter_map(|field| field["path"].as_str())
        .collect();
    assert!(
        !drifted.is_empty() && drifted.iter().all(|path| path.contains("livenessProbe")),
        "{drifted:?}"
    );
    // A tool's own rule for that kind covers it, and one for Deployments does not.
    for (kind, severity) in [("DaemonSet", "ignored"), ("Deployment", "drift")] {
        let rules = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "shop"},
                           "spec": {"ignoreDifferences": [{"group": "apps", "kind": kind,
                               "jsonPointers": ["/spec/template/spec/containers/0/livenessProbe"]}]}});
        fs::write(folder.path().join("rules.json"), rules.to_string())?;
        let ruled = [
            "diff",
            "git.yaml",
            "live.json",
            "--ignore-from",
            "rules.json",
            "-o",
            "json",
        ];
        let told: serde_json::Value = serde_json::from_str(&driftmend(folder.path(), "", &ruled)?.stdout)?;
        assert_eq!(told["objects"][0]["fields"][0]["severity"], severity, "{kind}: {told}");
    }
    let surge = daemon_set(DESIRED) + "  updateStrategy: {rollingUpdate: {maxSurge: 1}}\n";
    let answer = driftmend(folder.path(), &surge, &["check", "-"])?;
    assert!(
        answer.stdout.ends_with("1 DaemonSet checked, it is refused.\n"),
        "{}",
        answer.stdout
    );
    assert!(
        answer.stdout.contains("may not be set when maxUnavailable is non-zero"),
        "{}",
        answer.stdout
    );
    Ok(())
}
