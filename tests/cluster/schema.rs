//! The schema tables against the OpenAPI document of the running server: names, types, list keys and atomic nodes of
//! the whole tree.

use anyhow::{Context, Result};
use driftmend::engine::kind::{DEPLOYMENT, KINDS, Kind};
use driftmend::engine::schema::shape::Struct;
use driftmend::engine::schema::{ListKind, Shape, is_atomic_map, list_kind, shape_at, versions_of};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::shared;

/// How the references of the document begin.
const SCHEMAS: &str = "#/components/schemas/";

/// Fields below an object of a kind, roughly: a comparison that ends early must not pass for one without differences.
const AT_LEAST: usize = 1_000;

/// The document of the shared server, and the minor version of that server.
fn served() -> Result<(Value, u8)> {
    let read = |path: &str| -> Result<Value> {
        Ok(serde_json::from_str(
            &shared().kubectl(&["get", "--raw", path])?.success()?,
        )?)
    };
    let version = read("/version")?;
    // Providers write things such as `36+`.
    let minor = version["minor"]
        .as_str()
        .context("no minor version")?
        .trim_end_matches('+')
        .parse()?;
    Ok((read("/openapi/v3/apis/apps/v1")?, minor))
}

/// A walk through both at once.
struct Comparison<'a> {
    of: &'static Kind,
    document: &'a Value,
    minor: u8,
    nodes: usize,
    differences: Vec<String>,
}

impl<'a> Comparison<'a> {
    fn of(kind: &'static Kind, document: &'a Value, minor: u8) -> Self {
        let mut comparison = Self {
            of: kind,
            document,
            minor,
            nodes: 0,
            differences: Vec::new(),
        };
        comparison.node(
            "",
            &json!({"$ref": format!("{SCHEMAS}io.k8s.api.{}.{}.{kind}", kind.group, kind.version)}),
            kind.root,
        );
        comparison
    }

    fn differs(&mut self, path: &str, what: &str, server: impl std::fmt::Display, table: impl std::fmt::Display) {
        self.differences
            .push(format!("{path}: {what}: the server says {server}, the table {table}"));
    }

    /// The type that a schema refers to, if it does; beside a reference stand words of the field's own.
    fn target(&self, schema: &Value) -> Option<(String, Value)> {
        let reference = schema
            .get("$ref")
            .or_else(|| schema.pointer("/allOf/0/$ref"))?
            .as_str()?;
        let name = reference.strip_prefix(SCHEMAS)?;
        Some((name.to_owned(), self.document["components"]["schemas"][name].clone()))
    }

    fn node(&mut self, path: &str, schema: &Value, shape: Shape) {
        self.nodes += 1;
        if shape_at(self.of.root, path).map(kind) != Some(kind(shape)) {
            self.differs(
                path,
                "shape_at",
                kind(shape),
                shape_at(self.of.root, path).map_or("nothing", kind),
            );
        }
        let (name, target) = self.target(schema).unwrap_or_default();
        let of = if name.is_empty() { schema } else { &target };
        let found = match name.rsplit('.').next().unwrap_or_default() {
            "Quantity" => "a quantity",
            "IntOrString" => "an integer or a text",
            "Time" | "FieldsV1" => "something opaque",
            _ => match of["type"].as_str().unwrap_or_default() {
                "string" => "a text",
                "integer" => "an integer",
                "boolean" => "a boolean",
                "array" => "a list",
                "object" if of.get("additionalProperties").is_some() => "a map",
                "object" => "a struct",
                other => return self.differs(path, "type", other, kind(shape)),
            },
        };
        if found != kind(shape) {
            return self.differs(path, "type", found, kind(shape));
        }
        let atomic = [schema, of]
            .iter()
            .any(|place| place["x-kubernetes-map-type"] == "atomic");
        if atomic != is_atomic_map(self.of.root, path) {
            self.differs(path, "one value", atomic, is_atomic_map(self.of.root, path));
        }
        match shape {
            Shape::Nested(fields) => self.fields(path, of, fields),
            Shape::Map(inner) | Shape::AtomicMap(inner) => {
                self.node(&below(path, "any"), &of["additionalProperties"], *inner)
            }
            Shape::List(_, inner) => {
                let (served, known) = (served_list(schema), list_text(list_kind(self.of.root, path)));
                if served != known {
                    self.differs(path, "list", served, known);
                }
                self.node(&format!("{path}[]"), &schema["items"], *inner);
            }
            _ => {}
        }
    }

