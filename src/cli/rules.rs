//! `driftmend rules`: what driftmend finds wrong, and what to do about it.

use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::{Fault, Format, output};
use crate::engine::rules::{RULES, rule};
use crate::report::rules::{catalogue, list, text};

/// Lists the rules by which findings come, or tells one of them in full.
///
/// A finding of a DriftReport, of `diff` or of `check` names its rule.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// Tells this rule in full.
    #[arg(value_name = "ID", hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(RULES.iter().map(|rule| rule.id)))]
    id: Option<String>,

    /// How the rules are printed.
    #[arg(short, long, value_enum, default_value = "human")]
    output: Format,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let one = arguments.id.as_deref().and_then(rule);
    match (arguments.output, one) {
        (Format::Human, Some(one)) => output::print(&text(one))?,
        (Format::Human, None) => output::print(&list())?,
        (format, Some(one)) => output::print_value(&catalogue([one]), format)?,
        (format, None) => output::print_value(&catalogue(RULES.iter().copied()), format)?,
    }
    Ok(ExitCode::SUCCESS)
}
