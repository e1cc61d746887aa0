//! A way to the API server that can be cut at a chosen write, so that a test stops a program exactly there.
//!
//! It speaks plain http on the loopback address and authenticates towards the API server itself, as the user of one
//! kubeconfig.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::wait;

/// The largest request of a client; the API server's own limit is 3 MiB.
const LARGEST_REQUEST: usize = 4 * 1024 * 1024;

/// On which side of a write the way is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The write never reaches the API server.
    Before,

    /// The API server has carried the write out; nobody hears of it.
    After,
}

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The way is cut on one side of it.
    Cut(Side),

    /// It never reaches the API server, which is said to have answered with this code.
    Answer(u16),
}

/// The kinds whose writes are a heal's, as they stand in a path.
const HEALED: [&str; 4] = ["/deployments/", "/driftreports/", "/applications/", "/kustomizations/"];

/// A write of a heal that reached the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The method and the path.
    pub request: String,

    /// The code of the answer.
    pub code: u16,
}

/// A running proxy; it ends when it is dropped.
pub struct Proxy {
    kubeconfig: PathBuf,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

struct Shared {
    client: Client,
    cut: Mutex<Cut>,
    /// With which code dry runs of writes to Deployments are answered, and how many more of them.
    dry_runs: Mutex<(u16, usize)>,
    // Counts how often the way was opened: what hangs is let go when the count moves.
    opened: watch::Sender<u64>,
}

#[derive(Default)]
struct Cut {
    /// What happens to a write, and when.
    at: Option<Place>,

    /// From now on nothing passes.
    closed: bool,

    /// The write at which it was cut is where it was to be.
    reached: bool,

    writes: Vec<Write>,
}

/// Where the way is cut.
struct Place {
    /// How many writes still pass.
    left: usize,

    /// A part of the path that only the writes that are counted have.
    path: &'static str,

