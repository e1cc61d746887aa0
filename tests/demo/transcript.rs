//! What a person reads: sentences, commands with what they really answered, and the checks that held.

use std::io::{self, Write};

use anyhow::{Context, Result, bail};

use crate::harness::Output;
use crate::harness::command::Tool;

/// A terminal beside a dashboard, and a README without a scroll bar.
const WIDTH: usize = 100;

/// Prints the story and counts what was proved.
#[derive(Debug, Default)]
pub struct Transcript {
    scenes: usize,
    checks: usize,
}

impl Transcript {
    /// Begins the next scene.
    pub fn scene(&mut self, title: &str) -> Result<()> {
        self.scenes += 1;
        let title = format!("{}  {title}", self.scenes);
        print(&format!("\n{title}\n{}", "=".repeat(title.chars().count())))
    }

    /// Tells something, as a paragraph of its own.
    pub fn say(&self, text: &str) -> Result<()> {
        print("")?;
        wrapped(text, "").iter().try_for_each(|line| print(line))
    }

    /// Runs a command and shows it with its whole answer, whatever its exit code.
    pub fn run(&self, tool: &Tool, name: &str, arguments: &[&str]) -> Result<Output> {
        let words: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
        self.command(&format!("{name} {}", words.join(" ")))?;
        let output = tool.run(arguments)?;
        self.answer(&output.stdout)?;
        self.answer(&output.stderr)?;
        Ok(output)
    }

    /// Shows a command that was run in another way.
    pub fn command(&self, command: &str) -> Result<()> {
        print("")?;
        // A shell reads a line that ends with a backslash on.
        print(&format!("$ {}", wrapped(command, "    ").join(" \\\n")))
    }

    /// Shows an answer, line by line.
    pub fn answer(&self, text: &str) -> Result<()> {
        text.trim_end().lines().try_for_each(|line| {
            let indent = line.len() - line.trim_start().len();
            wrapped(line, &" ".repeat(indent + 4))
                .iter()
                .try_for_each(|line| print(line))
        })
    }

    /// Shows lines that somebody may copy, however long they are.
    pub fn verbatim(&self, text: &str) -> Result<()> {
        text.trim_end().lines().try_for_each(print)
    }

    /// Checks what the scene just claimed: shows it when it holds, ends the demo when it does not.
    ///
    /// # Errors
    ///
    /// Says what should hold and what was seen instead.
    pub fn check(&mut self, holds: bool, claim: &str, seen: impl FnOnce() -> String) -> Result<()> {
        if !holds {
            bail!(
                "this should hold, and does not: {claim}\nseen instead: {}",
                seen().trim()
            );
        }
        self.checks += 1;
        wrapped(claim, "  ").iter().enumerate().try_for_each(|(at, line)| {
            if at == 0 {
                print(&format!("✓ {line}"))
            } else {
                print(line)
            }
        })
    }

    /// How many checks held.
    pub fn checks(&self) -> usize {
        self.checks
    }
}

/// Prints one line; a reader that has gone ends the demo as any other failure does.
pub fn print(line: &str) -> Result<()> {
    writeln!(io::stdout().lock(), "{line}").context("failed to print")
}

/// Breaks a line at spaces; the lines after the first begin with `indent`. A word is never cut.
fn wrapped(line: &str, indent: &str) -> Vec<String> {
    // The check mark, the prompt or the backslash stand beside it.
    let width = WIDTH - 2;
    if line.chars().count() <= width {
        return vec![line.to_owned()];
    }
    let lead: String = line.chars().take_while(|character| *character == ' ').collect();
    let mut lines = vec![lead];
    let mut is_empty = true;
    for word in line.trim_start().split(' ') {
        let fits = lines
            .last()
            .is_some_and(|last| last.chars().count() + 1 + word.chars().count() <= width);
        match lines.last_mut() {
            Some(last) if is_empty => last.push_str(word),
            Some(last) if fits => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
        is_empty = false;
    }
    lines
}

/// As a person would type it.
fn quoted(argument: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=,@%+".contains(character);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}
