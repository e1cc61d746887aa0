//! Where a source may lead, as an administrator decides it for all tenants.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::address::{Standing, standing};
use super::network::{Network, NetworkError};

/// Why a host is refused that no administrator listed.
pub(super) const NOT_LISTED: &str = "not one of the hosts that are allowed";

/// Why an address is refused whose host no administrator listed.
pub(super) const DENIED_RANGE: &str = "an address of a denied range";

/// The ranges that are refused unless an administrator says otherwise: private networks, those between a provider and
/// its customers (RFC 6598, where clusters of cloud providers have their Pods, too), benchmarks (RFC 2544), IPv6's
/// unique local addresses, and the range that looks public and is that of every GKE cluster's Services.
pub const DENIED: &str = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,198.18.0.0/15,34.118.224.0/20,fc00::/7";

/// How far a URL may go; cheap to clone.
///
/// The address that a name leads to decides, each time before it is connected to: see `source::git::gate`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Rules", into = "Rules")]
pub struct UrlPolicy(Arc<Rules>);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Rules {
    plain_http: bool,
    loopback: bool,
    /// Empty for every host.
    hosts: Vec<AllowedHost>,
    denied: Vec<Network>,
}

/// A host that sources may be read from: `git.example.com`, `git.example.com:8443`, `*.example.com`,
/// `git.example.com:*`, or `*`.
///
/// Without a port it is the usual one of the scheme. A host that is listed may have a private address; `*` stands for
/// every host and every port, but then only at addresses that are not denied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AllowedHost {
    name: Name,
    port: Port,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Name {
    Any,
    Exactly(String),
    /// With its leading dot.
    Below(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Port {
    Usual,
    Any,
    Exactly(u16),
}

/// Why a text is not a host that can be allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no host such as git.example.com, git.example.com:8443, *.example.com or *")]
pub struct AllowedHostError {
    /// The text.
    pub text: String,
}

/// What a policy says of a host's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listed {
    /// It is not on the list of those that are allowed.
    No,
    /// Any host may be asked.
    WithAll,
    /// By its name.
    ByName,
}

impl From<Rules> for UrlPolicy {
    fn from(rules: Rules) -> UrlPolicy {
        UrlPolicy(Arc::new(rules))
    }
}

impl From<UrlPolicy> for Rules {
    fn from(policy: UrlPolicy) -> Rules {
        Arc::unwrap_or_clone(policy.0)
    }
}

impl Default for UrlPolicy {
    /// What the controller does unless told otherwise: only `https` and `ssh`, every host with a public address.
    fn default() -> UrlPolicy {
        let denied = networks(DENIED).unwrap_or_default();
        UrlPolicy(Arc::new(Rules {
            plain_http: false,
            loopback: false,
            hosts: Vec::new(),
            denied,
        }))
    }
}

impl UrlPolicy {
    /// The policy of a controller whose sources are written by tenants.
    pub fn of_tenants(plain_http: bool, loopback: bool, hosts: Vec<AllowedHost>, denied: Vec<Network>) -> UrlPolicy {
        UrlPolicy(Arc::new(Rules {
            plain_http,
            loopback,
            hosts,
            denied,
        }))
    }

    /// The policy of a person at a terminal, who may ask whatever that machine may, its own servers and private
    /// networks included.
    pub fn of_a_person(plain_http: bool) -> UrlPolicy {
        UrlPolicy::of_tenants(plain_http, true, Vec::new(), Vec::new())
    }

    /// Whether nothing is refused but what never is a Git server.
    pub(super) fn is_of_a_person(&self) -> bool {
        self.0.loopback && self.0.hosts.is_empty() && self.0.denied.is_empty()
    }

    /// Whether `http://` is allowed.
    pub(super) fn plain_http(&self) -> bool {
        self.0.plain_http
    }

    /// Whether the own machine may be asked.
    pub(super) fn loopback(&self) -> bool {
        self.0.loopback
    }

    /// Says why a host may not be asked whatever its addresses are; `usual` is the port of the scheme.
    pub(super) fn refused_host(&self, host: &str, port: u16, usual: u16) -> Option<&'static str> {
        (self.listed(host, port, usual) == Listed::No).then_some(NOT_LISTED)
    }

    /// Says why an address of a host is refused; `None` for one that may be connected to.
    pub(super) fn refused_address(&self, host: &str, port: u16, usual: u16, address: IpAddr) -> Option<&'static str> {
        match standing(address) {
            Standing::Never(what) => Some(what),
            Standing::Loopback => (!self.0.loopback).then_some("the controller's own machine"),
            // An IPv6 range that is denied may also be written for addresses that wrap an IPv4 one.
            Standing::Ordinary(inner) => {
                let denied = self
                    .0
                    .denied
                    .iter()
                    .any(|network| network.contains(inner) || network.contains(address));
                (denied && self.listed(host, port, usual) != Listed::ByName).then_some(DENIED_RANGE)
            }
        }
    }

    fn listed(&self, host: &str, port: u16, usual: u16) -> Listed {
        if self.0.hosts.is_empty() {
            return Listed::WithAll;
        }
        let fits = |allowed: &&AllowedHost| allowed.fits(host, port, usual);
        let found: Vec<&Name> = self.0.hosts.iter().filter(fits).map(|allowed| &allowed.name).collect();
        match found.as_slice() {
            [] => Listed::No,
            names if names.iter().all(|name| **name == Name::Any) => Listed::WithAll,
            _ => Listed::ByName,
        }
    }
}

