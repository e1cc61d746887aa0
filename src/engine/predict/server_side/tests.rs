//! Who wins under server-side apply: cases that were tried on a real server.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::predict::{Prediction, Verdict, predict};
use crate::engine::schema::apply_defaults;
use crate::engine::syncer::{Applier, Strategy};
use migration::made_by_kubectl;

mod migration;

const TOOL: &str = "gitops";

fn manifest(template: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": template}
        }
    })
}

fn container(fields: Value) -> Value {
    let mut container = json!({"name": "app", "image": "web:1"});
    container
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    manifest(json!({"containers": [container]}))
}

fn kind_of(object: &Value) -> &'static Kind {
    Kind::of("apps/v1", object["kind"].as_str().unwrap()).unwrap()
}

fn entry(manager: &str, operation: &str, fields: Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
           "fieldsV1": fields})
}

/// Live with these entries.
fn owned(object: &Value, entries: Vec<Value>) -> Value {
    let mut live = object.clone();
    apply_defaults(kind_of(object).root, &mut live);
    live["metadata"]["managedFields"] = entries.into();
    live
}

fn applied(object: &Value) -> Value {
    entry(TOOL, "Apply", fields_of(&DEPLOYMENT, object).to_value())
}

fn in_container(fields: Value) -> Value {
    json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": fields}}}}})
}

fn sync(desired: &Value, live: &Value, force: Force) -> Prediction {
    predict(
        &DEPLOYMENT,
        desired,
        live,
        &Syncer {
            force,
            ..Syncer::new(Strategy::ServerSideApply, TOOL)
        },
    )
}

fn conflict(field: &str, message: &str) -> Cause {
    Cause {
        reason: "FieldManagerConflict".to_owned(),
        field: field.to_owned(),
        message: message.to_owned(),
    }
}

