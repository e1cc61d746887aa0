use pretty_assertions::assert_eq;
use proptest::prelude::*;
use serde_json::json;

use super::*;

mod texts;

fn at(path: &str, value: Value) -> String {
    Masker::default()
        .mask(&FieldPath::parse(path).unwrap(), &value)
        .to_string()
}

fn text(text: &str) -> String {
    Masker::default().mask_text(text)
}

#[test]
fn masks_a_variable_by_its_name_at_every_level() {
    let container =
        json!({"name": "web", "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "MODE", "value": "dev"}]});
    let masked = r#"{"env":[{"name":"DB_PASSWORD","value":"(masked)"},{"name":"MODE","value":"dev"}],"name":"web"}"#;
    assert_eq!(
        at(".spec.template.spec.containers[name=\"web\"]", container.clone()),
        masked
    );
    assert_eq!(
        at("", json!({"spec": [container.clone()]})),
        format!("{{\"spec\":[{masked}]}}")
    );
    let item = ".spec.template.spec.containers[name=\"web\"].env[name=\"DB_PASSWORD\"]";
    assert_eq!(
        at(item, container["env"][0].clone()),
        r#"{"name":"DB_PASSWORD","value":"(masked)"}"#
    );
    assert_eq!(at(&format!("{item}.value"), json!("hunter2")), "\"(masked)\"");
    assert_eq!(at(&item.replace("DB_PASSWORD", "MODE"), json!("dev")), "\"dev\"");
    assert_eq!(at(".metadata.labels.value", json!("dev")), "\"dev\"");
    assert_eq!(at(".httpHeaders[0].value", json!("hunter2")), "\"(masked)\"");
}

#[test]
fn shows_where_a_secret_comes_from() {
    let from = json!({"secretKeyRef": {"name": "db", "key": "password"}});
    assert_eq!(
        at(".env[name=\"DB_PASSWORD\"].valueFrom", from.clone()),
        from.to_string()
    );
    let volume = json!({"name": "token",
                        "projected": {"sources": [{"serviceAccountToken": {"expirationSeconds": 3600,
                            "path": "token"}}]}});
    assert_eq!(at(".volumes[name=\"token\"]", volume.clone()), volume.to_string());
    assert_eq!(
        at(".spec.template.spec.automountServiceAccountToken", json!(false)),
        "false"
    );
    assert_eq!(
        at(".image", json!("registry.example/token:v1@sha256:0123")),
        "\"registry.example/token:v1@sha256:0123\""
    );
}

#[test]
fn masks_all_that_is_below_a_secrets_name() {
    let config =
        json!({"tokens": ["hunter2"], "credentials": {"user": "app", "word": "hunter2"}, "pin": 1234, "secrets": []});
    assert_eq!(
        at(".config", config),
        r#"{"credentials":"(masked)","pin":"(masked)","secrets":[],"tokens":"(masked)"}"#
    );
    let pod = json!({"imagePullSecrets": [{"name": "pull"}],
                     "volumes": [{"name": "tls", "secret": {"secretName": "tls",
                         "items": [{"key": "a", "path": "b"}]}}],
        "topologySpreadConstraints": [{"matchLabelKeys": ["app"], "topologyKey": "zone"}]});
    assert_eq!(at(".spec", pod.clone()), pod.to_string());
}

#[test]
fn masks_flags_and_what_follows_them() {
    let args = json!([
        "--password=hunter 2",
        "--token",
        "hunter2",
        "--verbose",
        "run",
        "--key=/tls/tls.key",
        "DB_PASS=a,b c",
        "--requirepass",
        "$(PW)"
    ]);
    let masked = json!([
        "--password=(masked)",
        "--token",
        "(masked)",
        "--verbose",
        "run",
        "--key=/tls/tls.key",
        "DB_PASS=(masked)",
        "--requirepass",
        "$(PW)"
    ])
    .to_string();
    assert_eq!(at(".args", args), masked);
    let script = json!([
        "sh",
        "-c",
        "export API_KEY='hunter 2' && app --db-password hunter2 --port 80"
    ]);
    assert_eq!(
        at(".command", script),
        r#"["sh","-c","export API_KEY='(masked)' && app --db-password (masked) --port 80"]"#
    );
}

#[test]
fn masks_arguments_by_what_their_container_runs() {
    let shown = |container: Value, other: Value, args: Value| {
        let object = |container: Value| json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        let masker = Masker::default().of_object([&object(container), &object(other)]);
        masker
            .mask(
                &FieldPath::parse(".spec.template.spec.containers[name=\"web\"].args").unwrap(),
                &args,
            )
            .to_string()
    };
    for (container, args, masked) in [
        (
            json!({"command": ["redis-cli"]}),
            json!(["-a", "hunter2"]),
            r#"["-a","(masked)"]"#,
        ),
        (
            json!({"command": ["sshpass"]}),
            json!(["-p", "hunter2", "ssh", "-p", "22"]),
            r#"["-p","(masked)","ssh","-p","22"]"#,
        ),
        (
            json!({"command": ["/usr/bin/sqlcmd"]}),
            json!(["-P", "hunter2"]),
            r#"["-P","(masked)"]"#,
        ),
        (
            json!({"image": "mysql:8"}),
            json!(["-u", "root", "-p", "hunter2"]),
            r#"["-u","root","-p","(masked)"]"#,
        ),
        (
            json!({"image": "registry.example/mongo@sha256:0123"}),
            json!(["-p", "hunter2"]),
            r#"["-p","(masked)"]"#,
        ),
        (
            json!({"image": "app"}),
            json!(["-p", "8080", "-a", "x"]),
            r#"["-p","8080","-a","x"]"#,
        ),
        (
            json!({"command": ["app"], "image": "mysql"}),
            json!(["-p", "8080"]),
            r#"["-p","8080"]"#,
        ),
    ] {
        let (mut container, other) = (container, json!({"name": "web", "command": ["app"]}));
        container["name"] = json!("web");
        assert_eq!(shown(container.clone(), other.clone(), args.clone()), masked);
        assert_eq!(shown(other, container, args), masked);
    }
}

#[test]
fn masks_annotations_that_repeat_the_object_or_hold_json() {
    let annotations = json!({
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "example.com/config": "{\"password\":\"hunter2\",\"port\":80}",
        "example.com/plain": "{ \"port\": 80 }",
        "example.com/twice": "{\"token\":\"hunter2\",\"token\":\"\"}",
        "example.com/api-token": "hunter2",
    });
    let masked = json!({
        "kubectl.kubernetes.io/last-applied-configuration": "(masked)",
        "example.com/config": "{\"password\":\"(masked)\",\"port\":80}",
        "example.com/plain": "{ \"port\": 80 }",
        "example.com/twice": "{\"token\":\"\"}",
        "example.com/api-token": "(masked)",
    });
    assert_eq!(at(".metadata.annotations", annotations), masked.to_string());
    assert_eq!(
        at(
            ".metadata.annotations[\"kubectl.kubernetes.io/last-applied-configuration\"]",
            json!("{}")
        ),
        "\"(masked)\""
    );
    assert_eq!(
        at("", json!({"kind": "Secret", "data": {"a": "aHVudGVyMg=="}})),
        r#"{"data":"(masked)","kind":"Secret"}"#
    );
    assert_eq!(at(".stringData.a", json!("hunter2")), "\"(masked)\"");
}

#[test]
fn cuts_long_values_and_says_how_much_is_missing() {
    let long = json!(vec!["\"ä"; 900]);
    let shown = Masker::default().mask(&FieldPath::of(&["args"]), &long);
    let (json, length) = (shown.to_string(), long.to_string().len());
    assert!(
        json.len() <= SHOWN_BYTES && json.len() > SHOWN_BYTES - 64,
        "{}",
        json.len()
    );
    let cut = serde_json::from_str::<String>(&json).unwrap();
    let (kept, marker) = cut.split_once('…').unwrap();
    assert_eq!(marker, format!(" ({} bytes omitted)", length - kept.len()));
    assert_eq!([format!("{shown}"), format!("{shown:?}")], [json.clone(), json]);
}

#[test]
fn leaves_out_the_rest_of_a_long_text_and_cuts_through_nothing() {
    let long = format!("{}postgres://app:hunter2{}@db", "word ".repeat(3274), "x".repeat(9000));
    assert_eq!(
        text(&long),
        format!("{}word… (9026 bytes omitted)", "word ".repeat(3273))
    );
}

#[test]
fn the_reason_at_the_end_of_a_long_text_stays() {
    let long = |end: &str| format!("Invalid value: \"{}{end}", "word ".repeat(4000));
    let reason = "unable to parse quantity's suffix";
    assert!(text(&long(&format!("\": {reason}"))).ends_with(&format!(" bytes omitted) {reason}")));
    assert!(text(&long("\": hunter2")).ends_with(" bytes omitted)"));
}

#[test]
fn survives_texts_made_to_exhaust_it() {
    /// Nearly as much as is read of a text.
    const TEXT: usize = 16_000;
    for part in ["a://,", "[", "{\"a\":", "\"\\\"", "x=", "-----BEGIN ", "Bearer ", "\\"] {
        let hostile = part.repeat(20_000);
        assert!(text(&hostile).len() < hostile.len(), "{part}");
        assert!(!text(&hostile[..TEXT]).is_empty());
        assert!(at(".args", json!([hostile])).len() <= SHOWN_BYTES);
    }
}

#[test]
fn prints_two_secrets_alike() {
    let [one, other] =
        ["a", "a much longer one"].map(|secret| Masker::default().mask(&FieldPath::of(&["password"]), &json!(secret)));
    assert!(one == other && one.is_masked());
}

#[test]
fn takes_further_words_for_secret() {
    assert_eq!(
        Masker::with_words(["Sesame"])
            .mask(&FieldPath::of(&["OPEN_SESAME"]), &json!("hunter2"))
            .to_string(),
        "\"(masked)\""
    );
}

/// A secret that no other part of an object has by chance; with the signs that passwords are fond of.
fn secret() -> impl Strategy<Value = String> {
    "[!#$%&()*+,./:;?@^_~=-]{0,4}Zq[0-9A-Za-z!#$%^*_~+=-]{4,12}Qz"
}

/// The ways in which a secret stands in an object; each with the text to look for.
fn planted(secret: String, way: usize) -> Value {
    let secret = secret.as_str();
    match way % 9 {
        0 => json!({"name": "APP_PASSWORD", "value": secret}),
        1 => json!([{"args": ["--api-token", format!("-{secret}")]}, [format!("--db-password={secret}")]]),
        2 => json!({"annotations": {"x/api-key": secret, "kubectl.kubernetes.io/last-applied-configuration": secret}}),
        3 => json!({"url": format!("https://user:{secret}@example.com/path")}),
        4 => json!(json!({"env": [{"name": "TOKEN", "value": secret}]}).to_string()),
        5 => json!(format!(
            "-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----"
        )),
        6 => json!({"httpHeaders": [{"name": "X", "value": format!("Bearer {secret}")}]}),
        7 => json!({"command": ["sh", "-c", format!("run --password \"{secret}\"; TOKEN='{secret}' run")]}),
        _ => json!({"kind": "Secret", "stringData": {"x": secret}}),
    }
}

proptest! {
    #[test]
    fn shows_no_secret_planted_anywhere(secret in secret(), way: usize,
                                        wraps in proptest::collection::vec(0_u8..4, 0..6)) {
        let core = |text: &str| text.contains("Zq") && text.contains("Qz");
        let object = wraps.into_iter().fold(planted(secret, way), |inner, wrap| match wrap {
            0 => json!({"spec": inner}),
            1 => json!(["first", inner]),
            2 => json!({"name": "DB", "value": inner}),
            _ => json!(json!({"inside": inner}).to_string()),
        });
        let shown = Masker::default().mask(&FieldPath::root(), &object);
        prop_assert!(!core(&shown.to_string()), "{} of {}", shown, object);
        let message = Masker::default().mask_text(&format!("Invalid value: {object}: is bad"));
        prop_assert!(!core(&message), "{} of {}", message, object);
    }

    #[test]
    fn survives_any_text_and_masks_it_only_once(text: String) {
        let once = Masker::default().mask_text(&text);
        prop_assert_eq!(Masker::default().mask_text(&once), once);
    }
}

#[test]
fn hides_the_values_of_secrets_that_it_was_told_of_wherever_they_stand() {
    let masker = Masker::default().knowing(["hunter-22".to_owned(), "hunter-22-and-more".to_owned(), "80".to_owned()]);
    let path = FieldPath::of(&["metadata", "annotations", "note"]);
    assert_eq!(
        masker
            .mask(&path, &Value::from("port 80 of hunter-22-and-more"))
            .to_string(),
        "\"port 80 of (masked)\""
    );
    assert_eq!(
        masker
            .mask(&path, &serde_json::json!({"a": ["x hunter-22"]}))
            .to_string(),
        r#"{"a":["x (masked)"]}"#
    );
    assert_eq!(
        masker.mask_text("refused: hunter-22 is invalid"),
        "refused: (masked) is invalid"
    );
    assert!(!format!("{masker:?}").contains("hunter"));
}

#[test]
fn the_servers_own_words_stay() {
    let masker = Masker::default();
    for text in [
        "Invalid value: \
         {\"matchLabels\":{\"app\":\"web\"},\"matchExpressions\":\
         [{\"key\":\"tier\",\"operator\":\"in\",\"values\":[\"x\"]}]}: invalid label selector",
        "Invalid value: \"map[spec:map[selector:map[matchExpressions:[map[key:example.com/tier operator:in \
         values:[x]]]]]]\": invalid",
        "matchExpressions:\n- key: tier\n  operator: in",
        ".spec.selector.matchExpressions[0].key: expected string, got &value.valueUnstructured{Value:[]interface {}{}}",
        ".spec.template.spec.hostname: expected string, got &value.valueUnstructured{Value:map[string]interface {}{}}",
        ".spec.template.spec.hostname: expected string, got &value.valueUnstructured{Value:true}",
        ".spec.template.spec.imagePullSecrets: element 0: associative list with keys may not have a null element",
        "spec.template.spec.tolerations[0].key: Invalid value: \"secret key\": name part must consist of alphanumeric \
         characters, '-', '_' or '.'",
        "Invalid value: \"a/b\": runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]",
    ] {
        assert_eq!(masker.mask_text(text), text);
    }
    for (text, masked) in [
        (
            "{\"key\":\"hunter2\",\"effect\":\"x\"}",
            "{\"key\":\"(masked)\",\"effect\":\"x\"}",
        ),
        (
            ".env[name=\"A\"].value: expected string, got &value.valueUnstructured{Value:1234}",
            ".env[name=\"A\"].value: expected string, got &value.valueUnstructured{Value:(masked)",
        ),
        ("dsn root:hunter2@tcp(db)", "dsn root:(masked)@tcp(db)"),
    ] {
        assert_eq!(masker.mask_text(text), masked);
    }
}
