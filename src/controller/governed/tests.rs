use jiff::SignedDuration;
use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::controller::origin::{self, Resolved};
use crate::controller::watch::watched;
use crate::engine::object::{ObjectId, Origin};

fn target() -> Target {
    Target { namespace: "shop".to_owned(), name: "web".to_owned() }
}

/// A watch of one Deployment whose source may be two minutes old, as it is when the source answers at this second.
fn answered(second: i64, surroundings: Surroundings) -> Watched {
    let watch: DriftWatch = serde_json::from_value(json!({
        "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch", "metadata": {"name": "all", "namespace": "shop"},
        "spec": {"source": {"git": {"url": "https://git.example/shop.git", "maxAge": "2m"}}},
    }))
    .unwrap();
    let document = Document {
        id: ObjectId {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: Some("shop".to_owned()),
            name: "web".to_owned(),
        },
        value: json!({}),
        origin: Origin { file: "web.yaml".into(), line: 1 },
    };
    let desired = Desired { document, changed_at: None, synced_revision: None, synced: None, same_at: None };
    let rendition = Rendition { desired: BTreeMap::from([(target(), Arc::new(desired))]), ..Rendition::default() };
    let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
    let resolved = Resolved { surroundings, ..origin::git(&watch).unwrap() };
    watched(Arc::new(watch), resolved, rendition, now).unwrap()
}

#[test]
fn a_source_that_answered_late_is_a_reason_to_look_again_and_one_in_time_is_none() {
    let (governed, key) = (Governed::default(), WatchKey { namespace: "shop".to_owned(), name: "all".to_owned() });
    let put = |second: i64| governed.put(&key, answered(second, Surroundings::default()));
    assert_eq!(put(0), [target()]);
    assert_eq!(put(120), []);
    // For a second no plan was made, and nothing else would tell that it may be made again.
    assert_eq!(put(241), [target()]);
}

#[test]
fn a_sync_window_that_came_is_a_reason_to_look_again_and_a_status_of_the_tool_is_none() {
    let (governed, key) = (Governed::default(), WatchKey { namespace: "shop".to_owned(), name: "all".to_owned() });
    let put = |windows: Value, status: Value| {
        let project = Some(json!({"metadata": {"resourceVersion": status}, "spec": {"syncWindows": windows}, "status": status}));
        governed.put(&key, answered(0, Surroundings { project, ..Surroundings::default() }))
    };
    assert_eq!(put(json!([]), json!("1")), [target()]);
    assert_eq!(put(json!([]), json!("2")), []);
    assert_eq!(put(json!([{"kind": "deny", "schedule": "* * * * *", "duration": "1h"}]), json!("2")), [target()]);
}
