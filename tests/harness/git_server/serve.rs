//! An http server that hands every request to `git http-backend`.

use std::io::{Seek, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::oneshot;

use super::https::{Authority, TlsListener};

/// The largest request of a client: what it has, not what it gets.
const LARGEST_REQUEST: usize = 16 * 1024 * 1024;

/// What the server does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Answers as Git does.
    Serve,

    /// Answers 503.
    Refuse,

    /// Takes the request and never answers.
    Hang,

    /// Lists the references and never answers a request for objects.
    Stall,

    /// Answers as Git does, but sends these bytes in place of the pack: what no Git program can be brought to send.
    Pack(Arc<Vec<u8>>),

    /// Sends the client to another base URL, with the same path.
    Redirect(String),

    /// Sends a client that asks below one path to another path of this server; serves everything else.
    Move { from: String, to: String },
}

/// How a server is started.
#[derive(Default)]
pub struct Options<'a> {
    /// The name and password that every request must have.
    pub login: Option<(&'a str, &'a str)>,

    /// The authority of the server's certificate; plain http without one.
    pub authority: Option<&'a Authority>,
}

/// A running server; it ends when it is dropped.
pub struct GitServer {
    base: String,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    root: PathBuf,
    authorization: Option<String>,
    mode: Mutex<Mode>,
    requests: Mutex<Vec<String>>,
    authorized: Mutex<Vec<String>>,
}

impl GitServer {
    /// Serves every repository below a folder on a free port of 127.0.0.1.
    pub fn start(root: &Path, options: &Options) -> GitServer {
        let authorization = options.login.map(|(name, password)| {
            let token = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
            format!("Basic {token}")
        });
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            authorization,
            mode: Mutex::new(Mode::Serve),
            requests: Mutex::default(),
            authorized: Mutex::default(),
        });
        let scheme = if options.authority.is_some() { "https" } else { "http" };
        let acceptor = options.authority.map(Authority::acceptor);
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, started) = std::sync::mpsc::channel::<SocketAddr>();
        let state = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let router = Router::new().fallback(answer).with_state(state);
                let inner = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
                ready
                    .send(inner.local_addr().expect("an address"))
                    .expect("the starter waits");
                let serving = async {
                    match acceptor {
                        Some(acceptor) => axum::serve(TlsListener { inner, acceptor }, router).await,
                        None => axum::serve(inner, router).await,
                    }
                };
                // Not a graceful shutdown: a request that hangs would keep the server for ever.
                tokio::select! {
                    _ = serving => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        let address = started.recv().expect("the server starts");
        GitServer {
            base: format!("{scheme}://{address}"),
            shared,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The URL of a repository by its name below the folder.
    pub fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    /// The URL of the server, without a path.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Changes what the server does from the next request on.
    pub fn set_mode(&self, mode: Mode) {
        *self.shared.mode.lock().expect("no request panicked") = mode;
    }

    /// The requests so far and their number's reset: `GET /web.git/info/refs?service=git-upload-pack`.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.requests.lock().expect("no request panicked"))
    }

    /// The paths so far that were asked for with credentials, right or wrong, and their number's reset.
    pub fn take_authorized(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.authorized.lock().expect("no request panicked"))
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path_and_query = request
        .uri()
        .path_and_query()
        .map_or("", |text| text.as_str())
        .to_owned();
    let mode = {
        shared
            .requests
            .lock()
            .expect("no request panicked")
            .push(format!("{} {path_and_query}", request.method()));
        if request.headers().contains_key(header::AUTHORIZATION) {
            shared
                .authorized
                .lock()
                .expect("no request panicked")
                .push(request.uri().path().to_owned());
        }
        shared.mode.lock().expect("no request panicked").clone()
    };
    let moved = match &mode {
        Mode::Move { from, to } => path_and_query
            .strip_prefix(from.as_str())
            .map(|rest| format!("{to}{rest}")),
        _ => None,
    };
    if let Some(location) = moved {
        return (StatusCode::FOUND, [(header::LOCATION, location)]).into_response();
    }
    match mode {
        Mode::Stall if request.method() == Method::POST => std::future::pending().await,
        Mode::Hang => std::future::pending().await,
        Mode::Refuse => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Mode::Redirect(base) => (
            StatusCode::FOUND,
            [(header::LOCATION, format!("{base}{path_and_query}"))],
        )
            .into_response(),
        Mode::Serve | Mode::Stall | Mode::Move { .. } if !is_allowed(&shared, request.headers()) => (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, "Basic realm=\"git\"")],
        )
            .into_response(),
        Mode::Serve | Mode::Stall | Mode::Move { .. } => http_backend(&shared, request).await,
        Mode::Pack(pack) => with_pack(http_backend(&shared, request).await, &pack).await,
    }
}

/// Puts other bytes in the place of the pack of an answer, in packets of the side band that Git's own answer has.
async fn with_pack(response: Response, pack: &[u8]) -> Response {
    const NAK: &[u8] = b"0008NAK\n";
    /// The largest packet of `side-band-64k`, without its length and its band.
    const LARGEST: usize = 65_515;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .expect("the answer of git http-backend");
    let Some(at) = body.windows(NAK.len()).position(|window| window == NAK) else {
        return Response::from_parts(parts, Body::from(body));
    };
    let mut answer = body[..at + NAK.len()].to_vec();
    // An answer without objects ends here.
    if body.len() > answer.len() {
        for part in pack.chunks(LARGEST) {
            answer.extend_from_slice(format!("{:04x}\x01", part.len() + 5).as_bytes());
            answer.extend_from_slice(part);
        }
        answer.extend_from_slice(b"0000");
    }
    let mut response = Response::from_parts(parts, Body::from(answer));
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

fn is_allowed(shared: &Shared, headers: &HeaderMap) -> bool {
    match &shared.authorization {
        Some(expected) => headers
            .get(header::AUTHORIZATION)
            .is_some_and(|given| given == expected),
        None => true,
    }
}

/// Runs `git http-backend` as a CGI program (RFC 3875) for one request.
async fn http_backend(shared: &Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LARGEST_REQUEST)
        .await
        .expect("a request that is not too large");
    let text = |name: header::HeaderName| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
            .to_owned()
    };
    // By a file and not by a pipe: the program may answer before it has read everything, and neither side waits for the
    // other.
    let mut input = tempfile::tempfile().expect("a temporary file");
    input
        .write_all(&body)
        .and_then(|()| input.rewind())
        .expect("the temporary file can be written to");
    let child = Command::new("git")
        .arg("http-backend")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROJECT_ROOT", &shared.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", parts.uri.path())
        .env("QUERY_STRING", parts.uri.query().unwrap_or(""))
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("CONTENT_TYPE", text(header::CONTENT_TYPE))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", text(header::CONTENT_ENCODING))
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .expect("git http-backend starts: the package git has it");
    cgi_response(child.wait_with_output().await.expect("git http-backend ends").stdout)
}

/// Takes the answer of a CGI program apart: headers, an empty line, the body; `Status:` is the status.
fn cgi_response(output: Vec<u8>) -> Response {
    let end = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("an empty line after the headers");
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let mut response = Response::builder();
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(": ").expect("a header");
        response = match name {
            "Status" => response.status(value.split(' ').next().unwrap_or(value)),
            _ => response.header(name, value),
        };
    }
    response
        .body(Body::from(Bytes::from(output).slice(end + 4..)))
        .expect("a response")
}
