//! The mirror on the disk, as a child works on it.
//!
//! A folder is believed only when it was made in full: it is built beside its place and renamed into it, a transfer
//! leaves a mark until its last byte is written, and a folder with that mark, or with a lock file that outlived its
//! process, is thrown away.

use std::fs::{self, File};
use std::path::PathBuf;

use git2::{AutotagOption, ErrorClass, ErrorCode, FetchOptions, Oid, Repository, RepositoryInitOptions};
use jiff::Timestamp;

use super::error::one_line;
use super::folder::{TRANSFER_MARK, in_folder, is_sound, packs, remove, remove_remains, replace, staging};
use super::mirror::Commit;
use super::revision::{Listing, Resolved};
use super::room::size_of;
use super::session::{Session, Step};
use super::{GitError, RepositoryUrl, Revision};

/// The largest commit: a message of that length is no message.
const LARGEST_COMMIT: usize = 1 << 20;

/// The mirror of one repository.
pub(super) struct Bare {
    pub url: RepositoryUrl,
    pub directory: PathBuf,
    /// The memory of this process, for an error that tells of it.
    pub memory: u64,
    /// What is being done.
    pub step: Step,
}

impl Bare {
    /// Which commit a revision is now.
    pub fn poll(&self, revision: &Revision, session: &Session) -> Result<Oid, GitError> {
        if let Revision::Commit(oid) = revision
            && self.has(*oid)
        {
            return Ok(*oid);
        }
        // Which commit it is can be asked whatever has become of the mirror; an unreadable one has nothing to lose.
        let repository = self
            .repository()
            .or_else(|_| self.empty().and_then(|()| self.repository()))?;
        session.connect(&repository, revision, |_, listing| {
            Ok(resolve(revision, &listing, &self.url)?.oid)
        })
    }

    /// Brings the commit that a revision is now into the mirror, which may take so many bytes of the disk.
    pub fn fetch(&self, revision: &Revision, room: u64, session: &Session) -> Result<Commit, GitError> {
        let present = size_of(&self.directory);
        if is_sound(&self.directory) && packs(&self.directory) < usize::from(session.limits.packs) {
            session.may_receive(room.saturating_sub(present));
            match self.fetch_into(revision, session) {
                Err(GitError::Damaged { .. }) => {}
                // The packs of earlier fetches may be what takes the room: a fresh clone has one.
                Err(GitError::TransferTooLarge { .. }) if packs(&self.directory) > 1 => {}
                outcome => return outcome,
            }
        }
        // Where there is no room for two, the old one goes first.
        let beside = if present > room / 2 {
            remove(&self.directory)?;
            0
        } else {
            present
        };
        session.may_receive(room.saturating_sub(beside));
        self.clone_afresh(revision, session)
    }

    /// Clones into a new folder beside the old one and puts it in its place.
    fn clone_afresh(&self, revision: &Revision, session: &Session) -> Result<Commit, GitError> {
        if let (Some(cache), Some(key)) = (self.directory.parent(), self.directory.file_name()) {
            remove_remains(cache, &key.to_string_lossy())?;
        }
        let fresh = Bare {
            url: self.url.clone(),
            directory: staging(&self.directory),
            ..*self
        };
        let cloned = fresh
            .create()
            .and_then(|()| fresh.fetch_into(revision, session))
            .map_err(|error| match error {
                // Nothing of an earlier mirror is in it: what is damaged came like this.
                GitError::Damaged { url, reason } => GitError::Server { url, reason },
                other => other,
            });
        let outcome = cloned.and_then(|commit| replace(&self.directory, &fresh.directory).map(|()| commit));
        if outcome.is_err() {
            remove(&fresh.directory)?;
        }
        outcome
    }

