use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::diff::PathPattern;

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
            owners: managed.get().owners(&path),
            severity: Severity::Drift,
            moved: Some(Moved::Live),
            reason: None,
        }]
    );
    assert_eq!(managed.get().owners(&path).len(), 1);
}

#[test]
fn between_commit_and_sync_nothing_has_drifted_under_server_side_apply() {
    let tool = || json!([wrote("gitops", "Apply", "", IMAGE)]);
    let git = image("web:2");
    assert_eq!(
        severities(&git, &image("web:1"), tool(), Strategy::ServerSideApply, None),
        [Severity::Pending]
    );
    // The same name in another kind of write is someone else.
    let other = json!([wrote("gitops", "Update", "", IMAGE)]);
    assert_eq!(
        severities(&git, &image("web:1"), other, Strategy::ServerSideApply, None),
        [Severity::Drift]
    );
}

#[test]
fn a_field_that_live_lacks_is_pending_only_where_the_commit_is_younger_than_the_sync() {
    let mut git = image("web:1");
    git["spec"]["template"]["spec"]["priorityClassName"] = json!("high");
    let at = |commit| {
        severities(
            &git,
            &image("web:1"),
            json!([wrote("gitops", "Apply", "", IMAGE)]),
            Strategy::ServerSideApply,
            commit,
        )
    };
    assert_eq!(at(Some("2026-01-02T00:00:01Z")), [Severity::Pending]);
    assert_eq!(at(Some("2026-01-02T00:00:00Z")), [Severity::Drift]);
    assert_eq!(at(None), [Severity::Drift]);
}

#[test]
fn client_side_apply_is_pending_where_live_is_what_was_applied_last() {
    let git = image("web:2");
    let managed = |image_by: &str, annotation_by: &str| {
        json!([
            wrote(image_by, "Update", "", IMAGE),
            wrote(annotation_by, "Update", "", ANNOTATION)
        ])
    };
    let severity = |last: &str, live: &str, image_by: &str, annotation_by: &str| {
        severities(
            &git,
            &applied(&image(last), image(live)),
            managed(image_by, annotation_by),
            Strategy::ClientSideApply,
            None,
        )
    };
    assert_eq!(severity("web:1", "web:1", "gitops", "gitops"), [Severity::Pending]);
    assert_eq!(severity("web:1", "web:3", "kubectl-edit", "gitops"), [Severity::Drift]);
    // Made by kubectl create, adopted by the tool since.
    assert_eq!(
        severity("web:1", "web:1", "kubectl-create", "gitops"),
        [Severity::Pending]
    );
    // Someone's own kubectl apply wrote the annotation as well.
    assert_eq!(
        severity(
            "web:1",
            "web:1",
            "kubectl-client-side-apply",
            "kubectl-client-side-apply"
        ),
        [Severity::Drift]
    );
}

#[test]
fn client_side_apply_tells_a_new_field_of_git_from_a_removed_one() {
    let mut git = image("web:1");
    git["spec"]["paused"] = json!(true);
    let managed = || json!([wrote("gitops", "Update", "", ANNOTATION)]);
    let severity = |last: &Value| {
        severities(
            &git,
            &applied(last, image("web:1")),
            managed(),
            Strategy::ClientSideApply,
            None,
        )
    };
    assert_eq!(severity(&image("web:1")), [Severity::Pending]);
    assert_eq!(severity(&git), [Severity::Drift]);
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

#[test]
fn known_controllers_are_ignored_and_people_who_do_the_same_are_not() {
    let scaled = |manager: &str, subresource: &str| {
        let mut live = image("web:1");
        live["spec"]["replicas"] = json!(5);
        severities(
            &image("web:1"),
            &live,
            json!([wrote(manager, "Update", subresource, REPLICAS)]),
            Strategy::ServerSideApply,
            None,
        )
    };
    assert_eq!(scaled("kube-controller-manager", "scale"), [Severity::Ignored]);
    assert_eq!(scaled("kubectl", "scale"), [Severity::Drift]);
    assert_eq!(scaled("kube-controller-manager", ""), [Severity::Drift]);
    assert_eq!(scaled("rollouts-controller", ""), [Severity::Ignored]);
}

#[test]
fn a_restart_is_ignored_with_its_reason() {
    let mut live = image("web:1");
    live["spec"]["template"]["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"});
    assert_eq!(
        weigh(&image("web:1"), &live, json!([]), Strategy::ServerSideApply, None),
        [(
            ".spec.template.metadata.annotations[\"kubectl.kubernetes.io/restartedAt\"]".to_owned(),
            Severity::Ignored,
            Some("kubectl rollout restart leaves the time of the restart here".to_owned())
        )]
    );
}

