//! A sync that succeeds and harms: what an autoscaler set is told of before the sync takes it away, although nothing
//! drifted.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::installation;
use crate::shop::{Shop, Sync, http_get, manifest};

/// Sets the replicas as a HorizontalPodAutoscaler does: through the subresource, under its manager's name.
fn autoscale(shop: &Shop, replicas: i32) -> Result<()> {
    let patch = json!({"spec": {"replicas": replicas}}).to_string();
    let by = [
        "patch",
        "deployment",
        "web",
        "--subresource=scale",
        "--type=merge",
        "--field-manager=kube-controller-manager",
        "--patch",
        &patch,
    ];
    shop.kubectl(&by)?.success().map(drop)
}

#[test]
fn a_sync_that_scales_down_is_reported_and_counted_although_nothing_drifted() -> Result<()> {
    let shared = installation::shared()?;
    for (namespace, sync) in [
        ("scaled-by-client", Sync::ClientSide),
        ("scaled-by-server", Sync::ServerSide),
    ] {
        let shop = Shop::open_watched(&shared.installation.control_plane, namespace, sync)?;
        autoscale(&shop, 2)?;
        let status = shop.wait_for_status("what the sync overwrites", |status| {
            status["prediction"]["overwrites"][0]["from"] == 2
        })?;
        assert_eq!(
            (&status["phase"], &status["plan"], &status["prediction"]["verdict"]),
            (&json!("InSync"), &Value::Null, &json!("Reverts"))
        );
        let overwrite = &status["prediction"]["overwrites"][0];
        assert_eq!(
            (&overwrite["path"], &overwrite["to"], &overwrite["subresource"]),
            (&json!(".spec.replicas"), &json!(1), &json!("scale"))
        );
        let told: Vec<&Value> = status["findings"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|finding| &finding["rule"])
            .collect();
        assert_eq!(told, ["next-sync-overwrites"]);
        let series = format!(
            "driftmend_next_sync_harms_fields{{effect=\"overwrites\",kind=\"Deployment\",name=\"web\",\
             namespace=\"{}\"}}",
            shop.namespace
        );
        assert_eq!(shared.controller.metric(&series)?, Some(1.0));
        shop.wait_for_event("Deployment", "NextSyncHarms")?;

        // What was foretold comes, and then there is nothing to tell.
        shop.sync(&manifest(&json!({"livenessProbe": http_get()})))?.success()?;
        assert_eq!(shop.live()?["spec"]["replicas"], 1);
        shop.wait_for_status("nothing to tell", |status| {
            status["prediction"]["overwrites"] == json!([]) && status["findings"] == json!([])
        })?;
        assert_eq!(shared.controller.metric(&series)?, None);
    }
    installation::assert_no_right_was_missing(&shared.controller);
    Ok(())
}
