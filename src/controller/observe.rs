//! Observe: one Deployment as one snapshot, from the stores for telling and from the API server for deciding a write.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use serde_json::Value;

use super::governed::{Desired, Lead, Meeting, Remembered, Sight, Target, WatchKey, Watched};
use super::ignored::Answers;
use super::origin::Tenant;
use super::tool::ToolKey;
use super::{Context, Key};
use super::{judge, tool};
use crate::cluster::ApiError;
use crate::cluster::deployments;
use crate::crd::{DriftReport, DriftWatch, FREEZE_ANNOTATION, TargetRef, WatchRef};
use crate::engine::diff::{Apart, ChangeKind, Moved, Severity};
use crate::engine::object::{Document, FieldPath, ObjectId};
use crate::engine::operation::OperationPhase;
use crate::engine::plan::{self, Memory};
use crate::engine::{Assessment, Beside, Met, Policy, Snapshot, SourceFacts, Tool};
use crate::report::{HistoryEntry, ReportStatus, memory};
use crate::source::ignore::Pair;

/// How soon a watch tells which rules are not in force: a commit assesses all Deployments at once, and is told once.
const SOON: Duration = Duration::from_secs(1);

/// One Deployment with everything that a reconcile needs of it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What the engine may know.
    pub snapshot: Snapshot,

    /// What the watch asks for.
    pub policy: Arc<Policy>,

    /// The watch that leads.
    pub key: WatchKey,

    /// The watch as its user wrote it.
    pub watch: Arc<DriftWatch>,

    /// The report, where there is one.
    pub report: Option<Arc<DriftReport>>,

    /// Git's document as the source has it; `None` where it has none.
    pub desired: Option<Arc<Desired>>,
}

impl Scene {
    /// What is to be remembered of it.
    pub fn sight(&self, assessment: &Assessment) -> Sight {
        let Snapshot { live, seen, now, .. } = &self.snapshot;
        let apart = live.as_ref().and_then(|_| Apart::where_both_meet(&assessment.drifts));
        let meeting = |(desired, apart): (_, Vec<_>)| Meeting {
            desired,
            apart: apart.into(),
            at: *now,
        };
        Sight {
            live: *seen,
            met: self.desired.clone().zip(apart).map(meeting),
            dropped: (live.is_some() && self.desired.is_none()).then(|| self.key.clone()),
        }
    }

    /// What the report says; nothing where there is none.
    pub fn status(&self) -> &ReportStatus {
        static NONE: LazyLock<ReportStatus> = LazyLock::new(ReportStatus::default);
        self.report
            .as_ref()
            .and_then(|report| report.status.as_ref())
            .unwrap_or(&NONE)
    }

    /// Who offers a plan here, and what was offered before.
    pub fn memory(&self) -> Memory {
        let report = self.report.as_ref().and_then(|report| report.uid()).unwrap_or_default();
        Memory {
            report,
            watch: self.watch.uid().unwrap_or_default(),
            ..memory(self.status())
        }
    }
}

/// A [`Scene`] read from the API server, with what stops every write.
#[derive(Clone, Debug)]
pub struct FreshScene {
    /// The scene.
    pub scene: Scene,

    /// Where a freeze annotation stands, in words.
    pub frozen: Option<String>,
}

/// The id of a Deployment.
pub fn deployment(target: &Target) -> ObjectId {
    ObjectId {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some(target.namespace.clone()),
        name: target.name.clone(),
    }
}

/// The report of a Deployment as the store has it.
pub fn report(context: &Context, target: &Target) -> Option<Arc<DriftReport>> {
    let named = context
        .reports
        .get(&ObjectRef::new(&target.report_name()).within(&target.namespace));
    named.filter(|report| report.spec.target == TargetRef::deployment(&target.name))
}

/// The scene as the stores have it; `None` when no watch governs the Deployment, nor did.
///
/// A Deployment that its watch no longer names, but that still has a report, is told as orphaned.
pub fn from_stores(context: &Context, target: &Target) -> Option<Scene> {
    let report = report(context, target);
    let live = context
        .deployments
        .get(&deployments::key(&target.namespace, &target.name))
        .map(|live| live.object());
    let led = led(context, target, report.as_deref())?;
    let tool = led
        .watched
        .tool
        .as_ref()
        .map_or(Tool::Unknown, |key| context.tools.tool(key, &led.watched.surroundings));
    Some(scene(
        context,
        target,
        led,
        Observed {
            live,
            tool,
            report,
            judge: context.judge.known(),
        },
    ))
}

