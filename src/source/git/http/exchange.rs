//! The requests of one session: where they go, with what, and what their failures mean.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use git2::transport::Service;

use super::answer::{Answer, Connection, TooLarge};
use super::tls::{self, TlsFailure};
use crate::source::git::error::one_line;
use crate::source::git::session::Step;
use crate::source::git::{Credentials, GitError, Limits, RepositoryUrl, Route, UrlError};

/// How often a server may send the client to another path of its own.
const REDIRECTS: usize = 3;

/// The largest list of references: a million of them.
const LISTING: u64 = 64 * 1024 * 1024;

/// What the requests of one session share.
pub(in crate::source::git) struct Exchange {
    credentials: Credentials,
    limits: Limits,
    route: Route,
    /// Where the repository is: what the session asks for, or the path that its server sent it to.
    url: Mutex<RepositoryUrl>,
    verdict: Arc<Mutex<Option<GitError>>>,
}

impl Exchange {
    pub(in crate::source::git) fn new(
        url: &RepositoryUrl,
        credentials: &Credentials,
        limits: Limits,
        route: &Route,
        verdict: &Arc<Mutex<Option<GitError>>>,
    ) -> Exchange {
        let (credentials, route, verdict) = (credentials.clone(), route.clone(), Arc::clone(verdict));
        Exchange {
            credentials,
            limits,
            route,
            url: Mutex::new(url.clone()),
            verdict,
        }
    }

    /// Keeps why the session fails, for the one who asks libgit2.
    pub(super) fn fail(&self, error: GitError) {
        self.verdict
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(error);
    }

