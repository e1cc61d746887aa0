//! What a person names as Git's side: a file, a folder, standard input, or a folder in a repository.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::PathBuf;

use jiff::Timestamp;

use super::Fault;
use super::scratch::Scratch;
use crate::source::SourceFile;
use crate::source::git::{self, Credentials, Mirror, RepositoryUrl, Revision, Scope, Select, TreePath, UrlPolicy};
use crate::source::local::{self, LocalError};
use crate::source::render::{self, Rendered};

/// What was read.
pub(super) struct Input {
    pub(super) rendered: Rendered,

    /// How the headlines call it, such as `git/` or `main@4be2c1d`.
    pub(super) label: String,

    /// When Git last changed each file, where the source tells.
    pub(super) changed_at: BTreeMap<String, Timestamp>,
}

/// Reads a file, a folder, `-`, or `git+URL//path?ref=REVISION`.
pub(super) fn read(name: &str) -> Result<Input, Fault> {
    match name.strip_prefix("git+") {
        Some(url) => repository(&Place::parse(url)?),
        None => Ok(Input {
            rendered: manifests(name)?,
            label: name.to_owned(),
            changed_at: BTreeMap::new(),
        }),
    }
}

/// Reads and renders files of this machine.
pub(super) fn manifests(name: &str) -> Result<Rendered, Fault> {
    rendered(files(name)?)
}

/// Reads files of this machine.
pub(super) fn files(name: &str) -> Result<Vec<SourceFile>, Fault> {
    local::read(name).map_err(|error| match &error {
        // Not the name itself: a URL may hold a password.
        LocalError::Read { source, .. } if source.kind() == ErrorKind::NotFound && is_url(name) => {
            Fault::new("failed to read a URL as a file of this machine").hint(URL_HINT.to_owned())
        }
        _ => Fault::of(&error).hint(error.hint()),
    })
}

/// What a name most likely wants to be that no file has.
const URL_HINT: &str = "a folder of a repository has git+ before the URL and its path behind `//`: \
                        git+https://HOST/REPOSITORY//FOLDER?ref=REVISION";

/// Whether a name is a URL, or names a repository as ssh does (`git@host:path`).
fn is_url(name: &str) -> bool {
    let scheme = name.split_once("://").map(|(scheme, _)| scheme);
    let by_ssh = || {
        name.split_once(':')
            .is_some_and(|(host, _)| host.contains('@') && !host.contains('/'))
    };
    scheme.is_some_and(|scheme| !scheme.is_empty() && !scheme.contains('/')) || by_ssh()
}

/// Refuses an input without a single document, which is what a command that failed leaves in a pipe. `side` is what the
/// usage calls it.
pub(super) fn not_empty(rendered: &Rendered, side: &str, name: &str, empty: Empty) -> Result<(), Fault> {
    if !rendered.is_empty() || empty == Empty::Allowed {
        return Ok(());
    }
    // Manifests of Git are in files; what is live, and what comes by a pipe, a command has written.
    let written = name == "-" || matches!(side, "LIVE" | "--live");
    let name = if name == "-" { "standard input" } else { name };
    if !written {
        return Err(Fault::new(format!("{side} is empty, {name} holds no document"))
            .hint("check the path; --allow-empty takes an empty input for no objects at all".to_owned()));
    }
    let hint = "--allow-empty takes an empty input for no objects at all; `kubectl get -o yaml` that finds nothing \
                prints an empty List";
    Err(Fault::new(format!("{side} is empty, {name} holds no document: did kubectl fail?")).hint(hint.to_owned()))
}

/// What an input without a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Empty {
    /// No objects, as the user said.
    Allowed,

    /// A failure of what should have filled it.
    Refused,
}

impl Empty {
    /// What the flag `--allow-empty` says.
    pub(super) fn of_flag(allow_empty: bool) -> Self {
        if allow_empty { Self::Allowed } else { Self::Refused }
    }
}

fn rendered(files: Vec<SourceFile>) -> Result<Rendered, Fault> {
    render::manifests(files).map_err(|error| Fault::of(&error).hint(error.hint()))
}

/// A folder or file in a repository at a revision.
#[derive(Debug, PartialEq)]
struct Place {
    url: RepositoryUrl,
    path: TreePath,
    revision: Revision,
}

impl Place {
    /// Reads `https://host/repository.git//folder?ref=main`, the form that Kustomize and Terraform have, too.
    fn parse(text: &str) -> Result<Self, Fault> {
        const HINT: &str = "write it as git+https://HOST/REPOSITORY//FOLDER?ref=REVISION";
        // Not the text itself: it may hold a password.
        let fault = |error: &dyn std::fmt::Display| {
            Fault::new(format!("failed to read the git+ place: {error}")).hint(HINT.to_owned())
        };
        let (location, query) = text.split_once('?').unwrap_or((text, ""));
        let revision = match query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .collect::<Vec<_>>()
            .as_slice()
        {
            [] => None,
            [one] => Some(
                one.strip_prefix("ref=")
                    .ok_or_else(|| fault(&format!("{one:?} is not known; only ref is")))?,
            ),
            _ => return Err(fault(&"more than one parameter; only ref is known")),
        };
        let after_scheme = location.find("://").map_or(0, |at| at + "://".len());
        let (url, path) = match location[after_scheme..].find("//") {
            Some(at) => (&location[..after_scheme + at], &location[after_scheme + at + 2..]),
            None => (location, ""),
        };
        Ok(Self {
            // A person's own machine may ask whatever server that person may.
            url: RepositoryUrl::parse(url, &UrlPolicy::of_a_person(true)).map_err(|error| fault(&error))?,
            path: TreePath::parse(path).map_err(|error| fault(&error))?,
            revision: Revision::parse(revision).map_err(|error| fault(&error))?,
        })
    }
}

