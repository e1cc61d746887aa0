//! What a sync that succeeds does: the object that it gives, held against live and against Git.
//!
//! What differs today goes or stays. And there is what a look at today's drift alone does not show: a merge by keys
//! takes out what Git sets where keys repeat, and a sync brings Git's value to a field that a rule ignores.

use serde_json::Value;

use super::Verdict;
use crate::engine::diff::{
    Change, ChangeKind, Drift, Moved, Severity, comes_back, expected_of, is_live, is_pull_policy, is_same,
};
use crate::engine::facts::Facts;
use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, Look, schema_path};
use crate::engine::ownership::Owner;
use crate::engine::schema::{Shape, Tree, quantity, shape_at};

/// Where the deployment controller counts its revisions: it writes the number again after every sync, so that none
/// leaves or changes it.
const REVISION: [&str; 3] = ["metadata", "annotations", "deployment.kubernetes.io/revision"];

/// A field that a rule ignores, or that does not count as drift, and that the sync changes all the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Overwrite {
    /// Where.
    pub path: FieldPath,

    /// What live has; `None` where it lacks the field.
    pub from: Option<Value>,

    /// What the sync makes of it; `None` where it takes the field away.
    pub to: Option<Value>,

    /// Who wrote what live has.
    pub owners: Vec<Owner>,

    /// Whether a rule ignores it, or it does not count as drift by itself.
    pub severity: Severity,

    /// Why it is ignored, or does not count, today.
    pub reason: Option<String>,
}

/// What a sync that succeeds comes to.
pub(super) struct Effect<'a> {
    pub(super) verdict: Verdict,

    /// The paths that differ from Git afterwards.
    pub(super) residual: Vec<FieldPath>,

    /// Those of them that are as Git says today, or that Git sets, live has in another form and the sync takes out.
    pub(super) breaks: Vec<FieldPath>,

    /// The object afterwards, as it is compared; `None` where the sync changes nothing that is.
    pub(super) after: Option<Tree<'a>>,
}

/// What it comes to that the sync makes this object of live; `drift` gives the paths that differ today.
pub(super) fn effect<'a>(facts: &Facts<'_>, drift: impl FnOnce() -> Vec<FieldPath>, made: &Tree<'a>) -> Effect<'a> {
    let verdict = |changes_nothing: bool, residual: &[FieldPath]| match (changes_nothing, residual) {
        (_, [_, ..]) => Verdict::Residual,
        (true, []) => Verdict::Clean,
        (false, []) => Verdict::Reverts,
    };
    let is_counted = FieldPath::of(&REVISION).get(facts.desired).is_none();
    let revision = |path: &FieldPath| is_counted && *path == FieldPath::of(&REVISION);
    if is_live(facts.kind, made, facts.live) {
        let mut residual = drift();
        residual.retain(|path| !revision(path));
        return Effect {
            verdict: verdict(true, &residual),
            residual,
            breaks: Vec::new(),
            after: None,
        };
    }
    let after = expected_of(facts.kind, made);
    let (wanted, stored) = (facts.wanted.expected(), facts.stored());
    let mut left = facts.wanted.compare(made, &after);
    // A default of an earlier image was none of today's differences, and is none of those that the sync makes.
    let today = if left.iter().any(|change| is_pull_policy(facts.kind, change)) {
        drift()
    } else {
        Vec::new()
    };
    left.retain(|change| {
        !is_pull_policy(facts.kind, change)
            || today.contains(&change.path)
            || change.path.get(stored) != change.path.get(&after)
    });
    left.retain(|change| !revision(&change.path));
    let breaks = left
        .iter()
        .filter(|change| is_broken(change, &wanted, stored))
        .map(|change| change.path.clone())
        .collect();
    let residual: Vec<FieldPath> = left.into_iter().map(|change| change.path).collect();
    let changes_nothing = is_same(&after, stored) || (is_counted && is_same(&uncounted(&after), &uncounted(stored)));
    Effect {
        verdict: verdict(changes_nothing, &residual),
        residual,
        breaks,
        after: (!changes_nothing).then_some(after),
    }
}

/// The object without the number of its revision.
fn uncounted<'a>(object: &Tree<'a>) -> Tree<'a> {
    let mut object = object.clone();
    let [.., name] = REVISION;
    if let Some(annotations) = object.map_at_mut(&REVISION[..2]) {
        annotations.remove(name);
    }
    object
}

/// Whether what differs after the sync is as Git says today, or is taken out although Git sets it and live has it, if
/// in another form: a port that is gone is worse than one under another name.
fn is_broken(change: &Change, wanted: &Tree<'_>, stored: &Tree<'_>) -> bool {
    let (wanted, stored) = (change.path.get(wanted), change.path.get(stored));
    wanted == stored || (change.kind == ChangeKind::Removed && stored.is_some())
}

/// What the sync changes although a rule ignores it or it weighs nothing; `after` is the object afterwards.
pub(super) fn overwrites(facts: &Facts<'_>, drifts: &[Drift], after: &Tree<'_>) -> Vec<Overwrite> {
    // What admission made of the tool's own write, it makes of the next one, too.
    let weightless = |drift: &Drift| {
        matches!(drift.severity, Severity::Ignored | Severity::Info) && drift.moved != Some(Moved::Server)
    };
    changes(facts, drifts, after, weightless)
}

/// Which of these differences the sync changes; `after` is the object afterwards.
pub(super) fn changes(
    facts: &Facts<'_>,
    drifts: &[Drift],
    after: &Tree<'_>,
    of: impl Fn(&Drift) -> bool,
) -> Vec<Overwrite> {
    let meant = drifts.iter().filter(|drift| of(drift));
    meant
        .filter_map(|drift| {
            let path = &drift.change.path;
            let (from, to) = (path.get(facts.stored()), path.get(after));
            if from == to || comes_back(path, drift.reason.as_deref().unwrap_or_default()) {
                return None;
            }
            let from = path.get(facts.live).cloned().or_else(|| from.map(Look::to_owned_value));
            let to = to.map(Tree::to_value);
            (!is_same_quantity(facts.kind, path, from.as_ref(), to.as_ref())).then(|| Overwrite {
                path: path.clone(),
                from,
                to,
                owners: drift.owners.clone(),
                severity: drift.severity,
                reason: drift.reason.clone(),
            })
        })
        .collect()
}

/// Whether the pods would not tell one from the other.
fn is_same_quantity(kind: &'static Kind, path: &FieldPath, from: Option<&Value>, to: Option<&Value>) -> bool {
    matches!(shape_at(kind.root, &schema_path(&path.0)), Some(Shape::Quantity))
        && matches!((from, to), (Some(from), Some(to)) if quantity::same_value(from, to))
}

#[cfg(test)]
mod tests;
