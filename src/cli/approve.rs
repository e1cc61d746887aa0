//! `driftmend approve` and `driftmend deny`: a person's decision about a plan.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde_json::{Value, json};

use super::{Access, Fault, output, report, target};
use crate::cluster::{Cluster, DryRun, Retry};
use crate::controller::observe::whole_seconds;
use crate::crd::DriftReport;
use crate::engine::ownership::people::People;
use crate::engine::plan::{Approval, Decision};
use crate::report::{PlanReport, human};

/// The fewest digits of a hash that name a plan: 32 bits, and the server's copy has all of them.
const SHORTEST_HASH: usize = 8;

/// How often a decision is written again when the report changed meanwhile.
const WRITE_TRIES: usize = 10;

/// Approves the plan that a report shows.
///
/// On a terminal and without --plan it shows the plan and asks. What is approved is the plan's hash: when the cluster or Git
/// changes before it is carried out, the approval is void.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// The Deployment: `web`, `deploy/web`, or its report `deployment-web`.
    #[arg(value_name = "NAME")]
    name: String,

    /// The plan's hash, or at least its first eight digits.
    #[arg(long, value_name = "HASH")]
    plan: Option<String>,

    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// Approves a heal that a sync window of Argo CD forbids; the reason is kept.
    #[arg(long, requires = "reason")]
    break_glass: bool,

    #[command(flatten)]
    access: Access,
}

/// Denies the plan that a report shows: no plan is offered while the drift stays as it is.
#[derive(Clone, Debug, Args)]
pub struct DenyArguments {
    #[command(flatten)]
    decision: Arguments,

    /// Ends the denial at this time (`2026-01-05T12:00:00Z`) or after this long (`4h`, `2d`): the plan is offered again then.
    #[arg(long, value_name = "TIME", value_parser = end)]
    until: Option<End>,

    /// Takes an earlier decision back, approval or denial, if it was not carried out yet.
    #[arg(long, conflicts_with_all = ["plan", "reason", "until"])]
    withdraw: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitCode, Fault> {
    decide(&arguments, Decision::Approved, None).await
}

pub(super) async fn run_deny(arguments: DenyArguments) -> Result<ExitCode, Fault> {
    if arguments.withdraw {
        let (cluster, namespace) = arguments.decision.access.connect().await?;
        let report = target::report(&cluster, &namespace, &arguments.decision.name).await?;
        write(&cluster, &report, Value::Null).await?;
        output::print_line(&format!("the decision about {namespace}/{} is taken back", report.spec.target.name))?;
        return Ok(ExitCode::SUCCESS);
    }
    decide(&arguments.decision, Decision::Denied, arguments.until).await
}

/// When a denial ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    At(Timestamp),
    After(SignedDuration),
}

fn end(text: &str) -> Result<End, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(End::At(time));
    }
    let span: Span = text.parse().map_err(|_| "neither a time such as 2026-01-05T12:00:00Z nor a duration such as 4h or 2d".to_owned())?;
    let after = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|error| error.to_string())?;
    if after.is_positive() { Ok(End::After(after)) } else { Err("a denial ends later than now".to_owned()) }
}

