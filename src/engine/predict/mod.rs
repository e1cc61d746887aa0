//! What the next sync gives, or its exact refusal.
//!
//! [`predict`] does to the live object what the syncing tool and the API server would do together: merge by the
//! strategy, default, validate. What comes out is held against live and against Git again.
//!
//! Three things keep that cheap. A prediction holds neither status nor `managedFields`: no sync changes the first, the
//! server writes the second, and they are half of live. An object that comes out as live is not compared again, so that
//! a look at what is in sync costs one walk. Where Git still says what was applied last, nothing is looked for that was
//! taken out: under client-side apply the annotation is then Git's document word for word, under server-side apply Git
//! sets all that the tool's entry holds.

mod admission;
mod beside;
mod client_side;
mod counted;
mod create;
mod decode;
mod effect;
mod nulls;
mod outcome;
mod place;
mod replace;
mod request;
pub mod server_side;
mod status;
pub mod strategic;
mod strict;
#[cfg(test)]
mod tests;
mod union;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::diff::{Drift, Severity};
use super::object::FieldPath;
use super::schema::Tree;
pub use super::validation::Cause;
use super::validation::refusals_of_new;
use crate::engine::facts::Facts;
use crate::engine::kind::Kind;
use crate::engine::syncer::{FieldValidation, Strategy, Syncer};
pub use admission::without_books;
pub use create::predict_new;
pub use effect::Overwrite;
use effect::effect;
use outcome::{Outcome, outcome};
pub use outcome::{settled, taken_over};
pub use place::place_in;
pub use request::{NoRequest, SyncPatch, SyncRequest, request};
pub use union::union_of;

/// What the next sync gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Verdict {
    /// Nothing to change: the sync leaves live as it is, and it is what Git says.
    Clean,

    /// The sync succeeds, changes something, and live is what Git says afterwards.
    Reverts,

    /// The sync succeeds, and something differs from Git afterwards.
    Residual,

    /// Another manager owns a field that would change (409).
    Conflict,

    /// The API server refuses it (422, or 400 and 500 to an apply).
    Refused,
}

/// The answer to the next sync.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The strategy it holds for.
    pub strategy: Strategy,

    /// What the sync gives.
    pub verdict: Verdict,

    /// Why it is refused, or with whom it conflicts; empty otherwise.
    pub causes: Vec<Cause>,

    /// Every path that differs from Git after a sync that succeeds.
    pub residual: Vec<FieldPath>,

    /// Those of `residual` that the sync itself harms: today they are as Git says, or the cluster has them, if in
    /// another form, and the sync takes out what Git sets.
    pub breaks: Vec<FieldPath>,

    /// What a rule ignores, or what does not count as drift, and the sync changes all the same; empty where nobody
    /// weighed the changes.
    pub overwrites: Vec<Overwrite>,

    /// What live alone has beside the fields for which the sync is refused.
    pub beside: Vec<FieldPath>,

    /// The object that the sync would give, before the server's own bookkeeping: without status and managedFields.
    /// `None` when it conflicts, and in an assessment, where nobody asks for it.
    pub predicted: Option<Value>,
}

impl Prediction {
    /// One that says no more than this.
    pub const fn bare(strategy: Strategy, verdict: Verdict, causes: Vec<Cause>) -> Self {
        Self {
            strategy,
            verdict,
            causes,
            residual: Vec::new(),
            breaks: Vec::new(),
            overwrites: Vec::new(),
            beside: Vec::new(),
            predicted: None,
        }
    }

    /// Whether the sync changes what nobody wants changed: what Git says today, or what a rule ignores.
    pub const fn harms(&self) -> bool {
        !self.breaks.is_empty() || !self.overwrites.is_empty()
    }

    /// Whether the sync succeeds and leaves this difference, or a part of it.
    pub fn leaves(&self, drift: &Drift) -> bool {
        self.residual.iter().any(|path| path.starts_with(&drift.change.path))
    }
}

/// A prediction with the object that it is about, where it came to one.
#[derive(Clone, Debug)]
pub struct Foretold<'f> {
    /// What the sync gives.
    pub prediction: Prediction,

    /// What the server would have stored, where it refuses.
    pub refused: Option<Tree<'f>>,

    /// The object after a sync that changes something, as it is compared.
    after: Option<Tree<'f>>,
}

impl Foretold<'_> {
    /// Which of these differences a sync that succeeds changes, with what it makes of them.
    pub fn changes(&self, facts: &Facts<'_>, drifts: &[Drift], of: impl Fn(&Drift) -> bool) -> Vec<Overwrite> {
        self.after
            .as_ref()
            .map(|after| effect::changes(facts, drifts, after, of))
            .unwrap_or_default()
    }

    /// The same with what the sync changes of what weighs nothing; `spares` tells what the tool takes from live before
    /// it syncs.
    #[must_use]
    pub fn weighed(mut self, facts: &Facts<'_>, drifts: &[Drift], spares: impl Fn(&Overwrite) -> bool) -> Self {
        if let Some(after) = &self.after {
            let (spared, overwrites): (Vec<_>, Vec<_>) =
                effect::overwrites(facts, drifts, after).into_iter().partition(spares);
            let weighs = |drift: &Drift| matches!(drift.severity, Severity::Drift | Severity::Pending);
            if self.prediction.verdict == Verdict::Reverts
                && !spared.is_empty()
                && overwrites.is_empty()
                && !drifts.iter().any(weighs)
            {
                self.prediction.verdict = Verdict::Clean;
            }
            self.prediction.overwrites = overwrites;
        }
        self
    }
}

