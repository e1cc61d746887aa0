//! The diff of pairs of a manifest and its live object, side by side with Argo CD's own diff library.

use std::fs;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use driftmend::engine::diff::compare;
use driftmend::engine::kind::DEPLOYMENT;
use driftmend::source::yaml;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::allocations;
use crate::table::Spread;

/// The Go program, which is built once in a run.
const PROGRAM: &str = "tests/bench/argo-cd-diff";

/// A manifest and the object that a server made of it.
struct Pair {
    desired: Value,
    live: Value,
}

/// What one side took for every single diff.
pub struct Taken {
    /// Who, and from what.
    pub what: &'static str,

    /// By the clock on the wall.
    pub spread: Spread,

    /// On the average of all diffs.
    pub allocations: f64,
}

/// What both sides took.
pub struct Compared {
    /// Where the pairs come from.
    pub pairs: String,

    /// Ours.
    pub parsed: Taken,

    /// Ours, from JSON text.
    pub from_bytes: Taken,

    /// Theirs, the same two; or why there is nothing.
    pub theirs: Result<(Taken, Taken)>,
}

/// Measures both, one right after the other, about `runs` diffs each.
pub fn measure(runs: usize) -> Result<Compared> {
    let (folder, pairs) = pairs()?;
    let rounds = (runs / pairs.len()).max(1);
    let texts: Vec<(String, String)> = pairs
        .iter()
        .map(|pair| (pair.desired.to_string(), pair.live.to_string()))
        .collect();
    let parsed = |at: usize| {
        pairs.get(at).map_or(0, |Pair { desired, live }| {
            compare(&DEPLOYMENT, black_box(desired), black_box(live)).len()
        })
    };
    let from_bytes = |at: usize| {
        let read = |text: &String| serde_json::from_slice::<Value>(black_box(text.as_bytes()));
        let (desired, live) = texts.get(at).map(|(desired, live)| (read(desired), read(live)))?;
        Some(compare(&DEPLOYMENT, &desired.ok()?, &live.ok()?).len())
    };
    ensure!(
        (0..pairs.len()).all(|at| from_bytes(at).is_some()),
        "a pair is not read back from its text"
    );
    Ok(Compared {
        pairs: format!("{} pairs of {folder}, {rounds} rounds", pairs.len()),
        parsed: taken("ours, parsed", rounds, pairs.len(), parsed),
        from_bytes: taken("ours, from bytes", rounds, pairs.len(), from_bytes),
        theirs: theirs(&texts, rounds),
    })
}

fn taken<T>(what: &'static str, rounds: usize, pairs: usize, once: impl Fn(usize) -> T) -> Taken {
    for at in 0..pairs {
        black_box(once(at)); // a round that does not count
    }
    let mut durations = Vec::with_capacity(rounds * pairs);
    let before = allocations::asked();
    for _ in 0..rounds {
        for at in 0..pairs {
            let begun = Instant::now();
            black_box(once(at));
            durations.push(begun.elapsed());
        }
    }
    let allocations = (allocations::asked() - before) as f64 / durations.len() as f64;
    Taken {
        what,
        spread: Spread::of(durations),
        allocations,
    }
}

/// The recorded pairs beside the project, where there are some, else those of the bench.
fn pairs() -> Result<(String, Vec<Pair>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let recorded = std::env::var_os("DRIFT_CORPUS")
        .map_or_else(|| root.join("../shared/corpus"), PathBuf::from)
        .join("pairs");
    let (name, folder) = if recorded.is_dir() {
        ("the recorded corpus", recorded)
    } else {
        ("tests/bench/pairs", root.join("tests/bench/pairs"))
    };
    let (mut pairs, mut folders) = (Vec::new(), vec![folder]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("failed to read {}", folder.display()))? {
            let path = entry?.path();
            let live = path.with_extension("live.json");
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") && live.is_file() {
                pairs.extend(pair(&path, &live).with_context(|| format!("failed to read {}", path.display()))?);
            }
        }
    }
    ensure!(!pairs.is_empty(), "there are no pairs");
    Ok((name.to_owned(), pairs))
}

fn pair(manifest: &Path, live: &Path) -> Result<Option<Pair>> {
    let live: Value = serde_json::from_slice(&fs::read(live)?)?;
    let loaded = yaml::load(&fs::read(manifest)?, "desired");
    let name = |object: &Value| object.pointer("/metadata/name").cloned();
    let desired = loaded
        .documents
        .into_iter()
        .map(|document| document.value)
        .find(|value| name(value) == name(&live));
    Ok(desired.map(|desired| Pair { desired, live }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    parsed: Figures,
    from_bytes: Figures,
}

#[derive(Deserialize)]
struct Figures {
    nanoseconds: Vec<u64>,
    allocations: f64,
}

fn theirs(texts: &[(String, String)], rounds: usize) -> Result<(Taken, Taken)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("argo-cd-diff");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(root.join(PROGRAM))
        .output();
    let built = built.context("failed to start go")?;
    ensure!(
        built.status.success(),
        "failed to build {PROGRAM}: {}",
        String::from_utf8_lossy(&built.stderr)
    );
    let pairs: Vec<Value> = texts
        .iter()
        .map(|(desired, live)| json!({"desired": desired, "live": live}))
        .collect();
    let mut child = Command::new(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("failed to start it")?;
    let mut input = child.stdin.take().context("it has no input")?;
    input.write_all(json!({"rounds": rounds, "pairs": pairs}).to_string().as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "it ended with {}", output.status);
    let Answer { parsed, from_bytes } = serde_json::from_slice(&output.stdout).context("its answer is no JSON")?;
    let taken = |what, figures: Figures| Taken {
        what,
        spread: Spread::of(figures.nanoseconds.into_iter().map(Duration::from_nanos).collect()),
        allocations: figures.allocations,
    };
    Ok((
        taken("Argo CD's, parsed", parsed),
        taken("Argo CD's, from bytes", from_bytes),
    ))
}
