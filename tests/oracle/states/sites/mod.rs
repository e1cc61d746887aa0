//! Every part that is tried, and of which kinds it is.

mod others;
mod unions;

use driftmend::engine::kind::Kind;
use serde_json::Value;

use crate::place::Place;
use crate::random::Random;

/// A part of an object.
pub struct Site {
    /// What the tables call it.
    pub name: &'static str,

    /// Of which kinds.
    pub of: Of,

    /// Where it is.
    pub place: Place,

    /// A state that a server takes, mostly; none for absent.
    pub state: fn(&mut Random) -> Option<Value>,

    /// A state that a server refuses, mostly.
    pub broken: fn(&mut Random) -> Option<Value>,
}

/// The kinds that have a part.
pub enum Of {
    Every,
    Only(&'static [&'static Kind]),
}

impl Site {
    fn is_of(&self, kind: &Kind) -> bool {
        match self.of {
            Of::Every => true,
            Of::Only(kinds) => kinds.contains(&kind),
        }
    }

    /// Where it is in an object of this kind.
    pub fn path(&self, kind: &Kind) -> String {
        self.place.path(kind)
    }
}

/// The parts of a kind in which one member excludes another.
pub fn unions(kind: &Kind) -> Vec<&'static Site> {
    unions::UNIONS.iter().filter(|site| site.is_of(kind)).collect()
}

/// The other parts of a kind.
pub fn others(kind: &Kind) -> Vec<&'static Site> {
    others::OTHERS.iter().filter(|site| site.is_of(kind)).collect()
}

/// Every part of a kind that is tried, unions first.
pub fn sites(kind: &Kind) -> Vec<&'static Site> {
    [unions(kind), others(kind)].concat()
}
