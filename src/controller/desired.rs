//! From a DriftWatch to a rendition: ask the repository, fetch what is new, render, and keep what the watch may govern.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};
use serde_json::Value;

use super::governed::{Desired, Rendition, Target};
use crate::cluster::{ApiError, Cluster};
use crate::crd::{DriftWatch, GitSource};
use crate::engine::object::Document;
use crate::report::Notice;
use crate::source::git::{self, Credentials, CredentialsError, GitError, Mirror, RepositoryUrl, Revision, Select, TreePath, UrlPolicy};
use crate::source::render::{self, NotPlain, Rendered};
use crate::source::yaml::Remark;

/// The longest that one look at a repository may take, fetch included: libgit2's own limits end it earlier, and this one
/// ends a reconcile whose thread does not come back.
const LOOK_LIMIT: Duration = Duration::from_secs(300);

/// The mirrors of a process: one for each tenant and repository, kept open.
///
/// A mirror does not know which credentials brought an object in, so watches share one only where they share the namespace and
/// the Secret; those that do take turns.
#[derive(Clone, Debug, Default)]
pub struct Mirrors(Arc<Mutex<HashMap<PathBuf, Arc<Mutex<Mirror>>>>>);

impl Mirrors {
    fn of(&self, cache: &Path, url: &RepositoryUrl) -> Result<Arc<Mutex<Mirror>>, GitError> {
        let mut mirrors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = cache.join(crate::engine::plan::digest(&Value::from(url.to_string())));
        if let Some(mirror) = mirrors.get(&key) {
            return Ok(mirror.clone());
        }
        let mirror = Arc::new(Mutex::new(Mirror::open(cache, url)?));
        mirrors.insert(key, mirror.clone());
        Ok(mirror)
    }
}

/// How sources are read: the same for every watch of a process.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The mirrors that are open.
    pub mirrors: Mirrors,

    /// Where the mirrors are kept.
    pub cache: PathBuf,

    /// Which schemes a watch may name.
    pub policy: UrlPolicy,

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

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The watch itself is at fault.
    #[error("{message}")]
    Invalid {
        /// One word.
        reason: &'static str,

        /// What is wrong, with the field.
        message: String,
    },

    /// The Secret cannot be read.
    #[error("failed to read the Secret {name}")]
    Secret {
        /// Its name.
        name: String,

        /// Why.
        source: Box<ApiError>,
    },

    /// There is no such Secret.
    #[error("there is no Secret {name} in namespace {namespace}")]
    NoSecret {
        /// Its namespace.
        namespace: String,

        /// Its name.
        name: String,
    },

    /// The Secret does not hold credentials.
    #[error("the Secret {name} holds no usable credentials")]
    Credentials {
        /// Its name.
        name: String,

        /// Why.
        source: CredentialsError,
    },

    /// The repository cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),

    /// The folder is not plain YAML.
    #[error(transparent)]
    NotPlain(#[from] NotPlain),

    /// Documents cannot be read faithfully; nothing is assessed against such a revision.
    #[error("{} cannot be rendered faithfully: {}", .revision.get(..7).unwrap_or(.revision), first(.problems))]
    Unfaithful {
        /// The commit.
        revision: String,

        /// Every problem.
        problems: Vec<Remark>,
    },

    /// The folder of the mirrors cannot be made.
    #[error("failed to make the cache folder {}", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,

        /// Why.
        source: std::io::Error,
    },

    /// The look took too long.
    #[error("unable to read the repository within {} s", LOOK_LIMIT.as_secs())]
    TimedOut,

    /// The thread that looked ended before it was done.
    #[error("failed to read the repository: the reading thread ended early")]
    Interrupted,
}

impl SourceError {
    /// One word for the condition and the metric.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Invalid { reason, .. } => reason,
            Self::Secret { .. } | Self::NoSecret { .. } | Self::Credentials { .. } => "CredentialsUnusable",
            Self::Git(error) => error.category(),
            Self::Cache { .. } => "CacheUnusable",
            Self::NotPlain(_) => "NotPlainYaml",
            Self::Unfaithful { .. } => "RenderFailed",
            Self::TimedOut | Self::Interrupted => "TimedOut",
        }
    }

    /// What a person can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { .. } | Self::TimedOut | Self::Interrupted => None,
            Self::Secret { source, .. } => source.hint(),
            Self::NoSecret { .. } => Some("create it, or take secretRef away if the repository is public".to_owned()),
            Self::Credentials { source, .. } => Some(source.hint()),
            Self::Cache { .. } => Some("the controller's cache folder must be writable and have space".to_owned()),
            Self::Git(error) => error.hint(),
            Self::NotPlain(error) => Some(error.hint()),
            Self::Unfaithful { problems, .. } => problems.first().and_then(|problem| problem.hint.clone()),
        }
    }
}

