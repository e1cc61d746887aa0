//! What a server, a network, a Secret or a kill can do, each told apart and each within its time.

#[path = "failures/mirror.rs"]
mod mirror;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use driftmend::source::git::{Credentials, GitError, Limits, Mirror, Retry, Revision, Scope, Select, TreePath};

use crate::git_server::{Mode, Options};
use crate::place::{Place, basic, limits, mirror, mirror_with, oid, poll_error, revision, set_up, url};

const NONE: Credentials = Credentials::None;

/// What counts as given up: more than the limits, for a machine that does something else, and less than the servers
/// here keep on for.
const IN_TIME: Duration = Duration::from_secs(40);

#[test]
fn a_server_that_is_down_or_refuses_is_unreachable_and_asked_again() {
    let place = Place::new();
    let mirror = place.mirror();
    place.server.set_mode(Mode::Refuse);
    let error = poll_error(&mirror);
    assert!(
        matches!(&error, GitError::Unreachable { reason, .. } if reason.contains("503")),
        "{error:?}"
    );
    assert_eq!(
        (error.category(), error.retry()),
        ("GitUnreachable", Retry::NextInterval)
    );
    place.server.set_mode(Mode::Serve);
    assert_eq!(
        mirror.poll(&Revision::Head, &NONE).expect("it is back"),
        oid(&place.first)
    );

    let closed = TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port");
    for scheme in ["http", "https"] {
        let error = poll_error(&crate::place::mirror(
            &place.cache(),
            &url(&format!("{scheme}://{closed}/web.git")),
        ));
        assert!(matches!(error, GitError::Unreachable { .. }), "{scheme}: {error:?}");
    }
    let error = poll_error(&crate::place::mirror(
        &place.cache(),
        &url("https://no-such-host.invalid/web.git"),
    ));
    // A resolver may take longer to say no than a listing may take.
    assert!(
        matches!(error, GitError::Unreachable { .. } | GitError::Timeout { .. }),
        "{error:?}"
    );
}

#[test]
fn wrong_and_missing_credentials_are_told_apart_and_tried_once() {
    let place = Place::with(&Options {
        login: Some(("robot", "hunter2")),
        authority: None,
    });
    let mirror = place.mirror();
    let error = poll_error(&mirror);
    assert!(matches!(error, GitError::CredentialsMissing { .. }), "{error:?}");
    place.server.take_requests();
    let error = mirror
        .poll(&Revision::Head, &basic(&place.url(), "robot", "guess"))
        .expect_err("wrong password");
    assert!(
        matches!(&error, GitError::WrongCredentials { given, .. } if given == "a user name and password"),
        "{error:?}"
    );
    assert_eq!(
        (error.category(), error.retry()),
        ("GitCredentialsRefused", Retry::AfterChange)
    );
    assert!(!format!("{error} {error:?}").contains("guess"));
    assert_eq!(
        place.server.take_requests().len(),
        1,
        "the Secret says that it is for this server, and a refusal is final"
    );
    assert_eq!(
        mirror
            .fetch(&Revision::Head, &basic(&place.url(), "robot", "hunter2"))
            .expect("the right password")
            .oid,
        oid(&place.first)
    );
}

#[test]
fn a_missing_branch_names_the_branches_that_exist() {
    let place = Place::new();
    for branch in ["next", "release-1"] {
        place.repository.commit_on(branch, &[("a.yaml", "a: 1\n")], "Branch");
    }
    let mirror = place.mirror();
    let expected = format!(
        "failed to find the revision \"mian\" in {}: its branches are main, next, release-1",
        place.url()
    );
    for outcome in [
        mirror.poll(&revision("mian"), &NONE).map(|_| ()),
        mirror.fetch(&revision("mian"), &NONE).map(|_| ()),
    ] {
        let error = outcome.expect_err("no such branch");
        assert_eq!(
            (error.to_string(), error.category()),
            (expected.clone(), "GitRevisionNotFound")
        );
    }
    let error = mirror
        .poll(&revision(&place.first[..7]), &NONE)
        .expect_err("a short id");
    assert_eq!(error.hint().as_deref(), Some("a commit is named by its 40 digits"));
}

