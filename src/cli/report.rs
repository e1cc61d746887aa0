//! `driftmend report`: what is wrong, read from the cluster's DriftReports.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use kube::ResourceExt;

use super::doubts::Doubts;
use super::output::{self, Format};
use super::standing::{Watches, unwatched};
use super::{Access, Fault, people, target, unreported};
use crate::api::v1alpha1::{Approval, DriftReport, Heal, ObjectId, ObjectReport, Phase, ReportStatus};
use crate::cluster::Cluster;
use crate::engine::ownership::people::People;
use crate::report::human::{self, View};
use crate::report::printer;

/// Shows what is wrong with an object and the plan that heals it; without a name, every report of the namespace.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Exit status:
  0  what is governed is known to be what Git says, or to wait for the next sync
  1  something needs a person: a drift, a refused sync, a heal that failed, a
     watch that is not well; or it is not known whether the controller runs
  2  there is no such namespace, watch or object, or a request failed")]
pub struct Arguments {
    /// The object: `web`, `deploy/web` or `daemonset/web`, or its report `deployment-web`.
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// Every namespace.
    #[arg(short = 'A', long, conflicts_with = "name")]
    all_namespaces: bool,

    /// Who stands behind field managers: YAML such as `deploy-*: Person` or `release-bot: Controller`, before the
    /// built-in table.
    #[arg(long, value_name = "FILE", env = "DRIFTMEND_MANAGERS")]
    managers: Option<PathBuf>,

    #[command(flatten)]
    access: Access,

