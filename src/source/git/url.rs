//! A repository's URL as a type that cannot be wrong.
//!
//! The text is taken apart by a strict grammar and put together again from the checked parts, so that libgit2, which has a URL
//! parser of its own, never sees a text that two parsers could read in two ways.

use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use serde::{Deserialize, Serialize};

use super::GitError;
use super::address::{refused_address, refused_name};

/// How far a tenant's URL may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UrlPolicy {
    /// Only `https` and `ssh`, and never the controller's own machine.
    #[default]
    Encrypted,

    /// Also `http` and loopback addresses: for a Git server inside a development cluster, for tests and the demo.
    PlainHttp,
}

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
        /// The host of the URL.
        host: String,

        /// What the host is.
        reason: &'static str,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Form {
    Https,
    Http,
    Ssh,
    /// `user@host:path`: unlike in `ssh://`, the path is relative to the user's home.
    Scp,
}

/// The URL of a repository: encrypted or explicitly allowed, without a secret, and not leading to a metadata service.
///
/// `Display` shows it without user information; nothing else of this type is meant for people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RepositoryUrl {
    form: Form,
    /// Only for ssh, where the name is part of the address and not a secret.
    user: Option<String>,
    /// In lower case; an IPv6 address without its brackets.
    host: String,
    port: Option<u16>,
    /// With its leading slash, except in the scp-like form.
    path: String,
    loopback: Loopback,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Loopback {
    Refused,
    Allowed,
}

impl RepositoryUrl {
    /// Reads `https://`, `ssh://`, the scp-like `user@host:path` and, where the policy allows it, `http://`.
    ///
    /// # Errors
    ///
    /// Any other scheme (`file://`, `git://`, a plain path), credentials in the URL, a query or fragment, dot segments, a link-local
    /// or metadata host. Where a *name* leads is checked again each time before it is connected to.
    pub fn parse(text: &str, policy: UrlPolicy) -> Result<RepositoryUrl, UrlError> {
        let loopback = if policy == UrlPolicy::PlainHttp { Loopback::Allowed } else { Loopback::Refused };
        let (form, user, authority, path) = split(text)?;
        if form == Form::Http && policy == UrlPolicy::Encrypted {
            return Err(UrlError::PlainHttp);
        }
        let (host, port) = if form == Form::Scp { (authority.to_owned(), None) } else { split_port(authority)? };
        let host = checked_host(&host, policy)?;
        check_path(path)?;
        Ok(RepositoryUrl { form, user, host, port, path: path.to_owned(), loopback })
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
        self.port.unwrap_or(match self.form {
            Form::Https => 443,
            Form::Http => 80,
            Form::Ssh | Form::Scp => 22,
        })
    }

    /// The user that ssh logs in as.
    pub(super) fn user(&self) -> &str {
        self.user.as_deref().unwrap_or("git")
    }

    /// The text that libgit2 gets; it holds no secret.
    pub(super) fn connection(&self) -> String {
        let user = if self.is_ssh() { format!("{}@", self.user()) } else { String::new() };
        self.render(&user)
    }

    /// The same text with an address in place of the host, for one that was resolved and checked before.
    pub(super) fn connection_at(&self, address: SocketAddr) -> String {
        // The scp-like form has no place for a port: its own is always the usual one.
        let port = (self.form != Form::Scp).then_some(address.port());
        RepositoryUrl { host: address.ip().to_string(), port, ..self.clone() }.connection()
    }

    /// Resolves the host and checks every address it leads to.
    ///
    /// # Caveats
    ///
    /// libgit2 resolves the name once more. A name that answers differently the second time is stopped by the certificate or the
    /// host key, which no metadata service has; plain `http` has no such second lock.
    ///
    /// # Errors
    ///
    /// [`GitError::Unreachable`] when the name does not resolve, [`GitError::RefusedAddress`] when any of its addresses is refused.
    pub(super) fn check_addresses(&self) -> Result<(), GitError> {
        let policy = if self.loopback == Loopback::Allowed { UrlPolicy::PlainHttp } else { UrlPolicy::Encrypted };
        let addresses = (self.host.as_str(), self.port()).to_socket_addrs().map_err(|error| GitError::Unreachable {
            url: self.to_string(),
            reason: format!("the name {} does not resolve: {error}", self.host),
        })?;
        for address in addresses {
            if let Some(reason) = refused_address(address.ip(), policy) {
                return Err(GitError::RefusedAddress { url: self.to_string(), address: address.ip().to_string(), reason: reason.into() });
            }
        }
        Ok(())
    }

    fn render(&self, user: &str) -> String {
        let RepositoryUrl { host, path, .. } = self;
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        match self.form {
            Form::Https => format!("https://{user}{host}{port}{path}"),
            Form::Http => format!("http://{user}{host}{port}{path}"),
            Form::Ssh => format!("ssh://{user}{host}{port}{path}"),
            Form::Scp => format!("{user}{host}:{path}"),
        }
    }
}

impl fmt::Display for RepositoryUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(""))
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
                other => return Err(UrlError::Scheme { scheme: printable(other) }),
            };
            let slash = rest.find('/').ok_or(UrlError::Malformed { problem: "no path to a repository" })?;
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
        return Err(UrlError::Malformed { problem: "a user name with characters that do not belong there" });
    }
    Ok(user.to_owned())
}

fn split_port(authority: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(UrlError::Malformed { problem: "a bracket that is not closed" })?;
            if !matches!(host.parse(), Ok(IpAddr::V6(_))) {
                return Err(UrlError::Malformed { problem: "brackets around something other than an IPv6 address" });
            }
            (host, after)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if port.is_empty() {
        return Ok((host.to_owned(), None));
    }
    let digits = port.strip_prefix(':').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(port) if port != 0 => Ok((host.to_owned(), Some(port))),
        _ => Err(UrlError::Malformed { problem: "a port that is not a number from 1 to 65535" }),
    }
}

fn checked_host(host: &str, policy: UrlPolicy) -> Result<String, UrlError> {
    let host = host.to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if host.is_empty() {
        return Err(UrlError::Malformed { problem: "no host" });
    }
    if address.is_none() && (host.starts_with(['-', '.']) || !host.bytes().all(fits)) {
        return Err(UrlError::Malformed { problem: "a host with characters that do not belong there" });
    }
    let reason = address.and_then(|address| refused_address(address, policy)).or_else(|| refused_name(&host, policy));
    match reason {
        Some(reason) => Err(UrlError::Refused { host, reason }),
        None => Ok(host),
    }
}

/// Allows what paths of Git servers are made of. libgit2 puts the path of an ssh URL between single quotes on the server's
/// command line without escaping it, so a quote must not come through, not even as `%27`.
fn check_path(path: &str) -> Result<(), UrlError> {
    let trimmed = path.trim_matches('/');
    if trimmed.is_empty() {
        return Err(UrlError::Malformed { problem: "no path to a repository" });
    }
    if path.starts_with('-') {
        return Err(UrlError::Malformed { problem: "a path that reads like an option" });
    }
    if path.contains(['?', '#']) {
        return Err(UrlError::Malformed { problem: "a query or a fragment" });
    }
    if trimmed.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(UrlError::Malformed { problem: "a . or .. segment in its path" });
    }
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => matches!((bytes.next(), bytes.next()), (Some(b'2'), Some(b'0' | b'B' | b'b' | b'C' | b'c'))),
            _ => byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~' | b'+' | b'@' | b':' | b',' | b'='),
        };
        if !fits {
            return Err(UrlError::Malformed { problem: "a path with characters that do not belong there" });
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "url/tests.rs"]
mod tests;
