//! Where a URL and its credentials may lead, with a server that looks on.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use driftmend::source::git::{
    Credentials, DENIED, GitError, RepositoryUrl, Revision, Scope, UrlPolicy, allowed_hosts, networks,
};

use crate::git_server::{Mode, Options, SshServer};
use crate::place::{Place, authority, basic_for, mirror, oid, policy, poll_error, set_up, url};

const NONE: Credentials = Credentials::None;

fn scope(text: &str) -> Scope {
    Scope::parse(text).expect("a scope")
}

/// A place whose server wants a password; over TLS where `encrypted`.
fn guarded(encrypted: bool) -> Place {
    Place::with(&Options {
        login: Some(("robot", "hunter2")),
        authority: encrypted.then(authority),
    })
}

#[test]
fn credentials_go_only_where_their_scope_says_and_nothing_else_is_asked() {
    for place in [guarded(false), guarded(true)] {
        let (base, mirror) = (place.server.base().to_owned(), place.mirror());
        let elsewhere = [
            "git.example.com".to_owned(),
            format!("{base}/other/"),
            format!("{base}/web.gi"),
            base.replace("127.0.0.1", "localhost"),
        ];
        for other in elsewhere {
            let outcome = mirror.poll(&Revision::Head, &basic_for(scope(&other), "robot", "hunter2"));
            let error = outcome.expect_err(&other);
            assert!(
                matches!(error, GitError::CredentialsElsewhere { .. }),
                "{other}: {error:?}"
            );
            assert!(
                error
                    .hint()
                    .is_some_and(|hint| hint.contains("the key hosts of the Secret")),
                "{error:?}"
            );
            assert!(
                place.server.take_requests().is_empty(),
                "{other}: the server must not be asked"
            );
        }
        for own in [
            base.clone(),
            format!("{base}/"),
            format!("{base}/web.git"),
            format!("git.example.com,{base}/web.git/"),
        ] {
            let outcome = mirror.poll(&Revision::Head, &basic_for(scope(&own), "robot", "hunter2"));
            assert_eq!(
                outcome.unwrap_or_else(|error| panic!("{own}: {error}")),
                oid(&place.first)
            );
        }
    }
}

#[test]
fn a_redirect_takes_credentials_along_only_within_their_scope() {
    for place in [guarded(false), guarded(true)] {
        let base = place.server.base().to_owned();
        place.server.set_mode(Mode::Move {
            from: "/old/web".to_owned(),
            to: "/web.git".to_owned(),
        });
        let old = url(&format!("{base}/old/web"));
        let mirror = mirror(&place.cache(), &old);
        // Of a whole server: the new place is followed, as hosts do it that add `.git` or rename a repository.
        let fetched = mirror.fetch(&Revision::Head, &basic_for(scope(&base), "robot", "hunter2"));
        assert_eq!(fetched.unwrap_or_else(|error| panic!("{error}")).oid, oid(&place.first));
        assert!(
            place
                .server
                .take_authorized()
                .iter()
                .any(|path| path == "/web.git/git-upload-pack")
        );

        let error = mirror.poll(
            &Revision::Head,
            &basic_for(scope(&format!("{base}/old/")), "robot", "hunter2"),
        );
        let error = error.expect_err("the new place is outside the scope");
        assert!(matches!(error, GitError::Redirected { .. }), "{error:?}");
        let told = place.server.take_authorized();
        assert!(
            told.iter().all(|path| path.starts_with("/old/")),
            "credentials went elsewhere: {told:?}"
        );
    }
}

#[test]
fn a_redirect_to_another_host_or_port_gets_neither_credentials_nor_a_connection() {
    let (place, other) = (guarded(false), guarded(false));
    let credentials = || {
        basic_for(
            scope(&format!(
                "{},{},https://127.0.0.1",
                place.server.base(),
                other.server.base()
            )),
            "robot",
            "hunter2",
        )
    };
    for base in [
        other.server.base().to_owned(),
        other.server.base().replace("127.0.0.1", "localhost"),
        other.server.base().replace("http://", "//"),
        other.server.base().replace("http://", "http://127.0.0.1@"),
        "https://127.0.0.1".to_owned(),
        "http://169.254.169.254".to_owned(),
        "file:///etc".to_owned(),
        String::new(),
    ] {
        place.server.set_mode(Mode::Redirect(base.clone()));
        let error = place
            .mirror()
            .poll(&Revision::Head, &credentials())
            .expect_err("a redirect");
        assert!(matches!(error, GitError::Redirected { .. }), "{base}: {error:?}");
        assert!(
            other.server.take_requests().is_empty(),
            "{base}: the other server must not be asked"
        );
    }
}

