//! Runs sequences by number, makes those small that we are wrong about, and keeps them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use driftmend::engine::kind::Kind;

use super::Sequence;
use super::generate::sequence;
use super::play::{Faults, Stage};
use super::shrink::smaller;
use super::tally::Tally;
use super::verdict::OPEN;
use crate::harness::{ControlPlane, Options};
use crate::{server, tell};

/// How many sequences are played in step: most of a round is its fixed second.
const BATCH: usize = 150;

/// How many wrong sequences are made small and told: more tell nothing new.
const MOST_TOLD: usize = 16;

/// How many times all of the smaller sequences are played before a wrong one is told.
const SHRINKINGS: usize = 7;

/// The control plane of sequences. Nobody makes Pods: they change nothing of what a sync does.
fn control_plane() -> Result<ControlPlane> {
    let defaults = Options::default();
    let controllers = defaults
        .controllers
        .iter()
        .filter(|name| *name != "replicaset-controller")
        .cloned()
        .collect();
    ControlPlane::start(Options {
        controllers,
        ..defaults
    })
}

/// Plays sequences of a seed: so many of each kind, all in step.
pub fn run(seed: u64, shares: &[(&'static Kind, usize)]) -> Result<()> {
    let control_plane = control_plane()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let stage = Stage::new(&control_plane).await?;
        for (kind, count) in shares {
            tell(&format!(
                "oracle: {count} sequences of a {kind} of seed {seed} (again by `make oracle-sequences KIND={kind} \
                 N={count} SEED={seed}`)"
            ));
        }
        let all: Vec<(String, Sequence)> = shares
            .iter()
            .flat_map(|(kind, count)| {
                let name = move |at: usize| format!("{}{at}", kind.short);
                (0..*count).map(move |at| (name(at), sequence(kind, seed, at)))
            })
            .collect();
        let (mut tally, mut wrong) = (Tally::default(), Vec::new());
        for batch in all.chunks(BATCH) {
            let faults = stage.play(batch, &mut tally).await?;
            for ((name, sequence), faults) in batch
                .iter()
                .cloned()
                .zip(faults)
                .filter(|(_, faults)| !faults.is_empty())
            {
                let kinds: BTreeSet<&'static str> = faults.iter().map(|(_, fault)| fault.kind).collect();
                for kind in &kinds {
                    let counts = if *kind == OPEN {
                        &mut tally.open
                    } else {
                        &mut tally.wrong
                    };
                    *counts.entry((kind, sequence.way, sequence.known)).or_default() += 1;
                }
                if kinds.iter().any(|kind| *kind != OPEN) {
                    wrong.push((name, sequence, faults));
                }
            }
        }
        tell(&format!("{tally}"));
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(told(&stage, seed, wrong).await?)
        }
    })
}

/// Plays the sequences that we were wrong about once.
pub fn run_known() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/sequences");
    let mut files: Vec<_> = fs::read_dir(&folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    let control_plane = control_plane()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let stage = Stage::new(&control_plane).await?;
        let mut batch = Vec::new();
        for (at, file) in files.iter().enumerate() {
            let sequence = serde_json::from_slice(&fs::read(file)?)
                .with_context(|| format!("{} is no sequence", file.display()))?;
            batch.push((format!("k{at}"), sequence));
        }
        let faults = stage.play(&batch, &mut Tally::default()).await?;
        let wrong: Vec<String> = files
            .iter()
            .zip(faults)
            .filter(|(_, faults)| faults.iter().any(|(_, fault)| fault.kind != OPEN))
            .map(|(file, faults)| format!("{}:\n{}", file.display(), words(&faults)))
            .collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            bail!("{}", wrong.join("\n"))
        }
    })
}

fn words(faults: &Faults) -> String {
    faults
        .iter()
        .map(|(when, fault)| format!("  {} at {when}: {}", fault.kind, fault.text))
        .collect::<Vec<_>>()
        .join("\n")
}

/// What is wrong, so that a smaller sequence is wrong in the same way: the kind, and what it says in front of the
/// values.
fn sign(faults: &Faults) -> BTreeSet<(&'static str, String)> {
    let counted = faults.iter().filter(|(_, fault)| fault.kind != OPEN);
    counted
        .map(|(_, fault)| (fault.kind, fault.text.split(" (").next().unwrap_or_default().to_owned()))
        .collect()
}

/// Makes the wrong sequences small, all at once, leaves each in a file, and tells them.
async fn told(stage: &Stage<'_>, seed: u64, wrong: Vec<(String, Sequence, Faults)>) -> Result<anyhow::Error> {
    let total = wrong.len();
    // One of each way of being wrong comes first.
    let mut seen = BTreeSet::new();
    let (mut wrong, others): (Vec<_>, Vec<_>) = wrong.into_iter().partition(|(_, sequence, faults)| {
        let fresh = (sequence.way, sequence.known, sign(faults).into_iter().next());
        seen.insert(fresh)
    });
    wrong.extend(others);
    wrong.truncate(MOST_TOLD);
    for round in 0..SHRINKINGS {
        let (mut batch, mut whose) = (Vec::new(), Vec::new());
        for (at, (name, sequence, _)) in wrong.iter().enumerate() {
            for (number, less) in smaller(sequence).into_iter().enumerate() {
                batch.push((format!("{name}-{round}-{number}"), less));
                whose.push(at);
            }
        }
        let faults = stage.play(&batch, &mut Tally::default()).await?;
        let mut done: BTreeSet<usize> = BTreeSet::new();
        for (((_, less), at), faults) in batch.into_iter().zip(whose).zip(faults) {
            if !done.contains(&at) && !sign(&faults).is_disjoint(&sign(&wrong[at].2)) {
                done.insert(at);
                wrong[at] = (wrong[at].0.clone(), less, faults);
            }
        }
        if done.is_empty() {
            break;
        }
    }
    fs::create_dir_all(server::folder())?;
    let mut texts = vec![format!(
        "{total} sequences are wrong; {} of them, made small:",
        wrong.len()
    )];
    for (name, sequence, faults) in wrong {
        let file = server::folder().join(format!("sequence-{seed}-{name}.json"));
        fs::write(&file, serde_json::to_string_pretty(&sequence)?)?;
        texts.push(format!(
            "{}:\n{}\n{}",
            file.display(),
            serde_json::to_string(&sequence)?,
            words(&faults)
        ));
    }
    Ok(anyhow!("{}", texts.join("\n\n")))
}
