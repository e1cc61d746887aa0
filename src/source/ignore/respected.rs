//! What Argo CD sends under `RespectIgnoreDifferences=true`: Git's document with live's value of each ignored field.
//!
//! Source: `normalizeTargetResources` of Argo CD's `controller/sync.go`, `Normalize` of `util/argo/diff/normalize.go`
//! and of `util/argo/managedfields/managed_fields.go`, and `ignoreNormalizer` of
//! `util/argo/normalizers/diff_normalizer.go`.

use serde_json::{Map, Value};

use super::jq;
use super::{IgnoreList, Ignored, Pair};
use crate::engine::diff::{ChangeKind, compare};
use crate::engine::ownership::ManagedFields;
use crate::engine::predict::strategic::{apply_patch, three_way_patch};

/// The kinds of objects in which Argo CD's own rules stand.
const OF_ARGO_CD: [&str; 2] = ["Application ", "ConfigMap "];

impl IgnoreList {
    /// Git's document as Argo CD sends it where it respects what it is told to ignore; `None` where no such rule takes
    /// anything out of either side, and where Argo CD could not make such a document.
    pub fn respected(&self, pair: Pair<'_>, jq: &impl jq::Ask) -> Option<Value> {
        let Pair {
            kind,
            id,
            desired,
            live,
        } = pair;
        let entries = || {
            let of_argo_cd = self
                .entries
                .iter()
                .filter(|entry| OF_ARGO_CD.iter().any(|kind| entry.origin.starts_with(kind)));
            of_argo_cd.filter(|entry| entry.target.selects(id, desired))
        };
        let (mut target, mut rest) = (desired.clone(), live.clone());
        for entry in entries() {
            if let Ignored::Managers(managers) = &entry.ignored {
                without_fields_of(managers, pair, &mut target, &mut rest);
            }
        }
        for entry in entries() {
            match &entry.ignored {
                Ignored::Pointer(pointer) => [&mut target, &mut rest]
                    .into_iter()
                    .for_each(|side| drop(remove(side, pointer))),
                Ignored::Jq(expression) => {
                    // An expression that fails is passed over, as Argo CD does. Asked of both sides as they were, its
                    // answer is known already.
                    let Ok(found) = jq.pointers(expression, &[desired, live]) else {
                        continue;
                    };
                    for (side, mut pointers) in [&mut target, &mut rest].into_iter().zip(found) {
                        // `del` takes out all at once: what stands behind an item of a list moves when the item goes.
                        pointers.sort_by(|one, other| steps(other).cmp(&steps(one)));
                        pointers.dedup();
                        pointers.iter().for_each(|pointer| drop(remove(side, pointer)));
                    }
                }
                Ignored::Managers(_) | Ignored::Rule(_) => {}
            }
        }
        if target == *desired && rest == *live {
            return None;
        }
        let (whole, normalized) = (without_status(live), without_status(&rest));
        let patch = three_way_patch(kind, &whole, &normalized, &whole).ok()?;
        let mut patched = apply_patch(kind, &target, &patch).ok()?;
        restore(
            patched.as_object_mut()?,
            desired.as_object()?,
            target.as_object()?,
            rest.as_object(),
        );
        Some(patched)
    }
}

/// Takes out of both sides what differs and one of these managers owns.
fn without_fields_of(managers: &[String], pair: Pair<'_>, target: &mut Value, rest: &mut Value) {
    let managed = ManagedFields::of(pair.live);
    let trusted: Vec<_> = managed
        .entries()
        .filter(|entry| managers.contains(&entry.owner.manager))
        .collect();
    if trusted.is_empty() {
        return;
    }
    // What only one side has is none of the fields that were modified.
    let modified = compare(pair.kind, pair.desired, pair.live)
        .into_iter()
        .filter(|change| change.kind == ChangeKind::Changed);
    for change in modified.filter(|change| trusted.iter().any(|entry| entry.fields.contains(&change.path))) {
        for side in [&mut *target, &mut *rest] {
            if let Some(pointer) = change.path.pointer(side) {
                remove(side, &pointer);
            }
        }
    }
}

/// Where a pointer leads, so that of two in one list the later item is the greater.
fn steps(pointer: &str) -> Vec<(Option<usize>, &str)> {
    pointer.split('/').map(|token| (token.parse().ok(), token)).collect()
}

/// Removes what a JSON Pointer names; nothing where it names nothing.
fn remove(object: &mut Value, pointer: &str) -> Option<Value> {
    let (parent, token) = pointer.rsplit_once('/')?;
    let token = token.replace("~1", "/").replace("~0", "~");
    match object.pointer_mut(parent)? {
        Value::Object(members) => members.remove(&token),
        Value::Array(items) => {
            let at = token.parse().ok().filter(|at| *at < items.len())?;
            Some(items.remove(at))
        }
        _ => None,
    }
}

fn without_status(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(members) = object.as_object_mut() {
        members.remove("status");
    }
    object
}

/// Puts back what is not ignored and came or went with a parent that a patch replaces as one value: a list, too, is one
/// value here.
///
/// Source: `restoreNonIgnoredFields`.
fn restore(
    patched: &mut Map<String, Value>,
    git: &Map<String, Value>,
    target: &Map<String, Value>,
    rest: Option<&Map<String, Value>>,
) {
    for (key, of_git) in git {
        let of_target = target.get(key);
        if let (Some(Value::Object(patched)), Value::Object(git), Some(Value::Object(target))) =
            (patched.get_mut(key), of_git, of_target)
        {
            restore(patched, git, target, rest.and_then(|rest| rest.get(key)?.as_object()));
        } else if of_target == Some(of_git) && patched.get(key) != Some(of_git) {
            patched.insert(key.clone(), of_git.clone());
        }
    }
    let is_foreign = |key: &String| !git.contains_key(key) && rest.is_some_and(|rest| rest.contains_key(key));
    patched.retain(|key, _| !is_foreign(key));
}
