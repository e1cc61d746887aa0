//! What a sync comes to: an object, or the causes of its refusal.

use serde_json::Value;

use super::effect::{Effect, effect};
use super::{
    Cause, Foretold, Merged, Prediction, Verdict, admission, beside, client_side, counted, nulls, replace, server_side,
};
use crate::engine::facts::Facts;
use crate::engine::object::FieldPath;
use crate::engine::ownership::ManagedFields;
use crate::engine::schema::Tree;
use crate::engine::syncer::{Strategy, Syncer, TakesOver};

/// What comes of a sync.
pub(super) enum Outcome<'a> {
    /// This object.
    Object(Tree<'a>),

    /// A conflict (409).
    Conflict(Vec<Cause>),

    /// A refusal, and the object that is refused, where it came to one.
    Refused(Vec<Cause>, Option<Tree<'a>>),
}

impl<'a> Outcome<'a> {
    pub(super) fn object(&self) -> Option<&Tree<'a>> {
        match self {
            Self::Object(object) | Self::Refused(_, Some(object)) => Some(object),
            Self::Conflict(_) | Self::Refused(_, None) => None,
        }
    }

    /// The prediction, without the object that a sync which succeeds would give.
    pub(super) fn told(
        self,
        facts: &Facts<'_>,
        syncer: &Syncer,
        drift: impl FnOnce() -> Vec<FieldPath>,
    ) -> Foretold<'a> {
        let fails = |verdict, causes| Prediction::bare(syncer.strategy, verdict, causes);
        match self {
            Self::Object(made) => {
                let Effect {
                    verdict,
                    residual,
                    breaks,
                    after,
                } = effect(facts, drift, &made);
                let prediction = Prediction {
                    residual,
                    breaks,
                    ..fails(verdict, Vec::new())
                };
                Foretold {
                    prediction,
                    refused: None,
                    after,
                }
            }
            Self::Conflict(causes) => Foretold {
                prediction: fails(Verdict::Conflict, causes),
                refused: None,
                after: None,
            },
            Self::Refused(causes, refused) => {
                let merged = refused.as_ref();
                let beside = merged
                    .map(|merged| beside::beside(facts.kind, &causes, merged, &facts.wanted.expected(), facts.live))
                    .unwrap_or_default();
                Foretold {
                    prediction: Prediction {
                        beside,
                        ..fails(Verdict::Refused, causes)
                    },
                    refused,
                    after: None,
                }
            }
        }
    }
}

/// What comes of a sync, with what the tool itself does beside it.
pub(super) fn outcome<'f>(facts: &'f Facts<'_>, syncer: &Syncer) -> Outcome<'f> {
    let taken_before = server_side::before_apply(&facts.managed, syncer);
    let first = outcome_over(facts, taken_before.as_ref(), None, syncer);
    if !matches!(first, Outcome::Object(_)) {
        return first;
    }
    let Some(taken_after) = server_side::after_apply(facts, taken_before.as_ref(), syncer) else {
        return first;
    };
    if !server_side::applies_twice(syncer) {
        return outcome_over(facts, Some(&taken_after), None, syncer);
    }
    let second = outcome_over(facts, Some(&taken_after), first.object(), syncer);
    match (&first, second) {
        (Outcome::Object(before), Outcome::Object(mut after)) => {
            counted::count_again(facts.kind, &mut after, before);
            Outcome::Object(after)
        }
        // kubectl warns that its second apply failed, and the first one stands.
        _ => first,
    }
}

/// The managedFields as the tool makes them by itself before it meets another document than today's; `None` where it
/// does nothing to them.
///
/// Flux takes over what kubectl wrote at each of its intervals, whether anything differs or not. Argo CD does its part
/// before an apply, and applies nothing that is in sync; what kubectl does comes after an apply that was accepted.
pub fn settled(facts: &Facts<'_>, syncer: &Syncer) -> Option<Value> {
    let before = server_side::before_apply(&facts.managed, syncer);
    match syncer.takes_over {
        TakesOver::KubectlsAfterDryRun => server_side::after_apply(facts, before.as_ref(), syncer),
        TakesOver::Nobodys | TakesOver::OfLastApplied | TakesOver::ClientSideOf(_) => before,
    }
}

/// The managedFields as the tool makes them around an apply of what is live already; `None` where it does nothing to
/// them.
pub fn taken_over(facts: &Facts<'_>, syncer: &Syncer) -> Option<Value> {
    let before = server_side::before_apply(&facts.managed, syncer);
    server_side::after_apply(facts, before.as_ref(), syncer).or(before)
}

/// What comes of one apply; `anew` is the managedFields of live where the tool has changed them before, and `made` what
/// an apply before this one made of live.
fn outcome_over<'f>(
    facts: &'f Facts<'_>,
    anew: Option<&Value>,
    made: Option<&Tree<'f>>,
    syncer: &Syncer,
) -> Outcome<'f> {
    let Facts {
        sent: desired,
        live,
        managed,
        ..
    } = facts;
    let merged = match (syncer.strategy, anew) {
        (Strategy::ClientSideApply, _) => client_side::merge(facts, syncer.validation),
        (Strategy::ServerSideApply, None) => {
            server_side::merge_into(facts.kind, desired, live, managed.get(), made, syncer)
        }
        (Strategy::ServerSideApply, Some(anew)) => {
            server_side::merge_into(facts.kind, desired, live, &ManagedFields::parse(anew), made, syncer)
        }
        (Strategy::Replace, _) => replace::merge(facts.kind, desired, live, syncer.validation),
    };
    let mut object = match merged {
        Merged::Object(object) => object,
        Merged::Unsent => return Outcome::Object(admission::bookless(live, &Value::Null)),
        Merged::Conflict(causes) => return Outcome::Conflict(causes),
        Merged::Refused(causes) => return Outcome::Refused(causes, None),
    };
    nulls::fill(facts.kind, &mut object);
    let (stored, causes) = admission::admit(facts.kind, object, live);
    if causes.is_empty() {
        Outcome::Object(stored)
    } else {
        Outcome::Refused(causes, Some(stored))
    }
}
