//! The fences around what the chart's ServiceAccount may write on the objects of Argo CD and Flux: the requests of a
//! plan's steps pass, and whatever else a stolen token would send is refused. Neither tool runs here; their kinds are
//! theirs.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use driftmend::engine::operation::{
    Application, Kustomization, Operation, ResourceRef, Then, clear, poke, refresh, start, withdraw_refresh,
};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::object::Object;
use crate::harness::{ControlPlane, binaries, definitions, wait};
use crate::installation::{self, Installation};

const PATIENCE: Duration = Duration::from_secs(150);

/// The field manager of every heal.
const HEAL: &str = "driftmend-heal";

const REFRESH: &str = "/metadata/annotations/argocd.argoproj.io~1refresh";

/// The namespaces where Applications, and where Kustomizations may be written; `office` is listed nowhere.
const NAMESPACES: &[&str] = &["argocd", "teams", "flux-system", "office", "shop"];

static SHARED: OnceLock<Result<Installation, String>> = OnceLock::new();

/// The chart in mode heal, in a cluster with the kinds of Argo CD and Flux.
fn shared() -> Result<&'static Installation> {
    let made = SHARED.get_or_init(|| install().map_err(|error| format!("{error:?}")));
    made.as_ref()
        .map_err(|reason| anyhow::anyhow!("failed to install the chart for the tests of its fences: {reason}"))
}

fn install() -> Result<Installation> {
    let installation = Installation::prepare(NAMESPACES)?;
    for set in ["argo-cd", "kustomize-controller"] {
        definitions::install(&installation.control_plane, &binaries::components(set)?.join("crds"))?;
    }
    let lists: &[(&str, &[&str])] = &[
        ("heal.applications.namespaces", &["argocd", "teams"]),
        ("heal.kustomizations.namespaces", &["flux-system"]),
        ("argocd.namespaces", &["argocd"]),
    ];
    installation.install_with("heal", &["shop"], lists)?;
    // Rights and policies hold a moment after they were stored: where it is a policy that refuses, the right is there,
    // too.
    let application = "driftmend changes nothing of an Application's labels";
    let trials = [
        (Fenced::application(&installation, "argocd", "trial")?, application),
        (Fenced::application(&installation, "teams", "trial")?, application),
        (
            Fenced::kustomization(&installation, "flux-system", "trial")?,
            "driftmend changes nothing of a Kustomization's spec",
        ),
    ];
    for (trial, words) in trials {
        let mut tries = 0;
        wait::until(&format!("a fence with the words: {words}"), PATIENCE, || {
            // Another label each time: what changes nothing is refused by nobody.
            tries += 1;
            let label = json!({"trial": format!("number-{tries}")});
            let answer = trial.ours.json_patch(
                HEAL,
                &json!([{"op": "add", "path": "/metadata/labels", "value": label}]),
            )?;
            let told = format!("{}{}", answer.stdout, answer.stderr);
            Ok(if answer.code != 0 && told.contains(words) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(told)
            })
        })?;
    }
    Ok(installation)
}

/// An object as the administrator and as the chart's ServiceAccount reach it.
struct Fenced {
    theirs: Object,
    ours: Object,
}

impl Fenced {
    fn of(installation: &Installation, kind: &str, namespace: &str, name: &str) -> Result<Self> {
        let control_plane = &installation.control_plane;
        let kubectl = control_plane
            .tool("kubectl")?
            .kubeconfig(&installation.service_account()?);
        Ok(Self {
            theirs: Object::new(control_plane, kind, namespace, name)?,
            ours: Object::by(kubectl, kind, namespace, name),
        })
    }

