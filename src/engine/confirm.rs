//! Whether the server says the same of the next sync as we do: its answer to a dry run enters as data.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::digest::{digest, live_digest};
use super::predict::{Cause, Prediction, Verdict, success};
use super::syncer::{Force, Syncer};
use crate::engine::kind::Kind;

/// What became of a dry run of the next sync.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The server takes it, and this is the object that it would store.
    Accepted(Value),

    /// The server refuses it.
    Refused {
        /// The HTTP status.
        code: u16,

        /// The server's message.
        message: String,

        /// The fields and what is wrong with them; not every refusal has any.
        causes: Vec<Cause>,
    },

    /// The server did not judge it: no right, no time, nobody there. In words.
    None(String),
}

/// What an answer says of a prediction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// The server says the same.
    Same,

    /// The server says something else, in its words.
    Other(String),

    /// The server's answer is about something else than the sync; why.
    Undecided(String),
}

impl Answer {
    /// The server's own verdict on a sync of `desired` over `live`; `None` where it gave none.
    pub fn verdict(&self, kind: &'static Kind, desired: &Value, live: &Value) -> Option<Verdict> {
        match self {
            Self::Accepted(made) => Some(success(kind, desired, live, made)),
            Self::Refused { code: 409, .. } => Some(Verdict::Conflict),
            Self::Refused { .. } => Some(Verdict::Refused),
            Self::None(_) => None,
        }
    }
}

/// The digest of a question, by which the same one is not asked twice: Git's document, live without what moves by
/// itself, and the way in which the tool writes.
pub fn question(desired: &Value, live: &Value, syncer: &Syncer) -> String {
    digest(&json!({
        "desired": digest(desired),
        "live": live_digest(live),
        "strategy": syncer.strategy.name(),
        "manager": syncer.manager,
        "force": syncer.force == Force::Yes,
        "fieldValidation": syncer.validation.parameter(),
    }))
}

/// Holds the server's answer against the prediction for the Deployment `name`: the same verdict, and the same causes by
/// field and message in whatever order.
pub fn confirmation(kind: &'static Kind, prediction: &Prediction, name: &str, answer: Answer) -> Confirmation {
    let (code, message, causes) = match answer {
        Answer::Accepted(_) => return Confirmation::Other("it accepts the sync".to_owned()),
        Answer::None(why) => return Confirmation::Undecided(why),
        Answer::Refused { code, message, causes } => (code, message, causes),
    };
    let verdict = if code == 409 {
        Verdict::Conflict
    } else {
        Verdict::Refused
    };
    let ours = prediction.status_text(kind, name).unwrap_or_default();
    let same = if causes.is_empty() {
        says(&message, &ours)
    } else {
        told(&causes) == told(&prediction.causes)
    };
    if same && verdict == prediction.verdict {
        Confirmation::Same
    } else if is_about_something_else(code, &message, &causes) {
        Confirmation::Undecided(message)
    } else {
        Confirmation::Other(message)
    }
}

/// Whether the server's words are ours. Where it cannot read a manifest, it names the request first.
fn says(message: &str, ours: &str) -> bool {
    !ours.is_empty() && message.ends_with(ours)
}

fn told(causes: &[Cause]) -> BTreeSet<(&str, &str)> {
    causes
        .iter()
        .map(|cause| (cause.field.as_str(), cause.message.as_str()))
        .collect()
}

