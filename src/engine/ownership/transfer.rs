//! Fields that change hands without changing: a new `managedFields` for a metadata-only patch.
//!
//! After a heal that is not an apply, the healed field is ours: the syncing tool never takes it back, and the next change of
//! handler in Git is refused because our entry still holds the old one. Dropping our entry alone is worse, for then nobody
//! owns the field. So the field goes to the entry of the tool's apply, and our entry goes.

use serde_json::Value;

use super::fields::FieldSet;
use super::managed::{Entry, ManagedFields, Record};
use super::{Operation, Owner};
use crate::engine::object::FieldPath;

/// Why fields cannot be given to a manager.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferRefusal {
    /// An entry is not one that an API server writes. The server would pass over the whole change in silence.
    #[error("failed to read an entry of metadata.managedFields")]
    Unreadable,

    /// The receiver has never applied the object, so it would not remove the fields either.
    #[error("failed to find an Apply entry of {to:?}")]
    NoApplyEntry {
        /// Who was to receive the fields.
        to: String,
    },

    /// Others apply the object, too, and it is not known whose field it is.
    #[error("failed to choose between managers that apply the object: {to:?} and {}", others.join(", "))]
    OtherApplyManagers {
        /// Who was to receive the fields.
        to: String,

        /// The others, sorted.
        others: Vec<String>,
    },

    /// The giver does not hold this field, so that someone else changed the object since the plan was made.
    #[error("failed to find {path} among the fields of {from}")]
    NotHeld {
        /// The field that was to change hands.
        path: FieldPath,

        /// Who was to give it, by commas.
        from: String,
    },
}

impl TransferRefusal {
    /// What a person may do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoApplyEntry { to } => {
                Some(format!("let {to} apply the object server-side once, or name its field manager in spec.manager"))
            }
            Self::OtherApplyManagers { .. } => Some("agree on one manager that applies this object, then sync again".to_owned()),
            Self::NotHeld { .. } => Some("ask for a new plan: the object has changed".to_owned()),
            Self::Unreadable => None,
        }
    }
}

/// A manager that gives fields away: all its entries of that operation, through whatever subresource and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Giver<'a> {
    /// The manager's name.
    pub manager: &'a str,

    /// How it wrote.
    pub operation: Operation,
}

/// The `managedFields` after a heal's fields went to the tool that applies `desired`.
///
/// # Guarantees
/// The receiver's `Apply` entry gains what an apply of `desired` would own at and below `paths`, and whatever else of the giver's
/// fields it would own, so that no field of Git is left without an owner. The giver's entries go as a whole. Every other entry stays as it
/// is, as does every word of the receiver's besides its fields. Without one nothing changes.
///
/// # Errors
/// [`TransferRefusal`] where the receiver never applied the object, or is not the only one that does.
pub fn moved(managed: &Value, desired: &Value, paths: &[FieldPath], from: Giver<'_>, to: &str) -> Result<Value, TransferRefusal> {
    let parsed = ManagedFields::parse(managed);
    let given: Vec<&Entry> = parsed.entries().filter(|entry| from.is(&entry.owner)).collect();
    if given.is_empty() {
        return Ok(managed.clone());
    }
    check_receiver(&parsed, to)?;
    let applied = FieldSet::of_applied(desired);
    let restored = paths.iter().map(|path| applied.at_or_below(path));
    let held = given.iter().map(|entry| entry.fields.intersection(&applied));
    let gained = restored.chain(held).fold(FieldSet::default(), |all, some| all.union(&some));
    Ok(rewritten(managed, &parsed, &gained, to, |entry| from.is(&entry.owner).then(FieldSet::default)))
}

