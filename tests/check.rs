//! `driftmend check` without a cluster: exit codes, texts, JSON and SARIF as a script, a code host or a person gets
//! them.
#![cfg(feature = "edge")]
// A test says what it needed by failing; clippy knows only functions marked as tests for one.
#![allow(clippy::expect_used, clippy::panic)]

#[path = "check/daemon_set.rs"]
mod daemon_set;
#[path = "check/formats.rs"]
mod formats;
// Only a part of it is used here.
#[allow(unused_imports)]
#[path = "harness/git_server/mod.rs"]
mod git_server;
#[path = "command_line/run.rs"]
mod run;

use std::fs;

use anyhow::Result;
use git_server::{GitServer, Options, Repository};
use pretty_assertions::assert_eq;
use run::{DESIRED, a_while_ago, driftmend, folder, live};
use serde_json::json;

/// The incident's Deployment with both handlers in one probe, and a key set twice.
fn two_handlers() -> String {
    DESIRED.replace("  replicas: 2\n", "  replicas: 1\n  replicas: 2\n") + "            tcpSocket: {port: 8080}\n"
}

const SERVICE: &str = "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\n";

/// What is told of [`two_handlers`].
const REFUSED: &str = "\
Deployment.apps shop/web            the API server refuses it as it is
  web.yaml:20: spec.template.spec.containers[0].livenessProbe.tcpSocket
    Forbidden: may not specify more than 1 handler type
  warning: web.yaml:8: the key is set twice, first on line 7: kubectl takes the last value
";

#[test]
fn a_manifest_that_the_server_refuses_is_told_with_its_line_and_exit_code_1() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let api = DESIRED.replace("name: web\n", "name: api\n");
    fs::write(
        folder.path().join("web.yaml"),
        format!("{}{SERVICE}---\n{api}", two_handlers()),
    )?;
    let answer = driftmend(folder.path(), "", &["check", "web.yaml"])?;
    let expected = format!("{REFUSED}2 Deployments checked, 1 is refused; passed over: 1 Service.\n");
    assert_eq!(
        (answer.stdout, answer.stderr.as_str(), answer.code),
        (expected, "", Some(1))
    );
    let piped = driftmend(folder.path(), &two_handlers(), &["check", "-", "-n", "bar"])?;
    let expected = format!(
        "{}1 Deployment checked, it is refused.\n",
        REFUSED.replace("web.yaml:", "-:")
    );
    assert_eq!((piped.stdout, piped.code), (expected, Some(1)));
    Ok(())
}

#[test]
fn a_value_of_a_wrong_type_is_told_with_its_line() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(
        folder.path().join("web.yaml"),
        DESIRED.replace("replicas: 2", "replicas: \"2\""),
    )?;
    let answer = driftmend(folder.path(), "", &["check", "."])?;
    let expected = "\
Deployment.apps shop/web            the API server refuses it as it is
  ./web.yaml:7
    Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string \
into Go struct field DeploymentSpec.spec.replicas of type int32
1 Deployment checked, it is refused.
";
    assert_eq!((answer.stdout.as_str(), answer.code), (expected, Some(1)));
    Ok(())
}

#[test]
fn a_version_that_is_no_longer_served_is_told_at_its_line() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let old = DESIRED.replace("apps/v1", "extensions/v1beta1");
    let answer = driftmend(folder.path(), &old, &["check", "-"])?;
    let expected = "\
Deployment.extensions shop/web      the API server refuses it as it is
  -:1
    no matches for kind \"Deployment\" in version \"extensions/v1beta1\"
1 Deployment checked, it is refused.
";
    assert_eq!((answer.stdout.as_str(), answer.code), (expected, Some(1)));
    Ok(())
}

#[test]
fn a_folder_of_a_repository_is_checked_at_a_revision() -> Result<()> {
    let folder = folder(a_while_ago())?;
    let repository = Repository::create(folder.path(), "shop.git");
    repository.commit_on("fix", &[("deploy/web.yaml", DESIRED)], "One handler");
    repository.commit_on("both", &[("deploy/web.yaml", &two_handlers())], "Two handlers");
    let server = GitServer::start(folder.path(), &Options::default());
    let place = |revision: &str| format!("git+{}//deploy?ref={revision}", server.url("shop.git"));
    let accepted = driftmend(folder.path(), "", &["check", &place("fix")])?;
    assert_eq!(
        (accepted.stdout.as_str(), accepted.stderr.as_str(), accepted.code),
        ("1 Deployment checked, none is refused.\n", "", Some(0))
    );
    let refused = driftmend(folder.path(), "", &["check", &place("both")])?;
    let expected = format!(
        "{}1 Deployment checked, it is refused.\n",
        REFUSED.replace("web.yaml:", "deploy/web.yaml:")
    );
    assert_eq!(
        (refused.stdout, refused.stderr.as_str(), refused.code),
        (expected, "", Some(1))
    );
    Ok(())
}

