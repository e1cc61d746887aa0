//! Whether a heal can be recorded: before its first write the report names each field of each step, and a status has an
//! end.

use super::NoPlan;
use super::step::Step;

/// The room for the fields of all steps, in bytes: a fifth of what a status may have, which holds about seventy fields
/// in two steps.
const ROOM: usize = 12 * 1_024;

/// The most fields of one step, and the longest one in characters: what the CRD of the report takes.
const MOST: usize = 512;
const LONGEST: usize = 1_024;

/// Checks that the names of all fields of all steps have room.
///
/// # Errors
/// [`NoPlan::TooManyFields`] where there is no room.
pub(super) fn check(steps: &[Step]) -> Result<(), NoPlan> {
    let of_step = |step: &Step| step.paths().iter().map(ToString::to_string).collect::<Vec<_>>();
    let all: Vec<Vec<String>> = steps.iter().map(of_step).collect();
    // With what JSON escapes.
    let escaped = |path: &String| path.matches(['"', '\\']).count();
    let bytes: usize = all.iter().flatten().map(|path| path.len() + escaped(path) + 3).sum();
    let longest = all
        .iter()
        .flatten()
        .map(|path| path.chars().count())
        .max()
        .unwrap_or_default();
    let most = all.iter().map(Vec::len).max().unwrap_or_default();
    if bytes > ROOM || longest > LONGEST || most > MOST {
        Err(NoPlan::TooManyFields(most))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::object::FieldPath;

    fn restore(fields: usize, letters: usize) -> [Step; 1] {
        let path = |at: usize| FieldPath::of(&["metadata", "annotations", &format!("{at:0letters$}")]);
        [Step::Restore {
            paths: (0..fields).map(path).collect(),
            operations: json_patch::Patch::default(),
        }]
    }

    #[test]
    fn what_has_no_room_in_a_report_is_not_planned() {
        assert_eq!(check(&restore(60, 100)), Ok(()));
        assert_eq!(check(&restore(120, 100)), Err(NoPlan::TooManyFields(120)));
        assert_eq!(check(&restore(513, 3)), Err(NoPlan::TooManyFields(513)));
        assert_eq!(check(&restore(1, 1_200)), Err(NoPlan::TooManyFields(1)));
        // What JSON escapes takes the room that it takes there.
        let path = || FieldPath::of(&["metadata", "annotations", &"\"".repeat(100)]);
        let quoted = [Step::Restore {
            paths: (0..40).map(|_| path()).collect(),
            operations: json_patch::Patch::default(),
        }];
        assert_eq!(check(&quoted), Err(NoPlan::TooManyFields(40)));
    }
}
