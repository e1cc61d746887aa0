//! `driftmend controller`: runs in a cluster, continuously.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Fault;
use super::bytes::Bytes;
use super::reach::{Reach, Trust};
use crate::api::v1alpha1::kinds;
use crate::cluster::{Cluster, Connection};
use crate::controller::desired::{Disk, Held, Mirrors, Sources};
use crate::controller::run::{RunSettings, run as run_controller};
use crate::controller::{Power, Settings};
use crate::engine::kind::KINDS;
use crate::source::git;
use crate::telemetry::{self, LogFormat};

/// Watches Deployments, DaemonSets and their Git sources, and writes DriftReports.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// What the controller may write besides its own resources: nothing, dry runs, or approved heals.
    #[arg(long, value_enum, default_value = "observe")]
    mode: Power,

    /// The kinds that are governed, of those that this version knows; all of them when absent.
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    kinds: Vec<String>,

    /// A namespace in which approved heals are carried out; repeat it for more.
    #[arg(long, value_name = "NAMESPACE")]
    heal_namespace: Vec<String>,

    /// A namespace of Argo CD Applications on which approved heals may end a stale operation and ask for a sync; repeat
    /// it for more.
    #[arg(long, value_name = "NAMESPACE")]
    heal_application_namespace: Vec<String>,

    /// A namespace of Flux Kustomizations of which approved heals may ask for a reconciliation; repeat it for more.
    #[arg(long, value_name = "NAMESPACE")]
    heal_kustomization_namespace: Vec<String>,

    /// Where /metrics, /healthz and /readyz are served.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Where the mirrors of Git repositories are kept.
    #[arg(long, value_name = "FOLDER", default_value = "/var/cache/driftmend")]
    cache_dir: PathBuf,

    /// How much memory this process itself may use: two fifths of it for what is in force of sources.
    #[arg(long, value_name = "BYTES", default_value = "160Mi")]
    memory: Bytes,

    /// How much memory the children that read repositories may use together; one of them at most half.
    #[arg(long, value_name = "BYTES", default_value = "96Mi")]
    git_memory: Bytes,

    /// How much of the disk the mirrors may take together.
    #[arg(long, value_name = "BYTES", default_value = "512Mi")]
    git_disk: Bytes,

    /// How much of the disk the mirrors of one namespace may take.
    #[arg(long, value_name = "BYTES", default_value = "128Mi")]
    git_disk_per_namespace: Bytes,

    /// The Lease that replicas take turns by; without it the process leads at once.
    #[arg(long, value_name = "NAME")]
    lease_name: Option<String>,

    #[command(flatten)]
    trust: Trust,

    #[command(flatten)]
    reach: Reach,

    /// How the log is written: `text` or `json`. RUST_LOG filters it, such as `debug`.
    #[arg(long, default_value = "text")]
    log_format: LogFormat,

    /// The controller's own namespace: watches elsewhere govern only their own.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE", default_value = "driftmend")]
    namespace: String,

    /// The name of this process among its replicas.
    #[arg(long, env = "POD_NAME", value_name = "NAME", default_value = "driftmend")]
    instance: String,

    /// A kubeconfig file; $KUBECONFIG, ~/.kube/config or the pod's own ServiceAccount when absent.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// A context of the kubeconfig.
    #[arg(long, value_name = "CONTEXT")]
    context: Option<String>,
}

pub(super) async fn run(arguments: Arguments) -> Result<ExitCode, Fault> {
    if arguments.mode == Power::Heal && arguments.heal_namespace.is_empty() {
        return Err(Fault::new("--mode heal needs at least one --heal-namespace")
            .hint("name each namespace in which approved heals may be carried out".to_owned()));
    }
    let lists = [
        ("--heal-namespace", &arguments.heal_namespace),
        ("--heal-application-namespace", &arguments.heal_application_namespace),
        (
            "--heal-kustomization-namespace",
            &arguments.heal_kustomization_namespace,
        ),
    ];
    if arguments.mode != Power::Heal
        && let Some((option, _)) = lists.into_iter().find(|(_, namespaces)| !namespaces.is_empty())
    {
        return Err(Fault::new(format!("{option} is only for --mode heal")));
    }
    let kinds = match arguments.kinds.as_slice() {
        [] => KINDS.to_vec(),
        named => {
            let named = kinds::governed(named).map_err(|name| {
                let governed: Vec<&str> = KINDS.iter().map(|kind| kind.kind).collect();
                Fault::new(format!("--kinds names {name:?}, which this version does not govern"))
                    .hint(format!("it governs {}", governed.join(", ")))
            })?;
            // Each is followed once, however often it is named.
            KINDS.iter().copied().filter(|kind| named.contains(kind)).collect()
        }
    };
    telemetry::init(arguments.log_format).map_err(|error| Fault::of(&error))?;
    git::initialise(git::Setting::of_memory(arguments.git_memory.0));
    let connection = Connection {
        kubeconfig: arguments.kubeconfig,
        context: arguments.context,
    };
    let cluster = Cluster::connect(&connection).await?;
    let settings = RunSettings {
        kinds,
        settings: Settings {
            power: arguments.mode,
            heal_namespaces: arguments.heal_namespace,
            heal_application_namespaces: arguments.heal_application_namespace,
            heal_kustomization_namespaces: arguments.heal_kustomization_namespace,
            sources: Sources {
                mirrors: Mirrors::within(Disk {
                    total: arguments.git_disk.0,
                    namespace: arguments.git_disk_per_namespace.0,
                }),
                held: Held::of_memory(arguments.memory.0),
                cache: arguments.cache_dir,
                policy: arguments.reach.policy(&arguments.trust)?,
                secret_hosts: arguments.trust.secret_hosts()?,
                argo_cd: arguments.trust.argo_cd(),
                own_namespace: arguments.namespace,
            },
        },
        instance: arguments.instance,
        lease: arguments.lease_name,
        listen: arguments.listen,
    };
    let shutdown = CancellationToken::new();
    tokio::spawn(stop_on_signal(shutdown.clone()));
    run_controller(cluster, settings, shutdown)
        .await
        .map_err(|error| Fault::of(&error).hint(error.hint()))?;
    Ok(ExitCode::SUCCESS)
}

/// The first Ctrl-C or SIGTERM ends the work that has begun; the process ends when that is done.
async fn stop_on_signal(shutdown: CancellationToken) {
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "SIGTERM cannot be awaited");
            return;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => tracing::info!("stopping: interrupted"),
        _ = terminate.recv() => tracing::info!("stopping: terminated"),
    }
    shutdown.cancel();
}
