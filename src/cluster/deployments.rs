//! The live Deployments: every one in the cluster, as raw text, kept current by one watch.
//!
//! A typed Deployment loses the fields that its types do not know, and costs ten times the memory. So the store keeps a
//! slim metadata and the text as the server sent it, and parses when somebody asks.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use kube::core::{NamespaceResourceScope, ObjectMeta};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use tracing::{debug, warn};

use super::{WatchBackoff, patient};

mod digest;
mod tracker;

pub use digest::Digest;
pub use tracker::{Touched, What};

/// Objects a page of the first list: a page is held twice while it is read, and larger pages measurably raise the peak
/// (10,000 Deployments: 44 MB with 100, 62 MB with client-go's 500, 114 MB with 2,000).
const PAGE_SIZE: u32 = 100;

/// A Deployment as the API server sent it.
#[derive(Clone)]
pub struct LiveDeployment {
    /// Name, namespace, uid, resourceVersion, generation, labels and deletionTimestamp; the rest is only in the text.
    metadata: ObjectMeta,

    /// The whole object. `Arc`, because the store and the event that brought it share it.
    text: Arc<str>,

    digest: Digest,
}

impl LiveDeployment {
    /// Parses the whole object; the type, which list items lack, is filled in.
    pub fn object(&self) -> Value {
        // The text went through this parser when it came in.
        let mut object: Value = serde_json::from_str(&self.text).unwrap_or_default();
        if let Value::Object(fields) = &mut object {
            fields.entry("apiVersion").or_insert_with(|| "apps/v1".into());
            fields.entry("kind").or_insert_with(|| "Deployment".into());
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
impl fmt::Debug for LiveDeployment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ObjectMeta {
            namespace,
            name,
            resource_version,
            ..
        } = &self.metadata;
        formatter
            .debug_struct("LiveDeployment")
            .field("namespace", namespace)
            .field("name", name)
            .field("resource_version", resource_version)
            .finish_non_exhaustive()
    }
}

impl Resource for LiveDeployment {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Deployment".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "apps".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "deployments".into()
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
impl<'de> Deserialize<'de> for LiveDeployment {
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

/// Follows the Deployments; the stream must be polled for the store to move.
///
/// # Guarantees
///
/// Every change and every deletion is told after the store has it, also those that happened while no watch stood: after
/// a 410 the whole list is compared. A server that is away is asked again with a delay that grows to 30 s. The stream
/// never ends.
///
/// # Caveats
///
/// The store is late when the server is away; a write needs a fresh read.
pub fn watch(client: Client, scope: Scope) -> (Store<LiveDeployment>, impl Stream<Item = Touched> + Send) {
    let api: Api<LiveDeployment> = match scope {
        Scope::All => Api::all(client),
        Scope::Namespace(namespace) => Api::namespaced(client, &namespace),
    };
    follow(patient(
        watcher(api, watcher::Config::default().page_size(PAGE_SIZE)),
        WatchBackoff::default(),
    ))
}

/// Keeps a store by the events of a watcher, and tells what each one touched.
fn follow(
    events: impl Stream<Item = watcher::Result<watcher::Event<LiveDeployment>>> + Send,
) -> (Store<LiveDeployment>, impl Stream<Item = Touched> + Send) {
    let (store, writer) = reflector::store();
    let mut tracker = tracker::Tracker::new(store.clone(), writer);
    let touched = events.flat_map(move |event| {
        stream::iter(match event {
            Ok(event) => tracker.absorb(event),
            Err(error) => {
                report(&error);
                Vec::new()
            }
        })
    });
    (store, touched)
}

/// Logs why the watch is interrupted; a 410 is part of its normal life.
fn report(error: &watcher::Error) {
    match error {
        watcher::Error::WatchError(status) if status.code == 410 => {
            debug!("the watch of Deployments is too old and begins anew")
        }
        error => warn!(
            error = error as &dyn std::error::Error,
            "the watch of Deployments is interrupted"
        ),
    }
}

/// Gives the key of a Deployment in the store.
pub fn key(namespace: &str, name: &str) -> ObjectRef<LiveDeployment> {
    ObjectRef::new(name).within(namespace)
}

#[cfg(test)]
mod tests;
