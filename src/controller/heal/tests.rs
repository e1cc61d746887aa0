//! When a heal may be taken back.

use super::*;

fn healing(states: &[StepState]) -> Healing {
    let step = |state: &StepState| HealingStep {
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
