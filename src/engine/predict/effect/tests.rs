//! What a sync makes differ although it does not today, and what holds for every prediction.

use pretty_assertions::assert_eq;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Prediction, predict, predict_knowing};
use super::*;
use crate::engine::diff::{Evidence, classify_and_compare, compare, expected};
use crate::engine::kind::DEPLOYMENT;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::schema::apply_defaults;
use crate::engine::schema::arbitrary::neighbours;
use crate::engine::syncer::{Strategy, Syncer};

const STRATEGIES: [Strategy; 3] = [Strategy::ClientSideApply, Strategy::ServerSideApply, Strategy::Replace];

fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
           "fieldsV1": fields})
}

/// A Deployment with this pod and these members of its spec.
fn deployment(pod: &Value, spec: &Value) -> Value {
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment",
                            "metadata": {"name": "web", "namespace": "shop"}, "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}},
                     "spec": {"containers": [{"name": "app", "image": "app:1"}]}}}});
    json_patch::merge(&mut object["spec"]["template"]["spec"], pod);
    json_patch::merge(&mut object["spec"], spec);
    object
}

/// What the server holds of `object` after a sync of `applied`.
fn stored(object: &Value, applied: &Value, syncer: &Syncer) -> Value {
    let mut live = object.clone();
    apply_defaults(DEPLOYMENT.root, &mut live);
    live["metadata"]["uid"] = json!("u");
    let fields = super::super::server_side::fields_of(&DEPLOYMENT, applied).to_value();
    match syncer.strategy {
        Strategy::ServerSideApply => {
            live["metadata"]["managedFields"] = json!([entry(&syncer.manager, "Apply", &fields)])
        }
        Strategy::ClientSideApply | Strategy::Replace => {
            live["metadata"]["annotations"][LAST_APPLIED] = json!(applied.to_string());
            live["metadata"]["managedFields"] = json!([entry(&syncer.manager, "Update", &fields)]);
        }
    }
    live
}

fn syncer(strategy: Strategy) -> Syncer {
    Syncer::new(strategy, "shipper")
}

