//! The page on the custom resources: every field of their schemas, with its type, its bounds and its words.

use std::fmt::Write;
use std::io;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;

use super::cell;
use crate::api::v1alpha1;

pub(super) fn page() -> io::Result<String> {
    let mut page = super::head("Custom resources");
    for definition in v1alpha1::definitions() {
        page.push_str(&section(&definition).map_err(io::Error::other)?);
    }
    Ok(page.trim_end().to_owned() + "\n")
}

fn section(definition: &CustomResourceDefinition) -> Result<String, serde_json::Error> {
    let names = &definition.spec.names;
    let mut text = format!("## {}\n\n", names.kind);
    for version in &definition.spec.versions {
        let short = names.short_names.iter().flatten().map(|name| format!(", `{name}`"));
        text.push_str(&format!(
            "`{}/{}`, {}; `{}`{}.\n\n",
            definition.spec.group,
            version.name,
            definition.spec.scope.to_lowercase(),
            names.plural,
            short.collect::<String>(),
        ));
        text.push_str("| column of `kubectl get` | where it stands |\n|---|---|\n");
        for column in version.additional_printer_columns.iter().flatten() {
            text.push_str(&format!(
                "| {} | `{}` |\n",
                column.name.to_uppercase(),
                column.json_path
            ));
        }
        let schema = version
            .schema
            .as_ref()
            .and_then(|schema| schema.open_api_v3_schema.as_ref());
        let schema = serde_json::to_value(schema)?;
        for rule in messages(&schema) {
            text.push_str(&format!("\nThe API server holds each object to this: {rule}.\n"));
        }
        for part in ["spec", "status"] {
            let Some(node) = schema.pointer(&format!("/properties/{part}")) else {
                continue;
            };
            text.push_str(&format!(
                "\n### {part}\n\n| field | type | what it is |\n|---|---|---|\n"
            ));
            fields(&mut text, node, &format!(".{part}"));
            rules(&mut text, node, &format!(".{part}"));
        }
        text.push('\n');
    }
    Ok(text)
}

/// A row for each field below a node.
fn fields(text: &mut String, node: &Value, path: &str) {
    let required: Vec<&str> = node["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, field) in node["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let mut words = vec![field["description"].as_str().unwrap_or_default().to_owned()];
        if required.contains(&name.as_str()) {
            words.insert(0, "Required.".to_owned());
        }
        words.extend(bounds(field));
        // A text takes what is written to it.
        let _ = writeln!(text, "| `{path}` | {} | {} |", kind(field), cell(&words.join(" ")));
        below(text, field, &path);
    }
}

/// The fields of a map's or list's items, which have no name of their own.
fn below(text: &mut String, node: &Value, path: &str) {
    fields(text, node, path);
    if node["items"].is_object() {
        below(text, &node["items"], &format!("{path}[]"));
    }
    if node["additionalProperties"].is_object() {
        below(text, &node["additionalProperties"], &format!("{path}.*"));
    }
}

fn kind(node: &Value) -> String {
    let name = node["type"].as_str().unwrap_or("any");
    match name {
        "array" => format!("list of {}", kind(&node["items"])),
        "object" if node["additionalProperties"].is_object() => {
            format!("map of {}", kind(&node["additionalProperties"]))
        }
        _ => node["format"].as_str().unwrap_or(name).to_owned(),
    }
}

/// What the schema allows, in words.
fn bounds(node: &Value) -> Vec<String> {
    let mut words = Vec::new();
    let texts = node["enum"].as_array().into_iter().flatten();
    let texts: Vec<String> = texts
        .filter_map(Value::as_str)
        .map(|text| format!("`{text}`"))
        .collect();
    if !texts.is_empty() {
        words.push(format!("One of {}.", texts.join(", ")));
    }
    if !node["default"].is_null() {
        words.push(format!("Default: `{}`.", node["default"]));
    }
    for (key, word) in [
        ("minimum", "At least"),
        ("maximum", "At most"),
        ("minLength", "Characters, at least:"),
        ("maxLength", "Characters, at most:"),
        ("minItems", "Items, at least:"),
        ("maxItems", "Items, at most:"),
        ("maxProperties", "Entries, at most:"),
        ("pattern", "Pattern:"),
    ] {
        match &node[key] {
            Value::Null => {}
            Value::String(pattern) => words.push(format!("{word} `{pattern}`.")),
            // Schemas hold their bounds as decimals.
            bound => words.push(format!("{word} {}.", bound.as_f64().unwrap_or_default())),
        }
    }
    let each = bounds_of_items(node);
    words.extend(each.map(|word| format!("Of each: {word}")));
    words
}

/// The bounds of a list's items that are no objects: they have no row of their own.
fn bounds_of_items(node: &Value) -> impl Iterator<Item = String> {
    let items = node.get("items").filter(|items| items["type"] != "object");
    items.map(bounds).into_iter().flatten()
}

/// What the API server checks besides, by the messages of the schema's rules.
fn rules(text: &mut String, node: &Value, path: &str) {
    let mut found = Vec::new();
    gather(node, path, &mut found);
    if !found.is_empty() {
        text.push_str("\nThe API server also refuses what breaks one of these:\n\n");
        text.extend(found);
    }
}

/// The messages of a node's own rules.
fn messages(node: &Value) -> impl Iterator<Item = String> {
    let rules = node["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules.map(|rule| cell(rule["message"].as_str().or(rule["rule"].as_str()).unwrap_or_default()))
}

fn gather(node: &Value, path: &str, found: &mut Vec<String>) {
    found.extend(messages(node).map(|message| format!("- `{path}`: {message}\n")));
    for (name, field) in node["properties"].as_object().into_iter().flatten() {
        gather(field, &format!("{path}.{name}"), found);
    }
    for (key, step) in [("items", "[]"), ("additionalProperties", ".*")] {
        if node[key].is_object() {
            gather(&node[key], &format!("{path}{step}"), found);
        }
    }
}
