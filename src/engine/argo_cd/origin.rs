//! An Application as a source: where its manifests are.
//!
//! Source: `GenerateManifests` of `reposerver/repository/repository.go`.

use super::application::Application;
use super::source::{Source, SourceKind, Sources};
use crate::engine::tool_object::origin::{Folders, Origin, Unsupported, plain_path};
use crate::engine::tool_object::resource::ResourceRef;

/// A file with this text is passed over.
const SKIP_FILE: &str = "+argocd:skip-file-rendering";

/// The address and the name by which Argo CD knows the cluster that it runs in.
const THIS_CLUSTER: (&str, &str) = ("https://kubernetes.default.svc", "in-cluster");

/// Where an Application reads its manifests.
///
/// # Errors
/// [`Unsupported`] for everything but one plain folder that is applied to this cluster.
pub fn origin(application: &Application) -> Result<Origin, Unsupported> {
    let (at, source) = match &application.sources {
        Sources::Single(source) => ("spec.source", source.as_ref()),
        Sources::Multiple(sources) if let [one] = sources.as_slice() => ("spec.sources[0]", one),
        Sources::Multiple(_) => return Err(Unsupported::new("spec.sources", "several sources are not rendered yet")),
        Sources::Hydrated(_) => {
            return Err(Unsupported::new(
                "spec.sourceHydrator",
                "a hydrated source is not read yet",
            ));
        }
        Sources::Absent => return Err(Unsupported::new("spec.source", "the Application names no source")),
    };
    check_source(source).map_err(|why| Unsupported {
        field: format!("{at}.{}", why.field),
        ..why
    })?;
    let destination = &application.destination;
    let elsewhere = destination
        .server
        .as_deref()
        .filter(|server| server.trim_end_matches('/') != THIS_CLUSTER.0);
    let named = destination.name.as_deref().filter(|name| *name != THIS_CLUSTER.1);
    if let Some(other) = elsewhere.or(named) {
        return Err(Unsupported::new(
            "spec.destination",
            format!("{other} is another cluster than this one"),
        ));
    }
    let compared = application
        .sync
        .as_ref()
        .and_then(|sync| sync.revision.as_ref()?.one())
        .filter(|commit| !commit.is_empty() && is_commit_long(commit));
    let last = application
        .state
        .as_ref()
        .and_then(|state| state.result.as_ref()?.revision.as_ref());
    let mut synced: Vec<String> = [application.synced_revision(), last]
        .into_iter()
        .flatten()
        .filter_map(|revision| revision.one())
        .filter(|commit| is_commit_long(commit))
        .map(str::to_owned)
        .collect();
    synced.dedup();
    Ok(Origin {
        url: source.repo_url.clone().unwrap_or_default(),
        revision: source.target_revision.clone().filter(|revision| revision != "HEAD"),
        path: source.path.as_deref().map(plain_path).unwrap_or_default(),
        folders: if source.directory.recurse {
            Folders::All
        } else {
            Folders::TopOnly
        },
        synced,
        compared: compared.map(str::to_owned),
    })
}

/// Whether a file carries the text that makes Argo CD pass over it.
pub fn is_marked(file: &[u8]) -> bool {
    file.windows(SKIP_FILE.len()).any(|text| text == SKIP_FILE.as_bytes())
}

/// Whether a source is a plain folder; a field is named from the source on.
fn check_source(source: &Source) -> Result<(), Unsupported> {
    let unsupported = |field: &str, what: &str| Err(Unsupported::new(field, what));
    match source.kind {
        SourceKind::Directory | SourceKind::Undetected => {}
        SourceKind::Helm => return unsupported("helm", "Helm charts are not rendered yet"),
        SourceKind::Kustomize => return unsupported("kustomize", "kustomizations are not rendered yet"),
        SourceKind::Plugin => return unsupported("plugin", "plugins cannot be rendered here"),
    }
    if source.chart.is_some() {
        return unsupported("chart", "Helm charts are not rendered yet");
    }
    let directory = &source.directory;
    match (directory.jsonnet, &directory.include, &directory.exclude) {
        (true, ..) => unsupported("directory.jsonnet", "Jsonnet is not rendered yet"),
        (_, Some(_), _) => unsupported("directory.include", "globs of files are not read yet"),
        (_, _, Some(_)) => unsupported("directory.exclude", "globs of files are not read yet"),
        _ => Ok(()),
    }
}

/// The commit from which a Deployment was applied last, as far as the Application remembers.
pub fn synced_revision_of<'a>(application: &'a Application, resource: &ResourceRef) -> Option<&'a str> {
    application
        .synced_revision_of(resource)?
        .one()
        .filter(|commit| is_commit_long(commit))
}

/// Whether a text is no longer than the id of a commit: the status of an Application may say anything, and each
/// Deployment repeats it.
fn is_commit_long(text: &str) -> bool {
    text.len() <= 64
}
