//! A stand-in for the kubelet, and for nothing else: it writes the status that a kubelet would report for Pods.
//!
//! There is no node and no container. The Deployment and ReplicaSet controllers are real and act on what is reported
//! here. A Pod without a node is deleted at once by the API server, so that roll-outs need nothing more.

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};
use kube::api::{Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::{reflector, watcher};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// How often all known Pods are looked at, which also bounds how late a Pod becomes ready.
const TICK: Duration = Duration::from_millis(100);

/// How long to leave an API server alone that does not answer. Steady, where others wait ever longer: a test should not
/// wait for us.
const WATCH_PAUSE: Duration = Duration::from_millis(500);

/// How many statuses are written at a time: a thousand Pods in a few seconds, without taking the API server from the
/// test.
const WRITERS: usize = 8;

/// What is reported for a Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It runs and is ready.
    Ready,

    /// It runs and is not ready, as with a failing readiness probe.
    Unready,

    /// Nothing is reported: it stays as it is, which is `Pending` for a new one.
    Held,

    /// Its containers end with this exit code again and again, and the restart counts rise.
    CrashLoop {
        /// The code with which every container ends; 137 after a failed liveness probe.
        exit_code: i32,
    },
}

/// Whose Pods are reported for.
#[derive(Clone, Debug)]
pub enum Scope {
    /// Those of one namespace.
    Namespace(String),

    /// Those of the whole cluster.
    Cluster,
}

/// Decides for a Pod as it is now; asked again all the time, so that the answer may change.
type Decide = Box<dyn Fn(&Pod) -> Fate + Send>;

/// A running stand-in; it stops when this value is dropped. Statuses that were written stay.
pub struct ReadyPods {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ReadyPods {
    /// Reports every Pod of the scope as running and ready.
    pub fn start(kubeconfig: &Path, scope: Scope) -> Result<Self> {
        // The interval counts for crash loops only.
        Self::start_with(kubeconfig, scope, Duration::from_secs(1), |_| Fate::Ready)
    }

    /// Reports for each Pod what `decide` says. A crash loop's restart counts rise by one each `restart_interval`.
    pub fn start_with(
        kubeconfig: &Path,
        scope: Scope,
        restart_interval: Duration,
        decide: impl Fn(&Pod) -> Fate + Send + 'static,
    ) -> Result<Self> {
        let kubeconfig =
            Kubeconfig::read_from(kubeconfig).with_context(|| format!("failed to read {}", kubeconfig.display()))?;
        // A thread and a runtime of its own: it goes on while a test blocks in kubectl, and serves tests without a
        // runtime.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("failed to create a runtime")?;
        let client = runtime.block_on(async {
            let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
            Ok::<_, anyhow::Error>(Client::try_from(config)?)
        })?;
        let (stop, stopped) = oneshot::channel();
        let decide: Decide = Box::new(decide);
        let thread = thread::Builder::new()
            .name("ready-pods".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = report(client, scope, restart_interval, decide) => {}
                        _ = stopped => {}
                    }
                });
            })
            .context("failed to start a thread")?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for ReadyPods {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It panics only where `decide` does, which has already been printed.
            let _ = thread.join();
        }
    }
}

async fn report(client: Client, scope: Scope, restart_interval: Duration, decide: Decide) {
    let pods: Api<Pod> = match &scope {
        Scope::Namespace(namespace) => Api::namespaced(client.clone(), namespace),
        Scope::Cluster => Api::all(client.clone()),
    };
    let (known, writer) = reflector::store();
    let mut events = reflector(writer, watcher(pods, watcher::Config::default())).boxed();
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(_)) => {}
                // The test may have stopped the API server; the watch begins again when it is asked for the next event.
                Some(Err(error)) => {
                    eprintln!("ready-pods: unable to watch Pods: {error}");
                    tokio::time::sleep(WATCH_PAUSE).await;
                }
                None => return,
            },
            _ = tick.tick() => {
                let now = Timestamp::now();
                let due = |pod: Arc<Pod>| {
                    due_status(&pod, decide(&pod), now, restart_interval).map(|status| (pod, status))
                };
                let writes: Vec<_> = known.state().into_iter().filter_map(due).collect();
                let writes = futures::stream::iter(writes);
                writes.for_each_concurrent(WRITERS, |(pod, status)| write(&client, pod, status)).await;
            }
        }
    }
}

