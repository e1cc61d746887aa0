use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::argo_cd::shapes::{BEFORE, HERE, quiet, read, set, time, with_state};
use crate::engine::argo_cd::source::{Directory, SourceKind};
use crate::engine::argo_cd::state::OperationPhase;
use crate::engine::kind::DEPLOYMENT;

const RESULT: &str = "/status/operationState/syncResult";

fn revision(value: &Value) -> Option<Revision> {
    read(value).synced_revision().cloned()
}

fn one(revision: &str) -> Option<Revision> {
    Some(Revision::One(revision.to_owned()))
}

#[test]
fn facts_are_read() {
    let found = read(&set(
        with_state("Succeeded", HERE),
        "/metadata/annotations",
        json!({SKIP_RECONCILE: "true"}),
    ));
    assert_eq!(
        (found.namespace.as_str(), found.name.as_str(), found.project.as_str()),
        ("argocd", "shop", "retail")
    );
    assert_eq!(
        (found.uid.as_deref(), found.resource_version.as_deref()),
        (Some("7d0e"), Some("41"))
    );
    assert_eq!(
        found.automated(),
        Some(Automated {
            enabled: None,
            prune: true,
            self_heal: true
        })
    );
    assert_eq!(
        found.sync,
        Some(SyncStatus {
            status: "Synced".to_owned(),
            revision: one(HERE)
        })
    );
    assert_eq!(found.reconciled_at, Some(time("2026-03-02T10:00:05Z")));
    assert_eq!(found.resources[0].resource, ResourceRef::of(&DEPLOYMENT, "shop", "web"));
    assert_eq!(
        (found.history[0].automated, found.history[0].deployed_at),
        (Some(true), Some(time("2026-03-01T09:00:00Z")))
    );
    assert_eq!(
        found.state.as_ref().map(|state| &state.phase),
        Some(&OperationPhase::Succeeded)
    );
    assert!(found.skips_reconcile());
}

#[test]
fn a_bare_application_has_no_facts_and_no_guesses() {
    let found = read(&json!({"metadata": {"name": "bare"}}));
    assert_eq!(
        (
            found.uid,
            found.annotations,
            found.sync,
            found.state,
            found.reconciled_at
        ),
        (None, None, None, None, None)
    );
    assert_eq!(
        (found.sources, found.policy, found.project.as_str()),
        (Sources::Absent, SyncPolicy::default(), "default")
    );
    assert_eq!(revision(&json!({"metadata": {"name": "bare"}})), None);
}

#[test]
fn wrong_types_are_named() {
    for (pointer, wrong, told) in [
        ("/metadata/name", json!(7), "/metadata/name is not a text"),
        (
            "/spec/syncPolicy/automated/selfHeal",
            json!("yes"),
            "/spec/syncPolicy/automated/selfHeal is not true or false",
        ),
        (
            "/status/sync/revisions",
            json!([1]),
            "/status/sync/revisions is not a list of texts",
        ),
        (
            "/status/reconciledAt",
            json!("yesterday"),
            "/status/reconciledAt is not a time (RFC 3339)",
        ),
        ("/status/history", json!({}), "/status/history is not a list"),
        ("/operation", json!(true), "/operation is not an object"),
        (
            "/status/operationState",
            json!({}),
            "/status/operationState/phase is not a text",
        ),
    ] {
        let error = Application::read(&set(quiet(), pointer, wrong)).unwrap_err();
        assert_eq!(error.to_string(), told);
    }
}

