//! What becomes of a mirror that is discarded, damaged or left in the middle.

use std::fs;
use std::path::PathBuf;

use driftmend::source::git::{Revision, Select, TreePath};

use super::NONE;
use crate::place::{Place, oid, revision};

#[test]
fn a_discarded_mirror_leaves_no_objects() {
    let place = Place::new();
    let mirror = place.mirror();
    mirror.fetch(&Revision::Head, &NONE).expect("a commit");
    mirror.discard().expect("it is removed");
    assert!(
        fs::read_dir(place.cache())
            .expect("the cache")
            .flatten()
            .all(|entry| !entry.path().is_dir())
    );
    assert!(!place.mirror().has(oid(&place.first)));
}

/// The one mirror below a cache.
fn directory(place: &Place) -> PathBuf {
    let folders: Vec<PathBuf> = fs::read_dir(place.cache())
        .expect("the cache")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders[0].clone()
}

#[test]
fn what_a_kill_leaves_is_thrown_away_and_cloned_afresh() {
    for remains in [
        "shallow.lock",
        "refs/mirror/heads/main.lock",
        "config.lock",
        "transfer-under-way",
    ] {
        let place = Place::new();
        let open = place.mirror();
        open.fetch(&revision("main"), &NONE).expect("a commit");
        let second = place.repository.commit(&[("deploy/web.yaml", "replicas: 2\n")], "Two");
        fs::write(directory(&place).join(remains), "").expect("the mirror can be written to");
        assert!(!open.has(oid(&place.first)), "{remains}");
        // In the same process, as after a thread that was lost.
        assert_eq!(
            open.fetch(&revision("main"), &NONE)
                .unwrap_or_else(|error| panic!("{remains}: {error}"))
                .oid,
            oid(&second)
        );

        // And in a new one, with the remains of a clone beside it.
        fs::write(directory(&place).join(remains), "").expect("the mirror can be written to");
        let half = directory(&place).with_extension("new-7");
        fs::create_dir_all(&half).expect("the cache can be written to");
        drop(open);
        let again = place.mirror();
        assert!(!again.has(oid(&second)), "{remains}");
        assert!(!half.exists());
        assert_eq!(
            again
                .fetch(&revision("main"), &NONE)
                .unwrap_or_else(|error| panic!("{remains}: {error}"))
                .oid,
            oid(&second)
        );
    }
}

#[test]
fn a_damaged_mirror_is_told_and_healed_by_the_next_fetch() {
    let place = Place::new();
    let mirror = place.mirror();
    let commit = mirror.fetch(&Revision::Head, &NONE).expect("a commit");
    for entry in fs::read_dir(directory(&place).join("objects/pack"))
        .expect("packs")
        .flatten()
    {
        // Packs are read-only; a new file takes the place of each.
        let length = entry.metadata().expect("a file").len() as usize;
        fs::remove_file(entry.path()).expect("the mirror is ours");
        fs::write(entry.path(), vec![0_u8; length]).expect("the mirror is ours");
    }
    assert!(!mirror.has(commit.oid));
    assert!(
        mirror
            .tree(commit.oid, &TreePath::default(), Select::Manifests)
            .is_err()
    );
    mirror.fetch(&Revision::Head, &NONE).expect("it is cloned afresh");
    assert_eq!(
        mirror
            .tree(commit.oid, &TreePath::default(), Select::Manifests)
            .expect("it is readable")
            .files
            .len(),
        1
    );

    fs::remove_dir_all(directory(&place).join("refs")).expect("the mirror is ours");
    assert_eq!(
        mirror.poll(&Revision::Head, &NONE).expect("a poll needs no mirror"),
        commit.oid
    );
    assert!(!mirror.has(commit.oid));
    mirror.fetch(&Revision::Head, &NONE).expect("it is fetched again");
    assert_eq!(
        mirror
            .tree(commit.oid, &TreePath::default(), Select::Manifests)
            .expect("it is readable")
            .files
            .len(),
        1
    );
}
