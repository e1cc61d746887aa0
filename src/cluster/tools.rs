//! The objects of the tools that sync: kinds that a cluster may not have, or get later.

mod lean;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use kube::api::{ApiResource, GroupVersionKind};
use kube::runtime::utils::Backoff;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use tracing::{info, warn};

use super::call::Resource;
use super::{WatchBackoff, patient};
use lean::Lean;

/// Argo CD's Applications.
pub const APPLICATIONS: Resource<'static> = Resource {
    group: "argoproj.io",
    version: "v1alpha1",
    plural: "applications",
};

/// Argo CD's projects, which hold the sync windows.
pub const APP_PROJECTS: Resource<'static> = Resource {
    group: "argoproj.io",
    version: "v1alpha1",
    plural: "appprojects",
};

/// Argo CD's ApplicationSets.
pub const APPLICATION_SETS: Resource<'static> = Resource {
    group: "argoproj.io",
    version: "v1alpha1",
    plural: "applicationsets",
};

/// Flux's Kustomizations.
pub const KUSTOMIZATIONS: Resource<'static> = Resource {
    group: "kustomize.toolkit.fluxcd.io",
    version: "v1",
    plural: "kustomizations",
};

/// Flux's Git repositories.
pub const GIT_REPOSITORIES: Resource<'static> = Resource {
    group: "source.toolkit.fluxcd.io",
    version: "v1",
    plural: "gitrepositories",
};

/// ConfigMaps: Argo CD's settings stand in one.
pub const CONFIG_MAPS: Resource<'static> = Resource {
    group: "",
    version: "v1",
    plural: "configmaps",
};

/// Objects a page of the first list, each of which may have a megabyte: no more than a page is held at a time.
const PAGE_SIZE: u32 = 20;

/// How often a kind is looked for that the cluster does not have.
const ABSENT: Duration = Duration::from_secs(30);

/// What happened to an object of a tool.
#[derive(Clone, Debug)]
pub enum Change {
    /// It is there, as here.
    Put(String, String, Box<Value>),

    /// It is gone: namespace and name.
    Gone(String, String),
}

/// Follows every object of a kind; every change and deletion is told, also those that happened while no watch stood. A
/// kind that the cluster does not have is no error: it is said once, and looked for again.
pub fn watch(client: Client, resource: Resource<'static>, kind: &'static str) -> impl Stream<Item = Change> + Send {
    let named = ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk(resource.group, resource.version, kind),
        resource.plural,
    );
    let api: Api<Lean> = Api::all_with(client, &named);
    let backoff = Patient::default();
    let absent = backoff.absent.clone();
    let mut follower = Follower {
        resource,
        there: HashSet::new(),
        before: HashSet::new(),
        absent,
        told: None,
    };
    patient(watcher(api, watcher::Config::default().page_size(PAGE_SIZE)), backoff)
        .flat_map(move |event| stream::iter(follower.absorb(event)))
}

/// What one watch knows.
struct Follower {
    resource: Resource<'static>,
    there: HashSet<(String, String)>,

    /// Those that were there before the list that is being read.
    before: HashSet<(String, String)>,

    absent: Arc<AtomicBool>,

    /// Whether the watch stood when something was last logged about it.
    told: Option<bool>,
}

impl Follower {
    fn absorb(&mut self, event: watcher::Result<watcher::Event<Lean>>) -> Vec<Change> {
        match event {
            Ok(watcher::Event::Init) => {
                self.before.extend(std::mem::take(&mut self.there));
                Vec::new()
            }
            Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => {
                let (namespace, name) = key(&object);
                self.before.remove(&(namespace.clone(), name.clone()));
                self.there.insert((namespace.clone(), name.clone()));
                vec![Change::Put(namespace, name, Box::new(object.object))]
            }
            Ok(watcher::Event::InitDone) => {
                if self.told.replace(true) != Some(true) {
                    info!(resource = %self.resource, objects = self.there.len(), "the kind is watched");
                }
                self.absent.store(false, Ordering::Relaxed);
                self.before
                    .drain()
                    .map(|(namespace, name)| Change::Gone(namespace, name))
                    .collect()
            }
            Ok(watcher::Event::Delete(object)) => {
                let (namespace, name) = key(&object);
                self.there.remove(&(namespace.clone(), name.clone()));
                vec![Change::Gone(namespace, name)]
            }
            Err(error) => {
                let absence = absence(&error);
                self.absent.store(absence.is_some(), Ordering::Relaxed);
                if self.told.replace(false) != Some(false) {
                    report(&error, &self.resource, absence);
                }
                Vec::new()
            }
        }
    }
}

/// Logs once why a kind cannot be watched.
fn report(error: &watcher::Error, resource: &Resource<'_>, absence: Option<&'static str>) {
    match absence {
        Some(why) => info!(%resource, "{why}; it is looked for again"),
        None => {
            warn!(%resource, error = error as &dyn std::error::Error, "the kind cannot be watched; its objects are \
                                                                       read at each interval")
        }
    }
}

/// Why a kind is not there for us, which is no error.
fn absence(error: &watcher::Error) -> Option<&'static str> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => {
            match status.code {
                404 => Some("the cluster does not have the kind"),
                // Of a kind that is not there, too: rights are looked at first.
                403 => Some("no right is given to watch the kind"),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A delay that stays long while the kind is not there: nothing will come of asking every second.
#[derive(Default)]
struct Patient {
    usual: WatchBackoff,
    absent: Arc<AtomicBool>,
}

impl Iterator for Patient {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let usual = self.usual.next();
        if self.absent.load(Ordering::Relaxed) {
            Some(ABSENT)
        } else {
            usual
        }
    }
}

impl Backoff for Patient {
    fn reset(&mut self) {
        self.usual.reset();
    }
}

fn key(object: &Lean) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn a_kind_that_is_not_there_is_told_from_one_that_may_not_be_read() {
        let answer = |code: u16| {
            let status = Status {
                code,
                ..Status::default()
            };
            absence(&watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status))))
        };
        assert_eq!(answer(404), Some("the cluster does not have the kind"));
        assert_eq!(answer(403), Some("no right is given to watch the kind"));
        assert_eq!(answer(500), None);
        assert_eq!(absence(&watcher::Error::NoResourceVersion), None);
    }
}
