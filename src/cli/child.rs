//! `driftmend child JOB`: a part of this program that works on foreign bytes, started by itself and by nobody else.

use std::process::ExitCode;

use super::Fault;
use crate::source::child::{self, Job};

/// Works on one question from standard input, as a child of this program that may be killed.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    job: Job,

    /// How much memory it may have, in bytes.
    #[arg(long)]
    memory: u64,

    /// How much processor time it may take, in seconds.
    #[arg(long)]
    processor: u64,

    /// The largest file that it may write, in bytes.
    #[arg(long)]
    file: u64,

    /// The process that started it.
    #[arg(long)]
    parent: u32,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let Arguments {
        job,
        memory,
        processor,
        file,
        parent,
    } = *arguments;
    let failed = |error| Fault::new(format!("failed to answer a question about {}", job.word())).because(error);
    child::confine(memory, processor, file, parent)
        .and_then(|()| child::serve(job))
        .map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}
