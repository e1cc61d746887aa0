//! Rehearsal: whether the server would store what a step writes. Admission may change it on its way in, and then no
//! write of ours brings Git's value.

use serde_json::Value;

use super::Step;
use crate::engine::diff::{Change, ChangeKind, compare};
use crate::engine::kind::Kind;
use crate::engine::object::FieldPath;

/// The fields of a step that the server's answer to its dry run holds otherwise than the step wrote them; `live` is
/// what the step was made for.
pub fn undone(kind: &'static Kind, step: &Step, live: &Value, answer: &Value) -> Vec<FieldPath> {
    let Step::Restore { paths, operations } = step else {
        return Vec::new();
    };
    let mut written = live.clone();
    // Where its tests do not hold, the server has refused it, too.
    if json_patch::patch(&mut written, operations).is_err() {
        return Vec::new();
    }
    // What admission adds within a value that is written is no more drift than what it adds beside it.
    let undone = |change: &Change| {
        let at = &change.path;
        let within = |path: &FieldPath| at.starts_with(path) && (change.kind != ChangeKind::Added || at == path);
        paths.iter().any(|path| within(path) || path.starts_with(at))
    };
    compare(kind, &written, answer)
        .into_iter()
        .filter(undone)
        .map(|change| change.path)
        .collect()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::engine::kind::DEPLOYMENT;
    use crate::engine::plan::Memory;
    use crate::engine::plan::tests::{container, git, proposed, snapshot, switched, synced};

    #[test]
    fn what_admission_makes_of_a_restored_value_is_told_and_what_it_adds_beside_is_not() {
        let plan = proposed(&snapshot(git(), switched()), &Memory::default()).unwrap();
        let changed = |change: &dyn Fn(&mut Value)| {
            let mut answer = synced();
            change(&mut answer);
            let told = undone(&DEPLOYMENT, &plan.steps[0], &switched(), &answer);
            told.into_iter().map(|path| path.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(changed(&|_| ()), Vec::<String>::new());
        assert_eq!(
            changed(&|answer| answer["metadata"]["labels"] = json!({"by": "a webhook"})),
            Vec::<String>::new()
        );
        assert_eq!(
            changed(&|answer| container(answer)["livenessProbe"]["terminationGracePeriodSeconds"] = json!(9)),
            Vec::<String>::new()
        );
        let probe = r#".spec.template.spec.containers[name="app"].livenessProbe"#;
        assert_eq!(
            changed(&|answer| container(answer)["livenessProbe"]["httpGet"]["path"] = json!("/other")),
            [format!("{probe}.httpGet.path")]
        );
        assert_eq!(
            changed(&|answer| drop(container(answer).as_object_mut().unwrap().remove("livenessProbe"))),
            [probe.to_owned()]
        );
    }
}
