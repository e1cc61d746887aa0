//! Whom a failed sync concerns: the Deployment that is looked at, other objects, or nobody knows whom.

use super::application::Application;
use super::revision::Revision;
use super::state::{OperationPhase, OperationState};
use crate::engine::tool_object::message::{Refused, comparable, refused};
use crate::engine::tool_object::resource::ResourceRef;

/// The longest of another object's failure that is told, in characters.
const TOLD: usize = 240;

/// Whom a failed sync names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Concern {
    /// Whether it names the Deployment.
    pub ours: bool,

    /// Which other objects it names, each with what became of it where that is told.
    pub others: Vec<(String, String)>,
}

impl OperationState {
    /// Whom the state of a failed operation names, in the results of its resources and in the API server's words in its
    /// message.
    ///
    /// Source: `setOperationPhase` and `runTasks` in gitops-engine's `pkg/sync/sync_context.go`: what failed has the
    /// status SyncFailed, or its task the phase Failed. The message alone is left where the operation failed before it
    /// had results.
    pub fn concern(&self, target: &ResourceRef) -> Concern {
        let mut concern = Concern::default();
        for result in self
            .result
            .iter()
            .flat_map(|result| &result.resources)
            .filter(|result| result.failed())
        {
            if result.resource == *target {
                concern.ours = true;
            } else {
                concern
                    .others
                    .push((result.resource.to_string(), comparable(&result.message)));
            }
        }
        let is_ours = |refused: &Refused| {
            refused.name == target.name && refused.kind == format!("{}.{}", target.kind, target.group)
        };
        for refused in refused(&self.message) {
            let is_told =
                |told: &(String, String)| told.0.ends_with(&refused.name) && told.0.starts_with(&refused.kind);
            if is_ours(&refused) {
                // The message has no namespace: of two of one name the results tell which one it was.
                concern.ours |= concern.others.is_empty();
            } else if !concern.others.iter().any(is_told) {
                concern
                    .others
                    .push((format!("{} {}", refused.kind, refused.name), String::new()));
            }
        }
        concern
    }

    /// The other objects that a failed operation names where it does not name this one; in words.
    pub fn failed_for_others_only(&self, target: &ResourceRef) -> Option<String> {
        let concern = self.concern(target);
        (!concern.ours).then(|| told(&concern.others)).flatten()
    }
}

/// The other objects for which a sync failed and that are still not in sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// Which, with the reason of the first; in words.
    pub told: String,

    /// The commit, where it is not the one that Argo CD would sync now: whether that one fares as badly, nobody knows.
    pub of_before: Option<Revision>,
}

impl Application {
    /// The other objects for which the last sync failed, as long as one of them is not in sync.
    pub fn fails_for_others(&self, target: &ResourceRef) -> Option<Failing> {
        let failed = |state: &&OperationState| match state.phase {
            OperationPhase::Failed | OperationPhase::Error => true,
            // It waits for its retry.
            OperationPhase::Running => state.finished_at.is_some(),
            _ => false,
        };
        let state = self.state.as_ref().filter(failed)?;
        let of_before = match self.attempted() {
            true => None,
            // Without its results nobody knows what it was a sync of.
            false => Some(state.result.as_ref()?.revision.clone()?),
        };
        let status = |name: &str| {
            self.resources
                .iter()
                .find(|found| found.resource.to_string() == name)
                .and_then(|found| found.status.as_deref())
        };
        let is_left = |name: &str| match &of_before {
            None => status(name) != Some("Synced"),
            // What no comparison tells of, a hook for one, may be well by now.
            Some(_) => status(name) == Some("OutOfSync"),
        };
        let others: Vec<_> = state
            .concern(target)
            .others
            .into_iter()
            .filter(|(name, _)| is_left(name))
            .collect();
        Some(Failing {
            told: told(&others)?,
            of_before,
        })
    }
}

