//! What is kept of the tools' objects while their watches bring them: of one that a DriftWatch names what the engine
//! reads of it, of each other one its name and what tells a change of it from none.
//!
//! A cluster may have ten thousand Applications, each of a hundred kilobytes, and one watch.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use super::{Facts, Surroundings, ToolKey, ToolKind, last_sign};
use crate::controller::index::WatchKey;
use crate::controller::trust::ArgoCdNamespaces;
use crate::engine::Tool;

/// Every object of a tool, as far as it is kept.
#[derive(Debug, Default)]
pub struct Tools {
    inner: Mutex<Inner>,

    /// One way to hash for the whole process, which nobody outside can foresee.
    hasher: RandomState,

    /// Whose Applications tell whether Argo CD lives.
    argo_cd: ArgoCdNamespaces,
}

#[derive(Debug, Default)]
struct Inner {
    objects: HashMap<ToolKey, Kept>,

    /// Which object each watch names.
    named_by: HashMap<WatchKey, ToolKey>,

    /// How many watches name an object.
    named: HashMap<ToolKey, usize>,

    /// The newest sign of life so far in any Application of Argo CD's own namespaces: elsewhere a tenant may write it.
    argo_cd_seen_alive: Option<Timestamp>,
}

#[derive(Debug)]
struct Kept {
    marks: Marks,

    /// The newest time that Argo CD's controller wrote into it; none for Flux.
    sign: Option<Timestamp>,

    /// Read once for all that it syncs: an Application may have a thousand Deployments, each of which is assessed at
    /// its events. `None` where no watch names it, or it cannot be read.
    facts: Option<Facts>,
}

/// What a change of an object is a reason for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// It was not there before.
    pub new: bool,

    /// To look at the source: what is synced, or which commit was.
    pub moved: bool,

    /// To assess what it syncs: also how far its operation is.
    pub stirred: bool,
}

impl Tools {
    /// Nothing yet, of an Argo CD that runs in these namespaces.
    pub fn beside(argo_cd: ArgoCdNamespaces) -> Self {
        Self {
            argo_cd,
            ..Self::default()
        }
    }

    /// A panic in another task must not stop the rest: the maps hold whole values only.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records which object a watch names; what no watch names any more is let go.
    pub fn name(&self, watch: &WatchKey, object: Option<&ToolKey>) {
        let mut inner = self.lock();
        if inner.named_by.get(watch) == object {
            return;
        }
        let before = match object {
            Some(object) => {
                *inner.named.entry(object.clone()).or_default() += 1;
                inner.named_by.insert(watch.clone(), object.clone())
            }
            None => inner.named_by.remove(watch),
        };
        let Some(before) = before else { return };
        if let Some(count) = inner.named.get_mut(&before).filter(|count| **count > 1) {
            *count -= 1;
            return;
        }
        inner.named.remove(&before);
        if let Some(kept) = inner.objects.get_mut(&before) {
            kept.facts = None;
        }
    }

    /// The watches that name an object.
    pub fn named_by(&self, object: &ToolKey) -> Vec<WatchKey> {
        let inner = self.lock();
        if !inner.named.contains_key(object) {
            return Vec::new();
        }
        inner
            .named_by
            .iter()
            .filter(|(_, named)| *named == object)
            .map(|(watch, _)| watch.clone())
            .collect()
    }

    /// Takes an object as its watch brings it, and tells what the change is a reason for.
    pub fn put(&self, key: ToolKey, object: &Value) -> Difference {
        let marks = Marks::of(key.kind, object, &self.hasher);
        let sign = if key.kind == ToolKind::ArgoCd {
            last_sign(object)
        } else {
            None
        };
        let kind = key.kind;
        // Read under the lock, so that one who names the object meanwhile finds it read, or not there yet.
        let mut inner = self.lock();
        let facts = if inner.named.contains_key(&key) {
            Facts::read(kind, object)
        } else {
            None
        };
        if self.argo_cd.have(&key.namespace) {
            inner.argo_cd_seen_alive = inner.argo_cd_seen_alive.max(sign);
        }
        let before = inner.objects.insert(key, Kept { marks, sign, facts });
        difference(kind, before.map(|kept| kept.marks), Some(marks))
    }

    /// Forgets an object that is gone.
    pub fn remove(&self, key: &ToolKey) -> Difference {
        let before = self.lock().objects.remove(key);
        difference(key.kind, before.map(|kept| kept.marks), None)
    }

