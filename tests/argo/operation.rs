//! What becomes of an Application whose sync was refused, after HandBack and one write on the Application: the state of
//! the failed operation is dropped, and a new operation may be asked for by the same write.
//!
//! These are facts about Argo CD, kept because a heal is built on them. A new version that behaves otherwise must be
//! noticed.

use anyhow::{Context, Result};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::hand_back::hand_back;
use crate::harness::Output;
use crate::harness::object::write_locked;
use crate::shop::{Apply, PERSON, Policy, Shop, config_map, in_sync, phase, retry, started_at, text};

/// What is asked for beside the clearing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    /// A sync of the Deployment alone; Argo CD calls it partial.
    Deployment,

    /// A sync of everything.
    Whole,

    /// Nothing: Argo CD is left to decide.
    None,
}

/// Drops the failed state and asks for an operation at the same revision, in one write that is refused if anything has
/// moved.
fn clear_and(shop: &Shop, failed: &Value, operation: Operation) -> Result<()> {
    write_locked(|| try_to_clear_and(shop, failed, operation))?
        .success()
        .map(drop)
}

fn try_to_clear_and(shop: &Shop, failed: &Value, operation: Operation) -> Result<Output> {
    let seen = shop.application.read()?;
    let mut patch = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": seen["metadata"]["uid"]}),
        json!({"op": "replace", "path": "/metadata/resourceVersion", "value": seen["metadata"]["resourceVersion"]}),
        json!({"op": "test", "path": "/operation", "value": null}),
        json!({"op": "test", "path": "/status/operationState/phase", "value": "Failed"}),
        json!({"op": "test", "path": "/status/operationState/startedAt", "value": started_at(failed)}),
        json!({"op": "remove", "path": "/status/operationState"}),
    ];
    if operation != Operation::None {
        let mut sync = json!({
            "revision": failed["status"]["operationState"]["syncResult"]["revision"],
            // Not inherited: without them Argo CD would apply client-side.
            "syncOptions": seen["spec"]["syncPolicy"]["syncOptions"],
        });
        if operation == Operation::Deployment {
            sync["resources"] = json!([{"group": "apps", "kind": "Deployment", "name": "web"}]);
        }
        let value = json!({"initiatedBy": {"username": "driftmend"}, "sync": sync, "retry": retry()});
        patch.push(json!({"op": "add", "path": "/operation", "value": value}));
    }
    shop.application.json_patch("driftmend", &json!(patch))
}

/// Waits until the last operation that began after the failed one has ended, and gives the Application.
///
/// Whoever asked for it: with self-heal, Argo CD may let another one follow within a tenth of a second, since its cache
/// of the cluster lags behind, and then nothing but its Events tells of ours.
fn wait_until_ended(shop: &Shop, failed: &Value) -> Result<Value> {
    let after = shop.wait_until("an end of the operation", |seen| {
        let ended = ["Succeeded", "Failed", "Error"].contains(&text(phase(seen)).as_str());
        seen["operation"].is_null() && ended && started_at(seen) != started_at(failed)
    })?;
    assert_eq!(phase(&after), "Succeeded", "{after:#}");
    Ok(after)
}

fn the_rest() -> Vec<Value> {
    vec![config_map("settings", 0, "old"), config_map("late", 1, "old")]
}

fn a_failed_self_heal_is_armed_again_by_a_partial_operation(name: &str, apply: Apply) -> Result<()> {
    let shop = Shop::open(name, apply, Policy::SelfHeal, &the_rest())?;
    let failed = shop.break_by_hand()?;
    // It was partial too, and of the revision that was synced as a whole before.
    assert_eq!(
        failed["status"]["operationState"]["operation"]["sync"]["resources"][0]["name"],
        "web"
    );
    // Drift of another resource, which the failed operation keeps Argo CD from healing.
    let settings = shop.object("configmap", "settings")?;
    settings
        .merge_patch(PERSON, &json!({"data": {"text": "meanwhile"}}))?
        .success()?;
    hand_back(&shop, apply)?;
    clear_and(&shop, &failed, Operation::Deployment)?;
    wait_until_ended(&shop, &failed)?;
    let healed = shop.wait_until_settled()?;
    assert_eq!(
        (&shop.probe()?["tcpSocket"], &shop.probe()?["httpGet"]["path"]),
        (&Value::Null, &json!("/healthz"))
    );
    assert_eq!(healed["status"]["conditions"], Value::Null);
    assert_eq!(settings.read()?["data"]["text"], "old");
    // A partial sync leaves no entry.
    assert_eq!(revisions(&healed).len(), 1);

    shop.scale(3)?;
    shop.wait_for_replicas(1)?;
    settings
        .merge_patch(PERSON, &json!({"data": {"text": "by hand"}}))?
        .success()?;
    settings.wait_until("Git's text", |seen| seen["data"]["text"] == "old")?;
    Ok(())
}

