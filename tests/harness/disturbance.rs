//! What happens to a heal at one of its writes: it dies there, its way is cut for a while, or the API server turns it
//! away. Whatever it was, run again it ends, and once. One kind of heal is broken and disturbed round by round, by
//! whoever heals.

use std::ops::ControlFlow;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::driftmend::{Controller, binary};
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

const ALL: [Disturbance; 5] = [
    Disturbance::Killed,
    Disturbance::Parted,
    Disturbance::Answered(409),
    Disturbance::Answered(429),
    Disturbance::Answered(500),
];

/// Every write with every disturbance, or as many of them as `CRASHES_N` asks for, or `usual`; spread evenly.
fn rounds(writes: usize, usual: usize) -> Result<Vec<(usize, Disturbance)>> {
    let asked = match std::env::var("CRASHES_N") {
        Ok(number) => number
            .parse()
            .with_context(|| format!("CRASHES_N is no number: {number}"))?,
        Err(_) => usual,
    };
    let all: Vec<_> = (1..=writes)
        .flat_map(|number| ALL.map(|disturbance| (number, disturbance)))
        .collect();
    let count = asked.clamp(1, all.len());
    // From the middle of each part: a single one is not the first write, which has happened to nothing yet.
    Ok((0..count)
        .map(|at| all[(2 * at + 1) * all.len() / (2 * count)])
        .collect())
}

/// A kind of heal: how it comes to be needed, and what must be so after it.
pub struct Kind<'a, S> {
    pub watched: &'a Watched<S>,

    /// How many writes it has; each is disturbed where all rounds are asked for.
    pub writes: usize,

    /// How many rounds are played where nobody asks for more.
    pub usual: usize,

    /// Breaks the shop once more.
    pub broken: &'a dyn Fn() -> Result<()>,

    /// Whether a report shows the plan for that.
    pub is_offered: &'a dyn Fn(&Value) -> bool,

    /// Fails where something is not as it must be after a heal; it is told of which.
    pub is_well: &'a dyn Fn(&str) -> Result<()>,
}

/// Who heals, through a proxy.
pub enum By<'a> {
    /// `driftmend heal` in a process of its own.
    CommandLine(&'a Proxy),

    /// A controller in mode heal, whose way to the API server it is.
    Controller(&'a Proxy, &'a mut Controller),
}

impl<S: Shop> Kind<'_, S> {
    /// Breaks the shop time and again, and disturbs each heal of it at another write.
    pub fn disturbed(&self, mut by: By<'_>) -> Result<()> {
        let mut last = Value::Null;
        for (number, disturbance) in rounds(self.writes, self.usual)? {
            let at = format!("{disturbance:?} at write {number}");
            (self.broken)()?;
            let status = self.watched.wait_for_status(&format!("the plan ({at})"), |status| {
                status["plan"]["hash"].is_string() && status["plan"]["hash"] != last && (self.is_offered)(status)
            })?;
            let plan = status["plan"]["hash"].as_str().unwrap_or_default().to_owned();
            let healed = match &mut by {
                By::CommandLine(proxy) => self.by_command_line(proxy, &plan, (number, disturbance), &at)?,
                By::Controller(proxy, controller) => {
                    self.by_controller(proxy, controller, &plan, (number, disturbance), &at)?
                }
            };
            (self.is_well)(&at)?;
            last = newest(&healed);
        }
        Ok(())
    }

    fn by_command_line(
        &self,
        proxy: &Proxy,
        plan: &str,
        (number, disturbance): (usize, Disturbance),
        at: &str,
    ) -> Result<Value> {
        let Self { watched, .. } = self;
        watched.driftmend(&["approve", "web", "--plan", plan])?.success()?;
        let heal = Heal {
            proxy,
            plan: plan.to_owned(),
            namespace: watched.shop.namespace().to_owned(),
            log: log_of(watched),
        };
        heal.disturbed(number, disturbance)?;
        if entries_of(&watched.status()?, plan).is_empty() {
            ended(&mut heal.start(&[])?)?;
        }
        let status = self.ended_once(plan, at)?;
        if status["heal"] == "Healed" {
            return Ok(status);
        }
        watched
            .heal(&kinds(&status))
            .with_context(|| format!("what is left of the heal ({at})"))
    }

    fn by_controller(
        &self,
        proxy: &Proxy,
        controller: &mut Controller,
        plan: &str,
        (number, disturbance): (usize, Disturbance),
        at: &str,
    ) -> Result<Value> {
        let Self { watched, .. } = self;
        match disturbance {
            Disturbance::Killed | Disturbance::Parted => proxy.cut_at(number, Side::Before),
            Disturbance::Answered(code) => proxy.disturb(number, Fate::Answer(code)),
        }
        let approve = |plan: &str| {
            watched
                .driftmend(&["approve", "web", "--plan", plan])?
                .success()
                .map(drop)
        };
        approve(plan)?;
        let is_over = || Ok(!entries_of(&watched.status()?, plan).is_empty());
        let was_met = proxy.wait_for_cut(PATIENCE, is_over)?;
        match disturbance {
            Disturbance::Killed if was_met => {
                // Before the way is opened: one that is still there then sends the write after all.
                controller.signal("KILL")?;
                controller.wait_for_end(PATIENCE)?;
                proxy.open();
                controller.kill_and_restart()?;
            }
            Disturbance::Parted if was_met => {
                thread::sleep(PARTED);
                proxy.open();
            }
            _ => {}
        }
        let status = self.ended_once(plan, at)?;
        proxy.open();
        if status["heal"] == "Healed" {
            return Ok(status);
        }
        let left = status["plan"]["hash"].as_str().unwrap_or_default().to_owned();
        approve(&left).with_context(|| format!("what is left of the heal ({at})"))?;
        watched.wait_for_status(&format!("the end of what is left ({at})"), |status| {
            newest(status) == left.as_str() && is_healed(status)
        })
    }

    /// Waits for the end of a plan, and of what follows from it: healed, or with what is left of it offered.
    ///
    /// Each plan has one entry in the history, and one that failed says why.
    fn ended_once(&self, plan: &str, at: &str) -> Result<Value> {
        let status = self
            .watched
            .wait_for_status(&format!("the end of the heal ({at})"), |status| {
                let entries = entries_of(status, plan);
                let is_offered = status["plan"]["hash"].as_str().is_some_and(|offered| offered != plan);
                status["healing"].is_null()
                    && entries
                        .first()
                        .is_some_and(|entry| is_healed(status) || entry["result"] != "Healed" && is_offered)
            })?;
        let entries = entries_of(&status, plan);
        ensure!(entries.len() == 1, "{at}: not one entry: {entries:#?}");
        ensure!(
            entries[0]["result"] == "Healed" || entries[0]["message"].as_str().is_some_and(|why| !why.is_empty()),
            "{at}: {entries:#?}"
        );
        Ok(status)
    }
}

