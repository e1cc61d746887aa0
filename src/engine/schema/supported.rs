//! Which versions of Kubernetes have a field.

use super::shape::{Partial, Struct};
use super::versions::{PARTIAL, SUPPORTED};

/// The minor version of Kubernetes 1 whose defaults, feature gates and validation the tables by hand hold: that of the
/// servers in the tests.
pub const REFERENCE: u8 = 36;

/// A range of minor versions of Kubernetes 1, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The first.
    pub since: u8,

    /// The last.
    pub until: u8,
}

impl Versions {
    /// Whether a minor version is among them.
    pub fn contains(self, minor: u8) -> bool {
        (self.since..=self.until).contains(&minor)
    }
}

impl std::fmt::Display for Versions {
    /// `1.35`, `1.34 to 1.35`, or `1.37 and later`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { since, until } = self;
        match until {
            _ if *until == SUPPORTED.1 => write!(f, "1.{since} and later"),
            _ if since == until => write!(f, "1.{since}"),
            _ => write!(f, "1.{since} to 1.{until}"),
        }
    }
}

/// The supported versions that have the field `name` of a Go type, as far as they have the type; `None` where none of
/// them has it.
pub fn versions_of(of: &Struct, name: &str) -> Option<Versions> {
    of.field(name)?;
    let partial = PARTIAL
        .iter()
        .find(|Partial(owner, field, ..)| *owner == of.name && *field == name);
    let (since, until) = partial.map_or(SUPPORTED, |Partial(.., since, until)| (*since, *until));
    Some(Versions { since, until })
}

/// The fields, by Go type and name, that a minor version does not have and others do.
pub fn fields_without(minor: u8) -> impl Iterator<Item = (&'static str, &'static str)> {
    PARTIAL
        .iter()
        .filter(move |Partial(.., since, until)| !(*since..=*until).contains(&minor))
        .map(|Partial(owner, field, ..)| (*owner, *field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::schema::{DEPLOYMENT, Shape, shape_at};

    fn versions(path: &str, name: &str) -> Option<Versions> {
        let Some(Shape::Nested(of)) = shape_at(DEPLOYMENT, path) else {
            panic!("{path} is no struct")
        };
        versions_of(of, name)
    }

    #[test]
    fn fields_have_the_versions_in_which_kubernetes_had_them() {
        let pod = "spec.template.spec";
        for (path, name, since, until) in [
            (pod, "containers", 33, 37),
            (pod, "hostnameOverride", 34, 37),
            (pod, "workloadRef", 35, 35),
            (pod, "schedulingGroup", 36, 37),
            (pod, "evictionResponders", 37, 37),
        ] {
            assert_eq!(versions(path, name), Some(Versions { since, until }), "{name}");
        }
        assert_eq!(versions(pod, "noSuchField"), None);
    }

    #[test]
    fn every_row_names_a_field_and_leaves_out_a_version() {
        let mut structs = Vec::new();
        crate::engine::schema::ROOTS
            .iter()
            .for_each(|root| collect(*root, &mut structs));
        for Partial(owner, name, since, until) in PARTIAL {
            let of = structs.iter().find(|of| of.name == *owner);
            assert!(of.is_some_and(|of| of.field(name).is_some()), "{owner}.{name}");
            let (oldest, newest) = SUPPORTED;
            assert!(
                oldest <= *since && since <= until && *until <= newest && (*since, *until) != SUPPORTED,
                "{owner}.{name}"
            );
        }
    }

    fn collect(shape: Shape, into: &mut Vec<&'static Struct>) {
        match shape {
            Shape::Nested(of) => {
                into.push(of);
                of.fields.iter().for_each(|field| collect(field.2, into));
            }
            Shape::Map(inner) | Shape::AtomicMap(inner) | Shape::List(_, inner) => collect(*inner, into),
            _ => {}
        }
    }
}
