//! A heal that is cut short at any of its writes ends in the same state, with each step done once.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::driftmend::binary;
use crate::harness::process::Process;
use crate::harness::proxy::{Proxy, Side};
use crate::harness::{ControlPlane, wait};
use crate::installation::{self, Installation};
use crate::shop::{Shop, Sync, condition, owners, probe, text};

/// How long one way to the cut, or to the end, may take.
const PATIENCE: Duration = Duration::from_secs(150);

/// A heal under server-side apply has eight writes: the beginning, three for each of its two steps, the end. Conflicts
/// with the controller's own writes add some; this many are never needed.
const MOST_WRITES: usize = 20;

/// What a round starts from.
struct Round {
    generation: i64,
    plan: String,
}

/// A new drift with an approved plan. Each round has a port of its own: the same drift again would be a plan that is
/// spent.
fn drift_and_plan(shop: &Shop, number: usize, last: Option<&str>) -> Result<Round> {
    shop.switch_handler("livenessProbe", u16::try_from(8_100 + number)?)?;
    let plan = shop.wait_for_plan(last)?;
    let generation = shop.live()?["metadata"]["generation"]
        .as_i64()
        .context("no generation")?;
    Ok(Round { generation, plan })
}

/// The state that every heal must end in, and the writes that it took: each step reached the API server once.
fn assert_healed_once(shop: &Shop, round: &Round, proxy: &Proxy, at: &str) -> Result<()> {
    let status = shop.wait_for_heal(&round.plan)?;
    let writes = proxy.writes();
    let live = shop.live()?;
    assert_eq!(
        live["metadata"]["generation"].as_i64(),
        Some(round.generation + 1),
        "{at}: one roll-out"
    );
    assert_eq!(probe(&live, "livenessProbe")["tcpSocket"], Value::Null, "{at}");
    let ours: Vec<String> = owners(&live)
        .into_iter()
        .filter(|owner| owner.starts_with("driftmend-heal"))
        .collect();
    assert_eq!(ours, Vec::<String>::new(), "{at}");
    let history = status["history"].as_array().cloned().unwrap_or_default();
    let entries: Vec<&Value> = history
        .iter()
        .filter(|entry| entry["planHash"] == round.plan.as_str())
        .collect();
    assert_eq!(entries.len(), 1, "{at}: {entries:?}");
    assert_eq!(entries[0]["result"], "Healed", "{at}");
    let steps: Vec<_> = writes
        .iter()
        .filter(|write| write.request.contains("/deployments/") && write.code == 200)
        .collect();
    assert_eq!(
        steps.len(),
        2,
        "{at}: a Restore and a Transfer, each once, in {writes:?}"
    );
    Ok(())
}

/// `driftmend heal` in its own process, so that it can be killed.
pub fn start_heal(shop: &Shop, kubeconfig: &Path, plan: &str, log: &Path) -> Result<Process> {
    let arguments = [
        "heal",
        "web",
        "-n",
        &shop.namespace,
        "--allow-http",
        "--plan",
        plan,
        "--kubeconfig",
        &kubeconfig.display().to_string(),
    ];
    Process::start(&binary(), &arguments.map(str::to_owned), &[], log)
}

