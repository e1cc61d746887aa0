//! From client-side to server-side apply: what a tool does to `managedFields` before its first server-side apply.
//!
//! Source: `upgradedManagedFields` and `unionManagerIntoIndex` of client-go's `util/csaupgrade/upgrade.go`, which Argo CD calls in
//! `performCSAUpgradeMigration` of gitops-engine's `pkg/sync/sync_context.go`.

use serde_json::Value;

use super::fields::FieldSet;

/// The `managedFields` after the `Update` entries of `from` went into the `Apply` entry of `to`.
///
/// Without such an entry of `to` the first one of `from` becomes it. Entries of a subresource, and those of another version of the
/// API than the receiving one, give nothing; the latter go all the same. `None` where `from` has no entry to migrate.
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
    let giver = entries.iter().filter(|entry| is(entry, from, "Update")).find(same_version);
    if let Some(given) = giver.and_then(fields) {
        let all = fields(&entries[receiver]).unwrap_or_default().union(&given);
        entries[receiver]["fieldsV1"] = all.to_value();
    }
    entries.retain(|entry| !is(entry, from, "Update"));
    Some(entries.into())
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
        json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    #[test]
    fn what_was_applied_client_side_becomes_the_tools() {
        let kubectl = || entry("kubectl-client-side-apply", "Update", json!({"f:spec": {"f:replicas": {}}}));
        let person = || entry("kubectl-edit", "Update", json!({"f:spec": {"f:paused": {}}}));
        let tool = |fields| entry("argocd-controller", "Apply", fields);
        let migrated = |entries: Value| migrated(&entries, "kubectl-client-side-apply", "argocd-controller");

        let both = json!({"f:spec": {"f:replicas": {}, "f:selector": {}}});
        let before = json!([kubectl(), person(), tool(json!({"f:spec": {"f:selector": {}}}))]);
        assert_eq!(migrated(before), Some(json!([person(), tool(both)])));
        assert_eq!(migrated(json!([person(), kubectl()])), Some(json!([person(), tool(json!({"f:spec": {"f:replicas": {}}}))])));
        assert_eq!(migrated(json!([person(), tool(json!({}))])), None);
        let mut scale = kubectl();
        scale["subresource"] = json!("scale");
        assert_eq!(migrated(json!([scale])), None);
        assert_eq!(migrated(Value::Null), None);
    }
}
