//! The artifacts of sources: the tar.gz of a real Git commit, and the HTTP server from which kustomize-controller
//! fetches it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A client that sends nothing may keep the one thread of the server for this long.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// How many files this process began to write.
static PARTS: AtomicU32 = AtomicU32::new(0);

/// Serves the files of a folder on a free port of 127.0.0.1; it ends when it is dropped.
pub struct Artifacts {
    folder: PathBuf,
    base: String,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Artifacts {
    /// Starts the server of a folder, which is made.
    pub fn start(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
        let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
        let base = format!("http://{}", listener.local_addr()?);
        let stopping = Arc::new(AtomicBool::new(false));
        let (served, stop) = (folder.to_owned(), Arc::clone(&stopping));
        let thread = thread::Builder::new().name("artifacts".to_owned()).spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                // A client that leaves early is its own affair; it asks again.
                let _ = answer(&stream, &served);
            }
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            base,
            stopping,
            thread: Some(thread),
        })
    }

    /// Packs a commit of a repository as source-controller does, and gives the `status.artifact` that names it.
    ///
    /// The digest is that of the file, as source-controller's storage computes it; `revision` is `BRANCH@sha1:COMMIT`.
    pub fn pack(&self, repository: &Path, branch: &str, commit: &str) -> Result<Value> {
        let archive = Command::new("git")
            .args(["archive", "--format=tar.gz", commit])
            .env("GIT_DIR", repository)
            .output()
            .context("git does not start")?;
        if !archive.status.success() {
            bail!(
                "failed to pack {commit} of {}: {}",
                repository.display(),
                String::from_utf8_lossy(&archive.stderr)
            );
        }
        // By its content: two repositories may have a commit of the same id.
        let digest = Sha256::digest(&archive.stdout)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        let name = format!("{digest}.tar.gz");
        let file = self.folder.join(&name);
        // Two first commits of the same second are the same file: what is being fetched must not be written over.
        if !file.exists() {
            let part = self
                .folder
                .join(format!("{digest}.{}.part", PARTS.fetch_add(1, Ordering::Relaxed)));
            fs::write(&part, &archive.stdout).with_context(|| format!("failed to write {}", part.display()))?;
            fs::rename(&part, &file).with_context(|| format!("failed to write {}", file.display()))?;
        }
        Ok(json!({
            "digest": format!("sha256:{digest}"),
            "revision": format!("{branch}@sha1:{commit}"),
            "url": format!("{}/{name}", self.base),
            "path": name,
            "size": archive.stdout.len(),
            "lastUpdateTime": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }))
    }
}

impl Drop for Artifacts {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Wakes the thread, which looks at the flag then.
        let woken = TcpStream::connect(self.base.trim_start_matches("http://"));
        if let Some(thread) = self.thread.take().filter(|_| woken.is_ok()) {
            let _ = thread.join();
        }
    }
}

/// Answers one request: `GET /NAME HTTP/1.1`.
fn answer(mut stream: &TcpStream, folder: &Path) -> Result<()> {
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request = lines.next().context("no request")?;
    // A server that closes with unread headers resets the connection, and the client may lose the answer.
    lines.by_ref().take_while(|line| !line.is_empty()).for_each(drop);
    let name = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let (status, body) = match fs::read(folder.join(name)) {
        Ok(body) if !name.contains('/') => ("200 OK", body),
        _ => ("404 Not Found", Vec::new()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)?;
    Ok(())
}
