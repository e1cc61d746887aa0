//! Sets of fields, as server-side apply keeps them for each manager.
//!
//! The algebra is that of structured-merge-diff's `fieldpath/set.go`: a path is in the set or not, whatever is above or
//! below it. That `.a` is in a set says nothing about `.a.b`.

mod fields_v1;

pub use fields_v1::FieldsError;

use serde_json::Value;

use super::element::Element;
use crate::engine::object::{FieldPath, Segment};

/// A set of field paths.
///
/// Nothing stands for the root: server-side apply does not track who owns the whole object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    /// Sorted. A list costs one block of memory, just large enough, for what is made for each entry of every live
    /// object.
    nodes: Vec<(Element, Node)>,
}

/// What a set knows of one path. Never neither a member nor with something below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    member: bool,
    below: FieldSet,
}

/// How far a set reaches along a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// The set ends in a leaf this many steps from the root, above the path: an atomic value holds what is inside it.
    Leaf(usize),

    /// The set holds the path itself, and nothing below it.
    Node,

    /// The set holds something below the path.
    Below,
}

impl FieldSet {
    /// Reads the FieldsV1 of a `managedFields` entry. Keys of an unknown type are passed over, as the server does.
    ///
    /// # Errors
    /// [`FieldsError`] where a node is not a map or a key is not of FieldsV1.
    pub fn parse(fields: &Value) -> Result<Self, FieldsError> {
        Node::read(fields).map(|root| root.below)
    }

    /// Writes the set as FieldsV1, with the keys as the server spells them.
    pub fn to_value(&self) -> Value {
        Node {
            member: false,
            below: self.clone(),
        }
        .write()
    }

    /// Adds a path. What is above it is not added; the root is not tracked.
    pub fn insert(&mut self, path: &FieldPath) {
        let Some((last, above)) = path.0.split_last() else {
            return;
        };
        let mut set = self;
        for segment in above {
            set = &mut set.slot(Element::of(segment)).below;
        }
        set.slot(Element::of(last)).member = true;
    }

    /// Adds one step from the root: whether it is in the set itself, and what below it is.
    pub(in crate::engine) fn put(&mut self, segment: Segment, member: bool, below: Self) {
        if member || !below.is_empty() {
            self.add(Element::from(segment), Node { member, below });
        }
    }

    /// One step from the root: whether it is in the set itself, and what below it is; `None` where neither is.
    pub(in crate::engine) fn at(&self, segment: &Segment) -> Option<(bool, &Self)> {
        self.find(segment).map(|(_, node)| (node.member, &node.below))
    }

    /// Every step from the root: whether it is in the set itself, and what below it is.
    pub(in crate::engine) fn steps(&self) -> impl Iterator<Item = (&Segment, bool, &Self)> {
        self.nodes
            .iter()
            .map(|(element, node)| (element.segment(), node.member, &node.below))
    }

    /// The set with more of the paths on the way to its members. `step` is asked at each of them, with what it made of
    /// the one above, whether it is to be in the set.
    pub(in crate::engine) fn including<T: Copy>(&self, above: T, step: &impl Fn(T, &Segment) -> (bool, T)) -> Self {
        let nodes = self.nodes.iter().map(|(element, node)| {
            let (member, here) = step(above, element.segment());
            (
                element.clone(),
                Node {
                    member: node.member || member,
                    below: node.below.including(here, step),
                },
            )
        });
        Self { nodes: nodes.collect() }
    }

    /// Whether the path itself is in the set.
    pub fn contains(&self, path: &FieldPath) -> bool {
        self.node(path).is_some_and(|node| node.member)
    }

    /// Whether the path, or anything below it, is in the set.
    pub fn contains_or_below(&self, path: &FieldPath) -> bool {
        if path.0.is_empty() {
            !self.is_empty()
        } else {
            self.node(path).is_some()
        }
    }

