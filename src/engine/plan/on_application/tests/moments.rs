//! What is offered while a sync runs or was asked for by a person, after somebody stopped one or a comparison failed,
//! and where a sync of the Deployment alone leaves something.

use pretty_assertions::assert_eq;

use super::*;

#[test]
fn what_somebody_terminated_is_not_run_again_with_its_hooks() {
    let failed = without_self_heal(with_hook(with_state("Failed", HERE)));
    assert_eq!(acts(&failed, Before::InSync).unwrap(), ["refresh", "clear"]);
    let terminated = set(failed, "/status/operationState/message", json!("Operation terminated"));
    assert_eq!(acts(&terminated, Before::InSync).unwrap(), ["refresh", "replace"]);
    let told = follow(&terminated, Before::InSync).unwrap().cautions;
    assert!(told.iter().any(|caution| {
        caution.id == "Terminated"
            && caution
                .text
                .ends_with("hooks, which only a sync of the whole application runs")
    }));
}

#[test]
fn a_sync_that_waits_before_it_comes_to_the_deployment_is_not_waited_for() {
    for words in [
        "waiting for completion of hook batch/Job/migrate",
        "waiting for healthy state of apps/Deployment/first",
    ] {
        let waiting = set(under_way("Running"), "/status/operationState/message", json!(words));
        let before = follow(&waiting, Before::InSync).unwrap();
        assert_eq!(before.waits, None, "{words}: healed now, the running sync succeeds");
        assert!(before.cautions.iter().any(|caution| caution.id == "BeforeItsTurn"));
        let applied = json!([{"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop",
                              "name": "web", "status": "Synced"}]);
        let after = follow(
            &set(waiting, "/status/operationState/syncResult/resources", applied),
            Before::InSync,
        )
        .unwrap();
        assert!(after.waits.is_some() && after.cautions.is_empty(), "{after:?}");
        assert_eq!(before.steps, after.steps, "the same plan");
    }
}

#[test]
fn what_a_sync_of_the_deployment_alone_leaves_to_a_person_is_said_before() {
    let left = follow(
        &always_manual(with_more_left(with_state("Failed", HERE))),
        Before::InSync,
    )
    .unwrap();
    assert!(
        left.cautions.iter().any(|caution| caution.id == "LeftUndone"),
        "{left:?}"
    );
    let healed = follow(&with_more_left(with_state("Failed", HERE)), Before::InSync).unwrap();
    assert!(
        !healed.cautions.iter().any(|caution| caution.id == "LeftUndone"),
        "self-heal brings it: {healed:?}"
    );
}

#[test]
fn a_commit_elsewhere_is_no_other_plan_where_the_deployment_alone_is_synced() {
    let elsewhere = "5eedc0de5eedc0de5eedc0de5eedc0de5eedc0de";
    let at = |compared: &str, head: &str, same_at: Option<&str>, of: fn(Value) -> Value| {
        let retry = set(
            out_of_sync(under_way("Running")),
            "/status/operationState/finishedAt",
            json!("2026-03-02T10:00:04Z"),
        );
        let object = set(of(retry), "/status/sync/revision", json!(compared));
        let source = SourceFacts {
            same_at: same_at.map(str::to_owned),
            ..from(head)
        };
        let after = follows(&argo_cd(&object), Before::InSync, &source, &Memory::default()).unwrap();
        after.steps.iter().map(Step::intent).collect::<Vec<_>>()
    };
    let first = at(HERE, HERE, None, |object| object);
    assert_eq!(
        at(HERE, elsewhere, Some(HERE), |object| object),
        first,
        "before Argo CD compared it"
    );
    assert_eq!(at(elsewhere, elsewhere, None, |object| object), first, "and after");
    // Argo CD gave up at the commit before, and its sync of this one follows at once.
    let failed = set(
        out_of_sync(with_state("Failed", HERE)),
        "/status/sync/revision",
        json!(elsewhere),
    );
    let after = follows(&argo_cd(&failed), Before::InSync, &from(elsewhere), &Memory::default()).unwrap();
    assert_eq!(
        after.steps.iter().map(Step::intent).collect::<Vec<_>>(),
        first,
        "between both"
    );
    // Nobody syncs the new commit of a manual one.
    let manual = always_manual(failed);
    let after = follows(&argo_cd(&manual), Before::InSync, &from(elsewhere), &Memory::default()).unwrap();
    assert_eq!(after.steps.len(), 1);
    // What a sync of the whole brings is another thing at another commit.
    assert_ne!(
        at(elsewhere, elsewhere, None, with_hook),
        at(HERE, HERE, None, with_hook)
    );
}

#[test]
fn of_one_source_in_a_list_the_commit_is_written_in_a_list_also_where_a_heal_goes_on() {
    let mut listed = partial(out_of_sync(with_state("Failed", HERE)));
    let start = step(&listed, Before::NeedsSync, 1);
    let sync = listed["status"]["sync"].as_object_mut().unwrap();
    sync.remove("revision");
    sync.insert("revisions".to_owned(), json!([HERE]));
    let patch = serde_json::to_value(start.render(Some(&read(&listed)), PLAN).unwrap().unwrap()).unwrap();
    let sync = &patch.as_array().unwrap().last().unwrap()["value"]["sync"];
    assert_eq!((sync.get("revision"), &sync["revisions"]), (None, &json!([HERE])));
}

