//! What Git says and the server does not keep: worth a warning, never a drift.

use serde_json::{Map, Value};

use super::compare::NOT_COMPARED;
use super::pointer::item_segment;
use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, Segment};
use crate::engine::schema::shape::Struct;
use crate::engine::schema::{self, ListKind, Shape, Versions, is_gated};

/// A field of a manifest that has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoEffect {
    /// Where it stands.
    pub path: FieldPath,

    /// Why it has none.
    pub reason: Reason,
}

/// Why a field of a manifest has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// No supported version of Kubernetes has it.
    #[error("the API does not know this field")]
    Unknown,

    /// Servers of the reference version do not have it, and live does not.
    #[error("only Kubernetes {0} knows this field, and the live object does not have it")]
    OtherVersions(Versions),

    /// It stands behind a gate that is closed by default.
    #[error("the server drops this field while its feature gate is off")]
    GateClosed,

    /// The same setting stands there under its present name.
    #[error("serviceAccountName wins over this old name")]
    OldName,

    /// Only the server writes it.
    #[error("the server writes this field itself")]
    ServerWritten,

    /// It is the status.
    #[error("the status belongs to the server")]
    Status,
}

impl std::fmt::Display for NoEffect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} has no effect: {}", self.path, self.reason)
    }
}

/// The most fields that are looked at: each has a path of its own, and a manifest may have a hundred thousand names
/// that nobody knows.
const MOST: usize = 1_000;

/// Finds the fields of a manifest of this kind that have no effect on the live object, in path order.
///
/// # Caveats
/// Of very many it tells the first thousand. It goes by the table and by `live`, where there is one: a field that live
/// has is known to the server, or its gate is open. A field that only other versions than [`schema::REFERENCE`] have is
/// told only where live shows that this server is none of them.
pub fn no_effect(kind: &Kind, desired: &Value, live: Option<&Value>) -> Vec<NoEffect> {
    let mut found = Vec::new();
    look(&FieldPath::root(), desired, kind.root, &mut found);
    let kept = |one: &NoEffect| live.is_some_and(|live| one.path.get(live).is_some());
    found.retain(|one| match one.reason {
        Reason::Unknown | Reason::GateClosed => !kept(one),
        Reason::OtherVersions(_) => live.is_some() && !kept(one),
        Reason::OldName | Reason::ServerWritten | Reason::Status => true,
    });
    if desired.get("status").is_some_and(is_set) {
        found.push(NoEffect {
            path: FieldPath::of(&["status"]),
            reason: Reason::Status,
        });
    }
    for name in NOT_COMPARED {
        // A uid or resourceVersion in Git does have an effect: the server refuses the sync, or answers with a conflict.
        let effective = matches!(name, "name" | "generateName" | "namespace" | "uid" | "resourceVersion");
        if !effective
            && desired
                .get("metadata")
                .and_then(|metadata| metadata.get(name))
                .is_some_and(is_set)
        {
            found.push(NoEffect {
                path: FieldPath::of(&["metadata", name]),
                reason: Reason::ServerWritten,
            });
        }
    }
    found.sort_by_cached_key(|one| one.path.to_string());
    found
}

fn look(path: &FieldPath, value: &Value, shape: Shape, found: &mut Vec<NoEffect>) {
    match (value, shape) {
        (Value::Object(object), Shape::Nested(of)) => look_into(path, object, of, found),
        (Value::Array(items), Shape::List(kind, item)) => {
            for (at, value) in items.iter().enumerate() {
                look(&path.with(segment(kind, at, value)), value, *item, found);
            }
        }
        _ => {}
    }
}

fn look_into(path: &FieldPath, object: &Map<String, Value>, of: &Struct, found: &mut Vec<NoEffect>) {
    for (name, value) in object.iter().filter(|(_, value)| is_set(value)) {
        if found.len() >= MOST {
            return;
        }
        let path = path.field(name);
        let reason = match of.field(name) {
            None => Some(Reason::Unknown),
            Some(_) if is_gated(of, name) => Some(closed(of, name)),
            Some(_) if of.name == "PodSpec" && name == "serviceAccount" && differs(object, value) => {
                Some(Reason::OldName)
            }
            Some(field) => {
                look(&path, value, field.2, found);
                None
            }
        };
        found.extend(reason.map(|reason| NoEffect { path, reason }));
    }
}

