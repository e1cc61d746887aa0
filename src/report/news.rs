//! Whether a status tells anything new. What weighs nothing may never rest: an annotation that a controller renews each
//! second is no reason to write a report each minute.

use crate::api::v1alpha1::{FieldReport, OverwriteReport, PredictionReport, ReportStatus, Severity};

/// Whether `new` tells anything that `old` does not, besides the present value of a field that weighs nothing, and
/// since when it has it.
pub fn is_news(old: &ReportStatus, new: &ReportStatus) -> bool {
    if new == old {
        return false;
    }
    if new.fields.len() != old.fields.len() {
        return true;
    }
    let fields = new.fields.iter().zip(&old.fields).map(|(new, old)| {
        if is_restless(old, new) {
            old.clone()
        } else {
            new.clone()
        }
    });
    let prediction = new.prediction.clone().map(|new| rested(new, old.prediction.as_ref()));
    ReportStatus {
        fields: fields.collect(),
        prediction,
        ..new.clone()
    } != *old
}

/// The prediction with the values that it overwrites as they were told before: each is one that weighs nothing.
fn rested(mut new: PredictionReport, old: Option<&PredictionReport>) -> PredictionReport {
    for (new, old) in new
        .overwrites
        .iter_mut()
        .zip(old.map(|old| old.overwrites.as_slice()).unwrap_or_default())
    {
        if *old
            == (OverwriteReport {
                from: old.from.clone(),
                ..new.clone()
            })
        {
            new.from.clone_from(&old.from);
        }
    }
    new
}

/// Whether a field that weighs nothing is told as before, but for its value.
fn is_restless(old: &FieldReport, new: &FieldReport) -> bool {
    let weightless = matches!(new.severity, Severity::Info | Severity::Ignored);
    let FieldReport { live, time, .. } = old.clone();
    weightless
        && *old
            == FieldReport {
                live,
                time,
                ..new.clone()
            }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn status(fields: Value) -> ReportStatus {
        serde_json::from_value(json!({"phase": "Drifted", "fields": fields})).unwrap()
    }

    fn field(path: &str, severity: &str, live: &str) -> Value {
        json!({"path": path, "change": "Added", "severity": severity, "live": live, "manager": "beat",
               "operation": "Update",
            "time": format!("2026-01-05T10:00:{live}Z")})
    }

    #[test]
    fn a_value_that_weighs_nothing_is_no_news_and_any_other_is() {
        let drift = |live| field(".spec.replicas", "drift", live);
        let beat = |live| field(".metadata.annotations.beat", "info", live);
        let old = status(json!([drift("01"), beat("01")]));
        for (fields, news) in [
            (json!([drift("01"), beat("01")]), false),
            (json!([drift("01"), beat("02")]), false),
            (json!([drift("02"), beat("01")]), true),
            (json!([drift("02"), beat("02")]), true),
            (json!([drift("01")]), true),
            (
                json!([drift("01"), field(".metadata.annotations.other", "info", "01")]),
                true,
            ),
            (
                json!([drift("01"), field(".metadata.annotations.beat", "ignored", "01")]),
                true,
            ),
        ] {
            assert_eq!(is_news(&old, &status(fields.clone())), news, "{fields}");
        }
        let annotation = ".metadata.annotations.beat";
        let overwriting = |path: &str, from: &str, to: &str| {
            let overwrite = json!({"path": path, "from": from, "to": to, "manager": "beat"});
            let prediction = json!({"strategy": "client-side-apply", "verdict": "Reverts", "causes": [], "residual": [],
                                    "overwrites": [overwrite]});
            let prediction = Some(serde_json::from_value(prediction).unwrap());
            ReportStatus {
                prediction,
                ..status(json!([drift("01"), field(annotation, "info", from)]))
            }
        };
        let before = overwriting(annotation, "01", "00");
        assert!(
            !is_news(&before, &overwriting(annotation, "02", "00")),
            "what it overwrites never rests"
        );
        assert!(
            is_news(&before, &overwriting(annotation, "02", "03")),
            "it makes something else of it"
        );
        assert!(
            is_news(&before, &overwriting(".spec.replicas", "01", "00")),
            "it overwrites something else"
        );
        assert!(
            is_news(&before, &status(json!([drift("01"), beat("01")]))),
            "it overwrites nothing any more"
        );
        let other = ReportStatus {
            summary: "another".to_owned(),
            ..status(json!([drift("01"), beat("02")]))
        };
        assert!(is_news(&old, &other));
    }
}
