//! What a watch says of itself: its conditions, and the rules of its own that do nothing.

use jiff::Timestamp;

use super::super::index::{Covered, WatchKey, Watched};
use crate::api::v1alpha1::{DriftWatch, Notice, SourceFailure, WatchCounts};
use crate::report::conditions::{MASS_DRIFT, READY, SOURCE_READY, Said};
use crate::report::cut;

/// The longest message of a condition in bytes, as for those of reports.
const MESSAGE_LIMIT: usize = 1024;

/// The most watches that a message names.
const NAMED: usize = 3;

/// Which of several watches speaks for a Deployment that all of them name; `Index` decides so.
const PRECEDENCE: &str =
    "of the watches that name an object the oldest leads, of equally old ones the first by namespace and name";

/// What is known of a watch.
pub(super) struct Seen<'a> {
    /// The watch with the commit in force; `None` before its source was read.
    pub(super) watched: Option<&'a Watched>,

    /// Why the source cannot be read.
    pub(super) failure: Option<&'a SourceFailure>,

    /// How many Deployments it leads, of each kind.
    pub(super) counts: WatchCounts,

    /// The watches that lead the others which it names, each once, and how many those are.
    pub(super) others: (usize, Vec<WatchKey>),

    /// Members and all of a mass drift.
    pub(super) mass: Option<(usize, usize)>,
}

/// The conditions.
pub(super) fn conditions(seen: &Seen<'_>) -> Vec<Said> {
    let source = match seen.failure {
        None => Said::when(SOURCE_READY, true, "Read", ""),
        Some(failure) => Said::when(
            SOURCE_READY,
            false,
            &failure.reason,
            cut(&cause(failure), MESSAGE_LIMIT),
        ),
    };
    let (holds, reason, message) = ready(seen);
    let mass = match seen.mass {
        Some((members, governed)) => Said::when(
            MASS_DRIFT,
            true,
            "TooManyAtOnce",
            format!(
                "{members} of {governed} objects drifted within a minute: look at the revision and the syncing \
                 tool first; no reports and no plans are made for them"
            ),
        ),
        None => Said::when(MASS_DRIFT, false, "Few", ""),
    };
    vec![
        Said::when(READY, holds, &reason, cut(&message, MESSAGE_LIMIT)),
        source,
        mass,
    ]
}

/// Whether the watch does what it is for, in one word and one sentence.
fn ready(seen: &Seen<'_>) -> (bool, String, String) {
    let said = |holds, reason: &str, message| (holds, reason.to_owned(), message);
    let Some(watched) = seen.watched else {
        return match seen.failure {
            Some(failure) => said(
                false,
                &failure.reason,
                format!(
                    "{} (nothing was read from the source yet, so nothing is assessed)",
                    cause(failure)
                ),
            ),
            None => said(false, "Starting", "the source has not been read yet".to_owned()),
        };
    };
    let revision: String = watched.rendition.revision.chars().take(7).collect();
    let away = seen
        .failure
        .map(|failure| format!("; the source cannot be read now: {}", cause(failure)))
        .unwrap_or_default();
    if watched.rendition.desired.is_empty() {
        let holds = match watched.rendition.not_governed.as_slice() {
            [] => "nothing".to_owned(),
            kinds => kinds.join(", "),
        };
        let message = format!(
            "nothing is governed: the source at {revision} holds {holds}; check its path, spec.kinds and \
             spec.selector{away}"
        );
        return said(false, "GovernsNothing", message);
    }
    let (count, leaders) = &seen.others;
    if seen.counts.governed == 0 {
        let whole = if *count == 1 {
            "the only object".to_owned()
        } else {
            format!("each of the {count} objects")
        };
        let message = format!(
            "{whole} of this source is led by {}: {PRECEDENCE}{away}",
            names(leaders)
        );
        return said(false, "LedByAnother", message);
    }
    let governed = counted(seen.counts.governed);
    let rest = if *count == 0 {
        String::new()
    } else {
        format!("; {count} more led by {}", names(leaders))
    };
    match seen.failure {
        None => said(true, "Assessing", format!("{governed} held against {revision}{rest}")),
        Some(failure) => said(
            true,
            "LastRevisionInForce",
            format!(
                "the source cannot be read; {revision} stays in force: {}{rest}",
                cause(failure)
            ),
        ),
    }
}

/// A failure with its way out.
fn cause(failure: &SourceFailure) -> String {
    let hint = failure
        .hint
        .as_ref()
        .map(|hint| format!("; {hint}"))
        .unwrap_or_default();
    format!("{}{hint}", failure.message)
}

fn names(leaders: &[WatchKey]) -> String {
    let mut names: Vec<String> = leaders.iter().take(NAMED).map(ToString::to_string).collect();
    if leaders.len() > NAMED {
        names.push(format!("{} more watches", leaders.len() - NAMED));
    }
    names.join(", ")
}

fn counted(count: usize) -> String {
    format!("{count} object{}", if count == 1 { "" } else { "s" })
}

