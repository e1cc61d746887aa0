//! Hosts and addresses that may be asked, and those that may not.

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
