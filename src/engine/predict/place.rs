//! Where in a manifest the field stands that a refusal names.
//!
//! The server counts list items in the object that it looked at: with another manager's sidecar in it, `containers[1]`
//! is Git's first. And it names what may be absent from the manifest altogether.

use serde_json::Value;

use crate::engine::diff::item_segment;
use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, Look, Segment, escape_token};
use crate::engine::schema::{ListKind, Shape};

/// The JSON Pointer, in `manifest`, of the field that a cause names; where the manifest lacks it, of its nearest parent
/// that is there.
///
/// `checked` is the object that the server looked at, `field` what it said: in the grammar of validation
/// (`containers[0].resources.limits[cpu]`) or of server-side apply (`.containers[name="web"]`).
pub fn place_in<D: Look>(kind: &'static Kind, manifest: &Value, checked: &D, field: &str) -> String {
    let mut pointer = String::new();
    let (mut node, mut seen, mut shape) = (manifest, Some(checked), Some(kind.root));
    for step in steps(field) {
        // `ValidatePodTemplateSpec` names the template's labels and annotations as if there were no metadata between.
        if let Segment::Field(name) = &step
            && matches!(name.as_str(), "labels" | "annotations")
            && node.get(name).is_none()
            && let Some(metadata) = node.get("metadata").filter(|metadata| metadata.get(name).is_some())
        {
            pointer.push_str("/metadata");
            (node, seen) = (metadata, seen.and_then(|seen| seen.member("metadata")));
            shape = shape.and_then(|shape| shape.child("metadata"));
        }
        let Some((token, inner)) = find(&step, node, seen, shape) else {
            break;
        };
        seen = seen.and_then(|seen| child(seen, &step));
        shape = shape.and_then(|shape| shape.item().or_else(|| shape.child(&token)));
        pointer.push('/');
        pointer.push_str(&escape_token(&token));
        node = inner;
    }
    pointer
}

/// What the step leads to in the manifest, and its name or position there.
fn find<'a, D: Look>(
    step: &Segment,
    node: &'a Value,
    seen: Option<&D>,
    shape: Option<Shape>,
) -> Option<(String, &'a Value)> {
    match (step, node) {
        (Segment::Field(name), Value::Object(fields)) => Some((name.clone(), fields.get(name)?)),
        (Segment::Index(at), Value::Object(fields)) => Some((at.to_string(), fields.get(&at.to_string())?)),
        (Segment::Index(at), Value::Array(items)) => {
            let at = match (shape, seen.and_then(Look::items)) {
                (Some(Shape::List(ListKind::Map(keys), _)), Some(seen)) => same_item(keys, seen, *at, items)?,
                _ => *at,
            };
            Some((at.to_string(), items.get(at)?))
        }
        (Segment::Key(_) | Segment::Value(_), Value::Array(items)) => {
            let at: usize = FieldPath(vec![step.clone()])
                .pointer(node)?
                .strip_prefix('/')?
                .parse()
                .ok()?;
            Some((at.to_string(), items.get(at)?))
        }
        _ => None,
    }
}

/// The position among `items` of the item that stands at `at` in `seen`: the one with the same keys, and of several
/// such the one in the same turn.
fn same_item<D: Look>(keys: &[&str], seen: &[D], at: usize, items: &[Value]) -> Option<usize> {
    let wanted = item_segment(keys, at, seen.get(at)?);
    let turn = (0..at)
        .filter(|before| item_segment(keys, *before, &seen[*before]) == wanted)
        .count();
    let mut alike = (0..items.len()).filter(|at| item_segment(keys, *at, &items[*at]) == wanted);
    alike.nth(turn)
}

fn child<'a, D: Look>(node: &'a D, step: &Segment) -> Option<&'a D> {
    match step {
        Segment::Field(name) => node.member(name),
        Segment::Index(at) => node
            .items()
            .and_then(|items| items.get(*at))
            .or_else(|| node.member(&at.to_string())),
        Segment::Key(_) | Segment::Value(_) => FieldPath(vec![step.clone()]).get(node),
    }
}

