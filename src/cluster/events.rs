//! Events (events.k8s.io/v1): what a person sees in `kubectl describe`.
//!
//! kube's own recorder folds a repeat into the first event and keeps its old note, so the text about a drift would go
//! stale. Here each publication is an event of its own with the note of now, and an identical one is left out for a
//! while.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
pub use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Api;
use kube::api::PostParams;
use kube::core::ObjectMeta;
use tokio::time::Instant;
use tracing::warn;

use super::{ApiError, Call, Cluster, Verb};
use crate::report::printer::one_line;

/// The reporting controller of every event.
const CONTROLLER: &str = "driftmend.dev/controller";

/// The longest name of an object (apimachinery, `util/validation`, `DNS1123SubdomainMaxLength`).
const NAME_LIMIT: usize = 253;

/// The longest note in bytes (kubernetes, `pkg/apis/core/validation/events.go`, `NoteLengthLimit`).
const NOTE_LIMIT: usize = 1024;

/// The longest reporting instance (there, `ReportingInstanceLengthLimit`).
const INSTANCE_LIMIT: usize = 128;

/// How long an identical event is left out: events live for an hour, so a state that lasts stays visible.
const QUIET: Duration = Duration::from_secs(600);

/// How many publications are remembered; beyond, a repeat may be published early.
const REMEMBERED: usize = 4096;

/// Whether an event is good or bad news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// Nothing to worry about.
    Normal,

    /// Something to look at.
    Warning,
}

/// What happened to an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    /// The object that it is about.
    pub regarding: ObjectReference,

    /// Another that has to do with it.
    pub related: Option<ObjectReference>,

    /// Good or bad news.
    pub kind: EventType,

    /// Why, in one PascalCase word.
    pub reason: &'static str,

    /// What was done, in one PascalCase word.
    pub action: &'static str,

    /// The sentence for a person; escaped by the printer, and cut at 1,024 bytes.
    pub note: String,
}

/// Publishes events; clones share what they remember.
#[derive(Clone)]
pub struct Events {
    cluster: Cluster,
    instance: String,
    recent: Arc<Mutex<HashMap<Repeat, Instant>>>,
}

/// What makes two events the same: the object, the reason and the note.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Repeat {
    uid: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    reason: &'static str,
    note: String,
}

impl Events {
    /// Makes a publisher; `instance` says which process it is, such as the pod's name.
    pub fn new(cluster: Cluster, instance: &str) -> Self {
        Self {
            cluster,
            instance: cut(instance, INSTANCE_LIMIT).to_owned(),
            recent: Arc::default(),
        }
    }

    /// Publishes an event, unless an identical one was published within ten minutes.
    ///
    /// It does not fail: events are a courtesy, and what could not be told is logged.
    pub async fn publish(&self, occurrence: Occurrence) {
        let event = event(&occurrence, &self.instance, Timestamp::now());
        let repeat = Repeat {
            uid: occurrence.regarding.uid,
            namespace: occurrence.regarding.namespace,
            name: occurrence.regarding.name,
            reason: occurrence.reason,
            note: event.note.clone().unwrap_or_default(),
        };
        if !self.remember(&repeat, Instant::now()) {
            return;
        }
        if let Err(error) = self.create(event).await {
            // Otherwise the next attempt, which may succeed, would be taken for a repeat.
            self.recent
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&repeat);
            warn!(
                error = &error as &dyn std::error::Error,
                reason = occurrence.reason,
                "unable to publish an event"
            );
        }
    }

    async fn create(&self, event: Event) -> Result<(), ApiError> {
        let namespace = event.metadata.namespace.clone().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(self.cluster.client(), &namespace);
        let call = Call::new(Verb::Create, "events.events.k8s.io").namespace(namespace);
        self.cluster
            .call(call, api.create(&PostParams::default(), &event))
            .await
            .map(drop)
    }

    /// Remembers a publication; says whether it is due.
    fn remember(&self, repeat: &Repeat, now: Instant) -> bool {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.get(repeat).is_some_and(|at| now.duration_since(*at) < QUIET) {
            return false;
        }
        if recent.len() >= REMEMBERED {
            recent.retain(|_, at| now.duration_since(*at) < QUIET);
        }
        if recent.len() >= REMEMBERED {
            recent.clear();
        }
        recent.insert(repeat.clone(), now);
        true
    }
}

/// Builds the event as the server's validation wants it: an event about a cluster-wide object lives in `default`.
fn event(occurrence: &Occurrence, instance: &str, now: Timestamp) -> Event {
    let regarding = &occurrence.regarding;
    let metadata = ObjectMeta {
        name: Some(name(regarding.name.as_deref().unwrap_or("unnamed"), unique(now))),
        namespace: Some(regarding.namespace.clone().unwrap_or_else(|| "default".into())),
        ..ObjectMeta::default()
    };
    Event {
        metadata,
        action: Some(occurrence.action.to_owned()),
        event_time: Some(MicroTime(now)),
        note: Some(cut(&one_line(&occurrence.note), NOTE_LIMIT).to_owned()),
        reason: Some(occurrence.reason.to_owned()),
        regarding: Some(regarding.clone()),
        related: occurrence.related.clone(),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(instance.to_owned()),
        type_: Some(format!("{:?}", occurrence.kind)),
        ..Event::default()
    }
}

/// Makes `web.18a3f5c2b7d91e04`, as client-go does, but never longer than a name may be.
fn name(object: &str, unique: u64) -> String {
    let suffix = format!(".{unique:x}");
    // A cut may end on a separator, and no part of a name may.
    let stem = cut(object, NAME_LIMIT - suffix.len()).trim_end_matches(['.', '-']);
    format!("{stem}{suffix}")
}

/// Gives nanoseconds that grow with every call, also where the clock is coarse or goes back.
fn unique(now: Timestamp) -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let nanos = u64::try_from(now.as_nanosecond()).unwrap_or_default();
    let next = |last: u64| nanos.max(last.wrapping_add(1));
    let before = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
    next(before.unwrap_or_default())
}

/// Cuts at a character's boundary.
fn cut(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests;
