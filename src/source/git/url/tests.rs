use super::*;

fn parse(text: &str) -> Result<RepositoryUrl, UrlError> {
    RepositoryUrl::parse(text, &UrlPolicy::default())
}

#[test]
fn urls_are_shown_without_the_user_and_connected_to_with_it() {
    for (text, shown, connection, host, port) in [
        (
            "https://git.example.com/shop/web.git",
            "https://git.example.com/shop/web.git",
            "https://git.example.com/shop/web.git",
            "git.example.com",
            443,
        ),
        (
            "HTTPS://Git.Example.com:8443/web",
            "https://git.example.com:8443/web",
            "https://git.example.com:8443/web",
            "git.example.com",
            8443,
        ),
        (
            "ssh://deploy@git.example.com:2222/web.git",
            "ssh://git.example.com:2222/web.git",
            "ssh://deploy@git.example.com:2222/web.git",
            "git.example.com",
            2222,
        ),
        (
            "ssh://git.example.com/web.git",
            "ssh://git.example.com/web.git",
            "ssh://git@git.example.com/web.git",
            "git.example.com",
            22,
        ),
        (
            "git@git.example.com:shop/web.git",
            "git.example.com:shop/web.git",
            "git@git.example.com:shop/web.git",
            "git.example.com",
            22,
        ),
        (
            "https://[2606:4700::1]/web",
            "https://[2606:4700::1]/web",
            "https://[2606:4700::1]/web",
            "2606:4700::1",
            443,
        ),
        (
            "https://dev.example.com/My%20Shop/_git/web",
            "https://dev.example.com/My%20Shop/_git/web",
            "https://dev.example.com/My%20Shop/_git/web",
            "dev.example.com",
            443,
        ),
    ] {
        let url = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            (
                url.to_string().as_str(),
                url.connection().as_str(),
                url.host(),
                url.port()
            ),
            (shown, connection, host, port)
        );
    }
}

#[test]
fn schemes_that_read_the_own_disk_or_are_not_encrypted_are_refused() {
    for (text, scheme) in [
        ("file:///etc", "file"),
        ("git://git.example.com/web", "git"),
        ("ftp://git.example.com/web", "ftp"),
        ("ext::sh -c id", ""),
        ("/srv/git/web.git", ""),
        ("../web.git", ""),
        ("C:\\git\\web", ""),
        ("", ""),
    ] {
        assert_eq!(parse(text), Err(UrlError::Scheme { scheme: scheme.into() }), "{text}");
    }
    assert_eq!(parse("http://git.example.com/web"), Err(UrlError::PlainHttp));
    assert!(RepositoryUrl::parse("http://git.example.com/web", &UrlPolicy::of_a_person(true)).is_ok());
}

