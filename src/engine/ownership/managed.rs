//! `metadata.managedFields`: one entry for each manager, operation, version and subresource.

use std::cell::OnceCell;

use jiff::Timestamp;
use serde_json::Value;

use super::fields::{FieldSet, Reach};
use super::{Operation, Owner};
use crate::engine::object::{FieldPath, Segment, schema_path};
use crate::engine::schema::{self, Shape};

/// One readable entry of `metadata.managedFields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who wrote, how, through what and when.
    pub owner: Owner,

    /// The version of the API in which it wrote.
    pub api_version: String,

    /// What it owns.
    pub fields: FieldSet,
}

/// An element of the array.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// An entry as the API server writes it.
    Entry(Entry),

    /// Something that no API server of today writes, kept as it is.
    Opaque(Value),
}

/// The whole of `metadata.managedFields`, in its own order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ManagedFields {
    records: Vec<Record>,
}

/// The managedFields of an object, which are read when they are asked for first, and once.
#[derive(Debug)]
pub struct Recorded<'a> {
    object: &'a Value,
    read: OnceCell<ManagedFields>,
}

impl<'a> Recorded<'a> {
    /// Those of an object.
    pub fn of(object: &'a Value) -> Self {
        Self {
            object,
            read: OnceCell::new(),
        }
    }

    /// The array as the object has it.
    pub fn as_written(&self) -> Option<&'a Value> {
        self.object.pointer("/metadata/managedFields")
    }

    /// Who owns what.
    pub fn get(&self) -> &ManagedFields {
        self.read.get_or_init(|| ManagedFields::of(self.object))
    }
}

impl ManagedFields {
    /// Reads the array. It never fails: what is not an entry is kept as [`Record::Opaque`] and owns nothing.
    pub fn parse(managed_fields: &Value) -> Self {
        let read = |value: &Value| Entry::read(value).map_or_else(|| Record::Opaque(value.clone()), Record::Entry);
        let records = match managed_fields {
            Value::Null => Vec::new(),
            Value::Array(values) => values.iter().map(read).collect(),
            other => vec![Record::Opaque(other.clone())],
        };
        Self { records }
    }

    /// Reads them from a whole object.
    pub fn of(object: &Value) -> Self {
        object
            .pointer("/metadata/managedFields")
            .map_or_else(Self::default, Self::parse)
    }

    /// Every element of the array, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Every readable entry, in order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.records.iter().filter_map(|record| match record {
            Record::Entry(entry) => Some(entry),
            Record::Opaque(_) => None,
        })
    }

    /// The entry of a manager; the first one where it wrote in several versions of the API.
    pub fn entry(&self, manager: &str, operation: Operation, subresource: Option<&str>) -> Option<&Entry> {
        self.entries()
            .find(|entry| entry.owner.is(manager, operation) && entry.owner.subresource.as_deref() == subresource)
    }

    /// Everyone who owns the path in an object of this shape, sorted.
    ///
    /// These are all whose entry holds something below the path; where there are none, those who hold the path itself,
    /// and then those with the nearest leaf above it: under an atomic node only the node is owned. Who holds a list and
    /// nothing in it has no part in what is in it.
    ///
    /// # Caveats
    /// None means "no owner is recorded": a removal leaves no trace, and a default has no owner.
    pub fn owners(&self, root: Shape, path: &FieldPath) -> Vec<Owner> {
        let reach = |entry: &'_ Entry| match entry.fields.reach(path)? {
            Reach::Leaf(at) if !is_one_value(root, &path.0[..at]) => None,
            // An item without anything below it is one of several with the same key, and held whole.
            Reach::Node if is_one_value(root, &path.0) => Some(Reach::Below),
            reach => Some(reach),
        };
        let reached: Vec<_> = self
            .entries()
            .filter_map(|entry| Some((reach(entry)?, &entry.owner)))
            .collect();
        let nearest = reached.iter().map(|(reach, _)| *reach).max();
        let mut owners: Vec<Owner> = reached
            .into_iter()
            .filter(|(reach, _)| Some(*reach) == nearest)
            .map(|(_, owner)| owner.clone())
            .collect();
        owners.sort();
        owners.dedup();
        owners
    }
}

