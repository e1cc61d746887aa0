//! An operation of Argo CD: what was asked for, and how far it came.

mod revision;

pub use revision::Revision;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::duration::{DurationError, duration_or_seconds};
use super::read::{Fields, Stamp, Unreadable};
use super::source::SyncedSources;
use crate::engine::kind::Kind;
use crate::engine::object::ObjectId;

/// A resource as Argo CD names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceRef {
    /// The API group; empty for the core group.
    pub group: String,

    /// The kind.
    pub kind: String,

    /// The namespace; empty for a cluster's own resources, and for any namespace where a sync is limited to resources.
    pub namespace: String,

    /// The name.
    pub name: String,
}

impl From<&ObjectId> for ResourceRef {
    /// The resource that an object is, without its version.
    fn from(id: &ObjectId) -> Self {
        let group = id.api_version.split_once('/').map_or("", |(group, _)| group);
        Self {
            group: group.to_owned(),
            kind: id.kind.clone(),
            namespace: id.namespace.clone().unwrap_or_default(),
            name: id.name.clone(),
        }
    }
}

impl ResourceRef {
    /// An object of a governed kind.
    pub fn of(kind: &Kind, namespace: &str, name: &str) -> Self {
        Self {
            group: kind.group.to_owned(),
            kind: kind.kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        let text = |name| fields.text(name).map(Option::unwrap_or_default);
        Ok(Self {
            group: text("group")?,
            kind: text("kind")?,
            namespace: text("namespace")?,
            name: text("name")?,
        })
    }

    /// As Argo CD writes it.
    pub(in crate::engine) fn to_value(&self) -> Value {
        json!({"group": self.group, "kind": self.kind, "namespace": self.namespace, "name": self.name})
    }

    /// Whether an entry of `operation.sync.resources` means this resource.
    ///
    /// Source: `SyncOperationResource.HasIdentity` in `pkg/apis/application/v1alpha1/types.go`: an entry without a
    /// namespace means every namespace, and self-heal writes none.
    pub fn is_meant_by(&self, entry: &Self) -> bool {
        self.group == entry.group
            && self.kind == entry.kind
            && self.name == entry.name
            && (entry.namespace.is_empty() || entry.namespace == self.namespace)
    }
}

impl std::fmt::Display for ResourceRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            group,
            kind,
            namespace,
            name,
        } = self;
        f.write_str(kind)?;
        if !group.is_empty() {
            write!(f, ".{group}")?;
        }
        f.write_str(" ")?;
        if !namespace.is_empty() {
            write!(f, "{namespace}/")?;
        }
        f.write_str(name)
    }
}

/// What was asked for: the top-level `operation`, or the one that `status.operationState` remembers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Requested {
    /// The whole request, as it is written.
    pub whole: Value,

    /// Who asked, where it was a person or a tool.
    pub username: Option<String>,

    /// Whether auto-sync or self-heal asked.
    pub automated: bool,

    /// Pairs of names and values for people; ours carry the plan.
    pub info: Vec<(String, String)>,

    /// The sync; `None` makes an operation that Argo CD refuses.
    pub sync: Option<Sync>,

    /// How often and how fast a failed sync is tried again.
    pub retry: Retry,
}

/// The sync of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Sync {
    /// The revision asked for; may be a branch.
    pub revision: Option<Revision>,

    /// Whether what Git no longer has is deleted.
    pub prune: bool,

    /// Whether nothing is written.
    pub dry_run: bool,

    /// The resources it is limited to; all when empty.
    pub resources: Vec<ResourceRef>,

    /// How many self-heals in a row this is; `None` for a sync that is none.
    pub auto_heal_attempts: Option<i64>,
}

/// How a failed sync is tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    /// How often; below 0 without end.
    pub limit: i64,

    /// The first wait, as written.
    pub duration: Option<String>,

    /// What the wait is multiplied with.
    pub factor: Option<i64>,

    /// The longest wait, as written.
    pub max_duration: Option<String>,
}

impl Retry {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, Unreadable> {
        fields.object("backoff", |backoff| {
            Ok(Self {
                limit: fields.integer("limit")?.unwrap_or(0),
                duration: backoff.text("duration")?,
                factor: backoff.integer("factor")?,
                max_duration: backoff.text("maxDuration")?,
            })
        })
    }

    /// When the retry after a failure comes.
    ///
    /// `retry_count` is the one of `status.operationState`, which counts the coming retry already. So the first wait is
    /// duration × factor, twice what the documentation says. The time in Argo CD's own message is computed before the
    /// count goes up, and is too early.
    ///
    /// Source: `RetryStrategy.NextRetryAt` in `pkg/apis/application/v1alpha1/types.go` and its two calls in
    /// `processRequestedAppOperation` in `controller/appcontroller.go`; defaults in `application_defaults.go`.
    ///
    /// # Errors
    /// A duration that Go cannot read: Argo CD then ends the operation in phase Error.
    pub fn next_at(&self, failed_at: Timestamp, retry_count: i64) -> Result<Timestamp, DurationError> {
        let read = |text: &Option<String>, default: i64| match text {
            Some(text) => duration_or_seconds(text),
            None => Ok(SignedDuration::from_secs(default)),
        };
        let (first, longest) = (read(&self.duration, 5)?, read(&self.max_duration, 180)?);
        let power = (self.factor.unwrap_or(2) as f64).powf(retry_count as f64);
        let mut wait = first.as_secs_f64() * power;
        if longest > SignedDuration::ZERO {
            wait = wait.min(longest.as_secs_f64());
        }
        let wait = SignedDuration::try_from_secs_f64(wait).unwrap_or(SignedDuration::MAX);
        Ok(failed_at.saturating_add(wait).unwrap_or(Timestamp::MAX))
    }
}

