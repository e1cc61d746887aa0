//! What a sync of one resource alone leaves to others, and what somebody stopped on purpose.

use super::application::{Application, ResourceStatus};
use super::standing::Standing;
use super::state::OperationPhase;
use crate::engine::tool_object::resource::ResourceRef;

/// The most resources that one sentence names.
const MOST_NAMED: usize = 3;

impl Application {
    /// What is out of sync beside this resource and stays so until somebody syncs the application; in words.
    ///
    /// With self-heal Argo CD brings it by itself. What Git no longer has waits for a sync that prunes, which is
    /// another question.
    pub fn left_to_somebody(&self, only: &ResourceRef) -> Option<String> {
        if self.automated().is_some_and(|automated| automated.self_heal) {
            return None;
        }
        let is_left = |found: &&ResourceStatus| {
            !found.hook
                && !found.requires_pruning
                && found.resource != *only
                && found.status.as_deref() == Some("OutOfSync")
        };
        let mut named: Vec<String> = self
            .resources
            .iter()
            .filter(is_left)
            .map(|found| found.resource.to_string())
            .collect();
        let more = named.len().saturating_sub(MOST_NAMED);
        named.truncate(MOST_NAMED);
        named.extend((more > 0).then(|| format!("{more} more")));
        let verb = if named.len() == 1 { "stays" } else { "stay" };
        (!named.is_empty()).then(|| {
            format!(
                "{} {verb} out of sync until somebody syncs Application {}/{}",
                named.join(", "),
                self.namespace,
                self.name
            )
        })
    }

    /// Whether a sync of ours passes over what Argo CD calls Synced, so that it writes nothing there.
    ///
    /// Source: `HasOption` where `controller/sync.go` gives `WithResourceModificationChecker`; `filterOutOfSyncTasks`
    /// of gitops-engine.
    pub fn syncs_differences_only(&self) -> bool {
        self.policy
            .sync_options
            .iter()
            .any(|option| option == "ApplyOutOfSyncOnly=true")
    }

    /// Whether somebody terminated the last operation.
    ///
    /// Source: `Terminate` in gitops-engine's `pkg/sync/sync_context.go`, whose words stay in the state. Argo CD does
    /// the same where `controller.sync.timeout.seconds` is over.
    pub fn was_terminated(&self) -> bool {
        self.operation.is_none()
            && self.state.as_ref().is_some_and(|state| {
                state.phase == OperationPhase::Failed && state.message.starts_with("Operation terminated")
            })
    }

    /// Whether what is under way syncs another commit than was compared last, in which nothing is out of sync: each
    /// retry is of the commit of the first try, and nothing follows it.
    pub fn is_left_with_another_commit(&self) -> bool {
        let Some(state) = self.state.as_ref().filter(|state| !state.phase.completed()) else {
            return false;
        };
        let asked = || state.operation.sync.as_ref()?.revision.as_ref();
        let tried = state
            .result
            .as_ref()
            .and_then(|result| result.revision.as_ref())
            .or_else(asked);
        let compared = self.sync.as_ref().and_then(|sync| sync.revision.as_ref());
        tried.is_some() && tried != compared && !self.out_of_sync()
    }

    /// Whether the sync that runs has not come to this resource.
    pub fn has_not_come_to(&self, resource: &ResourceRef) -> bool {
        let result = self
            .operation
            .as_ref()
            .and(self.state.as_ref())
            .and_then(|state| state.result.as_ref());
        result.is_some_and(|result| {
            !result
                .resources
                .iter()
                .any(|entry| entry.resource == *resource && entry.status.is_some())
        })
    }

    /// What a sync of the Deployment alone leaves undone for good, where a sync of the whole failed and Argo CD is the
    /// one who syncs: it takes the revision for synced then. Self-heal brings what is out of sync in any wave, and
    /// never runs a hook. `has_hooks` says that Git has some.
    pub fn left_undone_beside(&self, only: &ResourceRef, has_hooks: bool) -> Option<String> {
        let automated = self.automated()?;
        let asked = self
            .operation
            .as_ref()
            .or(self.state.as_ref().map(|state| &state.operation))?;
        if asked.partial() {
            return None;
        }
        let hooks = has_hooks || self.resources.iter().any(|found| found.hook);
        let is_left = |found: &&ResourceStatus| {
            !found.hook && found.resource != *only && found.status.as_deref() != Some("Synced")
        };
        let left = self
            .resources
            .iter()
            .filter(is_left)
            .filter(|found| automated.prune || !found.requires_pruning)
            .count();
        match (hooks, left) {
            (true, _) => Some("hooks, which only a sync of the whole application runs".to_owned()),
            (false, left) if left > 0 && !automated.self_heal => {
                let what = if left == 1 {
                    "1 other resource is".to_owned()
                } else {
                    format!("{left} other resources are")
                };
                Some(format!(
                    "{what} out of sync, perhaps in a later wave, and Argo CD would take the revision for synced"
                ))
            }
            _ => None,
        }
    }

    /// Whether a sync waits for a hook or an earlier wave before it comes to the Deployment: what is cured meanwhile,
    /// it finds cured.
    pub fn is_before_its_turn(&self, standing: &Standing, only: &ResourceRef) -> bool {
        matches!(
            standing,
            Standing::WaitingForHook { .. } | Standing::WaitingForHealth { .. }
        ) && self.has_not_come_to(only)
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::argo_cd::shapes::{HERE, out_of_sync, quiet, read, set, under_way, with_state};
    use crate::engine::kind::DEPLOYMENT;

    #[test]
    fn what_a_partial_sync_leaves_is_named_where_nobody_else_brings_it() {
        let only = ResourceRef::of(&DEPLOYMENT, "shop", "web");
        let waiting = set(out_of_sync(quiet()), "/status/resources/1/status", json!("OutOfSync"));
        let left = |value: &Value| read(value).left_to_somebody(&only);
        assert_eq!(left(&waiting), None, "self-heal brings it");
        let manual = set(waiting, "/spec/syncPolicy/automated", Value::Null);
        assert_eq!(
            left(&manual).unwrap(),
            "Service shop/web stays out of sync until somebody syncs Application argocd/shop"
        );
        assert_eq!(
            left(&set(manual.clone(), "/status/resources/1/status", json!("Synced"))),
            None
        );
        assert_eq!(
            left(&set(manual, "/status/resources/1/requiresPruning", json!(true))),
            None
        );
    }

    #[test]
    fn a_terminated_sync_is_told_from_a_failed_one_and_from_one_that_runs() {
        let words = |value: Value| {
            read(&set(
                value,
                "/status/operationState/message",
                json!("Operation terminated"),
            ))
            .was_terminated()
        };
        assert!(words(with_state("Failed", HERE)) && !words(under_way("Running")));
        assert!(!read(&with_state("Failed", HERE)).was_terminated());
    }

    #[test]
    fn a_sync_that_waits_for_its_hook_has_not_come_to_what_has_no_result() {
        let web = ResourceRef::of(&DEPLOYMENT, "shop", "web");
        let came = |resources: Value| {
            !read(&set(
                under_way("Running"),
                "/status/operationState/syncResult/resources",
                resources,
            ))
            .has_not_come_to(&web)
        };
        assert!(!came(json!([])));
        let entry = json!({"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "web",
                           "status": "Synced"});
        assert!(came(json!([entry])));
    }
}
