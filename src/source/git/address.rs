//! Addresses a Git source may never lead to.
//!
//! A DriftWatch is written by a tenant and fetched by the controller, so its URL must not reach what only the controller's
//! own node can reach: link-local addresses and the cloud providers' metadata services, which hand out the node's credentials.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::UrlPolicy;

/// Metadata services outside the link-local ranges, each with its provider.
const METADATA_ADDRESSES: &[(IpAddr, &str)] = &[
    (IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), "the metadata service of AWS"),
    (IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)), "the metadata service of Google Cloud"),
    (IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), "the metadata service of Alibaba Cloud"),
    (IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)), "the metadata service of Oracle Cloud"),
    (IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)), "the host agent of Azure"),
];

/// Names that lead to a metadata service, whatever they resolve to here.
const METADATA_NAMES: &[&str] = &["metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal"];

/// Says why a host name is refused before it is resolved; `None` for a name that may be asked for.
pub(super) fn refused_name(host: &str, policy: UrlPolicy) -> Option<&'static str> {
    let name = host.strip_suffix('.').unwrap_or(host);
    if METADATA_NAMES.contains(&name) {
        return Some("a metadata service");
    }
    let local = name == "localhost" || name.ends_with(".localhost");
    (local && policy == UrlPolicy::Encrypted).then_some("the controller's own machine")
}

/// Says why an address is refused; `None` for one that may be connected to.
pub(super) fn refused_address(address: IpAddr, policy: UrlPolicy) -> Option<&'static str> {
    let address = unwrap_embedded(address);
    if let Some((_, owner)) = METADATA_ADDRESSES.iter().find(|(metadata, _)| *metadata == address) {
        return Some(owner);
    }
    let (link_local, loopback) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.is_loopback()),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.is_loopback()),
    };
    if link_local {
        return Some("a link-local address");
    }
    if address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Some("not the address of one server");
    }
    // 0.0.0.0 and :: connect to the machine itself on Linux.
    let own = loopback || address.is_unspecified();
    (own && policy == UrlPolicy::Encrypted).then_some("the controller's own machine")
}

/// The IPv4 address inside an IPv6 one that a router or the kernel takes out again: IPv4-mapped, and the NAT64 prefix of RFC 6052.
fn unwrap_embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return IpAddr::V4(v4);
    }
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, policy: UrlPolicy) -> Option<&'static str> {
        refused_address(text.parse().unwrap(), policy)
    }

    #[test]
    fn link_local_and_metadata_addresses_are_refused_under_every_policy() {
        for policy in [UrlPolicy::Encrypted, UrlPolicy::PlainHttp] {
            for address in [
                "169.254.169.254",
                "169.254.0.1",
                "fe80::1",
                "febf::1",
                "::ffff:169.254.169.254",
                "64:ff9b::a9fe:a9fe",
                "fd00:ec2::254",
                "fd20:ce::254",
                "100.100.100.200",
                "168.63.129.16",
                "224.0.0.1",
                "255.255.255.255",
            ] {
                assert!(refused(address, policy).is_some(), "{address} must be refused under {policy:?}");
            }
        }
    }

    #[test]
    fn the_own_machine_is_reached_only_where_plain_http_is_allowed_too() {
        for address in ["127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"] {
            assert_eq!(refused(address, UrlPolicy::Encrypted), Some("the controller's own machine"), "{address}");
            assert_eq!(refused(address, UrlPolicy::PlainHttp), None, "{address}");
        }
        assert_eq!(refused_name("localhost", UrlPolicy::Encrypted), Some("the controller's own machine"));
        assert_eq!(refused_name("localhost", UrlPolicy::PlainHttp), None);
    }

    #[test]
    fn private_and_public_addresses_pass() {
        for address in ["10.0.0.7", "192.168.1.1", "140.82.121.4", "fd12:3456::1", "2606:50c0:8000::153"] {
            assert_eq!(refused(address, UrlPolicy::Encrypted), None, "{address}");
        }
    }

    #[test]
    fn a_metadata_name_is_refused_with_and_without_its_final_dot() {
        assert_eq!(refused_name("metadata.google.internal", UrlPolicy::PlainHttp), Some("a metadata service"));
        assert_eq!(refused_name("metadata.google.internal.", UrlPolicy::PlainHttp), Some("a metadata service"));
        assert_eq!(refused_name("git.example.com", UrlPolicy::Encrypted), None);
    }
}
