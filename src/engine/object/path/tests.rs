//! Paths as texts, as pointers, and in documents.

use super::*;
use serde_json::json;

#[test]
fn writes_and_reads_every_kind_of_segment() {
    for text in [
        ".spec.template.spec.containers[name=\"web\"].image",
        ".spec.template.spec.containers[name=\"web\"].ports[containerPort=80,protocol=\"TCP\"].name",
        ".metadata.annotations[\"ops.example.com/note\"]",
        ".metadata.labels[\"a\\\"]b\"]",
        ".spec.template.spec.tolerations[2].key",
        ".metadata.finalizers[=\"example.com/a]b\"]",
    ] {
        assert_eq!(FieldPath::parse(text).map(|path| path.to_string()), Ok(text.to_owned()));
    }
}

#[test]
fn names_the_place_where_a_text_stops_being_a_path() {
    for (text, at) in [
        (".spec..image", 5),
        (".spec[name=]", 5),
        (".a[name=\"x\"", 2),
        (".a[name=\"x\",]", 2),
        (".a[0]b", 5),
    ] {
        assert_eq!(
            FieldPath::parse(text),
            Err(PathError {
                text: text.to_owned(),
                at
            }),
            "{text}"
        );
    }
}

#[test]
fn finds_items_by_key_whatever_their_position() {
    let object = json!({"ports": [{"containerPort": 81}, {"containerPort": 80, "name": "http"}]});
    let path = FieldPath::parse(".ports[containerPort=80,protocol=\"TCP\"].name").unwrap();
    assert_eq!(path.get(&object), Some(&json!("http")));
    assert_eq!(path.pointer(&object).as_deref(), Some("/ports/1/name"));
}

#[test]
fn points_at_an_absent_key_only_at_the_end() {
    let object = json!({"metadata": {"annotations": {}}});
    let at = |text: &str| FieldPath::parse(text).unwrap().pointer(&object);
    assert_eq!(
        at(".metadata.annotations[\"a/b\"]").as_deref(),
        Some("/metadata/annotations/a~1b")
    );
    assert_eq!(at(".metadata.labels.a"), None);
}
