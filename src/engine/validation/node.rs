//! A place in the object under validation, in the grammar of the server's messages: `spec.template.spec.containers[0]`.

use std::cell::RefCell;

use crate::engine::schema::{Branches, Tree};

static ABSENT: Tree<'static> = Tree::Null;

/// Every place that a validation has looked at, each as a step from another one.
///
/// A validation looks at some thousand fields and names none of them where the object is right: a place is put down in
/// one list, and becomes text only in a message.
#[derive(Debug, Default)]
pub(super) struct Places<'a>(RefCell<Vec<(usize, Step<'a>)>>);

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Field(&'a str),
    Key(&'a str),
    Index(usize),
}

impl<'a> Places<'a> {
    /// Room for the places of most objects.
    const USUAL: usize = 1024;

    pub(super) fn new() -> Self {
        Self(RefCell::new(Vec::with_capacity(Self::USUAL)))
    }

    /// Counts from 1, since 0 is the root.
    fn add(&self, parent: usize, step: Step<'a>) -> usize {
        let mut places = self.0.borrow_mut();
        places.push((parent, step));
        places.len()
    }

    fn write(&self, place: usize, out: &mut String) {
        let Some((parent, step)) = place.checked_sub(1).and_then(|at| self.0.borrow().get(at).copied()) else {
            return;
        };
        self.write(parent, out);
        match step {
            Step::Field(name) if out.is_empty() => out.push_str(name),
            Step::Field(name) => out.extend([".", name]),
            Step::Key(key) => out.extend(["[", key, "]"]),
            Step::Index(index) => out.push_str(&format!("[{index}]")),
        }
    }
}

/// A value and where it stands. An absent field is a node too, so that a message can name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    value: &'a Tree<'a>,
    place: usize,
    places: &'a Places<'a>,
}

impl<'a> Node<'a> {
    pub(super) fn root(object: &'a Tree<'a>, places: &'a Places<'a>) -> Self {
        Self {
            value: object,
            place: 0,
            places,
        }
    }

    fn step(&self, value: Option<&'a Tree<'a>>, step: Step<'a>) -> Self {
        Self {
            value: value.unwrap_or(&ABSENT),
            place: self.places.add(self.place, step),
            places: self.places,
        }
    }

    /// The field `name`, whether it is there or not.
    pub(super) fn at(&self, name: &'a str) -> Self {
        self.step(self.value.get(name), Step::Field(name))
    }

    /// The entry `key` of a map, written `[key]`.
    pub(super) fn key(&self, key: &'a str) -> Self {
        self.step(self.value.get(key), Step::Key(key))
    }

    /// The item at `index`, whether it is there or not.
    pub(super) fn index(&self, index: usize) -> Self {
        self.step(self.list().get(index), Step::Index(index))
    }

    /// The same value, reported at another place.
    pub(super) fn moved(&self, to: &Self) -> Self {
        Self {
            value: self.value,
            ..*to
        }
    }

    /// The field `name` where it is set to something other than null.
    pub(super) fn set(&self, name: &'a str) -> Option<Self> {
        Some(self.at(name)).filter(Self::is_set)
    }

    /// Every item of a list; nothing for anything else.
    pub(super) fn items(&self) -> impl Iterator<Item = Self> + '_ {
        self.list()
            .iter()
            .enumerate()
            .map(|(index, value)| self.step(Some(value), Step::Index(index)))
    }

    fn list(&self) -> &'a [Tree<'a>] {
        self.value.as_list().unwrap_or_default()
    }

    /// The entries of a map, in the map's order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Tree<'a>)> + use<'a> {
        self.value.as_map().into_iter().flat_map(Branches::iter)
    }

    pub(super) fn is_set(&self) -> bool {
        !self.value.is_null()
    }

    /// The number of items or entries.
    pub(super) fn len(&self) -> usize {
        match self.value {
            Tree::List(items) => items.len(),
            Tree::Map(entries) => entries.len(),
            _ => 0,
        }
    }

    /// The string here; empty where there is none, as Go's zero value is.
    pub(super) fn text(&self) -> &'a str {
        self.value.as_str().unwrap_or_default()
    }

    /// The integer here. A float without a fraction counts as one, as the server's JSON decoder takes it.
    pub(super) fn integer(&self) -> Option<i64> {
        let number = self.value.as_number()?;
        number.as_i64().or_else(|| {
            number
                .as_f64()
                .filter(|float| float.fract() == 0.0)
                .map(|float| float as i64)
        })
    }

    /// Whether it is a field of this name.
    pub(super) fn is_named(&self, name: &str) -> bool {
        let places = self.places.0.borrow();
        matches!(self.place.checked_sub(1).and_then(|at| places.get(at)), Some((_, Step::Field(own))) if *own == name)
    }

    pub(super) fn is_true(&self) -> bool {
        matches!(self.value, Tree::Flag(true))
    }

    pub(super) fn is_false(&self) -> bool {
        matches!(self.value, Tree::Flag(false))
    }

    pub(super) fn value(&self) -> &'a Tree<'a> {
        self.value
    }

    pub(super) fn path(&self) -> String {
        let mut text = String::new();
        self.places.write(self.place, &mut text);
        text
    }
}
