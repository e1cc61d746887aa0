//! `driftmend kubectl-diff`: what `kubectl diff` shows, in the words of this tool.
//!
//! kubectl writes what is live and what an apply would make of it (by a server-side dry run) into two folders, one file
//! an object under the same name, and calls the program in `KUBECTL_EXTERNAL_DIFF` with both. Owners are not in the
//! files. The exit code is passed on: 1 means a difference, more means a failure.
//!
//! Source: `staging/src/k8s.io/kubectl/pkg/cmd/diff/diff.go`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::{Fault, diff, output};
use crate::engine::diff::{Change, Masker, compare, compare_any};
use crate::engine::kind::Kind;
use crate::engine::object::ObjectId;
use crate::report::human;
use crate::source::yaml;

/// Shows what an apply would change, as the program that `kubectl diff` calls.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
kubectl finds the program by a variable:

  export KUBECTL_EXTERNAL_DIFF='driftmend kubectl-diff'
  kubectl diff -f git/

Owners are not known here; `driftmend diff` tells them.")]
pub struct Arguments {
    /// The folder, or file, of what is live.
    #[arg(value_name = "LIVE")]
    live: PathBuf,

    /// The folder, or file, of what an apply would make of it.
    #[arg(value_name = "MERGED")]
    merged: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let (live, merged) = (read(&arguments.live)?, read(&arguments.merged)?);
    let names: BTreeSet<&String> = live.keys().chain(merged.keys()).collect();
    let masker = Masker::default();
    let (mut text, mut differing) = (String::new(), 0);
    for name in &names {
        let (live, merged) = (
            live.get(*name).and_then(Option::as_ref),
            merged.get(*name).and_then(Option::as_ref),
        );
        let told = match (live, merged) {
            (Some(live), Some(merged)) => match changes(live, merged) {
                changes if changes.is_empty() => continue,
                changes => human::coming_changes(&headline(merged, name), &changes, &masker.of_object([live, merged])),
            },
            (None, Some(merged)) => human::coming(&headline(merged, name), "would be created"),
            (Some(live), None) => human::coming(&headline(live, name), "would be deleted"),
            (None, None) => continue,
        };
        text.push_str(&told);
        differing += 1;
    }
    let noun = if names.len() == 1 { "object" } else { "objects" };
    // `kubectl diff` says nothing where nothing differs, and scripts rely on it.
    if differing > 0 {
        text.push_str(&format!("{} {noun} compared, {differing} would change.\n", names.len()));
    }
    output::print(&text)?;
    Ok(ExitCode::from(u8::from(differing > 0)))
}

/// What an apply would change: of a governed kind by its list keys and without what the server adds by itself.
fn changes(live: &Value, merged: &Value) -> Vec<Change> {
    match ObjectId::of(merged).and_then(|id| Kind::of_object(&id)) {
        Some(kind) => compare(kind, merged, live),
        None => compare_any(merged, live),
    }
}

fn headline(object: &Value, name: &str) -> String {
    ObjectId::of(object).map_or_else(|| name.to_owned(), |id| id.to_string())
}

/// The objects by file name; `None` for a file that is empty, which kubectl writes where a side has no such object.
fn read(path: &Path) -> Result<BTreeMap<String, Option<Value>>, Fault> {
    let failed = |path: &Path, error| Fault::new(format!("failed to read {}", path.display())).because(error);
    if !std::fs::metadata(path).map_err(|error| failed(path, error))?.is_dir() {
        return Ok(BTreeMap::from([("object".to_owned(), object(path)?)]));
    }
    let mut objects = BTreeMap::new();
    for entry in std::fs::read_dir(path).map_err(|error| failed(path, error))? {
        let entry = entry.map_err(|error| failed(path, error))?;
        objects.insert(entry.file_name().to_string_lossy().into_owned(), object(&entry.path())?);
    }
    Ok(objects)
}

fn object(path: &Path) -> Result<Option<Value>, Fault> {
    let bytes =
        std::fs::read(path).map_err(|error| Fault::new(format!("failed to read {}", path.display())).because(error))?;
    let loaded = yaml::load(&bytes, &path.to_string_lossy());
    match loaded.problems.first() {
        Some(problem) => Err(diff::fault(problem)),
        None => Ok(loaded.documents.into_iter().next().map(|document| document.value)),
    }
}
