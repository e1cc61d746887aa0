//! How much memory what was read from sources may take, for as long as it is in force.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::governed::{Rendition, WatchKey};
use super::source_error::SourceError;
use crate::source::child::{Place, Places};
use crate::source::git::Reading;
use crate::source::yaml;

/// How long a source that was fetched waits until others are rendered.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a warning takes beside its words.
const WARNING: usize = 256;

/// The budget of bytes held, of one source, of a namespace's sources and of all.
///
/// What is counted is the memory of the values, as the YAML reader counts it. While it is read, a source is counted with all of its objects and
/// with the other commits that are compared; in force it holds its Deployments alone.
#[derive(Clone, Debug, Default)]
pub struct Held {
    budget: Option<Budget>,
    taken: Arc<Mutex<HashMap<WatchKey, u64>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Budget {
    namespace: u64,
    total: u64,
}

impl Held {
    /// The budget of a process that has so much memory of its own, in bytes: two fifths of it for all that is in force; a quarter for what one
    /// source is while it is read, and one after the other is, and for what one namespace has in force. As much again is for the file that
    /// is being read, which takes at most 64 MiB with its objects, and the rest for everything else.
    pub fn of_memory(bytes: u64) -> Self {
        let budget = Budget { namespace: bytes / 4, total: bytes / 5 * 2 };
        Self { budget: Some(budget), taken: Arc::default() }
    }

    /// What one source may take while it is read, in bytes.
    pub fn of_source(&self) -> usize {
        self.budget.map_or(usize::MAX, |budget| usize::try_from(budget.namespace).unwrap_or(usize::MAX))
    }

    /// Waits until a source may be read: one at a time is, in turns between namespaces. Only who has a place to read from asks for it: a turn
    /// in which somebody waits for a server of their own would be everybody's wait.
    ///
    /// # Errors
    ///
    /// [`SourceError::Busy`].
    pub fn turn(namespace: &str, _reading: &Reading<'_>) -> Result<Place<'static>, SourceError> {
        static TURNS: OnceLock<Places> = OnceLock::new();
        TURNS.get_or_init(|| Places::new(1, 1)).take(namespace, 1, PATIENCE).ok_or(SourceError::Busy { waited: PATIENCE })
    }

    /// Counts what a watch is about to hold in place of what it held before.
    ///
    /// # Errors
    ///
    /// [`SourceError::TooMuch`]; what it held before still counts, since it stays in force.
    pub fn admit(&self, key: &WatchKey, rendition: &Rendition) -> Result<(), SourceError> {
        let Some(Budget { namespace, total }) = self.budget else { return Ok(()) };
        let bytes = size_of(rendition);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let others = || taken.iter().filter(|(other, _)| *other != key);
        let in_namespace: u64 = others().filter(|(other, _)| other.namespace == key.namespace).map(|(_, bytes)| bytes).sum();
        let in_all: u64 = others().map(|(_, bytes)| bytes).sum();
        if in_namespace + bytes > namespace {
            return Err(SourceError::TooMuch { bytes, owner: format!("namespace {}", key.namespace), budget: namespace });
        }
        if in_all + bytes > total {
            return Err(SourceError::TooMuch { bytes, owner: "all namespaces".to_owned(), budget: total });
        }
        taken.insert(key.clone(), bytes);
        Ok(())
    }

    /// Forgets a watch that is gone.
    pub fn forget(&self, key: &WatchKey) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// The memory of what is in force of a source.
fn size_of(rendition: &Rendition) -> u64 {
    let desired = rendition.desired.values();
    let values = desired.flat_map(|desired| [Some(&desired.document.value), desired.synced.as_deref()]).flatten();
    let told = rendition.warnings.iter().map(|warning| WARNING + warning.message.len());
    values.map(yaml::cost).chain(told).map(|bytes| bytes as u64).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controller::governed::{Desired, Target};
    use crate::engine::object::{Document, ObjectId, Origin};

    fn key(namespace: &str, name: &str) -> WatchKey {
        WatchKey { namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// A rendition with one Deployment of about so many bytes.
    fn rendition(bytes: usize) -> Rendition {
        let value = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": "x".repeat(bytes)});
        let id = ObjectId::of(&value).unwrap();
        let document = Document { id, value, origin: Origin { file: "web.yaml".to_owned(), line: 1 } };
        let desired = Desired { document, changed_at: None, synced_revision: None, synced: None, same_at: None };
        let target = Target { namespace: "shop".to_owned(), name: "web".to_owned() };
        Rendition { desired: [(target, Arc::new(desired))].into(), ..Rendition::default() }
    }

    #[test]
    fn a_namespace_and_all_together_hold_no_more_than_their_budget() {
        // 250,000 bytes a namespace, 400,000 in all.
        let held = Held::of_memory(1_000_000);
        held.admit(&key("shop", "one"), &rendition(200_000)).unwrap();
        let error = held.admit(&key("shop", "two"), &rendition(200_000)).unwrap_err();
        assert!(error.to_string().contains("namespace shop") && error.hint().is_some(), "{error}");
        held.admit(&key("shop", "one"), &rendition(240_000)).expect("what it held before does not count");
        held.admit(&key("blue", "one"), &rendition(100_000)).unwrap();
        let error = held.admit(&key("red", "one"), &rendition(100_000)).unwrap_err();
        assert!(error.to_string().contains("all namespaces"), "{error}");
        held.forget(&key("shop", "one"));
        held.admit(&key("red", "one"), &rendition(100_000)).unwrap();
        assert!(Held::default().admit(&key("shop", "two"), &rendition(2_000_000)).is_ok(), "a person's own machine has no budget");
    }
}
