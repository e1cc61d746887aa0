//! What the engine is given of one object: what is seen, and what is remembered.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::api::v1alpha1::{ChangeKind, DriftReport, Moved, Severity};
use crate::controller::ignored::Answers;
use crate::controller::index::{Desired, Meeting, Remembered, Target, Watched};
use crate::engine::diff::Apart;
use crate::engine::digest::digest;
use crate::engine::object::{Document, FieldPath};
use crate::engine::{Beside, Met, Policy, Snapshot, SourceFacts, Tool};
use crate::source::ignore::Pair;

/// What the cluster shows of one object.
pub struct Seen {
    /// The object.
    pub live: Option<Value>,

    /// The tool that syncs it.
    pub tool: Tool,

    /// What judges approvals.
    pub judge: String,

    /// Whether it was there before.
    pub before: bool,

    /// What is remembered of how it came so.
    pub past: Past,

    /// What is known of the others of the same object of a tool.
    pub beside: Beside,
}

/// What is remembered of how Git and live came to where they are.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Git's document when they last met, as this process saw it.
    met: Option<Meeting>,

    /// Where they differed all the same, as the report remembers it.
    apart: Vec<Apart>,

    /// The fields that the report tells as moved by live.
    told: Vec<FieldPath>,

    /// Its digest, as the report remembers it.
    digest: Option<String>,

    /// Since when the document of now is known to have been in Git.
    in_git_since: Option<Timestamp>,

    /// When it was first seen there.
    first_seen: Option<Timestamp>,

    /// When Git was seen to have dropped it.
    dropped_at: Option<Timestamp>,
}

impl Past {
    /// What the report of an object remembers; `revision` is the commit in force.
    pub fn of_report(report: &DriftReport, revision: &str) -> Self {
        let Some(status) = &report.status else {
            return Self::default();
        };
        let Some(told) = &status.source else {
            return Self::default();
        };
        let first_seen = told.first_seen.filter(|_| told.revision == revision);
        let apart = status
            .fields
            .iter()
            .filter(|field| field.moved == Some(Moved::Server) && field.change != ChangeKind::Added);
        let apart = apart.filter_map(|field| {
            Some(Apart {
                path: FieldPath::parse(&field.path).ok()?,
                live: None,
                is_exact: false,
                by_server: true,
            })
        });
        let by_live = status
            .fields
            .iter()
            .filter(|field| field.moved == Some(Moved::Live) && field.severity == Severity::Drift);
        let by_live = by_live.filter_map(|field| FieldPath::parse(&field.path).ok()).collect();
        Self {
            digest: told.in_sync_digest.clone(),
            apart: apart.collect(),
            told: by_live,
            in_git_since: first_seen,
            first_seen,
            ..Self::default()
        }
    }

    /// What this process remembers, or else the report.
    pub(super) fn of(
        remembered: Remembered,
        dropped_at: Option<Timestamp>,
        report: Option<&DriftReport>,
        revision: &str,
    ) -> Self {
        let Remembered {
            met,
            in_git_since,
            first_seen,
            ..
        } = remembered;
        let told = report
            .map(|report| Self::of_report(report, revision))
            .unwrap_or_default();
        // Where this process saw Git change, the report is about what was there before.
        let in_git_since = first_seen.or(told.in_git_since).or(in_git_since);
        Self {
            met,
            in_git_since,
            first_seen: first_seen.or(told.first_seen),
            dropped_at,
            ..told
        }
    }

    /// Where Git and live last met, seen from Git's document of now; `dressed` is what the tool makes of one.
    fn met(&self, desired: Option<(&Desired, &Value)>, dressed: impl Fn(Value) -> Value) -> Met {
        match (&self.met, desired, &self.digest) {
            (Some(met), Some((desired, _)), _) if met.desired.document.value == desired.document.value => Met::Here,
            (Some(met), ..) => Met::Document(Arc::new(dressed(met.desired.document.value.clone()))),
            (None, Some((_, document)), Some(known)) if digest(document) == *known => Met::Here,
            (None, _, Some(digest)) => Met::Elsewhere(digest.clone()),
            (None, _, None) => Met::Never,
        }
    }
}

