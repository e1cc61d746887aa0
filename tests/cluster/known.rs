//! No green that is not known: exit code and first line of `report` and `check --cluster` where the cluster says less
//! than it seems to.
//!
//! The watches here have the status that a controller would have written, by hand: no controller runs beside them.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow};
use jiff::{SignedDuration, Timestamp};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::command::Tool;
use crate::harness::driftmend::{Controller, binary};
use crate::harness::shared_controller::install_definitions;
use crate::harness::{ControlPlane, Options, Output, wait};
use crate::installation;
use crate::tenant::{TOLD, Tenant, deployment};

/// A control plane without a controller, and what driftmend said before its kinds were there.
struct Place {
    control_plane: ControlPlane,
    without_definitions: Vec<Output>,
    log_without_definitions: String,
}

static PLACE: OnceLock<Result<Place, String>> = OnceLock::new();

fn place() -> Result<&'static Place> {
    PLACE
        .get_or_init(|| open().map_err(|error| format!("{error:?}")))
        .as_ref()
        .map_err(|reason| anyhow!("{reason}"))
}

fn open() -> Result<Place> {
    let control_plane = ControlPlane::start(Options::default())?;
    let run = |arguments: &[&str]| Tool::new(&binary()).kubeconfig(control_plane.admin()).run(arguments);
    let without_definitions = vec![
        run(&["report"])?,
        run(&["report", "-A"])?,
        run(&["report", "web"])?,
        run(&["approve", "web", "--plan", "0123456789ab"])?,
    ];
    let log_without_definitions = log_without_definitions(&control_plane)?;
    install_definitions(&control_plane)?;
    // The storage of a new kind begins a moment after the kind itself.
    wait::patiently("the storage of the kinds", TOLD, || {
        let answer = control_plane.kubectl(&["get", "driftwatches,driftreports", "-A"])?;
        Ok(if answer.code == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })?;
    Ok(Place {
        control_plane,
        without_definitions,
        log_without_definitions,
    })
}

/// What a controller logs that finds a cluster without its kinds; it ends here, before they come.
fn log_without_definitions(control_plane: &ControlPlane) -> Result<String> {
    let folder = control_plane.folder().join("too-early");
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let controller = Controller::start_unready(control_plane.admin(), &folder, &[])?;
    wait::patiently("a controller that misses its kinds", TOLD, || {
        let log = controller.log();
        Ok(if log.contains("a watch is interrupted") {
            ControlFlow::Break(log)
        } else {
            ControlFlow::Continue(log)
        })
    })
}

impl Place {
    fn kubectl(&self, arguments: &[&str], input: &Value) -> Result<String> {
        self.control_plane
            .tool("kubectl")?
            .input(input.to_string())
            .run(arguments)?
            .success()
    }

    /// Creates an object with a status as its writer would leave it.
    fn store(&self, namespace: &str, mut object: Value, status: &Value) -> Result<()> {
        object["apiVersion"] = json!("driftmend.dev/v1alpha1");
        self.kubectl(&["create", "-n", namespace, "-f", "-"], &object)?;
        if !status.is_null() {
            let (kind, name) = (
                object["kind"].as_str().unwrap_or_default(),
                object["metadata"]["name"].as_str().unwrap_or_default(),
            );
            let patch = json!({ "status": status }).to_string();
            let arguments = [
                "patch",
                kind,
                name,
                "-n",
                namespace,
                "--subresource=status",
                "--type=merge",
                "--field-manager=driftmend",
                "-p",
                &patch,
            ];
            self.kubectl(&arguments, &Value::Null)?;
        }
        Ok(())
    }

    fn watch(&self, namespace: &str, status: &Value) -> Result<()> {
        let spec = json!({"source": {"git": {"url": "https://git.example/shop.git"}}});
        self.store(
            namespace,
            json!({"kind": "DriftWatch", "metadata": {"name": "all"}, "spec": spec}),
            status,
        )
    }

    fn report(&self, namespace: &str, name: &str, status: &Value) -> Result<()> {
        let spec = json!({
            "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "watchRef": {"namespace": namespace, "name": "all"},
        });
        self.store(
            namespace,
            json!({"kind": "DriftReport", "metadata": {"name": report_name(name)}, "spec": spec}),
            status,
        )
    }

    /// A Lease that was renewed so long ago.
    fn lease(&self, namespace: &str, ago: SignedDuration) -> Result<()> {
        let renewed = Timestamp::now() - ago;
        let spec = json!({"holderIdentity": "driftmend-0_1", "leaseDurationSeconds": 15,
                          "renewTime": format!("{renewed:.6}")});
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "driftmend"},
                           "spec": spec});
        self.kubectl(&["create", "-n", namespace, "-f", "-"], &lease).map(drop)
    }

    fn driftmend(&self, kubeconfig: Option<&PathBuf>, arguments: &[&str], input: &str) -> Result<Output> {
        let kubeconfig = kubeconfig.map_or(self.control_plane.admin(), PathBuf::as_path);
        Tool::new(&binary()).kubeconfig(kubeconfig).input(input).run(arguments)
    }

    /// A user who may do this in a namespace, and nothing else.
    fn user(&self, namespace: &str, name: &str, resources: &[&str]) -> Result<PathBuf> {
        let list = resources.join(",");
        self.kubectl(
            &[
                "create",
                "role",
                name,
                "-n",
                namespace,
                "--verb=get,list",
                &format!("--resource={list}"),
            ],
            &Value::Null,
        )?;
        self.kubectl(
            &[
                "create",
                "rolebinding",
                name,
                "-n",
                namespace,
                &format!("--role={name}"),
                &format!("--user={name}"),
            ],
            &Value::Null,
        )?;
        let kubeconfig = self.control_plane.user(name, &[])?;
        // The API server judges by its own copy of the roles, which is a moment behind.
        wait::patiently("the rights of a user", TOLD, || {
            let first = resources.first().copied().unwrap_or_default();
            let answer = self.control_plane.kubectl(&[
                "auth",
                "can-i",
                "get",
                first,
                "-n",
                namespace,
                &format!("--as={name}"),
            ])?;
            Ok(if answer.code == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stdout)
            })
        })?;
        Ok(kubeconfig)
    }
}

