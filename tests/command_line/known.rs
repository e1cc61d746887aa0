//! No green that is not known: exit code and first line of `diff`, `check`, `render` and `report` over inputs that say
//! less than they seem to.

mod cases;

use std::fs;
use std::path::Path;

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::run::{Answer, DESIRED, a_while_ago, driftmend, folder, live};
use cases::{BROKEN, COMMENTS, Case, cases};

/// A kubeconfig whose server is nowhere.
const KUBECONFIG: &str = "\
apiVersion: v1
kind: Config
current-context: nowhere
clusters: [{name: nowhere, cluster: {server: 'https://127.0.0.1:1'}}]
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
users: [{name: nobody, user: {token: none}}]
";

fn lay_out(folder: &Path) -> Result<()> {
    let mut fixed = live("shop", a_while_ago());
    let probe = &mut fixed["spec"]["template"]["spec"]["containers"][0]["livenessProbe"];
    *probe = json!({"httpGet": {"path": "/healthz", "port": 8080}});
    fs::write(folder.join("fixed.json"), fixed.to_string())?;
    fixed["metadata"]["managedFields"] = Value::Null;
    fs::write(folder.join("ownerless.json"), fixed.to_string())?;
    fs::write(folder.join("empty.yaml"), "")?;
    fs::write(folder.join("kubeconfig"), KUBECONFIG)?;
    fs::create_dir(folder.join("hollow"))?;
    fs::write(folder.join("hollow/a.yaml"), COMMENTS)?;
    fs::write(folder.join("hollow/b.yaml"), "")?;
    Ok(())
}

fn first_line(answer: &Answer) -> &str {
    let text = if answer.stdout.is_empty() {
        &answer.stderr
    } else {
        &answer.stdout
    };
    text.lines().next().unwrap_or_default()
}

#[test]
fn each_command_tells_by_exit_code_and_first_line_what_it_knows() -> Result<()> {
    let folder = folder(a_while_ago())?;
    lay_out(folder.path())?;
    for Case {
        arguments,
        input,
        code,
        first_line: expected,
    } in cases()
    {
        let answer = driftmend(folder.path(), input, arguments)?;
        // A cause that the system words may follow, unless the line is expected to end.
        let text = if answer.stdout.is_empty() {
            &answer.stderr
        } else {
            &answer.stdout
        };
        let line = text.get(..expected.len()).unwrap_or(text);
        assert_eq!(
            (line, answer.code),
            (expected, Some(code)),
            "{arguments:?} over {input:?}: {}{}",
            answer.stdout,
            answer.stderr
        );
        assert!(!answer.stderr.contains("secret"), "{}", answer.stderr);
    }
    Ok(())
}

#[test]
fn what_cannot_be_read_of_live_is_told_once_and_nothing_else() -> Result<()> {
    let folder = folder(a_while_ago())?;
    let stderr = "error: -:2:6: mapping values are not allowed in this context\n\
                  hint: quote the value that holds `: `, or correct the indentation\n";
    for command in [&["diff", "web.yaml", "-"][..], &["check", "web.yaml", "--live", "-"]] {
        let answer = driftmend(folder.path(), BROKEN, command)?;
        assert_eq!(
            (answer.stdout.as_str(), answer.stderr.as_str(), answer.code),
            ("", stderr, Some(2)),
            "{command:?}"
        );
        let json = driftmend(folder.path(), BROKEN, &[command, &["-o", "json"]].concat())?;
        let told: Value = serde_json::from_str(&json.stdout)?;
        assert_eq!(
            (&told["objects"], told["problems"].as_array().map(Vec::len)),
            (&json!([]), Some(1)),
            "{command:?}"
        );
        assert_eq!((json.stderr.as_str(), json.code), ("", Some(2)), "{command:?}");
    }
    Ok(())
}

