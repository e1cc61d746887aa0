//! The words of the API server and of kubectl around what they quote: they are no secrets.

/// How the server's own judgement begins after a field's name (apimachinery `pkg/util/validation/field/errors.go`, and
/// `typed/validate.go` of structured-merge-diff).
const JUDGEMENTS: &[&str] = &[
    "Required",
    "Invalid",
    "Unsupported",
    "Duplicate",
    "Forbidden",
    "Too",
    "Not",
    "Internal",
    "must",
    "may",
    "field",
    "unknown",
    "expected",
    "duplicate",
    "element",
];

/// How it goes on to say what a name must be (apimachinery `pkg/util/validation/validation.go`). Their first words are
/// anybody's.
const RULES_OF_NAMES: &[&str] = &[
    "name part must ",
    "prefix part must ",
    "prefix part a lowercase RFC 1123 ",
    "a lowercase RFC 1123 ",
    "a valid label must ",
    "a qualified name must ",
    "a DNS-1035 label must ",
    "a valid environment variable name must ",
    "a valid config key must ",
];

/// Whether a value is the beginning of a judgement.
pub(super) fn is_judgement(value: &str) -> bool {
    RULES_OF_NAMES.iter().any(|rule| value.starts_with(rule))
        || JUDGEMENTS.contains(
            &value
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .trim_end_matches(':'),
        )
}

/// The fields by which the lists of a Deployment are merged.
const MERGE_KEYS: &[&str] = &[
    "containerPort",
    "devicePath",
    "ip",
    "key",
    "mountPath",
    "name",
    "port",
    "topologyKey",
    "type",
    "uid",
    "resourceName",
];

/// Whether a value is the name of such a field.
pub(super) fn is_merge_key(value: &str) -> bool {
    MERGE_KEYS.contains(&value)
}

/// Whether what follows a value is the operator of the same selector: a few letters behind what closes the value.
pub(super) fn is_operator(after: &str) -> bool {
    const WORD: &str = "operator";
    let word = after.trim_start_matches(['"', '\'', '\\', ',', ' ', '\n']);
    word.get(..WORD.len())
        .is_some_and(|word| word.eq_ignore_ascii_case(WORD))
        && word[WORD.len()..].starts_with(['"', '\'', '\\', ':'])
}

/// Why the server cannot read what it quoted before, where that ends the text; it is in the server's own words as far
/// as it goes.
///
/// Source: `pkg/runtime/converter.go` and `pkg/api/resource/quantity.go` of apimachinery, `encoding/json`.
pub(super) fn reason(text: &str) -> Option<&str> {
    const REASONS: &[&str] = &[
        "cannot convert ",
        "cannot restore ",
        "json: cannot unmarshal ",
        "quantities must match ",
        "unable to parse quantity's suffix",
        "unrecognized type: ",
    ];
    const LONGEST: usize = 256;
    let (_, reason) = text.rsplit_once("\": ")?;
    (reason.len() <= LONGEST && REASONS.iter().any(|begin| reason.starts_with(begin))).then_some(reason)
}

/// Whether a value is what structured-merge-diff shows of one of a wrong type, in which nothing is told but the type:
/// `{Value:true}`, `{Value:map[string]interface {}{}}`.
pub(super) fn is_type(value: &str) -> bool {
    ["map[string]interface", "[]interface"].contains(&value) || ["true", "false"].contains(&value.trim_end_matches('}'))
}
