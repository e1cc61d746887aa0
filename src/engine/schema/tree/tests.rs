//! Trees held against the documents that they borrow from.

use super::*;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::schema::apply_defaults;
use crate::engine::schema::arbitrary::deployment;
use pretty_assertions::assert_eq;
use proptest::prelude::*;
use serde_json::json;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn normal_form_and_defaults_are_the_same_for_both_kinds_of_document(object in deployment()) {
        let mut tree = Tree::of(&object);
        prop_assert!(tree == object);
        apply_defaults(DEPLOYMENT.root, &mut tree);
        let mut value = object.clone();
        apply_defaults(DEPLOYMENT.root, &mut value);
        prop_assert_eq!(tree.to_value(), value);
    }
}

#[test]
fn two_maps_are_gone_through_side_by_side() {
    let (one, other) = (json!({"a": 1, "c": 2}), json!({"b": 3, "c": 4, "d": 5}));
    let (one, other) = (Tree::of(&one), Tree::of(&other));
    let (Tree::Map(one), Tree::Map(other)) = (&one, &other) else {
        panic!("no maps")
    };
    let found: Vec<_> = one
        .side_by_side(other)
        .map(|(name, one, other)| (name, one.is_some(), other.is_some()))
        .collect();
    assert_eq!(
        found,
        [
            ("a", true, false),
            ("b", false, true),
            ("c", true, true),
            ("d", false, true)
        ]
    );
}
