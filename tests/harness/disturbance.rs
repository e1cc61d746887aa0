//! What happens to a heal at one of its writes: it dies there, its way is cut for a while, or the API server turns it away. Whatever it was, run
//! again it ends, and once.

use std::ops::ControlFlow;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::process::Process;
use super::proxy::{Fate, Proxy, Side};
use super::wait;
use super::watched::{Shop, Watched, kinds};

/// How long one run of a heal may take.
const PATIENCE: Duration = Duration::from_secs(150);

/// How long nothing passes.
const PARTED: Duration = Duration::from_secs(3);

const KILL: i32 = 9;

/// What happens at a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// The process is killed before it.
    Killed,

    /// Nothing passes for some seconds, not even a read.
    Parted,

    /// The API server answers with this code and does nothing.
    Answered(u16),
}

const ALL: [Disturbance; 5] =
    [Disturbance::Killed, Disturbance::Parted, Disturbance::Answered(409), Disturbance::Answered(429), Disturbance::Answered(500)];

/// Every write with every disturbance, or as many of them as `CRASHES_N` asks for, or `usual`; spread evenly.
pub fn rounds(writes: usize, usual: usize) -> Result<Vec<(usize, Disturbance)>> {
    let asked = match std::env::var("CRASHES_N") {
        Ok(number) => number.parse().with_context(|| format!("CRASHES_N is no number: {number}"))?,
        Err(_) => usual,
    };
    let all: Vec<_> = (1..=writes).flat_map(|number| ALL.map(|disturbance| (number, disturbance))).collect();
    let count = asked.clamp(1, all.len());
    Ok((0..count).map(|at| all[at * all.len() / count]).collect())
}

/// Starts a heal with these variables.
pub type Start<'a> = &'a dyn Fn(&[(&str, &str)]) -> Result<Process>;

/// A heal that is run through a proxy.
pub struct Heal<'a> {
    pub proxy: &'a Proxy,
    pub start: Start<'a>,
}

impl Heal<'_> {
    /// Runs it until it ends, and lets this happen at its `number`th write; `false` where it has fewer.
    pub fn disturbed(&self, number: usize, disturbance: Disturbance) -> Result<bool> {
        let Self { proxy, start } = self;
        match disturbance {
            Disturbance::Killed => Ok(ended(&mut start(&[("DRIFTMEND_CRASH_AT", &number.to_string())])?)?.signal() == Some(KILL)),
            Disturbance::Parted => {
                proxy.cut_at(number, Side::Before);
                let mut heal = start(&[])?;
                let was_cut = proxy.wait_for_cut(PATIENCE, || Ok(heal.ended()?.is_some()))?;
                if was_cut {
                    thread::sleep(PARTED);
                }
                proxy.open();
                ended(&mut heal)?;
                Ok(was_cut)
            }
            Disturbance::Answered(code) => {
                proxy.disturb(number, Fate::Answer(code));
                ended(&mut start(&[])?)?;
                let was_met = proxy.is_cut();
                proxy.open();
                Ok(was_met)
            }
        }
    }

    /// Runs it again where it is not over, then what is offered for what is left of it, and gives the healed status.
    ///
    /// Each plan has one entry in the history, and one that failed says why.
    pub fn brought_to_its_end<S: Shop>(&self, watched: &Watched<S>, plan: &str, at: &str) -> Result<Value> {
        if entries_of(&watched.status()?, plan).is_empty() {
            ended(&mut (self.start)(&[])?)?;
        }
        let status = watched.wait_for_status(&format!("the end of the heal ({at})"), |status| {
            let entries = entries_of(status, plan);
            let is_healed = status["heal"] == "Healed" && status["phase"] == "InSync";
            let is_offered = status["plan"]["hash"].as_str().is_some_and(|offered| offered != plan);
            status["healing"].is_null()
                && entries.first().is_some_and(|entry| if entry["result"] == "Healed" { is_healed } else { is_healed || is_offered })
        })?;
        let entries = entries_of(&status, plan);
        ensure!(entries.len() == 1, "{at}: not one entry: {entries:#?}");
        ensure!(
            entries[0]["result"] == "Healed" || entries[0]["message"].as_str().is_some_and(|why| !why.is_empty()),
            "{at}: {entries:#?}"
        );
        if status["phase"] == "InSync" {
            return Ok(status);
        }
        watched.heal(&kinds(&status)).with_context(|| format!("what is left of the heal ({at})"))
    }
}

fn entries_of<'a>(status: &'a Value, plan: &str) -> Vec<&'a Value> {
    status["history"].as_array().into_iter().flatten().filter(|entry| entry["planHash"] == plan).collect()
}

fn ended(process: &mut Process) -> Result<ExitStatus> {
    wait::until("the end of the heal's process", PATIENCE, || {
        Ok(match process.ended()? {
            Some(status) => ControlFlow::Break(status),
            None => ControlFlow::Continue(process.log_tail()),
        })
    })
}
