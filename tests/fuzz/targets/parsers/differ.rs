//! Any two documents are compared, weighed and predicted without a panic; nothing differs from itself; defaults are
//! made once.

use driftmend::engine::diff::{self, Evidence, Witness, classify, no_effect};
use driftmend::engine::kind::{KINDS, Kind};
use driftmend::engine::ownership::Recorded;
use driftmend::engine::predict::predict;
use driftmend::engine::schema::apply_defaults;
use driftmend::engine::syncer::{Strategy, Syncer};
use serde_json::Value;

/// How a syncing tool writes, and under which name.
const STRATEGIES: [(Strategy, &str); 3] = [
    (Strategy::ClientSideApply, "kubectl-client-side-apply"),
    (Strategy::ServerSideApply, "argocd-controller"),
    (Strategy::Replace, "kubectl-replace"),
];

pub fn compare(bytes: &[u8]) {
    // The first document is Git's, the second the cluster's.
    let mut documents = super::documents(bytes);
    let Some(desired) = documents.next() else { return };
    let live = documents.next().unwrap_or_else(|| desired.clone());
    for kind in KINDS {
        as_kind(kind, &desired, &live);
    }
}

fn as_kind(kind: &'static Kind, desired: &Value, live: &Value) {
    for object in [desired, live] {
        assert_eq!(diff::compare(kind, object, object), [], "{object}");
        let mut once = object.clone();
        apply_defaults(kind.root, &mut once);
        let mut twice = once.clone();
        apply_defaults(kind.root, &mut twice);
        assert_eq!(once, twice, "{object}");
        no_effect(kind, object, Some(live));
    }
    diff::compare(kind, desired, live);
    for (strategy, manager) in STRATEGIES {
        let syncer = Syncer::new(strategy, manager);
        weigh(kind, desired, live, &syncer);
        predict(kind, desired, live, &syncer);
    }
}

fn weigh(kind: &'static Kind, desired: &Value, live: &Value, syncer: &Syncer) {
    let managed = Recorded::of(live);
    classify(&Evidence {
        kind,
        desired,
        live,
        managed: &managed,
        syncer,
        witness: Witness::default(),
        rules: &[],
        now: jiff::Timestamp::UNIX_EPOCH,
    });
}
