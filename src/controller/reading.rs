//! One look at a repository, on a thread of its own: what a source is asked for, and what was read of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::desired::Sources;
use super::held::Held;
use super::index::WatchKey;
use super::mirrors::{Mirrors, Tenant, Used};
use super::origin::Resolved;
use super::source_error::{SourceError, place};
use crate::engine::dressing::Dressing;
use crate::engine::tool_object::origin::{Folders, Origin};
use crate::engine::{argo_cd, flux};
use crate::source::child::{Place, Places};
use crate::source::git::{Credentials, GitError, Mirror, Reading, RepositoryUrl, Revision, Select, Tree, TreePath};
use crate::source::render::{self, Rendered};

/// The longest words that say where a source is, in bytes: a watch's own are shorter, and a tool's object bounds none
/// of them.
const LONGEST: [(&str, usize); 3] = [("url", 8_192), ("revision", 1_024), ("path", 4_096)];

/// How long one source may read the other commits that are compared, while others wait for their turn: without one less
/// is known.
const TURN: Duration = Duration::from_secs(30);

/// How many looks have a thread at once, those among them for which nobody waits any more.
const THREADS: u64 = 256;

/// How many of them are one namespace's: whoever's servers hang waits for its own.
const THREADS_OF_ONE: u64 = 4;

/// A source as a watch or a tool names it, parsed: what follows cannot be wrong about it.
pub struct Request {
    mirrors: Mirrors,
    tenant: Tenant,
    /// How much memory the objects may take.
    most: usize,
    /// Where it is.
    pub url: RepositoryUrl,
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
pub struct Read {
    /// The repository's URL, as it is shown.
    pub repo_url: String,

    /// The commit's full id.
    pub revision: String,

    /// What is in it.
    pub rendered: Rendered,

    /// When each file was changed last, by its path.
    pub changed_at: BTreeMap<String, Option<Timestamp>>,

    /// Whether it is itself one that was synced or compared.
    pub is_named: bool,

    /// The other commits that were synced or compared, rendered; why not, where that is not possible.
    pub others: Vec<(String, Result<Rendered, String>)>,
}

impl Request {
    /// Reads what a watch or a tool's object says.
    ///
    /// # Errors
    ///
    /// The first field that cannot be read.
    pub fn parse(sources: &Sources, key: &WatchKey, resolved: &Resolved) -> Result<Self, SourceError> {
        let login = resolved
            .secret
            .as_ref()
            .map_or_else(|| "public".to_owned(), |secret| format!("secret-{}", secret.name));
        let Origin {
            url,
            revision,
            path,
            folders,
            synced,
            compared,
        } = &resolved.origin;
        let place = |field: &str| match &resolved.tool {
            Some(tool) => format!("the {field} of {tool}"),
            None => format!("spec.source.git.{field}"),
        };
        for ((field, most), text) in LONGEST.into_iter().zip([Some(url), revision.as_ref(), Some(path)]) {
            if text.is_some_and(|text| text.len() > most) {
                return Err(SourceError::invalid(
                    "SourceUnreadable",
                    format!("{} is longer than {most} bytes", place(field)),
                ));
            }
        }
        Ok(Self {
            mirrors: sources.mirrors.clone(),
            tenant: Tenant {
                cache: sources.cache.clone(),
                namespace: key.namespace.clone(),
                watch: key.name.clone(),
                login,
            },
            most: sources.held.of_source(),
            url: RepositoryUrl::parse(url, &sources.policy).map_err(|source| SourceError::Url {
                place: place("url"),
                source,
            })?,
            revision: Revision::parse(revision.as_deref())
                .map_err(|error| SourceError::invalid("InvalidRevision", format!("{}: {error}", place("revision"))))?,
            path: TreePath::parse(path)
                .map_err(|error| SourceError::invalid("InvalidPath", format!("{}: {error}", place("path"))))?,
            folders: *folders,
            others: synced.iter().chain(compared).cloned().collect(),
            reads: match &resolved.dressing {
                Dressing::AsWritten => Reads::All,
                Dressing::ArgoCd(_) => Reads::ArgoCds,
                Dressing::Flux(_) => Reads::Fluxs(resolved.tool.as_ref().map(ToString::to_string).unwrap_or_default()),
            },
        })
    }

    /// A thread for one look of a namespace, until this is dropped. A look that takes too long is given up and its
    /// thread is not, so that more of them would gather with each look at a server that hangs.
    ///
    /// # Errors
    ///
    /// [`SourceError::Hanging`].
    pub fn thread(namespace: &str) -> Result<Place<'static>, SourceError> {
        static LOOKS: OnceLock<Places> = OnceLock::new();
        let looks = LOOKS.get_or_init(|| Places::new(THREADS, THREADS_OF_ONE));
        looks.take(namespace, 1, Duration::ZERO).ok_or(SourceError::Hanging)
    }

