//! Any two documents are compared, weighed and predicted without a panic; nothing differs from itself; defaults are made once.
#![no_main]

use driftmend::engine;
use driftmend::engine::diff::{Evidence, classify, compare, no_effect};
use driftmend::engine::ownership::Recorded;
use driftmend::engine::predict::{Strategy, Syncer, predict};
use driftmend::engine::schema::apply_defaults;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

#[allow(dead_code, unused_imports)]
#[path = "../../../src/source/yaml/mod.rs"]
mod yaml;

/// How a syncing tool writes, and under which name.
const STRATEGIES: [(Strategy, &str); 3] = [
    (Strategy::ClientSideApply, "kubectl-client-side-apply"),
    (Strategy::ServerSideApply, "argocd-controller"),
    (Strategy::Replace, "kubectl-replace"),
];

fuzz_target!(|bytes: &[u8]| {
    // The first document is Git's, the second the cluster's.
    let mut documents = yaml::load(bytes, "fuzz.yaml").documents.into_iter().map(|document| document.value);
    let Some(desired) = documents.next() else { return };
    let live = documents.next().unwrap_or_else(|| desired.clone());
    for object in [&desired, &live] {
        assert_eq!(compare(object, object), [], "{object}");
        let mut once = object.clone();
        apply_defaults(&mut once);
        let mut twice = once.clone();
        apply_defaults(&mut twice);
        assert_eq!(once, twice, "{object}");
        no_effect(object, Some(&live));
    }
    compare(&desired, &live);
    for (strategy, manager) in STRATEGIES {
        let syncer = Syncer::new(strategy, manager);
        weigh(&desired, &live, &syncer);
        predict(&desired, &live, &syncer);
    }
});

fn weigh(desired: &Value, live: &Value, syncer: &Syncer) {
    let managed = Recorded::of(live);
    classify(&Evidence { desired, live, managed: &managed, syncer, committed_at: None, synced: None, rules: &[], now: jiff::Timestamp::UNIX_EPOCH });
}