/// The rules of the watch that hide nothing: a name typed wrong looks like a field that drifts all the same.
pub(super) fn idle_rules(watch: &DriftWatch, covered: Covered, now: Timestamp) -> Vec<Notice> {
    let notice = |message| Notice {
        path: None,
        file: None,
        line: None,
        message,
    };
    let told = watch.spec.ignore.iter().enumerate().filter_map(|(at, rule)| {
        if let Some(end) = rule.expires.filter(|end| *end <= now) {
            return Some(notice(format!(
                "spec.ignore[{at}] expired at {end} and ignores nothing any more"
            )));
        }
        let what = [rule.paths.as_slice(), rule.managers.as_slice()].concat().join(", ");
        covered.lacks(at).then(|| {
            notice(cut(
                &format!("spec.ignore[{at}] covers no field of any governed object: {what}; check how it is written"),
                MESSAGE_LIMIT,
            ))
        })
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::controller::index::{Desired, Rendition, Target};
    use crate::controller::origin;
    use crate::controller::watch::watched;
    use crate::engine::kind::DEPLOYMENT;
    use crate::engine::object::{Document, ObjectId, Origin};

    fn watch() -> DriftWatch {
        serde_json::from_value(json!({
            "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch",
            "metadata": {"name": "all", "namespace": "shop"},
            "spec": {"source": {"git": {"url": "https://git.example/shop.git"}}, "ignore": [
                {"paths": [".spec.replica"], "reason": "typed wrong"},
                {"paths": ["/spec/replicas"], "managers": [], "reason": "the autoscaler's"},
                {"paths": [".spec"], "reason": "the sale", "expires": "2020-01-01T00:00:00Z"},
            ]},
        }))
        .unwrap()
    }

    /// A watch that names so many Deployments of a commit, which holds a Service besides.
    fn naming(count: usize) -> Watched {
        let one = |at: usize| {
            let name = format!("web-{at}");
            let id = ObjectId {
                api_version: "apps/v1".to_owned(),
                kind: "Deployment".to_owned(),
                namespace: None,
                name: name.clone(),
            };
            let document = Document {
                id,
                value: json!({}),
                origin: Origin {
                    file: "web.yaml".into(),
                    line: 1,
                },
            };
            let desired = Desired {
                document,
                changed_at: None,
                synced_revision: None,
                synced: None,
                same_at: None,
            };
            (
                Target {
                    kind: &DEPLOYMENT,
                    namespace: "shop".to_owned(),
                    name,
                },
                Arc::new(desired),
            )
        };
        let rendition = Rendition {
            revision: "4be2c1d00000".to_owned(),
            desired: (0..count).map(one).collect::<BTreeMap<_, _>>(),
            not_governed: vec!["1 Service".to_owned()],
            ..Rendition::default()
        };
        let resolved = origin::git(&watch()).unwrap();
        watched(Arc::new(watch()), resolved, rendition, Timestamp::UNIX_EPOCH).unwrap()
    }

    fn failure() -> SourceFailure {
        SourceFailure {
            reason: "GitUnreachable".to_owned(),
            message: "unable to reach it".to_owned(),
            hint: Some("start it".to_owned()),
            since: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn ready_is_what_is_known_with_its_cause() {
        let (nothing, two, failure) = (naming(0), naming(2), failure());
        let leader = || WatchKey {
            namespace: "shop".to_owned(),
            name: "older".to_owned(),
        };
        let none = (0, Vec::new());
        let led = |governed: usize| WatchCounts {
            governed,
            ..WatchCounts::default()
        };
        for (watched, failure, counts, others, expected) in [
            (
                None,
                None,
                0,
                none.clone(),
                (false, "Starting", "the source has not been read yet".to_owned()),
            ),
            (
                None,
                Some(&failure),
                0,
                none.clone(),
                (
                    false,
                    "GitUnreachable",
                    "unable to reach it; start it (nothing was read from the source yet, so nothing is assessed)"
                        .to_owned(),
                ),
            ),
            (
                Some(&nothing),
                None,
                0,
                none.clone(),
                (
                    false,
                    "GovernsNothing",
                    "nothing is governed: the source at 4be2c1d holds 1 Service; check its path, spec.kinds and \
                     spec.selector"
                        .to_owned(),
                ),
            ),
            (
                Some(&two),
                None,
                0,
                (2, vec![leader()]),
                (
                    false,
                    "LedByAnother",
                    format!(
                        "each of the 2 objects of this source is led by shop/older: \
                                                 {PRECEDENCE}"
                    ),
                ),
            ),
            (
                Some(&two),
                None,
                1,
                (1, vec![leader()]),
                (
                    true,
                    "Assessing",
                    "1 object held against 4be2c1d; 1 more led by shop/older".to_owned(),
                ),
            ),
            (
                Some(&two),
                Some(&failure),
                2,
                none.clone(),
                (
                    true,
                    "LastRevisionInForce",
                    "the source cannot be read; 4be2c1d stays in force: unable to reach it; \
                                               start it"
                        .to_owned(),
                ),
            ),
            // A source that went away after nothing was found in it is not ready either.
            (
                Some(&nothing),
                Some(&failure),
                0,
                none,
                (
                    false,
                    "GovernsNothing",
                    "nothing is governed: the source at 4be2c1d holds 1 Service; check its path, spec.kinds and \
                     spec.selector; the source cannot be read now: unable to reach it; start it"
                        .to_owned(),
                ),
            ),
        ] {
            let said = ready(&Seen {
                watched,
                failure,
                counts: led(counts),
                others,
                mass: None,
            });
            assert_eq!((said.0, said.1.as_str(), said.2), expected);
        }
    }

    #[test]
    fn rules_that_cover_nothing_or_ended_are_told() {
        let told = |covered| -> Vec<String> {
            idle_rules(&watch(), covered, Timestamp::from_second(1_800_000_000).unwrap())
                .into_iter()
                .map(|notice| notice.message)
                .collect()
        };
        let expired = "spec.ignore[2] expired at 2020-01-01T00:00:00Z and ignores nothing any more";
        assert_eq!(
            told(Covered::Rules(0b110)),
            [
                "spec.ignore[0] covers no field of any governed object: .spec.replica; check how it is written",
                expired
            ]
        );
        assert_eq!(told(Covered::NotKnown), [expired]);
    }
}
