//! From a DriftWatch to a rendition: ask the repository, fetch what is new, render, and keep what the watch may govern.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};
use serde_json::Value;

use super::governed::{Desired, Rendition, Target, WatchKey};
pub use super::held::Held;
pub use super::mirrors::{Disk, Mirrors};
use super::origin::Resolved;
use super::reading::{Read, Request};
use super::source_error::LOOK_LIMIT;
pub use super::source_error::SourceError;
use super::trust::{ArgoCdNamespaces, SecretHosts};
use crate::cluster::Cluster;
use crate::crd::{DriftWatch, SecretRef};
use crate::engine::object::Document;
use crate::report::Notice;
use crate::source::git::{Credentials, GitError, UrlPolicy};
use crate::source::render::Rendered;
use crate::source::syncing::{Dressing, Origin, argo_cd};
use crate::source::yaml::Remark;

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
    let thread = Request::thread(&namespace)?;
    let reading = tokio::task::spawn_blocking(move || {
        let _thread = thread;
        request.read(&credentials, known.as_deref())
    });
    let read =
        tokio::time::timeout(LOOK_LIMIT, reading).await.map_err(|_| SourceError::TimedOut)?.map_err(|_| SourceError::Interrupted)??;
    let Some(read) = read else { return Ok(Look::Unchanged) };
    // (no client) only what this watch may govern, and no more than may be held
    let (read, _turn) = read;
    let rendition = govern(sources, watch, &namespace, resolved, read)?;
    sources.held.admit(&key, &rendition)?;
    Ok(Look::Rendered(Box::new(rendition)))
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

/// Keeps the Deployments that the watch may and wants to govern, and says in words what it leaves.
fn govern(sources: &Sources, watch: &DriftWatch, namespace: &str, resolved: &Resolved, read: Read) -> Result<Rendition, SourceError> {
    if !read.rendered.problems.is_empty() {
        return Err(SourceError::Unfaithful { revision: read.revision, problems: read.rendered.problems });
    }
    let selector = selector(watch.spec.selector.as_ref())?;
    let target_of = |document: &Document| {
        let applied = resolved.dressing.namespace(document);
        let namespace = applied.or_else(|| resolved.tool.is_none().then(|| namespace.to_owned()))?;
        Some(Target { namespace, name: document.id.name.clone() })
    };
    let (others, mut notes) = documents_elsewhere(&read, &target_of);
    notes.extend(resolved.notes.iter().cloned());
    let compared = resolved.origin.compared.clone();
    let mut desired: BTreeMap<Target, Arc<Desired>> = BTreeMap::new();
    let (mut governed, mut problems) = (Vec::new(), Vec::new());
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for document in read.rendered.deployments() {
        let mut leave = |why| *left.entry(why).or_default() += 1;
        let Some(target) = target_of(document) else {
            leave("without a namespace");
            continue;
        };
        if let Some(why) = resolved.dressing.passes_over(document) {
            leave(why);
        } else if namespace != sources.own_namespace && target.namespace != namespace {
            leave("of other namespaces");
        } else if !selector.matches(&labels(&document.value)) {
            leave("outside the selector");
        } else if let Some(first) = desired.get(&target) {
            problems.push(described_twice(&target, document, &first.document));
        } else {
            let changed_at = read.changed_at.get(&document.origin.file).copied().flatten();
            let synced_revision = synced_revision(resolved, &target).map(str::to_owned);
            let at = |commit: &String| others.get(commit)?.get(&target).cloned();
            let synced = synced_revision.as_ref().and_then(at);
            governed.push(document);
            let document = in_namespace(document, &target);
            let same_at = compared.clone().filter(|compared| at(compared).is_some_and(|there| *there == document.value));
            desired.insert(target.clone(), Arc::new(Desired { document, changed_at, synced_revision, synced, same_at }));
        }
    }
    if !problems.is_empty() {
        return Err(SourceError::Unfaithful { revision: read.revision, problems });
    }
    let mut not_governed: Vec<String> = read.rendered.skipped.iter().map(|(kind, count)| counted(*count, kind)).collect();
    not_governed.extend(left.into_iter().map(|(why, count)| format!("{} {why}", counted(count, "Deployment"))));
    let idle: Vec<Remark> = governed.into_iter().flat_map(|document| read.rendered.without_effect(document, None)).collect();
    let told = notes.into_iter().map(|message| Notice { path: None, file: None, line: None, message });
    let warnings = told.chain(read.rendered.warnings.iter().chain(&idle).map(notice)).collect();
    let synced = resolved.origin.synced.clone();
    Ok(Rendition { repo_url: read.repo_url, revision: read.revision, synced, compared, desired, not_governed, warnings })
}

/// The Deployments as one commit has them.
type Documents = BTreeMap<Target, Arc<Value>>;

/// The Deployments as the commits have them that were synced or compared, and why one is not known.
fn documents_elsewhere(read: &Read, target_of: &impl Fn(&Document) -> Option<Target>) -> (BTreeMap<String, Documents>, Vec<String>) {
    let (mut documents, mut notes) = (BTreeMap::new(), Vec::new());
    let named = |rendered: &Rendered| -> Documents {
        let named = rendered.deployments().filter_map(|document| Some((target_of(document)?, document)));
        named.map(|(target, document)| (target.clone(), Arc::new(in_namespace(document, &target).value))).collect()
    };
    if read.is_named {
        documents.insert(read.revision.clone(), named(&read.rendered));
    }
    for (commit, rendered) in &read.others {
        match rendered {
            Ok(rendered) => {
                documents.insert(commit.clone(), named(rendered));
            }
            Err(why) => notes.push(format!(
                "the commit {} that the tool names cannot be read ({why}): what only waits for a sync may be told as drift",
                commit.get(..7).unwrap_or(commit)
            )),
        }
    }
    (documents, notes)
}

/// The commit from which a Deployment was applied last.
fn synced_revision<'a>(resolved: &'a Resolved, target: &Target) -> Option<&'a str> {
    match &resolved.application {
        Some(application) => argo_cd::synced_revision_of(application, &target.namespace, &target.name),
        None => resolved.origin.synced.first().map(String::as_str),
    }
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

pub(super) fn labels(object: &Value) -> BTreeMap<String, String> {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    labels.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

pub(super) fn selector(selector: Option<&LabelSelector>) -> Result<Selector, SourceError> {
    selector
        .cloned()
        .map_or(Ok(Selector::default()), Selector::try_from)
        .map_err(|error| SourceError::invalid("InvalidSelector", format!("spec.selector: {error}")))
}
