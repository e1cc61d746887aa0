use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::diff::moved::Moved;
use crate::engine::diff::{ChangeKind, Severity};
use crate::engine::kind::DEPLOYMENT;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::syncer::Strategy;

const IMAGE: &str =
    r#"{"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}}}}}"#;
const LABEL: &str = r#"{"f:metadata": {"f:labels": {"f:team": {}}}}"#;
const REPLICAS: &str = r#"{"f:spec": {"f:replicas": {}}}"#;
const POLICY: &str =
    r#"{"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:imagePullPolicy": {}}}}}}}"#;
const ANNOTATION: &str =
    r#"{"f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/last-applied-configuration": {}}}}"#;

const NOW: Timestamp = Timestamp::constant(1_775_000_000, 0);

fn image(image: &str) -> Value {
    json!({"metadata": {"name": "web"},
           "spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}})
}

fn wrote(manager: &str, operation: &str, subresource: &str, fields: &str) -> Value {
    let fields: Value = serde_json::from_str(fields).unwrap();
    json!({"manager": manager, "operation": operation, "subresource": subresource, "apiVersion": "apps/v1",
           "time": "2026-01-02T00:00:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": fields})
}

fn applied(last_applied: &Value, mut live: Value) -> Value {
    live["metadata"]["annotations"][LAST_APPLIED] = json!(last_applied.to_string());
    live
}

fn applies(strategy: Strategy) -> Syncer {
    Syncer::new(strategy, "gitops")
}

/// An object of which nothing is known but who owns what.
fn owned(managed: Value) -> Value {
    json!({"metadata": {"managedFields": managed}})
}

/// The severities and reasons, with a commit at `committed_at`.
fn weigh(
    desired: &Value,
    live: &Value,
    managed: Value,
    strategy: Strategy,
    committed_at: Option<&str>,
) -> Vec<(String, Severity, Option<String>)> {
    let syncer = applies(strategy);
    let owned = owned(managed);
    let evidence = Evidence {
        kind: &DEPLOYMENT,
        desired,
        live,
        managed: &Recorded::of(&owned),
        syncer: &syncer,
        witness: Witness {
            committed_at: committed_at.map(|time| time.parse().unwrap()),
            ..Witness::default()
        },
        rules: &[],
        now: NOW,
    };
    classify(&evidence)
        .into_iter()
        .map(|drift| (drift.change.path.to_string(), drift.severity, drift.reason))
        .collect()
}

fn severities(
    desired: &Value,
    live: &Value,
    managed: Value,
    strategy: Strategy,
    committed_at: Option<&str>,
) -> Vec<Severity> {
    weigh(desired, live, managed, strategy, committed_at)
        .into_iter()
        .map(|(_, severity, _)| severity)
        .collect()
}

#[test]
fn a_field_that_someone_else_wrote_is_drift_and_names_the_writer() {
    let (desired, live) = (image("web:2"), image("web:3"));
    let syncer = applies(Strategy::ServerSideApply);
    let owned = owned(json!([wrote("kubectl-edit", "Update", "", IMAGE)]));
    let managed = Recorded::of(&owned);
    let evidence = Evidence {
        kind: &DEPLOYMENT,
        desired: &desired,
        live: &live,
        managed: &managed,
        syncer: &syncer,
        witness: Witness::default(),
        rules: &[],
        now: NOW,
    };
    let path = FieldPath::parse(".spec.template.spec.containers[name=\"web\"].image").unwrap();
    assert_eq!(
        classify(&evidence),
        [Drift {
            change: Change {
                path: path.clone(),
                kind: ChangeKind::Changed,
                desired: Some(json!("web:2")),
                live: Some(json!("web:3"))
            },
            owners: managed.get().owners(DEPLOYMENT.root, &path),
            severity: Severity::Drift,
            moved: Some(Moved::Live),
            reason: None,
        }]
    );
    assert_eq!(managed.get().owners(DEPLOYMENT.root, &path).len(), 1);
}

#[test]
fn what_others_add_to_the_deployments_own_labels_is_info() {
    let mut live = image("web:1");
    live["metadata"]["labels"] = json!({"team": "a"});
    let found = weigh(
        &image("web:1"),
        &live,
        json!([wrote("kubectl-label", "Update", "", LABEL)]),
        Strategy::ServerSideApply,
        None,
    );
    assert_eq!(
        found,
        [(
            ".metadata.labels.team".to_owned(),
            Severity::Info,
            Some("others may add labels and annotations".to_owned())
        )]
    );
}

#[test]
fn a_field_that_nobody_owns_is_info_and_one_that_someone_added_is_drift() {
    let mut live = image("web:1");
    live["spec"]["template"]["spec"]["hostNetwork"] = json!(true);
    let hand = wrote(
        "kubectl-edit",
        "Update",
        "",
        r#"{"f:spec": {"f:template": {"f:spec": {"f:hostNetwork": {}}}}}"#,
    );
    let other = wrote("gitops", "Apply", "", IMAGE);
    assert_eq!(
        severities(&image("web:1"), &live, json!([other]), Strategy::ServerSideApply, None),
        [Severity::Info]
    );
    // `kubectl get` hides managedFields: nothing is known then, and least of all that it is harmless.
    assert_eq!(
        severities(&image("web:1"), &live, json!([]), Strategy::ServerSideApply, None),
        [Severity::Drift]
    );
    assert_eq!(
        severities(&image("web:1"), &live, json!([hand]), Strategy::ServerSideApply, None),
        [Severity::Drift]
    );
}

#[test]
fn the_pull_policy_of_an_earlier_image_is_nobodys_drift() {
    let mut live = image("web:1");
    live["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = json!("Always");
    let by = |manager: &str| {
        severities(
            &image("web:1"),
            &live,
            json!([wrote(manager, "Update", "", POLICY)]),
            Strategy::ClientSideApply,
            None,
        )
    };
    assert_eq!(by("gitops"), []);
    assert_eq!(
        by("kubectl-create"),
        [],
        "a default of the creation is nobody's change by hand"
    );
    assert_eq!(by("kubectl-edit"), [Severity::Drift]);
    let tool = wrote("gitops", "Apply", "", IMAGE);
    assert_eq!(
        severities(&image("web:1"), &live, json!([tool]), Strategy::ServerSideApply, None),
        []
    );
}

#[test]
fn a_quantity_in_other_words_is_info() {
    let memory = |text: &str| {
        json!({"spec": {"template": {"spec": {"containers": [{"name": "web",
        "resources": {"limits": {"memory": text}}}]}}}})
    };
    let found = weigh(
        &memory("1Gi"),
        &memory("1073741824"),
        json!([]),
        Strategy::ServerSideApply,
        None,
    );
    let path = ".spec.template.spec.containers[name=\"web\"].resources.limits.memory".to_owned();
    assert_eq!(
        found,
        [(
            path,
            Severity::Info,
            Some("the same quantity in other words".to_owned())
        )]
    );
}

/// The side that moved, with what is known of how it came so.
fn sides(
    desired: &Value,
    live: &Value,
    managed: Value,
    strategy: Strategy,
    witness: Witness<'_>,
) -> Vec<(Severity, Option<Moved>)> {
    let owned = owned(managed);
    let (managed, syncer) = (Recorded::of(&owned), applies(strategy));
    let evidence = Evidence {
        kind: &DEPLOYMENT,
        desired,
        live,
        managed: &managed,
        syncer: &syncer,
        witness,
        rules: &[],
        now: NOW,
    };
    classify(&evidence)
        .into_iter()
        .map(|drift| (drift.severity, drift.moved))
        .collect()
}

#[test]
fn a_pull_policy_is_no_drift_where_nothing_tells_whose_it_is() {
    let mut live = image("web:1");
    live["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = json!("Always");
    let told = weigh(&image("web:1"), &live, Value::Null, Strategy::ClientSideApply, None);
    let reason = "may be the default of an earlier image: live comes without the managedFields that would tell";
    let path = ".spec.template.spec.containers[name=\"web\"].imagePullPolicy";
    assert_eq!(told, [(path.to_owned(), Severity::Info, Some(reason.to_owned()))]);
    let person = json!([wrote("kubectl-edit", "Update", "", POLICY)]);
    assert_eq!(
        severities(&image("web:1"), &live, person, Strategy::ClientSideApply, None),
        [Severity::Drift]
    );
}
mod documents;
mod pending;
mod rules;
mod witnesses;
