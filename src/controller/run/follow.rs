//! A watch of one kind: its store, and the keys that changed.

use futures::{Stream, StreamExt};
use kube::Api;
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher;
use tracing::warn;

use crate::cluster::{Cluster, DEFINITIONS_HINT, WatchBackoff, patient};

/// A store of one of our own kinds, and the key of every object that an event touched.
pub(super) fn follow<K, T>(cluster: &Cluster, key: fn(&K) -> T) -> (Store<K>, impl Stream<Item = T> + Send + use<K, T>)
where
    T: Send + 'static,
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    let (store, writer) = reflector::store();
    let api: Api<K> = Api::all(cluster.client());
    let events = patient(watcher(api, watcher::Config::default()), WatchBackoff::default());
    let kind = K::kind(&()).into_owned();
    let touched = reflector::reflector(writer, events).filter_map(move |event| {
        let touched = match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object) | watcher::Event::Delete(object)) => {
                Some(key(&object))
            }
            Ok(watcher::Event::Init | watcher::Event::InitDone) => None,
            Err(error) => {
                let hint = has_no_such_kind(&error).then_some(DEFINITIONS_HINT);
                warn!(
                    kind,
                    error = &error as &dyn std::error::Error,
                    hint,
                    "a watch is interrupted"
                );
                None
            }
        };
        futures::future::ready(touched)
    });
    (store, touched)
}

/// Whether the API server answered that it does not know the kind.
fn has_no_such_kind(error: &watcher::Error) -> bool {
    let answer = match error {
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) => error,
        _ => return false,
    };
    matches!(answer, kube::Error::Api(status) if status.code == 404)
}
