//! The trap of client-side apply: last-applied does not name a member of a union, or a port, so that the tool leaves it
//! in live when Git goes on to another one.
//!
//! Argo CD syncs what it finds OutOfSync. Where Git took a change by hand over, or the annotation was lost while live
//! is what Git says, it finds nothing, and the annotation stays as it is until a change of Git comes that is refused.
//! Whoever applies each commit, as a pipeline does, writes it by that.

use serde_json::Value;

use super::{Kept, MOST_TRIED, Member, Trap, Trial};
use crate::engine::diff::{ChangeKind, Drift, Severity};
use crate::engine::facts::Facts;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::object::FieldPath;
use crate::engine::ownership::FieldSet;
use crate::engine::predict::refusal_of;
use crate::engine::snapshot::Snapshot;
use crate::engine::syncer::Strategy;
use crate::engine::tool_object::when::When;

/// The members that last-applied does not name, where no sync comes by itself that writes it.
pub fn unnamed(snapshot: &Snapshot, facts: &Facts<'_>, differs: Differs<'_>, next_sync: Option<&When>) -> Vec<Trap> {
    let (syncer, last_applied) = (&snapshot.syncer, &facts.last_applied);
    if syncer.strategy != Strategy::ClientSideApply || !is_left_alone(snapshot, differs, next_sync) {
        return Vec::new();
    }
    // No apply reads an annotation that is no object: that is told as the refusal that it is.
    if last_applied.is_desired() || last_applied.is_unreadable() {
        return Vec::new();
    }
    let is_named = |member: &Member| {
        last_applied
            .value()
            .is_some_and(|applied| member.path.get(applied).is_some())
    };
    let is_set = |member: &Member| member.path.get(facts.sent).is_some_and(|value| !value.is_null());
    let mut members = Vec::new();
    Member::add(
        facts.kind,
        &mut members,
        FieldSet::of_applied(facts.kind.root, facts.desired).members(),
    );
    members.retain(|member| is_set(member) && !is_named(member));
    if members.is_empty() {
        return Vec::new();
    }
    let trial = Trial {
        facts,
        live: facts.live,
        syncer,
        of_today: refusal_of(facts, syncer),
    };
    let tried = members.into_iter().take(MOST_TRIED).filter_map(|member| {
        let cause = trial.cause(&member, &naming(facts, &member)?)?;
        Some(Trap {
            path: member.path,
            kept: Kept::Unnamed,
            owners: Vec::new(),
            cause: Some(cause),
        })
    });
    tried.collect()
}

/// What differs from Git, and what of it the next sync leaves.
#[derive(Clone, Copy)]
pub struct Differs<'a> {
    /// What differs.
    pub drifts: &'a [Drift],

    /// What stays.
    pub residual: &'a [FieldPath],
}

impl Differs<'_> {
    /// Whether there is something to sync. What Git dropped and no sync takes out is none: Argo CD calls the Deployment
    /// Synced, however long it stays.
    fn for_a_sync(self) -> bool {
        let stays =
            |drift: &Drift| drift.change.kind == ChangeKind::Added && self.residual.contains(&drift.change.path);
        self.drifts.iter().any(|drift| match drift.severity {
            Severity::Drift => true,
            Severity::Pending => !stays(drift),
            Severity::Info | Severity::Ignored => false,
        })
    }
}

/// Whether Argo CD finds nothing to sync, and so applies nothing by itself.
pub(super) fn is_left_alone(snapshot: &Snapshot, differs: Differs<'_>, next_sync: Option<&When>) -> bool {
    let Some(argo_cd) = snapshot.tool.argo_cd() else {
        return false;
    };
    let is_tried = matches!(next_sync, Some(When::AtOnce { .. } | When::At { .. }));
    let is_coming = is_tried && !argo_cd.application.is_left_with_another_commit();
    !is_coming && !differs.for_a_sync()
}

/// Live in which the annotation names the member.
fn naming(facts: &Facts<'_>, member: &Member) -> Option<Value> {
    let text = facts
        .last_applied
        .naming(facts.desired, std::slice::from_ref(&member.path));
    let mut live = facts.live.clone();
    let metadata = live.get_mut("metadata")?.as_object_mut()?;
    let annotations = metadata
        .entry("annotations")
        .or_insert_with(|| Value::Object(serde_json::Map::new()));
    annotations
        .as_object_mut()?
        .insert(LAST_APPLIED.to_owned(), text.into());
    Some(live)
}
