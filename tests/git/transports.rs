//! Polling and fetching over http, https and ssh.

use std::collections::BTreeMap;

use driftmend::source::git::{Credentials, GitError, Limits, Mirror, RepositoryUrl, Revision, Scope, Select, TreePath};

use crate::git_server::{Authority, Options, SshServer};
use crate::place::{Place, authority, basic, limits, mirror, oid, revision, url};

const NONE: Credentials = Credentials::None;

fn fetched_file(place: &Place, mirror: &Mirror, credentials: &Credentials) -> String {
    let commit = mirror
        .fetch(&Revision::Head, credentials)
        .unwrap_or_else(|error| panic!("{error}"));
    let tree = mirror
        .tree(commit.oid, &TreePath::default(), Select::Manifests)
        .expect("the tree is readable");
    assert_eq!(tree.files.len(), 1, "{:?} of {:?}", tree.files, place.first);
    String::from_utf8(tree.files[0].bytes.clone()).expect("text")
}

#[test]
fn a_commit_is_fetched_over_http_with_what_people_want_to_know_of_it() {
    let place = Place::new();
    let written = place.repository.commit_at(
        1_700_000_000,
        &[("deploy/web.yaml", "replicas: 2\n")],
        "Scale the shop\n\nIt is the season.",
    );
    let mirror = place.mirror();
    let commit = mirror.fetch(&Revision::Head, &NONE).expect("a commit");
    assert_eq!(commit.oid.to_string(), written);
    assert_eq!(
        (commit.short.as_str(), commit.subject.as_str(), commit.author.as_deref()),
        (&written[..7], "Scale the shop", Some("Ada"))
    );
    assert_eq!(commit.time.as_second(), 1_700_000_000);
    assert_eq!(mirror.commit(commit.oid).expect("it is in the mirror"), commit);
}

#[test]
fn a_poll_that_finds_nothing_new_makes_one_ref_listing_and_no_fetch() {
    let place = Place::new();
    let mirror = place.mirror();
    mirror.fetch(&Revision::Head, &NONE).expect("a commit");
    place.server.take_requests();
    assert_eq!(mirror.poll(&revision("main"), &NONE).expect("an id"), oid(&place.first));
    assert_eq!(
        place.server.take_requests(),
        ["GET /web.git/info/refs?service=git-upload-pack"]
    );
    // Also a fetch asks for no objects when it has them.
    mirror.fetch(&revision("main"), &NONE).expect("a commit");
    assert_eq!(
        place.server.take_requests(),
        ["GET /web.git/info/refs?service=git-upload-pack"]
    );
}

#[test]
fn a_new_commit_and_a_force_push_are_followed() {
    let place = Place::new();
    let mirror = place.mirror();
    assert_eq!(fetched_file(&place, &mirror, &NONE), "replicas: 1\n");
    let second = place.repository.commit(&[("deploy/web.yaml", "replicas: 2\n")], "Two");
    assert_eq!(mirror.poll(&Revision::Head, &NONE).expect("an id"), oid(&second));
    assert_eq!(fetched_file(&place, &mirror, &NONE), "replicas: 2\n");
    let forced = place.repository.force_push(
        "main",
        &place.first,
        &[("deploy/web.yaml", "replicas: 3\n")],
        "Three instead",
    );
    assert_eq!(mirror.poll(&Revision::Head, &NONE).expect("an id"), oid(&forced));
    assert_eq!(fetched_file(&place, &mirror, &NONE), "replicas: 3\n");
    assert!(mirror.has(oid(&second)), "what was fetched before stays readable");
}

