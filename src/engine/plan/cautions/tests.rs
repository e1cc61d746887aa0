//! What a plan's own sync changes is named, has to be acknowledged, and is another plan where it changes.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::argo_cd::ArgoCd;
use crate::engine::argo_cd::shapes::{BEFORE, HERE, now, out_of_sync, quiet, read, set, with_state};
use crate::engine::argo_cd::window::Windows;
use crate::engine::diff::{IgnoreRule, PathPattern};
use crate::engine::kind::DEPLOYMENT;
use crate::engine::ownership::FieldSet;
use crate::engine::plan::tests::{approval, container, git, policy, snapshot, switched};
use crate::engine::plan::{Approval, Ledger, Memory, NoPlan, StepKind, judge, propose};
use crate::engine::syncer::{Strategy, Syncer};
use crate::engine::{Policy, Remedy, SourceFacts, Tool, assess};

const TOOL: &str = "kustomize-controller";

fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
    json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
           "time": "2026-01-05T10:00:00Z",
           "fieldsV1": fields})
}

/// The incident under server-side apply, in which somebody scales, too.
fn scene(replicas: i32) -> Snapshot {
    let mut live = switched();
    live["metadata"].as_object_mut().unwrap().remove("annotations");
    live["spec"]["replicas"] = json!(replicas);
    let person = live["metadata"]["managedFields"][1].clone();
    let scaler = entry("scaler", "Update", &json!({"f:spec": {"f:replicas": {}}}));
    let taken = |fields: &Value| FieldSet::parse(fields).unwrap();
    let probe = "f:livenessProbe";
    let mut of_tool = FieldSet::of_applied(DEPLOYMENT.root, &git())
        .difference(&taken(&scaler["fieldsV1"]))
        .to_value();
    let app = &mut of_tool["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"app\"}"][probe];
    app.as_object_mut().unwrap().remove("f:httpGet");
    live["metadata"]["managedFields"] = json!([entry(TOOL, "Apply", &of_tool), person, scaler]);
    Snapshot {
        syncer: Syncer::new(Strategy::ServerSideApply, TOOL),
        ..snapshot(git(), live)
    }
}

fn ignoring(path: &str) -> Policy {
    let rule = IgnoreRule {
        paths: vec![PathPattern::parse(path).unwrap()],
        pointers: Vec::new(),
        parts: Vec::new(),
        managers: Vec::new(),
        reason: "Application argocd/shop ignores /spec/replicas".to_owned(),
        expires: None,
    };
    Policy {
        remedy: Remedy::HandBack,
        ignore: vec![rule],
        ..policy()
    }
}

fn planned(snapshot: &Snapshot, policy: &Policy) -> Result<Plan, NoPlan> {
    propose(snapshot, &assess(snapshot, policy), policy, &Memory::default())
}

fn told(plan: &Plan, id: &str) -> Option<String> {
    let found = plan.cautions.iter().find(|caution| caution.id == id)?;
    Some(found.told(|_, value| value.to_string()))
}

#[test]
fn what_the_sync_of_a_plan_changes_besides_the_drift_is_named_with_both_values() {
    let plan = planned(&scene(5), &ignoring(".spec.replicas")).unwrap();
    assert_eq!(
        told(&plan, OVERWRITES).as_deref(),
        Some(
            "the sync that this plan brings changes what is not drift: .spec.replicas from 5 to 2 (Application \
             argocd/shop ignores /spec/replicas)"
        )
    );
    assert_eq!(
        plan.cautions[0].id, OVERWRITES,
        "a report that is too long leaves out the last ones"
    );
    // What nobody ignores is what the plan is for.
    assert_eq!(
        told(
            &planned(
                &scene(5),
                &Policy {
                    ignore: Vec::new(),
                    ..ignoring(".spec")
                }
            )
            .unwrap(),
            OVERWRITES
        ),
        None
    );
    // A write of ours puts the probe back alone, and no sync follows.
    let restored = planned(
        &scene(5),
        &Policy {
            remedy: Remedy::Restore,
            ..ignoring(".spec.replicas")
        },
    )
    .unwrap();
    assert_eq!(told(&restored, OVERWRITES), None);
    assert_eq!(restored.unacknowledged(&[]), Vec::<&str>::new());
}

#[test]
fn an_approval_counts_only_where_it_names_what_must_be_acknowledged() {
    let plan = planned(&scene(5), &ignoring(".spec.replicas")).unwrap();
    let ledger = Ledger {
        spent: &[],
        superseded: &[],
        offered: Some(&plan.hash),
    };
    let now = "2026-01-05T12:30:00Z".parse().unwrap();
    let judged = |acknowledged: &[&str]| {
        let acknowledged = acknowledged.iter().map(|id| (*id).to_owned()).collect();
        judge(
            &Approval {
                acknowledged,
                ..approval(&plan.hash)
            },
            Ok(&plan),
            ledger,
            now,
        )
        .map(drop)
    };
    let refused = judged(&["RollOut"]).unwrap_err();
    assert_eq!(refused.reason(), "CautionNotAcknowledged");
    assert!(
        refused
            .to_string()
            .ends_with("acknowledge Overwrites, by --acknowledge or in approval.acknowledged"),
        "{refused}"
    );
    assert_eq!(judged(&["RollOut", "Overwrites"]), Ok(()));
}

