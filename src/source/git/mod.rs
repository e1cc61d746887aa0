//! Git as a source: a bare mirror for each repository, asked for one commit, and its files read out of the object
//! database.
//!
//! ```text
//! poll      one ref listing                     -> the commit that a revision is now
//! fetch     only when that commit is not there  -> the objects, in the mirror
//! tree      no network                          -> the files below a path, as bytes
//! ```
//!
//! There is no work tree, so nothing of a repository is ever written to disk under a name that the repository chose: no
//! symlink is followed, no filter runs, no submodule is entered. Every call blocks, and is the work of a child
//! ([`crate::source::child`]) under limits of memory, time and disk: a server that never answers, sends one byte now
//! and then or never stops, and a pack that unpacks to gigabytes, end one call with an error that says which limit it
//! was.
//!
//! [`Mirror`] asks, [`serve()`] answers: what a server sent is read in the child and nowhere else.
//!
//! # Full or shallow
//!
//! Fetches are shallow, [`Limits::depth`] commits deep. Measured with 1,500 manifests and 800 commits, after a clone
//! and 40 fetches of one commit each: 1.7 MB at depth 1, 1.8 MB at depth 50, 3.8 MB in full; a later fetch brings the
//! same few objects at each depth. So fifty commits, which tell the age of what was changed lately, cost next to
//! nothing, and a long past is not paid for. libgit2 never packs again: each of the 40 fetches added one pack, and one
//! line to `shallow`. After [`Limits::packs`] the mirror is cloned afresh beside the old one and takes its place by a
//! rename.
//!
//! # Not done here
//!
//! No proxy of the environment is used: a name is resolved and its address dialled here ([`Gate`]), since only so can
//! be held where sources may lead. The authorities that are trusted are those of the process, not of one repository. Of
//! several host keys libssh2 takes Ed25519 before ECDSA before RSA, whatever `known_hosts` has; the error names the
//! type that is wanted.

mod address;
mod advice;
mod bare;
mod credentials;
mod error;
mod folder;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gate;
mod history;
mod http;
mod known_hosts;
mod mirror;
mod network;
mod oid_text;
mod policy;
mod request;
mod revision;
mod room;
mod route;
mod scope;
mod serve;
mod session;
mod system_error;
mod tree;
mod tree_path;
mod url;

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::advice::Retry;
pub use self::credentials::{Credentials, CredentialsError, HOSTS_KEY, SshIdentity};
pub use self::error::GitError;
pub use self::gate::Gate;
pub use self::mirror::{Commit, Mirror, Reading, Setting, initialise};
pub use self::network::{Network, NetworkError};
pub use self::policy::{AllowedHost, AllowedHostError, DENIED, UrlPolicy, allowed_hosts, networks};
pub use self::revision::{Revision, RevisionError};
pub use self::room::{OF_ALL, Room, size_of};
pub use self::route::{Proxy, Route};
pub use self::scope::{Scope, ScopeError};
pub use self::serve::serve;
pub use self::tree::{Select, Tree};
pub use self::tree_path::{TreePath, TreePathError};
pub use self::url::{RepositoryUrl, UrlError};
pub use git2::Oid;

/// How long a server may take and how much it may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

    /// How many bytes the files of one commit may have together, with their names.
    pub files: u64,

    /// How many commits a fetch goes back.
    pub depth: u16,

    /// How many packs a mirror may have before it is cloned afresh: libgit2 opens each and looks through all of them
    /// for an object.
    pub packs: u16,
}

impl Default for Limits {
    /// A healthy server lists 5,000 references within 15 ms and sends a large monorepo's newest commits within a
    /// minute; what takes several times as long is in trouble. A gibibyte of packed manifests is not a repository of
    /// manifests, and a folder of 12,500 real manifests has 31 MB.
    fn default() -> Limits {
        Limits {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(15),
            listing: Duration::from_secs(30),
            transfer: Duration::from_secs(180),
            bytes: 1024 * 1024 * 1024,
            files: 32 * 1024 * 1024,
            depth: 50,
            packs: 50,
        }
    }
}

/// Removes a mirror that an earlier process left and nobody has open.
///
/// # Errors
///
/// Something of it cannot be removed.
pub fn discard(mirror: &Path) -> Result<(), GitError> {
    match (mirror.parent(), mirror.file_name()) {
        (Some(cache), Some(key)) => folder::discard(cache, &key.to_string_lossy()),
        _ => Ok(()),
    }
}
