//! After a heal the tool's next sync takes out what was healed, and what Git dropped before; whatever last-applied says
//! today.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::ownership::HEAL_MANAGER;
use crate::engine::plan::tests::{container, git, policy, snapshot, switched};
use crate::engine::plan::{Ground, Memory, StepKind, propose};
use crate::engine::predict::{Verdict, predict};
use crate::engine::remedy::whole::tests::{carried_out, document, places, synced};
use crate::engine::schema::UNIONS;
use crate::engine::source_facts::Met;
use crate::engine::{Policy, Remedy, Snapshot, assess};

const NAME: &str = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";

/// The incident with this annotation.
fn scene(applied: Option<&str>) -> Snapshot {
    let mut live = switched();
    let annotations = live["metadata"]["annotations"].as_object_mut().unwrap();
    match applied {
        Some(text) => drop(annotations.insert(LAST_APPLIED.to_owned(), text.into())),
        None => drop(annotations.remove(LAST_APPLIED)),
    }
    let mut scene = snapshot(git(), live);
    // What the cluster has instead of Git's handler is a person's, whatever the annotation says.
    scene.source.met = Met::Here;
    scene
}

/// Git with another handler.
fn next() -> Value {
    let mut git = git();
    container(&mut git)["livenessProbe"] = json!({"exec": {"command": ["true"]}, "periodSeconds": 5});
    git
}

/// Live after every step of the plan, as the server keeps it: whom a write makes the owner of the annotation, it says.
fn healed(snapshot: &Snapshot) -> (Vec<StepKind>, Value) {
    let plan = propose(snapshot, &assess(snapshot, &policy()), &policy(), &Memory::default()).unwrap();
    let desired = snapshot.desired.clone().unwrap().value;
    let mut live = snapshot.live.clone().unwrap();
    for step in &plan.steps {
        let before = live.clone();
        let ground = Ground {
            kind: &DEPLOYMENT,
            desired: &desired,
            live: &before,
            tool: &snapshot.tool,
            plan: &plan.hash,
            begun: None,
        };
        let request = step.render(&ground).unwrap().unwrap();
        json_patch::patch(&mut live, &request.patch).unwrap();
        if step.kind() == StepKind::Restore {
            let fields =
                json!({"f:metadata": {"f:annotations": {format!("f:{LAST_APPLIED}"): {}}}, "f:spec": {"f:paused": {}}});
            let ours = json!({"manager": HEAL_MANAGER, "operation": "Update", "apiVersion": "apps/v1",
                              "fieldsType": "FieldsV1", "fieldsV1": fields});
            live["metadata"]["managedFields"].as_array_mut().unwrap().push(ours);
        }
    }
    (plan.steps.iter().map(Step::kind).collect(), live)
}

#[test]
fn where_last_applied_does_not_name_a_healed_handler_the_restore_names_it() {
    let older = {
        let mut older = git();
        container(&mut older)["livenessProbe"] = json!({"grpc": {"port": 8080}});
        older.to_string()
    };
    let foreign = json!({"kind": "Deployment", "spec": {"template": {"spec": {"containers": null}}}}).to_string();
    for applied in [
        None,
        Some(""),
        Some("null"),
        Some("{}"),
        Some(older.as_str()),
        Some(foreign.as_str()),
    ] {
        let scene = scene(applied);
        let (kinds, live) = healed(&scene);
        assert_eq!(kinds, [StepKind::Restore, StepKind::Transfer], "{applied:?}");
        // The next change of the handler syncs, and the one back.
        let answer = predict(&DEPLOYMENT, &next(), &live, &scene.syncer);
        assert_eq!(
            (&answer.causes, answer.verdict),
            (&vec![], Verdict::Reverts),
            "{applied:?}"
        );
        // Nothing that is ours stays, and the annotation is the tool's.
        let managed = ManagedFields::of(&live);
        assert!(managed.entry(HEAL_MANAGER, Operation::Update, None).is_none());
        let tool = managed
            .entry("kubectl-client-side-apply", Operation::Update, None)
            .unwrap();
        assert!(
            tool.fields
                .contains(&FieldPath::of(&["metadata", "annotations", LAST_APPLIED])),
            "{applied:?}"
        );
    }
}

#[test]
fn an_annotation_that_names_what_is_healed_stays_as_it_is() {
    let named = git().to_string();
    let (kinds, live) = healed(&scene(Some(&named)));
    assert_eq!(
        (kinds, live.pointer(NAME)),
        (vec![StepKind::Restore, StepKind::Transfer], Some(&named.into()))
    );
}

