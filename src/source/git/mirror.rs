//! The mirror of one repository, as the rest of this program knows it: each question about it is answered by a child.
//!
//! Whatever comes from a server, and whatever a server has put on the disk, is read there and nowhere else: an object
//! of a pack may say that it is gigabytes long.

mod reading;
mod setting;

pub use reading::Reading;
pub use setting::{Setting, initialise};

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use git2::Oid;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::folder::{self, in_folder, lock, remove, remove_remains};
use super::gate::Gate;
use super::request::{Call, Found, Login, Request, read_answer};
use super::room::{self, Room};
use super::session::Step;
use super::{Credentials, GitError, Limits, RepositoryUrl, Revision, Select, Tree, TreePath};
use crate::source::SourceFile;
use crate::source::child::{Bounds, Ending, Job, MIB, Place, Places, ask};
use setting::setting;

/// How many names an error lists.
pub(super) const LISTED: usize = 10;

/// How long a question waits for others: longer than the longest of them takes.
const PATIENCE: Duration = Duration::from_secs(240);

/// How long a question that needs no server may take by the clock.
const READING: Duration = Duration::from_secs(60);

/// The largest file that a child writes where it fetches nothing: the settings of an empty mirror.
const SETTINGS: u64 = MIB;

/// The longest answer without files.
const ANSWER: u64 = 8 * MIB;

/// A commit and what people want to know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The full id.
    #[serde(with = "super::oid_text")]
    pub oid: Oid,

    /// The first seven digits, as Git shows them.
    pub short: String,

    /// When it was committed, by the committer's clock.
    pub time: Timestamp,

    /// The author's name; `None` when the commit has none that is readable.
    pub author: Option<String>,

    /// The first line of the message, cut to 200 characters.
    pub subject: String,
}

/// A bare copy of one repository, without a work tree.
///
/// # Assumptions
///
/// One `Mirror` is kept as long as its repository is watched. Each tenant has a cache folder of its own: whoever may
/// read a mirror reads every commit in it, whichever credentials had brought it there.
#[derive(Debug)]
pub struct Mirror {
    url: RepositoryUrl,
    cache: PathBuf,
    key: String,
    tenant: String,
    limits: Limits,
    _lock: File,
}

impl Mirror {
    /// Opens the mirror of a repository below a cache folder; one that is not there is empty. Nothing is asked of the
    /// server.
    ///
    /// # Errors
    ///
    /// The folder cannot be written to, or another `Mirror` uses it.
    pub fn open(cache: &Path, url: &RepositoryUrl) -> Result<Mirror, GitError> {
        Mirror::open_with(cache, url, Limits::default())
    }

    /// Opens a mirror with limits of its own.
    ///
    /// # Errors
    ///
    /// As [`Mirror::open`].
    pub fn open_with(cache: &Path, url: &RepositoryUrl, limits: Limits) -> Result<Mirror, GitError> {
        let key = Mirror::key(url);
        fs::create_dir_all(cache).map_err(in_folder(cache))?;
        let lock = lock(&cache.join(format!("{key}.lock")))?;
        remove_remains(cache, &key)?;
        Ok(Mirror {
            url: url.clone(),
            cache: cache.to_owned(),
            key,
            tenant: String::new(),
            limits,
            _lock: lock,
        })
    }

