//! No green that is not known: exit code and first line of `diff`, `check`, `render` and `report` over inputs that say
//! less than they seem to.

use std::fs;
use std::path::Path;

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::run::{Answer, DESIRED, a_while_ago, driftmend, folder, live};

/// What stands in the file `LIVE`, or in standard input.
struct Case {
    /// The command.
    arguments: &'static [&'static str],

    /// Standard input.
    input: &'static str,

    /// The exit code.
    code: i32,

    /// The first line of standard output, or of standard error where that is empty.
    first_line: &'static str,
}

fn case(arguments: &'static [&'static str], input: &'static str, code: i32, first_line: &'static str) -> Case {
    Case {
        arguments,
        input,
        code,
        first_line,
    }
}

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n";
const EMPTY_LIST: &str = "apiVersion: v1\nitems: []\nkind: List\n";
const COMMENTS: &str = "# nothing yet\n\n---\n# nor here\n";
const BROKEN: &str = "kind: Deployment\n spec: {}\n";

const EMPTY_LIVE: &str = "error: LIVE is empty, standard input holds no document: did kubectl fail?";
const EMPTY_FILE: &str = "error: LIVE is empty, empty.yaml holds no document: did kubectl fail?";
const EMPTY_DESIRED: &str = "error: DESIRED is empty, empty.yaml holds no document\n";
const EMPTY_PATH: &str = "error: PATH is empty, standard input holds no document: did kubectl fail?";
const EMPTY_CHECKED: &str = "error: --live is empty, standard input holds no document: did kubectl fail?";
const MISSING: &str = "Deployment.apps shop/web            is in web.yaml and not in the cluster";
const MAPPING: &str = "error: -:2:6: mapping values are not allowed in this context";
const A_URL: &str = "error: failed to read a URL as a file of this machine";