#[test]
fn branches_tags_and_commits_are_found_and_only_what_is_asked_for_is_fetched() {
    let place = Place::new();
    let next = place
        .repository
        .commit_on("next", &[("deploy/web.yaml", "replicas: 7\n")], "Next");
    place.repository.tag("v1", &place.first);
    let mirror = place.mirror();
    for (name, commit) in [
        ("main", &place.first),
        ("v1", &place.first),
        ("refs/tags/v1", &place.first),
    ] {
        assert_eq!(
            mirror.fetch(&revision(name), &NONE).expect(name).oid,
            oid(commit),
            "{name}"
        );
    }
    assert!(!mirror.has(oid(&next)));
    assert_eq!(
        mirror.fetch(&revision(&next), &NONE).expect("a commit by its id").oid,
        oid(&next)
    );
    place.server.take_requests();
    assert_eq!(mirror.poll(&revision(&next), &NONE).expect("an id"), oid(&next));
    assert!(
        place.server.take_requests().is_empty(),
        "a commit that is there is not asked for"
    );
}

#[test]
fn a_commit_that_no_reference_points_at_is_found_below_a_branch() {
    let place = Place::new();
    place.repository.commit(&[("deploy/web.yaml", "replicas: 2\n")], "Two");
    let mirror = place.mirror();
    assert_eq!(
        mirror
            .fetch(&revision(&place.first), &NONE)
            .expect("a commit by its id")
            .oid,
        oid(&place.first)
    );
    let absent = "0123456789012345678901234567890123456789";
    let error = mirror.fetch(&revision(absent), &NONE).expect_err("no such commit");
    assert!(
        matches!(&error, GitError::MissingRevision { revision, .. } if revision == absent),
        "{error}"
    );
}

#[test]
fn https_works_with_a_private_authority_and_a_password() {
    let place = Place::with(&Options {
        login: Some(("robot", "hunter2")),
        authority: Some(authority()),
    });
    let mirror = place.mirror();
    assert_eq!(
        fetched_file(&place, &mirror, &basic(&place.url(), "robot", "hunter2")),
        "replicas: 1\n"
    );
    place.repository.commit(&[("deploy/web.yaml", "replicas: 2\n")], "Two");
    assert_eq!(
        fetched_file(&place, &mirror, &basic(&place.url(), "robot", "hunter2")),
        "replicas: 2\n"
    );
}

#[test]
fn a_certificate_of_an_unknown_authority_is_not_trusted() {
    let unknown = Authority::new();
    let place = Place::with(&Options {
        login: None,
        authority: Some(&unknown),
    });
    let error = place
        .mirror()
        .poll(&Revision::Head, &NONE)
        .expect_err("it is not trusted");
    assert!(matches!(error, GitError::UntrustedCertificate { .. }), "{error:?}");
}

/// The data of a Secret for ssh.
fn secret(identity: &str, known_hosts: &str) -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([
        ("identity".to_owned(), identity.as_bytes().to_vec()),
        ("known_hosts".to_owned(), known_hosts.as_bytes().to_vec()),
    ])
}

/// The credentials of a Secret that is for the server of a URL.
fn login(url: &RepositoryUrl, data: &BTreeMap<String, Vec<u8>>) -> Credentials {
    Credentials::from_secret(data, Some(&Scope::of_server(url))).expect("credentials")
}

#[test]
fn ssh_works_with_a_key_from_a_secret_and_its_known_hosts() {
    let place = Place::new();
    let keys = tempfile::tempdir().expect("a folder");
    let ssh = SshServer::start(keys.path());
    let server = url(&ssh.url(place.repository.path()));
    let mirror = mirror(&place.cache(), &server);
    let credentials = login(&server, &secret(&ssh.identity(), &ssh.known_hosts()));
    assert_eq!(fetched_file(&place, &mirror, &credentials), "replicas: 1\n");
    let second = place.repository.commit(&[("deploy/web.yaml", "replicas: 2\n")], "Two");
    assert_eq!(
        mirror.poll(&revision("main"), &credentials).expect("an id"),
        oid(&second)
    );
    assert_eq!(fetched_file(&place, &mirror, &credentials), "replicas: 2\n");

    let (identity, passphrase) = ssh.identity_with_passphrase();
    let mut data = secret(&identity, &ssh.known_hosts());
    data.insert("password".to_owned(), passphrase.as_bytes().to_vec());
    let with_passphrase = login(&server, &data);
    assert_eq!(
        mirror.poll(&revision("main"), &with_passphrase).expect("an id"),
        oid(&second)
    );
}

