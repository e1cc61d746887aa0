//! From a snapshot to an assessment: the engine's steps in order.

mod comparison;
mod repeats;
mod summary;

use serde_json::Value;

use super::assessment::Assessment;
use super::diff::{self, Drift, Severity};
use super::facts::Facts;
use super::own_heal::OwnHeal;
use super::phase::Phase;
use super::predict::{self, Cause, Prediction, Verdict};
use super::reason::{headline, reasons};
use super::recreation::next_sync_recreates;
use super::snapshot::{Policy, Snapshot};
use super::source_facts::SourceFacts;
use super::syncer::Strategy;
use super::tool::Tool;
use super::trap;
use crate::engine::argo_cd::next_sync::next_sync;
use crate::engine::argo_cd::standing::Standing;
use crate::engine::flux::reconciliation::next_reconciliation;
use crate::engine::tool_object::when::When;
use comparison::refused_comparison;
use repeats::applied_in_vain;
use summary::{bare_summary, harm, summary, trapped};

impl Assessment {
    /// The same without what rests on a prediction, for a caller that does not know how the syncing tool writes.
    #[must_use]
    pub fn without_prediction(self) -> Self {
        if self.prediction.is_none() {
            return self;
        }
        let bare = Self {
            prediction: None,
            reasons: Vec::new(),
            comparison: Vec::new(),
            in_vain: None,
            traps: Vec::new(),
            ..self
        };
        let (phase, summary) = if bare.is_absent {
            match bare.phase {
                Phase::Missing => (Phase::Missing, GONE.to_owned()),
                _ => (Phase::Pending, NEW.to_owned()),
            }
        } else {
            let clean = Prediction::bare(Strategy::ClientSideApply, Verdict::Clean, Vec::new());
            let phase = phase(&bare.drifts, &clean);
            (phase, bare_summary(phase, &bare.drifts))
        };
        Self { phase, summary, ..bare }
    }
}

/// Assesses one object.
pub fn assess(snapshot: &Snapshot, policy: &Policy) -> Assessment {
    assess_knowing(snapshot, policy, facts(snapshot).as_ref(), None)
}

/// The same to be told while a heal goes on, whose own writes are nobody's change. Nothing is decided by it.
pub fn assess_during(snapshot: &Snapshot, policy: &Policy, heal: &OwnHeal) -> Assessment {
    assess_knowing(snapshot, policy, facts(snapshot).as_ref(), Some(heal))
}

/// What is read out of Git's document and live; `None` where one of them is absent.
pub(super) fn facts(snapshot: &Snapshot) -> Option<Facts<'_>> {
    let document = &snapshot.desired.as_ref()?.value;
    Some(Facts::sending(
        snapshot.kind,
        snapshot.source.sent_of(document),
        document,
        snapshot.live.as_ref()?,
    ))
}

/// [`assess`] for a caller that has read the snapshot already.
pub(super) fn assess_knowing(
    snapshot: &Snapshot,
    policy: &Policy,
    facts: Option<&Facts<'_>>,
    heal: Option<&OwnHeal>,
) -> Assessment {
    let (standing, next_sync) = operation(snapshot);
    let Some(facts @ Facts { desired, live, .. }) = facts else {
        return Assessment {
            standing,
            next_sync,
            ..with_creation(snapshot, one_sided(snapshot))
        };
    };
    // diff, attribute
    let rules = diff::placed(snapshot.kind, &policy.ignore, desired, live);
    let evidence = diff::Evidence {
        kind: snapshot.kind,
        desired,
        live,
        managed: &facts.managed,
        syncer: &snapshot.syncer,
        witness: snapshot.source.witness(),
        rules: &rules,
        now: snapshot.now,
    };
    let (mut drifts, paths) = diff::classify_and_compare(&evidence, &facts.wanted, facts.stored(), &facts.last_applied);
    heal.into_iter()
        .for_each(|heal| heal.retell(&mut drifts, &snapshot.syncer.manager));
    let rolled_back = rolled_back(snapshot, &drifts);
    if let Some(back) = &rolled_back {
        drifts
            .iter_mut()
            .filter(|drift| drift.severity == Severity::Pending)
            .for_each(|drift| drift.reason = Some(back.clone()));
    }
    // predict
    let foretold = predict::predict_knowing(facts, &snapshot.syncer, || paths);
    let foretold = foretold.weighed(facts, &drifts, |overwrite| {
        snapshot.tool.spares(overwrite.reason.as_deref().unwrap_or_default())
    });
    let prediction = &foretold.prediction;
    let reasons = reasons(snapshot, facts, &drifts, &foretold);
    let weighing = drifts.iter().filter(|drift| drift.severity != Severity::Ignored);
    let mut traps = trap::traps(
        snapshot,
        facts,
        &weighing.map(|drift| &drift.change.path).collect::<Vec<_>>(),
    );
    let differs = trap::Differs {
        drifts: &drifts,
        residual: &prediction.residual,
    };
    traps.extend(trap::unnamed(snapshot, facts, differs, next_sync.as_ref()));
    traps.extend(trap::unapplied(snapshot, facts, differs, next_sync.as_ref()));
    if traps.is_empty() {
        traps.extend(trap::left_by_us(facts));
    }
    traps.retain(|trap| !trap.is_spared(snapshot.kind, &snapshot.tool, &rules, snapshot.now));
    let traps = if heal.is_some() { OwnHeal::spare(traps) } else { traps };
    // operation
    let stuck = snapshot
        .tool
        .argo_cd()
        .is_some_and(|argo_cd| argo_cd.is_stuck(&snapshot.target, snapshot.now));
    let phase = match phase(&drifts, prediction) {
        Phase::InSync | Phase::Pending if stuck => Phase::OperationStuck,
        phase => phase,
    };
    let summary = match (phase, &standing) {
        (Phase::Pending, _) if let Some(back) = &rolled_back => {
            let count = drifts
                .iter()
                .filter(|drift| drift.severity == Severity::Pending)
                .count();
            let fields = if count == 1 {
                "1 field is".to_owned()
            } else {
                format!("{count} fields are")
            };
            format!("{back}: {fields} not what Git says now") + &harm(prediction)
        }
        (Phase::OperationStuck, Some(standing)) => standing.why(),
        (Phase::Conflicted | Phase::Drifted | Phase::Pending, _)
            if let Some(by) = next_sync_recreates(snapshot, prediction) =>
        {
            let cause = match phase {
                Phase::Conflicted => headline(&reasons, &prediction.causes)
                    .unwrap_or_else(|| "the API server does not accept it".to_owned()),
                _ => summary(phase, &drifts, prediction, &reasons),
            };
            format!(
                "The next sync is an outage: told to force, {} deletes the {} with all its pods and creates it anew: \
                 {cause}",
                by.tool, snapshot.kind
            )
        }
        _ => summary(phase, &drifts, prediction, &reasons) + &harm(prediction),
    } + &trapped(snapshot, phase, &traps);
    Assessment {
        phase,
        summary,
        is_absent: false,
        comparison: refused_comparison(snapshot, facts, prediction),
        in_vain: applied_in_vain(snapshot, &drifts),
        drifts,
        prediction: Some(foretold.prediction),
        reasons,
        traps,
        standing,
        next_sync,
    }
}

