//! Where the state of a sync is cleared instead of a sync asked for.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::argo_cd::shapes::{HERE, now, out_of_sync, quiet, read, set, under_way, with_state};
use crate::engine::plan::{Memory, NoPlan, Step};
use crate::engine::source_facts::{Beside, SourceFacts};

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