/// Whether what stands here in a set without anything below it is owned with all that is in it: an atomic value, an
/// item of a list with duplicates, and what no table knows. Of anything else only the node is owned: a map that was
/// sent empty, or a list whose items of that owner are gone.
///
/// Source: `doMap`, `doList` and `visitListItems` in structured-merge-diff's `typed/tofieldset.go`.
fn is_one_value(root: Shape, node: &[Segment]) -> bool {
    !matches!(node.last(), Some(Segment::Field(_)))
        || schema::shape_at(root, &schema_path(node)).is_none_or(Shape::is_atomic)
}

impl Entry {
    /// Reads an entry; `None` for what `DecodeManagedFields` of apimachinery's `managedfields/internal` refuses.
    fn read(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let operation = match text("operation")? {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return None,
        };
        if text("fieldsType")? != "FieldsV1" {
            return None;
        }
        let fields = match value.get("fieldsV1") {
            Some(fields) => FieldSet::parse(fields).ok()?,
            None => FieldSet::default(),
        };
        Some(Self {
            owner: Owner {
                manager: text("manager").unwrap_or_default().to_owned(),
                operation,
                subresource: text("subresource").filter(|name| !name.is_empty()).map(str::to_owned),
                time: text("time").and_then(|time| time.parse::<Timestamp>().ok()),
            },
            api_version: text("apiVersion").filter(|version| !version.is_empty())?.to_owned(),
            fields,
        })
    }
}

impl Owner {
    /// Whether this is that manager, writing in that way.
    pub fn is(&self, manager: &str, operation: Operation) -> bool {
        self.manager == manager && self.operation == operation
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kind::DEPLOYMENT;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "time": "2026-01-02T03:04:05Z",
               "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    fn names(managed: &ManagedFields, path: &str) -> Vec<String> {
        managed
            .owners(DEPLOYMENT.root, &FieldPath::parse(path).unwrap())
            .into_iter()
            .map(|owner| owner.manager)
            .collect()
    }

