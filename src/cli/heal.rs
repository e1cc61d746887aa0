//! `driftmend heal`: carries an approved plan out with the caller's own rights.

mod eyes;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use kube::ResourceExt;

use self::eyes::Eyes;
use super::reach::Trust;
use super::scratch::Scratch;
use super::{Access, Fault, approve, output, target};
use crate::api::v1alpha1::{DriftReport, HealResult, Healing, HistoryEntry, ReportStatus};
use crate::cluster::Retry;
use crate::controller::approve::{Verdict, verdict};
use crate::controller::heal::{Audit, Healer, Look, Outbox, Pace, Progress, Sink};
use crate::controller::observe::FreshScene;
use crate::engine::diff::Masker;
use crate::engine::plan::{Approved, assess_and_propose};
use crate::report::Answer;

/// Between two tries of a request that may succeed later.
const PAUSE: Duration = Duration::from_secs(2);

/// How often a heal is recorded again when the report changed meanwhile.
const BEGIN_TRIES: usize = 10;

/// Carries an approved plan out with your own rights.
///
/// Everything is derived again from Git and the cluster; only the hash that was approved is carried out. Interrupted,
/// run it again: what is done is skipped, the rest is sent under the same approval.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
The report records what was sent and how it ended. Where standard error is no terminal, one JSON line for each request \
goes there as well, for an audit: 2> heal.jsonl

Exit status:
  0  healed: Git's values are back, the next sync will be accepted, and the
     roll-out is complete
  1  the heal failed, or was not over within --timeout; run it again to go on
  2  nothing was begun, or a request failed; the message says what to do")]
pub struct Arguments {
    /// The object: `web`, `deploy/web` or `daemonset/web`, or its report `deployment-web`.
    #[arg(value_name = "NAME")]
    name: String,

    /// The approved plan's hash, or at least its first eight digits.
    #[arg(long, value_name = "HASH")]
    plan: String,

    /// How long to wait for the roll-out, in seconds; the heal is complete in the cluster whether this waits or not.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    timeout: u64,

    #[command(flatten)]
    trust: Trust,

