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
