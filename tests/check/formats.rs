//! The JSON and the SARIF of a check.

use std::fs;

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::run::{DESIRED, a_while_ago, driftmend, folder};
use super::{REFUSED, SERVICE, two_handlers};

#[test]
fn the_json_has_the_promised_shape_and_the_places() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let answer = driftmend(
        folder.path(),
        &format!("{}{SERVICE}", two_handlers()),
        &["check", "-", "-o", "json"],
    )?;
    let mut told: Value = serde_json::from_str(&answer.stdout)?;
    assert!(told["objects"][0]["summary"].take().is_string());
    let field = "spec.template.spec.containers[0].livenessProbe.tcpSocket";
    let expected = json!({
        "objects": [{
            "object": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"},
            "phase": "Conflicted",
            "summary": null,
            "fields": [],
            "prediction": null,
            "refusals": [{"reason": "FieldValueForbidden", "field": field,
                          "message": "Forbidden: may not specify more than 1 handler type"}],
            "findings": [],
            "places": [{"field": field, "file": "-", "line": 20}],
            "warnings": [{"rule": "read-otherwise", "path": ".spec.replicas", "file": "-", "line": 8,
                "message": "the key is set twice, first on line 7: kubectl takes the last value"}],
        }],
        "problems": [],
        "skipped": {"Service": 1},
    });
    assert_eq!((told, answer.stderr.as_str(), answer.code), (expected, "", Some(1)));
    let yaml = driftmend(folder.path(), DESIRED, &["check", "-", "-o", "yaml"])?;
    assert!(
        yaml.stdout
            .starts_with("objects:\n- object:\n    apiVersion: apps/v1\n")
            && yaml.code == Some(0),
        "{}",
        yaml.stdout
    );
    Ok(())
}

#[test]
fn sarif_points_code_hosts_at_file_and_line() -> Result<()> {
    let folder = folder(a_while_ago())?;
    fs::create_dir(folder.path().join("deploy"))?;
    fs::write(folder.path().join("deploy/web.yaml"), two_handlers())?;
    fs::write(
        folder.path().join("deploy/broken.yaml"),
        "kind: Deployment\n spec: {}\n",
    )?;
    // By its absolute path: what lies below the folder that the command runs in is relative to it all the same.
    let deploy = fs::canonicalize(folder.path())?.join("deploy").display().to_string();
    let answer = driftmend(folder.path(), "", &["check", &deploy, "-o", "sarif"])?;
    let expected = include_str!("refused.sarif").replace("VERSION", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (answer.stdout, answer.stderr.as_str(), answer.code),
        (expected, "", Some(2))
    );
    Ok(())
}

#[test]
fn what_cannot_be_read_is_told_with_exit_code_2_and_in_the_sarif_log() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(
        folder.path().join("web.yaml"),
        format!("{}---\na: b: c\n", two_handlers()),
    )?;
    let broken = driftmend(folder.path(), "", &["check", "web.yaml"])?;
    let stdout = format!("{REFUSED}1 Deployment checked, it is refused; not everything could be read.\n");
    let stderr = "error: web.yaml:22:5: mapping values are not allowed in this context\n\
                  hint: quote the value that holds `: `, or correct the indentation\n";
    assert_eq!(
        (broken.stdout, broken.stderr.as_str(), broken.code),
        (stdout, stderr, Some(2))
    );
    let absent = driftmend(folder.path(), "", &["check", "absent.yaml", "-o", "sarif"])?;
    let log: Value = serde_json::from_str(&absent.stdout)?;
    let invocation = &log["runs"][0]["invocations"][0];
    let message =
        "failed to read absent.yaml: No such file or directory (os error 2); check the path; `-` reads standard input";
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(invocation["toolExecutionNotifications"][0]["message"]["text"], message);
    let stderr = "error: failed to read absent.yaml: No such file or directory (os error 2)\nhint: check the path; `-` \
                  reads standard input\n";
    assert_eq!((absent.stderr.as_str(), absent.code), (stderr, Some(2)));
    Ok(())
}
