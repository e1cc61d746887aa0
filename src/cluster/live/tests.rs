use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::client::Body;
use kube::core::{ObjectList, WatchEvent};
use pretty_assertions::assert_eq;
use serde_json::json;

use super::*;
use crate::engine::kind::{DAEMON_SET, DEPLOYMENT};

/// A Deployment of which a list would hold this text.
fn item(name: &str, version: u32, replicas: u32, ready: u32) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"),
                     "resourceVersion": version.to_string(), "labels": {"app": name},
                     "annotations": {"note": "kept only in the text"}},
        "spec": {"replicas": replicas, "fieldOfATypeNewerThanOurs": true},
        "status": {"readyReplicas": ready},
    })
}

fn list(version: u32, items: &[Value], next_page: Option<&str>) -> String {
    json!({"kind": "DeploymentList", "apiVersion": "apps/v1",
           "metadata": {"resourceVersion": version.to_string(), "continue": next_page}, "items": items})
    .to_string()
}

/// One line of a watch; `type` first, as the server writes it.
fn line(kind: &str, object: &Value) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

fn applied(name: &str, assessable_change: bool) -> Touched {
    Touched {
        kind: &DEPLOYMENT,
        namespace: "shop".into(),
        name: name.into(),
        what: What::Applied { assessable_change },
    }
}

fn deleted(name: &str) -> Touched {
    Touched {
        kind: &DEPLOYMENT,
        namespace: "shop".into(),
        name: name.into(),
        what: What::Deleted,
    }
}

/// An API server that plays back answers in order, and then keeps quiet.
fn server(answers: impl IntoIterator<Item = (u16, String)>) -> (Client, Arc<Mutex<Vec<String>>>) {
    let answers = Mutex::new(answers.into_iter().collect::<VecDeque<_>>());
    serving(move |_| answers.lock().unwrap().pop_front())
}

/// One that answers by what it is asked for, or keeps quiet.
fn serving(
    answer: impl Fn(&str) -> Option<(u16, String)> + Send + Sync + 'static,
) -> (Client, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let path = request.uri().to_string();
        log.lock().unwrap().push(path.clone());
        let answer = answer(&path);
        async move {
            match answer {
                Some((code, text)) => Ok::<_, Infallible>(
                    Response::builder()
                        .status(code)
                        .body(Body::from(text.into_bytes()))
                        .unwrap(),
                ),
                None => std::future::pending().await,
            }
        }
    });
    (Client::new(service, "default"), asked)
}

#[test]
fn a_list_a_page_and_a_watch_event_all_keep_the_text() {
    let web = item("web", 7, 3, 3);
    let list: ObjectList<LiveObject> =
        serde_json::from_str(&list(9, std::slice::from_ref(&web), Some("more"))).unwrap();
    let event: WatchEvent<LiveObject> = serde_json::from_str(&line("MODIFIED", &web)).unwrap();
    let WatchEvent::Modified(watched) = event else {
        panic!("{event:?}")
    };

    let mut whole = web;
    whole["apiVersion"] = "apps/v1".into();
    whole["kind"] = "Deployment".into();
    assert_eq!(
        (list.items[0].object(&DEPLOYMENT), watched.object(&DEPLOYMENT)),
        (whole.clone(), whole)
    );
    assert_eq!(list.items[0].digest(), watched.digest());
}

#[test]
fn the_kept_metadata_is_slim_and_debug_shows_no_content() {
    let mut web = item("web", 7, 3, 3);
    web["metadata"]["managedFields"] = json!([{"manager": "kubectl"}]);
    web["spec"]["password"] = "hunter2".into();
    let live: LiveObject = serde_json::from_str(&web.to_string()).unwrap();
    let expected =
        json!({"name": "web", "namespace": "shop", "uid": "uid-web", "resourceVersion": "7", "labels": {"app": "web"}});
    assert_eq!(serde_json::to_value(live.meta()).unwrap(), expected);
    assert_eq!(
        format!("{live:?}"),
        "LiveObject { namespace: Some(\"shop\"), name: Some(\"web\"), resource_version: Some(\"7\"), .. }"
    );
}

