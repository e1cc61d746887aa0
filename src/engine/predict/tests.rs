//! The incident this project exists for, and what the other words of a verdict mean, on one realistic Deployment.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::last_applied::{LAST_APPLIED, LastApplied};
use crate::engine::schema::apply_defaults;
use crate::engine::syncer::Force;

mod requests;
mod sent;
mod words;

const GIT: &str = "argocd-controller";

/// A manifest as people write it.
fn git() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "checkout", "namespace": "shop", "labels": {"app": "checkout"}},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "checkout"}},
            "template": {
                "metadata": {"labels": {"app": "checkout"}},
                "spec": {"containers": [{
                    "name": "app", "image": "registry.example.com/checkout:2.4.1",
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "env": [{"name": "MODE", "value": "live"}],
                    "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 5},
                    "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
                    "resources": {"requests": {"cpu": "500m", "memory": "256Mi"}}
                }]}
            }
        }
    })
}

/// The fields of [`git`] as a manager's entry has them.
fn fields(object: &Value) -> Value {
    server_side::fields_of(&DEPLOYMENT, object).to_value()
}

fn entry(manager: &str, operation: &str, fields: Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
           "fieldsV1": fields})
}

/// What the server holds after the first sync under a strategy.
fn synced(strategy: Strategy) -> Value {
    let mut live = git();
    apply_defaults(DEPLOYMENT.root, &mut live);
    live["metadata"]["uid"] = json!("2f0c8a5e-52c9-4b1c-9a55-0d4f8c0f7f21");
    live["metadata"]["resourceVersion"] = json!("4711");
    match strategy {
        Strategy::ServerSideApply => live["metadata"]["managedFields"] = json!([entry(GIT, "Apply", fields(&git()))]),
        Strategy::ClientSideApply | Strategy::Replace => {
            live["metadata"]["annotations"] = json!({LAST_APPLIED: git().to_string()});
            live["metadata"]["managedFields"] = json!([entry("kubectl-client-side-apply", "Update", fields(&git()))]);
        }
    }
    live
}

const CONTAINER: &str = "/spec/template/spec/containers/0";

/// What a person's patch leaves: the probe's handler is another one, and the patch owns it.
fn switch_to_tcp(live: &mut Value, probes: &[&str]) {
    let mut owned = serde_json::Map::new();
    for probe in probes {
        let place = live.pointer_mut(&format!("{CONTAINER}/{probe}")).unwrap();
        place.as_object_mut().unwrap().remove("httpGet");
        place["tcpSocket"] = json!({"port": 8080});
        owned.insert(format!("f:{probe}"), json!({"f:tcpSocket": {".": {}, "f:port": {}}}));
    }
    owned.insert(".".to_owned(), json!({}));
    let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": owned}}}}});
    live["metadata"]["managedFields"]
        .as_array_mut()
        .unwrap()
        .push(entry("kubectl-patch", "Update", fields));
}

fn syncer(strategy: Strategy) -> Syncer {
    Syncer::new(strategy, GIT)
}

fn two_handlers(probe: &str) -> Cause {
    Cause {
        reason: "FieldValueForbidden".to_owned(),
        field: format!("spec.template.spec.containers[0].{probe}.tcpSocket"),
        message: "Forbidden: may not specify more than 1 handler type".to_owned(),
    }
}

#[test]
fn a_probe_switched_by_hand_is_refused_by_both_applies_and_taken_by_a_replace() {
    for strategy in [Strategy::ClientSideApply, Strategy::ServerSideApply] {
        let mut live = synced(strategy);
        switch_to_tcp(&mut live, &["livenessProbe"]);
        for force in [Force::Yes, Force::No] {
            let answer = predict(
                &DEPLOYMENT,
                &git(),
                &live,
                &Syncer {
                    force,
                    ..syncer(strategy)
                },
            );
            assert_eq!(
                (answer.verdict, answer.causes),
                (Verdict::Refused, vec![two_handlers("livenessProbe")]),
                "{strategy:?} {force:?}"
            );
        }
    }
    let mut live = synced(Strategy::Replace);
    switch_to_tcp(&mut live, &["livenessProbe"]);
    let answer = predict(&DEPLOYMENT, &git(), &live, &syncer(Strategy::Replace));
    assert_eq!(
        (answer.verdict, answer.causes, answer.residual),
        (Verdict::Reverts, vec![], vec![])
    );
}

