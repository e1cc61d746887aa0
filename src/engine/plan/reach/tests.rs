use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::plan::tests::{policy, snapshot};
use crate::engine::remedy::whole::tests::{by_hand, synced};
use crate::engine::rules::tests::latent::{http_get, tcp_socket};
use crate::engine::syncer::{Applier, Strategy, Syncer};
use crate::engine::{Snapshot, assess};

fn scene(git: &Value, live: Value) -> Snapshot {
    Snapshot {
        syncer: Syncer::by(Applier::ArgoCd, Strategy::ServerSideApply, "argocd-controller"),
        ..snapshot(git.clone(), live)
    }
}

fn with(document: &Value, image: &str) -> Value {
    let mut document = document.clone();
    document["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    document
}

#[test]
fn what_comes_between_the_first_write_and_the_sync_is_beyond_what_was_approved() {
    let git = with(&http_get(), "app:1");
    let broken = by_hand(
        &synced(&git, Strategy::ServerSideApply),
        &with(&tcp_socket(), "app:1"),
        "kubectl-patch",
    );
    let known = reach(&assess(&scene(&git, broken.clone()), &policy()), &[]).unwrap();
    let own: Vec<FieldPath> = vec![
        ".spec.template.spec.containers[name=\"app\"].livenessProbe.tcpSocket"
            .parse()
            .unwrap(),
    ];
    let found = |git: &Value, live: Value| {
        beyond(&assess(&scene(git, live), &policy()), &own, &known).map(|path| path.to_string())
    };
    let image = Some(".spec.template.spec.containers[name=\"app\"].image".to_owned());
    assert_eq!(found(&git, broken.clone()), None);
    // A hot fix, and a commit.
    assert_eq!(
        found(&git, by_hand(&broken, &with(&tcp_socket(), "app:9"), "kubectl-edit")),
        image
    );
    assert_eq!(found(&with(&git, "app:2"), broken.clone()), image);
    // Git takes the change over: nothing is left to change.
    assert_eq!(found(&with(&tcp_socket(), "app:1"), broken.clone()), None);
    // What Git does not set stays, and so does what a caution tells of.
    let mut labelled = broken.clone();
    labelled["metadata"]["labels"]["team"] = json!("shop");
    assert_eq!(found(&git, labelled), None);
    let path: FieldPath = ".spec.template.spec.containers[name=\"app\"].image".parse().unwrap();
    let told = Overwrite {
        path,
        from: None,
        to: Some(json!("app:1")),
        owners: Vec::new(),
        severity: Severity::Info,
        reason: None,
    };
    let caution = Caution {
        fields: vec![told],
        ..Caution::note("Overwrites", "")
    };
    let known = reach(&assess(&scene(&git, broken.clone()), &policy()), &[caution]).unwrap();
    let edited = scene(&git, by_hand(&broken, &with(&tcp_socket(), "app:9"), "kubectl-edit"));
    assert_eq!(beyond(&assess(&edited, &policy()), &own, &known), None);
}

#[test]
fn of_too_many_changes_nothing_is_remembered() {
    let path = |at: usize| FieldPath::of(&["metadata", "labels", &at.to_string()]);
    let field = |at| Overwrite {
        path: path(at),
        from: None,
        to: None,
        owners: Vec::new(),
        severity: Severity::Info,
        reason: None,
    };
    let caution = |count| Caution {
        fields: (0..count).map(field).collect(),
        ..Caution::note("Overwrites", "")
    };
    let scene = scene(&http_get(), synced(&http_get(), Strategy::ServerSideApply));
    let marks = |count| reach(&assess(&scene, &policy()), &[caution(count)]).map(|marks| marks.len());
    assert_eq!((marks(MOST), marks(MOST + 1)), (Some(MOST), None));
}
