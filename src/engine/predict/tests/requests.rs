//! The requests that the next sync makes.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::last_applied::LAST_APPLIED;
use crate::engine::syncer::Force;

#[test]
fn the_request_of_a_client_side_apply_is_the_patch_that_kubectl_computes() {
    let mut live = synced(Strategy::ClientSideApply);
    switch_to_tcp(&mut live, &["livenessProbe"]);
    let asked = request(&DEPLOYMENT, &git(), &live, &syncer(Strategy::ClientSideApply)).unwrap();
    assert_eq!(
        (asked.patch.content_type(), asked.field_manager.as_str()),
        ("application/strategic-merge-patch+json", GIT)
    );
    let container = json!({"name": "app", "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}}});
    let spec = json!({"$setElementOrder/containers": [{"name": "app"}], "containers": [container]});
    assert_eq!(asked.patch.body()["spec"], json!({"template": {"spec": spec}}));
    let annotation = asked.patch.body()["metadata"]["annotations"][LAST_APPLIED]
        .as_str()
        .unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(annotation).unwrap()["spec"],
        git()["spec"]
    );
}

#[test]
fn the_request_of_a_server_side_apply_is_the_manifest_with_what_was_dumped_from_a_cluster() {
    let live = synced(Strategy::ServerSideApply);
    let mut manifest = git();
    manifest["metadata"]["resourceVersion"] = json!("1");
    manifest["metadata"].as_object_mut().unwrap().remove("namespace");
    for force in [Force::Yes, Force::No] {
        let asked = request(
            &DEPLOYMENT,
            &manifest,
            &live,
            &Syncer {
                force,
                ..syncer(Strategy::ServerSideApply)
            },
        )
        .unwrap();
        assert_eq!(asked.patch.content_type(), "application/apply-patch+yaml");
        // The namespace is that of the request.
        let mut sent = manifest.clone();
        sent["metadata"]["namespace"] = live["metadata"]["namespace"].clone();
        let (field_manager, field_validation) = (GIT.to_owned(), FieldValidation::Ignore);
        assert_eq!(
            asked,
            SyncRequest {
                patch: SyncPatch::Apply(sent, force),
                field_manager,
                field_validation
            }
        );
    }
}

#[test]
fn a_replace_and_a_sync_that_its_tool_gives_up_have_no_request() {
    let live = synced(Strategy::ClientSideApply);
    assert_eq!(
        request(&DEPLOYMENT, &git(), &live, &syncer(Strategy::Replace)),
        Err(NoRequest::Replace)
    );
    let mut keyless = git();
    keyless["spec"]["template"]["spec"]["containers"][0]
        .as_object_mut()
        .unwrap()
        .remove("name");
    assert_eq!(
        request(&DEPLOYMENT, &keyless, &live, &syncer(Strategy::ClientSideApply)),
        Err(NoRequest::GivesUp)
    );
}
