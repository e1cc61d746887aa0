//! A JSON document that borrows its names and texts from another one.
//!
//! What is compared, merged and validated borrows: to copy an object costs more than all that is asked of it. Normal
//! form and defaults are written over a small trait ([`Document`]) that serves owners and borrowers, paths and orders
//! over another ([`Look`]). A merge is a tree over live, Git and the patch, and so is what validation walks. Values are
//! kept for what has to live longer: a patch, and the object that a Restore would leave.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

use super::document::{Document, Members, Node};
use crate::engine::object::Look;

/// A node of a document that borrows from a [`Value`].
///
/// It takes one block of memory for each map and list, where a copy takes one for each name and text as well. Members
/// are sorted by name, so that two maps are gone through side by side.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Tree<'a> {
    /// Null.
    #[default]
    Null,
    /// A boolean.
    Flag(bool),
    /// A number.
    Number(Number),
    /// A text; owned where a rule made it.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Tree<'a>>),
    /// A map.
    Map(Branches<'a>),
}

/// The members of a map, sorted by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Branches<'a>(Vec<(&'a str, Tree<'a>)>);

impl<'a> Tree<'a> {
    /// The whole of a value.
    pub fn of(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Object(members) => Self::Map(
                members
                    .iter()
                    .map(|(name, member)| (name.as_str(), Self::of(member)))
                    .collect(),
            ),
        }
    }

    /// A copy that owns everything.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Flag(flag) => (*flag).into(),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::from(text.as_ref()),
            Self::List(items) => items.iter().map(Self::to_value).collect(),
            Self::Map(members) => members
                .iter()
                .map(|(name, member)| (name.to_owned(), member.to_value()))
                .collect(),
        }
    }

    /// The member of a map.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_map()?.get(name)
    }

    /// The members, where it is a map.
    pub fn as_map(&self) -> Option<&Branches<'a>> {
        if let Self::Map(members) = self {
            Some(members)
        } else {
            None
        }
    }

    /// The members, where it is a map, to be changed.
    pub fn as_map_mut(&mut self) -> Option<&mut Branches<'a>> {
        if let Self::Map(members) = self {
            Some(members)
        } else {
            None
        }
    }

    /// The items, where it is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self {
            Some(items)
        } else {
            None
        }
    }

    /// What the names lead to, from map to map.
    pub fn at(&self, names: &[&str]) -> Option<&Self> {
        names.iter().try_fold(self, |node, name| node.get(name))
    }

    /// The items, where it is a list, to be changed.
    pub fn as_list_mut(&mut self) -> Option<&mut Vec<Self>> {
        if let Self::List(items) = self {
            Some(items)
        } else {
            None
        }
    }

    /// What the names lead to where it is a map, to be changed.
    pub fn map_at_mut(&mut self, names: &[&str]) -> Option<&mut Branches<'a>> {
        names
            .iter()
            .try_fold(self.as_map_mut()?, |members, name| members.find(name)?.as_map_mut())
    }

    /// The member of this name, where it is a map, to be changed.
    pub fn member_mut(&mut self, name: &str) -> Option<&mut Self> {
        self.as_map_mut()?.find(name)
    }

    /// The node, with null left in its place.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The number, where it is one.
    pub fn as_number(&self) -> Option<&Number> {
        if let Self::Number(number) = self {
            Some(number)
        } else {
            None
        }
    }

    /// Whether it is neither a list nor a map.
    pub fn is_scalar(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Map(_))
    }

    /// The text, where it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl PartialEq<Value> for Tree<'_> {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Self::Null, Value::Null) => true,
            (Self::Flag(one), Value::Bool(other)) => one == other,
            (Self::Number(one), Value::Number(other)) => one == other,
            (Self::Text(one), Value::String(other)) => one == other,
            (Self::List(one), Value::Array(other)) => one == other,
            (Self::Map(one), Value::Object(other)) => {
                one.0.len() == other.len()
                    && one
                        .iter()
                        .zip(other)
                        .all(|((name, one), (key, other))| name == key && one == other)
            }
            _ => false,
        }
    }
}

impl Look for Tree<'_> {
    fn member(&self, name: &str) -> Option<&Self> {
        self.get(name)
    }

    fn items(&self) -> Option<&[Self]> {
        self.as_list()
    }

    fn is_map(&self) -> bool {
        self.as_map().is_some()
    }

    fn text(&self) -> Option<&str> {
        self.as_str()
    }

    fn is(&self, value: &Value) -> bool {
        self == value
    }

    fn to_owned_value(&self) -> Value {
        self.to_value()
    }
}

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(members) => serializer.collect_map(members.iter()),
        }
    }
}

