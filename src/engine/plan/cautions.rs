//! What a person should know before approving, and what counts only where the approval names it.

use serde_json::{Value, json};

use super::on_application::Act;
use super::{Plan, Step};
use crate::engine::assessment::Assessment;
use crate::engine::diff::Severity;
use crate::engine::digest::digest;
use crate::engine::facts::Facts;
use crate::engine::object::FieldPath;
use crate::engine::predict::{Overwrite, predict_knowing};
use crate::engine::recreation::{Recreates, recreates};
use crate::engine::remedy::hand_back;
use crate::engine::snapshot::Snapshot;
use crate::engine::tool_object::resource::ResourceRef;

/// A sync window forbids the heal.
pub const SYNC_WINDOW: &str = "SyncWindow";

/// Nothing changes for the pods before the tool syncs, and nobody knows whether it does.
pub const NEEDS_SYNC: &str = "NeedsSync";

/// The pods are replaced once.
pub const ROLL_OUT: &str = "RollOut";

/// A failed operation stays as it is for now.
pub const STALE_OPERATION: &str = "StaleOperation";

/// What only a sync of everything does stays undone.
pub const CLEARED_IN_VAIN: &str = "ClearedInVain";

/// Others stay out of sync, which nobody brings by itself.
pub const LEFT_UNDONE: &str = "LeftUndone";

/// Somebody stopped the last sync.
pub const TERMINATED: &str = "Terminated";

/// A sync runs that has not come to the Deployment, and meets it healed.
pub const BEFORE_ITS_TURN: &str = "BeforeItsTurn";

/// The last sync failed for other objects.
pub const OTHERS_REFUSED: &str = "OthersRefused";

/// Other Deployments that the same tool's object syncs are predicted to be refused.
pub const OTHERS_FORETOLD: &str = "OthersForetold";

/// Flux deletes and creates anew what the server refuses.
pub const FORCE: &str = "Force";

/// What Git has since does not come.
pub const NO_NEW_COMMITS: &str = "NoNewCommits";

/// A Restore brings what waits for the sync, since it cannot be parted from what drifted.
pub const AHEAD_OF_SYNC: &str = "AheadOfSync";

/// The sync that the plan brings changes what is ignored, or does not count as drift.
pub const OVERWRITES: &str = "Overwrites";

/// The sync that the plan brings takes out what is as Git says.
pub const BREAKS: &str = "Breaks";

/// The sync that the plan brings also brings what waits in Git.
pub const BRINGS: &str = "BringsPending";

/// What a person should know before approving.
#[derive(Clone, Debug, PartialEq)]
pub struct Caution {
    /// What it is about, in one word; one of a plan's cautions has it.
    pub id: &'static str,

    /// In one sentence, or its begin where fields follow.
    pub text: String,

    /// Whether an approval counts only where it names this one.
    pub must_acknowledge: bool,

    /// The fields that a sync changes, with both values.
    pub fields: Vec<Overwrite>,
}

impl Caution {
    /// One that is only to be known.
    pub fn note(id: &'static str, text: impl Into<String>) -> Self {
        Self {
            id,
            text: text.into(),
            must_acknowledge: false,
            fields: Vec::new(),
        }
    }

    /// The sentence with its fields; `shown` gives a value as it may be shown.
    pub fn told(&self, shown: impl Fn(&FieldPath, &Value) -> String) -> String {
        let fields = self.fields.iter().map(|field| {
            let why = field
                .reason
                .as_deref()
                .map(|reason| format!(" ({reason})"))
                .unwrap_or_default();
            let show = |value: &Value| shown(&field.path, value);
            match (&field.from, &field.to) {
                (Some(from), Some(to)) => format!("{} from {} to {}{why}", field.path, show(from), show(to)),
                (None, Some(to)) => format!("{} is set to {}{why}", field.path, show(to)),
                (Some(from), None) => format!("{}, which is {}, is taken away{why}", field.path, show(from)),
                (None, None) => format!("{}{why}", field.path),
            }
        });
        let fields: Vec<String> = fields.collect();
        if fields.is_empty() {
            self.text.clone()
        } else {
            format!("{}: {}", self.text, fields.join("; "))
        }
    }

    /// What of it a plan's hash covers.
    fn intent(&self) -> Option<Value> {
        let fields = || -> Value {
            self.fields
                .iter()
                .map(|field| json!([field.path.to_string(), field.from, field.to]))
                .collect()
        };
        self.must_acknowledge
            .then(|| json!({"id": self.id, "text": self.text, "fields": fields()}))
    }
}

impl Plan {
    /// The ids of the cautions that are to be acknowledged and are not among these.
    pub fn unacknowledged(&self, acknowledged: &[String]) -> Vec<&'static str> {
        let asked = self
            .cautions
            .iter()
            .filter(|caution| caution.must_acknowledge)
            .map(|caution| caution.id);
        asked
            .filter(|id| !acknowledged.iter().any(|named| named == id))
            .collect()
    }
}