#[test]
fn a_caution_that_must_be_acknowledged_and_changes_is_another_plan() {
    let caution = |to: i32| Caution {
        id: OVERWRITES,
        text: "…".to_owned(),
        must_acknowledge: true,
        fields: vec![Overwrite {
            path: ".spec.replicas".parse().unwrap(),
            from: Some(json!(5)),
            to: Some(json!(to)),
            owners: Vec::new(),
            severity: Severity::Ignored,
            reason: None,
        }],
    };
    let hash = |cautions: &[Caution]| hashed(|serial| format!("plan {serial}"), cautions)(1);
    let note = || Caution::note(NO_NEW_COMMITS, "another commit each time");
    assert_eq!(hash(&[]), "plan 1");
    assert_eq!(hash(&[note()]), "plan 1", "what is only to be known");
    let (one, two) = (hash(&[caution(1)]), hash(&[caution(2)]));
    assert!(one != two && one != "plan 1" && one == hash(&[note(), caution(1)]));
    assert_ne!(
        one,
        hash(&[Caution {
            text: "another".to_owned(),
            ..caution(1)
        }])
    );
}

#[test]
fn what_waits_in_git_and_comes_along_is_told_and_needs_no_word() {
    let mut scene = scene(2);
    // The image is what the tool applied, and Git has moved on.
    container(scene.live.as_mut().unwrap())["image"] = json!("registry.example/web:0");
    scene.source.synced = Some({
        let mut before = git();
        container(&mut before)["image"] = json!("registry.example/web:0");
        std::sync::Arc::new(before)
    });
    let plan = planned(&scene, &ignoring(".spec.replicas")).unwrap();
    let brings = told(&plan, BRINGS).unwrap();
    assert!(
        brings.contains(r#".image from "registry.example/web:0" to "registry.example/web:1""#),
        "{brings}"
    );
    assert_eq!(plan.unacknowledged(&[]), Vec::<&str>::new());
}

#[test]
fn beside_argo_cd_a_write_of_ours_is_taken_where_the_sync_would_overwrite_what_is_ignored() {
    let application = std::sync::Arc::new(read(&out_of_sync(quiet())));
    let argo_cd = ArgoCd {
        application,
        windows: Windows::none(),
        application_set: None,
        seen_alive: Some(now()),
    };
    let mut scene = Snapshot {
        tool: Tool::ArgoCd(std::sync::Arc::new(argo_cd)),
        now: now(),
        ..scene(5)
    };
    scene.source.revision = HERE.to_owned();
    let kinds = |policy: &Policy| {
        planned(&scene, policy)
            .unwrap()
            .steps
            .iter()
            .map(Step::kind)
            .collect::<Vec<_>>()
    };
    let choose = |policy: Policy| Policy {
        remedy: Remedy::Choose,
        ..policy
    };
    use StepKind::{HandBack, Refresh, Restore, Transfer};
    assert_eq!(kinds(&choose(ignoring(".spec.replicas"))), [Restore, Transfer, Refresh]);
    assert_eq!(
        kinds(&choose(ignoring(".spec.paused"))),
        [HandBack, Refresh],
        "nothing else is changed"
    );
    assert_eq!(
        kinds(&ignoring(".spec.replicas")),
        [HandBack, Refresh],
        "the watch asks for it"
    );
}

#[test]
fn nothing_is_planned_for_a_commit_that_argo_cd_has_synced_past() {
    let object = set(
        out_of_sync(quiet()),
        "/status/history/0/revision",
        json!("5".repeat(40)),
    );
    let application = std::sync::Arc::new(read(&set(
        object,
        "/status/history/0/deployStartedAt",
        json!("2026-03-02T09:59:30Z"),
    )));
    let argo_cd = ArgoCd {
        application,
        windows: Windows::none(),
        application_set: None,
        seen_alive: Some(now()),
    };
    let mut scene = Snapshot {
        tool: Tool::ArgoCd(std::sync::Arc::new(argo_cd)),
        now: now(),
        ..scene(5)
    };
    scene.source.revision = HERE.to_owned();
    let mut at = |answered: &str| {
        scene.source.answered_at = Some(answered.parse().unwrap());
        planned(&scene, &ignoring(".spec.replicas")).map(|plan| plan.steps.len())
    };
    assert_eq!(
        at("2026-03-02T09:59:31Z"),
        Ok(2),
        "Git was asked since, and still has this one"
    );
    let waits = "Argo CD synced commit 5555555 after Git was read last: what Git says by now is read first";
    assert_eq!(at("2026-03-02T09:59:30.9Z"), Err(NoPlan::HeldBack(waits.to_owned())));
}

#[test]
fn nothing_is_planned_for_a_commit_that_argo_cd_has_compared_past() {
    let scene = Snapshot { now: now(), ..scene(5) };
    // In sync with a commit that was not read: nothing but a comparison tells of it.
    let application = std::sync::Arc::new(read(&quiet()));
    let argo_cd = ArgoCd {
        application,
        windows: Windows::none(),
        application_set: None,
        seen_alive: Some(now()),
    };
    let planned_where = |compared: Option<&str>| {
        let source = SourceFacts {
            revision: BEFORE.to_owned(),
            compared: compared.map(str::to_owned),
            ..scene.source.clone()
        };
        let tool = Tool::ArgoCd(std::sync::Arc::new(argo_cd.clone()));
        let restored = Policy {
            remedy: Remedy::Restore,
            ..ignoring(".spec.paused")
        };
        planned(
            &Snapshot {
                tool,
                source,
                ..scene.clone()
            },
            &restored,
        )
        .map(|plan| plan.steps.first().map(Step::kind))
    };
    let waits = "Argo CD compared commit 4be2c1d after Git was read last: what Git says by now is read first";
    assert_eq!(planned_where(Some(BEFORE)), Err(NoPlan::HeldBack(waits.to_owned())));
    for compared in [Some(HERE), None] {
        assert_eq!(
            planned_where(compared),
            Ok(Some(StepKind::Restore)),
            "{compared:?}: it was read, or nobody tells"
        );
    }
}

#[test]
fn a_sync_that_recreates_the_deployment_is_acknowledged_before_a_plan_brings_it() {
    let application = std::sync::Arc::new(read(&out_of_sync(with_state("Failed", HERE))));
    let argo_cd = ArgoCd {
        application,
        windows: Windows::none(),
        application_set: None,
        seen_alive: Some(now()),
    };
    let forced = |strategy: Strategy| {
        let mut scene = Snapshot {
            tool: Tool::ArgoCd(std::sync::Arc::new(argo_cd.clone())),
            now: now(),
            ..scene(5)
        };
        scene.syncer = Syncer::new(strategy, "argocd-controller");
        scene.source.revision = HERE.to_owned();
        let asks = json!({"metadata": {"annotations": {"argocd.argoproj.io/sync-options": "Replace=true,Force=true"}}});
        json_patch::merge(scene.live.as_mut().unwrap(), &asks);
        let mut git = scene.desired.take().unwrap();
        json_patch::merge(&mut git.value, &asks);
        scene.desired = Some(git);
        let plan = planned(
            &scene,
            &Policy {
                remedy: Remedy::Restore,
                ..ignoring(".metadata.annotations")
            },
        )
        .unwrap();
        assert!(
            plan.steps.iter().any(|step| step.kind() == StepKind::StartOperation),
            "{plan:?}"
        );
        plan.unacknowledged(&[]).contains(&FORCE)
    };
    assert!(forced(Strategy::Replace) && !forced(Strategy::ClientSideApply));
}

#[test]
fn what_another_program_applies_server_side_keeps_a_restore_away_and_what_a_person_applied_does_not() {
    let restored = |manager: &str| {
        let mut scene = scene(2);
        let person = &mut scene.live.as_mut().unwrap()["metadata"]["managedFields"][1];
        (person["manager"], person["operation"]) = (json!(manager), json!("Apply"));
        let plan = planned(
            &scene,
            &Policy {
                remedy: Remedy::Restore,
                ignore: Vec::new(),
                ..policy()
            },
        );
        plan.map(|plan| plan.steps.first().map(Step::kind))
    };
    for manager in ["pipeline", "helm-controller"] {
        assert_eq!(restored(manager), Err(NoPlan::TwoAppliers(manager.to_owned())));
    }
    assert_eq!(restored("kubectl"), Ok(Some(StepKind::Restore)));
    // It gave the field up, as it was told to, and applies something else.
    let mut scene = scene(2);
    let entries = scene.live.as_mut().unwrap()["metadata"]["managedFields"]
        .as_array_mut()
        .unwrap();
    let mut elsewhere = entries[1].clone();
    (elsewhere["manager"], elsewhere["operation"]) = (json!("pipeline"), json!("Apply"));
    elsewhere["fieldsV1"] = json!({"f:metadata": {"f:labels": {"f:team": {}}}});
    entries.push(elsewhere);
    let plan = planned(
        &scene,
        &Policy {
            remedy: Remedy::Restore,
            ignore: Vec::new(),
            ..policy()
        },
    )
    .unwrap();
    assert_eq!(plan.steps.first().map(Step::kind), Some(StepKind::Restore));
}
