//! What is told of a manifest before it is merged: whether the server refuses it, as it is or over the live object, and
//! at which line.

use super::build;
use super::human::{write_finding, write_warnings};
use super::printer::line;
use crate::api::v1alpha1::{Cause, FindingReport, ObjectReport, Phase, Place, Strategy, Verdict};
use crate::engine::diff::Masker;
use crate::engine::predict;
use crate::engine::rules::{
    Rule, creation_refused, latent_trap, manifest_refused, next_sync_breaks, next_sync_conflict, next_sync_overwrites,
    next_sync_refused, rule,
};

/// Words about a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words<'a> {
    /// They are about the field, and do not name it.
    OfField(&'a str),

    /// They say all by themselves.
    Whole(&'a str),
}

/// One thing that is told of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling<'a> {
    /// By which rule.
    pub rule: &'static Rule,

    /// The field, where it is about one.
    pub field: Option<&'a str>,

    /// In the server's words, or in ours, which name the field themselves.
    pub message: Words<'a>,

    /// The file, where it is known.
    pub file: Option<&'a str>,

    /// The line, from 1.
    pub line: Option<usize>,
}

/// Adds to what was found over the live object why the server refuses the manifest as it is, and where all the fields
/// stand.
///
/// A report of a document that was held against nothing is pending: nobody looked at the cluster.
#[must_use]
pub fn checked(report: ObjectReport, refusals: &[predict::Cause], places: Vec<Place>, masker: &Masker) -> ObjectReport {
    let refusals: Vec<Cause> = refusals.iter().map(|cause| build::shown_cause(cause, masker)).collect();
    let (phase, summary) = match (refusals.first(), &report.prediction) {
        (Some(cause), _) => (
            Phase::Conflicted,
            format!("The API server refuses it as it is: {}", cause.told()),
        ),
        (None, None) => (report.phase, "the API server takes it as it is".to_owned()),
        (None, Some(_)) => (report.phase, report.summary.clone()),
    };
    ObjectReport {
        phase,
        summary,
        refusals,
        places,
        ..report
    }
}

/// Whether the server takes neither the manifest nor what the next sync makes of it.
pub fn is_refused(report: &ObjectReport) -> bool {
    let over_live = |verdict: Verdict| matches!(verdict, Verdict::Refused | Verdict::Conflict);
    !report.refusals.is_empty()
        || report
            .prediction
            .as_ref()
            .is_some_and(|prediction| over_live(prediction.verdict))
}

/// Everything that is told of one manifest, worst first. What is refused as it is, is not told again for the live
/// object.
pub fn tellings(report: &ObjectReport) -> Vec<Telling<'_>> {
    let as_it_is = report
        .refusals
        .iter()
        .map(|cause| of_cause(&manifest_refused::RULE, cause, report));
    let over_live = over_live(report)
        .into_iter()
        .flat_map(|(rule, _, causes)| causes.into_iter().map(move |cause| of_cause(rule, cause, report)));
    let odd = report.warnings.iter().filter_map(|warning| {
        Some(Telling {
            rule: rule(warning.rule)?,
            field: warning.notice.path.as_deref(),
            message: Words::Whole(&warning.notice.message),
            file: warning.notice.file.as_deref(),
            line: warning.notice.line,
        })
    });
    let harms = report.findings.iter().filter_map(|finding| {
        let place = report
            .places
            .iter()
            .find(|place| Some(&place.field) == finding.path.as_ref());
        Some(Telling {
            rule: harm(finding)?,
            field: finding.path.as_deref(),
            message: Words::OfField(&finding.message),
            file: place.map(|place| place.file.as_str()),
            line: place.map(|place| place.line),
        })
    });
    as_it_is.chain(over_live).chain(harms).chain(odd).collect()
}

/// The rule of a finding that tells what the next sync changes and should not, or what is in the way of the one after.
fn harm(finding: &FindingReport) -> Option<&'static Rule> {
    let rules = [&next_sync_breaks::RULE, &next_sync_overwrites::RULE, &latent_trap::RULE];
    rules.into_iter().find(|rule| rule.id == finding.rule)
}

