//! The command line without a cluster: exit codes, texts and JSON as a script or a person gets them.
#![cfg(feature = "edge")]

mod help;
mod ignore;
mod known;
mod kubectl_diff;
mod printer;
mod rules;
mod run;

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use pretty_assertions::assert_eq;
use run::{DESIRED, a_while_ago, driftmend, folder, live};
use serde_json::{Value, json};

#[test]
fn the_incident_is_told_in_a_few_lines_with_exit_code_1() -> Result<()> {
    let patched = a_while_ago();
    let folder = folder(patched)?;
    let answer = driftmend(
        folder.path(),
        "",
        &["diff", "web.yaml", "live.json", "--strategy", "client-side-apply"],
    )?;
    let clause = format!(
        "livenessProbe of container web has httpGet in Git, tcpSocket in the cluster (kubectl-patch, since {patched})"
    );
    let expected = format!(
        "\
Deployment.apps shop/web            2 fields differ from web.yaml
  The next sync will be refused: {clause}
  .spec.template.spec.containers[name=\"web\"].livenessProbe.httpGet
    - only in Git   no owner recorded   drift
    + {{\"path\":\"/healthz\",\"port\":8080}}
  .spec.template.spec.containers[name=\"web\"].livenessProbe.tcpSocket
    + only in the cluster   kubectl-patch (person), 14 min ago   drift
    - {{\"port\":8080}}
  next sync (client-side-apply): will be refused by the API server (admission not included)
    spec.template.spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type
  [ERROR] next-sync-refused: the API server will refuse the next sync, because {clause}
    · Restore makes it what Git says by a write of ours (one roll-out); HandBack names what is in the way in the \
last-applied annotation (nothing else), so that the next sync of kubectl-client-side-apply removes it (one roll-out, \
at that sync); if the change in the cluster is right, commit it to Git (no roll-out)
1 Deployment compared, it drifted.
"
    );
    assert_eq!(
        (answer.stdout, answer.stderr, answer.code),
        (expected, String::new(), Some(1))
    );
    Ok(())
}

#[test]
fn the_json_has_the_promised_shape() -> Result<()> {
    let patched = a_while_ago();
    let folder = folder(patched)?;
    let answer = driftmend(
        folder.path(),
        "",
        &[
            "diff",
            "web.yaml",
            "live.json",
            "--strategy",
            "client-side-apply",
            "-o",
            "json",
        ],
    )?;
    let mut told: Value = serde_json::from_str(&answer.stdout)?;
    // Sentences may be worded anew; that they are there is the promise.
    let object = &mut told["objects"][0];
    assert!(object["summary"].take().is_string());
    let findings = object["findings"].take();
    assert_eq!(
        (&findings[0]["rule"], &findings[0]["severity"]),
        (&json!("next-sync-refused"), &json!("error"))
    );
    let path = |field: &str| format!(".spec.template.spec.containers[name=\"web\"].livenessProbe.{field}");
    let expected = json!({
        "objects": [{
            "object": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"},
            "phase": "Conflicted",
            "summary": null,
            "fields": [
                {"path": path("httpGet"), "change": "Removed", "severity": "drift", "moved": "live",
                 "desired": {"path": "/healthz", "port": 8080}, "live": null,
                    "manager": null, "managers": [], "operation": null, "subresource": null, "time": null,
                    "reason": null},
                {"path": path("tcpSocket"), "change": "Added", "severity": "drift", "moved": "live", "desired": null,
                 "live": {"port": 8080},
                    "manager": "kubectl-patch", "managers": [], "operation": "Update", "subresource": null,
                    "time": patched, "reason": null},
            ],
            "prediction": {"strategy": "client-side-apply", "verdict": "Refused", "residual": [], "breaks": [],
                           "overwrites": [], "confirmedBy": "Local", "causes": [{
                "reason": "FieldValueForbidden",
                "field": "spec.template.spec.containers[0].livenessProbe.tcpSocket",
                "message": "Forbidden: may not specify more than 1 handler type",
            }]},
            "refusals": [],
            "findings": null,
            "warnings": [],
        }],
        "problems": [],
    });
    assert_eq!((told, answer.stderr.as_str(), answer.code), (expected, "", Some(1)));
    let yaml = driftmend(folder.path(), "", &["diff", "web.yaml", "live.json", "-o", "yaml"])?;
    assert!(
        yaml.stdout
            .starts_with("objects:\n- object:\n    apiVersion: apps/v1\n"),
        "{}",
        yaml.stdout
    );
    Ok(())
}

#[test]
fn without_drift_the_exit_code_is_0_and_a_missing_object_is_told_with_1() -> Result<()> {
    let folder = folder(a_while_ago())?;
    let same = driftmend(folder.path(), "", &["diff", "web.yaml", "web.yaml"])?;
    assert_eq!(
        (same.stdout.as_str(), same.code),
        ("1 Deployment compared, nothing drifted.\n", Some(0))
    );
    let list = r#"{"apiVersion": "v1", "kind": "List", "items": []}"#;
    let missing = driftmend(folder.path(), list, &["diff", "web.yaml", "-"])?;
    let expected = "Deployment.apps shop/web            is in web.yaml and not in the cluster\n1 Deployment compared, \
                    it drifted.\n";
    assert_eq!(
        (missing.stdout.as_str(), missing.stderr.as_str(), missing.code),
        (expected, "", Some(1))
    );
    Ok(())
}

#[test]
fn a_drift_that_the_next_sync_reverts_is_told_so_although_the_deployment_controller_has_its_own_annotation_there()
-> Result<()> {
    let folder = folder(a_while_ago())?;
    let mut live = live("shop", a_while_ago());
    live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("2");
    let container = &mut live["spec"]["template"]["spec"]["containers"][0];
    container["image"] = json!("registry.example/web:by-hand");
    let probe = container["livenessProbe"].as_object_mut().context("no probe")?;
    probe.remove("tcpSocket");
    probe.insert(
        "httpGet".to_owned(),
        json!({"path": "/healthz", "port": 8080, "scheme": "HTTP"}),
    );
    let fields =
        json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}}}}});
    let by_hand = json!({"manager": "kubectl-set", "operation": "Update", "apiVersion": "apps/v1",
                         "fieldsType": "FieldsV1", "fieldsV1": fields});
    live["metadata"]["managedFields"] = json!([by_hand]);
    let answer = driftmend(
        folder.path(),
        &live.to_string(),
        &["diff", "web.yaml", "-", "--strategy", "client-side-apply"],
    )?;
    assert!(
        answer
            .stdout
            .contains("\n  1 field drifted, the next sync reverts it: .spec.template.spec.containers"),
        "{}",
        answer.stdout
    );
    Ok(())
}

