//! What can go wrong between a Git server and a list of files, each told apart, with what a person does about it.

use std::path::PathBuf;
use std::time::Duration;

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// At the next interval: it may pass by itself.
    NextInterval,

    /// When the DriftWatch, its Secret or the repository has been changed by a person. Asking at the interval is right too, since
    /// only asking tells that the repository has changed; asking sooner is not.
    AfterChange,
}

/// Why a Git source gave no commit or no files. URLs are shown without user information.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The server cannot be connected to, or answers that it is not able to serve.
    #[error("unable to reach {url}: {reason}")]
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
        step: &'static str,
        /// The time it was given.
        limit: Duration,
    },

    /// An earlier connection that ran out of time has not ended yet, so no further one is opened.
    #[error("unable to ask {url} again: the connection that ran out of time has not ended")]
    Busy {
        /// The repository.
        url: String,
    },

    /// The host leads to an address that tenants may not reach.
    #[error("failed to connect to {url}: it leads to {address}, {reason}, which is refused")]
    RefusedAddress {
        /// The repository.
        url: String,
        /// The address behind the name.
        address: String,
        /// What the address is.
        reason: &'static str,
    },

    /// The server's certificate is not trusted.
    #[error("failed to trust the certificate of {url}: {reason}")]
    UntrustedCertificate {
        /// The repository.
        url: String,
        /// What the TLS library said.
        reason: String,
    },

    /// The server's host key is not the one that the Secret vouches for.
    #[error("failed to trust the host key of {url}: the server shows {offered}, and {problem}")]
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

    /// The server refused the credentials.
    #[error("failed to log in at {url}: the server refused {given}")]
    WrongCredentials {
        /// The repository.
        url: String,
        /// Which kind was given.
        given: &'static str,
    },

    /// Credentials of a kind that the URL's scheme has no use for.
    #[error("failed to log in at {url}: the Secret gives {given}, which the scheme of this URL does not take")]
    UnfitCredentials {
        /// The repository.
        url: String,
        /// Which kind was given.
        given: &'static str,
    },

    /// The server sent the client elsewhere.
    #[error("failed to fetch {url}: the server redirects to another URL, which is not followed")]
    Redirected {
        /// The repository.
        url: String,
    },

    /// The server has no such repository, or none that these credentials may see.
    #[error("failed to find the repository {url}: {reason}")]
    RepositoryNotFound {
        /// The repository.
        url: String,
        /// What the server said.
        reason: String,
    },

    /// The repository has no such branch, tag or commit.
    #[error("failed to find the revision {revision:?} in {url}: {}", list("its branches are", "it has no branch", existing, *omitted))]
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
        kind: &'static str,
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
    #[error("failed to fetch {url}: {reason}")]
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
        source: std::io::Error,
    },

    /// Another process or another `Mirror` of this one uses the folder.
    #[error("unable to keep a mirror in {}: it is in use", path.display())]
    CacheInUse {
        /// The folder.
        path: PathBuf,
    },
}

