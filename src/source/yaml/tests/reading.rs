//! What texts mean.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::super::load;

/// The documents of a text that must be read without a problem.
fn read(text: &str) -> Vec<Value> {
    let loaded = load(text.as_bytes(), "web.yaml");
    assert_eq!(loaded.problems, [], "{text}");
    loaded.documents.into_iter().map(|document| document.value).collect()
}

fn value(text: &str) -> Value {
    read(&format!("v: {text}\n")).remove(0)["v"].take()
}

#[test]
fn reads_scalars_by_the_rules_of_yaml_1_1_without_its_dates_and_base_60() {
    for (text, wanted) in [
        ("0755", json!(493)),
        ("0o755", json!(493)),
        ("0x2A", json!(42)),
        ("0b1101", json!(13)),
        ("0b-11", json!(-3)),
        ("09", json!(9)),
        ("1_500", json!(1500)),
        (".2_5", json!(0.25)),
        ("_1", json!("_1")),
        ("2e3", json!(2000)),
        ("2.50", json!(2.5)),
        ("8080.0", json!(8080)),
        ("1e999", json!("1e999")),
        ("1e21", json!(1e21)),
        ("9223372036854775807", json!(i64::MAX)),
        ("9223372036854775808", json!(9_223_372_036_854_775_808_f64)),
        ("-0", json!(0)),
        ("Yes", json!(true)),
        ("n", json!(false)),
        ("Off", json!(false)),
        ("oN", json!("oN")),
        ("~", json!(null)),
        ("", json!(null)),
        ("2026-11-21", json!("2026-11-21")),
        ("10:30:00", json!("10:30:00")),
        ("250m", json!("250m")),
        ("\"0755\"", json!("0755")),
        ("'yes'", json!("yes")),
        ("!!str 0755", json!("0755")),
        ("!!int \"12\"", json!(12)),
        ("!!float 3", json!(3)),
        ("!!binary aGFsbG8=", json!("hallo")),
        ("!Ref image", json!("image")),
        ("!", json!("")),
        ("'a'#b", json!("a")),
        ("|-\n  a\n   b\n", json!("a\n b")),
        (">\n  a\n  b\n", json!("a b\n")),
        ("'a\nb'", json!("a b")),
    ] {
        assert_eq!(value(text), wanted, "{text}");
    }
}

#[test]
fn turns_keys_into_text_and_keeps_the_last_of_equal_ones() {
    for (text, wanted) in [
        (
            "{1: a, 0x10: b, 2.5: c, 1e7: d}",
            json!({"1": "a", "16": "b", "2.5": "c", "1e+07": "d"}),
        ),
        ("{y: a, no: b}", json!({"true": "a", "false": "b"})),
        ("{a: 1, b: 2, a: 3}", json!({"a": 3, "b": 2})),
        ("{1: a, '1': b}", json!({"1": "a"})),
        ("{a, b: }", json!({"a": null, "b": null})),
    ] {
        assert_eq!(value(text), wanted, "{text}");
    }
}

#[test]
fn merges_in_the_order_of_the_text() {
    let merged =
        |map: &str| read(&format!("a: &a {{k: 1, l: 2}}\nb: &b {{k: 3, m: 4}}\nv: {map}\n")).remove(0)["v"].take();
    assert_eq!(merged("{<<: *a, k: 9}"), json!({"k": 9, "l": 2}));
    assert_eq!(merged("{k: 9, <<: *a}"), json!({"k": 1, "l": 2}));
    assert_eq!(merged("{<<: [*a, *b]}"), json!({"k": 1, "l": 2, "m": 4}));
    assert_eq!(merged("{'<<': *a}"), json!({"<<": {"k": 1, "l": 2}}));
}

#[test]
fn cuts_documents_at_lines_that_begin_with_dashes_and_passes_over_empty_ones() {
    assert_eq!(
        read("a: 1\n--- # two\na: 2\n---\n---\n# nothing\n---\nnull\n---   \na: 3"),
        [json!({"a": 1}), json!({"a": 2}), json!({"a": 3})]
    );
    assert_eq!(read("a: |\n  ---\n  b\n"), [json!({"a": "---\nb\n"})]);
    assert_eq!(read(""), [] as [Value; 0]);
}

