//! An object without a report: it is what Git says, nobody governs it, or it is not there. What is known of that,
//! and no more.

use std::process::ExitCode;

use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::Value;

use super::doubts::Doubts;
use super::output::{self, Format};
use super::standing::{Watches, is_ready, unwatched};
use super::{Fault, report, target};
use crate::api::v1alpha1::{DriftReport, DriftWatch, Phase};
use crate::cluster::{ApiError, Cluster};
use crate::engine::kind::KINDS;
use crate::report::printer::line;

/// Why a command that needs a report has none.
pub(super) async fn fault(cluster: &Cluster, namespace: &str, word: &str) -> Result<Fault, Fault> {
    if let Is::Absent(fault) = is_there(cluster, namespace, word).await? {
        return Ok(fault);
    }
    let hint = format!("there is nothing to decide; `driftmend report {word} -n {namespace}` says what is known");
    Ok(Fault::new(format!(
        "{word} has no report in namespace {namespace}: it is what Git says, or no watch governs it"
    ))
    .hint(hint))
}

/// Tells what is known of an object that has no report. It is 0 only where every object of the namespace is known to be
/// governed.
pub(super) async fn tell(cluster: &Cluster, namespace: &str, word: &str, format: Format) -> Result<ExitCode, Fault> {
    let is_seen = match is_there(cluster, namespace, word).await? {
        Is::Absent(fault) => return Err(fault),
        Is::There => true,
        Is::Hidden => false,
    };
    let reports = report::list(cluster, Some(namespace)).await?;
    let watches = Watches::read(cluster, Some(namespace), &[]).await?;
    if watches.found.is_empty() {
        return Err(unwatched(cluster, Some(namespace)).await?);
    }
    let doubts = Doubts::of(cluster, &watches, Some(&reports), Timestamp::now()).await?;
    let live = if is_seen && !doubts.any() {
        live(cluster, namespace).await?
    } else {
        None
    };
    let governed = live.is_some_and(|live| governs_all(&watches.found, &reports, live));
    let text = if governed {
        format!("{word} has no report: it is what Git says\n")
    } else {
        unknown(word, &watches.found, live)
    };
    if format == Format::Human {
        output::print(&doubts.around(&text))?;
    } else {
        output::print_value(&Value::Null, format)?;
        text.lines().for_each(|line| output::print_aside("note", line));
    }
    doubts.tell_aside(format);
    Ok(ExitCode::from(u8::from(!governed)))
}

/// Whether an object that a word means is in the cluster.
enum Is {
    There,
    Absent(Fault),

    /// It may not be read.
    Hidden,
}

async fn is_there(cluster: &Cluster, namespace: &str, word: &str) -> Result<Is, Fault> {
    for (kind, name) in target::targets(word)? {
        match cluster.get_governed(kind, namespace, name).await {
            Ok(Some(_)) => return Ok(Is::There),
            Ok(None) => {}
            Err(ApiError::Forbidden { .. }) => return Ok(Is::Hidden),
            Err(error) => return Err(error.into()),
        }
    }
    let absent = match cluster.get_namespace(namespace).await {
        Ok(None) => unwatched(cluster, Some(namespace)).await?,
        Ok(Some(_)) | Err(ApiError::Forbidden { .. }) => Fault::new(format!(
            "there is neither an object {word} in namespace {namespace} nor a report about one"
        ))
        .hint("check the name, -n and the context; `driftmend report -A` shows every report".to_owned()),
        Err(error) => return Err(error.into()),
    };
    Ok(Is::Absent(absent))
}

