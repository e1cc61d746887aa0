//! Reach: what a sync that a plan brings changes in the Deployment besides the plan's own fields. Who approved it saw
//! that; what comes to it between the plan's first write and its sync, a hot fix or a commit, nobody approved.

use serde_json::json;

use super::cautions::Caution;
use crate::engine::assessment::Assessment;
use crate::engine::diff::Severity;
use crate::engine::digest::digest;
use crate::engine::object::FieldPath;
use crate::engine::predict::Overwrite;

/// The most marks that are remembered of a step: of a plan whose sync changes more than these, nothing is held against
/// them.
const MOST: usize = 100;

/// How many digits of a digest are enough to tell some hundred values apart.
const DIGITS: usize = 16;

/// The changes that the sync of an approved plan brings, each as a mark of its path and of the value that it sets;
/// `None` where they are too many.
pub fn reach(assessment: &Assessment, cautions: &[Caution]) -> Option<Vec<String>> {
    let told = cautions
        .iter()
        .flat_map(|caution| &caution.fields)
        .map(|field| mark(&field.path, field.to.as_ref()));
    let mut marks: Vec<String> = changes(assessment)
        .map(|(path, to)| mark(path, to))
        .chain(told)
        .collect();
    marks.sort();
    marks.dedup();
    (marks.len() <= MOST).then_some(marks)
}

/// The first field that a sync would change now, and that is neither one of the plan's own nor among these marks.
pub fn beyond(assessment: &Assessment, own: &[FieldPath], known: &[String]) -> Option<FieldPath> {
    let stays = |path: &FieldPath| {
        assessment
            .prediction
            .iter()
            .flat_map(|prediction| &prediction.residual)
            .any(|left| path.starts_with(left))
    };
    let is_own = |path: &FieldPath| own.iter().any(|own| path.starts_with(own) || own.starts_with(path));
    let mut changes =
        changes(assessment).filter(|(path, to)| !is_own(path) && !stays(path) && !known.contains(&mark(path, *to)));
    changes.next().map(|(path, _)| path.clone())
}

type Change<'a> = (&'a FieldPath, Option<&'a serde_json::Value>);

/// What differs and a sync puts back or brings, and what else it overwrites.
fn changes(assessment: &Assessment) -> impl Iterator<Item = Change<'_>> {
    let counts = |severity| matches!(severity, Severity::Drift | Severity::Pending);
    let drifts = assessment.drifts.iter().filter(move |drift| counts(drift.severity));
    let overwrites = assessment
        .prediction
        .iter()
        .flat_map(|prediction| &prediction.overwrites);
    let differs = drifts.map(|drift| (&drift.change.path, drift.change.desired.as_ref()));
    differs.chain(overwrites.map(|Overwrite { path, to, .. }| (path, to.as_ref())))
}

fn mark(path: &FieldPath, to: Option<&serde_json::Value>) -> String {
    let mut mark = digest(&json!([path.to_string(), to]));
    mark.truncate(DIGITS);
    mark
}

#[cfg(test)]
mod tests;
