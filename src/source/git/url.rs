//! A repository's URL as a type that cannot be wrong.
//!
//! The text is taken apart by a strict grammar and put together again from the checked parts, so that libgit2, which
//! has a URL parser of its own, never sees a text that two parsers could read in two ways.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::UrlPolicy;
use super::address::{is_metadata_name, is_own_name};
use super::policy::{DENIED_RANGE, NOT_LISTED};

/// Why a text is not the URL of a repository that may be fetched.
///
/// No message repeats the text, since the text may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The scheme is not one of those that are served.
    #[error("unsupported scheme {scheme:?} in the repository URL: use https:// or ssh:// (or git@host:path)")]
    Scheme {
        /// The scheme that was given; empty for a plain path.
        scheme: String,
    },

    /// `http` under a policy that wants encryption.
    #[error("http:// is not allowed for a repository URL here: use https:// or ssh://")]
    PlainHttp,

    /// A user name or password inside the URL.
    #[error("the repository URL holds credentials: name a Secret in secretRef instead")]
    Credentials,

    /// A part that is absent or has characters that do not belong there.
    #[error("the repository URL has {problem}")]
    Malformed {
        /// What is wrong, such as `no host`.
        problem: &'static str,
    },

    /// A host that a tenant may not reach through the controller.
    #[error("the repository URL leads to {host}, {reason}, which is refused")]
    Refused {
        /// The host of the URL, with its port where it is not the usual one.
        host: String,

        /// What the host is.
        reason: &'static str,
    },
}

impl UrlError {
    /// What an administrator can do about a host that a tenant may not name.
    pub fn hint(&self) -> Option<String> {
        match self {
            UrlError::Refused { host, reason } if matches!(*reason, NOT_LISTED | DENIED_RANGE) => Some(format!(
                "an administrator may list {host} in git.allowedHosts of the chart"
            )),
            _ => None,
        }
    }
}

/// The scheme, or the form without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Form {
    Https,
    Http,
    Ssh,
    /// `user@host:path`: unlike in `ssh://`, the path is relative to the user's home.
    Scp,
}

impl Form {
    /// The port that is connected to where the URL names none.
    pub(super) fn usual_port(self) -> u16 {
        match self {
            Form::Https => 443,
            Form::Http => 80,
            Form::Ssh | Form::Scp => 22,
        }
    }
}

/// The URL of a repository: encrypted or explicitly allowed, without a secret, and not leading to a metadata service.
///
/// `Display` shows it without user information; nothing else of this type is meant for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RepositoryUrl {
    form: Form,
    /// Only for ssh, where the name is part of the address and not a secret.
    user: Option<String>,
    /// In lower case and without a final dot; an IPv6 address without its brackets.
    host: String,
    port: Option<u16>,
    /// With its leading slash, except in the scp-like form.
    path: String,
    /// What it was allowed under; what its host leads to is held against it each time before it is connected to.
    policy: UrlPolicy,
}

impl RepositoryUrl {
    /// Reads `https://`, `ssh://`, the scp-like `user@host:path` and, where the policy allows it, `http://`.
    ///
    /// # Errors
    ///
    /// Any other scheme (`file://`, `git://`, a plain path), credentials in the URL, a query or fragment, dot segments,
    /// a link-local or metadata host. Where a *name* leads is checked again each time before it is connected to.
    pub fn parse(text: &str, policy: &UrlPolicy) -> Result<RepositoryUrl, UrlError> {
        let (form, user, authority, path) = split(text)?;
        if form == Form::Http && !policy.plain_http() {
            return Err(UrlError::PlainHttp);
        }
        let (host, port) = if form == Form::Scp {
            (authority.to_owned(), None)
        } else {
            split_port(authority)?
        };
        let host = checked_host(&host)?;
        check_path(path)?;
        let url = RepositoryUrl {
            form,
            user,
            host,
            port,
            path: path.to_owned(),
            policy: policy.clone(),
        };
        match url.refused_host() {
            Some(reason) => Err(UrlError::Refused {
                host: url.host_header(),
                reason,
            }),
            None => Ok(url),
        }
    }

