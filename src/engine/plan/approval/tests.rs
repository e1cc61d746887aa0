//! A yes holds for what the very report showed, whatever the plan writes.

use jiff::SignedDuration;
use pretty_assertions::assert_eq;

use super::*;
use crate::engine::argo_cd::reference::ApplicationRef;
use crate::engine::argo_cd::requests::Stale;
use crate::engine::argo_cd::state::OperationPhase;
use crate::engine::argo_cd::touch::Touches;
use crate::engine::flux::reference::KustomizationRef;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::object::ObjectId;
use crate::engine::ownership::Operation;
use crate::engine::plan::Memory;
use crate::engine::plan::hash::plan_hash;
use crate::engine::plan::on_application::{Act, OnApplication};
use crate::engine::plan::step::Step;
use crate::engine::plan::tests::{approval, git, snapshot, switched};
use crate::engine::snapshot::Snapshot;
use crate::engine::syncer::{Strategy, Syncer};
use crate::engine::tool_object::resource::ResourceRef;

/// A step of each kind.
fn steps() -> Vec<Step> {
    let paths = || vec![".spec.replicas".parse().unwrap()];
    let on = |act| {
        let application = ApplicationRef {
            namespace: "argocd".to_owned(),
            name: "shop".to_owned(),
        };
        Step::OnApplication(Box::new(OnApplication {
            application,
            uid: Some("uid".to_owned()),
            asked: None,
            act,
        }))
    };
    let stale = || Stale {
        uid: "uid".to_owned(),
        phase: OperationPhase::Failed,
        started_at: "2026-01-05T10:00:00Z".to_owned(),
    };
    let touches = || Touches {
        resources: Vec::new(),
        from: None,
        to: None,
        whole_application: false,
        syncs: true,
        compared: true,
        sync_options: Vec::new(),
        retry: None,
    };
    vec![
        Step::Restore {
            paths: paths(),
            operations: json_patch::Patch::default(),
        },
        Step::Transfer {
            paths: paths(),
            from: Vec::new(),
            to: "argocd-controller".to_owned(),
            into: Operation::Apply,
        },
        Step::HandBack {
            paths: paths(),
            syncer: Syncer::new(Strategy::ServerSideApply, "argocd-controller"),
        },
        on(Act::Refresh),
        on(Act::Clear {
            stale: Some(stale()),
            touches: touches(),
            why: "hooks".to_owned(),
            attempt: 1,
        }),
        on(Act::Start {
            replaces: None,
            only: ResourceRef::of(&DEPLOYMENT, "shop", "web"),
            touches: touches(),
        }),
        Step::Reconcile {
            kustomization: KustomizationRef {
                namespace: "flux-system".to_owned(),
                name: "shop".to_owned(),
            },
        },
    ]
}

/// The plan of one step as a report offers it.
fn offered(snapshot: &Snapshot, memory: &Memory, step: &Step) -> Plan {
    let steps = vec![step.clone()];
    let (serial, hash, expires) = memory.offer(
        plan_hash(snapshot, memory, &steps),
        None,
        snapshot.now,
        SignedDuration::from_hours(1),
    );
    let (uid, drift) = ("uid".to_owned(), String::new());
    Plan {
        hash,
        serial,
        expires,
        uid,
        drift,
        steps,
        cautions: Vec::new(),
        window: None,
        waits: None,
    }
}

#[test]
fn a_yes_to_what_this_very_report_does_not_show_is_foreign_to_it() {
    let scene = snapshot(git(), switched());
    let memory = |report: &str, watch: &str| Memory {
        report: report.to_owned(),
        watch: watch.to_owned(),
        ..Memory::default()
    };
    for step in steps() {
        let kind = step.kind();
        let plan = offered(&scene, &memory("report-1", "watch-1"), &step);
        let yes = approval(&plan.hash);
        let judged = |plan: Result<&Plan, &NoPlan>, shown: Option<&str>| {
            let ledger = Ledger {
                spent: &[],
                superseded: &[],
                offered: shown,
            };
            judge(&yes, plan, ledger, scene.now)
                .map(drop)
                .map_err(|refusal| refusal.reason())
        };
        assert_eq!(judged(Ok(&plan), Some(&plan.hash)), Ok(()), "{kind:?} is shown");
        let foreign = Err("ApprovalForeign");
        assert_eq!(judged(Ok(&plan), None), foreign, "{kind:?}: no plan is shown");
        assert_eq!(
            judged(Err(&NoPlan::AlertOnly), None),
            foreign,
            "{kind:?}: there is no plan"
        );
        assert_eq!(
            judged(Ok(&plan), Some(&"f".repeat(64))),
            foreign,
            "{kind:?}: another plan is shown"
        );
        let elsewhere = Snapshot {
            target: ObjectId {
                name: "api".to_owned(),
                ..scene.target.clone()
            },
            ..scene.clone()
        };
        for (what, scene, memory) in [
            ("the report was made anew", &scene, memory("report-2", "watch-1")),
            ("the watch was made anew", &scene, memory("report-1", "watch-2")),
            ("a report of another name", &elsewhere, memory("report-3", "watch-1")),
            (
                "decided before it was offered",
                &scene,
                Memory {
                    decided: Some(plan.hash.clone()),
                    ..memory("report-1", "watch-1")
                },
            ),
        ] {
            let other = offered(scene, &memory, &step);
            assert_ne!(other.hash, plan.hash, "{kind:?}: {what}");
            assert_eq!(judged(Ok(&other), Some(&other.hash)), foreign, "{kind:?}: {what}");
        }
    }
}