/// Whether a refusal says nothing of the sync: a failure inside the server, a write that came between, or a webhook
/// that has side effects and so cannot be asked in a dry run.
///
/// Source: `NewDryRunUnsupportedErr` of apiserver's `pkg/admission/plugin/webhook/errors/statuserror.go`.
fn is_about_something_else(code: u16, message: &str, causes: &[Cause]) -> bool {
    match code {
        400 => message.contains("does not support dry run") || message.contains("sideEffects"),
        409 => causes.is_empty(),
        code => code >= 500,
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::engine::kind::DEPLOYMENT;
    use crate::engine::syncer::Strategy;

    const HANDLERS: &str = "Forbidden: may not specify more than 1 handler type";

    fn cause(field: &str, message: &str) -> Cause {
        Cause {
            reason: "FieldValueForbidden".to_owned(),
            field: field.to_owned(),
            message: message.to_owned(),
        }
    }

    fn predicted(verdict: Verdict, causes: &[Cause]) -> Prediction {
        Prediction::bare(Strategy::ClientSideApply, verdict, causes.to_vec())
    }

    fn refused(code: u16, message: &str, causes: &[Cause]) -> Answer {
        Answer::Refused {
            code,
            message: message.to_owned(),
            causes: causes.to_vec(),
        }
    }

    #[test]
    fn the_same_causes_in_another_order_are_the_same_answer() {
        let (one, other) = (cause("spec.a", HANDLERS), cause("spec.b", HANDLERS));
        let prediction = predicted(Verdict::Refused, &[one.clone(), other.clone()]);
        assert_eq!(
            confirmation(&DEPLOYMENT, &prediction, "web", refused(422, "…", &[other, one])),
            Confirmation::Same
        );
    }

    #[test]
    fn another_verdict_another_field_another_message_and_one_cause_more_are_other_answers() {
        let ours = cause("spec.a", HANDLERS);
        let prediction = predicted(Verdict::Refused, std::slice::from_ref(&ours));
        let answers = [
            refused(422, "other", &[cause("spec.b", HANDLERS)]),
            refused(422, "other", &[cause("spec.a", "Required value")]),
            refused(422, "other", &[ours.clone(), cause("", "denied by a policy")]),
            refused(422, "other", &[]),
            refused(409, "other", std::slice::from_ref(&ours)),
            refused(400, "other", &[]),
        ];
        for answer in answers {
            assert_eq!(
                confirmation(&DEPLOYMENT, &prediction, "web", answer.clone()),
                Confirmation::Other("other".to_owned()),
                "{answer:?}"
            );
        }
        let accepted = Answer::Accepted(json!({}));
        assert_eq!(
            confirmation(&DEPLOYMENT, &prediction, "web", accepted),
            Confirmation::Other("it accepts the sync".to_owned())
        );
    }

    #[test]
    fn an_answer_without_causes_is_compared_by_its_words() {
        let fault = "failed to create typed patch object: .spec.x: field not declared in schema";
        let ours = Cause {
            reason: String::new(),
            field: String::new(),
            message: fault.to_owned(),
        };
        let prediction = predicted(Verdict::Refused, &[ours]);
        assert_eq!(
            confirmation(&DEPLOYMENT, &prediction, "web", refused(500, fault, &[])),
            Confirmation::Same
        );
        assert_eq!(
            confirmation(
                &DEPLOYMENT,
                &prediction,
                "web",
                refused(400, &format!("the request: {fault}"), &[])
            ),
            Confirmation::Same
        );
        assert_eq!(
            confirmation(&DEPLOYMENT, &prediction, "web", refused(400, "no", &[])),
            Confirmation::Other("no".to_owned())
        );
    }

    #[test]
    fn what_is_not_about_the_sync_decides_nothing() {
        let prediction = predicted(Verdict::Refused, &[cause("spec.a", HANDLERS)]);
        let webhook = "admission webhook \"audit.example.com\" does not support dry run";
        let answers = [
            (refused(400, webhook, &[]), webhook),
            (
                refused(500, "Internal error occurred: failed calling webhook", &[]),
                "Internal error occurred: failed calling webhook",
            ),
            (
                refused(409, "the object has been modified", &[]),
                "the object has been modified",
            ),
            (
                Answer::None("no answer within 30 s".to_owned()),
                "no answer within 30 s",
            ),
        ];
        for (answer, why) in answers {
            assert_eq!(
                confirmation(&DEPLOYMENT, &prediction, "web", answer),
                Confirmation::Undecided(why.to_owned())
            );
        }
    }

    #[test]
    fn what_the_server_made_tells_its_verdict() {
        let with = |image: &str, replicas: u32| {
            let container = json!({"name": "web", "image": image});
            json!({"spec": {"replicas": replicas, "template": {"spec": {"containers": [container]}}}})
        };
        let (git, live) = (with("web:1", 1), with("web:2", 2));
        let verdict = |live: &Value, made: Value| Answer::Accepted(made).verdict(&DEPLOYMENT, &git, live);
        assert_eq!(verdict(&live, git.clone()), Some(Verdict::Reverts));
        assert_eq!(verdict(&live, with("web:1", 2)), Some(Verdict::Residual));
        assert_eq!(verdict(&git, git.clone()), Some(Verdict::Clean));
        assert_eq!(
            refused(409, "…", &[]).verdict(&DEPLOYMENT, &git, &live),
            Some(Verdict::Conflict)
        );
        assert_eq!(
            refused(422, "…", &[]).verdict(&DEPLOYMENT, &git, &live),
            Some(Verdict::Refused)
        );
        assert_eq!(Answer::None("…".to_owned()).verdict(&DEPLOYMENT, &git, &live), None);
    }

    #[test]
    fn a_question_is_another_when_git_the_spec_or_the_tool_is_another_and_not_when_only_the_status_moves() {
        let syncer = Syncer::new(Strategy::ServerSideApply, "argocd-controller");
        let (git, live) = (
            json!({"spec": {"replicas": 1}}),
            json!({"metadata": {"resourceVersion": "1"}, "spec": {}, "status": {}}),
        );
        let asked = question(&git, &live, &syncer);
        let moved = json!({"metadata": {"resourceVersion": "2"}, "spec": {}, "status": {"replicas": 1}});
        assert_eq!(question(&git, &moved, &syncer), asked);
        assert_ne!(question(&json!({}), &live, &syncer), asked);
        assert_ne!(
            question(&git, &json!({"metadata": {}, "spec": {"paused": true}}), &syncer),
            asked
        );
        assert_ne!(
            question(
                &git,
                &live,
                &Syncer {
                    force: Force::No,
                    ..syncer.clone()
                }
            ),
            asked
        );
        assert_ne!(
            question(
                &git,
                &live,
                &Syncer {
                    manager: "flux".to_owned(),
                    ..syncer
                }
            ),
            asked
        );
    }
}
