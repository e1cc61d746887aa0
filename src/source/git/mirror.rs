//! The mirror of one repository on disk.
//!
//! A folder is believed only when it was made in full: it is built beside its place and renamed into it, a transfer leaves a mark
//! until its last byte is written, and a folder with that mark, or with a lock file that outlived its process, is thrown away.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use git2::{AutotagOption, ErrorCode, FetchOptions, Oid, RemoteRedirect, Repository, RepositoryInitOptions};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::error::one_line;
use super::folder::{TRANSFER_MARK, in_folder, is_sound, lock, packs, remove, remove_remains, replace, staging};
use super::revision::{Advertised, Resolved, branches};
use super::session::{Session, Step};
use super::worker::{Overrun, Worker};
use super::{Credentials, GitError, Limits, RepositoryUrl, Revision};

/// How many names an error lists.
pub(super) const LISTED: usize = 10;

/// A commit and what people want to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The full id.
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
/// One `Mirror` is kept as long as its repository is watched. Each tenant has a cache folder of its own: whoever may read a mirror reads
/// every commit in it, whichever credentials had brought it there.
#[derive(Debug)]
pub struct Mirror {
    pub(super) url: RepositoryUrl,
    directory: PathBuf,
    limits: Limits,
    worker: Worker,
}

impl Mirror {
    /// Opens the mirror of a repository below a cache folder, or makes an empty one. Nothing is asked of the server.
    ///
    /// # Errors
    ///
    /// The folder cannot be written to, or another `Mirror` uses it.
    pub fn open(cache: &Path, url: &RepositoryUrl) -> Result<Mirror, GitError> {
        Mirror::open_with(cache, url, Limits::default())
    }

    /// Opens a mirror with limits of its own; `connect` and `silence` stay those of [`super::initialise`].
    ///
    /// # Errors
    ///
    /// As [`Mirror::open`].
    pub fn open_with(cache: &Path, url: &RepositoryUrl, limits: Limits) -> Result<Mirror, GitError> {
        // A name of its own for each URL that says nothing of the URL: sixteen digits are enough for the repositories of one cluster.
        let key: String = Sha256::digest(url.connection()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let directory = cache.join(&key);
        fs::create_dir_all(cache).map_err(in_folder(cache))?;
        let lock = lock(&cache.join(format!("{key}.lock")))?;
        remove_remains(cache, &key)?;
        if !is_sound(&directory) {
            empty(&directory, url)?;
        }
        Ok(Mirror { url: url.clone(), directory, limits, worker: Worker::new(lock) })
    }

    /// Asks the server, by one ref listing, which commit a revision is now. A commit's id that the mirror has is not asked for.
    ///
    /// # Errors
    ///
    /// Everything that a server, a network or a Secret can have wrong: see [`GitError`].
    pub fn poll(&self, revision: &Revision, credentials: &Credentials) -> Result<Oid, GitError> {
        if let Revision::Commit(oid) = revision
            && self.has(*oid)
        {
            return Ok(*oid);
        }
        let (revision, directory) = (revision.clone(), self.directory.clone());
        self.run(Step::List, credentials, move |session| {
            // Which commit it is can be asked whatever has become of the mirror; an unreadable one has nothing to lose.
            let opened = open(&directory, &session.url);
            let repository = opened.or_else(|_| empty(&directory, &session.url).and_then(|()| open(&directory, &session.url)))?;
            session.connect(&repository, |_, listing| Ok(resolve(&revision, listing, &session.url)?.oid))
        })
    }

    /// Brings the commit that a revision is now into the mirror: by one ref listing, and a transfer only when it is not there.
    ///
    /// A mirror that turns out to be damaged, was left behind by a killed process or has too many packs is cloned afresh, once; the
    /// old one stays readable until the new one is complete.
    ///
    /// # Errors
    ///
    /// As [`Mirror::poll`], and a transfer that is too large.
    pub fn fetch(&self, revision: &Revision, credentials: &Credentials) -> Result<Commit, GitError> {
        let (revision, directory) = (revision.clone(), self.directory.clone());
        self.run(Step::Transfer, credentials, move |session| {
            if is_sound(&directory) && packs(&directory) < usize::from(session.limits.packs) {
                match fetch_into(&directory, &revision, session) {
                    Err(GitError::Damaged { .. }) => {}
                    outcome => return outcome,
                }
            }
            clone_afresh(&directory, &revision, session)
        })
    }

    /// Removes the mirror from the disk, for a repository that nobody watches any more.
    ///
    /// # Errors
    ///
    /// The folder cannot be removed; the next [`Mirror::open`] of it works all the same.
    pub fn discard(self) -> Result<(), GitError> {
        remove(&self.directory)
    }

    /// Whether a commit is in the mirror, in a state that can be believed; if not, it is time for [`Mirror::fetch`].
    pub fn has(&self, oid: Oid) -> bool {
        is_sound(&self.directory) && self.repository().is_ok_and(|repository| has_commit(&repository, oid))
    }

    /// Tells about a commit that was fetched before.
    ///
    /// # Errors
    ///
    /// [`GitError::NotFetched`] when it is not in the mirror.
    pub fn commit(&self, oid: Oid) -> Result<Commit, GitError> {
        describe(&self.repository()?, oid, &self.url)
    }

    pub(super) fn repository(&self) -> Result<Repository, GitError> {
        open(&self.directory, &self.url)
    }

    /// Marks the mirror as not to be believed, so that the next fetch clones it afresh.
    pub(super) fn distrust(&self, error: git2::Error) -> GitError {
        // A mark that cannot be written leaves the mirror as it is, and the next read fails in the same way.
        let _ = File::create(self.directory.join(TRANSFER_MARK));
        damaged(&self.url)(error)
    }

    /// Runs a call that talks to the server, within its limit.
    fn run<T: Send + 'static>(
        &self,
        step: Step,
        credentials: &Credentials,
        call: impl FnOnce(&Session) -> Result<T, GitError> + Send + 'static,
    ) -> Result<T, GitError> {
        let (url, credentials, limits) = (self.url.clone(), credentials.clone(), self.limits);
        let limit = step.limit(&limits);
        let outcome = self.worker.run(limit, move |abandoned| call(&Session::new(&url, &credentials, limits, abandoned)));
        match outcome {
            Ok(result) => result,
            Err(Overrun::TimeOver) => Err(GitError::Timeout { url: self.url.to_string(), step: step.words(), limit }),
            Err(Overrun::Busy) => Err(GitError::Busy { url: self.url.to_string() }),
            Err(Overrun::Lost) => {
                Err(GitError::Damaged { url: self.url.to_string(), reason: "the thread that asked the server was lost".to_owned() })
            }
        }
    }
}

