//! Which governed object a person means, and its report.

use kube::ResourceExt;

use super::{Fault, unreported};
use crate::api::v1alpha1::{DriftReport, TargetRef};
use crate::cluster::Cluster;
use crate::engine::kind::{KINDS, Kind};

/// How kubectl writes the kind of a report before a slash.
const REPORTS: [&str; 5] = [
    "dr",
    "driftreport",
    "driftreports",
    "driftreport.driftmend.dev",
    "driftreports.driftmend.dev",
];

/// What a word may name.
#[derive(Debug, PartialEq, Eq)]
struct Meant<'a> {
    /// Governed objects.
    targets: Vec<(&'static Kind, &'a str)>,

    /// A report.
    report: Option<&'a str>,
}

impl<'a> Meant<'a> {
    fn by(word: &'a str) -> Result<Self, Fault> {
        let Some((kind, name)) = word.split_once('/') else {
            return Ok(Self {
                targets: KINDS.iter().map(|kind| (*kind, word)).collect(),
                report: reported(word).map(|_| word),
            });
        };
        let word_of_kind = kind.to_ascii_lowercase();
        if REPORTS.contains(&word_of_kind.as_str()) {
            return Ok(Self {
                targets: Vec::new(),
                report: Some(name),
            });
        }
        match KINDS.iter().find(|kind| is_word_of(kind, &word_of_kind)) {
            Some(kind) => Ok(Self {
                targets: vec![(*kind, name)],
                report: None,
            }),
            None => Err(
                Fault::new(format!("{word:?} names nothing that is governed")).hint(format!(
                    "governed are {}: {}",
                    listed(KINDS.iter().map(|kind| format!("{kind}s")), "and"),
                    listed(KINDS.iter().map(|kind| format!("{}/{name}", kind.short)), "or"),
                )),
            ),
        }
    }

    /// The objects that it may be about.
    fn targets(self) -> Vec<(&'static Kind, &'a str)> {
        let of_report = self.report.and_then(reported);
        self.targets.into_iter().chain(of_report).collect()
    }
}

/// Whether kubectl takes this word before a slash, in small letters, for the kind.
fn is_word_of(kind: &Kind, word: &str) -> bool {
    let Kind {
        plural,
        short,
        group,
        version,
        ..
    } = kind;
    let singular = kind.kind.to_ascii_lowercase();
    [singular.as_str(), plural, short].into_iter().any(|name| {
        let rest = word.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest == format!(".{group}") || rest == format!(".{version}.{group}"))
    })
}

/// The object that a report of this name is about, where its name is not too long to tell.
fn reported(report: &str) -> Option<(&'static Kind, &str)> {
    KINDS.iter().find_map(|kind| {
        let name = report
            .strip_prefix(&kind.kind.to_ascii_lowercase())?
            .strip_prefix('-')?;
        Some((*kind, name))
    })
}

/// Words in a row: `a, b and c`.
fn listed(words: impl Iterator<Item = String>, last: &str) -> String {
    let words: Vec<String> = words.collect();
    match words.as_slice() {
        [before @ .., end] if !before.is_empty() => format!("{} {last} {end}", before.join(", ")),
        words => words.concat(),
    }
}

/// The report of the object that a word names, for a command that can do nothing without.
pub(super) async fn report(cluster: &Cluster, namespace: &str, word: &str) -> Result<DriftReport, Fault> {
    match find(cluster, namespace, word).await? {
        Some(report) => Ok(report),
        None => Err(unreported::fault(cluster, namespace, word).await?),
    }
}

/// The objects that a word without a report may mean.
pub(super) fn targets(word: &str) -> Result<Vec<(&'static Kind, &str)>, Fault> {
    Ok(Meant::by(word)?.targets())
}

/// The report of the object that a word names: `web` for one of any kind, `deploy/web`, or `deployment-web`, as kubectl
/// and the report itself write it.
pub(super) async fn find(cluster: &Cluster, namespace: &str, word: &str) -> Result<Option<DriftReport>, Fault> {
    let meant = Meant::by(word)?;
    let (mut found, mut named) = (Vec::new(), Vec::new());
    for (kind, name) in meant.targets {
        if let Some(report) = cluster.report_of(namespace, &TargetRef::of(kind, name)).await? {
            named.push(format!("the {kind} {name}"));
            found.push((kind, report));
        }
    }
    if let Some(name) = meant.report {
        let report = cluster.get_report(namespace, name).await?;
        if let Some((kind, report)) = report.and_then(|report| Some((report.kind_of_its_target()?, report))) {
            named.push(format!("the report of the {kind} {}", report.spec.target.name));
            found.push((kind, report));
        }
    }
    if found.len() > 1 {
        let ways = found
            .iter()
            .map(|(kind, report)| format!("{}/{}", kind.short, report.spec.target.name));
        return Err(Fault::new(format!("{word} may be {}", listed(named.into_iter(), "or")))
            .hint(format!("say which: {}", listed(ways, "or"))));
    }
    Ok(found.pop().map(|(_, report)| report))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::kind::{DAEMON_SET, DEPLOYMENT};

    #[test]
    fn an_object_is_named_as_kubectl_or_its_report_name_it() {
        let meant = |word| Meant::by(word).map_err(|fault| fault.message);
        let target = |kind, name| Meant {
            targets: vec![(kind, name)],
            report: None,
        };
        let any = |name| KINDS.iter().map(|kind| (*kind, name)).collect::<Vec<_>>();
        assert_eq!(
            meant("web"),
            Ok(Meant {
                targets: any("web"),
                report: None
            })
        );
        for (word, kind) in [
            ("deploy/web", &DEPLOYMENT),
            ("deployment/web", &DEPLOYMENT),
            ("Deployment/web", &DEPLOYMENT),
            ("deployments.apps/web", &DEPLOYMENT),
            ("deployments.v1.apps/web", &DEPLOYMENT),
            ("ds/web", &DAEMON_SET),
            ("daemonset/web", &DAEMON_SET),
            ("DaemonSets.apps/web", &DAEMON_SET),
        ] {
            assert_eq!(meant(word), Ok(target(kind, "web")), "{word}");
        }
        assert_eq!(
            meant("daemonset-web"),
            Ok(Meant {
                targets: any("daemonset-web"),
                report: Some("daemonset-web")
            })
        );
        assert_eq!(
            meant("deploy/deployment-web"),
            Ok(target(&DEPLOYMENT, "deployment-web"))
        );
        assert_eq!(
            meant("dr/deployment-web"),
            Ok(Meant {
                targets: Vec::new(),
                report: Some("deployment-web")
            })
        );
        let about = [any("daemonset-web"), vec![(&DAEMON_SET, "web")]].concat();
        assert_eq!(targets("daemonset-web").ok(), Some(about));
        assert_eq!(targets("dr/deployment-web").ok(), Some(vec![(&DEPLOYMENT, "web")]));
        for word in ["job/web", "deployments.example.com/web", "deployx/web", "/web"] {
            let fault = Meant::by(word).unwrap_err();
            assert_eq!(fault.message, format!("{word:?} names nothing that is governed"));
        }
    }

    #[test]
    fn words_in_a_row_end_with_the_last_one() {
        let row = |words: &[&str]| listed(words.iter().map(|word| (*word).to_owned()), "or");
        assert_eq!((row(&[]), row(&["a"])), (String::new(), "a".to_owned()));
        assert_eq!(
            (row(&["a", "b"]), row(&["a", "b", "c"])),
            ("a or b".to_owned(), "a, b or c".to_owned())
        );
    }
}