    /// What is in either set.
    pub fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.extend(other);
        all
    }

    /// What is in this set and not in the other.
    pub fn difference(&self, other: &Self) -> Self {
        self.filter(|element, node| match other.node_of(element) {
            Some(held) => Node {
                member: node.member && !held.member,
                below: node.below.difference(&held.below),
            },
            None => node.clone(),
        })
    }

    /// What is in both sets.
    pub fn intersection(&self, other: &Self) -> Self {
        self.filter(|element, node| match other.node_of(element) {
            Some(held) => Node {
                member: node.member && held.member,
                below: node.below.intersection(&held.below),
            },
            None => Node::default(),
        })
    }

    /// The part of the set that lies at or below the path.
    pub fn at_or_below(&self, path: &FieldPath) -> Self {
        let Some((first, rest)) = path.0.split_first() else {
            return self.clone();
        };
        let Some((element, node)) = self.find(first) else {
            return Self::default();
        };
        let node = if rest.is_empty() {
            node.clone()
        } else {
            Node {
                member: false,
                below: node.below.at_or_below(&FieldPath(rest.to_vec())),
            }
        };
        Self {
            nodes: [(element.clone(), node)]
                .into_iter()
                .filter(|(_, node)| !node.is_empty())
                .collect(),
        }
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Every path in the set, in the server's order: at each level those that are in the set themselves, then what lies
    /// below each.
    ///
    /// Source: `Set.Iterate` of structured-merge-diff's `fieldpath/set.go`.
    pub fn members(&self) -> Vec<FieldPath> {
        let mut paths = Vec::new();
        self.collect_members(&FieldPath::root(), &mut paths);
        paths
    }

    fn collect_members(&self, above: &FieldPath, paths: &mut Vec<FieldPath>) {
        let here = |element: &Element| above.with(element.segment().clone());
        paths.extend(
            self.nodes
                .iter()
                .filter(|(_, node)| node.member)
                .map(|(element, _)| here(element)),
        );
        self.nodes
            .iter()
            .for_each(|(element, node)| node.below.collect_members(&here(element), paths));
    }

    /// The paths in the set with nothing below them in it, in the order of FieldsV1.
    pub fn leaves(&self) -> impl Iterator<Item = FieldPath> + use<> {
        let mut paths = Vec::new();
        self.walk(&FieldPath::root(), &mut |path, node| {
            paths.extend(node.below.is_empty().then_some(path))
        });
        paths.into_iter()
    }

    /// How far the set reaches along the path; `None` when it holds nothing there and ends in no leaf above.
    pub(super) fn reach(&self, path: &FieldPath) -> Option<Reach> {
        let mut set = self;
        for (at, segment) in path.0.iter().enumerate() {
            match set.find(segment) {
                Some((_, node)) => set = &node.below,
                None => return (at > 0 && set.is_empty()).then_some(Reach::Leaf(at)),
            }
        }
        Some(if set.is_empty() { Reach::Node } else { Reach::Below })
    }

    /// Whether the set holds the path itself or something below it.
    pub fn holds(&self, path: &FieldPath) -> bool {
        matches!(self.reach(path), Some(Reach::Node | Reach::Below))
    }

    fn node(&self, path: &FieldPath) -> Option<&Node> {
        let (first, rest) = path.0.split_first()?;
        rest.iter().try_fold(self.find(first)?.1, |node, segment| {
            node.below.find(segment).map(|(_, node)| node)
        })
    }

    /// The child for a segment; for a list item also when its key is spelled without defaults on either side.
    fn find(&self, segment: &Segment) -> Option<(&Element, &Node)> {
        if let Segment::Field(name) = segment {
            let at = self
                .nodes
                .binary_search_by(|(element, _)| element.cmp_field(name))
                .ok()?;
            return self.nodes.get(at).map(|(element, node)| (element, node));
        }
        let wanted = Element::of(segment);
        let found = match (self.place(&wanted), segment) {
            (Ok(at), _) => self.nodes.get(at),
            (Err(_), Segment::Key(_)) => self.nodes.iter().find(|(element, _)| element.is_same_item(&wanted)),
            (Err(_), _) => None,
        };
        found.map(|(element, node)| (element, node))
    }

    fn place(&self, element: &Element) -> Result<usize, usize> {
        // What is read comes in order.
        match self.nodes.last() {
            Some((last, _)) if last < element => Err(self.nodes.len()),
            _ => self.nodes.binary_search_by(|(other, _)| other.cmp(element)),
        }
    }

    fn node_of(&self, element: &Element) -> Option<&Node> {
        self.place(element).ok().map(|at| &self.nodes[at].1)
    }

    /// The node of an element, made where there is none.
    fn slot(&mut self, element: Element) -> &mut Node {
        let at = self.place(&element).unwrap_or_else(|at| {
            self.nodes.insert(at, (element, Node::default()));
            at
        });
        &mut self.nodes[at].1
    }

    fn filter(&self, kept: impl Fn(&Element, &Node) -> Node) -> Self {
        let nodes = self.nodes.iter().filter_map(|(element, node)| {
            let node = kept(element, node);
            (!node.is_empty()).then(|| (element.clone(), node))
        });
        Self { nodes: nodes.collect() }
    }

    /// Adds a node; what is there of it already stays.
    fn add(&mut self, element: Element, node: Node) {
        match self.place(&element) {
            Err(at) => self.nodes.insert(at, (element, node)),
            Ok(at) => self.nodes[at].1.add(&node),
        }
    }

    fn extend(&mut self, other: &Self) {
        for (element, node) in &other.nodes {
            match self.place(element) {
                Err(at) => self.nodes.insert(at, (element.clone(), node.clone())),
                Ok(at) => self.nodes[at].1.add(node),
            }
        }
    }

    fn walk(&self, above: &FieldPath, visit: &mut impl FnMut(FieldPath, &Node)) {
        for (element, node) in &self.nodes {
            let path = above.with(element.segment().clone());
            visit(path.clone(), node);
            node.below.walk(&path, visit);
        }
    }
}

impl Node {
    fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }

    /// Adds what another node of the same path has.
    fn add(&mut self, other: &Self) {
        self.member |= other.member;
        self.below.extend(&other.below);
    }
}

impl FromIterator<FieldPath> for FieldSet {
    fn from_iter<T: IntoIterator<Item = FieldPath>>(paths: T) -> Self {
        let mut set = Self::default();
        paths.into_iter().for_each(|path| set.insert(&path));
        set
    }
}

#[cfg(test)]
mod tests;