impl AllowedHost {
    /// Reads one entry of the list.
    ///
    /// # Errors
    ///
    /// A scheme, a path, letters that are not ASCII (a name with those is written with `xn--`), a star elsewhere than
    /// in front.
    pub fn parse(text: &str) -> Result<AllowedHost, AllowedHostError> {
        let error = || AllowedHostError { text: text.to_owned() };
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or_else(error)?,
            // An IPv6 address without brackets has no port.
            None if text.matches(':').count() > 1 => (text, ""),
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        let port = match port {
            "" => Port::Usual,
            ":*" => Port::Any,
            port => Port::Exactly(
                port.strip_prefix(':')
                    .and_then(|digits| digits.parse().ok())
                    .filter(|port| *port != 0)
                    .ok_or_else(error)?,
            ),
        };
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix('.').filter(|host| *host != "*").unwrap_or(&host);
        let fits = |name: &str| {
            let letters = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
            !name.is_empty() && letters && !name.starts_with(['.', '-']) && !name.contains("..")
        };
        let name = match host {
            "*" => Name::Any,
            _ if let Ok(address) = host.parse::<IpAddr>() => Name::Exactly(address.to_string()),
            _ => match host.strip_prefix("*.") {
                Some(parent) if fits(parent) => Name::Below(format!(".{parent}")),
                None if fits(host) => Name::Exactly(host.to_owned()),
                _ => return Err(error()),
            },
        };
        Ok(AllowedHost { name, port })
    }

    fn fits(&self, host: &str, port: u16, usual: u16) -> bool {
        let named = match &self.name {
            Name::Any => true,
            Name::Exactly(name) => name == host,
            Name::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        };
        named
            && match self.port {
                Port::Usual => port == usual || self.name == Name::Any,
                Port::Any => true,
                Port::Exactly(own) => own == port,
            }
    }
}

/// Reads ranges of addresses by commas.
///
/// # Errors
///
/// The first that is none.
pub fn networks(text: &str) -> Result<Vec<Network>, NetworkError> {
    entries(text).map(Network::parse).collect()
}

/// Reads hosts by commas.
///
/// # Errors
///
/// The first that is none.
pub fn allowed_hosts(text: &str) -> Result<Vec<AllowedHost>, AllowedHostError> {
    entries(text).map(AllowedHost::parse).collect()
}

/// The entries of a list by commas or lines.
pub(super) fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty())
}

#[cfg(test)]
mod tests;
