//! What follows a cure on an Application in each standing, when a step is done, and when it waits.

use std::sync::Arc;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::argo_cd::ArgoCd;
use crate::engine::argo_cd::shapes::{HERE, now, out_of_sync, quiet, read, set, under_way, with_state};
use crate::engine::argo_cd::window::Windows;
use crate::engine::object::ObjectId;
use crate::engine::plan::{Memory, NoPlan, Step};
use crate::engine::source_facts::SourceFacts;

mod clear;
mod left_alone;
mod moments;
mod steps;
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

fn step(object: &Value, before: Before, at: usize) -> OnApplication {
    match follow(object, before).unwrap().steps.remove(at) {
        Step::OnApplication(step) => *step,
        other => panic!("{other:?}"),
    }
}

const PLAN: &str = "c0ffee";