    /// An Application whose last sync failed, applied server-side as an app of apps would.
    fn application(installation: &Installation, namespace: &str, name: &str) -> Result<Self> {
        let fenced = Self::of(installation, "applications.argoproj.io", namespace, name)?;
        let source = json!({"repoURL": "https://git.example/shop.git", "path": ".", "targetRevision": "main"});
        let destination = json!({"server": "https://kubernetes.default.svc", "namespace": "shop"});
        let object = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": name, "namespace": namespace, "labels": {"team": "web"},
                         "annotations": {"note": "kept"}},
            "spec": {
                "project": "default", "source": source, "destination": destination,
                "syncPolicy": {
                    "automated": {"selfHeal": true}, "syncOptions": ["ServerSideApply=true"],
                    "retry": {"limit": 3, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
                },
            },
        });
        apply(&installation.control_plane, &object)?;
        fenced.fail()?;
        Ok(fenced)
    }

    /// What Argo CD's controller writes after a sync that was refused.
    fn fail(&self) -> Result<()> {
        let revision = "4a4fcb8d1c2b3a4f5e6d7c8b9a0f1e2d3c4b5a69";
        let spec = self.theirs.read()?["spec"].clone();
        let state = json!({
            "phase": "Failed", "startedAt": "2026-01-05T10:00:00Z", "finishedAt": "2026-01-05T10:00:04Z",
            "message": "refused",
            "operation": {"sync": {"revision": revision, "autoHealAttemptsCount": 2}},
            "syncResult": {"revision": revision, "source": spec["source"]},
        });
        let sync = json!({
            "status": "OutOfSync", "revision": revision, "comparedTo": {"source": spec["source"],
                "destination": spec["destination"]},
        });
        let resource = |kind: &str, namespace: &str, name: &str| {
            let group = if kind == "Deployment" { "apps" } else { "" };
            json!({"group": group, "version": "v1", "kind": kind, "namespace": namespace, "name": name,
                   "status": "OutOfSync"})
        };
        let resources = json!([
            resource("Deployment", "shop", "web"),
            resource("Deployment", "office", "web"),
            resource("ConfigMap", "shop", "web")
        ]);
        let status = json!({"reconciledAt": "2026-01-05T10:00:05Z", "sync": sync, "operationState": state,
                            "resources": resources});
        self.theirs
            .merge_patch("argocd-application-controller", &json!({"status": status}))?
            .success()
            .map(drop)
    }

    fn kustomization(installation: &Installation, namespace: &str, name: &str) -> Result<Self> {
        let fenced = Self::of(
            installation,
            "kustomizations.kustomize.toolkit.fluxcd.io",
            namespace,
            name,
        )?;
        let object = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": name, "namespace": namespace, "labels": {"team": "web"},
                         "annotations": {"note": "kept"}},
            "spec": {"interval": "10m", "prune": true, "path": "./deploy",
                     "sourceRef": {"kind": "GitRepository", "name": "shop"}},
        });
        apply(&installation.control_plane, &object)?;
        Ok(fenced)
    }

    fn read(&self) -> Result<Application> {
        Application::read(&self.theirs.read()?).context("no Application")
    }

    /// Sends a patch under the right name, which must be stored.
    fn accepted(&self, patch: &impl serde::Serialize) -> Result<Value> {
        self.ours.json_patch(HEAL, &serde_json::to_value(patch)?)?.success()?;
        self.theirs.read()
    }

    /// Sends a patch, which must be refused by the words of a policy and change nothing.
    fn refused(&self, words: &str, manager: &str, patch: &Value) -> Result<()> {
        let before = self.theirs.read()?["metadata"]["resourceVersion"].clone();
        let answer = self.ours.json_patch(manager, patch)?;
        ensure!(
            answer.code != 0 && answer.stderr.contains(words),
            "{patch}\n{}{}\nis no refusal with: {words}",
            answer.stdout,
            answer.stderr
        );
        ensure!(
            self.theirs.read()?["metadata"]["resourceVersion"] == before,
            "{patch} was stored"
        );
        Ok(())
    }
}

fn apply(control_plane: &ControlPlane, object: &Value) -> Result<()> {
    let arguments = ["apply", "--server-side", "--field-manager=app-of-apps", "-f", "-"];
    control_plane
        .tool("kubectl")?
        .input(object.to_string())
        .run(&arguments)?
        .success()
        .map(drop)
}

fn operation(application: &Application) -> Operation {
    let info = vec![("driftmend.dev/plan".to_owned(), "0123456789ab".to_owned())];
    Operation::of(
        application,
        "driftmend",
        info,
        Some(ResourceRef::deployment("shop", "web")),
    )
}

