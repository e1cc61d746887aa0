//! Kinds in the plural, for "3 StatefulSets, 2 Rollouts".

use std::collections::BTreeMap;

/// Tells counts by kind in a sentence: the largest first, then by name. Empty for none.
pub fn count_by_kind(kinds: &BTreeMap<String, usize>) -> String {
    let mut sorted: Vec<_> = kinds.iter().collect();
    sorted.sort_by_key(|(kind, count)| (std::cmp::Reverse(**count), *kind));
    let words: Vec<_> = sorted.into_iter().map(|(kind, &count)| format!("{count} {}", plural(kind, count))).collect();
    words.join(", ")
}

/// `Ingress` becomes `Ingresses`, `NetworkPolicy` `NetworkPolicies`; a kind that is a plural already, such as `Endpoints`,
/// cannot be told from it and is read as a singular.
fn plural(kind: &str, count: usize) -> String {
    let vowel_before_y = kind.ends_with(['y', 'Y']) && kind.chars().rev().nth(1).is_some_and(|c| "aeiou".contains(c));
    match kind {
        _ if count == 1 => kind.to_owned(),
        _ if kind.ends_with('s') || kind.ends_with("ch") || kind.ends_with('x') => format!("{kind}es"),
        _ if kind.ends_with('y') && !vowel_before_y => format!("{}ies", &kind[..kind.len() - 1]),
        _ => format!("{kind}s"),
    }
}
