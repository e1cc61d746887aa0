//! The three programs: their flags and environment, the order of their start, and when they are ready.

use std::env;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use super::super::command::Tool;
use super::super::process::Process;
use super::super::{http, ports, wait};
use super::{NAMESPACE, Options};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The programs of one Argo CD, found before anything is started.
#[derive(Debug)]
pub struct Programs {
    /// The path of argocd, which is each part of Argo CD by the name in `ARGOCD_BINARY_NAME`.
    pub argocd: PathBuf,

    /// The path of redis-server.
    pub redis: PathBuf,

    /// The component's folder: the scripts that the repo-server runs.
    pub folder: PathBuf,
}

/// A started Argo CD. The fields stand in the order in which they are killed.
pub struct Servers {
    controller: Mutex<Option<Process>>,
    repo_server: Process,
    redis: Process,
    launch: Launch,
}

/// A program of which a start is like the one before.
struct Launch {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    log: PathBuf,
    /// Where it serves what says that it is ready: host and port.
    health: String,
    deadline: Duration,
}

impl Servers {
    /// Starts all three with their logs and caches in `folder`, and returns when they are ready.
    pub fn start(programs: &Programs, options: &Options, kubeconfig: &Path, folder: &Path) -> Result<Self> {
        let redis_port = ports::free(LOCALHOST)?;
        // Neither a configuration file nor a data file: a cache that goes with its process.
        let arguments = format!(
            "--port {redis_port} --bind 127.0.0.1 --save '' --appendonly no --dir {}",
            folder.display()
        );
        let arguments: Vec<String> = arguments
            .split(' ')
            .map(|argument| argument.trim_matches('\'').to_owned())
            .collect();
        let mut redis = Process::start(&programs.redis, &arguments, &[], &folder.join("redis.log"))?;
        let redis_address = format!("127.0.0.1:{redis_port}");
        wait::until("a Redis that answers", options.deadline, || {
            redis.check_running()?;
            Ok(match std::net::TcpStream::connect(&redis_address) {
                Ok(_) => ControlFlow::Break(()),
                Err(error) => ControlFlow::Continue(error.to_string()),
            })
        })?;

        let repo_server_port = ports::free(LOCALHOST)?;
        let repo_server = repo_server(programs, options, folder, repo_server_port, &redis_address)?.start()?;
        let launch = controller(programs, options, kubeconfig, folder, repo_server_port, &redis_address)?;
        let controller = Mutex::new(Some(launch.start()?));
        Ok(Self {
            controller,
            repo_server,
            redis,
            launch,
        })
    }

    /// Kills the application controller at once.
    pub fn kill_controller(&self) {
        *lock(&self.controller) = None;
    }