impl Requested {
    pub(super) fn read(fields: Fields<'_>) -> Result<Self, Unreadable> {
        let (username, automated) = fields.object("initiatedBy", |by| {
            Ok((by.text("username")?, by.flag("automated")?.unwrap_or(false)))
        })?;
        let pair = |info: Fields<'_>| {
            Ok((
                info.text("name")?.unwrap_or_default(),
                info.text("value")?.unwrap_or_default(),
            ))
        };
        Ok(Self {
            whole: fields.whole().unwrap_or_default(),
            username,
            automated,
            info: fields.list("info", pair)?,
            sync: fields.optional("sync", |sync| {
                Ok(Sync {
                    revision: Revision::read(&sync)?,
                    prune: sync.flag("prune")?.unwrap_or(false),
                    dry_run: sync.flag("dryRun")?.unwrap_or(false),
                    resources: sync.list("resources", |resource| ResourceRef::read(&resource))?,
                    auto_heal_attempts: sync.integer("autoHealAttemptsCount")?,
                })
            })?,
            retry: fields.object("retry", |retry| Retry::read(&retry))?,
        })
    }

    /// Whether it writes something.
    pub fn writes(&self) -> bool {
        self.sync.as_ref().is_some_and(|sync| !sync.dry_run)
    }

    /// Whether it is limited to some resources.
    pub fn partial(&self) -> bool {
        self.sync.as_ref().is_some_and(|sync| !sync.resources.is_empty())
    }
}

/// The phase of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationPhase {
    /// Under way, or waiting for a retry.
    Running,

    /// Being ended before its time.
    Terminating,

    /// A resource was refused, or a hook failed.
    Failed,

    /// The sync could not be carried out at all.
    Error,

    /// All went well.
    Succeeded,

    /// A phase that this version does not know.
    Other(String),
}

impl OperationPhase {
    fn of(text: &str) -> Self {
        match text {
            "Running" => Self::Running,
            "Terminating" => Self::Terminating,
            "Failed" => Self::Failed,
            "Error" => Self::Error,
            "Succeeded" => Self::Succeeded,
            other => Self::Other(other.to_owned()),
        }
    }

    /// As the Application has it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Running => "Running",
            Self::Terminating => "Terminating",
            Self::Failed => "Failed",
            Self::Error => "Error",
            Self::Succeeded => "Succeeded",
            Self::Other(text) => text,
        }
    }

    /// Whether the operation is over.
    ///
    /// Source: `OperationPhase.Completed` in `gitops-engine/pkg/sync/common/types.go`.
    pub fn completed(&self) -> bool {
        matches!(self, Self::Failed | Self::Error | Self::Succeeded)
    }
}

/// `status.operationState`.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationState {
    /// What was asked for.
    pub operation: Requested,

    /// How far it is.
    pub phase: OperationPhase,

    /// Argo CD's words; empty where there are none.
    pub message: String,

    /// When it began.
    pub started_at: Option<Stamp>,

    /// When it ended, or in phase Running when the last try failed.
    pub finished_at: Option<Timestamp>,

    /// Which retry comes or came last; 0 before the first failure.
    pub retry_count: i64,

    /// What it did; absent before it began and while a retry begins.
    pub result: Option<SyncResult>,
}

impl OperationState {
    pub(super) fn read(fields: Fields<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            operation: fields.object("operation", Requested::read)?,
            phase: OperationPhase::of(&fields.required_text("phase")?),
            message: fields.text("message")?.unwrap_or_default(),
            started_at: fields.stamp("startedAt")?,
            finished_at: fields.time("finishedAt")?,
            retry_count: fields.integer("retryCount")?.unwrap_or(0),
            result: fields.optional("syncResult", |result| {
                Ok(SyncResult {
                    revision: Revision::read(&result)?,
                    sources: SyncedSources::read(&result)?,
                    resources: result.list("resources", ResourceResult::read)?,
                })
            })?,
        })
    }
}

/// What a sync did.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncResult {
    /// The commit; still the branch that was asked for where it failed before it was resolved.
    pub revision: Option<Revision>,

    /// The sources.
    pub sources: SyncedSources,

    /// What became of each resource that it came to.
    pub resources: Vec<ResourceResult>,
}

/// What became of one resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceResult {
    /// Which.
    pub resource: ResourceRef,

    /// `Synced`, `SyncFailed`, `Pruned` or `PruneSkipped`; absent before its turn came.
    pub status: Option<String>,

    /// Argo CD's words, here without the frame of the operation's message.
    pub message: String,

    /// The type of hook, where it is one.
    pub hook_type: Option<String>,

    /// How far it is as a task, in the words of an operation's phase: one that was applied may be `Failed` all the
    /// same.
    pub hook_phase: Option<String>,
}

impl ResourceResult {
    fn read(fields: Fields<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            resource: ResourceRef::read(&fields)?,
            status: fields.text("status")?,
            message: fields.text("message")?.unwrap_or_default(),
            hook_type: fields.text("hookType")?,
            hook_phase: fields.text("hookPhase")?,
        })
    }

    /// Whether the sync failed for it.
    pub fn failed(&self) -> bool {
        self.status.as_deref() == Some("SyncFailed")
            || self
                .hook_phase
                .as_deref()
                .is_some_and(|phase| ["Failed", "Error"].contains(&phase))
    }

    /// Whether it was applied.
    pub fn applied(&self) -> bool {
        self.status.as_deref() == Some("Synced")
    }
}
