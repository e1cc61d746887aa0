//! Fields that Flux is told to ignore: it leaves them alone when it applies, and that is predicted.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::shop::{PERSON, Shop, deployment, http_get};
use crate::watched::Watched;

#[test]
fn what_flux_ignores_is_not_told_as_overwritten_and_stays() -> Result<()> {
    let shop = Shop::open_with(
        "ignored",
        &json!({"ignore": [{"paths": ["/spec/replicas"], "target": {"kind": "Deployment"}}]}),
    )?;
    let watched = Watched::open(shop, &json!({}))?;
    let shop = &watched.shop;
    shop.deployment
        .merge_patch(PERSON, &json!({"spec": {"replicas": 3}}))?
        .success()?;
    let mut next = deployment(&http_get());
    next["spec"]["minReadySeconds"] = json!(1);
    // Git has it, and Flux has not fetched it.
    shop.commit(&[("web.yaml", &format!("{next:#}\n"))]);
    let status = watched.wait_for_status("what waits", |status| {
        status["phase"] == "Pending"
            && status["counts"]["pending"] == 1
            && status["counts"]["ignored"].as_u64() > Some(0)
    })?;
    assert_eq!(status["prediction"]["overwrites"], json!([]), "{status:#}");
    let revision = shop.publish(&next)?;
    shop.flux.wait_ready(&shop.kustomization, &revision)?;
    let live = shop.deployment.read()?;
    assert_eq!(
        (&live["spec"]["replicas"], &live["spec"]["minReadySeconds"]),
        (&json!(3), &json!(1))
    );
    watched
        .wait_for_status("quiet", |status| status["phase"] == "InSync")
        .map(drop)
}
