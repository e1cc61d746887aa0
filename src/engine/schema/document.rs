//! What normal form and defaults need of a JSON document, so that one text of the rules serves two kinds of it.
//!
//! A [`Value`] owns all its names and texts: copying an object to compare it costs more than comparing it. A
//! [`Tree`](super::Tree) borrows them.

use serde_json::{Map, Number, Value};

/// A node of a JSON document.
pub trait Document: Clone {
    /// The members of a map.
    type Members: Members<Self>;

    /// The node as what it is, to be changed.
    fn node(&mut self) -> Node<'_, Self>;

    /// A map.
    fn of_members(members: Self::Members) -> Self;

    /// A text that is part of the rules.
    fn of_static(text: &'static str) -> Self;

    /// A text that was made.
    fn of_text(text: String) -> Self;

    /// An integer.
    fn of_integer(integer: i64) -> Self;

    /// A boolean.
    fn of_flag(flag: bool) -> Self;
}

/// What a node of a document is.
pub enum Node<'n, D: Document> {
    /// Null.
    Null,
    /// A boolean.
    Flag(bool),
    /// A number.
    Number(&'n Number),
    /// A text.
    Text(&'n str),
    /// A list.
    List(&'n mut Vec<D>),
    /// A map.
    Map(&'n mut D::Members),
}

/// The members of a map, each under its name.
pub trait Members<D>: Default {
    /// Whether there are none.
    fn is_empty(&self) -> bool;

    /// The member of this name.
    fn find(&mut self, name: &str) -> Option<&mut D>;

    /// Puts a member in place of what has its name.
    fn put(&mut self, name: &'static str, member: D);

    /// Every member in the order of the names; those for which `keep` says no go.
    fn keep(&mut self, keep: impl FnMut(&str, &mut D) -> bool);

    /// Every member in the order of the names.
    fn each(&mut self, mut visit: impl FnMut(&str, &mut D)) {
        self.keep(|name, member| {
            visit(name, member);
            true
        });
    }

    /// Puts a member where none has its name.
    fn put_if_absent(&mut self, name: &'static str, member: impl FnOnce() -> D) {
        if self.find(name).is_none() {
            self.put(name, member());
        }
    }
}

impl Document for Value {
    type Members = Map<String, Self>;

    fn node(&mut self) -> Node<'_, Self> {
        match self {
            Self::Null => Node::Null,
            Self::Bool(flag) => Node::Flag(*flag),
            Self::Number(number) => Node::Number(number),
            Self::String(text) => Node::Text(text),
            Self::Array(items) => Node::List(items),
            Self::Object(members) => Node::Map(members),
        }
    }

    fn of_members(members: Self::Members) -> Self {
        Self::Object(members)
    }

    fn of_static(text: &'static str) -> Self {
        text.into()
    }

    fn of_text(text: String) -> Self {
        text.into()
    }

    fn of_integer(integer: i64) -> Self {
        integer.into()
    }

    fn of_flag(flag: bool) -> Self {
        flag.into()
    }
}

impl Members<Value> for Map<String, Value> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn find(&mut self, name: &str) -> Option<&mut Value> {
        self.get_mut(name)
    }

    fn put(&mut self, name: &'static str, member: Value) {
        self.insert(name.to_owned(), member);
    }

    fn keep(&mut self, mut keep: impl FnMut(&str, &mut Value) -> bool) {
        self.retain(|name, member| keep(name, member));
    }
}