fn first(problems: &[Remark]) -> String {
    match problems {
        [] => String::new(),
        [one] => place(one),
        [one, rest @ ..] => format!("{} (and {} more)", place(one), rest.len()),
    }
}

/// `web.yaml:7:3: message`; the way out is told apart.
fn place(problem: &Remark) -> String {
    Remark { hint: None, ..problem.clone() }.to_string()
}

/// Looks at a watch's source once: one ref listing, and a fetch and a render only when the commit is another one than
/// `known`.
///
/// # Errors
/// [`SourceError`], with what a person can do.
pub async fn look(sources: &Sources, cluster: &Cluster, watch: &DriftWatch, known: Option<&str>) -> Result<Look, SourceError> {
    let namespace = watch.metadata.namespace.clone().unwrap_or_default();
    let git = watch.spec.source.git.clone().ok_or_else(|| invalid("SourceMissing", "spec.source names no source; set spec.source.git"))?;
    let request = Request::parse(sources, &namespace, &git)?;
    // (client) the Secret by name, only when there is one
    let credentials = credentials(cluster, &namespace, &git).await?;
    // (git) on a thread of its own: libgit2 blocks
    let known = known.map(str::to_owned);
    let reading = tokio::task::spawn_blocking(move || request.read(&credentials, known.as_deref()));
    let read =
        tokio::time::timeout(LOOK_LIMIT, reading).await.map_err(|_| SourceError::TimedOut)?.map_err(|_| SourceError::Interrupted)??;
    let Some(read) = read else { return Ok(Look::Unchanged) };
    // (no client) only what this watch may govern
    Ok(Look::Rendered(Box::new(govern(sources, watch, &namespace, read)?)))
}

/// A source as a watch names it, parsed: what follows cannot be wrong about it.
struct Request {
    mirrors: Mirrors,
    cache: PathBuf,
    url: RepositoryUrl,
    revision: Revision,
    path: TreePath,
}

/// A commit as it was read.
struct Read {
    repo_url: String,
    revision: String,
    rendered: Rendered,
    changed_at: BTreeMap<String, Option<Timestamp>>,
}

impl Request {
    fn parse(sources: &Sources, namespace: &str, git: &GitSource) -> Result<Self, SourceError> {
        let secret = git.secret_ref.as_ref().map_or_else(|| "public".to_owned(), |secret| format!("secret-{}", secret.name));
        Ok(Self {
            mirrors: sources.mirrors.clone(),
            cache: sources.cache.join(namespace).join(secret),
            url: RepositoryUrl::parse(&git.url, sources.policy)
                .map_err(|error| invalid("InvalidURL", format!("spec.source.git.url: {error}")))?,
            revision: Revision::parse(git.revision.as_deref())
                .map_err(|error| invalid("InvalidRevision", format!("spec.source.git.revision: {error}")))?,
            path: TreePath::parse(git.path.as_deref().unwrap_or_default())
                .map_err(|error| invalid("InvalidPath", format!("spec.source.git.path: {error}")))?,
        })
    }

    fn read(self, credentials: &Credentials, known: Option<&str>) -> Result<Option<Read>, SourceError> {
        std::fs::create_dir_all(&self.cache).map_err(|source| SourceError::Cache { path: self.cache.clone(), source })?;
        let mirror = self.mirrors.of(&self.cache, &self.url)?;
        let mirror = mirror.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = mirror.poll(&self.revision, credentials)?;
        if known == Some(newest.to_string().as_str()) {
            return Ok(None);
        }
        let commit = if mirror.has(newest) { mirror.commit(newest)? } else { mirror.fetch(&self.revision, credentials)? };
        let tree = mirror.tree(commit.oid, &self.path, Select::Manifests)?;
        let rendered = render::directory(tree.files)?;
        let files: BTreeSet<&str> = rendered.deployments().map(|document| document.origin.file.as_str()).collect();
        let paths: Vec<TreePath> = files.iter().filter_map(|file| TreePath::parse(file).ok()).collect();
        let times = mirror.changed_at(commit.oid, &paths)?;
        let changed_at = paths.iter().map(|path| path.as_str().to_owned()).zip(times).collect();
        Ok(Some(Read { repo_url: self.url.to_string(), revision: commit.oid.to_string(), rendered, changed_at }))
    }
}

