//! One connection to a Git server: what libgit2 asks for meanwhile, and what its errors mean.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use git2::{
    CertificateCheckStatus, Cred, CredentialType, Direction, ErrorClass, ErrorCode, RemoteCallbacks, RemoteConnection,
    Repository,
};

use super::credentials::{Credentials, SshIdentity};
use super::error::one_line;
use super::http::{Entered, Exchange};
use super::known_hosts::{Verdict, fingerprint, key_type};
use super::mirror::LISTED;
use super::revision::{Advertised, Listing, Revision};
use super::route::Route;
use super::{GitError, Limits, RepositoryUrl};

/// The most references of a server: the largest public repositories, with two for each change that was ever proposed,
/// have fewer.
const MOST_REFERENCES: usize = 500_000;

/// Who connects where, how, and for how long.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub url: RepositoryUrl,
    pub credentials: Credentials,
    pub limits: Limits,
    route: Route,
    /// The memory of this process, for an error that tells of it.
    memory: u64,
    /// How many bytes of packs may come.
    receives: Rc<Cell<u64>>,
    /// What a callback or a request found out. libgit2 has one error code for "a callback said no", so the reason is
    /// kept here.
    verdict: Found,
}

/// Why a session failed, where that is known better than libgit2 tells it.
type Found = Arc<Mutex<Option<GitError>>>;

/// The first reason is the one: what fails after it, fails because of it.
fn keep(found: &Found, error: GitError) {
    found
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert(error);
}

/// What a connection was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    List,
    Transfer,
    /// No server is asked.
    Read,
}

impl Step {
    pub(super) fn words(self) -> &'static str {
        match self {
            Step::List => "list the references of",
            Step::Transfer => "fetch from",
            Step::Read => "read the mirror of",
        }
    }

    pub(super) fn limit(self, limits: &Limits) -> Duration {
        match self {
            Step::List => limits.listing,
            Step::Transfer | Step::Read => limits.transfer,
        }
    }
}

impl Session {
    pub(super) fn new(
        url: &RepositoryUrl,
        credentials: &Credentials,
        limits: Limits,
        route: Route,
        memory: u64,
    ) -> Session {
        let receives = Rc::new(Cell::new(limits.bytes));
        Session {
            url: url.clone(),
            credentials: credentials.clone(),
            limits,
            route,
            memory,
            receives,
            verdict: Arc::default(),
        }
    }

    /// Says how much room there is for what comes.
    pub(super) fn may_receive(&self, bytes: u64) {
        self.receives.set(bytes.min(self.limits.bytes));
    }