/// Where desired comes from, for the engine.
fn source_facts(watched: &Watched, desired: Option<&Desired>) -> SourceFacts {
    SourceFacts {
        sent: None,
        compared: watched.rendition.compared.clone(),
        repo_url: watched.rendition.repo_url.clone(),
        revision: watched.rendition.revision.clone(),
        changed_at: desired.and_then(|desired| desired.changed_at),
        synced_revision: desired.and_then(|desired| desired.synced_revision.clone()),
        synced: None,
        met: Met::Never,
        apart: Arc::from([]),
        met_at: None,
        told: Arc::from([]),
        in_git_since: None,
        first_seen: None,
        dropped_at: None,
        same_at: desired.and_then(|desired| desired.same_at.clone()),
        has_hooks: watched.rendition.has_hooks,
        beside: Beside::default(),
        answered_at: Some(watched.answered_at),
        max_age: watched.watch.spec.source.times().map(|(_, max_age)| max_age.signed()),
    }
}

/// Everything that is known of one object, as the engine takes it: Git's documents as the tool applies them.
pub fn snapshot(
    cluster: String,
    target: &Target,
    watched: &Watched,
    desired: Option<&Desired>,
    seen: Seen,
) -> Snapshot {
    let Seen {
        live,
        tool,
        judge,
        before,
        past,
        beside,
    } = seen;
    let dressing = &watched.dressing;
    let mut source = SourceFacts {
        beside,
        ..source_facts(watched, desired)
    };
    let dressed = |mut value: Value| {
        dressing.dress(&mut value, live.as_ref());
        value
    };
    source.synced = desired
        .and_then(|desired| desired.synced.as_ref())
        .map(|synced| Arc::new(dressed(Value::clone(synced))));
    let document = desired.map(|desired| Document {
        value: dressed(desired.document.value.clone()),
        ..desired.document.clone()
    });
    source.apart = past
        .met
        .as_ref()
        .map_or_else(|| past.apart.clone().into(), |met| met.apart.clone());
    source.met_at = past.met.as_ref().map(|met| met.at);
    source.told = past.told.clone().into();
    source.met = past.met(desired.zip(document.as_ref().map(|document| &document.value)), dressed);
    (source.in_git_since, source.first_seen, source.dropped_at) = (past.in_git_since, past.first_seen, past.dropped_at);
    let syncer = document
        .as_ref()
        .and_then(|document| dressing.syncer(&document.value, live.as_ref()));
    Snapshot {
        cluster,
        judge,
        target: target.id(),
        kind: target.kind,
        desired: document,
        seen: before,
        syncer: syncer.unwrap_or_else(|| watched.syncer.clone()),
        tool,
        source,
        now: whole_seconds(Timestamp::now()),
        live,
    }
}

/// What the watch asks for, with what its tool was told to ignore in this object; the snapshot learns what the tool
/// sends for that.
pub fn policy(watched: &Watched, snapshot: &mut Snapshot, jq: &Answers) -> Arc<Policy> {
    match (&snapshot.desired, &snapshot.live) {
        (Some(document), Some(live)) => {
            let pair = Pair {
                kind: snapshot.kind,
                id: &snapshot.target,
                desired: &document.value,
                live,
            };
            let policy = watched.ignored.add_to(&watched.policy, pair, jq);
            let sent = snapshot
                .tool
                .respects_ignored()
                .then(|| watched.ignored.respected(pair, jq))
                .flatten();
            snapshot.source.sent = sent.map(Arc::new);
            policy
        }
        _ => watched.policy.clone(),
    }
}

/// A time as Kubernetes writes it, in whole seconds.
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
