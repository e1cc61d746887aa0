//! Evidence: who had written what before a heal rewrote it, and what the heal sent.
//!
//! A HandBack and a Transfer change who owns a field, and a Restore the field: afterwards the Deployment no longer
//! tells who changed it by hand. So that is recorded before the first write, in the report and in the audit line of the
//! log. A value is told by its digest, and one that the mask hides by nothing: a digest of a short secret can be found
//! out by trying.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::build::masked_operation;
use super::clamp::clamp;
use super::cut::cut;
use crate::api::v1alpha1::bounds::{EVIDENCE_LIMIT, HISTORY_LIMIT};
use crate::api::v1alpha1::{Evidence, Healing, HistoryEntry};
use crate::engine::diff::Masker;
use crate::engine::digest::digest;
use crate::engine::kind::Kind;
use crate::engine::object::FieldPath;
use crate::engine::ownership::{ManagedFields, Owner};
use crate::engine::{OwnHeal, Wrote};

/// The room for them, as JSON, in bytes.
const EVIDENCE_BYTES: usize = 1_536;

/// The room for the whole history, as JSON, in bytes: ten heals beside everything else within the limit of a status. An
/// entry may not be changed any more once it is written, so each has its tenth.
const ENTRY_BYTES: usize = 28 * 1_024 / HISTORY_LIMIT;

/// The longest value of a patch that is shown as it is, in bytes.
const SHOWN_VALUE: usize = 1_024;

/// A heal in progress, as far as telling of the Deployment meanwhile needs it.
pub fn own_heal(healing: &Healing) -> OwnHeal {
    let wrote = |evidence: &Evidence| {
        let owner = evidence
            .manager
            .clone()
            .zip(evidence.operation)
            .map(|(manager, operation)| Owner {
                manager,
                operation: operation.into(),
                subresource: evidence.subresource.clone(),
                time: evidence.time,
            });
        Some(Wrote {
            path: evidence.path.parse().ok()?,
            owner,
        })
    };
    OwnHeal {
        wrote: healing.evidence.iter().filter_map(wrote).collect(),
    }
}

/// Who had written these fields of an object, in the order of the paths; a line for each owner of each.
pub fn evidence<'a>(
    kind: &'static Kind,
    live: &Value,
    paths: impl Iterator<Item = &'a FieldPath>,
    masker: &Masker,
) -> Vec<Evidence> {
    let managed = ManagedFields::of(live);
    let paths: BTreeSet<String> = paths.map(ToString::to_string).collect();
    let mut found = Vec::new();
    for path in paths.iter().filter_map(|path| path.parse::<FieldPath>().ok()) {
        let old = path.get(live);
        let is_hidden = old.is_some_and(|old| Value::from(masker.mask(&path, old)) != *old);
        let of = |manager: Option<&Owner>| Evidence {
            path: path.to_string(),
            manager: manager.map(|owner| owner.manager.clone()),
            operation: manager.map(|owner| owner.operation.into()),
            subresource: manager.and_then(|owner| owner.subresource.clone()),
            time: manager.and_then(|owner| owner.time),
            digest: old.filter(|_| !is_hidden).map(digest),
        };
        let owners = managed.owners(kind.root, &path);
        found.extend(owners.iter().map(|owner| of(Some(owner))));
        if owners.is_empty() {
            found.push(of(None));
        }
    }
    found
}

/// As much of the evidence as a report has room for, and how much is left out.
pub fn fitting(evidence: &[Evidence]) -> (Vec<Evidence>, usize) {
    let mut kept: Vec<Evidence> = evidence.iter().take(EVIDENCE_LIMIT).cloned().map(clamp).collect();
    while size(&kept) > EVIDENCE_BYTES && kept.pop().is_some() {}
    let omitted = evidence.len() - kept.len();
    (kept, omitted)
}

/// An entry of the history as long as there is room for it: the message is cut first, then evidence is left out and
/// counted.
pub fn fitting_entry(mut entry: HistoryEntry) -> HistoryEntry {
    for limit in [1_024, 512, 256, 64] {
        if size(&entry) <= ENTRY_BYTES {
            break;
        }
        entry.message = cut(&entry.message, limit);
    }
    while size(&entry) > ENTRY_BYTES && entry.evidence.pop().is_some() {
        entry.evidence_omitted += 1;
    }
    clamp(entry)
}

fn size(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |bytes| bytes.len())
}

/// A patch as an audit line tells it, and its digest: values masked as the fields that they are for, and what is long
/// or tells who owns what only by its digest.
pub fn shown_patch(patch: &json_patch::Patch, masker: &Masker) -> (Value, String) {
    let patch = serde_json::to_value(patch).unwrap_or_default();
    let shown = patch.as_array().into_iter().flatten().map(|operation| {
        let pointer = operation["path"].as_str().unwrap_or_default();
        let is_books = pointer.starts_with("/metadata/managedFields") || pointer.contains("last-applied-configuration");
        let is_long = |value: &Value| value.to_string().len() > SHOWN_VALUE;
        match operation.get("value").filter(|value| is_books || is_long(value)) {
            Some(value) => json!({"op": operation["op"], "path": pointer, "valueDigest": digest(value)}),
            None => masked_operation(operation, masker),
        }
    });
    (shown.collect(), digest(&patch))
}

