//! What a set reads and writes, and the laws it obeys.

use super::*;
use serde_json::json;

fn set(paths: &[&str]) -> FieldSet {
    paths.iter().map(|path| FieldPath::parse(path).unwrap()).collect()
}

fn path(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap()
}

/// An entry with every kind of key, spelled as an API server spells it.
fn every_key() -> Value {
    json!({
        "f:metadata": {"f:annotations": {".": {}, "f:example.com/a.b": {}},
                       "f:finalizers": {".": {}, "v:\"a/\\u003cb\"": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {
                ".": {}, "f:image": {}, "f:name": {},
                "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}
            }}, "f:old": {"i:2": {}}}}
        }
    })
}

#[test]
fn writes_what_it_read() {
    assert_eq!(FieldSet::parse(&every_key()).map(|set| set.to_value()), Ok(every_key()));
}

#[test]
fn names_leaves_and_members() {
    let set = FieldSet::parse(&json!({"f:a": {".": {}, "f:b": {}}, "f:c": {"v:1": {}}})).unwrap();
    assert_eq!(set.members(), [path(".a"), path(".a.b"), path(".c[=1]")]);
    assert_eq!(set.leaves().collect::<Vec<_>>(), [path(".a.b"), path(".c[=1]")]);
}

#[test]
fn spells_list_keys_in_one_way() {
    let sloppy = json!({"f:ports": {"k:{ \"protocol\": \"TCP\", \"containerPort\":80 }": {}}});
    let neat = json!({"f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {}}});
    assert_eq!(FieldSet::parse(&sloppy).map(|set| set.to_value()), Ok(neat));
}

#[test]
fn finds_items_whose_key_leaves_out_a_default() {
    let full = set(&[".ports[containerPort=80,protocol=\"TCP\"].name"]);
    let short = set(&[".ports[containerPort=80].name"]);
    for (set, asked) in [
        (&full, ".ports[containerPort=80]"),
        (&short, ".ports[containerPort=80,protocol=\"TCP\"]"),
    ] {
        assert!(set.contains_or_below(&path(asked)), "{asked}");
        assert!(!set.contains(&path(asked)), "{asked}");
        assert!(set.contains(&path(asked).field("name")), "{asked}");
    }
    assert!(!full.contains_or_below(&path(".ports[containerPort=80,protocol=\"UDP\"]")));
    assert!(!full.contains_or_below(&path(".ports[containerPort=\"80\",protocol=\"TCP\"]")));
}

#[test]
fn keeps_parents_and_children_apart() {
    let (parent, child) = (set(&[".a"]), set(&[".a.b"]));
    assert_eq!(parent.union(&child), set(&[".a", ".a.b"]));
    assert_eq!(parent.difference(&child), parent);
    assert_eq!(child.difference(&parent), child);
    assert!(parent.intersection(&child).is_empty());
    assert_eq!(set(&[".a", ".a.b", ".c"]).difference(&child), set(&[".a", ".c"]));
    assert_eq!(
        set(&[".a", ".a.b", ".c"]).intersection(&set(&[".c", ".a.b"])),
        set(&[".a.b", ".c"])
    );
    assert_eq!(set(&[".a", ".a.b", ".ab"]).at_or_below(&path(".a.b")), child);
}

#[test]
fn refuses_what_is_not_fields_v1_and_passes_over_types_of_a_later_version() {
    for broken in [
        json!([]),
        json!({"f:a": 1}),
        json!({"a": {}}),
        json!({"f:a": {"k:{": {}}}),
        json!({"i:-1": {}}),
        json!({"é:": {}}),
        json!({"k:{}": {}}),
    ] {
        assert!(FieldSet::parse(&broken).is_err(), "{broken}");
    }
    assert_eq!(
        FieldSet::parse(&json!({"x:later": {"f:a": {}}, "f:b": null})),
        Ok(set(&[".b"]))
    );
}

proptest::proptest! {
    #[test]
    fn obeys_the_laws_of_sets(left: Vec<Vec<u8>>, right: Vec<Vec<u8>>) {
        let made = |paths: &[Vec<u8>]| -> FieldSet {
            paths.iter().map(|path| FieldPath(path.iter().take(4).map(|step| match step % 4 {
                0 => Segment::Field("a".to_owned()),
                1 => Segment::Field("b".to_owned()),
                2 => Segment::Key(vec![("name".to_owned(), json!("x"))]),
                _ => Segment::Value(json!("x")),
            }).collect())).collect()
        };
        let (left, right) = (made(&left), made(&right));
        let (both, either) = (left.intersection(&right), left.union(&right));
        proptest::prop_assert_eq!(either.difference(&right).union(&both), left.clone());
        proptest::prop_assert_eq!(left.difference(&left.difference(&right)), both);
        proptest::prop_assert_eq!(FieldSet::parse(&either.to_value()), Ok(either.clone()));
        proptest::prop_assert!(either.members().iter().all(|path| left.contains(path) || right.contains(path)));
    }
}
