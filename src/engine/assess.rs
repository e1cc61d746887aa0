//! From a snapshot to an assessment: the engine's steps in order.

mod summary;

use jiff::Timestamp;
use serde_json::Value;

use super::diagnose::{self, Finding, Trap};
use super::diff::{self, Drift, Severity};
use super::operation::{Standing, When, next_reconciliation, next_sync};
use super::own_heal::OwnHeal;
use super::phase::Phase;
use super::plan::{self, Memory, NoPlan, Plan};
use super::predict::{self, Facts, Prediction, Strategy, Verdict};
use super::snapshot::{Policy, Snapshot, SourceFacts};
use super::tool::Tool;
use summary::{bare_summary, harm, summary, trapped};

/// What was found of one object.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// What is wrong, in one word.
    pub phase: Phase,

    /// What is wrong, in one sentence.
    pub summary: String,

    /// The fields that differ, in path order.
    pub drifts: Vec<Drift>,

    /// What the next sync gives; `None` where one side is absent, unless the next sync will not create what is not
    /// live.
    pub prediction: Option<Prediction>,

    /// What is wrong and what to do, worst first.
    pub findings: Vec<Finding>,

    /// What looks in sync and will be in the way of Git's next change.
    pub traps: Vec<Trap>,

    /// In what standing Argo CD's own operation is; `None` for another tool, or none.
    pub standing: Option<Standing>,

    /// When the next sync comes; `None` where no tool is known.
    pub next_sync: Option<When>,
}

impl Assessment {
    /// The fields of one severity.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Drift> {
        self.drifts.iter().filter(move |drift| drift.severity == severity)
    }

    /// The same without what rests on a prediction, for a caller that does not know how the syncing tool writes.
    #[must_use]
    pub fn without_prediction(self) -> Self {
        let clean = Prediction::bare(Strategy::ClientSideApply, Verdict::Clean, Vec::new());
        match self.prediction {
            None => self,
            Some(_) if self.findings.iter().any(diagnose::is_of_creation) => {
                let (phase, summary) = if self.phase == Phase::Missing {
                    (Phase::Missing, GONE)
                } else {
                    (Phase::Pending, NEW)
                };
                let findings = self
                    .findings
                    .into_iter()
                    .filter(|finding| !diagnose::is_of_creation(finding))
                    .collect();
                Self {
                    phase,
                    summary: summary.to_owned(),
                    prediction: None,
                    findings,
                    ..self
                }
            }
            Some(_) => {
                let phase = phase(&self.drifts, &clean);
                let summary = bare_summary(phase, &self.drifts);
                Self {
                    phase,
                    summary,
                    prediction: None,
                    findings: Vec::new(),
                    traps: Vec::new(),
                    ..self
                }
            }
        }
    }

    /// Whether there is nothing to tell: live is what Git says, the next sync leaves it so, it does not come again and
    /// again, and nothing is in the way of Git's next change.
    pub fn is_quiet(&self) -> bool {
        let harms = self.prediction.as_ref().is_some_and(Prediction::harms);
        self.phase == Phase::InSync && !harms && self.traps.is_empty() && !self.findings.iter().any(diagnose::is_a_loop)
    }

    /// Why the next sync is refused, where it is: one that recreates the object is not.
    pub fn refused_sync(&self, snapshot: &Snapshot) -> Option<&[predict::Cause]> {
        let prediction = self.prediction.as_ref()?;
        let is_refused = matches!(prediction.verdict, Verdict::Refused | Verdict::Conflict);
        (is_refused && diagnose::next_sync_recreates(snapshot, prediction).is_none()).then_some(&prediction.causes)
    }

    /// When the oldest drift began, as far as managedFields tells.
    pub fn since(&self) -> Option<Timestamp> {
        self.of(Severity::Drift)
            .flat_map(|drift| drift.owners.iter().filter_map(|owner| owner.time))
            .min()
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

/// [`assess`], and [`propose`](plan::propose) for what comes of it. What is read out of the snapshot is read once for
/// both.
pub fn assess_and_propose(snapshot: &Snapshot, policy: &Policy, memory: &Memory) -> (Assessment, Result<Plan, NoPlan>) {
    let facts = facts(snapshot);
    let assessment = assess_knowing(snapshot, policy, facts.as_ref(), None);
    let plan = plan::propose_knowing(snapshot, &assessment, policy, memory, facts.as_ref());
    (assessment, plan)
}

/// What is read out of Git's document and live; `None` where one of them is absent.
fn facts(snapshot: &Snapshot) -> Option<Facts<'_>> {
    let document = &snapshot.desired.as_ref()?.value;
    Some(Facts::sending(
        snapshot.kind,
        snapshot.source.sent_of(document),
        document,
        snapshot.live.as_ref()?,
    ))
}

fn assess_knowing(
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
    let (mut drifts, paths) = diff::classify_and_compare(&evidence, facts);
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
    // diagnose
    let reasons = diagnose::reasons(snapshot, facts, &drifts, &foretold);
    let weighing = drifts.iter().filter(|drift| drift.severity != Severity::Ignored);
    let mut traps = diagnose::traps(
        snapshot,
        facts,
        &weighing.map(|drift| &drift.change.path).collect::<Vec<_>>(),
    );
    let differs = diagnose::Differs {
        drifts: &drifts,
        residual: &prediction.residual,
    };
    traps.extend(diagnose::unnamed(snapshot, facts, differs, next_sync.as_ref()));
    traps.extend(diagnose::unapplied(snapshot, facts, differs, next_sync.as_ref()));
    if traps.is_empty() {
        traps.extend(diagnose::left_by_us(facts));
    }
    traps.retain(|trap| !trap.is_spared(snapshot.kind, &snapshot.tool, &rules, snapshot.now));
    let traps = if heal.is_some() { OwnHeal::spare(traps) } else { traps };
    let findings = diagnose::diagnose(snapshot, facts, &drifts, &foretold, &reasons, &traps);
    let stuck = diagnose::is_stuck(snapshot);
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
            if let Some(by) = diagnose::next_sync_recreates(snapshot, prediction) =>
        {
            let cause = match phase {
                Phase::Conflicted => diagnose::headline(&reasons, &foretold)
                    .unwrap_or_else(|| "the API server does not accept it".to_owned()),
                _ => summary(phase, &drifts, &foretold, &reasons),
            };
            format!(
                "The next sync is an outage: told to force, {} deletes the {} with all its pods and creates it anew: \
                 {cause}",
                by.tool, snapshot.kind
            )
        }
        _ => summary(phase, &drifts, &foretold, &reasons) + &harm(prediction),
    } + &trapped(snapshot, phase, &traps);
    Assessment {
        phase,
        summary,
        drifts,
        prediction: Some(foretold.prediction),
        findings,
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
    let Some(refused) = diagnose::creation_refused(&prediction) else {
        return found;
    };
    let phase = if found.phase == Phase::Missing {
        Phase::Missing
    } else {
        Phase::Conflicted
    };
    let summary = format!(
        "{}; the next sync will not create it: {}",
        found.summary,
        diagnose::told(&prediction.causes)
    );
    let findings = refused.into_iter().chain(found.findings).collect();
    Assessment {
        phase,
        summary,
        prediction: Some(Prediction {
            predicted: None,
            ..prediction
        }),
        findings,
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
    let findings = if snapshot.desired.is_some() {
        diagnose::diagnose_absent(snapshot)
    } else {
        Vec::new()
    };
    Assessment {
        phase,
        summary,
        drifts: Vec::new(),
        prediction: None,
        findings,
        traps: Vec::new(),
        standing: None,
        next_sync: None,
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
