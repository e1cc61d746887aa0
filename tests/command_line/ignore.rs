//! `diff --ignore-from` and `--managers`: other tools' rules, and whose hand a manager is.

use std::fs;

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{a_while_ago, driftmend, folder};

/// An Application whose rules cover both fields of the incident: one by JSON Pointer, one by jq.
const APPLICATION: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec:
  ignoreDifferences:
    - group: apps
      kind: Deployment
      jsonPointers: [/spec/template/spec/containers/0/livenessProbe/httpGet]
      jqPathExpressions: ['.spec.template.spec.containers[] | select(.name == "web") | .livenessProbe.tcpSocket']
"#;

#[test]
fn what_an_application_ignores_is_counted_with_its_reason_and_is_no_drift() -> Result<()> {
    let folder = folder(a_while_ago())?;
    fs::write(folder.path().join("application.yaml"), APPLICATION)?;
    let arguments = ["diff", "web.yaml", "live.json", "--ignore-from", "application.yaml"];
    let answer = driftmend(folder.path(), "", &arguments)?;
    assert_eq!(
        (answer.stdout.as_str(), answer.stderr.as_str(), answer.code),
        ("1 Deployment compared, nothing drifted.\n", "", Some(0))
    );
    let json = driftmend(folder.path(), "", &[&arguments[..], &["-o", "json"]].concat())?;
    let told: Value = serde_json::from_str(&json.stdout)?;
    let fields: Vec<_> = told["objects"][0]["fields"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|field| (&field["severity"], &field["reason"]))
        .collect();
    let pointer = json!("Application argocd/shop ignores /spec/template/spec/containers/0/livenessProbe/httpGet");
    let jq = json!(
        "Application argocd/shop ignores .spec.template.spec.containers[] | select(.name == \"web\") | \
         .livenessProbe.tcpSocket"
    );
    assert_eq!(fields, [(&json!("ignored"), &pointer), (&json!("ignored"), &jq)]);
    Ok(())
}

#[test]
fn a_jq_expression_that_never_ends_is_killed_and_told_with_its_line_while_the_rest_goes_on() -> Result<()> {
    let folder = folder(a_while_ago())?;
    for (expression, reason) in [
        ("def f: f; f", "did not end within 1 s"),
        (".[[range(1000000000000)] | length]", ""),
        // One block that is within the address space which the allocator would like to have, and beyond the limit.
        (
            "(\"x\" * 200000000) as $text | .spec.replicas",
            "it takes more than 128 MiB of memory",
        ),
        (".spec.[", "is not a jq expression: it"),
    ] {
        let rules = APPLICATION.replace(
            ".livenessProbe.tcpSocket']",
            &format!(".livenessProbe.tcpSocket', '{expression}']"),
        );
        fs::write(folder.path().join("application.yaml"), rules)?;
        let answer = driftmend(
            folder.path(),
            "",
            &["diff", "web.yaml", "live.json", "--ignore-from", "application.yaml"],
        )?;
        assert!(
            answer.stderr.starts_with("error: application.yaml:10: ") && answer.stderr.contains(reason),
            "{}",
            answer.stderr
        );
        assert!(
            answer.stderr.contains("\nhint: the rule is not in force; "),
            "{}",
            answer.stderr
        );
        // The other two rules held.
        assert_eq!(
            answer.stdout,
            "1 Deployment compared, nothing drifted there; not everything could be read.\n"
        );
        assert_eq!(answer.code, Some(2), "{expression}");
    }
    Ok(())
}

#[test]
fn a_file_without_rules_says_what_is_read() -> Result<()> {
    let folder = folder(a_while_ago())?;
    let answer = driftmend(
        folder.path(),
        "",
        &["diff", "web.yaml", "web.yaml", "--ignore-from", "web.yaml"],
    )?;
    let expected = "error: web.yaml: the file holds nothing that has ignore rules\nhint: give an Argo CD Application \
                    or argocd-cm, a Flux Kustomization or HelmRelease, or a DriftWatch\n";
    assert_eq!((answer.stderr.as_str(), answer.code), (expected, Some(2)));
    Ok(())
}

#[test]
fn a_users_own_table_says_who_stands_behind_a_manager() -> Result<()> {
    let folder = folder(a_while_ago())?;
    fs::write(
        folder.path().join("managers.yaml"),
        "kubectl-*: Controller\nkubectl-patch: Unknown\n",
    )?;
    let answer = driftmend(
        folder.path(),
        "",
        &["diff", "web.yaml", "live.json", "--managers", "managers.yaml"],
    )?;
    assert!(
        answer
            .stdout
            .contains("+ only in the cluster   kubectl-patch, 14 min ago   drift"),
        "{}",
        answer.stdout
    );
    fs::write(folder.path().join("managers.yaml"), "kubectl-*: Robot\n")?;
    let wrong = driftmend(
        folder.path(),
        "",
        &["diff", "web.yaml", "live.json", "--managers", "managers.yaml"],
    )?;
    assert!(
        wrong.stderr.starts_with("error: failed to read managers.yaml: ") && wrong.stderr.contains("Robot"),
        "{}",
        wrong.stderr
    );
    assert!(
        wrong
            .stderr
            .ends_with("\nhint: write one `MANAGER: KIND` a line, with Person, Controller or Unknown for the kind\n"),
        "{}",
        wrong.stderr
    );
    assert_eq!(wrong.code, Some(2));
    Ok(())
}

#[test]
fn a_field_of_git_without_effect_is_a_warning_with_its_line_and_counts_for_nothing() -> Result<()> {
    let folder = folder(a_while_ago())?;
    let manifest = fs::read_to_string(folder.path().join("web.yaml"))?
        .replace("  replicas: 2\n", "  replicas: 2\n  replicaCount: 3\n");
    fs::write(folder.path().join("web.yaml"), &manifest)?;
    fs::write(
        folder.path().join("live.yaml"),
        manifest.replace("  replicaCount: 3\n", ""),
    )?;
    let answer = driftmend(folder.path(), "", &["diff", "web.yaml", "live.yaml"])?;
    let expected = "\
Deployment.apps shop/web            no field differs from web.yaml
  warning: web.yaml:8: .spec.replicaCount has no effect: the API does not know this field
1 Deployment compared, nothing drifted.
";
    assert_eq!(
        (answer.stdout.as_str(), answer.stderr.as_str(), answer.code),
        (expected, "", Some(0))
    );
    Ok(())
}

#[test]
fn values_of_secrets_that_stand_beside_are_masked_wherever_they_are() -> Result<()> {
    let folder = folder(a_while_ago())?;
    let web = fs::read_to_string(folder.path().join("web.yaml"))?;
    fs::write(
        folder.path().join("git.yaml"),
        format!(
            "{web}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: db, namespace: shop}}\nstringData: {{plain: \
             swordfish-9}}\n"
        ),
    )?;
    fs::write(
        folder.path().join("live.yaml"),
        web.replace(
            "image: registry.example/web:1",
            "image: registry.example/web:1\n          args: [--motto=swordfish-9]",
        ),
    )?;
    let answer = driftmend(folder.path(), "", &["diff", "git.yaml", "live.yaml"])?;
    assert!(
        answer.stdout.contains("--motto=(masked)") && !answer.stdout.contains("swordfish"),
        "{}",
        answer.stdout
    );
    Ok(())
}