    /// A name of its own for each URL that says nothing of the URL: sixteen digits are enough for the repositories of
    /// one cluster.
    pub fn key(url: &RepositoryUrl) -> String {
        Sha256::digest(url.connection())
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Says for whom it is read: work for one tenant takes turns with that for others.
    #[must_use]
    pub fn of(self, tenant: &str) -> Mirror {
        Mirror {
            tenant: tenant.to_owned(),
            ..self
        }
    }

    /// Asks the server, by one ref listing, which commit a revision is now. A commit's id that the mirror has is not
    /// asked for.
    ///
    /// # Errors
    ///
    /// Everything that a server, a network or a Secret can have wrong: see [`GitError`].
    pub fn poll(&self, revision: &Revision, credentials: &Credentials) -> Result<Oid, GitError> {
        match (self.ask(Call::Poll(revision.clone()), credentials, None), revision) {
            // What is there needs no server, and so none that can be reached.
            (Err(GitError::Unreachable { .. } | GitError::RefusedAddress { .. }), Revision::Commit(oid))
                if self.has(*oid) =>
            {
                Ok(*oid)
            }
            (asked, _) => asked.map(|(Found(oid), _)| oid),
        }
    }

    /// Brings the commit that a revision is now into the mirror: by one ref listing, and a transfer only when it is not
    /// there.
    ///
    /// A mirror that turns out to be damaged, was left behind by a killed process or has too many packs is cloned
    /// afresh, once; the old one stays readable until the new one is complete, where there is room for both.
    ///
    /// # Errors
    ///
    /// As [`Mirror::poll`], and a transfer that is too large.
    pub fn fetch(&self, revision: &Revision, credentials: &Credentials) -> Result<Commit, GitError> {
        self.fetch_into(&Room::unlimited, revision, credentials)
    }

    /// As [`Mirror::fetch`], with so much room for the whole mirror on the disk; it is asked for when the fetch begins,
    /// since those that were waited for have taken theirs.
    ///
    /// # Errors
    ///
    /// As [`Mirror::fetch`], and [`GitError::NoRoom`].
    pub fn fetch_into(
        &self,
        room: &dyn Fn() -> Room,
        revision: &Revision,
        credentials: &Credentials,
    ) -> Result<Commit, GitError> {
        let commit = self.ask(Call::Fetch(revision.clone()), credentials, Some(room))?.0;
        let room = room();
        if self.size() > room.bytes {
            // What a pack needs beside it is known only when it is there.
            remove(&self.directory())?;
            return Err(room.exceeded(&self.url, &self.limits));
        }
        Ok(commit)
    }

    /// Removes the mirror from the disk, for a repository that nobody watches any more.
    ///
    /// # Errors
    ///
    /// The folder cannot be removed; the next [`Mirror::open`] of it works all the same.
    pub fn discard(&self) -> Result<(), GitError> {
        folder::discard(&self.cache, &self.key)
    }

    /// How many bytes it takes on the disk.
    pub fn size(&self) -> u64 {
        room::size_of(&self.directory())
    }

    /// Whether a commit is in the mirror, in a state that can be believed; if not, it is time for [`Mirror::fetch`].
    pub fn has(&self, oid: Oid) -> bool {
        self.commit(oid).is_ok()
    }

    /// Tells about a commit that was fetched before.
    ///
    /// # Errors
    ///
    /// [`GitError::NotFetched`] when it is not in the mirror, or in one that cannot be believed.
    pub fn commit(&self, oid: Oid) -> Result<Commit, GitError> {
        Ok(self.ask(Call::Describe(oid), &Credentials::None, None)?.0)
    }

    /// Reads the files of a commit below a path; nothing is asked of the server.
    ///
    /// # Errors
    ///
    /// [`GitError::NotFetched`], [`GitError::MissingPath`] with what is there instead, [`GitError::NotFollowed`] for a
    /// path that is a symlink or a submodule, [`GitError::Unfit`] with the name of the file that is too large or too
    /// much, [`GitError::Damaged`] for a mirror that the next fetch clones afresh.
    pub fn tree(&self, oid: Oid, path: &TreePath, select: Select) -> Result<Tree, GitError> {
        self.reading()?.tree(oid, path, select)
    }

    /// Tells for each path when the last commit that touched it was made, along first parents: a merge counts as the
    /// moment when its changes came into the branch. `None` where that commit lies behind the end of what was fetched.
    ///
    /// # Errors
    ///
    /// [`GitError::NotFetched`] and [`GitError::Damaged`].
    pub fn changed_at(&self, oid: Oid, paths: &[TreePath]) -> Result<Vec<Option<Timestamp>>, GitError> {
        self.reading()?.changed_at(oid, paths)
    }

    /// Waits for a place to read from, which is kept for all questions of the reading: whoever has one waits for nobody
    /// else's server.
    ///
    /// # Errors
    ///
    /// [`GitError::Busy`].
    pub fn reading(&self) -> Result<Reading<'_>, GitError> {
        Ok(Reading {
            mirror: self,
            _place: self.place(Step::Read, setting().of_one)?,
        })
    }

    fn directory(&self) -> PathBuf {
        self.cache.join(&self.key)
    }

    /// Has a child answer one question.
    fn ask<T: DeserializeOwned + Send>(
        &self,
        call: Call,
        credentials: &Credentials,
        room: Option<&dyn Fn() -> Room>,
    ) -> Result<(T, Vec<SourceFile>), GitError> {
        let step = call.step();
        // Before the place is taken, which others wait for: a name may take its time.
        let gate = if step == Step::Read {
            None
        } else {
            Some(Gate::open(&self.url, &self.limits)?)
        };
        let _place = self.place(step, self.bounds(&call, setting().of_one, None).memory)?;
        let room = room.map(|room| room());
        if let Some(room) = room.as_ref().filter(|room| room.bytes < SETTINGS) {
            return Err(room.exceeded(&self.url, &self.limits));
        }
        let bounds = self.bounds(&call, setting().of_one, room.as_ref());
        self.answer(call, credentials, room.as_ref(), (&bounds, gate.as_ref()))
    }

