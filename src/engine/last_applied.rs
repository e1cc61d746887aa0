//! What client-side apply keeps of a manifest in an annotation of live, and what it would keep next.

use std::cell::OnceCell;

use serde_json::{Value, json};

use crate::engine::object::FieldPath;

/// Where kubectl keeps what it applied last. It is a copy of the manifest, so that it differs whenever anything else
/// does.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The last-applied annotation of live, and the one that an apply of Git's document would write. Each is made when it
/// is asked for first: mostly Git has not changed since the last apply, and then neither has to be taken apart.
#[derive(Debug)]
pub struct LastApplied<'a> {
    desired: &'a Value,
    live: &'a Value,
    modified: OnceCell<Value>,
    read: OnceCell<Result<Option<Value>, Unreadable>>,
}

/// The annotation of live is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

impl<'a> LastApplied<'a> {
    /// Those of live, for Git's document.
    pub fn of(desired: &'a Value, live: &'a Value) -> Self {
        Self {
            desired,
            live,
            modified: OnceCell::new(),
            read: OnceCell::new(),
        }
    }

    /// What was applied last; `None` where no readable annotation tells.
    pub fn value(&self) -> Option<&Value> {
        self.read().ok().flatten()
    }

    /// What was applied last; `None` where no annotation tells, or an empty one.
    ///
    /// Source: `CreateThreeWayMergePatch`, which reads a Go map out of every text that is not empty: null is one, too.
    pub(super) fn read(&self) -> Result<Option<&Value>, Unreadable> {
        let read = self.read.get_or_init(|| match annotation(self.live) {
            None | Some("") => Ok(None),
            Some(text) => match serde_json::from_str(text) {
                Ok(Value::Null) => Ok(None),
                Ok(object @ Value::Object(_)) => Ok(Some(object)),
                Ok(_) | Err(_) => Err(Unreadable),
            },
        });
        match read {
            Ok(read) => Ok(read.as_ref()),
            Err(Unreadable) => Err(Unreadable),
        }
    }

    /// Whether live has the annotation, and no apply can read it.
    pub fn is_unreadable(&self) -> bool {
        self.read().is_err()
    }

    /// Whether that is Git's document, to the letter.
    pub fn is_desired(&self) -> bool {
        annotation(self.live).is_some_and(|text| annotation(self.modified()) == Some(text))
    }

    /// The annotation of live in which these fields are named, too, as a document has them. Nothing of it is taken
    /// away: what Git dropped and live still has goes at the next apply because the annotation names it.
    pub fn naming(&self, document: &Value, paths: &[FieldPath]) -> String {
        let mut applied = self.value().cloned().unwrap_or_else(|| bare(document, self.live));
        for path in paths {
            if let Some(value) = path.get(document) {
                path.put(&mut applied, value);
            }
        }
        format!("{applied}\n")
    }

    /// Git's document as kubectl sends it: in the namespace of the request, with itself as the annotation.
    ///
    /// Source: `GetModifiedConfiguration`.
    pub fn modified(&self) -> &Value {
        self.modified
            .get_or_init(|| modified_configuration(self.desired, self.live))
    }
}

/// The annotation of an object of which nothing was applied.
fn bare(document: &Value, live: &Value) -> Value {
    let of = |object: &Value, name: &str| object.pointer(name).cloned().unwrap_or_default();
    let metadata = json!({"name": of(document, "/metadata/name"), "namespace": of(live, "/metadata/namespace")});
    json!({"apiVersion": of(document, "/apiVersion"), "kind": of(document, "/kind"), "metadata": metadata})
}

fn annotation(object: &Value) -> Option<&str> {
    object.pointer("/metadata/annotations")?.get(LAST_APPLIED)?.as_str()
}

fn modified_configuration(desired: &Value, live: &Value) -> Value {
    let mut modified = desired.clone();
    let Some(metadata) = modified.get_mut("metadata").and_then(Value::as_object_mut) else {
        return modified;
    };
    if let Some(namespace) = live.pointer("/metadata/namespace") {
        metadata.insert("namespace".to_owned(), namespace.clone());
    }
    let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
    if annotations.is_null() {
        *annotations = json!({});
    }
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.remove(LAST_APPLIED);
        // `NestedNullCoercingStringMap`, through which kubectl reads them.
        annotations
            .values_mut()
            .filter(|value| value.is_null())
            .for_each(|value| *value = "".into());
    }
    // A value is always written. kubectl's encoder ends the text with a new line.
    let mut text = serde_json::to_string(&modified).unwrap_or_default();
    text.push('\n');
    if let Some(annotations) = modified
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.insert(LAST_APPLIED.to_owned(), text.into());
    }
    modified
}