    #[command(flatten)]
    access: Access,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitCode, Fault> {
    let (cluster, namespace) = arguments.access.connect().await?;
    let report = target::report(&cluster, &namespace, &arguments.name).await?;
    let identity = cluster.whoami().await?.name;
    shown(&report, &arguments.plan)?;
    let cache = Scratch::new()?;
    let eyes = Eyes::open(&cluster, &report, &cache, &arguments.trust).await?;
    // Other processes are told by the controller's Lease, and this one by them.
    let pace = Pace::beside(eyes.lease());
    let outbox = Outbox::default();
    let audit = Audit::new(Sink::beside_people(std::io::stderr().is_terminal()), Masker::default());
    let healer = Healer {
        cluster: &cluster,
        identity: &identity,
        look: &eyes,
        pace: &pace,
        outbox: &outbox,
        audit: &audit,
    };
    let status = report.status.clone().unwrap_or_default();
    match &status.healing {
        Some(healing) if healing.plan_hash.starts_with(&arguments.plan) && healing.healer == identity => {
            output::print_line("going on with the heal that began before")?;
        }
        Some(healing) => return Err(carried_out_by(healing)),
        None => begin_soon(&healer, &eyes, &arguments).await?,
    }
    let interrupted = tokio::signal::ctrl_c();
    tokio::select! {
        ended = follow(&healer, Duration::from_secs(arguments.timeout)) => match ended? {
            Some(entry) => finish(&entry),
            // Not a failure of the command: what was approved is on its way.
            None => Ok(ExitCode::from(1)),
        },
        _ = interrupted => Err(Fault::new("interrupted; nothing is half written: each step is one request")
            .hint(format!("run the same command again to go on with plan {}", arguments.plan))),
    }
}

/// Refuses a plan that the report does not show, before the source is looked at, which takes its time.
fn shown(report: &DriftReport, hash: &str) -> Result<(), Fault> {
    let status = report.status.as_ref().filter(|status| status.healing.is_none());
    status
        .and_then(|status| status.plan.as_ref())
        .map_or(Ok(()), |plan| approve::named(hash, plan))
}

/// Begins, again when the controller wrote the report in between: it answers an approval within moments.
async fn begin_soon(healer: &Healer<'_, &Eyes<'_>>, eyes: &Eyes<'_>, arguments: &Arguments) -> Result<(), Fault> {
    for _ in 1..BEGIN_TRIES {
        if begin(healer, eyes, arguments).await? == Begun::Yes {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    match begin(healer, eyes, arguments).await? {
        Begun::Yes => Ok(()),
        Begun::ReportChanged => {
            Err(Fault::new("the report changes faster than the heal can be recorded").hint("run it again".to_owned()))
        }
    }
}

/// Whether a heal was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    /// It was.
    Yes,

    /// Somebody wrote the report since it was read.
    ReportChanged,
}

/// Holds the approval against a fresh look, and records the heal in the report.
async fn begin(healer: &Healer<'_, &Eyes<'_>>, eyes: &Eyes<'_>, arguments: &Arguments) -> Result<Begun, Fault> {
    let Some(FreshScene { scene, frozen }) = eyes.fresh().await? else {
        return Err(ungoverned(&arguments.name));
    };
    let default = ReportStatus::default();
    let report = scene.report.clone().ok_or_else(|| ungoverned(&arguments.name))?;
    let status = report.status.as_ref().unwrap_or(&default);
    // Since the report was read first: the controller carries out what is approved within moments.
    if let Some(healing) = &status.healing {
        return Err(carried_out_by(healing));
    }
    let (_, plan) = assess_and_propose(&scene.snapshot, &scene.policy, &scene.memory());
    if let Ok(plan) = &plan
        && !plan.hash.starts_with(&arguments.plan)
    {
        approve::named(&arguments.plan, approve::offered(&report)?)?;
        return Err(Fault::new("the cluster or Git changed since the report was written")
            .hint("look at the new plan with `driftmend report`, and approve that".to_owned()));
    }
    let approved: Box<Approved> = match verdict(status, plan.as_ref(), Timestamp::now()) {
        Verdict::CarryOut(approved) => approved,
        Verdict::Tell(Answer::Open) => {
            return Err(
                Fault::new(format!("plan {} is not approved", short(&arguments.plan))).hint(format!(
                    "driftmend approve {} -n {} --plan {}",
                    report.spec.target.name,
                    report.namespace().unwrap_or_default(),
                    arguments.plan
                )),
            );
        }
        Verdict::Tell(Answer::Denied) => {
            let denied = || Fault::new(format!("plan {} was denied", short(&arguments.plan)));
            return Err(approve::denied(&report).unwrap_or_else(denied));
        }
        Verdict::Tell(Answer::Refused(refusal)) => return Err(Fault::new(refusal.to_string())),
        Verdict::Tell(Answer::CarriedOut) => {
            return Err(Fault::new(format!(
                "plan {} was carried out before",
                short(&arguments.plan)
            )));
        }
        Verdict::Tell(Answer::Waiting { message, .. }) => return Err(Fault::new(message)),
    };
    if let Some(place) = frozen {
        return Err(
            Fault::new(format!("frozen by {place}")).hint("take the annotation away when heals may go on".to_owned())
        );
    }
    match healer.begin(&approved, &scene, &report).await {
        Ok(_) => {}
        Err(error) if error.retry() == Retry::ReadAgain => return Ok(Begun::ReportChanged),
        Err(error) => return Err(error.into()),
    }
    for step in &approved.plan().steps {
        output::print_line(&format!("{:?}: {}", step.kind(), step.summary()))?;
    }
    Ok(Begun::Yes)
}

/// Carries the heal on until it ends; `None` where it has not within the time.
async fn follow(healer: &Healer<'_, &Eyes<'_>>, timeout: Duration) -> Result<Option<HistoryEntry>, Fault> {
    let (started, mut told) = (Instant::now(), String::new());
    loop {
        let pause = match healer.advance().await {
            Ok(Progress::Ended(entry)) => return Ok(Some(entry)),
            Ok(Progress::TakenBack(refusal)) => {
                return Err(Fault::new(refusal.to_string()).hint(
                    "nothing was written, and the approval is not spent; look again with `driftmend report`".to_owned(),
                ));
            }
            Ok(Progress::NotOurs) => {
                return Err(Fault::new(
                    "the heal was ended by somebody else; `driftmend report` tells how",
                ));
            }
            Ok(Progress::Waiting(why, after)) => {
                if why != told {
                    output::print_line(&format!("waiting: {why}"))?;
                    told = why;
                }
                after
            }
            Err(error) if error.retry() == Retry::AwaitChange => return Err(error.into()),
            Err(error) => {
                output::print_line(&format!("trying again: {error}"))?;
                error.wait(PAUSE)
            }
        };
        if started.elapsed() > timeout {
            let fault = Fault::new(format!("still waiting after {} s: {told}", timeout.as_secs()));
            output::print_fault(&fault.hint("run the same command again to go on waiting".to_owned()));
            return Ok(None);
        }
        tokio::time::sleep(pause).await;
    }
}

fn finish(entry: &HistoryEntry) -> Result<ExitCode, Fault> {
    match entry.result {
        HealResult::Healed => {
            output::print_line(&format!("healed: {}", entry.message))?;
            Ok(ExitCode::SUCCESS)
        }
        HealResult::Failed => {
            output::print_line(&format!("failed: {}", entry.message))?;
            Ok(ExitCode::from(1))
        }
        HealResult::NotCarriedOut => Err(Fault::new(entry.message.clone())
            .hint("look at what is needed now with `driftmend report`, and approve that".to_owned())),
    }
}

fn carried_out_by(healing: &Healing) -> Fault {
    Fault::new(format!(
        "plan {} is being carried out by {}",
        short(&healing.plan_hash),
        healing.healer
    ))
    .hint("`driftmend report` tells how it goes, and how it ended".to_owned())
}

fn ungoverned(name: &str) -> Fault {
    Fault::new(format!(
        "no watch governs {name} any more, or its watch changed just now"
    ))
    .hint("run it again; `driftmend report` shows the plan of today".to_owned())
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
