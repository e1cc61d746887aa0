use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::*;

/// An API server that stores one Lease, compares versions, and can be away.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lease: Option<Value>,
    version: u64,
    writes: u32,
    mood: Mood,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Mood {
    #[default]
    Answers,
    Hangs,
    Fails,

    /// As to a person, who may read the Lease only.
    Reads,
}

impl Server {
    fn client(&self) -> Cluster {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let mood = server.0.lock().unwrap().mood;
                if mood == Mood::Hangs {
                    std::future::pending::<()>().await;
                }
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                let (code, answer) = match mood {
                    Mood::Fails => failure(503),
                    Mood::Reads if parts.method != Method::GET => failure(403),
                    _ => server.answer(&parts.method, &body),
                };
                Ok::<_, Infallible>(
                    Response::builder()
                        .status(code)
                        .body(Body::from(answer.to_string().into_bytes()))
                        .unwrap(),
                )
            }
        });
        Cluster::new(Client::new(service, "default"))
    }

    fn answer(&self, method: &Method, body: &[u8]) -> (u16, Value) {
        let mut state = self.0.lock().unwrap();
        if method == Method::GET {
            return state.lease.clone().map_or_else(|| failure(404), |lease| (200, lease));
        }
        let mut lease: Value = serde_json::from_slice(body).unwrap();
        let current = state
            .lease
            .as_ref()
            .map(|lease| lease["metadata"]["resourceVersion"].clone());
        let expected = (method == Method::PUT).then(|| lease["metadata"]["resourceVersion"].clone());
        if current != expected {
            return failure(409);
        }
        state.version += 1;
        state.writes += 1;
        lease["metadata"]["resourceVersion"] = state.version.to_string().into();
        state.lease = Some(lease.clone());
        (200, lease)
    }

    fn becomes(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }

    fn holder(&self) -> String {
        self.0.lock().unwrap().lease.as_ref().unwrap()["spec"]["holderIdentity"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

fn failure(code: u16) -> (u16, Value) {
    (
        code,
        json!({"kind": "Status", "status": "Failure", "code": code, "message": "no"}),
    )
}

struct Process {
    lead: watch::Receiver<Leadership>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Process {
    fn start(server: &Server, identity: &str) -> Self {
        let settings = LeaseSettings {
            namespace: "ops".into(),
            name: "driftmend".into(),
            identity: identity.into(),
            times: LeaseTimes::default(),
        };
        let (sender, lead) = watch::channel(Leadership::Standby);
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(run(server.client(), settings, sender, shutdown.clone()));
        Self { lead, shutdown, task }
    }

    fn epoch(&self) -> Option<u32> {
        self.lead.borrow().epoch(Instant::now())
    }

    /// Waits for a change of leadership, and says after how many seconds it came.
    async fn changed(&mut self) -> (Option<u32>, u64) {
        let begin = Instant::now();
        self.lead.changed().await.unwrap();
        (self.epoch(), begin.elapsed().as_secs())
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_leads_and_the_second_stands_by_without_writing() {
    let server = Server::default();
    let mut first = Process::start(&server, "first");
    assert_eq!(first.changed().await, (Some(0), 0));
    let second = Process::start(&server, "second");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((first.epoch(), second.epoch()), (Some(0), None));
    // One renewal every two seconds is all that is written.
    let writes = server.0.lock().unwrap().writes;
    assert!((30..=31).contains(&writes), "{writes}");
    assert!(!first.lead.has_changed().unwrap(), "a renewal wakes nobody");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_loses_the_server_stops_before_its_lease_expires() {
    for mood in [Mood::Hangs, Mood::Fails] {
        let server = Server::default();
        let mut leader = Process::start(&server, "leader");
        assert_eq!(leader.changed().await, (Some(0), 0));
        tokio::time::sleep(Duration::from_secs(1)).await;
        server.becomes(mood);
        assert_eq!(leader.changed().await, (None, 9));
        server.becomes(Mood::Answers);
        assert_eq!(leader.changed().await.0, Some(0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_crashed_leader_is_followed_after_its_lease_has_expired() {
    let server = Server::default();
    let mut first = Process::start(&server, "first");
    first.changed().await;
    let mut second = Process::start(&server, "second");
    first.task.abort();
    let (epoch, waited) = second.changed().await;
    assert_eq!(epoch, Some(1));
    assert!((15..=17).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_shuts_down_hands_over_at_once() {
    let server = Server::default();
    let mut first = Process::start(&server, "first");
    first.changed().await;
    let mut second = Process::start(&server, "second");
    tokio::time::sleep(Duration::from_secs(5)).await;
    first.shutdown.cancel();
    first.task.await.unwrap();
    assert_eq!(
        (*first.lead.borrow(), server.holder()),
        (Leadership::Standby, String::new())
    );
    let (epoch, waited) = second.changed().await;
    assert_eq!(epoch, Some(1));
    assert!(waited <= 2, "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_shuts_down_leaves_the_lease_alone() {
    let server = Server::default();
    let mut first = Process::start(&server, "first");
    first.changed().await;
    let second = Process::start(&server, "second");
    tokio::time::sleep(Duration::from_secs(3)).await;
    second.shutdown.cancel();
    second.task.await.unwrap();
    assert_eq!((first.epoch(), server.holder()), (Some(0), "first".into()));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_while_the_server_hangs_ends_within_the_time_of_one_call() {
    let server = Server::default();
    let mut leader = Process::start(&server, "leader");
    leader.changed().await;
    server.becomes(Mood::Hangs);
    leader.shutdown.cancel();
    let begin = Instant::now();
    leader.task.await.unwrap();
    assert!(begin.elapsed() <= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_lead_ends_by_the_clock_even_if_nobody_told_so() {
    let until = Instant::now() + Duration::from_secs(10);
    let stale = Leadership::Leading { epoch: 3, until };
    assert_eq!(stale.epoch(until - Duration::from_millis(1)), Some(3));
    assert_eq!(stale.epoch(until), None);
}

#[test]
fn two_processes_of_one_pod_have_two_identities() {
    assert_ne!(identity("driftmend-0"), identity("driftmend-0"));
}

#[tokio::test(start_paused = true)]
async fn of_two_processes_one_is_first_to_clear_and_the_lead_goes_on() {
    use last_clear::{Place, claim, wait};
    let server = Server::default();
    let mut leader = Process::start(&server, "a");
    assert!(leader.changed().await.0.is_some());
    let place = Place {
        namespace: "ops".into(),
        name: "driftmend".into(),
    };
    let (one, two) = (server.client(), server.client());
    let (first, second) = tokio::join!(claim(&one, &place, "one"), claim(&two, &place, "two"));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(
        [first, second].iter().filter(|wait| wait.is_none()).count(),
        1,
        "{first:?} {second:?}"
    );
    // The leader renews what it read, the annotation with it.
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(leader.epoch().is_some());
    let later = server.client();
    assert!(
        wait(&later, &place, "three").await.unwrap().is_some(),
        "a later leader, or the command line"
    );
    let its_own = if first.is_none() { "one" } else { "two" };
    assert_eq!(claim(&later, &place, its_own).await.unwrap(), None);
    // Who may only read goes on without telling.
    server.becomes(Mood::Reads);
    server.0.lock().unwrap().lease.as_mut().unwrap()["metadata"]["annotations"] = json!({});
    assert_eq!(claim(&later, &place, "three").await.unwrap(), None);
}