    /// Whether nothing of ours has said no.
    pub(super) fn may_go_on(&self) -> bool {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// The text that libgit2 connects to.
    fn connection(&self) -> String {
        match self.route.ssh_address {
            Some(address) if self.url.is_ssh() => self.url.connection_at(address),
            _ => self.url.connection(),
        }
    }

    /// Connects, lists the references and hands the open connection, with what the listing says of a revision, to a
    /// function.
    pub(super) fn connect<T>(
        &self,
        repository: &Repository,
        revision: &Revision,
        then: impl FnOnce(&mut RemoteConnection<'_, '_, '_>, Listing) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        self.check()?;
        let explain = |error| self.explain(error, Step::List);
        let exchange = Exchange::new(&self.url, &self.credentials, self.limits, &self.route, &self.verdict);
        // To the end of the function: a transfer opens further requests.
        let _entered = Entered::into(Arc::new(exchange));
        let mut remote = repository.remote_anonymous(&self.connection()).map_err(explain)?;
        let mut connection = remote
            .connect_auth(Direction::Fetch, Some(self.callbacks()), None)
            .map_err(explain)?;
        let heads = connection.list().map_err(explain)?;
        if heads.len() > MOST_REFERENCES {
            let reason = format!("it has {} references, more than {MOST_REFERENCES}", heads.len());
            return Err(GitError::Server {
                url: self.url.to_string(),
                reason,
            });
        }
        // libgit2 keeps the listing while the connection is open: a second copy of a hundred thousand references does
        // not fit beside it.
        let listing = Listing::of(
            heads.iter().map(|head| Advertised {
                name: head.name(),
                oid: head.oid(),
            }),
            revision,
            LISTED,
        );
        then(&mut connection, listing)
    }

    /// What can be refused before a single byte is sent.
    fn check(&self) -> Result<(), GitError> {
        if !self.credentials.fits(&self.url) {
            let url = self.url.to_string();
            return Err(match self.credentials {
                Credentials::None => GitError::CredentialsMissing { url },
                _ => GitError::UnfitCredentials {
                    url,
                    given: self.credentials.kind().into(),
                },
            });
        }
        if !self.credentials.are_for(&self.url) {
            return Err(GitError::CredentialsElsewhere {
                url: self.url.to_string(),
            });
        }
        Ok(())
    }

    pub(super) fn callbacks(&self) -> RemoteCallbacks<'static> {
        let mut callbacks = RemoteCallbacks::new();
        self.answer_credentials(&mut callbacks);
        self.check_host_key(&mut callbacks);
        self.watch_transfer(&mut callbacks);
        callbacks
    }

    /// Gives the credentials once. libgit2 asks again after each refusal and would go on until the server has enough of
    /// it, or has locked the account.
    fn answer_credentials(&self, callbacks: &mut RemoteCallbacks<'static>) {
        let (url, credentials, verdict) = (self.url.clone(), self.credentials.clone(), Arc::clone(&self.verdict));
        let mut given = false;
        callbacks.credentials(move |_, _, allowed| {
            let shown = url.to_string();
            let refusal = match (&credentials, given) {
                (Credentials::Basic { username, password, .. }, false)
                    if allowed.contains(CredentialType::USER_PASS_PLAINTEXT) =>
                {
                    given = true;
                    return Cred::userpass_plaintext(username, password);
                }
                (
                    Credentials::Ssh(SshIdentity {
                        private_key,
                        passphrase,
                        ..
                    }),
                    false,
                ) if allowed.contains(CredentialType::SSH_MEMORY) => {
                    given = true;
                    return Cred::ssh_key_from_memory(url.user(), None, private_key, passphrase.as_deref());
                }
                (Credentials::None, _) => GitError::CredentialsMissing { url: shown },
                (_, _) => GitError::WrongCredentials {
                    url: shown,
                    given: credentials.kind().into(),
                },
            };
            keep(&verdict, refusal);
            Err(git2::Error::new(
                ErrorCode::Auth,
                ErrorClass::Callback,
                "no further credentials",
            ))
        });
    }

    /// Compares the host key of an ssh server; the certificate of an https server is left to the TLS library.
    fn check_host_key(&self, callbacks: &mut RemoteCallbacks<'static>) {
        let (url, credentials, verdict) = (self.url.clone(), self.credentials.clone(), Arc::clone(&self.verdict));
        callbacks.certificate_check(move |certificate, _| {
            let Some(hostkey) = certificate.as_hostkey() else {
                return Ok(CertificateCheckStatus::CertificatePassthrough);
            };
            let key = hostkey.hostkey().unwrap_or_default();
            let known = match &credentials {
                Credentials::Ssh(identity) => identity.known_hosts.check(url.host(), url.port(), key),
                Credentials::None | Credentials::Basic { .. } => Verdict::NoEntry,
            };
            let problem = match known {
                Verdict::Known => return Ok(CertificateCheckStatus::CertificateOk),
                Verdict::Revoked => "known_hosts has revoked it".to_owned(),
                Verdict::Different => "known_hosts has another key of this type".to_owned(),
                Verdict::OtherTypes(types) => format!("known_hosts has only {} for this host", types.join(", ")),
                Verdict::NoEntry => "known_hosts has no line for this host and port".to_owned(),
            };
            let offered = format!("{} {}", key_type(key), fingerprint(key));
            keep(
                &verdict,
                GitError::UnknownHostKey {
                    url: url.to_string(),
                    offered,
                    problem,
                },
            );
            Err(git2::Error::new(
                ErrorCode::Certificate,
                ErrorClass::Callback,
                "the host key is not known",
            ))
        });
    }

    /// Ends a transfer that is larger than a source may be.
    fn watch_transfer(&self, callbacks: &mut RemoteCallbacks<'static>) {
        let (url, receives, verdict) = (self.url.clone(), Rc::clone(&self.receives), Arc::clone(&self.verdict));
        callbacks.transfer_progress(move |progress| {
            let limit = receives.get();
            let fits = progress.received_bytes() as u64 <= limit;
            if !fits {
                keep(
                    &verdict,
                    GitError::TransferTooLarge {
                        url: url.to_string(),
                        limit,
                    },
                );
            }
            fits
        });
    }

    /// What an error of libgit2 means to a person. The numbers and words are those of libgit2 1.9
    /// (`transports/ssh_libssh2.c`, `streams/socket.c`), which has no codes for them; http has a client of its own,
    /// which tells its failures by itself.
    pub(super) fn explain(&self, error: git2::Error, step: Step) -> GitError {
        if let Some(verdict) = self.verdict.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return verdict;
        }
        let (url, reason) = (self.url.to_string(), one_line(error.message()));
        let says = |words: &[&str]| words.iter().any(|words| reason.contains(words));
        match (error.class(), error.code()) {
            (ErrorClass::NoMemory, _) => self.no_memory(step),
            _ if says(&["Cannot allocate memory", "Out of memory", "malloc failure"]) => self.no_memory(step),
            (_, ErrorCode::Timeout) => self.silence(step),
            (_, ErrorCode::Auth) => self.refused(),
            (ErrorClass::Ssh, _)
                if says(&["Unable to extract public key", "private key", "passphrase", "publickey"]) =>
            {
                self.refused()
            }
            (ErrorClass::Ssh | ErrorClass::Net, _) if says(&["imed out", "timeout", "Timeout"]) => self.silence(step),
            (_, _) if says(&["not found", "not appear to be a git repository", "does not exist"]) => {
                GitError::RepositoryNotFound { url, reason }
            }
            (ErrorClass::Os | ErrorClass::Ssl, _) => GitError::Unreachable { url, reason },
            (ErrorClass::Net, _)
                if says(&["failed to connect", "failed to resolve", "unexpected EOF", "Connection"]) =>
            {
                GitError::Unreachable { url, reason }
            }
            // Nothing says yet that it is a Git server.
            (_, _) if step == Step::List => GitError::Unreachable { url, reason },
            (_, _) => GitError::Server { url, reason },
        }
    }

    fn no_memory(&self, step: Step) -> GitError {
        GitError::Memory {
            url: self.url.to_string(),
            step: step.words().into(),
            limit: self.memory,
        }
    }

    fn refused(&self) -> GitError {
        let url = self.url.to_string();
        match self.credentials {
            Credentials::None => GitError::CredentialsMissing { url },
            _ => GitError::WrongCredentials {
                url,
                given: self.credentials.kind().into(),
            },
        }
    }

    /// The server said nothing for longer than one answer may take: before it listed anything, nothing says that it is
    /// a Git server.
    fn silence(&self, step: Step) -> GitError {
        if step == Step::List {
            return GitError::Unreachable {
                url: self.url.to_string(),
                reason: "no answer in time".to_owned(),
            };
        }
        GitError::Timeout {
            url: self.url.to_string(),
            step: step.words().into(),
            limit: self.limits.silence.min(step.limit(&self.limits)),
        }
    }
}
