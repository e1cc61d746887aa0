//! HandBack by hand: the person's field is given to Argo CD in metadata alone, so that its next sync takes the field
//! away itself.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::harness::object::write_locked;
use crate::shop::{Apply, PERSON, Shop};

/// Where the incident's container stands in the managedFields of whoever owns it.
const OWNED_CONTAINER: &str = "/fieldsV1/f:spec/f:template/f:spec/f:containers/k:{\"name\":\"web\"}";

/// What a client-side apply remembers of itself.
const LAST_APPLIED: &str = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";

/// Gives the live `tcpSocket` to Argo CD. The Deployment's spec stays as it is.
pub fn hand_back(shop: &Shop, apply: Apply) -> Result<()> {
    // The status of a roll-out under way is written at any moment.
    write_locked(|| {
        let live = shop.deployment.read()?;
        let change = match apply {
            Apply::ClientSide | Apply::Replace => into_last_applied(&live)?,
            Apply::ServerSide => into_managed_fields(&live)?,
        };
        let guard =
            json!({"op": "replace", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]});
        shop.deployment.json_patch("ada", &json!([guard, change]))
    })?
    .success()
    .map(drop)
}

/// A client-side apply removes what it remembers to have set and no longer finds in Git.
fn into_last_applied(live: &Value) -> Result<Value> {
    let remembered = live
        .pointer(LAST_APPLIED)
        .and_then(Value::as_str)
        .context("nothing was applied client-side")?;
    let mut remembered: Value = serde_json::from_str(remembered)?;
    remembered["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["tcpSocket"] = json!({"port": 8080});
    Ok(json!({"op": "replace", "path": LAST_APPLIED, "value": remembered.to_string()}))
}

/// A server-side apply removes what it owns alone and no longer finds in Git.
fn into_managed_fields(live: &Value) -> Result<Value> {
    let mut entries = live["metadata"]["managedFields"]
        .as_array()
        .context("nobody owns anything")?
        .clone();
    let of = |manager: &str, operation: &str| {
        let fits = |entry: &Value| {
            entry["manager"] == manager && entry["operation"] == operation && entry["subresource"].is_null()
        };
        entries
            .iter()
            .position(fits)
            .with_context(|| format!("{manager} has no entry"))
    };
    let (person, argo_cd) = (of(PERSON, "Update")?, of("argocd-controller", "Apply")?);
    let field = entries[person]
        .pointer(OWNED_CONTAINER)
        .map(|container| container["f:livenessProbe"]["f:tcpSocket"].clone());
    let container = entries[argo_cd]
        .pointer_mut(OWNED_CONTAINER)
        .context("Argo CD owns no container")?;
    // It may own nothing of the probe any more: the person's removal of httpGet took that away.
    container["f:livenessProbe"]["f:tcpSocket"] = field
        .filter(|field| !field.is_null())
        .context("the person does not own it")?;
    // The person changed nothing else.
    entries.remove(person);
    Ok(json!({"op": "replace", "path": "/metadata/managedFields", "value": entries}))
}
