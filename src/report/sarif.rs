//! A check as SARIF 2.1.0, the format in which code hosts take the findings of tools and show them at the lines of a
//! change.
//!
//! Source: the OASIS standard "Static Analysis Results Interchange Format (SARIF) Version 2.1.0". Optional properties
//! are written where a known reader asks for them: a schema, a level and descriptions for each rule, and a line for
//! each location.

use std::fmt::Write;

use serde::Serialize;

use super::check::{Telling, Words, tellings};
use super::printer::one_line;
use crate::api::v1alpha1::ObjectReport;
use crate::engine::rules::{RULES, Rule, Weight};

/// Where the standard keeps its schema.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What an unreadable input is called among the tool's notifications.
const UNREADABLE: &str = "unreadable-input";

/// An input that was not read, or not whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unread<'a> {
    /// What is the matter.
    pub message: &'a str,

    /// What a person can do about it.
    pub hint: Option<&'a str>,

    /// The file, where it is about one.
    pub file: Option<&'a str>,

    /// The line, from 1.
    pub line: Option<usize>,

    /// The column in characters, from 1.
    pub column: Option<usize>,
}

/// One log with one run: a result for each thing that is told, a notification for each input that was not read.
///
/// Files below `folder` are named relative to it; a code host takes that for the root of the repository. Other absolute
/// files stay absolute.
pub fn log<'a>(objects: &'a [ObjectReport], unread: &[Unread<'a>], folder: Option<&str>) -> Log<'a> {
    let results = objects
        .iter()
        .flat_map(|object| {
            tellings(object)
                .into_iter()
                .map(|telling| result(&telling, object, folder))
        })
        .collect();
    let notifications = unread.iter().map(|unread| notification(unread, folder)).collect();
    let driver = Driver {
        name: "driftmend",
        version: env!("CARGO_PKG_VERSION"),
        semantic_version: env!("CARGO_PKG_VERSION"),
        rules: rules().map(descriptor).collect(),
        notifications: vec![Notified {
            id: UNREADABLE,
            short_description: Message::of("An input could not be read"),
        }],
    };
    Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool { driver },
            invocations: [Invocation {
                execution_successful: unread.is_empty(),
                tool_execution_notifications: notifications,
            }],
            column_kind: "unicodeCodePoints",
            results,
        }],
    }
}

/// The rules of which `check` tells, in the order of the log: a result names its rule by position, too.
fn rules() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().copied().filter(|rule| rule.in_check)
}

/// A rule as the standard describes it.
fn descriptor(rule: &'static Rule) -> Descriptor {
    Descriptor {
        id: rule.id,
        name: in_pascal_case(rule.id),
        short_description: Message::of(rule.title),
        full_description: Message::of(rule.meaning),
        help: Message::of(rule.remedy),
        default_configuration: Configuration { level: level(rule) },
    }
}

const fn level(rule: &Rule) -> &'static str {
    match rule.severity {
        Weight::Error => "error",
        Weight::Warning => "warning",
        Weight::Info => "note",
    }
}

/// `LatentTrap` of `latent-trap`.
fn in_pascal_case(id: &str) -> String {
    let mut name = String::new();
    for word in id.split('-') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

fn result<'a>(telling: &Telling<'a>, object: &ObjectReport, folder: Option<&str>) -> ResultEntry<'a> {
    let text = match (telling.message, telling.field) {
        (Words::OfField(words), Some(field)) => format!("{}: {field}: {words}", object.object),
        (Words::OfField(words) | Words::Whole(words), _) => format!("{}: {words}", object.object),
    };
    let region = telling.line.map(|start_line| Region {
        start_line,
        start_column: None,
    });
    let logical = LogicalLocation {
        name: telling.field,
        fully_qualified_name: object.object.to_string(),
    };
    ResultEntry {
        rule_id: telling.rule.id,
        rule_index: rules().position(|rule| rule == telling.rule).unwrap_or_default(),
        level: level(telling.rule),
        message: Message::of(&text),
        locations: [Location {
            physical_location: physical(telling.file, region, folder),
            logical_locations: Some([logical]),
        }],
    }
}

fn notification<'a>(unread: &Unread<'a>, folder: Option<&str>) -> Notification<'a> {
    let text = match unread.hint {
        Some(hint) => format!("{}; {hint}", unread.message),
        None => unread.message.to_owned(),
    };
    let region = unread.line.map(|start_line| Region {
        start_line,
        start_column: unread.column,
    });
    let location = physical(unread.file, region, folder).map(|place| Location {
        physical_location: Some(place),
        logical_locations: None,
    });
    Notification {
        descriptor: Reference { id: UNREADABLE },
        level: "error",
        message: Message::of(&text),
        locations: location.into_iter().collect(),
    }
}

fn physical(file: Option<&str>, region: Option<Region>, folder: Option<&str>) -> Option<PhysicalLocation> {
    Some(PhysicalLocation {
        artifact_location: ArtifactLocation {
            uri: uri(file?, folder),
        },
        region,
    })
}

/// A file's name as a URI reference: relative where it can be, with every byte encoded that a path may not have.
///
/// Source: RFC 3986, 2.3 and 3.3. A colon is encoded, too: in a first segment it would end a scheme.
fn uri(file: &str, folder: Option<&str>) -> String {
    let inner = folder.and_then(|folder| file.strip_prefix(folder)?.strip_prefix('/'));
    let path = inner.unwrap_or_else(|| file.strip_prefix("./").unwrap_or(file));
    let mut uri = if path.starts_with('/') {
        "file://".to_owned()
    } else {
        String::new()
    };
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'@' | b'+' | b'=' | b',' => {
                uri.push(byte.into())
            }
            other => {
                let _ = write!(uri, "%{other:02X}");
            }
        }
    }
    uri
}

/// The whole file.
#[derive(Clone, Debug, Serialize)]
pub struct Log<'a> {
    // First, so that a reader can tell the format by the first bytes.
    version: &'static str,
    #[serde(rename = "$schema")]
    schema: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    invocations: [Invocation<'a>; 1],
    column_kind: &'static str,
    results: Vec<ResultEntry<'a>>,
}

#[derive(Clone, Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    semantic_version: &'static str,
    rules: Vec<Descriptor>,
    notifications: Vec<Notified>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: &'static str,
    name: String,
    short_description: Message,
    full_description: Message,
    help: Message,
    default_configuration: Configuration,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Notified {
    id: &'static str,
    short_description: Message,
}

#[derive(Clone, Debug, Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct Message {
    text: String,
}

impl Message {
    /// A code host shows it to people, whatever the file says that it quotes.
    fn of(text: &str) -> Self {
        Self {
            text: one_line(text).into_owned(),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<'a> {
    execution_successful: bool,
    tool_execution_notifications: Vec<Notification<'a>>,
}

#[derive(Clone, Debug, Serialize)]
struct Notification<'a> {
    descriptor: Reference,
    level: &'static str,
    message: Message,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location<'a>>,
}

#[derive(Clone, Debug, Serialize)]
struct Reference {
    id: &'static str,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultEntry<'a> {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: [Location<'a>; 1],
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_location: Option<PhysicalLocation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logical_locations: Option<[LogicalLocation<'a>; 1]>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Clone, Debug, Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_column: Option<usize>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    fully_qualified_name: String,
}

#[cfg(test)]
mod tests;
