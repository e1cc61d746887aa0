//! Measures driftmend against a real control plane and prints one table; nothing here is a test, and no figure fails
//! anything.
//!
//! `make bench`, with these variables: `ONLY=tenants` measures what a tenant feels of the others and nothing else
//! (`PATCHES` and `UNWATCHED`, 1000 Applications that no watch names, count there; 0 of these leaves them out).
//! `DEPLOYMENTS` (200, 0 leaves out all that needs a control plane) and `MANY` (2000, 0 leaves that part out) are how
//! many Deployments one watch governs, `PATCHES` (200) how many edits are timed, `TRIES` (50, 0 leaves that part out)
//! how many beside Argo CD, `RUNS` (10000) how many assessments are made in this process, and `WINDOW` (60) how many
//! seconds writes are counted for. A whole run takes about fifteen minutes. The diff beside Argo CD's needs Go, and
//! takes the pairs of `DRIFT_CORPUS` or `../shared/corpus`, where they are, else those of `tests/bench/pairs`.

#[path = "../harness/mod.rs"]
mod harness;

mod allocations;
mod audit;
mod beside;
mod engine;
mod hostile;
mod latency;
mod machine;
mod manifest;
mod many;
mod neighbours;
mod pairs;
mod stage;
mod table;
mod tenants;
mod writes;

use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context, Result};
use driftmend::api::v1alpha1::Phase;
use driftmend::engine::syncer::Strategy;

use many::{counted, idle, many, remembered, start};
use neighbours::{beside_argo_cd, beside_others};
use stage::Stage;
use table::{Table, Unit};
use writes::Unrest;

/// So that the rows of the diff can tell how often it asks for memory.
#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

/// Drift that began longer ago than this is no mass drift (`engine/mass.rs` counts a minute).
const PAST_THE_MASS_WINDOW: Duration = Duration::from_secs(62);

/// How much is measured.
struct Sizes {
    deployments: usize,
    many: usize,
    patches: usize,
    runs: usize,
    tries: usize,
    unwatched: usize,
    window: Duration,
}

impl Sizes {
    fn from_environment() -> Result<Self> {
        Ok(Self {
            deployments: number("DEPLOYMENTS", 200)?,
            many: number("MANY", 2_000)?,
            patches: number("PATCHES", 200)?,
            runs: number("RUNS", 10_000)?,
            tries: number("TRIES", 50)?,
            unwatched: number("UNWATCHED", 1_000)?,
            window: Duration::from_secs(number("WINDOW", 60)? as u64),
        })
    }
}

fn number(name: &str, default: usize) -> Result<usize> {
    match env::var(name) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{name} is {text:?}, not a number")),
        Err(_) => Ok(default),
    }
}

fn main() -> Result<()> {
    let sizes = Sizes::from_environment()?;
    let begun = Instant::now();
    let mut table = Table::default();
    println!("{}", machine::line());
    let measured = measure(&sizes, &mut table);
    // Also after a failure: what was measured until then holds.
    println!("\n{table}\n{}; {} s", machine::line(), begun.elapsed().as_secs());
    measured
}

fn measure(sizes: &Sizes, table: &mut Table) -> Result<()> {
    if env::var("ONLY").is_ok_and(|only| only == "tenants") {
        return beside_others(sizes, table);
    }
    // First, while this process is small: what a child uses is counted from its parent's size.
    hostile_texts(table)?;
    diff_of_pairs(sizes, table)?;
    if sizes.deployments == 0 {
        return Ok(());
    }
    beside_argo_cd(sizes, table)?;
    let stage = Stage::start()?;
    engine_alone(&stage, sizes, table)?;
    quiet_and_edited(&stage, sizes, table)?;
    drifted(&stage, sizes, table)?;
    if sizes.many > sizes.deployments {
        many(&stage, sizes, table)?;
    }
    drop(stage);
    beside_others(sizes, table)
}

/// Texts made to hurt: the budgets of the loader promise an answer within a second and 64 MiB.
fn hostile_texts(table: &mut Table) -> Result<()> {
    for taken in hostile::measure(&harness::driftmend::binary())? {
        let answer = if taken.code == 0 { "printed" } else { "refused" };
        let name = format!("render, {}", taken.what);
        let how = format!("{answer}; {:.3} s of processor time", taken.processor.as_secs_f64());
        table.add(name.clone(), format!("{:.3}", taken.whole.as_secs_f64()), "s", how);
        table.add(
            name,
            format!("{:.1}", taken.peak as f64 / 1024.0),
            "MiB",
            "the most in memory at a time, by wait4",
        );
    }
    Ok(())
}

