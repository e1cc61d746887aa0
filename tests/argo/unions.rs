//! Unions and lists of ports while Git moves on, and what is in the way of Git's next change although Argo CD calls all
//! Synced.

use anyhow::{Context, Result};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::watched::finding;
use crate::shop::{Apply, Policy, Shop, deployment, exec, http_get, in_sync, ours};
use crate::watched::{Watched, kinds};

/// Where the container's ports are.
const PORTS: &str = "/spec/template/spec/containers/0/ports";

/// Where what was applied last is.
const LAST_APPLIED: &str = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";

/// A person who mends the Deployment by hand.
const FIXER: &str = "kubectl-edit";

fn tcp_socket() -> Value {
    json!({"tcpSocket": {"port": 8080}})
}

/// The one handler of a probe.
fn handler(probe: &Value) -> Vec<&str> {
    let all = ["exec", "httpGet", "tcpSocket", "grpc"];
    all.into_iter().filter(|name| !probe[name].is_null()).collect()
}

/// Heals by the plan that begins with this step, whatever Argo CD needs afterwards.
fn heal_by(watched: &Watched<'_>, first: &str) -> Result<Value> {
    let status = watched.wait_for_status(&format!("a plan that begins with {first}"), |status| {
        kinds(status).first() == Some(&first)
    })?;
    watched.heal(&kinds(&status))
}

/// Commits a document whose sync is refused, and waits until Argo CD has given it up.
fn refused(shop: &Shop, policy: Policy, document: &Value) -> Result<String> {
    let revision = shop.commit(std::slice::from_ref(document));
    shop.argo_cd.refresh(&shop.application)?;
    shop.wait_until("the new revision", |seen| {
        seen["status"]["sync"]["revision"] == revision.as_str()
    })?;
    if policy == Policy::Manual {
        shop.sync(&json!({}))?;
    }
    shop.wait_until_failed(Some(&revision))?;
    Ok(revision)
}

/// Checks that Git's next handlers go through.
fn the_next_handlers_go_through(watched: &Watched<'_>, policy: Policy, probes: &[Value]) -> Result<()> {
    let shop = &watched.shop;
    for probe in probes {
        let revision = shop.commit(&[deployment(probe)]);
        shop.bring(policy, &revision)?;
        assert_eq!(handler(&shop.probe()?), handler(probe));
    }
    assert_eq!(ours(&shop.deployment.read()?), Vec::<String>::new());
    Ok(())
}

/// A person's handler, Git's next one while it is there, and the heal.
fn git_moves_on_to_a_third_handler(name: &str, apply: Apply, policy: Policy, more: &Value) -> Result<()> {
    let watched = Watched::open(Shop::open(name, apply, policy, &[])?, more)?;
    let shop = &watched.shop;
    shop.switch_handler()?;
    refused(shop, policy, &deployment(&exec()))?;
    watched.wait_for_status("the coming refusal", |status| {
        status["phase"] == "Conflicted" && !status["plan"].is_null()
    })?;
    let healed = heal_by(&watched, "Restore")?;
    assert_eq!(
        healed["history"].as_array().map(Vec::len),
        Some(1),
        "one approval, one heal: {:#}",
        healed["history"]
    );
    assert_eq!(handler(&shop.probe()?), ["exec"]);
    shop.wait_until("Synced", in_sync)?;
    shop.wait_until_settled()?;
    the_next_handlers_go_through(&watched, policy, &[http_get(), exec()])
}

#[test]
fn a_third_handler_of_git_comes_whole_under_client_side_apply() -> Result<()> {
    git_moves_on_to_a_third_handler("third-client", Apply::ClientSide, Policy::SelfHeal, &json!({}))
}

#[test]
fn a_third_handler_of_git_comes_whole_under_server_side_apply() -> Result<()> {
    git_moves_on_to_a_third_handler(
        "third-server",
        Apply::ServerSide,
        Policy::Manual,
        &json!({"remedy": "Restore"}),
    )
}

/// Git with its one port on this number.
fn on(port: u32) -> Value {
    let mut manifest = deployment(&exec());
    manifest["spec"]["template"]["spec"]["containers"][0]["ports"] = json!([{"name": "http", "containerPort": port}]);
    manifest
}

