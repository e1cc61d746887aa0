//! From a DriftWatch to a rendition: ask the repository, fetch what is new, render, and keep what the watch may govern.

mod choice;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::PoisonError;

use jiff::Timestamp;

use super::governed::{Rendition, WatchKey};
pub use super::held::Held;
pub use super::mirrors::{Disk, Mirrors};
use super::mirrors::{Tenant, Used};
use super::origin::Resolved;
pub use super::source_error::SourceError;
use super::source_error::{LOOK_LIMIT, place};
use super::trust::{ArgoCdNamespaces, SecretHosts};
use crate::cluster::Cluster;
use crate::crd::{DriftWatch, SecretRef};
use crate::source::child::Place;
use crate::source::git::{Credentials, GitError, Mirror, RepositoryUrl, Revision, Select, Tree, TreePath, UrlPolicy};
use crate::source::render::{self, Rendered};
use crate::source::syncing::{Dressing, Folders, Origin, argo_cd, flux};
pub(super) use choice::{labels, selector};

/// The longest words that say where a source is, in bytes: a watch's own are shorter, and a tool's object bounds none of them.
const LONGEST: [(&str, usize); 3] = [("url", 8_192), ("revision", 1_024), ("path", 4_096)];

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
    let key = WatchKey { namespace: namespace.clone(), name: watch.metadata.name.clone().unwrap_or_default() };
    let request = Request::parse(sources, &key, resolved)?;
    // (client) the Secret by name, only when there is one
    let credentials = credentials(sources, cluster, &namespace, resolved.secret.as_ref()).await?;
    if !credentials.are_for(&request.url) {
        return Err(GitError::CredentialsElsewhere { url: request.url.to_string() }.into());
    }
    // (git) on a thread of its own, which waits for children
    let Origin { synced, compared, .. } = &resolved.origin;
    let same =
        known.filter(|known| known.synced == synced && known.compared == compared.as_deref() && *known.dressing == resolved.dressing);
    let known = same.map(|known| known.revision.to_owned());
    let reading = tokio::task::spawn_blocking(move || request.read(&credentials, known.as_deref()));
    let read =
        tokio::time::timeout(LOOK_LIMIT, reading).await.map_err(|_| SourceError::TimedOut)?.map_err(|_| SourceError::Interrupted)??;
    let Some(read) = read else { return Ok(Look::Unchanged) };
    // (no client) only what this watch may govern, and no more than may be held
    let (read, _turn) = read;
    let rendition = choice::govern(sources, watch, &key, resolved, read)?;
    sources.held.admit(&key, &rendition)?;
    Ok(Look::Rendered(Box::new(rendition)))
}

/// A source as a watch or a tool names it, parsed: what follows cannot be wrong about it.
struct Request {
    mirrors: Mirrors,
    tenant: Tenant,
    /// How much memory the objects may take.
    most: usize,
    url: RepositoryUrl,
    revision: Revision,
    path: TreePath,
    folders: Folders,
    others: BTreeSet<String>,
    reads: Reads,
}

/// Which files of a folder a tool reads.
enum Reads {
    /// All.
    All,

    /// Those without Argo CD's mark to pass over them.
    ArgoCds,

    /// Those that Flux lists; the Kustomization, for errors that name it.
    Fluxs(String),
}

/// A commit as it was read.
struct Read {
    repo_url: String,
    revision: String,
    rendered: Rendered,
    changed_at: BTreeMap<String, Option<Timestamp>>,

    /// Whether it is itself one that was synced or compared.
    is_named: bool,

    /// The other commits that were synced or compared, rendered; why not, where that is not possible.
    others: Vec<(String, Result<Rendered, String>)>,
}

impl Request {
    fn parse(sources: &Sources, key: &WatchKey, resolved: &Resolved) -> Result<Self, SourceError> {
        let login = resolved.secret.as_ref().map_or_else(|| "public".to_owned(), |secret| format!("secret-{}", secret.name));
        let Origin { url, revision, path, folders, synced, compared } = &resolved.origin;
        let place = |field: &str| match &resolved.tool {
            Some(tool) => format!("the {field} of {tool}"),
            None => format!("spec.source.git.{field}"),
        };
        for ((field, most), text) in LONGEST.into_iter().zip([Some(url), revision.as_ref(), Some(path)]) {
            if text.is_some_and(|text| text.len() > most) {
                return Err(invalid("SourceUnreadable", format!("{} is longer than {most} bytes", place(field))));
            }
        }
        Ok(Self {
            mirrors: sources.mirrors.clone(),
            tenant: Tenant { cache: sources.cache.clone(), namespace: key.namespace.clone(), watch: key.name.clone(), login },
            most: sources.held.of_source(),
            url: RepositoryUrl::parse(url, &sources.policy).map_err(|source| SourceError::Url { place: place("url"), source })?,
            revision: Revision::parse(revision.as_deref())
                .map_err(|error| invalid("InvalidRevision", format!("{}: {error}", place("revision"))))?,
            path: TreePath::parse(path).map_err(|error| invalid("InvalidPath", format!("{}: {error}", place("path"))))?,
            folders: *folders,
            others: synced.iter().chain(compared).cloned().collect(),
            reads: match &resolved.dressing {
                Dressing::AsWritten => Reads::All,
                Dressing::ArgoCd(_) => Reads::ArgoCds,
                Dressing::Flux(_) => Reads::Fluxs(resolved.tool.as_ref().map(ToString::to_string).unwrap_or_default()),
            },
        })
    }