    /// What becomes of the one after them.
    fate: Fate,
}

enum Passage {
    Through,
    ThroughAndCut,
    Nowhere,
    Answer(u16),
}

impl Proxy {
    /// Starts a proxy that acts as the user of `kubeconfig`, and writes a kubeconfig that leads to it into `folder`.
    pub fn start(kubeconfig: &Path, folder: &Path) -> Result<Self> {
        let user =
            Kubeconfig::read_from(kubeconfig).with_context(|| format!("failed to read {}", kubeconfig.display()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("failed to create a runtime")?;
        let (shared, address) = runtime.block_on(async {
            let config = Config::from_custom_kubeconfig(user, &KubeConfigOptions::default()).await?;
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            let address = listener.local_addr()?;
            let shared = Arc::new(Shared {
                client: Client::try_from(config)?,
                cut: Mutex::default(),
                dry_runs: Mutex::default(),
                opened: watch::channel(0).0,
            });
            let router = Router::new().fallback(answer).with_state(shared.clone());
            tokio::spawn(async move { axum::serve(listener, router).await });
            Ok::<_, anyhow::Error>((shared, address))
        })?;
        let kubeconfig = folder.join(format!("proxy-{}.kubeconfig", address.port()));
        std::fs::write(&kubeconfig, kubeconfig_of(address))
            .with_context(|| format!("failed to write {}", kubeconfig.display()))?;
        Ok(Self {
            kubeconfig,
            shared,
            runtime: Some(runtime),
        })
    }

    /// The kubeconfig that leads here.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Cuts the way at the `number`th write from now, the first being 1; after it nothing passes, not even a read.
    pub fn cut_at(&self, number: usize, side: Side) {
        self.cut_at_write_of("", number, side);
    }

    /// The same, where only writes whose path has this part are counted.
    pub fn cut_at_write_of(&self, path: &'static str, number: usize, side: Side) {
        self.place(Place {
            left: number.saturating_sub(1),
            path,
            fate: Fate::Cut(side),
        });
    }

    /// Lets this become of the `number`th write from now; after it, if the way is not cut, everything passes.
    pub fn disturb(&self, number: usize, fate: Fate) {
        self.place(Place {
            left: number.saturating_sub(1),
            path: "",
            fate,
        });
    }

    /// Lets the API server seem to have answered with this code to the next `times` dry runs of writes to Deployments.
    pub fn answer_dry_runs(&self, code: u16, times: usize) {
        *self.shared.dry_runs.lock().unwrap_or_else(PoisonError::into_inner) = (code, times);
    }

    /// How many of those are still to come.
    pub fn dry_runs_left(&self) -> usize {
        self.shared.dry_runs.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    fn place(&self, place: Place) {
        *self.shared.cut() = Cut {
            at: Some(place),
            ..Cut::default()
        };
    }

    /// Whether the write came at which the way was to be cut.
    pub fn is_cut(&self) -> bool {
        self.shared.cut().reached
    }

    /// Waits for the cut; `false` when `over` says that no write will come any more.
    pub fn wait_for_cut(&self, deadline: Duration, mut over: impl FnMut() -> Result<bool>) -> Result<bool> {
        wait::until("the cut or the end", deadline, || {
            if self.is_cut() {
                return Ok(ControlFlow::Break(true));
            }
            Ok(if over()? {
                ControlFlow::Break(false)
            } else {
                ControlFlow::Continue(format!("{:?}", self.writes()))
            })
        })
    }

    /// Lets everything pass again; a request that waited is broken off.
    pub fn open(&self) {
        let mut cut = self.shared.cut();
        (cut.at, cut.closed, cut.reached) = (None, false, false);
        drop(cut);
        self.shared.opened.send_modify(|count| *count += 1);
    }

    /// The writes that reached the API server since the last call of [`Proxy::cut_at`].
    pub fn writes(&self) -> Vec<Write> {
        self.shared.cut().writes.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    fn cut(&self) -> MutexGuard<'_, Cut> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The code that a dry run is answered with instead of being sent.
    fn answer_to_dry_run(&self, request: &Request) -> Option<u16> {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        if !path.contains("/deployments/") || !query.contains("dryRun=All") {
            return None;
        }
        let mut dry_runs = self.dry_runs.lock().unwrap_or_else(PoisonError::into_inner);
        let (code, left) = *dry_runs;
        dry_runs.1 = left.checked_sub(1)?;
        Some(code)
    }

    /// Decides about a request: `write` is the path of one that counts.
    fn passage(&self, write: Option<&str>) -> Passage {
        let mut cut = self.cut();
        if cut.closed {
            return Passage::Nowhere;
        }
        match (&mut cut.at, write) {
            (Some(place), Some(path)) if path.contains(place.path) => match (place.left, place.fate) {
                (0, Fate::Cut(Side::Before)) => {
                    (cut.closed, cut.reached) = (true, true);
                    Passage::Nowhere
                }
                (0, Fate::Cut(Side::After)) => {
                    cut.closed = true;
                    Passage::ThroughAndCut
                }
                (0, Fate::Answer(code)) => {
                    (cut.at, cut.reached) = (None, true);
                    Passage::Answer(code)
                }
                _ => {
                    place.left -= 1;
                    Passage::Through
                }
            },
            _ => Passage::Through,
        }
    }
}

impl Shared {
    /// Counts a write no longer that came too late and was not stored: it is made again.
    fn take_back(&self, path: &str, passage: &Passage) {
        let mut cut = self.cut();
        match (&mut cut.at, passage) {
            (_, Passage::ThroughAndCut) => {
                cut.closed = false;
                // What came meanwhile hangs, and is made again.
                self.opened.send_modify(|count| *count += 1);
            }
            (Some(place), Passage::Through) if path.contains(place.path) => place.left += 1,
            _ => {}
        }
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let name = format!("{} {}", request.method(), request.uri().path());
    let counts = counts(&request);
    let mut opened = shared.opened.subscribe();
    if let Some(code) = shared.answer_to_dry_run(&request) {
        return refusal(code);
    }
    let passage = shared.passage(counts.then(|| request.uri().path()));
    if let Passage::Answer(code) = passage {
        return refusal(code);
    }
    if !matches!(passage, Passage::Nowhere) {
        let path = request.uri().path().to_owned();
        let response = forward(&shared.client, request).await;
        if counts && response.status() == StatusCode::CONFLICT {
            shared.take_back(&path, &passage);
            return response;
        }
        if counts {
            shared.cut().writes.push(Write {
                request: name,
                code: response.status().as_u16(),
            });
        }
        if matches!(passage, Passage::Through) {
            return response;
        }
        shared.cut().reached = true;
    }
    // It ends by itself where the client is killed meanwhile.
    let _ = opened.changed().await;
    let broken = futures::stream::once(async { Err::<Vec<u8>, _>(std::io::Error::other("the connection is cut")) });
    Body::from_stream(broken).into_response()
}

/// An answer of the API server's kind to what never reached it.
fn refusal(code: u16) -> Response {
    let reason = match code {
        403 => "Forbidden",
        409 => "Conflict",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        504 => "Timeout",
        _ => "Unknown",
    };
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason,
        "message": format!("answered with {code} by the test"), "code": code});
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY);
    (
        code,
        [(header::CONTENT_TYPE, "application/json"), (header::RETRY_AFTER, "1")],
        status.to_string(),
    )
        .into_response()
}

/// Whether a request is one of a heal's writes: not a dry run, and not what a controller writes beside it.
fn counts(request: &Request) -> bool {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let writes = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(request.method());
    writes && !query.contains("dryRun=All") && HEALED.iter().any(|kind| path.contains(kind))
}

async fn forward(client: &Client, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    // The client's own; the API server's comes from its URL.
    parts.headers.remove(header::HOST);
    let Ok(body) = axum::body::to_bytes(body, LARGEST_REQUEST).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match client
        .send(http::Request::from_parts(parts, kube::client::Body::from(body)))
        .await
    {
        Ok(response) => {
            let (mut parts, body) = response.into_parts();
            parts.headers.remove(header::TRANSFER_ENCODING);
            Response::from_parts(parts, Body::new(body))
        }
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

fn kubeconfig_of(address: SocketAddr) -> String {
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{address}")}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "nobody"}}],
        "current-context": "proxy",
    });
    kubeconfig.to_string()
}
