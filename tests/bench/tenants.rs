//! What a tenant feels of the others: of one whose sources are silent and whose rules have no end, and of a thousand
//! Applications that nobody watches.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result};
use driftmend::api::v1alpha1::DriftWatch;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::harness::applications::{self, ENDLESS};
use crate::harness::git_server::{self, GitServer, Mode, Repository};
use crate::harness::wait;
use crate::latency::{self, Latencies};
use crate::machine::{self, Memory};
use crate::manifest;
use crate::stage::Stage;
use crate::table::Spread;

/// How many Deployments the quiet tenant has, one of which is edited at a time.
const QUIET: usize = 20;

/// How many watches of the loud tenant name a server that never answers.
const SILENT: usize = 64;

/// How many rules without an end its Application has.
const RULES: usize = 100;

/// How many Deployments of its, which change all the time.
const LOUD: usize = 20;

/// How long it waits between two changes of a Deployment.
const BETWEEN: Duration = Duration::from_millis(100);

/// How many watches the quiet tenant makes, one after the other.
const NEW: usize = 10;

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(300);

/// How often a watch is asked for its status.
const POLL: Duration = Duration::from_millis(20);

/// How many resources each Application has that nobody watches.
const RESOURCES: usize = 60;

/// What was measured.
pub struct Tenants {
    /// The quiet tenant's hand changes, told while it is alone.
    pub alone: Latencies,

    /// The same beside the loud one.
    pub beside: Latencies,

    /// From the answer to a new watch's creation to a commit in its status, while it is alone.
    pub read_alone: Spread,

    /// The same beside the loud one.
    pub read_beside: Spread,
}

/// Measures a quiet tenant alone and then beside a loud one.
pub fn measure(patches: usize) -> Result<Tenants> {
    let stage = Stage::start()?;
    applications::install_kind(&stage.plane)?;
    stage.deploy(0, QUIET)?;
    stage.commit(QUIET)?;
    stage.watch()?;
    let controller = stage.controller()?;
    stage.wait_until_in_sync(&controller, QUIET)?;
    let alone = latency::measure(&stage, &controller, QUIET, patches)?;
    let read_alone = new_watches(&stage, "alone")?;
    let loud = Loud::start(&stage)?;
    let beside = latency::measure(&stage, &controller, QUIET, patches)?;
    let read_beside = new_watches(&stage, "beside")?;
    loud.stop();
    stage.stop(controller)?;
    Ok(Tenants {
        alone,
        beside,
        read_alone,
        read_beside,
    })
}

/// The memory of a controller that has listed this many Applications of which no watch names one, and of one that had
/// none to list.
pub fn memory(unwatched: usize) -> Result<(Memory, Memory)> {
    let stage = Stage::start()?;
    applications::install_kind(&stage.plane)?;
    let without = remembered(&stage)?;
    let namespace = stage.plane.namespace("teams")?;
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Application"));
    let api: Api<DynamicObject> = Api::namespaced_with(stage.client.clone(), &namespace, &kind);
    stage.runtime.block_on(async {
        let create = |at: usize| {
            let (api, object) = (
                &api,
                applications::large(&namespace, &format!("team-{at:04}"), RESOURCES),
            );
            async move {
                api.create(&PostParams::default(), &serde_json::from_value(object)?)
                    .await
                    .map_err(anyhow::Error::from)
            }
        };
        stream::iter(0..unwatched)
            .map(create)
            .buffer_unordered(8)
            .try_for_each(|_| async { Ok(()) })
            .await
    })?;
    Ok((without, remembered(&stage)?))
}

fn remembered(stage: &Stage) -> Result<Memory> {
    let controller = stage.controller()?;
    let told = "the kind is watched";
    wait::until("the Applications to be listed", DEADLINE, || {
        let log = controller.log();
        let listed = log
            .lines()
            .any(|line| line.contains(told) && line.contains("applications"));
        Ok(if listed {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue("not yet".to_owned())
        })
    })?;
    // What was let go is given back within a moment.
    thread::sleep(Duration::from_secs(10));
    let memory = machine::memory(controller.id())?;
    stage.stop(controller)?;
    Ok(memory)
}