async fn write(client: &Client, pod: Arc<Pod>, status: Value) {
    let pods: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    let patch = Patch::Merge(json!({"metadata": {"uid": pod.uid()}, "status": status}));
    match pods
        .patch_status(&pod.name_any(), &PatchParams::default(), &patch)
        .await
    {
        Ok(_) => {}
        // It was deleted, or deleted and created again, since the watch told of it.
        Err(kube::Error::Api(answer)) if answer.code == 404 || answer.code == 409 => {}
        Err(error) => eprintln!(
            "ready-pods: unable to write the status of Pod {}: {error}",
            pod.name_any()
        ),
    }
}

/// Returns the status to write for a Pod, or nothing when it already has it.
fn due_status(pod: &Pod, fate: Fate, now: Timestamp, restart_interval: Duration) -> Option<Value> {
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let is_ready = ready_condition(pod).map(|condition| condition.status.as_str());
    let running = json!({"running": {"startedAt": now}});
    match fate {
        Fate::Held => None,
        Fate::Ready => (is_ready != Some("True")).then(|| status(pod, now, "True", &running)),
        Fate::Unready => (is_ready != Some("False")).then(|| status(pod, now, "False", &running)),
        Fate::CrashLoop { exit_code } => {
            restart_is_due(pod, now, restart_interval).then(|| crashed(pod, now, exit_code))
        }
    }
}

fn ready_condition(pod: &Pod) -> Option<&PodCondition> {
    pod.status
        .as_ref()?
        .conditions
        .as_ref()?
        .iter()
        .find(|condition| condition.type_ == "Ready")
}

fn container_statuses(pod: &Pod) -> &[ContainerStatus] {
    pod.status
        .as_ref()
        .and_then(|status| status.container_statuses.as_deref())
        .unwrap_or_default()
}

/// The last crash stands in the status itself, so that a stand-in which is started later goes on from there.
fn restart_is_due(pod: &Pod, now: Timestamp, restart_interval: Duration) -> bool {
    let last = container_statuses(pod)
        .iter()
        .filter_map(|status| status.last_state.as_ref()?.terminated.as_ref()?.finished_at.as_ref())
        .max();
    match last {
        Some(finished) => now.duration_since(finished.0).unsigned_abs() >= restart_interval,
        None => true,
    }
}

fn crashed(pod: &Pod, now: Timestamp, exit_code: i32) -> Value {
    let waiting =
        json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}});
    let mut status = status(pod, now, "False", &waiting);
    for container in status["containerStatuses"].as_array_mut().into_iter().flatten() {
        container["restartCount"] = json!(container["restartCount"].as_i64().unwrap_or_default() + 1);
        container["lastState"] =
            json!({"terminated": {"exitCode": exit_code, "reason": "Error", "startedAt": now, "finishedAt": now}});
    }
    status
}

fn status(pod: &Pod, now: Timestamp, ready: &str, state: &Value) -> Value {
    let known = pod.status.as_ref();
    // A condition that stays as it is keeps its time, as with a kubelet: "not ready for ten minutes" must stay true.
    let since = ready_condition(pod)
        .filter(|condition| condition.status == ready)
        .and_then(|condition| condition.last_transition_time.as_ref());
    let since = since.map_or(now, |time| time.0);
    let condition = |name: &str, status: &str| json!({"type": name, "status": status, "lastTransitionTime": since});
    let containers: Vec<Value> = pod
        .spec
        .iter()
        .flat_map(|spec| &spec.containers)
        .map(|container| {
            let known = container_statuses(pod)
                .iter()
                .find(|status| status.name == container.name);
            json!({
                "name": container.name,
                "image": container.image,
                "imageID": "",
                "ready": ready == "True",
                "started": true,
                "restartCount": known.map_or(0, |status| status.restart_count),
                "state": state,
                "lastState": known.and_then(|status| status.last_state.clone()),
            })
        })
        .collect();
    json!({
        "phase": "Running",
        "startTime": known.and_then(|status| status.start_time.as_ref()).map_or(now, |time| time.0),
        "conditions": [
            condition("Initialized", "True"),
            condition("Ready", ready),
            condition("ContainersReady", ready),
            condition("PodScheduled", "True"),
        ],
        "containerStatuses": containers,
    })
}
