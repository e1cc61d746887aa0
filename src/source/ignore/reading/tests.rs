use pretty_assertions::assert_eq;
use serde_json::json;

use super::super::jq::{Ask, JqError};
use super::super::*;
use crate::engine::kind::DEPLOYMENT;

/// Names as many annotations as the expression says, each of them twice.
struct Numbered;

impl Ask for Numbered {
    fn pointers(&self, expression: &str, objects: &[&Value]) -> Result<Vec<Vec<String>>, JqError> {
        let (from, to) = expression.split_once("..").unwrap();
        let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
        let named: Vec<String> = (from..to)
            .chain(from..to)
            .map(|at| format!("/metadata/annotations/a{at}"))
            .collect();
        Ok(objects.iter().map(|_| named.clone()).collect())
    }
}

fn application(rules: Value) -> IgnoreList {
    let object = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web", "namespace": "argocd"},
        "spec": {"ignoreDifferences": rules},
    });
    IgnoreList::read(&[SourceFile {
        path: "web.yaml".to_owned(),
        bytes: object.to_string().into_bytes(),
    }])
}

fn kustomization(rules: Value) -> IgnoreList {
    let object = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"ignore": rules},
    });
    IgnoreList::read(&[SourceFile {
        path: "web.yaml".to_owned(),
        bytes: object.to_string().into_bytes(),
    }])
}

fn messages(problems: &[Remark]) -> Vec<String> {
    problems.iter().map(|problem| problem.message.clone()).collect()
}

/// The rules over a Deployment with this many annotations, and what is not in force over it.
fn over(list: &IgnoreList, annotations: usize) -> (Vec<IgnoreRule>, Vec<String>) {
    let annotations: Value = (0..annotations).map(|at| (format!("a{at}"), json!("x"))).collect();
    let object = json!({"apiVersion": "apps/v1", "kind": "Deployment",
                        "metadata": {"name": "web", "namespace": "shop", "annotations": annotations}});
    let id = ObjectId::of(&object).unwrap();
    let (rules, problems) = list.rules(
        Pair {
            kind: &DEPLOYMENT,
            id: &id,
            desired: &object,
            live: &object,
        },
        &Numbered,
    );
    (rules, messages(&problems))
}

fn pointers(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("/metadata/annotations/a{at}")).collect()
}

#[test]
fn an_object_has_a_hundred_rules_and_how_many_more_it_wants_is_told() {
    let beyond = "has 150 things to ignore in governed objects: the first 100 are in force, the other 50 are not";
    let list = application(json!([{"group": "apps", "kind": "Deployment", "jsonPointers": pointers(150)}]));
    assert_eq!(messages(&list.problems), [format!("Application argocd/web {beyond}")]);
    let (rules, problems) = over(&list, 150);
    assert_eq!((rules.len(), problems), (100, Vec::new()));
    assert_eq!(
        rules[99].reason,
        "Application argocd/web ignores /metadata/annotations/a99"
    );
    let list = kustomization(json!([{"paths": pointers(90)}, {"paths": pointers(60), "target": {"name": "web"}}]));
    assert_eq!(messages(&list.problems), [format!("Kustomization shop/web {beyond}")]);
    assert_eq!(over(&list, 150).0.len(), 100);
}

#[test]
fn a_megabyte_of_rules_is_counted_and_the_object_walked_for_those_in_force_alone() {
    let object = json!({"kind": "Application", "spec": {"ignoreDifferences": [{"jsonPointers": pointers(2_000)}]}});
    let document = &yaml::load(object.to_string().as_bytes(), "web.yaml").documents[0];
    for wrong in ["", "no pointer ", "/spec/a"] {
        let (mut list, walks) = (IgnoreList::default(), std::cell::Cell::new(0));
        let mut reading = Reading::of(&mut list, document, "web.yaml", "Application argocd/web".to_owned());
        let (deployments, services) = (target("Deployment"), target("Service"));
        for (at, pointer) in pointers(100)
            .into_iter()
            .chain((0..20_000).map(|at| format!("{wrong}{at}")))
            .enumerate()
        {
            let place = || {
                walks.set(walks.get() + 1);
                format!("/spec/ignoreDifferences/0/jsonPointers/{at}")
            };
            reading.ignore(place, &deployments, Ignored::Pointer(pointer.clone()));
            reading.ignore(place, &services, Ignored::Pointer(pointer));
        }
        reading.end();
        assert_eq!((list.entries.len(), walks.get()), (100, 101), "{wrong:?}");
        assert!(
            list.problems[0]
                .message
                .contains("has 20100 things to ignore in governed objects"),
            "{}",
            list.problems[0].message
        );
    }
}