#[test]
fn what_a_plans_steps_send_on_an_application_passes_in_each_namespace_listed() -> Result<()> {
    for namespace in ["argocd", "teams"] {
        let fenced = Fenced::application(shared()?, namespace, "passes")?;
        let asked = refresh(&fenced.read()?)?.context("nothing to ask")?;
        assert_eq!(
            fenced.accepted(&asked)?["metadata"]["annotations"]["argocd.argoproj.io/refresh"],
            "normal"
        );
        let seen = fenced.accepted(&clear(&fenced.read()?, &Then::Refresh)?)?;
        assert_eq!(seen["status"]["operationState"], Value::Null);

        // As Argo CD takes the request away.
        fenced
            .theirs
            .json_patch(
                "argocd-application-controller",
                &json!([{"op": "remove", "path": REFRESH}]),
            )?
            .success()?;
        fenced.fail()?;
        fenced.accepted(&clear(&fenced.read()?, &Then::Refresh)?)?;
        let application = fenced.read()?;
        let seen = fenced.accepted(&start(&application, &operation(&application))?)?;
        assert_eq!(seen["operation"]["sync"]["resources"][0]["name"], "web");
        fenced
            .theirs
            .json_patch(
                "argocd-application-controller",
                &json!([{"op": "remove", "path": "/operation"}]),
            )?
            .success()?;

        fenced.fail()?;
        let application = fenced.read()?;
        let seen = fenced.accepted(&clear(&application, &Then::Start(operation(&application)))?)?;
        assert_eq!(
            (
                &seen["status"]["operationState"],
                &seen["operation"]["initiatedBy"]["username"]
            ),
            (&Value::Null, &json!("driftmend"))
        );
    }
    Ok(())
}

#[test]
fn everything_else_on_an_application_is_refused() -> Result<()> {
    let fenced = Fenced::application(shared()?, "argocd", "refused")?;
    let set = |path: &str, value: Value| json!([{"op": "add", "path": path, "value": value}]);
    let remove = |path: &str| json!([{"op": "remove", "path": path}]);
    let spec = "driftmend changes nothing of an Application's spec";
    fenced.refused(
        spec,
        HEAL,
        &set("/spec/source/repoURL", json!("https://git.example/another.git")),
    )?;
    fenced.refused(spec, HEAL, &set("/spec/project", json!("another")))?;
    fenced.refused(spec, HEAL, &remove("/spec/syncPolicy/automated"))?;

    let metadata = "driftmend changes nothing of an Application's labels, finalizers, owners or managers";
    fenced.refused(metadata, HEAL, &set("/metadata/labels/team", json!("another")))?;
    fenced.refused(
        metadata,
        HEAL,
        &set(
            "/metadata/finalizers",
            json!(["resources-finalizer.argocd.argoproj.io"]),
        ),
    )?;
    // Without managers the next apply of the app of apps would take nothing away any more.
    fenced.refused(metadata, HEAL, &set("/metadata/managedFields", json!([{}])))?;

    let annotations = "of an Application's annotations driftmend only adds argocd.argoproj.io/refresh: normal";
    fenced.refused(annotations, HEAL, &set("/metadata/annotations/note", json!("changed")))?;
    fenced.refused(annotations, HEAL, &remove("/metadata/annotations/note"))?;
    fenced.refused(
        annotations,
        HEAL,
        &set("/metadata/annotations/driftmend.dev~1allow-watches-from", json!("*")),
    )?;
    fenced.refused(annotations, HEAL, &set(REFRESH, json!("hard")))?;

    let status = "of an Application's status driftmend only removes operationState, as a whole";
    fenced.refused(status, HEAL, &set("/status/sync/status", json!("Synced")))?;
    fenced.refused(status, HEAL, &set("/status/operationState/phase", json!("Succeeded")))?;
    fenced.refused(status, HEAL, &set("/status/health", json!({"status": "Healthy"})))?;
    fenced.refused(status, HEAL, &remove("/status"))?;

    let manager = "driftmend writes an Application only under the field manager driftmend-heal";
    fenced.refused(manager, "kubectl", &set(REFRESH, json!("normal")))?;
    Ok(())
}

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
    let limited = "an operation that driftmend starts is limited to Deployments that the Application has";
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

