//! The next sync will be refused: for which reason, because of whose field, and the ways out.

use super::ways::ways_out;
use super::{Case, Check, Finding, Rule, Weight, nothing};
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::object::FieldPath;
use crate::engine::predict::Cause;
use crate::engine::reason::{Because, Reason};
use crate::engine::recreation::{Recreates, next_sync_recreates};
use crate::engine::snapshot::Snapshot;

/// The rule.
pub static RULE: Rule = Rule {
    id: "next-sync-refused",
    title: "The API server refuses the next sync of this object",
    severity: Weight::Error,
    milder: &[],
    meaning: "The manifest alone would be taken, but merged with what is in the cluster the object is not valid, \
              since somebody changed the live object: the next sync fails, and so does every one after it.",
    remedy: "Put Git's value back into the live object before the merge, or commit the change that was made in the \
             cluster. `driftmend diff` shows who made it and when.",
    in_check: true,
    wants: nothing,
    check: Check::Both(check),
};

/// One finding for each cause of a predicted refusal.
fn check(case: &Case<'_>) -> Vec<Finding> {
    let snapshot = case.snapshot;
    let Some(prediction) = case.prediction() else {
        return Vec::new();
    };
    let forced = next_sync_recreates(snapshot, prediction);
    let one = |(reason, cause): (&Reason, &Cause)| Finding {
        rule: RULE.id,
        weight: RULE.severity,
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
    case.assessment
        .reasons
        .iter()
        .zip(&prediction.causes)
        .map(one)
        .collect()
}

/// The field that differs and makes the cause.
fn path(reason: &Reason, cause: &Cause) -> Option<FieldPath> {
    let first = reason.involved.first().map(|drift| drift.change.path.clone());
    first.or_else(|| {
        FieldPath::parse(&cause.field)
            .ok()
            .filter(|_| reason.kind == Because::Immutable)
    })
}

/// The ways out that work; a cause of Git's own has none but a change of Git.
fn remedy(snapshot: &Snapshot, reason: &Reason, cause: &Cause) -> String {
    match reason.kind {
        Because::GitItself => "change Git: no write to the cluster makes the server take this document".to_owned(),
        Because::Immutable if cause.field == "spec.selector" => {
            "take the change back in Git, or give the object a new name there; or a person deletes it, so that the \
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
        Because::Collision => ways_out(snapshot, reason.works, &reason.involved.iter().collect::<Vec<_>>()),
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
