//! What the tables say of one Go type, put together once: they are asked with every field of every object.
//!
//! Defaults, gates and the places of the fields lie ready under the type's number.

use std::sync::LazyLock;

use super::defaults::{self, Fill};
use super::gates;
use super::shape::{Field, Shape, Struct, Wire};

/// What the tables say of one Go type.
#[derive(Default)]
pub(super) struct Rules {
    /// Where in [`Struct::fields`] each field stands.
    places: Places,

    /// Which of the fields a server may drop without a word, in the order of the fields.
    gated: Vec<bool>,

    /// The fields that Go always writes.
    pub(super) always: Vec<(&'static str, Shape)>,

    /// The fields with a default that has no condition.
    pub(super) defaults: Vec<(&'static str, Fill)>,

    /// The field that holds a pull policy, and the one that holds its image.
    pub(super) pull_policy: Option<(&'static str, &'static str)>,

    /// The type, where it has rules of its own.
    pub(super) special: Special,
}

/// The Go types for which the server has a function of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Special {
    #[default]
    None,
    DeploymentStrategy,
    DaemonSetStrategy,
    PodSpec,
    PodTemplateSpec,
    Volume,
}

static RULES: LazyLock<Vec<Rules>> = LazyLock::new(|| {
    let mut all = Vec::new();
    super::ROOTS.iter().for_each(|root| collect(*root, &mut all));
    all.into_iter().map(Option::unwrap_or_default).collect()
});

impl Rules {
    /// Those of a type of the tree.
    pub(super) fn of(of: &Struct) -> &'static Self {
        static NONE: LazyLock<Rules> = LazyLock::new(Rules::default);
        RULES.get(of.number).unwrap_or(&NONE)
    }

    fn new(of: &'static Struct) -> Self {
        Self {
            places: Places::of(of.fields),
            gated: of
                .fields
                .iter()
                .map(|Field(name, ..)| gates::may_be_dropped(of.name, name))
                .collect(),
            always: of
                .fields
                .iter()
                .filter(|field| field.1 == Wire::Always)
                .map(|Field(name, _, shape, _)| (*name, *shape))
                .collect(),
            defaults: defaults::of_type(of.name),
            pull_policy: defaults::pull_policy_of(of.name),
            special: match of.name {
                "DeploymentStrategy" => Special::DeploymentStrategy,
                "DaemonSetUpdateStrategy" => Special::DaemonSetStrategy,
                "PodSpec" => Special::PodSpec,
                "PodTemplateSpec" => Special::PodTemplateSpec,
                "Volume" => Special::Volume,
                _ => Special::None,
            },
        }
    }
}

impl Struct {
    /// The field of this JSON name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        Rules::of(self)
            .places
            .find(self.fields, name)
            .map(|at| &self.fields[at])
    }
}

/// Whether a server may drop a field that the table knows, without a word: its gate is closed by default, or servers of
/// [`REFERENCE`](super::REFERENCE) do not know it, and in the others its gate is closed as well.
pub fn is_gated(of: &Struct, name: &str) -> bool {
    let rules = Rules::of(of);
    rules
        .places
        .find(of.fields, name)
        .and_then(|at| rules.gated.get(at))
        .is_some_and(|gated| *gated)
}

/// Fields by their names: half of the room is empty, so that mostly the first field looked at is the one.
#[derive(Default)]
struct Places {
    /// For each remainder of [`Places::hash`] the place of a field and one more, or 0; where that is taken, the next
    /// one that is free.
    slots: Vec<u8>,
}

impl Places {
    fn of(fields: &[Field]) -> Self {
        let mut slots = vec![0; (fields.len() * 2).next_power_of_two()];
        let size = slots.len();
        for (at, Field(name, ..)) in fields.iter().enumerate() {
            let free = (Self::hash(name)..)
                .map(|slot| slot % size)
                .find(|slot| slots[*slot] == 0);
            // No type has as many as 255 fields: a test says so.
            if let (Some(free), Ok(place)) = (free, u8::try_from(at + 1)) {
                slots[free] = place;
            }
        }
        Self { slots }
    }

    fn find(&self, fields: &[Field], name: &str) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = Self::hash(name) & mask;
        loop {
            let at = usize::from(self.slots[slot]).checked_sub(1)?;
            if fields[at].0 == name {
                return Some(at);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// From the length, the first letter, the last one and the one in the middle: they tell the fields of most types
    /// apart.
    fn hash(name: &str) -> usize {
        let letters = name.as_bytes();
        let letter = |at: usize| usize::from(letters.get(at).copied().unwrap_or_default());
        let last = letters.len().saturating_sub(1);
        letters.len() + 3 * letter(0) + 7 * letter(last) + 31 * letter(letters.len() / 2)
    }
}

/// Puts the rules of a type and of all below it where their number says.
fn collect(shape: Shape, into: &mut Vec<Option<Rules>>) {
    match shape {
        Shape::Nested(of) => {
            if into.len() <= of.number {
                into.resize_with(of.number + 1, || None);
            }
            if into[of.number].is_none() {
                into[of.number] = Some(Rules::new(of));
                of.fields.iter().for_each(|field| collect(field.2, into));
            }
        }
        Shape::Map(inner) | Shape::AtomicMap(inner) | Shape::List(_, inner) => collect(*inner, into),
        _ => {}
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Every type of a shape, each once.
    pub(in crate::engine::schema) fn structs(shape: Shape, into: &mut Vec<&'static Struct>) {
        match shape {
            Shape::Nested(of) if !into.iter().any(|other| std::ptr::eq(*other, of)) => {
                into.push(of);
                of.fields.iter().for_each(|field| structs(field.2, into));
            }
            Shape::Map(inner) | Shape::AtomicMap(inner) | Shape::List(_, inner) => structs(*inner, into),
            _ => {}
        }
    }

    #[test]
    fn every_type_has_a_number_of_its_own_and_finds_its_fields() {
        let mut all = Vec::new();
        crate::engine::schema::ROOTS
            .iter()
            .for_each(|root| structs(*root, &mut all));
        let mut numbers: Vec<usize> = all.iter().map(|of| of.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..all.len()).collect::<Vec<_>>());
        for of in all {
            assert!(of.fields.len() < 255, "{}", of.name);
            for field in of.fields {
                assert!(
                    of.field(field.0).is_some_and(|found| std::ptr::eq(found, field)),
                    "{}.{}",
                    of.name,
                    field.0
                );
            }
            for other in ["", "x", "noSuchField", "Name", "nameX"] {
                assert!(of.field(other).is_none(), "{}.{other}", of.name);
            }
        }
    }

    #[test]
    fn what_a_gate_closes_is_gated_in_its_own_type_alone() {
        let of = |path: &str| match super::super::shape_at(crate::engine::schema::DEPLOYMENT, path) {
            Some(Shape::Nested(of)) => of,
            _ => panic!("{path} is no struct"),
        };
        assert!(is_gated(of("spec.template.spec.containers[].lifecycle"), "stopSignal"));
        assert!(is_gated(of("spec.template.spec"), "schedulingGroup"));
        assert!(!is_gated(of("spec.template.spec"), "containers"));
        assert!(!is_gated(of("spec.template.spec"), "stopSignal"));
    }
}
