//! The page on the command line: the help of each subcommand, word for word.

use clap::{Command, CommandFactory};

use crate::cli::Arguments;

/// As wide as the help is on a wide terminal.
const WIDTH: usize = 100;

pub(super) fn page() -> String {
    let mut command = Arguments::command().term_width(WIDTH);
    command.build();
    let mut page = super::head("Command line");
    page.push_str(&section(&command));
    let subcommands = command.get_subcommands().filter(|command| !command.is_hide_set());
    for subcommand in subcommands.filter(|command| command.get_name() != "help") {
        page.push('\n');
        page.push_str(&section(subcommand));
    }
    page
}

fn section(command: &Command) -> String {
    // The value that a variable has where this runs is nobody's business.
    let mut command = command.clone().mut_args(|argument| argument.hide_env_values(true));
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    format!("## {name}\n\n```text\n{}\n```\n", lines.join("\n"))
}
