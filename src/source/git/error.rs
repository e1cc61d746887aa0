//! What can go wrong between a Git server and a list of files, each told apart, with what a person does about it.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::system_error;
use crate::source::child::MIB;

/// Why a Git source gave no commit or no files. URLs are shown without user information.
#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
pub enum GitError {
    /// The name does not resolve, or no Git server answers: which of it, or what does, is for the log alone, since who
    /// writes a URL could else find out which ports of a network are open.
    #[error("unable to reach {url}: its name does not resolve, or no Git server answers there")]
    Unreachable {
        /// The repository.
        url: String,
        /// What the network or the server said.
        reason: String,
    },

    /// The server did not answer in time, or sent too slowly.
    #[error("unable to {step} {url} within {} s", limit.as_secs_f32())]
    Timeout {
        /// The repository.
        url: String,
        /// What was being done, such as `list the references of`.
        step: Cow<'static, str>,
        /// The time it was given.
        limit: Duration,
    },

    /// Others had not ended in time: as many as may be at work for this namespace, or at all.
    #[error("unable to {step} {url}: others that are read had not ended after {} s", waited.as_secs())]
    Busy {
        /// The repository.
        url: String,
        /// What was to be done.
        step: Cow<'static, str>,
        /// How long it waited.
        waited: Duration,
    },

    /// The process that did it asked for more memory than one source may take.
    #[error("failed to {step} {url}: it takes more than {} MiB of memory", limit / MIB)]
    Memory {
        /// The repository.
        url: String,
        /// What was being done.
        step: Cow<'static, str>,
        /// The memory it was given, in bytes.
        limit: u64,
    },

    /// The process that did it used up its processor time.
    #[error("failed to {step} {url}: it takes more than {} s of processor time", limit.as_secs())]
    Processor {
        /// The repository.
        url: String,
        /// What was being done.
        step: Cow<'static, str>,
        /// The time it was given.
        limit: Duration,
    },

    /// The mirror would be larger than the room that is left for it.
    #[error("failed to fetch {url}: with it the mirrors of {owner} would take more than {} MiB", budget / MIB)]
    NoRoom {
        /// The repository.
        url: String,
        /// Whose budget it is, such as `namespace shop`.
        owner: String,
        /// The budget, in bytes.
        budget: u64,
    },

    /// The disk with the mirrors is full.
    #[error("unable to {step} {url}: the disk with the mirrors is full ({reason})")]
    DiskFull {
        /// The repository.
        url: String,
        /// What was being done.
        step: Cow<'static, str>,
        /// What the system said.
        reason: String,
    },

    /// The process that did it ended without an answer.
    #[error("unable to {step} {url}: {reason}")]
    Lost {
        /// The repository.
        url: String,
        /// What was being done.
        step: Cow<'static, str>,
        /// How it ended.
        reason: String,
    },

    /// The host leads to an address that tenants may not reach.
    #[error("failed to connect to {url}: its host leads to an address that sources may not be read from")]
    RefusedAddress {
        /// The repository.
        url: String,
        /// The address behind the name.
        address: String,
        /// What the address is.
        reason: Cow<'static, str>,
    },

    /// The server's certificate is not trusted.
    #[error("failed to trust the certificate of {url}")]
    UntrustedCertificate {
        /// The repository.
        url: String,
        /// What the TLS library said.
        reason: String,
    },

    /// The server's host key is not the one that the Secret vouches for.
    #[error("failed to trust the host key of {url}: {problem}")]
    UnknownHostKey {
        /// The repository.
        url: String,
        /// The type and fingerprint of the key.
        offered: String,
        /// What `known_hosts` says about it.
        problem: String,
    },

    /// The server wants credentials and the DriftWatch names none.
    #[error("failed to log in at {url}: the server wants credentials and none are given")]
    CredentialsMissing {
        /// The repository.
        url: String,
    },

    /// The credentials are not for this repository, so they were not sent.
    #[error("nothing was asked of {url}: the Secret is not for this repository, so it was not sent")]
    CredentialsElsewhere {
        /// The repository.
        url: String,
    },

    /// The server refused the credentials.
    #[error("failed to log in at {url}: the server refused {given}")]
    WrongCredentials {
        /// The repository.
        url: String,
        /// Which kind was given.
        given: Cow<'static, str>,
    },

    /// Credentials of a kind that the URL's scheme has no use for.
    #[error("failed to log in at {url}: the Secret gives {given}, which the scheme of this URL does not take")]
    UnfitCredentials {
        /// The repository.
        url: String,
        /// Which kind was given.
        given: Cow<'static, str>,
    },

    /// The server sent the client elsewhere.
    #[error("failed to fetch {url}: the server redirects to another URL, which is not followed")]
    Redirected {
        /// The repository.
        url: String,
    },