/// What a report about a Deployment is called.
fn report_name(name: &str) -> String {
    format!("deployment-{name}")
}

fn first_line(output: &Output) -> &str {
    let text = if output.stdout.is_empty() {
        &output.stderr
    } else {
        &output.stdout
    };
    text.lines().next().unwrap_or_default()
}

fn last_line(output: &Output) -> &str {
    output.stdout.lines().last().unwrap_or_default()
}

fn conditions(ready: (&str, &str, &str), mass: &str) -> Value {
    let one = |type_: &str, status: &str, reason: &str, message: &str| {
        json!({"type": type_, "status": status,
        "reason": reason, "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    json!([
        one("MassDrift", mass, "TooManyAtOnce", "6 of 10 at once"),
        one("Ready", ready.0, ready.1, ready.2)
    ])
}

/// The status of a watch that is well, with changes.
fn well(changes: &Value) -> Value {
    let mut status = json!({
        "observedGeneration": 1, "counts": {"governed": 2, "inSync": 2}, "revision": "4be2c1d0",
        "shortRevision": "4be2c1d",
        "notGoverned": [], "warnings": [], "conditions": conditions(("True", "Assessing", ""), "False"),
    });
    json_patch::merge(&mut status, changes);
    status
}

/// A status with changes.
fn with(status: &Value, changes: &Value) -> Value {
    let mut status = status.clone();
    json_patch::merge(&mut status, changes);
    status
}

fn in_phase(phase: &str) -> Value {
    json!({
        "phase": phase, "heal": "None", "summary": "1 field drifted",
        "counts": {"drifted": 1, "refused": 0, "pending": 0, "info": 0, "ignored": 0},
        "fields": [], "findings": [], "history": [], "conditions": [],
    })
}

/// One namespace as a reader meets it.
struct Case {
    name: &'static str,

    /// The status of its watch; `None` for no watch, null for one that nobody has looked at.
    watch: Option<Value>,

    /// The reports in it.
    reports: Vec<(&'static str, Value)>,

    code: i32,

    /// With `NS` for the namespace.
    first_line: &'static str,
}

fn cases() -> Vec<Case> {
    let case = |name, watch, code, first_line| Case {
        name,
        watch,
        reports: Vec::new(),
        code,
        first_line,
    };
    let failure = json!({"reason": "GitTimeout", "message": "no answer", "since": "2026-01-01T00:00:00Z"});
    vec![
        case("unwatched", None, 2, "error: no DriftWatch stands in namespace NS"),
        case(
            "unseen",
            Some(Value::Null),
            1,
            "watch NS/all: no controller has looked at it yet: nothing is assessed",
        ),
        case(
            "well",
            Some(well(&json!({}))),
            0,
            "no reports: every governed Deployment is what Git says (2 Deployments, 1 watch)",
        ),
        case(
            "unread",
            Some(well(&json!({"counts": {"governed": 0, "inSync": 0},
                        "conditions": conditions(("False", "GitUnreachable", "nobody is there"), "False")}))),
            1,
            "watch NS/all: not ready: GitUnreachable: nobody is there",
        ),
        case(
            "nothing",
            Some(well(&json!({"counts": {"governed": 0, "inSync": 0},
                        "conditions": conditions(("False", "GovernsNothing", "a folder of Services"), "False")}))),
            1,
            "watch NS/all: not ready: GovernsNothing: a folder of Services",
        ),
        case(
            "behind",
            Some(well(&json!({"observedGeneration": 0}))),
            1,
            "watch NS/all: its spec was changed and has not been looked at yet",
        ),
        case(
            "away",
            Some(well(&json!({"sourceFailure": failure}))),
            1,
            "watch NS/all: its source cannot be read, for ",
        ),
        case(
            "mass",
            Some(well(
                &json!({"conditions": conditions(("True", "Assessing", ""), "True")}),
            )),
            1,
            "watch NS/all: mass drift: 6 of 10 at once",
        ),
        case(
            "early",
            Some(well(&json!({"counts": {"inSync": 1}}))),
            1,
            "watch NS/all: 1 of its 2 Deployments is not assessed yet",
        ),
        case(
            "untold",
            Some(well(&json!({"counts": {"inSync": 1, "drifted": 1}}))),
            1,
            "watch NS/all: 1 of its Deployments is not what Git says, and of those 0 with a report here",
        ),
        Case {
            reports: vec![("web", in_phase("Drifted"))],
            ..case(
                "drifted",
                Some(well(&json!({"counts": {"inSync": 1, "drifted": 1}}))),
                1,
                "NAMESPACE ",
            )
        },
        Case {
            reports: vec![("web", in_phase("Pending"))],
            ..case(
                "pending",
                Some(well(&json!({"counts": {"inSync": 1, "pending": 1}}))),
                0,
                "NAMESPACE ",
            )
        },
        // What a heal left undone asks for a person, although the fields are what Git says.
        Case {
            reports: vec![("web", json!({"heal": "Failed", "history": []}))],
            ..case("failed", Some(well(&json!({}))), 1, "NAMESPACE ")
        },
        Case {
            reports: vec![("web", Value::Null)],
            ..case("blank", Some(well(&json!({}))), 1, "NAMESPACE ")
        },
        Case {
            reports: vec![("web", in_phase("InSync"))],
            ..case(
                "orphaned",
                None,
                2,
                "watch NS/all: it is gone, and what its reports say is followed up by nobody",
            )
        },
    ]
}

#[test]
fn report_tells_by_exit_code_and_first_line_what_the_watches_of_a_namespace_know() -> Result<()> {
    let place = place()?;
    for Case {
        name,
        watch,
        reports,
        code,
        first_line: expected,
    } in cases()
    {
        let namespace = place.control_plane.namespace(&format!("known-{name}"))?;
        if let Some(mut status) = watch {
            if !status.is_null() {
                status["controller"] = json!({"namespace": namespace, "lease": "driftmend"});
                place.lease(&namespace, SignedDuration::from_secs(1))?;
            }
            place.watch(&namespace, &status)?;
        }
        for (report, status) in reports {
            let status = if status["heal"] == "Failed" {
                with(&in_phase("InSync"), &status)
            } else {
                status
            };
            place.report(&namespace, report, &status)?;
        }
        let output = place.driftmend(None, &["report", "-n", &namespace], "")?;
        let expected = expected.replace("NS", &namespace);
        let line = first_line(&output).get(..expected.len()).unwrap_or(first_line(&output));
        assert_eq!(
            (line, output.code),
            (expected.as_str(), code),
            "{name}: {}{}",
            output.stdout,
            output.stderr
        );
        // A program gets the same code, and its list.
        let json = place.driftmend(None, &["report", "-n", &namespace, "-o", "json"], "")?;
        assert_eq!(json.code, code, "{name}: {}", json.stderr);
        assert!(
            serde_json::from_str::<Value>(&json.stdout)?.is_array(),
            "{name}: {}",
            json.stdout
        );
        if code < 2 {
            let unseen = name == "unseen";
            let footer = if unseen {
                "as of no time: no controller has written anything"
            } else {
                "as of 20"
            };
            assert!(last_line(&output).starts_with(footer), "{name}: {}", output.stdout);
            assert!(
                unseen || last_line(&output).ends_with(&format!("by the controller's Lease {namespace}/driftmend")),
                "{name}: {}",
                output.stdout
            );
        }
    }
    let nowhere = place.driftmend(None, &["report", "-n", "nowhere"], "")?;
    assert_eq!(
        (nowhere.stderr.as_str(), nowhere.code),
        (
            "error: there is no namespace nowhere\nhint: correct -n, or the context\n",
            2
        )
    );
    let named = place.driftmend(None, &["report", "web", "-n", "nowhere"], "")?;
    assert_eq!(
        (named.stderr.as_str(), named.code),
        (
            "error: there is no namespace nowhere\nhint: correct -n, or the context\n",
            2
        )
    );
    // Of all namespaces one that is not known is enough.
    let all = place.driftmend(None, &["report", "-A"], "")?;
    assert_eq!(all.code, 1, "{}{}", all.stdout, all.stderr);
    assert!(
        all.stdout.contains("/all: no controller has looked at it yet"),
        "{}",
        all.stdout
    );
    Ok(())
}

#[test]
fn a_deployment_without_a_report_is_what_git_says_only_where_that_is_known() -> Result<()> {
    let place = place()?;
    let namespace = place.control_plane.namespace("unreported")?;
    let create = |name: &str| {
        place
            .control_plane
            .tool("kubectl")?
            .input(deployment(name))
            .run(&["create", "-n", &namespace, "-f", "-"])?
            .success()
    };
    let report = |word: &str| place.driftmend(None, &["report", word, "-n", &namespace], "");
    create("web")?;
    let unwatched = report("web")?;
    assert_eq!(
        (first_line(&unwatched), unwatched.code),
        (
            format!("error: no DriftWatch stands in namespace {namespace}").as_str(),
            2
        )
    );
    place.lease(&namespace, SignedDuration::from_secs(1))?;
    let controller = json!({"namespace": "driftmend", "lease": "driftmend"});
    place.watch(
        &namespace,
        &well(&json!({"counts": {"governed": 1, "inSync": 1}, "controller": controller})),
    )?;
    // Whether the controller runs is not known.
    let unknown = report("web")?;
    assert_eq!(unknown.code, 1, "{}{}", unknown.stdout, unknown.stderr);
    let controller = json!({"status": {"controller": {"namespace": namespace, "lease": "driftmend"}}}).to_string();
    let patch = [
        "patch",
        "driftwatch",
        "all",
        "-n",
        &namespace,
        "--subresource=status",
        "--type=merge",
        "-p",
        &controller,
    ];
    place.kubectl(&patch, &Value::Null)?;
    // A watch in the controller's own namespace may govern Deployments elsewhere.
    let unknown = report("web")?;
    assert_eq!(
        (first_line(&unknown), unknown.code),
        ("web has no report: it is what Git says, or no watch governs it", 1)
    );
    let takes = format!(
        "\n  watch {namespace}/all governs 1 Deployment; the namespace has 1: those of https://git.example/shop.git, \
         folder /\n"
    );
    assert!(unknown.stdout.contains(&takes), "{}", unknown.stdout);

    let place_of_lease = place.control_plane.namespace("unreported-lease")?;
    place.lease(&place_of_lease, SignedDuration::from_secs(1))?;
    let controller = json!({"status": {"controller": {"namespace": place_of_lease}}}).to_string();
    let patch = [
        "patch",
        "driftwatch",
        "all",
        "-n",
        &namespace,
        "--subresource=status",
        "--type=merge",
        "-p",
        &controller,
    ];
    place.kubectl(&patch, &Value::Null)?;
    let known = report("deploy/web")?;
    assert_eq!(
        (first_line(&known), known.code),
        ("deploy/web has no report: it is what Git says", 0),
        "{}",
        known.stderr
    );
    // Of two Deployments the watch leads one, and nobody knows which.
    create("api")?;
    assert_eq!(report("web")?.code, 1);
    let typo = report("wbe")?;
    let told = format!("error: there is neither a Deployment wbe in namespace {namespace} nor a report about one\n");
    assert!(typo.stderr.starts_with(&told), "{}", typo.stderr);
    assert_eq!(typo.code, 2);
    Ok(())
}

#[test]
fn a_lease_that_nobody_renews_stands_before_everything_and_as_of_when_behind_it() -> Result<()> {
    let place = place()?;
    let open = |name: &str, lease: Option<&str>, ago: Option<SignedDuration>| -> Result<String> {
        let namespace = place.control_plane.namespace(&format!("lease-{name}"))?;
        place.watch(
            &namespace,
            &well(&json!({"controller": {"namespace": namespace, "lease": lease}})),
        )?;
        place.report(&namespace, "web", &in_phase("InSync"))?;
        ago.map_or(Ok(()), |ago| place.lease(&namespace, ago))?;
        Ok(namespace)
    };
    let hours = SignedDuration::from_hours;
    let fresh = open("fresh", Some("driftmend"), Some(SignedDuration::from_secs(1)))?;
    let old = open("old", Some("driftmend"), Some(hours(3)))?;
    let gone = open("gone", Some("driftmend"), None)?;
    let ahead = open("ahead", Some("driftmend"), Some(hours(-3)))?;
    let without = open("without", None, None)?;
    for (namespace, code, first, last) in [
        (&fresh, 0, None, format!("by the controller's Lease {fresh}/driftmend")),
        (
            &old,
            1,
            Some(format!(
                "STALE: nobody has renewed the controller's Lease {old}/driftmend since "
            )),
            " (3 h ago), STALE".to_owned(),
        ),
        (
            &gone,
            1,
            Some(format!(
                "STALE: the controller's Lease {gone}/driftmend is gone: no controller runs"
            )),
            ", STALE".to_owned(),
        ),
        (
            &ahead,
            1,
            Some(format!(
                "UNKNOWN: the controller's Lease {ahead}/driftmend was renewed at "
            )),
            "is not known".to_owned(),
        ),
        (
            &without,
            1,
            Some("UNKNOWN: the controller runs without a Lease: whether ".to_owned()),
            "is not known".to_owned(),
        ),
    ] {
        for arguments in [&["report", "-n", namespace][..], &["report", "web", "-n", namespace]] {
            let output = place.driftmend(None, arguments, "")?;
            let told = format!("{}{}", output.stdout, output.stderr);
            assert_eq!(output.code, code, "{told}");
            let loud = ["STALE: ", "UNKNOWN: "]
                .iter()
                .any(|word| first_line(&output).starts_with(word));
            assert_eq!(loud, first.is_some(), "{told}");
            assert!(
                first
                    .as_ref()
                    .is_none_or(|first| first_line(&output).starts_with(first)),
                "{told}"
            );
            assert!(
                last_line(&output).starts_with("as of 20") && last_line(&output).ends_with(&last),
                "{told}"
            );
            // A program finds the same beside its JSON.
            let json = place.driftmend(None, &[arguments, &["-o", "json"]].concat(), "")?;
            let warned = json.stderr.contains("warning: STALE: ") || json.stderr.contains("warning: UNKNOWN: ");
            assert_eq!((json.code, warned), (code, first.is_some()), "{}", json.stderr);
            assert!(json.stderr.contains("note: as of 20"), "{}", json.stderr);
        }
    }
    Ok(())
}

#[test]
fn who_may_not_read_something_is_told_so_and_never_that_all_is_well() -> Result<()> {
    let place = place()?;
    let namespace = place.control_plane.namespace("rights")?;
    place.watch(
        &namespace,
        &well(&json!({"controller": {"namespace": "driftmend", "lease": "driftmend"}})),
    )?;
    let viewer = place.user(
        &namespace,
        "viewer",
        &["driftwatches.driftmend.dev", "driftreports.driftmend.dev"],
    )?;
    let blind = place.user(&namespace, "blind", &["driftreports.driftmend.dev"])?;

    // The reports and the watches, but not the Lease.
    let output = place.driftmend(Some(&viewer), &["report", "-n", &namespace], "")?;
    assert_eq!(output.code, 1, "{}{}", output.stdout, output.stderr);
    let unknown = "UNKNOWN: the controller's Lease driftmend/driftmend may not be read: whether what follows is still \
                   so is not known";
    assert_eq!(first_line(&output), unknown);
    assert_eq!(
        output.stderr,
        "hint: grant verb get on leases.coordination.k8s.io in namespace driftmend to viewer\n"
    );
    // The reports, but not the watches.
    let output = place.driftmend(Some(&blind), &["report", "-n", &namespace], "")?;
    assert_eq!((output.stdout.as_str(), output.code), ("", 2), "{}", output.stderr);
    assert!(
        output.stderr.contains(&format!(
            "hint: grant verb list on driftwatches.driftmend.dev in namespace {namespace} to blind\n"
        )),
        "{}",
        output.stderr
    );
    // Some namespaces, but not all.
    let output = place.driftmend(Some(&viewer), &["report", "-A"], "")?;
    assert_eq!((output.stdout.as_str(), output.code), ("", 2), "{}", output.stderr);
    assert!(
        output
            .stderr
            .ends_with("hint: grant verb list on driftreports.driftmend.dev cluster-wide to viewer\n"),
        "{}",
        output.stderr
    );
    // A namespace that is not there, for who may read none.
    let output = place.driftmend(Some(&viewer), &["report", "-n", "nowhere"], "")?;
    assert_eq!((output.stdout.as_str(), output.code), ("", 2), "{}", output.stderr);
    // A report whose watch may not be read.
    place.report(&namespace, "web", &in_phase("InSync"))?;
    let output = place.driftmend(Some(&blind), &["report", "web", "-n", &namespace], "")?;
    assert_eq!(output.code, 1, "{}{}", output.stdout, output.stderr);
    assert!(
        output.stdout.starts_with(&format!(
            "watch {namespace}/all: whether it is well may not be read; grant verb get on "
        )),
        "{}",
        output.stdout
    );
    Ok(())
}

#[test]
fn kinds_that_are_not_installed_are_told_with_the_command_that_installs_them() -> Result<()> {
    for output in &place()?.without_definitions {
        let told = format!("{}: {}{}", output.command, output.stdout, output.stderr);
        assert_eq!((output.stdout.as_str(), output.code), ("", 2), "{told}");
        assert!(
            output.stderr.starts_with("error: failed to ")
                && output.stderr.contains(": the API server has no such kind\n"),
            "{told}"
        );
        let hint = "hint: driftmend's CRDs are not installed: install its chart, or run `driftmend crds | kubectl \
                    apply --server-side -f -`\n";
        assert!(output.stderr.ends_with(hint), "{told}");
    }
    let log = &place()?.log_without_definitions;
    assert!(log.contains("driftmend's CRDs are not installed: "), "{log}");
    Ok(())
}

#[test]
fn a_check_against_the_cluster_says_how_much_of_it_was_there() -> Result<()> {
    let place = place()?;
    let namespace = place.control_plane.namespace("against")?;
    let (web, api) = (deployment("web"), deployment("api"));
    place
        .control_plane
        .tool("kubectl")?
        .input(web.as_str())
        .run(&["create", "-n", &namespace, "-f", "-"])?
        .success()?;
    let both = format!("{web}---\n{api}");
    let elsewhere = |name: &str| api.replace("  name: api\n", &format!("  name: api\n  namespace: {name}\n"));
    let with_namespace = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: to-come}}\n---\n{}",
        elsewhere("to-come")
    );
    let astray = format!("{web}---\n{}", elsewhere("nowhere"));
    let deployer = place.user(&namespace, "deployer", &["deployments.apps", "namespaces"])?;
    place.kubectl(
        &[
            "create",
            "clusterrole",
            "reads-deployments",
            "--verb=get",
            "--resource=deployments.apps",
        ],
        &Value::Null,
    )?;
    place.kubectl(
        &[
            "create",
            "clusterrolebinding",
            "reads-deployments",
            "--clusterrole=reads-deployments",
            "--user=robot",
        ],
        &Value::Null,
    )?;
    let robot = place.control_plane.user("robot", &[])?;
    wait::patiently("the rights of a robot", TOLD, || {
        let answer = place
            .control_plane
            .kubectl(&["auth", "can-i", "get", "deployments.apps", "-A", "--as=robot"])?;
        Ok(if answer.code == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stdout)
        })
    })?;
    let none = "no problem";
    let no_namespace = "error: -:1: there is no namespace nowhere in the cluster";
    for (user, input, namespace, flags, code, summary, problem) in [
        (
            None,
            &both,
            namespace.as_str(),
            &[][..],
            0,
            "2 Deployments checked, none is refused; held against live objects: 1, new: 1.",
            none,
        ),
        (
            None,
            &both,
            &namespace,
            &["--require-live"],
            2,
            "2 Deployments checked, none is refused; held against live objects: 1, new: 1; not everything could be \
             read.",
            "error: -:17: Deployment.apps api is not live: there is nothing to hold it against",
        ),
        (
            None,
            &web,
            &namespace,
            &["--require-live"],
            0,
            "1 Deployment checked, none is refused; held against live objects: 1, new: 0.",
            none,
        ),
        (
            None,
            &both,
            "nowhere",
            &[],
            2,
            "2 Deployments checked, none is refused; held against live objects: 0, new: 0; not everything could be \
             read.",
            no_namespace,
        ),
        (
            None,
            &astray,
            &namespace,
            &[],
            2,
            "2 Deployments checked, none is refused; held against live objects: 1, new: 0; not everything could be \
             read.",
            "error: -:17: there is no namespace nowhere in the cluster",
        ),
        // It comes with the same merge.
        (
            None,
            &with_namespace,
            &namespace,
            &[],
            0,
            "1 Deployment checked, none is refused; held against live objects: 0, new: 1; passed over: 1 Namespace.",
            none,
        ),
        (
            Some(&deployer),
            &both,
            &namespace,
            &[],
            0,
            "2 Deployments checked, none is refused; held against live objects: 1, new: 1.",
            none,
        ),
        // Who may read Deployments everywhere and no namespace cannot tell a new one from one in a wrong namespace.
        (
            Some(&robot),
            &api,
            "nowhere",
            &[],
            2,
            "1 Deployment checked, none is refused; held against live objects: 0, new: 0; not everything could be \
             read.",
            "error: -:1: nothing of this is live in namespace nowhere, and whether that is there may not be read: ",
        ),
        (
            None,
            &String::new(),
            &namespace,
            &[],
            2,
            "",
            "error: PATH is empty, standard input holds no document: did kubectl fail?",
        ),
    ] {
        let output = place.driftmend(
            user,
            &[&["check", "-", "--cluster", "-n", namespace], flags].concat(),
            input,
        )?;
        let told = format!("{}{}", output.stdout, output.stderr);
        assert_eq!((output.stdout.trim_end(), output.code), (summary, code), "{told}");
        assert!(
            if problem == none {
                output.stderr.is_empty()
            } else {
                output.stderr.starts_with(problem)
            },
            "{told}"
        );
        assert!(
            output.stderr.matches("error: ").count() <= 1,
            "told more than once: {told}"
        );
    }
    Ok(())
}

