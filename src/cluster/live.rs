//! The live objects of the governed kinds: every one in the cluster, as raw text, kept current by one watch a kind.
//!
//! A typed object loses the fields that its types do not know, and costs ten times the memory. So the store keeps a
//! slim metadata and the text as the server sent it, and parses when somebody asks.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use kube::core::{DynamicResourceScope, ObjectMeta};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync;
use tracing::{debug, info, warn};

use super::absence::{Absence, LookedForAgain, absence};
use super::patient;
use crate::engine::kind::Kind;

mod digest;
mod tracker;

pub use digest::Digest;
pub use tracker::{Touched, What};

/// Objects a page of the first list: a page is held twice while it is read, and larger pages measurably raise the peak
/// (10,000 Deployments: 44 MB with 100, 62 MB with client-go's 500, 114 MB with 2,000).
const PAGE_SIZE: u32 = 100;

/// An object as the API server sent it.
#[derive(Clone)]
pub struct LiveObject {
    /// Name, namespace, uid, resourceVersion, generation, labels and deletionTimestamp; the rest is only in the text.
    metadata: ObjectMeta,

    /// The whole object. `Arc`, because the store and the event that brought it share it.
    text: Arc<str>,

    digest: Digest,
}

impl LiveObject {
    /// Parses the whole object, which is of this kind: list items do not say so, and it is filled in.
    pub fn object(&self, kind: &Kind) -> Value {
        // The text went through this parser when it came in.
        let mut object: Value = serde_json::from_str(&self.text).unwrap_or_default();
        if let Value::Object(fields) = &mut object {
            fields.entry("apiVersion").or_insert_with(|| kind.api_version().into());
            fields.entry("kind").or_insert_with(|| kind.kind.into());
        }
        object
    }

    /// Gives the digest of everything that an assessment reads; equal digests mean that nothing needs to be assessed
    /// again.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Gives the size of the text in bytes.
    pub fn text_len(&self) -> usize {
        self.text.len()
    }
}

/// Leaves the text out: environment variables may hold secrets, and watch errors are logged with `Debug`.
impl fmt::Debug for LiveObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ObjectMeta {
            namespace,
            name,
            resource_version,
            ..
        } = &self.metadata;
        formatter
            .debug_struct("LiveObject")
            .field("namespace", namespace)
            .field("name", name)
            .field("resource_version", resource_version)
            .finish_non_exhaustive()
    }
}

impl Resource for LiveObject {
    type DynamicType = &'static Kind;
    type Scope = DynamicResourceScope;

