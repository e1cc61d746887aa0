//! `driftmend kubectl-diff` as the program that the real `kubectl diff` calls.

use anyhow::Result;
use pretty_assertions::assert_eq;

use crate::harness::{driftmend, shared};

const WEB: &str = r#"{
  "apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
      "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
      "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
        {"name": "web", "image": "registry.example/web:1", "env": [{"name": "MODE", "value": "dev"}]}]}}}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"color": "red"}}
  ]
}"#;

#[test]
fn kubectl_diff_shows_our_words_and_passes_our_exit_code_on() -> Result<()> {
    let control_plane = shared();
    let namespace = control_plane.namespace("external-diff")?;
    let kubectl = |text: &str, arguments: &[&str]| {
        let program = format!("{} kubectl-diff", driftmend::binary().display());
        let tool = control_plane
            .tool("kubectl")?
            .environment("KUBECTL_EXTERNAL_DIFF", program);
        tool.input(text)
            .run(&[arguments, &["-n", &namespace, "-f", "-"]].concat())
    };
    kubectl(WEB, &["apply"])?.success()?;

    let same = kubectl(WEB, &["diff"])?;
    assert_eq!((same.stdout.as_str(), same.stderr.as_str(), same.code), ("", "", 0));

    let edited = WEB
        .replace("\"dev\"", "\"prod\"")
        .replace("\"red\"", "\"blue\"")
        .replace("\"replicas\": 2", "\"replicas\": 3");
    let told = kubectl(&edited, &["diff"])?;
    let expected = format!(
        "\
{:<35} 2 fields would change
  .spec.replicas
    ± value change
    - 2
    + 3
  .spec.template.spec.containers[name=\"web\"].env[name=\"MODE\"].value
    ± value change
    - dev
    + prod
{:<35} 1 field would change
",
        format!("Deployment.apps {namespace}/web"),
        format!("ConfigMap {namespace}/settings"),
    );
    assert!(told.stdout.starts_with(&expected), "{}", told.stdout);
    assert!(
        told.stdout.ends_with("2 objects compared, 2 would change.\n"),
        "{}",
        told.stdout
    );
    assert_eq!(told.code, 1, "{}", told.stderr);
    Ok(())
}
