//! A folder of this process alone, for what a command keeps while it runs.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::Fault;

/// How many names are tried: of 64 random bits each, so that only a broken source of randomness ever needs a second
/// one.
const TRIES: usize = 8;

/// A folder that nobody else can have laid out nor may look into, and that is gone when the command ends.
///
/// The folder for temporary files is everybody's: what stands there under a name that can be guessed may be somebody
/// else's repository, or a link to somewhere else. So the name cannot be guessed, and the folder must not have been
/// there.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes a folder.
    pub(super) fn new() -> Result<Self, Fault> {
        let folder = std::env::temp_dir();
        for _ in 1..TRIES {
            // Each `RandomState` has keys of its own, and no other source of randomness is needed here.
            let random = RandomState::new().build_hasher().finish();
            match Self::at(&folder.join(format!("driftmend-{random:016x}"))) {
                Err((_, error)) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return made.map_err(|(path, error)| unmade(&path, error)),
            }
        }
        Err(unmade(&folder, ErrorKind::AlreadyExists.into()))
    }

    /// Makes exactly this folder, which must not be there: neither as a folder nor as a link.
    fn at(path: &Path) -> Result<Self, (PathBuf, std::io::Error)> {
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(path)
            .map_err(|error| (path.to_owned(), error))?;
        Ok(Self(path.to_owned()))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it: a folder that stays is only space among the temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn unmade(path: &Path, error: std::io::Error) -> Fault {
    let hint = "set TMPDIR to a folder that you may write to".to_owned();
    Fault::new(format!("failed to make {}", path.display()))
        .because(error)
        .hint(hint)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_of_its_owner_alone_and_goes_with_it() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().to_owned();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn two_of_one_process_have_names_of_which_neither_tells_the_other() {
        let (one, other) = (Scratch::new().unwrap(), Scratch::new().unwrap());
        assert_ne!(one.path(), other.path());
        let name = one.path().file_name().unwrap().to_string_lossy().into_owned();
        assert!(
            !name.contains(&std::process::id().to_string()),
            "{name} can be foreseen"
        );
    }

    #[test]
    fn what_was_there_before_is_never_taken_be_it_a_folder_or_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (laid_out, link) = (folder.path().join("laid-out"), folder.path().join("link"));
        std::fs::create_dir(&laid_out).unwrap();
        std::os::unix::fs::symlink(&laid_out, &link).unwrap();
        for path in [laid_out, link] {
            let (of, error) = Scratch::at(&path).err().unwrap();
            assert_eq!((of, error.kind()), (path, ErrorKind::AlreadyExists));
        }
    }
}
