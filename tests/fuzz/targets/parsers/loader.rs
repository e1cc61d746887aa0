//! Any bytes are read or refused: no panic, and nothing above the budget.

use driftmend::source::yaml;
use serde_json::Value;
use yaml::budget::{MAX_BYTES, MAX_DEPTH, MAX_PROBLEMS, MAX_REMARKS};

pub fn read(bytes: &[u8]) {
    let loaded = yaml::load(bytes, "fuzz.yaml");
    // The file as a whole may add one problem of its own.
    assert!(loaded.problems.len() <= MAX_PROBLEMS + 1 && loaded.warnings.len() <= MAX_REMARKS);
    // As many lines as the text has with any of YAML's line breaks.
    let lines = bytes.len() + 1;
    let mut held = 0;
    for document in &loaded.documents {
        assert!(document.value.is_object());
        assert!((1..=lines).contains(&document.line) && (1..=lines).contains(&document.line_of("/metadata/name")));
        held += weigh(&document.value, 0);
        let text = document.value.to_string();
        assert_eq!(
            serde_json::from_str::<Value>(&text).ok().as_ref(),
            Some(&document.value),
            "{text}"
        );
    }
    assert!(held <= MAX_BYTES, "{held} bytes");
    for remark in loaded.problems.iter().chain(&loaded.warnings) {
        assert!(
            remark.line.is_none_or(|line| (1..=lines + 1).contains(&line)),
            "{remark}"
        );
    }
}

/// What a value takes at least.
fn weigh(value: &Value, depth: usize) -> usize {
    assert!(depth <= MAX_DEPTH, "deeper than {MAX_DEPTH}");
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(|item| weigh(item, depth + 1)).sum(),
            Value::Object(entries) => entries
                .iter()
                .map(|(name, entry)| name.len() + weigh(entry, depth + 1))
                .sum(),
            _ => 0,
        }
}