impl GitError {
    /// A short constant name for metrics and event reasons.
    pub fn category(&self) -> &'static str {
        match self {
            GitError::Unreachable { .. } => "GitUnreachable",
            GitError::Timeout { .. } | GitError::Busy { .. } => "GitTimeout",
            GitError::RefusedAddress { .. } => "GitAddressRefused",
            GitError::UntrustedCertificate { .. } => "GitCertificateUntrusted",
            GitError::UnknownHostKey { .. } => "GitHostKeyUnknown",
            GitError::CredentialsMissing { .. } | GitError::WrongCredentials { .. } | GitError::UnfitCredentials { .. } => {
                "GitCredentialsRefused"
            }
            GitError::Redirected { .. } => "GitRedirected",
            GitError::RepositoryNotFound { .. } => "GitRepositoryNotFound",
            GitError::MissingRevision { .. } => "GitRevisionNotFound",
            GitError::MissingPath { .. } | GitError::NotFollowed { .. } => "GitPathNotFound",
            GitError::Unfit { .. } | GitError::TransferTooLarge { .. } => "GitContentRefused",
            GitError::Server { .. } => "GitServerError",
            GitError::NotFetched { .. } | GitError::Damaged { .. } | GitError::Cache { .. } | GitError::CacheInUse { .. } => {
                "GitMirrorUnreadable"
            }
        }
    }

    /// What a person does about it; `None` where waiting is all there is to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            GitError::RefusedAddress { .. } => "give the URL of a Git server that tenants may reach".to_owned(),
            GitError::UntrustedCertificate { .. } => {
                "add the authority that signed it to the file in SSL_CERT_FILE of the controller, or renew the server's certificate".to_owned()
            }
            GitError::UnknownHostKey { .. } => {
                "compare the fingerprint with the one that the server's owner publishes; if it is right, add the line that ssh-keyscan gives for this type of key to known_hosts in the Secret"
                    .to_owned()
            }
            GitError::CredentialsMissing { url } if is_ssh(url) => "name a Secret with identity and known_hosts in secretRef".to_owned(),
            GitError::CredentialsMissing { .. } => "name a Secret with username and password in secretRef".to_owned(),
            GitError::WrongCredentials { .. } => "renew the Secret in secretRef, or give its account the right to read the repository".to_owned(),
            GitError::UnfitCredentials { url, .. } if is_ssh(url) => "use identity and known_hosts in the Secret, or a URL with https://".to_owned(),
            GitError::UnfitCredentials { .. } => "use username and password in the Secret, or a URL with ssh://".to_owned(),
            GitError::Redirected { .. } => "give the URL that the repository has now; opening it in a browser shows it".to_owned(),
            GitError::RepositoryNotFound { .. } => "check the URL; many servers say the same of a repository that these credentials may not read".to_owned(),
            GitError::MissingRevision { revision, .. } if revision.len() < 40 && revision.len() >= 7 && revision.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                "a commit is named by its 40 digits".to_owned()
            }
            GitError::MissingRevision { .. } => "name one of the branches or a tag in revision".to_owned(),
            GitError::MissingPath { .. } | GitError::NotFollowed { .. } => "name a folder or file of that commit in path".to_owned(),
            GitError::Unfit { .. } => "narrow path to the folder with the manifests, or take the file out of the repository".to_owned(),
            GitError::TransferTooLarge { .. } => "keep the manifests in a repository of their own".to_owned(),
            GitError::Cache { path, .. } => format!("check that {} is on a volume with space that the controller may write to", path.display()),
            GitError::CacheInUse { .. } => "give each process a cache folder of its own".to_owned(),
            GitError::Unreachable { .. }
            | GitError::Timeout { .. }
            | GitError::Busy { .. }
            | GitError::Server { .. }
            | GitError::NotFetched { .. }
            | GitError::Damaged { .. } => return None,
        };
        Some(hint)
    }

    /// Whether waiting may help.
    pub fn retry(&self) -> Retry {
        match self {
            GitError::Unreachable { .. }
            | GitError::Timeout { .. }
            | GitError::Busy { .. }
            | GitError::Server { .. }
            | GitError::NotFetched { .. }
            | GitError::Damaged { .. }
            | GitError::Cache { .. }
            | GitError::CacheInUse { .. } => Retry::NextInterval,
            GitError::RefusedAddress { .. }
            | GitError::UntrustedCertificate { .. }
            | GitError::UnknownHostKey { .. }
            | GitError::CredentialsMissing { .. }
            | GitError::WrongCredentials { .. }
            | GitError::UnfitCredentials { .. }
            | GitError::Redirected { .. }
            | GitError::RepositoryNotFound { .. }
            | GitError::MissingRevision { .. }
            | GitError::MissingPath { .. }
            | GitError::NotFollowed { .. }
            | GitError::Unfit { .. }
            | GitError::TransferTooLarge { .. } => Retry::AfterChange,
        }
    }
}

/// Whether a URL as it is shown is one of ssh: by its scheme, or by having none.
fn is_ssh(url: &str) -> bool {
    url.starts_with("ssh://") || !url.contains("://")
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
    let clean: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(LONGEST).collect();
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
        assert_eq!(error(&["main", "next"], 0).to_string(), format!("{start}its branches are main, next"));
        assert_eq!(error(&["main", "next"], 3).to_string(), format!("{start}its branches are main, next and 3 more"));
        assert_eq!(error(&[], 0).to_string(), format!("{start}it has no branch"));
    }

    #[test]
    fn text_from_a_server_becomes_one_short_line() {
        assert_eq!(one_line("gone\r\n\x1b[31m evil\n"), "gone   [31m evil");
        assert_eq!(one_line(&"x".repeat(5_000)).len(), 200);
    }
}