#[test]
fn warnings_are_told_and_do_not_count() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let text = DESIRED.replace("  replicas: 2\n", "  replicas: 1\n  replicas: 2\n  hostNetwork: true\n");
    let answer = driftmend(folder.path(), &text, &["check", "-"])?;
    let expected = "\
Deployment.apps shop/web            the API server takes it
  warning: -:8: the key is set twice, first on line 7: kubectl takes the last value
  warning: -:9: .spec.hostNetwork has no effect: the API does not know this field
1 Deployment checked, none is refused.
";
    assert_eq!(
        (answer.stdout.as_str(), answer.stderr.as_str(), answer.code),
        (expected, "", Some(0))
    );
    Ok(())
}

#[test]
fn a_refusal_over_the_live_object_points_at_the_nearest_parent_in_the_manifest() -> Result<()> {
    let patched = a_while_ago();
    let folder = folder(patched)?;
    let alone = driftmend(folder.path(), "", &["check", "web.yaml"])?;
    assert_eq!(
        (alone.stdout.as_str(), alone.code),
        ("1 Deployment checked, none is refused.\n", Some(0))
    );
    let answer = driftmend(folder.path(), "", &["check", "web.yaml", "--live", "live.json"])?;
    let expected = format!(
        "\
Deployment.apps shop/web            the API server refuses it over the live object
  next sync (client-side-apply): will be refused by the API server
    web.yaml:17: spec.template.spec.containers[0].livenessProbe.tcpSocket
      Forbidden: may not specify more than 1 handler type
  [ERROR] next-sync-refused: the API server will refuse the next sync, because livenessProbe of container web has \
httpGet in Git, tcpSocket in the cluster (kubectl-patch, since {patched})
    · Restore makes it what Git says by a write of ours (one roll-out); HandBack names what is in the way in the \
last-applied annotation (nothing else), so that the next sync of kubectl-client-side-apply removes it (one roll-out, \
at that sync); if the change in the cluster is right, commit it to Git (no roll-out)
1 Deployment checked, it is refused; held against live objects: 1, new: 0.
"
    );
    assert_eq!(
        (answer.stdout, answer.stderr.as_str(), answer.code),
        (expected, "", Some(1))
    );
    // A PUT has nothing of the live probe in it.
    let replaced = driftmend(
        folder.path(),
        "",
        &["check", "web.yaml", "--live", "live.json", "--strategy", "replace"],
    )?;
    assert_eq!(
        (replaced.stdout.as_str(), replaced.code),
        (
            "1 Deployment checked, none is refused; held against live objects: 1, new: 0.\n",
            Some(0)
        )
    );
    Ok(())
}

#[test]
fn the_lines_are_right_although_the_live_object_has_another_container_before() -> Result<()> {
    let folder = folder(a_while_ago())?;
    let mut live = live("shop", a_while_ago());
    let containers = &mut live["spec"]["template"]["spec"]["containers"];
    *containers = json!([{"name": "sidecar", "image": "registry.example/sidecar:1"}, containers[0]]);
    let answer = driftmend(folder.path(), &live.to_string(), &["check", "web.yaml", "--live", "-"])?;
    // Client-side apply puts Git's containers first, server-side apply keeps the order of live.
    assert!(
        answer
            .stdout
            .contains("    web.yaml:17: spec.template.spec.containers["),
        "{}",
        answer.stdout
    );
    let strategy = ["check", "web.yaml", "--live", "-", "--strategy", "server-side-apply"];
    let answer = driftmend(folder.path(), &live.to_string(), &strategy)?;
    assert!(
        answer
            .stdout
            .contains("    web.yaml:17: spec.template.spec.containers[1].livenessProbe.tcpSocket\n"),
        "{}",
        answer.stdout
    );
    Ok(())
}

#[test]
fn a_conflict_counts_as_a_refusal_and_a_new_deployment_does_not() -> Result<()> {
    let folder = folder(a_while_ago())?;
    let mut live = live("shop", a_while_ago());
    live["spec"]["replicas"] = json!(5);
    let entry = json!({"manager": "scaler", "operation": "Update", "apiVersion": "apps/v1",
                       "time": "2026-01-02T03:04:05Z",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}});
    live["metadata"]["managedFields"] = json!([entry]);
    let strategy = [
        "check",
        "web.yaml",
        "--live",
        "-",
        "--strategy",
        "server-side-apply",
        "--no-force",
    ];
    let answer = driftmend(folder.path(), &live.to_string(), &strategy)?;
    let expected = "\
Deployment.apps shop/web            the next sync meets a conflict with the live object
  next sync (server-side-apply): meets a conflict (409)
    web.yaml:7: .spec.replicas
      conflict with \"scaler\" using apps/v1