fn told(others: &[(String, String)]) -> Option<String> {
    let (first, why) = others.first()?;
    let why: String = why.chars().take(TOLD).collect();
    let why = if why.is_empty() { why } else { format!(" ({why})") };
    let more = if others.len() > 1 {
        format!(" and {} more", others.len() - 1)
    } else {
        String::new()
    };
    Some(format!("{first}{why}{more}"))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::argo_cd::shapes::{HERE, out_of_sync, read, set, with_state};
    use crate::engine::kind::DEPLOYMENT;

    const INVALID: &str =
        "Service \"web\" is invalid: spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive";

    fn web() -> ResourceRef {
        ResourceRef::of(&DEPLOYMENT, "shop", "web")
    }

    fn result(group: &str, kind: &str, name: &str, status: &str, phase: &str, message: &str) -> Value {
        json!({"group": group, "version": "v1", "kind": kind, "namespace": "shop", "name": name, "status": status,
               "hookPhase": phase,
            "message": message})
    }

    fn failed(message: &str, results: &[Value]) -> Value {
        let state = set(
            out_of_sync(with_state("Failed", HERE)),
            "/status/operationState/message",
            json!(message),
        );
        set(state, "/status/operationState/syncResult/resources", json!(results))
    }

    #[test]
    fn a_failure_that_names_other_objects_only_is_theirs() {
        let applied = || {
            result(
                "apps",
                "Deployment",
                "web",
                "Synced",
                "Running",
                "deployment.apps/web serverside-applied",
            )
        };
        let refused = || {
            result(
                "apps",
                "Deployment",
                "web",
                "SyncFailed",
                "Failed",
                "Deployment.apps \"web\" is invalid: a: Forbidden: b",
            )
        };
        let service = || result("", "Service", "web", "SyncFailed", "Failed", INVALID);
        let hook = || {
            result(
                "batch",
                "Job",
                "migrate",
                "Synced",
                "Failed",
                "Job has reached the specified backoff limit",
            )
        };
        let degraded = || {
            result(
                "apps",
                "Deployment",
                "web",
                "Synced",
                "Failed",
                "exceeded its progress deadline",
            )
        };
        let whole = format!(
            "one or more objects failed to apply, reason: error when patching \"/dev/shm/1\": {INVALID} (retried 2 \
             times)."
        );
        let ours = "one or more objects failed to apply, reason: Deployment.apps \"web\" is invalid: a: Forbidden: b";
        let told = Some(format!("Service shop/web ({INVALID})"));
        for (what, message, results, others) in [
            (
                "another object",
                whole.as_str(),
                vec![applied(), service()],
                told.clone(),
            ),
            (
                "another object, before this one's turn came",
                &whole,
                vec![service()],
                told,
            ),
            (
                "another object, without results",
                &whole,
                vec![],
                Some("Service web".to_owned()),
            ),
            (
                "a hook",
                "",
                vec![applied(), hook()],
                Some("Job.batch shop/migrate (Job has reached the specified backoff limit)".to_owned()),
            ),
            ("both", ours, vec![refused(), service()], None),
            ("this one", ours, vec![refused()], None),
            ("this one, without results", ours, vec![], None),
            ("its roll-out", "", vec![degraded()], None),
            ("nobody", "rpc error: code = Unknown", vec![], None),
        ] {
            let state = read(&failed(message, &results)).state.unwrap();
            assert_eq!(state.failed_for_others_only(&web()), others, "{what}");
        }
    }

    #[test]
    fn others_are_told_while_they_are_in_the_way() {
        let service = result("", "Service", "web", "SyncFailed", "Failed", INVALID);
        let of_service = set(failed("", &[service]), "/status/resources/1/status", json!("OutOfSync"));
        let told = |object: &Value| read(object).fails_for_others(&web());
        let failing = Failing {
            told: format!("Service shop/web ({INVALID})"),
            of_before: None,
        };
        assert_eq!(told(&of_service), Some(failing.clone()));
        assert_eq!(
            told(&set(of_service.clone(), "/status/resources/1/status", json!("Synced"))),
            None,
            "it was mended"
        );
        assert_eq!(
            told(&set(
                of_service.clone(),
                "/status/operationState/phase",
                json!("Succeeded")
            )),
            None,
            "the retry went through"
        );
        let before = told(&set(of_service, "/status/sync/revision", json!("another")));
        assert_eq!(
            before,
            Some(Failing {
                of_before: Some(Revision::One(HERE.to_owned())),
                ..failing
            }),
            "another commit, which may be better"
        );
    }
}
