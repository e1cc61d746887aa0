//! The entry: hands the arguments to the command line and its exit code to the shell.

use std::process::ExitCode;

fn main() -> ExitCode {
    driftmend::cli::run()
}
