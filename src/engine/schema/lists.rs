//! What merges how, asked by schema path: `spec.template.spec.containers[].ports`.
//!
//! The paths are those of [`FieldPath::schema`](crate::engine::object::FieldPath::schema). A path that the object's
//! shape does not have answers as Kubernetes treats an unknown value: lists are atomic, maps are granular, and a patch
//! merges maps and replaces lists.

use super::shape::{Field, ListKind, Patch, Shape};

/// How a strategic merge patch treats the value at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merge {
    /// For a list: the key by which its items merge; `None` for a list of scalars, a list that is replaced, or a map.
    pub key: Option<&'static str>,

    /// Whether the struct, or each item of the list, keeps only the keys that the patch names.
    pub retain_keys: bool,

    /// Whether the patch's value replaces the live one whole.
    pub replace: bool,
}

/// How server-side apply merges the list at `path`.
pub fn list_kind(root: Shape, path: &str) -> ListKind {
    match resolve(root, path) {
        Some((Shape::List(kind, _), _)) => kind,
        _ => ListKind::Atomic,
    }
}

/// Whether server-side apply takes the map or struct at `path` as one value.
pub fn is_atomic_map(root: Shape, path: &str) -> bool {
    resolve(root, path).is_some_and(|(shape, _)| shape.is_atomic() && !matches!(shape, Shape::List(..)))
}

/// How a strategic merge patch treats the value at `path`. This is not [`list_kind`]: `ports` merges by `containerPort`
/// alone.
pub fn merge_strategy(root: Shape, path: &str) -> Merge {
    let Some((shape, patch)) = resolve(root, path) else {
        return Merge {
            key: None,
            retain_keys: false,
            replace: false,
        };
    };
    match patch {
        Patch::Plain => Merge {
            key: None,
            retain_keys: false,
            replace: matches!(shape, Shape::List(..)),
        },
        Patch::Key(key) => Merge {
            key: Some(key),
            retain_keys: false,
            replace: false,
        },
        Patch::KeyRetain(key) => Merge {
            key: Some(key),
            retain_keys: true,
            replace: false,
        },
        Patch::Retain => Merge {
            key: None,
            retain_keys: true,
            replace: false,
        },
        Patch::Scalars => Merge {
            key: None,
            retain_keys: false,
            replace: false,
        },
    }
}

/// What the value at `path` is; `None` where the shape has no such path.
pub fn shape_at(root: Shape, path: &str) -> Option<Shape> {
    resolve(root, path).map(|(shape, _)| shape)
}

fn resolve(root: Shape, path: &str) -> Option<(Shape, Patch)> {
    let (mut shape, mut patch) = (root, Patch::Plain);
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let name = step.trim_end_matches("[]");
        (shape, patch) = match shape {
            Shape::Nested(of) => {
                let Field(_, _, shape, patch) = *of.field(name)?;
                (shape, patch)
            }
            // A map's key may hold dots itself (`metadata.labels.app.kubernetes.io/name`), and its values here are
            // scalars.
            Shape::Map(value) | Shape::AtomicMap(value) => return Some((*value, Patch::Plain)),
            _ => return None,
        };
        for _ in 0..(step.len() - name.len()) / "[]".len() {
            (shape, patch) = (shape.item()?, Patch::Plain);
        }
    }
    Some((shape, patch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::schema::DEPLOYMENT;

    #[test]
    fn server_side_keys_and_patch_keys_differ_where_kubernetes_says_so() {
        let merge = |key| Merge {
            key,
            retain_keys: false,
            replace: key.is_none(),
        };
        for (path, kind, strategy) in [
            (
                "spec.template.spec.containers",
                ListKind::Map(&["name"]),
                merge(Some("name")),
            ),
            (
                "spec.template.spec.initContainers[].ports",
                ListKind::Map(&["containerPort", "protocol"]),
                merge(Some("containerPort")),
            ),
            (
                "spec.template.spec.topologySpreadConstraints",
                ListKind::Map(&["topologyKey", "whenUnsatisfiable"]),
                merge(Some("topologyKey")),
            ),
            (
                "spec.template.spec.containers[].resources.claims",
                ListKind::Map(&["name"]),
                merge(None),
            ),
            ("spec.template.spec.tolerations", ListKind::Atomic, merge(None)),
            (
                "spec.template.spec.volumes",
                ListKind::Map(&["name"]),
                Merge {
                    key: Some("name"),
                    retain_keys: true,
                    replace: false,
                },
            ),
            (
                "metadata.finalizers",
                ListKind::Set,
                Merge {
                    key: None,
                    retain_keys: false,
                    replace: false,
                },
            ),
        ] {
            assert_eq!(
                (list_kind(DEPLOYMENT, path), merge_strategy(DEPLOYMENT, path)),
                (kind, strategy),
                "{path}"
            );
        }
    }

    #[test]
    fn atomic_maps_are_by_type_or_by_field() {
        for (path, atomic) in [
            ("spec.selector", true),
            ("spec.template.spec.nodeSelector", true),
            ("spec.template.spec.containers[].env[].valueFrom.secretKeyRef", true),
            ("spec.template.spec.containers[].env[].valueFrom", false),
            ("metadata.labels", false),
            ("spec.template.spec.tolerations", false),
            ("metadata.annotations.example.com/a.b", false),
            ("spec.no.such.field", false),
        ] {
            assert_eq!(is_atomic_map(DEPLOYMENT, path), atomic, "{path}");
        }
        assert!(merge_strategy(DEPLOYMENT, "spec.strategy").retain_keys);
    }
}