#[test]
fn a_row_covers_a_list_only_when_it_covers_every_item_of_it() {
    let env = |names: &[&str]| {
        let mut live = image("web:1");
        live["spec"]["template"]["spec"]["containers"][0]["env"] =
            names.iter().map(|name| json!({"name": name})).collect();
        severities(&image("web:1"), &live, json!([]), Strategy::ServerSideApply, None)
    };
    assert_eq!(env(&["STAKATER_WEB_CONFIGMAP"]), [Severity::Ignored]);
    assert_eq!(env(&["STAKATER_WEB_CONFIGMAP", "OTHER"]), [Severity::Drift]);
}

#[test]
fn a_users_rule_holds_for_its_paths_and_managers_until_it_expires() {
    let (desired, live) = (image("web:2"), image("web:3"));
    let owned = owned(json!([wrote("canary-bot", "Update", "", IMAGE)]));
    let managed = Recorded::of(&owned);
    let syncer = applies(Strategy::ServerSideApply);
    let weigh = |path: &str, manager: &str, now: &str| {
        let rule = IgnoreRule {
            paths: vec![PathPattern::parse(path).unwrap()],
            pointers: Vec::new(),
            parts: Vec::new(),
            managers: vec![manager.to_owned()],
            reason: "canaries are ours".to_owned(),
            expires: Some("2026-02-01T00:00:00Z".parse().unwrap()),
        };
        let now = now.parse().unwrap();
        let evidence = Evidence {
            desired: &desired,
            live: &live,
            managed: &managed,
            syncer: &syncer,
            witness: Witness::default(),
            rules: &[rule],
            now,
        };
        classify(&evidence)
            .into_iter()
            .map(|drift| (drift.severity, drift.reason))
            .collect::<Vec<_>>()
    };
    let (ignored, drift) = (
        [(Severity::Ignored, Some("canaries are ours".to_owned()))],
        [(Severity::Drift, None)],
    );
    assert_eq!(
        weigh(
            ".spec.template.spec.containers[*].image",
            "canary-*",
            "2026-01-31T23:59:59Z"
        ),
        ignored
    );
    assert_eq!(
        weigh(
            ".spec.template.spec.containers[*].image",
            "canary-*",
            "2026-02-01T00:00:00Z"
        ),
        drift
    );
    assert_eq!(
        weigh(
            ".spec.template.spec.containers[*].image",
            "other",
            "2026-01-01T00:00:00Z"
        ),
        drift
    );
    assert_eq!(weigh(".spec.replicas", "canary-*", "2026-01-01T00:00:00Z"), drift);
}

#[test]
fn the_revision_that_was_synced_last_tells_a_field_new_in_git_from_one_taken_away() {
    let replicas = |count: Option<i64>| {
        let mut object = image("web:1");
        if let Some(count) = count {
            object["spec"]["replicas"] = json!(count);
        }
        object
    };
    let owned = owned(json!([wrote("gitops", "Apply", "", IMAGE)]));
    let managed = Recorded::of(&owned);
    let severity = |desired: Value, synced: Value, live: Value| {
        let syncer = applies(Strategy::ServerSideApply);
        let evidence = Evidence {
            desired: &desired,
            live: &live,
            managed: &managed,
            syncer: &syncer,
            witness: Witness {
                synced: Some(&synced),
                ..Witness::default()
            },
            rules: &[],
            now: NOW,
        };
        classify(&evidence)
            .into_iter()
            .map(|drift| drift.severity)
            .collect::<Vec<_>>()
    };
    let (none, three) = (|| replicas(None), || replicas(Some(3)));
    assert_eq!(severity(three(), none(), none()), [Severity::Pending], "new in Git");
    assert_eq!(
        severity(three(), three(), none()),
        [Severity::Drift],
        "taken away by hand"
    );
    assert_eq!(
        severity(image("web:2"), image("web:1"), image("web:1")),
        [Severity::Pending]
    );
    // The tool's own field: were it anyone else's write, the field would be theirs. What the tool wrote, admission
    // changed.
    assert_eq!(
        severity(image("web:2"), image("web:1"), image("web:1-mirrored")),
        [Severity::Pending]
    );
    assert_eq!(
        severity(image("web:1"), image("web:1"), image("web:1-mirrored")),
        [Severity::Info]
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
mod witnesses;
