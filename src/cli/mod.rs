//! The command line: one file a subcommand.
//!
//! Exit codes, as `kubectl diff` has them: 0 nothing to tell, 1 something differs or needs a person, 2 the command
//! could not do what was asked.

mod access;
mod approve;
mod bytes;
mod check;
mod child;
mod controller;
mod crds;
mod diff;
mod doubts;
mod fault;
mod freshness;
mod heal;
mod input;
mod kubectl_diff;
mod live;
mod output;
mod pairs;
mod people;
mod reach;
mod render;
mod report;
mod scratch;
mod standing;
mod syncing;
mod target;
mod unreported;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub use access::Access;
pub use fault::Fault;
pub use output::Format;
pub use syncing::Syncing;

use crate::report::printer;

const LONG_ABOUT: &str = "\
Sees a live object leave its Git source, says which field, who and when, predicts whether the next sync will be \
refused by the API server, and heals it with one guarded patch after a person approved.

In the cluster `driftmend controller` writes DriftReports; `kubectl get driftreports -A` lists them. On a terminal:

  driftmend report web -n shop             what is wrong with web, and the plan
  driftmend approve web -n shop            read the plan and approve it
  driftmend heal web -n shop --plan HASH   carry it out with your own rights
  kubectl get deploy -A -o yaml --show-managed-fields | driftmend diff git/ -
  driftmend check git/ --cluster           before a merge: what will be refused";

const AFTER_HELP: &str = "\
Exit status:
  0  nothing differs, or the command did what was asked
  1  something drifted, is refused, or needs a person
  2  an input could not be read or a request failed; the message says what to do";

/// The arguments.
#[derive(Debug, Parser)]
#[command(
    name = "driftmend",
    version,
    about = "Heals GitOps drift before the next sync is refused"
)]
#[command(long_about = LONG_ABOUT, after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Controller(Box<controller::Arguments>),
    Diff(diff::Arguments),
    KubectlDiff(kubectl_diff::Arguments),
    Check(check::Arguments),
    Render(render::Arguments),
    Report(report::Arguments),
    Approve(approve::Arguments),
    Deny(approve::DenyArguments),
    Heal(heal::Arguments),
    Crds(crds::Arguments),
    #[command(hide = true)]
    Child(child::Arguments),
}

/// Runs the command that the process's arguments ask for.
pub fn run() -> ExitCode {
    // A closed pipe (`| head`) is a graceful end, not an error: output::print ends quietly on it.
    let words = in_order(std::env::args_os().collect());
    let arguments = match Arguments::try_parse_from(&words) {
        Ok(arguments) => arguments,
        // The same words again, so that what the message quotes of them is one line.
        Err(error) => {
            let escaped = words
                .iter()
                .map(|word| printer::one_line(&word.to_string_lossy()).into_owned());
            return output::print_usage(&Arguments::try_parse_from(escaped).err().unwrap_or(error));
        }
    };
    match arguments.command.run() {
        Ok(code) => code,
        Err(fault) => {
            output::print_fault(&fault);
            ExitCode::from(2)
        }
    }
}

/// The arguments with the subcommand first: kubectl puts its two folders before the words of `KUBECTL_EXTERNAL_DIFF`.
///
/// Source: `DiffProgram.getCommand` of `staging/src/k8s.io/kubectl/pkg/cmd/diff/diff.go`.
fn in_order(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let is_subcommand = |word: &OsString| Arguments::command().find_subcommand(word).is_some();
    if arguments.len() == 4 && arguments[3] == "kubectl-diff" && !is_subcommand(&arguments[1]) {
        arguments[1..].rotate_right(1);
    }
    arguments
}

impl Command {
    fn run(self) -> Result<ExitCode, Fault> {
        match self {
            Self::Diff(arguments) => diff::run(&arguments),
            Self::KubectlDiff(arguments) => kubectl_diff::run(&arguments),
            Self::Check(arguments) => check::run(&arguments),
            Self::Child(arguments) => child::run(&arguments),
            Self::Render(arguments) => render::run(&arguments),
            Self::Crds(arguments) => crds::run(&arguments),
            Self::Controller(arguments) => waiting(controller::run(*arguments)),
            Self::Report(arguments) => waiting(report::run(arguments)),
            Self::Approve(arguments) => waiting(approve::run(arguments)),
            Self::Deny(arguments) => waiting(approve::run_deny(arguments)),
            Self::Heal(arguments) => waiting(heal::run(arguments)),
        }
    }
}

/// Runs a command that talks to servers.
fn waiting<T>(command: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Fault::new("failed to start the runtime").because(error))?;
    let result = runtime.block_on(command);
    // A Git call that hangs must not hold the process back.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_kubectl_come_first_and_no_subcommand_is_taken_for_a_folder() {
        let ordered = |words: [&str; 4]| in_order(words.map(OsString::from).to_vec());
        assert_eq!(
            ordered(["driftmend", "/tmp/LIVE", "/tmp/MERGED", "kubectl-diff"]),
            ["driftmend", "kubectl-diff", "/tmp/LIVE", "/tmp/MERGED"]
        );
        let namespace = ["driftmend", "report", "-n", "kubectl-diff"];
        assert_eq!(ordered(namespace), namespace);
    }
}
