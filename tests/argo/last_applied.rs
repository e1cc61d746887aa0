//! Under client-side apply Argo CD takes out what last-applied names and Git no longer has. Where last-applied is lost,
//! older than Git or somebody else's, a heal mends it: the next change of the healed handler syncs, and so does the one
//! back.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::disturbance::{log_of, start_heal};
use crate::harness::proxy::{Proxy, Side};
use crate::shop::{Apply, PERSON, Policy, Shop, deployment, exec, http_get, in_sync, ours, text};
use crate::watched::{Watched, kinds};

const LAST_APPLIED: &str = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";

/// How long a heal may take to come to a place or to its end.
const PATIENCE: Duration = Duration::from_secs(90);

/// A manifest with a field more, which Git drops later.
fn with_pause(handler: &Value) -> Value {
    let mut manifest = deployment(handler);
    manifest["spec"]["minReadySeconds"] = json!(1);
    manifest
}

/// The person's change, and Argo CD's refused sync.
fn broken(shop: &Shop, policy: Policy) -> Result<()> {
    shop.switch_handler()?;
    if policy == Policy::Manual {
        shop.wait_until("OutOfSync", |seen| !in_sync(seen))?;
        shop.sync(&json!({}))?;
    }
    shop.wait_until_failed(None).map(drop)
}

fn lose_annotation(shop: &Shop) -> Result<()> {
    shop.deployment
        .json_patch(PERSON, &json!([{"op": "remove", "path": LAST_APPLIED}]))?
        .success()
        .map(drop)
}

/// Writes live anew as `kubectl replace` does: without the annotation.
fn replace(shop: &Shop) -> Result<()> {
    let mut live = shop.deployment.read()?;
    live["metadata"]["annotations"]
        .as_object_mut()
        .context("no annotations")?
        .remove("kubectl.kubernetes.io/last-applied-configuration");
    let metadata = live["metadata"].as_object_mut().context("no metadata")?;
    metadata.remove("managedFields");
    metadata.remove("resourceVersion");
    shop.control_plane
        .tool("kubectl")?
        .input(live.to_string())
        .run(&["replace", "-f", "-"])?
        .success()
        .map(drop)
}

/// What last-applied says of the probe, and of the field that Git drops.
fn named(shop: &Shop) -> Result<(Value, Value)> {
    let live = shop.deployment.read()?;
    let named: Value = serde_json::from_str(
        live.pointer(LAST_APPLIED)
            .and_then(Value::as_str)
            .context("no annotation")?,
    )?;
    let probe = named
        .pointer("/spec/template/spec/containers/0/livenessProbe")
        .cloned()
        .unwrap_or_default();
    Ok((probe, named["spec"]["minReadySeconds"].clone()))
}

/// Git's next handler, and the one back.
fn there_and_back(shop: &Shop, policy: Policy) -> Result<()> {
    go_through(shop, policy, [exec(), http_get()])
}

fn go_through(shop: &Shop, policy: Policy, handlers: [Value; 2]) -> Result<()> {
    for handler in handlers {
        shop.bring(policy, &shop.commit(&[deployment(&handler)]))?;
        let probe = shop.probe()?;
        for (name, other) in [("exec", "httpGet"), ("httpGet", "exec")] {
            assert_eq!(
                (probe[name].is_null(), probe[other].is_null()),
                (handler[name].is_null(), handler[other].is_null()),
                "{probe:#}"
            );
        }
    }
    assert_eq!(ours(&shop.deployment.read()?), Vec::<String>::new());
    Ok(())
}

fn a_lost_annotation_comes_back_by_argo_cds_own_sync(
    name: &str,
    policy: Policy,
    lose: fn(&Shop) -> Result<()>,
) -> Result<()> {
    let watched = Watched::open(Shop::open(name, Apply::ClientSide, policy, &[])?, &json!({}))?;
    let shop = &watched.shop;
    broken(shop, policy)?;
    lose(shop)?;
    watched.wait_for_status("the predicted refusal", |status| status["phase"] == "Conflicted")?;
    watched.heal(&["Restore", "Transfer", "Refresh", "StartOperation"])?;
    shop.wait_until_settled()?;
    assert_eq!(named(shop)?.0["httpGet"], http_get()["httpGet"]);
    assert_eq!(ours(&shop.deployment.read()?), Vec::<String>::new());
    there_and_back(shop, policy)
}

#[test]
fn a_removed_annotation_comes_back_by_argo_cds_own_sync() -> Result<()> {
    a_lost_annotation_comes_back_by_argo_cds_own_sync("lost-removed", Policy::SelfHeal, lose_annotation)
}

