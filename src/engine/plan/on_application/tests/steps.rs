//! The steps themselves: what they write, when they are done, and what of them the hash covers.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::argo_cd::revision::Revision;
use crate::engine::argo_cd::shapes::{HERE, out_of_sync, quiet, read, set, time, with_state};

#[test]
fn a_comparison_counts_from_the_next_second_and_is_asked_for_once() {
    let refresh = step(&quiet(), Before::InSync, 0);
    let done = |at: &str| {
        refresh.done(
            Some(&read(&set(quiet(), "/status/reconciledAt", json!(at)))),
            PLAN,
            Some(time("2026-03-02T10:00:07Z")),
        )
    };
    assert!(!done("2026-03-02T10:00:07Z"), "it may have come before");
    assert!(done("2026-03-02T10:00:08Z"));
    assert!(!refresh.done(Some(&read(&quiet())), PLAN, None), "it was not asked for");
    let asked = read(&set(
        quiet(),
        "/metadata/annotations",
        json!({"argocd.argoproj.io/refresh": "normal"}),
    ));
    assert_eq!(refresh.render(Some(&asked), PLAN).unwrap(), None);
    assert!(refresh.waits(Some(&asked)).is_some() && refresh.waits(Some(&read(&quiet()))).is_none());
    assert!(matches!(refresh.render(None, PLAN), Err(RenderError::NoApplication)));

    // A request that was lost is taken back; somebody's `hard` one is not.
    let back = serde_json::to_value(refresh.takes_back(Some(&asked)).unwrap()).unwrap();
    assert_eq!(
        back.as_array().unwrap().last().unwrap(),
        &json!({"op": "remove", "path": "/metadata/annotations/argocd.argoproj.io~1refresh"})
    );
    let hard = read(&set(
        quiet(),
        "/metadata/annotations",
        json!({"argocd.argoproj.io/refresh": "hard"}),
    ));
    assert_eq!(
        (
            refresh.takes_back(Some(&hard)),
            refresh.takes_back(Some(&read(&quiet())))
        ),
        (None, None)
    );
}

#[test]
fn our_operation_carries_the_plan_and_is_started_once() {
    let failed = partial(out_of_sync(with_state("Failed", HERE)));
    let start = step(&failed, Before::NeedsSync, 1);
    let patch = serde_json::to_value(start.render(Some(&read(&failed)), PLAN).unwrap().unwrap()).unwrap();
    let operation = patch.as_array().unwrap().last().unwrap();
    assert_eq!(operation["path"], "/operation");
    assert_eq!(
        operation["value"]["info"],
        json!([{"name": "driftmend.dev/plan", "value": PLAN}])
    );
    assert_eq!(operation["value"]["sync"]["revision"], HERE);
    assert_eq!(
        operation["value"]["sync"]["syncOptions"],
        json!(["ServerSideApply=true"])
    );
    assert_eq!(
        operation["value"]["sync"]["resources"],
        json!([{"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web"}])
    );
    assert_eq!(operation["value"]["sync"].get("prune"), None);

    let done = |object: &Value| start.done(Some(&read(object)), PLAN, Some(time("2026-03-02T10:00:07Z")));
    assert!(!done(&failed));
    let cleared = set(failed.clone(), "/status/operationState", Value::Null);
    assert!(
        done(&set(cleared, "/operation", operation["value"].clone())),
        "it waits to be taken up"
    );
    assert!(
        done(&set(
            failed,
            "/status/operationState/startedAt",
            json!("2026-03-02T10:00:08Z")
        )),
        "Argo CD's own next one replaced it"
    );
}

#[test]
fn the_hash_covers_what_the_sync_of_the_whole_touches_and_not_which_state_is_removed() {
    let failed = with_hook(out_of_sync(with_state("Failed", HERE)));
    let intent = |object: &Value| step(object, Before::InSync, 1).intent("ClearOperation");
    let first = intent(&failed);
    assert_eq!(
        intent(&set(
            failed.clone(),
            "/status/operationState/message",
            json!("in other words")
        )),
        first
    );
    assert_eq!(
        intent(&set(
            failed.clone(),
            "/status/operationState/startedAt",
            json!("2026-03-02T10:00:09Z")
        )),
        first
    );
    assert_ne!(intent(&with_more_left(failed.clone())), first);
    let mut other = step(&failed, Before::InSync, 1);
    if let Act::Clear { touches, .. } = &mut other.act {
        touches.to = Some(Revision::One("another".to_owned()));
    }
    assert_ne!(other.intent("ClearOperation"), first);
}

#[test]
fn a_step_means_the_state_that_was_there_when_its_heal_began_and_no_later_one() {
    let failed = |began: &str| {
        set(
            with_hook(out_of_sync(with_state("Failed", HERE))),
            "/status/operationState/startedAt",
            json!(began),
        )
    };
    let (before, after) = (failed("2026-03-02T10:00:00Z"), failed("2026-03-02T10:00:08Z"));
    for object in [after.clone(), partial(after)] {
        let mut step = step(&object, Before::InSync, 1);
        let done = |step: &OnApplication| step.done(Some(&read(&object)), PLAN, None);
        assert!(!done(&step), "it is derived from the later one");
        step.bind(Some("2026-03-02T10:00:00Z"));
        assert!(done(&step), "a person's sync took its place: {:?}", step.act);
    }
    let mut clear = step(&before, Before::InSync, 1);
    clear.bind(Some("2026-03-02T10:00:00Z"));
    assert!(!clear.done(Some(&read(&before)), PLAN, None));
}