    /// Has a child answer one question, for which there is a place.
    fn answer<T: DeserializeOwned + Send>(
        &self,
        call: Call,
        credentials: &Credentials,
        room: Option<&Room>,
        (bounds, gate): (&Bounds, Option<&Gate>),
    ) -> Result<(T, Vec<SourceFile>), GitError> {
        let step = call.step();
        let route = gate.map(|gate| gate.route().clone()).unwrap_or_default();
        let request = Request {
            url: self.url.clone(),
            login: Login::from(credentials),
            limits: self.limits,
            route,
            certificates: setting().certificates.clone(),
            directory: self.directory(),
            memory: bounds.memory,
            room: bounds.file,
            call,
        };
        let request = serde_json::to_vec(&request).map_err(|error| self.lost(step, error.to_string()))?;
        match (ask(Job::Git, bounds, &request, read_answer), room) {
            (Ok((Ok(result), files)), _) => Ok((result, files)),
            (Ok((Err(GitError::TransferTooLarge { .. }), _)), Some(room)) => {
                Err(room.exceeded(&self.url, &self.limits))
            }
            (Ok((Err(GitError::Unreachable { url, reason }), _)), _) => Err(GitError::Unreachable {
                url,
                reason: gate.and_then(Gate::failure).unwrap_or(reason),
            }),
            (Ok((Err(error), _)), _) => Err(error),
            (Err(ending), room) => {
                // What a killed child leaves is not kept until somebody asks for it again.
                let _ = folder::sweep(&self.cache, &self.key);
                Err(self.of_ending(step, ending, room))
            }
        }
    }

    fn bounds(&self, call: &Call, memory: u64, room: Option<&Room>) -> Bounds {
        let seconds = Duration::from_secs;
        let (memory, processor, clock) = match call {
            Call::Poll(_) => (memory / 2, seconds(10), self.limits.listing),
            Call::Fetch(_) => (memory, seconds(60), self.limits.transfer),
            Call::Describe(_) | Call::Tree { .. } | Call::ChangedAt { .. } => (memory, seconds(20), READING),
        };
        let file = room.map_or(SETTINGS, |room| room.bytes.min(self.limits.bytes).max(SETTINGS));
        let answer = if matches!(call, Call::Tree { .. }) {
            ANSWER + 2 * self.limits.files
        } else {
            ANSWER
        };
        Bounds {
            memory,
            processor,
            file,
            clock,
            answer,
        }
    }

    fn place(&self, step: Step, memory: u64) -> Result<Place<'static>, GitError> {
        static PLACES: OnceLock<Places> = OnceLock::new();
        let Setting {
            memory: whole, of_one, ..
        } = setting();
        let places = PLACES.get_or_init(|| Places::new(*whole, (whole / 2).max(*of_one)));
        places
            .take(&self.tenant, memory, PATIENCE)
            .ok_or_else(|| GitError::Busy {
                url: self.url.to_string(),
                step: step.words().into(),
                waited: PATIENCE,
            })
    }

    fn of_ending(&self, step: Step, ending: Ending, room: Option<&Room>) -> GitError {
        let (url, words) = (self.url.to_string(), step.words().into());
        match (ending, room) {
            // Nothing says that it is a Git server where it listed nothing.
            (Ending::Clock(limit), _) if step == Step::List => GitError::Unreachable {
                url,
                reason: format!("no list of references within {} s", limit.as_secs_f32()),
            },
            (Ending::Clock(limit), _) => GitError::Timeout {
                url,
                step: words,
                limit,
            },
            (Ending::Processor(limit), _) => GitError::Processor {
                url,
                step: words,
                limit,
            },
            (Ending::Memory(limit), _) => GitError::Memory {
                url,
                step: words,
                limit,
            },
            (Ending::Disk, _) => GitError::DiskFull {
                url,
                step: words,
                reason: "a page of a file found no place".to_owned(),
            },
            (Ending::File(_), Some(room)) => room.exceeded(&self.url, &self.limits),
            (ending, _) => self.lost(step, ending.to_string()),
        }
    }

    fn lost(&self, step: Step, reason: String) -> GitError {
        GitError::Lost {
            url: self.url.to_string(),
            step: step.words().into(),
            reason,
        }
    }
}
