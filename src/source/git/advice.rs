//! What a person, a metric and a queue make of an error.

use super::GitError;

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// At the next interval: it may pass by itself.
    NextInterval,

    /// When the DriftWatch, its Secret or the repository has been changed by a person. Asking at the interval is right
    /// too, since only asking tells that the repository has changed; asking sooner is not.
    AfterChange,
}

impl GitError {
    /// A short constant name for metrics and event reasons.
    pub fn category(&self) -> &'static str {
        match self {
            GitError::Unreachable { .. } => "GitUnreachable",
            GitError::Timeout { .. } | GitError::Busy { .. } => "GitTimeout",
            GitError::Memory { .. } | GitError::Processor { .. } => "GitTooExpensive",
            GitError::NoRoom { .. } | GitError::DiskFull { .. } => "GitDiskFull",
            GitError::Lost { .. } => "GitInterrupted",
            GitError::RefusedAddress { .. } => "GitAddressRefused",
            GitError::UntrustedCertificate { .. } => "GitCertificateUntrusted",
            GitError::UnknownHostKey { .. } => "GitHostKeyUnknown",
            GitError::CredentialsMissing { .. }
            | GitError::WrongCredentials { .. }
            | GitError::UnfitCredentials { .. } => "GitCredentialsRefused",
            GitError::CredentialsElsewhere { .. } => "GitCredentialsNotSent",
            GitError::Redirected { .. } => "GitRedirected",
            GitError::RepositoryNotFound { .. } => "GitRepositoryNotFound",
            GitError::MissingRevision { .. } => "GitRevisionNotFound",
            GitError::MissingPath { .. } | GitError::NotFollowed { .. } => "GitPathNotFound",
            GitError::Unfit { .. } | GitError::TransferTooLarge { .. } => "GitContentRefused",
            GitError::Server { .. } => "GitServerError",
            GitError::Cache { source, .. } if is_full(source) => "GitDiskFull",
            GitError::NotFetched { .. }
            | GitError::Damaged { .. }
            | GitError::Cache { .. }
            | GitError::CacheInUse { .. } => "GitMirrorUnreadable",
        }
    }

    /// What a person does about it; `None` where waiting is all there is to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            GitError::RefusedAddress { .. } => {
                "an administrator may list the host in git.allowedHosts of the chart".to_owned()
            }
            GitError::Unreachable { .. } => "check the host and the port of the URL".to_owned(),
            GitError::CredentialsElsewhere { url } => {
                format!(
                    "add {url}, a URL that it begins with, or its host to the key hosts of the Secret, or name a \
                         Secret that is for it"
                )
            }
            GitError::UntrustedCertificate { .. } => {
                "add the authority that signed it to the file in SSL_CERT_FILE of the controller, or renew the \
                 server's certificate"
                    .to_owned()
            }
            GitError::UnknownHostKey { .. } => {
                "compare the fingerprint with the one that the server's owner publishes; if it is right, add the line \
                 that ssh-keyscan gives for this type of key to known_hosts in the Secret"
                    .to_owned()
            }
            GitError::CredentialsMissing { url } if is_ssh(url) => "name a Secret with identity and known_hosts in \
                                                                    secretRef"
                .to_owned(),
            GitError::CredentialsMissing { .. } => "name a Secret with username and password in secretRef".to_owned(),
            GitError::WrongCredentials { .. } => {
                "renew the Secret in secretRef, or give its account the right to read \
                                                  the repository"
                    .to_owned()
            }
            GitError::UnfitCredentials { url, .. } if is_ssh(url) => {
                "use identity and known_hosts in the Secret, or a \
                                                                      URL with https://"
                    .to_owned()
            }
            GitError::UnfitCredentials { .. } => {
                "use username and password in the Secret, or a URL with ssh://".to_owned()
            }
            GitError::Redirected { .. } => {
                "give the URL that the repository has now; opening it in a browser shows it".to_owned()
            }
            GitError::RepositoryNotFound { .. } => "check the URL; many servers say the same of a repository that \
                                                    these credentials may not read"
                .to_owned(),
            GitError::MissingRevision { revision, .. }
                if revision.len() < 40
                    && revision.len() >= 7
                    && revision.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
            {
                "a commit is named by its 40 digits".to_owned()
            }
            GitError::MissingRevision { .. } => "name one of the branches or a tag in revision".to_owned(),
            GitError::MissingPath { .. } | GitError::NotFollowed { .. } => "name a folder or file of that commit in \
                                                                            path"
                .to_owned(),
            GitError::Unfit { .. } => "narrow path to the folder with the manifests, or take the file out of the \
                                       repository"
                .to_owned(),
            GitError::TransferTooLarge { .. } => "keep the manifests in a repository of their own".to_owned(),
            GitError::Memory { .. } => {
                "keep the manifests in a repository of their own; or give Git more memory by --git-memory (git.memory \
                 of the chart)"
                    .to_owned()
            }
            GitError::Processor { .. } => "keep the manifests in a repository of their own".to_owned(),
            GitError::NoRoom { owner, .. } if owner.as_str() == super::room::OF_ALL => {
                "the mirrors of other namespaces take the rest: raise the budget by --git-disk (git.disk of the \
                 chart), or keep the manifests in a small repository of their own: each namespace has a sixty-fourth \
                 of the budget for itself"
                    .to_owned()
            }
            GitError::NoRoom { .. } => {
                "keep the manifests in a repository of their own, or take away a watch of another one; or raise the \
                 budget by --git-disk and --git-disk-per-namespace (git.disk of the chart)"
                    .to_owned()
            }
            GitError::DiskFull { .. } => "give the disk of the mirrors more space (cache.sizeLimit of the chart, the \
                                          volume of --cache-dir, TMPDIR on a terminal), or lower their budget \
                                          (git.disk)"
                .to_owned(),
            GitError::Cache { path, .. } => format!(
                "check that {} is on a volume with space that the controller may \
                                                     write to",
                path.display()
            ),
            GitError::CacheInUse { .. } => "give each process a cache folder of its own".to_owned(),
            GitError::Timeout { .. }
            | GitError::Busy { .. }
            | GitError::Lost { .. }
            | GitError::Server { .. }
            | GitError::NotFetched { .. }
            | GitError::Damaged { .. } => return None,
        };
        Some(hint)
    }

    /// What the controller's log says that its status does not, as a sentence: on a terminal there is no controller,
    /// and [`Self::detail`] is told.
    pub fn in_log(&self) -> Option<&'static str> {
        match self {
            GitError::RefusedAddress { .. } => Some("the log of the controller names the address"),
            GitError::Unreachable { .. } => Some("the log of the controller says what the network said"),
            _ => None,
        }
    }

    /// What the network, the server or libgit2 said: for the log of an administrator and for a person's own terminal,
    /// and never for a status, from which a tenant could learn what listens where in a network that the controller
    /// reaches.
    pub fn detail(&self) -> Option<String> {
        match self {
            GitError::Unreachable { reason, .. }
            | GitError::UntrustedCertificate { reason, .. }
            | GitError::RepositoryNotFound { reason, .. }
            | GitError::Server { reason, .. } => Some(reason.clone()),
            GitError::RefusedAddress { address, reason, .. } => Some(format!("it leads to {address}, {reason}")),
            GitError::UnknownHostKey { offered, .. } => Some(format!("the server shows {offered}")),
            _ => None,
        }
    }

    /// Whether it took a whole transfer, or all that a child may have, to find out.
    pub fn is_costly(&self) -> bool {
        matches!(
            self,
            GitError::Memory { .. }
                | GitError::Processor { .. }
                | GitError::NoRoom { .. }
                | GitError::Unfit { .. }
                | GitError::TransferTooLarge { .. }
        )
    }

    /// Whether waiting may help.
    pub fn retry(&self) -> Retry {
        match self {
            GitError::Unreachable { .. }
            | GitError::Timeout { .. }
            | GitError::Busy { .. }
            | GitError::Lost { .. }
            | GitError::DiskFull { .. }
            | GitError::Server { .. }
            | GitError::NotFetched { .. }
            | GitError::Damaged { .. }
            | GitError::Cache { .. }
            | GitError::CacheInUse { .. } => Retry::NextInterval,
            GitError::RefusedAddress { .. }
            | GitError::Memory { .. }
            | GitError::Processor { .. }
            | GitError::NoRoom { .. }
            | GitError::UntrustedCertificate { .. }
            | GitError::UnknownHostKey { .. }
            | GitError::CredentialsMissing { .. }
            | GitError::WrongCredentials { .. }
            | GitError::CredentialsElsewhere { .. }
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

/// Whether the system says that there is no space, or none for this user.
fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// Whether a URL as it is shown is one of ssh: by its scheme, or by having none.
fn is_ssh(url: &str) -> bool {
    url.starts_with("ssh://") || !url.contains("://")
}
