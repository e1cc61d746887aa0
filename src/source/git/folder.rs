//! The folders of a mirror: locked, made beside their place, put there by a rename, and judged by what a killed process
//! leaves.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::GitError;

/// The mark of a transfer that is under way, or was when its process died.
pub(super) const TRANSFER_MARK: &str = "transfer-under-way";

/// How deep lock files are looked for: below `refs/` a branch's name may have folders of its own.
const DEEPEST_LOCK: usize = 16;

/// How often a lock is tried, and how long after the last time.
const LOCK_TRIES: usize = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// Takes the lock that the kernel gives back when the process ends, however it ends.
///
/// A lock that this process gave back a moment ago may still be held by a child of its own: one that was forked
/// meanwhile has a copy of the file until it becomes another program.
pub(super) fn lock(path: &Path) -> Result<File, GitError> {
    for _ in 0..LOCK_TRIES {
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(in_folder(path))?;
        match file.try_lock() {
            // Whoever discards a mirror removes its lock: the one that counts is the one that is there.
            Ok(()) if is_at(&file, path) => return Ok(file),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => thread::sleep(BETWEEN_TRIES),
            Err(TryLockError::Error(source)) => {
                return Err(GitError::Cache {
                    path: path.to_owned(),
                    source,
                });
            }
        }
    }
    Err(GitError::CacheInUse { path: path.to_owned() })
}

/// Whether a file that is open is the one at a path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata().map(id), fs::metadata(path).map(id)), (Ok(open), Ok(there)) if open == there)
}

/// Whether a file that is open is the one at a path: elsewhere none that is open can be removed.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// A name beside a folder that no earlier or later attempt has.
pub(super) fn staging(directory: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    directory.with_extension(format!("new-{}", COUNTER.fetch_add(1, Ordering::Relaxed)))
}

/// Puts a complete folder in the place of another. A kill between the two renames leaves no mirror, which is an empty
/// one.
pub(super) fn replace(directory: &Path, fresh: &Path) -> Result<(), GitError> {
    let old = directory.with_extension("old");
    remove(&old)?;
    match fs::rename(directory, &old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(in_folder(directory)(error)),
        _ => {}
    }
    fs::rename(fresh, directory).map_err(in_folder(directory))?;
    remove(&old)
}

/// Removes what earlier processes left beside a mirror.
pub(super) fn remove_remains(cache: &Path, key: &str) -> Result<(), GitError> {
    let (new, old) = (format!("{key}.new-"), format!("{key}.old"));
    for entry in fs::read_dir(cache).map_err(in_folder(cache))? {
        let entry = entry.map_err(in_folder(cache))?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(&new) || name == old.as_str() {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a folder that may be absent.
pub(super) fn remove(directory: &Path) -> Result<(), GitError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(in_folder(directory)(error)),
        _ => Ok(()),
    }
}

/// Removes a file that may be absent.
pub(super) fn remove_file(path: &Path) -> Result<(), GitError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(in_folder(path)(error)),
        _ => Ok(()),
    }
}

/// Removes a mirror and all that belongs to it; its lock goes last, and whoever waits for that makes another.
pub(super) fn discard(cache: &Path, key: &str) -> Result<(), GitError> {
    remove_remains(cache, key)?;
    remove(&cache.join(key))?;
    remove_file(&cache.join(format!("{key}.lock")))
}

/// Removes what a killed child leaves: folders beside a mirror, and packs in it that were not finished.
pub(super) fn sweep(cache: &Path, key: &str) -> Result<(), GitError> {
    remove_remains(cache, key)?;
    let Ok(entries) = fs::read_dir(cache.join(key).join("objects/pack")) else {
        return Ok(());
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if !path
            .extension()
            .is_some_and(|extension| extension == "pack" || extension == "idx")
        {
            remove_file(&path)?;
        }
    }
    Ok(())
}

/// Whether a folder holds a mirror that no process left half-way.
pub(super) fn is_sound(directory: &Path) -> bool {
    directory.join("HEAD").is_file() && !directory.join(TRANSFER_MARK).exists() && !has_lock(directory, DEEPEST_LOCK)
}

/// Whether a lock file is anywhere outside the objects, which libgit2 writes without locks.
fn has_lock(directory: &Path, depth: usize) -> bool {
    let Ok(entries) = fs::read_dir(directory) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            depth > 0 && name != "objects" && has_lock(&entry.path(), depth - 1)
        } else {
            name.to_string_lossy().ends_with(".lock")
        }
    })
}

/// How many packs a mirror has.
pub(super) fn packs(directory: &Path) -> usize {
    let Ok(entries) = fs::read_dir(directory.join("objects/pack")) else {
        return 0;
    };
    entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "pack"))
        .count()
}

/// Adds the folder to an error of the system.
pub(super) fn in_folder(path: &Path) -> impl FnOnce(io::Error) -> GitError {
    let path = path.to_owned();
    move |source| GitError::Cache { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_given_back_in_a_moment_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = lock(&path).unwrap();
        let giving_back = thread::spawn(move || {
            thread::sleep(4 * BETWEEN_TRIES);
            drop(held);
        });
        assert!(lock(&path).is_ok());
        giving_back.join().unwrap();
    }

    fn mirror() -> (tempfile::TempDir, PathBuf) {
        let cache = tempfile::tempdir().unwrap();
        let directory = cache.path().join("0123");
        fs::create_dir_all(directory.join("refs/heads/team")).unwrap();
        fs::create_dir_all(directory.join("objects/pack")).unwrap();
        fs::write(directory.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        (cache, directory)
    }

    #[test]
    fn a_folder_is_sound_until_it_has_a_lock_or_a_mark() {
        for remains in [
            "shallow.lock",
            "refs/heads/team/main.lock",
            "config.lock",
            TRANSFER_MARK,
        ] {
            let (_cache, directory) = mirror();
            assert!(is_sound(&directory));
            File::create(directory.join(remains)).unwrap();
            assert!(!is_sound(&directory), "{remains}");
        }
        assert!(!is_sound(Path::new("/nowhere")));
    }

    #[test]
    fn a_replaced_folder_and_the_remains_of_a_kill_are_gone() {
        let (cache, directory) = mirror();
        let fresh = staging(&directory);
        fs::create_dir_all(&fresh).unwrap();
        fs::write(fresh.join("HEAD"), "new").unwrap();
        replace(&directory, &fresh).unwrap();
        assert_eq!(fs::read_to_string(directory.join("HEAD")).unwrap(), "new");
        fs::create_dir_all(staging(&directory)).unwrap();
        fs::create_dir_all(directory.with_extension("old")).unwrap();
        remove_remains(cache.path(), "0123").unwrap();
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_second_mirror_in_the_same_folder_is_refused() {
        let cache = tempfile::tempdir().unwrap();
        let path = cache.path().join("0123.lock");
        let first = lock(&path).unwrap();
        assert!(matches!(lock(&path), Err(GitError::CacheInUse { .. })));
        drop(first);
        assert!(lock(&path).is_ok());
    }
}
