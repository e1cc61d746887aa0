//! What the watches see, as keys: an event never says what is to be done, only what is to be looked at.

use std::sync::Arc;

use futures::{Stream, StreamExt};
use kube::ResourceExt;
use kube::runtime::reflector;
use tokio_util::sync::CancellationToken;

use super::index::{Target, WatchKey};
use super::queue::Queue;
use super::tool::{Difference, ToolKey, ToolKind};
use super::{Context, Key, observe, terms};
use crate::api::v1alpha1::DriftWatch;
use crate::cluster::live::{self, What};
use crate::cluster::tools::{self, Change};

/// Turns what the watches see into keys. A key never says why.
pub(super) fn spawn_triggers(
    context: &Arc<Context>,
    sources: &Queue<Key>,
    touched: impl Stream<Item = live::Touched> + Send + 'static,
    watch_keys: impl Stream<Item = (String, String)> + Send + 'static,
    report_keys: impl Stream<Item = Key> + Send + 'static,
    stop: &CancellationToken,
) {
    let to = context.clone();
    let objects = touched.for_each(move |touched| {
        let target = Target {
            kind: touched.kind,
            namespace: touched.namespace,
            name: touched.name,
        };
        let changed = !matches!(
            touched.what,
            What::Applied {
                assessable_change: false
            }
        );
        // A change of status says nothing new, but for a heal that waits for its roll-out.
        if changed && to.index.names(&target) || healing(&to, &target) {
            to.queue.now(Key::Target(target));
        }
        futures::future::ready(())
    });
    let (to, looks) = (context.clone(), sources.clone());
    let watches = watch_keys.for_each(move |(namespace, name)| {
        let key = WatchKey { namespace, name };
        let watch = to
            .watches
            .get(&reflector::ObjectRef::new(&key.name).within(&key.namespace));
        // What it says now holds from now on, however long the look at its source takes or waits.
        let news = terms::at_once(&to, &key, watch.as_ref());
        // Our own status writes come back as events; they are no reason to ask Git again. One that was made anew is
        // another.
        if news {
            looks.now(Key::Watch(key));
        }
        futures::future::ready(())
    });
    let to = context.clone();
    let reports = report_keys.for_each(move |key| {
        to.queue.now(key);
        futures::future::ready(())
    });
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = futures::future::join3(objects, watches, reports) => {}
            () = stop.cancelled() => {}
        }
    });
}

/// Follows the objects of a tool: a change of what it syncs is a reason to look at the source, and any change of how
/// far it is one to assess what it syncs.
pub(super) fn spawn_tool(context: &Arc<Context>, sources: &Queue<Key>, kind: ToolKind, stop: &CancellationToken) {
    let changes = tools::watch(context.cluster.client(), kind.resource(), kind.object_kind());
    let (to, looks, stop) = (context.clone(), sources.clone(), stop.clone());
    let follow = changes.for_each(move |change| {
        let key = |namespace, name| ToolKey { kind, namespace, name };
        let (key, Difference { new, moved, stirred }) = match change {
            Change::Put(namespace, name, object) => {
                let key = key(namespace, name);
                (key.clone(), to.tools.put(key, &object))
            }
            Change::Gone(namespace, name) => {
                let key = key(namespace, name);
                let difference = to.tools.remove(&key);
                (key, difference)
            }
        };
        for watch in to.tools.named_by(&key) {
            let Some(watched) = to
                .index
                .watch(&watch)
                .filter(|watched| watched.tool.as_ref() == Some(&key))
            else {
                // One whose source could not be read yet, because of this very object most likely.
                if new || moved {
                    look_anew(&to, &looks, watch);
                }
                continue;
            };
            if moved {
                look_anew(&to, &looks, watch);
            }
            for target in watched
                .rendition
                .desired
                .keys()
                .filter(|target| stirred || healing(&to, target))
            {
                to.queue.now(Key::Target(target.clone()));
            }
        }
        futures::future::ready(())
    });
    tokio::spawn(async move {
        tokio::select! {
            () = follow => {}
            () = stop.cancelled() => {}
        }
    });
}

/// Asks for a look at a source whose failures do not count any more: what it rests on was changed.
pub(super) fn look_anew(context: &Context, looks: &Queue<Key>, watch: WatchKey) {
    context.attempts.forget(&watch);
    looks.now(Key::Watch(watch));
}

fn healing(context: &Context, target: &Target) -> bool {
    let report = observe::report(context, target);
    report.is_some_and(|report| report.status.as_ref().is_some_and(|status| status.healing.is_some()))
}

pub(super) fn watch_key(watch: &DriftWatch) -> WatchKey {
    WatchKey {
        namespace: watch.namespace().unwrap_or_default(),
        name: watch.name_any(),
    }
}
