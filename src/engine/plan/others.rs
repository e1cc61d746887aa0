//! Other objects that keep each sync of the whole from succeeding, whatever becomes of this one.
//!
//! What the tool tells of them is known of every kind of object; what will happen only of governed objects, which alone
//! are predicted.

use super::cautions::{Caution, OTHERS_FORETOLD, OTHERS_REFUSED};
use super::{Step, StepKind};
use crate::engine::argo_cd::ArgoCd;
use crate::engine::argo_cd::touch::short_commit;
use crate::engine::flux::Flux;
use crate::engine::flux::reconciliation::{Reconciliation, names};
use crate::engine::kind::{KINDS, Kind};
use crate::engine::snapshot::Snapshot;
use crate::engine::tool::Tool;
use crate::engine::tool_object::resource::ResourceRef;

/// The longest of another object's failure that is told, in characters.
const TOLD: usize = 240;

/// What a person should know of others before approving these steps.
pub(super) fn in_the_way(snapshot: &Snapshot, steps: &[Step]) -> Vec<Caution> {
    let (failed, whole, means) = match &snapshot.tool {
        Tool::Unknown => return Vec::new(),
        Tool::ArgoCd(argo_cd) => (
            failed_under_argo_cd(argo_cd, snapshot),
            "this Application",
            of_application(snapshot.kind, steps),
        ),
        Tool::Flux(flux) => (
            failed_under_flux(flux, snapshot),
            "this Kustomization",
            of_kustomization(snapshot, steps),
        ),
    };
    let is_named = |other: &str| failed.as_ref().is_some_and(|failed| failed.names(other));
    let foretold = snapshot
        .source
        .beside
        .refused
        .iter()
        .filter(|told| !is_named(told.split(": ").next().unwrap_or_default()));
    let foretold: Vec<&String> = foretold.collect();
    let foretold = foretold.first().map(|first| {
        let (are, more) = match foretold.len() {
            1 => ("another watched object", String::new()),
            several => ("other watched objects", format!(" and {} more", several - 1)),
        };
        let is = if foretold.len() == 1 { "is" } else { "are" };
        Caution::note(
            OTHERS_FORETOLD,
            format!("{are} of {whole} {is} predicted to be refused ({first}{more}); {means}"),
        )
    });
    failed
        .map(|failed| Caution::note(OTHERS_REFUSED, failed.told(&means)))
        .into_iter()
        .chain(foretold)
        .collect()
}

/// A failure of others, as the tool tells it.
struct Failed {
    what: String,

    /// Whether it was one of what the tool would apply now.
    is_of_now: bool,
}

impl Failed {
    fn told(&self, means: &str) -> String {
        let Self { what, is_of_now } = self;
        if *is_of_now {
            format!("{what}; {means}")
        } else {
            format!("{what}; whether it is accepted by now, the next sync of it tells")
        }
    }

    /// Whether it names this object, which is given as `KIND NAMESPACE/NAME`.
    fn names(&self, object: &str) -> bool {
        let is_named = |kind: &Kind, name: &str| {
            let Kind { kind, group, .. } = kind;
            let (argo_cd, flux) = (format!("{kind}.{group} {name} "), format!("{kind}/{name} "));
            self.what.contains(&argo_cd) || self.what.contains(&flux)
        };
        let kind = |word| KINDS.iter().find(|kind| kind.kind == word);
        let named = object
            .split_once(' ')
            .and_then(|(word, name)| Some((kind(word)?, name)));
        self.is_of_now && named.is_some_and(|(kind, name)| is_named(kind, name))
    }
}

fn failed_under_argo_cd(argo_cd: &ArgoCd, snapshot: &Snapshot) -> Option<Failed> {
    let target = &snapshot.target;
    let only = ResourceRef::from(target);
    let failing = argo_cd.application.fails_for_others(&only)?;
    Some(match &failing.of_before {
        None => Failed {
            what: format!("the last sync failed for {}", failing.told),
            is_of_now: true,
        },
        Some(revision) => {
            let of = revision.one().map_or("of another revision".to_owned(), |one| {
                format!("of commit {}", short_commit(one))
            });
            Failed {
                what: format!(
                    "the last sync, {of}, failed for {}, which is still not in sync",
                    failing.told
                ),
                is_of_now: false,
            }
        }
    })
}

/// A dry run that names another object; it ends at the first one that is refused.
fn failed_under_flux(flux: &Flux, snapshot: &Snapshot) -> Option<Failed> {
    match flux.reconciliation() {
        Reconciliation::FailedDryRun { message, .. } if !names(&message, &snapshot.target) => {
            let message: String = message.chars().take(TOLD).collect();
            Some(Failed {
                what: format!("the last reconciliation failed for another object ({message})"),
                is_of_now: true,
            })
        }
        _ => None,
    }
}

/// Within a wave Argo CD applies each object, whatever becomes of the others; the next wave does not come.
///
/// Source: `Sync` and `runTasks` in gitops-engine's `pkg/sync/sync_context.go`.
fn of_application(kind: &Kind, steps: &[Step]) -> String {
    let has = |kind| steps.iter().any(|step| step.kind() == kind);
    if has(StepKind::StartOperation) {
        format!("until that is mended no sync of the whole application succeeds, and this plan syncs the {kind} alone")
    } else if has(StepKind::HandBack) {
        format!(
            "until that is mended no sync of the whole application succeeds, and this plan counts on one, which comes \
             to the {kind} all the same unless the other object is of an earlier wave"
        )
    } else {
        format!(
            "until that is mended no sync of the whole application succeeds, and this plan heals the {kind} by itself"
        )
    }
}

fn of_kustomization(snapshot: &Snapshot, steps: &[Step]) -> String {
    let handed_back = steps.iter().any(|step| step.kind() == StepKind::HandBack);
    if handed_back || snapshot.live.is_none() {
        "until that is mended Flux applies nothing of the Kustomization, and this plan counts on it".to_owned()
    } else {
        format!(
            "until that is mended Flux applies nothing of the Kustomization, and this plan heals the {} by itself",
            snapshot.kind
        )
    }
}

#[cfg(test)]
mod tests;