/// How much memory reading a repository may take, in bytes: a person waits for it, on a machine of their own.
pub(super) const MEMORY: u64 = 1 << 30;

fn repository(place: &Place) -> Result<Input, Fault> {
    // A person who asks from an own machine may know what the network says.
    let of = |error: git::GitError| {
        let fault = Fault::of(&error).hint(error.hint());
        Fault {
            causes: fault.causes.into_iter().chain(error.detail()).collect(),
            ..fault
        }
    };
    git::initialise(git::Setting::of_memory(MEMORY));
    let credentials = credentials(&place.url)?;
    let scratch = Scratch::new()?;
    let mirror = Mirror::open(scratch.path(), &place.url).map_err(of)?;
    let commit = mirror.fetch(&place.revision, &credentials).map_err(of)?;
    let tree = mirror.tree(commit.oid, &place.path, Select::Manifests).map_err(of)?;
    let rendered = rendered(tree.files)?;
    let files: BTreeSet<&str> = rendered
        .governed()
        .map(|(_, document)| &*document.origin.file)
        .collect();
    let paths: Vec<TreePath> = files.iter().filter_map(|file| TreePath::parse(file).ok()).collect();
    let times = mirror.changed_at(commit.oid, &paths).map_err(of)?;
    let changed_at = paths
        .iter()
        .zip(times)
        .filter_map(|(path, time)| Some((path.as_str().to_owned(), time?)))
        .collect();
    Ok(Input {
        rendered,
        label: format!("{}@{}", place.revision, commit.short),
        changed_at,
    })
}

/// How to log in, from the environment: no command line keeps a password to itself.
fn credentials(url: &RepositoryUrl) -> Result<Credentials, Fault> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut data = BTreeMap::new();
    if url.is_ssh() {
        let home = variable("HOME").map(PathBuf::from).unwrap_or_default();
        let hint = "set DRIFTMEND_GIT_IDENTITY and DRIFTMEND_GIT_KNOWN_HOSTS to the files of the key and of the host \
                    keys";
        let read = |path: PathBuf| {
            std::fs::read(&path).map_err(|error| {
                let fault = Fault::new(format!("failed to read {}", path.display()));
                fault.because(error).hint(hint.to_owned())
            })
        };
        let file = |name: &str, default: &str| variable(name).map_or_else(|| home.join(default), PathBuf::from);
        data.insert(
            "identity".to_owned(),
            read(file("DRIFTMEND_GIT_IDENTITY", ".ssh/id_ed25519"))?,
        );
        data.insert(
            "known_hosts".to_owned(),
            read(file("DRIFTMEND_GIT_KNOWN_HOSTS", ".ssh/known_hosts"))?,
        );
        if let Some(passphrase) = variable("DRIFTMEND_GIT_PASSWORD") {
            data.insert("password".to_owned(), passphrase.into_bytes());
        }
    } else if let Some(password) = variable("DRIFTMEND_GIT_PASSWORD") {
        data.insert(
            "username".to_owned(),
            variable("DRIFTMEND_GIT_USERNAME")
                .unwrap_or_else(|| "git".to_owned())
                .into_bytes(),
        );
        data.insert("password".to_owned(), password.into_bytes());
    } else {
        return Ok(Credentials::None);
    }
    // Who gives the URL gives the credentials for its server.
    Credentials::from_secret(&data, Some(&Scope::of_server(url))).map_err(|error| {
        Fault::new("the environment holds no usable credentials")
            .because(error)
            .hint("see `driftmend diff --help`".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_repository_is_taken_apart() {
        for (text, url, path, revision) in [
            (
                "https://git.example/team/shop.git//deploy/web?ref=v1",
                "https://git.example/team/shop.git",
                "deploy/web",
                Revision::Name("v1".to_owned()),
            ),
            (
                "https://git.example/shop",
                "https://git.example/shop",
                "",
                Revision::Head,
            ),
            (
                "ssh://git@git.example:2222/shop.git//a",
                "ssh://git@git.example:2222/shop.git",
                "a",
                Revision::Head,
            ),
            (
                "git@git.example:shop.git//a?ref=HEAD",
                "git@git.example:shop.git",
                "a",
                Revision::Head,
            ),
        ] {
            let wanted = Place {
                url: RepositoryUrl::parse(url, &UrlPolicy::of_a_person(true)).unwrap(),
                path: TreePath::parse(path).unwrap(),
                revision,
            };
            assert_eq!(Place::parse(text).ok(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn a_url_is_told_from_the_name_of_a_file() {
        for name in [
            "https://git.example/shop.git//deploy",
            "ssh://git@git.example/shop",
            "git@git.example:shop.git",
            "HTTP://x/y",
        ] {
            assert!(is_url(name), "{name}");
        }
        for name in [
            "deploy/web.yaml",
            "-",
            "./a://b",
            "C:/deploy",
            "a/me@host:b",
            "://x",
            "web:1.yaml",
        ] {
            assert!(!is_url(name), "{name}");
        }
    }

    #[test]
    fn a_place_that_is_none_says_why_and_how_to_write_it() {
        for (text, part) in [
            ("file:///srv/shop.git", "unsupported scheme"),
            ("https://git.example/shop?depth=1", "only ref is"),
            ("https://git.example/shop//../etc", "leads out of the repository"),
            ("https://me:secret@git.example/shop", "holds credentials"),
        ] {
            let fault = Place::parse(text).unwrap_err();
            assert!(
                fault.message.contains(part) && fault.hint.is_some(),
                "{}",
                fault.message
            );
        }
    }
}
