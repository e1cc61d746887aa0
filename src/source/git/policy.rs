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
/// The address that a name leads to decides, each time before it is connected to: see [`super::gate`].
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
mod tests {
    use super::*;

    fn policy(hosts: &str) -> UrlPolicy {
        UrlPolicy::of_tenants(false, false, allowed_hosts(hosts).unwrap(), networks(DENIED).unwrap())
    }

    /// Why `https` may not be used to ask a host at an address.
    #[test]
    fn the_services_of_a_cluster_of_gke_are_denied_by_default() {
        let policy = UrlPolicy::of_tenants(false, false, Vec::new(), networks(DENIED).unwrap());
        assert_eq!(
            refused(&policy, "git.example.com", 443, "34.118.229.7"),
            Some(DENIED_RANGE)
        );
        assert_eq!(refused(&policy, "git.example.com", 443, "34.118.240.7"), None);
    }

    fn refused(policy: &UrlPolicy, host: &str, port: u16, address: &str) -> Option<&'static str> {
        policy
            .refused_host(host, port, 443)
            .or_else(|| policy.refused_address(host, port, 443, address.parse().unwrap()))
    }

    #[test]
    fn without_a_list_every_public_address_may_be_asked_and_no_private_one() {
        let policy = UrlPolicy::default();
        assert_eq!(refused(&policy, "git.example.com", 443, "140.82.121.4"), None);
        assert_eq!(refused(&policy, "git.example.com", 8443, "2606:50c0:8000::153"), None);
        for address in [
            "10.0.0.7",
            "172.20.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "fd12::1",
            "::ffff:10.0.0.7",
            "64:ff9b::a00:7",
        ] {
            assert_eq!(
                refused(&policy, "git.example.com", 443, address),
                Some("an address of a denied range"),
                "{address}"
            );
        }
        assert_eq!(
            refused(&policy, "git.example.com", 443, "127.0.0.1"),
            Some("the controller's own machine")
        );
    }

    #[test]
    fn a_host_that_is_listed_may_be_private_and_no_other_may_be_asked() {
        let policy = policy("git.corp.example,10.0.0.9,*.dev.example:*,[fd00::5]:8443");
        for (host, port, address) in [
            ("git.corp.example", 443, "10.0.0.7"),
            ("10.0.0.9", 443, "10.0.0.9"),
            ("a.dev.example", 3000, "192.168.0.4"),
            ("a.b.dev.example", 443, "1.1.1.1"),
            ("fd00::5", 8443, "fd00::5"),
        ] {
            assert_eq!(refused(&policy, host, port, address), None, "{host}:{port}");
        }
        for (host, port) in [
            ("git.corp.example", 22),
            ("git.corp.example", 8080),
            ("git.corp.example.evil.example", 443),
            ("evilgit.corp.example", 443),
            ("dev.example", 443),
            ("evildev.example", 443),
            ("fd00::5", 443),
            ("github.com", 443),
        ] {
            assert_eq!(
                refused(&policy, host, port, "1.1.1.1"),
                Some("not one of the hosts that are allowed"),
                "{host}:{port}"
            );
        }
    }

    #[test]
    fn no_list_opens_metadata_services_or_the_own_machine() {
        for hosts in ["", "*", "git.corp.example:*", "169.254.169.254:*", "127.0.0.1:*"] {
            for address in [
                "169.254.169.254",
                "127.0.0.1",
                "::1",
                "fd00:ec2::254",
                "0.0.0.0",
                "fe80::1",
            ] {
                for host in ["git.corp.example", "169.254.169.254", "127.0.0.1"] {
                    assert!(
                        refused(&policy(hosts), host, 443, address).is_some(),
                        "{hosts:?} {host} {address}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_star_is_every_public_host_beside_those_that_are_listed() {
        let policy = policy("*,git.corp.example");
        assert_eq!(refused(&policy, "github.com", 8443, "140.82.121.4"), None);
        assert_eq!(
            refused(&policy, "github.com", 443, "10.0.0.7"),
            Some("an address of a denied range")
        );
        assert_eq!(refused(&policy, "git.corp.example", 443, "10.0.0.7"), None);
        assert_eq!(
            refused(&policy, "git.corp.example", 8443, "10.0.0.7"),
            Some("an address of a denied range"),
            "another port is not listed"
        );
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "https://git.example",
            "git.example/team",
            "a b",
            "*",
            "git.*.example",
            "*.",
            "gít.example",
            "x:0",
            "x:http",
            ":443",
            "-x",
            "[::1",
            "a..b",
        ] {
            assert_eq!(AllowedHost::parse(text).is_ok(), text == "*", "{text}");
        }
        let (upper, dotted) = (
            AllowedHost::parse("GIT.Example.").unwrap(),
            AllowedHost::parse("git.example").unwrap(),
        );
        assert_eq!(upper, dotted);
    }
}