/// The `managedFields` after foreign fields went to the tool that applies the object, whose next sync then removes them.
///
/// # Guarantees
/// The receiver's `Apply` entry gains what the givers hold at and below `paths`; they lose it, and an entry that is left empty goes. With no
/// giver the paths themselves are gained: a default has no owner. Everything else stays as it is.
///
/// # Errors
/// [`TransferRefusal`] where the receiver never applied the object, is not the only one that does, or a path is held by no giver.
pub fn handed_back(managed: &Value, paths: &[FieldPath], from: &[Giver<'_>], to: &str) -> Result<Value, TransferRefusal> {
    let parsed = ManagedFields::parse(managed);
    check_receiver(&parsed, to)?;
    let is_given = |entry: &Entry| from.iter().any(|giver| giver.is(&entry.owner));
    let union = |all: FieldSet, some: FieldSet| all.union(&some);
    let part = |fields: &FieldSet| paths.iter().map(|path| fields.at_or_below(path)).fold(FieldSet::default(), union);
    let held = parsed.entries().filter(|entry| is_given(entry)).map(|entry| part(&entry.fields)).fold(FieldSet::default(), union);
    let absent = paths.iter().find(|path| !held.contains_or_below(path));
    let gained = match (from, absent) {
        ([], _) => paths.iter().cloned().collect(),
        (_, None) => held,
        (_, Some(path)) => {
            let names: Vec<&str> = from.iter().map(|giver| giver.manager).collect();
            return Err(TransferRefusal::NotHeld { path: path.clone(), from: names.join(", ") });
        }
    };
    Ok(rewritten(managed, &parsed, &gained, to, |entry| is_given(entry).then(|| entry.fields.difference(&part(&entry.fields)))))
}

/// The `managedFields` after all of the giver's fields went to what this manager wrote by updates.
///
/// # Guarantees
/// The receiver's `Update` entry of the same version gains the giver's fields, and the giver's entry goes; without such an entry the giver's becomes
/// it. Every other entry stays as it is. Without a giver nothing changes.
///
/// # Errors
/// [`TransferRefusal::Unreadable`] where an entry is not one that an API server writes.
pub fn returned(managed: &Value, from: Giver<'_>, to: &str) -> Result<Value, TransferRefusal> {
    let parsed = ManagedFields::parse(managed);
    if parsed.records().iter().any(|record| matches!(record, Record::Opaque(_))) {
        return Err(TransferRefusal::Unreadable);
    }
    let mut values: Vec<Option<Value>> = managed.as_array().into_iter().flatten().cloned().map(Some).collect();
    let entries: Vec<Option<&Entry>> =
        parsed.records().iter().map(|record| if let Record::Entry(entry) = record { Some(entry) } else { None }).collect();
    let is_update_of = |entry: &Entry, manager: &str| entry.owner.is(manager, Operation::Update) && entry.owner.subresource.is_none();
    let version = |at: usize| managed.get(at).and_then(|value| value.get("apiVersion")).cloned();
    for (at, entry) in entries.iter().enumerate() {
        let Some(entry) = entry.filter(|entry| from.is(&entry.owner)) else { continue };
        let receiver = entries
            .iter()
            .enumerate()
            .position(|(other, entry)| entry.is_some_and(|entry| is_update_of(entry, to)) && version(other) == version(at));
        let receiver = receiver.and_then(|receiver| Some((receiver, entries[receiver]?.fields.union(&entry.fields))));
        match receiver {
            Some((receiver, fields)) => {
                set(&mut values[receiver], "fieldsV1", fields.to_value());
                values[at] = None;
            }
            None => set(&mut values[at], "manager", to.into()),
        }
    }
    Ok(values.into_iter().flatten().collect())
}

fn set(value: &mut Option<Value>, key: &str, to: Value) {
    if let Some(members) = value.as_mut().and_then(Value::as_object_mut) {
        members.insert(key.to_owned(), to);
    }
}

/// The `managedFields` after the tool became the only owner of fields that it applies with `desired` and that others own as well.
///
/// # Guarantees
/// The receiver's `Apply` entry gains what an apply of `desired` would own at and below `paths`; the givers lose all that they hold there, and an
/// entry that is left empty goes. Everything else stays as it is, entries of others that apply the object included: nothing of theirs is taken
/// unless they are givers.
///
/// # Errors
/// [`TransferRefusal`] where the receiver never applied the object.
pub fn taken(managed: &Value, desired: &Value, paths: &[FieldPath], from: &[Giver<'_>], to: &str) -> Result<Value, TransferRefusal> {
    let parsed = ManagedFields::parse(managed);
    match check_receiver(&parsed, to) {
        Err(TransferRefusal::OtherApplyManagers { .. }) | Ok(()) => {}
        Err(refusal) => return Err(refusal),
    }
    let applied = FieldSet::of_applied(desired);
    let part =
        |fields: &FieldSet| paths.iter().map(|path| fields.at_or_below(path)).fold(FieldSet::default(), |all, some| all.union(&some));
    let is_given = |entry: &Entry| entry.owner.subresource.is_none() && from.iter().any(|giver| giver.is(&entry.owner));
    Ok(rewritten(managed, &parsed, &part(&applied), to, |entry| is_given(entry).then(|| entry.fields.difference(&part(&entry.fields)))))
}

impl Giver<'_> {
    fn is(&self, owner: &Owner) -> bool {
        owner.is(self.manager, self.operation)
    }
}

fn is_apply(entry: &Entry) -> bool {
    entry.owner.operation == Operation::Apply && entry.owner.subresource.is_none()
}

fn check_receiver(managed: &ManagedFields, to: &str) -> Result<(), TransferRefusal> {
    if managed.records().iter().any(|record| matches!(record, Record::Opaque(_))) {
        return Err(TransferRefusal::Unreadable);
    }
    let (own, other): (Vec<&Entry>, Vec<&Entry>) =
        managed.entries().filter(|entry| is_apply(entry)).partition(|entry| entry.owner.manager == to);
    if own.is_empty() {
        return Err(TransferRefusal::NoApplyEntry { to: to.to_owned() });
    }
    let mut others: Vec<String> = other.into_iter().map(|entry| entry.owner.manager.clone()).collect();
    others.sort();
    if others.is_empty() { Ok(()) } else { Err(TransferRefusal::OtherApplyManagers { to: to.to_owned(), others }) }
}

/// The array with the receiver's fields grown and those of each giver replaced by what `left` says; an empty rest removes the entry.
fn rewritten(managed: &Value, parsed: &ManagedFields, gained: &FieldSet, to: &str, left: impl Fn(&Entry) -> Option<FieldSet>) -> Value {
    let values = managed.as_array().map(Vec::as_slice).unwrap_or_default();
    let records = values.iter().zip(parsed.records());
    let rewrite = |(value, record): (&Value, &Record)| {
        let Record::Entry(entry) = record else { return Some(value.clone()) };
        let is_receiver = is_apply(entry) && entry.owner.manager == to;
        let fields = match left(entry) {
            _ if is_receiver => entry.fields.union(gained),
            Some(rest) if rest.is_empty() => return None,
            Some(rest) => rest,
            None => return Some(value.clone()),
        };
        let mut value = value.clone();
        if let Some(members) = value.as_object_mut() {
            members.insert("fieldsV1".to_owned(), fields.to_value());
        }
        Some(value)
    };
    Value::Array(records.filter_map(rewrite).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    const PROBE: &str = ".spec.template.spec.containers[name=\"web\"].livenessProbe";
    const OURS: Giver<'_> = Giver { manager: "driftmend-heal", operation: Operation::Update };

    fn entry(manager: &str, operation: &str, container: Value) -> Value {
        let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": container}}}}});
        json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "time": "2026-01-02T03:04:05Z", "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    fn status() -> Value {
        json!({"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "apps/v1", "subresource": "status",
               "fieldsType": "FieldsV1", "fieldsV1": {"f:status": {"f:replicas": {}}}, "later": ["word"]})
    }

    fn desired() -> Value {
        json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "nginx",
            "livenessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 5}}]}}}})
    }

    fn path(suffix: &str) -> FieldPath {
        FieldPath::parse(&format!("{PROBE}{suffix}")).unwrap()
    }

    #[test]
    fn gives_back_to_the_update_that_held_the_annotation_and_makes_one_where_there_is_none() {
        let probe = json!({"f:livenessProbe": {"f:httpGet": {}}});
        let image = json!({"f:image": {}});
        let theirs = entry("argocd-controller", "Update", image.clone());
        let managed = json!([theirs, status(), entry("driftmend-heal", "Update", probe.clone())]);
        let mut both = image;
        json_patch::merge(&mut both, &probe);
        assert_eq!(returned(&managed, OURS, "argocd-controller"), Ok(json!([entry("argocd-controller", "Update", both), status()])));
        // Another version of the API, or no entry at all: ours becomes the tool's.
        let mut older = theirs;
        older["apiVersion"] = json!("apps/v1beta2");
        for others in [json!([older, status()]), json!([status()]), json!([entry("argocd-controller", "Apply", json!({"f:image": {}}))])] {
            let mut managed = others.clone();
            managed.as_array_mut().unwrap().push(entry("driftmend-heal", "Update", probe.clone()));
            let mut after = others;
            after.as_array_mut().unwrap().push(entry("argocd-controller", "Update", probe.clone()));
            assert_eq!(returned(&managed, OURS, "argocd-controller"), Ok(after.clone()));
            assert_eq!(returned(&after, OURS, "argocd-controller"), Ok(after));
        }
    }

    #[test]
    fn gives_the_healed_fields_to_the_tool_and_drops_our_entry() {
        let managed = json!([
            entry("argocd-controller", "Apply", json!({".": {}, "f:name": {}, "f:livenessProbe": {"f:periodSeconds": {}}})),
            entry(
                "driftmend-heal",
                "Update",
                json!({"f:livenessProbe": {"f:httpGet": {".": {}, "f:path": {}, "f:port": {}, "f:scheme": {}}}})
            ),
            status(),
        ]);
        let after = json!([
            entry(
                "argocd-controller",
                "Apply",
                json!({".": {}, "f:name": {}, "f:livenessProbe": {"f:httpGet": {"f:path": {}, "f:port": {}}, "f:periodSeconds": {}}})
            ),
            status(),
        ]);
        assert_eq!(moved(&managed, &desired(), &[path(".httpGet")], OURS, "argocd-controller"), Ok(after));
    }

    #[test]
    fn leaves_no_field_of_git_without_an_owner() {
        let managed = json!([
            entry("argocd-controller", "Apply", json!({"f:livenessProbe": {"f:periodSeconds": {}}})),
            entry("driftmend-heal", "Update", json!({".": {}, "f:name": {}, "f:image": {}, "f:tty": {}})),
        ]);
        let after = json!([entry(
            "argocd-controller",
            "Apply",
            json!({".": {}, "f:name": {}, "f:image": {}, "f:livenessProbe": {"f:periodSeconds": {}}})
        )]);
        assert_eq!(moved(&managed, &desired(), &[], OURS, "argocd-controller"), Ok(after));
    }

    #[test]
    fn changes_nothing_where_nothing_is_ours() {
        let managed = json!([entry("driftmend-heal", "Apply", json!({"f:image": {}})), 7]);
        for managed in [managed, Value::Null, json!([])] {
            assert_eq!(moved(&managed, &desired(), &[path("")], OURS, "argocd-controller"), Ok(managed));
        }
    }

    #[test]
    fn refuses_where_the_receiver_is_not_the_one_that_applies() {
        let (ours, tool, other) = (
            entry("driftmend-heal", "Update", json!({"f:image": {}})),
            entry("tool", "Apply", json!({})),
            entry("other", "Apply", json!({})),
        );
        let to = "tool".to_owned();
        for (managed, refusal) in [
            (json!([ours, other]), TransferRefusal::NoApplyEntry { to: to.clone() }),
            (json!([ours, entry("tool", "Update", json!({}))]), TransferRefusal::NoApplyEntry { to: to.clone() }),
            (json!([ours, other, tool]), TransferRefusal::OtherApplyManagers { to, others: vec!["other".to_owned()] }),
            (json!([ours, tool, {"manager": "x"}]), TransferRefusal::Unreadable),
        ] {
            assert_eq!(moved(&managed, &desired(), &[path("")], OURS, "tool"), Err(refusal));
        }
    }

    #[test]
    fn hands_a_foreign_field_to_the_tool_that_will_remove_it() {
        let foreign = Giver { manager: "kubectl-patch", ..OURS };
        let apply = |probe: Value| entry("tool", "Apply", json!({"f:livenessProbe": probe}));
        let managed = json!([
            apply(json!({"f:periodSeconds": {}})),
            entry("kubectl-patch", "Update", json!({"f:livenessProbe": {"f:tcpSocket": {".": {}, "f:port": {}}}, "f:image": {}}))
        ]);
        let after = json!([
            apply(json!({"f:periodSeconds": {}, "f:tcpSocket": {".": {}, "f:port": {}}})),
            entry("kubectl-patch", "Update", json!({"f:image": {}}))
        ]);
        assert_eq!(handed_back(&managed, &[path(".tcpSocket")], &[foreign], "tool"), Ok(after));

        let managed =
            json!([apply(json!({"f:periodSeconds": {}})), entry("kubectl-patch", "Update", json!({"f:livenessProbe": {"f:exec": {}}}))]);
        assert_eq!(
            handed_back(&managed, &[path(".exec")], &[foreign], "tool"),
            Ok(json!([apply(json!({"f:exec": {}, "f:periodSeconds": {}}))]))
        );
        let absent = TransferRefusal::NotHeld { path: path(".grpc"), from: "kubectl-patch".to_owned() };
        assert_eq!(handed_back(&managed, &[path(".grpc")], &[foreign], "tool"), Err(absent));
    }

    #[test]
    fn hands_back_what_was_written_through_a_subresource() {
        let fields = json!({"f:spec": {"f:replicas": {}}});
        let scale = json!({"manager": "kubectl", "operation": "Update", "apiVersion": "apps/v1", "subresource": "scale", "fieldsType": "FieldsV1", "fieldsV1": fields});
        let tool = json!({"manager": "tool", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": {}});
        let mut after = tool.clone();
        after["fieldsV1"] = fields;
        let person = Giver { manager: "kubectl", ..OURS };
        assert_eq!(handed_back(&json!([tool, scale]), &[FieldPath::of(&["spec", "replicas"])], &[person], "tool"), Ok(json!([after])));
    }

    #[test]
    fn takes_what_the_tool_applies_from_all_others_and_leaves_them_the_rest() {
        let http_get = json!({".": {}, "f:path": {}, "f:port": {}, "f:scheme": {}});
        let person = entry("kubectl-edit", "Update", json!({"f:livenessProbe": {"f:httpGet": http_get}, "f:tty": {}}));
        let other = entry("kubectl", "Apply", json!({"f:livenessProbe": {"f:httpGet": {"f:port": {}}}}));
        let tool = |probe: Value| entry("tool", "Apply", json!({"f:livenessProbe": probe}));
        let before = json!([tool(json!({"f:periodSeconds": {}})), person, other, status()]);
        let givers = [Giver { manager: "kubectl-edit", ..OURS }, Giver { manager: "kubectl", operation: Operation::Apply }];
        let after = json!([
            tool(json!({"f:httpGet": {"f:path": {}, "f:port": {}}, "f:periodSeconds": {}})),
            entry("kubectl-edit", "Update", json!({"f:tty": {}})),
            status(),
        ]);
        assert_eq!(taken(&before, &desired(), &[path(".httpGet")], &givers, "tool"), Ok(after));
        let nobody = TransferRefusal::NoApplyEntry { to: "another".to_owned() };
        assert_eq!(taken(&before, &desired(), &[path(".httpGet")], &givers, "another"), Err(nobody));
    }

    #[test]
    fn keeps_the_receivers_entry_even_when_it_is_named_as_a_giver() {
        let managed = json!([entry("tool", "Apply", json!({"f:image": {}}))]);
        let own = Giver { manager: "tool", operation: Operation::Apply };
        let image = FieldPath::parse(".spec.template.spec.containers[name=\"web\"].image").unwrap();
        assert_eq!(moved(&managed, &desired(), &[], own, "tool"), Ok(managed.clone()));
        assert_eq!(handed_back(&managed, &[image], &[own], "tool"), Ok(managed));
    }

    #[test]
    fn hands_a_default_that_nobody_owns_to_the_tool() {
        let apply = |fields: Value| json!([{"manager": "tool", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": fields}]);
        let rolling = FieldPath::of(&["spec", "strategy", "rollingUpdate"]);
        let after = apply(json!({"f:spec": {"f:replicas": {}, "f:strategy": {"f:rollingUpdate": {}}}}));
        assert_eq!(handed_back(&apply(json!({"f:spec": {"f:replicas": {}}})), &[rolling], &[], "tool"), Ok(after));
    }
}
