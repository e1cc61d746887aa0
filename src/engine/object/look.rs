//! What can be looked at of a JSON document, whether it owns its words or borrows them.

use serde_json::Value;

/// A node of a JSON document that is only looked at.
pub trait Look: PartialEq + Sized {
    /// The member of a map.
    fn member(&self, name: &str) -> Option<&Self>;

    /// The items of a list.
    fn items(&self) -> Option<&[Self]>;

    /// Whether it is a map.
    fn is_map(&self) -> bool;

    /// The text, where it is one.
    fn text(&self) -> Option<&str>;

    /// Whether it is that value.
    fn is(&self, value: &Value) -> bool;

    /// A copy that owns everything.
    fn to_owned_value(&self) -> Value;
}

impl Look for Value {
    fn member(&self, name: &str) -> Option<&Self> {
        self.as_object()?.get(name)
    }

    fn items(&self) -> Option<&[Self]> {
        self.as_array().map(Vec::as_slice)
    }

    fn is_map(&self) -> bool {
        self.is_object()
    }

    fn text(&self) -> Option<&str> {
        self.as_str()
    }

    fn is(&self, value: &Value) -> bool {
        self == value
    }

    fn to_owned_value(&self) -> Value {
        self.clone()
    }
}
