//! Which Deployment a person means, and its report.

use kube::ResourceExt;

use super::{Fault, unreported};
use crate::cluster::Cluster;
use crate::crd::{DriftReport, TargetRef};

/// How kubectl writes the kind of a Deployment before a slash.
const DEPLOYMENTS: [&str; 7] = [
    "deploy",
    "deployment",
    "deployments",
    "deployment.apps",
    "deployments.apps",
    "deployment.v1.apps",
    "deployments.v1.apps",
];

/// How kubectl writes the kind of a report before a slash.
const REPORTS: [&str; 5] = [
    "dr",
    "driftreport",
    "driftreports",
    "driftreport.driftmend.dev",
    "driftreports.driftmend.dev",
];

/// What a word may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant<'a> {
    /// A Deployment.
    Deployment(&'a str),

    /// A report.
    Report(&'a str),

    /// A Deployment whose name begins as those of reports do, or a report.
    Either(&'a str),
}

impl<'a> Meant<'a> {
    /// The Deployments that it may be about.
    fn deployments(self) -> impl Iterator<Item = &'a str> {
        let of_report = |name: &'a str| name.strip_prefix("deployment-");
        let (itself, reported) = match self {
            Self::Deployment(name) => (Some(name), None),
            Self::Report(name) => (None, of_report(name)),
            Self::Either(name) => (Some(name), of_report(name)),
        };
        itself.into_iter().chain(reported)
    }

    fn by(word: &'a str) -> Result<Self, Fault> {
        let Some((kind, name)) = word.split_once('/') else {
            return Ok(if word.starts_with("deployment-") {
                Self::Either(word)
            } else {
                Self::Deployment(word)
            });
        };
        let kind = kind.to_ascii_lowercase();
        match (DEPLOYMENTS.contains(&kind.as_str()), REPORTS.contains(&kind.as_str())) {
            (true, _) => Ok(Self::Deployment(name)),
            (_, true) => Ok(Self::Report(name)),
            _ => Err(Fault::new(format!("{word:?} names no Deployment"))
                .hint(format!("only Deployments are governed: deploy/{name}"))),
        }
    }
}

/// The report of the Deployment that a word names, for a command that can do nothing without.
pub(super) async fn report(cluster: &Cluster, namespace: &str, word: &str) -> Result<DriftReport, Fault> {
    match find(cluster, namespace, word).await? {
        Some(report) => Ok(report),
        None => Err(unreported::fault(cluster, namespace, word).await?),
    }
}

/// The Deployments that a word without a report may mean.
pub(super) fn deployments(word: &str) -> Result<Vec<&str>, Fault> {
    Ok(Meant::by(word)?.deployments().collect())
}

/// The report of the Deployment that a word names: `web`, `deploy/web` or `deployment-web`, as kubectl and the report
/// itself write it.
pub(super) async fn find(cluster: &Cluster, namespace: &str, word: &str) -> Result<Option<DriftReport>, Fault> {
    let (by_target, by_name) = match Meant::by(word)? {
        Meant::Deployment(name) => (cluster.report_of(namespace, &TargetRef::deployment(name)).await?, None),
        Meant::Report(name) => (None, whole(cluster, namespace, name).await?),
        Meant::Either(name) => (
            cluster.report_of(namespace, &TargetRef::deployment(name)).await?,
            whole(cluster, namespace, name).await?,
        ),
    };
    match (by_target, by_name) {
        (Some(report), None) | (None, Some(report)) => Ok(Some(report)),
        (Some(one), Some(other)) => {
            let (one, other) = (&one.spec.target.name, &other.spec.target.name);
            Err(Fault::new(format!(
                "{word} may be the Deployment {one}, or the report of the Deployment {other}"
            ))
            .hint(format!("say which: deploy/{one} or deploy/{other}")))
        }
        (None, None) => Ok(None),
    }
}

/// The same report as it is now, not one that was made under its name since.
pub(super) async fn again(cluster: &Cluster, report: &DriftReport) -> Result<DriftReport, Fault> {
    let name = report.name_any();
    let now = cluster
        .get_report(&report.namespace().unwrap_or_default(), &name)
        .await?;
    now.filter(|now| now.uid() == report.uid()).ok_or_else(|| {
        Fault::new(format!("the DriftReport {name} was removed meanwhile"))
            .hint("look again with `driftmend report`".to_owned())
    })
}

async fn whole(cluster: &Cluster, namespace: &str, name: &str) -> Result<Option<DriftReport>, Fault> {
    Ok(cluster
        .get_report(namespace, name)
        .await?
        .filter(DriftReport::is_named_as_its_target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_named_as_kubectl_or_its_report_name_it() {
        let meant = |word| Meant::by(word).map_err(|fault| fault.message);
        assert_eq!(meant("web"), Ok(Meant::Deployment("web")));
        for word in ["deploy/web", "deployment/web", "Deployment/web", "deployments.apps/web"] {
            assert_eq!(meant(word), Ok(Meant::Deployment("web")), "{word}");
        }
        assert_eq!(meant("deployment-web"), Ok(Meant::Either("deployment-web")));
        assert_eq!(meant("deploy/deployment-web"), Ok(Meant::Deployment("deployment-web")));
        assert_eq!(meant("dr/deployment-web"), Ok(Meant::Report("deployment-web")));
        assert_eq!(deployments("deployment-web").ok(), Some(vec!["deployment-web", "web"]));
        assert_eq!(deployments("dr/deployment-web").ok(), Some(vec!["web"]));
        assert_eq!(
            meant("statefulset/web"),
            Err("\"statefulset/web\" names no Deployment".to_owned())
        );
    }
}