fn http() -> Value {
    container(json!({"livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 5}}))
}

fn tcp() -> Value {
    container(json!({"livenessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 5}}))
}

#[test]
fn a_handler_that_git_itself_switches_goes_with_the_defaults_below_it() {
    let live = owned(&http(), vec![applied(&http())]);
    for force in [Force::Yes, Force::No] {
        let answer = sync(&tcp(), &live, force);
        assert_eq!((answer.verdict, answer.causes), (Verdict::Reverts, vec![]));
    }
}

/// After a heal by JSON Patch the healer owns the handler too, and that stops Git's own next switch.
#[test]
fn a_heal_without_transfer_refuses_gits_next_switch_and_one_with_transfer_does_not() {
    let heal = entry(
        "driftmend-heal",
        "Update",
        in_container(json!({"f:livenessProbe": {"f:httpGet": {".": {}, "f:path": {}, "f:port": {}, "f:scheme": {}}}})),
    );
    let tool_lost_it = {
        let fields = fields_of(&DEPLOYMENT, &http());
        let probe = FieldPath::parse(".spec.template.spec.containers[name=\"app\"].livenessProbe.httpGet").unwrap();
        entry(TOOL, "Apply", fields.difference(&fields.at_or_below(&probe)).to_value())
    };
    let kept = owned(&http(), vec![tool_lost_it.clone(), heal]);
    let answer = sync(&tcp(), &kept, Force::Yes);
    assert_eq!(
        answer.causes,
        [Cause {
            reason: "FieldValueForbidden".to_owned(),
            field: "spec.template.spec.containers[0].livenessProbe.tcpSocket".to_owned(),
            message: "Forbidden: may not specify more than 1 handler type".to_owned(),
        }]
    );
    let dropped = owned(&http(), vec![tool_lost_it]);
    assert_eq!(sync(&tcp(), &dropped, Force::Yes).verdict, Verdict::Refused);
    let transferred = owned(&http(), vec![applied(&http())]);
    assert_eq!(sync(&tcp(), &transferred, Force::Yes).verdict, Verdict::Reverts);
}

#[test]
fn the_foreign_handler_goes_once_the_tool_owns_it() {
    let mut fields = fields_of(&DEPLOYMENT, &http());
    for path in [".livenessProbe.tcpSocket", ".livenessProbe.tcpSocket.port"] {
        fields.insert(&FieldPath::parse(&format!(".spec.template.spec.containers[name=\"app\"]{path}")).unwrap());
    }
    let live = owned(&tcp(), vec![entry(TOOL, "Apply", fields.to_value())]);
    let answer = sync(&http(), &live, Force::No);
    assert_eq!((answer.verdict, answer.causes), (Verdict::Reverts, vec![]));
}

#[test]
fn a_foreign_handler_that_git_adopts_with_force_goes_when_git_drops_it() {
    let node = entry(
        "kubectl-patch",
        "Update",
        in_container(json!({"f:livenessProbe": {"f:tcpSocket": {}}})),
    );
    let live = owned(&tcp(), vec![applied(&tcp()), node]);
    let answer = sync(&http(), &live, Force::Yes);
    assert_eq!((answer.verdict, answer.causes), (Verdict::Reverts, vec![]));
}

#[test]
fn a_strategy_whose_defaults_nobody_owns_cannot_become_recreate() {
    let silent = container(json!({}));
    let mut recreate = silent.clone();
    recreate["spec"]["strategy"] = json!({"type": "Recreate"});
    let refused = sync(&recreate, &owned(&silent, vec![applied(&silent)]), Force::Yes);
    assert_eq!(
        refused.status_text(&DEPLOYMENT, "web").as_deref(),
        Some(
            "Deployment.apps \"web\" is invalid: \
             spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"
        )
    );
    let mut rolling = silent.clone();
    rolling["spec"]["strategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}});
    assert_eq!(
        sync(&recreate, &owned(&rolling, vec![applied(&rolling)]), Force::Yes).verdict,
        Verdict::Reverts
    );
}

#[test]
fn without_force_whoever_else_owns_a_changed_field_is_named() {
    let git = {
        let mut git = container(json!({"args": ["serve"]}));
        git["spec"]["replicas"] = json!(2);
        git
    };
    let mut changed = container(json!({"args": ["serve", "--verbose"]}));
    changed["spec"]["replicas"] = json!(5);
    let mut scale = entry("kubectl", "Update", json!({"f:spec": {"f:replicas": {}}}));
    scale["subresource"] = json!("scale");
    let edit = entry("kubectl-edit", "Update", in_container(json!({"f:args": {}})));
    let rival = entry("flagger", "Apply", json!({"f:spec": {"f:replicas": {}}}));
    let live = owned(&changed, vec![scale.clone(), edit, rival]);
    let args = ".spec.template.spec.containers[name=\"app\"].args";
    let answer = sync(&git, &live, Force::No);
    assert_eq!(
        (answer.verdict, answer.causes.clone()),
        (
            Verdict::Conflict,
            vec![
                conflict(
                    ".spec.replicas",
                    "conflict with \"kubectl\" with subresource \"scale\" using apps/v1"
                ),
                conflict(args, "conflict with \"kubectl-edit\" using apps/v1"),
                conflict(".spec.replicas", "conflict with \"flagger\""),
            ]
        )
    );
    assert_eq!(sync(&git, &live, Force::Yes).verdict, Verdict::Reverts);
    changed["spec"]["template"] = git["spec"]["template"].clone();
    assert_eq!(
        sync(&git, &owned(&changed, vec![scale]), Force::No)
            .status_text(&DEPLOYMENT, "web")
            .as_deref(),
        Some(
            "Apply failed with 1 conflict: conflict with \"kubectl\" with subresource \"scale\" using apps/v1: \
             .spec.replicas"
        )
    );
}

#[test]
fn a_quantity_in_other_words_is_a_conflict_although_nothing_differs() {
    let git = |cpu: &str| container(json!({"resources": {"requests": {"cpu": cpu}}}));
    let other = entry(
        "kubectl-client-side-apply",
        "Update",
        in_container(json!({"f:resources": {"f:requests": {"f:cpu": {}}}})),
    );
    let live = owned(&git("1"), vec![other]);
    assert_eq!(sync(&git("1"), &live, Force::No).verdict, Verdict::Clean);
    assert_eq!(
        sync(&git("1000m"), &live, Force::No).causes,
        [conflict(
            ".spec.template.spec.containers[name=\"app\"].resources.requests.cpu",
            "conflict with \"kubectl-client-side-apply\" using apps/v1"
        )]
    );
}

#[test]
fn a_field_that_git_drops_goes_unless_somebody_else_owns_it() {
    let with = container(json!({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}));
    let without = container(json!({"env": [{"name": "A", "value": "1"}]}));
    let shared = entry(
        "reloader",
        "Update",
        in_container(json!({"f:env": {"k:{\"name\":\"B\"}": {".": {}, "f:name": {}, "f:value": {}}}})),
    );
    let env = |answer: Prediction| {
        answer
            .predicted
            .unwrap()
            .pointer("/spec/template/spec/containers/0/env")
            .cloned()
    };
    let pruned = env(sync(&without, &owned(&with, vec![applied(&with)]), Force::Yes));
    assert_eq!(pruned, Some(json!([{"name": "A", "value": "1"}])));
    let kept = env(sync(&without, &owned(&with, vec![applied(&with), shared]), Force::Yes));
    assert_eq!(
        kept,
        Some(json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]))
    );
}

#[test]
fn the_applier_decides_the_order_of_its_items_and_foreign_ones_keep_their_place() {
    let env = |names: &[&str]| -> Value { names.iter().map(|name| json!({"name": name, "value": "x"})).collect() };
    let live = owned(
        &container(json!({"env": env(&["F", "A", "B", "G"])})),
        vec![applied(&container(json!({"env": env(&["A", "B"])})))],
    );
    let answer = sync(&container(json!({"env": env(&["B", "A"])})), &live, Force::Yes);
    assert_eq!(
        answer
            .predicted
            .unwrap()
            .pointer("/spec/template/spec/containers/0/env"),
        Some(&env(&["F", "B", "G", "A"]))
    );
}

#[test]
fn an_atomic_map_is_replaced_whole() {
    let with = manifest(json!({"containers": [{"name": "app", "image": "web:1"}], "nodeSelector": {"disk": "ssd"}}));
    let mut live = owned(&with, vec![applied(&with)]);
    live["spec"]["template"]["spec"]["nodeSelector"]["zone"] = json!("a");
    let answer = sync(&with, &live, Force::Yes);
    assert_eq!(
        answer.predicted.unwrap().pointer("/spec/template/spec/nodeSelector"),
        Some(&json!({"disk": "ssd"}))
    );
}

#[test]
fn a_document_that_does_not_fit_the_schema_is_told_with_its_path() {
    for (fields, field, message) in [
        (
            json!({"env": [{"name": "A"}, {"name": "A"}]}),
            ".spec.template.spec.containers[name=\"app\"].env",
            "duplicate entries for key [name=\"A\"]",
        ),
        (
            json!({"livenessprobe": {}}),
            ".spec.template.spec.containers[name=\"app\"].livenessprobe",
            "field not declared in schema",
        ),
        (
            json!({"env": [{"name": "A", "value": true}]}),
            ".spec.template.spec.containers[name=\"app\"].env[name=\"A\"].value",
            "expected string, got &value.valueUnstructured{Value:true}",
        ),
    ] {
        let git = container(fields);
        let answer = sync(&git, &owned(&container(json!({})), vec![]), Force::Yes);
        let cause = Cause {
            reason: String::new(),
            field: field.to_owned(),
            message: message.to_owned(),
        };
        assert_eq!((answer.verdict, answer.causes), (Verdict::Refused, vec![cause]));
    }
}

#[test]
fn an_annotation_that_would_grow_too_large_goes() {
    let mut desired = http();
    desired["metadata"]["annotations"] = json!({"notes": "n".repeat(140_000)});
    let kubectl = Syncer::by(Applier::Kubectl, Strategy::ServerSideApply, "kubectl");
    let answer = predict(&DEPLOYMENT, &desired, &made_by_kubectl(&http()), &kubectl);
    assert_eq!(answer.causes, vec![]);
    assert_eq!(
        answer.predicted.unwrap()["metadata"]["annotations"].get(LAST_APPLIED),
        None
    );
}

#[test]
fn a_number_of_more_bits_than_its_field_is_accepted_as_what_is_left_of_it() {
    let live = owned(&http(), vec![applied(&http())]);
    let mut desired = http();
    desired["spec"]["replicas"] = json!(-2_147_483_649_i64);
    let answer = sync(&desired, &live, Force::Yes);
    assert_eq!(
        (answer.causes, answer.predicted.unwrap()["spec"]["replicas"].clone()),
        (vec![], json!(2_147_483_647))
    );
}

#[test]
fn a_program_that_nobody_knows_leaves_out_of_a_dump_what_it_must_have_left_out_before() {
    let mut dumped = http();
    dumped["metadata"]["managedFields"] = json!([{"manager": "a", "operation": "Apply", "fieldsV1": {}}]);
    dumped["metadata"]["uid"] = json!("1");
    let asked = |manager: &str, live: &Value| {
        predict(
            &DEPLOYMENT,
            &dumped,
            live,
            &Syncer::by(Applier::of_manager(manager), Strategy::ServerSideApply, manager),
        )
        .verdict
    };
    assert_eq!(asked(TOOL, &owned(&http(), vec![applied(&http())])), Verdict::Clean);
    assert_eq!(
        asked(TOOL, &owned(&http(), vec![])),
        Verdict::Refused,
        "it never applied it"
    );
    for known in ["kubectl", "argocd-controller", "kustomize-controller"] {
        let live = owned(
            &http(),
            vec![entry(known, "Apply", fields_of(&DEPLOYMENT, &http()).to_value())],
        );
        assert_eq!(asked(known, &live), Verdict::Refused, "{known}");
    }
}
