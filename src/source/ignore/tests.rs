use std::cell::RefCell;

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::engine::diff::compare;
use crate::engine::kind::DEPLOYMENT;
use crate::source::ignore::jq::{Ask, JqError};

mod respected;

/// Answers from a table; what is not in it takes too long.
#[derive(Default)]
struct Table {
    asked: RefCell<Vec<String>>,
}

impl Ask for Table {
    fn pointers(&self, expression: &str, objects: &[&Value]) -> Result<Vec<Vec<String>>, JqError> {
        self.asked.borrow_mut().push(expression.to_owned());
        match expression {
            ".spec.template.spec.tolerations[] | select(.key == \"gpu\")" => {
                let place = |object: &&Value| {
                    let list = object
                        .pointer("/spec/template/spec/tolerations")
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten();
                    let found = list.enumerate().filter(|(_, item)| item["key"] == "gpu");
                    found
                        .map(|(at, _)| format!("/spec/template/spec/tolerations/{at}"))
                        .collect()
                };
                Ok(objects.iter().map(place).collect())
            }
            _ => Err(JqError::TimeOver {
                expression: expression.to_owned(),
            }),
        }
    }
}

fn file(text: &str) -> SourceFile {
    SourceFile {
        path: "rules.yaml".to_owned(),
        bytes: text.as_bytes().to_vec(),
    }
}

fn deployment(namespace: &str, spec: &Value, tolerations: &Value) -> Value {
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace, "labels": {"app": "web"}},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}], "tolerations": tolerations}}}});
    for (name, value) in spec.as_object().unwrap() {
        object["spec"][name] = value.clone();
    }
    object
}

/// What stays a drift, and the reasons for what does not.
fn weigh(list: &IgnoreList, desired: &Value, live: &Value) -> (Vec<String>, Vec<String>, Vec<String>) {
    let id = ObjectId::of(live).unwrap();
    let (rules, problems) = list.rules(
        Pair {
            kind: &DEPLOYMENT,
            id: &id,
            desired,
            live,
        },
        &Table::default(),
    );
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let (mut told, mut reasons) = (Vec::new(), Vec::new());
    for change in compare(&DEPLOYMENT, desired, live) {
        match rules.iter().find(|rule| rule.covers(&DEPLOYMENT, &change, &[], now)) {
            Some(rule) => reasons.push(rule.reason.clone()),
            None => told.push(change.path.to_string()),
        }
    }
    (told, reasons, problems.iter().map(ToString::to_string).collect())
}

const APPLICATION: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd}
spec:
  ignoreDifferences:
    - group: apps
      kind: Deployment
      jsonPointers:
        - /spec/replicas
        - /spec/template/spec/containers/0/image
    - group: "*"
      kind: "*"
      namespace: blue
      jqPathExpressions:
        - '.spec.template.spec.tolerations[] | select(.key == "gpu")'
    - group: apps
      kind: StatefulSet
      jsonPointers: [/spec/paused]
"#;

#[test]
fn takes_the_fields_of_an_application_out_of_what_is_told() {
    let list = IgnoreList::read(&[file(APPLICATION)]);
    assert_eq!(list.problems, []);
    let desired = deployment("shop", &json!({"replicas": 2, "paused": true}), &json!([]));
    let mut live = deployment(
        "shop",
        &json!({"replicas": 5}),
        &json!([{"key": "gpu", "operator": "Exists"}]),
    );
    live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("web:2");
    let (told, reasons, problems) = weigh(&list, &desired, &live);
    assert_eq!(told, [".spec.paused", ".spec.template.spec.tolerations"]);
    let origin = "Application argocd/web ignores";
    assert_eq!(
        reasons,
        [
            format!("{origin} /spec/replicas"),
            format!("{origin} /spec/template/spec/containers/0/image")
        ]
    );
    assert_eq!(problems, [] as [&str; 0]);
}

#[test]
fn takes_items_out_of_a_list_that_is_one_value_and_tells_what_else_differs_in_it() {
    let list = IgnoreList::read(&[file(APPLICATION)]);
    let desired = deployment("blue", &json!({}), &json!([{"key": "spot", "operator": "Exists"}]));
    let gpu = json!({"key": "gpu", "operator": "Exists"});
    let live = deployment("blue", &json!({}), &json!([gpu, {"key": "spot", "operator": "Exists"}]));
    assert_eq!(weigh(&list, &desired, &live).0, [] as [&str; 0]);
    let also_changed = deployment(
        "blue",
        &json!({}),
        &json!([gpu, {"key": "spot", "operator": "Equal", "value": "x"}]),
    );
    assert_eq!(
        weigh(&list, &desired, &also_changed).0,
        [".spec.template.spec.tolerations"]
    );
}

#[test]
fn reads_the_rules_of_a_whole_instance() {
    let text = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd}
data:
  resource.customizations.ignoreDifferences.apps_Deployment: |
    jsonPointers: [/spec/replicas]
  resource.customizations.ignoreDifferences.all: |
    managedFieldsManagers: [canary-bot]
  resource.customizations: |
    apps/Deployment:
      ignoreDifferences: |
        jsonPointers: [/spec/paused]
