//! Judge: which admission policy makes an approval mean something. It is part of what is approved: a decision that was
//! written while it was away names another plan than the one that is offered when it is back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Context, Key};
use crate::cluster::{ApiError, Cluster, Resource};

/// The chart's policy over `status.approval`, and its binding; the name stands in every refusal of it.
pub const APPROVAL_POLICY: &str = "approval.driftmend.dev";

const POLICIES: Resource<'static> = Resource {
    group: "admissionregistration.k8s.io",
    version: "v1",
    plural: "validatingadmissionpolicies",
};
const BINDINGS: Resource<'static> = Resource {
    group: "admissionregistration.k8s.io",
    version: "v1",
    plural: "validatingadmissionpolicybindings",
};

/// How often it is looked for. Whatever is offered or carried out reads it fresh: this only lets a report tell soon
/// that plans are others now.
const LOOK: Duration = Duration::from_secs(10);

/// What judges approvals, as it was read last.
#[derive(Debug, Default)]
pub struct Judge(Mutex<String>);

impl Judge {
    /// Begins with what was read first.
    pub fn new(judge: String) -> Self {
        Self(Mutex::new(judge))
    }

    /// What is known; empty where nothing judges.
    pub fn known(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether that is news.
    fn learn(&self, judge: &str) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *known != judge;
        judge.clone_into(&mut known);
        news
    }
}

/// Reads the policy and its binding; empty where one of them is not there.
///
/// # Errors
///
/// Every [`ApiError`] but `NotFound`.
pub async fn read(cluster: &Cluster) -> Result<String, ApiError> {
    let policy = cluster.get_object(POLICIES, None, APPROVAL_POLICY).await?;
    let binding = cluster.get_object(BINDINGS, None, APPROVAL_POLICY).await?;
    Ok(named(policy.as_ref(), binding.as_ref()))
}

/// The same at the start of a process, which is told once that it may not.
///
/// # Errors
///
/// Every [`ApiError`] but `NotFound` and `Forbidden`.
pub async fn first(cluster: &Cluster) -> Result<String, ApiError> {
    let answer = read(cluster).await;
    if let Err(error @ ApiError::Forbidden { .. }) = &answer {
        warn!(%error, hint = error.hint(), "the policy over approvals cannot be read, and counts as missing");
    }
    if_allowed(answer)
}

/// Who may not read it counts on nothing.
fn if_allowed(answer: Result<String, ApiError>) -> Result<String, ApiError> {
    match answer {
        Err(ApiError::Forbidden { .. }) => Ok(String::new()),
        answer => answer,
    }
}

/// Reads it fresh. Where it is another one, every report is looked at again: its plan is another one, too.
///
/// # Errors
///
/// Requests that may succeed later.
pub async fn now(context: &Context) -> Result<String, ApiError> {
    let judge = if_allowed(read(&context.cluster).await)?;
    if context.judge.learn(&judge) {
        info!(
            judge,
            "what judges approvals is another one: earlier approvals count no more"
        );
        for report in context.reports.state() {
            context.queue.now(Key::of_report(&report));
        }
    }
    Ok(judge)
}

/// Looks for it from time to time.
pub(super) fn spawn(context: &Arc<Context>, stop: &CancellationToken) {
    let (context, stop) = (context.clone(), stop.clone());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
            if let Err(error) = now(&context).await {
                warn!(%error, hint = error.hint(), "the policy over approvals was not looked for");
            }
        }
    });
}

/// Names both by uid and generation: one that was changed is another judge, as is one that was made anew.
fn named(policy: Option<&Value>, binding: Option<&Value>) -> String {
    let one = |object: &Value| -> Option<String> {
        let uid = object.pointer("/metadata/uid")?.as_str()?;
        Some(format!(
            "{uid}:{}",
            object
                .pointer("/metadata/generation")
                .and_then(Value::as_i64)
                .unwrap_or_default()
        ))
    };
    let both = policy.and_then(one).zip(binding.and_then(one));
    both.map(|(policy, binding)| format!("{policy} {binding}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    fn object(uid: &str, generation: i64) -> Value {
        json!({"metadata": {"uid": uid, "generation": generation}})
    }

    #[test]
    fn a_policy_or_binding_that_was_changed_or_made_anew_is_another_judge_and_half_of_them_is_none() {
        let name = |policy: &Value, binding: &Value| named(Some(policy), Some(binding));
        let (policy, binding) = (object("a", 1), object("b", 1));
        let judge = name(&policy, &binding);
        assert_eq!(judge, "a:1 b:1");
        for (policy, binding) in [
            (&object("c", 1), &binding),
            (&object("a", 2), &binding),
            (&policy, &object("c", 1)),
            (&policy, &object("b", 2)),
        ] {
            assert_ne!(name(policy, binding), judge);
        }
        assert_eq!(
            (named(Some(&policy), None), named(None, Some(&binding))),
            (String::new(), String::new())
        );
        let known = Judge::new(judge.clone());
        assert!(!known.learn(&judge) && known.learn("") && known.known().is_empty());
    }
}
