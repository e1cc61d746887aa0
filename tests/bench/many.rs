//! A controller of many Deployments: its start, its memory, its rest.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::harness::driftmend::Controller;
use crate::stage::Stage;
use crate::table::Table;
use crate::writes::{Unrest, window};
use crate::{Sizes, machine, manifest};

/// The larger number of Deployments: idle, then all of them edited at once.
pub(super) fn many(stage: &Stage, sizes: &Sizes, table: &mut Table) -> Result<()> {
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
pub(super) fn start(stage: &Stage, count: usize, table: &mut Table) -> Result<Controller> {
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

pub(super) fn remembered(controller: &Controller, when: &str, table: &mut Table) -> Result<()> {
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

pub(super) fn idle(
    stage: &Stage,
    controller: &Controller,
    count: usize,
    length: Duration,
    table: &mut Table,
) -> Result<()> {
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
pub(super) fn counted(
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
