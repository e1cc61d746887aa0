//! What is said of a dry run that the API server did not judge: a stale lock is tried again, and each answer is told as
//! what it is.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::proxy::Proxy;
use crate::installation::Installation;
use crate::shop::{Shop, Sync, text};

/// More often than a stale lock is tried again, and than anything else is.
const ALWAYS: usize = 1_000;

/// What each answer of the test says.
fn words(code: u16) -> String {
    format!("answered with {code} by the test")
}

#[test]
fn a_dry_run_that_was_answered_is_told_as_what_it_is_and_a_stale_lock_is_tried_again_before() -> Result<()> {
    let installation = Installation::prepare(&["shop"])?;
    let control_plane = &installation.control_plane;
    let flags = installation.install("confirm", &[])?.without_lease();
    let proxy = Proxy::start(&installation.service_account()?, control_plane.folder())?;
    let _controller = installation.start_controller_through(proxy.kubeconfig(), &flags)?;
    let shop = Shop::open_watched(control_plane, "shop", Sync::ServerSide)?;

    // Another image by hand, which no sync is refused for: the plan's rehearsal is the one dry run.
    let mut last: Option<String> = None;
    let mut rehearsed = |round: usize, answer: &str| -> Result<String> {
        shop.change_container(&json!({"image": format!("registry.example/web:by-hand-{round}")}))?;
        let plan = shop.wait_for_plan(last.as_deref())?;
        // While the deployment controller still writes of the change, that is the answer; it is asked again then.
        let answered = |status: &Value| {
            status["plan"]["hash"] == plan.as_str() && text(&status["plan"]["dryRun"]).contains(answer)
        };
        let status = shop.wait_for_status(&format!("the answer {answer:?}"), answered)?;
        last = Some(plan);
        Ok(text(&status["plan"]["dryRun"]))
    };
    proxy.answer_dry_runs(409, 2);
    let told = rehearsed(0, "by the API server at")?;
    assert!(
        told.starts_with("accepted by the API server at "),
        "a stale lock is no answer: {told}"
    );
    assert_eq!(proxy.dry_runs_left(), 0);
    for (round, code) in [409, 422, 403, 429, 500, 504].into_iter().enumerate() {
        proxy.answer_dry_runs(code, ALWAYS);
        let told = rehearsed(round + 1, &words(code))?;
        assert!(
            told.starts_with("not made: ") && told.contains(&words(code)),
            "{code}: {told}"
        );
        assert!(
            !told.contains("no answer") && !told.contains("was written"),
            "{code}: {told}"
        );
        assert_eq!(
            told.contains(&format!("(status {code})")),
            ![403, 409, 422].contains(&code),
            "{code}: {told}"
        );
        let shown = shop.driftmend(&["report", "web"])?.stdout;
        assert!(shown.contains(&words(code)), "{shown}");
    }
    assert!(proxy.dry_runs_left() < ALWAYS - 1);

    // The coming refusal's own dry run.
    proxy.answer_dry_runs(0, 0);
    shop.change_container(&json!({"image": "registry.example/web:1"}))?;
    shop.wait_for_status("in sync", |status| status["phase"] == "InSync")?;
    let answered = |status: &Value| !status["prediction"]["dryRun"].is_null();
    proxy.answer_dry_runs(409, 2);
    shop.switch_handler("livenessProbe", 8081)?;
    let status = shop.wait_for_status("the server's own word", answered)?;
    assert_eq!(status["prediction"]["dryRun"]["answer"], "Same", "{status:#}");
    for (port, code) in [(8082, 409), (8083, 429), (8084, 500), (8085, 403)] {
        proxy.answer_dry_runs(code, ALWAYS);
        shop.switch_handler("livenessProbe", port)?;
        let told = |status: &Value| text(&status["prediction"]["dryRun"]["message"]).contains(&words(code));
        let status = shop.wait_for_status(&format!("the answer {code}"), told)?;
        assert_eq!(status["prediction"]["dryRun"]["answer"], "Undecided", "{code}");
    }
    Ok(())
}
