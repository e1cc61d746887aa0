//! Reading facts out of JSON: what is absent is `None`, what has the wrong type has a name and a place.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// A field that is there and is not what its API says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer} is not {what}")]
pub struct Unreadable {
    /// Where, as a JSON pointer into the object.
    pub pointer: String,

    /// What was expected there, with its article: `a text`.
    pub what: &'static str,
}

/// A time as the API server wrote it, and what it means: a guard has to test the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The text, RFC 3339.
    pub text: String,

    /// The time.
    pub time: Timestamp,
}

/// One JSON object and where it stands. A `null` is an absent field, as in Go's decoder.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Fields<'a> {
    map: Option<&'a Map<String, Value>>,
    at: &'a Place<'a>,
}

/// The way to a place, told backwards, so that reading costs nothing where nothing is wrong.
pub(in crate::engine) enum Place<'a> {
    Root,
    Field(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl Place<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Field(parent, name) => format!("{}/{}", parent.pointer(), name.replace('~', "~0").replace('/', "~1")),
            Self::Item(parent, index) => format!("{}/{index}", parent.pointer()),
        }
    }

    fn unreadable(&self, what: &'static str) -> Unreadable {
        Unreadable {
            pointer: self.pointer(),
            what,
        }
    }
}

impl<'a> Fields<'a> {
    /// The fields of the value at a place; none where it is absent.
    pub fn of(value: Option<&'a Value>, at: &'a Place<'a>) -> Result<Self, Unreadable> {
        match value {
            None | Some(Value::Null) => Ok(Self { map: None, at }),
            Some(Value::Object(map)) => Ok(Self { map: Some(map), at }),
            Some(_) => Err(at.unreadable("an object")),
        }
    }

    /// Whether the object itself is there, be it empty.
    pub fn present(&self) -> bool {
        self.map.is_some()
    }

    /// The whole object, as it is.
    pub fn whole(&self) -> Option<Value> {
        self.map.cloned().map(Value::Object)
    }

    /// The value of a field, unless it is absent or `null`.
    pub fn value(&self, name: &str) -> Option<&'a Value> {
        self.map?.get(name).filter(|value| !value.is_null())
    }

    fn typed<T>(
        &self,
        name: &str,
        what: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Unreadable> {
        let Some(value) = self.value(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.unreadable(name, what))
    }

    /// That a field is not what it should be.
    pub fn unreadable(&self, name: &str, what: &'static str) -> Unreadable {
        Place::Field(self.at, name).unreadable(what)
    }

    /// A text; an empty one is absent, since Go's `omitempty` cannot tell the two apart.
    pub fn text(&self, name: &str) -> Result<Option<String>, Unreadable> {
        let text = self.typed(name, "a text", Value::as_str)?;
        Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
    }

    /// A text that every such object has.
    pub fn required_text(&self, name: &str) -> Result<String, Unreadable> {
        self.text(name)?.ok_or_else(|| self.unreadable(name, "a text"))
    }

    /// Yes or no.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Unreadable> {
        self.typed(name, "true or false", Value::as_bool)
    }

    /// A whole number.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, Unreadable> {
        self.typed(name, "a whole number", Value::as_i64)
    }

    /// A time.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Unreadable> {
        Ok(self.stamp(name)?.map(|stamp| stamp.time))
    }

    /// A time with its text.
    pub fn stamp(&self, name: &str) -> Result<Option<Stamp>, Unreadable> {
        self.typed(name, "a time (RFC 3339)", |value| {
            let text = value.as_str()?;
            Some(Stamp {
                text: text.to_owned(),
                time: text.parse().ok()?,
            })
        })
    }

    /// A list of texts; empty where it is absent.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Unreadable> {
        let texts = self.typed(name, "a list of texts", |value| {
            value
                .as_array()?
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        })?;
        Ok(texts.unwrap_or_default())
    }

    /// A map of texts; `None` where it is absent, which matters to a patch that adds to it.
    pub fn text_map(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, Unreadable> {
        self.typed(name, "a map of texts", |value| {
            value
                .as_object()?
                .iter()
                .map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect()
        })
    }

    /// Reads the object in a field; its fields are all absent where the field is.
    pub fn object<T>(
        &self,
        name: &str,
        read: impl FnOnce(Fields<'_>) -> Result<T, Unreadable>,
    ) -> Result<T, Unreadable> {
        let at = Place::Field(self.at, name);
        read(Fields::of(self.value(name), &at)?)
    }

    /// Reads the object in a field, where there is one.
    pub fn optional<T>(
        &self,
        name: &str,
        read: impl FnOnce(Fields<'_>) -> Result<T, Unreadable>,
    ) -> Result<Option<T>, Unreadable> {
        self.object(name, |fields| {
            if fields.present() {
                read(fields).map(Some)
            } else {
                Ok(None)
            }
        })
    }

    /// Reads every object of a list; empty where it is absent.
    pub fn list<T>(
        &self,
        name: &str,
        mut read: impl FnMut(Fields<'_>) -> Result<T, Unreadable>,
    ) -> Result<Vec<T>, Unreadable> {
        let Some(items) = self.typed(name, "a list", Value::as_array)? else {
            return Ok(Vec::new());
        };
        let list = Place::Field(self.at, name);
        let one = |(index, item)| {
            let at = Place::Item(&list, index);
            read(Fields::of(Some(item), &at)?)
        };
        items.iter().enumerate().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn a_wrong_type_is_told_with_its_place() {
        let value = json!({"spec": {"items": [{"name": "a"}, {"name": 7}], "a/b": [], "when": "soon"}});
        let root = Fields::of(Some(&value), &Place::Root).unwrap();
        let names = root.object("spec", |spec| spec.list("items", |item| item.text("name")));
        assert_eq!(names.unwrap_err().to_string(), "/spec/items/1/name is not a text");
        let slash = root.object("spec", |spec| spec.flag("a/b"));
        assert_eq!(slash.unwrap_err().pointer, "/spec/a~1b");
        let when = root.object("spec", |spec| spec.time("when"));
        assert_eq!(when.unwrap_err().what, "a time (RFC 3339)");
    }

    #[test]
    fn what_is_absent_null_or_empty_is_none() {
        let value = json!({"a": null, "b": ""});
        let root = Fields::of(Some(&value), &Place::Root).unwrap();
        assert_eq!(
            (root.text("a"), root.text("b"), root.text("c")),
            (Ok(None), Ok(None), Ok(None))
        );
        assert_eq!(
            root.object("c", |inner| inner.object("d", |inner| inner.integer("e"))),
            Ok(None)
        );
        assert_eq!(root.required_text("c").unwrap_err().to_string(), "/c is not a text");
    }
}
