//! The three programs of a control plane: their flags, the order of their start, and when they are ready.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use super::certificates::{Authority, Files, token_signing_key};
use super::command::Tool;
use super::control_plane::{Audit, Options};
use super::process::Process;
use super::{kubeconfig, ports, wait};

/// Everything is recorded by its metadata: who asked for what, and what was answered.
const AUDIT_POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
  "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]
}"#;

/// The programs of one control plane, found before anything is started.
#[derive(Debug)]
pub struct Programs {
    /// The path of etcd.
    pub etcd: PathBuf,

    /// The path of kube-apiserver.
    pub api_server: PathBuf,

    /// The path of kube-controller-manager.
    pub controller_manager: PathBuf,

    /// The path of kubectl, by which readiness is asked for.
    pub kubectl: PathBuf,
}

/// A started control plane. The fields stand in the order in which they are killed: nothing is left talking to a dead
/// server.
pub struct Servers {
    controller_manager: Mutex<Process>,
    api_server: Mutex<Option<Process>>,
    etcd: Mutex<Process>,

    /// Signs the certificates of people.
    pub authority: Authority,

    /// The API server's address.
    pub url: String,

    /// The administrator's kubeconfig.
    pub admin: PathBuf,

    launch: Launch,
}

/// Everything that a start of the API server needs, the first as the second.
struct Launch {
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    kubectl: Tool,
    deadline: Duration,
}

impl Servers {
    /// Starts all three in `folder` and returns when Deployments can be created.
    pub fn start(programs: &Programs, options: &Options, folder: &Path) -> Result<Self> {
        let authority = Authority::new(folder)?;
        let token_key = token_signing_key(folder)?;
        let addresses = [
            options.bind,
            Ipv4Addr::LOCALHOST.into(),
            Ipv4Addr::new(10, 96, 0, 1).into(),
        ];
        let serving = authority.server("kube-apiserver", &["localhost", "kubernetes.default.svc"], &addresses)?;
        let url = format!("https://{}", SocketAddr::new(options.bind, ports::free(options.bind)?));
        let admin = folder.join("admin.kubeconfig");
        let administrator = authority.client("admin", &["system:masters"], "admin")?;
        kubeconfig::write_certificate(&admin, &url, &authority.certificate(), &administrator)?;

        let etcd_url = format!("http://127.0.0.1:{}", ports::free(Ipv4Addr::LOCALHOST.into())?);
        let etcd = Process::start(
            &programs.etcd,
            &etcd_arguments(folder, &etcd_url),
            &[],
            &folder.join("etcd.log"),
        )?;
        let launch = Launch {
            program: programs.api_server.clone(),
            arguments: api_server_arguments(
                options,
                folder,
                &url,
                &etcd_url,
                &authority.certificate(),
                &serving,
                &token_key,
            )?,
            log: folder.join("kube-apiserver.log"),
            kubectl: Tool::new(&programs.kubectl)
                .kubeconfig(&admin)
                .environment("KUBERC", "off"),
            deadline: options.deadline,
        };
        let etcd = Mutex::new(etcd);
        let mut api_server = launch.start(&etcd)?;
        // Not earlier: it gives up when the API server does not answer within 10 s.
        let mut controller_manager = Process::start(
            &programs.controller_manager,
            &controller_manager_arguments(options, &admin, &authority.certificate(), &token_key),
            &[],
            &folder.join("kube-controller-manager.log"),
        )?;
        launch.wait_for(
            "the ServiceAccount default",
            &["get", "serviceaccount", "default", "-n", "default"],
            || {
                api_server.check_running()?;
                controller_manager.check_running()?;
                Ok(controller_manager.log_tail())
            },
        )?;
        Ok(Self {
            controller_manager: Mutex::new(controller_manager),
            api_server: Mutex::new(Some(api_server)),
            etcd,
            authority,
            url,
            admin,
            launch,
        })
    }

    /// Kills the API server; etcd, the data and the port stay.
    pub fn stop_api_server(&self) {
        *lock(&self.api_server) = None;
    }

    /// Starts the API server again and returns when it is ready.
    pub fn start_api_server(&self) -> Result<()> {
        let mut running = lock(&self.api_server);
        if running.is_none() {
            *running = Some(self.launch.start(&self.etcd)?);
        }
        Ok(())
    }

