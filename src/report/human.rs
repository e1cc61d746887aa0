//! Reports as text for people: sentence first, details after, summary last. Width 80 where it can be, no colour needed.

use jiff::Timestamp;
use serde_json::Value;

use super::build;
use super::printer::line;
use crate::api::v1alpha1::{
    ChangeKind, ConfirmedBy, FieldReport, FindingReport, ObjectReport, OperationReport, OverwriteReport, Phase,
    PlanReport, PredictionReport, Severity, SourceReport, Verdict, Warning,
};
use crate::engine::diff::{Change, Masker, is_built_in};
use crate::engine::ownership::people::{People, Writer};

/// What a text needs besides the report.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Names desired in the headlines, such as `main@4be2c1d`.
    pub source: &'a str,

    /// Turns times into ages.
    pub now: Timestamp,

    /// Tells people from controllers.
    pub people: &'a People,
}

/// One object with everything that is told of it. Ends with a line break.
pub fn object(report: &ObjectReport, view: &View<'_>) -> String {
    let source = view.source;
    let told = report
        .fields
        .iter()
        .filter(|field| field.severity != Severity::Ignored)
        .count();
    let headline = match (report.phase, told) {
        (Phase::Missing, _) => format!("is in {source} and not in the cluster"),
        (Phase::Orphaned, _) => format!("is in the cluster and no longer in {source}"),
        (_, 0) => format!("no field differs from {source}"),
        (_, 1) => format!("1 field differs from {source}"),
        (_, count) => format!("{count} fields differ from {source}"),
    };
    let mut out = String::new();
    line!(&mut out, "{:<35} {headline}", report.object.to_string());
    if tells_summary(report) {
        line!(&mut out, "  {}", report.summary);
    }
    for field in report.fields.iter().filter(|field| field.severity != Severity::Ignored) {
        write_field(&mut out, field, view);
    }
    write_ignored(&mut out, &report.fields);
    if let Some(prediction) = &report.prediction {
        write_prediction(&mut out, prediction, &report.fields);
    }
    for cause in &report.refusals {
        line!(&mut out, "  refused as it is: {}", cause.told());
    }
    for finding in &report.findings {
        write_finding(&mut out, finding);
    }
    write_warnings(&mut out, &report.warnings);
    out
}

/// Whether the text of an object has its summary: without a field that is told the headline says it all, unless the
/// next sync is what is wrong.
pub fn tells_summary(report: &ObjectReport) -> bool {
    let told = report.fields.iter().any(|field| field.severity != Severity::Ignored);
    let harms = report.prediction.as_ref().is_some_and(PredictionReport::harms);
    !report.summary.is_empty() && (told || harms || report.phase == Phase::Conflicted)
}

pub(super) fn write_warnings(out: &mut String, warnings: &[Warning]) {
    for Warning { notice, .. } in warnings {
        let place = match (&notice.file, notice.line) {
            (Some(file), Some(line)) => format!("{file}:{line}: "),
            (Some(file), None) => format!("{file}: "),
            _ => String::new(),
        };
        line!(out, "  warning: {place}{}", notice.message);
    }
}

fn write_field(out: &mut String, field: &FieldReport, view: &View<'_>) {
    line!(out, "  {}", field.path);
    let kind = kind(field.change);
    let weight = match field.severity {
        Severity::Drift => "drift",
        Severity::Pending => "pending",
        Severity::Info => "info",
        Severity::Ignored => "ignored",
    };
    let reason = field
        .reason
        .as_ref()
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    line!(out, "    {kind}   {}   {weight}{reason}", owner(field, view));
    write_sides(out, field.live.as_ref(), field.desired.as_ref());
}

/// What is not told, in one line for each reason: a watch without rules of its own has those that are built in.
fn write_ignored(out: &mut String, fields: &[FieldReport]) {
    let mut counts: Vec<(Option<&str>, usize)> = Vec::new();
    for reason in fields
        .iter()
        .filter(|field| field.severity == Severity::Ignored)
        .map(|field| field.reason.as_deref())
    {
        match counts.iter_mut().find(|(counted, _)| *counted == reason) {
            Some((_, count)) => *count += 1,
            None => counts.push((reason, 1)),
        }
    }
    for (reason, count) in counts {
        let fields = if count == 1 {
            "1 more field is".to_owned()
        } else {
            format!("{count} more fields are")
        };
        let rule = if reason.is_some_and(is_built_in) {
            "built-in rule"
        } else {
            "rule"
        };
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        line!(out, "  {fields} ignored by a {rule}{reason}");
    }
}