#[test]
fn under_client_side_apply_a_failed_self_heal_is_armed_again_by_a_partial_operation() -> Result<()> {
    a_failed_self_heal_is_armed_again_by_a_partial_operation("partial-client", Apply::ClientSide)
}

#[test]
fn under_server_side_apply_a_failed_self_heal_is_armed_again_by_a_partial_operation() -> Result<()> {
    a_failed_self_heal_is_armed_again_by_a_partial_operation("partial-server", Apply::ServerSide)
}

/// The revisions of the Application's history: those that were synced as a whole.
fn revisions(application: &Value) -> Vec<String> {
    application["status"]["history"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| text(&entry["revision"]))
        .collect()
}

/// A hook of the phase before or after a sync. A ConfigMap ends at once; a Job never would.
fn hook(name: &str, phase: &str, text: &str) -> Value {
    let annotations =
        json!({"argocd.argoproj.io/hook": phase, "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation"});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "annotations": annotations},
           "data": {"text": text}})
}

/// An Application that failed at a revision which was never synced as a whole.
struct Half {
    shop: Shop<'static>,
    failed: Value,
    revision: String,
}

impl Half {
    /// Breaks the Deployment, and commits a change of a ConfigMap in its wave, of one in a later wave, and of two
    /// hooks. The first ConfigMap and the first hook are applied, the others are not. Then hands the person's field
    /// back.
    fn open(name: &str, policy: Policy) -> Result<Self> {
        let manifests = |text: &str| {
            let hooks = [hook("before", "PreSync", text), hook("after", "PostSync", text)];
            [
                vec![config_map("settings", 0, text), config_map("late", 1, text)],
                hooks.to_vec(),
            ]
            .concat()
        };
        let shop = Shop::open(name, Apply::ServerSide, policy, &manifests("old"))?;
        shop.switch_handler()?;
        if policy == Policy::SelfHeal {
            shop.wait_until_failed(None)?;
        }
        let revision = shop.commit(&manifests("new"));
        shop.argo_cd.refresh(&shop.application)?;
        if policy == Policy::Manual {
            shop.wait_until("the new revision", |seen| {
                seen["status"]["sync"]["revision"] == revision.as_str()
            })?;
            shop.sync(&json!({}))?;
        }
        let failed = shop.wait_until_failed(Some(&revision))?;
        assert_eq!(
            failed["status"]["operationState"]["operation"]["sync"]["resources"],
            Value::Null,
            "it was not a whole sync"
        );
        let half = Self { shop, failed, revision };
        assert_eq!(half.texts()?, ["new", "old", "new", "old"]);
        hand_back(&half.shop, Apply::ServerSide)?;
        Ok(half)
    }

    /// What the ConfigMaps `settings` and `late` and the hooks `before` and `after` say.
    fn texts(&self) -> Result<[String; 4]> {
        let read =
            |name: &str| -> Result<String> { Ok(text(&self.shop.object("configmap", name)?.read()?["data"]["text"])) };
        Ok([read("settings")?, read("late")?, read("before")?, read("after")?])
    }

    fn clear_and(&self, operation: Operation) -> Result<Value> {
        clear_and(&self.shop, &self.failed, operation)?;
        if operation == Operation::None {
            self.shop.argo_cd.refresh(&self.shop.application)?;
        }
        wait_until_ended(&self.shop, &self.failed)
    }

