//! Field paths in the grammar of server-side apply's messages: `.spec.containers[name="web"].image`.

use serde_json::{Map, Value};

use super::look::Look;

/// One step of a [`FieldPath`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A key of a map.
    Field(String),

    /// The item of a keyed list that has these values under its keys, in the order of the list's keys.
    Key(Vec<(String, Value)>),

    /// The item of a set that is this value, such as a finalizer.
    Value(Value),

    /// The item of a list without keys, by position from 0.
    Index(usize),
}

/// Where a field is, from the root of the object.
///
/// This is not a JSON Pointer: an item of a keyed list is named by its keys, so the path holds when the list is
/// reordered. [`FieldPath::pointer`] finds the JSON Pointer in a given object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct FieldPath(pub Vec<Segment>);

/// A text that is not a field path.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a field path: {text:?} at character {at}")]
pub struct PathError {
    /// The text as given.
    pub text: String,

    /// The byte at which it stops making sense.
    pub at: usize,
}

impl FieldPath {
    /// The root of the object.
    pub fn root() -> Self {
        Self::default()
    }

    /// A path of map keys only.
    pub fn of(fields: &[&str]) -> Self {
        Self(fields.iter().map(|field| Segment::Field((*field).to_owned())).collect())
    }

    /// This path and one more key.
    pub fn field(&self, name: &str) -> Self {
        self.with(Segment::Field(name.to_owned()))
    }

    /// This path and one more segment.
    pub fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    /// The path without its last segment; `None` at the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, rest) = self.0.split_last()?;
        Some(Self(rest.to_vec()))
    }

    /// Whether `self` is `other` or lies below it.
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The path as the schema tables write it: keys with dots, `[]` for any item, such as
    /// `spec.template.spec.containers[].ports`.
    pub fn schema(&self) -> String {
        schema_path(&self.0)
    }

    /// The value at this path.
    pub fn get<'a, D: Look>(&self, object: &'a D) -> Option<&'a D> {
        self.0.iter().try_fold(object, |node, segment| segment.find(node))
    }

    /// The JSON Pointer of this path in `object`; `None` where the path leads nowhere. The last segment may be an
    /// absent map key, so that a pointer for an `add` can be made.
    pub fn pointer<D: Look>(&self, object: &D) -> Option<String> {
        let mut node = Some(object);
        let mut out = String::new();
        for (at, segment) in self.0.iter().enumerate() {
            let here = node?;
            match (segment.token_in(here), segment) {
                (Some(token), _) => {
                    out.push('/');
                    out.push_str(&token);
                    node = segment.find(here);
                }
                (None, Segment::Field(name)) if at + 1 == self.0.len() && here.is_map() => {
                    out.push('/');
                    out.push_str(&escape_token(name));
                    node = None;
                }
                (None, _) => return None,
            }
        }
        Some(out)
    }

    /// Puts a value at this path, making what is not there on the way.
    pub fn put(&self, object: &mut Value, value: &Value) {
        put(object, &self.0, value);
    }

    /// Reads a path in the grammar that [`std::fmt::Display`] writes. An index may be written `[0]`.
    ///
    /// # Errors
    /// [`PathError`] with the place at which the text stops being a path.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let mut segments = Vec::new();
        let mut rest = text;
        let fail = |rest: &str| PathError {
            text: text.to_owned(),
            at: text.len() - rest.len(),
        };
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let end = bracket_end(inner).ok_or_else(|| fail(rest))?;
                segments.push(parse_bracket(&inner[..end]).ok_or_else(|| fail(rest))?);
                rest = &inner[end + 1..];
            } else {
                let body = match rest.strip_prefix('.') {
                    Some(body) => body,
                    None if segments.is_empty() => rest,
                    None => return Err(fail(rest)),
                };
                let end = body.find(['.', '[']).unwrap_or(body.len());
                if end == 0 {
                    return Err(fail(rest));
                }
                segments.push(Segment::Field(body[..end].to_owned()));
                rest = &body[end..];
            }
        }
        Ok(Self(segments))
    }
}

