//! Secrets in the middle of texts: addresses, messages, tokens.

use pretty_assertions::assert_eq;

use super::text;

#[test]
fn masks_the_password_of_an_address_and_nothing_else_of_it() {
    for (given, shown) in [
        (
            "postgres://app:hunter2@db:5432/shop?sslmode=off",
            "postgres://app:(masked)@db:5432/shop?sslmode=off",
        ),
        ("redis://:hunter2@cache", "redis://:(masked)@cache"),
        (
            "amqp://a:p/w@h1,amqp://b:p2@h2",
            "amqp://a:(masked)@h1,amqp://b:(masked)@h2",
        ),
        ("https://hunter2@example.com/x", "https://(masked)@example.com/x"),
        ("ssh://git@example.com/x", "ssh://git@example.com/x"),
        ("postgres://app:$(PW)@db", "postgres://app:$(PW)@db"),
        ("https://example.com:8443/a@b", "https://example.com:8443/a@b"),
        ("app:hunter2@tcp(db:3306)/shop", "app:(masked)@tcp(db:3306)/shop"),
        ("nginx:1.29@sha256:0123", "nginx:1.29@sha256:0123"),
        (
            "https://example.com/?token=hunter2",
            "https://example.com/?token=(masked)",
        ),
        ("Server=db;Password=hunter2", "Server=db;Password=(masked)"),
    ] {
        assert_eq!(text(given), shown);
    }
}

#[test]
fn masks_what_a_message_quotes() {
    for (given, shown) in [
        (
            r#"Invalid value: {"env":[{"name":"DB_PASSWORD","value":"hunter2"}],"x":1}"#,
            r#"Invalid value: {"env":[{"name":"DB_PASSWORD","value":"(masked)"}],"x":1}"#,
        ),
        (
            r#"core.EnvVar{Name:"A_TOKEN", Value:"hunter \"2", ValueFrom:(*core.EnvVarSource)(nil)}"#,
            r#"core.EnvVar{Name:"A_TOKEN", Value:"(masked)", ValueFrom:(*core.EnvVarSource)(nil)}"#,
        ),
        (
            r#"core.EnvVar{Name:"MODE", Value:"dev"}"#,
            r#"core.EnvVar{Name:"MODE", Value:"dev"}"#,
        ),
        (
            r#"{Value:"hunter2", Name:"DB_PASSWORD"}"#,
            r#"{Value:"(masked)", Name:"DB_PASSWORD"}"#,
        ),
        (
            r#"patch \"{\\\"name\\\":\\\"PW\\\",\\\"value\\\":\\\"hunter2\\\"}\""#,
            r#"patch \"{\\\"name\\\":\\\"PW\\\",\\\"value\\\":\\\"(masked)\\\"}\""#,
        ),
        (
            "- name: DB_PASSWORD\n  value: hunter 2\n- name: MODE\n  value: dev",
            "- name: DB_PASSWORD\n  value: (masked)\n- name: MODE\n  value: dev",
        ),
        (
            r#"Args:[]string{"--token", "hunter2", "--dry-run"}"#,
            r#"Args:[]string{"--token", "(masked)", "--dry-run"}"#,
        ),
        ("app --use-token --dry-run x", "app --use-token --dry-run x"),
        (
            "Authorization: Bearer hunter2, x\nnext",
            "Authorization: (masked)\nnext",
        ),
        (
            "curl -H 'X: bearer hunter2' and basic authentication",
            "curl -H 'X: bearer (masked)' and basic authentication",
        ),
        (
            "key -----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY----- end",
            "key (masked) end",
        ),
        ("-----BEGIN KEY-----\nhunter2", "(masked)"),
        ("use ghp_0123456789abcdefghij now", "use (masked) now"),
        (
            "merge key: hunter2 and a key: name",
            "merge key: (masked) and a key: (masked)",
        ),
    ] {
        assert_eq!(text(given), shown);
    }
}

#[test]
fn masks_tokens_by_how_they_begin() {
    for start in [
        "xapp-1-",
        "xoxe.xoxp-",
        "rk_live_",
        "whsec_",
        "dckr_pat_",
        "AGE-SECRET-KEY-",
        "shpat_",
        "glrt-",
        "gldt-",
        "pul-",
        "sntrys_",
        "lin_api_",
        "doo_v1_",
        "ya29.",
        "GOCSPX-",
        "nvapi-",
        "PMAK-",
        "ATATT3x",
        "tskey-auth-",
        "phc_",
        "xkeysib-",
    ] {
        assert_eq!(
            text(&format!("use {start}Zq7hunter2xabcdef now")),
            "use (masked) now",
            "{start}"
        );
        assert_eq!(text(&format!("use {start} now")), format!("use {start} now"));
    }
}

#[test]
fn leaves_a_servers_own_words_alone() {
    for message in [
        "spec.template.spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
        "spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef.key: Required value",
        "spec.template.spec.volumes[0].projected.sources[0].serviceAccountToken.path: Required value",
        "spec.template.spec.containers[0].image: Invalid value: \"a:b:c\": must be valid",
        "conflict with \"kubectl\" with subresource \"scale\" using apps/v1: .spec.replicas",
        "secret \"db-token\" not found; couldn't find key db-password in Secret shop/db",
        "password authentication failed for user \"app\"",
        r#"Invalid value: {"imagePullSecrets":null,"revision":"default","tokens":[]}: bad"#,
        "map: map[] does not contain declared merge key: name",
        "error: map: map[value:x] does not contain declared merge key: containerPort",
        "Back-off pulling image \"registry.example:5000/token-service:v1\"",
    ] {
        assert_eq!(text(message), message);
    }
}