    /// The same repository server, with another path.
    pub(super) fn with_path(&self, path: &str) -> Result<RepositoryUrl, UrlError> {
        check_path(path)?;
        Ok(RepositoryUrl {
            path: path.to_owned(),
            ..self.clone()
        })
    }

    /// Whether the connection is made by ssh, with a key and known hosts, and not by http.
    pub fn is_ssh(&self) -> bool {
        matches!(self.form, Form::Ssh | Form::Scp)
    }

    /// The host in lower case; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that is connected to.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.form.usual_port())
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// With its leading slash, except in the scp-like form.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn policy(&self) -> &UrlPolicy {
        &self.policy
    }

    /// `host:port`, with the brackets of an IPv6 address.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", bracketed(&self.host), self.port())
    }

    /// `host`, and the port where it is not the usual one: what a `Host` header has.
    pub(super) fn host_header(&self) -> String {
        if self.port() == self.form.usual_port() {
            bracketed(&self.host)
        } else {
            self.authority()
        }
    }

    /// The user that ssh logs in as.
    pub(super) fn user(&self) -> &str {
        self.user.as_deref().unwrap_or("git")
    }

    /// The text that libgit2 gets; it holds no secret.
    pub(super) fn connection(&self) -> String {
        self.at(&self.host, self.port)
    }

    /// The text that libgit2 gets for a server whose address stands in for its name.
    pub(super) fn connection_at(&self, address: std::net::SocketAddr) -> String {
        self.at(&address.ip().to_string(), Some(address.port()))
    }

    fn at(&self, host: &str, port: Option<u16>) -> String {
        let user = if self.is_ssh() {
            format!("{}@", self.user())
        } else {
            String::new()
        };
        self.render(&user, host, port)
    }

    /// Says why the host may not be asked, before it is resolved.
    fn refused_host(&self) -> Option<&'static str> {
        if is_metadata_name(&self.host) {
            return Some("a metadata service");
        }
        if is_own_name(&self.host) && !self.policy.loopback() {
            return Some("the controller's own machine");
        }
        let listed = || {
            self.policy
                .refused_host(&self.host, self.port(), self.form.usual_port())
        };
        let address: Option<IpAddr> = self.host.parse().ok();
        address
            .and_then(|address| self.refused_address(address))
            .or_else(listed)
    }

    /// Says why an address that the host leads to may not be connected to.
    pub(super) fn refused_address(&self, address: IpAddr) -> Option<&'static str> {
        self.policy
            .refused_address(&self.host, self.port(), self.form.usual_port(), address)
    }

    fn render(&self, user: &str, host: &str, port: Option<u16>) -> String {
        let RepositoryUrl { path, .. } = self;
        let host = bracketed(host);
        let after = port.map(|port| format!(":{port}")).unwrap_or_default();
        match self.form {
            Form::Https => format!("https://{user}{host}{after}{path}"),
            Form::Http => format!("http://{user}{host}{after}{path}"),
            Form::Ssh => format!("ssh://{user}{host}{after}{path}"),
            // The form in which libgit2 takes a port here.
            Form::Scp if port.is_some() => format!("[{user}{host}{after}]:{path}"),
            Form::Scp => format!("{user}{host}:{path}"),
        }
    }
}