/// A heal that is run through a proxy.
struct Heal<'a> {
    proxy: &'a Proxy,
    plan: String,
    namespace: String,
    log: PathBuf,
}

impl Heal<'_> {
    /// Starts it with these variables.
    fn start(&self, environment: &[(&str, &str)]) -> Result<Process> {
        start_heal(
            self.proxy.kubeconfig(),
            &self.namespace,
            &self.plan,
            environment,
            &self.log,
        )
    }

    /// Runs it until it ends, and lets this happen at its `number`th write; `false` where it has fewer.
    fn disturbed(&self, number: usize, disturbance: Disturbance) -> Result<bool> {
        let Self { proxy, .. } = self;
        match disturbance {
            Disturbance::Killed => {
                Ok(ended(&mut self.start(&[("DRIFTMEND_CRASH_AT", &number.to_string())])?)?.signal() == Some(KILL))
            }
            Disturbance::Parted => {
                proxy.cut_at(number, Side::Before);
                let mut heal = self.start(&[])?;
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
                ended(&mut self.start(&[])?)?;
                let was_met = proxy.is_cut();
                proxy.open();
                Ok(was_met)
            }
        }
    }
}

/// `driftmend heal` of the Deployment `web` in its own process, so that it can be killed, with these variables.
pub fn start_heal(
    kubeconfig: &Path,
    namespace: &str,
    plan: &str,
    environment: &[(&str, &str)],
    log: &Path,
) -> Result<Process> {
    let kubeconfig = kubeconfig.display().to_string();
    let arguments = [
        "heal",
        "web",
        "-n",
        namespace,
        "--allow-http",
        "--plan",
        plan,
        "--kubeconfig",
        &kubeconfig,
    ];
    Process::start(&binary(), &arguments.map(str::to_owned), environment, log)
}

/// Where the heals of a shop write.
pub fn log_of<S: Shop>(watched: &Watched<S>) -> PathBuf {
    watched
        .shop
        .control_plane()
        .folder()
        .join(format!("{}-heal.log", watched.shop.namespace()))
}

fn is_healed(status: &Value) -> bool {
    status["heal"] == "Healed" && status["phase"] == "InSync"
}

/// The plan of the newest entry in a report's history; null where there is none.
fn newest(status: &Value) -> Value {
    status["history"]
        .as_array()
        .and_then(|history| history.last())
        .map(|entry| entry["planHash"].clone())
        .unwrap_or_default()
}

fn entries_of<'a>(status: &'a Value, plan: &str) -> Vec<&'a Value> {
    status["history"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| entry["planHash"] == plan)
        .collect()
}

fn ended(process: &mut Process) -> Result<ExitStatus> {
    wait::until("the end of the heal's process", PATIENCE, || {
        Ok(match process.ended()? {
            Some(status) => ControlFlow::Break(status),
            None => ControlFlow::Continue(process.log_tail()),
        })
    })
}
