//! What is said about texts.

use pretty_assertions::assert_eq;

use super::super::{Remark, load};

fn shown(remarks: &[Remark]) -> Vec<String> {
    let place = |remark: &Remark| format!("{}:{}", remark.line.unwrap_or(0), remark.column.unwrap_or(0));
    remarks
        .iter()
        .map(|remark| {
            format!(
                "{} {} {}",
                place(remark),
                remark.path.as_deref().unwrap_or("-"),
                remark.message
            )
        })
        .collect()
}

#[test]
fn says_where_a_document_stops_being_yaml_and_keeps_the_others() {
    let loaded = load(b"kind: A\n---\nkind: B\nspec:\n  a: b: c\n---\nkind: C\n", "web.yaml");
    let kinds: Vec<_> = loaded
        .documents
        .iter()
        .map(|document| document.value["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["A", "C"]);
    assert_eq!(
        shown(&loaded.problems),
        ["5:7 - mapping values are not allowed in this context"]
    );
    assert_eq!(
        loaded.problems[0].to_string(),
        "web.yaml:5:7: mapping values are not allowed in this context; quote the value that holds `: `, or correct the \
         indentation"
    );
}

#[test]
fn refuses_what_kubectl_refuses() {
    for (text, wanted) in [
        ("v: {~: 1}", "1:5 - a null or a number beyond 64 bits cannot be a key"),
        ("v:\n  ? [a]\n  : b", "2:5 - a map or a list cannot be a key"),
        ("v: .inf", "1:4 - an infinite number or .nan cannot be said in JSON"),
        ("v: &a [*a]", "1:8 - the value of an anchor contains itself"),
        ("v: {<<: 5}", "1:5 - `<<` takes a map or a list of maps"),
        (
            "v: !!int hunter2",
            "1:10 - unable to read a !!str as the !!int that its tag demands",
        ),
        ("v: !!binary a", "1:13 - a !!binary value is not base64"),
        ("v: \"a\\/b\"", "1:6 - kubectl does not know the escape `\\/`"),
        (
            "v: \"\\ud83d\\ude00\"",
            "1:5 - kubectl does not take half a character as an escape",
        ),
        ("v: \"\\\\/\\/\"", "1:8 - kubectl does not know the escape `\\/`"),
        (
            "v: a\n\t\nw: b",
            "2:1 - a tab stands in the indentation, where kubectl takes none",
        ),
        (
            "v: |\n  \ta",
            "2:3 - a block of text begins with a tab, where kubectl looks for its indentation",
        ),
        (
            "v: a\u{2028}b",
            "1:5 - kubectl takes this character for the end of the line",
        ),
        ("v: a\u{7}b", "1:5 - control characters are not allowed"),
        (
            "&a: v",
            "1:1 - kubectl takes only letters, digits, `-` and `_` in the name of an anchor",
        ),
        (
            "v: [?a]",
            "1:5 - kubectl reads `?` and `:` at this place in a bracket otherwise",
        ),
        (
            "...\nv: 1",
            "1:1 - the document ends before it begins: kubectl reads nothing behind `...`",
        ),
        ("--- v: 1", "1:4 - something stands behind `---`, which kubectl refuses"),
        ("- a", "1:1 - the document is not an object"),
        (
            "{\"v\": 1}{\"v\": 2}{\"v\"",
            "2:1 - the file is not JSON from here on: EOF while parsing an object",
        ),
    ] {
        let loaded = load(text.as_bytes(), "web.yaml");
        assert_eq!(shown(&loaded.problems), [wanted], "{text}");
    }
    let directive = load(b"%YAML 1.2\n---\nv: 1\n", "web.yaml");
    assert_eq!(
        directive.problems[0].hint.as_deref(),
        Some("delete the directive: kubectl takes none")
    );
}

#[test]
fn takes_tabs_where_kubectl_takes_them() {
    for text in [
        "v: [\n\t1,\n\t2]",
        "v: \"a\n\tb\"",
        "v: |\n  a\n  \tb",
        "v: a\n  \t\nw: b",
        "v:\ta\t# c",
        "v: a\n    \tb",
    ] {
        assert_eq!(
            shown(&load(text.as_bytes(), "web.yaml").problems),
            [] as [&str; 0],
            "{text:?}"
        );
    }
}

#[test]
fn names_a_template_as_what_it_is() {
    let loaded = load(b"kind: A\nname: {{ .Values.name }}\n", "templates/web.yaml");
    assert_eq!(
        loaded.problems[0].hint.as_deref(),
        Some("this is a template: render it first, as with `helm template`")
    );
}

#[test]
fn warns_of_keys_set_twice_in_yaml_and_json() {
    let yaml = load(b"spec:\n  replicas: 1\n  paused: false\n  replicas: 2\n", "web.yaml");
    assert_eq!(
        shown(&yaml.warnings),
        ["4:0 .spec.replicas the key is set twice, first on line 2: kubectl takes the last value"]
    );
    let json = load(b"\n{\"spec\": {\"replicas\": 1,\n\"replicas\": 2}}", "web.json");
    assert_eq!(
        shown(&json.warnings),
        ["3:0 .spec.replicas the key is set twice, first on line 1: kubectl takes the last value"]
    );
    assert_eq!(json.problems, []);
}

#[test]
fn warns_where_yaml_1_2_would_see_another_value() {
    let text = "a: 0644\nb: [yes]\non: 1\nc: 1_000\nd: &d {e: 1}\nf: {e: 2, <<: *d}\ng: !Ref h\ni: 08\nj: 0x1F\nk: \
                1e3\nl: true\n...\nm: 1\n";
    let loaded = load(text.as_bytes(), "web.yaml");
    assert_eq!(
        shown(&loaded.warnings),
        [
            "1:0 .a kubectl reads this as an octal number, YAML 1.2 as another value",
            "2:0 .b[0] kubectl reads this as a boolean, YAML 1.2 as another value",
            "3:0 - kubectl reads this as a boolean, YAML 1.2 as another value",
            "4:0 .c kubectl reads this as a number with separators, YAML 1.2 as another value",
            "6:0 .f.e `<<` replaces the value of line 6: kubectl goes by the order of the text",
            "7:0 .g kubectl passes over the tag of this value and reads a string",
            "13:0 - what follows the line `...` is not read by kubectl",
        ]
    );
    assert_eq!(loaded.problems, []);
}

#[test]
fn no_remark_quotes_a_value() {
    let secrets = [
        "0123456",
        "07715533",
        "1_000_777",
        "0b1011",
        "0o17",
        "12:34:56",
        "yes",
        "0x_1F",
        "1__0",
        "!!int hunter2",
        "!!bool hunter2",
        "!!timestamp hunter2",
        "!!binary hunter2",
        "!Ref hunter2",
        "%hunter2",
        "@hunter2",
        "'hunter2",
        "\"hunter2",
        "\"\\hunter2\"",
        "*hunter2",
        "&hunter2 &hunter2 a",
        "{hunter2",
        "[hunter2",
        "hunter2: hunter2: a",
        "|hunter2",
        ">hunter2",
        "{<<: hunter2}",
        "{? [hunter2] : a}",
    ];
    for secret in secrets {
        let text = format!("apiVersion: v1\nkind: Secret\nstringData:\n  password: {secret}\n");
        let loaded = load(text.as_bytes(), "secret.yaml");
        for remark in loaded.problems.iter().chain(&loaded.warnings) {
            let told = remark.to_string();
            let secret = secret.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
            assert!(
                !told.contains("hunter2") && (secret.len() < 4 || !told.contains(secret)),
                "{secret}: {told}"
            );
        }
    }
}

#[test]
fn a_path_of_megabytes_is_cut_before_each_remark_repeats_it() {
    let key = "k".repeat(1_000_000);
    let text = format!("spec:\n  ? {key}\n  : [{}]\n", "yes, ".repeat(100));
    let loaded = load(text.as_bytes(), "web.yaml");
    assert_eq!(loaded.warnings.len(), 100);
    assert!(loaded.warnings.iter().all(|warning| warning.cost() < 1_000));
    let path = loaded.warnings[0].path.as_deref().unwrap_or_default();
    assert!(path.starts_with(".spec[\"kkk") && path.ends_with("k…"), "{path}");
}

#[test]
fn warns_of_bytes_that_are_not_utf_8() {
    let loaded = load(b"a: 1\nb: x\xFF\n", "web.yaml");
    assert_eq!(
        shown(&loaded.warnings),
        ["2:0 - the file is not UTF-8: kubectl reads U+FFFD for each such byte"]
    );
    assert_eq!(loaded.documents[0].value["b"], "x\u{FFFD}");
}

#[test]
fn remarks_are_read_back_from_the_json_of_the_command_line() {
    let remark = Remark {
        column: Some(5),
        ..Remark::line("web.yaml", 12, "a message", "a way out")
    };
    let json = serde_json::to_value(&remark).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"file": "web.yaml", "line": 12, "column": 5, "path": null, "message": "a message",
                           "hint": "a way out"})
    );
    assert_eq!(serde_json::from_value::<Remark>(json).unwrap(), remark);
}
