//! One call to the API server, described: for its error, its hint and its metric.

use std::fmt;

/// What a call does, as RBAC names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Reads one object.
    Get,

    /// Reads many.
    List,

    /// Follows changes.
    Watch,

    /// Writes a new object.
    Create,

    /// Replaces an object (PUT).
    Update,

    /// Changes an object in part.
    Patch,

    /// Removes an object.
    Delete,
}

impl Verb {
    /// Gives the name that an RBAC rule has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    /// Says whether the verb changes what the cluster stores.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Patch | Self::Delete)
    }
}

/// A kind of object, as a URL and an RBAC rule name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resource<'a> {
    /// The API group; empty for the core group.
    pub group: &'a str,

    /// The version in that group.
    pub version: &'a str,

    /// The plural, such as `deployments`.
    pub plural: &'a str,
}

impl Resource<'_> {
    /// Gives the URL path of the collection, in one namespace or cluster-wide.
    pub fn collection(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        match namespace {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{}", self.plural),
            None => format!("{root}/{}", self.plural),
        }
    }
}

/// Writes `deployments.apps`, or only the plural for the core group.
impl fmt::Display for Resource<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group {
            "" => formatter.write_str(self.plural),
            group => write!(formatter, "{}.{group}", self.plural),
        }
    }
}

/// One call: the verb, and on what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// What is done.
    pub verb: Verb,

    /// The plural with its group, such as `deployments.apps`; a subresource follows a slash.
    pub resource: String,

    /// The namespace; `None` for what is cluster-wide.
    pub namespace: Option<String>,

    /// The object; `None` for a whole collection.
    pub name: Option<String>,

    /// Whether the cluster stores the result.
    pub effect: Effect,
}

/// Whether a call leaves something behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The cluster stores what was sent.
    Stored,

    /// A read, a dry run or a review: nothing is stored.
    Nothing,
}

impl Call {
    /// Describes a call on a resource such as `deployments.apps`; a verb that writes is taken to store something.
    pub fn new(verb: Verb, resource: impl Into<String>) -> Self {
        let effect = if verb.writes() { Effect::Stored } else { Effect::Nothing };
        Self {
            verb,
            resource: resource.into(),
            namespace: None,
            name: None,
            effect,
        }
    }

    /// Adds the namespace.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Adds the object's name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Says that nothing is stored although the verb writes: a dry run or a review.
    pub fn stores_nothing(mut self) -> Self {
        self.effect = Effect::Nothing;
        self
    }

    /// Says whether the names can stand in a URL path.
    ///
    /// Names come from manifests in Git, where anything may stand; a `/` or `?` in one would reach another object than
    /// the one meant.
    pub fn addressable(&self) -> bool {
        [&self.namespace, &self.name]
            .into_iter()
            .flatten()
            .all(|segment| is_path_segment(segment))
    }
}

/// Writes `patch deployments.apps shop/web`.
impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.verb.name(), self.resource)?;
        match (&self.namespace, &self.name) {
            (Some(namespace), Some(name)) => write!(formatter, " {namespace}/{name}"),
            (None, Some(name)) => write!(formatter, " {name}"),
            (Some(namespace), None) => write!(formatter, " in namespace {namespace}"),
            (None, None) => Ok(()),
        }
    }
}

/// Accepts the characters of every name that Kubernetes itself accepts in a path (DNS names, and `:` in RBAC names).
fn is_path_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_reads_as_a_sentence() {
        let patch = Call::new(Verb::Patch, "deployments.apps").namespace("shop").name("web");
        assert_eq!(patch.to_string(), "patch deployments.apps shop/web");
        assert_eq!(
            Call::new(Verb::Get, "namespaces").name("shop").to_string(),
            "get namespaces shop"
        );
        assert_eq!(
            Call::new(Verb::Create, "events.events.k8s.io")
                .namespace("shop")
                .to_string(),
            "create events.events.k8s.io in namespace shop"
        );
        assert_eq!(
            Call::new(Verb::List, "deployments.apps").to_string(),
            "list deployments.apps"
        );
    }

    #[test]
    fn a_name_that_would_leave_its_path_is_not_addressable() {
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "../secrets/token",
            "web?dryRun=All",
            "web#x",
            "we b",
            "wéb",
            "a%2Fb",
        ] {
            assert!(
                !Call::new(Verb::Get, "deployments.apps")
                    .namespace("shop")
                    .name(name)
                    .addressable(),
                "{name:?}"
            );
            assert!(
                !Call::new(Verb::Get, "deployments.apps")
                    .namespace(name)
                    .name("web")
                    .addressable(),
                "{name:?}"
            );
        }
        assert!(
            Call::new(Verb::Get, "deployments.apps")
                .namespace("shop")
                .name("web-1.example.com")
                .addressable()
        );
    }

    #[test]
    fn only_a_writing_verb_without_dry_run_stores_something() {
        assert_eq!(Call::new(Verb::Get, "secrets").effect, Effect::Nothing);
        assert_eq!(Call::new(Verb::Patch, "deployments.apps").effect, Effect::Stored);
        assert_eq!(
            Call::new(Verb::Patch, "deployments.apps").stores_nothing().effect,
            Effect::Nothing
        );
    }

    #[test]
    fn the_core_group_has_a_root_of_its_own() {
        let secrets = Resource {
            group: "",
            version: "v1",
            plural: "secrets",
        };
        assert_eq!(
            (secrets.collection(Some("shop")), secrets.to_string()),
            ("/api/v1/namespaces/shop/secrets".into(), "secrets".into())
        );
        let deployments = Resource {
            group: "apps",
            version: "v1",
            plural: "deployments",
        };
        assert_eq!(
            (deployments.collection(None), deployments.to_string()),
            ("/apis/apps/v1/deployments".into(), "deployments.apps".into())
        );
    }
}
