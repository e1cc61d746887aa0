//! What a server or whoever may push does to take the memory, the disk or the time of whoever reads: each ends one
//! source, is told for what it is, and leaves nothing behind.
//!
//! Git's own programs send no endless listing and no pack of 16 KB that unpacks to gigabytes: these two servers are
//! made by hand.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use driftmend::source::git::{Credentials, GitError, Limits, Mirror, Retry, Revision, Room, Select, TreePath, size_of};

use crate::failures::raw_server;
use crate::git_server::Mode;
use crate::pack;
use crate::place::{Place, limits, mirror, oid, poll_error, set_up, url};

const NONE: Credentials = Credentials::None;

/// What counts as ended in time on a busy machine: less than the limits of an attack that is not stopped.
const IN_TIME: Duration = Duration::from_secs(100);

#[test]
fn a_listing_without_an_end_is_stopped_by_the_memory_of_a_child() {
    set_up();
    let cache = tempfile::tempdir().expect("a folder");
    let address = raw_server(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\
                    Content-Length: 1000000000000\r\n\r\n001e# service=git-upload-pack\n0000";
        if stream.write_all(head.as_bytes()).is_err() {
            return;
        }
        for number in 0_u64.. {
            let line = format!("{number:040x} refs/heads/branch-{number:012}\n");
            if stream
                .write_all(format!("{:04x}{line}", line.len() + 4).as_bytes())
                .is_err()
            {
                return;
            }
        }
    });
    // So much time that the memory is over first.
    let limits = Limits {
        listing: Duration::from_secs(120),
        ..limits()
    };
    let mirror = Mirror::open_with(cache.path(), &url(&format!("http://{address}/web.git")), limits).expect("a mirror");
    let start = Instant::now();
    let error = poll_error(&mirror);
    assert!(
        matches!(&error, GitError::Memory { step, .. } if step == "list the references of"),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("takes more than 24 MiB of memory"),
        "{error}"
    );
    assert_eq!(
        (error.category(), error.retry()),
        ("GitTooExpensive", Retry::AfterChange)
    );
    assert!(error.hint().is_some_and(|hint| hint.contains("--git-memory")));
    assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
}

/// Writes so many branches into the repository of a place, as a server packs them.
fn branches(place: &Place, count: u32) {
    let names = (0..count).map(|number| format!("{} refs/heads/team-{number:06}/feature\n", place.first));
    let packed: String = std::iter::once("# pack-refs with: peeled fully-peeled sorted \n".to_owned())
        .chain(names)
        .collect();
    std::fs::write(place.repository.path().join("packed-refs"), packed).expect("the repository can be written to");
}

#[test]
fn a_hundred_thousand_references_are_read() {
    let place = Place::new();
    branches(&place, 100_000);
    let mirror = place.mirror();
    assert_eq!(
        mirror.poll(&Revision::Head, &NONE).expect("a commit"),
        oid(&place.first)
    );
    assert_eq!(
        mirror.fetch(&Revision::Head, &NONE).expect("a commit").oid,
        oid(&place.first)
    );
    let error = mirror
        .poll(&Revision::parse(Some("mian")).expect("a revision"), &NONE)
        .expect_err("no such branch");
    assert!(error.to_string().ends_with("and 99991 more"), "{error}");
}

#[test]
fn references_without_measure_are_told_as_more_than_the_memory_of_a_listing() {
    let place = Place::new();
    branches(&place, 400_000);
    let error = poll_error(&place.mirror());
    assert!(
        matches!(&error, GitError::Memory { step, .. } if step == "list the references of"),
        "{error:?}"
    );
    assert_eq!(
        (error.category(), error.retry()),
        ("GitTooExpensive", Retry::AfterChange)
    );
    branches(&place, 10);
    assert_eq!(
        place.mirror().poll(&Revision::Head, &NONE).expect("a commit"),
        oid(&place.first),
        "the next look finds nothing in its way"
    );
}