/// The prediction with what weighs nothing weighed.
fn weighed(desired: &Value, live: &Value, syncer: &Syncer) -> Prediction {
    let facts = Facts::of(&DEPLOYMENT, desired, live);
    let evidence = Evidence {
        kind: &DEPLOYMENT,
        desired,
        live,
        managed: &facts.managed,
        syncer,
        witness: crate::engine::diff::Witness::default(),
        rules: &[],
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let (drifts, paths) = classify_and_compare(&evidence, &facts.wanted, facts.stored(), &facts.last_applied);
    predict_knowing(&facts, syncer, || paths)
        .weighed(&facts, &drifts, |_| false)
        .prediction
}

fn texts(paths: &[FieldPath]) -> Vec<String> {
    paths.iter().map(ToString::to_string).collect()
}

fn container(fields: &Value) -> Value {
    let mut container = json!({"name": "app", "image": "app:1"});
    json_patch::merge(&mut container, fields);
    json!({"containers": [container]})
}

#[test]
fn a_patch_that_goes_by_one_key_breaks_what_is_as_git_says() {
    let env = |names: &[&str]| -> Value {
        let all: Vec<Value> = names.iter().map(|name| json!({"name": name, "value": "x"})).collect();
        container(&json!({"env": all}))
    };
    let port = |name: &str, number: i32| json!({"name": name, "containerPort": number});
    let ports = |ports: &[Value]| container(&json!({"ports": ports}));
    let spread = |hard: i32, soft: i32| {
        let one = |skew: i32, when: &str| {
            json!({"maxSkew": skew, "topologyKey": "zone", "whenUnsatisfiable": when,
                                                 "labelSelector": {}})
        };
        json!({"topologySpreadConstraints": [one(hard, "DoNotSchedule"), one(soft, "ScheduleAnyway")]})
    };
    let mount = |paths: &[(&str, bool)]| -> Value {
        let all: Vec<Value> = paths
            .iter()
            .map(|(path, read)| json!({"name": "data", "mountPath": path, "readOnly": read}))
            .collect();
        json_patch_of(
            container(&json!({"volumeMounts": all})),
            &json!({"volumes": [{"name": "data", "emptyDir": {}}]}),
        )
    };
    let hosts = |names: &[&[&str]]| -> Value {
        let all: Vec<Value> = names
            .iter()
            .map(|names| json!({"ip": "10.0.0.1", "hostnames": names}))
            .collect();
        json!({"hostAliases": all})
    };
    let of_app = ".spec.template.spec.containers[name=\"app\"]";
    let cases = [
        // Git took one of two equal names out.
        (
            env(&["A", "MODE", "B"]),
            env(&["A", "MODE", "B", "MODE"]),
            vec![format!("{of_app}.env[name=\"MODE\"]")],
        ),
        // Git gave the second of two ports on one number a number of its own.
        (
            ports(&[port("http", 90), port("admin", 91)]),
            ports(&[port("http", 90), port("admin", 90)]),
            vec![format!("{of_app}.ports[containerPort=90,protocol=\"TCP\"]")],
        ),
        // The soft constraint changes in Git, and the patch finds the hard one first.
        (
            spread(1, 5),
            spread(1, 2),
            vec![
                ".spec.template.spec.topologySpreadConstraints\
                 [topologyKey=\"zone\",whenUnsatisfiable=\"DoNotSchedule\"].maxSkew"
                    .to_owned(),
            ],
        ),
        (
            hosts(&[&["a"]]),
            hosts(&[&["a"], &["b"]]),
            vec![".spec.template.spec.hostAliases".to_owned()],
        ),
        (
            mount(&[("/a", false), ("/b", true)]),
            mount(&[("/a", false), ("/b", false)]),
            vec![],
        ),
        (env(&["A", "B"]), env(&["A", "C"]), vec![]),
    ];
    for (now, before, breaks) in cases {
        let (now, before) = (deployment(&now, &json!({})), deployment(&before, &json!({})));
        for strategy in STRATEGIES {
            let live = stored(&before, &before, &syncer(strategy));
            let answer = predict(&DEPLOYMENT, &now, &live, &syncer(strategy));
            let wanted = if strategy == Strategy::ClientSideApply {
                breaks.clone()
            } else {
                Vec::new()
            };
            assert_eq!(texts(&answer.breaks), wanted, "{strategy:?} {:?}", answer.causes);
            let residual = compare(&DEPLOYMENT, &now, &answer.predicted.unwrap());
            assert_eq!(
                answer.residual,
                residual.into_iter().map(|change| change.path).collect::<Vec<_>>(),
                "{strategy:?}"
            );
        }
    }
}

fn json_patch_of(mut object: Value, patch: &Value) -> Value {
    json_patch::merge(&mut object, patch);
    object
}

/// The Deployment after an autoscaler set five replicas, by this manager through this subresource.
fn scaled(before: &Value, syncer: &Syncer, manager: &str, subresource: Option<&str>) -> Value {
    let mut live = stored(before, before, syncer);
    live["spec"]["replicas"] = json!(5);
    let mut by = entry(manager, "Update", &json!({"f:spec": {"f:replicas": {}}}));
    if let Some(subresource) = subresource {
        by["subresource"] = subresource.into();
    }
    let entries = live["metadata"]["managedFields"].as_array_mut().unwrap();
    // Who changes a value takes it from all others.
    entries[0]["fieldsV1"]["f:spec"]
        .as_object_mut()
        .unwrap()
        .remove("f:replicas");
    entries.push(by);
    live
}

#[test]
fn what_a_rule_ignores_and_the_sync_sets_is_told_with_its_values_and_its_writer() {
    let with = |replicas: i32| deployment(&json!({}), &json!({"replicas": replicas}));
    let without = deployment(&json!({}), &json!({}));
    for (manager, subresource) in [
        ("kube-controller-manager", Some("scale")),
        ("keda-operator", Some("scale")),
        ("flagger", None),
    ] {
        for (strategy, before, now, to) in [
            (Strategy::ClientSideApply, with(3), with(3), Some(3)),
            (Strategy::ClientSideApply, with(3), without.clone(), Some(1)),
            (Strategy::ClientSideApply, without.clone(), without.clone(), None),
            (Strategy::ServerSideApply, with(3), with(3), Some(3)),
            (Strategy::ServerSideApply, with(3), without.clone(), None),
            (Strategy::ServerSideApply, without.clone(), without.clone(), None),
            (Strategy::Replace, with(3), with(3), Some(3)),
            (Strategy::Replace, without.clone(), without.clone(), Some(1)),
            (Strategy::ClientSideApply, with(5), with(5), None),
        ] {
            let live = scaled(&before, &syncer(strategy), manager, subresource);
            let answer = weighed(&now, &live, &syncer(strategy));
            let told: Vec<_> = answer
                .overwrites
                .iter()
                .map(|one| (one.path.to_string(), one.from.clone(), one.to.clone()))
                .collect();
            let wanted = to.map(|to| (".spec.replicas".to_owned(), Some(json!(5)), Some(json!(to))));
            assert_eq!(
                told,
                wanted.into_iter().collect::<Vec<_>>(),
                "{manager} {strategy:?} {now}"
            );
            assert!(answer.overwrites.iter().all(|one| one.owners[0].manager == manager));
            if to.is_some() {
                assert_eq!(
                    (answer.verdict, answer.residual),
                    (Verdict::Reverts, vec![]),
                    "an overwrite alone"
                );
            }
        }
    }
}

#[test]
fn the_servers_own_number_and_the_tools_own_marks_are_no_overwrite_and_nothing_that_is_left() {
    let git = deployment(&json!({}), &json!({}));
    for strategy in STRATEGIES {
        let mut live = stored(&git, &git, &syncer(strategy));
        live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("7");
        let answer = weighed(&git, &live, &syncer(strategy));
        assert_eq!(
            (answer.verdict, answer.residual, answer.overwrites),
            (Verdict::Clean, vec![], vec![]),
            "{strategy:?}"
        );
        live["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = json!("shop");
        assert_eq!(weighed(&git, &live, &syncer(strategy)).overwrites, [], "{strategy:?}");
        live["metadata"]["annotations"]["example.com/note"] = json!("by hand");
        let told = weighed(&git, &live, &syncer(strategy)).overwrites;
        assert_eq!(
            told.len(),
            usize::from(strategy == Strategy::Replace),
            "a replace takes away what others added"
        );
    }
}

/// Without the server's own words and the annotation of what was applied last.
fn bookless(object: &Value) -> Value {
    let mut bare = expected(&DEPLOYMENT, object).to_value();
    if bare
        .pointer("/metadata/annotations")
        .and_then(Value::as_object)
        .is_some_and(serde_json::Map::is_empty)
    {
        bare["metadata"].as_object_mut().unwrap().remove("annotations");
    }
    if bare["metadata"].as_object().is_some_and(serde_json::Map::is_empty) {
        bare.as_object_mut().unwrap().remove("metadata");
    }
    bare
}

/// A Deployment, what the cluster has instead, and what comes of a sync: live, what Git says, or something by chance.
fn sync() -> impl proptest::prelude::Strategy<Value = (Value, Value, Value)> {
    proptest::strategy::Strategy::prop_map(
        (neighbours(), neighbours(), 0..3),
        |((desired, live), (other, neighbour), which)| {
            let whole = |mut object: Value| {
                apply_defaults(DEPLOYMENT.root, &mut object);
                object
            };
            let made = match which {
                0 => whole(live.clone()),
                1 => whole(desired.clone()),
                _ => whole(neighbour),
            };
            (if which == 2 { other } else { desired }, whole(live), made)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn whatever_a_sync_makes_what_it_breaks_is_left_and_clean_is_what_changes_nothing((desired, live, made) in sync()) {
        let facts = Facts::of(&DEPLOYMENT, &desired, &live);
        let Effect { verdict, residual, breaks, after } = effect(&facts, || facts.changed_paths(), &Tree::of(&made));
        prop_assert!(breaks.iter().all(|path| residual.contains(path)), "{breaks:?} {residual:?}");
        let left = compare(&DEPLOYMENT, &desired, &made);
        prop_assert!(left.iter().all(|change| residual.contains(&change.path) || is_pull_policy(&DEPLOYMENT, change)));
        prop_assert!(residual.iter().all(|path| left.iter().any(|change| change.path == *path)));
        let changes_nothing = bookless(&made) == bookless(&live);
        prop_assert_eq!(after.is_none(), changes_nothing);
        prop_assert_eq!(verdict == Verdict::Clean, changes_nothing && residual.is_empty());
        if changes_nothing {
            prop_assert!(breaks.is_empty());
        }
        for path in breaks {
            let today = facts.changed_paths();
            prop_assert!(!today.contains(&path) || path.get(&live).is_some(), "{path} differs today");
        }
    }

    #[test]
    fn a_prediction_tells_all_that_differs_afterwards_and_clean_is_a_sync_that_changes_nothing(
        (desired, other) in neighbours(),
        before in any::<bool>(),
    ) {
        for strategy in STRATEGIES {
            let syncer = syncer(strategy);
            let live = stored(&other, if before { &other } else { &desired }, &syncer);
            let answer = predict(&DEPLOYMENT, &desired, &live, &syncer);
            if !answer.causes.is_empty() {
                continue;
            }
            let predicted = answer.predicted.unwrap();
            let (breaks, residual) = (&answer.breaks, &answer.residual);
            prop_assert!(breaks.iter().all(|path| residual.contains(path)), "{:?} {:?}", breaks, residual);
            let left = compare(&DEPLOYMENT, &desired, &predicted);
            for change in &left {
                let is_pull_policy = is_pull_policy(&DEPLOYMENT, change);
                prop_assert!(residual.contains(&change.path) || is_pull_policy, "{:?} is not told", change);
            }
            prop_assert!(residual.iter().all(|path| left.iter().any(|change| change.path == *path)));
            let changes_nothing = bookless(&predicted) == bookless(&live);
            prop_assert_eq!(answer.verdict == Verdict::Clean, changes_nothing && residual.is_empty(), "{:?}", strategy);
            prop_assert_eq!(answer.verdict == Verdict::Residual, !residual.is_empty());
        }
    }
}
