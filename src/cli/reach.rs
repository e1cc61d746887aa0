//! Where sources may lead and whose word counts, as options of a command.

use clap::Args;

use super::Fault;
use crate::controller::trust::{ArgoCdNamespaces, SecretHosts};
use crate::source::git::{DENIED, UrlPolicy, allowed_hosts, networks};

/// What holds for a controller and for a person alike.
#[derive(Clone, Debug, Args)]
pub struct Trust {
    /// Lets sources be read over plain http.
    #[arg(long)]
    pub(super) allow_http: bool,

    /// Where a Secret with Git credentials may be sent: hosts or beginnings of URLs by commas, in the place of its own
    /// key `hosts`; repeat it for more.
    #[arg(long, value_name = "NAMESPACE/NAME=HOSTS")]
    git_secret_hosts: Vec<String>,

    /// A namespace of Argo CD, in which AppProjects and argocd-cm are believed; `argocd` when none is named. Repeat it
    /// for more.
    #[arg(long, value_name = "NAMESPACE")]
    argocd_namespace: Vec<String>,
}

/// Where the URLs of tenants may lead.
#[derive(Clone, Debug, Args)]
pub struct Reach {
    /// The hosts that sources may be read from, by commas: git.example.com, git.example.com:8443, *.example.com, or *
    /// for every public one. Those that are named may have private addresses. Empty stands for every public host.
    #[arg(long, value_name = "HOSTS", default_value = "")]
    git_allowed_hosts: String,

    /// The ranges of addresses that no source may be read from, by commas, where its host is not one of those allowed.
    /// Metadata services, link-local and reserved addresses are always refused.
    #[arg(long, value_name = "CIDRS", default_value = DENIED)]
    git_denied_cidrs: String,

    /// The API server as Pods see it, which is denied like those ranges wherever it is.
    #[arg(long, env = "KUBERNETES_SERVICE_HOST", hide = true)]
    api_server: Option<String>,

    /// Lets sources be read from the controller's own machine: for tests and demonstrations.
    #[arg(long)]
    git_allow_loopback: bool,
}

impl Trust {
    pub(super) fn secret_hosts(&self) -> Result<SecretHosts, Fault> {
        SecretHosts::parse(&self.git_secret_hosts).map_err(|error| {
            Fault::of(&error).hint("write it as --git-secret-hosts shop/deploy-key=git.example.com".to_owned())
        })
    }

    pub(super) fn argo_cd(&self) -> ArgoCdNamespaces {
        ArgoCdNamespaces::listed(self.argocd_namespace.clone())
    }
}

impl Reach {
    pub(super) fn policy(&self, trust: &Trust) -> Result<UrlPolicy, Fault> {
        let of = |option: &str, error: &(dyn std::error::Error + 'static)| {
            Fault::of(error).hint(format!("see {option} in `driftmend controller --help`"))
        };
        let hosts = allowed_hosts(&self.git_allowed_hosts).map_err(|error| of("--git-allowed-hosts", &error))?;
        let mut denied = networks(&self.git_denied_cidrs).map_err(|error| of("--git-denied-cidrs", &error))?;
        if let Some(address) = self
            .api_server
            .as_ref()
            .and_then(|host| host.parse::<std::net::IpAddr>().ok())
        {
            denied.extend(networks(&address.to_string()).unwrap_or_default());
        }
        Ok(UrlPolicy::of_tenants(
            trust.allow_http,
            self.git_allow_loopback,
            hosts,
            denied,
        ))
    }
}