#[test]
fn a_port_that_git_moves_while_another_one_is_live_leaves_a_deployment_with_ports() -> Result<()> {
    for (name, apply) in [("ports-client", Apply::ClientSide), ("ports-server", Apply::ServerSide)] {
        let shop = Shop::open(name, apply, Policy::Manual, &[])?;
        let revision = shop.commit(&[on(8080)]);
        shop.bring(Policy::Manual, &revision)?;
        let watched = Watched::open(shop, &json!({"remedy": "Restore"}))?;
        let shop = &watched.shop;
        let patch = json!([{"op": "replace", "path": format!("{PORTS}/0/containerPort"), "value": 9090}]);
        shop.deployment.json_patch(FIXER, &patch)?.success()?;
        refused(shop, Policy::Manual, &on(8081))?;
        heal_by(&watched, "Restore")?;
        let ports = shop.deployment.read()?.pointer(PORTS).cloned().context("no ports")?;
        assert_eq!(
            ports,
            json!([{"name": "http", "containerPort": 8081, "protocol": "TCP"}]),
            "{name}"
        );
        shop.wait_until("Synced", in_sync)?;
        shop.wait_until_settled()?;
        let revision = shop.commit(&[on(8080)]);
        shop.bring(Policy::Manual, &revision)?;
    }
    Ok(())
}

#[test]
fn a_port_that_git_takes_over_is_a_trap_until_it_is_argo_cds() -> Result<()> {
    let policy = Policy::Manual;
    let tries = |shop: &Shop, more: &[&str]| {
        let mut next = on(9091);
        next["metadata"]["namespace"] = json!(shop.namespace);
        let arguments = [&["apply", "--dry-run=server", "-f", "-"][..], more].concat();
        shop.control_plane
            .tool("kubectl")?
            .input(next.to_string())
            .run(&arguments)
    };
    for (name, apply, more, first) in [
        ("taken-client", Apply::ClientSide, &[][..], "Refresh"),
        (
            "taken-server",
            Apply::ServerSide,
            &[
                "--server-side",
                "--force-conflicts",
                "--field-manager=argocd-controller",
            ],
            "Transfer",
        ),
    ] {
        let shop = Shop::open(name, apply, policy, &[])?;
        shop.bring(policy, &shop.commit(&[on(8080)]))?;
        let watched = Watched::open(shop, &json!({}))?;
        let shop = &watched.shop;
        let patch = json!([{"op": "replace", "path": format!("{PORTS}/0/containerPort"), "value": 9090}]);
        shop.deployment.json_patch(FIXER, &patch)?.success()?;
        let revision = shop.commit(&[on(9090)]);
        shop.argo_cd.refresh(&shop.application)?;
        shop.wait_until("Synced", |seen| {
            in_sync(seen) && seen["status"]["sync"]["revision"] == revision.as_str()
        })?;
        let status = watched.wait_for_status("the trap", |status| finding(status, "latent-trap").is_object())?;
        let message = finding(&status, "latent-trap")["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(
            message.contains("port 9090 of container web to another number in Git will be refused"),
            "{message}"
        );
        let tried = tries(shop, more)?;
        assert!(
            tried.code != 0 && tried.stderr.contains("Duplicate value"),
            "{name}: {} {}",
            tried.stdout,
            tried.stderr
        );
        heal_by(&watched, first)?;
        shop.bring(policy, &shop.commit(&[on(9091)]))?;
        let ports = shop.deployment.read()?.pointer(PORTS).cloned();
        assert_eq!(
            ports,
            Some(json!([{"name": "http", "containerPort": 9091, "protocol": "TCP"}])),
            "{name}"
        );
    }
    Ok(())
}

