//! The controller's Lease: who misses it, and who may see it.

use std::fs;
use std::ops::ControlFlow;

use anyhow::{Context, Result};
use jiff::SignedDuration;
use pretty_assertions::assert_eq;
use serde_json::json;

use super::cases::{in_phase, well};
use super::place::place;
use super::{first_line, last_line};
use crate::harness::driftmend::Controller;
use crate::harness::shared_controller::install_definitions;
use crate::harness::{ControlPlane, Options, wait};
use crate::installation;
use crate::tenant::{TOLD, Tenant, deployment};

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
            "no reports: every governed object is what Git says (1 object, 1 watch)",
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
