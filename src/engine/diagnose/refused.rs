//! The next sync will be refused: for which reason, because of whose field, and the ways out.

use super::reason::{Because, Reason};
use super::recreate::{Recreates, next_sync_recreates};
use super::ways::ways_out;
use super::{Finding, Weight};
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::object::FieldPath;
use crate::engine::predict::{Cause, Foretold};
use crate::engine::snapshot::Snapshot;

/// The rule of these findings.
pub(super) const RULE: &str = "next-sync-refused";

/// One finding for each cause of a predicted refusal.
pub fn next_sync_refused(snapshot: &Snapshot, reasons: &[Reason<'_>], foretold: &Foretold<'_>) -> Vec<Finding> {
    let forced = next_sync_recreates(snapshot, &foretold.prediction);
    let one = |(reason, cause): (&Reason<'_>, &Cause)| Finding {
        rule: RULE,
        weight: Weight::Error,
        path: path(reason, cause),
        message: match (&reason.clause, forced) {
            (Some(clause), None) => format!("the API server will refuse the next sync, because {clause}"),
            (None, None) => format!("the API server will refuse the next sync: {}", cause.told()),
            (clause, Some(Recreates { tool, .. })) => {
                let because = clause
                    .as_ref()
                    .map(|clause| format!(", because {clause}"))
                    .unwrap_or_default();
                format!(
                    "the API server would refuse to change it{because}: told to force, {tool} deletes it and creates \
                     it anew instead"
                )
            }
        },
        evidence: Some(cause.told()),
        remedy: Some(remedy(snapshot, reason, cause)),
    };
    reasons.iter().zip(&foretold.prediction.causes).map(one).collect()
}

/// The field that differs and makes the cause.
fn path(reason: &Reason<'_>, cause: &Cause) -> Option<FieldPath> {
    let first = reason.involved.first().map(|drift| drift.change.path.clone());
    first.or_else(|| {
        FieldPath::parse(&cause.field)
            .ok()
            .filter(|_| reason.kind == Because::Immutable)
    })
}

/// The refusal in one clause, for a summary line: the first cause and how many more there are.
pub fn headline(reasons: &[Reason<'_>], foretold: &Foretold<'_>) -> Option<String> {
    let causes = &foretold.prediction.causes;
    let cause = causes.first()?;
    let clause = reasons.first().and_then(|reason| reason.clause.clone());
    let clause = clause.unwrap_or_else(|| cause.told());
    Some(match causes.len() {
        1 => clause,
        more => format!("{clause} (and {} more)", more - 1),
    })
}

/// The ways out that work; a cause of Git's own has none but a change of Git.
fn remedy(snapshot: &Snapshot, reason: &Reason<'_>, cause: &Cause) -> String {
    match reason.kind {
        Because::GitItself => "change Git: no write to the cluster makes the server take this document".to_owned(),
        Because::Immutable if cause.field == "spec.selector" => {
            "take the change back in Git, or give the Deployment a new name there; or a person deletes it, so that the \
             next sync creates it anew (all its pods go at once)"
                .to_owned()
        }
        Because::Immutable if cause.field.starts_with("metadata.") => format!(
            "take {} out of Git: only the server writes \
                                                                            it",
            cause.field
        ),
        Because::Immutable => "take the change back in Git".to_owned(),
        Because::NoRoom if reason.works.server_side => "apply server-side, which keeps no copy; or make the manifest \
                                                     smaller"
            .to_owned(),
        Because::NoRoom => "make the manifest smaller".to_owned(),
        Because::Collision => ways_out(snapshot, reason.works, &reason.involved),
        Because::Unreadable => {
            let namespace = snapshot
                .target
                .namespace
                .as_ref()
                .map(|namespace| format!(" -n {namespace}"))
                .unwrap_or_default();
            format!(
                "take the annotation away (`kubectl annotate deployment/{}{namespace} {LAST_APPLIED}-`): the next sync \
                 writes it anew, and keeps what left Git since the last one",
                snapshot.target.name
            )
        }
        Because::NotTried => {
            "not every way out could be tried: change Git, or mend what else is wrong first, so that the next look \
             tries what is left"
                .to_owned()
        }
        Because::Unknown => "change Git: nothing that was tried in the cluster makes the server take it".to_owned(),
    }
}