#[test]
fn a_fix_by_hand_is_a_trap_that_is_told_and_healed_before_git_moves_on() -> Result<()> {
    // It is one: where nobody heals it, the next handler of Git is refused.
    let shop = Shop::open("trap-left", Apply::ServerSide, Policy::Manual, &[])?;
    shop.switch_handler()?;
    shop.switch_back(FIXER)?;
    shop.wait_until("Synced", in_sync)?;
    refused(&shop, Policy::Manual, &deployment(&exec()))?;

    let watched = Watched::open(
        Shop::open("trap-healed", Apply::ServerSide, Policy::Manual, &[])?,
        &json!({}),
    )?;
    let shop = &watched.shop;
    shop.switch_handler()?;
    shop.switch_back(FIXER)?;
    let status = watched.wait_for_status("the trap", |status| {
        status["phase"] == "InSync" && finding(status, "latent-trap").is_object()
    })?;
    let told = finding(&status, "latent-trap");
    let message = told["message"].as_str().unwrap_or_default();
    assert!(
        message.contains(
            "livenessProbe.httpGet of container web to another one in Git will be refused: kubectl-edit owns it"
        ),
        "{message}"
    );
    assert_eq!(
        (&told["severity"], &status["counts"]["drifted"]),
        (&json!("warning"), &json!(0))
    );
    let before = shop.deployment.read()?;
    heal_by(&watched, "Transfer")?;
    let after = shop.deployment.read()?;
    assert_eq!(
        (&after["spec"], &after["metadata"]["generation"]),
        (&before["spec"], &before["metadata"]["generation"])
    );
    watched.wait_for_status("no trap", |status| {
        finding(status, "latent-trap").is_null() && status["plan"].is_null()
    })?;
    the_next_handlers_go_through(&watched, Policy::Manual, &[exec(), http_get(), tcp_socket()])
}

#[test]
fn what_a_person_applied_server_side_is_put_back_and_becomes_the_tools() -> Result<()> {
    let policy = Policy::Manual;
    let watched = Watched::open(
        Shop::open("applied-person", Apply::ServerSide, policy, &[])?,
        &json!({"remedy": "Restore"}),
    )?;
    let shop = &watched.shop;
    shop.switch_handler()?;
    let mut own = deployment(&tcp_socket());
    own["metadata"]["namespace"] = json!(shop.namespace);
    let arguments = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    shop.control_plane
        .tool("kubectl")?
        .input(own.to_string())
        .run(&arguments)?
        .success()?;
    refused(shop, policy, &deployment(&http_get()))?;
    heal_by(&watched, "Restore")?;
    assert_eq!(handler(&shop.probe()?), ["httpGet"]);
    the_next_handlers_go_through(&watched, policy, &[exec(), tcp_socket()])?;
    watched
        .wait_for_status("quiet", |status| {
            status["phase"] == "InSync" && status["plan"].is_null()
        })
        .map(drop)
}

#[test]
fn a_hand_change_that_git_takes_over_is_a_trap_until_it_is_transferred() -> Result<()> {
    let watched = Watched::open(
        Shop::open("trap-adopted", Apply::ServerSide, Policy::Automated, &[])?,
        &json!({}),
    )?;
    let shop = &watched.shop;
    shop.switch_handler()?;
    let revision = shop.commit(&[deployment(&tcp_socket())]);
    shop.argo_cd.refresh(&shop.application)?;
    shop.wait_until("Synced", |seen| {
        in_sync(seen) && seen["status"]["sync"]["revision"] == revision.as_str()
    })?;
    watched.wait_for_status("the trap", |status| {
        status["phase"] == "InSync" && finding(status, "latent-trap").is_object()
    })?;
    heal_by(&watched, "Transfer")?;
    the_next_handlers_go_through(&watched, Policy::Automated, &[http_get(), exec()])
}