/// What a strategy makes of Git and live before the server has defaulted and validated it.
#[derive(Clone, Debug, PartialEq)]
enum Merged<'a> {
    /// The object that the server would go on with.
    Object(Tree<'a>),

    /// There is nothing to send, so that the server is not asked: live stays as it is, whatever the rules of today are.
    Unsent,

    /// A conflict (409).
    Conflict(Vec<Cause>),

    /// A request that fails before there is an object.
    Refused(Vec<Cause>),
}

/// Why the server refuses to create a Deployment from this manifest, each cause with the JSON Pointer of what it is
/// about, or of the nearest parent that the manifest has; none where the server takes it.
///
/// A version that is not served, a value of a wrong type, and fields that are unknown where they are refused end the
/// reading, so that they are the only cause.
pub fn refusals_as_it_is(kind: &'static Kind, manifest: &Value, validation: FieldValidation) -> Vec<(Cause, String)> {
    if let Some(cause) = unserved_version(kind, manifest) {
        return vec![(cause, "/apiVersion".to_owned())];
    }
    if let Some(fault) = decode::first_fault_and_place(kind, manifest) {
        return vec![fault];
    }
    if validation == FieldValidation::Strict
        && let Some(cause) = strict::fault_of_document(kind, manifest)
    {
        let pointer = strict::first_unknown(kind, manifest).and_then(|field| field.pointer(manifest));
        return vec![(cause, pointer.unwrap_or_default())];
    }
    let causes = refusals_of_new(kind.root, &kind.validation, manifest).into_iter();
    causes
        .map(|cause| {
            let pointer = place_in(kind, manifest, manifest, &cause.field);
            (cause, pointer)
        })
        .collect()
}

/// A kind has one version that supported servers have. The words are those in which a client gives up.
///
/// Source: `NoKindMatchError` of `staging/src/k8s.io/apimachinery/pkg/api/meta/errors.go`.
fn unserved_version(kind: &'static Kind, manifest: &Value) -> Option<Cause> {
    let version = manifest
        .get("apiVersion")?
        .as_str()
        .filter(|version| *version != kind.api_version())?;
    let message = format!(
        "no matches for kind {:?} in version {}",
        kind.kind,
        Value::from(version)
    );
    Some(Cause {
        reason: "NotFound".to_owned(),
        field: String::new(),
        message,
    })
}

/// Tells what the next sync of `desired` onto `live` gives.
///
/// `desired` is the document as Git has it, `live` the object as the server returned it, with its managedFields and
/// annotations.
///
/// # Example
/// Git says `httpGet`, and somebody patched live to `tcpSocket`: an apply merges both.
/// ```
/// use driftmend::engine::kind::DEPLOYMENT;
/// use driftmend::engine::predict::{Verdict, predict};
/// use driftmend::engine::syncer::{Strategy, Syncer};
/// use serde_json::{Value, json};
///
/// let web = |probe: Value| {
///     let container = json!({"name": "web", "image": "web:1", "livenessProbe": probe});
///     json!({
///         "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
///         "spec": {
///             "selector": {"matchLabels": {"app": "web"}},
///             "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
///         },
///     })
/// };
/// let desired = web(json!({"httpGet": {"path": "/healthz", "port": 8080}}));
/// let mut live = web(json!({"tcpSocket": {"port": 8080}}));
/// live["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": desired.to_string()});
///
/// let kubectl = Syncer::new(Strategy::ClientSideApply, "kubectl-client-side-apply");
/// let prediction = predict(&DEPLOYMENT, &desired, &live, &kubectl);
/// assert_eq!(prediction.verdict, Verdict::Refused);
/// assert_eq!(prediction.causes[0].message, "Forbidden: may not specify more than 1 handler type");
/// ```
pub fn predict(kind: &'static Kind, desired: &Value, live: &Value, syncer: &Syncer) -> Prediction {
    let facts = Facts::of(kind, desired, live);
    let drift = || facts.changed_paths();
    let outcome = outcome(&facts, syncer);
    let predicted = outcome.object().map(Tree::to_value);
    Prediction {
        predicted,
        ..outcome.told(&facts, syncer, drift).prediction
    }
}

/// [`predict`] for a caller that has more use for the facts; `drift` gives the paths that
/// [`compare`](super::diff::compare) would.
pub fn predict_knowing<'f>(
    facts: &'f Facts<'_>,
    syncer: &Syncer,
    drift: impl FnOnce() -> Vec<FieldPath>,
) -> Foretold<'f> {
    outcome(facts, syncer).told(facts, syncer, drift)
}

/// What a sync that succeeds comes to; `made` is the object that it gives.
pub fn success(kind: &'static Kind, desired: &Value, live: &Value, made: &Value) -> Verdict {
    let facts = Facts::of(kind, desired, live);
    effect(&facts, || facts.changed_paths(), &Tree::of(made)).verdict
}

/// Why the next sync would be refused; empty where it would not. A conflict counts for none.
pub fn refusal_of(facts: &Facts<'_>, syncer: &Syncer) -> Vec<Cause> {
    match outcome(facts, syncer) {
        Outcome::Refused(causes, _) => causes,
        Outcome::Object(_) | Outcome::Conflict(_) => Vec::new(),
    }
}

/// Why the server would not store this object in the place of live, whoever writes it; empty where it would. What live
/// itself is refused for today counts for nothing, since the server takes the rest of it all the same or takes nothing.
pub fn refusals_of_write(kind: &'static Kind, written: &Value, live: &Value) -> Vec<Cause> {
    let syncer = Syncer::new(Strategy::Replace, String::new());
    let causes = refusal_of(&Facts::of(kind, written, live), &syncer);
    if causes.is_empty() {
        return causes;
    }
    let before = refusal_of(&Facts::of(kind, live, live), &syncer);
    causes.into_iter().filter(|cause| !before.contains(cause)).collect()
}