fn closed(of: &Struct, name: &str) -> Reason {
    match schema::versions_of(of, name) {
        Some(versions) if !versions.contains(schema::REFERENCE) => Reason::OtherVersions(versions),
        _ => Reason::GateClosed,
    }
}

/// Whether the service account is set under its new name, to something else.
fn differs(spec: &Map<String, Value>, alias: &Value) -> bool {
    spec.get("serviceAccountName")
        .is_some_and(|name| is_set(name) && name != "" && name != alias)
}

fn is_set(value: &Value) -> bool {
    !value.is_null() && value.as_object().is_none_or(|object| !object.is_empty())
}

fn segment(kind: ListKind, at: usize, item: &Value) -> Segment {
    match kind {
        ListKind::Map(keys) => item_segment(keys, at, item),
        ListKind::Set | ListKind::Atomic => Segment::Index(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kind::DEPLOYMENT;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn tells_every_word_that_the_server_does_not_keep() {
        let manifest = json!({"metadata": {"name": "web", "uid": "1", "generation": 4, "creationTimestamp": null},
                              "status": {}, "spec": {"hostNetwork": true, "template": {"spec": {
            "serviceAccountName": "a", "serviceAccount": "b",
            "containers": [{"name": "web", "livenessprobe": {"periodSeconds": 1}, "env": [{"name": "A", "vale": "1"}],
                            "lifecycle": {"stopSignal": "SIGINT"}}]}}}});
        let found: Vec<_> = no_effect(&DEPLOYMENT, &manifest, None)
            .into_iter()
            .map(|one| (one.path.to_string(), one.reason.to_string()))
            .collect();
        let container = ".spec.template.spec.containers[name=\"web\"]";
        assert_eq!(
            found,
            [
                (
                    ".metadata.generation".to_owned(),
                    "the server writes this field itself".to_owned()
                ),
                (
                    ".spec.hostNetwork".to_owned(),
                    "the API does not know this field".to_owned()
                ),
                (
                    format!("{container}.env[name=\"A\"].vale"),
                    "the API does not know this field".to_owned()
                ),
                (
                    format!("{container}.lifecycle.stopSignal"),
                    "the server drops this field while its feature gate is off".to_owned()
                ),
                (
                    format!("{container}.livenessprobe"),
                    "the API does not know this field".to_owned()
                ),
                (
                    ".spec.template.spec.serviceAccount".to_owned(),
                    "serviceAccountName wins over this old name".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn believes_a_live_object_that_has_the_field() {
        let manifest = json!({"spec": {"newInAFutureVersion": 1, "paused": true}});
        assert_eq!(
            no_effect(
                &DEPLOYMENT,
                &manifest,
                Some(&json!({"spec": {"newInAFutureVersion": 1}}))
            ),
            []
        );
        let told: Vec<String> = no_effect(&DEPLOYMENT, &manifest, Some(&json!({"spec": {}})))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            told,
            [".spec.newInAFutureVersion has no effect: the API does not know this field"]
        );
    }

    #[test]
    fn a_field_of_another_version_has_no_effect_only_where_live_lacks_it() {
        let manifest = json!({"spec": {"template": {"spec": {"evictionResponders": [{"name": "a.example/b"}],
            "workloadRef": {"name": "a"}}}}});
        assert_eq!(no_effect(&DEPLOYMENT, &manifest, None), []);
        assert_eq!(no_effect(&DEPLOYMENT, &manifest, Some(&manifest)), []);
        let live = json!({"spec": {"template": {"spec": {}}}});
        let told: Vec<String> = no_effect(&DEPLOYMENT, &manifest, Some(&live))
            .iter()
            .map(|one| one.reason.to_string())
            .collect();
        let reason =
            |versions| format!("only Kubernetes {versions} knows this field, and the live object does not have it");
        assert_eq!(told, [reason("1.37 and later"), reason("1.35")]);
        assert_eq!(super::super::compare(&DEPLOYMENT, &manifest, &live), []);
    }
}