#[test]
fn a_pack_of_16_kilobytes_that_unpacks_to_2_gigabytes_is_stopped_by_the_memory_of_a_child() {
    let place = Place::new();
    let bomb = pack::bomb(&place.repository, 128);
    assert!(bomb.len() < 20_000, "{}", bomb.len());
    place.server.set_mode(Mode::Pack(Arc::new(bomb)));
    let mirror = place.mirror();
    let start = Instant::now();
    let error = mirror.fetch(&Revision::Head, &NONE).expect_err("too much");
    assert!(
        matches!(&error, GitError::Memory { step, .. } if step == "fetch from"),
        "{error:?}"
    );
    assert!(start.elapsed() < IN_TIME, "{:?}", start.elapsed());
    // The next look is as good as any.
    place.server.set_mode(Mode::Serve);
    assert_eq!(
        mirror.fetch(&Revision::Head, &NONE).expect("a commit").oid,
        oid(&place.first)
    );
}

#[test]
fn one_object_that_is_larger_than_a_transfer_may_be_is_stopped_while_it_comes() {
    let place = Place::new();
    place.server.set_mode(Mode::Pack(Arc::new(pack::large(8 << 20))));
    let mirror = Mirror::open_with(
        &place.cache(),
        &place.url(),
        Limits {
            bytes: 2 << 20,
            ..limits()
        },
    )
    .expect("a mirror");
    let error = mirror.fetch(&Revision::Head, &NONE).expect_err("too large");
    assert!(
        matches!(error, GitError::TransferTooLarge { limit: 2_097_152, .. }),
        "{error:?}"
    );
    assert!(
        size_of(&place.cache()) < 64 << 10,
        "what came of it is not kept: {}",
        size_of(&place.cache())
    );
}

#[test]
fn a_mirror_takes_no_more_of_the_disk_than_the_room_that_is_left() {
    let place = Place::new();
    let mirror = place.mirror();
    mirror.fetch(&Revision::Head, &NONE).expect("a commit");
    let noise = pack::large(6 << 20);
    let second = place.repository.commit_bytes("main", &[("noise.bin", &noise)], "Noise");
    let room = |bytes: u64| Room {
        bytes,
        budget: Some(("namespace shop".to_owned(), 64 << 20)),
    };
    for bytes in [0, 3 << 20] {
        let error = mirror
            .fetch_into(&|| room(bytes), &Revision::Head, &NONE)
            .expect_err("no room");
        let told = format!(
            "failed to fetch {}: with it the mirrors of namespace shop would take more than 64 MiB",
            place.url()
        );
        assert_eq!((error.to_string(), error.category()), (told, "GitDiskFull"));
        assert!(size_of(&place.cache()) < 1 << 20, "{}", size_of(&place.cache()));
    }
    assert_eq!(
        mirror
            .fetch_into(&|| room(16 << 20), &Revision::Head, &NONE)
            .expect("room")
            .oid,
        oid(&second)
    );
}

#[test]
fn a_mirror_without_room_for_a_second_one_beside_it_is_cloned_afresh_in_its_place() {
    let place = Place::new();
    let noise = pack::large(3 << 20);
    place.repository.commit_bytes("main", &[("noise.bin", &noise)], "Noise");
    let mirror = Mirror::open_with(&place.cache(), &place.url(), Limits { packs: 1, ..limits() }).expect("a mirror");
    let room = Room {
        bytes: 5 << 20,
        budget: Some(("namespace shop".to_owned(), 64 << 20)),
    };
    mirror
        .fetch_into(&|| room.clone(), &Revision::Head, &NONE)
        .expect("a commit");
    let second = place.repository.commit(&[("deploy/web.yaml", "replicas: 2\n")], "Two");
    assert_eq!(
        mirror
            .fetch_into(&|| room.clone(), &Revision::Head, &NONE)
            .expect("a commit")
            .oid,
        oid(&second)
    );
    assert!(mirror.size() <= room.bytes);
}