/// To what and by whom the tool was rolled back, where live waits for Git because of that.
fn rolled_back(snapshot: &Snapshot, drifts: &[Drift]) -> Option<String> {
    let argo_cd = snapshot
        .tool
        .argo_cd()
        .filter(|_| drifts.iter().any(|drift| drift.severity == Severity::Pending))?;
    let SourceFacts {
        revision,
        first_seen,
        answered_at,
        ..
    } = &snapshot.source;
    argo_cd
        .application
        .rolled_back(revision, *first_seen, *answered_at)
        .map(|back| back.to_string())
}

/// How far the tool's own operation is, and when it syncs next.
fn operation(snapshot: &Snapshot) -> (Option<Standing>, Option<When>) {
    match &snapshot.tool {
        Tool::Unknown => (None, None),
        Tool::ArgoCd(argo_cd) => {
            let standing = argo_cd.standing(&snapshot.target, snapshot.now);
            let when = next_sync(
                &argo_cd.application,
                &standing,
                &argo_cd.context(&snapshot.target, snapshot.now),
            );
            (Some(standing), Some(when))
        }
        Tool::Flux(flux) => (
            None,
            Some(next_reconciliation(
                &flux.kustomization,
                flux.repository.as_deref(),
                snapshot.now,
            )),
        ),
    }
}

const GONE: &str = "Git has it, it was in the cluster, and it is gone";

const NEW: &str = "Git has it and it has not been in the cluster yet";

/// What is found of an object that is not live, with why the next sync will not create it, where it will not.
fn with_creation(snapshot: &Snapshot, found: Assessment) -> Assessment {
    let (Some(desired), None) = (&snapshot.desired, &snapshot.live) else {
        return found;
    };
    let prediction = predict::predict_new(
        snapshot.kind,
        &desired.value,
        snapshot.target.namespace.as_deref(),
        &snapshot.syncer,
    );
    if prediction.causes.is_empty() {
        return found;
    }
    let phase = if found.phase == Phase::Missing {
        Phase::Missing
    } else {
        Phase::Conflicted
    };
    let summary = format!(
        "{}; the next sync will not create it: {}",
        found.summary,
        Cause::told_of(&prediction.causes)
    );
    Assessment {
        phase,
        summary,
        prediction: Some(Prediction {
            predicted: None,
            ..prediction
        }),
        ..found
    }
}

/// One side is absent: nothing to compare, but something to tell.
fn one_sided(snapshot: &Snapshot) -> Assessment {
    let (phase, summary) = match (&snapshot.desired, &snapshot.live) {
        (Some(_), None) if snapshot.seen => (Phase::Missing, GONE.to_owned()),
        (Some(_), None) => (Phase::Pending, NEW.to_owned()),
        (None, Some(live)) => match going(snapshot, live) {
            Some(why) => (Phase::Pending, format!("Git no longer has it, and {why}")),
            None => (Phase::Orphaned, "the cluster has it and Git no longer does".to_owned()),
        },
        _ => (Phase::InSync, "neither Git nor the cluster has it".to_owned()),
    };
    Assessment {
        is_absent: snapshot.desired.is_some() && snapshot.live.is_none(),
        ..Assessment::bare(phase, summary)
    }
}

/// Why an object that Git dropped will soon be gone, where it will.
fn going(snapshot: &Snapshot, live: &Value) -> Option<&'static str> {
    if live.pointer("/metadata/deletionTimestamp").is_some() {
        return Some("it is being deleted");
    }
    (snapshot.now < snapshot.pruned_by()?).then_some("the syncing tool deletes it at its next sync")
}

fn phase(drifts: &[Drift], prediction: &Prediction) -> Phase {
    let any = |severity: Severity| drifts.iter().any(|drift| drift.severity == severity);
    match prediction.verdict {
        Verdict::Refused | Verdict::Conflict => Phase::Conflicted,
        _ if any(Severity::Drift) => Phase::Drifted,
        _ if any(Severity::Pending) => Phase::Pending,
        _ => Phase::InSync,
    }
}

#[cfg(test)]
mod tests;
