//! What a name, label, port or environment variable may look like, and the server's words where it does not.
//!
//! Source: `staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go` and `pkg/api/validate/content/*.go`. The
//! two say "characters" and "bytes" for the same limit, and so does this.

const LABEL_FORMAT: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN_FORMAT: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const UNDERSCORE_SUBDOMAIN_FORMAT: &str = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*";
const LABEL_KEY_FORMAT: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_KEY_RULE: &str =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

/// Limits of RFC 1123 and of label syntax.
const LABEL_LIMIT: usize = 63;
const SUBDOMAIN_LIMIT: usize = 253;

fn too_many_characters(limit: usize) -> String {
    format!("must be no more than {limit} characters")
}

fn too_many_bytes(limit: usize) -> String {
    format!("must be no more than {limit} bytes")
}

/// `RegexError`.
fn regex_error(message: &str, format: &str, examples: &[&str]) -> String {
    let quoted: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!(
        "{message} (e.g. {}regex used for validation is '{format}')",
        quoted.join(" or ")
    )
}

fn is_lower_alphanumeric(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// Whether the text is not empty, begins and ends with `outer`, and holds nothing but `inner`.
fn is_framed(text: &str, outer: impl Fn(char) -> bool, inner: impl Fn(char) -> bool) -> bool {
    text.starts_with(&outer) && text.ends_with(&outer) && text.chars().all(inner)
}

fn is_label(text: &str) -> bool {
    is_framed(text, is_lower_alphanumeric, |c| is_lower_alphanumeric(c) || c == '-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn is_label_name(text: &str) -> bool {
    is_framed(
        text,
        |c| c.is_ascii_alphanumeric(),
        |c| c.is_ascii_alphanumeric() || "-_.".contains(c),
    )
}

/// `IsDNS1123Label`.
pub(super) fn dns1123_label(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > LABEL_LIMIT {
        faults.push(too_many_characters(LABEL_LIMIT));
    }
    if !is_label(text) {
        faults.push(if is_subdomain(text) {
            "must not contain dots".to_owned()
        } else {
            regex_error(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
                 and end with an alphanumeric character",
                LABEL_FORMAT,
                &["my-name", "123-abc"],
            )
        });
    }
    faults
}

/// `IsDNS1123Subdomain`.
pub(super) fn dns1123_subdomain(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > SUBDOMAIN_LIMIT {
        faults.push(too_many_characters(SUBDOMAIN_LIMIT));
    }
    if !is_subdomain(text) {
        faults.push(regex_error(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
             start and end with an alphanumeric character",
            SUBDOMAIN_FORMAT,
            &["example.com"],
        ));
    }
    faults
}

/// `IsDNS1123SubdomainWithUnderscore`.
pub(super) fn dns1123_subdomain_with_underscore(text: &str) -> Vec<String> {
    let is_part = |part: &str| {
        let part = part.strip_prefix('_').unwrap_or(part);
        is_framed(part, is_lower_alphanumeric, |c| {
            is_lower_alphanumeric(c) || "-_".contains(c)
        })
    };
    let mut faults = Vec::new();
    if text.len() > SUBDOMAIN_LIMIT {
        faults.push(too_many_characters(SUBDOMAIN_LIMIT));
    }
    if !text.split('.').all(is_part) {
        faults.push(regex_error(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and \
             must start and end with an alphanumeric character",
            UNDERSCORE_SUBDOMAIN_FORMAT,
            &["example.com"],
        ));
    }
    faults
}

/// `IsQualifiedName`, which is `IsLabelKey`: an optional DNS prefix, a slash, a name.
pub(super) fn qualified_name(text: &str) -> Vec<String> {
    const EXAMPLES: &[&str] = &["MyName", "my.name", "123-abc"];
    let mut faults = Vec::new();
    let name = match text.split_once('/') {
        None => text,
        Some(("", name)) if !name.contains('/') => {
            faults.push("prefix part must be non-empty".to_owned());
            name
        }
        Some((prefix, name)) if !name.contains('/') => {
            if prefix.len() > SUBDOMAIN_LIMIT {
                faults.push(format!("prefix part {}", too_many_bytes(SUBDOMAIN_LIMIT)));
            }
            let malformed = dns1123_subdomain(prefix)
                .into_iter()
                .filter(|fault| fault.starts_with("a lowercase"));
            faults.extend(malformed.map(|fault| format!("prefix part {fault}")));
            name
        }
        Some(_) => {
            return vec![format!(
                "a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                regex_error(LABEL_KEY_RULE, LABEL_KEY_FORMAT, EXAMPLES)
            )];
        }
    };
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > LABEL_LIMIT {
        faults.push(format!("name part {}", too_many_bytes(LABEL_LIMIT)));
    }
    if !is_label_name(name) {
        faults.push(format!(
            "name part {}",
            regex_error(LABEL_KEY_RULE, LABEL_KEY_FORMAT, EXAMPLES)
        ));
    }
    faults
}

/// `IsValidLabelValue`.
pub(super) fn label_value(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > LABEL_LIMIT {
        faults.push(too_many_bytes(LABEL_LIMIT));
    }
    if !text.is_empty() && !is_label_name(text) {
        faults.push(regex_error(
            &format!(
                "a valid label must be an empty string or {}",
                LABEL_KEY_RULE.trim_start_matches("must ")
            ),
            &format!("({LABEL_KEY_FORMAT})?"),
            &["MyValue", "my_value", "12345"],
        ));
    }
    faults
}

/// `IsValidPortName`.
pub(super) fn port_name(text: &str) -> Vec<String> {
    /// RFC 6335.
    const LIMIT: usize = 15;
    let mut faults = Vec::new();
    if text.len() > LIMIT {
        faults.push(too_many_characters(LIMIT));
    }
    if text.is_empty() || !text.chars().all(|c| is_lower_alphanumeric(c) || c == '-') {
        faults.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
    }
    if !text.contains(|c: char| c.is_ascii_lowercase()) {
        faults.push("must contain at least one letter (a-z)".to_owned());
    }
    if text.contains("--") {
        faults.push("must not contain consecutive hyphens".to_owned());
    }
    if text.starts_with('-') || text.ends_with('-') {
        faults.push("must not begin or end with a hyphen".to_owned());
    }
    faults
}

/// `IsValidPortNum`.
pub(super) fn port_number(port: i64) -> Option<String> {
    not_within(port, 1, 65535)
}

/// `InclusiveRangeError` where the number lies outside.
pub(super) fn not_within(number: i64, low: i64, high: i64) -> Option<String> {
    (!(low..=high).contains(&number)).then(|| format!("must be between {low} and {high}, inclusive"))
}

/// `IsValidPercent`.
pub(super) fn percent(text: &str) -> Option<String> {
    let number = text.strip_suffix('%').unwrap_or_default();
    let valid = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    (!valid).then(|| {
        regex_error(
            "a valid percent string must be a numeric string followed by an ending '%'",
            "[0-9]+%",
            &["1%", "93%"],
        )
    })
}

/// `IsHTTPHeaderName`.
pub(super) fn http_header_name(text: &str) -> Option<String> {
    let valid = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let rule = "a valid HTTP header must consist of alphanumeric characters or '-'";
    (!valid).then(|| regex_error(rule, "[-A-Za-z0-9]+", &["X-Header-Name"]))
}

/// `IsRelaxedEnvVarName`: in force by itself since 1.34.
pub(super) fn environment_name(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.is_empty() {
        faults.push("environment variable name must be non-empty".to_owned());
    }
    if text.chars().any(|c| !(' '..='~').contains(&c) || c == '=') {
        faults.push(
            "a valid environment variable name must consist only of printable ASCII characters other than '='"
                .to_owned(),
        );
    }
    faults
}

/// `IsConfigMapKey`.
pub(super) fn config_map_key(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > SUBDOMAIN_LIMIT {
        faults.push(too_many_characters(SUBDOMAIN_LIMIT));
    }
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        faults.push(regex_error(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            "[-._a-zA-Z0-9]+",
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    match text {
        "." => faults.push("must not be '.'".to_owned()),
        ".." => faults.push("must not be '..'".to_owned()),
        _ if text.starts_with("..") => faults.push("must not start with '..'".to_owned()),
        _ => {}
    }
    faults
}

/// `maskTrailingDash`, for what is a prefix of a name, and for some names that the server takes for one.
pub(super) fn mask_trailing_dash(name: &str) -> String {
    match name.char_indices().rev().nth(1) {
        Some((at, _)) if name.ends_with('-') => format!("{}a", &name[..at]),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_pass_or_tell_the_servers_rule() {
        assert_eq!(dns1123_label("web-1"), Vec::<String>::new());
        assert_eq!(dns1123_label("web.1"), ["must not contain dots"]);
        assert_eq!(port_name("8080"), ["must contain at least one letter (a-z)"]);
        assert_eq!(qualified_name("ops.example.com/tier"), Vec::<String>::new());
        assert_eq!(
            label_value("a b"),
            [
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
                 must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex \
                 used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
            ]
        );
        assert_eq!(
            percent("30"),
            Some(
                "a valid percent string must be a numeric string followed by an ending '%' \
                                        (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
                    .to_owned()
            )
        );
    }
}
