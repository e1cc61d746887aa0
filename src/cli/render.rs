//! `driftmend render`: what kubectl would read.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::output::{self, Format};
use super::{Fault, diff, input};
use crate::source::{render, yaml};

/// Prints the documents of files as kubectl reads them: YAML 1.1 rules, merge keys, Lists expanded.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// A file, a folder, or `-` for standard input.
    #[arg(value_name = "PATH")]
    path: String,

    /// How the documents are printed.
    #[arg(short, long, value_enum, default_value = "json")]
    output: Printed,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Printed {
    /// One JSON list.
    Json,

    /// One YAML list.
    Yaml,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let files = input::files(&arguments.path)?;
    let (mut documents, mut broken) = (Vec::new(), false);
    for file in &files {
        let loaded = yaml::load(&file.bytes, &file.path);
        documents.extend(loaded.documents.into_iter().map(|document| document.value));
        for remark in &loaded.problems {
            output::print_fault(&diff::fault(remark));
            broken = true;
        }
    }
    let documents: Vec<Value> = documents.into_iter().flat_map(expanded).collect();
    match arguments.output {
        Printed::Yaml => output::print_value(&documents, Format::Yaml)?,
        Printed::Json => output::write(|out| {
            render::write_json(&documents, &mut *out)?;
            out.write_all(b"\n")
        })?,
    }
    Ok(if broken { ExitCode::from(2) } else { ExitCode::SUCCESS })
}

/// The items of a List, or the document itself.
fn expanded(mut document: Value) -> Vec<Value> {
    let is_list = document.get("kind").and_then(Value::as_str) == Some("List");
    match document.get_mut("items") {
        Some(Value::Array(items)) if is_list => std::mem::take(items),
        _ => vec![document],
    }
}
