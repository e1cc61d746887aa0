//! The bytes of the steps: no two that write something else are the same.

use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::engine::argo_cd::reference::ApplicationRef;
use crate::engine::argo_cd::requests::Stale;
use crate::engine::argo_cd::state::OperationPhase;
use crate::engine::flux::reference::KustomizationRef;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::object::FieldPath;
use crate::engine::ownership::{HEAL_MANAGER, Operation};
use crate::engine::plan::{Act, Asked, OnApplication};
use crate::engine::syncer::{Force, Strategy, Syncer, TakesOver};
use crate::engine::tool_object::resource::ResourceRef;

fn paths(text: &str) -> Vec<FieldPath> {
    vec![text.parse().unwrap()]
}

fn on(namespace: &str, name: &str, act: Act) -> Step {
    let application = ApplicationRef {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    Step::OnApplication(Box::new(OnApplication {
        application,
        uid: Some("uid".to_owned()),
        asked: None,
        act,
    }))
}

/// The step on an Application that was made anew under the same name.
fn anew(step: Step) -> Step {
    let Step::OnApplication(step) = step else {
        panic!("{step:?}")
    };
    Step::OnApplication(Box::new(OnApplication {
        uid: Some("another".to_owned()),
        ..*step
    }))
}

fn stale() -> Stale {
    Stale {
        uid: "uid".to_owned(),
        phase: OperationPhase::Failed,
        started_at: "2026-01-05T10:00:00Z".to_owned(),
    }
}

/// The step while a sync of a person is in the way.
fn asked(by: &str, began: Option<&str>, step: Step) -> Step {
    let Step::OnApplication(step) = step else {
        panic!("{step:?}")
    };
    let asked = Asked {
        by: by.to_owned(),
        began: began.map(str::to_owned),
        asks: json!({}),
    };
    Step::OnApplication(Box::new(OnApplication {
        asked: Some(asked),
        ..*step
    }))
}

#[test]
fn no_two_steps_that_write_something_else_have_the_same_bytes() {
    let syncer = || Syncer::new(Strategy::ServerSideApply, "argocd-controller");
    let hand_back = |path: &str, syncer| Step::HandBack {
        paths: paths(path),
        syncer,
    };
    let patch = |value: u8| {
        serde_json::from_value(json!([{"op": "replace", "path": "/spec/replicas", "value": value}])).unwrap()
    };
    let restore = |path: &str, value| Step::Restore {
        paths: paths(path),
        operations: patch(value),
    };
    let transfer = |path: &str, to: &str| Step::Transfer {
        paths: paths(path),
        from: Vec::new(),
        to: to.to_owned(),
        into: Operation::Apply,
    };
    let named = |namespace: &str, name: &str| KustomizationRef {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    let web = || ResourceRef::of(&DEPLOYMENT, "shop", "web");
    let start = |replaces, only| {
        on(
            "argocd",
            "shop",
            Act::Start {
                replaces,
                only,
                touches: touches(),
            },
        )
    };
    let clear_of = |stale, touches| Act::Clear {
        stale,
        touches,
        why: "hooks".to_owned(),
        attempt: 1,
    };
    let clear = |stale| on("argocd", "shop", clear_of(stale, touches()));
    let mut steps = vec![
        ("restore", restore(".spec.replicas", 1)),
        ("restore another path", restore(".spec.paused", 1)),
        ("restore another value", restore(".spec.replicas", 2)),
        ("transfer", transfer(".spec.replicas", "argocd-controller")),
        ("transfer another path", transfer(".spec.paused", "argocd-controller")),
        (
            "transfer to another",
            transfer(".spec.replicas", "kustomize-controller"),
        ),
        ("hand back", hand_back(".spec.replicas", syncer())),
        ("hand back another path", hand_back(".spec.paused", syncer())),
        (
            "hand back to another",
            hand_back(
                ".spec.replicas",
                Syncer {
                    manager: "another".to_owned(),
                    ..syncer()
                },
            ),
        ),
        (
            "hand back otherwise",
            hand_back(
                ".spec.replicas",
                Syncer {
                    strategy: Strategy::ClientSideApply,
                    ..syncer()
                },
            ),
        ),
        (
            "hand back without force",
            hand_back(
                ".spec.replicas",
                Syncer {
                    force: Force::No,
                    ..syncer()
                },
            ),
        ),
        (
            "hand back to a thief",
            hand_back(
                ".spec.replicas",
                Syncer {
                    takes_over: TakesOver::KubectlsAfterDryRun,
                    ..syncer()
                },
            ),
        ),
        ("refresh", on("argocd", "shop", Act::Refresh)),
        ("refresh elsewhere", on("teams", "shop", Act::Refresh)),
        ("refresh another", on("argocd", "office", Act::Refresh)),
        (
            "refresh an application that was made anew",
            anew(on("argocd", "shop", Act::Refresh)),
        ),
        (
            "clear elsewhere",
            on("teams", "shop", clear_of(Some(stale()), touches())),
        ),
        ("clear an application that was made anew", anew(clear(Some(stale())))),
        (
            "start elsewhere",
            on(
                "teams",
                "shop",
                Act::Start {
                    replaces: None,
                    only: web(),
                    touches: touches(),
                },
            ),
        ),
        ("start in an application that was made anew", anew(start(None, web()))),
        (
            "start over a person's sync",
            asked("ada", Some("2026-01-05T10:00:00Z"), start(None, web())),
        ),
        (
            "start over a later one",
            asked("ada", Some("2026-01-05T11:00:00Z"), start(None, web())),
        ),
        (
            "start over one that is asked for",
            asked("ada", None, start(None, web())),
        ),
        (
            "start over another person's",
            asked("ben", Some("2026-01-05T10:00:00Z"), start(None, web())),
        ),
        (
            "start for another",
            start(None, ResourceRef::of(&DEPLOYMENT, "shop", "api")),
        ),
        (
            "start for another kind",
            start(
                None,
                ResourceRef {
                    kind: "StatefulSet".to_owned(),
                    ..web()
                },
            ),
        ),
        (
            "start for another group",
            start(
                None,
                ResourceRef {
                    group: "example.com".to_owned(),
                    ..web()
                },
            ),
        ),
        (
            "start in another namespace",
            start(None, ResourceRef::of(&DEPLOYMENT, "office", "web")),
        ),
        (
            "reconcile",
            Step::Reconcile {
                kustomization: named("flux-system", "shop"),
            },
        ),
        (
            "reconcile elsewhere",
            Step::Reconcile {
                kustomization: named("teams", "shop"),
            },
        ),
        (
            "reconcile another",
            Step::Reconcile {
                kustomization: named("flux-system", "office"),
            },
        ),
    ];
    // What a sync of one resource touches is that resource, and what it brings is said by the digest of Git's document.
    let of_the_whole = [
        "changes a resource",
        "deletes it",
        "from another revision",
        "to another revision",
        "not compared",
    ];
    for (what, touches) in touched() {
        steps.push((what, on("argocd", "shop", clear_of(Some(stale()), touches.clone()))));
        let start = on(
            "argocd",
            "shop",
            Act::Start {
                replaces: None,
                only: web(),
                touches,
            },
        );
        if of_the_whole.contains(&what) {
            assert_eq!(
                start.intent(),
                on(
                    "argocd",
                    "shop",
                    Act::Start {
                        replaces: None,
                        only: web(),
                        touches: self::touches()
                    }
                )
                .intent()
            );
        } else {
            steps.push((what, start));
        }
    }
    for (at, (what, step)) in steps.iter().enumerate() {
        assert_eq!(step.intent()["kind"], json!(format!("{:?}", step.kind())), "{what}");
        for (other, another) in &steps[..at] {
            assert_ne!(
                step.intent(),
                another.intent(),
                "{what} ({:?}) and {other} ({:?})",
                step.kind(),
                another.kind()
            );
        }
    }
    // What an earlier version offered is approved as the same plan by this one.
    let bytes: Vec<Value> = steps.iter().map(|(_, step)| step.intent()).collect();
    assert_eq!(
        digest(&bytes.into()),
        "0d420fe064dcdb7be78a3fc163c369ded58ef4ecd9c51ee766032aa05bbfad36"
    );
    // Whose entry gives, which is always ours.
    assert_eq!(
        transfer(".spec.replicas", "argocd-controller").intent()["from"],
        HEAL_MANAGER
    );
    // Which state is meant is bound when the heal begins: while Argo CD tries again, what is approved stays the same.
    let later = || Stale {
        started_at: "2026-01-05T11:00:00Z".to_owned(),
        ..stale()
    };
    let running = || Stale {
        phase: OperationPhase::Running,
        ..stale()
    };
    for state in [Some(running()), Some(later()), None] {
        assert_eq!(
            clear(state.clone()).intent(),
            clear(Some(stale())).intent(),
            "{state:?}"
        );
        assert_eq!(
            start(state.clone(), web()).intent(),
            start(Some(stale()), web()).intent(),
            "{state:?}"
        );
    }
}
