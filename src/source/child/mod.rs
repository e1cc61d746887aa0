//! Work on foreign bytes, in a process of its own: this program again, as `driftmend child JOB`, under limits that the
//! kernel keeps.
//!
//! A library that reads what a stranger wrote can be made to run for ever, to take all memory, or to wait for a byte
//! that never comes, and a thread cannot be stopped. A child can: it limits its own memory, processor time and file
//! sizes before it reads its question, is killed when its time by the clock is over, and dies with its parent. What
//! comes back is data, and no more of it than was asked for.
//!
//! ```text
//! places    how much may be at work at once, in turns between tenants     -> a place, or none in time
//! run       a question, limits                                            -> an answer, or how the child ended
//! confine   the child's first act: its limits, by its own hand
//! ```
//!
//! There is one way to start a child, [`ask`]. It leaves no thread and no process behind, however the child ends.

mod bounds;
mod ending;
pub mod jq;
mod places;
mod program;
mod run;

pub use bounds::{Bounds, MIB, confine};
pub use ending::Ending;
pub use places::{Place, Places};
pub use program::program_is;
pub use run::ask;

/// What a child is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Job {
    /// Evaluates one jq expression.
    Jq,

    /// Asks a Git server, or reads a mirror.
    Git,
}

impl Job {
    /// The word on the child's command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Jq => "jq",
            Self::Git => "git",
        }
    }
}

/// Answers the one question on standard input, as the child.
///
/// # Errors
/// Standard input is no question, or standard output is gone.
pub fn serve(job: Job) -> std::io::Result<()> {
    match job {
        Job::Jq => jq::serve(),
        Job::Git => crate::source::git::serve(),
    }
}
