//! The child's side: one question from standard input, its answer to standard output.

use std::io::{self, BufWriter, Read};
use std::path::Path;
use std::time::Duration;

use super::bare::Bare;
use super::request::{Call, Found, Request, write_file, write_result};
use super::session::{Session, Step};
use super::{Credentials, Limits, http};

/// How much of unpacked objects libgit2 keeps: a mirror is read once from one end to the other.
const KEPT_OBJECTS: isize = 8 << 20;

/// How much of a pack is looked at through one window, and through all of them.
const WINDOW: usize = 32 << 20;
const WINDOWS: usize = 256 << 20;

/// Answers one question, as the child process.
///
/// # Errors
/// Standard input is no question, or standard output is gone.
pub fn serve() -> io::Result<()> {
    let mut question = Vec::new();
    io::stdin().lock().read_to_end(&mut question)?;
    let Request {
        url,
        login,
        limits,
        route,
        certificates,
        directory,
        memory,
        room,
        call,
    } = serde_json::from_slice(&question)?;
    drop(question);
    set_globals(&limits, certificates.as_deref())
        .map_err(|error| io::Error::other(format!("failed to set up libgit2: {error}")))?;
    let bare = Bare {
        url: url.clone(),
        directory,
        memory,
        step: call.step(),
    };
    let session = Session::new(&url, &Credentials::from(login), limits, route, memory);
    let mut out = BufWriter::new(io::stdout().lock());
    match call {
        Call::Poll(revision) => write_result(&mut out, &bare.poll(&revision, &session).map(Found)),
        Call::Fetch(revision) => write_result(&mut out, &bare.fetch(&revision, room, &session)),
        Call::Describe(oid) => write_result(&mut out, &bare.believed(oid)),
        Call::ChangedAt { oid, paths } => write_result(&mut out, &bare.changed_at(oid, &paths)),
        Call::Tree { oid, path, select } => {
            let tree = bare.tree(oid, &path, select, limits.files, &mut |file| write_file(&mut out, file))?;
            write_result(&mut out, &tree)
        }
    }
}

impl Call {
    /// What it is in words, and how long it may take.
    pub(super) fn step(&self) -> Step {
        match self {
            Call::Poll(_) => Step::List,
            Call::Fetch(_) => Step::Transfer,
            Call::Describe(_) | Call::Tree { .. } | Call::ChangedAt { .. } => Step::Read,
        }
    }
}

/// Sets what libgit2 keeps for the whole process.
///
/// libgit2 has no time limit at all without the two. The user's and the system's Git configuration are not read, since
/// an `insteadOf` there could turn a checked URL into another.
// libgit2's global settings are unsynchronised C variables: unsafe by nature, set once before any connection by a
// process of one thread.
#[allow(unsafe_code)]
fn set_globals(limits: &Limits, certificates: Option<&Path>) -> Result<(), git2::Error> {
    use git2::{ConfigLevel, opts};
    let milliseconds = |duration: Duration| i32::try_from(duration.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: this process has one thread, and it has not used libgit2 yet.
    unsafe {
        opts::set_server_connect_timeout_in_milliseconds(milliseconds(limits.connect))?;
        opts::set_server_timeout_in_milliseconds(milliseconds(limits.silence))?;
        opts::set_cache_max_size(KEPT_OBJECTS)?;
        opts::set_mwindow_size(WINDOW)?;
        opts::set_mwindow_mapped_limit(WINDOWS)?;
        for level in [
            ConfigLevel::System,
            ConfigLevel::Global,
            ConfigLevel::XDG,
            ConfigLevel::ProgramData,
        ] {
            opts::set_search_path(level, "")?;
        }
    }
    http::trust_also(certificates);
    // SAFETY: as above.
    unsafe { http::register() }
}