#[test]
fn after_a_comparison_that_failed_no_sync_is_planned() {
    let mut failed = out_of_sync(with_state("Failed", HERE));
    failed["status"]["sync"] = json!({"status": "Unknown", "revision": "main"});
    for before in [Before::NeedsSync, Before::InSync, Before::Unrecorded] {
        let acts = acts(&failed, before);
        assert!(
            acts.as_ref().is_ok_and(|acts| acts == &["refresh"]) || acts.is_err(),
            "{before:?}: {acts:?}"
        );
    }
}

#[test]
fn a_persons_own_new_sync_makes_another_plan_and_its_retries_do_not() {
    let by_ada = |object: Value| {
        let by = json!({"username": "ada"});
        let object = set(
            out_of_sync(object),
            "/status/operationState/operation/initiatedBy",
            by.clone(),
        );
        if object.get("operation").is_some() {
            set(object, "/operation/initiatedBy", by)
        } else {
            object
        }
    };
    let began = |object: Value, at: &str| set(object, "/status/operationState/startedAt", json!(at));
    let waiting = |object: Value| {
        set(
            object,
            "/status/operationState/finishedAt",
            json!("2026-03-02T10:00:09Z"),
        )
    };
    let intent = |object: &Value| follow(object, Before::InSync).unwrap().steps[1].intent();
    let first = intent(&by_ada(with_state("Failed", HERE)));
    for object in [under_way("Running"), waiting(under_way("Running"))] {
        assert_eq!(intent(&by_ada(object.clone())), first, "the same sync");
        assert_ne!(
            intent(&began(by_ada(object), "2026-03-02T10:00:08Z")),
            first,
            "a later one"
        );
    }
    let asked = set(
        by_ada(with_state("Failed", HERE)),
        "/operation",
        json!({"initiatedBy": {"username": "ada"}, "sync": {}}),
    );
    assert_ne!(intent(&asked), first, "one that is asked for");
    let of = |at: &str, value: Value| {
        intent(&set(
            by_ada(with_state("Failed", HERE)),
            &format!("/status/operationState/operation/{at}"),
            value,
        ))
    };
    let limited = json!([{"group": "apps", "kind": "Deployment", "name": "web"}]);
    for (at, value) in [
        ("sync/resources", limited),
        ("sync/prune", json!(true)),
        ("sync/dryRun", json!(true)),
        ("retry", json!({"limit": 9})),
        ("info", json!([{"name": "why", "value": "hotfix"}])),
    ] {
        assert_ne!(of(at, value), first, "another one that began in the same second: {at}");
    }
    assert_eq!(
        of("sync/revision", Value::Null),
        first,
        "a retry that takes what is newest"
    );
    let ours = set(
        with_state("Failed", HERE),
        "/status/operationState/operation/initiatedBy",
        json!({"username": "driftmend"}),
    );
    assert_eq!(
        intent(&out_of_sync(ours)),
        intent(&out_of_sync(with_state("Failed", HERE))),
        "ours is nobody's"
    );
    // After a success it is no part of what is decided.
    let synced = |at: &str| without_self_heal(began(by_ada(with_state("Succeeded", HERE)), at));
    let start = |object: &Value| follow(object, Before::NeedsSync).unwrap().steps[1].intent();
    assert_eq!(
        start(&synced("2026-03-02T10:00:00Z")),
        start(&synced("2026-03-02T10:00:08Z"))
    );
}

#[test]
fn that_the_sync_begins_that_a_plan_waits_for_leaves_it_the_plan_that_it_was() {
    use crate::engine::plan::hash::before_it_began;
    let by_ada = json!({"initiatedBy": {"username": "ada"}, "sync": {"revision": HERE}});
    let intents = |steps: &[Step]| steps.iter().map(Step::intent).collect::<Vec<_>>();
    let waiting = set(out_of_sync(with_state("Succeeded", HERE)), "/operation", by_ada.clone());
    let shown = intents(&follow(&waiting, Before::NeedsSync).unwrap().steps);
    let running = set(
        set(out_of_sync(under_way("Running")), "/operation", by_ada.clone()),
        "/status/operationState/operation",
        by_ada.clone(),
    );
    let failed = set(
        out_of_sync(with_state("Failed", HERE)),
        "/status/operationState/operation",
        by_ada,
    );
    for begun in [running, failed] {
        let steps = follow(&begun, Before::NeedsSync).unwrap().steps;
        assert_ne!(intents(&steps), shown);
        assert_eq!(intents(&before_it_began(&steps).unwrap()), shown);
    }
    assert!(before_it_began(&follow(&waiting, Before::NeedsSync).unwrap().steps).is_none());
}
