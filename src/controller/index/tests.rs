use std::collections::BTreeMap;

use jiff::SignedDuration;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::controller::origin::{self, Resolved};
use crate::controller::watch::watched;
use crate::engine::kind::DEPLOYMENT;
use crate::engine::object::{Document, ObjectId, Origin};

fn target() -> Target {
    Target {
        kind: &DEPLOYMENT,
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
    }
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
        origin: Origin {
            file: "web.yaml".into(),
            line: 1,
        },
    };
    let desired = Desired {
        document,
        changed_at: None,
        synced_revision: None,
        synced: None,
        same_at: None,
    };
    let rendition = Rendition {
        desired: BTreeMap::from([(target(), Arc::new(desired))]),
        ..Rendition::default()
    };
    let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
    let resolved = Resolved {
        surroundings,
        ..origin::git(&watch).unwrap()
    };
    watched(Arc::new(watch), resolved, rendition, now).unwrap()
}

#[test]
fn a_source_that_answered_late_is_a_reason_to_look_again_and_one_in_time_is_none() {
    let (governed, key) = (
        Index::default(),
        WatchKey {
            namespace: "shop".to_owned(),
            name: "all".to_owned(),
        },
    );
    let put = |second: i64| governed.put(&key, answered(second, Surroundings::default()));
    assert_eq!(put(0), [target()]);
    assert_eq!(put(120), []);
    // For a second no plan was made, and nothing else would tell that it may be made again.
    assert_eq!(put(241), [target()]);
}

#[test]
fn a_sync_window_that_came_is_a_reason_to_look_again_and_a_status_of_the_tool_is_none() {
    let (governed, key) = (
        Index::default(),
        WatchKey {
            namespace: "shop".to_owned(),
            name: "all".to_owned(),
        },
    );
    let put = |windows: Value, status: Value| {
        let project =
            json!({"metadata": {"resourceVersion": status}, "spec": {"syncWindows": windows}, "status": status});
        governed.put(
            &key,
            answered(
                0,
                Surroundings {
                    project: Some(Arc::new(project)),
                    ..Surroundings::default()
                },
            ),
        )
    };
    assert_eq!(put(json!([]), json!("1")), [target()]);
    assert_eq!(put(json!([]), json!("2")), []);
    assert_eq!(
        put(
            json!([{"kind": "deny", "schedule": "* * * * *", "duration": "1h"}]),
            json!("2")
        ),
        [target()]
    );
}

/// The same watch at a commit, with these documents and with the Deployments that it leaves.
pub(super) fn at_commit(revision: &str, second: i64, named: &[(&str, Value)], passed_over: &[&str]) -> Watched {
    let template = answered(second, Surroundings::default());
    let (_, desired) = template.rendition.desired.first_key_value().unwrap();
    let of = |name: &str| Target {
        kind: &DEPLOYMENT,
        namespace: "shop".to_owned(),
        name: name.to_owned(),
    };
    let document = |value: &Value| Document {
        value: value.clone(),
        ..desired.document.clone()
    };
    let named = named.iter().map(|(name, value)| {
        (
            of(name),
            Arc::new(Desired {
                document: document(value),
                ..Desired::clone(desired)
            }),
        )
    });
    let rendition = Rendition {
        revision: revision.to_owned(),
        desired: named.collect(),
        passed_over: passed_over.iter().map(|name| of(name)).collect(),
        ..Rendition::default()
    };
    Watched {
        rendition: Arc::new(rendition),
        ..template
    }
}

#[test]
fn a_commit_tells_what_is_new_in_git_and_what_it_dropped() {
    let (governed, key) = (
        Index::default(),
        WatchKey {
            namespace: "shop".to_owned(),
            name: "all".to_owned(),
        },
    );
    let known = |name: &str| {
        let target = Target {
            kind: &DEPLOYMENT,
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        };
        let first_seen = governed.remembered(&target).first_seen;
        (
            first_seen.map(Timestamp::as_second),
            governed.dropped(&target).map(|(_, at)| at.as_second()),
        )
    };
    let (one, two) = (|| json!({"spec": 1}), || json!({"spec": 2}));
    governed.put(
        &key,
        at_commit("a", 10, &[("web", one()), ("api", one()), ("job", one())], &[]),
    );
    assert_eq!(
        [known("web"), known("api")],
        [(None, None); 2],
        "what was there at the first look has no time"
    );
    // `job` lost the label that the watch selects by: Git still has it.
    governed.put(&key, at_commit("b", 20, &[("web", two()), ("new", one())], &["job"]));
    assert_eq!(known("web"), (Some(20), None));
    assert_eq!(known("new"), (Some(20), None));
    assert_eq!(known("api"), (None, Some(20)));
    assert_eq!(known("job"), (None, None));
    let dropped = Target {
        kind: &DEPLOYMENT,
        namespace: "shop".to_owned(),
        name: "api".to_owned(),
    };
    assert!(governed.names(&dropped), "a change of it is looked at");
    // Taken back, it is another document that is new.
    governed.put(
        &key,
        at_commit("c", 30, &[("web", two()), ("new", one()), ("api", one())], &[]),
    );
    assert_eq!([known("web"), known("api")], [(Some(20), None), (Some(30), None)]);
    governed.put(&key, at_commit("d", 40, &[("web", two()), ("new", one())], &[]));
    assert!(governed.remove(&key).contains(&dropped), "it is looked at once more");
}

