//! What follows a cure on an Application in each standing, when a step is done, and when it waits.

use std::sync::Arc;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::operation::shapes::{HERE, now, out_of_sync, quiet, read, set, time, under_way, with_state};
use crate::engine::operation::{Revision, Windows};
use crate::engine::plan::{Memory, NoPlan, Step};
use crate::engine::snapshot::{Beside, SourceFacts};
use crate::engine::tool::ArgoCd;

mod moments;
mod told;

fn from(commit: &str) -> SourceFacts {
    SourceFacts {
        revision: commit.to_owned(),
        ..SourceFacts::default()
    }
}

fn target() -> ObjectId {
    ObjectId {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some("shop".to_owned()),
        name: "web".to_owned(),
    }
}

fn argo_cd(object: &Value) -> ArgoCd {
    ArgoCd {
        application: Arc::new(read(object)),
        windows: Windows::none(),
        application_set: None,
        seen_alive: Some(now()),
    }
}

/// What follows a cure there, where Git is at this commit and the report remembers this.
fn follows(
    argo_cd: &ArgoCd,
    before: Before,
    source: &SourceFacts,
    memory: &Memory,
) -> Result<following::After, NoPlan> {
    after(
        argo_cd,
        before,
        Around {
            target: &target(),
            source,
            memory,
            cures: true,
            spares: false,
            waits: false,
            now: now(),
        },
    )
}

fn follow(object: &Value, before: Before) -> Result<following::After, NoPlan> {
    follows(&argo_cd(object), before, &from(HERE), &Memory::default())
}

fn act(step: &Step) -> &'static str {
    match step {
        Step::OnApplication(step) => match step.act {
            Act::Refresh => "refresh",
            Act::Clear { .. } => "clear",
            Act::Start { replaces: Some(_), .. } => "replace",
            Act::Start { replaces: None, .. } => "start",
        },
        other => panic!("{other:?}"),
    }
}

/// The acts after a cure, or why there are none.
fn acts(object: &Value, before: Before) -> Result<Vec<&'static str>, String> {
    follow(object, before)
        .map(|after| after.steps.iter().map(act).collect())
        .map_err(|why| why.to_string())
}

/// The failed operation was limited to the Deployment, as those of self-heal are.
fn partial(object: Value) -> Value {
    set(
        object,
        "/status/operationState/operation/sync/resources",
        json!([{"group": "apps", "kind": "Deployment", "name": "web"}]),
    )
}

fn manual(object: Value) -> Value {
    set(object, "/spec/syncPolicy/automated", Value::Null)
}

fn without_self_heal(object: Value) -> Value {
    set(object, "/spec/syncPolicy/automated/selfHeal", Value::Null)
}

/// Its last sync was not an automated one: else a manual policy would count as switched off.
fn always_manual(object: Value) -> Value {
    set(
        manual(object),
        "/status/history/0/initiatedBy",
        json!({"username": "ada"}),
    )
}

/// It has a hook, as far as Argo CD tells.
fn with_hook(object: Value) -> Value {
    let mut object = object;
    let hook = json!({"group": "batch", "kind": "Job", "namespace": "shop", "name": "migrate", "hook": true});
    object["status"]["resources"].as_array_mut().unwrap().push(hook);
    object
}

/// Another resource is out of sync, too.
fn with_more_left(object: Value) -> Value {
    set(object, "/status/resources/1/status", json!("OutOfSync"))
}