#[test]
fn what_last_applied_does_not_name_is_a_trap_under_client_side_apply_until_it_does() -> Result<()> {
    let policy = Policy::SelfHeal;
    let watched = Watched::open(Shop::open("trap-client", Apply::ClientSide, policy, &[])?, &json!({}))?;
    let shop = &watched.shop;
    let trap = || {
        watched.wait_for_status("the trap", |status| {
            status["phase"] == "InSync" && finding(status, "latent-trap").is_object()
        })
    };
    let cured = || {
        watched.wait_for_status("no trap", |status| {
            finding(status, "latent-trap").is_null() && status["plan"].is_null()
        })
    };
    shop.switch_handler()?;
    shop.wait_until_failed(None)?;
    let revision = shop.commit(&[deployment(&tcp_socket())]);
    shop.argo_cd.refresh(&shop.application)?;
    shop.wait_until("Synced", |seen| {
        in_sync(seen) && seen["status"]["sync"]["revision"] == revision.as_str()
    })?;
    let message = finding(&trap()?, "latent-trap")["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(
        message.contains("last-applied-configuration does not name it"),
        "{message}"
    );
    let before = shop.deployment.read()?;
    watched.heal(&["Refresh", "StartOperation"])?;
    cured()?;
    let after = shop.deployment.read()?;
    assert_eq!(after["spec"], before["spec"]);
    the_next_handlers_go_through(&watched, policy, &[exec(), tcp_socket()])?;

    // Lost, where a sync of Argo CD passes over what it calls Synced.
    let only_differences = json!({"spec": {"syncPolicy": {"syncOptions": ["ApplyOutOfSyncOnly=true"]}}});
    shop.application.merge_patch("ada", &only_differences)?.success()?;
    shop.deployment
        .json_patch(FIXER, &json!([{"op": "remove", "path": LAST_APPLIED}]))?
        .success()?;
    trap()?;
    watched.heal(&["Restore", "Transfer", "Refresh"])?;
    cured()?;
    the_next_handlers_go_through(&watched, policy, &[http_get(), exec()])
}

#[test]
fn a_change_that_git_took_over_and_left_again_is_healed_under_client_side_apply() -> Result<()> {
    let policy = Policy::SelfHeal;
    let watched = Watched::open(Shop::open("left-again", Apply::ClientSide, policy, &[])?, &json!({}))?;
    let shop = &watched.shop;
    shop.switch_handler()?;
    refused(shop, policy, &deployment(&exec()))?;
    let revision = shop.commit(&[deployment(&tcp_socket())]);
    shop.argo_cd.refresh(&shop.application)?;
    shop.wait_until("Synced", |seen| {
        in_sync(seen) && seen["status"]["sync"]["revision"] == revision.as_str()
    })?;
    refused(shop, policy, &deployment(&exec()))?;
    heal_by(&watched, "Restore")?;
    assert_eq!(handler(&shop.probe()?), ["exec"]);
    Ok(())
}

/// Argo CD is to apply server-side from now on: no difference that it would sync.
fn switch_to_server_side(shop: &Shop) -> Result<()> {
    let switch = json!({"spec": {"syncPolicy": {"syncOptions": ["ServerSideApply=true"]}}});
    shop.application.merge_patch("ada", &switch)?.success().map(drop)
}

#[test]
fn a_switch_to_server_side_apply_is_a_trap_until_argo_cd_applied_that_way() -> Result<()> {
    let policy = Policy::SelfHeal;
    // Git's next handler in the first server-side apply is refused.
    let watched = Watched::open(Shop::open("trap-switched", Apply::ClientSide, policy, &[])?, &json!({}))?;
    switch_to_server_side(&watched.shop)?;
    refused(&watched.shop, policy, &deployment(&exec()))?;
    heal_by(&watched, "HandBack")?;
    assert_eq!(handler(&watched.shop.probe()?), ["exec"]);
    the_next_handlers_go_through(&watched, policy, &[http_get(), exec()])?;

    let watched = Watched::open(Shop::open("trap-switch", Apply::ClientSide, policy, &[])?, &json!({}))?;
    let shop = &watched.shop;
    switch_to_server_side(shop)?;
    let status = watched.wait_for_status("the trap", |status| {
        status["phase"] == "InSync" && finding(status, "latent-trap").is_object()
    })?;
    let message = finding(&status, "latent-trap")["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(
        message.contains("argocd-controller has not applied this object server-side yet"),
        "{message}"
    );
    let before = shop.deployment.read()?;
    watched.heal(&["Refresh", "StartOperation"])?;
    watched.wait_for_status("no trap", |status| {
        finding(status, "latent-trap").is_null() && status["plan"].is_null()
    })?;
    assert_eq!(shop.deployment.read()?["spec"], before["spec"]);
    the_next_handlers_go_through(&watched, policy, &[exec(), http_get()])
}