fn cases() -> Vec<Case> {
    vec![
        // Nothing at all, which is what a command that failed leaves in a pipe.
        case(&["diff", "web.yaml", "-"], "", 2, EMPTY_LIVE),
        case(&["diff", "web.yaml", "-"], " \n\n", 2, EMPTY_LIVE),
        case(&["diff", "web.yaml", "-"], COMMENTS, 2, EMPTY_LIVE),
        case(&["diff", "web.yaml", "-"], "null\n", 2, EMPTY_LIVE),
        case(&["diff", "web.yaml", "-", "-o", "json"], "", 2, EMPTY_LIVE),
        case(&["diff", "web.yaml", "empty.yaml"], "", 2, EMPTY_FILE),
        case(
            &["diff", "web.yaml", "empty.yaml", "--strategy", "server-side-apply"],
            "",
            2,
            EMPTY_FILE,
        ),
        case(&["diff", "empty.yaml", "live.json"], "", 2, EMPTY_DESIRED),
        case(&["diff", "empty.yaml", "empty.yaml"], "", 2, EMPTY_FILE),
        case(
            &["diff", "-", "live.json"],
            "",
            2,
            "error: DESIRED is empty, standard input holds no document: did kubectl fail?",
        ),
        case(
            &["diff", "hollow", "live.json"],
            "",
            2,
            "error: DESIRED is empty, hollow holds no document\n",
        ),
        case(&["check", "-"], "", 2, EMPTY_PATH),
        case(&["check", "-"], COMMENTS, 2, EMPTY_PATH),
        case(
            &["check", "empty.yaml"],
            "",
            2,
            "error: PATH is empty, empty.yaml holds no document\n",
        ),
        case(&["check", "web.yaml", "--live", "-"], "", 2, EMPTY_CHECKED),
        case(&["check", "web.yaml", "--live", "-"], COMMENTS, 2, EMPTY_CHECKED),
        // The same where the user says that it is right.
        case(&["diff", "web.yaml", "-", "--allow-empty"], "", 1, MISSING),
        case(
            &["diff", "empty.yaml", "live.json", "--allow-empty"],
            "",
            0,
            "0 Deployments compared.",
        ),
        case(&["check", "-", "--allow-empty"], COMMENTS, 0, "0 Deployments checked."),
        case(
            &["check", "web.yaml", "--live", "-", "--allow-empty"],
            "",
            0,
            "1 Deployment checked, none is refused; held against live objects: 0, new: 1.",
        ),
        // kubectl that found nothing says so, and a file of other kinds is a file.
        case(&["diff", "web.yaml", "-"], EMPTY_LIST, 1, MISSING),
        case(&["diff", "web.yaml", "-"], SERVICE, 1, MISSING),
        case(&["diff", "-", "live.json"], EMPTY_LIST, 0, "0 Deployments compared."),
        case(
            &["diff", "-", "live.json"],
            SERVICE,
            0,
            "0 Deployments compared; passed over: 1 Service.",
        ),
        case(
            &["check", "-"],
            SERVICE,
            0,
            "0 Deployments checked; passed over: 1 Service.",
        ),
        case(&["check", "-"], EMPTY_LIST, 0, "0 Deployments checked."),
        case(
            &["check", "web.yaml", "--live", "-"],
            EMPTY_LIST,
            0,
            "1 Deployment checked, none is refused; held against live objects: 0, new: 1.",
        ),
        case(
            &["check", "web.yaml", "--live", "-"],
            SERVICE,
            0,
            "1 Deployment checked, none is refused; held against live objects: 0, new: 1 (LIVE: passed over 1 \
             Service).",
        ),
        // Who wants each to be live is told of the one that is not.
        case(
            &["check", "web.yaml", "--live", "-", "--require-live", "-o", "human"],
            EMPTY_LIST,
            2,
            "1 Deployment checked, none is refused; held against live objects: 0, new: 1; not everything could be \
             read.",
        ),
        case(
            &["check", "web.yaml", "--require-live"],
            "",
            2,
            "error: --require-live asks for live objects",
        ),
        case(
            &["check", "web.yaml", "--live", "fixed.json", "--require-live"],
            "",
            0,
            "1 Deployment checked, none is refused; held against live objects: 1, new: 0.",
        ),
        // What cannot be read is told alone: nobody knows whether anything is missing or new.
        case(&["diff", "web.yaml", "-"], BROKEN, 2, MAPPING),
        case(&["check", "web.yaml", "--live", "-"], BROKEN, 2, MAPPING),
        // Server-side apply goes by who owns what.
        case(
            &["diff", "web.yaml", "ownerless.json", "--strategy", "server-side-apply"],
            "",
            2,
            "1 Deployment compared, nothing drifted there; not everything could be read.",
        ),
        case(
            &[
                "check",
                "web.yaml",
                "--live",
                "ownerless.json",
                "--strategy",
                "ServerSideApply",
            ],
            "",
            2,
            "1 Deployment checked, none is refused; held against live objects: 1, new: 0; not everything could be \
             read.",
        ),
        case(
            &["diff", "web.yaml", "ownerless.json", "--strategy", "client-side-apply"],
            "",
            0,
            "1 Deployment compared, nothing drifted.",
        ),
        // Both spellings of a strategy.
        case(
            &["diff", "web.yaml", "fixed.json", "--strategy", "ClientSideApply"],
            "",
            0,
            "1 Deployment compared, nothing drifted.",
        ),
        case(
            &["diff", "web.yaml", "fixed.json", "--strategy", "Replace"],
            "",
            0,
            "1 Deployment compared, nothing drifted.",
        ),
        // A repository without git+ is no file of this machine.
        case(
            &["diff", "https://me:secret@git.example/shop.git//deploy", "live.json"],
            "",
            2,
            A_URL,
        ),
        case(&["check", "ssh://git@git.example/shop.git//deploy"], "", 2, A_URL),
        case(
            &["check", "web.yaml", "--live", "git@git.example:shop.git"],
            "",
            2,
            A_URL,
        ),
        case(&["render", "https://git.example/shop.git"], "", 2, A_URL),
        // Rendering nothing gives nothing.
        case(&["render", "-"], "", 0, "[]"),
        case(&["render", "-"], COMMENTS, 0, "[]"),
        case(&["render", "empty.yaml"], "", 0, "[]"),
        case(&["render", "-"], EMPTY_LIST, 0, "[]"),
        // A report needs a cluster, and one that is not there is not one where all is well.
        case(
            &["report", "--kubeconfig", "nowhere"],
            "",
            2,
            "error: failed to read kubeconfig nowhere: No such file or directory (os error 2)\n",
        ),
        case(
            &["report", "web", "--kubeconfig", "kubeconfig"],
            "",
            2,
            "error: unable to get driftreports.driftmend.dev default/deployment-web: the API server cannot be reached",
        ),
        case(
            &["report", "-A", "--kubeconfig", "kubeconfig"],
            "",
            2,
            "error: unable to list driftreports.driftmend.dev: the API server cannot be reached",
        ),
        case(
            &["check", "web.yaml", "--cluster", "--kubeconfig", "kubeconfig"],
            "",
            2,
            "error: unable to get deployments.apps shop/web: the API server cannot be reached",
        ),
    ]
}

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
