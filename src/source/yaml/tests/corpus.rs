//! Holds the loader against what a real kubectl recorded, where those records are at hand.

use std::path::PathBuf;

use super::super::{load, number::json_text};
use serde_json::Value;

/// The folder of recorded cases: `DRIFT_CORPUS`, or beside the repository.
fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("DRIFT_CORPUS").map_or_else(|| PathBuf::from("../shared/corpus"), PathBuf::from);
    Some(root.join("yaml/cases.jsonl")).filter(|cases| cases.is_file())
}

/// The same value with floats as kubectl prints them, since the records are kubectl's output.
fn printed(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(printed).collect::<Vec<_>>().join(",")),
        Value::Object(map) => {
            let entries: Vec<_> = map
                .iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), printed(value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| json_text(number.as_f64().unwrap()), |whole| whole.to_string()),
        other => other.to_string(),
    }
}

#[test]
fn agrees_with_every_recorded_answer_of_kubectl() {
    let Some(cases) = corpus() else {
        eprintln!("SKIPPED: no recorded answers of kubectl; set DRIFT_CORPUS to their folder");
        return;
    };
    let text = std::fs::read_to_string(&cases).unwrap();
    let mut faults = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let bytes = match case["yaml_base64"].as_str() {
            Some(encoded) => base64(encoded),
            None => case["yaml"].as_str().unwrap().as_bytes().to_vec(),
        };
        let loaded = load(&bytes, "case.yaml");
        let ours: Vec<_> = loaded
            .documents
            .iter()
            .map(|document| printed(&document.value))
            .collect();
        let theirs = case["documents"]
            .as_array()
            .map(|documents| documents.iter().map(printed).collect::<Vec<_>>());
        let agrees = match &theirs {
            Some(theirs) => loaded.problems.is_empty() && *theirs == ours,
            None => !loaded.problems.is_empty(),
        };
        if !agrees {
            let problem = loaded.problems.first().map(ToString::to_string);
            faults.push(format!(
                "{} {}\n    ours   {ours:?} {problem:?}\n    theirs {theirs:?} {}",
                case["id"], case["name"], case["error"]
            ));
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {} differ:\n{}",
        faults.len(),
        text.lines().count(),
        faults.join("\n")
    );
}

fn base64(encoded: &str) -> Vec<u8> {
    super::super::resolve::base64(encoded).unwrap()
}
