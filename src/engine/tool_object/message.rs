//! The words of a failed sync: without what changes at each attempt, and the API server's causes in them.

use crate::engine::predict::Cause;

/// A refused object in the words of a failed sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The kind and group, as the API server writes them: `Deployment.apps`.
    pub kind: String,

    /// The object's name.
    pub name: String,

    /// Why, each cause with its field. The field is the one that the server came to second, not the one that does not
    /// belong there.
    pub causes: Vec<Cause>,
}

/// A message without what changes at each attempt, so that two can be compared and one can be told.
///
/// What goes: the frame with the random name of kubectl's temporary file
/// (`error when patching "/dev/shm/401075421": `), which server-side apply does not have; the count of retries; the
/// announcement of the next one, whose time is local, without seconds, and wrong.
///
/// Source: `processRequestedAppOperation` in `controller/appcontroller.go` of Argo CD; `kubectl/pkg/util` for the
/// frame.
pub fn comparable(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    let mut rest = message.trim_end();
    while let Some(at) = rest.find("error when ") {
        let (before, frame) = rest.split_at(at);
        text.push_str(before);
        match after_frame(frame) {
            Some(after) => rest = after,
            None => {
                let (word, after) = frame.split_at("error when ".len());
                text.push_str(word);
                rest = after;
            }
        }
    }
    text.push_str(rest);
    let end = without_announcement(&text).len();
    text.truncate(end);
    text
}

/// What follows `error when patching "…": `; `None` where it is no such frame.
fn after_frame(frame: &str) -> Option<&str> {
    let rest = frame.strip_prefix("error when ")?;
    let (verb, rest) = rest.split_once(" \"")?;
    let (_, after) = rest.split_once("\": ")?;
    verb.chars().all(|c| c.is_ascii_alphabetic()).then_some(after)
}

/// Without ` (retried 3 times).` or `. Retrying attempt #1 at 2:54PM.` at the end.
fn without_announcement(text: &str) -> &str {
    let Some(trimmed) = text.strip_suffix('.') else {
        return text;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((before, count)) = trimmed
        .strip_suffix(" times)")
        .and_then(|text| text.rsplit_once(" (retried "))
        && digits(count)
    {
        return before;
    }
    if let Some((before, announced)) = trimmed.rsplit_once(". Retrying attempt #")
        && let Some((count, time)) = announced.split_once(" at ")
        && digits(count)
        && time
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b":APM".contains(&byte))
    {
        return before;
    }
    text
}

/// The objects that a message says the API server refused as invalid, with their causes.
///
/// Source: `NewInvalid` in `staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go` and `aggregate.Error` beside it:
/// one cause stands alone, several in brackets, separated by commas, which causes hold, too. So a comma only separates
/// where a path and a known word follow.
pub fn refused(message: &str) -> Vec<Refused> {
    const INVALID: &str = "\" is invalid: ";
    let message = comparable(message);
    let subject = |at: usize| {
        let (before, name) = message[..at].rsplit_once(" \"")?;
        let begin = before
            .trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-')
            .len();
        let kind = &before[begin..];
        (!kind.is_empty()).then(|| (begin, kind.to_owned(), name.to_owned()))
    };
    let subjects: Vec<_> = message
        .match_indices(INVALID)
        .filter_map(|(at, _)| subject(at).map(|subject| (subject, at + INVALID.len())))
        .collect();
    let ends = subjects
        .iter()
        .skip(1)
        .map(|((begin, ..), _)| *begin)
        .chain([message.len()]);
    let found = subjects.iter().zip(ends).filter_map(|(((_, kind, name), from), to)| {
        let causes = causes(message.get(*from..to)?.trim_end().trim_end_matches(','));
        Some(Refused {
            kind: kind.clone(),
            name: name.clone(),
            causes,
        })
    });
    found.filter(|refused| !refused.causes.is_empty()).collect()
}

fn causes(text: &str) -> Vec<Cause> {
    let several = text
        .strip_prefix('[')
        .and_then(|text| text.rsplit_once(']'))
        .map(|(inner, _)| inner);
    let text = several.unwrap_or(text);
    let mut begins = vec![0];
    if several.is_some() {
        begins.extend(
            text.match_indices(", ")
                .map(|(at, comma)| at + comma.len())
                .filter(|at| cause(&text[*at..]).is_some()),
        );
    }
    let ends = begins.iter().skip(1).map(|begin| begin - 2).chain([text.len()]);
    begins
        .iter()
        .zip(ends)
        .filter_map(|(begin, end)| cause(&text[*begin..end]))
        .collect()
}

/// `path: Word: detail`.
fn cause(text: &str) -> Option<Cause> {
    let (field, message) = text.split_once(": ")?;
    let (_, reason) = REASONS.iter().find(|(word, _)| {
        message
            .strip_prefix(word)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    })?;
    let is_path = !field.is_empty() && !field.contains(char::is_whitespace);
    is_path.then(|| Cause {
        reason: (*reason).to_owned(),
        field: field.to_owned(),
        message: message.to_owned(),
    })
}