    fn url(&self) -> RepositoryUrl {
        self.url.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a request and gives its answer, whose body is Git's.
    pub(super) fn send(&self, service: Service, body: &[u8]) -> Result<Answer, GitError> {
        for _ in 0..=REDIRECTS {
            let url = self.url();
            let shown = || url.to_string();
            let answer = self.ask(&url, service, body)?;
            let listing = service == Service::UploadPackLs;
            match answer.status {
                200 if answer.content_type.as_deref() == Some(content_type(service)) => return Ok(answer),
                200 => {
                    return Err(GitError::RepositoryNotFound {
                        url: shown(),
                        reason: "no Git server answers there".to_owned(),
                    });
                }
                301 | 302 | 303 | 307 | 308 if listing => {
                    self.follow(&url, answer.location.as_deref().unwrap_or_default())?
                }
                300..=399 => return Err(GitError::Redirected { url: shown() }),
                401 | 403 => return Err(self.refused(&url)),
                404 | 410 => {
                    return Err(GitError::RepositoryNotFound {
                        url: shown(),
                        reason: format!("status {}", answer.status),
                    });
                }
                // Git answered the listing there: nothing is learned of what else might listen.
                status if !listing => {
                    return Err(GitError::Server {
                        url: shown(),
                        reason: format!("status {status}"),
                    });
                }
                status => {
                    return Err(GitError::Unreachable {
                        url: shown(),
                        reason: format!("status {status}"),
                    });
                }
            }
        }
        Err(GitError::Redirected {
            url: self.url().to_string(),
        })
    }

    /// What the end of an answer before its time means.
    pub(super) fn broken(&self, service: Service, error: &io::Error) -> GitError {
        let (url, step) = (
            self.url().to_string(),
            if service == Service::UploadPackLs {
                Step::List
            } else {
                Step::Transfer
            },
        );
        if let Some(TooLarge { .. }) = error.get_ref().and_then(|error| error.downcast_ref()) {
            let limit = if step == Step::List { LISTING } else { self.limits.bytes };
            return GitError::TransferTooLarge { url, limit };
        }
        if is_silence(error) {
            return GitError::Timeout {
                url,
                step: step.words().into(),
                limit: self.limits.silence.min(step.limit(&self.limits)),
            };
        }
        GitError::Unreachable {
            url,
            reason: one_line(&error.to_string()),
        }
    }

    fn refused(&self, url: &RepositoryUrl) -> GitError {
        let url = url.to_string();
        match self.credentials {
            Credentials::None => GitError::CredentialsMissing { url },
            _ => GitError::WrongCredentials {
                url,
                given: self.credentials.kind().into(),
            },
        }
    }

    /// Goes on at another path of the same server, where the credentials may be sent to that one, too.
    fn follow(&self, url: &RepositoryUrl, location: &str) -> Result<(), GitError> {
        let refused = || GitError::Redirected { url: url.to_string() };
        let base = location
            .split('?')
            .next()
            .unwrap_or_default()
            .strip_suffix("/info/refs")
            .ok_or_else(refused)?;
        let next = if base.starts_with("//") {
            // The beginning of another host.
            return Err(refused());
        } else if base.starts_with('/') {
            url.with_path(base)
        } else {
            RepositoryUrl::parse(base, url.policy()).and_then(|next| {
                let same = next.form() == url.form() && next.host() == url.host() && next.port() == url.port();
                if same {
                    Ok(next)
                } else {
                    Err(UrlError::Malformed {
                        problem: "another server",
                    })
                }
            })
        };
        let next = next.map_err(|_| refused())?;
        if !self.credentials.are_for(&next) {
            return Err(refused());
        }
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    fn ask(&self, url: &RepositoryUrl, service: Service, body: &[u8]) -> Result<Answer, GitError> {
        let failed = |reason: String| GitError::Unreachable {
            url: url.to_string(),
            reason,
        };
        let read = |error: io::Error| {
            failed(if is_silence(&error) {
                "no answer in time".to_owned()
            } else {
                one_line(&error.to_string())
            })
        };
        let stream = self.connect(url).map_err(read)?;
        let mut connection: Connection = match url.form() {
            crate::source::git::url::Form::Https => match tls::wrap(stream, url.host()) {
                Ok(stream) => Box::new(stream),
                Err(TlsFailure::Untrusted(reason)) => {
                    return Err(GitError::UntrustedCertificate {
                        url: url.to_string(),
                        reason: one_line(&reason),
                    });
                }
                Err(TlsFailure::NoTls(detail)) => return Err(failed(one_line(&detail))),
            },
            _ => Box::new(stream),
        };
        connection
            .write_all(self.request(url, service, body).as_slice())
            .and_then(|()| connection.flush())
            .map_err(read)?;
        let limit = if service == Service::UploadPackLs {
            LISTING
        } else {
            self.limits.bytes
        };
        Answer::read(connection, limit).map_err(read)
    }

    /// Connects through the proxy, or to the host itself where there is none.
    fn connect(&self, url: &RepositoryUrl) -> io::Result<TcpStream> {
        let limited = |stream: TcpStream| {
            stream.set_read_timeout(Some(self.limits.silence))?;
            stream.set_write_timeout(Some(self.limits.silence))?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let Some(proxy) = &self.route.proxy else {
            return dial(url, self.limits.connect).and_then(limited);
        };
        let mut stream = limited(TcpStream::connect_timeout(&proxy.address, self.limits.connect)?)?;
        let authority = url.authority();
        let request = format!(
            "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: Bearer {}\r\n\r\n",
            proxy.token
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            answer.push(byte[0]);
            if answer.len() > 1024 {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        if answer.starts_with(b"HTTP/1.1 200 ") {
            Ok(stream)
        } else {
            Err(io::Error::other("the server cannot be connected to"))
        }
    }

    fn request(&self, url: &RepositoryUrl, service: Service, body: &[u8]) -> Vec<u8> {
        let (path, host) = (url.path().trim_end_matches('/'), url.host_header());
        let mut head = match service {
            Service::UploadPackLs => {
                format!("GET {path}/info/refs?service=git-upload-pack HTTP/1.1\r\nAccept: */*\r\n")
            }
            _ => format!(
                "POST {path}/git-upload-pack HTTP/1.1\r\nAccept: {}\r\nContent-Type: \
                 application/x-git-upload-pack-request\r\nContent-Length: {}\r\n",
                content_type(service),
                body.len()
            ),
        };
        // Some servers tell Git's clients from browsers by this beginning.
        head.push_str(&format!(
            "Host: {host}\r\nUser-Agent: git/2.0 (driftmend)\r\nConnection: close\r\n"
        ));
        if let Credentials::Basic { username, password, .. } = &self.credentials
            && self.credentials.are_for(url)
        {
            head.push_str(&format!(
                "Authorization: Basic {}\r\n",
                STANDARD.encode(format!("{username}:{password}"))
            ));
        }
        head.push_str("\r\n");
        let mut request = head.into_bytes();
        if service == Service::UploadPack {
            request.extend_from_slice(body);
        }
        request
    }
}

fn dial(url: &RepositoryUrl, limit: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in (url.host(), url.port()).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, limit) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn content_type(service: Service) -> &'static str {
    match service {
        Service::UploadPackLs => "application/x-git-upload-pack-advertisement",
        _ => "application/x-git-upload-pack-result",
    }
}

/// What a socket says whose time is over.
fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
