//! What a repository or a person in the cluster made to move a cursor or hide a line is told as what it is: in status,
//! Events, log and on the terminal.

use anyhow::{Context, Result};
use driftmend::report::printer::is_raw;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::installation;
use crate::shop::{Shop, Sync, manifest, text};

/// Clears a screen, forges a line, turns round what follows, and hides the rest.
const HOSTILE: &str = "x\u{1b}[2J\nPlan 000000000000: nothing to do\u{202e}\u{200b}\u{9b}31m";

/// All that stands in strings, keys included.
fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(entries) => entries
            .iter()
            .flat_map(|(key, value)| [vec![key.clone()], strings(value)].concat())
            .collect(),
        _ => Vec::new(),
    }
}

fn assert_clean(what: &str, value: &Value, wanted: &str) {
    let all = strings(value);
    let raw: Vec<&String> = all
        .iter()
        .filter(|text| text.contains(|c| c != '\n' && is_raw(c)))
        .collect();
    assert_eq!(raw, Vec::<&String>::new(), "{what}");
    assert!(
        all.iter().any(|text| text.contains(wanted)),
        "{what} does not tell of it at all: {value:#}"
    );
}

#[test]
fn what_comes_from_outside_is_escaped_everywhere_and_who_approves_sees_the_repository() -> Result<()> {
    let shared = installation::shared()?;
    let shop = Shop::open(
        &shared.installation.control_plane,
        "hostile",
        Sync::ClientSide,
        &manifest(&json!({})),
    )?;
    // A file of the tree whose name is hostile and whose content gives a warning.
    shop.commit_file(
        "a\u{202e}\u{1b}[2Jb\n.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nkind: ConfigMap\n",
    );
    shop.apply_watch(&json!({}))?;
    let mut changed = manifest(&json!({}));
    changed["metadata"]["annotations"] = json!({"example.com/note": "as Git has it"});
    shop.sync(&changed)?.success()?;
    shop.commit(&changed);
    let annotation = json!({"metadata": {"annotations": {"example.com/note": HOSTILE}}}).to_string();
    shop.kubectl(&["patch", "deployment", "web", "--type=merge", "--patch", &annotation])?
        .success()?;

    let plan = shop.wait_for_plan(None)?;
    let status = shop.report()?.context("the report is gone")?["status"].clone();
    assert_clean("the report", &status, "\\u202e");
    let watch: Value = serde_json::from_str(
        &shop
            .kubectl(&["get", "driftwatch", "shop", "--output=json"])?
            .success()?,
    )?;
    assert_clean("the watch", &watch["status"], "a\\u202e\\u001b[2Jb\\n.yaml");
    let events: Value = serde_json::from_str(&shop.kubectl(&["get", "events", "--output=json"])?.success()?)?;
    assert_clean("the Events", &json!(strings(&events)), "Drifted");

    // Somebody else may have written it: the terminal shows it escaped whatever the server has.
    let told = shop.driftmend(&["report", "web"])?;
    assert!(!told.stdout.contains(|c| c != '\n' && is_raw(c)), "{:?}", told.stdout);
    assert!(
        told.stdout.lines().all(|line| !line.starts_with("Plan 0000")),
        "{}",
        told.stdout
    );
    let source = &status["source"];
    let from = format!(
        "  from {}, {} at {}\n",
        text(&source["repoURL"]),
        text(&source["path"]),
        text(&source["revision"])
    );
    assert!(from.contains("http") && told.stdout.contains(&from), "{}", told.stdout);
    let approved = shop.driftmend(&["approve", "web", "--plan", &plan, "--reason", HOSTILE])?;
    let answer = approved.success()?;
    assert!(
        answer.starts_with(&format!("plan {}\n{}", &plan[..12], from.trim_end())),
        "{answer}"
    );
    let approval = shop.report()?.context("the report is gone")?["status"]["approval"].clone();
    assert_clean("the approval", &approval, "\\u202e");

    // Written the plain way, it is the server that refuses it.
    let raw = json!({"status": {"approval": {"decision": "Denied", "planHash": plan, "by": "admin",
                                             "at": jiff::Timestamp::now(), "reason": HOSTILE}}});
    let patched = shop.kubectl(&[
        "patch",
        "driftreport",
        "deployment-web",
        "--subresource=status",
        "--type=merge",
        "--patch",
        &raw.to_string(),
    ])?;
    assert!(
        patched.code != 0 && patched.stderr.contains("status.approval.reason"),
        "{}",
        patched.stderr
    );
    Ok(())
}