    /// Takes a named object as a request brought it, where its watch told of it while nobody named it. Whatever the
    /// watch brought since then is newer and stays, and one that is gone by now does not come back.
    pub fn fill(&self, key: &ToolKey, object: &Value) {
        let mut inner = self.lock();
        if !inner.named.contains_key(key) {
            return;
        }
        if let Some(kept) = inner.objects.get_mut(key).filter(|kept| kept.facts.is_none()) {
            kept.facts = Facts::read(key.kind, object);
        }
    }

    /// What the engine may know of a tool; nothing where its object is not there, cannot be read, or is named by no
    /// watch.
    pub fn tool(&self, key: &ToolKey, surroundings: &Surroundings) -> Tool {
        let inner = self.lock();
        let Some((facts, sign)) = inner
            .objects
            .get(key)
            .and_then(|kept| Some((kept.facts.clone()?, kept.sign)))
        else {
            return Tool::Unknown;
        };
        let seen_alive = inner.argo_cd_seen_alive.max(sign);
        drop(inner);
        facts.tool(surroundings, seen_alive)
    }

    /// What was read of an object that a watch names.
    pub fn facts(&self, key: &ToolKey) -> Option<Facts> {
        self.lock().objects.get(key)?.facts.clone()
    }

    /// When Argo CD's controller last gave a sign of life: the newest time that it wrote into any Application of its
    /// own namespaces.
    pub fn argo_cd_seen_alive(&self) -> Option<Timestamp> {
        self.lock().argo_cd_seen_alive
    }

    #[cfg(test)]
    fn kept(&self) -> (usize, usize) {
        let inner = self.lock();
        (
            inner.objects.len(),
            inner.objects.values().filter(|kept| kept.facts.is_some()).count(),
        )
    }
}

/// Of an object, what counts as a change, as numbers that are equal where nothing of it changed.
///
/// A comparison that found nothing new moves `reconciledAt` alone, every few minutes for each Application: a reason for
/// nothing. Flux tells each stage of a reconciliation in its conditions, every few minutes for each Kustomization: only
/// its end is a reason to assess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Marks {
    /// What is synced, and which commit was.
    synced: u64,

    /// How far its operation is.
    stirring: u64,

    /// How the last reconciliation of a Kustomization ended; `None` while one is under way, and for an Application.
    ended: Option<u64>,
}

/// What is synced, and which commit was.
const SYNCED: &[&str] = &[
    "/spec",
    "/metadata/annotations",
    "/status/operationState/syncResult/revision",
    "/status/history",
    "/status/sync/revision",
    "/status/sync/revisions",
    "/status/lastAppliedRevision",
    "/status/lastAttemptedRevision",
];

/// How far the operation of an Application is.
const STIRRING: &[&str] = &[
    "/metadata/deletionTimestamp",
    "/operation",
    "/status/operationState",
    "/status/sync",
    "/status/conditions",
    "/status/resources",
];

/// The same of a Kustomization, besides the end of a reconciliation.
const STIRRING_OF_FLUX: &[&str] = &["/metadata/deletionTimestamp", "/metadata/generation"];

impl Marks {
    fn of(kind: ToolKind, object: &Value, hasher: &RandomState) -> Self {
        let mark = |pointers: &[&str]| {
            let mut state = hasher.build_hasher();
            pointers
                .iter()
                .for_each(|pointer| object.pointer(pointer).hash(&mut state));
            state.finish()
        };
        let (stirring, ended) = match kind {
            ToolKind::ArgoCd => (STIRRING, None),
            ToolKind::Flux => (STIRRING_OF_FLUX, ended(object).map(|ends| hasher.hash_one(ends))),
        };
        Self {
            synced: mark(SYNCED),
            stirring: mark(stirring),
            ended,
        }
    }
}

/// How the last reconciliation of a Kustomization ended; `None` while one is under way.
fn ended(kustomization: &Value) -> Option<Vec<&Value>> {
    let conditions = kustomization.pointer("/status/conditions")?.as_array()?;
    let ends: Vec<&Value> = conditions
        .iter()
        .filter(|condition| matches!(condition["type"].as_str(), Some("Ready" | "Stalled")))
        .collect();
    ends.iter()
        .all(|condition| condition["status"] != "Unknown")
        .then_some(ends)
}

fn difference(kind: ToolKind, before: Option<Marks>, now: Option<Marks>) -> Difference {
    let differs = |mark: fn(Marks) -> u64| before.map(mark) != now.map(mark);
    let moved = before.is_none() || now.is_none() || differs(|marks| marks.synced);
    let end = |marks: Option<Marks>| marks.and_then(|marks| marks.ended);
    let stirred =
        differs(|marks| marks.stirring) || kind == ToolKind::Flux && end(now).is_some() && end(now) != end(before);
    Difference {
        new: before.is_none(),
        moved,
        stirred: moved || stirred,
    }
}

#[cfg(test)]
mod tests;