async fn decide(arguments: &Arguments, decision: Decision, until: Option<End>) -> Result<ExitCode, Fault> {
    let (cluster, namespace) = arguments.access.connect().await?;
    let report = target::report(&cluster, &namespace, &arguments.name).await?;
    let plan = offered(&report)?;
    match &arguments.plan {
        Some(hash) => {
            named(hash, plan)?;
            let source = report.status.as_ref().and_then(|status| status.source.as_ref());
            output::print(&source.map(|source| format!("plan {}\n{}", short(&plan.hash), human::repository(source))).unwrap_or_default())?;
        }
        None => {
            let verb = if decision == Decision::Approved { "Approve" } else { "Deny" };
            if !ask(&report, &format!("{verb} plan {}?", short(&plan.hash)))? {
                output::print("nothing was decided\n")?;
                return Ok(ExitCode::from(1));
            }
        }
    }
    if let Some(window) = plan.cautions.iter().find_map(|caution| caution.strip_prefix("SyncWindow: "))
        && decision == Decision::Approved
        && !arguments.break_glass
    {
        return Err(Fault::new(format!("plan {} is held back by a sync window: {window}", short(&plan.hash))));
    }
    let approval = Approval {
        decision,
        plan_hash: plan.hash.clone(),
        by: cluster.whoami().await?.name,
        at: whole_seconds(Timestamp::now()),
        reason: arguments.reason.clone(),
        break_glass: arguments.break_glass.then_some(true),
        until: until.map(|end| match end {
            End::At(time) => time,
            End::After(long) => whole_seconds(Timestamp::now() + long),
        }),
    };
    let mut approval = serde_json::to_value(&approval).map_err(|error| Fault::new("failed to write the approval").because(error))?;
    // The patch is merged into an earlier decision, of which nothing may stay: not its reason, its end, or that it broke the glass.
    for key in ["reason", "breakGlass", "until"] {
        if approval.get(key).is_none() {
            approval[key] = Value::Null;
        }
    }
    write(&cluster, &report, approval).await?;
    let (name, hash) = (&report.spec.target.name, short(&plan.hash));
    output::print(&match decision {
        Decision::Approved => format!(
            "plan {hash} is approved\n`driftmend report {name} -n {namespace}` shows how far it is; where the controller may not write, \
             `driftmend heal {name} -n {namespace} --plan {hash}` carries it out\n"
        ),
        Decision::Denied => format!("plan {hash} is denied; `driftmend deny {name} -n {namespace} --withdraw` takes that back\n"),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The plan that a report shows.
pub(super) fn offered(report: &DriftReport) -> Result<&PlanReport, Fault> {
    let status = report.status.as_ref();
    status.and_then(|status| status.plan.as_ref()).ok_or_else(|| {
        let condition = status.and_then(|status| status.conditions.iter().find(|condition| condition.type_ == "PlanReady"));
        let why = condition.map(|condition| condition.message.clone()).filter(|message| !message.is_empty());
        Fault::new(format!("{} shows no plan: {}", report.spec.target.name, why.unwrap_or_else(|| "there is nothing to heal".to_owned())))
    })
}

/// Whether a hash that a person gave names the plan.
pub(super) fn named(hash: &str, plan: &PlanReport) -> Result<(), Fault> {
    if hash.len() < SHORTEST_HASH {
        return Err(Fault::new(format!("{hash:?} is too short to name a plan")).hint(format!("give at least {SHORTEST_HASH} digits")));
    }
    if plan.hash.starts_with(hash) {
        return Ok(());
    }
    Err(Fault::new(format!("{} is not the current plan; that is {}", short(hash), short(&plan.hash)))
        .hint("the cluster or Git changed since: look at the new plan with `driftmend report`, then decide about that".to_owned()))
}

/// Writes the decision; again when the controller wrote the report in between, since a decision is about a hash and not about
/// a version of the report.
async fn write(cluster: &Cluster, report: &DriftReport, approval: Value) -> Result<(), Fault> {
    let mut report = report.clone();
    for _ in 1..WRITE_TRIES {
        match cluster.patch_report_status(&report, json!({"approval": approval}), DryRun::No).await {
            Err(error) if error.retry() == Retry::ReadAgain => {
                report = target::again(cluster, &report).await?;
                // What was looked at is what is decided about.
                if let Some(hash) = approval["planHash"].as_str() {
                    named(hash, offered(&report)?)?;
                }
            }
            written => return Ok(written.map(drop)?),
        }
    }
    cluster.patch_report_status(&report, json!({"approval": approval}), DryRun::No).await?;
    Ok(())
}

/// Shows the report with its plan and asks; without a terminal there is nobody to ask.
fn ask(report: &DriftReport, question: &str) -> Result<bool, Fault> {
    if !std::io::stdin().is_terminal() {
        return Err(Fault::new("there is no terminal to ask on").hint("name the plan with --plan HASH".to_owned()));
    }
    output::print(&format!("{}\n{question} [y/N] ", report::whole(report, &People::default(), Timestamp::now())))?;
    std::io::stdout().flush().map_err(|error| Fault::new("failed to ask").because(error))?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|error| Fault::new("failed to read the answer").because(error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
