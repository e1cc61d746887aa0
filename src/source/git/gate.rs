//! The one way out to a Git server: a name is resolved once, every address is held against the policy, and those very
//! addresses are dialled.
//!
//! libgit2 and whatever process it runs in connect to a loopback address only. So a name that answers differently the
//! second time (DNS rebinding) leads nowhere, a redirect leads nowhere, and what the network says stays on this side:
//! it is for the log, and not for a tenant, who could else find out which ports of which hosts are open.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::route::{Proxy, Route};
use super::{GitError, Limits, RepositoryUrl};

/// The longest request of a client that knows the way: one line and one header.
const LONGEST_REQUEST: usize = 4096;

/// How long a client on the same machine may take for its request.
const REQUEST: Duration = Duration::from_secs(10);

/// What TLS and ssh add to a transfer, at most a tenth, and what a listing may take.
const BESIDE_THE_PACK: u64 = 128 * 1024 * 1024;

/// An open way to one server. It closes, with every connection through it, when it is dropped.
#[derive(Debug)]
pub struct Gate {
    route: Route,
    failure: Failure,
    _stop: Option<DropGuard>,
}

/// What the network said last, for the log.
#[derive(Debug, Clone, Default)]
struct Failure(Arc<Mutex<Option<String>>>);

impl Failure {
    fn keep(&self, text: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(text);
    }

    /// One of several addresses was enough: what another one said is no cause of what comes later.
    fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Where connections may go, how they are known, and for how long.
#[derive(Clone)]
struct Target {
    /// `host:port` as a `CONNECT` names it.
    authority: String,
    addresses: Vec<SocketAddr>,
    token: String,
    connect: Duration,
    lifetime: Duration,
    bytes: u64,
    failure: Failure,
}

impl Gate {
    /// Resolves the host of a URL, checks each of its addresses against the URL's policy, and opens the way to them.
    ///
    /// # Errors
    ///
    /// [`GitError::Unreachable`] when the name does not resolve in time, [`GitError::RefusedAddress`] when the policy
    /// refuses one of its addresses.
    pub fn open(url: &RepositoryUrl, limits: &Limits) -> Result<Gate, GitError> {
        let failed = |reason: String| GitError::Unreachable {
            url: url.to_string(),
            reason,
        };
        let keeper = keeper().map_err(|reason| failed(format!("no thread for the network: {reason}")))?;
        let (sender, receiver) = mpsc::sync_channel(1);
        let (shared, limits) = (url.clone(), *limits);
        keeper.spawn(async move {
            // Nobody receives when the caller was given up.
            let _ = sender.send(open(&shared, &limits).await);
        });
        receiver
            .recv()
            .unwrap_or_else(|_| Err(failed("the thread for the network ended".to_owned())))
    }

    /// How to go through it.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// What the network said when a connection could not be made: for the log of an administrator only.
    pub fn failure(&self) -> Option<String> {
        self.failure.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The thread that all gates of a process share.
fn keeper() -> Result<&'static Runtime, &'static str> {
    static KEEPER: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let build = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder
            .worker_threads(1)
            .thread_name("gate")
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
    };
    KEEPER.get_or_init(build).as_ref().map_err(String::as_str)
}

async fn open(url: &RepositoryUrl, limits: &Limits) -> Result<Gate, GitError> {
    let failed = |reason: String| GitError::Unreachable {
        url: url.to_string(),
        reason,
    };
    let addresses = addresses(url, limits.connect).await?;
    if url.is_ssh() && url.policy().is_of_a_person() {
        return Ok(Gate {
            route: Route::default(),
            failure: Failure::default(),
            _stop: None,
        });
    }
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) = bound.map_err(|error| failed(format!("no port for the proxy: {error}")))?;
    let token = token().ok_or_else(|| failed("no random bytes for the proxy".to_owned()))?;
    let target = Target {
        authority: url.authority(),
        addresses,
        token: token.clone(),
        connect: limits.connect,
        lifetime: limits.listing + limits.transfer,
        bytes: limits.bytes + limits.bytes / 10 + BESIDE_THE_PACK,
        failure: Failure::default(),
    };
    let (stop, failure) = (CancellationToken::new(), target.failure.clone());
    let route = if url.is_ssh() {
        tokio::spawn(stop.clone().run_until_cancelled_owned(serve_ssh(listener, target)));
        Route {
            proxy: None,
            ssh_address: Some(address),
        }
    } else {
        tokio::spawn(serve_http(listener, target, stop.clone()));
        Route {
            proxy: Some(Proxy { address, token }),
            ssh_address: None,
        }
    };
    Ok(Gate {
        route,
        failure,
        _stop: Some(stop.drop_guard()),
    })
}

/// Where a host leads, each address checked.
async fn addresses(url: &RepositoryUrl, limit: Duration) -> Result<Vec<SocketAddr>, GitError> {
    let failed = |reason: String| GitError::Unreachable {
        url: url.to_string(),
        reason,
    };
    let found = tokio::time::timeout(limit, tokio::net::lookup_host((url.host(), url.port()))).await;
    let found = found.map_err(|_| failed("the name was not resolved in time".to_owned()))?;
    let found: Vec<SocketAddr> = found
        .map_err(|error| failed(format!("the name does not resolve: {error}")))?
        .collect();
    if found.is_empty() {
        return Err(failed("the name has no address".to_owned()));
    }
    for address in &found {
        if let Some(reason) = url.refused_address(address.ip()) {
            return Err(GitError::RefusedAddress {
                url: url.to_string(),
                address: address.ip().to_string(),
                reason: reason.into(),
            });
        }
    }
    Ok(found)
}

fn token() -> Option<String> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Hands the first connection on: an ssh session is one.
async fn serve_ssh(listener: TcpListener, target: Target) {
    let Ok((client, _)) = listener.accept().await else {
        return;
    };
    drop(listener);
    if let Some(server) = dial(&target).await {
        hand_on(client, server, &target).await;
    }
}

async fn serve_http(listener: TcpListener, target: Target, stop: CancellationToken) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((client, _)) => drop(tokio::spawn(
                stop.clone()
                    .run_until_cancelled_owned(serve_connect(client, target.clone())),
            )),
            // A connection that is gone already, or too many open files for a moment.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn serve_connect(mut client: TcpStream, target: Target) {
    let request = tokio::time::timeout(REQUEST, head(&mut client)).await;
    let answer = match request {
        Ok(Some(request)) => judge(&request, &target),
        _ => "400 Bad Request",
    };
    let server = if answer == CONNECTED { dial(&target).await } else { None };
    let answer = if answer == CONNECTED && server.is_none() {
        "502 Bad Gateway"
    } else {
        answer
    };
    let line = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
    if client.write_all(line.as_bytes()).await.is_err() {
        return;
    }
    match server {
        Some(server) => hand_on(client, server, &target).await,
        None => end(client).await,
    }
}

