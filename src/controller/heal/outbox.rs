//! Outbox: whether anything of a heal can have left this process, and what its plan was made of.
//!
//! A report says that a step began before its request leaves, so that it cannot tell the two apart afterwards. Who
//! began the step can: a heal that was overtaken in between wrote nothing, and is none that failed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::api::v1alpha1::{Healing, SentRequest, StepState};
use crate::cluster::ApiError;
use crate::engine::Snapshot;
use crate::engine::digest::{digest, live_digest};
use crate::engine::plan::Refusal;

/// The heals whose first step this process began, by their plans.
#[derive(Debug, Default)]
pub struct Outbox(Mutex<BTreeMap<String, Began>>);

/// How it was when the first step of a heal began.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Began {
    /// The digest of Git's document.
    desired: Option<String>,

    /// The digest of the Deployment.
    live: Option<String>,

    /// Whether a write left that may have been stored.
    has_left: bool,

    /// The last request that was answered, and of which step: the report may not have it yet.
    sent: Option<(usize, SentRequest)>,
}

impl Began {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            desired: snapshot.desired.as_ref().map(|document| digest(&document.value)),
            live: snapshot.live.as_ref().map(live_digest),
            has_left: false,
            sent: None,
        }
    }

    /// Why what was approved is not what is needed any more, as it is told of a heal that wrote nothing.
    pub(super) fn overtaken(&self, refusal: &Refusal, snapshot: &Snapshot) -> String {
        let now = Self::of(snapshot);
        let why = match refusal {
            Refusal::Moot { why, .. } | Refusal::TakenBack { why, .. } => why.to_string(),
            Refusal::Stale(_) if now.desired != self.desired => {
                "what Git says of the object changed after the approval, and something else is needed than what \
                 was approved"
                    .to_owned()
            }
            Refusal::Stale(_) if now.live != self.live => {
                "somebody changed the object after the approval, and something else is needed than what was \
                 approved"
                    .to_owned()
            }
            Refusal::Stale(_) => {
                "what the tool that syncs would do changed after the approval, and another plan is needed than what \
                 was approved"
                    .to_owned()
            }
            other => other.to_string(),
        };
        format!("nothing was written: {why}")
    }
}

impl Outbox {
    fn began(&self) -> MutexGuard<'_, BTreeMap<String, Began>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first step of a heal begins: of what came before, nothing was sent.
    pub(super) fn opens(&self, plan: &str, snapshot: &Snapshot) {
        self.began().insert(plan.to_owned(), Began::of(snapshot));
    }

    /// A write of a heal is about to leave.
    pub(super) fn leaves(&self, plan: &str) {
        self.began().entry(plan.to_owned()).or_default().has_left = true;
    }

    /// The first write of a heal was answered, perhaps by that it was not stored.
    pub(super) fn answered(&self, plan: &str, is_first: bool, answer: &Result<Value, ApiError>) {
        let is_refused = answer.as_ref().is_err_and(was_not_stored);
        if let Some(began) = self.began().get_mut(plan).filter(|_| is_first && is_refused) {
            began.has_left = false;
        }
    }

    /// Whether nothing of a heal was sent so far that may have been stored: then how it was when it began. `None` also
    /// where another process began it.
    pub(super) fn nothing_left(&self, plan: &str) -> Option<Began> {
        self.began().get(plan).filter(|began| !began.has_left).cloned()
    }

    /// A request of this step was answered.
    pub(super) fn keeps(&self, plan: &str, at: usize, request: &SentRequest) {
        self.began().entry(plan.to_owned()).or_default().sent = Some((at, request.clone()));
    }

    /// The last request of a heal that was answered, and of which step.
    pub(super) fn sent(&self, plan: &str) -> Option<(usize, SentRequest)> {
        self.began().get(plan)?.sent.clone()
    }

    /// The heal with what was sent for a step that is not recorded as done.
    pub(super) fn with_sent<'h>(&self, healing: &'h Healing) -> Cow<'h, Healing> {
        let is_open = |at: usize| healing.steps.get(at).is_some_and(|step| step.state != StepState::Done);
        let is_told = |request: &SentRequest| {
            healing
                .requests
                .iter()
                .any(|told| (told.kind, &told.digest) == (request.kind, &request.digest))
        };
        match self.sent(&healing.plan_hash) {
            Some((at, request))
                if is_open(at) && !is_told(&request) && healing.requests.len() < healing.steps.len() =>
            {
                let requests = [&healing.requests[..], &[request]].concat();
                Cow::Owned(Healing {
                    requests,
                    ..healing.clone()
                })
            }
            _ => Cow::Borrowed(healing),
        }
    }

    /// The heal ended.
    pub(super) fn forget(&self, plan: &str) {
        self.began().remove(plan);
    }
}

