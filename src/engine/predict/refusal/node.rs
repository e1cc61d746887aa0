//! A place in the object under validation, in the grammar of the server's messages: `spec.template.spec.containers[0]`.

use serde_json::Value;

static ABSENT: Value = Value::Null;

/// A value and where it stands. An absent field is a node too, so that a message can name it.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Node<'a> {
    pub(super) fn root(object: &'a Value) -> Self {
        Self { value: object, path: String::new() }
    }

    /// The field `name`, whether it is there or not.
    pub(super) fn at(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { value: self.value.get(name).unwrap_or(&ABSENT), path }
    }

    /// The entry `key` of a map, written `[key]`.
    pub(super) fn key(&self, key: &str) -> Self {
        Self { value: self.value.get(key).unwrap_or(&ABSENT), path: format!("{}[{key}]", self.path) }
    }

    /// The item at `index`, whether it is there or not.
    pub(super) fn index(&self, index: usize) -> Self {
        Self { value: self.value.get(index).unwrap_or(&ABSENT), path: format!("{}[{index}]", self.path) }
    }

    /// The same value, reported at another place.
    pub(super) fn moved(&self, to: &Node<'_>) -> Self {
        Self { value: self.value, path: to.path.clone() }
    }

    /// The field `name` where it is set to something other than null.
    pub(super) fn set(&self, name: &str) -> Option<Self> {
        Some(self.at(name)).filter(Self::is_set)
    }

    /// Every item of a list; nothing for anything else.
    pub(super) fn items(&self) -> impl Iterator<Item = Self> + '_ {
        let items = self.value.as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().enumerate().map(|(index, value)| Self { value, path: format!("{}[{index}]", self.path) })
    }

    /// The entries of a map, in the map's order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        self.value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
    }

    pub(super) fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// The number of items or entries.
    pub(super) fn len(&self) -> usize {
        match self.value {
            Value::Array(items) => items.len(),
            Value::Object(entries) => entries.len(),
            _ => 0,
        }
    }

    /// The string here; empty where there is none, as Go's zero value is.
    pub(super) fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    /// The integer here. A float without a fraction counts as one, as the server's JSON decoder takes it.
    pub(super) fn integer(&self) -> Option<i64> {
        self.value.as_i64().or_else(|| self.value.as_f64().filter(|float| float.fract() == 0.0).map(|float| float as i64))
    }

    pub(super) fn is_true(&self) -> bool {
        self.value == &Value::Bool(true)
    }

    pub(super) fn is_false(&self) -> bool {
        self.value == &Value::Bool(false)
    }

    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }
}