#[test]
fn what_git_dropped_and_live_still_has_goes_at_the_next_sync_after_the_heal() {
    // Applied with a variable more than Git has now and without the probe, and the variable is still there.
    let mut applied = git();
    let probe = container(&mut applied).as_object_mut().unwrap().remove("livenessProbe");
    assert!(probe.is_some());
    let more = json!({"name": "GONE", "value": "x"});
    container(&mut applied)["env"]
        .as_array_mut()
        .unwrap()
        .push(more.clone());
    applied["spec"]["minReadySeconds"] = json!(9);
    let mut scene = scene(Some(&applied.to_string()));
    let live = scene.live.as_mut().unwrap();
    container(live)["env"].as_array_mut().unwrap().push(more);
    live["spec"]["minReadySeconds"] = json!(9);
    // It waits for a sync: the tool applied it, and Git has moved on.
    scene.source.synced = Some(std::sync::Arc::new({
        let mut synced = applied.clone();
        container(&mut synced)["livenessProbe"] =
            git()["spec"]["template"]["spec"]["containers"][0]["livenessProbe"].clone();
        synced
    }));
    let (kinds, live) = healed(&scene);
    assert_eq!(kinds, [StepKind::Restore, StepKind::Transfer]);
    let named: Value = serde_json::from_str(live.pointer(NAME).and_then(Value::as_str).unwrap()).unwrap();
    assert_eq!(
        named["spec"]["minReadySeconds"],
        json!(9),
        "the annotation still names what is to go"
    );
    let after = predict(&DEPLOYMENT, &git(), &live, &scene.syncer).predicted.unwrap();
    assert_eq!(
        after["spec"]
            .get("minReadySeconds")
            .filter(|seconds| **seconds != json!(0)),
        None
    );
    let variables: Vec<&str> = after
        .pointer("/spec/template/spec/containers/0/env")
        .and_then(Value::as_array)
        .unwrap()
        .iter()
        .map(|variable| variable["name"].as_str().unwrap())
        .collect();
    assert_eq!(variables, ["A", "B", "C"]);
}

#[test]
fn only_client_side_apply_asks_for_a_readable_annotation() {
    let (git, live) = (git(), switched());
    let paths = [FieldPath::of(&["spec", "paused"]), FieldPath::of(&["spec", "replicas"])];
    let mut bare = live.clone();
    bare["metadata"]["annotations"]
        .as_object_mut()
        .unwrap()
        .remove(LAST_APPLIED);
    let asked = |strategy, live: &Value, paths: &[FieldPath]| {
        unrecorded(
            &Facts::of(&DEPLOYMENT, &git, live),
            &Syncer::new(strategy, "tool"),
            paths,
        )
        .map(|paths| paths.len())
    };
    assert_eq!(
        asked(Strategy::ClientSideApply, &bare, &paths),
        Some(1),
        "what Git does not set is nothing to take out"
    );
    assert_eq!(
        asked(Strategy::ClientSideApply, &bare, &[]),
        Some(0),
        "a lost one is mended by a sync in any case"
    );
    assert_eq!(asked(Strategy::ClientSideApply, &live, &paths), None);
    assert_eq!(
        (
            asked(Strategy::ServerSideApply, &bare, &paths),
            asked(Strategy::Replace, &bare, &paths)
        ),
        (None, None)
    );
    bare["metadata"]["annotations"][LAST_APPLIED] = json!("[]");
    assert_eq!(
        asked(Strategy::ClientSideApply, &bare, &paths),
        None,
        "no apply goes on before a person has mended that"
    );
}

#[test]
fn where_git_moved_on_from_what_last_applied_does_not_name_there_is_a_way_out_though_nobody_changed_the_cluster() {
    let mut refused = 0;
    for place in places() {
        let union = UNIONS.iter().find(|union| union.of == place.0).unwrap();
        let choices: Vec<Value> = union.choices().collect();
        for (one, other) in choices
            .iter()
            .flat_map(|one| choices.iter().map(move |other| (one, other)))
            .filter(|(one, other)| one != other)
        {
            let context = format!("{}: Git had {one}, and has {other}", place.1);
            let (before, desired) = (document(&place, one), document(&place, other));
            let mut live = synced(&before, Strategy::ClientSideApply);
            live["metadata"]["annotations"] = json!({});
            let mut scene = Snapshot {
                syncer: Syncer::new(Strategy::ClientSideApply, "argocd-controller"),
                ..snapshot(desired.clone(), live)
            };
            scene.source.synced = Some(std::sync::Arc::new(before.clone()));
            if predict(&DEPLOYMENT, &desired, scene.live.as_ref().unwrap(), &scene.syncer)
                .causes
                .is_empty()
            {
                continue;
            }
            refused += 1;
            for remedy in [Remedy::Choose, Remedy::Restore] {
                let policy = Policy { remedy, ..policy() };
                let plan = propose(&scene, &assess(&scene, &policy), &policy, &Memory::default())
                    .unwrap_or_else(|why| panic!("{context}: {why}"));
                let after = carried_out(&scene, &plan, &context);
                // Git's value is there, and the next change syncs, too.
                for next in [&desired, &before] {
                    assert_eq!(
                        predict(&DEPLOYMENT, next, &after, &scene.syncer).causes,
                        vec![],
                        "{context}"
                    );
                }
            }
        }
    }
    assert!(refused > 20, "{refused}");
}