/// [`FieldPath::schema`] of a part of a path.
pub fn schema_path(segments: &[Segment]) -> String {
    let mut out = String::new();
    for segment in segments {
        match segment {
            Segment::Field(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Segment::Key(_) | Segment::Value(_) | Segment::Index(_) => out.push_str("[]"),
        }
    }
    out
}

fn put(node: &mut Value, path: &[Segment], value: &Value) {
    let Some((segment, rest)) = path.split_first() else {
        node.clone_from(value);
        return;
    };
    let inner = match segment {
        Segment::Field(name) => {
            if !node.is_object() {
                *node = Value::Object(Map::new());
            }
            node.as_object_mut()
                .map(|members| members.entry(name.clone()).or_insert(Value::Null))
        }
        Segment::Key(_) | Segment::Value(_) | Segment::Index(_) => {
            if !node.is_array() {
                *node = Value::Array(Vec::new());
            }
            let at = segment.index_in(node);
            node.as_array_mut().and_then(|items| {
                let at = at.unwrap_or(items.len());
                if at == items.len() {
                    items.push(segment.bare_item());
                }
                items.get_mut(at)
            })
        }
    };
    if let Some(inner) = inner {
        put(inner, rest, value);
    }
}

impl Segment {
    /// A list item with nothing but what names it.
    fn bare_item(&self) -> Value {
        match self {
            Self::Key(keys) => Value::Object(keys.iter().cloned().collect()),
            Self::Value(value) => value.clone(),
            Self::Field(_) | Self::Index(_) => Value::Null,
        }
    }

    /// The child of `node` that this segment names.
    fn find<'a, D: Look>(&self, node: &'a D) -> Option<&'a D> {
        match self {
            Self::Field(name) => node.member(name),
            _ => node.items()?.get(self.index_in(node)?),
        }
    }

    /// The JSON Pointer token of the child that this segment names.
    fn token_in<D: Look>(&self, node: &D) -> Option<String> {
        match self {
            Self::Field(name) => node.member(name).map(|_| escape_token(name)),
            _ => self.index_in(node).map(|index| index.to_string()),
        }
    }

    /// The position of the item that this segment names.
    fn index_in<D: Look>(&self, node: &D) -> Option<usize> {
        let items = node.items()?;
        match self {
            Self::Field(_) => None,
            Self::Value(wanted) => items.iter().position(|item| item.is(wanted)),
            Self::Index(index) => Some(*index).filter(|index| *index < items.len()),
            Self::Key(keys) => {
                let is_named = |item: &D| {
                    keys.iter().all(|(name, wanted)| {
                        item.member(name)
                            .map_or_else(|| key_default(name) == Some(wanted), |value| value.is(wanted))
                    })
                };
                items.iter().position(is_named)
            }
        }
    }
}

/// The value that a list key has where an item leaves it out.
///
/// Source: `+default` of `ContainerPort.protocol` and the empty-string keys of
/// `staging/src/k8s.io/api/core/v1/types.go`.
pub fn key_default(name: &str) -> Option<&'static Value> {
    static TCP: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| Value::from("TCP"));
    static EMPTY: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| Value::from(""));
    match name {
        "protocol" => Some(&TCP),
        "name" | "ip" => Some(&EMPTY),
        _ => None,
    }
}

/// A name as a step of a JSON Pointer.
pub fn escape_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The name that a step of a JSON Pointer stands for.
pub fn unescape_token(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// Where the bracket closes, quotes respected.
fn bracket_end(inner: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn parse_bracket(inner: &str) -> Option<Segment> {
    if let Ok(index) = inner.parse() {
        return Some(Segment::Index(index));
    }
    if inner.starts_with('"') {
        return serde_json::from_str(inner).ok().map(Segment::Field);
    }
    if let Some(value) = inner.strip_prefix('=') {
        return serde_json::from_str(value).ok().map(Segment::Value);
    }
    let mut keys = Vec::new();
    let mut rest = inner;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let mut values = serde_json::Deserializer::from_str(after).into_iter::<Value>();
        let value = values.next()?.ok()?;
        rest = &after[values.byte_offset()..];
        rest = match rest.strip_prefix(',') {
            Some(more) if !more.is_empty() => more,
            Some(_) => return None,
            None if rest.is_empty() => rest,
            None => return None,
        };
        keys.push((name.to_owned(), value));
    }
    (!keys.is_empty()).then_some(Segment::Key(keys))
}

impl std::fmt::Display for FieldPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for segment in &self.0 {
            match segment {
                Segment::Field(name)
                    if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') && !name.is_empty() =>
                {
                    write!(f, ".{name}")?;
                }
                Segment::Field(name) => write!(f, "[{}]", Value::from(name.as_str()))?,
                Segment::Value(value) => write!(f, "[={value}]")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(keys) => {
                    f.write_str("[")?;
                    for (at, (name, value)) in keys.iter().enumerate() {
                        if at > 0 {
                            f.write_str(",")?;
                        }
                        write!(f, "{name}={value}")?;
                    }
                    f.write_str("]")?;
                }
            }
        }
        Ok(())
    }
}

impl PartialOrd for FieldPath {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FieldPath {
    /// By the written form, so that every output has one order.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.to_string().cmp(&other.to_string())
    }
}

impl std::str::FromStr for FieldPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