/// How many objects of the governed kinds a namespace has; `None` where they may not be listed.
async fn live(cluster: &Cluster, namespace: &str) -> Result<Option<usize>, Fault> {
    let mut live = 0;
    for kind in KINDS {
        match cluster.count_governed(kind, namespace).await {
            Ok(count) => live += count,
            Err(ApiError::Forbidden { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(live))
}

/// Whether these watches of a namespace govern everything that is there. No status names the objects of a watch, but
/// each is led by one watch, so that the numbers tell it.
fn governs_all(watches: &[DriftWatch], reports: &[DriftReport], live: usize) -> bool {
    // One in the controller's own namespace may govern objects elsewhere.
    let own = |watch: &&DriftWatch| watch.namespace() != controllers_namespace(watch);
    let governed: usize = watches
        .iter()
        .filter(own)
        .filter_map(|watch| watch.status.as_ref())
        .map(|status| status.counts.governed)
        .sum();
    let told = || reports.iter().filter_map(|report| report.status.as_ref());
    let orphaned = told().filter(|status| status.phase == Phase::Orphaned).count();
    // One that Git alone has was there once, or never yet.
    let absent = told()
        .filter(|status| {
            status.phase == Phase::Missing || status.phase == Phase::Pending && status.target_uid.is_none()
        })
        .count();
    governed.saturating_sub(absent) + orphaned >= live
}

fn controllers_namespace(watch: &DriftWatch) -> Option<String> {
    Some(watch.status.as_ref()?.controller.as_ref()?.namespace.clone())
}

/// What is known where nobody can say whether the object is governed.
fn unknown(word: &str, watches: &[DriftWatch], live: Option<usize>) -> String {
    let mut text = String::new();
    line!(
        &mut text,
        "{word} has no report: it is what Git says, or no watch governs it"
    );
    // What is the matter with the others is told before.
    for watch in watches.iter().filter(|watch| is_ready(watch)) {
        let governed = watch
            .status
            .as_ref()
            .map(|status| status.counts.governed)
            .unwrap_or_default();
        let live = live
            .map(|live| format!("; the namespace has {live}"))
            .unwrap_or_default();
        line!(
            &mut text,
            "  watch {}/{} governs {}{live}: {}",
            watch.namespace().unwrap_or_default(),
            watch.name_any(),
            report::counted(governed, "object", "objects"),
            scope(watch)
        );
    }
    text
}

/// Where a watch takes its objects from.
fn scope(watch: &DriftWatch) -> String {
    let source = &watch.spec.source;
    let named = |kind: &str, name: &str| format!("those of {kind} {name}");
    let from = match (&source.git, &source.argo_application, &source.flux_kustomization) {
        (Some(git), ..) => format!("those of {}, folder {}", git.url, git.path.as_deref().unwrap_or("/")),
        (_, Some(application), _) => named("Application", &application.name),
        (_, _, Some(kustomization)) => named("Kustomization", &kustomization.name),
        (None, None, None) => "no source".to_owned(),
    };
    let selected = if watch.spec.selector.is_some() {
        " that its selector takes"
    } else {
        ""
    };
    format!("{from}{selected}")
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    fn watch(namespace: &str, governed: usize) -> DriftWatch {
        serde_json::from_value(json!({
            "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch",
            "metadata": {"name": "all", "namespace": namespace},
            "spec": {"source": {"git": {"url": "https://git.example/shop.git", "path": "deploy"}},
                     "selector": {"matchLabels": {"a": "b"}}},
            "status": {"counts": {"governed": governed}, "conditions": [{"type": "Ready", "status": "True",
                "reason": "Assessing", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
                "controller": {"namespace": "driftmend", "lease": "driftmend"}},
        }))
        .unwrap()
    }

    fn report(phase: &str) -> DriftReport {
        serde_json::from_value(json!({
            "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport",
            "metadata": {"name": "deployment-web", "namespace": "shop"},
            "spec": {"target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                     "watchRef": {"namespace": "shop", "name": "all"}},
            "status": {"phase": phase},
        }))
        .unwrap()
    }

    #[test]
    fn only_where_the_watches_of_a_namespace_lead_as_many_as_are_there_each_is_known_to_be_governed() {
        for (watches, reports, live, expected) in [
            (vec![watch("shop", 2)], vec![], 2, true),
            (vec![watch("shop", 2)], vec![], 3, false),
            (vec![watch("shop", 1), watch("shop", 2)], vec![], 3, true),
            // One that Git alone has is not there, and one that only the cluster has is nobody's.
            (vec![watch("shop", 2)], vec![report("Missing")], 2, false),
            (vec![watch("shop", 2)], vec![report("Pending")], 2, false),
            (vec![watch("shop", 2)], vec![report("Orphaned")], 3, true),
            // It may govern objects of other namespaces.
            (vec![watch("driftmend", 9)], vec![], 1, false),
        ] {
            assert_eq!(
                governs_all(&watches, &reports, live),
                expected,
                "{} of {live}",
                watches.len()
            );
        }
    }

    #[test]
    fn where_nobody_knows_the_watches_that_stand_there_are_told_with_what_they_take() {
        let expected = "\
web has no report: it is what Git says, or no watch governs it
  watch shop/all governs 1 object; the namespace has 3: those of https://git.example/shop.git, \
folder deploy that its selector takes
";
        assert_eq!(unknown("web", &[watch("shop", 1)], Some(3)), expected);
    }
}
