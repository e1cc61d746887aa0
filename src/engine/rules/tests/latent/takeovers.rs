//! What a tool, a person or another tool takes over, and what therefore is no trap.

use std::sync::Arc;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{ARGO_CD, argo_cd, fixed_by_hand, http_get, scene, tcp_socket, told, transferred};
use crate::engine::argo_cd::ArgoCd;
use crate::engine::argo_cd::shapes::{quiet, read, set};
use crate::engine::argo_cd::window::Windows;
use crate::engine::diff::{IgnoreRule, PathPattern};
use crate::engine::plan::tests::policy;
use crate::engine::plan::{Memory, NoPlan, assess_and_propose};
use crate::engine::remedy::whole::tests::{by_hand, synced};
use crate::engine::rules::tests::findings;
use crate::engine::syncer::{Applier, Strategy, Syncer};
use crate::engine::{Policy, Snapshot, Tool};

#[test]
fn flux_takes_over_by_itself_what_kubectl_wrote_and_nothing_of_anybody_else() {
    let flux = || Syncer::by(Applier::Flux, Strategy::ServerSideApply, ARGO_CD);
    for (fixer, traps) in [
        ("kubectl-edit", 0),
        ("kubectl", 0),
        ("before-first-apply", 0),
        ("Lens", 1),
        ("k9s", 1),
    ] {
        let (found, plan) = told(&scene(
            &http_get(),
            fixed_by_hand(&http_get(), &tcp_socket(), fixer),
            flux(),
        ));
        assert_eq!(
            (found.traps.len(), found.is_quiet(), plan.is_ok()),
            (traps, traps == 0, traps == 1),
            "{fixer}: {}",
            found.summary
        );
    }
}

#[test]
fn under_client_side_apply_and_beside_what_argo_cd_migrates_there_is_none() {
    for strategy in [Strategy::ClientSideApply, Strategy::Replace] {
        let fixed = by_hand(
            &by_hand(&synced(&http_get(), strategy), &tcp_socket(), "kubectl-patch"),
            &http_get(),
            "kubectl-edit",
        );
        let (found, plan) = told(&scene(
            &http_get(),
            fixed,
            Syncer::by(Applier::ArgoCd, strategy, ARGO_CD),
        ));
        assert_eq!((found.traps.len(), plan), (0, Err(NoPlan::NothingToHeal)));
    }
    let fixed = fixed_by_hand(&http_get(), &tcp_socket(), "kubectl-client-side-apply");
    assert_eq!(told(&scene(&http_get(), fixed, argo_cd())).0.traps, vec![]);
    // Who owns what stands beside the handler is in nobody's way.
    let mut slower = http_get();
    slower["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["periodSeconds"] = json!(7);
    let beside = by_hand(
        &by_hand(&synced(&http_get(), Strategy::ServerSideApply), &slower, "k9s"),
        &http_get(),
        "k9s",
    );
    assert_eq!(told(&scene(&http_get(), beside, argo_cd())).0.traps, vec![]);
}

#[test]
fn what_somebody_applies_is_taken_from_a_person_and_from_no_other_tool() {
    let applied = |manager: &str| {
        let mut live = fixed_by_hand(&http_get(), &tcp_socket(), manager);
        let entries = live["metadata"]["managedFields"].as_array_mut().unwrap();
        entries.iter_mut().find(|entry| entry["manager"] == manager).unwrap()["operation"] = json!("Apply");
        scene(&http_get(), live, argo_cd())
    };
    let person = applied("kubectl");
    let (found, plan) = told(&person);
    assert_eq!(found.traps.len(), 1);
    let after = transferred(&person, &plan.unwrap());
    assert_eq!(
        told(&Snapshot {
            live: Some(after),
            ..person
        })
        .0
        .traps,
        vec![]
    );
    let scene = applied("pipeline");
    let (found, plan) = told(&scene);
    assert_eq!(
        (found.traps.len(), plan),
        (1, Err(NoPlan::TwoAppliers("pipeline".to_owned())))
    );
    let remedy = findings(&scene, &found)
        .into_iter()
        .find(|finding| finding.rule == "latent-trap")
        .and_then(|finding| finding.remedy)
        .unwrap();
    assert!(remedy.contains("pipeline does, too"), "{remedy}");
}

#[test]
fn what_the_tool_takes_from_live_is_in_the_way_of_no_change() {
    let reason = "Application argocd/shop ignores it";
    let path = ".spec.template.spec.containers[*].livenessProbe";
    let rule = IgnoreRule {
        paths: vec![PathPattern::parse(path).unwrap()],
        pointers: Vec::new(),
        parts: Vec::new(),
        managers: Vec::new(),
        reason: reason.to_owned(),
        expires: None,
    };
    let ignoring = Policy {
        ignore: vec![rule],
        ..policy()
    };
    let found = |options: Value| {
        let application = Arc::new(read(&set(quiet(), "/spec/syncPolicy/syncOptions", options)));
        let tool = Tool::ArgoCd(Arc::new(ArgoCd {
            application,
            windows: Windows::none(),
            application_set: None,
            seen_alive: None,
        }));
        let live = fixed_by_hand(&http_get(), &tcp_socket(), "kubectl-edit");
        let scene = Snapshot {
            tool,
            ..scene(&http_get(), live, argo_cd())
        };
        assess_and_propose(&scene, &ignoring, &Memory::default()).0.traps.len()
    };
    assert_eq!(
        found(json!(["ServerSideApply=true"])),
        1,
        "it is compared without it and applied all the same"
    );
    assert_eq!(
        found(json!(["ServerSideApply=true", "RespectIgnoreDifferences=true"])),
        0
    );
}
