use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::engine::diff::ChangeKind;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::plan::tests::{git, policy, snapshot, synced};
use crate::engine::plan::{self, Memory};
use crate::engine::rules::{Case, diagnose};
use crate::engine::syncer::Syncer;

fn argo_cd(status: Value) -> Tool {
    let object = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {"source": {"repoURL": "https://git.example/shop", "path": "."}, "destination": {}},
        "status": status,
    });
    let application = crate::engine::argo_cd::application::Application::read(&object)
        .unwrap()
        .into();
    Tool::ArgoCd(std::sync::Arc::new(crate::engine::argo_cd::ArgoCd {
        application,
        windows: crate::engine::argo_cd::window::Windows::none(),
        application_set: None,
        seen_alive: None,
    }))
}

#[test]
fn what_a_rollback_brought_waits_for_git_and_says_who_did_it() {
    let mut desired = synced();
    desired["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example/web:next");
    let mut back = snapshot(desired, synced());
    let before = "b".repeat(40);
    let entry = |revision: &str, at: u8| {
        json!({"revision": revision, "deployedAt": format!("2026-01-05T0{at}:00:00Z"),
                                                "initiatedBy": {"username": "eve"}})
    };
    back.tool = argo_cd(json!({"history": [entry(&back.source.revision, 1), entry(&before, 2)]}));
    back.source.synced = Some(std::sync::Arc::new(synced()));
    // Git is where both last met: nothing but the rollback speaks against drift.
    back.source.met = crate::engine::Met::Here;
    let told = assess(&back, &policy());
    let why = "rolled back to bbbbbbb by eve";
    assert_eq!(
        (told.phase, told.summary),
        (Phase::Pending, format!("{why}: 1 field is not what Git says now"))
    );
    assert_eq!(told.drifts[0].reason.as_deref(), Some(why));
    assert!(plan::propose(&back, &assess(&back, &policy()), &policy(), &Memory::default()).is_err());
}

#[test]
fn the_tool_and_admission_that_undo_each_other_are_told_after_three_times() {
    let mut live = synced();
    live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("mirror.example/web:1");
    live["metadata"]["managedFields"] = json!([{
        "manager": "argocd-controller", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
        "time": "2026-01-05T10:00:00Z",
        "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {"f:image": {}}}}}}},
    }]);
    let rules = |times: u8, status: &str| {
        let mut looped = snapshot(git(), live.clone());
        looped.syncer = Syncer::new(Strategy::ServerSideApply, "argocd-controller");
        let here = looped.source.revision.clone();
        let history: Vec<Value> = (0..times)
            .map(|at| json!({"revision": here, "deployedAt": format!("2026-01-05T0{at}:00:00Z")}))
            .collect();
        let resource = json!({"group": "apps", "kind": "Deployment", "namespace": looped.target.namespace,
                              "name": looped.target.name, "status": status});
        looped.tool = argo_cd(json!({"history": history, "resources": [resource]}));
        looped.source.synced = Some(std::sync::Arc::new(git()));
        let told = assess(&looped, &policy());
        let findings = diagnose(&Case::unasked(&looped, &told));
        assert_eq!(told.is_quiet(), findings.is_empty());
        (
            told.phase,
            findings.iter().map(|finding| finding.rule).collect::<Vec<_>>(),
        )
    };
    assert_eq!(rules(2, "OutOfSync"), (Phase::InSync, vec![]));
    assert_eq!(rules(3, "Synced"), (Phase::InSync, vec![]));
    assert_eq!(rules(3, "OutOfSync"), (Phase::InSync, vec!["admission-loop"]));
}

#[test]
fn what_git_dropped_is_orphaned_unless_it_is_about_to_go() {
    let kustomization = |prune: bool, suspend: bool| {
        let object = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": "shop", "namespace": "flux-system"},
            "spec": {"interval": "10m", "prune": prune, "suspend": suspend,
                     "sourceRef": {"kind": "GitRepository", "name": "shop"}},
        });
        let kustomization = crate::engine::flux::kustomization::Kustomization::read(&object).unwrap();
        Tool::Flux(std::sync::Arc::new(crate::engine::flux::Flux {
            kustomization: kustomization.into(),
            repository: None,
        }))
    };
    let phase = |tool: Tool, minutes: i64, live: Value| {
        let mut dropped = snapshot(synced(), live);
        dropped.desired = None;
        dropped.source.dropped_at = Some(dropped.now - SignedDuration::from_mins(minutes));
        dropped.tool = tool;
        assess(&dropped, &policy()).phase
    };
    let mut going = synced();
    going["metadata"]["deletionTimestamp"] = json!("2026-01-05T12:00:00Z");
    for (tool, minutes, live, expected) in [
        (Tool::Unknown, 0, synced(), Phase::Orphaned),
        (Tool::Unknown, 0, going, Phase::Pending),
        (kustomization(true, false), 10, synced(), Phase::Pending),
        (kustomization(true, false), 11, synced(), Phase::Orphaned),
        (kustomization(false, false), 0, synced(), Phase::Orphaned),
        (kustomization(true, true), 0, synced(), Phase::Orphaned),
    ] {
        assert_eq!(phase(tool.clone(), minutes, live), expected, "{minutes} min, {tool:?}");
    }
}

#[test]
fn what_git_changed_and_no_sync_brings_is_told_as_that() {
    let (desired, live) = (git(), synced());
    let scene = snapshot(desired.clone(), live.clone());
    let facts = Facts::of(&DEPLOYMENT, &desired, &live);
    let drift = |path: &str| Drift {
        change: diff::Change {
            path: path.parse().unwrap(),
            kind: ChangeKind::Added,
            desired: None,
            live: Some(json!(1)),
        },
        owners: Vec::new(),
        severity: Severity::Pending,
        moved: None,
        reason: None,
    };
    let told = |paths: &[&str], left: &[&str]| {
        let mut foretold = predict::predict_knowing(&facts, &scene.syncer, Vec::new);
        foretold.prediction.residual = left.iter().map(|path| path.parse().unwrap()).collect();
        summary(
            Phase::Pending,
            &paths.iter().map(|path| drift(path)).collect::<Vec<_>>(),
            &foretold.prediction,
            &[],
        )
    };
    let both = [".spec.minReadySeconds", ".spec.paused"];
    assert_eq!(
        told(&both[..1], &both[..1]),
        "Git changed 1 field, and the next sync does not bring it"
    );
    assert_eq!(
        told(&both, &both),
        "Git changed 2 fields, and the next sync does not bring them"
    );
    assert_eq!(
        told(&both, &both[..1]),
        "2 fields wait for the next sync, which does not bring 1 of them"
    );
}