#[test]
fn reads_every_encoding_that_kubectl_reads() {
    let text = "name: \"größe\"\r\nlines: |\r\n  a\r\n  b\r\n";
    let wanted = [json!({"name": "größe", "lines": "a\nb\n"})];
    let with_mark = |units: Vec<[u8; 2]>| units.concat();
    let marked: Vec<u16> = format!("\u{FEFF}{text}").encode_utf16().collect();
    let encodings = [
        text.as_bytes().to_vec(),
        format!("\u{FEFF}{text}").into_bytes(),
        with_mark(marked.iter().map(|unit| unit.to_le_bytes()).collect()),
        with_mark(marked.iter().map(|unit| unit.to_be_bytes()).collect()),
    ];
    for bytes in encodings {
        let loaded = load(&bytes, "web.yaml");
        assert_eq!(loaded.problems, []);
        assert_eq!(
            loaded
                .documents
                .iter()
                .map(|document| &document.value)
                .collect::<Vec<_>>(),
            wanted.iter().collect::<Vec<_>>()
        );
    }
    assert_eq!(read("a: 1\n---\n\u{FEFF}a: 2\n"), [json!({"a": 1}), json!({"a": 2})]);
}

#[test]
fn reads_json_objects_one_after_another_and_yaml_after_one() {
    assert_eq!(
        read("{\"a\": 1.0}\n{\"a\": 2}{\"a\": -0}"),
        [json!({"a": 1.0}), json!({"a": 2}), json!({"a": 0})]
    );
    assert_eq!(
        read("{\"a\": \"\\/\"}\n---\nb: yes\n"),
        [json!({"a": "/"}), json!({"b": true})]
    );
    assert_eq!(read("{a: 0755}"), [json!({"a": 493})]);
}

#[test]
fn knows_the_line_of_every_field() {
    let text = "# head\n---\nkind: A\nspec:\n  list:\n  - one\n  - two: {x: 1,\n      z: 2}\n  last: &a\n    deep: \
                1\n---\n\nkind: B\nspec: [1,\n  2]\n";
    let loaded = load(text.as_bytes(), "web.yaml");
    let [first, second] = &loaded.documents[..] else {
        panic!("two documents: {loaded:?}")
    };
    assert_eq!((first.line, second.line), (3, 13));
    for (pointer, line) in [
        ("", 3),
        ("/kind", 3),
        ("/spec", 4),
        ("/spec/list/0", 6),
        ("/spec/list/1/two", 7),
        ("/spec/list/1/two/z", 8),
        ("/spec/last/deep", 10),
        ("/spec/list/9", 5),
        ("/spec/absent/deeper", 4),
    ] {
        assert_eq!(first.line_of(pointer), line, "{pointer}");
    }
    assert_eq!([second.line_of("/kind"), second.line_of("/spec/1")], [13, 15]);
    let json = load(b"{\n \"a\": {\n  \"b/c\": [\n   1]}}\n\n{\"z\": 1}", "web.json");
    assert_eq!(
        json.documents.iter().map(|document| document.line).collect::<Vec<_>>(),
        [1, 6]
    );
    assert_eq!(
        [
            json.documents[0].line_of("/a/b~1c"),
            json.documents[0].line_of("/a/b~1c/0")
        ],
        [3, 4]
    );
}

#[test]
fn quoted_lines_in_their_keys_column_are_read_however_many() {
    use std::fmt::Write as _;

    let mut text = "apiVersion: v1\nkind: ConfigMap\ndata:\n".to_owned();
    for at in 0..5_000 {
        let _ = write!(text, "  k{at}: 'one\n  two'\n  b{at}: |\n    'three\n    four'\n");
    }
    let loaded = load(text.as_bytes(), "words.yaml");
    assert_eq!((loaded.problems, loaded.documents.len()), (vec![], 1));
    let data = &loaded.documents[0].value["data"];
    assert_eq!(
        (&data["k4999"], &data["b4999"]),
        (&json!("one two"), &json!("'three\nfour'\n"))
    );
    assert_eq!(loaded.documents[0].line_of("/data/k1"), 9);
}

#[test]
fn a_fault_behind_many_quoted_lines_is_told_at_its_own_place() {
    let text = format!("data:\n{}  bad: 'x' y\n", "  k: 'one\n  two'\n".repeat(500));
    let loaded = load(text.as_bytes(), "words.yaml");
    assert_eq!(
        loaded.problems.iter().map(|problem| problem.line).collect::<Vec<_>>(),
        [Some(1_002)]
    );
}