/// The diff alone, beside Argo CD's over the same pairs.
fn diff_of_pairs(sizes: &Sizes, table: &mut Table) -> Result<()> {
    let pairs::Compared {
        pairs,
        parsed,
        from_bytes,
        theirs,
    } = pairs::measure(sizes.runs)?;
    let mut tell = |taken: &pairs::Taken| {
        let name = format!("diff of a pair, {}", taken.what);
        for (which, percent) in [("p50", 50), ("p99", 99)] {
            let microseconds = taken.spread.percentile(percent).as_secs_f64() * 1e6;
            table.add(format!("{name}, {which}"), format!("{microseconds:.1}"), "µs", &pairs);
        }
        table.add(
            format!("{name}, allocations"),
            format!("{:.0}", taken.allocations),
            "a diff",
            &pairs,
        );
    };
    tell(&parsed);
    tell(&from_bytes);
    match theirs {
        Ok((their_parsed, their_bytes)) => {
            tell(&their_parsed);
            tell(&their_bytes);
            for (what, ours, theirs) in [
                ("parsed", &parsed, &their_parsed),
                ("from bytes", &from_bytes, &their_bytes),
            ] {
                let ratio = |percent| {
                    theirs.spread.percentile(percent).as_secs_f64() / ours.spread.percentile(percent).as_secs_f64()
                };
                for (which, percent) in [("p50", 50), ("p99", 99)] {
                    let name = format!("diff of a pair, {what}, Argo CD's by ours, {which}");
                    table.add(name, format!("{:.1}", ratio(percent)), "times", &pairs);
                }
            }
        }
        Err(error) => table.add("diff of a pair, Argo CD's", "none", "", format!("{error:#}")),
    }
    Ok(())
}

fn engine_alone(stage: &Stage, sizes: &Sizes, table: &mut Table) -> Result<()> {
    for taken in engine::measure(stage, sizes.runs)? {
        let strategy = match taken.strategy {
            Strategy::ClientSideApply => "client-side apply",
            Strategy::ServerSideApply => "server-side apply",
            Strategy::Replace => "replace",
        };
        let how = format!("the incident, diff to plan, {} runs on one thread", sizes.runs);
        table.add_spread(&format!("engine, {strategy}"), &taken.whole, Unit::Microseconds, &how);
        table.add_spread(
            &format!("engine, {strategy}, in sync"),
            &taken.in_sync,
            Unit::Microseconds,
            "the same before the incident",
        );
        let rate = 1.0 / taken.processor.as_secs_f64();
        table.add(
            format!("engine, {strategy}, processor time"),
            taken.processor.as_micros(),
            "µs",
            "of one run, utime and stime",
        );
        table.add(
            format!("engine, {strategy}, rate"),
            format!("{rate:.0}"),
            "1/s",
            "on one core, from the processor time",
        );
        let median = taken.whole.percentile(50);
        for (step, took) in taken.steps {
            let share = took.percentile(50).as_secs_f64() / median.as_secs_f64() * 100.0;
            let how = format!("in a loop of its own; its median is {share:.0} % of the whole's");
            table.add_spread(&format!("engine, {strategy}, {step}"), &took, Unit::Microseconds, &how);
        }
    }
    Ok(())
}

/// The smaller number of Deployments: in sync, restless, and edited one after the other.
fn quiet_and_edited(stage: &Stage, sizes: &Sizes, table: &mut Table) -> Result<()> {
    let count = sizes.deployments;
    stage.deploy(0, count)?;
    stage.commit(count)?;
    stage.watch()?;
    let controller = start(stage, count, table)?;
    idle(stage, &controller, count, sizes.window, table)?;
    let what = format!("{count} in sync");
    counted(
        stage,
        &controller,
        count,
        sizes.window,
        Unrest::Status,
        &format!("{what}, statuses flip"),
        table,
    )?;
    counted(
        stage,
        &controller,
        count,
        sizes.window,
        Unrest::Annotation,
        &format!("{what}, an annotation changes"),
        table,
    )?;
    let latencies = latency::measure(stage, &controller, count, sizes.patches)?;
    let how = |what: &str| {
        format!(
            "{} probe switches one by one among {count}, from the PATCH's answer to {what}",
            sizes.patches
        )
    };
    table.add_spread(
        "patch to metric",
        &latencies.metric,
        Unit::Milliseconds,
        &how("next_sync_refused in /metrics"),
    );
    table.add_spread(
        "patch to report",
        &latencies.report,
        Unit::Milliseconds,
        &how("phase Conflicted on a watch"),
    );
    stage.stop(controller)
}

/// The same Deployments with a report each.
fn drifted(stage: &Stage, sizes: &Sizes, table: &mut Table) -> Result<()> {
    let count = sizes.deployments;
    // No controller runs now, and when one starts the drift is old: so many at once would be one mass drift and no
    // reports.
    stage.patch_all(count, &manifest::by(manifest::PERSON), &manifest::probe_switch())?;
    thread::sleep(PAST_THE_MASS_WINDOW);
    let begun = Instant::now();
    let controller = stage.controller()?;
    stage.wait_for_reports(Phase::Conflicted, count)?;
    table.add(
        format!("start to {count} reports"),
        begun.elapsed().as_millis(),
        "ms",
        "all conflicted; from the start of the process to the last report",
    );
    thread::sleep(PAST_THE_MASS_WINDOW);
    let what = format!("{count} conflicted");
    counted(stage, &controller, count, sizes.window, Unrest::None, &what, table)?;
    counted(
        stage,
        &controller,
        count,
        sizes.window,
        Unrest::Status,
        &format!("{what}, statuses flip"),
        table,
    )?;
    counted(
        stage,
        &controller,
        count,
        sizes.window,
        Unrest::Annotation,
        &format!("{what}, an annotation changes"),
        table,
    )?;
    remembered(&controller, &format!("with {count} reports"), table)?;
    stage.stop(controller)?;
    stage.patch_all(count, &manifest::by(manifest::PERSON), &manifest::probe_back()?)?;
    stage.remove_reports()
}