    /// How the result is printed; json and yaml print the DriftReports as they are stored.
    #[arg(short, long, value_enum, default_value = "human")]
    output: Format,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitCode, Fault> {
    let people = people::read(arguments.managers.as_deref())?;
    let (cluster, namespace) = arguments.access.connect().await?;
    let scope = (!arguments.all_namespaces).then_some(namespace.as_str());
    let (reports, watches) = match &arguments.name {
        Some(name) => {
            let Some(report) = target::find(&cluster, &namespace, name).await? else {
                return unreported::tell(&cluster, &namespace, name, arguments.output).await;
            };
            let watches = Watches::of(&cluster, &report).await?;
            (vec![report], watches)
        }
        None => {
            let reports = list(&cluster, scope).await?;
            let watches = Watches::read(&cluster, scope, &reports).await?;
            (reports, watches)
        }
    };
    let now = Timestamp::now();
    let named = arguments.name.is_some();
    if !named && watches.found.is_empty() && reports.is_empty() {
        // A program gets its list all the same.
        if arguments.output != Format::Human {
            output::print_value(&reports, arguments.output)?;
        }
        return Err(unwatched(&cluster, scope).await?);
    }
    let doubts = Doubts::of(&cluster, &watches, (!named).then_some(reports.as_slice()), now).await?;
    match (arguments.output, named) {
        (Format::Human, true) => {
            let text: String = reports.iter().map(|report| whole(report, &people, now)).collect();
            output::print(&doubts.around(&text))?;
        }
        (Format::Human, false) => output::print(&doubts.around(&table(&reports, &watches, &doubts)))?,
        (format, true) => reports
            .iter()
            .try_for_each(|report| output::print_value(report, format))?,
        (format, false) => output::print_value(&reports, format)?,
    }
    doubts.tell_aside(arguments.output);
    if !named && watches.found.is_empty() {
        return Err(unwatched(&cluster, scope).await?);
    }
    Ok(ExitCode::from(u8::from(
        reports.iter().any(needs_person) || doubts.any(),
    )))
}

/// Whether a report asks for a person: a heal that failed does, whatever became of the fields since.
fn needs_person(report: &DriftReport) -> bool {
    // A report without a status says nothing yet.
    let Some(status) = &report.status else { return true };
    !matches!(status.phase, Phase::InSync | Phase::Pending) || status.heal == Heal::Failed
}

/// The reports of a namespace, or all.
pub(super) async fn list(cluster: &Cluster, namespace: Option<&str>) -> Result<Vec<DriftReport>, Fault> {
    Ok(cluster.list_reports(namespace).await?)
}

/// A whole report as text: what is wrong, the plan, and what to do next.
pub(super) fn whole(report: &DriftReport, people: &People, now: Timestamp) -> String {
    // Others than the controller may have written it.
    let status = &printer::told(report.status.clone().unwrap_or_default());
    let object = ObjectReport {
        object: ObjectId {
            api_version: report.spec.target.api_version.clone(),
            kind: report.spec.target.kind.clone(),
            namespace: report.namespace(),
            name: report.spec.target.name.clone(),
        },
        phase: status.phase,
        summary: status.summary.clone(),
        fields: status.fields.clone(),
        prediction: status.prediction.clone(),
        refusals: Vec::new(),
        findings: status.findings.clone(),
        places: Vec::new(),
        warnings: Vec::new(),
    };
    let source = status.source.as_ref().map_or_else(
        || "Git".to_owned(),
        |source| {
            format!(
                "{}@{}",
                source.path,
                source.revision.get(..7).unwrap_or(&source.revision)
            )
        },
    );
    let mut text = human::object(
        &object,
        &View {
            source: &source,
            now,
            people,
        },
    );
    if !human::tells_summary(&object) {
        let _ = writeln!(text, "  {:?}: {}", status.phase, status.summary);
    }
    if status.fields_omitted > 0 {
        let _ = writeln!(text, "  and {} more fields", status.fields_omitted);
    }
    if let Some(operation) = &status.operation {
        text.push_str(&human::operation(operation, now));
    }
    if let Some(plan) = &status.plan {
        let offered = || format!("can be approved until {}", plan.expires);
        let standing = status.healing.as_ref().map_or_else(offered, |healing| {
            format!("approved by {}, is being carried out", healing.by)
        });
        let _ = write!(text, "\n{}", human::plan(plan, &standing));
        text.push_str(&status.source.as_ref().map(human::repository).unwrap_or_default());
    }
    text.push_str(&cure(report, status));
    text
}

/// How far the cure is, and the next command.
fn cure(report: &DriftReport, status: &ReportStatus) -> String {
    let (name, namespace) = (&report.spec.target.name, report.namespace().unwrap_or_default());
    let condition = |type_: &str| status.conditions.iter().find(|condition| condition.type_ == type_);
    let mut text = String::new();
    match status.heal {
        Heal::AwaitingApproval | Heal::Approved => {
            let told = condition("Approved");
            if let Some(condition) = told {
                let _ = writeln!(text, "\n{}: {}", condition.reason, condition.message);
            }
            let is_decided =
                |approval: &&Approval| status.plan.as_ref().is_some_and(|plan| plan.hash == approval.plan_hash);
            if let (None, Some(approval)) = (told, status.approval.as_ref().filter(is_decided)) {
                let Approval { decision, by, at, .. } = approval;
                let _ = writeln!(
                    text,
                    "\n{decision:?} by {by} at {at}, and not answered by the controller yet"
                );
            } else if told.is_none_or(|condition| condition.reason == "NotCarriedOut") {
                let _ = writeln!(text, "\nTo heal it: driftmend approve {name} -n {namespace}");
            }
        }
        Heal::Healing => {
            let steps = status.healing.as_ref().map(|healing| {
                healing
                    .steps
                    .iter()
                    .map(|step| format!("{:?} {:?}", step.kind, step.state))
                    .collect::<Vec<_>>()
                    .join(", ")
            });
            let _ = writeln!(text, "\nHealing: {}", steps.unwrap_or_default());
            for told in ["PlanReady", "Approved"].into_iter().filter_map(condition) {
                let _ = writeln!(text, "  {}", told.message);
            }
        }
        Heal::Healed | Heal::Failed => {
            if let Some(entry) = status.history.last() {
                let hash = entry.plan_hash.get(..12).unwrap_or(&entry.plan_hash);
                let _ = writeln!(
                    text,
                    "\n{:?} at {} (plan {hash}, approved by {}): {}",
                    entry.result, entry.finished_at, entry.by, entry.message
                );
            }
        }
        Heal::Denied => {
            let told = condition("Approved")
                .map(|condition| condition.message.clone())
                .filter(|message| !message.is_empty());
            let told = told.unwrap_or_else(|| "no plan is offered while the drift stays as it is".to_owned());
            let _ = writeln!(text, "\nDenied: {}", told.strip_prefix("denied ").unwrap_or(&told));
        }
        Heal::None => {
            if let Some(condition) = condition("PlanReady").filter(|condition| !condition.message.is_empty()) {
                let _ = writeln!(text, "\nNo plan: {}", condition.message);
            }
        }
    }
    text
}

/// One line a report.
fn table(reports: &[DriftReport], watches: &Watches, doubts: &Doubts) -> String {
    if reports.is_empty() {
        let (watched, governed) = (
            counted(watches.found.len(), "watch", "watches"),
            counted(watches.governed(), "object", "objects"),
        );
        return match doubts.any() {
            false => format!("no reports: every governed object is what Git says ({governed}, {watched})\n"),
            true => format!("no reports ({governed}, {watched})\n"),
        };
    }
    // As kubectl does it: a column is as wide as its longest word.
    let width = |least: usize, words: &mut dyn Iterator<Item = String>| {
        words.map(|word| word.len()).max().unwrap_or(0).max(least)
    };
    let namespaces = width(
        9,
        &mut reports.iter().map(|report| report.namespace().unwrap_or_default()),
    );
    let kinds = width(4, &mut reports.iter().map(|report| report.spec.target.kind.clone()));
    let names = width(4, &mut reports.iter().map(|report| report.spec.target.name.clone()));
    let mut text = format!(
        "{:<namespaces$} {:<kinds$} {:<names$} {:<14} {:<16} SUMMARY\n",
        "NAMESPACE", "KIND", "NAME", "PHASE", "HEAL"
    );
    for report in reports {
        let status = printer::told(report.status.clone().unwrap_or_default());
        let _ = writeln!(
            text,
            "{:<namespaces$} {:<kinds$} {:<names$} {:<14} {:<16} {}",
            report.namespace().unwrap_or_default(),
            report.spec.target.kind,
            report.spec.target.name,
            format!("{:?}", status.phase),
            format!("{:?}", status.heal),
            status.summary
        );
    }
    text
}

/// A number with its noun.
pub(super) fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn who_has_approved_is_not_asked_to_approve_before_the_controller_answers() {
        let hash = "ab".repeat(32);
        let told = |decision: Value| {
            let report: DriftReport = serde_json::from_value(json!({
                "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport",
                "metadata": {"name": "deployment-web", "namespace": "shop"},
                "spec": {"target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                         "watchRef": {"namespace": "shop", "name": "shop"}},
                "status": {"heal": "AwaitingApproval", "approval": decision,
                    "plan": {"hash": hash, "serial": 1, "expires": "2026-01-05T11:00:00Z", "steps": []}},
            }))
            .unwrap();
            cure(&report, report.status.as_ref().unwrap())
        };
        let approved =
            |hash: &str| json!({"decision": "Approved", "by": "ada", "at": "2026-01-05T10:00:00Z", "planHash": hash});
        assert_eq!(
            told(approved(&hash)),
            "\nApproved by ada at 2026-01-05T10:00:00Z, and not answered by the controller yet\n"
        );
        for open in [Value::Null, approved(&"cd".repeat(32))] {
            assert_eq!(told(open), "\nTo heal it: driftmend approve web -n shop\n");
        }
    }
}
