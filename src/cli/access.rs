//! Which cluster and which namespace a command is about.

use std::path::PathBuf;

use clap::Args;

use super::Fault;
use crate::cluster::{Cluster, Connection};

/// The cluster and the namespace.
#[derive(Clone, Debug, Args)]
pub struct Access {
    /// The namespace; the context's own, or `default`, when absent.
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,

    /// A kubeconfig file; $KUBECONFIG, ~/.kube/config or the pod's own ServiceAccount when absent.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// A context of the kubeconfig.
    #[arg(long, value_name = "CONTEXT")]
    pub context: Option<String>,
}

impl Access {
    /// Connects, and gives the namespace that the command is about.
    pub async fn connect(&self) -> Result<(Cluster, String), Fault> {
        let cluster = Cluster::connect(&Connection {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
        })
        .await?;
        let namespace = self
            .namespace
            .clone()
            .unwrap_or_else(|| cluster.client().default_namespace().to_owned());
        Ok((cluster, namespace))
    }
}
