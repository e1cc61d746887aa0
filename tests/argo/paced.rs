//! The chart's controller in mode heal: clears of several Applications approved at once, and an approval given while
//! Argo CD tries again.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::argo_cd::{ArgoCd, NAMESPACE, Options};
use crate::harness::disturbance::start_heal;
use crate::installation::{self, Installation};
use crate::shop::{Apply, Policy, Shop, in_sync, phase, text};
use crate::watched::{Watched, condition, wait_for_plan_over_a_failure};

/// How many Applications are cleared at once, by the controller and one by a person; `CLEARS_N` asks for more.
const CLEARS: usize = 3;

/// Which of them is cleared by a person: in the middle of the line.
const BY_HAND: usize = 1;

/// Between two clears.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// What only a sync of the whole runs.
fn hook(text: &str) -> Value {
    let annotations =
        json!({"argocd.argoproj.io/hook": "PostSync", "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation"});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "after", "annotations": annotations},
           "data": {"text": text}})
}

/// When the clear of a heal was sent.
fn cleared_at(status: &Value) -> Result<Timestamp> {
    let requests = status["history"][0]["requests"].as_array().into_iter().flatten();
    let clear = requests
        .into_iter()
        .find(|request| request["kind"] == "ClearOperation")
        .context("nothing was cleared")?;
    Ok(text(&clear["at"]).parse()?)
}

/// How many clears are asked for.
fn clears_asked() -> Result<usize> {
    match std::env::var("CLEARS_N") {
        Ok(number) => Ok(number
            .parse::<usize>()
            .with_context(|| format!("CLEARS_N is no number: {number}"))?
            .max(CLEARS)),
        Err(_) => Ok(CLEARS),
    }
}

/// The report of one after its heal: where many stand in line, its turn is long in coming, and each wait is for a sign
/// of life.
fn healed_in_its_turn(one: &Watched<'_>) -> Result<Value> {
    let mut place = String::new();
    loop {
        let status = one.wait_for_status("the healed report, or the next place in line", |status| {
            status["heal"] == "Healed" || text(&condition(status, "Approved")["message"]) != place
        })?;
        if status["heal"] == "Healed" {
            return Ok(status);
        }
        ensure!(status["heal"] != "Failed", "{status:#}");
        place = text(&condition(&status, "Approved")["message"]);
    }
}

#[test]
fn clears_approved_at_once_come_in_that_order_ten_seconds_apart_and_what_was_approved_in_a_retry_is_carried_out()
-> Result<()> {
    let installation = Installation::prepare(&[])?;
    let control_plane = &installation.control_plane;
    let argo_cd = ArgoCd::start(control_plane, &Options::default())?;
    let open = |name: &str, policy, manifests: &[Value]| {
        Shop::open_at(
            control_plane,
            &argo_cd,
            NAMESPACE,
            name,
            Apply::ServerSide,
            policy,
            manifests,
        )
    };
    let count = clears_asked()?;
    let shops: Vec<Shop<'_>> = (0..count)
        .map(|at| open(&format!("paced-{at}"), Policy::Automated, &[hook("old")]))
        .collect::<Result<_>>()?;
    let retried = open("paced-retry", Policy::SelfHeal, &[])?;
    let by_hand = shops[BY_HAND].namespace.clone();
    let healed = shops.iter().chain([&retried]).map(|shop| shop.namespace.as_str());
    let namespaces: Vec<&str> = healed.filter(|namespace| *namespace != by_hand).collect();
    let applications: (&str, &[&str]) = ("heal.applications.namespaces", &[NAMESPACE]);
    let flags = installation.install_with(
        "heal",
        &namespaces,
        &[("argocd.namespaces", &[NAMESPACE]), applications],
    )?;
    let controller = installation.start_controller(&flags)?;
    let watched: Vec<Watched<'_>> = shops
        .into_iter()
        .map(|shop| Watched::beside(shop, &json!({})))
        .collect::<Result<_>>()?;
    let retried = Watched::beside(retried, &json!({}))?;

    for one in &watched {
        one.shop.switch_handler()?;
        one.shop.commit(&[hook("new")]);
        one.shop.argo_cd.refresh(&one.shop.application)?;
    }
    let steps = ["HandBack", "Refresh", "ClearOperation"];
    let plans: Vec<String> = watched
        .iter()
        .map(|one| wait_for_plan_over_a_failure(one, &steps))
        .collect::<Result<_>>()?;
    // The last one first, each a moment after the one before.
    let log = control_plane.folder().join("by-hand.log");
    let mut person = None;
    for (one, plan) in watched.iter().zip(&plans).rev() {
        one.driftmend(&["approve", "web", "--plan", plan])?.success()?;
        if one.shop.namespace == by_hand {
            person = Some(start_heal(control_plane.admin(), &by_hand, plan, &[], &log)?);
        }
        thread::sleep(Duration::from_millis(1_100));
    }
    watched[0].wait_for_status("a place in line", |status| {
        text(&condition(status, "Approved")["message"]).contains("waits for its turn to clear: ")
    })?;
    let mut clears = Vec::new();
    for (one, plan) in watched.iter().zip(&plans).rev() {
        let status = healed_in_its_turn(one)?;
        assert_eq!(
            (&status["history"][0]["planHash"], &status["history"][0]["result"]),
            (&json!(plan), &json!("Healed"))
        );
        clears.push(cleared_at(&status)?);
        assert_eq!(
            one.shop.object("configmap", "after")?.read()?["data"]["text"],
            "new",
            "the hook was not run"
        );
    }
    assert!(
        clears.windows(2).all(|pair| pair[1].duration_since(pair[0]) >= PAUSE),
        "{clears:?}"
    );
    drop(person);
    let lease = control_plane
        .kubectl(&["get", "leases", "--all-namespaces", "--output=json"])?
        .success()?;
    assert!(
        lease.contains("driftmend.dev/last-clear") && lease.contains(&plans[0]),
        "other processes are not told: {lease}"
    );

    // An approval in the middle of Argo CD's retries.
    let shop = &retried.shop;
    shop.retry_by(&json!({"limit": 50, "backoff": {"duration": "3s", "factor": 1, "maxDuration": "3s"}}))?;
    shop.switch_handler()?;
    let plan = retried.wait_for_plan(&["HandBack", "Refresh", "StartOperation"])?;
    shop.wait_until("three retries", |seen| {
        seen["status"]["operationState"]["retryCount"].as_i64() >= Some(3)
    })?;
    retried.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
    let status = retried.wait_for_status("the healed report", |status| status["heal"] == "Healed")?;
    assert_eq!(status["history"][0]["planHash"], plan.as_str());
    shop.wait_until("Synced", |seen| in_sync(seen) && phase(seen) == "Succeeded")?;
    installation::assert_no_right_was_missing(&controller);
    Ok(())
}
