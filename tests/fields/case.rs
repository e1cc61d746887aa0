//! One case: a kind of value at a place of an object.

use serde_json::{Value, json};

use crate::base::{alone, put};
use crate::site::{Key, Site, sites};
use crate::subject::Subject;
use crate::value::values;

/// What is around the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Around {
    /// What it cannot be without.
    Nothing,

    /// Every other field.
    All,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    pub site: String,
    pub kind: &'static str,
    pub around: Around,
    keys: Vec<Key>,
    value: Option<Value>,
}

impl Case {
    /// Its name in what is printed.
    pub fn name(&self) -> String {
        format!("{} {} ({:?})", self.site, self.kind, self.around)
    }

    /// The manifest of an object of this name.
    pub fn manifest(&self, subject: &Subject, name: &str, namespace: &str) -> Value {
        let mut object = match self.around {
            Around::Nothing => alone(subject, &self.keys),
            Around::All => subject.full.clone(),
        };
        object["metadata"]["name"] = json!(name);
        object["metadata"]["namespace"] = json!(namespace);
        put(subject.kind, &mut object, &self.keys, self.value.clone());
        object
    }
}

/// All cases, in an order that no slice of them goes through one part alone.
pub fn cases(subject: &Subject) -> Vec<Case> {
    let full = &subject.full;
    let of_site = |site: Site| {
        let keys = site.keys(full);
        let present = present(full, &keys).cloned();
        let name = site.name();
        let pairs = values(site.shape, present.as_ref())
            .into_iter()
            .flat_map(|value| [(Around::Nothing, value.clone()), (Around::All, value)]);
        let cases = pairs.map(move |(around, (kind, value))| Case {
            site: name.clone(),
            kind,
            around,
            keys: keys.clone(),
            value,
        });
        cases.collect::<Vec<_>>()
    };
    sites(subject.kind).into_iter().flat_map(of_site).collect()
}

fn present<'a>(object: &'a Value, keys: &[Key]) -> Option<&'a Value> {
    keys.iter().try_fold(object, |node, key| match key {
        Key::Name(name) => node.get(name),
        Key::At(at) => node.get(at),
    })
}