#[test]
fn what_follows_a_cure_depends_on_what_is_stale_and_on_who_syncs() {
    use Before::{InSync, NeedsSync, Unrecorded};
    let failed = || out_of_sync(with_state("Failed", HERE));
    for (what, object, before, wanted) in [
        (
            "nothing is stale and live is as Git says",
            quiet(),
            InSync,
            vec!["refresh"],
        ),
        ("self-heal brings it", out_of_sync(quiet()), NeedsSync, vec!["refresh"]),
        (
            "nobody would bring it",
            without_self_heal(out_of_sync(with_state("Succeeded", HERE))),
            NeedsSync,
            vec!["refresh", "start"],
        ),
        (
            "a person would",
            always_manual(out_of_sync(quiet())),
            NeedsSync,
            vec!["refresh", "start"],
        ),
        (
            "a failed sync of the Deployment",
            partial(failed()),
            NeedsSync,
            vec!["refresh", "replace"],
        ),
        (
            "a failed sync of the whole, of which nothing else is left",
            failed(),
            NeedsSync,
            vec!["refresh", "replace"],
        ),
        (
            "the same, by a person",
            always_manual(failed()),
            NeedsSync,
            vec!["refresh", "replace"],
        ),
        (
            "nothing is left to sync",
            partial(failed()),
            InSync,
            vec!["refresh", "replace"],
        ),
        (
            "nobody ends it",
            out_of_sync(with_state("Running", HERE)),
            InSync,
            vec!["refresh", "replace"],
        ),
        // Only what an operation of one resource leaves undone for good is cleared.
        ("a hook is left", with_hook(failed()), InSync, vec!["refresh", "clear"]),
        (
            "a hook is left to a person",
            always_manual(with_hook(failed())),
            InSync,
            vec!["refresh", "replace"],
        ),
        (
            "a hook was no part of it",
            partial(with_hook(failed())),
            InSync,
            vec!["refresh", "replace"],
        ),
        (
            "others are left, and self-heal brings them",
            with_more_left(failed()),
            InSync,
            vec!["refresh", "replace"],
        ),
        (
            "others are left, and nobody brings them",
            without_self_heal(with_more_left(failed())),
            InSync,
            vec!["refresh", "clear"],
        ),
        (
            "last-applied does not know it",
            quiet(),
            Unrecorded,
            vec!["refresh", "start"],
        ),
        (
            "the same after a failed sync of the Deployment",
            partial(failed()),
            Unrecorded,
            vec!["refresh", "replace"],
        ),
        (
            "the same after a failed sync of the whole with a hook",
            with_hook(failed()),
            Unrecorded,
            vec!["refresh", "clear"],
        ),
    ] {
        assert_eq!(acts(&object, before), Ok(wanted.clone()), "{what}");
    }
    let hooks = SourceFacts {
        has_hooks: true,
        ..from(HERE)
    };
    let hidden = follows(&argo_cd(&failed()), InSync, &hooks, &Memory::default()).unwrap();
    assert_eq!(
        act(&hidden.steps[1]),
        "clear",
        "a hook that Git has and that was never run"
    );
}

#[test]
fn where_a_sync_would_change_what_is_not_drift_and_none_is_needed_the_state_is_cleared() {
    let (failed, source, memory) = (
        always_manual(out_of_sync(with_state("Failed", HERE))),
        from(HERE),
        Memory::default(),
    );
    let last = |before| {
        let around = Around {
            target: &target(),
            source: &source,
            memory: &memory,
            cures: true,
            spares: true,
            waits: false,
            now: now(),
        };
        after(&argo_cd(&failed), before, around).unwrap().steps.pop().unwrap()
    };
    let cleared = last(Before::InSync);
    assert_eq!(act(&cleared), "clear");
    assert!(
        cleared
            .summary()
            .contains("since a sync of ours would change what is not drift"),
        "{}",
        cleared.summary()
    );
    assert_eq!(
        act(&last(Before::NeedsSync)),
        "replace",
        "it comes with the sync in any case, and is said"
    );
    assert!(
        cleared
            .summary()
            .ends_with("no sync follows, since the application is synced by hand"),
        "{}",
        cleared.summary()
    );
}

#[test]
fn a_clear_says_its_attempt_and_why_and_there_is_no_third_at_one_revision() {
    let failed = with_hook(out_of_sync(with_state("Failed", HERE)));
    let failed_before = |times: usize| Memory {
        failed_clears: vec![HERE.to_owned(); times],
        ..Memory::default()
    };
    let second = follows(&argo_cd(&failed), Before::InSync, &from(HERE), &failed_before(1)).unwrap();
    let Step::OnApplication(clear) = &second.steps[1] else {
        panic!("{second:?}")
    };
    let told = clear.summary();
    assert!(
        told.starts_with("attempt 2 of 2 at this revision: removes the operation state"),
        "{told}"
    );
    assert!(
        told.contains("would leave undone: hooks, which only a sync of the whole application runs"),
        "{told}"
    );
    let third = follows(&argo_cd(&failed), Before::InSync, &from(HERE), &failed_before(2)).unwrap();
    assert_eq!(act(&third.steps[1]), "replace");
    assert!(
        third.cautions[0].text.starts_with("2 clears at this revision failed"),
        "{:?}",
        third.cautions
    );
    let alone = Around {
        target: &target(),
        source: &from(HERE),
        memory: &failed_before(2),
        cures: false,
        spares: false,
        waits: false,
        now: now(),
    };
    assert_eq!(
        after(&argo_cd(&failed), Before::InSync, alone),
        Err(NoPlan::ClearedInVain(HERE.to_owned())),
        "nothing else is to be done"
    );
    let beside = Beside {
        failed_clears: vec![HERE.to_owned()].into(),
        ..Beside::default()
    };
    let beside = SourceFacts { beside, ..from(HERE) };
    let with_theirs = follows(&argo_cd(&failed), Before::InSync, &beside, &failed_before(1)).unwrap();
    assert_eq!(
        act(&with_theirs.steps[1]),
        "replace",
        "one of them was for another Deployment"
    );
    let elsewhere = Memory {
        failed_clears: vec!["another".to_owned(); 2],
        ..Memory::default()
    };
    assert_eq!(
        act(&follows(&argo_cd(&failed), Before::InSync, &from(HERE), &elsewhere)
            .unwrap()
            .steps[1]),
        "clear"
    );
}

