//! What a child may take, and how it binds itself to that.

use std::time::Duration;

/// A mebibyte.
pub const MIB: u64 = 1 << 20;

/// The address space beside a child's own memory: the program, its libraries, and what of a pack is looked at through a
/// window.
///
/// That is memory which the kernel can drop and read again, so that it is no part of the sum that a container must
/// have.
const BESIDE: u64 = 1024 * MIB;

/// How many files a child may have open: a mirror has at most fifty packs, each of two files.
const OPEN_FILES: u64 = 256;

/// What one child may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Its own memory in bytes: heap and all else that is written to and belongs to no file.
    pub memory: u64,

    /// Its processor time, in whole seconds.
    pub processor: Duration,

    /// The largest file that it may write, in bytes.
    pub file: u64,

    /// How long it may take by the clock.
    pub clock: Duration,

    /// The longest answer, in bytes.
    pub answer: u64,
}

impl Bounds {
    /// The words on the child's command line.
    pub(super) fn words(&self) -> [String; 6] {
        let option = |name: &str| format!("--{name}");
        let seconds = self.processor.as_secs().max(1);
        [
            option("memory"),
            self.memory.to_string(),
            option("processor"),
            seconds.to_string(),
            option("file"),
            self.file.to_string(),
        ]
    }
}

/// Binds this process, a child, to its limits, and its life to that of its parent.
///
/// An allocation beyond the limit fails or ends the process; the kernel ends it for the others. A system other than
/// Linux may lack one of these limits, and still has the parent's patience.
///
/// # Errors
/// A limit that cannot be set, and a parent that is gone already.
#[cfg(unix)]
pub fn confine(memory: u64, processor: u64, file: u64, parent: u32) -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // The signal of the lower limit of time tells what happened; the one of the upper is also the parent's.
    let limits = [
        (Resource::Data, memory, memory),
        (
            Resource::As,
            memory.saturating_add(BESIDE),
            memory.saturating_add(BESIDE),
        ),
        (Resource::Cpu, processor, processor + 1),
        (Resource::Fsize, file, file),
        (Resource::Nofile, OPEN_FILES, OPEN_FILES),
        (Resource::Core, 0, 0),
    ];
    for (resource, most, utmost) in limits {
        // A lower limit that is there already may not be raised, and need not be.
        let hard = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let set = setrlimit(
            resource,
            Rlimit {
                current: Some(most.min(hard)),
                maximum: Some(utmost.min(hard)),
            },
        );
        if cfg!(target_os = "linux") {
            set?;
        }
    }
    // Where the container runs out of memory all the same, a child is the one to go: its parent tells of it and goes
    // on.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    die_with(parent)
}

/// Has the kernel end this process when the thread ends that started it, which waits for it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn die_with(parent: u32) -> std::io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have ended before.
    let still = getppid().is_some_and(|pid| u32::try_from(pid.as_raw_nonzero().get()) == Ok(parent));
    if still {
        Ok(())
    } else {
        Err(std::io::Error::other("the process that asked is gone"))
    }
}

/// Elsewhere a child ends by its limits, and when nobody reads its answer.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn die_with(_: u32) -> std::io::Result<()> {
    Ok(())
}

/// Elsewhere nothing limits a child but its parent's patience.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn confine(_: u64, _: u64, _: u64, _: u32) -> std::io::Result<()> {
    Ok(())
}
