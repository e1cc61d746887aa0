//! The entry: hands the arguments to the command line and its exit code to the shell.

use std::process::ExitCode;

/// An assessment asks for a thousand small blocks of memory: glibc's own allocator takes a third of its time. A child
/// must not have its reserve of address space, which would make the limit of the child's memory void.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    driftmend::cli::run()
}
