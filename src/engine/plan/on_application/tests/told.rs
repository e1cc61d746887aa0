//! What a step on an Application says of what follows it.

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;

#[test]
fn a_clear_says_what_is_left_for_its_sync_once_the_deployment_is_what_git_says() {
    let (failed, source, memory) = (
        with_hook(out_of_sync(with_state("Failed", HERE))),
        from(HERE),
        Memory::default(),
    );
    let told = |waits: bool| {
        let around = Around {
            target: &target(),
            source: &source,
            memory: &memory,
            cures: true,
            spares: false,
            waits,
            now: now(),
        };
        let after = after(&argo_cd(&failed), Before::InSync, around).unwrap();
        assert_eq!(act(&after.steps[1]), "clear");
        after.steps[1].summary()
    };
    assert!(told(false).contains("nothing is left out of sync"), "{}", told(false));
    assert!(
        told(true).contains("changes Deployment.apps shop/web"),
        "{}",
        told(true)
    );
}

#[test]
fn a_sync_that_somebody_terminated_is_not_asked_for_again_unsaid() {
    let terminated = set(
        out_of_sync(with_state("Failed", HERE)),
        "/status/operationState/message",
        json!("Operation terminated (retried 1 times)."),
    );
    let follows = follow(&partial(terminated), Before::InSync).unwrap();
    assert_eq!(act(&follows.steps[1]), "replace");
    assert_eq!(
        follows.cautions.iter().map(|caution| caution.id).collect::<Vec<_>>(),
        ["Terminated"]
    );
}
