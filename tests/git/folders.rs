//! Reading the files of a commit, and what is refused there.

use driftmend::source::git::{Credentials, GitError, Limits, Mirror, Revision, Select, TreePath};

use crate::place::{Place, limits, oid};

const NONE: Credentials = Credentials::None;

fn path(text: &str) -> TreePath {
    TreePath::parse(text).expect("a path")
}

#[test]
fn manifests_below_a_path_are_read_and_symlinks_and_submodules_are_counted() {
    let place = Place::new();
    place.repository.commit(
        &[
            ("deploy/b.yml", "b"),
            ("deploy/sub/c.json", "c"),
            ("deploy/notes.txt", "n"),
            ("other/d.yaml", "d"),
        ],
        "More",
    );
    place.repository.symlink("deploy/passwd.yaml", "/etc/passwd");
    let tip = place.repository.submodule("deploy/library", &place.first);
    let mirror = place.mirror();
    mirror.fetch(&Revision::Head, &NONE).expect("a commit");

    let tree = mirror
        .tree(oid(&tip), &path("deploy"), Select::Manifests)
        .expect("the tree is readable");
    let files: Vec<(&str, &[u8])> = tree
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.bytes.as_slice()))
        .collect();
    assert_eq!(
        files,
        [
            ("deploy/b.yml", b"b".as_slice()),
            ("deploy/sub/c.json", b"c"),
            ("deploy/web.yaml", b"replicas: 1\n")
        ]
    );
    assert_eq!(
        (tree.symlinks, tree.submodules),
        (vec!["deploy/passwd.yaml".to_owned()], vec!["deploy/library".to_owned()])
    );

    let all = mirror
        .tree(oid(&tip), &path("deploy"), Select::Everything)
        .expect("the tree is readable");
    assert_eq!(all.files.len(), 4);
    let one = mirror
        .tree(oid(&tip), &path("README.md"), Select::Manifests)
        .expect("a file is readable");
    assert_eq!((one.files.len(), one.files[0].path.as_str()), (1, "README.md"));
}

#[test]
fn what_says_that_a_folder_is_more_than_its_manifests_is_found() {
    let place = Place::new();
    let ignoring = [
        (".sourceignore", "old"),
        ("deploy/sub/.sourceignore", "old"),
        ("other/.sourceignore", "old"),
        ("deploy/Kustomization", "k"),
    ];
    let tip = place.repository.commit(&ignoring, "More");
    let mirror = place.mirror();
    mirror.fetch(&Revision::Head, &NONE).expect("a commit");
    let tree = mirror
        .tree(oid(&tip), &path("deploy"), Select::Manifests)
        .expect("the tree is readable");
    assert_eq!(
        tree.ignore_files,
        [".sourceignore", "deploy/sub/.sourceignore"],
        "on the way there and below it, and nowhere else"
    );
    let files: Vec<&str> = tree.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["deploy/Kustomization", "deploy/web.yaml"]);
    let root = mirror
        .tree(oid(&tip), &TreePath::default(), Select::Manifests)
        .expect("the tree is readable");
    assert_eq!(root.ignore_files.len(), 3);
}

#[test]
fn a_missing_path_names_what_is_there_instead() {
    let place = Place::new();
    let mirror = place.mirror();
    let commit = mirror.fetch(&Revision::Head, &NONE).expect("a commit");
    let error = mirror
        .tree(commit.oid, &path("deploy/wbe"), Select::Manifests)
        .expect_err("no such path");
    let expected = format!(
        "failed to find the path \"deploy/wbe\" in {} at {}: \"deploy\" has web.yaml",
        place.url(),
        commit.short
    );
    assert_eq!(error.to_string(), expected);
    let error = mirror
        .tree(commit.oid, &path("dpeloy"), Select::Manifests)
        .expect_err("no such path");
    assert!(error.to_string().ends_with("its root has README.md, deploy"), "{error}");
    assert_eq!(error.category(), "GitPathNotFound");
}

#[test]
fn a_path_through_a_symlink_a_submodule_or_a_file_is_not_followed() {
    let place = Place::new();
    place.repository.symlink("link", "/etc");
    let tip = place.repository.submodule("library", &place.first);
    let mirror = place.mirror();
    mirror.fetch(&Revision::Head, &NONE).expect("a commit");
    for (text, kind) in [
        ("link", "a symlink"),
        ("link/passwd", "a symlink"),
        ("library/a", "a submodule"),
        ("README.md/a", "a file, not a folder"),
    ] {
        let error = mirror.tree(oid(&tip), &path(text), Select::Everything).expect_err(text);
        assert!(
            matches!(&error, GitError::NotFollowed { kind: given, .. } if *given == kind),
            "{text}: {error}"
        );
    }
}