    fn fields(&mut self, path: &str, schema: &Value, fields: &'static Struct) {
        let none = serde_json::Map::new();
        let served = schema["properties"].as_object().unwrap_or(&none);
        for (name, schema) in served {
            match fields.field(name) {
                Some(field) => self.node(&below(path, name), schema, field.2),
                None => self.differs(&below(path, name), "field", "it is there", "it is not"),
            }
            if versions_of(fields, name).is_some_and(|versions| !versions.contains(self.minor)) {
                self.differs(&below(path, name), "version", "it has it", "it has not");
            }
        }
        for field in fields.fields.iter().filter(|field| !served.contains_key(field.0)) {
            if versions_of(fields, field.0).is_some_and(|versions| versions.contains(self.minor)) {
                self.differs(&below(path, field.0), "field", "it is not there", "it is");
            }
        }
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn kind(shape: Shape) -> &'static str {
    match shape {
        Shape::Text => "a text",
        Shape::Integer => "an integer",
        Shape::Boolean => "a boolean",
        Shape::Quantity => "a quantity",
        Shape::IntOrString => "an integer or a text",
        Shape::Opaque => "something opaque",
        Shape::Nested(_) => "a struct",
        Shape::Map(_) | Shape::AtomicMap(_) => "a map",
        Shape::List(..) => "a list",
    }
}

/// The kind of a list as the document has it; a list without a word about it is atomic.
fn served_list(schema: &Value) -> String {
    let keys: Vec<&str> = schema["x-kubernetes-list-map-keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    match schema["x-kubernetes-list-type"].as_str() {
        Some("map") => format!("map by {}", keys.join(", ")),
        Some("set") => "set".to_owned(),
        _ => "atomic".to_owned(),
    }
}

fn list_text(kind: ListKind) -> String {
    match kind {
        ListKind::Map(keys) => format!("map by {}", keys.join(", ")),
        ListKind::Set => "set".to_owned(),
        ListKind::Atomic => "atomic".to_owned(),
    }
}

#[test]
fn the_tables_are_the_servers_own() -> Result<()> {
    let (document, minor) = served()?;
    for kind in KINDS {
        let Comparison { nodes, differences, .. } = Comparison::of(kind, &document, minor);
        assert_eq!(differences, Vec::<String>::new(), "{kind}");
        assert!(nodes > AT_LEAST, "only {nodes} nodes of a {kind} were compared");
    }
    Ok(())
}

#[test]
fn a_server_with_other_tables_is_told_field_by_field() -> Result<()> {
    let (mut document, minor) = served()?;
    let pod = &mut document["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"]["properties"];
    pod["containers"]["x-kubernetes-list-map-keys"] = json!(["name", "image"]);
    pod["nodeSelector"]["x-kubernetes-map-type"] = json!("granular");
    pod["hostNetwork"]["type"] = json!("string");
    pod["newField"] = pod["hostPID"].take();
    pod.as_object_mut().context("no properties")?.remove("hostPID");
    let spec = "spec.template.spec";
    assert_eq!(
        Comparison::of(&DEPLOYMENT, &document, minor).differences,
        [
            format!("{spec}.containers: list: the server says map by name, image, the table map by name"),
            format!("{spec}.hostNetwork: type: the server says a text, the table a boolean"),
            format!("{spec}.newField: field: the server says it is there, the table it is not"),
            format!("{spec}.nodeSelector: one value: the server says false, the table true"),
            format!("{spec}.hostPID: field: the server says it is not there, the table it is"),
        ]
    );
    Ok(())
}