/// Whether the API server said that it stored nothing, or was not asked.
fn was_not_stored(error: &ApiError) -> bool {
    match error {
        ApiError::Unauthenticated { .. }
        | ApiError::Forbidden { .. }
        | ApiError::NotFound { .. }
        | ApiError::Conflict { .. }
        | ApiError::Invalid { .. }
        | ApiError::Rejected { .. }
        | ApiError::NotLeading { .. }
        | ApiError::Unsendable { .. } => true,
        ApiError::Unavailable { .. }
        | ApiError::TimedOut { .. }
        | ApiError::Unreachable { .. }
        | ApiError::Unreadable { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::cluster::{Call, Verb};
    use crate::engine::kind::DEPLOYMENT;
    use crate::engine::object::ObjectId;
    use crate::engine::plan::NoPlan;
    use crate::engine::syncer::{Strategy, Syncer};
    use crate::engine::{SourceFacts, Tool};

    fn call() -> Box<Call> {
        Box::new(Call::new(Verb::Patch, "deployments.apps").namespace("shop").name("web"))
    }

    fn refused() -> Result<Value, ApiError> {
        Err(ApiError::Conflict {
            call: call(),
            message: "it was modified".to_owned(),
            causes: Vec::new(),
        })
    }

    fn lost() -> Result<Value, ApiError> {
        Err(ApiError::TimedOut {
            call: call(),
            limit: std::time::Duration::from_secs(1),
            told: None,
        })
    }

    fn snapshot(live: Value) -> Snapshot {
        let id =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "shop", "name": "web"}});
        Snapshot {
            kind: &DEPLOYMENT,
            cluster: String::new(),
            judge: String::new(),
            target: ObjectId::of(&id).unwrap(),
            desired: None,
            live: Some(live),
            seen: true,
            syncer: Syncer::new(Strategy::ClientSideApply, "argocd-controller"),
            tool: Tool::Unknown,
            source: SourceFacts::default(),
            now: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn nothing_has_left_until_a_write_may_have_been_stored() {
        let (outbox, scene) = (Outbox::default(), snapshot(json!({})));
        let sends = |is_first, answer: Result<Value, ApiError>| {
            outbox.leaves("a");
            outbox.answered("a", is_first, &answer);
            outbox.nothing_left("a").is_some()
        };
        assert!(outbox.nothing_left("a").is_none(), "another process began it");
        outbox.opens("a", &scene);
        assert!(outbox.nothing_left("a").is_some());
        assert!(sends(true, refused()), "it was refused");
        assert!(!sends(true, lost()), "nobody knows what became of it");
        assert!(!sends(false, refused()), "one before it is not known of");
        outbox.opens("a", &scene);
        assert!(!sends(true, Ok(json!({}))));
        outbox.forget("a");
        assert!(outbox.nothing_left("a").is_none());
    }

    #[test]
    fn an_overtaken_heal_says_what_changed() {
        let (before, after) = (
            snapshot(json!({"spec": {"replicas": 1}})),
            snapshot(json!({"spec": {"replicas": 2}})),
        );
        let began = Began::of(&before);
        let stale = Refusal::Stale("a".to_owned());
        let told = |refusal: &Refusal, now: &Snapshot| began.overtaken(refusal, now);
        assert!(
            told(&stale, &after).starts_with("nothing was written: somebody changed the object after the approval")
        );
        assert!(told(&stale, &before).starts_with("nothing was written: what the tool that syncs would do changed"));
        let moot = Refusal::Moot {
            hash: "a".to_owned(),
            why: NoPlan::NothingToHeal,
        };
        assert_eq!(told(&moot, &after), "nothing was written: there is nothing to heal");
    }

    #[test]
    fn what_was_sent_is_told_once_of_a_step_that_is_not_recorded_as_done() {
        let healing = |state: &str, requests: Value| -> Healing {
            serde_json::from_value(json!({"planHash": "a", "uid": "", "by": "ada", "healer": "h",
                                          "startedAt": "2026-01-05T10:00:00Z",
                "steps": [{"kind": "Restore", "state": state}, {"kind": "Transfer", "state": "Pending"}],
                "requests": requests}))
            .unwrap()
        };
        let sent =
            json!({"kind": "Restore", "at": "2026-01-05T10:00:01Z", "digest": "d", "answer": "resourceVersion 2"});
        let outbox = Outbox::default();
        assert_eq!(outbox.with_sent(&healing("Begun", json!([]))).requests, []);
        outbox.keeps("a", 0, &serde_json::from_value(sent.clone()).unwrap());
        assert_eq!(outbox.with_sent(&healing("Begun", json!([]))).requests.len(), 1);
        assert_eq!(
            outbox.with_sent(&healing("Begun", json!([sent]))).requests.len(),
            1,
            "twice"
        );
        assert_eq!(
            outbox.with_sent(&healing("Done", json!([]))).requests,
            [],
            "that step's record says what it sent"
        );
    }
}
