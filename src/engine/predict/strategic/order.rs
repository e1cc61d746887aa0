//! The order of a merged list: Git's items as Git has them, the others where the server had them.

use super::{PatchError, is_delete, key_value};
use crate::engine::object::Look;

/// `normalizeElementOrder`.
pub(super) fn normalize_element_order<D: Look>(
    patch: Vec<D>,
    server_only: Vec<D>,
    patch_order: &[D],
    server_order: &[D],
    key: Option<&str>,
) -> Result<Vec<D>, PatchError> {
    let patch = normalize_slice_order(patch, patch_order, key)?;
    let server_only = normalize_slice_order(server_only, server_order, key)?;
    Ok(merge_sorted(server_only, patch, server_order, key))
}

/// `normalizeSliceOrder`: sorted as `order` is; items to delete come last.
pub(super) fn normalize_slice_order<D: Look>(
    list: Vec<D>,
    order: &[D],
    key: Option<&str>,
) -> Result<Vec<D>, PatchError> {
    let (to_delete, mut sorted) = match key {
        Some(key) => {
            for item in list.iter().chain(order) {
                key_value(item, key)?;
            }
            list.into_iter().partition(is_delete)
        }
        None => (Vec::new(), list),
    };
    sorted.sort_by_key(|item| index(order, item, key).map_or(0, |at| at + 1));
    sorted.extend(to_delete);
    Ok(sorted)
}

/// `mergeSortedSlice`: both lists keep their order, and an item of the server comes first where it stood before.
fn merge_sorted<D: Look>(server_only: Vec<D>, patch: Vec<D>, server_order: &[D], key: Option<&str>) -> Vec<D> {
    let mut merged = Vec::with_capacity(server_only.len() + patch.len());
    let (mut left, mut right) = (server_only.into_iter().peekable(), patch.into_iter().peekable());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        let before = match (index(server_order, one, key), index(server_order, other, key)) {
            (Some(one), Some(other)) => one < other,
            _ => false,
        };
        merged.extend(if before { left.next() } else { right.next() });
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

/// Where an item stands in a list, by its key, or by itself where there is none.
pub(super) fn index<D: Look>(list: &[D], item: &D, key: Option<&str>) -> Option<usize> {
    match key {
        Some(key) => list.iter().position(|other| other.member(key) == item.member(key)),
        None => list.iter().position(|other| other == item),
    }
}

/// `partitionMapsByPresentInList` and `partitionPrimitivesByPresentInList`: those in `by`, and the others.
pub(super) fn partition_by_presence<D: Look>(list: Vec<D>, by: &[D], key: Option<&str>) -> (Vec<D>, Vec<D>) {
    list.into_iter().partition(|item| index(by, item, key).is_some())
}

/// `deduplicateScalars`: a later equal item goes, and the last one takes its place.
pub(super) fn deduplicate_scalars<D: Look>(mut list: Vec<D>) -> Vec<D> {
    let mut at = 0;
    while at < list.len() {
        let mut other = at + 1;
        while other < list.len() {
            if list[at] == list[other] {
                list.swap_remove(other);
            } else {
                other += 1;
            }
        }
        at += 1;
    }
    list
}
