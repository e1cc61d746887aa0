//! What waits for the next sync, and what is no longer to be brought by it.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::diff::Severity;
use crate::engine::syncer::Strategy;

#[test]
fn between_commit_and_sync_nothing_has_drifted_under_server_side_apply() {
    let tool = || json!([wrote("gitops", "Apply", "", IMAGE)]);
    let git = image("web:2");
    assert_eq!(
        severities(&git, &image("web:1"), tool(), Strategy::ServerSideApply, None),
        [Severity::Pending]
    );
    // The same name in another kind of write is someone else.
    let other = json!([wrote("gitops", "Update", "", IMAGE)]);
    assert_eq!(
        severities(&git, &image("web:1"), other, Strategy::ServerSideApply, None),
        [Severity::Drift]
    );
}

#[test]
fn a_field_that_live_lacks_is_pending_only_where_the_commit_is_younger_than_the_sync() {
    let mut git = image("web:1");
    git["spec"]["template"]["spec"]["priorityClassName"] = json!("high");
    let at = |commit| {
        severities(
            &git,
            &image("web:1"),
            json!([wrote("gitops", "Apply", "", IMAGE)]),
            Strategy::ServerSideApply,
            commit,
        )
    };
    assert_eq!(at(Some("2026-01-02T00:00:01Z")), [Severity::Pending]);
    assert_eq!(at(Some("2026-01-02T00:00:00Z")), [Severity::Drift]);
    assert_eq!(at(None), [Severity::Drift]);
}

#[test]
fn client_side_apply_is_pending_where_live_is_what_was_applied_last() {
    let git = image("web:2");
    let managed = |image_by: &str, annotation_by: &str| {
        json!([
            wrote(image_by, "Update", "", IMAGE),
            wrote(annotation_by, "Update", "", ANNOTATION)
        ])
    };
    let severity = |last: &str, live: &str, image_by: &str, annotation_by: &str| {
        severities(
            &git,
            &applied(&image(last), image(live)),
            managed(image_by, annotation_by),
            Strategy::ClientSideApply,
            None,
        )
    };
    assert_eq!(severity("web:1", "web:1", "gitops", "gitops"), [Severity::Pending]);
    assert_eq!(severity("web:1", "web:3", "kubectl-edit", "gitops"), [Severity::Drift]);
    // Made by kubectl create, adopted by the tool since.
    assert_eq!(
        severity("web:1", "web:1", "kubectl-create", "gitops"),
        [Severity::Pending]
    );
    // Someone's own kubectl apply wrote the annotation as well.
    assert_eq!(
        severity(
            "web:1",
            "web:1",
            "kubectl-client-side-apply",
            "kubectl-client-side-apply"
        ),
        [Severity::Drift]
    );
}

#[test]
fn client_side_apply_tells_a_new_field_of_git_from_a_removed_one() {
    let mut git = image("web:1");
    git["spec"]["paused"] = json!(true);
    let managed = || json!([wrote("gitops", "Update", "", ANNOTATION)]);
    let severity = |last: &Value| {
        severities(
            &git,
            &applied(last, image("web:1")),
            managed(),
            Strategy::ClientSideApply,
            None,
        )
    };
    assert_eq!(severity(&image("web:1")), [Severity::Pending]);
    assert_eq!(severity(&git), [Severity::Drift]);
}

#[test]
fn the_revision_that_was_synced_last_tells_a_field_new_in_git_from_one_taken_away() {
    let replicas = |count: Option<i64>| {
        let mut object = image("web:1");
        if let Some(count) = count {
            object["spec"]["replicas"] = json!(count);
        }
        object
    };
    let owned = owned(json!([wrote("gitops", "Apply", "", IMAGE)]));
    let managed = Recorded::of(&owned);
    let severity = |desired: Value, synced: Value, live: Value| {
        let syncer = applies(Strategy::ServerSideApply);
        let evidence = Evidence {
            kind: &DEPLOYMENT,
            desired: &desired,
            live: &live,
            managed: &managed,
            syncer: &syncer,
            witness: Witness {
                synced: Some(&synced),
                ..Witness::default()
            },
            rules: &[],
            now: NOW,
        };
        classify(&evidence)
            .into_iter()
            .map(|drift| drift.severity)
            .collect::<Vec<_>>()
    };
    let (none, three) = (|| replicas(None), || replicas(Some(3)));
    assert_eq!(severity(three(), none(), none()), [Severity::Pending], "new in Git");
    assert_eq!(
        severity(three(), three(), none()),
        [Severity::Drift],
        "taken away by hand"
    );
    assert_eq!(
        severity(image("web:2"), image("web:1"), image("web:1")),
        [Severity::Pending]
    );
    // The tool's own field: were it anyone else's write, the field would be theirs. What the tool wrote, admission
    // changed.
    assert_eq!(
        severity(image("web:2"), image("web:1"), image("web:1-mirrored")),
        [Severity::Pending]
    );
    assert_eq!(
        severity(image("web:1"), image("web:1"), image("web:1-mirrored")),
        [Severity::Info]
    );
}