    /// Fetches in place. Every damage on this side of the network is [`GitError::Damaged`].
    fn fetch_into(&self, revision: &Revision, session: &Session) -> Result<Commit, GitError> {
        let (url, directory) = (&self.url, &self.directory);
        let repository = self.repository()?;
        session.connect(&repository, revision, |connection, listing| {
            let wanted = resolve(revision, &listing, url)?;
            if !has_commit(&repository, wanted.oid) {
                let mark = directory.join(TRANSFER_MARK);
                File::create(&mark).map_err(in_folder(directory))?;
                let transferred = self.transfer(connection.remote(), &wanted, listing.is_empty, session);
                // An error that libgit2 has told of has been cleaned up by it; what is left of a mark is a killed
                // process.
                fs::remove_file(&mark).map_err(in_folder(directory))?;
                transferred?;
            }
            match self.describe(&repository, wanted.oid) {
                Err(GitError::NotFetched { .. }) => Err(missing(revision, &listing, url)),
                outcome => outcome,
            }
        })
    }

    fn transfer(
        &self,
        remote: &mut git2::Remote<'_>,
        wanted: &Resolved,
        is_empty: bool,
        session: &Session,
    ) -> Result<(), GitError> {
        let mut fetch = |refspecs: &[String], depth: i32| {
            let mut options = FetchOptions::new();
            options
                .remote_callbacks(session.callbacks())
                .download_tags(AutotagOption::None)
                .update_fetchhead(false)
                .depth(depth);
            remote.fetch(refspecs, Some(&mut options), None)
        };
        let depth = i32::from(session.limits.depth);
        let outcome = match &wanted.reference {
            // The references of the mirror are what the next fetch tells the server that it has.
            Some(name) => fetch(
                &[format!("+{name}:refs/mirror/{}", name.trim_start_matches("refs/"))],
                depth,
            ),
            None => {
                let exact = fetch(&[format!("+{0}:refs/mirror/commits/{0}", wanted.oid)], depth);
                // Not every server hands out a commit that no reference points at; then its branches and tags are
                // fetched in full.
                match exact {
                    Err(error) if error.code() == ErrorCode::GenericError && session.may_go_on() && !is_empty => fetch(
                        &[
                            "+refs/heads/*:refs/mirror/heads/*".to_owned(),
                            "+refs/tags/*:refs/mirror/tags/*".to_owned(),
                        ],
                        0,
                    ),
                    outcome => outcome,
                }
            }
        };
        outcome.map_err(|error| {
            if is_damage(&error) {
                self.fault(error)
            } else {
                session.explain(error, Step::Transfer)
            }
        })
    }

    /// Whether a commit is there, in a state that can be believed.
    pub fn has(&self, oid: Oid) -> bool {
        is_sound(&self.directory) && self.repository().is_ok_and(|repository| has_commit(&repository, oid))
    }

    /// Tells about a commit of the mirror.
    pub fn commit(&self, oid: Oid) -> Result<Commit, GitError> {
        if !self.directory.join("HEAD").is_file() {
            return Err(self.not_fetched(oid));
        }
        self.describe(&self.repository()?, oid)
    }

    /// The same of a mirror in a state that can be believed.
    pub fn believed(&self, oid: Oid) -> Result<Commit, GitError> {
        if is_sound(&self.directory) {
            self.commit(oid)
        } else {
            Err(self.not_fetched(oid))
        }
    }

    pub fn repository(&self) -> Result<Repository, GitError> {
        // Not `open`: that one refuses a folder of another user, which a volume with an fsGroup is.
        Repository::open_bare(&self.directory).map_err(|error| self.fault(error))
    }

    /// Marks the mirror as not to be believed, so that the next fetch clones it afresh.
    pub fn distrust(&self, error: git2::Error) -> GitError {
        let fault = self.fault(error);
        if matches!(fault, GitError::Damaged { .. }) {
            // A mark that cannot be written leaves the mirror as it is, and the next read fails in the same way.
            let _ = File::create(self.directory.join(TRANSFER_MARK));
        }
        fault
    }