#[test]
fn sources_have_their_kind() {
    let kind = |value: &Value| read(value).sources.single().map(|source| source.kind);
    assert_eq!(kind(&quiet()), Some(SourceKind::Directory));
    assert_eq!(
        kind(&set(quiet(), "/status/sourceType", json!("Kustomize"))),
        Some(SourceKind::Kustomize)
    );
    assert_eq!(
        kind(&set(quiet(), "/status/sourceType", Value::Null)),
        Some(SourceKind::Undetected)
    );
    assert_eq!(
        kind(&set(quiet(), "/spec/source/helm", json!({"valueFiles": ["a.yaml"]}))),
        Some(SourceKind::Helm)
    );
    assert_eq!(
        kind(&set(quiet(), "/spec/source/helm", json!({"valueFiles": null}))),
        Some(SourceKind::Directory)
    );
    assert_eq!(
        kind(&set(quiet(), "/spec/source/chart", json!("shop"))),
        Some(SourceKind::Helm)
    );
    assert_eq!(
        kind(&set(quiet(), "/spec/source/plugin", json!({"name": "cue"}))),
        Some(SourceKind::Plugin)
    );
    let several = set(quiet(), "/spec/sources", json!([{"repoURL": "a"}, {"repoURL": "b"}]));
    assert!(read(&several).sources.several() && kind(&several).is_none());
    let hydrated = set(
        several,
        "/spec/sourceHydrator",
        json!({"drySource": {"repoURL": "dry"}, "syncSource": {"targetBranch": "env", "path": "web"}}),
    );
    let Sources::Hydrated(source) = read(&hydrated).sources else {
        panic!("{hydrated}")
    };
    assert_eq!(
        (
            source.repo_url.as_deref(),
            source.target_revision.as_deref(),
            source.path.as_deref()
        ),
        (Some("dry"), Some("env"), Some("web"))
    );
    let options = set(
        quiet(),
        "/spec/source/directory",
        json!({"recurse": true, "exclude": "*.txt", "jsonnet": {"libs": ["lib"]}}),
    );
    let expected = Directory {
        recurse: true,
        include: None,
        exclude: Some("*.txt".to_owned()),
        jsonnet: true,
    };
    assert_eq!(
        read(&options).sources.single().map(|source| source.directory.clone()),
        Some(expected)
    );
}

#[test]
fn the_synced_revision_is_that_of_the_last_whole_success() {
    assert_eq!(revision(&quiet()), one(BEFORE));
    assert_eq!(revision(&with_state("Succeeded", HERE)), one(HERE));
    for phase in ["Failed", "Error", "Running", "Terminating"] {
        assert_eq!(revision(&with_state(phase, HERE)), one(BEFORE), "{phase}");
    }
    let limited = set(
        with_state("Succeeded", HERE),
        "/status/operationState/operation/sync/resources",
        json!([{"kind": "Service", "name": "web"}]),
    );
    assert_eq!(revision(&limited), one(BEFORE));
    assert_eq!(
        revision(&set(
            with_state("Succeeded", HERE),
            "/status/operationState/operation/sync/dryRun",
            json!(true)
        )),
        one(BEFORE)
    );
    let no_history = set(with_state("Succeeded", HERE), "/status/history", Value::Null);
    assert_eq!(revision(&no_history), one(HERE));
    assert_eq!(revision(&set(quiet(), "/status/history", Value::Null)), None);
}

#[test]
fn a_resource_may_be_further_than_the_whole() {
    let entry = |status: &str| {
        json!([{"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web",
                                       "status": status}])
    };
    let of = |value: &Value, name: &str| {
        read(value)
            .synced_revision_of(&ResourceRef::of(&DEPLOYMENT, "shop", name))
            .cloned()
    };
    let failed = |status: &str| {
        set(
            with_state("Failed", HERE),
            &format!("{RESULT}/resources"),
            entry(status),
        )
    };
    // Applied in the same wave as the one that failed.
    assert_eq!(of(&failed("Synced"), "web"), one(HERE));
    assert_eq!(of(&failed("SyncFailed"), "web"), one(BEFORE));
    assert_eq!(of(&failed("Synced"), "api"), one(BEFORE));
    assert_eq!(
        of(
            &set(
                failed("Synced"),
                "/status/operationState/operation/sync/dryRun",
                json!(true)
            ),
            "web"
        ),
        one(BEFORE)
    );
    assert_eq!(of(&with_state("Succeeded", HERE), "web"), one(HERE));
}

#[test]
fn several_revisions_are_one_fact() {
    let value = set(quiet(), "/status/history/0/revisions", json!([HERE, BEFORE]));
    assert_eq!(
        revision(&value),
        Some(Revision::Several(vec![HERE.to_owned(), BEFORE.to_owned()]))
    );
    assert_eq!(revision(&value).unwrap().to_string(), format!("{HERE}, {BEFORE}"));
    assert_eq!(revision(&value).unwrap().one(), None);
}
