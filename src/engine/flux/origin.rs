//! A Kustomization as a source: where its manifests are, and which files of them are read.
//!
//! Source: `scanManifests` of `fluxcd/pkg/kustomize` and `fluxcd/pkg/sourceignore`.

use super::git_repository::GitRepository;
use super::kustomization::Kustomization;
use crate::engine::tool_object::origin::{Folders, Origin, Unsupported, plain_path};

/// The only kind of source that is a Git repository.
pub const GIT_REPOSITORY: &str = "GitRepository";

/// The branch that is checked out where nothing is named.
const DEFAULT_BRANCH: &str = "master";

/// Files and folders that source-controller leaves out of every artifact (`ExcludeVCS`, `ExcludeCI` and
/// `ExcludeExtra`).
const LEFT_OUT: &[&str] = &[
    ".git",
    ".github",
    ".circleci",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
    ".goreleaser.yml",
    ".sops.yaml",
    ".flux.yaml",
];

/// Whether the folder of a Kustomization can be read as it is.
///
/// # Errors
/// [`Unsupported`] with the field of the Kustomization.
pub fn check(kustomization: &Kustomization) -> Result<(), Unsupported> {
    let source = &kustomization.source;
    if source.kind != GIT_REPOSITORY {
        return Err(Unsupported::new(
            "spec.sourceRef.kind",
            format!("{} is not read; only {GIT_REPOSITORY} is", source.kind),
        ));
    }
    // What spec.ignore names is ignored here, too; it takes nothing out of what is rendered.
    let fields = kustomization
        .transforms()
        .iter()
        .chain(kustomization.diverts())
        .filter(|field| **field != "spec.ignore");
    match fields.copied().next() {
        Some("spec.kubeConfig") => Err(Unsupported::new(
            "spec.kubeConfig",
            "it applies to another cluster than this one",
        )),
        Some(field) => Err(Unsupported::new(
            field,
            "only plain folders are rendered yet, without changes by the Kustomization",
        )),
        None => Ok(()),
    }
}

/// Where a Kustomization that passed [`check`] reads its manifests.
///
/// # Errors
/// [`Unsupported`] with the field of the GitRepository.
pub fn origin(kustomization: &Kustomization, repository: &GitRepository) -> Result<Origin, Unsupported> {
    if let Some(field) = repository.alters().first() {
        return Err(Unsupported::new(field, "only whole repositories are read, as they are"));
    }
    let reference = &repository.reference;
    let full = |kind: &str, name: &String| format!("refs/{kind}/{name}");
    // The order is source-controller's: the first that is set wins.
    let revision = match reference {
        _ if reference.commit.is_some() => reference.commit.clone(),
        _ if reference.name.is_some() => {
            return Err(Unsupported::new("spec.ref.name", "name a branch, a tag or a commit"));
        }
        _ if reference.semver.is_some() => {
            return Err(Unsupported::new("spec.ref.semver", "name a branch, a tag or a commit"));
        }
        _ => Some(match (&reference.tag, &reference.branch) {
            (Some(tag), _) => full("tags", tag),
            (None, Some(branch)) => full("heads", branch),
            (None, None) => full("heads", &DEFAULT_BRANCH.to_owned()),
        }),
    };
    Ok(Origin {
        url: repository.url.clone().unwrap_or_default(),
        revision,
        path: kustomization.path.as_deref().map(plain_path).unwrap_or_default(),
        folders: Folders::All,
        synced: kustomization.synced_commit().map(str::to_owned).into_iter().collect(),
        compared: kustomization.attempted_commit().map(str::to_owned),
    })
}

/// Whether a file is one of those that Flux lists in the `kustomization.yaml` that it makes, or has made one already.
pub fn is_read(path: &str) -> bool {
    let is_yaml = [".yaml", ".yml"].iter().any(|ending| path.ends_with(ending));
    let is_kustomization = path.rsplit('/').next() == Some("Kustomization");
    (is_yaml || is_kustomization) && !path.split('/').any(|name| LEFT_OUT.contains(&name))
}

/// What is told of a file that says which others Flux does not read.
pub fn ignored_by(file: &str) -> Unsupported {
    Unsupported::new(
        file,
        "it says which files Flux leaves out, and such lists are not read yet",
    )
}