/// Makes watches of the quiet tenant, one after the other, and tells how long each took to have a commit.
fn new_watches(stage: &Stage, prefix: &str) -> Result<Spread> {
    let api: Api<DriftWatch> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let took = (0..NEW).map(|at| {
        let name = format!("{prefix}-{at}");
        let object = json!({
            "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch",
            "metadata": {"name": name, "namespace": stage.namespace},
            "spec": {"source": {"git": {"url": stage.git.url("shop.git"), "path": "shop"}}},
        });
        stage
            .runtime
            .block_on(api.create(&PostParams::default(), &serde_json::from_value(object)?))?;
        let begun = Instant::now();
        loop {
            let watch = stage.runtime.block_on(api.get(&name))?;
            if watch.status.is_some_and(|status| status.revision.is_some()) {
                return Ok(begun.elapsed());
            }
            anyhow::ensure!(begun.elapsed() < DEADLINE, "the watch {name} has read nothing");
            thread::sleep(POLL);
        }
    });
    took.collect::<Result<Vec<_>>>().map(Spread::of)
}

/// A tenant with all that slows a controller down, which goes on until it is stopped.
struct Loud {
    stop: Arc<AtomicBool>,
    restless: thread::JoinHandle<()>,
    _servers: [GitServer; 2],
}

impl Loud {
    fn start(stage: &Stage) -> Result<Self> {
        let namespace = stage.plane.namespace("loud")?;
        let folder = stage.plane.folder().join("loud");
        fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
        let repository = Repository::create(&folder, "loud.git");
        let names: Vec<String> = (0..LOUD).map(manifest::name).collect();
        let files: Vec<(String, String)> = names
            .iter()
            .map(|name| (format!("loud/{name}.yaml"), manifest::text(&namespace, name)))
            .collect();
        repository.commit(
            &files
                .iter()
                .map(|(path, text)| (path.as_str(), text.as_str()))
                .collect::<Vec<_>>(),
            "Loud",
        );
        let serving = GitServer::start(&folder, &git_server::Options::default());
        let silent = GitServer::start(&folder, &git_server::Options::default());
        silent.set_mode(Mode::Hang);
        let deployments: Api<Deployment> = Api::namespaced(stage.client.clone(), &namespace);
        for name in &names {
            stage
                .runtime
                .block_on(deployments.create(&PostParams::default(), &manifest::applied(&namespace, name)?))?;
        }
        let expressions: Vec<String> = (0..RULES).map(|at| format!("{ENDLESS} | .spec.rule{at}")).collect();
        let rules = json!([{"group": "apps", "kind": "Deployment", "jqPathExpressions": expressions}]);
        let application = applications::application(&namespace, "loud", &serving.url("loud.git"), "loud", &rules);
        stage.plane.apply(&application.to_string())?;
        let watch = |name: &str, source: Value| {
            json!({
                "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"source": source},
            })
        };
        let named = json!({"argoApplication": {"name": "loud", "namespace": namespace, "interval": "1s"}});
        let mut watches = vec![watch("rules", named)];
        for at in 0..SILENT {
            let git = json!({"url": silent.url(&format!("silent-{at}.git")), "interval": "1s"});
            watches.push(watch(&format!("silent-{at}"), json!({"git": git})));
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": watches});
        stage.plane.apply(&list.to_string())?;
        let stop = Arc::new(AtomicBool::new(false));
        let restless = restless(
            stage.client.clone(),
            stage.runtime.handle().clone(),
            namespace,
            names,
            stop.clone(),
        );
        // Until it is as loud as it can be.
        thread::sleep(Duration::from_secs(10));
        Ok(Self {
            stop,
            restless,
            _servers: [serving, silent],
        })
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.restless.join();
    }
}

/// Changes one Deployment after the other, so that no answer of jq is about what is there now.
fn restless(
    client: Client,
    runtime: tokio::runtime::Handle,
    namespace: String,
    names: Vec<String>,
    stop: Arc<AtomicBool>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let api: Api<Deployment> = Api::namespaced(client, &namespace);
        for (turn, name) in names.iter().cycle().enumerate() {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) =
                runtime.block_on(api.patch(name, &manifest::by("tool"), &manifest::restless_annotation(turn)))
            {
                eprintln!("the loud tenant's patch failed: {error}");
            }
            thread::sleep(BETWEEN);
        }
    })
}