#[test]
fn credentials_in_a_url_are_refused_and_never_repeated() {
    for text in [
        "https://user:hunter2@git.example.com/web",
        "https://hunter2@git.example.com/web",
        "ssh://git:hunter2@git.example.com/web",
        "git:hunter2@git.example.com:web",
        "https://a@b:hunter2@git.example.com/web",
        // Some parsers read the host before the backslash, some the one behind it.
        "https://git.example.com\\@evil.example.com/web",
    ] {
        let error = parse(text).expect_err(text).to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert_eq!(
        parse("https://user:hunter2@git.example.com/web"),
        Err(UrlError::Credentials)
    );
    assert_eq!(
        parse("ssh://git:hunter2@git.example.com/web"),
        Err(UrlError::Credentials)
    );
}

#[test]
fn hosts_that_only_the_node_may_reach_are_refused() {
    for text in [
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/web",
        "https://[fd00:ec2::254]/latest",
        "https://[::ffff:169.254.169.254]/latest",
        "https://metadata.google.internal/computeMetadata",
        "https://METADATA.google.internal./computeMetadata",
        "ssh://git@127.0.0.1/web",
        "git@localhost:web",
    ] {
        assert!(
            matches!(parse(text), Err(UrlError::Refused { .. })),
            "{text}: {:?}",
            parse(text)
        );
    }
}

#[test]
fn private_hosts_and_those_beside_a_list_are_refused_before_they_are_resolved() {
    for text in [
        "https://10.0.0.7/web",
        "https://[fd00::7]/web",
        "https://[::ffff:192.168.0.1]/web",
        "ssh://git@172.16.0.1/web",
    ] {
        assert!(
            matches!(
                parse(text),
                Err(UrlError::Refused {
                    reason: "an address of a denied range",
                    ..
                })
            ),
            "{text}"
        );
    }
    let listed = crate::source::git::allowed_hosts("git.corp.example,10.0.0.7").expect("hosts");
    let policy = UrlPolicy::of_tenants(
        false,
        false,
        listed,
        crate::source::git::networks(crate::source::git::DENIED).expect("ranges"),
    );
    for text in [
        "https://git.corp.example./web",
        "ssh://git@GIT.corp.example/web",
        "git@git.corp.example:web",
        "https://10.0.0.7/web",
    ] {
        assert!(RepositoryUrl::parse(text, &policy).is_ok(), "{text}");
    }
    for text in [
        "https://github.com/web",
        "https://git.corp.example:8443/web",
        "https://10.0.0.8/web",
    ] {
        assert!(
            matches!(RepositoryUrl::parse(text, &policy), Err(UrlError::Refused { .. })),
            "{text}"
        );
    }
    for text in ["https://metadata.google.internal../web", "https://git..example/web"] {
        assert!(matches!(parse(text), Err(UrlError::Malformed { .. })), "{text}");
    }
    let url = RepositoryUrl::parse("https://[2606:50C0:8000:0:0:0:0:153]/web", &UrlPolicy::default()).unwrap();
    assert_eq!(url.host(), "2606:50c0:8000::153");
    // The port decides, so it is told.
    let refused = RepositoryUrl::parse("https://git.corp.example:8443/web", &policy).unwrap_err();
    let expected =
        "the repository URL leads to git.corp.example:8443, not one of the hosts that are allowed, which is refused";
    assert_eq!(refused.to_string(), expected);
    assert_eq!(
        refused.hint().as_deref(),
        Some("an administrator may list git.corp.example:8443 in git.allowedHosts of the chart")
    );
    assert_eq!(parse("https://169.254.169.254/web").unwrap_err().hint(), None);
}

#[test]
fn an_address_stands_in_for_a_name_in_each_form_of_ssh() {
    let address = "127.0.0.1:4321".parse().expect("an address");
    for (text, connection) in [
        (
            "ssh://deploy@git.example.com/team/web",
            "ssh://deploy@127.0.0.1:4321/team/web",
        ),
        ("ssh://git.example.com:2222/web", "ssh://git@127.0.0.1:4321/web"),
        ("git@git.example.com:team/web", "[git@127.0.0.1:4321]:team/web"),
    ] {
        assert_eq!(parse(text).expect(text).connection_at(address), connection, "{text}");
    }
}

#[test]
fn texts_that_two_parsers_could_read_in_two_ways_are_refused() {
    for text in [
        "https:///web",
        "https://git.example.com",
        "https://git.example.com/",
        "https://git.example.com:0/web",
        "https://git.example.com:99999/web",
        "https://git.example.com:22x/web",
        "https://git.example.com/web?x=1",
        "https://git.example.com/web#x",
        "https://git.example.com/a/../web",
        "https://git.example.com/we b",
        "https://git.example.com/web\n",
        "https://git.example.com/%2e%2e/web",
        "https://-oProxyCommand=id/web",
        "https://[::1/web",
        "ssh://git@git.example.com/web';id;'",
        "ssh://git@git.example.com/web%27",
        "git@git.example.com:-oProxyCommand=id",
        "-oProxyCommand=id@git.example.com:web",
        "git@git.example.com:",
    ] {
        assert!(
            matches!(parse(text), Err(UrlError::Malformed { .. })),
            "{text}: {:?}",
            parse(text)
        );
    }
}
