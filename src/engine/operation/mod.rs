//! In what standing the syncing tool's own operation is: what must be left alone and until when, when the next sync
//! comes, what it would touch, and which guarded JSON Patches end a stale operation.
//!
//! Argo CD keeps the state of its last operation in the Application. Some of these states stop every further sync, look
//! like ordinary waits, or are never processed again, and nothing in Argo CD clears them. [`classify`] tells which one
//! it is; the rows S1 to S9 are those of the project's table of stuck operations, each tried on Argo CD v3.5.7.
//! [`held_back`] tells what forbids any write, [`next_sync()`] when the next sync comes, [`touches`] what it would
//! change, and [`clear`], [`start`] and [`refresh`] make the patches. Flux keeps no such state: [`reconciliation()`]
//! tells how the last try ended, and [`poke`] asks for the next one.

mod application;
mod class;
mod concern;
mod duration;
mod fetching;
mod git_repository;
pub mod glob;
mod hold;
mod kustomization;
mod left;
mod message;
mod next_sync;
mod read;
mod reconciliation;
mod requests;
mod rollback;
mod schedule;
#[cfg(test)]
pub(in crate::engine) mod shapes;
mod source;
mod standing;
mod state;
mod touch;
mod window;

pub use application::{
    Application, Automated, Condition, Destination, HistoryEntry, REFRESH, ResourceStatus, SKIP_RECONCILE, SyncPolicy,
    SyncStatus,
};
pub use class::{Context, PATIENCE, SILENCE, classify, concerns};
pub use concern::{Concern, Failing};
pub use duration::DurationError;
pub use fetching::NotFetching;
pub use git_repository::{FluxCondition, GitRepository, Reference};
pub use hold::{Hold, held_back};
pub use kustomization::{Kustomization, SourceRef, commit};
pub use message::{Refused, comparable, refused};
pub use next_sync::{When, next_sync};
pub use read::{Stamp, Unreadable};
pub use reconciliation::{
    Awaited, REQUESTED_AT, Reconciliation, comes_after_apply, handled, names, next_reconciliation, poke, poked,
    reconciliation,
};
pub use requests::{
    NoRequest, Operation, Stale, Then, clear, refresh, refresh_asked, refreshed, start, started, withdraw_refresh,
};
pub use rollback::Rollback;
pub use schedule::{Schedule, ScheduleError};
pub use source::{Directory, Source, SourceKind, Sources, SyncedSources};
pub use standing::{Action, Standing};
pub use state::{
    OperationPhase, OperationState, Requested, ResourceRef, ResourceResult, Retry, Revision, Sync, SyncResult,
};
pub use touch::{Touched, Touches, short_commit, touches};
pub use window::{Leave, Trigger, Window, WindowKind, Windows};
