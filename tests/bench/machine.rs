//! What Linux says of this machine and of a process.

use std::fs;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::{Context, Result};

/// The clock of `/proc/PID/stat`: `USER_HZ` is 100 on every architecture that Linux runs Kubernetes on.
const TICKS_A_SECOND: u64 = 100;

/// The processor, its cores, and how busy they are, in one line.
pub fn line() -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = available_parallelism().map_or(0, usize::from);
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!(
        "{model}, {cores} cores, load {}; {build} build; the control plane runs on the same cores",
        load()
    )
}

/// The load averages of 1, 5 and 15 minutes.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// The memory of a process, in KiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// All that is in memory (`VmRSS`).
    pub resident: u64,

    /// The part that is its own: heap and stacks (`RssAnon`).
    pub anonymous: u64,

    /// The most that was in memory at a time (`VmHWM`).
    pub peak: u64,

    /// With shared pages divided among those who share them (`Pss`).
    pub proportional: u64,
}

/// The memory of a process now.
pub fn memory(id: u32) -> Result<Memory> {
    let status = read(id, "status")?;
    let rollup = read(id, "smaps_rollup")?;
    let of = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
            .with_context(|| format!("no {name} of process {id}"))
    };
    Ok(Memory {
        resident: of(&status, "VmRSS")?,
        anonymous: of(&status, "RssAnon")?,
        peak: of(&status, "VmHWM")?,
        proportional: of(&rollup, "Pss")?,
    })
}

/// The processor time that a process has used since its start.
pub fn processor_time(id: u32) -> Result<Duration> {
    let stat = read(id, "stat")?;
    // The second field is the program's name in parentheses, which may hold spaces; utime and stime are fields 14 and
    // 15.
    let (_, rest) = stat.rsplit_once(')').context("no program's name in stat")?;
    let ticks: u64 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 1_000 / TICKS_A_SECOND))
}

fn read(id: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{id}/{file}");
    fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))
}
