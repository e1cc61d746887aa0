//! Syncs that failed, or ended without a result.

use serde_json::{Value, json};

use super::{is, standing, without};
use crate::engine::argo_cd::shapes::{BEFORE, HERE, out_of_sync, set, with_state};
use crate::engine::tool_object::action::Action;

#[test]
fn s1_failed_at_this_revision() {
    for phase in ["Failed", "Error"] {
        is(
            &out_of_sync(with_state(phase, HERE)),
            Some("S1"),
            "FailedAtRevision",
            Action::ClearAfterHeal,
        );
        is(&with_state(phase, HERE), Some("S1"), "FailedAtRevision", Action::Clear);
    }
    let manual = set(
        out_of_sync(with_state("Failed", HERE)),
        "/spec/syncPolicy/automated",
        Value::Null,
    );
    is(&manual, Some("S1"), "FailedAtRevision", Action::ClearAfterHeal);
    assert!(!standing(&manual).blocks() && standing(&out_of_sync(with_state("Failed", HERE))).blocks());
    let unknown = set(with_state("Failed", HERE), "/status/sync/status", json!("Unknown"));
    is(&unknown, Some("S1"), "FailedAtRevision", Action::ClearAfterHeal);
}

#[test]
fn a_failure_at_another_revision_or_source_blocks_nothing() {
    is(
        &out_of_sync(with_state("Failed", BEFORE)),
        None,
        "FailedElsewhere",
        Action::Leave,
    );
    let moved = set(
        out_of_sync(with_state("Failed", HERE)),
        "/spec/source/path",
        json!("api"),
    );
    is(&moved, None, "FailedElsewhere", Action::Leave);
    // Argo CD compares the target revision, too.
    let branch = set(
        out_of_sync(with_state("Failed", HERE)),
        "/spec/source/targetRevision",
        json!("HEAD"),
    );
    is(&branch, None, "FailedElsewhere", Action::Leave);
    // What Go does not write makes no other source.
    let empty = set(
        out_of_sync(with_state("Failed", HERE)),
        "/spec/source/directory",
        json!({"recurse": false, "jsonnet": {}}),
    );
    is(&empty, Some("S1"), "FailedAtRevision", Action::ClearAfterHeal);
}

#[test]
fn s1_holds_for_later_commits_where_their_paths_do_not_count() {
    let annotated = set(
        out_of_sync(with_state("Failed", BEFORE)),
        "/metadata/annotations",
        json!({"argocd.argoproj.io/manifest-generate-paths": "/web"}),
    );
    is(&annotated, None, "FailedElsewhere", Action::Leave);
    let told = set(
        annotated,
        "/status/conditions",
        json!([{"type": "SyncError", "message": "Failed last sync attempt to [0badc0de]: …"}]),
    );
    is(&told, Some("S1"), "FailedAtRevision", Action::ClearAfterHeal);
}

#[test]
fn s1_of_several_sources_compares_lists() {
    let sources = json!([{"repoURL": "https://git.example.com/a.git", "path": "a"},
                         {"repoURL": "https://git.example.com/b.git", "path": "b"}]);
    let mut value = out_of_sync(with_state("Failed", HERE));
    value["spec"]["sources"] = sources.clone();
    value["status"]["sync"] = json!({"status": "OutOfSync", "revisions": [HERE, BEFORE]});
    value["status"]["operationState"]["syncResult"] =
        json!({"revision": "", "source": {"repoURL": ""}, "revisions": [HERE, BEFORE], "sources": sources});
    is(&value, Some("S1"), "FailedAtRevision", Action::ClearAfterHeal);
    value["status"]["operationState"]["syncResult"]["revisions"] = json!([BEFORE, BEFORE]);
    is(&value, None, "FailedElsewhere", Action::Leave);
}

#[test]
fn s1_of_a_hydrated_source() {
    let hydrator = json!({
        "drySource": {"repoURL": "https://git.example.com/shop.git", "path": "dry", "targetRevision": "main"},
        "syncSource": {"targetBranch": "env/prod", "path": "web"}
    });
    let value = set(
        out_of_sync(with_state("Failed", HERE)),
        "/spec/sourceHydrator",
        hydrator,
    );
    let synced = json!({"repoURL": "https://git.example.com/shop.git", "path": "web", "targetRevision": "env/prod"});
    is(&value, None, "FailedElsewhere", Action::Leave);
    is(
        &set(value, "/status/operationState/syncResult/source", synced),
        Some("S1"),
        "FailedAtRevision",
        Action::ClearAfterHeal,
    );
}

#[test]
fn s2_completed_without_a_result() {
    for phase in ["Failed", "Error"] {
        let value = without(with_state(phase, HERE), "syncResult");
        is(&value, Some("S2"), "CompletedWithoutResult", Action::Clear);
        is(
            &out_of_sync(value),
            Some("S2"),
            "CompletedWithoutResult",
            Action::ClearAfterHeal,
        );
    }
}