fn target(kind: &str) -> Arc<Target> {
    Arc::new(Target::Globs {
        group: "apps".to_owned(),
        kind: kind.to_owned(),
        name: String::new(),
        namespace: String::new(),
    })
}

#[test]
fn what_is_said_twice_or_is_for_other_kinds_does_not_count() {
    let deployments = json!({"group": "apps", "kind": "Deployment", "jsonPointers": pointers(60)});
    let services = json!({"group": "", "kind": "Service", "jsonPointers": pointers(60)});
    let twice = [pointers(40), pointers(40)].concat();
    let list =
        application(json!([services, deployments, deployments, {"group": "*", "kind": "*", "jsonPointers": twice}]));
    assert_eq!(messages(&list.problems), [""; 0]);
    assert_eq!(over(&list, 60).0.len(), 100);
}

#[test]
fn what_is_too_long_is_told_shortly_and_each_kind_of_it() {
    let long = "x".repeat(100_000);
    let of = |rule: Value| {
        let mut whole = json!({"group": "apps", "kind": "Deployment"});
        json_patch::merge(&mut whole, &rule);
        let list = application(json!([whole]));
        assert!(list.is_empty());
        let told = messages(&list.problems);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].len() < 500, "{}", told[0].len());
        told[0].clone()
    };
    assert!(
        of(json!({"jsonPointers": [format!("/{long}")]}))
            .starts_with("a JSON Pointer in Application argocd/web has 100001 bytes and may have 2048")
    );
    assert!(of(json!({"jsonPointers": [long]})).contains("is no JSON Pointer to a field"));
    assert!(of(json!({"jqPathExpressions": [long]})).starts_with("a jq expression in "));
    assert!(of(json!({"managedFieldsManagers": [long]})).starts_with("the name of a manager in "));
    assert!(of(json!({"managedFieldsManagers": vec!["a"; 65]})).contains("names 65 managers and may name 64"));
    assert!(of(json!({"group": long, "jsonPointers": ["/spec"]})).contains("has 100000 bytes and may have 1024"));
    assert!(of(json!({"kind": [long]})).contains("cannot be read"));
    let selected = |target: Value| messages(&kustomization(json!([{"paths": ["/spec"], "target": target}])).problems);
    for target in [
        json!({"name": long}),
        json!({"labelSelector": long}),
        json!({"name": "(a{100}){100}"}),
        json!({"name": "("}),
    ] {
        let told = selected(target);
        assert!(
            told.len() == 1 && told[0].starts_with("the target of rule 0 of ") && told[0].len() < 500,
            "{told:?}"
        );
    }
}

#[test]
fn many_faults_are_counted() {
    let wrong: Vec<String> = (0..1_000).map(|at| format!("spec{at}")).collect();
    let list = application(json!([{"group": "apps", "kind": "Deployment", "jsonPointers": wrong}]));
    let told = messages(&list.problems);
    assert_eq!(told.len(), 21);
    assert_eq!(told[20], "980 more rules of Application argocd/web are not in force");
}

#[test]
fn an_expression_and_all_of_them_together_name_so_many_fields_and_no_more() {
    let expressions = |expressions: &[&str]| {
        application(json!([{"group": "apps", "kind": "Deployment", "jqPathExpressions": expressions}]))
    };
    let (rules, problems) = over(&expressions(&["0..1000"]), 1_001);
    assert_eq!(
        (rules[0].paths.len(), problems),
        (1_000, Vec::new()),
        "each field counts once"
    );
    let (rules, problems) = over(&expressions(&["0..1001", "0..5"]), 1_001);
    assert_eq!(
        problems,
        ["the jq expression \"0..1001\" names 1001 fields of one object and may name 1000"]
    );
    assert_eq!(rules.len(), 1, "the other one is in force");
    let (rules, problems) = over(&expressions(&["0..1000", "1000..2000", "2000..2001", "0..1"]), 3_000);
    assert_eq!(rules.len(), 2);
    assert!(
        problems.len() == 1 && problems[0].contains("this one and those after it are not in force there"),
        "{problems:?}"
    );
}
