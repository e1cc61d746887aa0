//! Any two documents are compared, weighed and predicted without a panic; nothing differs from itself; defaults are
//! made once.

use driftmend::engine::diff::{self, Evidence, Witness, classify, no_effect};
use driftmend::engine::ownership::Recorded;
use driftmend::engine::predict::{Strategy, Syncer, predict};
use driftmend::engine::schema::apply_defaults;
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
    for object in [&desired, &live] {
        assert_eq!(diff::compare(object, object), [], "{object}");
        let mut once = object.clone();
        apply_defaults(&mut once);
        let mut twice = once.clone();
        apply_defaults(&mut twice);
        assert_eq!(once, twice, "{object}");
        no_effect(object, Some(&live));
    }
    diff::compare(&desired, &live);
    for (strategy, manager) in STRATEGIES {
        let syncer = Syncer::new(strategy, manager);
        weigh(&desired, &live, &syncer);
        predict(&desired, &live, &syncer);
    }
}

fn weigh(desired: &Value, live: &Value, syncer: &Syncer) {
    let managed = Recorded::of(live);
    classify(&Evidence {
        desired,
        live,
        managed: &managed,
        syncer,
        witness: Witness::default(),
        rules: &[],
        now: jiff::Timestamp::UNIX_EPOCH,
    });
}
