//! Holds the classes of stuck operations against Applications and Kustomizations recorded from a real Argo CD and Flux.
//!
//! They are not part of the project: each test says so and passes where the folders are not beside it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests are tests too, which clippy does not see here"
)]

use std::path::PathBuf;

use driftmend::engine::argo_cd::application::Application;
use driftmend::engine::argo_cd::class::{Context, classify};
use driftmend::engine::argo_cd::standing::Standing;
use driftmend::engine::argo_cd::state::OperationPhase;
use driftmend::engine::argo_cd::window::Windows;
use driftmend::engine::flux::kustomization::{Kustomization, commit};
use driftmend::engine::flux::reconciliation::{Reconciliation, reconciliation};
use driftmend::engine::tool_object::action::Action;
use driftmend::engine::tool_object::message::{comparable, refused};
use jiff::{Timestamp, ToSpan};
use pretty_assertions::assert_eq;
use serde_json::Value;

use driftmend::engine::kind::DEPLOYMENT;

/// Recordings of one folder, by file name without its ending, sorted.
fn recorded(folder: &str) -> Vec<(String, Value)> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared").join(folder);
    let Ok(entries) = std::fs::read_dir(&beside) else {
        println!("skipped: no recordings in ../shared/{folder}");
        return Vec::new();
    };
    let mut found: Vec<(String, Value)> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap())
        })
        .collect();
    assert!(!found.is_empty(), "{} is empty", beside.display());
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

fn applications() -> Vec<(String, Application)> {
    let whole = recorded("argocd-shapes")
        .into_iter()
        .filter(|(_, value)| value["kind"] == "Application");
    whole
        .map(|(name, value)| {
            (
                name.clone(),
                Application::read(&value).unwrap_or_else(|error| panic!("{name}: {error}")),
            )
        })
        .collect()
}

/// As seen a second after whatever the Application tells last, with a controller that lives.
fn standing(application: &Application) -> Standing {
    let state = application.state.as_ref();
    let times = [
        state.and_then(|state| state.finished_at),
        state.and_then(|state| Some(state.started_at.as_ref()?.time)),
        application.reconciled_at,
    ];
    let last: Timestamp = times.into_iter().flatten().max().unwrap_or(Timestamp::UNIX_EPOCH);
    let windows = Windows::none();
    let now = last + 1.second();
    classify(
        application,
        &Context {
            now,
            controller_seen_alive: Some(last),
            windows: &windows,
            target: &DEPLOYMENT.object("shop", "web"),
        },
    )
}

/// What the recordings are whose name does not begin with their row, or names the row that they were meant to be.
const EXPECTED: &[(&str, Option<&str>, Action)] = &[
    ("12-csa-outofsync", Some("S8"), Action::Leave),
    ("13-csa-waiting-for-retry-S3", Some("S3"), Action::Leave),
    ("14-csa-failed", Some("S1"), Action::ClearAfterHeal),
    ("15-csa-failed-settled-S1", Some("S1"), Action::ClearAfterHeal),
    ("16-csa-failed-after-commit", Some("S1"), Action::ClearAfterHeal),
    ("17-csa-healed-still-failed", Some("S1"), Action::Clear),
    ("18-csa-cleared", None, Action::Leave),
    ("19-csa-selfhealed", None, Action::Leave),
    ("23-ssa-waiting-for-retry-S3", Some("S3"), Action::Leave),
    ("25-ssa-failed-settled-S1", Some("S1"), Action::ClearAfterHeal),
    ("27-ssa-healed-still-failed", Some("S1"), Action::Clear),
    ("32-man-outofsync", None, Action::Leave),
    ("35-man-failed-settled-S1", Some("S1"), Action::ClearAfterHeal),
    ("37-man-healed-still-failed", Some("S1"), Action::Clear),
    ("DEFAULT-retry-failed", Some("S1"), Action::ClearAfterHeal),
    ("E15-trap", Some("S1"), Action::ClearAfterHeal),
    ("ENV-failed-ssa", Some("S1"), Action::ClearAfterHeal),
    ("K1-killed-running", None, Action::Leave),
    ("S2-blocked-new-commit", Some("S2"), Action::ClearAfterHeal),
    ("S2-real-no-sync", Some("S2"), Action::Clear),
    // Argo CD filled in a result: an ordinary failure, at this revision and at one that does not exist.
    ("S2-drift", Some("S1"), Action::ClearAfterHeal),
    ("S2-real-badrev", None, Action::Leave),
    ("S2-new-commit", None, Action::Leave),
    // A second request over a state that is over.
    ("S2-real-noproject", Some("S8"), Action::Leave),
    ("S3-healed-during-wait", None, Action::Leave),
    ("S4a-orphan-healed", Some("S4"), Action::Clear),
    ("S4a-orphan-real", Some("S4"), Action::ClearAfterHeal),
    ("S4b-orphan-nilresult", Some("S4"), Action::Leave),
    ("S4d-orphan-terminating", Some("S4"), Action::ClearAfterHeal),
    ("S5-real-hook", Some("S5"), Action::Leave),
    ("S5b-cleared-while-running", Some("S5"), Action::Leave),
    // Terminated, then begun anew with the next commit.
    ("S5c-terminated", None, Action::Leave),
    ("S5c-terminated-settled", None, Action::Leave),
    ("S6a-shape", Some("S6"), Action::Leave),
    ("S6b-blocked", Some("S6"), Action::ClearAfterHeal),
    ("S6b-shape", Some("S6"), Action::Clear),
    ("S6n-blocked", Some("S6"), Action::ClearAfterHeal),
    ("S8-real", Some("S8"), Action::Leave),
    ("S9-forged", Some("S9"), Action::AskAPerson),
    // The controller of v3.5.7 leaves the status alone: nobody co-owns it.
    ("S9-plain", Some("S1"), Action::ClearAfterHeal),
    ("S9-status", Some("S1"), Action::ClearAfterHeal),
    ("SSD-incident", None, Action::RefreshOnly),
    ("SSD-incident-hard", None, Action::RefreshOnly),
    // Nothing in it tells of the refused dry run: the false "Synced" of argo-cd#28722.
    ("SSDAUTO-incident", None, Action::Leave),
    ("WAVES-failed", Some("S1"), Action::ClearAfterHeal),
    ("WINDOW-cleared", None, Action::Leave),
    ("WINDOW-manual", Some("S5"), Action::Leave),
    ("skip-reconcile-operation", Some("S8"), Action::Leave),
];