/// The managedFields of others: what is left of them after every write that passes.
fn of_others(object: &Value) -> Vec<Value> {
    let mut entries = object["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    entries.retain(|entry| entry["manager"] != HEAL);
    entries
}

#[test]
fn who_owns_what_stays_but_for_what_a_write_takes_away() -> Result<()> {
    let fenced = Fenced::application(shared()?, "argocd", "owned")?;
    let of = |entries: &[Value], manager: &str| {
        entries
            .iter()
            .position(|entry| entry["manager"] == manager)
            .unwrap_or_default()
    };
    type Change = fn(&mut Vec<Value>, usize, usize);
    let forgeries: &[(&str, Change)] = &[
        ("an Apply entry that is gone", |entries, applier, _| {
            drop(entries.remove(applier))
        }),
        ("an Apply entry of another name", |entries, applier, _| {
            entries[applier]["manager"] = json!("another")
        }),
        ("an Apply entry of our name", |entries, applier, _| {
            entries[applier]["manager"] = json!(HEAL)
        }),
        ("an Apply entry that is an Update", |entries, applier, _| {
            entries[applier]["operation"] = json!("Update")
        }),
        ("an Apply entry with less", |entries, applier, _| {
            entries[applier]["fieldsV1"]["f:spec"] = json!({"f:project": {}})
        }),
        ("an Update entry that is gone", |entries, _, updater| {
            drop(entries.remove(updater))
        }),
        ("an Update entry of another name", |entries, _, updater| {
            entries[updater]["manager"] = json!("another")
        }),
        ("an Update entry of our name", |entries, _, updater| {
            entries[updater]["manager"] = json!(HEAL)
        }),
        ("an Update entry that is an Apply", |entries, _, updater| {
            entries[updater]["operation"] = json!("Apply")
        }),
        ("an Update entry of another version", |entries, _, updater| {
            entries[updater]["apiVersion"] = json!("argoproj.io/v1beta1")
        }),
        ("an Update entry of a subresource", |entries, _, updater| {
            entries[updater]["subresource"] = json!("status")
        }),
        ("an Update entry with less", |entries, _, updater| {
            entries[updater]["fieldsV1"]["f:status"]
                .as_object_mut()
                .map(|status| status.remove("f:sync"));
        }),
        ("an Update entry with more", |entries, _, updater| {
            entries[updater]["fieldsV1"]["f:spec"] = json!({"f:project": {}})
        }),
        ("one more entry", |entries, _, updater| {
            let mut forged = entries[updater].clone();
            forged["manager"] = json!("forged");
            entries.push(forged);
        }),
        ("nobody", |entries, _, _| *entries = vec![json!({})]),
    ];
    let words = "driftmend changes nothing of an Application's labels, finalizers, owners or managers";
    for (what, change) in forgeries {
        let object = fenced.theirs.read()?;
        let mut entries = object["metadata"]["managedFields"]
            .as_array()
            .cloned()
            .context("no managers")?;
        let (applier, updater) = (
            of(&entries, "app-of-apps"),
            of(&entries, "argocd-application-controller"),
        );
        change(&mut entries, applier, updater);
        let forged = json!({"op": "replace", "path": "/metadata/managedFields", "value": entries});
        fenced
            .refused(words, HEAL, &json!([forged]))
            .with_context(|| (*what).to_owned())?;
        // And with a write beside it that is allowed.
        let cleared = json!([
            forged, {"op": "remove", "path": "/status/operationState"},
            {"op": "add", "path": REFRESH, "value": "normal"},
        ]);
        fenced
            .refused(words, HEAL, &cleared)
            .with_context(|| format!("{what}, beside a clear"))?;
    }
    // Our own entry claims what we write.
    for claimed in [
        json!({"f:spec": {}}),
        json!({"f:status": {"f:sync": {}}}),
        json!({"f:metadata": {"f:annotations": {"f:note": {}}}}),
    ] {
        let mut entries = fenced.theirs.read()?["metadata"]["managedFields"]
            .as_array()
            .cloned()
            .context("no managers")?;
        entries.push(json!({
            "manager": HEAL, "operation": "Update", "apiVersion": "argoproj.io/v1alpha1",
            "time": "2026-01-05T10:00:00Z", "fieldsType": "FieldsV1",
            "fieldsV1": claimed,
        }));
        fenced.refused(
            words,
            HEAL,
            &json!([{"op": "replace", "path": "/metadata/managedFields", "value": entries}]),
        )?;
    }
    // What a clear takes away is taken from who owned it, and nothing else.
    let mut expected = of_others(&fenced.theirs.read()?);
    let updater = of(&expected, "argocd-application-controller");
    expected[updater]["fieldsV1"]["f:status"]
        .as_object_mut()
        .map(|status| status.remove("f:operationState"));
    let seen = fenced.accepted(&clear(&fenced.read()?, &Then::Refresh)?)?;
    assert_eq!(of_others(&seen), expected);
    // The request of somebody else goes with its entry, where it is all that the entry had.
    fenced
        .theirs
        .json_patch(
            "argocd-application-controller",
            &json!([{"op": "remove", "path": REFRESH}]),
        )?
        .success()?;
    fenced
        .theirs
        .json_patch(
            "kubectl-annotate",
            &json!([{"op": "add", "path": REFRESH, "value": "normal"}]),
        )?
        .success()?;
    let seen = fenced.accepted(&withdraw_refresh(&fenced.read()?)?.context("nothing was asked")?)?;
    assert_eq!(of_others(&seen), expected);
    Ok(())
}

/// Ten people, each with an Update entry of their own: the API server lets the eleventh make the two oldest ones one.
fn crowd(fenced: &Fenced) -> Result<Vec<Value>> {
    let updates = |entries: &[Value]| entries.iter().filter(|entry| entry["operation"] == "Update").count();
    for number in 0..10 {
        let annotation = json!({"metadata": {"annotations": {format!("example.com/{number}"): "kept"}}});
        fenced
            .theirs
            .merge_patch(&format!("person-{number}"), &annotation)?
            .success()?;
        let entries = of_others(&fenced.theirs.read()?);
        if updates(&entries) == 10 {
            return Ok(entries);
        }
    }
    anyhow::bail!("there are no ten Update entries")
}

#[test]
fn where_the_api_server_joins_the_oldest_of_ten_entries_a_write_passes_and_a_forged_one_does_not() -> Result<()> {
    let installation = shared()?;
    let (application, kustomization) = (
        Fenced::application(installation, "argocd", "crowd")?,
        Fenced::kustomization(installation, "flux-system", "crowd")?,
    );
    for fenced in [&application, &kustomization] {
        let entries = crowd(fenced)?;
        let joined = json!({
            "manager": "ancient-changes", "operation": "Update", "apiVersion": entries[0]["apiVersion"],
            "time": "2026-01-05T10:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:annotations": {"f:example.com/0": {}}}},
        });
        let words = "owners or managers";
        let person = |number: usize| {
            entries
                .iter()
                .position(|entry| entry["manager"] == format!("person-{number}"))
                .unwrap_or_default()
        };
        let forged = |gone: &[usize], joined: &Value| {
            let gone: Vec<usize> = gone.iter().map(|number| person(*number)).collect();
            let kept = entries
                .iter()
                .enumerate()
                .filter(|(at, _)| !gone.contains(at))
                .map(|(_, entry)| entry.clone());
            let value: Vec<Value> = kept.chain([joined.clone()]).collect();
            json!([{"op": "replace", "path": "/metadata/managedFields", "value": value}])
        };
        let mut greedy = joined.clone();
        greedy["fieldsV1"]["f:spec"] = json!({"f:interval": {}, "f:project": {}});
        let mut poor = joined.clone();
        poor["fieldsV1"] = json!({"f:metadata": {}});
        fenced.refused(words, HEAL, &forged(&[0, 1], &greedy))?;
        fenced.refused(words, HEAL, &forged(&[0, 1], &poor))?;
        fenced.refused(words, HEAL, &forged(&[0, 1, 2, 3], &joined))?;
        let mut another = joined.clone();
        another["manager"] = json!("another");
        fenced.refused(words, HEAL, &forged(&[0, 1], &another))?;
    }
    let seen = application.accepted(&clear(&application.read()?, &Then::Refresh)?)?;
    assert!(
        of_others(&seen)
            .iter()
            .any(|entry| entry["manager"] == "ancient-changes"),
        "{:#}",
        seen["metadata"]["managedFields"]
    );
    let seen = Kustomization::read(&kustomization.theirs.read()?)?;
    let seen = kustomization.accepted(&poke(seen.uid.as_deref(), seen.annotations.as_ref(), "driftmend-one")?)?;
    assert!(
        of_others(&seen)
            .iter()
            .any(|entry| entry["manager"] == "ancient-changes"),
        "{:#}",
        seen["metadata"]["managedFields"]
    );
    // Again, with the joined entry among the oldest.
    application
        .theirs
        .json_patch(
            "argocd-application-controller",
            &json!([{"op": "remove", "path": REFRESH}]),
        )?
        .success()?;
    application
        .theirs
        .merge_patch(
            "one-more",
            &json!({"metadata": {"annotations": {"example.com/more": "kept"}}}),
        )?
        .success()?;
    application.accepted(&refresh(&application.read()?)?.context("nothing to ask")?)?;
    Ok(())
}