/// Closes behind a refusal. What the client sent beyond its request is read first: a socket that is closed on unread
/// bytes resets the connection, and the answer may go with it.
async fn end(mut client: TcpStream) {
    let _ = client.shutdown().await;
    let mut rest = client.take(LONGEST_REQUEST as u64);
    let _ = tokio::time::timeout(REQUEST, copy(&mut rest, &mut tokio::io::sink())).await;
}

const CONNECTED: &str = "200 Connection Established";

/// A request up to its empty line, or nothing where it has none.
async fn head(client: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        if bytes.len() == LONGEST_REQUEST {
            return None;
        }
        // A byte at a time: what comes after the empty line is the server's.
        bytes.push(client.read_u8().await.ok()?);
    }
    String::from_utf8(bytes).ok()
}

fn judge(request: &str, target: &Target) -> &'static str {
    let mut lines = request.split("\r\n");
    let expected = format!("Bearer {}", target.token);
    let shown = lines
        .clone()
        .filter_map(|line| line.split_once(": "))
        .any(|(name, value)| name.eq_ignore_ascii_case("proxy-authorization") && value == expected);
    if !shown {
        return "407 Proxy Authentication Required";
    }
    match lines.next().map(|line| line.split(' ').collect::<Vec<_>>()).as_deref() {
        Some(["CONNECT", authority, "HTTP/1.1"]) if *authority == target.authority => CONNECTED,
        _ => "403 Forbidden",
    }
}

/// Connects to the first address that answers, all tries within the limit.
async fn dial(target: &Target) -> Option<TcpStream> {
    let share = target.connect / u32::try_from(target.addresses.len()).unwrap_or(u32::MAX).max(1);
    for address in &target.addresses {
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(server)) => {
                target.failure.forget();
                return Some(server);
            }
            Ok(Err(error)) => target.failure.keep(format!("{address}: {error}")),
            Err(_) => target
                .failure
                .keep(format!("{address}: no answer within {} s", share.as_secs_f32())),
        }
    }
    None
}

/// Copies both ways until one side ends, the time is over, or the server has sent more than a source may take.
async fn hand_on(mut client: TcpStream, mut server: TcpStream, target: &Target) {
    let (mut from_client, mut to_client) = client.split();
    let (from_server, mut to_server) = server.split();
    let mut from_server = from_server.take(target.bytes);
    let up = async {
        let _ = copy(&mut from_client, &mut to_server).await;
        let _ = to_server.shutdown().await;
    };
    let down = async {
        let _ = copy(&mut from_server, &mut to_client).await;
        let _ = to_client.shutdown().await;
    };
    // When the server has ended there is nobody left to send to.
    let both = async {
        tokio::select! {
            () = down => {}
            () = async { up.await; std::future::pending().await } => {}
        }
    };
    let _ = tokio::time::timeout(target.lifetime, both).await;
}

#[cfg(test)]
#[path = "gate/tests.rs"]
mod tests;