#[cfg(test)]
pub(super) use tests::worst_entry;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::api::v1alpha1::{HealResult, Operation, SentRequest, StepKind};
    use crate::engine::kind::DEPLOYMENT;

    fn live() -> Value {
        json!({
            "metadata": {"managedFields": [
                {"manager": "argocd-controller", "operation": "Apply", "apiVersion": "apps/v1",
                 "time": "2026-01-01T00:00:00Z",
                 "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
                {"manager": "kubectl", "operation": "Update", "apiVersion": "apps/v1", "time": "2026-01-02T00:00:00Z",
                 "subresource": "scale",
                 "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:paused": {}}}},
            ]},
            "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "web",
                "env": [{"name": "DB_PASSWORD", "value": "hunter2"}]}]}}},
        })
    }

    fn paths(texts: &[&str]) -> Vec<FieldPath> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn each_owner_of_a_field_is_named_with_how_when_and_what() {
        let found = evidence(
            &DEPLOYMENT,
            &live(),
            paths(&[".spec.replicas", ".spec.minReadySeconds", ".spec.replicas"]).iter(),
            &Masker::default(),
        );
        let digest_of_three = Some(digest(&json!(3)));
        let told: Vec<_> = found
            .iter()
            .map(|one| {
                (
                    one.path.as_str(),
                    one.manager.as_deref(),
                    one.operation,
                    one.subresource.as_deref(),
                    one.time.map(|time| time.to_string()),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (".spec.minReadySeconds", None, None, None, None),
                (
                    ".spec.replicas",
                    Some("argocd-controller"),
                    Some(Operation::Apply),
                    None,
                    Some("2026-01-01T00:00:00Z".to_owned())
                ),
                (
                    ".spec.replicas",
                    Some("kubectl"),
                    Some(Operation::Update),
                    Some("scale"),
                    Some("2026-01-02T00:00:00Z".to_owned())
                ),
            ]
        );
        assert_eq!(
            (&found[0].digest, &found[1].digest, &found[2].digest),
            (&None, &digest_of_three, &digest_of_three)
        );
    }

    #[test]
    fn a_secret_leaves_no_digest_and_no_value() {
        let path = ".spec.template.spec.containers[name=\"web\"].env[name=\"DB_PASSWORD\"].value";
        let found = evidence(&DEPLOYMENT, &live(), paths(&[path]).iter(), &Masker::default());
        assert_eq!((found.len(), &found[0].digest), (1, &None));
        let patch: json_patch::Patch = serde_json::from_value(json!([
            {"op": "replace", "path": "/spec/template/spec/containers/0/env/0",
             "value": {"name": "DB_PASSWORD", "value": "hunter2"}},
            {"op": "replace", "path": "/metadata/managedFields", "value": [{"manager": "kubectl"}]},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
        ]))
        .unwrap();
        let (shown, _) = shown_patch(&patch, &Masker::default());
        assert!(!shown.to_string().contains("hunter2"), "{shown}");
        assert_eq!(
            shown[1],
            json!({"op": "replace", "path": "/metadata/managedFields",
                   "valueDigest": digest(&json!([{"manager": "kubectl"}]))})
        );
        assert_eq!(shown[2]["value"], "7");
    }

    /// The worst entry: everything long, nothing in one byte a character.
    pub(in crate::report) fn worst_entry(at: usize) -> HistoryEntry {
        let long = |characters: usize| "ü".repeat(characters);
        let one = Evidence {
            path: long(500),
            manager: Some(long(128)),
            operation: Some(Operation::Update),
            subresource: Some("status".to_owned()),
            time: Some(Timestamp::UNIX_EPOCH),
            digest: Some("0".repeat(64)),
        };
        let (evidence, evidence_omitted) = fitting(&vec![one; 400]);
        let sent = SentRequest {
            kind: StepKind::StartOperation,
            at: Timestamp::UNIX_EPOCH,
            digest: "0".repeat(64),
            answer: "0".repeat(60),
        };
        fitting_entry(HistoryEntry {
            plan_hash: format!("{at:064x}"),
            by: long(253),
            healer: long(253),
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: Timestamp::UNIX_EPOCH,
            result: HealResult::Failed,
            message: long(50_000),
            removed: Some("0".repeat(700)),
            evidence,
            evidence_omitted,
            requests: vec![sent; 3],
        })
    }

    #[test]
    fn an_entry_has_its_tenth_of_the_room_and_counts_what_it_leaves_out() {
        let entry = worst_entry(1);
        assert!(size(&entry) <= ENTRY_BYTES, "{}", size(&entry));
        assert_eq!(entry.evidence.len() + entry.evidence_omitted, 400);
        let one = Evidence {
            path: ".spec.replicas".to_owned(),
            manager: None,
            operation: None,
            subresource: None,
            time: None,
            digest: None,
        };
        let (kept, omitted) = fitting(std::slice::from_ref(&one));
        assert_eq!((kept, omitted), (vec![one], 0));
    }
}