#[test]
fn a_file_that_is_too_large_is_named() {
    let place = Place::new();
    let large = vec![b'#'; 4 * 1024 * 1024 + 1];
    let tip = place
        .repository
        .commit_bytes("main", &[("deploy/large.yaml", &large)], "Too much");
    let mirror = place.mirror();
    mirror.fetch(&Revision::Head, &NONE).expect("a commit");
    let error = mirror
        .tree(oid(&tip), &TreePath::default(), Select::Manifests)
        .expect_err("too large");
    assert!(
        matches!(&error, GitError::Unfit { path, .. } if path == "deploy/large.yaml"),
        "{error}"
    );
    assert!(
        mirror.tree(oid(&tip), &path("README.md"), Select::Manifests).is_ok(),
        "the rest stays readable"
    );
}

#[test]
fn a_tree_that_names_itself_over_and_over_ends() {
    let place = Place::new();
    // Ten levels, each with ten names for the level below: ten thousand million files in eleven objects.
    let mut level = place.repository.git(&["rev-parse", "main:deploy"]);
    for _ in 0..10 {
        let lines: String = (0..10)
            .map(|number| format!("040000 tree {level}\tfolder{number}\n"))
            .collect();
        level = place.repository.git_with_input(&["mktree"], lines.as_bytes());
    }
    let bomb = place.repository.git(&["commit-tree", &level, "-m", "Bomb"]);
    place.repository.git(&["update-ref", "refs/heads/bomb", &bomb]);
    let mirror = place.mirror();
    mirror
        .fetch(&Revision::parse(Some("bomb")).expect("a revision"), &NONE)
        .expect("a commit");
    let error = mirror
        .tree(oid(&bomb), &TreePath::default(), Select::Manifests)
        .expect_err("too many");
    assert!(
        matches!(&error, GitError::Unfit { problem, .. } if problem.contains("more than 50000")),
        "{error}"
    );
}

#[test]
fn a_hostile_name_in_a_tree_is_refused() {
    let place = Place::new();
    let blob = place.repository.git(&["rev-parse", "main:README.md"]);
    // `git mktree` refuses such a name, so the tree is written as bytes.
    let mut raw = b"100644 ..\0".to_vec();
    raw.extend_from_slice(oid(&blob).as_bytes());
    let tree = place
        .repository
        .git_with_input(&["hash-object", "-t", "tree", "-w", "--literally", "--stdin"], &raw);
    let hostile = place.repository.git(&["commit-tree", &tree, "-m", "Hostile"]);
    place.repository.git(&["update-ref", "refs/heads/hostile", &hostile]);
    let mirror = place.mirror();
    mirror
        .fetch(&Revision::parse(Some("hostile")).expect("a revision"), &NONE)
        .expect("a commit");
    let error = mirror
        .tree(oid(&hostile), &TreePath::default(), Select::Everything)
        .expect_err("the name leads out");
    assert!(
        matches!(&error, GitError::Unfit { problem, .. } if problem.contains("leads out")),
        "{error}"
    );
}

#[test]
fn the_time_of_the_last_change_is_that_of_the_commit_that_touched_it() {
    let place = Place::new();
    place
        .repository
        .commit_at(2_000, &[("deploy/web.yaml", "replicas: 2\n")], "Two");
    place.repository.commit_at(3_000, &[("other.yaml", "a: 1\n")], "Other");
    let tip = place
        .repository
        .commit_at(4_000, &[("README.md", "Read me again.\n")], "Words");
    let mirror = place.mirror();
    mirror.fetch(&Revision::Head, &NONE).expect("a commit");
    let paths = ["deploy/web.yaml", "deploy", "other.yaml", "README.md", "", "absent"].map(path);
    let times = mirror.changed_at(oid(&tip), &paths).expect("the history is readable");
    let seconds: Vec<Option<i64>> = times.iter().map(|time| time.map(|time| time.as_second())).collect();
    assert_eq!(
        seconds,
        [Some(2_000), Some(2_000), Some(3_000), Some(4_000), Some(4_000), None]
    );
}

#[test]
fn a_file_that_was_removed_was_changed_by_its_removal() {
    let place = Place::new();
    let tip = place.repository.remove("deploy", "Close the shop");
    let mirror = place.mirror();
    let commit = mirror.fetch(&Revision::Head, &NONE).expect("a commit");
    assert_eq!(
        mirror
            .changed_at(oid(&tip), &[path("deploy/web.yaml")])
            .expect("the history is readable"),
        [Some(commit.time)]
    );
}

#[test]
fn behind_the_end_of_a_shallow_mirror_no_time_is_guessed() {
    let place = Place::new();
    place.repository.commit_at(2_000, &[("old.yaml", "a: 1\n")], "Old");
    for number in 0..6 {
        place.repository.commit_at(
            3_000 + number,
            &[("deploy/web.yaml", &format!("replicas: {number}\n"))],
            "Count",
        );
    }
    let mirror = Mirror::open_with(&place.cache(), &place.url(), Limits { depth: 4, ..limits() }).expect("a mirror");
    let commit = mirror.fetch(&Revision::Head, &NONE).expect("a commit");
    let times = mirror
        .changed_at(commit.oid, &[path("old.yaml"), path("deploy/web.yaml")])
        .expect("the history is readable");
    assert_eq!(
        times
            .iter()
            .map(|time| time.map(|time| time.as_second()))
            .collect::<Vec<_>>(),
        [None, Some(3_005)]
    );
}
