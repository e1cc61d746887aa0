//! No command hands a control or an invisible character to the terminal, whatever its files say; JSON and YAML keep
//! their values.

use std::fs;
use std::path::Path;

use anyhow::Result;
use driftmend::report::printer::is_raw;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::driftmend;
use super::run::Answer;

/// Clears a screen, forges a line, turns round what follows, and hides the rest.
const HOSTILE: &str = "x\u{1b}[2J\n1 Deployment compared, nothing drifted.\u{202e}\u{200b}\u{9b}31m\u{7f}\u{e0041}";

/// What may be a file's name.
const FILE: &str = "we\u{1b}[2Jb\u{202e}\n.yaml";

fn deployment(note: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "web", "namespace": "shop", "annotations": {format!("example.com/{HOSTILE}"): note},
            "managedFields": [{"manager": HOSTILE, "operation": "Update", "apiVersion": "apps/v1",
                               "fieldsType": "FieldsV1",
                "fieldsV1": {"f:metadata": {"f:annotations": {format!("f:example.com/{HOSTILE}"): {}}}}}],
        },
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": HOSTILE, "image": "a"}]}}},
    })
}

fn folder() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for side in ["git", "live", "broken"] {
        fs::create_dir(folder.path().join(side))?;
    }
    fs::write(
        folder.path().join("git").join(FILE),
        deployment("as Git has it").to_string(),
    )?;
    fs::write(folder.path().join("live").join(FILE), deployment(HOSTILE).to_string())?;
    fs::write(folder.path().join("broken").join(FILE), format!("a: [{HOSTILE}"))?;
    Ok(folder)
}

fn run(folder: &Path, arguments: &[&str]) -> Result<Answer> {
    let answer = driftmend(folder, "", arguments)?;
    for text in [&answer.stdout, &answer.stderr] {
        assert!(!text.contains(|c| c != '\n' && is_raw(c)), "{arguments:?}: {text:?}");
    }
    Ok(answer)
}

#[test]
fn no_command_prints_a_raw_character() -> Result<()> {
    let folder = folder()?;
    let mut told = 0;
    for arguments in [
        ["diff", "git", "live"].as_slice(),
        &["diff", "git", "live", "-o", "yaml"],
        &["diff", "broken", "live"],
        &["diff", "git", "live", "--ignore-from", "broken"],
        &["check", "git", "--live", "live"],
        &["check", "git", "--live", "live", "-o", "yaml"],
        &["check", "git", "-o", "sarif"],
        &["check", "broken", "-o", "sarif"],
        &["render", "git"],
        &["render", "git", "-o", "yaml"],
        &["render", "broken"],
        &["kubectl-diff", "live", "git"],
        &["diff", HOSTILE, "live"],
        &["diff", &format!("git+https://git.example/{HOSTILE}"), "live"],
        &["diff", "git", "live", &format!("--no{HOSTILE}")],
    ] {
        let answer = run(folder.path(), arguments)?;
        let all = format!("{}{}", answer.stdout, answer.stderr);
        assert!(
            !all.lines()
                .any(|line| line.starts_with("1 Deployment compared, nothing")),
            "{arguments:?}: {all}"
        );
        told += usize::from(all.contains("\\u202e") || all.contains("%E2%80%AE"));
    }
    assert!(told >= 12, "only {told} commands told of it");
    Ok(())
}

#[test]
fn json_and_yaml_hold_the_same_values_as_the_files() -> Result<()> {
    let folder = folder()?;
    let expected = json!([deployment(HOSTILE)]);
    let rendered = run(folder.path(), &["render", "live", "-o", "json"])?.stdout;
    assert_eq!(serde_json::from_str::<Value>(&rendered)?, expected);
    let rendered = run(folder.path(), &["render", "live", "-o", "yaml"])?.stdout;
    assert_eq!(serde_yaml::from_str::<Value>(&rendered)?, expected);
    let differing: Value = serde_json::from_str(&run(folder.path(), &["diff", "git", "live", "-o", "json"])?.stdout)?;
    let fields = differing["objects"][0]["fields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert!(
        fields
            .iter()
            .any(|field| field["live"] == HOSTILE && field["manager"] == HOSTILE),
        "{differing:#}"
    );
    Ok(())
}