#[test]
fn what_follows_is_the_same_while_a_sync_runs_waits_for_its_retry_and_has_failed() {
    let intents = |object: &Value, before: Before| -> Vec<Value> {
        follow(object, before).unwrap().steps.iter().map(Step::intent).collect()
    };
    let waiting = |object: Value| {
        set(
            object,
            "/status/operationState/finishedAt",
            json!("2026-03-02T10:00:04Z"),
        )
    };
    let again = |object: Value| {
        let object = set(object, "/status/operationState/retryCount", json!(2));
        set(
            set(object, "/status/operationState/syncResult", Value::Null),
            "/status/operationState/message",
            json!("Retrying operation. Attempt #2"),
        )
    };
    let later = |object: Value| {
        set(
            object,
            "/status/operationState/startedAt",
            json!("2026-03-02T10:00:03Z"),
        )
    };
    let asked = set(
        set(under_way("Running"), "/status/operationState", Value::Null),
        "/operation/sync/revision",
        json!(HERE),
    );
    type Kind = fn(Value) -> Value;
    for (what, of) in [
        ("the whole", (|object| object) as Kind),
        ("hooks", with_hook),
        ("by a person", always_manual),
    ] {
        for before in [Before::InSync, Before::NeedsSync] {
            let failed = intents(&of(out_of_sync(with_state("Failed", HERE))), before);
            for (when, object) in [
                ("asked for", asked.clone()),
                ("runs", under_way("Running")),
                ("waits", waiting(under_way("Running"))),
                ("runs again", again(under_way("Running"))),
                ("waits again", waiting(again(under_way("Running")))),
                (
                    "of another operation of Argo CD's own",
                    later(with_state("Failed", HERE)),
                ),
            ] {
                assert_eq!(
                    intents(&of(out_of_sync(object)), before),
                    failed,
                    "{what}, {before:?}: {when}"
                );
            }
        }
    }
}

#[test]
fn a_plan_waits_for_what_runs_and_what_is_held_back_is_left_alone() {
    let hook = set(
        under_way("Running"),
        "/status/operationState/message",
        json!("waiting for completion of hook batch/Job/migrate"),
    );
    let applied = json!([{"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "web",
                          "status": "Synced"}]);
    let hook = set(hook, "/status/operationState/syncResult/resources", applied);
    for (object, told) in [
        (under_way("Running"), "the operation: a sync is running"),
        (hook, "waits for a hook"),
        (set(quiet(), "/operation", json!({"sync": {}})), "a sync was asked for"),
    ] {
        let waits = follow(&object, Before::InSync).unwrap().waits.unwrap();
        assert!(waits.contains(told), "{told:?} is not in {waits:?}");
    }
    // The retry succeeds by itself after the cure.
    let retry = set(
        under_way("Running"),
        "/status/operationState/finishedAt",
        json!("2026-03-02T10:00:04Z"),
    );
    assert_eq!(follow(&retry, Before::InSync).unwrap().waits, None);
    let skipped = set(
        quiet(),
        "/metadata/annotations",
        json!({"argocd.argoproj.io/skip-reconcile": "true"}),
    );
    let unconfirmed = set(
        under_way("Running"),
        "/status/operationState/message",
        json!("waiting for pruning confirmation of v1/Secret/a"),
    );
    for (object, told) in [
        (skipped, "skip-reconcile"),
        (unconfirmed, "until a person confirms"),
        (
            set(quiet(), "/metadata/deletionTimestamp", json!("2026-03-02T10:00:00Z")),
            "is being deleted",
        ),
        (manual(quiet()), "automation was switched off"),
    ] {
        let why = acts(&object, Before::InSync).unwrap_err();
        assert!(why.contains(told), "{told:?} is not in {why:?}");
    }
    let silent = ArgoCd {
        seen_alive: None,
        ..argo_cd(&quiet())
    };
    assert!(
        follows(&silent, Before::InSync, &from(HERE), &Memory::default()).is_err(),
        "nobody is there to go on"
    );
}