/// Clones into a new folder beside the old one and puts it in its place.
fn clone_afresh(directory: &Path, revision: &Revision, session: &Session) -> Result<Commit, GitError> {
    let fresh = staging(directory);
    let cloned = create(&fresh, &session.url).and_then(|()| fetch_into(&fresh, revision, session));
    let outcome = cloned.and_then(|commit| {
        if session.abandoned.is_set() {
            return Err(session.timeout(Step::Transfer));
        }
        replace(directory, &fresh)?;
        Ok(commit)
    });
    if outcome.is_err() {
        remove(&fresh)?;
    }
    outcome
}

/// Fetches in place. Every damage on this side of the network is [`GitError::Damaged`].
fn fetch_into(directory: &Path, revision: &Revision, session: &Session) -> Result<Commit, GitError> {
    let url = &session.url;
    let repository = open(directory, url)?;
    session.connect(&repository, |connection, listing| {
        let wanted = resolve(revision, listing, url)?;
        if !has_commit(&repository, wanted.oid) {
            let mark = directory.join(TRANSFER_MARK);
            File::create(&mark).map_err(in_folder(directory))?;
            let transferred = transfer(connection.remote(), &wanted, listing, session);
            // An error that libgit2 has told of has been cleaned up by it; what is left of a mark is a killed process.
            fs::remove_file(&mark).map_err(in_folder(directory))?;
            transferred?;
        }
        match describe(&repository, wanted.oid, url) {
            Err(GitError::NotFetched { .. }) => Err(missing(revision, listing, url)),
            outcome => outcome,
        }
    })
}

