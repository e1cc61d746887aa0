//! Secrets in the paths of URLs: whoever knows the address of a webhook may call it.

use super::MASKED;

/// Path segments behind which a secret stands, besides those with `hook` in them.
const BEFORE_SECRETS: &[&str] = &["apikey", "integration", "integrations", "key", "secret", "token"];

/// The least letters of a secret in a path that nothing announces: shorter than the keys of well-known services, longer
/// than names.
const UNANNOUNCED: usize = 24;

/// The address with what its path gives away masked, up to its query. `address` is what follows `://`.
pub(super) fn hide(address: &str) -> String {
    let Some(slash) = address.find('/') else {
        return address.to_owned();
    };
    let host = address[..slash].rsplit('@').next().unwrap_or_default();
    let ends = |c: char| c.is_whitespace() || "?#\"'`,;()<>{}[]|\\^".contains(c);
    let end = address[slash..].find(ends).map_or(address.len(), |at| slash + at);
    let (path, rest) = address.split_at(end);
    let mut announced = host
        .split(['.', ':'])
        .any(|label| label.to_ascii_lowercase().contains("hook"));
    let mut at = slash;
    for segment in path[slash..].split_inclusive('/') {
        let name = segment.trim_end_matches('/');
        if (announced && is_token(name)) || is_unannounced(name) {
            return format!("{}{MASKED}{rest}", &path[..at]);
        }
        let lower = name.to_ascii_lowercase();
        announced = announced || lower.contains("hook") || BEFORE_SECRETS.contains(&lower.as_str());
        at += segment.len();
    }
    address.to_owned()
}

/// Whether a segment is rather made by chance than a word: a number that names an account, a UUID, letters and digits
/// mixed.
fn is_token(segment: &str) -> bool {
    let digits = segment.chars().filter(char::is_ascii_digit).count();
    let letters = segment.chars().filter(char::is_ascii_alphabetic).count();
    let has_upper = segment.chars().any(|c| c.is_ascii_uppercase());
    let is_one_word = !segment.contains(['-', '_', '.']);
    let is_hex = segment.len() >= 16 && segment.chars().all(|c| c.is_ascii_hexdigit() || "-@".contains(c));
    let is_number = digits >= 5 && letters == 0;
    let is_mixed =
        is_one_word && !is_version(segment) && segment.len() >= 8 && (digits >= 2 || digits > 0 && has_upper);
    let is_long = is_one_word && segment.len() >= 20;
    is_hex || is_number || is_mixed || is_long || is_unannounced(segment)
}

/// A long segment with capitals, small letters and digits in disorder. What is all small may be a commit or a digest.
fn is_unannounced(segment: &str) -> bool {
    let has = |kind: fn(&char) -> bool| segment.chars().filter(kind).count() >= 3;
    let is_inside = |c: char| c.is_ascii_alphanumeric() || "-_:~=%".contains(c);
    segment.len() >= UNANNOUNCED
        && segment.chars().all(is_inside)
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_digit)
}

/// `v1`, `v1beta1`.
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| {
        rest.split("alpha")
            .flat_map(|part| part.split("beta"))
            .all(|part| part.chars().all(|c| c.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn what_lets_anybody_call_a_webhook_is_hidden() {
        for (given, shown) in [
            (
                "hooks.chat.example/services/T024BE7LD/B0A1B2C3D/Zq8f3kd93kdQz?x=1",
                "hooks.chat.example/services/(masked)?x=1",
            ),
            (
                "chat.example/api/webhooks/1029384756/Zq-8f_3kd93kdQz?wait=true",
                "chat.example/api/webhooks/(masked)?wait=true",
            ),
            (
                "x.webhook.example/webhookb2/8b0d9c70-41a5-4d2c-9a1e-5b3a1f0e7c11@8b0d9c70/IncomingWebhook/0f1e/8b",
                "x.webhook.example/webhookb2/(masked)",
            ),
            ("chat.example/hooks/xr1b8c5kwb8p5qk9", "chat.example/hooks/(masked)"),
            (
                "hooks.example/hooks/catch/123456/abcdef/",
                "hooks.example/hooks/catch/(masked)",
            ),
            (
                "api.example/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/send",
                "api.example/(masked)",
            ),
            ("hook.eu1.example/kd93kd0Zq8f3kd93", "hook.eu1.example/(masked)"),
            (
                "events.example/integration/0f1e2d3c4b5a69788796a5b4c3d2e1f0/enqueue",
                "events.example/integration/(masked)",
            ),
            (
                "maker.example/trigger/door/with/key/dQ8f3kZ93",
                "maker.example/trigger/door/with/key/(masked)",
            ),
            (
                "me:(masked)@hooks.example:8443/T024BE7LD",
                "me:(masked)@hooks.example:8443/(masked)",
            ),
        ] {
            assert_eq!(hide(given), shown);
            assert_eq!(hide(shown), shown);
        }
    }

    #[test]
    fn addresses_without_a_secret_are_shown() {
        for address in [
            "example.com:8443/a@b",
            "hooks.example",
            "git.example/team/shop.git",
            "svc.ns.svc:443/webhook/validate-apps-v1-deployment",
            "svc.ns.svc/webhooks/v1beta1/pods?timeout=10s",
            "ci.example/webhooks/github",
            "git.example/archive/0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c.tar.gz",
            "example.com/2026/11/29/a-long-title-of-an-article-about-nothing",
            "bucket.example/releases/v1.29.0/KubernetesControlPlane.tar.gz",
            "example.com/api/v2/users/12345",
        ] {
            assert_eq!(hide(address), address);
        }
    }
}
