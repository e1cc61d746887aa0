//! When a heal may be taken back.

use super::*;
use crate::api::v1alpha1::{FOUND_INVALID, Healing, StepKind};

fn healing(states: &[StepState]) -> Healing {
    let step = |state: &StepState| HealingStep {
        brings: None,
        kind: StepKind::Restore,
        state: *state,
        paths: Vec::new(),
        begun_at: None,
        stale: None,
        revision: None,
    };
    Healing {
        plan_hash: String::new(),
        uid: String::new(),
        judge: String::new(),
        by: String::new(),
        healer: String::new(),
        started_at: Timestamp::UNIX_EPOCH,
        steps: states.iter().map(step).collect(),
        removed: None,
        evidence: Vec::new(),
        evidence_omitted: 0,
        requests: Vec::new(),
    }
}

#[test]
fn a_heal_is_taken_back_only_before_its_first_step_began() {
    use StepState::{Begun, Done, Pending};
    assert!(nothing_began(&healing(&[Pending, Pending])));
    assert!(!nothing_began(&healing(&[Begun, Pending])));
    assert!(!nothing_began(&healing(&[Done, Pending])));
}

#[test]
fn only_what_the_servers_own_validation_refuses_is_remembered() {
    let answered = |cause: &str| {
        let call = crate::cluster::Call::new(crate::cluster::Verb::Patch, "deployments.apps")
            .namespace("shop")
            .name("web");
        let causes = vec![crate::engine::predict::Cause {
            reason: String::new(),
            field: cause.to_owned(),
            message: "no".to_owned(),
        }];
        ApiError::Invalid {
            call: Box::new(call),
            message: "it is invalid".to_owned(),
            causes,
        }
    };
    assert!(final_words(&answered("spec.template.spec.containers[0].livenessProbe")).starts_with(FOUND_INVALID));
    assert!(
        !final_words(&answered("")).starts_with(FOUND_INVALID),
        "a policy may be another one tomorrow"
    );
}
