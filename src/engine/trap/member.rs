//! The members of a union that others own, and documents that choose another one.

use serde_json::Value;

use super::is_anothers;
use crate::engine::facts::Facts;
use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, Segment, schema_path};
use crate::engine::ownership::ManagedFields;
use crate::engine::schema::{Union, unions_of};
use crate::engine::syncer::Syncer;

/// The lists in which an item that stays beside the next one is refused although their keys differ: two ports of a
/// container have one name, or one port of the host.
///
/// Source: `validateContainerPorts` and `checkHostPortConflicts` of `pkg/apis/core/validation/validation.go`.
const PORTS: [&str; 2] = [
    "spec.template.spec.containers[].ports",
    "spec.template.spec.initContainers[].ports",
];

/// The largest number of a port.
const LAST_PORT: i64 = 65_535;

/// What Git sets and goes on from.
pub(super) struct Member {
    pub path: FieldPath,

    /// The union of which it is a member; a port is none.
    union: Option<&'static Union>,
}

impl Member {
    /// Those that these fields are, or are a part of, each once, after those that are known already.
    pub fn add(kind: &'static Kind, members: &mut Vec<Self>, fields: Vec<FieldPath>) {
        for field in fields {
            let of_unions = unions_of(kind.root, &field)
                .into_iter()
                .map(|(at, union)| (at, Some(union)));
            for (at, union) in of_unions.chain(port_of(&field).map(|at| (at, None))) {
                let path = FieldPath(field.0[..=at].to_vec());
                if !members.iter().any(|member| member.path == path) {
                    members.push(Self { path, union });
                }
            }
        }
    }

    /// Git's document with something else in its place, in each way that is tried.
    pub(super) fn switched(&self, document: &Value) -> Vec<Value> {
        let (Some(holder), Some(last)) = (self.path.parent(), self.path.0.last()) else {
            return Vec::new();
        };
        let (Some(union), Segment::Field(name)) = (self.union, last) else {
            return self.with_another_number(&holder, document).into_iter().collect();
        };
        let choices = union.choices().filter(|choice| choice.get(name).is_none());
        choices
            .filter_map(|choice| with_choice(document, &holder, union, &choice))
            .collect()
    }

    /// The document with the port on another number, whatever else is said of it.
    fn with_another_number(&self, ports: &FieldPath, document: &Value) -> Option<Value> {
        let number = |port: &Value| port.get("containerPort").and_then(Value::as_i64);
        let now = number(self.path.get(document)?)?;
        let used: Vec<i64> = ports.get(document)?.as_array()?.iter().filter_map(number).collect();
        let next = (now + 1..=LAST_PORT).chain(1..now).find(|next| !used.contains(next))?;
        let mut document = document.clone();
        let port = document.pointer_mut(&self.path.pointer(&document)?)?.as_object_mut()?;
        port.insert("containerPort".to_owned(), next.into());
        Some(document)
    }
}

/// How many steps from the root the port stands that a field is, or is a part of.
fn port_of(field: &FieldPath) -> Option<usize> {
    let is_port =
        |at: &usize| matches!(field.0[*at], Segment::Key(_)) && PORTS.contains(&schema_path(&field.0[..*at]).as_str());
    (1..field.0.len()).find(is_port)
}

/// The document with another member in the union.
fn with_choice(document: &Value, holder: &FieldPath, union: &Union, choice: &Value) -> Option<Value> {
    let mut document = document.clone();
    let fields = document.pointer_mut(&holder.pointer(&document)?)?.as_object_mut()?;
    fields.retain(|name, _| !union.members.contains(&name.as_str()));
    fields.extend(choice.as_object()?.clone());
    Some(document)
}

/// What Git sets and goes on from, live has as Git says, and others than the tool own, in path order.
pub(super) fn members_of_others(
    managed: &ManagedFields,
    syncer: &Syncer,
    facts: &Facts<'_>,
    differing: &[&FieldPath],
) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    for entry in managed.entries().filter(|entry| is_anothers(&entry.owner, syncer)) {
        Member::add(facts.kind, &mut members, entry.fields.members());
    }
    let differs = |member: &Member| {
        let holder = member.path.parent().unwrap_or_default();
        differing
            .iter()
            .any(|path| path.starts_with(&holder) || holder.starts_with(path))
    };
    members.retain(|member| member.path.get(facts.desired).is_some_and(|value| !value.is_null()) && !differs(member));
    members.sort_by(|one, other| one.path.cmp(&other.path));
    members
}