#[test]
fn a_controller_that_ends_is_missed_by_its_lease() -> Result<()> {
    let control_plane = ControlPlane::start(Options::default())?;
    install_definitions(&control_plane)?;
    control_plane
        .kubectl(&["create", "namespace", "driftmend"])?
        .success()?;
    let folder = control_plane.folder().join("controller");
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let flags = ["--lease-name", "its-lease", "--namespace", "driftmend"];
    let controller = Controller::start(control_plane.admin(), &folder, &flags)?;
    let tenant = Tenant::open(&control_plane, "leased")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    tenant.watch("all", &tenant.source(""), &json!({}))?;
    let watch = tenant.wait_until_assessed("all", 1)?;
    assert_eq!(
        watch["status"]["controller"],
        json!({"namespace": "driftmend", "lease": "its-lease"})
    );
    let output = tenant.driftmend(&["report"])?;
    assert_eq!(
        (first_line(&output), output.code),
        (
            "no reports: every governed Deployment is what Git says (1 Deployment, 1 watch)",
            0
        ),
        "{}{}",
        output.stdout,
        output.stderr
    );
    assert!(
        last_line(&output).ends_with(" ago), by the controller's Lease driftmend/its-lease"),
        "{}",
        output.stdout
    );

    drop(controller);
    // Somebody changes what nobody sees any more.
    tenant.set_image("web", "registry.example/web:by-hand")?;
    wait::patiently("a loud first line", TOLD, || {
        let output = tenant.driftmend(&["report"])?;
        let stale = "STALE: nobody has renewed the controller's Lease driftmend/its-lease since ";
        Ok(if first_line(&output).starts_with(stale) && output.code == 1 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(output.stdout)
        })
    })
}

#[test]
fn the_chart_lets_every_signed_in_user_see_whether_the_controller_runs_and_nothing_more() -> Result<()> {
    let control_plane = &installation::shared()?.installation.control_plane;
    for (verb, resource, answer) in [
        ("get", "leases.coordination.k8s.io/driftmend", "yes"),
        ("get", "leases.coordination.k8s.io/other", "no"),
        ("list", "leases.coordination.k8s.io", "no"),
        ("watch", "leases.coordination.k8s.io/driftmend", "no"),
        ("update", "leases.coordination.k8s.io/driftmend", "no"),
        ("get", "secrets", "no"),
    ] {
        let asked = [
            "auth",
            "can-i",
            verb,
            resource,
            "-n",
            installation::RELEASE,
            "--as=somebody",
            "--as-group=system:authenticated",
        ];
        assert_eq!(
            control_plane.kubectl(&asked)?.stdout.trim(),
            answer,
            "{verb} {resource}"
        );
    }
    Ok(())
}
