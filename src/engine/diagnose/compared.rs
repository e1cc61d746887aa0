//! Argo CD's comparison by server-side dry run is refused where its sync would not be: then no sync starts at all.

use super::creation::told;
use super::{Finding, Weight};
use crate::engine::facts::Facts;
use crate::engine::predict::{Prediction, Verdict, refusal_of};
use crate::engine::snapshot::Snapshot;
use crate::engine::syncer::{Force, Strategy, Syncer};

/// The rule of these findings.
pub const COMPARISON_REFUSED: &str = "comparison-refused";

/// One finding where the comparison is refused and the sync is not.
///
/// Argo CD then compares by a forced server-side apply of Git's document under its own name, whatever it syncs with.
/// Under client-side apply its fields stand in an entry of updates, so that nothing is taken out by that apply: a
/// change of a handler leaves both, and the dry run is refused. An automated sync needs a comparison, and so does a
/// person's.
///
/// Source: `serverSideDiff` in gitops-engine's `pkg/diff/diff.go`, and `SyncAppState` in `controller/sync.go`, which
/// ends in phase Error with a ComparisonError.
pub fn comparison_refused(snapshot: &Snapshot, facts: &Facts<'_>, prediction: &Prediction) -> Option<Finding> {
    let argo_cd = snapshot
        .tool
        .argo_cd()
        .filter(|argo_cd| argo_cd.application.server_side_diff())?;
    let accepted = !matches!(prediction.verdict, Verdict::Refused | Verdict::Conflict);
    if snapshot.syncer.strategy == Strategy::ServerSideApply || !accepted {
        return None;
    }
    let compares = Syncer {
        force: Force::Yes,
        ..Syncer::new(Strategy::ServerSideApply, snapshot.syncer.manager.clone())
    };
    let causes = refusal_of(facts, &compares);
    (!causes.is_empty()).then(|| Finding {
        rule: COMPARISON_REFUSED,
        weight: Weight::Error,
        path: None,
        message: format!(
            "Argo CD's comparison by server-side dry run (ServerSideDiff=true) will be refused, so that no sync of \
             Application {}/{} starts, although the sync itself would be accepted",
            argo_cd.application.namespace, argo_cd.application.name
        ),
        evidence: Some(told(&causes)),
        remedy: Some(
            "take ServerSideDiff=true out of argocd.argoproj.io/compare-options until this is synced; what was \
             applied client-side is compared well by the default"
                .to_owned(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use crate::engine::diagnose::tests::{git, of, snapshot};
    use crate::engine::kind::DEPLOYMENT;
    use crate::engine::operation::Windows;
    use crate::engine::operation::shapes::{quiet, read, set};
    use crate::engine::predict::predict;
    use crate::engine::syncer::{Strategy, Syncer};
    use crate::engine::{ArgoCd, Snapshot, Tool};

    fn with(handler: &Value) -> Value {
        let mut document = git();
        document["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] = handler.clone();
        document
    }

    #[test]
    fn a_change_of_handler_under_client_side_apply_blocks_argo_cds_own_comparison_by_dry_run() {
        let (http, tcp) = (
            with(&json!({"httpGet": {"port": 80}})),
            with(&json!({"tcpSocket": {"port": 80}})),
        );
        let syncer = Syncer::new(Strategy::ClientSideApply, "argocd-controller");
        // What a client-side apply leaves: an entry of updates, and the annotation.
        let mut live = http.clone();
        live["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": http.to_string()});
        live["metadata"]["managedFields"] = json!([{
            "manager": "argocd-controller", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {},
                "f:livenessProbe": {".": {}, "f:httpGet": {".": {}, "f:port": {}}}}}}}}},
        }]);
        let found = |compares: Value, desired: &Value| {
            let application = Arc::new(read(&set(quiet(), "/metadata/annotations", compares)));
            let argo_cd = ArgoCd {
                application,
                windows: Windows::none(),
                application_set: None,
                seen_alive: None,
            };
            let tool = Tool::ArgoCd(Arc::new(argo_cd));
            let scene = Snapshot {
                syncer: syncer.clone(),
                tool,
                ..snapshot(desired.clone(), live.clone())
            };
            of(&scene)
                .into_iter()
                .filter(|(rule, ..)| rule.starts_with("comparison-refused"))
                .count()
        };
        let by_dry_run = || json!({"argocd.argoproj.io/compare-options": "ServerSideDiff=true"});
        assert!(
            predict(&DEPLOYMENT, &tcp, &live, &syncer).causes.is_empty(),
            "the sync itself is accepted"
        );
        assert_eq!(found(by_dry_run(), &tcp), 1);
        assert_eq!(found(by_dry_run(), &http), 0, "nothing changes");
        assert_eq!(found(json!({}), &tcp), 0, "it compares by a patch");
    }
}