/// One manifest as text: a headline, each cause with its line and the server's words. Empty where nothing is to be
/// told. Ends with a line break.
pub fn text(report: &ObjectReport) -> String {
    let over_live = over_live(report);
    let harms: Vec<&FindingReport> = report
        .findings
        .iter()
        .filter(|finding| harm(finding).is_some())
        .collect();
    let headline = match (report.refusals.is_empty(), &over_live) {
        (false, _) => "the API server refuses it as it is",
        (true, Some((rule, ..))) if *rule == &next_sync_conflict::RULE => {
            "the next sync meets a conflict with the live object"
        }
        (true, Some(_))
            if report
                .findings
                .iter()
                .any(|finding| finding.rule == creation_refused::RULE.id) =>
        {
            "the API server refuses to create it"
        }
        (true, Some(_)) => "the API server refuses it over the live object",
        (true, None) if !harms.is_empty() && harms.iter().all(|finding| finding.rule == latent_trap::RULE.id) => {
            "the API server takes it, and will refuse a later change"
        }
        (true, None) if !harms.is_empty() => "the API server takes it, and the next sync changes what it should not",
        (true, None) if report.warnings.is_empty() => return String::new(),
        (true, None) => "the API server takes it",
    };
    let mut out = String::new();
    line!(&mut out, "{:<35} {headline}", report.object.to_string());
    for cause in &report.refusals {
        write_cause(&mut out, "", cause, report);
    }
    if let Some((rule, strategy, causes)) = over_live {
        let outcome = if rule == &next_sync_conflict::RULE {
            "meets a conflict (409)"
        } else {
            "will be refused by the API server"
        };
        line!(&mut out, "  next sync ({}): {outcome}", strategy.name());
        for cause in &causes {
            write_cause(&mut out, "  ", cause, report);
        }
        // A finding without a field and a reason knows nothing of who or what, and so adds nothing to the server's
        // words.
        let evident = |evidence: &str| causes.iter().any(|cause| cause.told() == evidence);
        let knows = |finding: &FindingReport| finding.path.is_some() || finding.message.contains(", because ");
        let adds = |finding: &&FindingReport| knows(finding) && finding.evidence.as_deref().is_some_and(evident);
        for finding in report.findings.iter().filter(adds) {
            write_finding(&mut out, finding);
        }
    }
    harms.into_iter().for_each(|finding| write_finding(&mut out, finding));
    write_warnings(&mut out, &report.warnings);
    out
}

/// What the last line says besides the refusals.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// How many were held against a live object and how many are not live yet; `None` where nobody asked for live
    /// objects.
    pub against: Option<(usize, usize)>,

    /// The objects that are no Deployments, such as `2 Services`.
    pub passed_over: &'a str,

    /// The same of the live objects, where they came from files.
    pub passed_over_live: &'a str,

    /// Whether everything could be read.
    pub all_was_read: bool,
}

/// What these objects are, in the number that they are: `Deployment`, `DaemonSets`, or `objects` of several kinds. Of
/// none it is the kind that most people have.
pub fn noun(objects: &[ObjectReport]) -> String {
    let mut kinds = objects.iter().map(|report| report.object.kind.as_str());
    let first = kinds.next().unwrap_or("Deployment");
    let kind = if kinds.all(|kind| kind == first) {
        first
    } else {
        "object"
    };
    let plural = if objects.len() == 1 { "" } else { "s" };
    format!("{kind}{plural}")
}

/// The last line: how many were checked, how many are refused, and how much was there to hold them against.
pub fn summary(reports: &[ObjectReport], about: &Summary<'_>) -> String {
    let refused = reports.iter().filter(|report| is_refused(report)).count();
    let outcome = match (reports.len(), refused) {
        (0, _) => String::new(),
        (_, 0) => ", none is refused".to_owned(),
        (1, _) => ", it is refused".to_owned(),
        (_, 1) => ", 1 is refused".to_owned(),
        (_, refused) => format!(", {refused} are refused"),
    };
    let noun = noun(reports);
    let among_live = if about.passed_over_live.is_empty() {
        String::new()
    } else {
        format!(" (LIVE: passed over {})", about.passed_over_live)
    };
    let against = about
        .against
        .map(|(held, new)| format!("; held against live objects: {held}, new: {new}{among_live}"))
        .unwrap_or_default();
    let others = if about.passed_over.is_empty() {
        String::new()
    } else {
        format!("; passed over: {}", about.passed_over)
    };
    let rest = if about.all_was_read {
        ""
    } else {
        "; not everything could be read"
    };
    let mut out = String::new();
    line!(
        &mut out,
        "{} {noun} checked{outcome}{against}{others}{rest}.",
        reports.len()
    );
    out
}

/// Why the next sync fails, where it does for another reason than the manifest alone.
fn over_live(report: &ObjectReport) -> Option<(&'static Rule, Strategy, Vec<&Cause>)> {
    let prediction = report.prediction.as_ref()?;
    let rule = match prediction.verdict {
        Verdict::Refused => &next_sync_refused::RULE,
        Verdict::Conflict => &next_sync_conflict::RULE,
        Verdict::Clean | Verdict::Reverts | Verdict::Residual => return None,
    };
    let causes: Vec<&Cause> = prediction
        .causes
        .iter()
        .filter(|cause| !report.refusals.contains(cause))
        .collect();
    (!causes.is_empty()).then_some((rule, prediction.strategy, causes))
}

fn of_cause<'a>(rule: &'static Rule, cause: &'a Cause, report: &'a ObjectReport) -> Telling<'a> {
    let place = place(cause, report);
    Telling {
        rule,
        field: Some(cause.field.as_str()).filter(|field| !field.is_empty()),
        message: Words::OfField(&cause.message),
        file: place.map(|place| place.file.as_str()),
        line: place.map(|place| place.line),
    }
}

fn place<'a>(cause: &Cause, report: &'a ObjectReport) -> Option<&'a Place> {
    report.places.iter().find(|place| place.field == cause.field)
}

fn write_cause(out: &mut String, indent: &str, cause: &Cause, report: &ObjectReport) {
    let place = place(cause, report).map(|place| format!("{}:{}", place.file, place.line));
    let field = Some(&cause.field).filter(|field| !field.is_empty()).cloned();
    let head: Vec<String> = place.into_iter().chain(field).collect();
    line!(out, "{indent}  {}", head.join(": "));
    line!(out, "{indent}    {}", cause.message);
}

#[cfg(test)]
mod tests;
