//! What each way out would make of live, so that none is named that does not work.

use serde_json::Value;

use super::hand_back;
use super::restore::{restore, spares_books};
use super::whole::whole;
use crate::engine::diff::{Change, ChangeKind, Drift};
use crate::engine::facts::Facts;
use crate::engine::kind::Kind;
use crate::engine::predict::Prediction;
use crate::engine::syncer::Syncer;

/// Live after a way out.
#[derive(Debug)]
pub struct Tried {
    live: Value,
    same_books: bool,
}

impl Tried {
    /// What is read out of Git's document and this live object.
    pub fn facts<'b, 'a: 'b>(&'b self, known: &Facts<'a>) -> Facts<'b> {
        if self.same_books {
            known.with_live_of_same_books(&self.live)
        } else {
            known.with_live(&self.live)
        }
    }
}

/// These changes, and what stands beside them and is nobody's, such as a defaulted rollingUpdate: the union changes as
/// one.
pub(in crate::engine) fn with_beside(changes: &[&Change], prediction: &Prediction, live: &Value) -> Vec<Change> {
    let beside = hand_back::in_the_way(changes, prediction)
        .into_iter()
        .filter(|path| !changes.iter().any(|change| change.path == *path))
        .map(|path| Change {
            kind: ChangeKind::Added,
            desired: None,
            live: path.get(live).cloned(),
            path,
        });
    changes.iter().map(|change| (*change).clone()).chain(beside).collect()
}

/// Live with Git's values put back in these places and no others; `None` where no patch can.
pub fn put_back(known: &Facts<'_>, changes: &[&Change]) -> Option<Tried> {
    let restored = restore(known.desired, known.live, changes).ok()?;
    Some(Tried {
        live: restored.healed,
        same_books: changes.iter().all(|change| spares_books(&change.path)),
    })
}

/// Live after a Restore of these changes, with what stands beside them and what of `others` they cannot be parted from;
/// `None` where the server would not store it.
pub fn restored(
    kind: &'static Kind,
    known: &Facts<'_>,
    changes: &[&Change],
    others: &[&Drift],
    prediction: &Prediction,
) -> Option<Tried> {
    let whole = whole(kind, known, with_beside(changes, prediction, known.live), others)
        .ok()
        .filter(|whole| whole.refused.is_none())?;
    let same_books = whole.changes.iter().all(|change| spares_books(&change.path));
    Some(Tried {
        live: whole.restored.healed,
        same_books,
    })
}

/// Live after a HandBack of what is in the way; `None` where nothing is, or where there is nothing to write the
/// ownership into.
pub fn handed_back(known: &Facts<'_>, syncer: &Syncer, changes: &[&Change], prediction: &Prediction) -> Option<Tried> {
    let paths = hand_back::in_the_way(changes, prediction);
    if paths.is_empty() {
        return None;
    }
    let mut live = known.live.clone();
    let operations = json_patch::Patch(hand_back::operations(known.live, syncer, &paths).ok()?);
    json_patch::patch(&mut live, &operations).ok()?;
    Some(Tried {
        live,
        same_books: false,
    })
}

/// Git's document with live's values in these places; `None` where no patch can.
pub fn committed(known: &Facts<'_>, changes: &[&Change]) -> Option<Value> {
    let turned: Vec<Change> = changes
        .iter()
        .map(|change| Change {
            path: change.path.clone(),
            kind: match change.kind {
                ChangeKind::Added => ChangeKind::Removed,
                ChangeKind::Removed => ChangeKind::Added,
                kind => kind,
            },
            desired: change.live.clone(),
            live: change.desired.clone(),
        })
        .collect();
    let mut document = known.desired.clone();
    let restored = restore(known.live, known.desired, &turned.iter().collect::<Vec<_>>()).ok()?;
    json_patch::patch(&mut document, &restored.operations).ok()?;
    Some(document)
}
