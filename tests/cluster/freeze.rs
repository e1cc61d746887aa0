//! The freeze annotation stops every write at once, wherever it stands, and the heal goes on when it is taken away.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::installation;
use crate::shop::{Shop, Sync};

const FREEZE: &str = "driftmend.dev/freeze";

#[test]
fn no_write_while_a_freeze_stands_on_the_namespace_the_watch_or_the_report_and_on_it_goes_after() -> Result<()> {
    let shop = Shop::open_watched(
        &installation::shared()?.installation.control_plane,
        "freeze",
        Sync::ServerSide,
    )?;
    let mut last: Option<String> = None;
    for (round, (place, object)) in [
        ("namespace", "namespace/freeze"),
        ("watch", "driftwatch/shop"),
        ("report", "driftreport/deployment-web"),
    ]
    .into_iter()
    .enumerate()
    {
        shop.switch_handler("livenessProbe", u16::try_from(8_080 + round)?)?;
        let plan = shop.wait_for_plan(last.as_deref())?;
        shop.kubectl(&["annotate", object, &format!("{FREEZE}=release day")])?
            .success()?;
        let before = shop.live()?["metadata"]["generation"].clone();
        shop.approve(&plan)?;
        let told = shop.wait_for_condition("Approved", "Frozen")?;
        let message =
            format!("the plan is approved and waits: frozen by the annotation {FREEZE} on the {place}: release day");
        assert_eq!((&told["status"], &told["message"]), (&json!("True"), &json!(message)));
        let by_hand = shop.driftmend(&["heal", "web", "--allow-http", "--plan", &plan])?;
        assert_eq!(by_hand.code, 2, "{}{}", by_hand.stdout, by_hand.stderr);
        assert!(
            by_hand
                .stderr
                .contains(&format!("frozen by the annotation {FREEZE} on the {place}")),
            "{}",
            by_hand.stderr
        );
        assert_eq!(shop.live()?["metadata"]["generation"], before, "{place}");

        shop.kubectl(&["annotate", object, &format!("{FREEZE}-")])?.success()?;
        shop.wait_for_heal(&plan)?;
        last = Some(plan);
    }
    Ok(())
}
