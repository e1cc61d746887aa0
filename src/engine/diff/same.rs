//! Whether two objects are the same in all that is compared, without a word on where they differ.

use serde_json::Value;

use super::compare::{Place, is_compared};
use crate::engine::kind::Kind;
use crate::engine::schema::{Branches, Tree};

/// Whether an object is live to the letter, but for what is never compared: most syncs change nothing, and this walk
/// makes no copy.
pub(in crate::engine) fn is_live(kind: &Kind, object: &Tree<'_>, live: &Value) -> bool {
    fn same(kind: &Kind, object: &Tree<'_>, live: &Value, place: Place) -> bool {
        let (Tree::Map(members), Value::Object(live)) = (object, live) else {
            return object == live;
        };
        let mut theirs = live.iter().filter(|(name, _)| is_compared(Some(kind), place, name));
        let mut ours = members.iter().filter(|(name, _)| is_compared(Some(kind), place, name));
        // Both are sorted by name.
        ours.all(|(name, member)| {
            theirs.next().is_some_and(|(other, live)| {
                name == other
                    && place
                        .below(name)
                        .map_or_else(|| member == live, |place| same(kind, member, live, place))
            })
        }) && theirs.next().is_none()
    }
    same(kind, object, live, Place::Root)
}

/// Whether two objects as they are compared are the same; no labels and empty labels are.
pub(in crate::engine) fn is_same(one: &Tree<'_>, other: &Tree<'_>) -> bool {
    let nothing = Branches::default();
    let metadata = |object| Tree::at(object, &["metadata"]).and_then(Tree::as_map);
    let same_metadata = |one: Option<&Branches<'_>>, other: Option<&Branches<'_>>| {
        let (one, other) = (one.unwrap_or(&nothing), other.unwrap_or(&nothing));
        one.side_by_side(other).all(|(_, one, other)| match (one, other) {
            (Some(Tree::Map(map)), None) | (None, Some(Tree::Map(map))) => map.is_empty(),
            (one, other) => one == other,
        })
    };
    let (Tree::Map(of_one), Tree::Map(of_other)) = (one, other) else {
        return one == other;
    };
    same_metadata(metadata(one), metadata(other))
        && of_one
            .side_by_side(of_other)
            .all(|(name, one, other)| name == "metadata" || one == other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::diff::{compare, expected};
    use crate::engine::kind::DEPLOYMENT;
    use crate::engine::schema::arbitrary::neighbours;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_servers_own_words_are_no_difference_and_anything_else_is() {
        let live = json!({"metadata": {"name": "web", "generation": 3, "managedFields": [], "labels": {"a": "b"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "x": "y"}},
            "spec": {"replicas": 2}, "status": {"replicas": 2}});
        let mut object =
            json!({"metadata": {"labels": {"a": "b"}, "annotations": {"x": "y"}}, "spec": {"replicas": 2}});
        assert!(is_live(&DEPLOYMENT, &Tree::of(&object), &live));
        object["metadata"]["annotations"] = json!({});
        assert!(!is_live(&DEPLOYMENT, &Tree::of(&object), &live));
        object["metadata"]["annotations"] = json!({"x": "y"});
        object["spec"]["paused"] = json!(true);
        assert!(!is_live(&DEPLOYMENT, &Tree::of(&object), &live));
        let (bare, empty) = (json!({"metadata": {}}), json!({"metadata": {"annotations": {}}}));
        assert!(is_same(&expected(&DEPLOYMENT, &bare), &expected(&DEPLOYMENT, &empty)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn what_is_the_same_has_no_changes((one, other) in neighbours()) {
            let expected = |object| expected(&DEPLOYMENT, object);
            prop_assert!(is_live(&DEPLOYMENT, &Tree::of(&one), &one) && is_same(&expected(&one), &expected(&one)));
            if is_same(&expected(&one), &expected(&other)) {
                prop_assert_eq!(compare(&DEPLOYMENT, &one, &other), []);
            }
        }
    }
}
