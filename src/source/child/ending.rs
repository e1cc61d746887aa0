//! How a child ended that gave no answer.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use super::Bounds;
use super::bounds::MIB;

/// What the system's runtime says of an allocation that failed, before it ends the process.
const NO_MEMORY: &str = "memory allocation of";

/// Why a child gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Ending {
    /// It could not be started.
    #[error("the child process did not start: {0}")]
    NotStarted(io::Error),

    /// Its time by the clock was over, and it was killed.
    #[error("the child process was killed after {} s", .0.as_secs_f32())]
    Clock(Duration),

    /// It used up its processor time.
    #[error("the child process used up {} s of processor time", .0.as_secs())]
    Processor(Duration),

    /// It asked for more memory than it may have; the limit in bytes.
    #[error("the child process asked for more than {} MiB of memory", .0 / MIB)]
    Memory(u64),

    /// It wrote a larger file than it may; the limit in bytes.
    #[error("the child process wrote more than {} MiB", .0 / MIB)]
    File(u64),

    /// A page of a file that it wrote found no place on the disk.
    #[error("the child process found no space left on the disk")]
    Disk,

    /// Its answer was longer than it may be; the limit in bytes.
    #[error("the child process answered with more than {} MiB", .0 / MIB)]
    Answer(u64),

    /// It ended in another way, in words.
    #[error("the child process ended early: {0}")]
    Died(String),
}

impl Ending {
    /// Reads the status of a child that gave no answer in time, and what it said before.
    #[cfg(unix)]
    pub(super) fn of(status: ExitStatus, said: &str, bounds: &Bounds) -> Self {
        use rustix::process::Signal;
        use std::os::unix::process::ExitStatusExt;
        let signal = status.signal();
        let by = |one: Signal| signal == Some(one.as_raw());
        let last = said
            .lines()
            .map(str::trim)
            .rfind(|line| !line.is_empty())
            .unwrap_or_default();
        if by(Signal::XCPU) {
            Self::Processor(bounds.processor)
        } else if by(Signal::XFSZ) {
            Self::File(bounds.file)
        } else if by(Signal::BUS) {
            // What is written through a mapping of a file has no other way to fail.
            Self::Disk
        } else if said.contains(NO_MEMORY) {
            Self::Memory(bounds.memory)
        } else if by(Signal::KILL) {
            Self::Died("the system killed it, as it does where a machine or a container has no memory left".to_owned())
        } else if let Some(number) = signal {
            Self::Died(format!("by signal {number} {last}").trim_end().to_owned())
        } else {
            Self::Died(format!("{status} {last}").trim_end().to_owned())
        }
    }

    /// Reads the status of a child that gave no answer in time, and what it said before.
    #[cfg(not(unix))]
    pub(super) fn of(status: ExitStatus, said: &str, bounds: &Bounds) -> Self {
        if said.contains(NO_MEMORY) {
            Self::Memory(bounds.memory)
        } else {
            Self::Died(status.to_string())
        }
    }
}
