//! What is offered while a sync runs, after somebody stopped one, and where a sync of the Deployment alone leaves something.

use pretty_assertions::assert_eq;

use super::*;

#[test]
fn what_somebody_terminated_is_not_run_again_with_its_hooks() {
    let failed = without_self_heal(with_hook(with_state("Failed", HERE)));
    assert_eq!(acts(&failed, Before::InSync).unwrap(), ["refresh", "clear"]);
    let terminated = set(failed, "/status/operationState/message", json!("Operation terminated"));
    assert_eq!(acts(&terminated, Before::InSync).unwrap(), ["refresh", "replace"]);
    let told = follow(&terminated, Before::InSync).unwrap().cautions;
    assert!(
        told.iter()
            .any(|caution| caution.id == "Terminated" && caution.text.ends_with("hooks, which only a sync of the whole application runs"))
    );
}

#[test]
fn a_sync_that_waits_before_it_comes_to_the_deployment_is_not_waited_for() {
    for words in ["waiting for completion of hook batch/Job/migrate", "waiting for healthy state of apps/Deployment/first"] {
        let waiting = set(under_way("Running"), "/status/operationState/message", json!(words));
        let before = follow(&waiting, Before::InSync).unwrap();
        assert_eq!(before.waits, None, "{words}: healed now, the running sync succeeds");
        assert!(before.cautions.iter().any(|caution| caution.id == "BeforeItsTurn"));
        let applied =
            json!([{"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "web", "status": "Synced"}]);
        let after = follow(&set(waiting, "/status/operationState/syncResult/resources", applied), Before::InSync).unwrap();
        assert!(after.waits.is_some() && after.cautions.is_empty(), "{after:?}");
        assert_eq!(before.steps, after.steps, "the same plan");
    }
}

#[test]
fn what_a_sync_of_the_deployment_alone_leaves_to_a_person_is_said_before() {
    let left = follow(&always_manual(with_more_left(with_state("Failed", HERE))), Before::InSync).unwrap();
    assert!(left.cautions.iter().any(|caution| caution.id == "LeftUndone"), "{left:?}");
    let healed = follow(&with_more_left(with_state("Failed", HERE)), Before::InSync).unwrap();
    assert!(!healed.cautions.iter().any(|caution| caution.id == "LeftUndone"), "self-heal brings it: {healed:?}");
}

#[test]
fn a_commit_elsewhere_is_no_other_plan_where_the_deployment_alone_is_synced() {
    let elsewhere = "5eedc0de5eedc0de5eedc0de5eedc0de5eedc0de";
    let at = |compared: &str, head: &str, same_at: Option<&str>, of: fn(Value) -> Value| {
        let retry = set(out_of_sync(under_way("Running")), "/status/operationState/finishedAt", json!("2026-03-02T10:00:04Z"));
        let object = set(of(retry), "/status/sync/revision", json!(compared));
        let source = SourceFacts { same_at: same_at.map(str::to_owned), ..from(head) };
        let after = follows(&argo_cd(&object), Before::InSync, &source, &Memory::default()).unwrap();
        after.steps.iter().map(Step::intent).collect::<Vec<_>>()
    };
    let first = at(HERE, HERE, None, |object| object);
    assert_eq!(at(HERE, elsewhere, Some(HERE), |object| object), first, "before Argo CD compared it");
    assert_eq!(at(elsewhere, elsewhere, None, |object| object), first, "and after");
    // Argo CD gave up at the commit before, and its sync of this one follows at once.
    let failed = set(out_of_sync(with_state("Failed", HERE)), "/status/sync/revision", json!(elsewhere));
    let after = follows(&argo_cd(&failed), Before::InSync, &from(elsewhere), &Memory::default()).unwrap();
    assert_eq!(after.steps.iter().map(Step::intent).collect::<Vec<_>>(), first, "between both");
    // Nobody syncs the new commit of a manual one.
    let manual = always_manual(failed);
    let after = follows(&argo_cd(&manual), Before::InSync, &from(elsewhere), &Memory::default()).unwrap();
    assert_eq!(after.steps.len(), 1);
    // What a sync of the whole brings is another thing at another commit.
    assert_ne!(at(elsewhere, elsewhere, None, with_hook), at(HERE, HERE, None, with_hook));
}
