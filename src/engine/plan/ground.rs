//! What a step is rendered over and held against.

use jiff::Timestamp;
use serde_json::Value;

use crate::engine::argo_cd::application::Application;
use crate::engine::flux::kustomization::Kustomization;
use crate::engine::kind::Kind;
use crate::engine::snapshot::Snapshot;
use crate::engine::tool::Tool;

/// What a step stands on: the objects as they are now, and what is known of the heal.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// Of which kind the object is.
    pub kind: &'static Kind,

    /// Git's document; `null` where it is absent.
    pub desired: &'a Value,

    /// The object; `null` where it is absent.
    pub live: &'a Value,

    /// The tool that syncs.
    pub tool: &'a Tool,

    /// The hash of the plan that is carried out.
    pub plan: &'a str,

    /// When the step was first to be sent, where it was.
    pub begun: Option<Timestamp>,
}

impl<'a> Ground<'a> {
    /// What the steps of this plan stand on in a snapshot.
    pub fn of(snapshot: &'a Snapshot, plan: &'a str, begun: Option<Timestamp>) -> Self {
        let desired = snapshot
            .desired
            .as_ref()
            .map_or(&Value::Null, |document| &document.value);
        let live = snapshot.live.as_ref().unwrap_or(&Value::Null);
        Self {
            kind: snapshot.kind,
            desired,
            live,
            tool: &snapshot.tool,
            plan,
            begun,
        }
    }
}

impl Ground<'_> {
    pub(super) fn application(&self) -> Option<&Application> {
        self.tool.argo_cd().map(|argo_cd| &*argo_cd.application)
    }

    pub(super) fn kustomization(&self) -> Option<&Kustomization> {
        self.tool.flux().map(|flux| &*flux.kustomization)
    }
}
