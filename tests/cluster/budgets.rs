//! What sources may take of the controller's disk and memory: each that asks for more is told on its own watch, and
//! nothing is kept of what nobody watches.
//!
//! Each test has a control plane of its own, for controllers of its own.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use crate::harness::driftmend::Controller;
use crate::harness::shared_controller::install_definitions;
use crate::harness::{ControlPlane, Options, wait};
use crate::tenant::{TOLD, Tenant, deployment};

fn folder(control_plane: &ControlPlane) -> Result<PathBuf> {
    let folder = control_plane.folder().join("controller");
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    Ok(folder)
}

/// A tenant whose Deployment is watched and in sync.
fn watched<'a>(control_plane: &'a ControlPlane, prefix: &str) -> Result<Tenant<'a>> {
    let tenant = Tenant::open(control_plane, prefix)?;
    tenant.sync("deploy/web.yaml", &deployment("web"))?;
    tenant.watch("all", &tenant.source("deploy"), &json!({}))?;
    Ok(tenant)
}

/// The mirrors of a namespace.
fn mirrors(folder: &Path, tenant: &Tenant<'_>) -> usize {
    let public = folder.join("cache").join(&tenant.namespace).join("public");
    let entries = fs::read_dir(public).into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().is_dir()).count()
}

fn wait_until_nothing_is_left(folder: &Path, tenant: &Tenant<'_>) -> Result<()> {
    let place = folder.join("cache").join(&tenant.namespace);
    wait::until("the mirrors of the namespace to go", TOLD, || {
        Ok(if place.exists() {
            ControlFlow::Continue(format!("{} is there", place.display()))
        } else {
            ControlFlow::Break(())
        })
    })
}

#[test]
fn a_mirror_goes_with_its_last_watch_also_while_no_controller_runs() -> Result<()> {
    let control_plane = ControlPlane::start(Options::default())?;
    install_definitions(&control_plane)?;
    let folder = folder(&control_plane)?;
    let mut controller = Controller::start(control_plane.admin(), &folder, &[])?;
    let tenants = ["kept", "gone", "orphan"].map(|prefix| watched(&control_plane, prefix));
    let [kept, gone, orphan] = tenants;
    let (kept, gone, orphan) = (kept?, gone?, orphan?);
    for tenant in [&kept, &gone, &orphan] {
        tenant.wait_until_assessed("all", 1)?;
        assert_eq!(mirrors(&folder, tenant), 1);
    }
    gone.kubectl(&["delete", "driftwatch/all"], "")?;
    wait_until_nothing_is_left(&folder, &gone)?;

    controller.signal("TERM")?;
    controller.wait_for_end(TOLD)?;
    orphan.kubectl(&["delete", "driftwatch/all"], "")?;
    assert_eq!(mirrors(&folder, &orphan), 1);
    let _controller = Controller::start(control_plane.admin(), &folder, &[])?;
    wait_until_nothing_is_left(&folder, &orphan)?;
    assert_eq!(mirrors(&folder, &kept), 1, "what is watched is not fetched again");
    Ok(())
}

#[test]
fn a_source_that_asks_for_more_than_its_budget_ends_alone_and_what_was_in_force_stays() -> Result<()> {
    let control_plane = ControlPlane::start(Options::default())?;
    install_definitions(&control_plane)?;
    let flags = ["--memory", "12Mi", "--git-disk-per-namespace", "4Mi"];
    let controller = Controller::start(control_plane.admin(), &folder(&control_plane)?, &flags)?;
    let (healthy, large, heavy) = (
        watched(&control_plane, "healthy")?,
        watched(&control_plane, "large")?,
        watched(&control_plane, "heavy")?,
    );
    for tenant in [&healthy, &large, &heavy] {
        tenant.wait_until_assessed("all", 1)?;
    }

    // A quarter of the memory is 3 MiB, and these objects have more; they pack to next to nothing.
    let many: String = (0..4_000)
        .map(|at| format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c-{at}}}\n"))
        .collect();
    large.repository.commit(&[("deploy/many.yaml", &many)], "Many");
    let (message, hint) = large.source_failure("all", "RenderFailed")?;
    assert!(
        message.contains("deploy/many.yaml: the objects up to this file take more than the 3 MiB of memory"),
        "{message}"
    );
    assert!(hint.contains("narrow path"), "{hint}");

    // Sixteen megabytes of digits that do not repeat pack to less than half, which is more than four.
    let mut state = 1_u64;
    let noise: String = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        format!("{state:020}")
    })
    .take(800_000)
    .collect();
    heavy.repository.commit(&[("assets/noise.txt", &noise)], "Noise");
    let (message, _) = heavy.source_failure("all", "GitDiskFull")?;
    assert!(
        message.contains(&format!(
            "the mirrors of namespace {} would take more than 4 MiB",
            heavy.namespace
        )),
        "{message}"
    );

    // What was in force stays, and others go on.
    for tenant in [&large, &heavy, &healthy] {
        tenant.set_image("web", "registry.example/web:by-hand")?;
        tenant.wait_for_report("web", "Drifted")?;
    }
    // The shell that ends the controller with the test is a child of it, too: those that work on sources name
    // themselves so.
    let children = || -> Result<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", controller.id()))?.flatten();
        let ids: String = tasks
            .map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default())
            .collect();
        let words = |id: &str| fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        Ok(ids
            .split_whitespace()
            .map(words)
            .filter(|words| words.contains("\0child\0"))
            .collect::<Vec<_>>()
            .join(" "))
    };
    large.kubectl(&["delete", "driftwatch/all"], "")?;
    heavy.kubectl(&["delete", "driftwatch/all"], "")?;
    healthy.kubectl(&["delete", "driftwatch/all"], "")?;
    wait::until("the last child to end", TOLD, || {
        let left = children()?;
        Ok(if left.trim().is_empty() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(left)
        })
    })
}