#[test]
fn of_a_kustomization_only_a_reconciliation_is_asked_for() -> Result<()> {
    let fenced = Fenced::kustomization(shared()?, "flux-system", "shop")?;
    for token in ["driftmend-one", "driftmend-two"] {
        let seen = Kustomization::read(&fenced.theirs.read()?)?;
        let seen = fenced.accepted(&poke(seen.uid.as_deref(), seen.annotations.as_ref(), token)?)?;
        assert_eq!(
            seen["metadata"]["annotations"]["reconcile.fluxcd.io/requestedAt"],
            token
        );
    }
    let set = |path: &str, value: Value| json!([{"op": "add", "path": path, "value": value}]);
    let rest = "driftmend changes nothing of a Kustomization's spec, status, labels, finalizers, owners or managers";
    fenced.refused(rest, HEAL, &set("/spec/suspend", json!(true)))?;
    fenced.refused(rest, HEAL, &set("/metadata/labels/team", json!("another")))?;
    let annotations = "of a Kustomization's annotations driftmend only sets reconcile.fluxcd.io/requestedAt";
    fenced.refused(annotations, HEAL, &set("/metadata/annotations/note", json!("changed")))?;
    fenced.refused(
        annotations,
        HEAL,
        &json!([{"op": "remove", "path": "/metadata/annotations/reconcile.fluxcd.io~1requestedAt"}]),
    )?;
    let requested = "/metadata/annotations/reconcile.fluxcd.io~1requestedAt";
    fenced.refused(
        "only under the field manager driftmend-heal",
        "kubectl",
        &set(requested, json!("driftmend-three")),
    )?;
    Ok(())
}

