//! driftmend's own kinds as a real API server takes them.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::{ControlPlane, driftmend, wait};
use crate::installation;

const CRDS: [&str; 2] = ["driftreports.driftmend.dev", "driftwatches.driftmend.dev"];

fn control_plane() -> Result<&'static ControlPlane> {
    Ok(&installation::shared()?.installation.control_plane)
}

/// A watch that is in order, with this change.
fn watch(change: &Value) -> Value {
    let mut watch = json!({
        "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch", "metadata": {"name": "shop"},
        "spec": {"source": {"git": {"url": "https://git.example/shop.git"}}},
    });
    json_patch::merge(&mut watch, &json!({ "spec": change }));
    watch
}

/// What the server says to a watch, without storing it.
fn answer(namespace: &str, change: &Value) -> Result<String> {
    let command = ["create", "--dry-run=server", "-n", namespace, "-f", "-"];
    let output = control_plane()?
        .tool("kubectl")?
        .input(watch(change).to_string())
        .run(&command)?;
    Ok(if output.code == 0 { output.stdout } else { output.stderr })
}

#[test]
fn the_server_accepts_the_crds_as_structural_and_serves_them() -> Result<()> {
    for name in CRDS {
        let text = control_plane()?
            .kubectl(&["get", "crd", name, "--output=json"])?
            .success()?;
        let conditions = serde_json::from_str::<Value>(&text)?["status"]["conditions"].take();
        let mut told: Vec<String> = conditions
            .as_array()
            .context("no conditions")?
            .iter()
            .map(|condition| {
                format!(
                    "{}={}",
                    condition["type"].as_str().unwrap_or_default(),
                    condition["status"].as_str().unwrap_or_default()
                )
            })
            .collect();
        told.sort();
        assert_eq!(told, ["Established=True", "NamesAccepted=True"], "{name}");
    }
    Ok(())
}

#[test]
fn the_binary_prints_the_crds_of_the_repository() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let documents = |text: &str| -> Result<Vec<Value>> {
        use serde::Deserialize;
        let mut documents = serde_yaml::Deserializer::from_str(text)
            .map(Value::deserialize)
            .collect::<Result<Vec<_>, _>>()?;
        documents.sort_by_key(|document| document["metadata"]["name"].to_string());
        Ok(documents)
    };
    let mut files = String::new();
    for name in CRDS {
        let plural = name.split('.').next().unwrap_or_default();
        files.push_str(&format!(
            "---\n{}",
            std::fs::read_to_string(folder.join(format!("{plural}.yaml")))?
        ));
    }
    let printed = driftmend::run(control_plane()?.admin(), &["crds"])?.success()?;
    assert_eq!(documents(&printed)?, documents(&files)?);
    Ok(())
}

#[test]
fn a_watch_that_makes_no_sense_is_refused_with_the_reason() -> Result<()> {
    let namespace = control_plane()?.namespace("crds")?;
    assert_eq!(
        answer(&namespace, &json!({}))?,
        "driftwatch.driftmend.dev/shop created (server dry run)\n"
    );
    let refused = [
        (json!({"source": {"git": null}}), "name exactly one source"),
        (
            json!({"source": {"argoApplication": {"name": "web"}}}),
            "name exactly one source",
        ),
        (
            json!({"source": {"git": null, "argoApplication": {"name": "web"}}, "manager": "me"}),
            "strategy, manager, tool and validate are read from",
        ),
        (
            json!({"source": {"git": null, "argoApplication": {"name": "web"}}, "tool": "Flux"}),
            "strategy, manager, tool and validate are read from",
        ),
        (
            json!({"source": {"git": null, "argoApplication": {"name": "web"}}, "validate": "Warn"}),
            "strategy, manager, tool and validate are read from",
        ),
        (
            json!({"source": {"git": {"interval": "999ms"}}}),
            "interval must be at least 1s",
        ),
        (
            json!({"ignore": [{"reason": "the autoscaler's"}]}),
            "an ignore rule needs paths or managers",
        ),
        (
            json!({"ignore": [{"paths": [], "managers": [], "reason": "the autoscaler's"}]}),
            "an ignore rule needs paths or managers",
        ),
    ];
    for (change, reason) in refused {
        let answer = answer(&namespace, &change)?;
        assert!(
            answer.starts_with("The DriftWatch \"shop\" is invalid: ") && answer.contains(reason),
            "{change}: {answer}"
        );
    }
    let accepted = json!({"ignore": [{"paths": [".spec.replicas"], "reason": "the autoscaler's"}], "settle": "1m30s"});
    assert_eq!(
        answer(&namespace, &accepted)?,
        "driftwatch.driftmend.dev/shop created (server dry run)\n"
    );
    Ok(())
}

#[test]
fn a_report_never_changes_its_target_and_holds_one_condition_of_a_type() -> Result<()> {
    let control_plane = control_plane()?;
    let namespace = control_plane.namespace("crds")?;
    // Its watch is there, and known: a report without one is removed by the controller. The source is nowhere, so
    // nothing is assessed.
    let no_source = json!({"source": {"git": {"url": "https://127.0.0.1:1/shop.git", "interval": "1h"}}});
    let report = json!({
        "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport", "metadata": {"name": "deployment-web"},
        "spec": {"target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                 "watchRef": {"namespace": namespace, "name": "shop"}},
    });
    let create = |object: &Value| -> Result<String> {
        control_plane
            .tool("kubectl")?
            .input(object.to_string())
            .run(&["create", "-n", &namespace, "-f", "-"])?
            .success()
    };
    create(&watch(&no_source))?;
    let told = [
        "get",
        "driftwatch",
        "shop",
        "-n",
        &namespace,
        "--output=jsonpath={.status.sourceFailure.reason}",
    ];
    wait::patiently("a controller that knows the watch", Duration::from_secs(150), || {
        let reason = control_plane.kubectl(&told)?.success()?;
        Ok(if reason.is_empty() {
            ControlFlow::Continue("no status".to_owned())
        } else {
            ControlFlow::Break(())
        })
    })?;
    create(&report)?;
    let other = [
        "patch",
        "driftreport",
        "deployment-web",
        "-n",
        &namespace,
        "--type=merge",
        "--patch",
        r#"{"spec":{"target":{"name":"db"}}}"#,
    ];
    let refused = control_plane.kubectl(&other)?;
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("the spec of a DriftReport never changes"),
        "{}",
        refused.stderr
    );

    let ready = json!({"type": "Ready", "status": "True", "reason": "Tried", "message": "",
                       "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let twice = json!({"status": {"conditions": [ready, ready]}}).to_string();
    let patch = [
        "patch",
        "driftwatch",
        "shop",
        "-n",
        &namespace,
        "--subresource=status",
        "--dry-run=server",
        "--type=merge",
        "--patch",
        &twice,
    ];
    let refused = control_plane.kubectl(&patch)?;
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains(r#"Duplicate value: {"type":"Ready"}"#),
        "{}",
        refused.stderr
    );
    Ok(())
}

#[test]
fn both_kinds_are_listed_by_their_short_names_and_their_category() -> Result<()> {
    let namespace = control_plane()?.namespace("crds")?;
    for name in ["dw", "dr", "driftmend"] {
        let listed = control_plane()?.kubectl(&["get", name, "-n", &namespace])?;
        assert_eq!(
            (listed.code, listed.stderr.trim()),
            (0, format!("No resources found in {namespace} namespace.").as_str()),
            "{name}"
        );
    }
    Ok(())
}
