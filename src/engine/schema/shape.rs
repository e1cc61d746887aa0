//! The words in which the generated table describes a Go type.

/// One field of a [`Struct`]: its JSON name, how it is written, what it holds, and how a strategic merge patch treats
/// it.
#[derive(Clone, Copy, Debug)]
pub struct Field(pub &'static str, pub Wire, pub Shape, pub Patch);

/// A field that not every supported version has: Go type, JSON name, and the first and the last minor version of
/// Kubernetes 1 with it.
#[derive(Clone, Copy, Debug)]
pub struct Partial(pub &'static str, pub &'static str, pub u8, pub u8);

/// The Go type of a field where its shape does not tell it: Go type of the owner, JSON name, the type as Go's
/// reflection writes it, and the struct embedded in the owner that has it, or nothing.
#[derive(Clone, Copy, Debug)]
pub struct Spelt(pub &'static str, pub &'static str, pub &'static str, pub &'static str);

/// A Go struct of the Deployment tree.
#[derive(Debug)]
pub struct Struct {
    /// The Go type's name, such as `PodSpec`; unique in the tree.
    pub name: &'static str,

    /// Counts the types of the tree, from 0.
    pub number: usize,

    /// Whether server-side apply takes the whole struct as one value (`+structType=atomic`).
    pub atomic: bool,

    /// The fields, inlined structs included, in the order of the Go type.
    pub fields: &'static [Field],
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A string.
    Text,

    /// An integer of any width.
    Integer,

    /// A boolean.
    Boolean,

    /// A `resource.Quantity`.
    Quantity,

    /// An `intstr.IntOrString`: a number and a string never mean the same.
    IntOrString,

    /// A value the schema does not look into, such as a time.
    Opaque,

    /// A struct.
    Nested(&'static Struct),

    /// A map from strings; server-side apply merges it by key.
    Map(&'static Shape),

    /// A map from strings that server-side apply takes as one value.
    AtomicMap(&'static Shape),

    /// A list.
    List(ListKind, &'static Shape),
}

/// How server-side apply merges a list (`x-kubernetes-list-type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// Items are found by these keys.
    Map(&'static [&'static str]),

    /// Scalars, each at most once.
    Set,

    /// One value.
    Atomic,
}

/// How Go writes a field to JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// A value without `omitempty`, or a struct, which `omitempty` never omits: always written.
    Always,

    /// A value with `omitempty`: its zero value is not written.
    OmitEmpty,

    /// A pointer: written as soon as it is set, zero or not.
    Pointer,
}

/// The strategic-merge tags `patchStrategy` and `patchMergeKey`. They are not the server-side list keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    /// No tag: maps merge, lists are replaced.
    Plain,

    /// A list whose items merge by this key.
    Key(&'static str),

    /// Like [`Patch::Key`], and an item keeps only the keys that the patch names.
    KeyRetain(&'static str),

    /// A struct that keeps only the keys that the patch names.
    Retain,

    /// A list of scalars that merges as a set.
    Scalars,
}

impl Shape {
    /// What the map key `name` holds, in a struct or a map.
    pub fn child(self, name: &str) -> Option<Self> {
        match self {
            Self::Nested(of) => of.field(name).map(|field| field.2),
            Self::Map(value) | Self::AtomicMap(value) => Some(*value),
            _ => None,
        }
    }

    /// What the items of a list are.
    pub fn item(self) -> Option<Self> {
        match self {
            Self::List(_, item) => Some(*item),
            _ => None,
        }
    }

    /// Whether server-side apply takes a value of this shape as one: its owner owns the node, and nothing below has
    /// one.
    pub fn is_atomic(self) -> bool {
        match self {
            Self::Nested(of) => of.atomic,
            Self::AtomicMap(_) | Self::List(ListKind::Atomic, _) => true,
            _ => false,
        }
    }
}