#[test]
fn outside_the_namespaces_listed_neither_rights_nor_fence_let_anything_through() -> Result<()> {
    let installation = shared()?;
    let control_plane = &installation.control_plane;
    let elsewhere = [
        Fenced::application(installation, "office", "elsewhere")?,
        Fenced::kustomization(installation, "office", "elsewhere")?,
    ];
    let annotated = json!([{"op": "add", "path": "/metadata/annotations/note", "value": "changed"}]);
    for fenced in &elsewhere {
        fenced.refused("cannot patch resource", HEAL, &annotated)?;
    }
    // Somebody gives the ServiceAccount more than the chart does.
    let listed = Fenced::application(installation, "argocd", "listed")?;
    for (name, group) in [
        ("applications", "argoproj.io"),
        ("kustomizations", "kustomize.toolkit.fluxcd.io"),
    ] {
        let resource = format!("--resource={name}.{group}");
        control_plane
            .kubectl(&["create", "clusterrole", name, "--verb=create,patch,delete", &resource])?
            .success()?;
        let (role, subject) = (format!("--clusterrole={name}"), "--serviceaccount=driftmend:driftmend");
        control_plane
            .kubectl(&["create", "clusterrolebinding", name, &role, subject])?
            .success()?;
    }
    for (fenced, kind) in elsewhere.iter().zip(["Applications", "Kustomizations"]) {
        let words = format!("driftmend may not write {kind} in this namespace");
        wait::until("the new right", PATIENCE, || {
            let answer = fenced.ours.json_patch(HEAL, &annotated)?;
            Ok(if answer.stderr.contains(&words) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stderr)
            })
        })?;
    }
    let kubectl = control_plane
        .tool("kubectl")?
        .kubeconfig(&installation.service_account()?);
    let never = "driftmend never creates or deletes an Application, not even in a dry run";
    for dry_run in ["--dry-run=none", "--dry-run=server"] {
        let delete = kubectl.run(&["delete", "applications.argoproj.io", "listed", "-n", "argocd", dry_run])?;
        assert!(
            delete.code != 0 && delete.stderr.contains(never),
            "{}{}",
            delete.stdout,
            delete.stderr
        );
        let mut another = listed.theirs.read()?;
        another["metadata"] = json!({"name": "another", "namespace": "argocd"});
        let create = kubectl
            .clone()
            .input(another.to_string())
            .run(&["create", dry_run, "-f", "-"])?;
        assert!(
            create.code != 0 && create.stderr.contains(never),
            "{}{}",
            create.stdout,
            create.stderr
        );
    }
    Ok(())
}

