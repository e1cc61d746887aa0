//! The client: where it connects to, and how long a call may take.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use kube::client::ClientBuilder;
use kube::config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use thiserror::Error;
use tower::timeout::TimeoutLayer;

use super::call::{Call, Effect, Verb};
use super::errors::ApiError;
use super::retry_after;

/// The time limit of one call: an API server gives up after 60 s by itself, and a reconcile that waits so long holds up
/// its queue.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The time that an answer may take to begin: the API server's own limit (apiserver, `--request-timeout`), for lists
/// and watches, which have no limit as a whole.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest silence on a connection: a little more than the 295 s after which a quiet watch is begun anew
/// (kube-runtime, `next_with_idle_timeout`), so that it ends a list that hangs and never a watch.
const READ_TIMEOUT: Duration = Duration::from_secs(300);

/// The time for a connection to stand; kube's default of 30 s would use up a whole call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the API server is, and who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// A kubeconfig file; `None` takes `$KUBECONFIG`, then `~/.kube/config`, then the pod's own ServiceAccount.
    pub kubeconfig: Option<PathBuf>,

    /// A context of the kubeconfig; `None` takes its current one.
    pub context: Option<String>,
}

/// Why there is no client.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The file named by hand cannot be read.
    #[error("failed to read kubeconfig {}", path.display())]
    File {
        /// The file.
        path: PathBuf,

        /// What is wrong with it.
        source: Box<KubeconfigError>,
    },

    /// The same before anything of it is known.
    #[error("failed to read kubeconfig {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,

        /// What the system said.
        source: std::io::Error,
    },

    /// The kubeconfig does not have what was asked for.
    #[error("failed to use context {context:?} of the kubeconfig")]
    Context {
        /// The context; empty for the current one.
        context: String,

        /// What is wrong with it.
        source: Box<KubeconfigError>,
    },

    /// Neither a kubeconfig nor a pod's ServiceAccount was found.
    #[error("failed to find an API server")]
    Nowhere {
        /// What was looked for.
        source: Box<InferConfigError>,
    },

    /// The configuration is not usable: a certificate, a proxy, a plugin.
    #[error("failed to build a client for the API server")]
    Client {
        /// What is wrong.
        source: Box<kube::Error>,
    },
}

impl ConnectError {
    /// Says what a person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::File { .. } | Self::Unreadable { .. } => "check the path given by --kubeconfig".into(),
            Self::Context { .. } => "list the contexts with `kubectl config get-contexts`".into(),
            Self::Nowhere { .. } => {
                "give --kubeconfig, set KUBECONFIG, or run in a pod with a ServiceAccount token".into()
            }
            Self::Client { source } if is_version_one(source.as_ref()) => {
                "the client certificate is X.509 v1, which kubectl takes and this program does not: issue it again as \
                 v3 (`openssl x509 -req` with `-extfile`)"
                    .into()
            }
            Self::Client { .. } => "try the same context with `kubectl version`".into(),
        }
    }
}

/// Whether a certificate is refused for its version: webpki reads version 3 only, and says so in a word that it keeps
/// to itself.
fn is_version_one(error: &dyn std::error::Error) -> bool {
    let mut errors = std::iter::successors(Some(error), |error| error.source());
    errors.any(|error| error.to_string().contains("UnsupportedCertVersion"))
}

/// An API server and the rules for calling it.
///
/// # Guarantees
///
/// Every call made through [`Cluster::call`] ends within its time limit, is sent once (nothing is retried underneath),
/// and is told to the observer when the cluster stored something. Where there is a gate, nothing that the cluster
/// would store is sent while it is shut.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    limit: Duration,
    observer: Option<Observer>,
    gate: Option<Gate>,
}

/// Is told each write that the cluster stored: the resource, such as `deployments.apps`, and the verb.
pub type Observer = Arc<dyn Fn(&str, Verb) + Send + Sync>;

/// Says whether this process may write at this moment; asked right before each call that stores something.
pub type Gate = Arc<dyn Fn() -> bool + Send + Sync>;

