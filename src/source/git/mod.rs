//! Git as a source: a bare mirror for each repository, asked for one commit, and its files read out of the object database.
//!
//! ```text
//! poll      one ref listing                     -> the commit that a revision is now
//! fetch     only when that commit is not there  -> the objects, in the mirror
//! tree      no network                          -> the files below a path, as bytes
//! ```
//!
//! There is no work tree, so nothing of a repository is ever written to disk under a name that the repository chose: no symlink
//! is followed, no filter runs, no submodule is entered. Every call blocks, and each that talks to a server ends within its limit,
//! also when the server never answers or sends one byte now and then.
//!
//! # Full or shallow
//!
//! Fetches are shallow, [`Limits::depth`] commits deep. Measured with 1,500 manifests and 800 commits, after a clone and 40 fetches of
//! one commit each: 1.7 MB at depth 1, 1.8 MB at depth 50, 3.8 MB in full; a later fetch brings the same few objects at each depth.
//! So fifty commits, which tell the age of what was changed lately, cost next to nothing, and a long past is not paid for.
//! libgit2 never packs again: each of the 40 fetches added one pack, and one line to `shallow`. After [`Limits::packs`] the mirror is cloned
//! afresh beside the old one and takes its place by a rename.
//!
//! # Not done here
//!
//! No proxy is used, and the authorities that are trusted are those of the process, not of one repository. Of several host keys
//! libssh2 takes Ed25519 before ECDSA before RSA, whatever `known_hosts` has; the error names the type that is wanted.

mod address;
mod credentials;
mod error;
mod folder;
mod history;
mod known_hosts;
mod mirror;
mod revision;
mod session;
mod tree;
mod tree_path;
mod url;
mod worker;

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

pub use self::credentials::{Credentials, CredentialsError, SshIdentity};
pub use self::error::{GitError, Retry};
pub use self::mirror::{Commit, Mirror};
pub use self::revision::{Revision, RevisionError};
pub use self::tree::{Select, Tree};
pub use self::tree_path::{TreePath, TreePathError};
pub use self::url::{RepositoryUrl, UrlError, UrlPolicy};
pub use git2::Oid;

/// How long a server may take and how much it may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a connection may take to be made.
    pub connect: Duration,

    /// How long a server may send nothing at all.
    pub silence: Duration,

    /// How long listing the references may take, from the name's resolution to the last reference.
    pub listing: Duration,

    /// How long a fetch may take, listing included.
    pub transfer: Duration,

    /// How many bytes a fetch may bring, packed.
    pub bytes: u64,

    /// How many commits a fetch goes back.
    pub depth: u16,

    /// How many packs a mirror may have before it is cloned afresh: libgit2 opens each and looks through all of them for an object.
    pub packs: u16,
}

impl Default for Limits {
    /// A healthy server lists 5,000 references within 15 ms and sends a large monorepo's newest commits within a minute; what takes
    /// several times as long is in trouble. A gibibyte of packed manifests is not a repository of manifests.
    fn default() -> Limits {
        Limits {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(15),
            listing: Duration::from_secs(30),
            transfer: Duration::from_secs(180),
            bytes: 1024 * 1024 * 1024,
            depth: 50,
            packs: 50,
        }
    }
}

/// Why libgit2 could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("failed to set up libgit2: {reason}")]
pub struct SetupError {
    /// What libgit2 said.
    pub reason: String,
}

/// Sets what libgit2 keeps for the whole process; the first call counts, later ones change nothing.
///
/// `connect` and `silence` of the limits hold from here on for every repository: libgit2 has no time limit at all without them.
/// The user's and the system's Git configuration are not read, since an `insteadOf` there could turn a checked URL into another.
/// `certificates` is a PEM file of authorities trusted besides the system's; `SSL_CERT_FILE` in the environment does the same.
///
/// # Assumptions
///
/// It is called at the start of the program, before any other use of this module: libgit2 does not guard these settings.
///
/// # Errors
///
/// The file of certificates cannot be read.
pub fn initialise(limits: &Limits, certificates: Option<&Path>) -> Result<(), SetupError> {
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    DONE.get_or_init(|| set_globals(limits, certificates).map_err(|error| error.message().to_owned()))
        .clone()
        .map_err(|reason| SetupError { reason })
}

// libgit2's global settings are unsynchronised C variables: unsafe by nature, set once under `OnceLock` before any connection.
#[allow(unsafe_code)]
fn set_globals(limits: &Limits, certificates: Option<&Path>) -> Result<(), git2::Error> {
    use git2::{ConfigLevel, opts};
    let milliseconds = |duration: Duration| i32::try_from(duration.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the caller promises that nothing else uses libgit2 yet, and `OnceLock` that no two threads come here.
    unsafe {
        opts::set_server_connect_timeout_in_milliseconds(milliseconds(limits.connect))?;
        opts::set_server_timeout_in_milliseconds(milliseconds(limits.silence))?;
        for level in [ConfigLevel::System, ConfigLevel::Global, ConfigLevel::XDG, ConfigLevel::ProgramData] {
            opts::set_search_path(level, "")?;
        }
        if let Some(file) = certificates {
            opts::set_ssl_cert_file(file)?;
        }
    }
    Ok(())
}
