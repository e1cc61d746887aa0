//! Holds what the reports said against what the tool did next. A judge is a function of what was seen; a further
//! sentence is a further one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::tool::Try;
use super::witness::Moment;

/// How long "at once" may take: Argo CD begins within a second where it has nothing else to do, and here it has many
/// shops.
const AT_ONCE: Duration = Duration::from_secs(20);

/// All that a case saw.
pub struct Seen<'a> {
    /// The states of the report.
    pub reports: &'a [(Moment, Arc<Value>)],

    /// The states of the tool's object.
    pub objects: &'a [(Moment, Arc<Value>)],

    /// The tool's tries.
    pub tries: &'a [Try],

    /// From the first approval to the end of the heal: a plan's own syncs meet what its own writes left.
    pub healing: Option<(Moment, Moment)>,

    /// The commits that change the union: a report of another one says nothing of a sync.
    pub telling: &'a [String],

    /// Until when a hand that writes twice is not at its end, and the report of the first write may stand: a try met
    /// either state.
    pub unsettled: Option<Moment>,

    /// Whether the tool's object says that something runs.
    pub runs: fn(&Value) -> bool,
}

/// The sentences that were false.
pub fn false_sentences(seen: &Seen<'_>) -> Vec<String> {
    [verdicts(seen), at_once(seen)].concat()
}

/// How many tries were held against a prediction.
pub fn judged(seen: &Seen<'_>) -> usize {
    seen.tries.iter().filter(|one| standing(seen, one).is_some()).count()
}

/// A refusal that was not told, and a success that was told as a refusal.
fn verdicts(seen: &Seen<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    for one in seen.tries {
        let Some(prediction) = standing(seen, one) else {
            continue;
        };
        let told = matches!(prediction["verdict"].as_str(), Some("Refused" | "Conflict"));
        if told != one.refused {
            faults.push(format!(
                "told {} ({}), and the sync of {} {}: {}",
                prediction["verdict"],
                prediction["causes"][0]["message"],
                one.revision,
                if one.refused { "failed" } else { "succeeded" },
                one.message
            ));
        }
    }
    faults
}

/// The prediction that stood when a try began or, where that failed, when its failure was seen at the latest.
fn standing(seen: &Seen<'_>, one: &Try) -> Option<Value> {
    if seen
        .healing
        .is_some_and(|(from, to)| one.ended >= from && one.seen <= to)
    {
        return None;
    }
    if seen.unsettled.is_some_and(|until| one.seen <= until) {
        return None;
    }
    let until = if one.refused { one.ended } else { one.seen };
    let (_, report) = seen.reports.iter().rev().find(|(at, _)| *at <= until)?;
    let status = &report["status"];
    let of = status["source"]["revision"].as_str().unwrap_or_default();
    let tells = |revision: &str| {
        seen.telling
            .iter()
            .any(|telling| revision.contains(telling.as_str()) || telling.contains(revision))
    };
    let fits = !of.is_empty() && (one.revision.contains(of) || !tells(&one.revision) && !tells(of));
    (fits && status["prediction"].is_object()).then(|| status["prediction"].clone())
}

/// "at once" where nothing came.
fn at_once(seen: &Seen<'_>) -> Vec<String> {
    let says = |report: &Value| {
        report["status"]["prediction"]["when"]
            .as_str()
            .filter(|when| when.starts_with("at once"))
            .map(str::to_owned)
    };
    let mut faults = Vec::new();
    let mut at = 0;
    while let Some((from, report)) = seen.reports.get(at) {
        let Some(when) = says(report) else {
            at += 1;
            continue;
        };
        let until = seen.reports[at..]
            .iter()
            .position(|(_, report)| says(report).as_ref() != Some(&when))
            .map(|after| at + after);
        let end = until
            .and_then(|until| seen.reports.get(until))
            .map_or_else(Moment::now, |(at, _)| *at);
        let came = |moment: &Moment| *moment + AT_ONCE >= *from && *moment <= end;
        let synced = seen.tries.iter().any(|one| came(&one.seen) || came(&one.ended));
        let ran = seen
            .objects
            .iter()
            .any(|(moment, object)| came(moment) && (seen.runs)(object));
        if end.saturating_duration_since(*from) > AT_ONCE && !synced && !ran {
            faults.push(format!(
                "told \"{when}\" for {} s, and no sync came",
                end.saturating_duration_since(*from).as_secs()
            ));
        }
        at = until.unwrap_or(seen.reports.len());
    }
    faults
}
