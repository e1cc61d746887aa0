//! What is respected is taken from live before Git's side is compared.

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::engine::kind::DEPLOYMENT;

/// What Argo CD sends of `desired` over `live` where it respects these rules.
fn respected(rules: &Value, desired: &Value, live: &Value) -> Option<Value> {
    let difference = json_with(json!({"group": "apps", "kind": "Deployment"}), rules);
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
                             "metadata": {"namespace": "argocd", "name": "shop"},
        "spec": {"ignoreDifferences": [difference]}});
    let list = IgnoreList::read(&[file(&application.to_string())]);
    assert!(list.problems.is_empty(), "{:?}", list.problems);
    let id = ObjectId::of(live).unwrap();
    list.respected(
        Pair {
            kind: &DEPLOYMENT,
            id: &id,
            desired,
            live,
        },
        &Table::default(),
    )
}

fn json_with(mut object: Value, more: &Value) -> Value {
    json_patch::merge(&mut object, more);
    object
}

#[test]
fn what_is_respected_is_taken_from_live_and_all_else_is_gits() {
    let git = |spec: &Value| deployment("shop", spec, &json!([{"key": "a"}]));
    let (of_git, of_live) = (
        git(&json!({"replicas": 1, "minReadySeconds": 3})),
        git(&json!({"replicas": 5, "minReadySeconds": 4})),
    );
    let pointer = |pointers: &[&str]| json!({"jsonPointers": pointers});
    let sent = |rules: &Value, of_git: &Value, of_live: &Value| {
        respected(rules, of_git, of_live).map(|sent| sent["spec"].clone())
    };
    assert_eq!(
        sent(&pointer(&["/spec/replicas"]), &of_git, &of_live),
        Some(git(&json!({"replicas": 5, "minReadySeconds": 3}))["spec"].clone())
    );
    // What neither has takes nothing away.
    assert_eq!(sent(&pointer(&["/spec/paused"]), &of_git, &of_live), None);
    // Git does not set it: live's comes along; live does not have it: Git's goes.
    let bare = git(&json!({}));
    assert_eq!(
        sent(&pointer(&["/spec/replicas"]), &bare, &of_live).unwrap()["replicas"],
        json!(5)
    );
    assert_eq!(
        sent(&pointer(&["/spec/replicas"]), &of_git, &bare)
            .unwrap()
            .get("replicas"),
        None
    );
    // Another rule's kind is not this one's.
    assert_eq!(
        sent(
            &json_with(pointer(&["/spec/replicas"]), &json!({"kind": "StatefulSet"})),
            &of_git,
            &of_live
        ),
        None
    );
}

#[test]
fn within_a_list_live_s_value_comes_only_where_git_sets_the_field_too() {
    let with = |fields: &Value| {
        let mut object = deployment("shop", &json!({}), &json!([]));
        json_patch::merge(&mut object["spec"]["template"]["spec"]["containers"][0], fields);
        object
    };
    let get = with(&json!({"livenessProbe": {"httpGet": {"port": 80}, "periodSeconds": 5}}));
    let socket = with(&json!({"livenessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 5}}));
    let probe = "/spec/template/spec/containers/0/livenessProbe";
    let sent = |pointers: &[&str], git: &Value, live: &Value| {
        respected(&json!({"jsonPointers": pointers}), git, live)
            .map(|sent| sent.pointer(probe).cloned().unwrap_or_default())
    };
    assert_eq!(
        sent(&[probe], &get, &socket),
        Some(json!({"tcpSocket": {"port": 80}, "periodSeconds": 5}))
    );
    let handler = format!("{probe}/httpGet");
    assert_eq!(
        sent(&[&handler], &get, &socket),
        Some(json!({"periodSeconds": 5})),
        "live has none"
    );
    // The list is one value to Argo CD, and Git's is not touched by the rule: it stays whole.
    assert_eq!(
        sent(&[&format!("{probe}/tcpSocket")], &get, &socket),
        Some(json!({"httpGet": {"port": 80}, "periodSeconds": 5}))
    );
    let (one, two) = (with(&json!({"image": "web:2"})), with(&json!({"image": "web:3"})));
    let image = "/spec/template/spec/containers/0/image";
    let taken = respected(&json!({"jsonPointers": [image]}), &one, &two).unwrap();
    assert_eq!(taken.pointer(image), Some(&json!("web:3")));
}

#[test]
fn what_a_trusted_manager_owns_and_what_jq_names_is_taken_from_live() {
    let git = deployment(
        "shop",
        &json!({"replicas": 1, "minReadySeconds": 3}),
        &json!([{"key": "gpu", "value": "a"}]),
    );
    let mut live = deployment(
        "shop",
        &json!({"replicas": 5, "minReadySeconds": 4}),
        &json!([{"key": "gpu", "value": "b"}]),
    );
    let fields = json!({"f:spec": {"f:replicas": {}}});
    live["metadata"]["managedFields"] = json!([{"manager": "scaler", "operation": "Update", "apiVersion": "apps/v1",
                                                "fieldsType": "FieldsV1", "fieldsV1": fields}]);
    let sent = respected(&json!({"managedFieldsManagers": ["scaler"]}), &git, &live).unwrap();
    assert_eq!(
        (&sent["spec"]["replicas"], &sent["spec"]["minReadySeconds"]),
        (&json!(5), &json!(3))
    );
    assert_eq!(
        respected(&json!({"managedFieldsManagers": ["somebody"]}), &git, &live),
        None
    );
    let by_jq = json!({"jqPathExpressions": [".spec.template.spec.tolerations[] | select(.key == \"gpu\")"]});
    let sent = respected(&by_jq, &git, &live).unwrap();
    assert_eq!(
        sent.pointer("/spec/template/spec/tolerations"),
        Some(&json!([{"key": "gpu", "value": "b"}]))
    );
    assert_eq!(sent["spec"]["replicas"], json!(1));
}