/// The scene as the API server has it now: the object, the tool's object, the report, and every place of a freeze
/// annotation. `None` also where the watch is not the one that was read, or says something else by now: what it says
/// now was not assessed yet.
///
/// # Errors
/// The first request that fails.
pub async fn fresh(context: &Context, target: &Target) -> Result<Option<FreshScene>, ApiError> {
    let live = context.cluster.get_deployment(&target.namespace, &target.name).await?;
    let report = context
        .cluster
        .report_of(&target.namespace, &TargetRef::deployment(&target.name))
        .await?
        .map(Arc::new);
    // After the report: what stands now, unchanged, judged whatever is in there.
    let judge = judge::now(context).await?;
    let Some(led) = led(context, target, report.as_deref()) else {
        return Ok(None);
    };
    let sources = &context.settings.sources;
    let tenant = Tenant {
        watch: &led.key.namespace,
        own_namespace: &sources.own_namespace,
    };
    let seen_alive = context.tools.argo_cd_seen_alive();
    let tool = tool::fresh(
        &context.cluster,
        tenant,
        &sources.argo_cd,
        led.watched.tool.as_ref(),
        seen_alive,
    )
    .await?;
    let watch = context.cluster.get_watch(&led.key.namespace, &led.key.name).await?;
    if !is_in_force(&led.watched, watch.as_ref()) {
        return Ok(None);
    }
    let scene = scene(
        context,
        target,
        led,
        Observed {
            live,
            tool,
            report,
            judge,
        },
    );
    let namespace = context.cluster.get_namespace(&target.namespace).await?;
    let frozen = frozen(
        namespace
            .as_ref()
            .and_then(|namespace| namespace.annotations.get(FREEZE_ANNOTATION)),
        watch
            .as_ref()
            .and_then(|watch| watch.annotations().get(FREEZE_ANNOTATION)),
        scene
            .report
            .as_ref()
            .and_then(|report| report.annotations().get(FREEZE_ANNOTATION)),
    );
    Ok(Some(FreshScene { scene, frozen }))
}

/// Whether a watch, read fresh, is the one that everything was made for: not gone or going, not made anew, and with the
/// same spec.
pub fn is_in_force(watched: &Watched, fresh: Option<&DriftWatch>) -> bool {
    fresh.is_some_and(|watch| watch.metadata.deletion_timestamp.is_none() && watched.says_the_same(watch))
}

/// Where a freeze annotation stands. Any value but `false` counts: a person in a hurry writes `now`, a name, or
/// nothing.
pub fn frozen(namespace: Option<&String>, watch: Option<&String>, report: Option<&String>) -> Option<String> {
    let places = [("namespace", namespace), ("watch", watch), ("report", report)];
    let (place, value) = places
        .into_iter()
        .find_map(|(place, value)| Some((place, value.filter(|value| *value != "false")?)))?;
    Some(match value.as_str() {
        "" | "true" => format!("the annotation {FREEZE_ANNOTATION} on the {place}"),
        reason => format!("the annotation {FREEZE_ANNOTATION} on the {place}: {reason}"),
    })
}

/// The watch that speaks for a Deployment, and what it says of it.
struct Led {
    key: WatchKey,
    watched: Watched,
    desired: Option<Arc<Desired>>,
}

fn led(context: &Context, target: &Target, report: Option<&DriftReport>) -> Option<Led> {
    if let Some(Lead { key, watched, desired }) = context.governed.lead(target) {
        return Some(Led {
            key,
            watched,
            desired: Some(desired),
        });
    }
    let of_report = report.map(|report| &report.spec.watch_ref);
    let of_report = of_report.map(|watch| WatchKey {
        namespace: watch.namespace.clone(),
        name: watch.name.clone(),
    });
    let key = of_report.or_else(|| context.governed.dropped(target).map(|(key, _)| key))?;
    let passed_over =
        |watched: &Watched| watched.rendition.passed_over.contains(target) || context.governed.is_let_go(target);
    let watched = context.governed.watch(&key).filter(|watched| !passed_over(watched))?;
    Some(Led {
        key,
        watched,
        desired: None,
    })
}

/// What was read of one Deployment.
struct Observed {
    live: Option<Value>,
    tool: Tool,
    report: Option<Arc<DriftReport>>,
    judge: String,
}

