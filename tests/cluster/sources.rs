//! Sources that cannot be read: each is told on its own watch with the way out, and every other watch goes on.

mod servers;

use std::time::Duration;

use anyhow::{Context, Result};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::git_server::Mode;
use crate::harness::{shared, shared_controller};
use crate::tenant::{Tenant, condition, deployment};

/// A shop whose watch `healthy` reads and governs the Deployment `healthy`.
fn open(prefix: &str) -> Result<Tenant<'static>> {
    shared_controller();
    let shop = Tenant::open(shared(), prefix)?;
    shop.sync("healthy/healthy.yaml", &deployment("healthy"))?;
    shop.watch("healthy", &shop.source("healthy"), &json!({}))?;
    shop.wait_until_assessed("healthy", 1)?;
    Ok(shop)
}

/// Whatever else is wrong: a drift that a healthy watch governs is told.
fn the_healthy_watch_goes_on(shop: &Tenant) -> Result<()> {
    shop.set_image("healthy", "registry.example/web:by-hand")?;
    shop.wait_for_report("healthy", "Drifted").map(drop)
}

/// A source with other values in some fields.
fn but(source: &Value, changes: Value) -> Value {
    let mut source = source.clone();
    for (key, value) in changes.as_object().into_iter().flatten() {
        source[key] = value.clone();
    }
    source
}

#[test]
fn a_branch_or_path_that_is_not_there_or_not_in_the_tree_is_told_with_what_is_there() -> Result<()> {
    let shop = open("places")?;
    shop.repository.commit_on("next", &[("a.yaml", "")], "Another branch");
    let url = shop.server.url("shop.git");
    let source = shop.source("healthy");
    for (name, changes) in [
        ("branch", json!({"revision": "mian"})),
        ("path", json!({"path": "health"})),
        ("outside", json!({"path": "../healthy"})),
        ("absolute", json!({"path": "/etc"})),
        ("revision", json!({"revision": "a..b"})),
    ] {
        shop.watch(name, &but(&source, changes), &json!({}))?;
    }

    assert_eq!(
        shop.source_failure("branch", "GitRevisionNotFound")?,
        (
            format!("failed to find the revision \"mian\" in {url}: its branches are main, next"),
            "name one of the branches or a tag in revision".to_owned(),
        )
    );
    let (message, hint) = shop.source_failure("path", "GitPathNotFound")?;
    assert!(
        message.starts_with(&format!("failed to find the path \"health\" in {url} at ")),
        "{message}"
    );
    assert!(message.contains("has healthy"), "{message}");
    assert_eq!(hint, "name a folder or file of that commit in path");
    // A folder that was meant from the root of the repository is told as it is to be written.
    shop.watch("rooted", &but(&source, json!({"path": "/healthy/"})), &json!({}))?;
    let (message, _) = shop.source_failure("rooted", "InvalidPath")?;
    let cure =
        "the path \"/healthy/\" is absolute: write it as \"healthy\", since paths begin at the root of the repository";
    assert_eq!(message, format!("spec.source.git.path: {cure}"));
    for (name, path) in [("outside", "../healthy"), ("absolute", "/etc")] {
        let (message, _) = shop.source_failure(name, "InvalidPath")?;
        assert!(
            message.starts_with("spec.source.git.path: ") && message.contains(path),
            "{message}"
        );
    }
    let (message, _) = shop.source_failure("revision", "InvalidRevision")?;
    assert!(message.starts_with("spec.source.git.revision: "), "{message}");
    the_healthy_watch_goes_on(&shop)
}