#[test]
fn what_kubectl_replace_forgot_comes_back_by_argo_cds_own_sync() -> Result<()> {
    a_lost_annotation_comes_back_by_argo_cds_own_sync("lost-replaced", Policy::SelfHeal, replace)
}

#[test]
fn what_git_dropped_before_the_heal_still_goes_and_a_switch_to_server_side_apply_takes_over_what_is_the_tools()
-> Result<()> {
    let shop = Shop::open("lost-dropped", Apply::ClientSide, Policy::Manual, &[])?;
    let mut first = with_pause(&http_get());
    let variables =
        |names: &[&str]| -> Value { names.iter().map(|name| json!({"name": name, "value": "x"})).collect() };
    first["spec"]["template"]["spec"]["containers"][0]["env"] = variables(&["KEPT", "GONE"]);
    shop.bring(Policy::Manual, &shop.commit(&[first.clone()]))?;
    let watched = Watched::open(shop, &json!({}))?;
    let shop = &watched.shop;

    // Somebody applied it once without the probe: last-applied is readable, and not what Git says.
    let mut applied: Value = serde_json::from_str(&text(
        shop.deployment.read()?.pointer(LAST_APPLIED).context("no annotation")?,
    ))?;
    applied["spec"]["template"]["spec"]["containers"][0]
        .as_object_mut()
        .context("no container")?
        .remove("livenessProbe");
    let foreign = json!([{"op": "replace", "path": LAST_APPLIED, "value": applied.to_string()}]);
    shop.deployment.json_patch("argocd-controller", &foreign)?.success()?;
    broken(shop, Policy::Manual)?;
    // Git drops a variable between that sync and the heal.
    let mut second = first.clone();
    second["spec"]["template"]["spec"]["containers"][0]["env"] = variables(&["KEPT"]);
    let revision = shop.commit(&[second.clone()]);
    watched.wait_for_watch("the new commit", |status| status["revision"] == revision.as_str())?;
    shop.argo_cd.refresh(&shop.application)?;
    shop.wait_until("the new revision", |seen| {
        seen["status"]["sync"]["revision"] == revision.as_str()
    })?;

    // Argo CD's own sync would bring what waits, too: the Restore names what it put back, and nothing else.
    watched.heal_to(&["Restore", "Transfer", "Refresh"], "Pending")?;
    let (probe, pause) = named(shop)?;
    assert_eq!((&probe["httpGet"]["path"], &pause), (&json!("/healthz"), &json!(1)));
    let live = shop.deployment.read()?;
    assert_eq!(ours(&live), Vec::<String>::new());
    let holders: Vec<String> = live["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| {
            !entry["fieldsV1"]["f:metadata"]["f:annotations"]["f:kubectl.kubernetes.io/last-applied-configuration"]
                .is_null()
        })
        .map(|entry| text(&entry["manager"]))
        .collect();
    assert_eq!(holders, ["argocd-controller"]);
    shop.bring(Policy::Manual, &revision)?;
    assert_eq!(
        shop.deployment.read()?.pointer("/spec/template/spec/containers/0/env"),
        Some(&variables(&["KEPT"]))
    );

    // Argo CD begins to apply server-side, and Git drops a field. The handler is switched after that: it takes over
    // only when an apply was accepted.
    let server_side = json!({"spec": {"syncPolicy": {"syncOptions": ["ServerSideApply=true"]}}});
    shop.application.merge_patch("ada", &server_side)?.success()?;
    shop.bring(Policy::Manual, &shop.commit(&[deployment(&http_get())]))?;
    let live = shop.deployment.read()?;
    assert_eq!(
        live["spec"].get("minReadySeconds"),
        None,
        "{:#}",
        live["metadata"]["managedFields"]
    );
    there_and_back(shop, Policy::Manual)?;
    watched
        .wait_for_status("quiet", |status| status["phase"] == "InSync")
        .map(drop)
}

#[test]
fn what_kubectl_takes_over_after_a_heal_goes_with_its_line() -> Result<()> {
    let watched = Watched::open(
        Shop::open("lost-kubectl", Apply::ClientSide, Policy::Manual, &[])?,
        &json!({}),
    )?;
    let shop = &watched.shop;
    shop.bring(Policy::Manual, &shop.commit(&[with_pause(&http_get())]))?;
    broken(shop, Policy::Manual)?;
    lose_annotation(shop)?;
    watched.heal(&["Restore", "Transfer", "Refresh", "StartOperation"])?;
    let apply = |manifest: &Value| {
        let mut manifest = manifest.clone();
        manifest["metadata"]["namespace"] = json!(shop.namespace);
        let arguments = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        shop.control_plane
            .tool("kubectl")?
            .input(manifest.to_string())
            .run(&arguments)?
            .success()
    };
    apply(&with_pause(&http_get()))?;
    apply(&deployment(&exec()))?;
    let live = shop.deployment.read()?;
    assert_eq!(
        (live["spec"].get("minReadySeconds"), shop.probe()?.get("httpGet")),
        (None, None),
        "{:#}",
        live["metadata"]["managedFields"]
    );
    Ok(())
}

