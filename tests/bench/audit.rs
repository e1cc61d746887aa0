//! What one user asked of the API server, from its audit log.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Every verb that stores something.
const WRITES: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];

/// A place in the audit log.
pub struct Mark(u64);

/// The log's end now.
pub fn mark(log: &Path) -> Result<Mark> {
    let length = log
        .metadata()
        .with_context(|| format!("failed to read {}", log.display()))?
        .len();
    Ok(Mark(length))
}

/// The requests of a user since the mark: `update leases` and how often.
pub fn requests(log: &Path, since: &Mark, user: &str) -> Result<BTreeMap<String, usize>> {
    ensure!(
        mark(log)?.0 >= since.0,
        "the audit log was rotated meanwhile: measure for a shorter time"
    );
    let mut file = File::open(log).with_context(|| format!("failed to open {}", log.display()))?;
    file.seek(SeekFrom::Start(since.0))?;
    let mut told = BTreeMap::new();
    for line in BufReader::new(file).lines() {
        let event: Value = serde_json::from_str(&line?).context("an audit event is no JSON")?;
        // A watch is told twice, when it begins and when it ends.
        if event["user"]["username"] == user && event["stage"] == "ResponseComplete" {
            *told.entry(asked(&event)).or_default() += 1;
        }
    }
    Ok(told)
}

fn asked(event: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (verb, resource) = (word(&event["verb"]), word(&event["objectRef"]["resource"]));
    match event["objectRef"]["subresource"].as_str() {
        Some(subresource) => format!("{verb} {resource}/{subresource}"),
        None => format!("{verb} {resource}"),
    }
}

/// Whether a request stores something.
pub fn is_write(asked: &str) -> bool {
    asked.split_once(' ').is_some_and(|(verb, _)| WRITES.contains(&verb))
}