1 Deployment checked, it is refused; held against live objects: 1, new: 0.
";
    assert_eq!((answer.stdout.as_str(), answer.code), (expected, Some(1)));
    let nothing = r#"{"apiVersion": "v1", "kind": "List", "items": []}"#;
    let new = driftmend(folder.path(), nothing, &["check", "web.yaml", "--live", "-"])?;
    assert_eq!(
        (new.stdout.as_str(), new.code),
        (
            "1 Deployment checked, none is refused; held against live objects: 0, new: 1.\n",
            Some(0)
        )
    );
    Ok(())
}

#[test]
fn what_is_not_live_yet_is_created_by_the_strategy() -> Result<()> {
    let folder = folder(a_while_ago())?;
    let nothing = r#"{"apiVersion": "v1", "kind": "List", "items": []}"#;
    let container = json!({"name": "app", "image": "registry.example/new:1", "limits": {"cpu": "1"},
        "ports": [{"name": "http", "containerPort": 80}, {"name": "https", "containerPort": 80}]});
    let manifest = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "new"},
        "spec": {
            "selector": {"matchLabels": {"app": "new"}},
            "template": {"metadata": {"labels": {"app": "new"}}, "spec": {"containers": [container]}},
        },
    });
    fs::write(folder.path().join("new.json"), serde_json::to_string_pretty(&manifest)?)?;
    let checked = |more: &[&str]| {
        driftmend(
            folder.path(),
            nothing,
            &[&["check", "new.json", "--live", "-", "-n", "shop"], more].concat(),
        )
    };
    let answer = checked(&["--strategy", "server-side-apply"])?;
    let told = "\
Deployment.apps shop/new            the API server refuses to create it
  next sync (server-side-apply): will be refused by the API server
    new.json:23: .spec.template.spec.containers[name=\"app\"].limits
      field not declared in schema
    new.json:27: .spec.template.spec.containers[name=\"app\"].ports
      duplicate entries for key [containerPort=80,protocol=\"TCP\"]
";
    assert!(answer.stdout.starts_with(told), "{}", answer.stdout);
    assert!(
        answer
            .stdout
            .ends_with("1 Deployment checked, it is refused; held against live objects: 0, new: 1.\n"),
        "{}",
        answer.stdout
    );
    assert_eq!(answer.code, Some(1));
    // A POST takes them, and forgets the field, unless it is asked to be strict.
    assert_eq!(checked(&["--strategy", "client-side-apply"])?.code, Some(0));
    let answer = checked(&["--strategy", "client-side-apply", "--validate", "strict"])?;
    let told = "  new.json:23\n    Deployment in version \"v1\" cannot be handled as a Deployment: \
                strict decoding error: unknown field \"spec.template.spec.containers[0].limits\"\n";
    assert!(answer.stdout.contains(told), "{}", answer.stdout);
    assert_eq!(answer.code, Some(1));
    assert_eq!(
        driftmend(folder.path(), "", &["check", "new.json", "--validate", "strict"])?.code,
        Some(1)
    );
    assert_eq!(driftmend(folder.path(), "", &["check", "new.json"])?.code, Some(0));
    Ok(())
}

#[test]
fn arguments_that_do_not_go_together_are_told() -> Result<()> {
    let folder = folder(a_while_ago())?;
    for (arguments, part) in [
        (
            ["web.yaml", "--live", "live.json", "--cluster"].as_slice(),
            "the argument '--live <PATH>' cannot be used with '--cluster'",
        ),
        (
            &["web.yaml", "--strategy", "replace"],
            "hint: give them with --live or --cluster",
        ),
        (
            &["web.yaml", "--live", "live.json", "--manager", "me"],
            "--strategy <STRATEGY>",
        ),
        (
            &["web.yaml", "--context", "prod"],
            "error: --kubeconfig and --context are only for --cluster",
        ),
        (
            &["-", "--live", "-"],
            "error: PATH and --live cannot both be standard input",
        ),
    ] {
        let answer = driftmend(folder.path(), "", &[&["check"], arguments].concat())?;
        assert!(answer.stderr.contains(part), "{arguments:?}: {}", answer.stderr);
        assert_eq!((answer.stdout.as_str(), answer.code), ("", Some(2)), "{arguments:?}");
    }
    Ok(())
}
