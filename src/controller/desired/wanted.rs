//! Which objects of its source a watch asks for: by `spec.kinds` and `spec.selector`.

use std::collections::BTreeMap;

use kube::core::{Selector, SelectorExt};
use serde_json::Value;

use super::super::source_error::SourceError;
use crate::api::v1alpha1::{DriftWatchSpec, kinds};
use crate::engine::kind::{KINDS, Kind};

/// What a watch asks for.
pub(in super::super) struct Wanted {
    /// The kinds that it names; `None` where it takes all that are governed.
    named: Option<Vec<&'static Kind>>,
    selector: Selector,
}

impl Wanted {
    /// Reads what a watch asks for.
    ///
    /// # Errors
    ///
    /// [`SourceError::Invalid`] for a kind that is not governed, and for a selector that is none.
    pub(in super::super) fn by(spec: &DriftWatchSpec) -> Result<Self, SourceError> {
        let named = spec.kinds.as_deref().map(kinds::governed).transpose();
        let named = named.map_err(|name| {
            let governed: Vec<&str> = KINDS.iter().map(|kind| kind.kind).collect();
            let message = format!(
                "spec.kinds names {name:?}, which this version does not govern; it governs {}",
                governed.join(", ")
            );
            SourceError::invalid("InvalidKinds", message)
        })?;
        let selector = spec
            .selector
            .clone()
            .map_or(Ok(Selector::default()), Selector::try_from);
        let selector =
            selector.map_err(|error| SourceError::invalid("InvalidSelector", format!("spec.selector: {error}")))?;
        Ok(Self { named, selector })
    }

    /// Whether it asks for objects of this kind.
    pub(super) fn takes_kind(&self, kind: &Kind) -> bool {
        self.named.as_ref().is_none_or(|named| named.contains(&kind))
    }

    /// Whether it asks for an object by its labels.
    pub(super) fn selects(&self, object: &Value) -> bool {
        self.selector.matches(&labels(object))
    }

    /// Whether it asks for this object.
    pub(in super::super) fn takes(&self, kind: &Kind, object: &Value) -> bool {
        self.takes_kind(kind) && self.selects(object)
    }

    /// The kinds that it names and that none of these is of.
    pub(super) fn named_in_vain(&self, there: &[&Kind]) -> impl Iterator<Item = &'static Kind> {
        let named = self.named.iter().flatten().copied();
        named.filter(|kind| !there.contains(kind))
    }
}

fn labels(object: &Value) -> BTreeMap<String, String> {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    labels
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::engine::kind::{DAEMON_SET, DEPLOYMENT};

    fn wanted(more: &Value) -> Result<Wanted, String> {
        let mut spec = json!({"source": {"git": {"url": "https://git.example/shop.git"}}});
        json_patch::merge(&mut spec, more);
        Wanted::by(&serde_json::from_value(spec).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn all_kinds_are_asked_for_where_none_is_named() {
        let object = json!({"metadata": {"labels": {"tier": "web"}}});
        let all = wanted(&json!({})).unwrap();
        assert!(KINDS.iter().all(|kind| all.takes(kind, &object)));
        assert_eq!(all.named_in_vain(&[]).count(), 0);
        let some = wanted(&json!({"kinds": ["DaemonSet"], "selector": {"matchLabels": {"tier": "web"}}})).unwrap();
        assert!(some.takes(&DAEMON_SET, &object) && !some.takes(&DEPLOYMENT, &object));
        assert!(!some.takes(&DAEMON_SET, &json!({})));
        assert_eq!(some.named_in_vain(&[&DEPLOYMENT]).collect::<Vec<_>>(), [&DAEMON_SET]);
    }

    #[test]
    fn a_kind_that_is_not_governed_is_told_with_those_that_are() {
        assert_eq!(
            wanted(&json!({"kinds": ["Deployment", "Job"]})).err(),
            Some(
                "spec.kinds names \"Job\", which this version does not govern; it governs Deployment, DaemonSet"
                    .to_owned()
            )
        );
    }
}