#[test]
fn either_side_may_be_standard_input_and_not_both() -> Result<()> {
    let patched = a_while_ago();
    let folder = folder(patched)?;
    let by_file = driftmend(folder.path(), "", &["diff", "web.yaml", "live.json", "-o", "json"])?;
    let live_by_pipe = driftmend(
        folder.path(),
        &live("shop", patched).to_string(),
        &["diff", "web.yaml", "-", "-o", "json"],
    )?;
    assert_eq!((&live_by_pipe.stdout, live_by_pipe.code), (&by_file.stdout, Some(1)));
    let desired_by_pipe = driftmend(folder.path(), DESIRED, &["diff", "-", "live.json", "-o", "json"])?;
    assert_eq!(
        (&desired_by_pipe.stdout, desired_by_pipe.code),
        (&by_file.stdout, Some(1))
    );
    let both = driftmend(folder.path(), DESIRED, &["diff", "-", "-"])?;
    let expected = "error: DESIRED and LIVE cannot both be standard input\nhint: write one of them to a file\n";
    assert_eq!(
        (both.stderr.as_str(), both.stdout.as_str(), both.code),
        (expected, "", Some(2))
    );
    Ok(())
}

#[test]
fn what_cannot_be_read_is_told_on_standard_error_with_exit_code_2() -> Result<()> {
    let folder = folder(a_while_ago())?;
    fs::write(
        folder.path().join("broken.yaml"),
        DESIRED.replace("  replicas: 2\n", "  replicas: 2\n   selector: {}\n"),
    )?;
    fs::create_dir(folder.path().join("empty"))?;
    let cases: [(&[&str], &str, &str); 4] = [
        (
            &["diff", "absent.yaml", "live.json"],
            "",
            "error: failed to read absent.yaml: No such file or directory (os error 2)\nhint: check the path; `-` \
             reads standard input\n",
        ),
        (
            &["diff", "empty", "live.json"],
            "",
            "error: failed to find a manifest in empty\nhint: files are read that end in .yaml, .yml or .json, outside \
             hidden folders\n",
        ),
        (
            &["diff", "broken.yaml", "live.json"],
            "0 Deployments compared; not everything could be read.\n",
            "error: broken.yaml:8:12: mapping values are not allowed in this context\n\
             hint: quote the value that holds `: `, or correct the indentation\n",
        ),
        (
            &["render", "broken.yaml"],
            "[]\n",
            "error: broken.yaml:8:12: mapping values are not allowed in this context\n\
             hint: quote the value that holds `: `, or correct the indentation\n",
        ),
    ];
    for (arguments, stdout, stderr) in cases {
        let answer = driftmend(folder.path(), "", arguments)?;
        assert_eq!(
            (answer.stdout.as_str(), answer.stderr.as_str(), answer.code),
            (stdout, stderr, Some(2)),
            "{arguments:?}"
        );
    }
    let json = driftmend(folder.path(), "", &["diff", "broken.yaml", "live.json", "-o", "json"])?;
    let told: Value = serde_json::from_str(&json.stdout)?;
    let problem = &told["problems"][0];
    assert_eq!(
        (&problem["file"], &problem["line"], &problem["column"]),
        (&json!("broken.yaml"), &json!(8), &json!(12))
    );
    assert_eq!((json.stderr.as_str(), json.code), ("", Some(2)));
    Ok(())
}

