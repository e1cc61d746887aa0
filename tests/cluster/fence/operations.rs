//! Operations of an Application: started, and their states cleared.

use anyhow::{Context, Result};
use driftmend::engine::argo_cd::requests::{Then, clear, refresh, withdraw_refresh};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{Fenced, HEAL, REFRESH, operation, shared};

#[test]
fn an_operation_is_a_sync_of_what_git_has_and_replaces_none() -> Result<()> {
    let fenced = Fenced::application(shared()?, "teams", "operation")?;
    let whole = operation(&fenced.read()?).to_value();
    let with = |pointer: &str, value: Value| {
        let mut changed = vec![json!({"op": "add", "path": "/operation", "value": whole})];
        changed.push(json!({"op": "add", "path": format!("/operation{pointer}"), "value": value}));
        json!(changed)
    };
    let shape = "an operation that driftmend starts is a sync of what Git has, in its own name";
    fenced.refused(shape, HEAL, &with("/sync/manifests", json!(["{}"])))?;
    fenced.refused(
        shape,
        HEAL,
        &with("/sync/source", json!({"repoURL": "https://git.example/another.git"})),
    )?;
    fenced.refused(
        shape,
        HEAL,
        &with("/sync/sources", json!([{"repoURL": "https://git.example/another.git"}])),
    )?;
    fenced.refused(
        shape,
        HEAL,
        &with("/sync/syncStrategy", json!({"apply": {"force": true}})),
    )?;
    fenced.refused(shape, HEAL, &with("/initiatedBy", json!({"username": "ada"})))?;
    fenced.refused(
        shape,
        HEAL,
        &json!([{"op": "add", "path": "/operation", "value": {"initiatedBy": {"username": "driftmend"}}}]),
    )?;
    let own =
        "an operation that driftmend starts has the sync options, the retry and the pruning of the Application itself";
    fenced.refused(
        own,
        HEAL,
        &with("/sync/syncOptions", json!(["ServerSideApply=true", "Force=true"])),
    )?;
    fenced.refused(own, HEAL, &with("/sync/syncOptions", json!([])))?;
    fenced.refused(own, HEAL, &with("/sync/prune", json!(true)))?;
    fenced.refused(own, HEAL, &with("/retry", json!({"limit": -1})))?;
    for (pointer, value) in [
        ("/sync/dryRun", json!(true)),
        ("/initiatedBy", json!({"username": "driftmend", "automated": true})),
        ("/info", json!([{"name": "driftmend.dev/plan", "value": "not a hash"}])),
        ("/info/-", json!({"name": "another", "value": "0123456789ab"})),
    ] {
        fenced.refused(shape, HEAL, &with(pointer, value))?;
    }
    let count = "an operation that driftmend starts has the count of self-heals of the operation before";
    assert_eq!(whole["sync"]["autoHealAttemptsCount"], 2);
    for other in [json!(0), json!(1), json!(3)] {
        fenced.refused(count, HEAL, &with("/sync/autoHealAttemptsCount", other))?;
    }
    let revision = "an operation that driftmend starts is a sync of the revision that Argo CD compared last";
    for other in [json!("HEAD"), json!(""), json!("b".repeat(40))] {
        fenced.refused(revision, HEAL, &with("/sync/revision", other))?;
    }
    fenced.refused(
        revision,
        HEAL,
        &with("/sync/revisions", json!(["4a4fcb8d1c2b3a4f5e6d7c8b9a0f1e2d3c4b5a69"])),
    )?;
    let limited = "an operation that driftmend starts is limited to governed objects that the Application has";
    let resource = |group: &str, kind: &str, namespace: &str, name: &str| {
        json!({
            "group": group, "kind": kind, "namespace": namespace, "name": name,
        })
    };
    let web = resource("apps", "Deployment", "shop", "web");
    for resources in [
        json!([]),
        json!([resource("", "ConfigMap", "shop", "web")]),
        json!([resource("apps", "StatefulSet", "shop", "web")]),
        json!([resource("", "Deployment", "shop", "web")]),
        json!([resource("apps", "Deployment", "shop", "another")]),
        json!([resource("apps", "Deployment", "office", "web")]),
        json!([{"group": "apps", "kind": "Deployment", "name": "web"}]),
        json!([resource("*", "*", "shop", "*")]),
        json!([web, resource("", "ConfigMap", "shop", "web")]),
    ] {
        fenced.refused(limited, HEAL, &with("/sync/resources", resources))?;
    }
    let whole_application = json!([
        {"op": "add", "path": "/operation", "value": whole}, {"op": "remove", "path": "/operation/sync/resources"},
    ]);
    fenced.refused(limited, HEAL, &whole_application)?;

    let person = json!({"operation": {"initiatedBy": {"username": "ada"}, "sync": {"revision": "main"}}});
    fenced.theirs.merge_patch("argocd-server", &person)?.success()?;
    let there = "driftmend leaves an operation alone that is there, and its state";
    fenced.refused(
        there,
        HEAL,
        &json!([{"op": "add", "path": "/operation", "value": whole}]),
    )?;
    fenced.refused(there, HEAL, &json!([{"op": "remove", "path": "/operation"}]))?;
    fenced.refused(
        there,
        HEAL,
        &json!([{"op": "remove", "path": "/status/operationState"}]),
    )?;
    // A comparison may be asked for at any time, and that taken back where nobody answered.
    fenced.accepted(&refresh(&fenced.read()?)?.context("nothing to ask")?)?;
    fenced.accepted(&withdraw_refresh(&fenced.read()?)?.context("nothing was asked")?)?;
    Ok(())
}

#[test]
fn a_state_is_cleared_only_with_what_follows_it_and_a_request_of_somebody_else_stays() -> Result<()> {
    let fenced = Fenced::application(shared()?, "argocd", "follows")?;
    let alone =
        "driftmend removes an operationState only together with a request for a comparison or with an operation";
    fenced.refused(
        alone,
        HEAL,
        &json!([{"op": "remove", "path": "/status/operationState"}]),
    )?;
    fenced
        .theirs
        .json_patch(
            "kubectl-annotate",
            &json!([{"op": "add", "path": REFRESH, "value": "hard"}]),
        )?
        .success()?;
    let annotations = "of an Application's annotations driftmend only adds argocd.argoproj.io/refresh: normal";
    fenced.refused(annotations, HEAL, &json!([{"op": "remove", "path": REFRESH}]))?;
    fenced.refused(
        annotations,
        HEAL,
        &json!([{"op": "replace", "path": REFRESH, "value": "normal"}]),
    )?;
    fenced.accepted(&clear(&fenced.read()?, &Then::Refresh)?)?;
    Ok(())
}