    /// The server has no such repository, or none that these credentials may see.
    #[error("failed to find the repository {url}")]
    RepositoryNotFound {
        /// The repository.
        url: String,
        /// What the server said.
        reason: String,
    },

    /// The repository has no such branch, tag or commit.
    #[error(
        "failed to find the revision {revision:?} in {url}: {}",
        list("its branches are", "it has no branch", existing, *omitted)
    )]
    MissingRevision {
        /// The repository.
        url: String,
        /// The revision that was asked for.
        revision: String,
        /// Some of the branches that are there, sorted.
        existing: Vec<String>,
        /// How many more there are.
        omitted: usize,
    },

    /// The commit has no such file or folder.
    #[error("failed to find the path {path:?} in {url} at {revision}: {instead}")]
    MissingPath {
        /// The repository.
        url: String,
        /// The commit, shortened.
        revision: String,
        /// The path that was asked for.
        path: String,
        /// The deepest folder of the path that is there, and some of its names, sorted: `"deploy" has web.yaml`.
        instead: String,
    },

    /// The path leads to something that is neither a file nor a folder.
    #[error("failed to read {path:?} in {url} at {revision}: it is {kind}, which is not followed")]
    NotFollowed {
        /// The repository.
        url: String,
        /// The commit, shortened.
        revision: String,
        /// The path.
        path: String,
        /// What it is.
        kind: Cow<'static, str>,
    },

    /// The content is larger than a source may be, or has a name that must not be written to a disk.
    #[error("failed to read {path:?} in {url} at {revision}: {problem}")]
    Unfit {
        /// The repository.
        url: String,
        /// The commit, shortened.
        revision: String,
        /// The file or folder.
        path: String,
        /// What is wrong with it.
        problem: String,
    },

    /// The server sent more than a source may take.
    #[error("failed to fetch {url}: it sends more than {} MiB", limit / (1024 * 1024))]
    TransferTooLarge {
        /// The repository.
        url: String,
        /// The largest transfer, in bytes.
        limit: u64,
    },

    /// The server said something that is not understood, or refused for a reason of its own.
    #[error("failed to fetch {url}: the server refuses, or its answer is not understood")]
    Server {
        /// The repository.
        url: String,
        /// What was said.
        reason: String,
    },

    /// The commit is not in the mirror.
    #[error("failed to read {url} at {revision}: the commit has not been fetched")]
    NotFetched {
        /// The repository.
        url: String,
        /// The commit, shortened.
        revision: String,
    },

    /// The mirror on disk cannot be read. The next fetch makes it afresh.
    #[error("unable to read the mirror of {url}: {reason}")]
    Damaged {
        /// The repository.
        url: String,
        /// What libgit2 said.
        reason: String,
    },

    /// The folder of the mirror cannot be made, moved or removed.
    #[error("unable to keep a mirror in {}", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[serde(with = "system_error")]
        source: std::io::Error,
    },

    /// Another process or another `Mirror` of this one uses the folder.
    #[error("unable to keep a mirror in {}: it is in use", path.display())]
    CacheInUse {
        /// The folder.
        path: PathBuf,
    },
}

/// Names as a clause: `its branches are main, next and 3 more`.
pub(super) fn list(some: &str, none: &str, names: &[String], omitted: usize) -> String {
    match (names, omitted) {
        ([], _) => none.to_owned(),
        (names, 0) => format!("{some} {}", names.join(", ")),
        (names, omitted) => format!("{some} {} and {omitted} more", names.join(", ")),
    }
}

/// Cuts a text from outside to one short line that is safe in a log and a status.
pub(super) fn one_line(text: &str) -> String {
    /// Long enough for every message of libgit2, short enough for a condition.
    const LONGEST: usize = 200;
    let clean: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(LONGEST)
        .collect();
    clean.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_revision_names_what_there_is() {
        let error = |existing: &[&str], omitted| GitError::MissingRevision {
            url: "https://git.example.com/web".into(),
            revision: "mian".into(),
            existing: existing.iter().map(|name| (*name).to_owned()).collect(),
            omitted,
        };
        let start = "failed to find the revision \"mian\" in https://git.example.com/web: ";
        assert_eq!(
            error(&["main", "next"], 0).to_string(),
            format!("{start}its branches are main, next")
        );
        assert_eq!(
            error(&["main", "next"], 3).to_string(),
            format!("{start}its branches are main, next and 3 more")
        );
        assert_eq!(error(&[], 0).to_string(), format!("{start}it has no branch"));
    }

    #[test]
    fn text_from_a_server_becomes_one_short_line() {
        assert_eq!(one_line("gone\r\n\x1b[31m evil\n"), "gone   [31m evil");
        assert_eq!(one_line(&"x".repeat(5_000)).len(), 200);
    }
}