fn kind(change: ChangeKind) -> &'static str {
    match change {
        ChangeKind::Changed => "± value change",
        ChangeKind::Added => "+ only in the cluster",
        ChangeKind::Removed => "- only in Git",
        ChangeKind::Reordered => "↕ other order",
    }
}

/// `-` is live and `+` is desired, as in `kubectl diff`.
fn write_sides(out: &mut String, live: Option<&Value>, desired: Option<&Value>) {
    for (sign, value) in [("-", live), ("+", desired)] {
        if let Some(value) = value {
            line!(out, "    {sign} {}", compact(value));
        }
    }
}

/// What would become of one object. Ends with a line break.
pub fn coming(object: &str, what: &str) -> String {
    let mut out = String::new();
    line!(&mut out, "{object:<35} {what}");
    out
}

/// What an apply would change of one object; nothing is known of owners. Ends with a line break.
pub fn coming_changes(object: &str, changes: &[Change], masker: &Masker) -> String {
    let count = match changes.len() {
        1 => "1 field would change".to_owned(),
        count => format!("{count} fields would change"),
    };
    let mut out = coming(object, &count);
    for change in changes {
        let told = build::change(change, masker);
        let word = match ChangeKind::from(change.kind) {
            ChangeKind::Added => "- would be removed",
            ChangeKind::Removed => "+ would be added",
            other @ (ChangeKind::Changed | ChangeKind::Reordered) => kind(other),
        };
        line!(&mut out, "  {}", told.path);
        line!(&mut out, "    {word}");
        write_sides(&mut out, told.live.as_ref(), told.desired.as_ref());
    }
    out
}

/// `kubectl-edit (person), 14 min ago`.
fn owner(field: &FieldReport, view: &View<'_>) -> String {
    let Some(manager) = &field.manager else {
        return "no owner recorded".to_owned();
    };
    let names = if field.managers.len() > 1 {
        field.managers.join(", ")
    } else {
        manager.clone()
    };
    let kind = match view.people.kind_of(manager) {
        Writer::Person => " (person)",
        Writer::Controller => " (controller)",
        Writer::Unknown => "",
    };
    let through = field
        .subresource
        .as_ref()
        .map(|subresource| format!(" through {subresource}"))
        .unwrap_or_default();
    let age = field
        .time
        .map(|time| format!(", {} ago", age(view.now, time)))
        .unwrap_or_default();
    format!("{names}{kind}{through}{age}")
}

/// An age in one unit, as people say it.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn write_prediction(out: &mut String, prediction: &PredictionReport, fields: &[FieldReport]) {
    let strategy = prediction.strategy.name();
    // The revision annotation of the deployment controller stays on every Deployment: nobody is to look for it.
    let is_ignored = |path: &&String| {
        fields
            .iter()
            .any(|field| field.path == **path && field.severity == Severity::Ignored)
    };
    let (ignored, told): (Vec<&String>, Vec<&String>) = prediction
        .residual
        .iter()
        .filter(|path| !prediction.breaks.contains(path))
        .partition(is_ignored);
    let is_told = |severity| fields.iter().any(|field| field.severity == severity);
    let verdict = match prediction.verdict {
        Verdict::Clean => "nothing to change",
        Verdict::Reverts if is_told(Severity::Drift) => "succeeds and reverts the drift",
        Verdict::Reverts if is_told(Severity::Pending) => "succeeds and brings what Git changed",
        Verdict::Reverts => "succeeds and changes what is ignored or does not count as drift",
        Verdict::Residual if !prediction.breaks.is_empty() => "succeeds and makes fields differ from Git",
        Verdict::Residual if told.is_empty() && !ignored.is_empty() => "succeeds and leaves only what a rule ignores",
        Verdict::Residual => "succeeds and leaves some of it",
        Verdict::Conflict => "meets a conflict (409)",
        Verdict::Refused => "will be refused by the API server",
    };
    let basis = match prediction.confirmed_by {
        ConfirmedBy::Local => "admission not included",
        ConfirmedBy::DryRun => "confirmed by a dry run",
    };
    line!(out, "  next sync ({strategy}): {verdict} ({basis})");
    for cause in &prediction.causes {
        line!(out, "    {}", cause.told());
    }
    for path in told {
        line!(out, "    stays: {path}");
    }
    for path in &prediction.breaks {
        line!(out, "    breaks: {path}");
    }
    for OverwriteReport { path, from, to, .. } in &prediction.overwrites {
        let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), compact);
        line!(out, "    overwrites: {path}: {} becomes {}", shown(from), shown(to));
    }
    if let Some(when) = &prediction.when {
        line!(out, "    when: {when}");
    }
}

