//! Argo CD's comparison by server-side dry run, which may be refused where the sync is not.

use crate::engine::facts::Facts;
use crate::engine::predict::{Cause, Prediction, Verdict, refusal_of};
use crate::engine::snapshot::Snapshot;
use crate::engine::syncer::{Force, Strategy, Syncer};

/// Why the comparison is refused where the sync is not; nothing elsewhere.
///
/// Argo CD then compares by a forced server-side apply of Git's document under its own name, whatever it syncs with.
/// Under client-side apply its fields stand in an entry of updates, so that nothing is taken out by that apply: a
/// change of a handler leaves both, and the dry run is refused. An automated sync needs a comparison, and so does a
/// person's.
///
/// Source: `serverSideDiff` in gitops-engine's `pkg/diff/diff.go`, and `SyncAppState` in `controller/sync.go`, which
/// ends in phase Error with a ComparisonError.
pub(super) fn refused_comparison(snapshot: &Snapshot, facts: &Facts<'_>, prediction: &Prediction) -> Vec<Cause> {
    let argo_cd = snapshot.tool.argo_cd();
    let by_dry_run = argo_cd.is_some_and(|argo_cd| argo_cd.application.server_side_diff());
    let accepted = !matches!(prediction.verdict, Verdict::Refused | Verdict::Conflict);
    if !by_dry_run || snapshot.syncer.strategy == Strategy::ServerSideApply || !accepted {
        return Vec::new();
    }
    let compares = Syncer {
        force: Force::Yes,
        ..Syncer::new(Strategy::ServerSideApply, snapshot.syncer.manager.clone())
    };
    refusal_of(facts, &compares)
}