#[test]
fn a_heal_at_a_newer_commit_than_last_applied_ends_with_what_it_put_back_named() -> Result<()> {
    let with = |variable: Value| {
        let mut manifest = deployment(&http_get());
        manifest["spec"]["template"]["spec"]["containers"][0]["env"] = json!([variable]);
        manifest
    };
    let watched = Watched::open(
        Shop::open("lost-newer", Apply::ClientSide, Policy::Manual, &[])?,
        &json!({}),
    )?;
    let shop = &watched.shop;
    // Git sets the variable that a person has set before, with another value, and nobody syncs.
    let by_hand = json!([{"op": "add", "path": "/spec/template/spec/containers/0/env",
                          "value": [{"name": "POD", "value": "by-hand"}]}]);
    shop.deployment.json_patch(PERSON, &by_hand)?.success()?;
    let revision = shop.commit(&[with(json!({"name": "POD", "value": "web"}))]);
    shop.argo_cd.refresh(&shop.application)?;
    shop.wait_until("the new revision", |seen| {
        seen["status"]["sync"]["revision"] == revision.as_str()
    })?;
    watched.heal(&["Restore", "Transfer", "Refresh", "StartOperation"])?;
    let variable = |shop: &Shop| -> Result<Value> {
        Ok(shop
            .deployment
            .read()?
            .pointer("/spec/template/spec/containers/0/env/0")
            .cloned()
            .unwrap_or_default())
    };
    assert_eq!(variable(shop)?, json!({"name": "POD", "value": "web"}));
    let reference =
        json!({"name": "POD", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}});
    for next in [reference, json!({"name": "POD", "value": "web"})] {
        shop.bring(Policy::Manual, &shop.commit(&[with(next.clone())]))?;
        assert_eq!(variable(shop)?, next);
    }
    assert_eq!(ours(&shop.deployment.read()?), Vec::<String>::new());
    Ok(())
}

#[test]
fn git_that_moves_the_healed_handler_in_the_middle_of_the_heal_leaves_no_trap() -> Result<()> {
    let policy = Policy::SelfHeal;
    let watched = Watched::open(Shop::open("lost-moved", Apply::ClientSide, policy, &[])?, &json!({}))?;
    let shop = &watched.shop;
    let proxy = Proxy::start(shop.control_plane.admin(), shop.control_plane.folder())?;
    let log = log_of(&watched);
    lose_annotation(shop)?;
    broken(shop, policy)?;
    let plan = watched.wait_for_plan(&["Restore", "Transfer", "Refresh", "StartOperation"])?;
    watched.driftmend(&["approve", "web", "--plan", &plan])?.success()?;
    // The handler is restored, and its sync not asked for.
    proxy.cut_at_write_of("/applications/", 1, Side::Before);
    let mut heal = start_heal(proxy.kubeconfig(), &shop.namespace, &plan, &[], &log)?;
    ensure!(
        proxy.wait_for_cut(PATIENCE, || Ok(heal.ended()?.is_some()))?,
        "the heal does not write the Application: {}",
        heal.log_tail()
    );
    heal.kill();
    let revision = shop.commit(&[deployment(&exec())]);
    shop.argo_cd.refresh(&shop.application)?;
    shop.wait_until_failed(Some(&revision))?;
    watched.wait_for_watch("the new commit", |status| status["revision"] == revision.as_str())?;
    proxy.open();
    let mut again = start_heal(proxy.kubeconfig(), &shop.namespace, &plan, &[], &log)?;
    proxy.wait_for_cut(PATIENCE, || Ok(again.ended()?.is_some()))?;

    // The one heal ends and says so; what is left is a plan of its own.
    let left = watched.wait_for_status("what is left", |status| {
        let ended = status["history"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|entry| entry["planHash"] == plan.as_str());
        ended
            && status["healing"].is_null()
            && status["phase"] == "Conflicted"
            && kinds(status).last() == Some(&"StartOperation")
    })?;
    assert_eq!(left["history"][0]["result"], "Failed", "{:#}", left["history"]);
    watched.heal(&kinds(&left))?;
    shop.wait_until_settled()?;
    assert_eq!(
        (shop.probe()?.get("httpGet"), ours(&shop.deployment.read()?)),
        (None, vec![])
    );
    assert_eq!(named(shop)?.0["exec"], exec()["exec"]);
    go_through(shop, policy, [http_get(), exec()])
}
