//! driftmend itself as a process: the controller and the command line, run as a user runs them.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::command::{Output, Tool};
use super::process::Process;
use super::{http, ports, wait};

/// How long a controller may take to be ready.
const READY: Duration = Duration::from_secs(60);

/// The binary under test: the one of this build, or the one that `DRIFTMEND_BINARY` names.
pub fn binary() -> PathBuf {
    std::env::var_os("DRIFTMEND_BINARY").map_or_else(|| beside_this_program("driftmend"), PathBuf::from)
}

/// Cargo puts tests into `deps` and examples into `examples`, both beside the binary.
fn beside_this_program(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    let folder = here
        .parent()
        .and_then(Path::parent)
        .unwrap_or_else(|| Path::new("target/debug"));
    folder.join(name)
}

/// Runs one command of driftmend to its end.
pub fn run(kubeconfig: &Path, arguments: &[&str]) -> Result<Output> {
    Tool::new(&binary()).kubeconfig(kubeconfig).run(arguments)
}

/// A running controller; it ends when this is dropped.
pub struct Controller {
    process: Process,
    address: String,
    arguments: Vec<String>,
    log: PathBuf,
}

impl Controller {
    /// Starts a controller with its cache, log and port in or from `folder`, and waits until it is ready.
    pub fn start(kubeconfig: &Path, folder: &Path, flags: &[&str]) -> Result<Self> {
        let controller = Self::start_unready(kubeconfig, folder, flags)?;
        controller.wait_until_ready()?;
        Ok(controller)
    }

    /// The same without waiting: for an API server that is not there yet.
    pub fn start_unready(kubeconfig: &Path, folder: &Path, flags: &[&str]) -> Result<Self> {
        // The servers of the tests are on this machine, and speak plain http.
        Self::launch(
            kubeconfig,
            folder,
            &[&["--allow-http", "--git-allow-loopback"], flags].concat(),
        )
    }

    /// Starts a controller as its defaults are, which do not let a source be read over plain http, and waits until it
    /// is ready.
    pub fn start_strict(kubeconfig: &Path, folder: &Path) -> Result<Self> {
        let controller = Self::launch(kubeconfig, folder, &[])?;
        controller.wait_until_ready()?;
        Ok(controller)
    }

    fn launch(kubeconfig: &Path, folder: &Path, flags: &[&str]) -> Result<Self> {
        let port = ports::free(IpAddr::from(Ipv4Addr::LOCALHOST))?;
        let address = format!("127.0.0.1:{port}");
        let cache = folder.join("cache");
        let mut arguments: Vec<String> = ["controller", "--listen", &address, "--kubeconfig"]
            .map(str::to_owned)
            .to_vec();
        arguments.push(kubeconfig.display().to_string());
        arguments.extend(["--cache-dir".to_owned(), cache.display().to_string()]);
        arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let log = folder.join(format!("controller-{port}.log"));
        let process = Process::start(&binary(), &arguments, &[], &log)?;
        Ok(Self {
            process,
            address,
            arguments,
            log,
        })
    }

    /// Waits until /readyz says yes.
    pub fn wait_until_ready(&self) -> Result<()> {
        wait::until("the controller to be ready", READY, || match self.get("/readyz") {
            Ok((200, _)) => Ok(ControlFlow::Break(())),
            Ok((code, text)) => Ok(ControlFlow::Continue(format!("/readyz answers {code}: {text}"))),
            Err(error) => Ok(ControlFlow::Continue(format!(
                "{error:#}; its log ends:\n{}",
                self.process.log_tail()
            ))),
        })
    }

    /// Kills it without a chance to tidy up, and starts it again with the same arguments.
    pub fn kill_and_restart(&mut self) -> Result<()> {
        self.process.kill();
        self.process = Process::start(&binary(), &self.arguments, &[], &self.log)?;
        self.wait_until_ready()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let kill = Tool::new(Path::new("/bin/kill"));
        kill.run(&[&format!("-{name}"), &self.process.id().to_string()])?
            .success()
            .map(drop)
    }

    /// Waits for it to end by itself and gives its exit code.
    pub fn wait_for_end(&mut self, deadline: Duration) -> Result<Option<i32>> {
        wait::until("the controller to end", deadline, || {
            Ok(match self.process.ended()? {
                Some(status) => ControlFlow::Break(status.code()),
                None => ControlFlow::Continue("it still runs".to_owned()),
            })
        })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The command line that it was started with.
    pub fn command_line(&self) -> String {
        format!("driftmend {}", self.arguments.join(" "))
    }

    /// Where it serves /metrics, /healthz and /readyz: host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The whole log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The text of /metrics.
    pub fn metrics(&self) -> Result<String> {
        match self.get("/metrics")? {
            (200, text) => Ok(text),
            (code, text) => bail!("/metrics answers {code}: {text}"),
        }
    }

    /// The value of one series, such as `driftmend_next_sync_refused{namespace="shop",…}`; `None` when it is absent.
    pub fn metric(&self, series: &str) -> Result<Option<f64>> {
        let text = self.metrics()?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map(|value| value.trim().parse().with_context(|| format!("{series} is {value}")))
            .transpose()
    }

    /// Waits until a series counts something, and gives its value.
    pub fn wait_for_metric(&self, series: &str) -> Result<f64> {
        wait::patiently(series, READY, || {
            let value = self.metric(series)?;
            Ok(value
                .filter(|value| *value > 0.0)
                .map_or(ControlFlow::Continue(format!("{value:?}")), ControlFlow::Break))
        })
    }

    /// One HTTP request: the code and the body.
    pub fn get(&self, path: &str) -> Result<(u16, String)> {
        http::get(&self.address, path)
    }
}