#[test]
fn the_api_server_finds_no_fault_in_the_policies() -> Result<()> {
    let control_plane = &shared()?.control_plane;
    for name in [
        "writes",
        "heals",
        "applications",
        "kustomizations",
        "records",
        "approval",
    ] {
        let checked = wait::until("a type check", PATIENCE, || {
            let get = [
                "get",
                "validatingadmissionpolicy",
                &format!("{name}.driftmend.dev"),
                "--output=json",
            ];
            let policy: Value = serde_json::from_str(&control_plane.kubectl(&get)?.success()?)?;
            let checked = policy["status"]["observedGeneration"] == policy["metadata"]["generation"];
            Ok(if checked {
                ControlFlow::Break(policy["status"].clone())
            } else {
                ControlFlow::Continue(policy["status"].to_string())
            })
        })?;
        assert_eq!(
            checked["typeChecking"]["expressionWarnings"],
            Value::Null,
            "{name}: {checked:#}"
        );
    }
    Ok(())
}

/// Who may edit Deployments and reports of the namespace, and nothing else.
fn editor(control_plane: &ControlPlane, name: &str) -> Result<PathBuf> {
    control_plane
        .kubectl(&[
            "create",
            "rolebinding",
            name,
            "--clusterrole=edit",
            &format!("--user={name}"),
            "-n",
            "shop",
        ])?
        .success()?;
    control_plane.user(name, &[])
}

