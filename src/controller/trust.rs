//! Whose word counts, where a tenant's object names another one: the chart's list, and not the object.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::source::git::{Scope, ScopeError};
use crate::source::ignore::glob;

/// The namespace of Argo CD where nothing else is listed: the one of its own manifests.
const USUAL: &str = "argocd";

/// The namespaces in which Argo CD's AppProjects and `argocd-cm` are believed.
///
/// An Application says in its status where its controller runs, and a tenant who has Applications in a namespace of its
/// own can write that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgoCdNamespaces(Vec<String>);

impl ArgoCdNamespaces {
    /// Those that are listed; `argocd` where none is.
    pub fn listed(namespaces: Vec<String>) -> Self {
        if namespaces.is_empty() {
            Self(vec![USUAL.to_owned()])
        } else {
            Self(namespaces)
        }
    }

    /// Whether what stands in a namespace is believed.
    pub fn have(&self, namespace: &str) -> bool {
        self.0.iter().any(|listed| listed == namespace)
    }
}

impl Default for ArgoCdNamespaces {
    fn default() -> Self {
        Self::listed(Vec::new())
    }
}

/// Whether an AppProject is for the Applications of a namespace: those beside it, and those of its `sourceNamespaces`,
/// which are globs, as Argo CD's `IsAppNamespacePermitted` has it. A pattern that is a regular expression there (`/…/`)
/// permits nothing here.
pub fn permits(project: &Value, project_namespace: &str, namespace: &str) -> bool {
    let patterns = project.pointer("/spec/sourceNamespaces").and_then(Value::as_array);
    let named = |pattern: &Value| pattern.as_str().is_some_and(|pattern| glob(pattern, namespace));
    namespace == project_namespace || patterns.is_some_and(|patterns| patterns.iter().any(named))
}

/// Where an administrator says that the Secrets of tenants may be sent to, by namespace and name.
#[derive(Clone, Debug, Default)]
pub struct SecretHosts(BTreeMap<(String, String), Scope>);

/// Why an entry of them cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretHostsError {
    /// Its form.
    #[error("{text:?} is not NAMESPACE/NAME=HOST,…")]
    Form {
        /// The entry.
        text: String,
    },

    /// One of its hosts.
    #[error("the hosts of Secret {secret} cannot be read")]
    Hosts {
        /// The Secret.
        secret: String,

        /// Which.
        source: ScopeError,
    },
}

impl SecretHosts {
    /// Reads entries such as `shop/deploy-key=git.example.com,https://git.example.com/team/`.
    ///
    /// # Errors
    ///
    /// The first entry that cannot be read.
    pub fn parse(entries: &[String]) -> Result<Self, SecretHostsError> {
        let mut hosts = BTreeMap::new();
        for entry in entries {
            let form = || SecretHostsError::Form { text: entry.clone() };
            let (secret, list) = entry.split_once('=').ok_or_else(form)?;
            let (namespace, name) = secret
                .split_once('/')
                .filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
                .ok_or_else(form)?;
            let scope = Scope::parse(list).map_err(|source| SecretHostsError::Hosts {
                secret: secret.to_owned(),
                source,
            })?;
            hosts.insert((namespace.to_owned(), name.to_owned()), scope);
        }
        Ok(Self(hosts))
    }

    /// What is listed for one.
    pub fn of(&self, namespace: &str, name: &str) -> Option<&Scope> {
        self.0.get(&(namespace.to_owned(), name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn argo_cd_is_believed_where_it_is_listed_and_where_it_usually_is() {
        let (usual, listed) = (
            ArgoCdNamespaces::default(),
            ArgoCdNamespaces::listed(vec!["gitops".to_owned()]),
        );
        assert!(usual.have("argocd") && !usual.have("shop") && !usual.have(""));
        assert!(listed.have("gitops") && !listed.have("argocd") && !listed.have("shop"));
    }

    #[test]
    fn a_project_is_for_the_applications_of_its_source_namespaces() {
        let project = json!({"spec": {"sourceNamespaces": ["team-*", "/shop.*/", "argocd-apps"]}});
        for (namespace, permitted) in [
            ("argocd", true),
            ("team-a", true),
            ("argocd-apps", true),
            ("shop", false),
            ("shop-b", false),
            ("a-team-b", false),
        ] {
            assert_eq!(permits(&project, "argocd", namespace), permitted, "{namespace}");
        }
        assert!(
            !permits(&json!({"spec": {}}), "argocd", "shop"),
            "without a list an AppProject is for its own namespace"
        );
    }

    #[test]
    fn the_hosts_of_a_secret_are_found_by_its_namespace_and_name() {
        let entries = [
            "shop/key=git.example.com,https://other.example/team/".to_owned(),
            "shop/other=third.example".to_owned(),
        ];
        let hosts = SecretHosts::parse(&entries).unwrap();
        assert!(hosts.of("shop", "key").is_some() && hosts.of("shop", "other").is_some());
        assert!(hosts.of("team", "key").is_none() && hosts.of("shop", "third").is_none());
        for entry in [
            "shop/key",
            "shop=git.example.com",
            "/key=git.example.com",
            "shop/=git.example.com",
            "shop/key=",
            "shop/key=*",
        ] {
            assert!(SecretHosts::parse(&[entry.to_owned()]).is_err(), "{entry}");
        }
    }
}
