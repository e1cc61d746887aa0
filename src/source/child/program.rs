//! Where this program lies, to be started again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Says which program children are, for a process that is not the program itself; the first call counts.
pub fn program_is(path: &Path) {
    PROGRAM.get_or_init(|| path.to_owned());
}

/// The program that children run.
///
/// # Errors
/// The system does not tell, and the process was not started by a path.
pub(super) fn program() -> io::Result<&'static Path> {
    if let Some(known) = PROGRAM.get() {
        return Ok(known);
    }
    let found = std::env::current_exe().or_else(|error| by_its_name().ok_or(error))?;
    Ok(PROGRAM.get_or_init(|| found))
}

/// The path by which this process was started: without `/proc`, as in a bare chroot, nothing else tells where it lies.
fn by_its_name() -> Option<PathBuf> {
    let name = PathBuf::from(std::env::args_os().next()?);
    if name.is_absolute() {
        return Some(name);
    }
    if name.components().count() > 1 {
        return Some(std::env::current_dir().ok()?.join(name));
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
}