    /// Returns the name and the process id of each program that runs now.
    pub fn process_ids(&self) -> Vec<(&'static str, u32)> {
        let mut ids = vec![
            ("etcd", lock(&self.etcd).id()),
            ("kube-controller-manager", lock(&self.controller_manager).id()),
        ];
        ids.extend(
            lock(&self.api_server)
                .as_ref()
                .map(|process| ("kube-apiserver", process.id())),
        );
        ids
    }
}

impl Launch {
    fn start(&self, etcd: &Mutex<Process>) -> Result<Process> {
        let mut process = Process::start(&self.program, &self.arguments, &[], &self.log)?;
        self.wait_for("a ready API server", &["get", "--raw", "/readyz"], || {
            lock(etcd).check_running()?;
            process.check_running()?;
            Ok(process.log_tail())
        })?;
        Ok(process)
    }

    /// Asks until the answer is a success. `check` fails when there is nothing more to wait for; it returns what to
    /// tell when the time is over.
    fn wait_for(&self, what: &str, question: &[&str], mut check: impl FnMut() -> Result<String>) -> Result<()> {
        wait::until(what, self.deadline, || {
            let told = check()?;
            let answer = self.kubectl.run(question)?;
            Ok(if answer.code == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(format!("{}\n{told}", answer.stderr.trim()))
            })
        })
    }
}

/// A panic of another test while it held the lock has not changed the process behind it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn etcd_arguments(folder: &Path, url: &str) -> Vec<String> {
    vec![
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={url}"),
        format!("--advertise-client-urls={url}"),
        // It has no peers: any port will do.
        "--listen-peer-urls=http://127.0.0.1:0".to_owned(),
        // The data does not outlive the test, whatever happens to the machine.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

fn api_server_arguments(
    options: &Options,
    folder: &Path,
    url: &str,
    etcd_url: &str,
    authority: &Path,
    serving: &Files,
    token_key: &Files,
) -> Result<Vec<String>> {
    let port = url.rsplit(':').next().unwrap_or_default();
    let mut arguments = vec![
        format!("--etcd-servers={etcd_url}"),
        // Should another run have taken etcd's port before our etcd did, then its data stays its own until ours is seen
        // to have ended.
        format!("--etcd-prefix={}", folder.display()),
        format!("--bind-address={}", options.bind),
        format!("--advertise-address={}", options.bind),
        format!("--secure-port={port}"),
        format!("--tls-cert-file={}", serving.certificate.display()),
        format!("--tls-private-key-file={}", serving.key.display()),
        format!("--cert-dir={}", folder.display()),
        format!("--client-ca-file={}", authority.display()),
        format!("--service-account-key-file={}", token_key.certificate.display()),
        format!("--service-account-signing-key-file={}", token_key.key.display()),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        "--anonymous-auth=false".to_owned(),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        "--allow-privileged=true".to_owned(),
    ];
    if options.audit == Audit::Metadata {
        let policy = folder.join("audit-policy.json");
        fs::write(&policy, AUDIT_POLICY).with_context(|| format!("failed to write {}", policy.display()))?;
        arguments.push(format!("--audit-policy-file={}", policy.display()));
        arguments.push(format!("--audit-log-path={}", folder.join("audit.log").display()));
        // Written before the request is answered, so that a test reads what it has caused.
        arguments.push("--audit-log-mode=blocking".to_owned());
    }
    arguments.extend(options.api_server_flags.iter().cloned());
    Ok(arguments)
}

fn controller_manager_arguments(options: &Options, admin: &Path, authority: &Path, token_key: &Files) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", admin.display()),
        // It serves nothing: no port that could be taken.
        "--secure-port=0".to_owned(),
        "--leader-elect=false".to_owned(),
        format!("--service-account-private-key-file={}", token_key.key.display()),
        format!("--root-ca-file={}", authority.display()),
        "--use-service-account-credentials=true".to_owned(),
        format!("--controllers={}", options.controllers.join(",")),
        format!("--kube-api-qps={}", options.kube_api_qps),
        // Twice the rate, near the ratio of its own defaults (20 and 30).
        format!("--kube-api-burst={}", options.kube_api_qps * 2),
    ]
}