/// The hash of a plan by its serial, with what is to be acknowledged in it: what somebody said yes to is another plan
/// where that changes.
pub(super) fn hashed<H: Fn(u64) -> String>(hash: H, cautions: &[Caution]) -> impl Fn(u64) -> String + use<H> {
    let asked: Vec<Value> = cautions.iter().filter_map(Caution::intent).collect();
    move |serial| {
        if asked.is_empty() {
            hash(serial)
        } else {
            digest(&json!([hash(serial), asked]))
        }
    }
}

/// What the sync that these steps bring changes in the Deployment besides what they are for.
///
/// It is asked of the prediction of that sync, over live as the first step leaves it.
pub(super) fn of_own_sync(
    snapshot: &Snapshot,
    known: &Facts<'_>,
    assessment: &Assessment,
    steps: &[Step],
) -> Vec<Caution> {
    let all = of_a_sync(snapshot, known, assessment, steps);
    let waits = all.iter().any(|caution| caution.id == BRINGS);
    if !syncs(snapshot, steps, waits) {
        return Vec::new();
    }
    let recreates = recreates(snapshot)
        .filter(|recreates| recreates.always)
        .map(|Recreates { tool, .. }| Caution {
            id: FORCE,
            text: format!(
                "the sync that this plan brings is an outage: told to force, {tool} deletes the {} with all its pods \
                 and creates it anew",
                snapshot.kind
            ),
            must_acknowledge: true,
            fields: Vec::new(),
        });
    recreates.into_iter().chain(all).collect()
}

/// What a sync after these steps changes in the Deployment besides what they are for, whether they bring one or not.
pub(super) fn of_a_sync(
    snapshot: &Snapshot,
    known: &Facts<'_>,
    assessment: &Assessment,
    steps: &[Step],
) -> Vec<Caution> {
    let Some(after_cure) = after_cure(known, steps) else {
        return Vec::new();
    };
    let facts = known.with_live(&after_cure);
    let spares = |overwrite: &Overwrite| snapshot.tool.spares(overwrite.reason.as_deref().unwrap_or_default());
    let foretold = predict_knowing(&facts, &snapshot.syncer, || facts.changed_paths());
    let waiting = foretold.changes(&facts, &assessment.drifts, |drift| drift.severity == Severity::Pending);
    let prediction = foretold.weighed(&facts, &assessment.drifts, spares).prediction;
    let broken = prediction.breaks.iter().filter(|path| {
        !prediction
            .overwrites
            .iter()
            .any(|overwrite| path.starts_with(&overwrite.path))
    });
    let broken: Vec<Overwrite> = broken
        .map(|path| Overwrite {
            path: path.clone(),
            from: None,
            to: None,
            owners: Vec::new(),
            severity: Severity::Drift,
            reason: None,
        })
        .collect();
    let overwrites = Caution {
        id: OVERWRITES,
        text: "the sync that this plan brings changes what is not drift".to_owned(),
        must_acknowledge: true,
        fields: prediction.overwrites,
    };
    let breaks = Caution {
        id: BREAKS,
        text: "the sync that this plan brings takes out what Git sets, or changes it".to_owned(),
        must_acknowledge: true,
        fields: broken,
    };
    let brings = Caution {
        id: BRINGS,
        text: "the sync that this plan brings also brings what waits in Git".to_owned(),
        must_acknowledge: false,
        fields: waiting,
    };
    [overwrites, breaks, brings]
        .into_iter()
        .filter(|caution| !caution.fields.is_empty())
        .collect()
}

/// Live as the step that cures it leaves it; `None` where that cannot be told.
fn after_cure(known: &Facts<'_>, steps: &[Step]) -> Option<Value> {
    let mut live = known.live.clone();
    for step in steps {
        let operations = match step {
            Step::Restore { operations, .. } => operations.clone(),
            Step::HandBack { paths, syncer } => json_patch::Patch(hand_back::operations(&live, syncer, paths).ok()?),
            Step::Transfer { .. } | Step::OnApplication(_) | Step::Reconcile { .. } => continue,
        };
        json_patch::patch(&mut live, &operations).ok()?;
    }
    Some(live)
}

/// Whether a sync of the Deployment follows because of these steps; `waits` tells that something of it still waits for
/// one.
fn syncs(snapshot: &Snapshot, steps: &[Step], waits: bool) -> bool {
    let target = &snapshot.target;
    let this = ResourceRef::from(target);
    steps.iter().any(|step| match step {
        Step::HandBack { .. } | Step::Reconcile { .. } => true,
        Step::Restore { .. } | Step::Transfer { .. } => false,
        Step::OnApplication(step) => match &step.act {
            Act::Start { .. } => true,
            // Argo CD then syncs the whole, where anything is out of sync: the Deployment is not any more, unless
            // something of it waits.
            Act::Clear { touches, .. } => waits || touches.resources.iter().any(|touched| touched.resource != this),
            Act::Refresh => false,
        },
    })
}

#[cfg(test)]
mod tests;