    /// Tells the application controller to end, and waits until it has.
    pub fn stop_controller(&self) -> Result<()> {
        let mut controller = lock(&self.controller);
        if let Some(process) = controller.as_mut() {
            Tool::new(Path::new("/bin/kill"))
                .run(&["-TERM", &process.id().to_string()])?
                .success()?;
            wait::until("an end of the application controller", self.launch.deadline, || {
                Ok(if process.ended()?.is_some() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue("it still runs".to_owned())
                })
            })?;
        }
        *controller = None;
        Ok(())
    }

    /// Starts the application controller where it does not run, and returns when it is ready.
    pub fn start_controller(&self) -> Result<()> {
        let mut controller = lock(&self.controller);
        if controller.is_none() {
            *controller = Some(self.launch.start()?);
        }
        Ok(())
    }

    /// Returns all that the application controller wrote.
    pub fn controller_log(&self) -> String {
        fs::read(&self.launch.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Returns the name and the process id of each program that runs now.
    pub fn process_ids(&self) -> Vec<(&'static str, u32)> {
        let mut ids = vec![
            ("argocd-repo-server", self.repo_server.id()),
            ("redis-server", self.redis.id()),
        ];
        ids.extend(
            lock(&self.controller)
                .as_ref()
                .map(|process| ("argocd-application-controller", process.id())),
        );
        ids
    }
}

impl Launch {
    fn start(&self) -> Result<Process> {
        let environment: Vec<(&str, &str)> = self
            .environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let mut process = Process::start(&self.program, &self.arguments, &environment, &self.log)?;
        let name = self.log.file_stem().unwrap_or_default().to_string_lossy();
        wait::until(&format!("a ready {name}"), self.deadline, || {
            process.check_running()?;
            Ok(match http::get(&self.health, "/healthz") {
                Ok((200, _)) => ControlFlow::Break(()),
                Ok((code, text)) => ControlFlow::Continue(format!("/healthz answers {code}: {text}")),
                Err(error) => ControlFlow::Continue(format!("{error:#}; {}", process.log_tail())),
            })
        })?;
        Ok(process)
    }
}

fn repo_server(programs: &Programs, options: &Options, folder: &Path, port: u16, redis: &str) -> Result<Launch> {
    let metrics = ports::free(LOCALHOST)?;
    let home = home(folder, "repo-server")?;
    let flags = [
        "--address=127.0.0.1",
        &format!("--port={port}"),
        "--metrics-address=127.0.0.1",
        &format!("--metrics-port={metrics}"),
        &format!("--redis={redis}"),
        "--disable-tls",
        // Its default is a file, with which it refuses to go without TLS.
        "--client-ca-path=",
    ];
    let mut path = vec![programs.folder.clone()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    Ok(Launch {
        program: programs.argocd.clone(),
        arguments: flags.map(str::to_owned).to_vec(),
        environment: vec![
            ("ARGOCD_BINARY_NAME", "argocd-repo-server".to_owned()),
            // Its keyring would have to lie in a folder of the image.
            ("ARGOCD_GPG_ENABLED", "false".to_owned()),
            (
                "PATH",
                env::join_paths(path)
                    .context("a folder of PATH has a colon")?
                    .to_string_lossy()
                    .into_owned(),
            ),
            // Its default is one path for every repo-server of a machine: of two that start at once the second ends.
            (
                "ARGOCD_ASK_PASS_SOCK",
                folder.join("ask-pass.sock").display().to_string(),
            ),
            // Its clones.
            ("TMPDIR", home.clone()),
            ("HOME", home),
        ],
        log: folder.join("repo-server.log"),
        health: format!("127.0.0.1:{metrics}"),
        deadline: options.deadline,
    })
}

fn controller(
    programs: &Programs,
    options: &Options,
    kubeconfig: &Path,
    folder: &Path,
    repo_server: u16,
    redis: &str,
) -> Result<Launch> {
    // The only one of its ports, and it listens on all interfaces: there is no flag for the address.
    let metrics = ports::free(Ipv4Addr::UNSPECIFIED.into())?;
    let home = home(folder, "application-controller")?;
    let mut arguments = vec![
        format!("--kubeconfig={}", kubeconfig.display()),
        format!("--namespace={NAMESPACE}"),
        format!("--redis={redis}"),
        format!("--repo-server=127.0.0.1:{repo_server}"),
        "--repo-server-plaintext".to_owned(),
        format!("--metrics-port={metrics}"),
    ];
    if !options.application_namespaces.is_empty() {
        arguments.push(format!(
            "--application-namespaces={}",
            options.application_namespaces.join(",")
        ));
    }
    arguments.extend(options.controller_flags.iter().cloned());
    Ok(Launch {
        program: programs.argocd.clone(),
        arguments,
        environment: vec![
            ("ARGOCD_BINARY_NAME", "argocd-application-controller".to_owned()),
            // The destination https://kubernetes.default.svc is then the cluster of KUBECONFIG (the flag does not count
            // for it).
            ("ARGOCD_FAKE_IN_CLUSTER", "true".to_owned()),
            ("KUBECONFIG", kubeconfig.display().to_string()),
            ("TMPDIR", home.clone()),
            ("HOME", home),
        ],
        log: folder.join("application-controller.log"),
        health: format!("127.0.0.1:{metrics}"),
        deadline: options.deadline,
    })
}

fn home(folder: &Path, name: &str) -> Result<String> {
    let home = folder.join(name);
    fs::create_dir_all(&home).with_context(|| format!("failed to make {}", home.display()))?;
    Ok(home.display().to_string())
}

/// A panic of another test while it held the lock has not changed the process behind it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
