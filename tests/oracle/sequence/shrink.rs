//! Makes a sequence that we are wrong about as small as it can be.

use driftmend::engine::object::FieldPath;

use super::generate::set;
use super::{Edits, Sequence, Step};
use crate::place::Place::{Object, Pod, Web};
use crate::subject;

/// Sequences that are one part smaller.
pub fn smaller(sequence: &Sequence) -> Vec<Sequence> {
    let mut all = Vec::new();
    for at in 0..sequence.steps.len() {
        let mut less = sequence.clone();
        less.steps.remove(at);
        all.push(less);
    }
    for (at, step) in sequence.steps.iter().enumerate() {
        for edit in 0..edits_of(step).map_or(0, Vec::len) {
            let mut less = sequence.clone();
            if let Some(edits) = edits_of_mut(&mut less.steps[at]).filter(|edits| edits.len() > 1) {
                edits.remove(edit);
                all.push(less);
            }
        }
    }
    if sequence.rewritten {
        all.push(Sequence {
            rewritten: false,
            ..sequence.clone()
        });
    }
    let kind = sequence.kind();
    let number = format!(".spec.{}", subject::of(kind).number.name);
    let places = [
        Object("metadata.labels"),
        Pod("priorityClassName"),
        Pod("volumes"),
        Web("env"),
        Web("env[name=\"A\"]"),
        Web("env[name=\"B\"]"),
        Web("livenessProbe"),
        Web("args"),
        Web("ports"),
    ];
    let places = places.iter().map(|place| place.path(kind));
    for place in [number].into_iter().chain(places) {
        if FieldPath::parse(&place).is_ok_and(|path| path.get(&sequence.git).is_some()) {
            let mut less = sequence.clone();
            set(kind, &mut less.git, &place, None);
            all.push(less);
        }
    }
    all
}

fn edits_of(step: &Step) -> Option<&Edits> {
    match step {
        Step::Commit(edits) | Step::Hotfix(edits) | Step::Apply(edits) | Step::Put(edits) => Some(edits),
        Step::Write(writer) => Some(&writer.edits),
        Step::Sync | Step::Scale { .. } => None,
    }
}

fn edits_of_mut(step: &mut Step) -> Option<&mut Edits> {
    match step {
        Step::Commit(edits) | Step::Hotfix(edits) | Step::Apply(edits) | Step::Put(edits) => Some(edits),
        Step::Write(writer) => Some(&mut writer.edits),
        Step::Sync | Step::Scale { .. } => None,
    }
}