    #[test]
    fn finds_the_owner_above_at_and_below_a_path() {
        let managed = ManagedFields::parse(&json!([
            entry(
                "argocd-controller",
                "Apply",
                json!({"f:spec": {"f:selector": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {
                ".": {}, "f:name": {}, "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {},
                    "f:containerPort": {}}}}}}}}})
            ),
            entry(
                "kubectl-edit",
                "Update",
                json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
                    "k:{\"name\":\"web\"}": {"f:image": {}},
                }}}}})
            ),
        ]));
        let container = ".spec.template.spec.containers[name=\"web\"]";
        for (path, owners) in [
            (".spec.selector.matchLabels.app".to_owned(), vec!["argocd-controller"]),
            (container.to_owned(), vec!["argocd-controller", "kubectl-edit"]),
            (format!("{container}.image"), vec!["kubectl-edit"]),
            (
                format!("{container}.ports[containerPort=80,protocol=\"TCP\"]"),
                vec!["argocd-controller"],
            ),
            (
                format!("{container}.ports[containerPort=80].containerPort"),
                vec!["argocd-controller"],
            ),
            (format!("{container}.livenessProbe"), vec![]),
            (".spec.replicas".to_owned(), vec![]),
            (".status.replicas".to_owned(), vec![]),
        ] {
            assert_eq!(names(&managed, &path), owners, "{path}");
        }
    }

    #[test]
    fn prefers_the_owner_of_the_field_to_the_owner_of_the_empty_map_around_it() {
        let managed = ManagedFields::parse(&json!([
            entry("kustomize-controller", "Apply", json!({"f:metadata": {"f:labels": {}}})),
            entry(
                "kubectl-label",
                "Update",
                json!({"f:metadata": {"f:labels": {"f:team": {}}}})
            ),
        ]));
        assert_eq!(names(&managed, ".metadata.labels.team"), ["kubectl-label"]);
        assert_eq!(names(&managed, ".metadata.labels.other"), Vec::<String>::new());
        assert_eq!(names(&managed, ".metadata.labels"), ["kubectl-label"]);
    }

    #[test]
    fn a_node_alone_holds_what_is_in_it_where_it_is_one_value() {
        let container = json!({"f:args": {}, "f:env": {}, "f:securityContext": {},
                               "f:volumeMounts": {"k:{\"mountPath\":\"/a\"}": {}}});
        let managed = ManagedFields::parse(&json!([entry(
            "kubectl-client-side-apply",
            "Update",
            json!({"f:spec": {"f:selector": {},
                              "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": container}}}}})
        )]));
        let web = ".spec.template.spec.containers[name=\"web\"]";
        for (path, is_theirs) in [
            (".spec.selector.matchLabels.app".to_owned(), true),
            (format!("{web}.args"), true),
            (format!("{web}.args[0]"), true),
            (format!("{web}.volumeMounts[mountPath=\"/a\"].name"), true),
            (format!("{web}.env"), true),
            (format!("{web}.env[name=\"A\"]"), false),
            (format!("{web}.env[name=\"A\"].value"), false),
            (format!("{web}.securityContext.runAsNonRoot"), false),
            (format!("{web}.securityContext.seccompProfile.type"), false),
        ] {
            assert_eq!(!names(&managed, &path).is_empty(), is_theirs, "{path}");
        }
    }

    #[test]
    fn reads_every_word_of_an_entry() {
        let mut scale = entry("kubectl", "Update", json!({"f:spec": {"f:replicas": {}}}));
        scale["subresource"] = json!("scale");
        let managed = ManagedFields::parse(&json!([scale]));
        let expected = Entry {
            owner: Owner {
                manager: "kubectl".to_owned(),
                operation: Operation::Update,
                subresource: Some("scale".to_owned()),
                time: Some("2026-01-02T03:04:05Z".parse().unwrap()),
            },
            api_version: "apps/v1".to_owned(),
            fields: [FieldPath::of(&["spec", "replicas"])].into_iter().collect(),
        };
        assert_eq!(
            managed.entry("kubectl", Operation::Update, Some("scale")),
            Some(&expected)
        );
        assert_eq!(managed.entry("kubectl", Operation::Update, None), None);
        assert_eq!(managed.entry("kubectl", Operation::Apply, Some("scale")), None);
    }

    #[test]
    fn keeps_hostile_entries_without_believing_them() {
        let mut no_version = entry("x", "Update", json!({}));
        no_version["apiVersion"] = json!("");
        for hostile in [
            json!(1),
            json!({}),
            entry("x", "Patch", json!({})),
            entry("x", "Update", json!({"f:a": [1]})),
            no_version,
            json!([[]]),
        ] {
            let good = entry("kubectl-edit", "Update", json!({"f:a": {}}));
            let managed = ManagedFields::parse(&json!([hostile, good]));
            assert_eq!(managed.records().first(), Some(&Record::Opaque(hostile)));
            assert_eq!(names(&managed, ".a"), ["kubectl-edit"]);
        }
        assert_eq!(ManagedFields::parse(&json!("x")).entries().count(), 0);
        assert_eq!(ManagedFields::parse(&Value::Null), ManagedFields::default());
        let mut timeless = entry("kubectl-edit", "Update", json!({"f:a": {}}));
        timeless["time"] = json!("yesterday");
        assert_eq!(
            ManagedFields::parse(&json!([timeless]))
                .owners(DEPLOYMENT.root, &FieldPath::of(&["a"]))
                .first()
                .map(|owner| owner.time),
            Some(None)
        );
    }

    proptest::proptest! {
        #[test]
        fn survives_any_text_as_a_key(key: String, other: String) {
            let managed = ManagedFields::parse(&json!([entry(&other, "Update",
                json!({"f:a": {(key): {(other.clone()): {}}}}))]));
            proptest::prop_assert_eq!(managed.records().len(), 1);
        }
    }
}
