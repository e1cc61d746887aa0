//! Where an address leads, as far as that decides whether a source may be read there.
//!
//! A DriftWatch is written by a tenant and read by the controller, so its URL must not reach what the controller's
//! place in the network can reach and the tenant's cannot. Some addresses are refused whatever an administrator lists:
//! the cloud providers' metadata services, which hand out the node's credentials, and what no Git server can be at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::network::Network;

/// What an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Never to be connected to; what it is, in words.
    Never(&'static str),

    /// The controller's own machine.
    Loopback,

    /// One that may be connected to where nothing else speaks against it: as IPv4, where an IPv6 address only wraps
    /// one.
    Ordinary(IpAddr),
}

/// Metadata services outside the link-local ranges, each with its provider.
const METADATA_ADDRESSES: &[(IpAddr, &str)] = &[
    (
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
        "the metadata service of AWS",
    ),
    (
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253)),
        "the name service of AWS",
    ),
    (
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
        "the credential service of AWS",
    ),
    (
        IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
        "the metadata service of Google Cloud",
    ),
    (
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe)),
        "the metadata service of Oracle Cloud",
    ),
    (
        IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
        "the metadata service of Alibaba Cloud",
    ),
    (
        IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
        "the metadata service of Oracle Cloud",
    ),
    (IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)), "the host agent of Azure"),
];

/// Names that lead to a metadata service, whatever they resolve to here.
const METADATA_NAMES: &[&str] = &[
    "metadata.google.internal",
    "metadata.goog",
    "metadata",
    "instance-data",
    "instance-data.ec2.internal",
];

/// Ranges at which no Git server can be, from IANA's registries of special-purpose addresses.
const NEVER: &[(&str, &str)] = &[
    ("169.254.0.0/16", "a link-local address"),
    ("fe80::/10", "a link-local address"),
    ("fec0::/10", "a site-local address"),
    ("224.0.0.0/4", "not the address of one server"),
    ("ff00::/8", "not the address of one server"),
    ("0.0.0.0/8", "a reserved address"),
    ("192.0.0.0/24", "a reserved address"),
    ("192.88.99.0/24", "a reserved address"),
    ("240.0.0.0/4", "a reserved address"),
    ("192.0.2.0/24", "an address of documentation"),
    ("198.51.100.0/24", "an address of documentation"),
    ("203.0.113.0/24", "an address of documentation"),
    ("2001:db8::/32", "an address of documentation"),
    ("3fff::/20", "an address of documentation"),
    ("2001::/32", "an address of Teredo, which wraps another one"),
    ("2001:2::/48", "a reserved address"),
    ("2001:10::/28", "a reserved address"),
    ("2001:20::/28", "a reserved address"),
];

/// Global unicast and unique local addresses: the only IPv6 ranges in which a server can be.
const IPV6_OF_SERVERS: &[&str] = &["2000::/3", "fc00::/7"];

/// Whether a host name is one of a metadata service, before it is resolved.
pub(super) fn is_metadata_name(host: &str) -> bool {
    METADATA_NAMES.contains(&host)
}

/// Whether a host name is one of the own machine, before it is resolved.
pub(super) fn is_own_name(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost") || host == "localhost.localdomain"
}

/// Says what an address is.
pub(super) fn standing(address: IpAddr) -> Standing {
    let address = unwrapped(address);
    if let Some((_, owner)) = METADATA_ADDRESSES.iter().find(|(metadata, _)| *metadata == address) {
        return Standing::Never(owner);
    }
    // 0.0.0.0 and :: connect to the machine itself on Linux.
    if address.is_loopback() || address.is_unspecified() {
        return Standing::Loopback;
    }
    let within = |text: &str| Network::parse(text).is_ok_and(|network| network.contains(address));
    if let Some((_, what)) = NEVER.iter().find(|(range, _)| within(range)) {
        return Standing::Never(what);
    }
    if address.is_ipv6() && !IPV6_OF_SERVERS.iter().any(|range| within(range)) {
        return Standing::Never("a reserved address");
    }
    Standing::Ordinary(address)
}

/// The IPv4 address inside an IPv6 one that a router or the kernel takes out again: IPv4-mapped and -compatible, the
/// NAT64 prefix of RFC 6052, 6to4 (RFC 3056) and ISATAP's interface ids (RFC 5214).
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => of(high, low),
        [0x2002, high, low, ..] => of(high, low),
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => of(high, low),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Standing {
        standing(text.parse().unwrap())
    }

    #[test]
    fn link_local_metadata_and_reserved_addresses_are_never_reached() {
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "2001:0:1:2:3:4:5:6",
            "2606:4700::5efe:169.254.169.254",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "240.0.0.1",
            "0.1.2.3",
            "192.0.2.1",
            "2001:db8::1",
            "100::1",
            "5f00::1",
            "4000::1",
        ] {
            assert!(
                matches!(of(address), Standing::Never(_)),
                "{address}: {:?}",
                of(address)
            );
        }
    }

    #[test]
    fn the_own_machine_is_known_in_every_notation() {
        for address in [
            "127.0.0.1",
            "127.8.8.8",
            "::1",
            "0.0.0.0",
            "::",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
            "::127.0.0.1",
        ] {
            assert_eq!(of(address), Standing::Loopback, "{address}");
        }
        for name in ["localhost", "git.localhost", "localhost.localdomain"] {
            assert!(is_own_name(name), "{name}");
        }
        assert!(!is_own_name("localhost.example.com"));
    }

    #[test]
    fn a_private_address_stays_one_whatever_it_is_wrapped_in() {
        let private = Standing::Ordinary("10.0.0.7".parse().unwrap());
        for address in [
            "10.0.0.7",
            "::ffff:10.0.0.7",
            "64:ff9b::a00:7",
            "2002:a00:7::1",
            "2606:4700::5efe:10.0.0.7",
        ] {
            assert_eq!(of(address), private, "{address}");
        }
        for address in ["140.82.121.4", "fd12:3456::1", "2606:50c0:8000::153"] {
            assert_eq!(of(address), Standing::Ordinary(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn every_range_of_the_tables_can_be_read() {
        for range in NEVER.iter().map(|(range, _)| range).chain(IPV6_OF_SERVERS) {
            assert!(Network::parse(range).is_ok(), "{range}");
        }
    }
}
