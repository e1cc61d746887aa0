//! `driftmend approve` and `driftmend deny`: a person's decision about a plan.

mod offer;

pub(super) use offer::{denied, named, offered};

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde_json::{Value, json};

use super::{Access, Fault, output, report, target};
use crate::api::v1alpha1::{Approval, Decision, DriftReport, PlanReport};
use crate::cluster::{Cluster, DryRun, Retry};
use crate::controller::observe::whole_seconds;
use crate::engine::ownership::people::People;
use crate::engine::plan::SYNC_WINDOW;
use crate::report::human;
use offer::{in_progress, short};

/// How often a decision is written again when the report changed meanwhile.
const WRITE_TRIES: usize = 10;

/// Approves the plan that a report shows.
///
/// On a terminal and without --plan it shows the plan and asks. What is approved is the plan's hash: when the cluster
/// or Git changes before it is carried out, the approval is void.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    decision: Deciding,

    /// Approves a heal that a sync window of Argo CD forbids; the reason is kept.
    #[arg(long, requires = "reason")]
    break_glass: bool,

    /// Takes a caution of the plan into account that must be acknowledged, by its id (`Overwrites`); may be given more
    /// than once.
    #[arg(long, value_name = "ID")]
    acknowledge: Vec<String>,
}

/// What a person decides about, and why.
#[derive(Clone, Debug, Args)]
pub struct Deciding {
    /// The object: `web`, `deploy/web` or `daemonset/web`, or its report `deployment-web`.
    #[arg(value_name = "NAME")]
    name: String,

    /// The plan's hash, or at least its first eight digits.
    #[arg(long, value_name = "HASH")]
    plan: Option<String>,

    /// Why, for the record; one that you gave before for the same decision stays where none is given.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    #[command(flatten)]
    access: Access,
}

/// Denies the plan that a report shows: no plan is offered while the drift stays as it is.
#[derive(Clone, Debug, Args)]
pub struct DenyArguments {
    #[command(flatten)]
    decision: Deciding,

    /// Ends the denial at this time (`2026-01-05T12:00:00Z`) or after this long (`4h`, `2d`): the plan is offered again
    /// then.
    #[arg(long, value_name = "TIME", value_parser = end)]
    until: Option<End>,

