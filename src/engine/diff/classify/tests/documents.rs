//! What earlier documents say of a field, and whose word they are.

use pretty_assertions::assert_eq;

use super::*;
use crate::engine::kind::DEPLOYMENT;

#[test]
fn a_last_applied_that_the_server_wrote_at_anothers_server_side_apply_is_not_the_tools() {
    let live = applied(&image("web:3"), image("web:3"));
    let severity = |git: &Value, tool_at: &str| {
        let mut tool = wrote("gitops", "Update", "", ANNOTATION);
        tool["time"] = json!(tool_at);
        severities(
            git,
            &live,
            json!([wrote("kubectl", "Apply", "", IMAGE), tool]),
            Strategy::ClientSideApply,
            None,
        )
    };
    assert_eq!(severity(&image("web:1"), "2026-01-01T00:00:00Z"), [Severity::Drift]);
    // The tool has applied since then, and so wrote it again.
    assert_eq!(severity(&image("web:1"), "2026-01-03T00:00:00Z"), [Severity::Pending]);
}

#[test]
fn a_variable_that_git_adds_beside_anothers_is_pending_though_the_document_before_had_no_list_at_all() {
    let with = |names: &[&str]| {
        let mut object = image("web:1");
        object["spec"]["template"]["spec"]["containers"][0]["env"] =
            names.iter().map(|name| json!({"name": name, "value": "1"})).collect();
        object
    };
    let (before, git, live) = (image("web:1"), with(&["B"]), with(&["ADDED"]));
    let severity = |witness| {
        let (syncer, owned) = (
            applies(Strategy::ClientSideApply),
            owned(json!([wrote("gitops", "Update", "", IMAGE)])),
        );
        let evidence = Evidence {
            kind: &DEPLOYMENT,
            desired: &git,
            live: &live,
            managed: &Recorded::of(&owned),
            syncer: &syncer,
            witness,
            rules: &[],
            now: NOW,
        };
        let told = classify(&evidence)
            .into_iter()
            .find(|drift| drift.change.path.to_string().contains("\"B\""));
        told.map(|drift| (drift.severity, drift.moved))
    };
    let pending = Some((Severity::Pending, Some(Moved::Git)));
    assert_eq!(
        severity(Witness {
            synced: Some(&before),
            ..Witness::default()
        }),
        pending
    );
    assert_eq!(
        severity(Witness {
            met: MetAt::Document(&before),
            ..Witness::default()
        }),
        pending
    );
    // What the document before had, and live has no longer, somebody took away.
    assert_eq!(
        severity(Witness {
            synced: Some(&git),
            ..Witness::default()
        }),
        Some((Severity::Drift, Some(Moved::Live)))
    );
}

#[test]
fn what_admission_added_is_not_pending_because_git_moved_elsewhere() {
    let mut live = image("web:1");
    live["spec"]["template"]["spec"]["priorityClassName"] = json!("high");
    let git = image("web:1");
    let later = "2026-01-02T00:10:00Z".parse().unwrap();
    let of = |managed: Value, witness: Witness<'_>| {
        let (syncer, owned) = (applies(Strategy::ServerSideApply), owned(managed));
        let evidence = Evidence {
            kind: &DEPLOYMENT,
            desired: &git,
            live: &live,
            managed: &Recorded::of(&owned),
            syncer: &syncer,
            witness,
            rules: &[],
            now: NOW,
        };
        classify(&evidence)
            .iter()
            .map(|drift| (drift.severity, drift.moved))
            .collect::<Vec<_>>()
    };
    let tool = || json!([wrote("gitops", "Apply", "", IMAGE)]);
    let moved = Witness {
        in_git_since: Some(later),
        first_seen: Some(later),
        committed_at: Some(later),
        ..Witness::default()
    };
    assert_eq!(of(tool(), moved), [(Severity::Info, Some(Moved::Server))]);
    assert_eq!(
        of(
            tool(),
            Witness {
                met: MetAt::Elsewhere,
                ..moved
            }
        ),
        [(Severity::Info, Some(Moved::Server))]
    );
    // What Git had once.
    assert_eq!(
        of(
            tool(),
            Witness {
                met: MetAt::Document(&live),
                ..moved
            }
        ),
        [(Severity::Pending, Some(Moved::Git))]
    );
}