fn transfer(remote: &mut git2::Remote<'_>, wanted: &Resolved, listing: &[Advertised], session: &Session) -> Result<(), GitError> {
    let mut fetch = |refspecs: &[String], depth: i32| {
        let mut options = FetchOptions::new();
        options
            .remote_callbacks(session.callbacks())
            .download_tags(AutotagOption::None)
            .update_fetchhead(false)
            .follow_redirects(RemoteRedirect::None)
            .depth(depth);
        remote.fetch(refspecs, Some(&mut options), None)
    };
    let depth = i32::from(session.limits.depth);
    let outcome = match &wanted.reference {
        // The references of the mirror are what the next fetch tells the server that it has.
        Some(name) => fetch(&[format!("+{name}:refs/mirror/{}", name.trim_start_matches("refs/"))], depth),
        None => {
            let exact = fetch(&[format!("+{0}:refs/mirror/commits/{0}", wanted.oid)], depth);
            // Not every server hands out a commit that no reference points at; then its branches and tags are fetched in full.
            match exact {
                Err(error) if error.code() == ErrorCode::GenericError && !listing.is_empty() => {
                    fetch(&["+refs/heads/*:refs/mirror/heads/*".to_owned(), "+refs/tags/*:refs/mirror/tags/*".to_owned()], 0)
                }
                outcome => outcome,
            }
        }
    };
    outcome.map_err(|error| if is_damage(&error) { damaged(&session.url)(error) } else { session.explain(error, Step::Transfer) })
}

fn resolve(revision: &Revision, listing: &[Advertised], url: &RepositoryUrl) -> Result<Resolved, GitError> {
    revision.resolve(listing).ok_or_else(|| missing(revision, listing, url))
}

fn missing(revision: &Revision, listing: &[Advertised], url: &RepositoryUrl) -> GitError {
    let mut existing = branches(listing);
    let omitted = existing.len().saturating_sub(LISTED);
    existing.truncate(LISTED);
    let existing = existing.iter().map(|name| one_line(name)).collect();
    GitError::MissingRevision { url: url.to_string(), revision: revision.to_string(), existing, omitted }
}

fn has_commit(repository: &Repository, oid: Oid) -> bool {
    repository.find_commit(oid).and_then(|commit| commit.tree()).is_ok()
}

fn describe(repository: &Repository, oid: Oid, url: &RepositoryUrl) -> Result<Commit, GitError> {
    let short: String = oid.to_string().chars().take(7).collect();
    let commit = repository.find_commit(oid).map_err(|error| match error.code() {
        ErrorCode::NotFound => GitError::NotFetched { url: url.to_string(), revision: short.clone() },
        _ => damaged(url)(error),
    })?;
    let author = one_line(&String::from_utf8_lossy(commit.author().name_bytes()));
    let message = String::from_utf8_lossy(commit.message_bytes());
    Ok(Commit {
        oid,
        short,
        time: time(&commit),
        author: (!author.is_empty()).then_some(author),
        subject: one_line(message.trim_start().lines().next().unwrap_or_default()),
    })
}

/// When a commit was made. A time that no calendar has, which a hostile commit may claim, is the beginning of time.
pub(super) fn time(commit: &git2::Commit<'_>) -> Timestamp {
    Timestamp::from_second(commit.time().seconds()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Whether an error is about the mirror and not about the server. A bad pack counts too: a fresh clone tells which of the two it was.
fn is_damage(error: &git2::Error) -> bool {
    use git2::ErrorClass::{Config, Filesystem, Indexer, Object, Odb, Reference, Repository, Sha1, Zlib};
    error.code() == ErrorCode::Locked
        || matches!(error.class(), Config | Filesystem | Indexer | Object | Odb | Reference | Repository | Sha1 | Zlib)
}

fn damaged(url: &RepositoryUrl) -> impl Fn(git2::Error) -> GitError {
    let url = url.to_string();
    move |error| GitError::Damaged { url: url.clone(), reason: one_line(error.message()) }
}

fn open(directory: &Path, url: &RepositoryUrl) -> Result<Repository, GitError> {
    // Not `open`: that one refuses a folder of another user, which a volume with an fsGroup is.
    Repository::open_bare(directory).map_err(damaged(url))
}

/// Puts an empty mirror in a place, whatever is there.
fn empty(directory: &Path, url: &RepositoryUrl) -> Result<(), GitError> {
    let fresh = staging(directory);
    create(&fresh, url)?;
    replace(directory, &fresh)
}

/// Makes an empty mirror that follows no redirect.
fn create(directory: &Path, url: &RepositoryUrl) -> Result<(), GitError> {
    let options = &mut RepositoryInitOptions::new();
    let repository = Repository::init_opts(directory, options.bare(true).external_template(false)).map_err(damaged(url))?;
    repository.config().and_then(|mut config| config.set_bool("http.followRedirects", false)).map_err(damaged(url))
}
