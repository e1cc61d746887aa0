//! From a DriftWatch to a rendition: ask the repository, fetch what is new, render, and keep what the watch may govern.

mod choice;
mod wanted;

use std::path::PathBuf;

pub use super::held::Held;
use super::index::{Rendition, WatchKey};
pub use super::mirrors::{Disk, Mirrors};
use super::origin::Resolved;
use super::reading::Request;
use super::source_error::LOOK_LIMIT;
pub use super::source_error::SourceError;
use super::trust::{ArgoCdNamespaces, SecretHosts};
use crate::api::v1alpha1::{DriftWatch, SecretRef};
use crate::cluster::Cluster;
use crate::engine::dressing::Dressing;
use crate::engine::tool_object::origin::Origin;
use crate::source::git::{Credentials, GitError, UrlPolicy};
pub(super) use wanted::Wanted;

/// How sources are read: the same for every watch of a process.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The mirrors that are open.
    pub mirrors: Mirrors,

    /// What is held of what was read.
    pub held: Held,

    /// Where the mirrors are kept.
    pub cache: PathBuf,

    /// Where the URL of a watch, an Application or a GitRepository may lead.
    pub policy: UrlPolicy,

    /// Where an administrator says that Secrets may be sent to.
    pub secret_hosts: SecretHosts,

    /// Where Argo CD's own objects are believed.
    pub argo_cd: ArgoCdNamespaces,

    /// The controller's own namespace: a watch elsewhere governs only its own namespace.
    pub own_namespace: String,
}

/// What one look at a source gave.
#[derive(Clone, Debug)]
pub enum Look {
    /// The commit in force is still the newest.
    Unchanged,

    /// Another commit, rendered.
    Rendered(Box<Rendition>),
}

/// What was read of a source before: the same again is not rendered anew.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// The commit.
    pub revision: &'a str,

    /// The commits that the tool said it synced.
    pub synced: &'a [String],

    /// The commit that the tool said it compared last.
    pub compared: Option<&'a str>,

    /// What the tool makes of the documents.
    pub dressing: &'a Dressing,
}

/// Looks at a resolved source once: one ref listing, and a fetch and a render only when something is not as `known`.
///
/// # Errors
/// [`SourceError`], with what a person can do.
pub async fn look(
    sources: &Sources,
    cluster: &Cluster,
    watch: &DriftWatch,
    resolved: &Resolved,
    known: Option<Known<'_>>,
) -> Result<Look, SourceError> {
    let namespace = watch.metadata.namespace.clone().unwrap_or_default();
    let key = WatchKey {
        namespace: namespace.clone(),
        name: watch.metadata.name.clone().unwrap_or_default(),
    };
    let request = Request::parse(sources, &key, resolved)?;
    // (client) the Secret by name, only when there is one
    let credentials = credentials(sources, cluster, &namespace, resolved.secret.as_ref()).await?;
    if !credentials.are_for(&request.url) {
        return Err(GitError::CredentialsElsewhere {
            url: request.url.to_string(),
        }
        .into());
    }
    // (git) on a thread of its own, which waits for children
    let Origin { synced, compared, .. } = &resolved.origin;
    let same = known.filter(|known| {
        known.synced == synced && known.compared == compared.as_deref() && *known.dressing == resolved.dressing
    });
    let known = same.map(|known| known.revision.to_owned());
    let thread = Request::thread(&namespace)?;
    let reading = tokio::task::spawn_blocking(move || {
        let _thread = thread;
        request.read(&credentials, known.as_deref())
    });
    let read = tokio::time::timeout(LOOK_LIMIT, reading)
        .await
        .map_err(|_| SourceError::TimedOut)?
        .map_err(|_| SourceError::Interrupted)??;
    let Some(read) = read else { return Ok(Look::Unchanged) };
    // (no client) only what this watch may govern, and no more than may be held
    let (read, _turn) = read;
    let rendition = choice::govern(sources, watch, &key, resolved, read)?;
    sources.held.admit(&key, &rendition)?;
    Ok(Look::Rendered(Box::new(rendition)))
}

async fn credentials(
    sources: &Sources,
    cluster: &Cluster,
    namespace: &str,
    secret: Option<&SecretRef>,
) -> Result<Credentials, SourceError> {
    let Some(secret) = secret else {
        return Ok(Credentials::None);
    };
    let name = || secret.name.clone();
    let data = cluster
        .get_secret(namespace, &secret.name)
        .await
        .map_err(|source| SourceError::Secret {
            name: name(),
            source: Box::new(source),
        })?
        .ok_or_else(|| SourceError::NoSecret {
            namespace: namespace.to_owned(),
            name: name(),
        })?;
    let listed = sources.secret_hosts.of(namespace, &secret.name);
    Credentials::from_secret(&data, listed).map_err(|source| SourceError::Credentials { name: name(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::origin;

    /// Sources with nothing in them yet.
    pub(super) fn sources(held: Held) -> Sources {
        Sources {
            mirrors: Mirrors::default(),
            held,
            cache: PathBuf::new(),
            policy: UrlPolicy::default(),
            secret_hosts: SecretHosts::default(),
            argo_cd: ArgoCdNamespaces::default(),
            own_namespace: "driftmend".to_owned(),
        }
    }

    #[test]
    fn a_source_is_named_in_words_that_a_watch_could_have_used() {
        let spec = serde_json::json!({"source": {"git": {"url": "https://git.example/shop.git"}}});
        let watch: DriftWatch = serde_json::from_value(
            serde_json::json!({"apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch", "metadata": {},
                               "spec": spec}),
        )
        .unwrap();
        let key = WatchKey {
            namespace: "shop".to_owned(),
            name: "all".to_owned(),
        };
        let resolved = origin::git(&watch).unwrap();
        let parsed = |change: &dyn Fn(&mut Origin)| {
            let mut resolved = resolved.clone();
            change(&mut resolved.origin);
            Request::parse(&sources(Held::default()), &key, &resolved)
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        let long = || "a".repeat(1_000_000);
        assert_eq!(parsed(&|_| ()), Ok(()));
        assert_eq!(
            parsed(&|origin| origin.url.push_str(&long())),
            Err("spec.source.git.url is longer than 8192 bytes".to_owned())
        );
        assert_eq!(
            parsed(&|origin| origin.revision = Some(long())),
            Err("spec.source.git.revision is longer than 1024 bytes".to_owned())
        );
        assert_eq!(
            parsed(&|origin| origin.path = long()),
            Err("spec.source.git.path is longer than 4096 bytes".to_owned())
        );
    }
}