#[test]
fn a_mirror_that_old_packs_have_filled_is_cloned_afresh_where_one_pack_fits() {
    let place = Place::new();
    let mirror = place.mirror();
    let room = Room {
        bytes: 5 << 20,
        budget: Some(("namespace shop".to_owned(), 64 << 20)),
    };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let noise = hex(&pack::large(6 << 20));
    mirror
        .fetch_into(&|| room.clone(), &Revision::Head, &NONE)
        .expect("a commit");
    for half in [&noise[..noise.len() / 2], &noise[noise.len() / 2..]] {
        let forced = place
            .repository
            .force_push("main", &place.first, &[("noise.txt", half)], "Noise");
        assert_eq!(
            mirror
                .fetch_into(&|| room.clone(), &Revision::Head, &NONE)
                .expect("there is room for one of them")
                .oid,
            oid(&forced)
        );
        assert!(mirror.size() <= room.bytes);
    }
}

#[test]
fn a_commit_of_megabytes_is_refused_by_its_size() {
    let place = Place::new();
    let tree = place.repository.git(&["rev-parse", "main^{tree}"]);
    let commit = place
        .repository
        .git_with_input(&["commit-tree", &tree], &vec![b'x'; 3 << 20]);
    place.repository.git(&["update-ref", "refs/heads/main", &commit]);
    let error = mirror(&place.cache(), &place.url())
        .fetch(&Revision::Head, &NONE)
        .expect_err("too large");
    assert!(
        matches!(&error, GitError::Unfit { path, .. } if path == "the commit itself"),
        "{error:?}"
    );
}

#[test]
fn the_files_of_a_commit_have_a_budget_together() {
    let place = Place::new();
    let half = "# half\n".repeat(100_000);
    let tip = place
        .repository
        .commit(&[("deploy/a.yaml", &half), ("deploy/b.yaml", &half)], "Two halves");
    let mirror = Mirror::open_with(
        &place.cache(),
        &place.url(),
        Limits {
            files: 1_000_000,
            ..limits()
        },
    )
    .expect("a mirror");
    mirror.fetch(&Revision::Head, &NONE).expect("a commit");
    let path = |text: &str| TreePath::parse(text).expect("a path");
    let error = mirror
        .tree(oid(&tip), &path("deploy"), Select::Manifests)
        .expect_err("too much");
    assert!(
        matches!(&error, GitError::Unfit { problem, .. } if problem.contains("more than 1000000 bytes together")),
        "{error}"
    );
    assert_eq!(
        mirror
            .tree(oid(&tip), &path("deploy/a.yaml"), Select::Manifests)
            .expect("one half")
            .files
            .len(),
        1
    );
}

/// Runs the command line with a temporary folder that is a disk of its own, of so many kibibytes. Who is not root
/// becomes the root of a user namespace for it.
fn on_a_small_disk(kibibytes: u32, folder: &Path, arguments: &[&str]) -> Output {
    use std::os::unix::fs::MetadataExt;
    let mut command = Command::new("unshare");
    if std::fs::metadata("/proc/self").expect("a process").uid() != 0 {
        command.arg("--map-root-user");
    }
    let script = r#"mount -t tmpfs -o "size=$1k" tmpfs "$2" && TMPDIR="$2" && export TMPDIR && shift 2 && exec "$@""#;
    command
        .args(["--mount", "sh", "-c", script, "sh", &kibibytes.to_string()])
        .arg(folder)
        .arg(env!("CARGO_BIN_EXE_driftmend"));
    command
        .args(arguments)
        .output()
        .expect("unshare starts: the package util-linux has it")
}

#[test]
fn a_full_disk_is_told_as_such() {
    let place = Place::new();
    let noise = pack::large(3 << 20);
    place.repository.commit_bytes("main", &[("noise.bin", &noise)], "Noise");
    let disk = tempfile::tempdir().expect("a folder");
    let live = place.folder.path().join("live.yaml");
    std::fs::write(
        &live,
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n",
    )
    .expect("a file");
    let source = format!("git+{}//deploy", place.server.url("web.git"));
    let diff = ["diff", &source, &live.to_string_lossy()];
    let output = on_a_small_disk(512, disk.path(), &diff);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        told.contains("the disk with the mirrors is full") && told.contains("more space"),
        "{told}"
    );
    // Where there is space, the same is read: what fails then is its one line, which is no object.
    let output = on_a_small_disk(16 << 10, disk.path(), &diff);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!told.contains("disk") && told.contains("web.yaml"), "{told}");
}
