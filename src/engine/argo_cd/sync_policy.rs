//! The sync policy of an Application: what Argo CD does by itself.

use serde_json::Value;

use super::state::Retry;
use crate::engine::tool_object::fields::{Fields, Unreadable};

/// How an Application is synced.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncPolicy {
    /// Without anybody asking, where it is set.
    pub automated: Option<Automated>,

    /// The options of every sync; an explicit operation does not inherit them.
    pub sync_options: Vec<String>,

    /// How a failed sync is tried again; an explicit operation does not inherit it.
    pub retry: Option<Retry>,

    /// The same as it is written, for copying.
    pub retry_written: Option<Value>,
}

/// `spec.syncPolicy.automated`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Automated {
    /// `enabled`; absent in older versions, and then on.
    pub enabled: Option<bool>,

    /// Whether what Git no longer has is deleted.
    pub prune: bool,

    /// Whether a change of the cluster is undone.
    pub self_heal: bool,
}

pub(super) fn sync_policy(policy: Fields<'_>) -> Result<SyncPolicy, Unreadable> {
    Ok(SyncPolicy {
        automated: policy.optional("automated", |automated| {
            Ok(Automated {
                enabled: automated.flag("enabled")?,
                prune: automated.flag("prune")?.unwrap_or(false),
                self_heal: automated.flag("selfHeal")?.unwrap_or(false),
            })
        })?,
        sync_options: policy.texts("syncOptions")?,
        retry: policy.optional("retry", |retry| Retry::read(&retry))?,
        retry_written: policy.value("retry").cloned(),
    })
}