#[test]
fn a_name_that_two_namespaces_have_asks_for_the_one_that_is_meant() -> Result<()> {
    let folder = folder(a_while_ago())?;
    fs::write(
        folder.path().join("web.yaml"),
        DESIRED.replace("  namespace: shop\n", ""),
    )?;
    let both =
        json!({"apiVersion": "v1", "kind": "List", "items": [live("bar", a_while_ago()), live("shop", a_while_ago())]})
            .to_string();
    let asked = driftmend(folder.path(), &both, &["diff", "web.yaml", "-"])?;
    let expected = "error: web.yaml:1: Deployment.apps web names no namespace, and LIVE has it in several: bar, \
                    shop\nhint: say which one with -n\n";
    assert_eq!((asked.stderr.as_str(), asked.code), (expected, Some(2)));
    let named = driftmend(folder.path(), &both, &["diff", "web.yaml", "-", "-n", "shop"])?;
    assert!(
        named
            .stdout
            .starts_with("Deployment.apps shop/web            2 fields differ from web.yaml\n"),
        "{}",
        named.stdout
    );
    assert_eq!((named.stderr.as_str(), named.code), ("", Some(1)));
    Ok(())
}

#[test]
fn render_prints_what_kubectl_would_read() -> Result<()> {
    let folder = folder(a_while_ago())?;
    let document =
        "kind: List\nitems:\n- &one {kind: ConfigMap, data: {on: yes, number: 010}}\n- <<: *one\n  kind: Secret\n";
    let answer = driftmend(folder.path(), document, &["render", "-", "-o", "json"])?;
    let data = json!({"true": true, "number": 8});
    let expected = json!([{"kind": "ConfigMap", "data": data}, {"kind": "Secret", "data": data}]);
    assert_eq!(
        (serde_json::from_str::<Value>(&answer.stdout)?, answer.code),
        (expected, Some(0))
    );
    assert!(answer.stdout.ends_with("]\n"), "the last line has no end");
    let yaml = driftmend(folder.path(), "kind: ConfigMap\n", &["render", "-", "-o", "yaml"])?;
    assert_eq!(yaml.stdout, "- kind: ConfigMap\n");
    Ok(())
}

#[test]
fn crds_prints_both_definitions_or_writes_a_file_each() -> Result<()> {
    let folder = folder(a_while_ago())?;
    let printed = driftmend(folder.path(), "", &["crds"])?;
    assert_eq!((printed.stderr.as_str(), printed.code), ("", Some(0)));
    let written = driftmend(folder.path(), "", &["crds", "--output", "."])?;
    let names = [
        "./driftreports.yaml: driftreports.driftmend.dev\n",
        "./driftwatches.yaml: driftwatches.driftmend.dev\n",
    ];
    assert_eq!(written.stdout, names.concat());
    let files: Vec<String> = ["driftreports", "driftwatches"]
        .iter()
        .map(|name| {
            Ok(format!(
                "---\n{}",
                fs::read_to_string(folder.path().join(format!("{name}.yaml")))?
            ))
        })
        .collect::<Result<_>>()?;
    assert_eq!(printed.stdout, files.concat());
    driftmend(folder.path(), "", &["crds", "--output", "not/yet"])?;
    assert_eq!(
        fs::read_to_string(folder.path().join("not/yet/driftwatches.yaml"))?,
        fs::read_to_string(folder.path().join("driftwatches.yaml"))?
    );
    let file = driftmend(folder.path(), "", &["crds", "--output", "web.yaml"])?;
    assert!(
        file.stderr.starts_with("error: failed to make web.yaml: "),
        "{}",
        file.stderr
    );
    assert_eq!(file.code, Some(2));
    Ok(())
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() -> Result<()> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_driftmend"))
        .arg("crds")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // The definitions are larger than a pipe holds: closed after a few bytes, the rest meets a broken pipe.
    let mut stdout = child.stdout.take().context("no pipe")?;
    let mut start = [0; 4];
    stdout.read_exact(&mut start)?;
    drop(stdout);
    let output = child.wait_with_output()?;
    assert_eq!(
        (&start, String::from_utf8(output.stderr)?.as_str(), output.status.code()),
        (b"---\n", "", Some(0))
    );
    Ok(())
}