#[test]
fn in_a_window_no_operation_is_written_and_the_cure_is_offered_whoever_syncs() {
    let project = json!({"spec": {"syncWindows": [{"kind": "deny", "schedule": "0 9 * * *", "duration": "3h",
                                                   "applications": ["*"]}]}});
    let failed = || out_of_sync(with_state("Failed", HERE));
    let blocked = set(
        out_of_sync(under_way("Running")),
        "/status/operationState/message",
        json!("Sync operation blocked by sync window"),
    );
    for (what, object, cautions) in [
        ("automated", out_of_sync(quiet()), 0),
        ("by a person", always_manual(out_of_sync(quiet())), 0),
        ("automated, and failed before it opened", failed(), 1),
        ("by a person, and failed before it opened", always_manual(failed()), 1),
        ("a sync waits for its end", blocked, 0),
    ] {
        let application = Arc::new(read(&object));
        let windows = Windows::of(&project, &application).unwrap();
        let argo_cd = ArgoCd {
            windows,
            ..argo_cd(&object)
        };
        let follows = follows(&argo_cd, Before::InSync, &from(HERE), &Memory::default()).unwrap();
        let acts: Vec<_> = follows.steps.iter().map(act).collect();
        assert_eq!(
            (acts, follows.cautions.len(), follows.waits),
            (vec!["refresh"], cautions, None),
            "{what}"
        );
        let window = window(&argo_cd, &target(), now()).unwrap();
        assert!(
            window.contains("a deny window is open") && window.ends_with("until 2026-03-02T12:00:00Z"),
            "{what}: {window}"
        );
    }
}

#[test]
fn a_sync_of_an_older_commit_than_the_cure_is_for_is_not_planned() {
    let head = "5eedc0de5eedc0de5eedc0de5eedc0de5eedc0de";
    let planned = |object: &Value, before| {
        follows(&argo_cd(object), before, &from(head), &Memory::default()).map(|after| after.steps.len())
    };
    let failed = out_of_sync(with_state("Failed", HERE));
    let why = "Argo CD compared commit 4be2c1d last, and what is to be in the cluster was read at 5eedc0d: whichever \
               is behind comes there with its next look into Git, Argo CD's every few minutes, or when it is asked for \
               a refresh";
    assert_eq!(
        planned(&failed, Before::InSync),
        Err(NoPlan::HeldBack(why.to_owned())),
        "a clear"
    );
    assert_eq!(
        planned(&always_manual(failed.clone()), Before::NeedsSync),
        Err(NoPlan::HeldBack(why.to_owned())),
        "a start"
    );
    assert_eq!(planned(&quiet(), Before::InSync), Ok(1), "a comparison alone");
    assert_eq!(
        planned(&quiet(), Before::Unrecorded),
        Ok(1),
        "nobody waits for a sync that only writes down what was applied"
    );
    let elsewhere = SourceFacts {
        same_at: Some(HERE.to_owned()),
        ..from(head)
    };
    assert!(
        follows(&argo_cd(&failed), Before::InSync, &elsewhere, &Memory::default()).is_ok(),
        "the commit changed something else"
    );
    let never = set(
        always_manual(out_of_sync(quiet())),
        "/status/sync/revision",
        Value::Null,
    );
    assert_eq!(
        planned(&never, Before::NeedsSync),
        Ok(2),
        "nobody says what was compared"
    );
}

fn step(object: &Value, before: Before, at: usize) -> OnApplication {
    match follow(object, before).unwrap().steps.remove(at) {
        Step::OnApplication(step) => *step,
        other => panic!("{other:?}"),
    }
}

const PLAN: &str = "c0ffee";

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
fn a_clear_is_done_when_the_state_is_gone_or_the_retry_succeeded() {
    let failed = with_hook(out_of_sync(with_state("Failed", HERE)));
    let clear = step(&failed, Before::InSync, 1);
    let done = |object: &Value| clear.done(Some(&read(object)), PLAN, None);
    assert!(!done(&failed));
    assert!(done(&quiet()));
    assert!(
        done(&set(
            failed.clone(),
            "/status/operationState/startedAt",
            json!("2026-03-02T10:00:09Z")
        )),
        "another operation's state"
    );
    assert!(done(&with_state("Succeeded", HERE)), "the retry of the same operation");
    for lost in ["/status/operationState/finishedAt", "/status/operationState/syncResult"] {
        assert!(
            !done(&set(with_state("Succeeded", HERE), lost, Value::Null)),
            "a success that lost {lost} is what is stale"
        );
    }
    assert!(clear.waits(Some(&read(&under_way("Running")))).is_some());
    assert!(
        clear.render(Some(&read(&under_way("Running"))), PLAN).is_err(),
        "an operation was started since the plan was made"
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