    fn kind(kind: &&'static Kind) -> Cow<'static, str> {
        kind.kind.into()
    }

    fn group(kind: &&'static Kind) -> Cow<'static, str> {
        kind.group.into()
    }

    fn version(kind: &&'static Kind) -> Cow<'static, str> {
        kind.version.into()
    }

    fn plural(kind: &&'static Kind) -> Cow<'static, str> {
        kind.plural.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// Reads list items, pages and watch events alike.
///
/// # Caveats
///
/// The text can only be kept where the parser reads the object in one go: from `serde_json`, and in a watch event only
/// because the server writes `type` before `object`.
impl<'de> Deserialize<'de> for LiveObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let object: Value = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        let metadata = slim(&object["metadata"]).ok_or_else(|| D::Error::custom("no object metadata"))?;
        Ok(Self {
            metadata,
            digest: Digest::of(object),
            text: Arc::from(raw.get()),
        })
    }
}

/// Takes what a store and a selector need; `None` when it is not object metadata.
fn slim(metadata: &Value) -> Option<ObjectMeta> {
    const KEPT: [&str; 7] = [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "labels",
        "deletionTimestamp",
    ];
    let all = metadata.as_object()?;
    let kept = all.iter().filter(|(key, _)| KEPT.contains(&key.as_str()));
    serde_json::from_value(Value::Object(
        kept.map(|(key, value)| (key.clone(), value.clone())).collect(),
    ))
    .ok()
}

/// Which namespaces are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every namespace, with one connection.
    All,

    /// Only one, where the controller has no right to more.
    Namespace(String),
}

/// How well the objects of one kind are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The first list is not read yet.
    Filling,

    /// The store holds them all; it is late when the server is away.
    Held,

    /// They are out of reach, in words: the cluster does not serve the kind, takes the right to it away, or it is not
    /// followed at all. A kind that is followed is looked for again.
    Absent(&'static str),
}

/// The live objects of every governed kind.
#[derive(Clone)]
pub struct Live {
    kinds: Vec<OfKind>,
}

/// Those of one kind.
#[derive(Clone)]
struct OfKind {
    kind: &'static Kind,
    store: Store<LiveObject>,
    standing: sync::watch::Receiver<Standing>,
}

impl Live {
    /// The object, parsed; `None` also where its kind is not [`Standing::Held`].
    pub fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Option<Value> {
        let OfKind { kind, store, standing } = self.of(kind)?;
        if *standing.borrow() != Standing::Held {
            return None;
        }
        Some(store.get(&key(kind, namespace, name))?.object(kind))
    }

    /// How well the objects of a kind are known.
    pub fn standing(&self, kind: &Kind) -> Standing {
        self.of(kind).map_or(
            Standing::Absent("the controller follows other kinds only (--kinds)"),
            |of| *of.standing.borrow(),
        )
    }

    /// How many objects are held.
    pub fn len(&self) -> usize {
        self.kinds.iter().map(|of| of.store.len()).sum()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until of each kind it is known how it stands, and one at least is held. The streams must be polled
    /// meanwhile.
    pub async fn wait_until_known(&self) {
        for of in &self.kinds {
            // An error means that nobody follows any more: the process ends.
            let _ = of
                .standing
                .clone()
                .wait_for(|standing| *standing != Standing::Filling)
                .await;
        }
        if self.kinds.is_empty() {
            return;
        }
        let held = self.kinds.iter().map(|of| {
            let mut standing = of.standing.clone();
            Box::pin(async move {
                standing
                    .wait_for(|standing| *standing == Standing::Held)
                    .await
                    .map(|_| ())
            })
        });
        let _ = futures::future::select_all(held).await;
    }

    fn of(&self, kind: &Kind) -> Option<&OfKind> {
        self.kinds.iter().find(|of| of.kind == kind)
    }
}

/// Follows the objects of these kinds; the stream must be polled for the stores to move.
///
/// # Guarantees
///
/// Every change and every deletion is told after the store has it, also those that happened while no watch stood: after
/// a 410 the whole list is compared. Where a kind goes out of reach, every object that is held is told. A server that
/// is away is asked again with a delay that grows to 30 s. The stream never ends. A kind that is out of reach keeps no
/// other one from being followed.
///
/// # Caveats
///
/// The store is late when the server is away; a write needs a fresh read.
pub fn watch(
    client: &Client,
    kinds: &[&'static Kind],
    scope: &Scope,
) -> (Live, impl Stream<Item = Touched> + Send + 'static) {
    let followed = kinds.iter().map(|kind| {
        let api: Api<LiveObject> = match scope {
            Scope::All => Api::all_with(client.clone(), kind),
            Scope::Namespace(namespace) => Api::namespaced_with(client.clone(), namespace, kind),
        };
        let backoff = LookedForAgain::default();
        let absent = backoff.switch();
        let events = patient(watcher(api, watcher::Config::default().page_size(PAGE_SIZE)), backoff);
        follow(kind, events, absent)
    });
    let (kinds, touched): (_, Vec<_>) = followed.map(|(of, touched)| (of, touched.boxed())).unzip();
    (Live { kinds }, stream::select_all(touched))
}

/// Keeps a store by the events of a watcher, and tells what each one touched. `absent` is told whether the kind is out
/// of reach.
fn follow(
    kind: &'static Kind,
    events: impl Stream<Item = watcher::Result<watcher::Event<LiveObject>>> + Send + 'static,
    absent: super::absence::Switch,
) -> (OfKind, impl Stream<Item = Touched> + Send + 'static) {
    let writer = reflector::store::Writer::new(kind);
    let store = writer.as_reader();
    let (standing, known) = sync::watch::channel(Standing::Filling);
    let mut tracker = tracker::Tracker::new(kind, store.clone(), writer);
    let touched = events.flat_map(move |event| {
        stream::iter(match event {
            Ok(event) => {
                let is_whole = matches!(event, watcher::Event::InitDone);
                let touched = tracker.absorb(event);
                if is_whole {
                    absent.set(false);
                    standing.send_replace(Standing::Held);
                }
                touched
            }
            Err(error) => {
                let (before, absence) = (*standing.borrow(), absence(&error));
                absent.set(absence.is_some());
                match absence {
                    // The right is asked for by the chart: what has not got it yet is set up wrong, and not ready.
                    Some(Absence::Forbidden) if before == Standing::Filling => report(kind, &error),
                    Some(absence) if before != Standing::Absent(absence.told()) => {
                        info!(kind = kind.plural, "{}; it is looked for again", absence.told());
                        standing.send_replace(Standing::Absent(absence.told()));
                        // What is held is known no longer.
                        return stream::iter(tracker.all());
                    }
                    Some(_) => {}
                    None => report(kind, &error),
                }
                Vec::new()
            }
        })
    });
    let of = OfKind {
        kind,
        store,
        standing: known,
    };
    (of, touched)
}

/// Logs why the watch is interrupted; a 410 is part of its normal life.
fn report(kind: &Kind, error: &watcher::Error) {
    match error {
        watcher::Error::WatchError(status) if status.code == 410 => {
            debug!(kind = kind.plural, "the watch is too old and begins anew")
        }
        error => warn!(
            kind = kind.plural,
            error = error as &dyn std::error::Error,
            "the watch is interrupted"
        ),
    }
}

/// The key of an object in the store of its kind.
fn key(kind: &'static Kind, namespace: &str, name: &str) -> ObjectRef<LiveObject> {
    ObjectRef::new_with(name, kind).within(namespace)
}

#[cfg(test)]
mod tests;
