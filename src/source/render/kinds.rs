//! Kinds in the plural, for "3 StatefulSets, 2 Rollouts".

use std::collections::BTreeMap;

use serde::Serialize;

/// How many kinds are told by name: a repository may hold a million, and a sentence of fifty is long.
const NAMED: usize = 50;

/// Counts of objects by kind: of the kinds that come first, and of all others together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Kinds {
    named: BTreeMap<String, usize>,

    #[serde(skip)]
    others: usize,
}

impl Kinds {
    /// Counts one object.
    pub fn count(&mut self, kind: &str) {
        if let Some(count) = self.named.get_mut(kind) {
            *count += 1;
        } else if self.named.len() < NAMED {
            self.named.insert(kind.to_owned(), 1);
        } else {
            self.others += 1;
        }
    }

    /// The kinds that are told by name, each with its count, in the order of their names.
    pub fn named(&self) -> impl Iterator<Item = (&str, usize)> {
        self.named.iter().map(|(kind, count)| (kind.as_str(), *count))
    }

    /// The objects of all other kinds in words; `None` where there are no others.
    pub fn others(&self) -> Option<String> {
        let plural = if self.others == 1 { "" } else { "s" };
        (self.others > 0).then(|| format!("{} object{plural} of more kinds", self.others))
    }
}

impl std::fmt::Display for Kinds {
    /// Tells counts by kind in a sentence: the largest first, then by name. Empty for none.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted: Vec<_> = self.named().collect();
        sorted.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
        let words = sorted
            .into_iter()
            .map(|(kind, count)| format!("{count} {}", plural(kind, count)));
        f.write_str(&words.chain(self.others()).collect::<Vec<_>>().join(", "))
    }
}

/// `Ingress` becomes `Ingresses`, `NetworkPolicy` `NetworkPolicies`; a kind that is a plural already, such as
/// `Endpoints`, cannot be told from it and is read as a singular.
fn plural(kind: &str, count: usize) -> String {
    let vowel_before_y = kind.ends_with(['y', 'Y']) && kind.chars().rev().nth(1).is_some_and(|c| "aeiou".contains(c));
    match kind {
        _ if count == 1 => kind.to_owned(),
        _ if kind.ends_with('s') || kind.ends_with("ch") || kind.ends_with('x') => format!("{kind}es"),
        _ if kind.ends_with('y') && !vowel_before_y => format!("{}ies", &kind[..kind.len() - 1]),
        _ => format!("{kind}s"),
    }
}