#[test]
fn recorded_applications_have_their_class() {
    let applications = applications();
    if applications.is_empty() {
        return;
    }
    let mut wrong = Vec::new();
    for (name, id, action) in EXPECTED {
        let (_, application) = applications
            .iter()
            .find(|(found, _)| found == name)
            .unwrap_or_else(|| panic!("no recording {name}"));
        let found = standing(application);
        if (found.id(), found.action()) != (*id, *action) {
            wrong.push(format!("{name}: expected {id:?} {action:?}, found {found:?}"));
        }
    }
    for (name, application) in &applications {
        let found = standing(application);
        let row = name
            .get(..2)
            .filter(|row| row.starts_with('S') && row.as_bytes()[1].is_ascii_digit());
        let listed = EXPECTED.iter().any(|(expected, ..)| expected == name);
        if let Some(row) = row.filter(|_| !listed)
            && found.id() != Some(row)
        {
            wrong.push(format!("{name}: expected {row}, found {found:?}"));
        }
    }
    let (_, killed) = applications
        .iter()
        .find(|(name, _)| name == "K1-killed-running")
        .unwrap();
    let windows = Windows::none();
    let dead = Context {
        now: Timestamp::UNIX_EPOCH,
        controller_seen_alive: None,
        windows: &windows,
        target: &DEPLOYMENT.object("shop", "kil"),
    };
    assert_eq!(classify(killed, &dead), Standing::ControllerNotSeen);
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_recorded_success_is_the_synced_revision() {
    for (name, application) in applications() {
        let synced = application.synced_revision();
        let state = application
            .state
            .as_ref()
            .filter(|state| state.phase == OperationPhase::Succeeded);
        if let Some(result) = state.and_then(|state| state.result.as_ref()) {
            assert_eq!(synced, result.revision.as_ref(), "{name}");
        } else {
            assert_eq!(
                synced,
                application.history.last().and_then(|entry| entry.revision.as_ref()),
                "{name}"
            );
        }
        assert!(synced.is_some(), "{name}");
    }
}

#[test]
fn recorded_kustomizations_have_their_standing() {
    let recorded = recorded("flux-shapes");
    for (name, value) in &recorded {
        let kustomization = Kustomization::read(value).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = reconciliation(&kustomization);
        let expected = match name.as_str() {
            // It was deleted in order to be created again, and then not found.
            "fforce-kubectl-patch-failed" => "Failed",
            name if name.ends_with("-failed") => "FailedDryRun",
            _ => "Ready",
        };
        assert_eq!(found.name(), expected, "{name}: {}", found.why());
        if let Reconciliation::FailedDryRun { refused, .. } = &found {
            let fields: Vec<&str> = refused
                .iter()
                .flat_map(|refused| &refused.causes)
                .map(|cause| cause.field.as_str())
                .collect();
            assert_eq!(
                fields,
                ["spec.template.spec.containers[0].livenessProbe.tcpSocket"],
                "{name}"
            );
        }
        assert_eq!(
            kustomization.force_caution().is_some(),
            name.starts_with("fforce"),
            "{name}"
        );
        assert!(
            kustomization
                .last_attempted_revision
                .as_deref()
                .and_then(commit)
                .is_some(),
            "{name}"
        );
        assert_eq!(kustomization.transforms(), &[] as &[&str], "{name}");
    }
}

#[test]
fn every_recorded_refusal_is_read() {
    let mut read = 0;
    for (name, application) in applications() {
        let Some(state) = &application.state else { continue };
        if state.message.contains("is invalid: ") {
            let refused = refused(&state.message);
            assert_eq!(refused.len(), 1, "{name}: {}", state.message);
            assert_eq!(
                (refused[0].kind.as_str(), refused[0].causes.len()),
                ("Deployment.apps", 1),
                "{name}: {refused:?}"
            );
            assert!(!comparable(&state.message).contains("/dev/shm"), "{name}");
            read += 1;
        }
    }
    println!("{read} refusals read");
}
