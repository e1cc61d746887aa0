//! The Events of a watch: what `kubectl describe driftwatch` shows when its state changed.

use kube::ResourceExt;

use super::super::Context;
use crate::api::v1alpha1::{Condition, ConditionStatus, DriftWatch, DriftWatchStatus};
use crate::cluster::events::{EventType, ObjectReference, Occurrence};
use crate::report::conditions::{MASS_DRIFT, READY};

/// Tells what changed from the old status to the new one, which the server has by now. Nothing here fails: an Event
/// that is lost is only not shown.
pub(super) async fn announce(
    context: &Context,
    watch: &DriftWatch,
    (old, new): (&DriftWatchStatus, &DriftWatchStatus),
) {
    for (kind, reason, note) in told(old, new) {
        let regarding = ObjectReference {
            api_version: Some("driftmend.dev/v1alpha1".to_owned()),
            kind: Some("DriftWatch".to_owned()),
            namespace: watch.namespace(),
            name: Some(watch.name_any()),
            uid: watch.uid(),
            ..ObjectReference::default()
        };
        context
            .events
            .publish(Occurrence {
                regarding,
                related: None,
                kind,
                reason,
                action: "Watched",
                note,
            })
            .await;
    }
}

/// The Events: one for each condition that is another one now, by its word. A count or a commit alone is none.
fn told(old: &DriftWatchStatus, new: &DriftWatchStatus) -> Vec<(EventType, &'static str, String)> {
    let of = |status: &DriftWatchStatus, type_: &str| {
        status
            .conditions
            .iter()
            .find(|condition| condition.type_ == type_)
            .cloned()
    };
    let changed = |type_: &str| {
        let state = |condition: &Condition| (condition.status, condition.reason.clone());
        let (before, now) = (of(old, type_), of(new, type_)?);
        (before.as_ref().map(state) != Some(state(&now))).then_some((before, now))
    };
    let mut events = Vec::new();
    if let Some((_, ready)) = changed(READY) {
        let (kind, reason) = match (ready.status, ready.reason.as_str()) {
            (ConditionStatus::True, "LastRevisionInForce") => (EventType::Warning, "LastRevisionInForce"),
            (ConditionStatus::True, _) => (EventType::Normal, "Ready"),
            (_, "Starting") => (EventType::Normal, "Starting"),
            (_, "GovernsNothing") => (EventType::Warning, "GovernsNothing"),
            (_, "LedByAnother") => (EventType::Warning, "LedByAnother"),
            _ => (EventType::Warning, "SourceUnreadable"),
        };
        let note = if reason == "SourceUnreadable" {
            format!("{}: {}", ready.reason, ready.message)
        } else {
            ready.message
        };
        events.push((kind, reason, note));
    }
    if let Some((before, mass)) = changed(MASS_DRIFT) {
        match (mass.status, before) {
            (ConditionStatus::True, _) => events.push((EventType::Warning, "MassDrift", mass.message)),
            (_, Some(before)) if before.status == ConditionStatus::True => {
                events.push((
                    EventType::Normal,
                    "MassDriftEnded",
                    "drifts are told one by one again".to_owned(),
                ));
            }
            _ => {}
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::report::conditions::{Said, merge};

    fn status(ready: (bool, &str, &str), mass: bool) -> DriftWatchStatus {
        let said = vec![
            Said::when(READY, ready.0, ready.1, ready.2),
            Said::when(MASS_DRIFT, mass, if mass { "TooManyAtOnce" } else { "Few" }, "6 of 10"),
        ];
        DriftWatchStatus {
            conditions: merge(&[], said, None, Timestamp::UNIX_EPOCH),
            ..DriftWatchStatus::default()
        }
    }

    #[test]
    fn a_state_that_changed_is_told_once_and_its_wording_alone_is_not() {
        let new = DriftWatchStatus::default();
        let fine = |message| status((true, "Assessing", message), false);
        let broken = status((false, "GitUnreachable", "unable to reach it"), false);
        let reasons = |old: &DriftWatchStatus, new: &DriftWatchStatus| -> Vec<(&'static str, String)> {
            told(old, new)
                .into_iter()
                .map(|(_, reason, note)| (reason, note))
                .collect()
        };
        assert_eq!(reasons(&new, &fine("1")), [("Ready", "1".to_owned())]);
        assert_eq!(reasons(&fine("1"), &fine("2")), []);
        assert_eq!(
            reasons(&new, &broken),
            [("SourceUnreadable", "GitUnreachable: unable to reach it".to_owned())]
        );
        assert_eq!(reasons(&broken, &fine("1")), [("Ready", "1".to_owned())]);
        assert_eq!(
            reasons(&fine("1"), &status((false, "LedByAnother", "x"), false)),
            [("LedByAnother", "x".to_owned())]
        );
        let mass = status((true, "Assessing", "1"), true);
        assert_eq!(reasons(&fine("1"), &mass), [("MassDrift", "6 of 10".to_owned())]);
        assert_eq!(
            reasons(&mass, &fine("1")),
            [("MassDriftEnded", "drifts are told one by one again".to_owned())]
        );
    }
}
