//! Patterns over field paths, as a DriftWatch's ignore rules and the built-in table write them.

use serde_json::Value;

use super::pointer::item_segment;
use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, PathError, Segment};
use crate::engine::schema::{self, ListKind};

/// A field path with wildcards: `.spec.template.spec.containers[name="app-*"].env[*].value`.
///
/// `*` stands for any text inside a map key or a key's string value, and alone for any one step; `[*]` is any item of a
/// list. A keyed item may be named by some of its keys. A pattern matches the path and everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern(FieldPath);

impl PathPattern {
    /// Reads a pattern in the grammar of [`FieldPath`].
    ///
    /// # Errors
    /// [`PathError`] with the place at which the text stops being a path; places count `[*]` as `["*"]`.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        FieldPath::parse(&text.replace("[*]", "[\"*\"]")).map(Self)
    }

    /// The pattern of one path. A `*` in a name of the path stands for any text all the same.
    pub fn exact(path: FieldPath) -> Self {
        Self(path)
    }

    /// Whether the path is matched or lies below a path that is.
    pub fn matches(&self, path: &FieldPath) -> bool {
        path.0.len() >= self.0.0.len() && self.fits(path)
    }

    /// Whether the pattern may match something below the path.
    pub(super) fn reaches_below(&self, path: &FieldPath) -> bool {
        path.0.len() < self.0.0.len() && self.fits(path)
    }

    /// Whether an object of this kind has a field that is matched.
    pub fn names_in(&self, kind: &Kind, object: &Value) -> bool {
        names(kind, &self.0.0, &FieldPath::root(), object)
    }

    fn fits(&self, path: &FieldPath) -> bool {
        self.0
            .0
            .iter()
            .zip(&path.0)
            .all(|(pattern, segment)| step_matches(pattern, segment))
    }
}

impl std::fmt::Display for PathPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_string().replace("[\"*\"]", "[*]"))
    }
}

impl std::str::FromStr for PathPattern {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

fn names(kind: &Kind, pattern: &[Segment], path: &FieldPath, value: &Value) -> bool {
    let Some((step, rest)) = pattern.split_first() else {
        return true;
    };
    let below =
        |segment: Segment, child: &Value| step_matches(step, &segment) && names(kind, rest, &path.with(segment), child);
    match value {
        Value::Object(entries) if !schema::is_atomic_map(kind.root, &path.schema()) => entries
            .iter()
            .any(|(name, child)| below(Segment::Field(name.clone()), child)),
        Value::Array(items) => match schema::list_kind(kind.root, &path.schema()) {
            ListKind::Map(keys) => items
                .iter()
                .enumerate()
                .any(|(at, item)| below(item_segment(keys, at, item), item)),
            ListKind::Set => items.iter().any(|item| below(Segment::Value(item.clone()), item)),
            ListKind::Atomic => false,
        },
        _ => false,
    }
}

fn step_matches(pattern: &Segment, segment: &Segment) -> bool {
    match (pattern, segment) {
        (Segment::Field(wild), _) if wild == "*" => true,
        (Segment::Field(pattern), Segment::Field(name)) => text_matches(pattern, name),
        (Segment::Key(wanted), Segment::Key(keys)) => wanted.iter().all(|(name, value)| {
            keys.iter()
                .any(|(other, found)| name == other && value_matches(value, found))
        }),
        (Segment::Index(wanted), Segment::Index(index)) => wanted == index,
        _ => false,
    }
}

fn value_matches(pattern: &Value, value: &Value) -> bool {
    match (pattern.as_str(), value.as_str()) {
        (Some(pattern), Some(text)) => text_matches(pattern, text),
        _ => pattern == value,
    }
}

/// Whether the text fits the pattern, in which `*` is any text.
///
/// Each part between stars is taken where it comes first, which leaves the most for the others: no part is looked for
/// twice, however many stars there are.
pub(super) fn text_matches(pattern: &str, text: &str) -> bool {
    let Some((prefix, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(prefix) else {
        return false;
    };
    let (middle, suffix) = rest
        .rsplit_once('*')
        .map_or((None, rest), |(middle, suffix)| (Some(middle), suffix));
    for part in middle.into_iter().flat_map(|middle| middle.split('*')) {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_path_and_what_lies_below_it() {
        for (pattern, path, matches) in [
            (".spec.replicas", ".spec.replicas", true),
            (
                ".spec.template",
                ".spec.template.spec.containers[name=\"a\"].image",
                true,
            ),
            (".spec.template.spec", ".spec.template", false),
            (
                ".spec.template.spec.containers[*].image",
                ".spec.template.spec.containers[name=\"a\"].image",
                true,
            ),
            (
                ".spec.template.spec.containers[*].image",
                ".spec.template.spec.containers[name=\"a\"].args",
                false,
            ),
            (".spec.*.metadata", ".spec.template.metadata.labels.x", true),
            (".a[name=\"app-*\"]", ".a[name=\"app-1\"]", true),
            (".a[name=\"*-x-*\"]", ".a[name=\"1-x\"]", false),
            (
                ".a.ports[containerPort=80]",
                ".a.ports[containerPort=80,protocol=\"TCP\"].name",
                true,
            ),
            (
                ".a.ports[containerPort=80]",
                ".a.ports[containerPort=81,protocol=\"TCP\"]",
                false,
            ),
            (
                ".metadata.annotations[\"ops.example.com/*\"]",
                ".metadata.annotations[\"ops.example.com/note\"]",
                true,
            ),
        ] {
            let found = PathPattern::parse(pattern)
                .unwrap()
                .matches(&FieldPath::parse(path).unwrap());
            assert_eq!(found, matches, "{pattern} {path}");
        }
    }

    #[test]
    fn a_star_is_any_text_and_many_of_them_end_soon() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("**", "a", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*ab*b", "ab", false),
            ("*ab*b", "abab", true),
            ("a*b*c", "abbc", true),
            ("a*b*c", "acb", false),
            ("", "", true),
            ("", "a", false),
            ("é*é", "éé", true),
        ] {
            assert_eq!(text_matches(pattern, text), fits, "{pattern} {text}");
        }
        assert!(!text_matches(&("*a".repeat(500) + "b"), &"a".repeat(10_000)));
    }

    #[test]
    fn is_written_as_it_is_read() {
        let text = ".spec.template.spec.containers[*].env[name=\"A*\"].value";
        assert_eq!(
            PathPattern::parse(text).map(|pattern| pattern.to_string()),
            Ok(text.to_owned())
        );
        assert!(PathPattern::parse(".a[").is_err());
    }
}
