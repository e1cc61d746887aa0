//! What is known of the tool that syncs, besides how it writes.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::object::ObjectId;
use super::operation::{Application, Context, Hold, Standing, Windows, classify, held_back};

/// The tool that syncs, as its own object tells.
#[derive(Clone, Debug, Default)]
pub enum Tool {
    /// Nothing is known: the watch names a repository, and whoever applies it is not in sight.
    #[default]
    Unknown,

    /// An Application of Argo CD.
    ArgoCd(Arc<ArgoCd>),
}

/// An Application with what decides about its syncs.
#[derive(Clone, Debug)]
pub struct ArgoCd {
    /// The Application.
    pub application: Application,

    /// The sync windows of its project that match it.
    pub windows: Windows,

    /// The ApplicationSet that owns it, whole, where there is one and it could be read.
    pub application_set: Option<Value>,

    /// When its controller last gave a sign of life, as far as all Applications tell.
    pub seen_alive: Option<Timestamp>,
}

impl Tool {
    /// Whether the tool is known to sync after a heal, by itself or because the plan starts it.
    pub fn will_sync(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::ArgoCd(_) => true,
        }
    }

    /// The Application, where the tool is Argo CD.
    pub fn argo_cd(&self) -> Option<&ArgoCd> {
        match self {
            Self::ArgoCd(argo_cd) => Some(argo_cd),
            Self::Unknown => None,
        }
    }
}

impl ArgoCd {
    /// In what standing its operation is, seen from this Deployment.
    pub fn standing(&self, target: &ObjectId, now: Timestamp) -> Standing {
        classify(&self.application, &self.context(target, now))
    }

    /// What forbids a write on the Application.
    pub fn holds(&self, target: &ObjectId, now: Timestamp) -> Vec<Hold> {
        held_back(&self.application, self.application_set.as_ref(), &self.context(target, now))
    }

    /// What the classification needs besides the Application.
    pub fn context<'a>(&'a self, target: &'a ObjectId, now: Timestamp) -> Context<'a> {
        Context {
            now,
            controller_seen_alive: self.seen_alive,
            windows: &self.windows,
            deployment: (target.namespace.as_deref().unwrap_or_default(), &target.name),
        }
    }
}