#[test]
fn who_approves_a_write_on_an_application_may_make_it() -> Result<()> {
    let installation = shared()?;
    let control_plane = &installation.control_plane;
    let hash = "a".repeat(64);
    let report = json!({
        "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport",
        "metadata": {"name": "deployment-web", "namespace": "shop"},
        "spec": {
            "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "watchRef": {"namespace": "shop", "name": "shop"},
        },
    });
    control_plane.apply(&report.to_string())?;
    let patch = |kubeconfig: &PathBuf, status: Value| -> Result<_> {
        let patch = json!({ "status": status }).to_string();
        let arguments = [
            "patch",
            "driftreport",
            "deployment-web",
            "-n",
            "shop",
            "--subresource=status",
            "--type=merge",
            "--patch",
            &patch,
        ];
        control_plane.tool("kubectl")?.kubeconfig(kubeconfig).run(&arguments)
    };
    // kubectl reads a status before it patches it; the controller does not.
    let reads = [
        "create",
        "role",
        "reads",
        "--verb=get",
        "--resource=driftreports.driftmend.dev/status",
        "-n",
        "shop",
    ];
    control_plane.kubectl(&reads)?.success()?;
    let bound = [
        "create",
        "rolebinding",
        "reads",
        "--role=reads",
        "--serviceaccount=driftmend:driftmend",
        "-n",
        "shop",
    ];
    control_plane.kubectl(&bound)?.success()?;
    let step = |kind: &str, object: Value| {
        json!({"kind": kind, "target": "…", "object": object, "summary": "…",
                                                  "patch": "…"})
    };
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"});
    let application =
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "namespace": "teams", "name": "shop"});
    let steps = json!([step("Restore", deployment), step("Refresh", application)]);
    let plan = json!({"hash": hash, "serial": 1, "expires": "2126-01-05T10:00:00Z", "cautions": [], "steps": steps});
    let service_account = installation.service_account()?;
    wait::until("the right to read a status", PATIENCE, || {
        let answer = patch(
            &service_account,
            json!({"phase": "Drifted", "summary": "…", "plan": plan}),
        )?;
        Ok(if answer.code == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })?;

    let erin = editor(control_plane, "erin")?;
    let approval =
        json!({"approval": {"decision": "Approved", "planHash": hash, "by": "erin", "at": "2026-01-05T10:00:00Z"}});
    let words = "approving and denying need the right to patch the Deployment \"web\" in namespace \"shop\" and \
                 Application teams/shop";
    wait::until("a refusal for want of the Application", PATIENCE, || {
        let answer = patch(&erin, approval.clone())?;
        ensure!(answer.code != 0, "it was approved");
        Ok(if answer.stderr.contains(words) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })?;
    let of_shop = [
        "--verb=patch",
        "--resource=applications.argoproj.io",
        "--resource-name=shop",
        "-n",
        "teams",
    ];
    control_plane
        .kubectl(&[&["create", "role", "erin"], &of_shop[..]].concat())?
        .success()?;
    control_plane
        .kubectl(&[
            "create",
            "rolebinding",
            "erin",
            "--role=erin",
            "--user=erin",
            "-n",
            "teams",
        ])?
        .success()?;
    wait::until("an approval", PATIENCE, || {
        let answer = patch(&erin, approval.clone())?;
        Ok(if answer.code == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })?;

    // The controller carries on whatever heal names it; nobody else may write one down.
    let healing = |healer: &str| {
        json!({"healing": {"planHash": hash, "uid": "", "by": "erin", "healer": healer,
                                                    "startedAt": "2026-01-05T10:00:00Z",
                                                    "steps": [{"kind": "Restore", "state": "Pending"},
                                                        {"kind": "Refresh", "state": "Pending"}]}})
    };
    let forged = patch(
        &erin,
        healing("controller as system:serviceaccount:driftmend:driftmend"),
    )?;
    let words = "status.healing may name only yourself as its healer: \"erin\"";
    assert!(
        forged.code != 0 && forged.stderr.contains(words),
        "{}{}",
        forged.stdout,
        forged.stderr
    );
    patch(&erin, healing("erin"))?.success()?;
    Ok(())
}

#[test]
fn without_argo_cd_and_flux_it_runs_says_so_once_and_finds_them_when_they_come() -> Result<()> {
    let installation = Installation::prepare(&["argocd"])?;
    let control_plane = &installation.control_plane;
    let controller = installation.start_controller(&installation.install("observe", &[])?)?;
    let absent = "the cluster does not have the kind; it is looked for again";
    let said = |words: &str| -> Vec<String> {
        controller
            .log()
            .lines()
            .filter(|line| line.contains(words))
            .map(str::to_owned)
            .collect()
    };
    let wait_until_said = |words: &str, kinds: &[&str]| {
        wait::until(&format!("{words:?} of {kinds:?}"), PATIENCE, || {
            let lines = said(words);
            let all = kinds.iter().all(|kind| lines.iter().any(|line| line.contains(kind)));
            Ok(if all {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(lines.join("\n"))
            })
        })
    };
    let kinds = [
        "applications.argoproj.io",
        "kustomizations.kustomize.toolkit.fluxcd.io",
        "gitrepositories.source.toolkit.fluxcd.io",
    ];
    wait_until_said(absent, &kinds)?;
    for set in ["argo-cd", "kustomize-controller"] {
        definitions::install(control_plane, &binaries::components(set)?.join("crds"))?;
    }
    wait_until_said("the kind is watched", &kinds)?;
    assert_eq!(said(absent).len(), kinds.len(), "{:#?}", said(absent));
    installation::assert_no_right_was_missing(&controller);

    // In this mode nothing may be written, whatever rights somebody adds.
    let fenced = Fenced::application(&installation, "argocd", "shop")?;
    let rights = [
        "create",
        "clusterrolebinding",
        "all",
        "--clusterrole=cluster-admin",
        "--serviceaccount=driftmend:driftmend",
    ];
    control_plane.kubectl(&rights)?.success()?;
    let words = "driftmend was not given the right to write Applications";
    wait::until("the fence of mode observe", PATIENCE, || {
        let answer = fenced
            .ours
            .json_patch(HEAL, &json!([{"op": "add", "path": REFRESH, "value": "normal"}]))?;
        ensure!(answer.code != 0, "it was written");
        Ok(if answer.stderr.contains(words) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })?;
    Ok(())
}
