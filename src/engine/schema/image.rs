//! Which tag an image reference has, as the server's defaults see it.
//!
//! Source: `pkg/util/parsers/parsers.go` ParseImageName over `github.com/distribution/reference` ParseNormalizedNamed.

/// The pull policy that the server gives an image without one.
///
/// Source: `pkg/apis/core/v1/defaults.go` SetDefaults_Container and SetDefaults_Volume. A reference that cannot be
/// parsed has no tag there either, and therefore `IfNotPresent`.
pub fn default_pull_policy(image: &str) -> &'static str {
    if tag(image) == Some("latest") {
        "Always"
    } else {
        "IfNotPresent"
    }
}

/// The tag; `latest` where the reference has neither tag nor digest, `None` where only a digest or where it is not a
/// reference.
fn tag(image: &str) -> Option<&str> {
    if image.len() == 64 && image.bytes().all(|c| matches!(c, b'a'..=b'f' | b'0'..=b'9')) {
        return None; // an image id, which ParseNormalizedNamed refuses
    }
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    if !digest.is_none_or(is_digest) {
        return None;
    }
    let remainder = match name.split_once('/') {
        // What does not do as a domain may still do as the first part of the path.
        Some((first, rest)) if is_meant_as_domain(first) => {
            (is_domain(first) || is_path_component(first)).then_some(rest)?
        }
        _ => name,
    };
    let (path, tag) = match remainder.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (remainder, None),
    };
    if path.len() > 255 || !path.split('/').all(is_path_component) || !tag.is_none_or(is_tag) {
        return None;
    }
    tag.or(digest.is_none().then_some("latest"))
}

fn is_meant_as_domain(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.chars().any(char::is_uppercase)
}

fn is_domain(text: &str) -> bool {
    let bracketed = text.strip_prefix('[').and_then(|inner| inner.split_once(']'));
    let (host_fits, port) = match bracketed {
        Some((address, rest)) => (
            !address.is_empty() && address.chars().all(|c| c.is_ascii_hexdigit() || c == ':'),
            rest,
        ),
        None => {
            let end = text.find(':').unwrap_or(text.len());
            let label = |label: &str| {
                !label.is_empty()
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            };
            (text[..end].split('.').all(label), &text[end..])
        }
    };
    let port_fits = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit()));
    host_fits && port_fits
}

/// Runs of lower-case letters and digits, between them one dot, one or two underscores, or any number of dashes.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = text.split(alphanumeric).filter(|separator| !separator.is_empty());
    text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric)
        && separators
            .into_iter()
            .all(|separator| matches!(separator, "." | "_" | "__") || separator.bytes().all(|c| c == b'-'))
}

fn is_tag(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 128 && text.starts_with(word) && text.chars().all(|c| word(c) || c == '.' || c == '-')
}

/// A digest of an algorithm that `opencontainers/go-digest` knows, in its length.
fn is_digest(text: &str) -> bool {
    let digits = match text.split_once(':') {
        Some(("sha256", digits)) if digits.len() == 64 => digits,
        Some(("sha384", digits)) if digits.len() == 96 => digits,
        Some(("sha512", digits)) if digits.len() == 128 => digits,
        _ => return false,
    };
    digits.bytes().all(|c| matches!(c, b'a'..=b'f' | b'0'..=b'9'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tag_latest_and_no_tag_at_all_are_always_pulled() {
        let digest = "a".repeat(64);
        for (image, policy) in [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("nginx:1.25", "IfNotPresent"),
            ("localhost:5000/team/app", "Always"),
            ("localhost:5000/team/app:2", "IfNotPresent"),
            ("registry.example.com/a__b/c-d.e", "Always"),
            ("[::1]:5000/app", "Always"),
            ("my_registry.example/app", "Always"),
            (&format!("nginx@sha256:{digest}"), "IfNotPresent"),
            (&format!("nginx:latest@sha256:{digest}"), "Always"),
            (&digest, "IfNotPresent"),
            ("nginx:latest@sha256:abc", "IfNotPresent"),
        ] {
            assert_eq!(default_pull_policy(image), policy, "{image}");
        }
    }

    #[test]
    fn what_is_not_a_reference_is_not_always_pulled() {
        for image in [
            "",
            "IMAGE",
            "team/App",
            "$(IMAGE)",
            "{{ image }}",
            "a..b",
            "-a",
            "a/",
            "host:port/app",
            "nginx:",
        ] {
            assert_eq!(default_pull_policy(image), "IfNotPresent", "{image}");
        }
    }
}
