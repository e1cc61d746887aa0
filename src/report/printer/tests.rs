use pretty_assertions::assert_eq;
use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn what_a_terminal_or_an_eye_would_follow_is_escaped_as_in_json() {
    for (given, shown) in [
        ("\u{1b}[2Jweb\u{7}", r"\u001b[2Jweb\u0007"),
        ("a\u{9b}31mb\u{7f}\u{85}", r"a\u009b31mb\u007f\u0085"),
        ("web\u{202e}txt.lmay", r"web\u202etxt.lmay"),
        ("\u{2066}a\u{2069}\u{200f}\u{61c}", r"\u2066a\u2069\u200f\u061c"),
        ("pay\u{200b}ment\u{feff}\u{2060}", r"pay\u200bment\ufeff\u2060"),
        ("web\u{e0041}", r"web\udb40\udc41"),
        ("a\nb\r\tc\u{2028}d", r"a\nb\r\tc\u2028d"),
        (
            "a\u{a0}b\u{2800}c\u{13430}\u{1343f}",
            r"a\u00a0b\u2800c\ud80d\udc30\ud80d\udc3f",
        ),
        ("plain – ±↕ äöü 漢字 😀 العربية", "plain – ±↕ äöü 漢字 😀 العربية"),
    ] {
        assert_eq!(one_line(given), shown);
    }
    assert_eq!(lines("a\nb\u{1b}\tc"), "a\nb\\u001b\\tc");
}

#[test]
fn a_line_stays_one_line_whatever_it_is_made_of() {
    let mut out = String::new();
    line!(&mut out, "{:<8} {}", "web", "in sync\nPlan 0000: nothing to do");
    assert_eq!(out, "web      in sync\\nPlan 0000: nothing to do\n");
}

#[test]
fn a_status_keeps_the_line_breaks_of_values_and_what_a_policy_compares() {
    let status = json!({
        "summary": "web\nis fine", "fields": [{"path": ".a\u{202e}", "live": {"x\u{1b}": "one\ntwo\u{1b}"},
                                               "desired": null}],
        "approval": {"by": "jane\u{202e}", "reason": "because\u{7}"},
    });
    let shown = json!({
        "summary": "web\\nis fine", "fields": [{"path": ".a\\u202e", "live": {"x\\u001b": "one\ntwo\\u001b"},
                                                "desired": null}],
        "approval": {"by": "jane\u{202e}", "reason": "because\\u0007"},
    });
    assert_eq!(told(status.clone()), shown);
    assert_eq!(told(shown.clone()), shown);
    // The keys of a value are anybody's.
    assert_eq!(
        told(json!({"fields": [{"live": {"by": "x\u{202e}"}}]})),
        json!({"fields": [{"live": {"by": "x\\u202e"}}]})
    );
    assert_eq!(
        told(json!({"path": ".a[\"b\"]", "text": "a \\ b"})),
        json!({"path": ".a[\"b\"]", "text": "a \\ b"})
    );
}

/// Texts in which every second character is one that must not be seen raw.
fn hostile() -> impl Strategy<Value = String> {
    let unseen = (0..UNSEEN.len(), any::<u32>()).prop_map(|(at, by)| {
        let (start, end) = (*UNSEEN[at].start() as u32, *UNSEEN[at].end() as u32);
        char::from_u32(start + by % (end - start + 1)).unwrap()
    });
    let control = (0_u32..0xa0).prop_map(|code| char::from_u32(code).unwrap());
    proptest::collection::vec(prop_oneof![unseen, control, any::<char>()], 0..40)
        .prop_map(|all| all.into_iter().collect())
}

proptest! {
    #[test]
    fn nothing_raw_is_left_and_nothing_else_is_changed(text in hostile()) {
        let shown = one_line(&text).into_owned();
        prop_assert!(!shown.contains(is_raw), "{shown:?}");
        prop_assert_eq!(one_line(&shown), shown.as_str());
        prop_assert!(!lines(&text).contains(|c| c != '\n' && is_raw(c)));
        let kept: String = text.chars().filter(|c| !is_raw(*c)).collect();
        let mut rest = shown.chars();
        prop_assert!(kept.chars().all(|c| rest.any(|other| other == c)), "{shown:?} lost something of {text:?}");
    }

    #[test]
    fn escaped_json_is_the_same_json(text in hostile(), key in hostile()) {
        let mut object = Map::new();
        object.insert(key, Value::from(text));
        let value = Value::Object(object);
        let shown = one_line(&value.to_string()).into_owned();
        prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }
}