impl Cluster {
    /// Wraps a client; its calls get [`CALL_TIMEOUT`].
    pub const fn new(client: Client) -> Self {
        Self {
            client,
            limit: CALL_TIMEOUT,
            observer: None,
            gate: None,
        }
    }

    /// Connects; no request is sent yet.
    ///
    /// # Errors
    ///
    /// When no configuration is found, or it cannot be used.
    pub async fn connect(connection: &Connection) -> Result<Self, ConnectError> {
        let config = tuned(configuration(connection).await?);
        let builder = ClientBuilder::try_from(config).map_err(|source| ConnectError::Client {
            source: Box::new(source),
        })?;
        let client = builder
            .with_layer(&TimeoutLayer::new(HEAD_TIMEOUT))
            .with_layer(&retry_after::layer())
            .build();
        Ok(Self::new(client))
    }

    /// Tells each write that the cluster stored.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Asks this gate before every write.
    #[must_use]
    pub fn behind(mut self, gate: Gate) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Gives calls another time limit.
    #[must_use]
    pub const fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Gives the client, for a typed `Api`; await what it returns only inside [`Cluster::call`].
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Waits for one call, no longer than the time limit.
    ///
    /// # Caveats
    ///
    /// A write that timed out may have happened: read again before anything else.
    ///
    /// # Errors
    ///
    /// Whatever went wrong, sorted, with `call` in it.
    pub async fn call<T>(
        &self,
        call: Call,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, ApiError> {
        if !call.addressable() {
            return Err(ApiError::Unsendable {
                call: Box::new(call),
                detail: "not a name that Kubernetes accepts".into(),
            });
        }
        if call.effect == Effect::Stored && self.gate.as_ref().is_some_and(|may_write| !may_write()) {
            return Err(ApiError::NotLeading { call: Box::new(call) });
        }
        #[cfg(debug_assertions)]
        if call.effect == Effect::Stored {
            super::crash::before_write();
        }
        let stored = (call.effect == Effect::Stored).then(|| (call.resource.clone(), call.verb));
        let answer = match tokio::time::timeout(self.limit, request).await {
            Ok(answer) => answer.map_err(|error| ApiError::from_kube(call, self.limit, error))?,
            Err(_elapsed) => {
                return Err(ApiError::TimedOut {
                    call: Box::new(call),
                    limit: self.limit,
                    told: None,
                });
            }
        };
        if let (Some(observer), Some((resource, verb))) = (&self.observer, stored) {
            observer(&resource, verb);
        }
        Ok(answer)
    }
}

async fn configuration(connection: &Connection) -> Result<Config, ConnectError> {
    let options = KubeConfigOptions {
        context: connection.context.clone(),
        ..KubeConfigOptions::default()
    };
    let wrong_context = |source| ConnectError::Context {
        context: connection.context.clone().unwrap_or_default(),
        source: Box::new(source),
    };
    match (&connection.kubeconfig, &connection.context) {
        (Some(path), _) => {
            let file = Kubeconfig::read_from(path).map_err(|source| match source {
                // It names the path again.
                KubeconfigError::ReadConfig(source, _) => ConnectError::Unreadable {
                    path: path.clone(),
                    source,
                },
                source => ConnectError::File {
                    path: path.clone(),
                    source: Box::new(source),
                },
            })?;
            Config::from_custom_kubeconfig(file, &options)
                .await
                .map_err(wrong_context)
        }
        (None, Some(_)) => Config::from_kubeconfig(&options).await.map_err(wrong_context),
        (None, None) => Config::infer().await.map_err(|source| ConnectError::Nowhere {
            source: Box::new(source),
        }),
    }
}

/// Sets the time limits and turns off what kube does behind a caller's back.
fn tuned(mut config: Config) -> Config {
    // It repeats every verb up to 15 times, POST and PATCH too, and sleeps as long as the server likes.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    // Without it the time that a pooled connection lay idle counts against the next answer.
    config.reset_reader_on_write = true;
    let agent = HeaderValue::from_static(concat!("driftmend/", env!("CARGO_PKG_VERSION")));
    config.headers.push((HeaderName::from_static("user-agent"), agent));
    config
}

#[cfg(test)]
mod tests;
