//! The process's own door: `/metrics` for Prometheus, `/healthz` and `/readyz` for the kubelet.
//!
//! Alive means that no work is stuck. Ready means that the caches are filled; a process that stands by is as ready as
//! one that leads. A Git or API server that is away changes neither: a restart would not bring it back.

mod health;

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
pub use health::{Health, STUCK_AFTER, Work};

/// Why there is no door.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("failed to listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,

        /// What the system said.
        source: io::Error,
    },

    /// The listener broke while serving.
    #[error("failed to serve on {address}")]
    Serve {
        /// The address.
        address: SocketAddr,

        /// What the system said.
        source: io::Error,
    },
}

impl ServeError {
    /// Says what a person can do about it.
    pub fn hint(&self) -> Option<String> {
        let Self::Bind { address, source } = self else {
            return None;
        };
        match source.kind() {
            io::ErrorKind::AddrInUse => Some(format!(
                "another process listens on port {}: choose another with --listen",
                address.port()
            )),
            io::ErrorKind::PermissionDenied => {
                Some("ports below 1024 are reserved: choose a higher one with --listen".into())
            }
            io::ErrorKind::AddrNotAvailable => Some(format!(
                "this machine has no address {}: try --listen 0.0.0.0:{}",
                address.ip(),
                address.port()
            )),
            _ => None,
        }
    }
}

/// A door that is open: the address is bound, and nothing is answered yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Binds the address, so that a wrong one is told before anything else begins; port 0 takes any free one.
    ///
    /// # Errors
    ///
    /// When the address cannot be had.
    pub async fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            Ok::<_, io::Error>(Self {
                address: listener.local_addr()?,
                listener,
            })
        };
        bound.await.map_err(|source| ServeError::Bind { address, source })
    }

    /// Gives the address with its real port.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown`, and lets answers under way end. It keeps its thread for itself: a probe does not wait
    /// behind what somebody's manifests take to be held against each other.
    ///
    /// # Errors
    ///
    /// When the listener breaks.
    pub fn run(self, metrics: Metrics, health: Health, shutdown: CancellationToken) -> Result<(), ServeError> {
        let Self { listener, address } = self;
        let served = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let listener = listener.into_std()?;
            runtime.block_on(async { serve(TcpListener::from_std(listener)?, metrics, health, shutdown).await })
        };
        served().map_err(|source| ServeError::Serve { address, source })
    }
}

async fn serve(listener: TcpListener, metrics: Metrics, health: Health, shutdown: CancellationToken) -> io::Result<()> {
    axum::serve(listener, router(metrics, health))
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
}

fn router(metrics: Metrics, health: Health) -> Router {
    let probes = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(health);
    Router::new()
        .route("/metrics", get(render))
        .with_state(metrics)
        .merge(probes)
}

async fn render(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], metrics.render())
}

async fn healthz(State(health): State<Health>) -> impl IntoResponse {
    probe("stuck", &health.stuck())
}

async fn readyz(State(health): State<Health>) -> impl IntoResponse {
    probe("waiting for the first list of", &health.waiting_for())
}

/// Answers a probe with what is wrong, in words: `kubectl describe pod` shows them.
fn probe(wrong: &str, what: &[impl AsRef<str>]) -> (StatusCode, String) {
    let what: Vec<&str> = what.iter().map(AsRef::as_ref).collect();
    match what.as_slice() {
        [] => (StatusCode::OK, "ok\n".into()),
        what => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{wrong}: {}\n", what.join(", ")),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pretty_assertions::assert_eq;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::task::JoinHandle;

    use super::*;

    struct Running {
        address: SocketAddr,
        health: Health,
        shutdown: CancellationToken,
        task: JoinHandle<io::Result<()>>,
    }

    async fn running() -> Running {
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (health, shutdown, address) = (Health::default(), CancellationToken::new(), server.address());
        let task = tokio::spawn(serve(
            server.listener,
            Metrics::new().unwrap(),
            health.clone(),
            shutdown.clone(),
        ));
        Running {
            address,
            health,
            shutdown,
            task,
        }
    }

    async fn fetch(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_probe_is_answered_while_the_other_threads_are_busy() {
        let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (address, shutdown) = (server.address(), CancellationToken::new());
        let task = tokio::task::spawn_blocking({
            let shutdown = shutdown.clone();
            move || server.run(Metrics::new().unwrap(), Health::default(), shutdown)
        });
        // The runtime of this test has one thread, which waits here.
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        io::Write::write_all(
            &mut stream,
            b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        )
        .unwrap();
        let mut answer = String::new();
        io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        shutdown.cancel();
        task.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn metrics_are_served_in_the_text_format() {
        let running = running().await;
        let answer = fetch(running.address, "/metrics").await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\n"),
            "{answer}"
        );
        assert!(answer.contains("\ndriftmend_leader 0\n"), "{answer}");
    }

    #[tokio::test]
    async fn a_process_is_ready_only_when_its_caches_are_filled() {
        let running = running().await;
        running.health.expect("Deployments");
        let answer = fetch(running.address, "/readyz").await;
        assert!(
            answer.starts_with("HTTP/1.1 503") && answer.ends_with("waiting for the first list of: Deployments\n"),
            "{answer}"
        );
        running.health.synced("Deployments");
        assert!(fetch(running.address, "/readyz").await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn a_process_with_stuck_work_is_not_alive() {
        let running = running().await;
        let _work = running.health.begin("shop/web");
        assert!(fetch(running.address, "/healthz").await.starts_with("HTTP/1.1 200"));
        tokio::time::pause();
        tokio::time::advance(STUCK_AFTER + Duration::from_secs(1)).await;
        tokio::time::resume();
        let answer = fetch(running.address, "/healthz").await;
        assert!(
            answer.starts_with("HTTP/1.1 503") && answer.contains("stuck: shop/web has not ended for 601 s\n"),
            "{answer}"
        );
    }

    #[tokio::test]
    async fn a_shutdown_ends_the_server() {
        let running = running().await;
        running.shutdown.cancel();
        running.task.await.unwrap().unwrap();
        assert!(TcpStream::connect(running.address).await.is_err());
    }

    #[tokio::test]
    async fn an_address_in_use_is_told_with_the_way_out() {
        let first = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let error = Server::bind(first.address()).await.unwrap_err();
        let (address, port) = (first.address(), first.address().port());
        assert_eq!(error.to_string(), format!("failed to listen on {address}"));
        assert_eq!(
            error.hint().unwrap(),
            format!("another process listens on port {port}: choose another with --listen")
        );
    }
}