    fn describe(&self, repository: &Repository, oid: Oid) -> Result<Commit, GitError> {
        let fault = |error: git2::Error| match error.code() {
            ErrorCode::NotFound => self.not_fetched(oid),
            _ => self.fault(error),
        };
        // After its size: one of gigabytes is not unpacked to be refused.
        let (size, _) = repository
            .odb()
            .and_then(|database| database.read_header(oid))
            .map_err(fault)?;
        if size > LARGEST_COMMIT {
            let (url, path) = (self.url.to_string(), "the commit itself".to_owned());
            return Err(GitError::Unfit {
                url,
                revision: short(oid),
                path,
                problem: format!("it has {size} bytes, more than {LARGEST_COMMIT}"),
            });
        }
        let commit = repository.find_commit(oid).map_err(fault)?;
        let author = one_line(&String::from_utf8_lossy(commit.author().name_bytes()));
        let message = String::from_utf8_lossy(commit.message_bytes());
        Ok(Commit {
            oid,
            short: short(oid),
            time: time(&commit),
            author: (!author.is_empty()).then_some(author),
            subject: one_line(message.trim_start().lines().next().unwrap_or_default()),
        })
    }

    fn not_fetched(&self, oid: Oid) -> GitError {
        GitError::NotFetched {
            url: self.url.to_string(),
            revision: short(oid),
        }
    }

    /// What an error on this side of the network means.
    fn fault(&self, error: git2::Error) -> GitError {
        let (url, reason) = (self.url.to_string(), one_line(error.message()));
        let says = |words: &str| reason.contains(words);
        if error.class() == ErrorClass::NoMemory || says("Cannot allocate memory") || says("Out of memory") {
            GitError::Memory {
                url,
                step: self.step.words().into(),
                limit: self.memory,
            }
        } else if says("No space left on device") || says("Disk quota exceeded") {
            GitError::DiskFull {
                url,
                step: self.step.words().into(),
                reason,
            }
        } else {
            GitError::Damaged { url, reason }
        }
    }

    /// Puts an empty mirror in its place, whatever is there.
    fn empty(&self) -> Result<(), GitError> {
        let fresh = Bare {
            url: self.url.clone(),
            directory: staging(&self.directory),
            ..*self
        };
        remove(&fresh.directory)?;
        fresh.create()?;
        replace(&self.directory, &fresh.directory)
    }

    /// Makes an empty mirror.
    fn create(&self) -> Result<(), GitError> {
        let options = &mut RepositoryInitOptions::new();
        let made = Repository::init_opts(&self.directory, options.bare(true).external_template(false));
        made.map(drop).map_err(|error| self.fault(error))
    }
}

fn resolve(revision: &Revision, listing: &Listing, url: &RepositoryUrl) -> Result<Resolved, GitError> {
    listing.wanted.clone().ok_or_else(|| missing(revision, listing, url))
}

fn missing(revision: &Revision, listing: &Listing, url: &RepositoryUrl) -> GitError {
    let Listing { branches, omitted, .. } = listing.clone();
    GitError::MissingRevision {
        url: url.to_string(),
        revision: revision.to_string(),
        existing: branches,
        omitted,
    }
}

/// Whether a commit and its root folder are there.
fn has_commit(repository: &Repository, oid: Oid) -> bool {
    let fits = |database: &git2::Odb<'_>| database.read_header(oid).is_ok_and(|(size, _)| size <= LARGEST_COMMIT);
    let Some(database) = repository.odb().ok().filter(fits) else {
        return false;
    };
    repository
        .find_commit(oid)
        .is_ok_and(|commit| database.exists(commit.tree_id()))
}

fn short(oid: Oid) -> String {
    oid.to_string().chars().take(7).collect()
}

/// When a commit was made. A time that no calendar has, which a hostile commit may claim, is the beginning of time.
pub(super) fn time(commit: &git2::Commit<'_>) -> Timestamp {
    Timestamp::from_second(commit.time().seconds()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Whether an error is about the mirror and not about the server. A bad pack counts too: a fresh clone tells which of
/// the two it was.
fn is_damage(error: &git2::Error) -> bool {
    use git2::ErrorClass::{Config, Filesystem, Indexer, NoMemory, Object, Odb, Reference, Repository, Sha1, Zlib};
    let of_the_system = error.class() == ErrorClass::Os
        && ["No space left", "quota", "allocate memory"]
            .iter()
            .any(|words| error.message().contains(words));
    of_the_system
        || error.code() == ErrorCode::Locked
        || matches!(
            error.class(),
            Config | Filesystem | Indexer | NoMemory | Object | Odb | Reference | Repository | Sha1 | Zlib
        )
}
