use pretty_assertions::assert_eq;

use super::*;
use crate::source::git::UrlPolicy;

fn url(name: &str) -> RepositoryUrl {
    RepositoryUrl::parse(&format!("https://git.example/{name}.git"), &UrlPolicy::default()).unwrap()
}

fn tenant(cache: &Path, namespace: &str, watch: &str) -> Tenant {
    Tenant {
        cache: cache.to_owned(),
        namespace: namespace.to_owned(),
        watch: watch.to_owned(),
        login: "public".to_owned(),
    }
}

/// A mirror that holds so many bytes.
fn fill(used: &Used, bytes: usize) {
    fs::create_dir_all(&used.place).unwrap();
    fs::write(used.place.join("HEAD"), vec![b'x'; bytes]).unwrap();
    used.mirrors.lock().get_mut(&used.place).unwrap().bytes = used.mirror.lock().unwrap().size();
}

/// Everything below a folder.
fn left(cache: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![cache.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            found.push(entry.path());
            folders.extend(entry.file_type().unwrap().is_dir().then(|| entry.path()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_mirror_goes_with_the_last_watch_that_uses_it() {
    let cache = tempfile::tempdir().unwrap();
    let mirrors = Mirrors::default();
    let (one, two) = (tenant(cache.path(), "shop", "one"), tenant(cache.path(), "shop", "two"));
    let used = mirrors.used_by(&one, &url("a")).unwrap();
    fill(&used, 10);
    assert_eq!(
        mirrors.used_by(&two, &url("a")).unwrap().place,
        used.place,
        "watches of a namespace share it"
    );
    assert_ne!(
        mirrors
            .used_by(&tenant(cache.path(), "blue", "one"), &url("a"))
            .unwrap()
            .place,
        used.place
    );
    mirrors.forget("shop", "one");
    assert!(used.place.is_dir(), "another watch uses it");
    // The other one looks elsewhere now.
    let other = mirrors.used_by(&two, &url("b")).unwrap();
    assert!(!used.place.exists());
    fill(&other, 10);
    mirrors.forget("shop", "two");
    mirrors.forget("blue", "one");
    mirrors.forget("blue", "unknown");
    assert_eq!(
        left(cache.path()),
        Vec::<PathBuf>::new(),
        "no folder, no lock and no note is left"
    );
    assert!(mirrors.used_by(&one, &url("a")).is_ok(), "and it can be made again");
}

#[test]
fn a_new_process_discards_what_nobody_watches_any_more() {
    let cache = tempfile::tempdir().unwrap();
    {
        let before = Mirrors::default();
        for (namespace, watch) in [("shop", "kept"), ("shop", "gone"), ("blue", "kept")] {
            fill(
                &before
                    .used_by(&tenant(cache.path(), namespace, watch), &url(watch))
                    .unwrap(),
                1000,
            );
        }
    }
    // What a killed process left half-way, and a folder that no mirror is in.
    fs::create_dir_all(cache.path().join("shop/public/0123456789abcdef.new-0")).unwrap();
    fs::create_dir_all(cache.path().join("empty/public")).unwrap();
    let mirrors = Mirrors::within(Disk {
        total: 5_000,
        namespace: 1_500,
    });
    mirrors.restore(cache.path(), |namespace, watch| (namespace, watch) == ("shop", "kept"));
    let kept = cache.path().join("shop/public").join(Mirror::key(&url("kept")));
    let public = cache.path().join("shop/public");
    assert_eq!(folders(&public), std::slice::from_ref(&kept));
    assert!(!cache.path().join("blue").exists());
    // What was taken over counts.
    let other = mirrors
        .used_by(&tenant(cache.path(), "shop", "other"), &url("other"))
        .unwrap();
    assert_eq!(mirrors.room(&other.place).bytes, 500);
    // Its watch uses another repository since then.
    mirrors
        .used_by(&tenant(cache.path(), "shop", "kept"), &url("other"))
        .unwrap();
    assert!(!kept.exists());
}

#[test]
fn the_room_of_a_mirror_is_what_the_others_leave() {
    let cache = tempfile::tempdir().unwrap();
    let mirrors = Mirrors::within(Disk {
        total: 320,
        namespace: 100,
    });
    let used = |namespace: &str, watch: &str| {
        mirrors
            .used_by(&tenant(cache.path(), namespace, watch), &url(watch))
            .unwrap()
    };
    let (a, b) = (used("shop", "a"), used("shop", "b"));
    fill(&a, 70);
    let of_namespace = Room {
        bytes: 30,
        budget: Some(("namespace shop".to_owned(), 100)),
    };
    assert_eq!(mirrors.room(&b.place), of_namespace);
    assert_eq!(mirrors.room(&a.place).bytes, 100, "its own bytes count for it");
    fill(&used("blue", "c"), 100);
    fill(&used("red", "d"), 60);
    // Beyond the 5 that each has for itself the namespaces may have 240 together, and the others have 150 of those.
    let of_all = Room {
        bytes: 25,
        budget: Some(("all namespaces".to_owned(), 320)),
    };
    assert_eq!(mirrors.room(&b.place), of_all);
    mirrors.forget("shop", "a");
    assert_eq!(mirrors.room(&b.place).bytes, 95);
    fill(&used("green", "e"), 95);
    assert_eq!(
        mirrors.room(&used("late", "f").place).bytes,
        5,
        "whoever comes late has that for itself"
    );
}