impl std::fmt::Display for Tree<'_> {
    /// As JSON without white space.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A tree is always written.
        f.write_str(&serde_json::to_string(self).unwrap_or_default())
    }
}

impl<'a> Branches<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a member in place of what has its name.
    pub fn insert(&mut self, name: &'a str, member: Tree<'a>) {
        match self.place(name) {
            Ok(at) => self.0[at].1 = member,
            Err(at) => self.0.insert(at, (name, member)),
        }
    }

    /// Takes a member out.
    pub fn remove(&mut self, name: &str) -> Option<Tree<'a>> {
        self.at(name).map(|at| self.0.remove(at).1)
    }

    /// Whether there is a member of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.at(name).is_some()
    }

    /// The members in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &Tree<'a>)> {
        self.0.iter().map(|(name, member)| (*name, member))
    }

    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Tree<'a>> {
        self.at(name).map(|at| &self.0[at].1)
    }

    /// Every name that either map has, in order, with the members of both.
    pub fn side_by_side<'b>(
        &'b self,
        other: &'b Self,
    ) -> impl Iterator<Item = (&'b str, Option<&'b Tree<'a>>, Option<&'b Tree<'a>>)> {
        let (mut left, mut right) = (self.0.as_slice(), other.0.as_slice());
        std::iter::from_fn(move || {
            let order = match (left.first(), right.first()) {
                (Some((one, _)), Some((other, _))) => one.cmp(other),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return None,
            };
            let take = |side: &mut &'b [(&'a str, Tree<'a>)]| {
                let ((name, member), rest) = side.split_first()?;
                *side = rest;
                Some((*name, member))
            };
            let one = if order.is_le() { take(&mut left) } else { None };
            let other = if order.is_ge() { take(&mut right) } else { None };
            let (name, _) = one.or(other)?;
            Some((name, one.map(|(_, member)| member), other.map(|(_, member)| member)))
        })
    }

    /// Where the member of this name is: of few, length and letters tell most apart without a call that compares texts.
    fn at(&self, name: &str) -> Option<usize> {
        const FEW: usize = 16;
        if self.0.len() > FEW {
            return self.place(name).ok();
        }
        let last = name.as_bytes().last();
        self.0
            .iter()
            .position(|(other, _)| other.len() == name.len() && other.as_bytes().last() == last && *other == name)
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| (*other).cmp(name))
    }
}

impl<'a> FromIterator<(&'a str, Tree<'a>)> for Branches<'a> {
    /// The names have to come in order, each once.
    fn from_iter<I: IntoIterator<Item = (&'a str, Tree<'a>)>>(members: I) -> Self {
        /// Room for what defaults mostly add.
        const MORE: usize = 3;
        let members = members.into_iter();
        let mut all = Vec::with_capacity(members.size_hint().0 + MORE);
        all.extend(members);
        Self(all)
    }
}

impl<'a> IntoIterator for Branches<'a> {
    type Item = (&'a str, Tree<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> Document for Tree<'a> {
    type Members = Branches<'a>;

    fn node(&mut self) -> Node<'_, Self> {
        match self {
            Self::Null => Node::Null,
            Self::Flag(flag) => Node::Flag(*flag),
            Self::Number(number) => Node::Number(number),
            Self::Text(text) => Node::Text(text),
            Self::List(items) => Node::List(items),
            Self::Map(members) => Node::Map(members),
        }
    }

    fn of_members(members: Self::Members) -> Self {
        Self::Map(members)
    }

    fn of_static(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    fn of_text(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }

    fn of_integer(integer: i64) -> Self {
        Self::Number(integer.into())
    }

    fn of_flag(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<'a> Members<Tree<'a>> for Branches<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&mut self, name: &str) -> Option<&mut Tree<'a>> {
        self.at(name).map(|at| &mut self.0[at].1)
    }

    fn put(&mut self, name: &'static str, member: Tree<'a>) {
        self.insert(name, member);
    }

    fn keep(&mut self, mut keep: impl FnMut(&str, &mut Tree<'a>) -> bool) {
        self.0.retain_mut(|(name, member)| keep(name, member));
    }
}

#[cfg(test)]
mod tests;