"#;
    let list = IgnoreList::read(&[file(text)]);
    assert_eq!(list.problems, []);
    let desired = deployment("shop", &json!({"replicas": 2, "paused": true}), &json!([]));
    let live = deployment("shop", &json!({"replicas": 3}), &json!([]));
    let (told, reasons, _) = weigh(&list, &desired, &live);
    assert_eq!((told.len(), reasons.len()), (0, 2));
    let id = ObjectId::of(&live).unwrap();
    let (rules, _) = list.rules(
        Pair {
            kind: &DEPLOYMENT,
            id: &id,
            desired: &desired,
            live: &live,
        },
        &Table::default(),
    );
    assert!(
        rules
            .iter()
            .any(|rule| rule.managers == ["canary-bot"] && rule.paths.is_empty()),
        "{rules:?}"
    );
}

#[test]
fn reads_flux_and_our_own_watches_and_lists_of_them() {
    let text = r#"
apiVersion: v1
kind: List
items:
- apiVersion: kustomize.toolkit.fluxcd.io/v1
  kind: Kustomization
  metadata: {name: shop, namespace: flux-system}
  spec:
    ignore:
    - paths: [/spec/replicas]
      target: {kind: Deployment, labelSelector: app=web}
    - paths: [/spec/paused]
      target: {kind: Deploy}
- apiVersion: helm.toolkit.fluxcd.io/v2
  kind: HelmRelease
  metadata: {name: shop, namespace: flux-system}
  spec: {driftDetection: {ignore: [{paths: [/spec/minReadySeconds]}]}}
- apiVersion: driftmend.dev/v1alpha1
  kind: DriftWatch
  metadata: {name: shop, namespace: shop}
  spec: {ignore: [{paths: [.spec.revisionHistoryLimit], reason: ours}]}
"#;
    let list = IgnoreList::read(&[file(text)]);
    assert_eq!(list.problems, []);
    let desired = deployment(
        "shop",
        &json!({"replicas": 2, "paused": true, "minReadySeconds": 1, "revisionHistoryLimit": 1}),
        &json!([]),
    );
    let live = deployment(
        "shop",
        &json!({"replicas": 3, "minReadySeconds": 2, "revisionHistoryLimit": 2}),
        &json!([]),
    );
    let (told, reasons, _) = weigh(&list, &desired, &live);
    assert_eq!(told, [".spec.paused"]);
    let wanted = [
        "HelmRelease flux-system/shop ignores /spec/minReadySeconds",
        "Kustomization flux-system/shop ignores /spec/replicas",
        "ours",
    ];
    assert_eq!(reasons, wanted);
}

#[test]
fn names_the_line_of_what_is_not_in_force() {
    let broken = APPLICATION
        .replace("- /spec/replicas", "- spec.replicas")
        .replace(".key == \"gpu\"", ".key");
    let list = IgnoreList::read(&[file(&broken), file("kind: Pod\napiVersion: v1\n"), file("a: [\n")]);
    let problems: Vec<String> = list
        .problems
        .iter()
        .map(|problem| format!("{:?} {}", problem.line, problem.message))
        .collect();
    assert_eq!(
        problems[0],
        "Some(10) \"spec.replicas\" in Application argocd/web is no JSON Pointer to a field"
    );
    assert_eq!(problems[1], "None the file holds nothing that has ignore rules");
    assert_eq!(problems.len(), 3, "{problems:?}");
    let mistyped = APPLICATION.replace("group: \"*\"", "group: [1]");
    assert_eq!(IgnoreList::read(&[file(&mistyped)]).problems.len(), 1);
    let (desired, live) = (
        deployment("blue", &json!({}), &json!([])),
        deployment("blue", &json!({"replicas": 3}), &json!([])),
    );
    let (_, _, problems) = weigh(&list, &desired, &live);
    assert!(
        problems[0].starts_with("rules.yaml:16: the jq expression ") && problems[0].contains("did not end within 1 s"),
        "{problems:?}"
    );
}

#[test]
fn a_rule_of_managers_covers_what_they_own() {
    let list = IgnoreList::read(&[file(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web}\nspec:\n  ignoreDifferences:\n  - \
         {group: apps, kind: Deployment, managedFieldsManagers: [bot]}\n",
    )]);
    let mut live = deployment("shop", &json!({"replicas": 3}), &json!([]));
    live["metadata"]["managedFields"] = json!([{"manager": "bot", "operation": "Update", "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
    let desired = deployment("shop", &json!({"replicas": 2}), &json!([]));
    let id = ObjectId::of(&live).unwrap();
    let (rules, _) = list.rules(
        Pair {
            kind: &DEPLOYMENT,
            id: &id,
            desired: &desired,
            live: &live,
        },
        &Table::default(),
    );
    let managed = crate::engine::ownership::ManagedFields::of(&live);
    let change = compare(&DEPLOYMENT, &desired, &live).remove(0);
    let owners = managed.owners(DEPLOYMENT.root, &change.path);
    assert!(
        rules[0].covers(&DEPLOYMENT, &change, &owners, "2026-01-01T00:00:00Z".parse().unwrap()),
        "{owners:?}"
    );
    assert_eq!(rules[0].reason, "Application web ignores what bot owns");
}
