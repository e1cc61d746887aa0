//! What a server-side apply of an object owns.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::fields::FieldSet;
use crate::engine::object::{FieldPath, Segment, key_default};
use crate::engine::schema::{ListKind, Shape};

/// What the server takes out of every set of fields (apimachinery `managedfields/internal/stripmeta.go`), and `status`,
/// which a write to the object itself does not reach (`GetResetFields` of the strategy of each kind).
const STRIPPED: &[&[&str]] = &[
    &["apiVersion"],
    &["kind"],
    &["metadata", "creationTimestamp"],
    &["metadata", "generation"],
    &["metadata", "managedFields"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "resourceVersion"],
    &["metadata", "selfLink"],
    &["metadata", "uid"],
    &["status"],
];

impl FieldSet {
    /// The fields that a server-side apply of this object owns: what it sets and nothing else, no default.
    ///
    /// Source: structured-merge-diff's `typed/tofieldset.go`. Scalars, atomic lists and maps are one field each; an
    /// item of a keyed list is a field besides what is in it; an empty list that merges by items is nothing.
    pub fn of_applied(root: Shape, desired: &Value) -> Self {
        let mut set = Self::default();
        visit(&mut set, &FieldPath::root(), Some(root), desired);
        set
    }
}

fn visit(set: &mut FieldSet, path: &FieldPath, shape: Option<Shape>, value: &Value) {
    match (shape, value) {
        (Some(shape), _) if shape.is_atomic() => set.insert(path),
        (Some(Shape::List(kind, item)), Value::Array(items)) => visit_items(set, path, kind, *item, items),
        (Some(Shape::Nested(_) | Shape::Map(_)), Value::Object(members)) => visit_members(set, path, shape, members),
        // What the schema does not know is taken as one value: the server either refuses it or does not look into it.
        _ => set.insert(path),
    }
}

fn visit_members(set: &mut FieldSet, path: &FieldPath, shape: Option<Shape>, members: &Map<String, Value>) {
    for (name, value) in members {
        let path = path.field(name);
        if is_stripped(&path) {
            continue;
        }
        visit(set, &path, shape.and_then(|shape| shape.child(name)), value);
        if value.as_object().is_some_and(Map::is_empty) {
            set.insert(&path);
        }
    }
}

fn visit_items(set: &mut FieldSet, path: &FieldPath, kind: ListKind, shape: Shape, items: &[Value]) {
    let items: Vec<(Segment, &Value)> = items
        .iter()
        .filter_map(|item| Some((segment(kind, item)?, item)))
        .collect();
    let mut times: HashMap<&Segment, usize> = HashMap::new();
    for (segment, _) in &items {
        *times.entry(segment).or_default() += 1;
    }
    for (segment, item) in &items {
        let path = path.with(segment.clone());
        set.insert(&path);
        // An item that is there twice has one owner, and what is in it none.
        if matches!(kind, ListKind::Map(_)) && times.get(segment) == Some(&1) {
            visit(set, &path, Some(shape), item);
        }
    }
}

/// The segment of an item; `None` where it lacks a key that has no default, which the server refuses.
fn segment(kind: ListKind, item: &Value) -> Option<Segment> {
    let key = |name: &&'static str| {
        let value = item.get(*name).or_else(|| key_default(name))?;
        Some(((*name).to_owned(), value.clone()))
    };
    match kind {
        ListKind::Map(keys) if item.is_object() => keys.iter().map(key).collect::<Option<_>>().map(Segment::Key),
        ListKind::Set => Some(Segment::Value(item.clone())),
        ListKind::Map(_) | ListKind::Atomic => None,
    }
}

fn is_stripped(path: &FieldPath) -> bool {
    STRIPPED.iter().any(|fields| *path == FieldPath::of(fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kind::DEPLOYMENT;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn owns_what_the_manifest_sets_and_nothing_else() {
        let desired = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "status": {"replicas": 1},
            "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}, "annotations": {},
                         "finalizers": ["a/b"], "creationTimestamp": null},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}}, "strategy": {}, "replicas": null,
                "template": {
                    "metadata": {"creationTimestamp": null, "labels": {"app": "web"}},
                    "spec": {
                        "nodeSelector": {"disk": "ssd"}, "tolerations": [], "volumes": [],
                        "imagePullSecrets": [{"name": "pull"}],
                        "containers": [{
                            "name": "web", "image": "nginx", "args": ["-v"],
                            "ports": [{"containerPort": 80}],
                            "env": [{"name": "A", "value": "1"}, {"name": "TWICE", "value": "1"},
                                    {"name": "TWICE", "value": "2"},
                                    {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                            "resources": {"limits": {"cpu": 1}},
                            "livenessProbe": {"httpGet": {"port": 80, "httpHeaders": [{"name": "H", "value": "1"}]}}
                        }]
                    }
                }
            }
        });
        let owned = json!({
            "f:metadata": {"f:annotations": {}, "f:finalizers": {"v:\"a/b\"": {}}, "f:labels": {"f:app": {}}},
            "f:spec": {
                "f:replicas": {}, "f:selector": {}, "f:strategy": {},
                "f:template": {
                    "f:metadata": {"f:creationTimestamp": {}, "f:labels": {"f:app": {}}},
                    "f:spec": {
                        "f:nodeSelector": {}, "f:tolerations": {},
                        "f:imagePullSecrets": {"k:{\"name\":\"pull\"}": {}},
                        "f:containers": {"k:{\"name\":\"web\"}": {
                            ".": {}, "f:args": {}, "f:image": {}, "f:name": {},
                            "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {},
                                "f:containerPort": {}}},
                            "f:env": {
                                "k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}},
                                "k:{\"name\":\"S\"}": {".": {}, "f:name": {}, "f:valueFrom": {"f:secretKeyRef": {}}},
                                "k:{\"name\":\"TWICE\"}": {}
                            },
                            "f:resources": {"f:limits": {"f:cpu": {}}},
                            "f:livenessProbe": {"f:httpGet": {"f:httpHeaders": {}, "f:port": {}}}
                        }}
                    }
                }
            }
        });
        assert_eq!(FieldSet::of_applied(DEPLOYMENT.root, &desired).to_value(), owned);
    }

    #[test]
    fn passes_over_items_that_the_server_refuses() {
        let desired = json!({"spec": {"template": {"spec": {"containers": ["x", {"name": "web"}], "volumes": "x"}}}});
        let container = json!({"k:{\"name\":\"web\"}": {".": {}, "f:name": {}}});
        let owned = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": container, "f:volumes": {}}}}});
        assert_eq!(FieldSet::of_applied(DEPLOYMENT.root, &desired).to_value(), owned);
        assert_eq!(FieldSet::of_applied(DEPLOYMENT.root, &json!("x")), FieldSet::default());
    }
}
