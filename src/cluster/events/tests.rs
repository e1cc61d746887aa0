use std::convert::Infallible;
use std::sync::Mutex;

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use pretty_assertions::assert_eq;

use super::*;

fn web(note: &str) -> Occurrence {
    Occurrence {
        regarding: ObjectReference {
            api_version: Some("apps/v1".into()),
            kind: Some("Deployment".into()),
            namespace: Some("shop".into()),
            name: Some("web".into()),
            uid: Some("uid-web".into()),
            ..ObjectReference::default()
        },
        related: None,
        kind: EventType::Warning,
        reason: "NextSyncRefused",
        action: "Predict",
        note: note.into(),
    }
}

/// A server that answers every request with one status, and counts them.
fn server(code: u16) -> (Events, Arc<Mutex<u32>>) {
    let count = Arc::new(Mutex::new(0));
    let seen = count.clone();
    let service = tower::service_fn(move |_request: Request<Body>| {
        *seen.lock().unwrap() += 1;
        let text = if code < 300 {
            "{\"metadata\":{}}"
        } else {
            "{\"kind\":\"Status\",\"code\":403,\"message\":\"no\"}"
        };
        async move {
            Ok::<_, Infallible>(
                Response::builder()
                    .status(code)
                    .body(Body::from(text.as_bytes().to_vec()))
                    .unwrap(),
            )
        }
    });
    (
        Events::new(Cluster::new(Client::new(service, "default")), "driftmend-0"),
        count,
    )
}

#[test]
fn an_event_has_every_field_that_the_server_demands() {
    let now: Timestamp = "2026-11-21T16:00:00Z".parse().unwrap();
    let mut made = serde_json::to_value(event(&web("livenessProbe has two handlers"), "driftmend-0", now)).unwrap();
    let name = made["metadata"]["name"].take();
    assert!(name.as_str().unwrap().starts_with("web."), "{name}");
    let expected = serde_json::json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {"name": null, "namespace": "shop"},
        "action": "Predict", "eventTime": "2026-11-21T16:00:00.000000Z", "note": "livenessProbe has two handlers",
        "reason": "NextSyncRefused",
        "regarding": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": "shop",
                      "uid": "uid-web"},
        "reportingController": "driftmend.dev/controller", "reportingInstance": "driftmend-0", "type": "Warning",
    });
    assert_eq!(made, expected);
}

#[test]
fn an_event_about_a_cluster_wide_object_lives_in_default() {
    let mut occurrence = web("x");
    occurrence.regarding.namespace = None;
    assert_eq!(
        event(&occurrence, "i", Timestamp::UNIX_EPOCH)
            .metadata
            .namespace
            .as_deref(),
        Some("default")
    );
}

#[test]
fn a_long_name_is_cut_to_a_name_that_is_still_valid() {
    for stem in [
        "a".repeat(253),
        format!("{}.{}", "a".repeat(235), "b".repeat(17)),
        format!("{}-{}", "a".repeat(235), "b".repeat(17)),
    ] {
        let name = name(&stem, u64::MAX);
        assert!(
            name.len() <= 253 && !name.contains("..") && !name.contains("-."),
            "{name}"
        );
    }
}

#[test]
fn two_events_of_one_moment_have_two_names() {
    let now = Timestamp::now();
    let mut names: Vec<_> = (0..1000).map(|_| name("web", unique(now))).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 1000);
}

#[test]
fn a_note_is_cut_between_characters() {
    let note = event(&web(&"ä".repeat(600)), "i", Timestamp::UNIX_EPOCH).note.unwrap();
    assert_eq!((note.len(), note.chars().count()), (1024, 512));
    let odd = event(&web(&format!("x{}", "ä".repeat(600))), "i", Timestamp::UNIX_EPOCH)
        .note
        .unwrap();
    assert_eq!(odd.len(), 1023);
}

#[tokio::test(start_paused = true)]
async fn an_identical_event_is_left_out_for_ten_minutes_and_a_new_note_is_not() {
    let (events, count) = server(201);
    events.publish(web("one")).await;
    events.publish(web("one")).await;
    assert_eq!(*count.lock().unwrap(), 1);
    events.publish(web("two")).await;
    assert_eq!(*count.lock().unwrap(), 2);
    tokio::time::advance(Duration::from_secs(601)).await;
    events.publish(web("one")).await;
    assert_eq!(*count.lock().unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_could_not_be_told_does_not_fail_the_caller_and_is_tried_again() {
    let (events, count) = server(403);
    events.publish(web("one")).await;
    events.publish(web("one")).await;
    assert_eq!(*count.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded() {
    let (events, _count) = server(201);
    for number in 0..REMEMBERED + 10 {
        events.publish(web(&number.to_string())).await;
    }
    assert!(events.recent.lock().unwrap().len() <= REMEMBERED);
}
