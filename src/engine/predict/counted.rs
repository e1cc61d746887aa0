//! The number by which the server counts the changes of a pod template: inside the server a field of a DaemonSet, which
//! its v1 has as an annotation.
//!
//! Source: `Convert_v1_DaemonSet_To_apps_DaemonSet` and its inverse in `pkg/apis/apps/v1/conversion.go`, and
//! `PrepareForCreate` and `PrepareForUpdate` of `pkg/registry/apps/daemonset/strategy.go`.

use serde_json::Value;

use super::Cause;
use crate::engine::kind::Kind;
use crate::engine::object::Look;
use crate::engine::schema::{Branches, Members, Shape, Tree, apply_defaults};

/// The annotation that is no number, and what Go says of it.
pub(super) fn fault<D: Look>(kind: &Kind, object: &D) -> Option<(&'static str, String)> {
    let annotations = object.member("metadata")?.member("annotations")?;
    kind.counted.iter().find_map(|name| {
        // A null in a map of texts is an empty one; anything else is told before.
        let text = annotations.member(name)?.text().unwrap_or_default();
        number(text).err().map(|why| {
            let quoted = Value::from(text);
            (*name, format!("strconv.ParseInt: parsing {quoted}: {why}"))
        })
    })
}

/// The same as the server tells it of what a patch or an apply makes (500).
pub(super) fn unconvertible<D: Look>(kind: &Kind, object: &D) -> Option<Cause> {
    fault(kind, object).map(|(_, message)| Cause {
        reason: String::new(),
        field: String::new(),
        message,
    })
}

/// Puts the number into what a write makes of live: that of live, and one more where the template is another. Nobody
/// else sets it.
pub(super) fn count_on(kind: &'static Kind, stored: &mut Tree<'_>, live: &Value) {
    for name in kind.counted {
        let is_another = !is_same_template(kind, stored, live);
        put(stored, name, written(live, name).wrapping_add(i64::from(is_another)));
    }
}

/// The same where the write is a second one over what the first made of live.
pub(super) fn count_again(kind: &'static Kind, stored: &mut Tree<'_>, first: &Tree<'_>) {
    for name in kind.counted {
        let is_another = stored.at(kind.template) != first.at(kind.template);
        put(stored, name, written(first, name).wrapping_add(i64::from(is_another)));
    }
}

/// The same for a new object: at least 1.
pub(super) fn count_first(kind: &'static Kind, stored: &mut Tree<'_>) {
    for name in kind.counted {
        let given = written(stored, name);
        put(stored, name, given.max(1));
    }
}

/// The number in an object; 0 where there is none.
fn written<D: Look>(object: &D, name: &str) -> i64 {
    let annotations = object
        .member("metadata")
        .and_then(|metadata| metadata.member("annotations"));
    let text = annotations.and_then(|annotations| annotations.member(name)?.text());
    text.and_then(|text| number(text).ok()).unwrap_or_default()
}

fn put(stored: &mut Tree<'_>, name: &'static str, count: i64) {
    if let Some(metadata) = stored.map_at_mut(&["metadata"]) {
        metadata.put_if_absent("annotations", || Tree::Map(Branches::default()));
        if let Some(annotations) = metadata.find("annotations").and_then(Tree::as_map_mut) {
            annotations.insert(name, Tree::Text(count.to_string().into()));
        }
    }
}

/// Whether the pod template is live's, in whatever words.
fn is_same_template(kind: &'static Kind, stored: &Tree<'_>, live: &Value) -> bool {
    let new = stored.at(kind.template);
    let old = kind.template.iter().try_fold(live, |live, name| live.get(name));
    match (new, old, template_shape(kind)) {
        (Some(new), Some(old), Some(shape)) => {
            new == old || {
                let mut old = Tree::of(old);
                apply_defaults(shape, &mut old);
                *new == old
            }
        }
        (new, old, _) => new.is_none() && old.is_none(),
    }
}

fn template_shape(kind: &'static Kind) -> Option<Shape> {
    kind.template
        .iter()
        .try_fold(kind.root, |shape, name| shape.child(name))
}

/// Go's `strconv.ParseInt` to the base 10, for 64 bits.
fn number(text: &str) -> Result<i64, &'static str> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err("invalid syntax");
    }
    text.parse().map_err(|_| "value out of range")
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::engine::kind::{DAEMON_SET, DEPLOYMENT};

    const NAME: &str = "deprecated.daemonset.template.generation";

    fn object(number: Option<&str>, image: &str, memory: &str) -> Value {
        let container = json!({"name": "web", "image": image, "resources": {"limits": {"memory": memory}}});
        let mut object =
            json!({"metadata": {"name": "web"}, "spec": {"template": {"spec": {"containers": [container]}}}});
        if let Some(number) = number {
            object["metadata"]["annotations"] = json!({NAME: number});
        }
        object
    }

    fn of(stored: &Tree<'_>) -> Option<String> {
        let number = stored.at(&["metadata", "annotations", NAME])?.as_str()?;
        Some(number.to_owned())
    }

    #[test]
    fn the_number_is_lives_and_one_more_with_another_template() {
        let live = object(Some("4"), "web:1", "1Gi");
        let counted = |written: &Value| {
            let mut stored = crate::engine::validation::as_stored(DAEMON_SET.root, Tree::of(written));
            count_on(&DAEMON_SET, &mut stored, &live);
            of(&stored)
        };
        for (number, image, memory, kept) in [
            (Some("4"), "web:1", "1Gi", "4"),
            (None, "web:1", "1Gi", "4"),
            (Some("9"), "web:1", "1Gi", "4"),
            (None, "web:1", "1024Mi", "4"),
            (Some("4"), "web:2", "1Gi", "5"),
            (Some("9"), "web:2", "1Gi", "5"),
        ] {
            let written = object(number, image, memory);
            assert_eq!(counted(&written).as_deref(), Some(kept), "{number:?} {image} {memory}");
        }
    }

    #[test]
    fn a_second_write_counts_what_it_changes_of_the_first() {
        let first = object(Some("5"), "web:2", "1Gi");
        for (image, counted) in [("web:2", "5"), ("web:1", "6")] {
            let written = object(None, image, "1Gi");
            let mut stored = Tree::of(&written);
            count_again(&DAEMON_SET, &mut stored, &Tree::of(&first));
            assert_eq!(of(&stored).as_deref(), Some(counted), "{image}");
        }
    }

    #[test]
    fn the_first_number_is_at_least_one() {
        for (given, first) in [(None, "1"), (Some("0"), "1"), (Some("-3"), "1"), (Some("+07"), "7")] {
            let written = object(given, "web:1", "1Gi");
            let mut stored = Tree::of(&written);
            count_first(&DAEMON_SET, &mut stored);
            assert_eq!(of(&stored).as_deref(), Some(first), "{given:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_told_in_gos_words_and_of_a_kind_that_counts_alone() {
        let told = |text: &str| fault(&DAEMON_SET, &object(Some(text), "web:1", "1Gi")).map(|(_, message)| message);
        let syntax = |text: &str| Some(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"));
        for text in ["", "x", "1.5", " 1", "1_0", "-"] {
            assert_eq!(told(text), syntax(text));
        }
        assert_eq!(
            told("9223372036854775808"),
            Some("strconv.ParseInt: parsing \"9223372036854775808\": value out of range".to_owned())
        );
        for text in ["7", "-3", "+12", "007"] {
            assert_eq!(told(text), None);
        }
        assert_eq!(fault(&DEPLOYMENT, &object(Some("x"), "web:1", "1Gi")), None);
    }
}