#[test]
fn what_is_no_object_is_an_error() {
    for text in ["{}", "[]", "7", "{\"metadata\": 7}", "{\"metadata\": {\"name\": 7}}"] {
        assert!(serde_json::from_str::<LiveObject>(text).is_err(), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_status_is_told_apart_and_a_deletion_is_told() {
    let watch_lines = [
        line("MODIFIED", &item("web", 11, 3, 1)),
        line("MODIFIED", &item("web", 12, 5, 1)),
        line("DELETED", &item("api", 13, 1, 1)),
        line("ADDED", &item("new", 14, 1, 0)),
    ];
    let (client, asked) = server([
        (200, list(10, &[item("web", 7, 3, 3)], Some("page2"))),
        (200, list(10, &[item("api", 8, 1, 1)], None)),
        (200, watch_lines.concat()),
    ]);
    let (live, events) = watch(&client, &[&DEPLOYMENT], &Scope::All);
    let told: Vec<_> = events.take(6).collect().await;
    let expected = [
        applied("api", true),
        applied("web", true),
        applied("web", false),
        applied("web", true),
        deleted("api"),
        applied("new", true),
    ];
    assert_eq!(told, expected);
    assert_eq!(live.get(&DEPLOYMENT, "shop", "api"), None);
    assert_eq!(
        live.get(&DEPLOYMENT, "shop", "web").unwrap()["metadata"]["resourceVersion"],
        "12"
    );
    let asked = asked.lock().unwrap();
    assert!(
        asked[0].contains("limit=100") && asked[1].contains("continue=page2") && asked[2].contains("watch=true"),
        "{asked:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_happened_while_the_watch_was_too_old_is_told_after_the_new_list() {
    let gone = json!({"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired",
                      "message": "too old resource version"});
    let (client, _asked) = server([
        (
            200,
            list(
                10,
                &[
                    item("kept", 1, 1, 1),
                    item("ready", 2, 1, 1),
                    item("scaled", 3, 1, 1),
                    item("removed", 4, 1, 1),
                ],
                None,
            ),
        ),
        (200, line("ERROR", &gone)),
        (
            200,
            list(
                20,
                &[
                    item("kept", 1, 1, 1),
                    item("ready", 15, 1, 0),
                    item("scaled", 16, 2, 1),
                    item("new", 17, 1, 1),
                ],
                None,
            ),
        ),
    ]);
    let (live, events) = watch(&client, &[&DEPLOYMENT], &Scope::All);
    let told: Vec<_> = events.skip(4).take(4).collect().await;
    assert_eq!(
        told,
        [
            applied("new", true),
            applied("ready", false),
            deleted("removed"),
            applied("scaled", true)
        ]
    );
    assert_eq!(live.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_is_asked_again_with_a_growing_delay() {
    let away = || {
        (
            503,
            json!({"kind": "Status", "status": "Failure", "code": 503, "message": "no leader"}).to_string(),
        )
    };
    let (client, asked) = server([away(), away(), away(), (200, list(10, &[item("web", 7, 3, 3)], None))]);
    let (_store, events) = watch(&client, &[&DEPLOYMENT], &Scope::Namespace("shop".into()));
    let begin = tokio::time::Instant::now();
    let told: Vec<_> = events.take(1).collect().await;
    assert_eq!(told, [applied("web", true)]);
    // 0.8 s, 1.6 s and 3.2 s.
    assert_eq!(begin.elapsed().as_secs_f32().round(), 6.0);
    assert!(asked.lock().unwrap()[0].starts_with("/apis/apps/v1/namespaces/shop/deployments?"));
}

#[tokio::test(start_paused = true)]
async fn an_object_of_a_list_is_told_only_when_the_store_has_it() {
    let (client, _asked) = server([(200, list(10, &[item("web", 7, 3, 3)], None))]);
    let (live, events) = watch(&client, &[&DEPLOYMENT], &Scope::All);
    let told = std::pin::pin!(events).next().await.unwrap();
    // The writer takes the event before it is told, so a reader woken by it never sees the past.
    assert_eq!(
        (told, live.get(&DEPLOYMENT, "shop", "web").is_some()),
        (applied("web", true), true)
    );
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_out_of_reach_keeps_no_other_one_from_being_followed() {
    let no_right = json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"});
    let (client, asked) = serving(move |path| match path {
        _ if path.contains("watch=true") => None,
        _ if path.contains("/daemonsets") => Some((403, no_right.to_string())),
        _ => Some((200, list(10, &[item("web", 7, 3, 3)], None))),
    });
    let (live, events) = watch(&client, &[&DAEMON_SET, &DEPLOYMENT], &Scope::All);
    assert_eq!(live.standing(&DEPLOYMENT), Standing::Filling);
    let follow = tokio::spawn(events.for_each(|_| std::future::ready(())));
    live.wait_until_known().await;
    assert_eq!(live.standing(&DEPLOYMENT), Standing::Held);
    assert_eq!(
        live.standing(&DAEMON_SET),
        Standing::Absent("no right is given to watch the kind")
    );
    assert_eq!(
        (live.len(), live.get(&DAEMON_SET, "shop", "web")),
        (1, None),
        "two kinds of one name are two objects"
    );
    tokio::time::sleep(std::time::Duration::from_secs(95)).await;
    let asked = asked.lock().unwrap();
    let looks = asked.iter().filter(|path| path.contains("/daemonsets")).count();
    assert_eq!(
        looks, 5,
        "at once, after a moment, and then each half minute: {asked:?}"
    );
    follow.abort();
}