impl fmt::Display for RepositoryUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render("", &self.host, self.port))
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// Form, user, `host[:port]` and path.
fn split(text: &str) -> Result<(Form, Option<String>, &str, &str), UrlError> {
    let (form, authority, path) = match text.split_once("://") {
        Some((scheme, rest)) => {
            let form = match scheme.to_ascii_lowercase().as_str() {
                "https" => Form::Https,
                "http" => Form::Http,
                "ssh" | "git+ssh" | "ssh+git" => Form::Ssh,
                other => {
                    return Err(UrlError::Scheme {
                        scheme: printable(other),
                    });
                }
            };
            let slash = rest.find('/').ok_or(UrlError::Malformed {
                problem: "no path to a repository",
            })?;
            let (authority, path) = rest.split_at(slash);
            (form, authority, path)
        }
        None => {
            // Without a user, `name:path` cannot be told from a path or another scheme.
            let (authority, path) = text
                .split_once(':')
                .filter(|(before, _)| before.contains('@') && !before.contains('/'))
                .ok_or(UrlError::Scheme { scheme: String::new() })?;
            (Form::Scp, authority, path)
        }
    };
    let (user, authority) = match (form, authority.rsplit_once('@')) {
        (Form::Ssh | Form::Scp, Some((user, host))) => (Some(checked_user(user)?), host),
        (_, Some(_)) => return Err(UrlError::Credentials),
        (_, None) => (None, authority),
    };
    Ok((form, user, authority, path))
}

/// A scheme cut to what is safe to show.
fn printable(scheme: &str) -> String {
    if scheme.len() <= 16 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+') {
        scheme.to_owned()
    } else {
        String::new()
    }
}

fn checked_user(user: &str) -> Result<String, UrlError> {
    if user.contains(':') {
        return Err(UrlError::Credentials);
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if user.is_empty() || user.starts_with('-') || !user.bytes().all(fits) {
        return Err(UrlError::Malformed {
            problem: "a user name with characters that do not belong there",
        });
    }
    Ok(user.to_owned())
}

fn split_port(authority: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(UrlError::Malformed {
                problem: "a bracket that is not closed",
            })?;
            if !matches!(host.parse(), Ok(IpAddr::V6(_))) {
                return Err(UrlError::Malformed {
                    problem: "brackets around something other than an IPv6 address",
                });
            }
            (host, after)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if port.is_empty() {
        return Ok((host.to_owned(), None));
    }
    let digits = port
        .strip_prefix(':')
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(port) if port != 0 => Ok((host.to_owned(), Some(port))),
        _ => Err(UrlError::Malformed {
            problem: "a port that is not a number from 1 to 65535",
        }),
    }
}

fn checked_host(host: &str) -> Result<String, UrlError> {
    let host = host.to_ascii_lowercase();
    // The root's dot changes nothing about where a name leads, and would make two names of one host.
    let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
    let address: Option<IpAddr> = host.parse().ok();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if host.is_empty() {
        return Err(UrlError::Malformed { problem: "no host" });
    }
    // One spelling for each address: lists and scopes compare texts.
    if let Some(address) = address {
        return Ok(address.to_string());
    }
    if host.starts_with(['-', '.']) || host.ends_with('.') || host.contains("..") || !host.bytes().all(fits) {
        return Err(UrlError::Malformed {
            problem: "a host with characters that do not belong there",
        });
    }
    Ok(host)
}

/// Allows what paths of Git servers are made of. libgit2 puts the path of an ssh URL between single quotes on the
/// server's command line without escaping it, so a quote must not come through, not even as `%27`.
fn check_path(path: &str) -> Result<(), UrlError> {
    let trimmed = path.trim_matches('/');
    if trimmed.is_empty() {
        return Err(UrlError::Malformed {
            problem: "no path to a repository",
        });
    }
    if path.starts_with('-') {
        return Err(UrlError::Malformed {
            problem: "a path that reads like an option",
        });
    }
    if path.contains(['?', '#']) {
        return Err(UrlError::Malformed {
            problem: "a query or a fragment",
        });
    }
    if trimmed.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(UrlError::Malformed {
            problem: "a . or .. segment in its path",
        });
    }
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => matches!(
                (bytes.next(), bytes.next()),
                (Some(b'2'), Some(b'0' | b'B' | b'b' | b'C' | b'c'))
            ),
            _ => {
                byte.is_ascii_alphanumeric()
                    || matches!(
                        byte,
                        b'/' | b'-' | b'_' | b'.' | b'~' | b'+' | b'@' | b':' | b',' | b'='
                    )
            }
        };
        if !fits {
            return Err(UrlError::Malformed {
                problem: "a path with characters that do not belong there",
            });
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "url/tests.rs"]
mod tests;