/// The steps of a field as the server writes it. Validation writes the keys of a map without quotes:
/// `limits[example.com/gpu]`.
///
/// Source: `staging/src/k8s.io/apimachinery/pkg/util/validation/field/path.go`, `Path.String`.
fn steps(field: &str) -> Vec<Segment> {
    if let Ok(path) = FieldPath::parse(field) {
        return path.0;
    }
    let mut steps = Vec::new();
    let mut rest = field;
    while !rest.is_empty() {
        let (step, after) = match rest.strip_prefix('[') {
            Some(inner) => {
                let (key, after) = inner.split_once(']').unwrap_or((inner, ""));
                (
                    key.parse()
                        .map_or_else(|_| Segment::Field(key.to_owned()), Segment::Index),
                    after,
                )
            }
            None => {
                let body = rest.strip_prefix('.').unwrap_or(rest);
                let end = body.find(['.', '[']).unwrap_or(body.len());
                (Segment::Field(body[..end].to_owned()), &body[end..])
            }
        };
        steps.push(step);
        rest = after;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kind::DEPLOYMENT;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn manifest() -> Value {
        json!({"metadata": {"labels": {"a": "b"}}, "spec": {"template": {
            "metadata": {"labels": {"a": "b"}, "annotations": {"example.com/note": "x"}},
            "spec": {"containers": [
                {"name": "web", "livenessProbe": {"httpGet": {}}, "ports": [{"containerPort": 80}],
                 "resources": {"limits": {"example.com/gpu": 1}}},
                {"name": "web"},
            ]},
        }}})
    }

    #[test]
    fn a_field_that_the_manifest_lacks_leads_to_its_nearest_parent() {
        let manifest = manifest();
        let pod = "/spec/template/spec";
        for (field, pointer) in [
            (
                "spec.template.spec.containers[0].livenessProbe.httpGet",
                format!("{pod}/containers/0/livenessProbe/httpGet"),
            ),
            (
                "spec.template.spec.containers[0].livenessProbe.tcpSocket.port",
                format!("{pod}/containers/0/livenessProbe"),
            ),
            (
                "spec.template.spec.containers[1].name",
                format!("{pod}/containers/1/name"),
            ),
            ("spec.template.spec.containers[2].name", format!("{pod}/containers")),
            (
                "spec.template.spec.containers[0].resources.limits[example.com/gpu]",
                format!("{pod}/containers/0/resources/limits/example.com~1gpu"),
            ),
            (
                "spec.template.annotations[example.com/note]",
                "/spec/template/metadata/annotations/example.com~1note".to_owned(),
            ),
            ("spec.template.labels", "/spec/template/metadata/labels".to_owned()),
            ("metadata.labels", "/metadata/labels".to_owned()),
            ("spec.selector", "/spec".to_owned()),
            ("", String::new()),
        ] {
            assert_eq!(place_in(&DEPLOYMENT, &manifest, &manifest, field), pointer, "{field}");
        }
    }

    #[test]
    fn positions_count_in_the_object_that_the_server_looked_at() {
        let mut merged = manifest();
        let containers = merged["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap();
        containers.insert(0, json!({"name": "sidecar"}));
        let place = |field: &str| place_in(&DEPLOYMENT, &manifest(), &merged, field);
        let pod = "/spec/template/spec";
        assert_eq!(
            place("spec.template.spec.containers[1].livenessProbe.tcpSocket"),
            format!("{pod}/containers/0/livenessProbe")
        );
        assert_eq!(
            place("spec.template.spec.containers[1].ports[0].protocol"),
            format!("{pod}/containers/0/ports/0")
        );
        assert_eq!(
            place("spec.template.spec.containers[2].name"),
            format!("{pod}/containers/1/name")
        );
        assert_eq!(
            place("spec.template.spec.containers[0].image"),
            format!("{pod}/containers")
        );
    }

    #[test]
    fn a_conflict_names_items_by_their_keys() {
        let place = |field: &str| place_in(&DEPLOYMENT, &manifest(), &Value::Null, field);
        let ports = "/spec/template/spec/containers/0/ports";
        assert_eq!(
            place(".spec.template.spec.containers[name=\"web\"].ports[containerPort=80,protocol=\"TCP\"].name"),
            format!("{ports}/0")
        );
        assert_eq!(
            place(".spec.template.spec.containers[name=\"web\"].ports[containerPort=81,protocol=\"TCP\"].name"),
            ports
        );
        assert_eq!(place(".metadata.labels[\"a\"]"), "/metadata/labels/a");
    }
}
