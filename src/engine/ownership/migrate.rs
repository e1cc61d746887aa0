//! What a tool does to `managedFields` by itself before it applies server-side: other managers' fields become its own,
//! and what Git does not set of them goes with the apply.

use serde_json::Value;

use super::fields::FieldSet;
use crate::engine::object::FieldPath;

/// The `managedFields` after the `Update` entries of `from` went into the `Apply` entry of `to`.
///
/// Without such an entry of `to` the first one of `from` becomes it. Entries of a subresource, and those of another
/// version of the API than the receiving one, give nothing; the latter go all the same. `None` where `from` has no
/// entry to migrate.
///
/// Source: `upgradedManagedFields` and `unionManagerIntoIndex` of client-go's `util/csaupgrade/upgrade.go`, which Argo
/// CD calls in `performCSAUpgradeMigration` of gitops-engine's `pkg/sync/sync_context.go`.
pub fn migrated(managed: &Value, from: &str, to: &str) -> Option<Value> {
    let is = |entry: &Value, manager: &str, operation: &str| {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        text("manager") == manager && text("operation") == operation && text("subresource").is_empty()
    };
    let mut entries = managed.as_array()?.clone();
    let first = entries.iter().position(|entry| is(entry, from, "Update"))?;
    let receiver = match entries.iter().position(|entry| is(entry, to, "Apply")) {
        Some(receiver) => receiver,
        None => {
            entries[first]["operation"] = "Apply".into();
            entries[first]["manager"] = to.into();
            first
        }
    };
    let same_version = |entry: &&Value| entry.get("apiVersion") == entries[receiver].get("apiVersion");
    let giver = entries
        .iter()
        .filter(|entry| is(entry, from, "Update"))
        .find(same_version);
    if let Some(given) = giver.and_then(fields) {
        let all = fields(&entries[receiver]).unwrap_or_default().union(&given);
        entries[receiver]["fieldsV1"] = all.to_value();
    }
    entries.retain(|entry| !is(entry, from, "Update"));
    Some(entries.into())
}

/// The `managedFields` after the `Update` entries of every manager of whom one owns this field went into the `Apply`
/// entry of `to`; `None` where nobody owns it by an update.
///
/// Source: `FindFieldsOwners` and `UpgradeManagedFieldsPatch` of client-go's `util/csaupgrade/upgrade.go`, as
/// `migrateToSSAIfNecessary` of kubectl's `pkg/cmd/apply/apply.go` calls them.
pub fn of_owners_of(managed: &Value, field: &FieldPath, to: &str) -> Option<Value> {
    let mut owners: Vec<String> = owners_of(managed, field, "Update").collect();
    owners.sort_unstable();
    owners.dedup();
    owners.iter().fold(None, |anew: Option<Value>, owner| {
        let before = anew.as_ref().unwrap_or(managed);
        migrated(before, owner, to).or(anew)
    })
}

/// Whether somebody owns this field by an apply.
pub fn is_applied(managed: &Value, field: &FieldPath) -> bool {
    owners_of(managed, field, "Apply").next().is_some()
}

fn owners_of(managed: &Value, field: &FieldPath, operation: &str) -> impl Iterator<Item = String> {
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let entries = managed
        .as_array()
        .into_iter()
        .flatten()
        .filter(move |entry| text(entry, "operation") == operation);
    entries
        .filter(|entry| fields(entry).is_some_and(|fields| fields.contains(field)))
        .map(move |entry| text(entry, "manager"))
}

/// The `managedFields` after everything of kubectl's went into the `Apply` entry of `to`, which is Flux's manager: also
/// where an edit or a patch by hand wrote it. `None` where there is nothing of the kind.
///
/// Source: the managers that `apply` of kustomize-controller's `internal/controller/kustomization_controller.go` names,
/// by prefix, and `PatchReplaceFieldsManagers` of `fluxcd/pkg/ssa/patch.go`.
pub fn adopted(managed: &Value, to: &str) -> Option<Value> {
    let text = |entry: &Value, key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_receiver = |entry: &Value| text(entry, "manager") == to && text(entry, "operation") == "Apply";
    let is_given = |entry: &Value| {
        let manager = text(entry, "manager");
        let by_update = text(entry, "operation") == "Update"
            && (manager.starts_with("before-first-apply") || manager.starts_with(to));
        text(entry, "subresource").is_empty() && (manager.starts_with("kubectl") || by_update)
    };
    let (given, mut kept): (Vec<Value>, Vec<Value>) = managed
        .as_array()?
        .iter()
        .cloned()
        .partition(|entry| is_given(entry) && !is_receiver(entry));
    let mut receiver = match kept.iter().position(is_receiver) {
        Some(at) => kept.remove(at),
        None => {
            let mut first = given.first()?.clone();
            first["manager"] = to.into();
            first["operation"] = "Apply".into();
            first
        }
    };
    if given.is_empty() {
        return None;
    }
    let all = given
        .iter()
        .filter_map(fields)
        .fold(fields(&receiver).unwrap_or_default(), |all, some| all.union(&some));
    receiver["fieldsV1"] = all.to_value();
    kept.push(receiver);
    Some(kept.into())
}

fn fields(entry: &Value) -> Option<FieldSet> {
    FieldSet::parse(entry.get("fieldsV1")?).ok()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
               "fieldsV1": fields})
    }

    #[test]
    fn what_was_applied_client_side_becomes_the_tools() {
        let kubectl = || {
            entry(
                "kubectl-client-side-apply",
                "Update",
                json!({"f:spec": {"f:replicas": {}}}),
            )
        };
        let person = || entry("kubectl-edit", "Update", json!({"f:spec": {"f:paused": {}}}));
        let tool = |fields| entry("argocd-controller", "Apply", fields);
        let migrated = |entries: Value| migrated(&entries, "kubectl-client-side-apply", "argocd-controller");

        let both = json!({"f:spec": {"f:replicas": {}, "f:selector": {}}});
        let before = json!([kubectl(), person(), tool(json!({"f:spec": {"f:selector": {}}}))]);
        assert_eq!(migrated(before), Some(json!([person(), tool(both)])));
        assert_eq!(
            migrated(json!([person(), kubectl()])),
            Some(json!([person(), tool(json!({"f:spec": {"f:replicas": {}}}))]))
        );
        assert_eq!(migrated(json!([person(), tool(json!({}))])), None);
        let mut scale = kubectl();
        scale["subresource"] = json!("scale");
        assert_eq!(migrated(json!([scale])), None);
        assert_eq!(migrated(Value::Null), None);
    }

    #[test]
    fn flux_takes_over_what_people_wrote_by_kubectl_and_nobody_elses() {
        let by = |manager: &str, field: &str| entry(manager, "Update", json!({"f:spec": {field: {}}}));
        let tool = |fields| entry("kustomize-controller", "Apply", fields);
        let adopted = |entries: Value| adopted(&entries, "kustomize-controller");
        let before = json!([
            by("kubectl-edit", "f:paused"),
            tool(json!({"f:spec": {"f:selector": {}}})),
            by("Lens", "f:replicas")
        ]);
        let both = json!({"f:spec": {"f:paused": {}, "f:selector": {}}});
        assert_eq!(adopted(before), Some(json!([by("Lens", "f:replicas"), tool(both)])));
        assert_eq!(
            adopted(json!([by("kubectl", "f:paused")])),
            Some(json!([tool(json!({"f:spec": {"f:paused": {}}}))]))
        );
        assert_eq!(adopted(json!([by("Lens", "f:replicas"), tool(json!({}))])), None);
    }
}
