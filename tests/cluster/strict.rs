//! What the API server will not take of Git itself: a field that it does not know, and an object that it will not
//! create.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::wait;
use crate::installation::Installation;
use crate::shop::{Shop, Sync, http_get, manifest};

/// How long something may take. It takes seconds; the rest is for a machine that does something else.
const PATIENCE: Duration = Duration::from_secs(150);

#[test]
fn an_unknown_field_is_refused_as_kubectl_has_it_refused_and_what_will_not_be_created_is_told() -> Result<()> {
    let installation = Installation::prepare(&["strict", "created"])?;
    let control_plane = &installation.control_plane;
    let _controller = installation.start_controller(&installation.install("confirm", &[])?.without_lease())?;

    let strict = Shop::open_watched(control_plane, "strict", Sync::ClientSide)?;
    let mut git = manifest(&json!({"livenessProbe": http_get()}));
    git["spec"]["Replicas"] = json!(3);
    assert!(
        strict
            .try_sync(&git)?
            .stderr
            .contains("strict decoding error: unknown field \"spec.Replicas\"")
    );
    strict.commit(&git);
    let status = strict.wait_for_status("a refusal that a dry run confirms", |status| {
        status["prediction"]["confirmedBy"] == "DryRun"
    })?;
    assert_eq!(
        (&status["phase"], &status["prediction"]["dryRun"]["answer"]),
        (&json!("Conflicted"), &json!("Same"))
    );
    // Who applies with --validate=false says so.
    strict.apply_watch(&json!({"validate": "Ignore"}))?;
    strict.wait_for_status("no refusal", |status| status["phase"] == "InSync")?;

    let created = Shop::open_watched(control_plane, "created", Sync::ServerSide)?;
    let mut next = manifest(&json!({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}));
    next["metadata"]["name"] = json!("next");
    assert!(
        created
            .sync(&next)?
            .stderr
            .contains("duplicate entries for key [name=\"A\"]")
    );
    created.commit_file("next.yaml", &format!("{next:#}\n"));
    let asked = [
        "get",
        "driftreport",
        "deployment-next",
        "--ignore-not-found",
        "--output=jsonpath={.status.summary}",
    ];
    let why = "the next sync will not create it: .spec.template.spec.containers[name=\"web\"].env: duplicate entries \
               for key [name=\"A\"]";
    wait::patiently("a report of what is not there", PATIENCE, || {
        let seen = created.kubectl(&asked)?.success()?;
        Ok(if seen.ends_with(why) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(seen)
        })
    })
}