    /// Whether the last whole sync is of the new revision.
    fn is_in_history(&self, application: &Value) -> bool {
        revisions(application).last() == Some(&self.revision)
    }

    /// Lets Argo CD compare twice: whatever it would do by itself is begun then.
    fn compare(&self) -> Result<Value> {
        self.shop.argo_cd.refresh(&self.shop.application)?;
        self.shop.argo_cd.refresh(&self.shop.application)?;
        self.shop.application.read()
    }
}

#[test]
fn at_a_new_revision_self_heal_completes_a_partial_operation_but_runs_no_hook_and_keeps_no_history() -> Result<()> {
    let half = Half::open("half-heal", Policy::SelfHeal)?;
    half.clear_and(Operation::Deployment)?;
    let after = half.shop.wait_until("Synced", in_sync)?;
    assert_eq!(after["status"]["sync"]["revision"], half.revision.as_str());
    assert_eq!(half.texts()?, ["new", "new", "new", "old"]);
    assert!(!half.is_in_history(&after), "{after:#}");
    half.shop.scale(3)?;
    half.shop.wait_for_replicas(1)?;
    assert_eq!(half.texts()?[3], "old");
    Ok(())
}

#[test]
fn at_a_new_revision_a_partial_operation_stops_automated_sync_silently_until_the_next_commit() -> Result<()> {
    let half = Half::open("half-automated", Policy::Automated)?;
    let after = half.clear_and(Operation::Deployment)?;
    let compared = half.compare()?;
    assert_eq!(
        (phase(&compared), started_at(&compared)),
        (&json!("Succeeded"), started_at(&after))
    );
    assert_eq!(
        (&compared["status"]["sync"]["status"], &compared["status"]["conditions"]),
        (&json!("OutOfSync"), &Value::Null)
    );
    assert_eq!(half.texts()?, ["new", "old", "new", "old"]);

    let next = half.shop.commit(&[config_map("settings", 0, "newer")]);
    half.shop.argo_cd.refresh(&half.shop.application)?;
    let synced = half.shop.wait_until("the next commit", |seen| {
        revisions(seen).contains(&next) && in_sync(seen)
    })?;
    assert_eq!(
        (half.texts()?, phase(&synced)),
        (["newer", "new", "new", "new"].map(str::to_owned), &json!("Succeeded"))
    );
    Ok(())
}

#[test]
fn at_a_new_revision_a_clear_alone_makes_automated_sync_do_the_whole_of_it() -> Result<()> {
    for policy in [Policy::Automated, Policy::SelfHeal] {
        let half = Half::open("half-clear", policy)?;
        half.clear_and(Operation::None)?;
        let after = half.shop.wait_until("Synced", in_sync)?;
        assert_eq!(half.texts()?, ["new", "new", "new", "new"], "{policy:?}");
        assert!(half.is_in_history(&after), "{policy:?} {after:#}");
        assert_eq!(
            after["status"]["history"]
                .as_array()
                .and_then(|all| all.last())
                .context("no history")?["initiatedBy"]["automated"],
            true
        );
    }
    Ok(())
}

#[test]
fn a_manual_application_is_synced_as_far_as_the_operation_says_and_no_further() -> Result<()> {
    let half = Half::open("half-manual", Policy::Manual)?;
    half.clear_and(Operation::Deployment)?;
    assert_eq!(half.shop.probe()?["tcpSocket"], Value::Null);
    let compared = half.compare()?;
    assert_eq!(
        (&compared["status"]["sync"]["status"], phase(&compared)),
        (&json!("OutOfSync"), &json!("Succeeded"))
    );
    assert_eq!(half.texts()?, ["new", "old", "new", "old"]);
    half.shop.scale(3)?;
    half.compare()?;
    assert_eq!(half.shop.deployment.read()?["spec"]["replicas"], 3);

    let whole = Half::open("whole-manual", Policy::Manual)?;
    let after = whole.clear_and(Operation::Whole)?;
    assert_eq!(whole.texts()?, ["new", "new", "new", "new"]);
    assert_eq!(
        after["status"]["history"]
            .as_array()
            .and_then(|all| all.last())
            .context("no history")?["initiatedBy"]["username"],
        "driftmend"
    );
    Ok(())
}
