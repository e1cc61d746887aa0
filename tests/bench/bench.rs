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
mod pairs;
mod stage;
mod table;
mod tenants;
mod writes;

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use driftmend::engine::phase::Phase;
use driftmend::engine::predict::Strategy;

use harness::driftmend::Controller;
use stage::Stage;
use table::{Table, Unit};
use writes::{Unrest, window};

/// So that the rows of the diff can tell how often it asks for memory.
#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

/// Drift that began longer ago than this is no mass drift (`controller/mass.rs` counts a minute).
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

/// What a tenant feels of another one that does its worst, and the controller of Applications that nobody watches.
fn beside_others(sizes: &Sizes, table: &mut Table) -> Result<()> {
    let tenants::Tenants {
        alone,
        beside,
        read_alone,
        read_beside,
    } = tenants::measure(sizes.patches)?;
    let loud = "beside a namespace with 64 watches of a silent server and an Application with 100 endless rules of jq";
    table.add_spread(
        "patch to report, alone",
        &alone.report,
        Unit::Milliseconds,
        "probe switches one by one among 20 Deployments",
    );
    table.add_spread(
        "patch to report, beside a loud tenant",
        &beside.report,
        Unit::Milliseconds,
        loud,
    );
    let ratio = beside.report.percentile(99).as_secs_f64() / alone.report.percentile(99).as_secs_f64();
    table.add(
        "patch to report, beside a loud tenant by alone, p99",
        format!("{ratio:.2}"),
        "times",
        "to be less than 2",
    );
    table.add_spread(
        "new watch to its commit, alone",
        &read_alone,
        Unit::Milliseconds,
        "10 watches one by one, polled",
    );
    table.add_spread(
        "new watch to its commit, beside a loud tenant",
        &read_beside,
        Unit::Milliseconds,
        loud,
    );
    if sizes.unwatched == 0 {
        return Ok(());
    }
    let (without, with) = tenants::memory(sizes.unwatched)?;
    let how = |what: &str| format!("{what} of the controller's process, 10 s after the list; each has 60 resources");
    for (name, without, with) in [
        ("VmRSS", without.resident, with.resident),
        ("VmHWM, the peak", without.peak, with.peak),
    ] {
        let mebibytes = |kibibytes: u64| format!("{:.1}", kibibytes as f64 / 1024.0);
        table.add(
            format!("memory without Applications, {name}"),
            mebibytes(without),
            "MiB",
            how(name),
        );
        table.add(
            format!("memory with {} that no watch names, {name}", sizes.unwatched),
            mebibytes(with),
            "MiB",
            how(name),
        );
    }
    Ok(())
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

/// The same Deployments under Argo CD: who tells first, and what each costs.
fn beside_argo_cd(sizes: &Sizes, table: &mut Table) -> Result<()> {
    if sizes.tries == 0 {
        return Ok(());
    }
    let beside::Beside {
        report,
        out_of_sync,
        classified,
        healed,
        used,
    } = beside::measure(sizes.deployments, sizes.tries, sizes.window)?;
    let how = format!(
        "{} hand changes one by one among {}, from the PATCH's answer, both on a watch",
        sizes.tries, sizes.deployments
    );
    for (what, spread, how) in [
        ("beside Argo CD, patch to our report", &report, how.as_str()),
        ("beside Argo CD, patch to its OutOfSync", &out_of_sync, how.as_str()),
        (
            "beside Argo CD, failed sync to its class in the report",
            &classified,
            "both on a watch",
        ),
        (
            "beside Argo CD, approve to Synced",
            &healed,
            "two command lines; Synced on a watch, roll-out complete",
        ),
    ] {
        for (which, percent) in [("median", 50), ("p95", 95)] {
            let milliseconds = spread.percentile(percent).as_secs_f64() * 1e3;
            table.add(format!("{what}, {which}"), format!("{milliseconds:.1}"), "ms", how);
        }
    }
    for beside::Used {
        who,
        resident,
        processor,
    } in used
    {
        let name = format!("beside Argo CD, {} Deployments, {who}", sizes.deployments);
        table.add(
            format!("{name}, VmRSS"),
            format!("{:.1}", resident as f64 / 1024.0),
            "MiB",
            "idle",
        );
        table.add(
            format!("{name}, CPU"),
            processor.as_millis(),
            "ms",
            format!("in {} s, idle", sizes.window.as_secs()),
        );
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

/// The larger number of Deployments: idle, then all of them edited at once.
fn many(stage: &Stage, sizes: &Sizes, table: &mut Table) -> Result<()> {
    let count = sizes.many;
    stage.deploy(sizes.deployments, count)?;
    stage.commit(count)?;
    let controller = start(stage, count, table)?;
    idle(stage, &controller, count, sizes.window, table)?;
    let (begun, used) = (Instant::now(), machine::processor_time(controller.id())?);
    stage.patch_all(count, &manifest::by(manifest::PERSON), &manifest::plain_edit())?;
    stage.wait_for_mass_drift()?;
    let used = machine::processor_time(controller.id())?.saturating_sub(used);
    table.add(
        format!("{count} edited, to MassDrift"),
        begun.elapsed().as_millis(),
        "ms",
        "from the first PATCH to the watch's condition, polled",
    );
    table.add(
        format!("{count} edited, CPU until then"),
        used.as_millis(),
        "ms",
        "of the controller",
    );
    counted(
        stage,
        &controller,
        count,
        sizes.window,
        Unrest::None,
        &format!("{count} in a mass drift"),
        table,
    )?;
    stage.stop(controller)
}

/// Starts a controller, waits until all is in sync and told, and says how long and how much memory it took.
fn start(stage: &Stage, count: usize, table: &mut Table) -> Result<Controller> {
    let begun = Instant::now();
    let controller = stage.controller()?;
    stage.wait_until_in_sync(&controller, count)?;
    table.add(
        format!("start to {count} in sync"),
        begun.elapsed().as_millis(),
        "ms",
        "process, Lease, lists, first fetch, all assessed; polled every 200 ms",
    );
    table.add(
        format!("start to {count} in sync, CPU"),
        machine::processor_time(controller.id())?.as_millis(),
        "ms",
        "utime and stime of the controller",
    );
    stage.wait_until_settled(count)?;
    remembered(&controller, &format!("idle at {count}"), table)?;
    Ok(controller)
}

fn remembered(controller: &Controller, when: &str, table: &mut Table) -> Result<()> {
    let memory = machine::memory(controller.id())?;
    let figures = [
        ("VmRSS", memory.resident),
        ("RssAnon", memory.anonymous),
        ("Pss", memory.proportional),
        ("VmHWM, the peak", memory.peak),
    ];
    for (name, kibibytes) in figures {
        let how = format!("{name} of the controller's process");
        table.add(
            format!("memory {when}, {name}"),
            format!("{:.1}", kibibytes as f64 / 1024.0),
            "MiB",
            how,
        );
    }
    Ok(())
}

fn idle(stage: &Stage, controller: &Controller, count: usize, length: Duration, table: &mut Table) -> Result<()> {
    counted(
        stage,
        controller,
        count,
        length,
        Unrest::None,
        &format!("{count} in sync, idle"),
        table,
    )
}

/// Counts what the controller does in a window.
fn counted(
    stage: &Stage,
    controller: &Controller,
    count: usize,
    length: Duration,
    unrest: Unrest,
    what: &str,
    table: &mut Table,
) -> Result<()> {
    let window = window(stage, controller, count, length, unrest)
        .with_context(|| format!("{what}; the controller's log:\n{}", controller.log()))?;
    let seconds = format!("in {} s", window.length.as_secs());
    let how = format!(
        "{seconds}, audit log: {}; besides {} of the Lease; reads: {}; Git: {}",
        window.writes, window.lease, window.reads, window.git
    );
    table.add(format!("writes, {what}"), window.writes.total(), "writes", how);
    let assessed = format!(
        "{seconds}; {} assessments; {} patches by others",
        window.assessments, window.patches
    );
    table.add(format!("CPU, {what}"), window.processor.as_millis(), "ms", assessed);
    Ok(())
}