#[test]
fn an_explicit_null_in_git_helps_client_side_apply_only() {
    let mut desired = git();
    desired.pointer_mut(&format!("{CONTAINER}/livenessProbe")).unwrap()["tcpSocket"] = Value::Null;
    for (strategy, verdict) in [
        (Strategy::ClientSideApply, Verdict::Reverts),
        (Strategy::ServerSideApply, Verdict::Refused),
    ] {
        let mut live = synced(strategy);
        switch_to_tcp(&mut live, &["livenessProbe"]);
        assert_eq!(
            predict(&DEPLOYMENT, &desired, &live, &syncer(strategy)).verdict,
            verdict,
            "{strategy:?}"
        );
    }
}

#[test]
fn a_synced_object_is_clean_whatever_the_strategy() {
    for strategy in [Strategy::ClientSideApply, Strategy::ServerSideApply, Strategy::Replace] {
        let answer = predict(&DEPLOYMENT, &git(), &synced(strategy), &syncer(strategy));
        assert_eq!(
            (answer.verdict, answer.causes, answer.residual),
            (Verdict::Clean, vec![], vec![]),
            "{strategy:?}"
        );
        assert_eq!(
            answer.predicted.map(|object| object["spec"].clone()),
            Some(synced(strategy)["spec"].clone()),
            "{strategy:?}"
        );
    }
}