#[test]
fn manifests_that_cannot_be_read_faithfully_are_told_with_file_line_and_column() -> Result<()> {
    let shop = open("manifests")?;
    let twice = format!("{}---\n{}", deployment("one"), deployment("one"));
    let here_and_there = deployment("one").replace(
        "  name: one\n",
        &format!("  name: one\n  namespace: {}\n", shop.namespace),
    );
    let broken = deployment("one").replace("  replicas: 0\n", "  replicas: 0\n   selector: x\n");
    let nameless = deployment("one").replace("  name: one\n", "  labels: {app: one}\n");
    shop.repository.commit(
        &[
            ("broken/web.yaml", &broken),
            ("twice/web.yaml", &twice),
            ("implied/a.yaml", &deployment("one")),
            ("implied/b.yaml", &here_and_there),
            ("nameless/web.yaml", &nameless),
            ("folder/kustomization.yaml", "resources: [web.yaml]\n"),
            ("folder/web.yaml", &deployment("one")),
        ],
        "Manifests that are wrong",
    );
    for name in ["broken", "twice", "implied", "nameless", "folder"] {
        shop.watch(name, &shop.source(name), &json!({}))?;
    }

    let (message, _) = shop.source_failure("broken", "RenderFailed")?;
    assert!(
        message.contains(" cannot be rendered faithfully: broken/web.yaml:7:"),
        "{message}"
    );
    let (message, _) = shop.source_failure("nameless", "RenderFailed")?;
    assert!(
        message.ends_with("nameless/web.yaml:1: the document has no `metadata.name`"),
        "{message}"
    );
    let (message, hint) = shop.source_failure("twice", "RenderFailed")?;
    assert!(
        message.contains("twice/web.yaml:17: ")
            && message.ends_with("one is described twice, first at twice/web.yaml:1"),
        "{message}"
    );
    assert!(!hint.is_empty());
    let (message, _) = shop.source_failure("implied", "RenderFailed")?;
    assert!(
        message.contains("implied/b.yaml") && message.contains("described twice, first at implied/a.yaml:1"),
        "{message}"
    );
    let (message, hint) = shop.source_failure("folder", "NotPlainYaml")?;
    assert!(message.contains("folder/kustomization.yaml"), "{message}");
    assert!(!hint.is_empty());
    the_healthy_watch_goes_on(&shop)
}

#[test]
fn what_a_watch_may_not_or_does_not_want_to_govern_is_counted_in_its_status() -> Result<()> {
    shared_controller();
    let shop = Tenant::open(shared(), "others")?;
    let elsewhere = shared().namespace("elsewhere")?;
    let foreign = deployment("foreign").replace(
        "  name: foreign\n",
        &format!("  name: foreign\n  namespace: {elsewhere}\n"),
    );
    let labelled = deployment("front").replace("  name: front\n", "  name: front\n  labels: {tier: front}\n");
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n";
    let stateful = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\n";
    let all = [labelled.as_str(), &deployment("back"), &foreign, service, stateful].join("---\n");
    shop.repository.commit(&[("all.yaml", &all)], "Of all kinds");
    shared().apply(&foreign)?;
    shop.kubectl(&["apply", "-f", "-"], &format!("{labelled}---\n{}", deployment("back")))?;
    shop.watch(
        "front",
        &shop.source(""),
        &json!({"selector": {"matchLabels": {"tier": "front"}}}),
    )?;
    shop.wait_until_assessed("front", 1)?;

    let watch = shop.get("driftwatch/front")?;
    assert_eq!(
        watch["status"]["notGoverned"],
        json!([
            "1 Service",
            "1 StatefulSet",
            "1 Deployment of other namespaces",
            "1 Deployment outside the selector"
        ])
    );

    // Neither is governed: a change of theirs gives no report, while one of the selected does.
    shared()
        .kubectl(&["set", "image", "deployment/foreign", "web=x", "-n", &elsewhere])?
        .success()?;
    shop.set_image("back", "registry.example/web:by-hand")?;
    shop.set_image("front", "registry.example/web:by-hand")?;
    let first = shop.wait_for_plan("front", "")?;
    // With the second plan of the selected one, a report of the others, which changed before the first, would long be
    // there.
    shop.set_image("front", "registry.example/web:by-another-hand")?;
    shop.wait_for_plan("front", &first)?;
    assert_eq!(shop.get("driftreport/back")?, Value::Null);
    let reports = shared()
        .kubectl(&["get", "driftreports", "-n", &elsewhere, "--output=name"])?
        .success()?;
    assert_eq!(reports, "");
    Ok(())
}