#[test]
fn a_yes_outlasts_what_passes_and_nothing_else() {
    let scene = snapshot(git(), switched());
    let memory = Memory {
        report: "report-1".to_owned(),
        watch: "watch-1".to_owned(),
        ..Memory::default()
    };
    let plan = offered(&scene, &memory, &steps()[0]);
    let running = Plan {
        waits: Some("the operation: a sync is running".to_owned()),
        ..plan.clone()
    };
    let other = Plan {
        hash: "f".repeat(64),
        ..plan.clone()
    };
    let yes = approval(&plan.hash);
    let passed = [(plan.hash.clone(), Ended::Changed)];
    let taken = [(plan.hash.clone(), Ended::TakenBack)];
    let held = NoPlan::HeldBack("the controller is away".to_owned());
    for (what, plan, superseded, shown, wanted) in [
        ("it is shown", Ok(&plan), &[][..], Some(&plan.hash), Ok(())),
        (
            "an operation runs",
            Ok(&running),
            &[],
            Some(&plan.hash),
            Err("ApprovalWaits"),
        ),
        (
            "something else is needed for a while",
            Ok(&other),
            &passed,
            Some(&other.hash),
            Err("ApprovalStale"),
        ),
        (
            "it is needed again, and not shown yet",
            Ok(&plan),
            &passed,
            Some(&other.hash),
            Err("ApprovalWaits"),
        ),
        (
            "the same, where nothing was shown between",
            Ok(&plan),
            &passed,
            None,
            Err("ApprovalWaits"),
        ),
        ("it is shown again", Ok(&plan), &passed, Some(&plan.hash), Ok(())),
        (
            "something holds it back for a while",
            Err(&held),
            &passed,
            None,
            Err("ApprovalWaits"),
        ),
        (
            "the same at the first look",
            Err(&held),
            &[],
            Some(&plan.hash),
            Err("ApprovalWaits"),
        ),
        (
            "nothing is left to do",
            Err(&NoPlan::NothingToHeal),
            &passed,
            None,
            Err("ApprovalMoot"),
        ),
        (
            "a person took it back",
            Err(&held),
            &taken,
            None,
            Err("ApprovalTakenBack"),
        ),
        ("it was never shown", Err(&held), &[], None, Err("ApprovalForeign")),
    ] {
        let ledger = Ledger {
            spent: &[],
            superseded,
            offered: shown.map(String::as_str),
        };
        assert_eq!(
            judge(&yes, plan, ledger, scene.now)
                .map(drop)
                .map_err(|refusal| refusal.reason()),
            wanted,
            "{what}"
        );
    }
    let ledger = Ledger {
        spent: &[],
        superseded: &passed,
        offered: Some(&plan.hash),
    };
    let moot = judge(&yes, Err(&NoPlan::NothingToHeal), ledger, scene.now)
        .unwrap_err()
        .to_string();
    let told =
        "there is nothing to heal; where the same plan is offered again before its time is over, this approval counts";
    assert!(
        moot.ends_with(told),
        "a retry of the tool may fail after that, and the plan is carried out: {moot}"
    );
    let refusal = judge(&yes, Ok(&running), ledger, scene.now).unwrap_err();
    assert!(
        refusal
            .to_string()
            .ends_with(" waits for the operation: a sync is running")
            && refusal.is_about_the_plan(),
        "{refusal}"
    );
    assert_eq!(
        judge(&yes, Ok(&plan), ledger, plan.expires).unwrap_err().reason(),
        "ApprovalExpired"
    );
}