    /// Takes an earlier decision back, approval or denial, if it was not carried out yet.
    #[arg(long, conflicts_with_all = ["plan", "reason", "until"])]
    withdraw: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitCode, Fault> {
    let glass = if arguments.break_glass {
        Glass::Broken
    } else {
        Glass::Whole
    };
    let made = Made {
        glass,
        acknowledged: arguments.acknowledge,
        ..Made::of(Decision::Approved)
    };
    decide(&arguments.decision, made).await
}

pub(super) async fn run_deny(arguments: DenyArguments) -> Result<ExitCode, Fault> {
    if arguments.withdraw {
        let (cluster, namespace) = arguments.decision.access.connect().await?;
        let report = target::report(&cluster, &namespace, &arguments.decision.name).await?;
        if report.status.as_ref().is_none_or(|status| status.approval.is_none()) {
            return Err(Fault::new(format!(
                "there is no decision about {namespace}/{}",
                report.spec.target.name
            )));
        }
        write(&cluster, &report, Value::Null).await?;
        output::print_line(&format!(
            "the decision about {namespace}/{} is taken back",
            report.spec.target.name
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    decide(
        &arguments.decision,
        Made {
            until: arguments.until,
            ..Made::of(Decision::Denied)
        },
    )
    .await
}

/// Whether a sync window that forbids the heal counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Glass {
    /// It does.
    Whole,

    /// Somebody approves in spite of it.
    Broken,
}

/// What a person decides, with all that goes with it.
struct Made {
    decision: Decision,
    glass: Glass,

    /// The ids of the cautions that are taken into account.
    acknowledged: Vec<String>,

    /// When a denial ends.
    until: Option<End>,
}

impl Made {
    const fn of(decision: Decision) -> Self {
        Self {
            decision,
            glass: Glass::Whole,
            acknowledged: Vec::new(),
            until: None,
        }
    }
}

/// When a denial ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    At(Timestamp),
    After(SignedDuration),
}

fn end(text: &str) -> Result<End, String> {
    const OVER: &str = "a denial ends later than now";
    if let Ok(time) = text.parse::<Timestamp>() {
        return if time > Timestamp::now() {
            Ok(End::At(time))
        } else {
            Err(OVER.to_owned())
        };
    }
    let span: Span = text
        .parse()
        .map_err(|_| "neither a time such as 2026-01-05T12:00:00Z nor a duration such as 4h or 2d".to_owned())?;
    let after = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|error| error.to_string())?;
    if after.is_positive() {
        Ok(End::After(after))
    } else {
        Err(OVER.to_owned())
    }
}

async fn decide(arguments: &Deciding, made: Made) -> Result<ExitCode, Fault> {
    let Made {
        decision,
        glass,
        mut acknowledged,
        until,
    } = made;
    let (cluster, namespace) = arguments.access.connect().await?;
    let report = target::report(&cluster, &namespace, &arguments.name).await?;
    if let Some(healing) = report
        .status
        .as_ref()
        .and_then(|status| status.healing.as_ref())
        .filter(|_| decision == Decision::Approved)
    {
        return Err(in_progress(&report, healing));
    }
    let plan = offered(&report)?;
    // Who names a plan is told first where it is another one by now.
    if let Some(hash) = &arguments.plan {
        named(hash, plan)?;
    }
    if decision == Decision::Approved {
        check_acknowledged(plan, &mut acknowledged, &arguments.name)?;
    }
    match &arguments.plan {
        Some(_) => {
            let source = report.status.as_ref().and_then(|status| status.source.as_ref());
            output::print(
                &source
                    .map(|source| format!("plan {}\n{}", short(&plan.hash), human::repository(source)))
                    .unwrap_or_default(),
            )?;
        }
        None => {
            let verb = if decision == Decision::Approved {
                "Approve"
            } else {
                "Deny"
            };
            if !ask(&report, &format!("{verb} plan {}?", short(&plan.hash)))? {
                output::print("nothing was decided\n")?;
                return Ok(ExitCode::from(1));
            }
        }
    }
    if let Some(window) = plan
        .cautions
        .iter()
        .find(|caution| caution.id == SYNC_WINDOW)
        .map(|caution| &caution.text)
        && decision == Decision::Approved
        && glass == Glass::Whole
    {
        return Err(Fault::new(format!(
            "plan {} is held back by a sync window: {window}",
            short(&plan.hash)
        )));
    }
    let by = cluster.whoami().await?.name;
    let approval = Approval {
        decision,
        plan_hash: plan.hash.clone(),
        by,
        at: whole_seconds(Timestamp::now()),
        reason: arguments.reason.clone(),
        break_glass: (glass == Glass::Broken).then_some(true),
        acknowledged,
        until: until.map(|end| match end {
            End::At(time) => time,
            End::After(long) => whole_seconds(Timestamp::now() + long),
        }),
    };
    let approval = with_reason(approval, &report);
    let until = approval
        .until
        .map(|until| format!(" until {until}"))
        .unwrap_or_default();
    let mut approval =
        serde_json::to_value(&approval).map_err(|error| Fault::new("failed to write the approval").because(error))?;
    // The patch is merged into an earlier decision, of which nothing may stay: not its reason, its end, what it knew,
    // or that it broke the glass.
    for key in ["reason", "breakGlass", "acknowledged", "until"]
        .into_iter()
        .filter(|key| approval.get(key).is_none())
        .collect::<Vec<_>>()
    {
        approval[key] = Value::Null;
    }
    write(&cluster, &report, approval).await?;
    let (name, hash) = (&report.spec.target.name, short(&plan.hash));
    output::print(&match decision {
        Decision::Approved => format!(
            "plan {hash} is approved\n`driftmend report {name} -n {namespace}` shows how far it is; where the \
             controller may not write, `driftmend heal {name} -n {namespace} --plan {hash}` carries it out\n"
        ),
        Decision::Denied if report.status.as_ref().is_some_and(|status| status.healing.is_some()) => {
            format!(
                "plan {hash}, which was being carried out, is stopped before its next step; what is left is offered as \
                 another plan\n"
            )
        }
        Decision::Denied => {
            format!("plan {hash} is denied{until}; `driftmend deny {name} -n {namespace} --withdraw` takes that back\n")
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Holds what a person acknowledges against the plan's cautions: each one that must be is named, and nothing that the
/// plan does not say.
fn check_acknowledged(plan: &PlanReport, acknowledged: &mut Vec<String>, name: &str) -> Result<(), Fault> {
    acknowledged.sort_unstable();
    acknowledged.dedup();
    if let Some(other) = acknowledged
        .iter()
        .find(|id| !plan.cautions.iter().any(|caution| caution.id == **id))
    {
        return Err(
            Fault::new(format!("plan {} has no caution {other:?}", short(&plan.hash))).hint(format!(
                "driftmend report {name} shows its cautions: it is their first word"
            )),
        );
    }
    let missing = plan
        .cautions
        .iter()
        .filter(|caution| caution.must_acknowledge && !acknowledged.contains(&caution.id));
    let (told, flags): (Vec<String>, Vec<String>) = missing
        .map(|caution| (caution.to_string(), format!("--acknowledge {}", caution.id)))
        .unzip();
    if told.is_empty() {
        return Ok(());
    }
    Err(Fault::new(format!(
        "plan {} is approved only by who acknowledges this: {}",
        short(&plan.hash),
        told.join("; ")
    ))
    .hint(format!("approve with {} where that may be", flags.join(" "))))
}

/// A decision with the reason that the same person gave for the same before, where none is given now.
fn with_reason(decision: Approval, report: &DriftReport) -> Approval {
    let before = report.status.as_ref().and_then(|status| status.approval.as_ref());
    let what = |approval: &Approval| (approval.decision, approval.plan_hash.clone(), approval.by.clone());
    let reason = before
        .filter(|before| what(before) == what(&decision))
        .and_then(|before| before.reason.clone());
    Approval {
        reason: decision.reason.clone().or(reason),
        ..decision
    }
}

/// Writes the decision; again when the controller wrote the report in between, since a decision is about a hash and not
/// about a version of the report.
async fn write(cluster: &Cluster, report: &DriftReport, approval: Value) -> Result<(), Fault> {
    let mut report = report.clone();
    for _ in 1..WRITE_TRIES {
        match cluster
            .patch_report_status(&report, json!({"approval": approval}), DryRun::No)
            .await
        {
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
    cluster
        .patch_report_status(&report, json!({"approval": approval}), DryRun::No)
        .await?;
    Ok(())
}

/// Shows the report with its plan and asks; without a terminal there is nobody to ask.
fn ask(report: &DriftReport, question: &str) -> Result<bool, Fault> {
    if !std::io::stdin().is_terminal() {
        return Err(Fault::new("there is no terminal to ask on").hint("name the plan with --plan HASH".to_owned()));
    }
    output::print(&format!(
        "{}\n{question} [y/N] ",
        report::whole(report, &People::default(), Timestamp::now())
    ))?;
    std::io::stdout()
        .flush()
        .map_err(|error| Fault::new("failed to ask").because(error))?;
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Fault::new("failed to read the answer").because(error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests;