/// The operation of the tool that syncs, in a line or two.
pub fn operation(operation: &OperationReport, now: Timestamp) -> String {
    let OperationReport {
        application,
        kustomization,
        class,
        phase,
        message,
        started_at,
        until,
        failed_clears,
    } = operation;
    let of = application
        .as_ref()
        .or(kustomization.as_ref())
        .map_or("the tool that syncs", String::as_str);
    let phase = phase.as_deref().map(|phase| format!(", {phase}")).unwrap_or_default();
    let since = started_at
        .map(|since| format!(", began {} ago", age(now, since)))
        .unwrap_or_default();
    let until = until.map(|until| format!(", until {until}")).unwrap_or_default();
    let cleared = failed_clears
        .map(|times| format!(", cleared in vain at this revision: {times}"))
        .unwrap_or_default();
    let mut text = String::new();
    line!(&mut text, "  operation of {of}: {class}{phase}{since}{until}{cleared}");
    if let Some(message) = message {
        line!(&mut text, "    {message}");
    }
    text
}

pub(super) fn write_finding(out: &mut String, finding: &FindingReport) {
    let weight = serde_json::to_value(finding.severity)
        .ok()
        .and_then(|value| value.as_str().map(str::to_uppercase))
        .unwrap_or_default();
    line!(out, "  [{weight}] {}: {}", finding.rule, finding.message);
    if let Some(remedy) = &finding.remedy {
        line!(out, "    · {remedy}");
    }
}

/// The plan as a person reads it before approving, with what becomes of it behind its hash.
pub fn plan(plan: &PlanReport, standing: &str) -> String {
    let mut out = String::new();
    line!(
        &mut out,
        "Plan {}, {standing}",
        plan.hash.get(..12).unwrap_or(&plan.hash)
    );
    for (at, step) in plan.steps.iter().enumerate() {
        line!(
            &mut out,
            "  {}. {:?} on {}: {}",
            at + 1,
            step.kind,
            step.target,
            step.summary
        );
        for line in operations(&step.patch) {
            line!(&mut out, "       {line}");
        }
    }
    for caution in &plan.cautions {
        let how = if caution.must_acknowledge {
            format!(" (to be acknowledged: --acknowledge {})", caution.id)
        } else {
            String::new()
        };
        line!(&mut out, "  caution{how}: {caution}");
    }
    if let Some(waits) = &plan.waits {
        line!(
            &mut out,
            "  waits for {waits}; approved meanwhile, it is carried out afterwards where it is the same plan then"
        );
    }
    match plan.dry_run.as_deref() {
        Some(answer) => {
            line!(&mut out, "  dry run: {answer}");
        }
        None => out.push_str("  dry run: none yet (one is made in the modes confirm and heal)\n"),
    }
    out
}

/// Where Git's side of a plan comes from, for who decides about it.
pub fn repository(source: &SourceReport) -> String {
    let mut out = String::new();
    line!(
        &mut out,
        "  from {}, {} at {}",
        source.repo_url,
        source.path,
        source.revision
    );
    out
}

/// The operations of a patch, one a line.
fn operations(patch: &str) -> Vec<String> {
    let Ok(Value::Array(operations)) = serde_json::from_str(patch) else {
        return vec![patch.to_owned()];
    };
    operations
        .iter()
        .map(|operation| {
            let text = |key: &str| {
                operation
                    .get(key)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let value = operation.get("value").map(compact).unwrap_or_default();
            format!("{:<7} {} {value}", text("op"), text("path"))
                .trim_end()
                .to_owned()
        })
        .collect()
}

fn compact(value: &Value) -> String {
    match value {
        Value::String(text) if !text.contains('\n') => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