/// Source: `ErrorType.String` in `staging/src/k8s.io/apimachinery/pkg/util/validation/field/errors.go`.
/// `FieldValueTypeInvalid` has the words of `FieldValueInvalid`.
const REASONS: &[(&str, &str)] = &[
    ("Forbidden", "FieldValueForbidden"),
    ("Invalid value", "FieldValueInvalid"),
    ("Required value", "FieldValueRequired"),
    ("Duplicate value", "FieldValueDuplicate"),
    ("Unsupported value", "FieldValueNotSupported"),
    ("Not found", "FieldValueNotFound"),
    ("Too long", "FieldValueTooLong"),
    ("Too short", "FieldValueTooShort"),
    ("Too many", "FieldValueTooMany"),
    ("Too few", "FieldValueTooFew"),
    ("Internal error", "InternalError"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    const PROBE: &str = "spec.template.spec.containers[0].livenessProbe.tcpSocket";
    const HANDLERS: &str = "Forbidden: may not specify more than 1 handler type";

    fn told(kind: &str, name: &str, causes: &[(&str, &str, &str)]) -> Refused {
        let cause = |(reason, field, message): &(&str, &str, &str)| Cause {
            reason: (*reason).to_owned(),
            field: (*field).to_owned(),
            message: (*message).to_owned(),
        };
        Refused {
            kind: kind.to_owned(),
            name: name.to_owned(),
            causes: causes.iter().map(cause).collect(),
        }
    }

    #[test]
    fn every_form_of_one_failure_is_one_message() {
        let plain = format!(
            "one or more objects failed to apply, reason: Deployment.apps \"web\" is invalid: {PROBE}: {HANDLERS}"
        );
        let frame = |file: &str, end: &str| {
            format!(
                "one or more objects failed to apply, reason: error when patching \"{file}\": Deployment.apps \"web\" \
                 is invalid: {PROBE}: {HANDLERS}{end}"
            )
        };
        for message in [
            plain.clone(),
            frame("/dev/shm/118", ""),
            frame("/dev/shm/2290371", ". Retrying attempt #1 at 2:54PM."),
            frame("/tmp/9", " (retried 12 times)."),
            format!("{plain}\n"),
        ] {
            assert_eq!(comparable(&message), plain);
        }
    }

    #[test]
    fn other_words_stay() {
        for message in [
            "",
            "successfully synced (all tasks run)",
            "error when the moon is full.",
            "error when patching \"unclosed",
            "he said (retried many times).",
            "x. Retrying attempt #1 at noon.",
            "Operation terminated.",
        ] {
            assert_eq!(comparable(message), message);
        }
        assert_eq!(
            comparable("a: error when creating \"/dev/shm/1\": b,error when replacing \"/dev/shm/2\": c"),
            "a: b,c"
        );
    }

    #[test]
    fn one_cause_is_read() {
        let message = format!(
            "one or more synchronization tasks completed unsuccessfully, reason: error when patching \"/dev/shm/5\": \
             Deployment.apps \"web\" is invalid: {PROBE}: {HANDLERS} (retried 2 times)."
        );
        assert_eq!(
            refused(&message),
            [told(
                "Deployment.apps",
                "web",
                &[("FieldValueForbidden", PROBE, HANDLERS)]
            )]
        );
        let comparison = format!(
            "Failed to compare desired state to live state: serverSideDiff error: error running server side apply in \
             dryrun mode for resource Deployment/web: Deployment.apps \"web\" is invalid: {PROBE}: {HANDLERS}"
        );
        assert_eq!(
            refused(&comparison),
            [told(
                "Deployment.apps",
                "web",
                &[("FieldValueForbidden", PROBE, HANDLERS)]
            )]
        );
        let flux = format!(
            "Deployment/shop/web dry-run failed (Invalid): Deployment.apps \"web\" is invalid: {PROBE}: {HANDLERS}\n"
        );
        assert_eq!(
            refused(&flux),
            [told(
                "Deployment.apps",
                "web",
                &[("FieldValueForbidden", PROBE, HANDLERS)]
            )]
        );
        // What stands before the kind may have more than one byte.
        let foreign = format!("erreur\u{2009}»Deployment.apps \"web\" is invalid: {PROBE}: {HANDLERS}");
        assert_eq!(
            refused(&foreign),
            [told(
                "Deployment.apps",
                "web",
                &[("FieldValueForbidden", PROBE, HANDLERS)]
            )]
        );
    }

    #[test]
    fn several_causes_are_told_apart_although_they_hold_commas() {
        let message = "Deployment.apps \"web\" is invalid: [spec.replicas: Invalid value: -1: must be greater than or \
                       equal to 0, spec.template.metadata.labels: Invalid value: {\"a\":\"b, c: d\"}: `selector` does \
                       not match template `labels`, spec.strategy.type: Required value]";
        assert_eq!(
            refused(message),
            [told(
                "Deployment.apps",
                "web",
                &[
                    (
                        "FieldValueInvalid",
                        "spec.replicas",
                        "Invalid value: -1: must be greater than or equal to 0"
                    ),
                    (
                        "FieldValueInvalid",
                        "spec.template.metadata.labels",
                        "Invalid value: {\"a\":\"b, c: d\"}: `selector` does not match template `labels`"
                    ),
                    ("FieldValueRequired", "spec.strategy.type", "Required value"),
                ]
            )]
        );
    }

    #[test]
    fn several_objects_are_told_apart() {
        let message = format!(
            "one or more objects failed to apply, reason: error when patching \"/dev/shm/1\": Deployment.apps \"web\" \
             is invalid: {PROBE}: {HANDLERS},error when patching \"/dev/shm/2\": Service \"web\" is invalid: \
             spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"
        );
        assert_eq!(
            refused(&message),
            [
                told("Deployment.apps", "web", &[("FieldValueForbidden", PROBE, HANDLERS)]),
                told(
                    "Service",
                    "web",
                    &[(
                        "FieldValueInvalid",
                        "spec.ports[0].port",
                        "Invalid value: 0: must be between 1 and 65535, inclusive"
                    )]
                ),
            ]
        );
    }

    #[test]
    fn what_is_no_refusal_has_no_causes() {
        for message in [
            "",
            "Operation terminated",
            "the name \"x\" is invalid: try again",
            "\" is invalid: a: Forbidden: b",
            "rpc error: code = Unknown",
        ] {
            assert_eq!(refused(message), [], "{message}");
        }
    }
}
