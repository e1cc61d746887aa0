//! A path under way, from the root of an object down to where a walk is.

use super::path::{FieldPath, Segment};

/// A step below another one. Going down costs nothing; only what is told becomes a [`FieldPath`], which owns its words.
#[derive(Clone, Copy)]
pub struct Trail<'t> {
    above: Option<&'t Trail<'t>>,
    step: Step<'t>,
}

#[derive(Clone, Copy)]
enum Step<'t> {
    Root,
    Field(&'t str),
    /// An item of a list, which only gets its segment when it is told.
    Item(&'t dyn Fn() -> Segment),
}

impl<'t> Trail<'t> {
    /// The root of the object.
    pub const ROOT: Self = Self {
        above: None,
        step: Step::Root,
    };

    /// This path and one more key.
    pub fn field(&'t self, name: &'t str) -> Self {
        Self {
            above: Some(self),
            step: Step::Field(name),
        }
    }

    /// This path and one more item.
    pub fn item(&'t self, segment: &'t dyn Fn() -> Segment) -> Self {
        Self {
            above: Some(self),
            step: Step::Item(segment),
        }
    }

    /// The key that it ends in, where it does.
    pub fn last_field(&self) -> Option<&'t str> {
        if let Step::Field(name) = self.step {
            Some(name)
        } else {
            None
        }
    }

    /// The path without its last step; `None` at the root.
    pub fn above(&self) -> Option<&'t Self> {
        self.above
    }

    /// The path, which owns its words.
    pub fn to_path(&self) -> FieldPath {
        let mut path = self.above.map_or_else(FieldPath::root, Self::to_path);
        match self.step {
            Step::Root => {}
            Step::Field(name) => path.0.push(Segment::Field(name.to_owned())),
            Step::Item(segment) => path.0.push(segment()),
        }
        path
    }
}
