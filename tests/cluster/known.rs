//! No green that is not known: exit code and first line of `report` and `check --cluster` where the cluster says less
//! than it seems to.
//!
//! The watches here have the status that a controller would have written, by hand: no controller runs beside them.

mod cases;
mod check;
mod lease;
mod place;

use anyhow::Result;
use jiff::SignedDuration;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::Output;
use crate::tenant::deployment;
use cases::{Case, cases, in_phase, report_name, well, with};
use place::place;

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
        "\n  watch {namespace}/all governs 1 object; the namespace has 1: those of https://git.example/shop.git, \
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
