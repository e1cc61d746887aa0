//! What each watch event touches, told after the store has it.

use std::collections::HashMap;

use kube::ResourceExt;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Event;

use super::LiveObject;
use crate::engine::kind::Kind;

/// An object that came, changed or went.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Touched {
    /// Its kind.
    pub kind: &'static Kind,

    /// Its namespace.
    pub namespace: String,

    /// Its name.
    pub name: String,

    /// What happened.
    pub what: What,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// It is there.
    Applied {
        /// Whether an assessment could say something else than before; `false` for a change of status only.
        assessable_change: bool,
    },

    /// It is gone.
    Deleted,
}

/// Feeds a store, and compares each event with what the store held before.
pub(super) struct Tracker {
    kind: &'static Kind,
    store: Store<LiveObject>,
    writer: Writer<LiveObject>,

    /// What the list under way has brought, with what to tell about it once it is whole; nothing for what did not
    /// change.
    listed: HashMap<ObjectRef<LiveObject>, Option<What>>,
}

impl Tracker {
    pub(super) fn new(kind: &'static Kind, store: Store<LiveObject>, writer: Writer<LiveObject>) -> Self {
        Self {
            kind,
            store,
            writer,
            listed: HashMap::new(),
        }
    }

    /// Lets the store take an event, and says what is to be told.
    ///
    /// The store shows a list only when it is whole; until then its objects are not told either.
    pub(super) fn absorb(&mut self, event: Event<LiveObject>) -> Vec<Touched> {
        let told = match &event {
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(live) => {
                self.listed.insert(self.key(live), self.compare(live));
                Vec::new()
            }
            Event::InitDone => self.complete(),
            Event::Apply(live) => self
                .compare(live)
                .map(|what| touched(&self.key(live), what))
                .into_iter()
                .collect(),
            Event::Delete(live) => vec![touched(&self.key(live), What::Deleted)],
        };
        self.writer.apply_watcher_event(&event);
        told
    }

    fn compare(&self, live: &LiveObject) -> Option<What> {
        match self.store.get(&self.key(live)) {
            Some(held) if held.resource_version() == live.resource_version() => None,
            Some(held) => Some(What::Applied {
                assessable_change: held.digest() != live.digest(),
            }),
            None => Some(What::Applied {
                assessable_change: true,
            }),
        }
    }

    /// Every object that is held.
    pub(super) fn all(&self) -> Vec<Touched> {
        let held = self.store.state();
        let again = What::Applied {
            assessable_change: true,
        };
        let mut told: Vec<Touched> = held.iter().map(|live| touched(&self.key(live), again)).collect();
        told.sort();
        told
    }

    fn key(&self, live: &LiveObject) -> ObjectRef<LiveObject> {
        ObjectRef::from_obj_with(live, self.kind)
    }

    /// Tells what the list changed, and what is missing from it.
    fn complete(&mut self) -> Vec<Touched> {
        let listed = std::mem::take(&mut self.listed);
        let held = self.store.state();
        let gone = held
            .iter()
            .map(|live| self.key(live))
            .filter(|key| !listed.contains_key(key));
        let gone: Vec<Touched> = gone.map(|key| touched(&key, What::Deleted)).collect();
        let changed = listed
            .iter()
            .filter_map(|(key, what)| what.map(|what| touched(key, what)));
        let mut told: Vec<Touched> = changed.chain(gone).collect();
        told.sort();
        told
    }
}

fn touched(key: &ObjectRef<LiveObject>, what: What) -> Touched {
    Touched {
        kind: key.dyntype,
        namespace: key.namespace.clone().unwrap_or_default(),
        name: key.name.clone(),
        what,
    }
}