    /// Reads the newest commit and those that are compared with it; `None` where it is the known one.
    ///
    /// # Errors
    ///
    /// [`SourceError`].
    pub fn read(
        self,
        credentials: &Credentials,
        known: Option<&str>,
    ) -> Result<Option<(Read, Place<'static>)>, SourceError> {
        let used = self.mirrors.used_by(&self.tenant, &self.url)?;
        let mirror = used.mirror.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = mirror.poll(&self.revision, credentials)?;
        if known == Some(newest.to_string().as_str()) {
            return Ok(None);
        }
        let commit = match mirror.commit(newest) {
            Err(GitError::NotFetched { .. } | GitError::Damaged { .. }) => {
                used.fetch(&mirror, &self.revision, credentials)?
            }
            known => known?,
        };
        let revision = commit.oid.to_string();
        let others = self.others.iter().filter(|other| **other != revision);
        let others: Vec<_> = others
            .map(|other| (other, fetched(&used, &mirror, other, credentials)))
            .collect();
        // Whatever waits for a server is done, this tenant's other servers among it: what follows holds memory, one
        // source after the other.
        let reading = mirror.reading()?;
        let turn = Held::turn(&self.tenant.namespace, &reading)?;
        let (mut left, begun) = (self.most, Instant::now());
        let rendered = self.rendered(&reading, commit.oid, &mut left)?;
        let files: BTreeSet<&str> = rendered
            .governed()
            .map(|(_, document)| &*document.origin.file)
            .collect();
        let paths: Vec<TreePath> = files.iter().filter_map(|file| TreePath::parse(file).ok()).collect();
        let times = reading.changed_at(commit.oid, &paths)?;
        let changed_at = paths.iter().map(|path| path.as_str().to_owned()).zip(times).collect();
        let mut at = |oid| {
            if begun.elapsed() < TURN {
                self.at(&reading, oid, &mut left)
            } else {
                Err("reading it took too long while others wait".to_owned())
            }
        };
        let others = others
            .into_iter()
            .map(|(other, oid)| (other.clone(), oid.and_then(&mut at)))
            .collect();
        let is_named = self.others.contains(&revision);
        Ok(Some((
            Read {
                repo_url: self.url.to_string(),
                revision,
                rendered,
                changed_at,
                is_named,
                others,
            },
            turn,
        )))
    }

    /// Another commit, rendered: one that cannot be had only leaves less known.
    fn at(&self, reading: &Reading<'_>, oid: git2::Oid, left: &mut usize) -> Result<Rendered, String> {
        let rendered = self.rendered(reading, oid, left).map_err(|error| error.to_string())?;
        match rendered.problems.first() {
            Some(problem) => Err(place(problem)),
            None => Ok(rendered),
        }
    }

    fn rendered(&self, reading: &Reading<'_>, oid: git2::Oid, left: &mut usize) -> Result<Rendered, SourceError> {
        let Tree {
            mut files,
            ignore_files,
            ..
        } = reading.tree(oid, &self.path, Select::Manifests)?;
        if let (Reads::Fluxs(key), Some(file)) = (&self.reads, ignore_files.first()) {
            return Err(SourceError::Unsupported {
                key: key.clone(),
                reason: flux::origin::ignored_by(file),
            });
        }
        files.retain(|file| {
            self.folders.has(self.path.as_str(), &file.path)
                && match self.reads {
                    Reads::All => true,
                    Reads::ArgoCds => !argo_cd::origin::is_marked(&file.bytes),
                    Reads::Fluxs(_) => flux::origin::is_read(&file.path),
                }
        });
        Ok(render::directory_within(files, left)?)
    }
}

/// Sees to it that another commit is in the mirror.
fn fetched(used: &Used, mirror: &Mirror, commit: &str, credentials: &Credentials) -> Result<git2::Oid, String> {
    let told = |error: &dyn std::error::Error| error.to_string();
    let revision = Revision::parse(Some(commit)).map_err(|error| told(&error))?;
    let Revision::Commit(oid) = revision else {
        return Err(format!("{commit:?} is no commit"));
    };
    if !mirror.has(oid) {
        used.fetch(mirror, &revision, credentials)
            .map_err(|error| told(&error))?;
    }
    Ok(oid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_that_were_given_up_hold_up_their_own_namespace_alone() {
        let threads: Vec<_> = (0..THREADS_OF_ONE).map(|_| Request::thread("hangs").unwrap()).collect();
        assert!(matches!(Request::thread("hangs"), Err(SourceError::Hanging)));
        assert!(Request::thread("other").is_ok());
        drop(threads);
        assert!(Request::thread("hangs").is_ok());
    }
}
