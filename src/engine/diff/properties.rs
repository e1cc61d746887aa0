//! What holds for the diff of any two Deployments, whatever they are.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::compare::{compare_all, is_pull_policy};
use super::{Change, ChangeKind, compare};
use crate::engine::kind::DEPLOYMENT;
use crate::engine::object::{FieldPath, Segment};
use crate::engine::schema::arbitrary::{deployment, neighbours};
use crate::engine::schema::{Shape, apply_defaults, is_gated};

/// Keyed lists of a Deployment that stand within each other, such as containers and their ports; one more than there
/// are.
const MOST_LISTS_WITHIN_LISTS: usize = 3;

/// A Deployment as a server stores it: in normal form, with its defaults, and without the extras.
///
/// The extras are the words on which live decides when they stand in Git: fields behind a gate, fields that the API
/// does not know, and null entries of maps. The server either drops them or makes them zero, so that Git is in sync
/// with a live object that lacks them, and a manifest which lacks them is not in sync with a live object that has them.
/// Nothing else makes the diff one-sided.
fn stored(mut object: Value) -> Value {
    apply_defaults(DEPLOYMENT.root, &mut object);
    drop_gated(&mut object, DEPLOYMENT.root);
    object
}

/// Drops what stands behind a gate; says whether there was any.
fn drop_gated(value: &mut Value, shape: Shape) -> bool {
    match (value, shape) {
        (Value::Object(object), Shape::Nested(of)) => {
            let before = object.len();
            object.retain(|name, _| !is_gated(of, name));
            let mut dropped = object.len() < before;
            object.retain(|name, value| {
                let below = of.field(name).is_some_and(|field| drop_gated(value, field.2));
                dropped |= below;
                // The server takes a lifecycle away that held nothing else.
                !(below && value.as_object().is_some_and(Map::is_empty))
            });
            dropped
        }
        (Value::Array(items), Shape::List(_, item)) => {
            items
                .iter_mut()
                .filter_map(|value| drop_gated(value, *item).then_some(()))
                .count()
                > 0
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_deployment_never_drifts_from_itself_with_or_without_defaults(object in deployment()) {
        let mut whole = object.clone();
        apply_defaults(DEPLOYMENT.root, &mut whole);
        let stored = stored(object.clone());
        let (object, whole) = (&object, &whole);
        for (desired, live) in [(object, object), (object, whole), (whole, object), (whole, whole), (object, &stored)] {
            prop_assert_eq!(compare_all(&DEPLOYMENT, desired, live), []);
        }
    }

    #[test]
    fn what_drifts_one_way_drifts_the_other_way_but_for_extras((one, other) in neighbours()) {
        let (one, other) = (stored(one), stored(other));
        let (there, back) = (compare_all(&DEPLOYMENT, &one, &other), compare_all(&DEPLOYMENT, &other, &one));
        prop_assert!(there.is_empty() == back.is_empty(), "{there:#?}\n{back:#?}");
    }

    #[test]
    fn live_with_the_found_changes_is_what_git_says((desired, other) in neighbours()) {
        let mut live = stored(other);
        let found = compare_all(&DEPLOYMENT, &desired, &live);
        apply(&found, &mut live);
        // The order of a list is told once its items are the same, those of lists within it first.
        for _ in 0..MOST_LISTS_WITHIN_LISTS {
            let left = compare_all(&DEPLOYMENT, &desired, &live);
            prop_assert!(left.iter().all(|change| change.kind == ChangeKind::Reordered), "{found:#?}\n{left:#?}");
            apply(&left, &mut live);
        }
        prop_assert_eq!(compare_all(&DEPLOYMENT, &desired, &live), []);
    }

    #[test]
    fn all_that_is_not_told_is_the_pull_policy_of_an_earlier_image((desired, live) in neighbours()) {
        let told = compare(&DEPLOYMENT, &desired, &live);
        for change in compare_all(&DEPLOYMENT, &desired, &live) {
            prop_assert!(told.contains(&change) || is_pull_policy(&DEPLOYMENT, &change), "{:?}", change);
        }
    }

    #[test]
    fn every_change_names_a_path_at_which_the_sides_differ(desired in deployment(), live in deployment()) {
        for change in compare(&DEPLOYMENT, &desired, &live) {
            let path = FieldPath::parse(&change.path.to_string());
            prop_assert_eq!(path.as_ref(), Ok(&change.path));
            prop_assert!(change.kind == ChangeKind::Added || change.desired.is_some(), "{:?}", change);
            prop_assert!(change.kind == ChangeKind::Removed || change.live.is_some(), "{:?}", change);
        }
    }
}

/// Gives live what Git has, one change after the other; new items of a list come last.
fn apply(changes: &[Change], live: &mut Value) {
    for change in changes {
        let parent = change.path.parent().expect("the root is never a change");
        let place = change.path.pointer(live);
        match (reach(live, &parent), change.path.0.last().unwrap(), &change.desired) {
            (Value::Object(entries), Segment::Field(name), wanted) => {
                match wanted {
                    Some(value) => entries.insert(name.clone(), value.clone()),
                    None => entries.remove(name),
                };
                if name == "serviceAccountName" {
                    // One field under two names.
                    entries.remove("serviceAccount");
                }
            }
            (Value::Array(items), _, wanted) => {
                let at = place.map(|place| place.rsplit('/').next().unwrap().parse::<usize>().unwrap());
                match (at, wanted) {
                    (Some(at), Some(value)) => items[at] = value.clone(),
                    (Some(at), None) => drop(items.remove(at)),
                    (None, Some(value)) => items.push(value.clone()),
                    (None, None) => panic!("{change:?}"),
                }
            }
            (node, ..) => panic!("{change:?} at {node}"),
        }
    }
}

/// The map or list at a path. Labels and annotations are told one by one, also where there are none yet.
fn reach<'a>(live: &'a mut Value, path: &FieldPath) -> &'a mut Value {
    let pointer = path
        .pointer(live)
        .unwrap_or_else(|| panic!("{path} is nowhere in live"));
    if live.pointer(&pointer).is_none() {
        let (Some(above), Some(Segment::Field(map))) = (path.parent(), path.0.last()) else {
            panic!("{path}")
        };
        reach(live, &above)[map] = json!({});
    }
    live.pointer_mut(&pointer).unwrap()
}