#[test]
fn what_is_wrong_with_an_ssh_connection_is_told_apart() {
    let place = Place::new();
    let keys = tempfile::tempdir().expect("a folder");
    let ssh = SshServer::start(keys.path());
    let server = url(&ssh.url(place.repository.path()));
    let mirror = mirror(&place.cache(), &server);
    let poll = |data: &BTreeMap<String, Vec<u8>>| {
        mirror
            .poll(&Revision::Head, &login(&server, data))
            .expect_err("the poll must fail")
    };

    let error = poll(&secret(&ssh.stranger(), &ssh.known_hosts()));
    assert!(
        matches!(&error, GitError::WrongCredentials { given, .. } if given == "an ssh key"),
        "{error:?}"
    );

    let error = poll(&secret(&ssh.identity_with_passphrase().0, &ssh.known_hosts()));
    assert!(
        matches!(&error, GitError::WrongCredentials { given, .. } if given == "an ssh key"),
        "{error:?}"
    );

    let error = poll(&secret(&ssh.identity(), &ssh.wrong_known_hosts()));
    assert!(
        matches!(&error, GitError::UnknownHostKey { problem, .. } if problem.contains("another key of this type")),
        "{error:?}"
    );

    let error = poll(&secret(&ssh.identity(), &ssh.ecdsa_known_hosts()));
    assert!(
        matches!(&error, GitError::UnknownHostKey { problem, .. } if problem.contains("only ecdsa-sha2-nistp256")),
        "{error:?}"
    );

    let elsewhere = ssh.known_hosts().replace("127.0.0.1", "git.example.com");
    let error = poll(&secret(&ssh.identity(), &elsewhere));
    assert!(
        matches!(&error, GitError::UnknownHostKey { problem, .. } if problem.contains("no line for this host")),
        "{error:?}"
    );
    // A tenant learns what its known_hosts lacks, the log what the server showed.
    assert!(!error.to_string().contains("SHA256:"), "{error}");
    assert!(
        error
            .detail()
            .is_some_and(|detail| detail.starts_with("the server shows ssh-ed25519 SHA256:")),
        "{error:?}"
    );

    let error = mirror.poll(&Revision::Head, &NONE).expect_err("ssh needs a key");
    assert!(matches!(error, GitError::CredentialsMissing { .. }), "{error:?}");

    let absent = crate::place::mirror(&place.cache(), &url(&ssh.url(&place.folder.path().join("absent.git"))));
    let credentials = login(&server, &secret(&ssh.identity(), &ssh.known_hosts()));
    let error = absent
        .poll(&Revision::Head, &credentials)
        .expect_err("no such repository");
    assert!(matches!(error, GitError::RepositoryNotFound { .. }), "{error:?}");
}

#[test]
fn a_mirror_with_many_packs_is_cloned_afresh() {
    let place = Place::new();
    let mirror = Mirror::open_with(&place.cache(), &place.url(), Limits { packs: 4, ..limits() }).expect("a mirror");
    let packs = || {
        let mirrors = std::fs::read_dir(place.cache())
            .expect("the cache")
            .flatten()
            .map(|entry| entry.path().join("objects/pack"));
        let files = mirrors
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flat_map(|files| files.flatten());
        files
            .filter(|file| file.path().extension().is_some_and(|extension| extension == "pack"))
            .count()
    };
    let counted: Vec<usize> = (0..10)
        .map(|number| {
            place
                .repository
                .commit(&[("deploy/web.yaml", &format!("replicas: {number}\n"))], "Count");
            assert_eq!(fetched_file(&place, &mirror, &NONE), format!("replicas: {number}\n"));
            packs()
        })
        .collect();
    assert_eq!(counted, [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]);
}
