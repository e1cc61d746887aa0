//! The objects of the tools that sync: kinds that a cluster may not have, or get later.

mod lean;

use std::collections::HashSet;

use futures::{Stream, StreamExt, stream};
use kube::api::{ApiResource, GroupVersionKind};
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use tracing::{info, warn};

use super::absence::{LookedForAgain, Switch, absence};
use super::call::Resource;
use super::patient;
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
    let backoff = LookedForAgain::default();
    let absent = backoff.switch();
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

    absent: Switch,

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
                self.absent.set(false);
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
                self.absent.set(absence.is_some());
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

fn key(object: &Lean) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}
