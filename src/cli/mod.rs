//! The command line.

use std::process::ExitCode;

/// Runs the command that the arguments ask for.
pub fn run() -> ExitCode {
    for definition in crate::crd::definitions() {
        println!("---\n{}", serde_yaml::to_string(&definition).unwrap_or_default());
    }
    ExitCode::SUCCESS
}