#[test]
fn urls_that_a_tenant_may_not_name_are_refused() -> Result<()> {
    let shop = open("urls")?;
    let source = shop.source("healthy");
    for (name, url, problem) in [
        (
            "file",
            "file:///etc",
            "unsupported scheme \"file\" in the repository URL: use https:// or ssh:// (or git@host:path)",
        ),
        (
            "password",
            "http://robot:hunter2@127.0.0.1:1/shop.git",
            "the repository URL holds credentials: name a Secret in secretRef instead",
        ),
        (
            "metadata",
            "http://169.254.169.254/latest/meta-data",
            "the repository URL leads to 169.254.169.254, a link-local address, which is refused",
        ),
        (
            "private",
            "https://10.0.0.7/shop.git",
            "the repository URL leads to 10.0.0.7, an address of a denied range, which is refused",
        ),
    ] {
        shop.watch(name, &but(&source, json!({"url": url})), &json!({}))?;
        let (message, hint) = shop.source_failure(name, "InvalidURL")?;
        assert_eq!(message, format!("spec.source.git.url: {problem}"));
        // Only what an administrator may allow has a way out.
        let way_out = if name == "private" {
            "an administrator may list 10.0.0.7 in git.allowedHosts of the chart"
        } else {
            ""
        };
        assert_eq!(hint, way_out, "{name}");
    }
    let log = shared_controller().log();
    assert!(!log.contains("hunter2"), "the log holds a password");
    the_healthy_watch_goes_on(&shop)
}

#[test]
fn the_last_revision_stays_in_force_while_a_fetch_fails_and_no_plan_is_made_when_it_is_too_old() -> Result<()> {
    shared_controller();
    let shop = Tenant::open(shared(), "stale")?;
    shop.sync(
        "web.yaml",
        &format!("{}---\n{}", deployment("early"), deployment("late")),
    )?;
    // Git is asked each second; a machine that does something else meanwhile takes longer for it, but not that long.
    shop.watch("all", &but(&shop.source(""), json!({"maxAge": "15s"})), &json!({}))?;
    let revision = shop.wait_until_assessed("all", 2)?["status"]["revision"].clone();
    shop.set_image("early", "registry.example/web:by-hand")?;
    shop.wait_for_plan("early", "")?;

    shop.server.set_mode(Mode::Refuse);
    let watch = shop.wait_for("driftwatch/all", "a failure", |watch| {
        watch["status"]["sourceFailure"]["reason"] == "GitUnreachable"
    })?;
    let ready = condition(&watch, "Ready");
    assert_eq!(
        (&ready["status"], &ready["reason"]),
        (&json!("True"), &json!("LastRevisionInForce"))
    );
    assert_eq!(
        (&watch["status"]["revision"], &watch["status"]["counts"]["governed"]),
        (&revision, &json!(2))
    );
    // It last answered before it failed; a second more, since that time is told in whole ones.
    std::thread::sleep(Duration::from_secs(17));
    shop.set_image("late", "registry.example/web:by-hand")?;
    let report = shop.wait_for_report("late", "Drifted")?;
    let plan = condition(&report, "PlanReady");
    assert_eq!(
        (&report["status"]["plan"], &plan["status"]),
        (&Value::Null, &json!("False"))
    );
    let why = plan["message"].as_str().context("no message")?;
    assert!(
        why.starts_with("the source last answered ") && why.ends_with("longer than maxAge: no plan is made from it"),
        "{why}"
    );

    // It answers again: the failure goes, and the plan comes by itself.
    shop.server.set_mode(Mode::Serve);
    shop.wait_for_plan("late", "")?;
    let watch = shop.wait_for("driftwatch/all", "no failure", |watch| {
        watch["status"]["sourceFailure"].is_null()
    })?;
    assert_eq!(condition(&watch, "Ready")["reason"], "Assessing");
    Ok(())
}
