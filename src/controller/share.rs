//! How what all namespaces share is divided: whoever comes first may take much, and leaves something to whoever comes
//! later.

/// What each namespace has for itself is this part of the whole.
const OF_EACH: u64 = 64;

/// This part of the whole is kept for namespaces that hold no more than their own: it lasts for sixteen of them.
const KEPT: u64 = 4;

/// What each namespace has for itself of so many bytes.
pub(super) fn reserve(total: u64) -> u64 {
    total / OF_EACH
}

/// How much a namespace may hold of so many bytes in all, given what each of the others holds.
///
/// What namespaces hold beyond their reserve is together at most three quarters of the whole, so that some that hold
/// much do not shut out one that comes later.
pub(super) fn room(total: u64, others: impl Iterator<Item = u64> + Clone) -> u64 {
    let reserve = reserve(total);
    let left = total.saturating_sub(others.clone().sum());
    let beyond: u64 = others.map(|held| held.saturating_sub(reserve)).sum();
    let shared = (total - total / KEPT).saturating_sub(beyond);
    left.min(reserve.saturating_add(shared))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_comes_late_has_its_reserve_whatever_the_first_ones_hold() {
        let mut held: Vec<u64> = Vec::new();
        for _ in 0..3 {
            held.push(room(6_400, held.iter().copied()).min(4_000));
        }
        assert_eq!(held, [4_000, 1_000, 100], "the first ones take what they can");
        for _ in 0..12 {
            let of_late = room(6_400, held.iter().copied());
            assert_eq!(of_late, 100);
            held.push(of_late);
        }
        assert!(held.iter().sum::<u64>() <= 6_400);
        assert_eq!(room(6_400, std::iter::once(6_350)), 50, "never more than the whole");
    }
}