#[test]
fn a_server_on_the_own_machine_or_in_a_private_range_is_not_asked_unless_it_is_allowed() {
    let place = Place::new();
    let port = place.server.base().rsplit(':').next().expect("a port").to_owned();
    let policy = |loopback: bool, hosts: &str, denied: &str| {
        UrlPolicy::of_tenants(
            true,
            loopback,
            allowed_hosts(hosts).expect("hosts"),
            networks(denied).expect("ranges"),
        )
    };
    let poll = |host: &str, policy: &UrlPolicy| -> Result<(), String> {
        let url = RepositoryUrl::parse(&format!("http://{host}:{port}/web.git"), policy)
            .map_err(|error| error.to_string())?;
        mirror(&place.cache(), &url)
            .poll(&Revision::Head, &NONE)
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let usual = policy(false, "", DENIED);
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "127.1",
        "2130706433",
        "0x7f000001",
        "LOCALHOST.",
    ] {
        let refused = poll(host, &usual).expect_err(host);
        assert!(!refused.contains("does not resolve"), "{host}: {refused}");
    }
    assert!(place.server.take_requests().is_empty(), "nothing may be asked");
    poll("127.0.0.1", &policy(true, "", DENIED)).expect("loopback has a switch of its own");
    poll("localhost", &policy(true, "localhost:*", DENIED)).expect("and may be listed");
    place.server.take_requests();
    assert!(
        poll("127.0.0.1", &policy(true, "localhost:*,git.example.com", DENIED)).is_err(),
        "a list is the whole list"
    );
    assert!(
        poll("localhost", &policy(false, "localhost:*", DENIED)).is_err(),
        "the list does not open the own machine"
    );
    assert!(place.server.take_requests().is_empty(), "nothing may be asked");
}

/// A server that does something with each connection and closes it.
fn banner(text: &'static [u8], hold: Duration) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.write_all(text);
                let _ = stream.set_read_timeout(Some(hold));
                let _ = stream.read(&mut [0; 1024]);
                std::thread::sleep(hold);
            });
        }
    });
    port
}

#[test]
fn what_a_status_tells_is_the_same_for_a_closed_port_a_silent_one_and_a_banner() {
    set_up();
    let cache = tempfile::tempdir().expect("a folder");
    let closed = TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port();
    let ports = [
        closed,
        banner(b"", Duration::from_secs(60)),
        banner(b"SSH-2.0-OpenSSH_9.2 secret\r\n", Duration::ZERO),
        banner(b"220 mail.internal ESMTP secret\r\n", Duration::ZERO),
        banner(b"HTTP/1.1 500 secret\r\nContent-Length: 0\r\n\r\n", Duration::ZERO),
        banner(b"-ERR secret\r\n", Duration::ZERO),
    ];
    let key = [
        ("identity", "-----BEGIN OPENSSH PRIVATE KEY-----"),
        ("known_hosts", KNOWN_HOSTS),
    ];
    let key = key
        .map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()))
        .into();
    for scheme in ["http", "https", "ssh"] {
        let told: Vec<String> = ports
            .iter()
            .map(|port| {
                let url = url(&format!("{scheme}://127.0.0.1:{port}/web.git"));
                let login = if scheme == "ssh" {
                    Credentials::from_secret(&key, Some(&Scope::of_server(&url))).expect("a key")
                } else {
                    NONE
                };
                let error = mirror(cache.path(), &url)
                    .poll(&Revision::Head, &login)
                    .expect_err("no Git server");
                let told = format!("{} {error} {:?}", error.category(), error.hint());
                assert!(!told.contains("secret"), "{told}");
                told.replace(&format!(":{port}/"), ":PORT/")
            })
            .collect();
        assert!(told.iter().all(|text| *text == told[0]), "{scheme}: {told:#?}");
        assert!(told[0].starts_with("GitUnreachable unable to reach "), "{told:?}");
    }
    let unresolved = mirror(cache.path(), &url("https://no-such-host.invalid/web.git"));
    let error = poll_error(&unresolved);
    assert_eq!(
        error.category(),
        "GitUnreachable",
        "a name that does not resolve is told like a port that is closed: {error:?}"
    );
}

/// A line of some server; no test gets as far as comparing it.
const KNOWN_HOSTS: &str =
    "git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILySwPltZtQJdH1fGA66mkSswunWE1uHcvI8Yrq2xP6I";

#[test]
fn ssh_dials_a_checked_address_and_holds_the_key_against_the_name() {
    let place = Place::new();
    let keys = tempfile::tempdir().expect("a folder");
    let ssh = SshServer::start(keys.path());
    let text = ssh.url(place.repository.path()).replace("127.0.0.1", "localhost");
    let server = RepositoryUrl::parse(&text, &policy()).expect("a URL");
    let mirror = mirror(&place.cache(), &server);
    let login = |known_hosts: String| {
        let data = [("identity", ssh.identity()), ("known_hosts", known_hosts)]
            .map(|(key, value)| (key.to_owned(), value.into_bytes()));
        Credentials::from_secret(&data.into(), Some(&Scope::of_server(&server))).expect("credentials")
    };
    let named = login(ssh.known_hosts().replace("127.0.0.1", "localhost"));
    assert_eq!(
        mirror
            .fetch(&Revision::Head, &named)
            .unwrap_or_else(|error| panic!("{error}"))
            .oid,
        oid(&place.first)
    );
    let error = mirror
        .poll(&Revision::Head, &login(ssh.known_hosts()))
        .expect_err("the address is not the name");
    assert!(
        matches!(&error, GitError::UnknownHostKey { problem, .. } if problem.contains("no line for this host")),
        "{error:?}"
    );
}