/// Kills `driftmend heal` at one write after the other, and runs it again each time.
fn kill_the_command_line_at_every_write(side: Side) -> Result<()> {
    let control_plane = &installation::shared()?.installation.control_plane;
    // Not among those in which the controller heals.
    let namespace = control_plane.namespace("crash")?;
    let shop = Shop::open_watched(control_plane, &namespace, Sync::ServerSide)?;
    let proxy = Proxy::start(control_plane.admin(), control_plane.folder())?;
    let log = control_plane.folder().join(format!("{namespace}-heal.log"));
    let mut last: Option<String> = None;
    for number in 1..MOST_WRITES {
        let at = format!("killed {side:?} write {number}");
        let round = drift_and_plan(&shop, number, last.as_deref())?;
        shop.approve(&round.plan)?;
        shop.wait_for_condition("Approved", "AwaitingHealer")?;
        proxy.cut_at(number, side);
        let mut heal = start_heal(&shop, proxy.kubeconfig(), &round.plan, &log)?;
        let was_cut = proxy.wait_for_cut(PATIENCE, || Ok(heal.ended()?.is_some()))?;
        heal.kill();
        proxy.open();
        // Where the last write got through before the end, the heal is over, and a second run says so.
        if was_cut && !shop.report()?.unwrap_or_default()["status"]["healing"].is_null()
            || was_cut && number == 1 && side == Side::Before
        {
            let mut again = start_heal(&shop, proxy.kubeconfig(), &round.plan, &log)?;
            let ended = proxy.wait_for_cut(PATIENCE, || Ok(again.ended()?.is_some()));
            ensure!(!ended?, "{at}: the way is open and yet cut");
            let status = again.ended()?.context("it still runs")?;
            ensure!(
                status.success(),
                "{at}: the second run ended with {status}: {}",
                again.log_tail()
            );
        }
        assert_healed_once(&shop, &round, &proxy, &at)?;
        if !was_cut {
            ensure!(
                number > 8,
                "the heal took only {} writes: {:?}",
                number - 1,
                proxy.writes()
            );
            return Ok(());
        }
        last = Some(round.plan);
    }
    anyhow::bail!("the heal still writes after {MOST_WRITES} writes")
}

#[test]
fn the_command_line_killed_before_any_write_goes_on_where_it_stopped() -> Result<()> {
    kill_the_command_line_at_every_write(Side::Before)
}

#[test]
fn the_command_line_killed_after_any_write_goes_on_where_it_stopped() -> Result<()> {
    kill_the_command_line_at_every_write(Side::After)
}

/// Whether a report says that a plan was carried out, in both writes: the end of the heal, and what the controller
/// tells of it.
fn is_told(report: &Value, plan: &str) -> bool {
    let status = &report["status"];
    let last = status["history"].as_array().and_then(|history| history.last());
    let ended = status["healing"].is_null() && last.is_some_and(|entry| entry["planHash"] == plan);
    ended && status["heal"] == "Healed" && condition(status, "Approved")["reason"] == "CarriedOut"
}