#[test]
fn live_objects_without_owners_are_told_with_the_command_that_prints_them() -> Result<()> {
    let folder = folder(a_while_ago())?;
    let mut ownerless = live("shop", a_while_ago());
    ownerless["metadata"]["managedFields"] = Value::Null;
    let answer = driftmend(folder.path(), &ownerless.to_string(), &["diff", "web.yaml", "-"])?;
    let hint = "hint: LIVE has no managedFields, so that nobody knows who changed it and when; \
                let kubectl print them: kubectl get deploy -o yaml --show-managed-fields\n";
    assert_eq!((answer.stderr.as_str(), answer.code), (hint, Some(1)));
    let strategy = ["diff", "web.yaml", "-", "--strategy", "server-side-apply"];
    let answer = driftmend(folder.path(), &ownerless.to_string(), &strategy)?;
    let problem = "error: -:1: Deployment.apps shop/web has no managedFields: what the next server-side apply does to \
                   it cannot be known\nhint: let kubectl print them: kubectl get deploy -o yaml \
                   --show-managed-fields\n";
    // Nothing is said of the next sync, and the cure once.
    assert_eq!((answer.stderr.as_str(), answer.code), (problem, Some(2)));
    assert!(
        answer
            .stdout
            .starts_with("Deployment.apps shop/web            2 fields differ from web.yaml\n"),
        "{}",
        answer.stdout
    );
    assert!(!answer.stdout.contains("next sync"), "{}", answer.stdout);
    let checked = driftmend(
        folder.path(),
        &ownerless.to_string(),
        &["check", "web.yaml", "--live", "-", "--strategy", "server-side-apply"],
    )?;
    let counted =
        "1 Deployment checked, none is refused; held against live objects: 1, new: 0; not everything could be read.\n";
    assert_eq!(
        (checked.stdout.as_str(), checked.stderr.as_str(), checked.code),
        (counted, problem, Some(2))
    );
    Ok(())
}

#[test]
fn how_many_were_held_against_a_live_object_is_an_addition_to_the_json() -> Result<()> {
    let folder = folder(a_while_ago())?;
    let two = format!("{DESIRED}---\n{}", DESIRED.replace("name: web\n", "name: api\n"));
    let told = |arguments: &[&str]| -> Result<Value> {
        Ok(serde_json::from_str(
            &driftmend(
                folder.path(),
                &two,
                &[&["check", "-", "-o", "json"], arguments].concat(),
            )?
            .stdout,
        )?)
    };
    assert_eq!(told(&["--live", "live.json"])?["live"], json!({"held": 1, "new": 1}));
    assert_eq!(told(&[])?.get("live"), None);
    let required = told(&["--live", "live.json", "--require-live"])?;
    assert_eq!(
        required["problems"][0]["message"],
        "Deployment.apps shop/api is not live: there is nothing to hold it against"
    );
    Ok(())
}

#[test]
fn a_watch_takes_json_pointers_beside_paths() -> Result<()> {
    let folder = folder(a_while_ago())?;
    let watch = "apiVersion: driftmend.dev/v1alpha1\nkind: DriftWatch\nmetadata: {name: all}\nspec:\n  source: {git: \
                 {url: 'https://git.example/shop.git'}}\n  ignore:\n  - reason: the sidecar's\n    paths: ";
    for (paths, code, told) in [
        (
            "[/spec/template/spec/containers/0/livenessProbe]",
            0,
            "1 Deployment compared, nothing drifted.",
        ),
        (
            "['.spec.template.spec.containers[name=\"web\"].livenessProbe']",
            0,
            "1 Deployment compared, nothing drifted.",
        ),
        (
            "[/spec/template/spec/containers/1/livenessProbe]",
            1,
            "Deployment.apps shop/web            2 fields differ from web.yaml",
        ),
        (
            "[/spec/a~b]",
            2,
            "Deployment.apps shop/web            2 fields differ from web.yaml",
        ),
    ] {
        fs::write(folder.path().join("watch.yaml"), format!("{watch}{paths}\n"))?;
        let answer = driftmend(
            folder.path(),
            "",
            &["diff", "web.yaml", "live.json", "--ignore-from", "watch.yaml"],
        )?;
        assert_eq!(
            (first_line(&answer), answer.code),
            (told, Some(code)),
            "{paths}: {}",
            answer.stderr
        );
    }
    Ok(())
}