#[test]
fn a_branch_that_was_deleted_is_missing_although_the_mirror_has_it() {
    let place = Place::new();
    place.repository.commit_on("next", &[("a.yaml", "a: 1\n")], "Branch");
    let mirror = place.mirror();
    mirror.fetch(&revision("next"), &NONE).expect("a commit");
    place.repository.delete_branch("next");
    let error = mirror.fetch(&revision("next"), &NONE).expect_err("the branch is gone");
    assert!(matches!(error, GitError::MissingRevision { .. }), "{error:?}");
}

#[test]
fn a_repository_that_is_not_there_is_told_from_a_server_that_is_not_there() {
    let place = Place::new();
    let error = poll_error(&mirror(&place.cache(), &url(&place.server.url("absent.git"))));
    assert!(matches!(error, GitError::RepositoryNotFound { .. }), "{error:?}");
}

#[test]
fn a_redirect_to_another_host_is_not_followed() {
    let (place, other) = (Place::new(), Place::new());
    place
        .server
        .set_mode(Mode::Redirect(other.server.base().replace("127.0.0.1", "localhost")));
    let error = poll_error(&place.mirror());
    assert!(matches!(error, GitError::Redirected { .. }), "{error:?}");
    assert!(
        other.server.take_requests().is_empty(),
        "the other host must not be asked"
    );
}

#[test]
fn a_server_that_never_answers_is_given_up_in_time() {
    let place = Place::new();
    let mirror = place.mirror();
    place.server.set_mode(Mode::Hang);
    let start = Instant::now();
    let error = poll_error(&mirror);
    assert!(matches!(error, GitError::Unreachable { .. }), "{error:?}");
    assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
    place.server.set_mode(Mode::Serve);
    assert_eq!(
        mirror.fetch(&Revision::Head, &NONE).expect("it answers again").oid,
        oid(&place.first)
    );
}

