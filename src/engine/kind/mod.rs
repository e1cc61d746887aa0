//! What is known of each governed kind, as data: one file a kind, and one table of all.
//!
//! Nothing else of the engine names a kind or the place of its pod template. What a kind shares with others stands with
//! those: the types and their defaults in [`schema`](super::schema), the API server's validation in
//! [`validation`](super::validation).

mod daemon_set;
mod deployment;
mod rollout;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use serde_json::Value;

pub use self::daemon_set::DAEMON_SET;
pub use self::deployment::DEPLOYMENT;
pub use self::rollout::Rollout;
use super::object::{FieldPath, ObjectId};
use super::schema::Shape;
use super::validation::Validation;

/// All governed kinds, in the order in which they are listed to people.
pub static KINDS: &[&Kind] = &[&DEPLOYMENT, &DAEMON_SET];

/// A governed kind.
#[derive(Debug)]
pub struct Kind {
    /// Its name, such as `DaemonSet`.
    pub kind: &'static str,

    /// Its name in URLs and rights, such as `daemonsets`.
    pub plural: &'static str,

    /// What kubectl lets people write for it, such as `ds`.
    pub short: &'static str,

    /// Its API group.
    pub group: &'static str,

    /// The version of the group in which it is read and written: the only one that supported servers have.
    pub version: &'static str,

    /// The groups in which servers had it once, and in which old manifests still name it.
    pub former_groups: &'static [&'static str],

    /// What its objects are made of.
    pub root: Shape,

    /// How the API server validates its spec.
    pub validation: Validation,

    /// The names on the way from the object to its pod template.
    pub template: &'static [&'static str],

    /// Annotations that the API server counts up by itself, whoever writes something else there.
    pub counted: &'static [&'static str],

    /// The field that keeps its controller from rolling a change out while it is true; `None` where there is none.
    pub pause: Option<&'static str>,

    /// Its controller as a sentence names it, such as `deployment controller`.
    pub controller: &'static str,

    /// How far the roll-out of an object is, read from its status.
    pub rollout: fn(&Value) -> Rollout,
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Kind {}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind {
    fn cmp(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl Hash for Kind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl Kind {
    /// What tells it from every other one.
    const fn identity(&self) -> (&'static str, &'static str) {
        (self.group, self.kind)
    }

    /// The governed kind of this name, in this group and version as a manifest writes them; `None` for any other.
    pub fn of(api_version: &str, kind: &str) -> Option<&'static Self> {
        KINDS
            .iter()
            .copied()
            .find(|known| known.kind == kind && known.has_group(api_version))
    }

    /// The same, also where the group is one that servers had once.
    pub fn of_any_age(api_version: &str, kind: &str) -> Option<&'static Self> {
        let once = |known: &&'static Self| {
            let group = api_version.split_once('/').map_or("", |(group, _)| group);
            known.kind == kind && known.former_groups.contains(&group)
        };
        Self::of(api_version, kind).or_else(|| KINDS.iter().copied().find(once))
    }

    /// The kind of an object, where it is governed.
    pub fn of_object(id: &ObjectId) -> Option<&'static Self> {
        Self::of(&id.api_version, &id.kind)
    }

    fn has_group(&self, api_version: &str) -> bool {
        api_version
            .split_once('/')
            .is_some_and(|(group, _)| group == self.group)
    }

    /// Group and version as manifests write them, such as `apps/v1`.
    pub fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }

    /// Its Go type as messages name it, such as `v1.Deployment`.
    pub fn go_type(&self) -> String {
        format!("{}.{}", self.version, self.kind)
    }

    /// The object of this name.
    pub fn object(&self, namespace: &str, name: &str) -> ObjectId {
        ObjectId {
            api_version: self.api_version(),
            kind: self.kind.to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        }
    }

    /// The pod template's path in messages, such as `spec.template`.
    pub fn template_path(&self) -> String {
        self.template.join(".")
    }

    /// The pod's spec in an object.
    pub fn pod_spec<'v>(&self, object: &'v Value) -> Option<&'v Value> {
        self.template
            .iter()
            .chain(&["spec"])
            .try_fold(object, |object, name| object.get(name))
    }

    /// The pod's spec in an object that is changed.
    pub fn pod_spec_mut<'v>(&self, object: &'v mut Value) -> Option<&'v mut Value> {
        self.template
            .iter()
            .chain(&["spec"])
            .try_fold(object, |object, name| object.get_mut(name))
    }

    /// Whether a change of this field changes the pod template, so that the object rolls out.
    pub fn rolls_out(&self, path: &FieldPath) -> bool {
        path.schema().starts_with(&self.template_path())
    }

    /// Whether its controller is kept from rolling a change out.
    pub fn is_paused(&self, object: &Value) -> bool {
        self.pause.and_then(|field| object.get("spec")?.get(field)?.as_bool()) == Some(true)
    }
}

impl std::fmt::Display for Kind {
    /// `Deployment`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind)
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn a_kind_is_found_by_its_own_group_and_by_a_former_one_only_where_that_is_asked_for() {
        for kind in KINDS {
            assert_eq!(Kind::of(&kind.api_version(), kind.kind), Some(*kind));
            assert_eq!(Kind::of("extensions/v1beta1", kind.kind), None, "{kind}");
            assert_eq!(Kind::of_any_age("extensions/v1beta1", kind.kind), Some(*kind));
            assert_eq!(Kind::of_any_age("example.com/v1", kind.kind), None, "{kind}");
            assert_eq!(Kind::of_any_age("v1", kind.kind), None, "{kind}");
        }
        assert_eq!(Kind::of("apps/v1", "ReplicaSet"), None);
    }

    #[test]
    fn every_kind_has_a_pod_template_where_it_says() {
        for kind in KINDS {
            let template = kind
                .template
                .iter()
                .try_fold(kind.root, |shape, name| shape.child(name));
            assert!(
                template
                    .and_then(|template| template.child("spec")?.child("containers"))
                    .is_some(),
                "{kind}"
            );
            assert!(kind.rolls_out(&FieldPath::of(kind.template)) && !kind.rolls_out(&FieldPath::of(&["metadata"])));
        }
    }
}
