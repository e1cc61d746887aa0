//! The built-in rows, and where rules of users are placed.

use super::*;
use crate::engine::kind::DEPLOYMENT;
use serde_json::json;

fn rule(paths: &[&str], pointers: &[&str], managers: &[&str]) -> IgnoreRule {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    IgnoreRule {
        paths: paths.iter().map(|path| PathPattern::parse(path).unwrap()).collect(),
        pointers: owned(pointers),
        parts: Vec::new(),
        managers: owned(managers),
        reason: "ours".to_owned(),
        expires: None,
    }
}

fn objects() -> (Value, Value) {
    let containers = json!([{"name": "side", "image": "s:1"}, {"name": "web", "image": "w:1", "args": ["a"]}]);
    let desired = json!({"metadata": {"annotations": {"a/b": "x"}},
                         "spec": {"template": {"spec": {"containers": containers}}}});
    let mut live = desired.clone();
    live["metadata"]["managedFields"] = json!([{"manager": "scaler"}]);
    live["spec"]["replicas"] = json!(3);
    (desired, live)
}

#[test]
fn a_rule_finds_a_field_of_either_object_or_says_that_it_covers_nothing() {
    let (desired, live) = objects();
    for (paths, pointers, managers, finds) in [
        (&[".spec.replicas"][..], &[][..], &[][..], true),
        (&[".spec.replica"], &[], &[], false),
        (&[".spec.template.spec.containers[*].image"], &[], &[], true),
        (&[".spec.template.spec.containers[name=\"w*\"].image"], &[], &[], true),
        (&[".spec.template.spec.containers[name=\"db\"].image"], &[], &[], false),
        // An item has a name, not a number; and one argument has no path.
        (&[".spec.template.spec.containers[0].image"], &[], &[], false),
        (&[".spec.template.spec.containers[*].args[0]"], &[], &[], false),
        (&[".spec.*.spec"], &[], &[], true),
        (&[".metadata.annotations[\"a/*\"]"], &[], &[], true),
        (&[], &["/spec/replicas"], &[], true),
        (&[], &["/metadata/annotations/a~1b"], &[], true),
        (&[], &["/spec/template/spec/containers/1/args/0"], &[], true),
        (&[], &["/spec/template/spec/containers/2"], &[], false),
        (&[], &[], &["scal*"], true),
        (&[], &[], &["keda"], false),
        (&[".spec.replicas"], &[], &["keda"], false),
    ] {
        assert_eq!(
            rule(paths, pointers, managers).finds(&DEPLOYMENT, &desired, Some(&live)),
            finds,
            "{paths:?} {pointers:?} {managers:?}"
        );
    }
    assert!(!rule(&[".spec.replicas"], &[], &[]).finds(&DEPLOYMENT, &desired, None));
}

#[test]
fn a_pointer_becomes_the_path_of_the_item_that_it_counts_and_one_that_leads_nowhere_covers_nothing() {
    let (desired, live) = objects();
    let rules = [
        rule(&[], &["/spec/template/spec/containers/1/image"], &[]),
        rule(&[], &["/spec/nowhere"], &[]),
    ];
    let placed = placed(&DEPLOYMENT, &rules, &desired, &live);
    let change = |path: &str| Change {
        path: FieldPath::parse(path).unwrap(),
        kind: ChangeKind::Changed,
        desired: Some(json!("a")),
        live: Some(json!("b")),
    };
    let covers = |at: usize, path: &str| placed[at].covers(&DEPLOYMENT, &change(path), &[], Timestamp::UNIX_EPOCH);
    assert!(covers(0, ".spec.template.spec.containers[name=\"web\"].image"));
    assert!(!covers(0, ".spec.template.spec.containers[name=\"side\"].image"));
    assert!(!covers(1, ".spec.replicas"), "a pointer to nothing covers everything");
    assert!(matches!(
        super::placed(&DEPLOYMENT, &[rule(&[".spec"], &[], &[])], &desired, &live),
        Cow::Borrowed(_)
    ));
}

#[test]
fn every_row_of_the_table_is_a_pattern_with_a_reason() {
    for Known(pattern, _, reason) in KNOWN {
        assert_eq!(
            PathPattern::parse(pattern).map(|pattern| pattern.to_string()),
            Ok((*pattern).to_owned())
        );
        assert_ne!(*reason, "", "{pattern}");
    }
}
