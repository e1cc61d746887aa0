//! `kubectl-diff`, with folders as kubectl lays them out.

use std::fs;
use std::path::Path;

use anyhow::Result;
use pretty_assertions::assert_eq;

use super::driftmend;

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, generation: 1}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: web:1, env: [{name: MODE, value: a}, {name: DB_PASSWORD, value: secret-1}]}
";

const MAP: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: shop}\ndata: {a: x}\nimmutable: false\n";

fn sides(files: &[(&str, &str, &str)]) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for side in ["LIVE-1", "MERGED-1"] {
        fs::create_dir(folder.path().join(side))?;
    }
    for (name, live, merged) in files {
        fs::write(folder.path().join("LIVE-1").join(name), live)?;
        fs::write(folder.path().join("MERGED-1").join(name), merged)?;
    }
    Ok(folder)
}

fn run(folder: &Path) -> Result<(String, String, Option<i32>)> {
    let answer = driftmend(folder, "", &["kubectl-diff", "LIVE-1", "MERGED-1"])?;
    Ok((answer.stdout, answer.stderr, answer.code))
}

#[test]
fn shows_what_an_apply_would_change_by_list_keys_and_masked() -> Result<()> {
    let merged = DEPLOYMENT
        .replace("generation: 1", "generation: 2")
        .replace("replicas: 2", "replicas: 3")
        .replace("secret-1", "secret-2");
    let map = MAP.replace("immutable: false", "immutable: true");
    let new = MAP.replace("name: web", "name: new");
    let folder = sides(&[
        ("apps.v1.Deployment.shop.web", DEPLOYMENT, &merged),
        ("v1.ConfigMap.shop.web", MAP, &map),
        ("v1.ConfigMap.shop.new", "", &new),
        ("v1.ConfigMap.shop.old", &new, ""),
        ("v1.ConfigMap.shop.same", MAP, MAP),
    ])?;
    let expected = "\
Deployment.apps shop/web            2 fields would change
  .spec.replicas
    ± value change
    - 2
    + 3
  .spec.template.spec.containers[name=\"web\"].env[name=\"DB_PASSWORD\"].value
    ± value change
    - (masked)
    + (masked)
ConfigMap shop/new                  would be created
ConfigMap shop/new                  would be deleted
ConfigMap shop/web                  1 field would change
  .immutable
    ± value change
    - false
    + true
5 objects compared, 4 would change.
";
    assert_eq!(run(folder.path())?, (expected.to_owned(), String::new(), Some(1)));
    // As kubectl calls it: the folders first.
    let called = driftmend(folder.path(), "", &["LIVE-1", "MERGED-1", "kubectl-diff"])?;
    assert_eq!(
        (called.stdout.as_str(), called.code),
        (expected, Some(1)),
        "{}",
        called.stderr
    );
    Ok(())
}

#[test]
fn says_nothing_where_nothing_would_change_and_with_2_where_something_cannot_be_read() -> Result<()> {
    let same = sides(&[("apps.v1.Deployment.shop.web", DEPLOYMENT, DEPLOYMENT)])?;
    assert_eq!(run(same.path())?, (String::new(), String::new(), Some(0)));
    let broken = sides(&[("apps.v1.Deployment.shop.web", DEPLOYMENT, "a: [\n")])?;
    let (stdout, stderr, code) = run(broken.path())?;
    assert!(
        stdout.is_empty() && stderr.starts_with("error: MERGED-1/apps.v1.Deployment.shop.web:"),
        "{stderr}"
    );
    assert_eq!(code, Some(2));
    Ok(())
}
