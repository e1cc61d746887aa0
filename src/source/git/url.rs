//! A repository's URL as a type that cannot be wrong.
//!
//! The text is taken apart by a strict grammar and put together again from the checked parts, so that libgit2, which
//! has a URL parser of its own, never sees a text that two parsers could read in two ways.

mod parts;

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::UrlPolicy;
use super::address::{is_metadata_name, is_own_name};
use super::policy::{DENIED_RANGE, NOT_LISTED};
use parts::{bracketed, check_path, checked_host, split, split_port};

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

#[cfg(test)]
#[path = "url/tests.rs"]
mod tests;
