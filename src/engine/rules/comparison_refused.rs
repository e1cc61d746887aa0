//! Argo CD's comparison by server-side dry run is refused where its sync would not be: then no sync starts at all.

use super::{Case, Check, Finding, Rule, Weight, nothing};
use crate::engine::predict::Cause;

/// The rule.
pub static RULE: Rule = Rule {
    id: "comparison-refused",
    title: "Argo CD's comparison by dry run is refused, so that no sync starts",
    severity: Weight::Error,
    milder: &[],
    meaning: "Argo CD compares this object by a server-side dry run and syncs it client-side. The API server refuses \
              the dry run, although it would accept the sync; without a comparison no sync begins.",
    remedy: "Take ServerSideDiff=true out of argocd.argoproj.io/compare-options until the change is synced; what was \
             applied client-side is compared well by the default.",
    in_check: false,
    wants: nothing,
    check: Check::Both(check),
};

fn check(case: &Case<'_>) -> Vec<Finding> {
    let causes = &case.assessment.comparison;
    let Some(argo_cd) = case.snapshot.tool.argo_cd().filter(|_| !causes.is_empty()) else {
        return Vec::new();
    };
    vec![Finding {
        rule: RULE.id,
        weight: RULE.severity,
        path: None,
        message: format!(
            "Argo CD's comparison by server-side dry run (ServerSideDiff=true) will be refused, so that no sync of \
             Application {}/{} starts, although the sync itself would be accepted",
            argo_cd.application.namespace, argo_cd.application.name
        ),
        evidence: Some(Cause::told_of(causes)),
        remedy: Some(
            "take ServerSideDiff=true out of argocd.argoproj.io/compare-options until this is synced; what was \
             applied client-side is compared well by the default"
                .to_owned(),
        ),
    }]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use crate::engine::argo_cd::ArgoCd;
    use crate::engine::argo_cd::shapes::{quiet, read, set};
    use crate::engine::argo_cd::window::Windows;
    use crate::engine::kind::DEPLOYMENT;
    use crate::engine::predict::predict;
    use crate::engine::rules::tests::{git, of, snapshot};
    use crate::engine::syncer::{Strategy, Syncer};
    use crate::engine::{Snapshot, Tool};

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