/// Whether the way is cut at the last write: the report has it before its answer is lost, and a way that is cut lets
/// not even a read pass.
fn is_cut_at_last(control_plane: &ControlPlane, proxy: &Proxy) -> Result<bool> {
    let kubectl = control_plane.tool("kubectl")?.kubeconfig(proxy.kubeconfig());
    wait::until("the cut or a way that is open", PATIENCE, || {
        if proxy.is_cut() {
            return Ok(ControlFlow::Break(true));
        }
        let answer = kubectl.run(&["get", "--raw=/livez", "--request-timeout=2s"])?;
        Ok(if answer.code == 0 {
            ControlFlow::Break(false)
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })
}

#[test]
fn the_controller_killed_at_any_write_or_left_without_its_answer_ends_in_the_same_state() -> Result<()> {
    let installation = Installation::prepare(&["crash"])?;
    let flags = installation.install("heal", &["crash"])?.without_lease();
    let control_plane = &installation.control_plane;
    let proxy = Proxy::start(&installation.service_account()?, control_plane.folder())?;
    let mut controller = installation.start_controller_through(proxy.kubeconfig(), &flags)?;
    let shop = Shop::open_watched(control_plane, "crash", Sync::ServerSide)?;
    let mut last: Option<String> = None;
    let mut port = 0;
    for number in 1..MOST_WRITES {
        let mut was_cut = false;
        for side in [Side::Before, Side::After] {
            let at = format!("cut {side:?} write {number}");
            port += 1;
            let round = drift_and_plan(&shop, port, last.as_deref())?;
            proxy.cut_at(number, side);
            shop.approve(&round.plan)?;
            let over = || Ok(is_told(&shop.report()?.unwrap_or_default(), &round.plan));
            was_cut = proxy.wait_for_cut(PATIENCE, over)? || is_cut_at_last(control_plane, &proxy)?;
            // A write that was carried out and then the death of its sender is the same state as the next write not
            // sent; so the other side is the one where the sender lives on and does not know.
            let is_killed = was_cut && side == Side::Before;
            if is_killed {
                // Before the way is opened: one that is still there then sends the write after all.
                controller.signal("KILL")?;
                controller.wait_for_end(PATIENCE)?;
            }
            proxy.open();
            if is_killed {
                controller.kill_and_restart()?;
            }
            assert_healed_once(&shop, &round, &proxy, &at)?;
            last = Some(round.plan);
        }
        if !was_cut {
            // The eight of the heal, and the one that tells of its end.
            ensure!(
                number > 9,
                "the heal took only {} writes: {:?}",
                number - 1,
                proxy.writes()
            );
            return Ok(());
        }
    }
    anyhow::bail!("the heal still writes after {MOST_WRITES} writes")
}

/// A shop in which an approved heal by the command line was killed after its first write: the report says that it
/// began, and the Deployment is as it was.
fn begun(prefix: &str) -> Result<(Shop<'static>, Round)> {
    let control_plane = &installation::shared()?.installation.control_plane;
    let namespace = control_plane.namespace(prefix)?;
    let shop = Shop::open_watched(control_plane, &namespace, Sync::ServerSide)?;
    let proxy = Proxy::start(control_plane.admin(), control_plane.folder())?;
    let log = control_plane.folder().join(format!("{namespace}-heal.log"));
    let round = drift_and_plan(&shop, 1, None)?;
    shop.approve(&round.plan)?;
    shop.wait_for_condition("Approved", "AwaitingHealer")?;
    proxy.cut_at(1, Side::After);
    let mut heal = start_heal(&shop, proxy.kubeconfig(), &round.plan, &log)?;
    ensure!(
        proxy.wait_for_cut(PATIENCE, || Ok(heal.ended()?.is_some()))?,
        "the heal made no write"
    );
    heal.kill();
    Ok((shop, round))
}

#[test]
fn an_approval_taken_back_during_a_heal_ends_it() -> Result<()> {
    let (shop, round) = begun("altered")?;
    shop.driftmend(&["deny", "web", "--withdraw"])?.success()?;

    let again = shop.driftmend(&["heal", "web", "--allow-http", "--plan", &round.plan])?;
    let message = format!(
        "interrupted: the approval of plan {} was changed or taken back while it was being carried out",
        &round.plan[..12]
    );
    assert_eq!(
        (again.code, again.stdout.lines().last()),
        (1, Some(format!("failed: {message}").as_str()))
    );
    let status = shop.wait_for_status("the failure", |status| {
        status["healing"].is_null() && !status["history"].is_null()
    })?;
    assert_eq!(
        (&status["history"][0]["result"], text(&status["history"][0]["message"])),
        (&json!("Failed"), message)
    );
    assert_eq!(shop.live()?["metadata"]["generation"].as_i64(), Some(round.generation));
    shop.wait_for_event("DriftReport", "HealFailed")
}

#[test]
fn a_change_before_the_first_write_takes_the_heal_back_and_spends_nothing() -> Result<()> {
    let (shop, round) = begun("overtaken")?;
    shop.switch_handler("livenessProbe", 4242)?;

    let again = shop.driftmend(&["heal", "web", "--allow-http", "--plan", &round.plan])?;
    assert_eq!(again.code, 2, "{}{}", again.stdout, again.stderr);
    for words in [
        "is no longer what is needed",
        "\nhint: nothing was written, and the approval is not spent; ",
    ] {
        assert!(again.stderr.contains(words), "{}", again.stderr);
    }
    let status = shop.wait_for_status("a plan of what is needed now", |status| {
        status["healing"].is_null() && status["plan"]["hash"].as_str().is_some_and(|hash| hash != round.plan)
    })?;
    assert_eq!(
        (&status["heal"], &status["history"]),
        (&json!("AwaitingApproval"), &json!([]))
    );
    let plan = text(&status["plan"]["hash"]);
    shop.approve(&plan)?;
    shop.driftmend(&["heal", "web", "--allow-http", "--plan", &plan])?
        .success()?;
    let healed = shop.wait_for_heal(&plan)?;
    assert_eq!(healed["history"].as_array().map(Vec::len), Some(1));
    Ok(())
}