#[test]
fn where_kubectl_has_nothing_to_send_the_server_does_not_get_to_refuse_what_it_holds() {
    let mut desired = git();
    desired["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["tcpSocket"] = json!({"port": 8080});
    let mut live = desired.clone();
    apply_defaults(DEPLOYMENT.root, &mut live);
    live.as_object_mut().unwrap().remove("status");
    assert_eq!(
        predict(&DEPLOYMENT, &desired, &live, &syncer(Strategy::ClientSideApply)).verdict,
        Verdict::Refused,
        "it is adopted: an annotation is sent"
    );
    live["metadata"]["annotations"] = LastApplied::of(&desired, &live).modified()["metadata"]["annotations"].clone();
    let unsent = predict(&DEPLOYMENT, &desired, &live, &syncer(Strategy::ClientSideApply));
    assert_eq!((unsent.verdict, unsent.predicted), (Verdict::Clean, Some(live.clone())));
    assert_eq!(
        predict(&DEPLOYMENT, &desired, &live, &syncer(Strategy::ServerSideApply)).verdict,
        Verdict::Refused
    );
}

#[test]
fn a_changed_image_reverts_and_a_foreign_variable_stays_after_an_apply() {
    for (strategy, verdict, residual) in [
        (
            Strategy::ClientSideApply,
            Verdict::Residual,
            vec![".spec.template.spec.containers[name=\"app\"].env[name=\"DEBUG\"]"],
        ),
        (
            Strategy::ServerSideApply,
            Verdict::Residual,
            vec![".spec.template.spec.containers[name=\"app\"].env[name=\"DEBUG\"]"],
        ),
        (Strategy::Replace, Verdict::Reverts, vec![]),
    ] {
        let mut live = synced(strategy);
        let container = live.pointer_mut(CONTAINER).unwrap();
        container["image"] = json!("registry.example.com/checkout:2.4.0");
        container["env"]
            .as_array_mut()
            .unwrap()
            .insert(0, json!({"name": "DEBUG", "value": "1"}));
        let answer = predict(&DEPLOYMENT, &git(), &live, &syncer(strategy));
        let residual: Vec<FieldPath> = residual.into_iter().map(|path| path.parse().unwrap()).collect();
        assert_eq!(
            (answer.verdict, answer.causes, answer.residual),
            (verdict, vec![], residual),
            "{strategy:?}"
        );
        let predicted = answer.predicted.unwrap();
        assert_eq!(
            predicted.pointer(&format!("{CONTAINER}/image")),
            git().pointer(&format!("{CONTAINER}/image"))
        );
    }
}

#[test]
fn a_version_in_git_that_live_has_left_behind_is_a_conflict() {
    let mut desired = git();
    desired["metadata"]["resourceVersion"] = json!("12");
    for strategy in [Strategy::ClientSideApply, Strategy::ServerSideApply, Strategy::Replace] {
        let answer = predict(&DEPLOYMENT, &desired, &synced(strategy), &syncer(strategy));
        assert_eq!(answer.verdict, Verdict::Conflict, "{strategy:?}");
        assert_eq!(
            answer.status_text(&DEPLOYMENT, "checkout").as_deref(),
            Some(
                "Operation cannot be fulfilled on deployments.apps \"checkout\": \
                 the object has been modified; please apply your changes to the latest version and try again"
            )
        );
    }
}

#[test]
fn without_last_applied_a_field_that_git_took_out_stays() {
    let mut desired = git();
    desired["spec"].as_object_mut().unwrap().remove("replicas");
    let known = predict(
        &DEPLOYMENT,
        &desired,
        &synced(Strategy::ClientSideApply),
        &syncer(Strategy::ClientSideApply),
    );
    assert_eq!(
        known.predicted.map(|object| object["spec"]["replicas"].clone()),
        Some(json!(1))
    );
    let mut live = synced(Strategy::ClientSideApply);
    live["metadata"].as_object_mut().unwrap().remove("annotations");
    let unknown = predict(&DEPLOYMENT, &desired, &live, &syncer(Strategy::ClientSideApply));
    assert_eq!(
        unknown.predicted.map(|object| object["spec"]["replicas"].clone()),
        Some(json!(3))
    );
}

#[test]
fn a_changed_selector_is_told_with_the_labels_it_leaves_behind() {
    let mut desired = git();
    desired["spec"]["selector"] = json!({"matchLabels": {"app": "till"}});
    for strategy in [Strategy::ServerSideApply, Strategy::Replace] {
        let answer = predict(&DEPLOYMENT, &desired, &synced(strategy), &syncer(strategy));
        assert_eq!(
            answer.status_text(&DEPLOYMENT, "checkout").as_deref(),
            Some(
                "Deployment.apps \"checkout\" is invalid: [spec.template.metadata.labels: Invalid value: \
                 {\"app\":\"checkout\"}: `selector` does not match template `labels`, spec.selector: Invalid value: \
                 {\"matchLabels\":{\"app\":\"till\"}}: field is immutable]"
            ),
            "{strategy:?}"
        );
    }
}

#[test]
fn a_value_of_another_type_never_comes_to_validation() {
    for (pointer, value, fault) in [
        (
            "/spec/replicas",
            json!("3"),
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            "/spec/replicas",
            json!(1.5),
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            "/spec/template/spec/containers/0/env/0/value",
            json!(true),
            "json: cannot unmarshal bool into Go struct field EnvVar.spec.template.spec.containers.env.value of type \
             string",
        ),
        (
            "/spec/template/spec/containers/0/ports",
            json!({}),
            "json: cannot unmarshal object into Go struct field Container.spec.template.spec.containers.ports of type \
             []v1.ContainerPort",
        ),
        (
            "/spec/template/spec/containers/0/resources/requests/cpu",
            json!("1gi"),
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
    ] {
        let mut desired = git();
        *desired.pointer_mut(pointer).unwrap() = value;
        let answer = predict(
            &DEPLOYMENT,
            &desired,
            &synced(Strategy::Replace),
            &syncer(Strategy::Replace),
        );
        let text = format!("Deployment in version \"v1\" cannot be handled as a Deployment: {fault}");
        assert_eq!(
            (answer.verdict, answer.status_text(&DEPLOYMENT, "checkout")),
            (Verdict::Refused, Some(text))
        );
    }
}

#[test]
fn an_unknown_field_is_forgotten_and_directives_do_not_outlive_their_container() {
    let mut desired = git();
    desired["spec"]["replica"] = json!(9);
    let answer = predict(
        &DEPLOYMENT,
        &desired,
        &synced(Strategy::Replace),
        &syncer(Strategy::Replace),
    );
    assert_eq!(
        (
            answer.verdict,
            answer.predicted.map(|object| object["spec"]["replica"].clone())
        ),
        (Verdict::Clean, Some(Value::Null))
    );

    let mut desired = git();
    desired
        .pointer_mut(&format!("{CONTAINER}/env"))
        .unwrap()
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "NEW", "value": "1"}));
    let mut live = synced(Strategy::ClientSideApply);
    let mut last = git();
    last.pointer_mut(&format!("{CONTAINER}/env"))
        .unwrap()
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "OLD", "value": "1"}));
    live["metadata"]["annotations"][LAST_APPLIED] = json!(last.to_string());
    live.pointer_mut(CONTAINER).unwrap()["name"] = json!("other");
    let predicted = predict(&DEPLOYMENT, &desired, &live, &syncer(Strategy::ClientSideApply))
        .predicted
        .unwrap();
    let containers = predicted.pointer("/spec/template/spec/containers").unwrap();
    assert!(!containers.to_string().contains('$'), "{containers}");
}
