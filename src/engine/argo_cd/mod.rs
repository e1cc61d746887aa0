//! Argo CD: what is known of its Applications, their operations and their syncs. In what standing an operation is, what
//! must be left alone and until when, when the next sync comes, what it would touch, and which guarded JSON Patches end
//! a stale operation.
//!
//! Argo CD keeps the state of its last operation in the Application. Some of these states stop every further sync, look
//! like ordinary waits, or are never processed again, and nothing in Argo CD clears them. [`class::classify`] tells
//! which one it is; the rows S1 to S9 are those of the project's table of stuck operations, each tried on Argo CD
//! v3.5.7. [`hold::held_back`] tells what forbids any write, [`next_sync::next_sync`] when the next sync comes,
//! [`touch::touches`] what it would change, and [`requests::clear`], [`requests::start`] and [`requests::refresh`] make
//! the patches.

pub mod application;
pub mod class;
pub mod concern;
pub mod dressing;
pub mod glob;
pub mod hold;
mod left;
pub mod next_sync;
pub mod origin;
pub mod reference;
pub mod requests;
pub mod revision;
pub mod rollback;
pub mod schedule;
#[cfg(test)]
pub(in crate::engine) mod shapes;
pub mod source;
pub mod standing;
pub mod state;
pub mod sync_policy;
pub mod touch;
pub mod window;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use self::application::Application;
use self::class::{Context, classify};
use self::hold::{Hold, held_back};
use self::standing::Standing;
use self::window::Windows;
use super::object::ObjectId;
use super::tool_object::resource::ResourceRef;
use super::tool_object::rule::is_rule_of;

/// How long it may take from a commit to the end of a sync that prunes.
const PRUNES: SignedDuration = SignedDuration::from_mins(5);

/// The option by which Argo CD takes what it is told to ignore from live before it syncs.
const RESPECTS: &str = "RespectIgnoreDifferences=true";

/// An Application with what decides about its syncs.
#[derive(Clone, Debug)]
pub struct ArgoCd {
    /// The Application; shared by all that it syncs.
    pub application: Arc<Application>,

    /// The sync windows of its project that match it.
    pub windows: Windows,

    /// The ApplicationSet that owns it, whole, where there is one and it could be read.
    pub application_set: Option<Arc<Value>>,

    /// When its controller last gave a sign of life, as far as all Applications tell.
    pub seen_alive: Option<Timestamp>,
}

impl ArgoCd {
    /// In what standing its operation is, seen from this Deployment.
    pub fn standing(&self, target: &ObjectId, now: Timestamp) -> Standing {
        classify(&self.application, &self.context(target, now))
    }

    /// Its operation that is under way, as what a heal waits for: the retry has its time, and whatever else it waits
    /// for is said.
    pub fn under_way(&self, target: &ObjectId, now: Timestamp) -> String {
        let standing = self.standing(target, now);
        let what = if matches!(standing, Standing::WaitingForRetry { .. }) {
            "Argo CD's own retry"
        } else {
            "the sync of Argo CD"
        };
        format!("{what}: {}", standing.why())
    }

    /// Whether a stale operation stops every further sync, and this Deployment is one that it failed on, or that waits
    /// for a sync.
    pub fn is_stuck(&self, target: &ObjectId, now: Timestamp) -> bool {
        let standing = self.standing(target, now);
        (standing.blocks() || standing.clears()) && self.concerns(target)
    }

    /// Whether its operation has to do with this Deployment: of an Application with a hundred only those tell of it.
    pub fn concerns(&self, target: &ObjectId) -> bool {
        let this = ResourceRef::from(target);
        let result = self.application.state.as_ref().and_then(|state| state.result.as_ref());
        let failed = result.is_some_and(|result| {
            result
                .resources
                .iter()
                .any(|entry| entry.resource == this && entry.status.as_deref() == Some("SyncFailed"))
        });
        let waits = self
            .application
            .resources
            .iter()
            .any(|found| found.resource == this && found.status.as_deref() != Some("Synced"));
        failed || waits
    }

    /// Since when its operation is in this standing, as far as the Application tells.
    pub fn since(&self, standing: &Standing) -> Option<Timestamp> {
        let state = self.application.state.as_ref();
        let ended = || {
            state.and_then(|state| {
                state
                    .finished_at
                    .or(state.started_at.as_ref().map(|started| started.time))
            })
        };
        match standing {
            Standing::NoProgress { since } => *since,
            Standing::ControllerNotSeen => self.seen_alive,
            Standing::DryRunRefused | Standing::ComparisonFailed => {
                self.application.condition("ComparisonError")?.changed_at
            }
            _ => ended(),
        }
    }

    /// What forbids a write on the Application.
    pub fn holds(&self, target: &ObjectId, now: Timestamp) -> Vec<Hold> {
        held_back(
            &self.application,
            self.application_set.as_deref(),
            &self.context(target, now),
        )
    }

    /// The sync window that forbids a heal, in words.
    pub fn window(&self, target: &ObjectId, now: Timestamp) -> Option<String> {
        self.holds(target, now)
            .iter()
            .find(|hold| matches!(hold, Hold::Window { .. }))
            .map(Hold::why)
    }

    /// What the classification needs besides the Application.
    pub fn context<'a>(&'a self, target: &'a ObjectId, now: Timestamp) -> Context<'a> {
        Context {
            now,
            controller_seen_alive: self.seen_alive,
            windows: &self.windows,
            target,
        }
    }

    /// Whether it takes what it is told to ignore from live before it syncs.
    pub fn respects_ignored(&self) -> bool {
        self.application
            .policy
            .sync_options
            .iter()
            .any(|option| option == RESPECTS)
    }

    /// How long it may take to delete what Git no longer has; `None` where it does not do so by itself.
    ///
    /// It asks Git every three minutes at the latest (`timeout.reconciliation` and its jitter), and then syncs.
    pub fn prunes_within(&self) -> Option<SignedDuration> {
        self.application
            .automated()
            .filter(|automated| automated.prune)
            .map(|_| PRUNES)
    }
}

/// Whether an ignore rule with this reason stands in Argo CD's own objects, so that its comparison passes over what the
/// rule ignores.
pub fn is_own_rule(reason: &str) -> bool {
    is_rule_of("Application ", reason) || is_rule_of("ConfigMap ", reason)
}