fn scene(context: &Context, target: &Target, led: Led, observed: Observed) -> Scene {
    let Led { key, watched, desired } = led;
    let Observed {
        live,
        tool,
        report,
        judge,
    } = observed;
    let remembered = context.governed.remembered(target).seen_from(&key);
    // The tool's word counts for what was there before this process looked: of what came since, the cluster itself
    // tells.
    let brought =
        || desired.as_ref().is_some_and(|desired| desired.synced.is_some()) || tool.applied(&deployment(target));
    let reported = report
        .as_ref()
        .is_some_and(|report| report.status.as_ref().is_some_and(|status| status.target_uid.is_some()));
    let before = live.is_some() || remembered.live || reported || remembered.first_seen.is_none() && brought();
    let dropped = context.governed.dropped(target).filter(|_| desired.is_none());
    let past = Past::of(
        remembered,
        dropped.map(|(_, at)| at),
        report.as_deref(),
        &watched.rendition.revision,
    );
    let beside = watched
        .tool
        .as_ref()
        .map(|key| beside(context, (key, &tool), target))
        .unwrap_or_default();
    let seen = Seen {
        live,
        tool,
        judge,
        before,
        past,
        beside,
    };
    let mut snapshot = snapshot(context.cluster_id.clone(), target, &watched, desired.as_deref(), seen);
    let changes = watched.ignored.changes();
    let policy = policy(&watched, &mut snapshot, &context.jq);
    if watched.ignored.changes() != changes {
        context.queue.after(Key::Counts(key.clone()), SOON);
    }
    Scene {
        snapshot,
        policy,
        key,
        watch: watched.watch,
        report,
        desired,
    }
}

/// What is known of the other Deployments that this object syncs: by their last assessments, and by what their reports
/// tell of heals.
///
/// The reports are gone through only where there is a state that may be cleared: most Deployments are looked at beside
/// an operation that succeeded.
fn beside(context: &Context, (key, tool): (&ToolKey, &Tool), target: &Target) -> Beside {
    let refused = context.governed.refused_beside(key, target);
    let state = tool.argo_cd().and_then(|argo_cd| argo_cd.application.state.as_ref());
    if state.is_none_or(|state| state.phase == OperationPhase::Succeeded && state.result.is_some()) {
        return Beside {
            refused,
            ..Beside::default()
        };
    }
    let watches = context.governed.watches_of(key);
    let is_of_another = |report: &&Arc<DriftReport>| {
        let WatchRef { namespace, name } = &report.spec.watch_ref;
        let is_watched = watches
            .iter()
            .any(|watch| watch.namespace == *namespace && watch.name == *name);
        is_watched && (report.namespace().as_ref(), &report.spec.target.name) != (Some(&target.namespace), &target.name)
    };
    let reports = context.reports.state();
    let others = reports
        .iter()
        .filter(is_of_another)
        .filter_map(|report| report.status.as_ref());
    let failed_clears = others
        .flat_map(|status| status.history.iter().filter_map(HistoryEntry::failed_clear))
        .collect();
    Beside { refused, failed_clears }
}

/// What the cluster shows of one Deployment.
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

    /// What is known of the other Deployments of the same object of a tool.
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
    /// What the report of a Deployment remembers; `revision` is the commit in force.
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
    fn of(remembered: Remembered, dropped_at: Option<Timestamp>, report: Option<&DriftReport>, revision: &str) -> Self {
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
            (None, Some((_, document)), Some(digest)) if plan::digest(document) == *digest => Met::Here,
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

/// Everything that is known of one Deployment, as the engine takes it: Git's documents as the tool applies them.
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
    let target = deployment(target);
    let syncer = document
        .as_ref()
        .and_then(|document| dressing.syncer(&document.value, live.as_ref()));
    Snapshot {
        cluster,
        judge,
        target,
        desired: document,
        seen: before,
        syncer: syncer.unwrap_or_else(|| watched.syncer.clone()),
        tool,
        source,
        now: whole_seconds(Timestamp::now()),
        live,
    }
}

/// What the watch asks for, with what its tool was told to ignore in this Deployment; the snapshot learns what the tool
/// sends for that.
pub fn policy(watched: &Watched, snapshot: &mut Snapshot, jq: &Answers) -> Arc<Policy> {
    match (&snapshot.desired, &snapshot.live) {
        (Some(document), Some(live)) => {
            let pair = Pair {
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