#[test]
fn a_transfer_that_stalls_is_given_up_and_the_next_fetch_starts_afresh() {
    let place = Place::new();
    // The short limit is for the stalled fetch: a first clone may take its time.
    place.mirror().fetch(&Revision::Head, &NONE).expect("a commit");
    let mirror = mirror_with(
        &place.cache(),
        &place.url(),
        Limits {
            transfer: Duration::from_secs(4),
            ..limits()
        },
    );
    let second = place.repository.commit(&[("deploy/web.yaml", "replicas: 2\n")], "Two");
    place.server.set_mode(Mode::Stall);
    let error = mirror.fetch(&Revision::Head, &NONE).expect_err("it stalls");
    assert!(
        matches!(&error, GitError::Timeout { step, .. } if step == "fetch from"),
        "{error:?}"
    );
    let readable = mirror.tree(oid(&place.first), &TreePath::default(), Select::Manifests);
    assert_eq!(readable.expect("the last revision stays in force").files.len(), 1);
    place.server.set_mode(Mode::Serve);
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        match mirror.fetch(&Revision::Head, &NONE) {
            Ok(commit) => break assert_eq!(commit.oid, oid(&second)),
            // A slow machine may need more than the short limit.
            Err(GitError::Timeout { .. }) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// A server that takes connections, says what it is given and then does something with each on a thread of its own.
pub fn raw_server(serve: impl Fn(TcpStream) + Send + Clone + 'static) -> std::net::SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// A line of some server; no test gets as far as comparing it.
const KNOWN_HOSTS: &str =
    "git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILySwPltZtQJdH1fGA66mkSswunWE1uHcvI8Yrq2xP6I";

#[test]
fn a_socket_that_takes_connections_and_says_nothing_is_given_up_under_every_scheme() {
    set_up();
    let cache = tempfile::tempdir().expect("a folder");
    let address = raw_server(|stream| {
        std::thread::sleep(Duration::from_secs(60));
        drop(stream);
    });
    let data = [
        ("identity", "-----BEGIN OPENSSH PRIVATE KEY-----"),
        ("known_hosts", KNOWN_HOSTS),
    ];
    let scope = Scope::of_server(&url(&format!("ssh://{address}/web.git")));
    let data = data
        .map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()))
        .into();
    let key = Credentials::from_secret(&data, Some(&scope)).expect("credentials");
    for (scheme, credentials) in [("http", NONE), ("https", NONE), ("ssh", key)] {
        let start = Instant::now();
        let mirror = mirror(cache.path(), &url(&format!("{scheme}://{address}/web.git")));
        let error = mirror.poll(&Revision::Head, &credentials).expect_err(scheme);
        assert!(matches!(error, GitError::Unreachable { .. }), "{scheme}: {error:?}");
        assert!(start.elapsed() < IN_TIME, "{scheme}: {:?}", start.elapsed());
    }
}

/// Sends the beginning of an answer and then a byte now and then, often enough never to be silent for long.
fn drip(mut stream: TcpStream, start: &[u8]) {
    let mut request = [0; 1024];
    let _ = stream.read(&mut request);
    let _ = stream.write_all(start);
    for _ in 0..600 {
        std::thread::sleep(Duration::from_millis(100));
        if stream.write_all(b"0").is_err() {
            return;
        }
    }
}

#[test]
fn a_server_that_sends_a_byte_now_and_then_is_given_up_each_time() {
    set_up();
    let cache = tempfile::tempdir().expect("a folder");
    let address = raw_server(|stream| {
        drip(
            stream,
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nContent-Length: \
                       61474\r\n\r\n001e# service=git-upload-pack\n0000f000",
        )
    });
    let limits = Limits {
        listing: Duration::from_secs(2),
        ..limits()
    };
    let mirror = Mirror::open_with(cache.path(), &url(&format!("http://{address}/web.git")), limits).expect("a mirror");
    let start = Instant::now();
    let error = poll_error(&mirror);
    assert!(
        matches!(&error, GitError::Unreachable { reason, .. } if reason == "no list of references within 2 s"),
        "{error:?}"
    );
    assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
    // Nothing of it is left, so that the next one is another connection and ends in the same way.
    let error = poll_error(&mirror);
    assert!(matches!(error, GitError::Unreachable { .. }), "{error:?}");
    assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
}

#[test]
fn a_transfer_that_is_too_large_is_ended() {
    let place = Place::new();
    // Random enough not to be packed to nothing.
    let mut state = 1_u64;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
    .take(2 * 1024 * 1024)
    .collect();
    place
        .repository
        .commit_bytes("main", &[("noise.bin", &bytes), ("more.bin", &bytes[1..])], "Noise");
    let mirror = Mirror::open_with(
        &place.cache(),
        &place.url(),
        Limits {
            bytes: 1024 * 1024,
            ..limits()
        },
    )
    .expect("a mirror");
    let error = mirror.fetch(&Revision::Head, &NONE).expect_err("too large");
    assert!(matches!(error, GitError::TransferTooLarge { .. }), "{error:?}");
}

#[test]
fn an_empty_repository_has_no_revision_yet() {
    set_up();
    let place = Place::new();
    crate::git_server::Repository::create(place.folder.path(), "empty.git");
    let error = poll_error(&mirror(&place.cache(), &url(&place.server.url("empty.git"))));
    assert!(
        matches!(&error, GitError::MissingRevision { existing, .. } if existing.is_empty()),
        "{error:?}"
    );
}

#[test]
fn a_password_for_an_ssh_server_is_refused_before_it_is_sent() {
    set_up();
    let cache = tempfile::tempdir().expect("a folder");
    let server = url("ssh://git@127.0.0.1/web.git");
    let ssh = mirror(cache.path(), &server);
    let error = ssh
        .poll(&Revision::Head, &basic(&server, "robot", "hunter2"))
        .expect_err("a password does not fit");
    assert!(
        matches!(&error, GitError::UnfitCredentials { given, .. } if given == "a user name and password"),
        "{error:?}"
    );
    assert_eq!(
        error.hint().as_deref(),
        Some("use identity and known_hosts in the Secret, or a URL with https://")
    );
}