async fn credentials(cluster: &Cluster, namespace: &str, git: &GitSource) -> Result<Credentials, SourceError> {
    let Some(secret) = &git.secret_ref else { return Ok(Credentials::None) };
    let name = || secret.name.clone();
    let data = cluster
        .get_secret(namespace, &secret.name)
        .await
        .map_err(|source| SourceError::Secret { name: name(), source: Box::new(source) })?
        .ok_or_else(|| SourceError::NoSecret { namespace: namespace.to_owned(), name: name() })?;
    Credentials::from_secret(&data).map_err(|source| SourceError::Credentials { name: name(), source })
}

/// Keeps the Deployments that the watch may and wants to govern, and says in words what it leaves.
fn govern(sources: &Sources, watch: &DriftWatch, namespace: &str, read: Read) -> Result<Rendition, SourceError> {
    if !read.rendered.problems.is_empty() {
        return Err(SourceError::Unfaithful { revision: read.revision, problems: read.rendered.problems });
    }
    let selector = selector(watch.spec.selector.as_ref())?;
    let mut desired: BTreeMap<Target, Arc<Desired>> = BTreeMap::new();
    let (mut governed, mut problems, mut foreign, mut unselected) = (Vec::new(), Vec::new(), 0_usize, 0_usize);
    for document in read.rendered.deployments() {
        let target =
            Target { namespace: document.id.namespace.clone().unwrap_or_else(|| namespace.to_owned()), name: document.id.name.clone() };
        if namespace != sources.own_namespace && target.namespace != namespace {
            foreign += 1;
        } else if !selector.matches(&labels(&document.value)) {
            unselected += 1;
        } else if let Some(first) = desired.get(&target) {
            problems.push(described_twice(&target, document, &first.document));
        } else {
            let changed_at = read.changed_at.get(&document.origin.file).copied().flatten();
            governed.push(document);
            desired.insert(target.clone(), Arc::new(Desired { document: in_namespace(document, &target), changed_at }));
        }
    }
    if !problems.is_empty() {
        return Err(SourceError::Unfaithful { revision: read.revision, problems });
    }
    let mut not_governed: Vec<String> = read.rendered.skipped.iter().map(|(kind, count)| counted(*count, kind)).collect();
    if foreign > 0 {
        not_governed.push(format!("{} of other namespaces", counted(foreign, "Deployment")));
    }
    if unselected > 0 {
        not_governed.push(format!("{} outside the selector", counted(unselected, "Deployment")));
    }
    let idle: Vec<Remark> = governed.into_iter().flat_map(|document| read.rendered.without_effect(document, None)).collect();
    let warnings = read.rendered.warnings.iter().chain(&idle).map(notice).collect();
    Ok(Rendition { repo_url: read.repo_url, revision: read.revision, desired, not_governed, warnings })
}

/// Two documents that were two objects until the one without a namespace was given that of the watch.
fn described_twice(target: &Target, document: &Document, first: &Document) -> Remark {
    let message = format!("Deployment {target} is described twice, first at {}:{}", first.origin.file, first.origin.line);
    let hint = "delete one of the two: the one without a namespace belongs to that of the watch";
    Remark::line(&document.origin.file, document.origin.line, message, hint)
}

fn counted(count: usize, kind: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {kind}{plural}")
}

/// A remark about a file as it is shown.
pub fn notice(remark: &Remark) -> Notice {
    Notice { path: remark.path.clone(), file: Some(remark.file.clone()), line: remark.line, message: remark.message.clone() }
}

fn in_namespace(document: &Document, target: &Target) -> Document {
    let mut document = document.clone();
    document.id.namespace = Some(target.namespace.clone());
    if let Some(metadata) = document.value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("namespace".to_owned(), Value::from(target.namespace.as_str()));
    }
    document
}

fn labels(object: &Value) -> BTreeMap<String, String> {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    labels.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn selector(selector: Option<&LabelSelector>) -> Result<Selector, SourceError> {
    selector
        .cloned()
        .map_or(Ok(Selector::default()), Selector::try_from)
        .map_err(|error| invalid("InvalidSelector", format!("spec.selector: {error}")))
}

fn invalid(reason: &'static str, message: impl Into<String>) -> SourceError {
    SourceError::Invalid { reason, message: message.into() }
}

/// Sets the process-wide limits of libgit2; to be called once, before any look.
///
/// # Errors
/// What libgit2 refuses.
pub fn initialise() -> Result<(), git::SetupError> {
    let certificates = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    git::initialise(&git::Limits::default(), certificates.as_deref())
}
