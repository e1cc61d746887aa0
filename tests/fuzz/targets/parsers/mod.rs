//! One file a parser.

pub mod answers;
pub mod application;
pub mod differ;
pub mod http;
pub mod known_hosts;
pub mod kustomization;
pub mod loader;
pub mod masker;
pub mod messages;
pub mod paths;
pub mod printer;
pub mod selectors;
pub mod trees;
pub mod urls;
pub mod windows;

use driftmend::source::yaml;
use serde_json::Value;

/// The documents of a text, in its order.
fn documents(bytes: &[u8]) -> impl Iterator<Item = Value> {
    yaml::load(bytes, "fuzz.yaml")
        .documents
        .into_iter()
        .map(|document| document.value)
}

/// A fixed time, so that an input does the same each time.
fn now() -> jiff::Timestamp {
    "2026-01-05T10:10:00Z".parse().expect("a time")
}