#[test]
fn a_watch_that_asks_for_less_has_dropped_nothing() {
    let (governed, key) = (
        Index::default(),
        WatchKey {
            namespace: "shop".to_owned(),
            name: "all".to_owned(),
        },
    );
    governed.put(&key, at_commit("a", 10, &[("web", json!({})), ("api", json!({}))], &[]));
    let mut narrower = at_commit("a", 20, &[("web", json!({}))], &[]);
    let mut watch = DriftWatch::clone(&narrower.watch);
    watch.spec.report_ttl = "1h".parse().unwrap();
    narrower.watch = Arc::new(watch);
    governed.put(&key, narrower);
    let api = Target {
        kind: &DEPLOYMENT,
        namespace: "shop".to_owned(),
        name: "api".to_owned(),
    };
    assert_eq!((governed.dropped(&api), governed.is_let_go(&api)), (None, true));
    // Asked for again, it is governed like any other.
    governed.put(&key, at_commit("b", 30, &[("web", json!({})), ("api", json!({}))], &[]));
    assert!(!governed.is_let_go(&api));
}

#[test]
fn where_git_and_live_met_is_kept_until_they_meet_again() {
    let governed = Index::default();
    let watched = answered(0, Surroundings::default());
    let desired = || {
        watched
            .rendition
            .desired
            .values()
            .next()
            .cloned()
            .map(|desired| Meeting {
                desired,
                apart: Arc::from([]),
                at: Timestamp::UNIX_EPOCH,
            })
    };
    governed.saw(
        &target(),
        Sight {
            live: true,
            met: desired(),
            dropped: None,
        },
    );
    governed.saw(
        &target(),
        Sight {
            live: false,
            met: None,
            dropped: None,
        },
    );
    let Remembered { met, live, .. } = governed.remembered(&target());
    assert_eq!((met, live), (desired(), true));
}

#[test]
fn a_second_watch_of_the_same_deployment_does_not_touch_what_the_leading_one_saw() {
    let governed = Index::default();
    let key = |name: &str| WatchKey {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
    };
    let seen = || governed.remembered(&target()).seen_from(&key("all"));
    governed.put(&key("all"), at_commit("a", 10, &[("web", json!({"spec": 1}))], &[]));
    governed.put(&key("all"), at_commit("b", 20, &[("web", json!({"spec": 2}))], &[]));
    // By name, the second one follows.
    governed.put(&key("zebra"), at_commit("x", 30, &[("web", json!({"spec": 3}))], &[]));
    governed.put(&key("zebra"), at_commit("y", 40, &[("web", json!({"spec": 4}))], &[]));
    assert_eq!(seen().first_seen.map(Timestamp::as_second), Some(20));
    // When it leads, what the other one saw is nothing to it.
    governed.remove(&key("all"));
    assert_eq!(governed.remembered(&target()).seen_from(&key("zebra")).first_seen, None);
}

#[test]
fn what_one_watch_let_go_and_another_one_drops_is_dropped() {
    let governed = Index::default();
    let key = |name: &str| WatchKey {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
    };
    governed.put(&key("zebra"), at_commit("a", 10, &[("web", json!({}))], &[]));
    governed.put(&key("all"), at_commit("x", 10, &[("web", json!({}))], &[]));
    governed.remove(&key("all"));
    governed.put(&key("zebra"), at_commit("b", 20, &[], &[]));
    assert_eq!(
        (
            governed.dropped(&target()).map(|(by, _)| by),
            governed.is_let_go(&target())
        ),
        (Some(key("zebra")), false)
    );
}
