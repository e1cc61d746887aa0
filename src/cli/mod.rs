//! The command line.

use std::process::ExitCode;

/// Runs the command that the arguments ask for.
pub fn run() -> ExitCode {
    ExitCode::SUCCESS
}