    fn read(self, credentials: &Credentials, known: Option<&str>) -> Result<Option<(Read, Place<'static>)>, SourceError> {
        let used = self.mirrors.used_by(&self.tenant, &self.url)?;
        let mirror = used.mirror.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = mirror.poll(&self.revision, credentials)?;
        if known == Some(newest.to_string().as_str()) {
            return Ok(None);
        }
        let commit = match mirror.commit(newest) {
            Err(GitError::NotFetched { .. } | GitError::Damaged { .. }) => used.fetch(&mirror, &self.revision, credentials)?,
            known => known?,
        };
        let revision = commit.oid.to_string();
        let others = self.others.iter().filter(|other| **other != revision);
        let others: Vec<_> = others.map(|other| (other, fetched(&used, &mirror, other, credentials))).collect();
        // Whatever waits for a server is done: what follows holds memory, one source after the other.
        let turn = Held::turn(&self.tenant.namespace).ok_or(SourceError::TimedOut)?;
        let mut left = self.most;
        let rendered = self.rendered(&mirror, commit.oid, &mut left)?;
        let files: BTreeSet<&str> = rendered.deployments().map(|document| &*document.origin.file).collect();
        let paths: Vec<TreePath> = files.iter().filter_map(|file| TreePath::parse(file).ok()).collect();
        let times = mirror.changed_at(commit.oid, &paths)?;
        let changed_at = paths.iter().map(|path| path.as_str().to_owned()).zip(times).collect();
        let others = others.into_iter().map(|(other, oid)| (other.clone(), oid.and_then(|oid| self.at(&mirror, oid, &mut left)))).collect();
        let is_named = self.others.contains(&revision);
        Ok(Some((Read { repo_url: self.url.to_string(), revision, rendered, changed_at, is_named, others }, turn)))
    }

    /// Another commit, rendered: one that cannot be had only leaves less known.
    fn at(&self, mirror: &Mirror, oid: git2::Oid, left: &mut usize) -> Result<Rendered, String> {
        let rendered = self.rendered(mirror, oid, left).map_err(|error| error.to_string())?;
        match rendered.problems.first() {
            Some(problem) => Err(place(problem)),
            None => Ok(rendered),
        }
    }

    fn rendered(&self, mirror: &Mirror, oid: git2::Oid, left: &mut usize) -> Result<Rendered, SourceError> {
        let Tree { mut files, ignore_files, .. } = mirror.tree(oid, &self.path, Select::Manifests)?;
        if let (Reads::Fluxs(key), Some(file)) = (&self.reads, ignore_files.first()) {
            return Err(SourceError::Unsupported { key: key.clone(), reason: flux::ignored_by(file) });
        }
        files.retain(|file| {
            self.folders.has(self.path.as_str(), &file.path)
                && match self.reads {
                    Reads::All => true,
                    Reads::ArgoCds => !argo_cd::is_marked(&file.bytes),
                    Reads::Fluxs(_) => flux::is_read(&file.path),
                }
        });
        Ok(render::directory_within(files, left)?)
    }
}

/// Sees to it that another commit is in the mirror.
fn fetched(used: &Used, mirror: &Mirror, commit: &str, credentials: &Credentials) -> Result<git2::Oid, String> {
    let told = |error: &dyn std::error::Error| error.to_string();
    let revision = Revision::parse(Some(commit)).map_err(|error| told(&error))?;
    let Revision::Commit(oid) = revision else { return Err(format!("{commit:?} is no commit")) };
    if !mirror.has(oid) {
        used.fetch(mirror, &revision, credentials).map_err(|error| told(&error))?;
    }
    Ok(oid)
}

async fn credentials(
    sources: &Sources,
    cluster: &Cluster,
    namespace: &str,
    secret: Option<&SecretRef>,
) -> Result<Credentials, SourceError> {
    let Some(secret) = secret else { return Ok(Credentials::None) };
    let name = || secret.name.clone();
    let data = cluster
        .get_secret(namespace, &secret.name)
        .await
        .map_err(|source| SourceError::Secret { name: name(), source: Box::new(source) })?
        .ok_or_else(|| SourceError::NoSecret { namespace: namespace.to_owned(), name: name() })?;
    let listed = sources.secret_hosts.of(namespace, &secret.name);
    Credentials::from_secret(&data, listed).map_err(|source| SourceError::Credentials { name: name(), source })
}

fn invalid(reason: &'static str, message: impl Into<String>) -> SourceError {
    SourceError::Invalid { reason, message: message.into() }
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
            serde_json::json!({"apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch", "metadata": {}, "spec": spec}),
        )
        .unwrap();
        let key = WatchKey { namespace: "shop".to_owned(), name: "all".to_owned() };
        let resolved = origin::git(&watch).unwrap();
        let parsed = |change: &dyn Fn(&mut Origin)| {
            let mut resolved = resolved.clone();
            change(&mut resolved.origin);
            Request::parse(&sources(Held::default()), &key, &resolved).map(|_| ()).map_err(|error| error.to_string())
        };
        let long = || "a".repeat(1_000_000);
        assert_eq!(parsed(&|_| ()), Ok(()));
        assert_eq!(parsed(&|origin| origin.url.push_str(&long())), Err("spec.source.git.url is longer than 8192 bytes".to_owned()));
        assert_eq!(parsed(&|origin| origin.revision = Some(long())), Err("spec.source.git.revision is longer than 1024 bytes".to_owned()));
        assert_eq!(parsed(&|origin| origin.path = long()), Err("spec.source.git.path is longer than 4096 bytes".to_owned()));
    }
}
