//! Sees each state of the objects that a case is about, with the time: by watches, as the tools do, since a kubectl for
//! each look would take the cores that they need.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::StreamExt;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::watcher;
use kube::{Api, Client, Config};
use serde_json::Value;

use crate::harness::ControlPlane;

/// When something was seen.
pub type Moment = Instant;

/// Between two looks at a history that does not change: whoever waits may wait for time to pass.
const LOOK: Duration = Duration::from_millis(250);

/// How long to leave an API server alone that does not answer.
const PAUSE: Duration = Duration::from_millis(500);

/// Which object: kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kept(String, String, String);

impl Kept {
    /// Names one.
    pub fn new(kind: &str, namespace: &str, name: &str) -> Self {
        Self(kind.to_owned(), namespace.to_owned(), name.to_owned())
    }
}

type History = Vec<(Moment, Arc<Value>)>;

#[derive(Default)]
struct Seen {
    histories: Mutex<HashMap<Kept, History>>,
    moved: Condvar,
}

/// What was seen, of all objects of some kinds. Its threads end with the process.
pub struct Witness {
    seen: Arc<Seen>,
}

impl Witness {
    /// Watches kinds: group, version, kind and plural of each.
    pub fn start(control_plane: &ControlPlane, kinds: &[[&str; 4]]) -> Result<Self> {
        let kubeconfig =
            Kubeconfig::read_from(control_plane.admin()).context("failed to read the administrator's kubeconfig")?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("failed to create a runtime")?;
        let client = runtime.block_on(async {
            let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
            Ok::<_, anyhow::Error>(Client::try_from(config)?)
        })?;
        let seen = Arc::new(Seen::default());
        let watches: Vec<_> = kinds
            .iter()
            .map(|[group, version, kind, plural]| {
                let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
                watch(
                    Api::all_with(client.clone(), &resource),
                    (*kind).to_owned(),
                    Arc::clone(&seen),
                )
            })
            .collect();
        let builder = thread::Builder::new().name("witness".to_owned());
        builder
            .spawn(move || runtime.block_on(futures::future::join_all(watches)))
            .context("failed to start a thread")?;
        Ok(Self { seen })
    }

    /// All states of an object, oldest first; null where it was deleted.
    pub fn history(&self, of: &Kept) -> History {
        lock(&self.seen.histories).get(of).cloned().unwrap_or_default()
    }

    /// The newest state of an object; null where there is none.
    pub fn newest(&self, of: &Kept) -> Arc<Value> {
        lock(&self.seen.histories)
            .get(of)
            .and_then(|history| history.last())
            .map(|(_, value)| Arc::clone(value))
            .unwrap_or_default()
    }

    /// Waits until an object's history gives something; none where the time is over.
    pub fn wait<T>(
        &self,
        of: &Kept,
        patience: Duration,
        mut fits: impl FnMut(&[(Moment, Arc<Value>)]) -> Option<T>,
    ) -> Option<T> {
        let begun = Instant::now();
        let mut histories = lock(&self.seen.histories);
        loop {
            if let Some(found) = fits(histories.get(of).map_or(&[], Vec::as_slice)) {
                return Some(found);
            }
            if begun.elapsed() > patience {
                return None;
            }
            histories = self
                .seen
                .moved
                .wait_timeout(histories, LOOK)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

async fn watch(api: Api<DynamicObject>, kind: String, seen: Arc<Seen>) {
    let mut events = watcher(api, watcher::Config::default()).boxed();
    while let Some(event) = events.next().await {
        let (object, deleted) = match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => (object, false),
            Ok(watcher::Event::Delete(object)) => (object, true),
            Ok(_) => continue,
            Err(_) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let name = Kept::new(
            &kind,
            object.metadata.namespace.as_deref().unwrap_or_default(),
            object.metadata.name.as_deref().unwrap_or_default(),
        );
        let mut value = if deleted {
            Value::Null
        } else {
            serde_json::to_value(&object).unwrap_or_default()
        };
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            // Nobody asks for it here, and it is half of what would be kept.
            metadata.remove("managedFields");
        }
        lock(&seen.histories)
            .entry(name)
            .or_default()
            .push((Instant::now(), Arc::new(value)));
        seen.moved.notify_all();
    }
}

/// A panic of another case while it held the lock has not changed what was seen.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
