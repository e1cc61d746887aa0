//! What a person is asked to approve: ordered, guarded, content-hashed steps.
//!
//! A plan is made from one snapshot and its assessment and is never read back from where it is shown: at heal time it
//! is made again from a fresh snapshot, and only the same hash is the same plan. What may be carried out is an
//! [`Approved`] plan, and only [`judge`] makes one.

mod approval;
mod cautions;
mod choice;
mod cure;
mod ground;
mod hash;
mod last_applied;
mod memory;
mod no_plan;
mod on_application;
mod on_kustomization;
mod others;
mod reach;
mod recordable;
mod refusal;
mod rehearsal;
mod step;
#[cfg(test)]
pub(super) mod tests;
mod traps;
mod work;

use jiff::Timestamp;
use serde_json::Value;

pub use approval::{Approval, Approved, Begun, Decision, Ended, Ledger, Remembered, Ruling, judge, resume, ruling};
pub use cautions::{Caution, OTHERS_FORETOLD, SYNC_WINDOW};
pub use choice::{Choice, Cure, choose};
pub use ground::Ground;
pub use hash::drift_digest;
pub use last_applied::first_unnamed;
pub use memory::Memory;
pub use no_plan::NoPlan;
pub use on_application::{Act, Asked, NotYet, OnApplication};
pub use reach::{beyond, reach};
pub use refusal::Refusal;
pub use rehearsal::undone;
pub use step::{RenderError, Request, Step, StepKind, Written};

use self::cure::{Cured, cure, restored, spares_ignored};
use self::on_application::{Around, Before};
use self::work::Work;
use super::argo_cd::{self, ArgoCd};
use super::assess::{assess_knowing, facts};
use super::assessment::Assessment;
use super::diff::Drift;
use super::kind::Kind;
use super::snapshot::{Mode, Policy, Snapshot};
use super::tool::Tool;
use super::trap::Trap;
use crate::engine::argo_cd::touch::short_commit;
use crate::engine::facts::Facts;
use crate::engine::remedy::ill::Ill;

/// What a person is asked to approve.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Covers everything that a person's yes depends on; 64 hexadecimal digits.
    pub hash: String,

    /// Rises where a plan of the same content was carried out, taken back or over by its time, so that it comes again
    /// under another hash.
    pub serial: u64,

    /// When it can no longer be approved.
    pub expires: Timestamp,

    /// The uid of the object.
    pub uid: String,

    /// The content of drift that it answers; a denial holds for this.
    pub drift: String,

    /// The steps, in order.
    pub steps: Vec<Step>,

    /// What a person should know before approving.
    pub cautions: Vec<Caution>,

    /// The sync window that forbids the heal, in words: such a plan is carried out only where the approval breaks the
    /// glass.
    pub window: Option<String>,

    /// For what it waits, in words: an operation runs, and the plan is carried out when that has ended. Nothing of this
    /// is hashed.
    pub waits: Option<String>,
}

/// Makes the plan for an assessment.
///
/// # Errors
/// [`NoPlan`] says why there is none; its text is for the report.
///
/// # Example
/// Somebody scaled a Deployment by hand.
/// ```
/// use driftmend::engine::kind::DEPLOYMENT;
/// use driftmend::engine::object::{Document, ObjectId, Origin};
/// use driftmend::engine::plan::{Memory, Step, propose};
/// use driftmend::engine::syncer::{Strategy, Syncer};
/// use driftmend::engine::{Mode, Policy, Remedy, Snapshot, SourceFacts, Tool, assess};
/// use jiff::SignedDuration;
/// use serde_json::json;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let desired = json!({
///     "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
///     "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {
///         "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]},
///     }},
/// });
/// let mut live = desired.clone();
/// live["spec"]["replicas"] = json!(5);
/// live["metadata"]["uid"] = json!("6a1f6bd0-0000-4000-8000-000000000001");
/// live["metadata"]["resourceVersion"] = json!("41");
/// live["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": desired.to_string()});
/// live["metadata"]["managedFields"] = json!([{
///     "manager": "kubectl-edit", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
///     "time": "2026-01-05T10:00:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}}},
/// }]);
///
/// let target = ObjectId::of(&desired).ok_or("no name")?;
/// let origin = Origin { file: "web.yaml".into(), line: 1 };
/// let snapshot = Snapshot {
///     cluster: "the uid of kube-system".to_owned(),
///     judge: String::new(),
///     desired: Some(Document { id: target.clone(), value: desired, origin }),
///     target,
///     kind: &DEPLOYMENT,
///     live: Some(live),
///     seen: true,
///     syncer: Syncer::new(Strategy::ClientSideApply, "kubectl-client-side-apply"),
///     tool: Tool::default(),
///     source: SourceFacts::default(),
///     now: "2026-01-05T12:00:00Z".parse()?,
/// };
/// let plan_ttl = SignedDuration::from_hours(1);
/// let policy = Policy { mode: Mode::Propose, remedy: Remedy::Choose, ignore: Vec::new(), plan_ttl };
///
/// let plan = propose(&snapshot, &assess(&snapshot, &policy), &policy, &Memory::default())?;
/// assert_eq!(plan.hash.len(), 64);
/// assert!(matches!(plan.steps[0], Step::Restore { .. }));
/// # Ok(())
/// # }
/// ```
pub fn propose(snapshot: &Snapshot, assessment: &Assessment, policy: &Policy, memory: &Memory) -> Result<Plan, NoPlan> {
    propose_knowing(snapshot, assessment, policy, memory, None)
}

/// [`assess`](super::assess()), and [`propose`] for what comes of it. What is read out of the snapshot is read once for
/// both.
pub fn assess_and_propose(snapshot: &Snapshot, policy: &Policy, memory: &Memory) -> (Assessment, Result<Plan, NoPlan>) {
    let facts = facts(snapshot);
    let assessment = assess_knowing(snapshot, policy, facts.as_ref(), None);
    let plan = propose_knowing(snapshot, &assessment, policy, memory, facts.as_ref());
    (assessment, plan)
}

/// [`propose`] for a caller that has read the snapshot already.
fn propose_knowing<'a>(
    snapshot: &'a Snapshot,
    assessment: &Assessment,
    policy: &Policy,
    memory: &Memory,
    facts: Option<&Facts<'a>>,
) -> Result<Plan, NoPlan> {
    let work = Work::of(snapshot, assessment)?;
    if policy.mode == Mode::Alert {
        return Err(NoPlan::AlertOnly);
    }
    let drift = work.digest(snapshot, &assessment.traps);
    if memory.denies(&drift, snapshot.now) {
        return Err(NoPlan::Denied);
    }
    if let Some(age) = snapshot.source.too_old(snapshot.now) {
        return Err(NoPlan::SourceTooOld { age });
    }
    let unread = snapshot
        .tool
        .synced_unread(&snapshot.source)
        .map(|(commit, _)| ("Argo CD synced", commit));
    let looked = if snapshot.tool.flux().is_some() {
        "Flux tried"
    } else {
        "Argo CD compared"
    };
    if let Some((did, commit)) = unread.or_else(|| Some((looked, snapshot.tool.compared_unread(&snapshot.source)?))) {
        let commit = short_commit(commit);
        return Err(NoPlan::HeldBack(format!(
            "{did} commit {commit} after Git was read last: what Git says by now is read first"
        )));
    }
    let live = snapshot.live.as_ref();
    let at = |pointer: &str| live.and_then(|live| live.pointer(pointer));
    if at("/metadata/deletionTimestamp").is_some() {
        return Err(NoPlan::BeingDeleted);
    }
    if live.is_some_and(|live| snapshot.kind.is_paused(live)) {
        return Err(NoPlan::Paused);
    }
    let read = match (facts, &snapshot.desired, live) {
        (None, Some(document), Some(live)) => Some(Facts::sending(
            snapshot.kind,
            snapshot.source.sent_of(&document.value),
            &document.value,
            live,
        )),
        _ => None,
    };
    let facts = facts.or(read.as_ref());
    let window = snapshot
        .tool
        .argo_cd()
        .and_then(|argo_cd| argo_cd.window(&snapshot.target, snapshot.now));
    let (
        Cured {
            mut steps,
            unrecorded,
            cautions: mut told,
            traps,
        },
        drifts,
    ) = match work {
        Work::Cure {
            desired,
            live,
            drifts,
            others,
            prediction,
        } => {
            spares_ignored(snapshot, assessment)?;
            // An operation would wait for the window to change and fire then: only what needs none is left.
            let by_restore = window.is_some() && !drifts.is_empty();
            let ill = Ill {
                drifts: &drifts,
                others: &others,
                prediction,
            };
            let cured = |facts: &Facts<'_>| match by_restore {
                true => restored(snapshot, facts, ill),
                false => cure(snapshot, assessment, policy, facts, ill),
            };
            let cured = facts.map_or_else(|| cured(&Facts::of(snapshot.kind, desired, live)), cured)?;
            (cured, drifts)
        }
        Work::Traps => (
            Cured {
                unrecorded: traps::unnamed(&assessment.traps),
                ..Cured::default()
            },
            Vec::new(),
        ),
        Work::Sync | Work::Operation => (Cured::default(), Vec::new()),
    };
    let record = |steps: &mut Vec<Step>, by_sync| {
        if let (Some(facts), Some(paths)) = (facts, &unrecorded) {
            last_applied::complete(steps, facts, &snapshot.syncer, paths, by_sync);
        }
    };
    let traps = traps.map(|traps| traps::not_spared(snapshot, policy, traps));
    match traps::taken(snapshot, traps.as_ref().unwrap_or(&assessment.traps)) {
        Ok(step) => steps.extend(step),
        Err(why) if steps.is_empty() => return Err(why),
        Err(_) => {}
    }
    steps.extend(facts.and_then(|facts| traps::given_back(snapshot, facts, &steps)));
    let is_unapplied = assessment.traps.iter().any(Trap::is_unapplied);
    let mut waits = None;
    match &snapshot.tool {
        Tool::ArgoCd(argo_cd) => {
            let by_sync = live.is_none() || steps.iter().any(|step| step.kind() == StepKind::HandBack);
            let read = facts.filter(|_| !by_sync);
            let beside = read.map(|facts| cautions::of_a_sync(snapshot, facts, assessment, &steps));
            let writes_by_sync = unrecorded.is_some() || is_unapplied;
            let before = match by_sync {
                true => Before::NeedsSync,
                // The tool's own sync writes what it applied; one that changes more than the drift is not started for
                // that alone.
                false if writes_by_sync && window.is_none() && beside.as_ref().is_some_and(Vec::is_empty) => {
                    Before::Unrecorded
                }
                false => Before::InSync,
            };
            let around = Around {
                target: &snapshot.target,
                source: &snapshot.source,
                memory,
                cures: !steps.is_empty(),
                spares: beside.iter().flatten().any(|caution| caution.must_acknowledge)
                    && stays_in_sync(argo_cd, beside.iter().flatten()),
                waits: beside.iter().flatten().any(|caution| caution.id == cautions::BRINGS),
                now: snapshot.now,
            };
            let after = on_application::after(argo_cd, before, around)?;
            let starts = after.steps.iter().any(|step| step.kind() == StepKind::StartOperation);
            record(&mut steps, starts);
            if is_unapplied && steps.is_empty() && !starts {
                return Err(NoPlan::HeldBack(SYNC_BY_HAND.to_owned()));
            }
            match &window {
                Some(why) if after.steps.iter().all(|step| step.kind() == StepKind::Refresh) && !steps.is_empty() => {
                    let why = format!("{why}; to heal all the same, approve with --break-glass and a reason");
                    told.push(Caution::note(SYNC_WINDOW, why));
                }
                Some(why) => return Err(NoPlan::HeldBack(why.clone())),
                None => {}
            }
            steps.extend(after.steps);
            told.extend(after.cautions);
            waits = after.waits;
        }
        Tool::Flux(flux) => {
            steps.extend(on_kustomization::after(flux, live.is_none())?);
            told.extend(
                flux.stays_behind(&snapshot.source.revision)
                    .map(|why| Caution::note(cautions::NO_NEW_COMMITS, why)),
            );
            told.extend(
                flux.kustomization
                    .force_caution()
                    .map(|why| Caution::note(cautions::FORCE, why)),
            );
        }
        Tool::Unknown => record(&mut steps, false),
    }
    told.extend(others::in_the_way(snapshot, &steps));
    recordable::check(&steps)?;
    let uid = at("/metadata/uid")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    // What is to be acknowledged comes first: a report that is too long leaves out the last ones.
    let of_sync = facts.map(|facts| cautions::of_own_sync(snapshot, facts, assessment, &steps));
    told.splice(..0, of_sync.unwrap_or_default());
    let hash = cautions::hashed(hash::plan_hash(snapshot, memory, &steps), &told);
    if memory.was_refused(&hash) {
        return Err(NoPlan::RefusedBefore);
    }
    let earlier = hash::before_it_began(&steps);
    let before = earlier
        .as_ref()
        .map(|steps| cautions::hashed(hash::plan_hash(snapshot, memory, steps), &told));
    let before = before.as_ref().map(|hash| hash as &dyn Fn(u64) -> String);
    let (serial, hash, expires) = memory.offer(hash, before, snapshot.now, policy.plan_ttl);
    told.extend(roll_out(snapshot.kind, &drifts, &steps));
    Ok(Plan {
        hash,
        serial,
        expires,
        uid,
        drift,
        steps,
        cautions: told,
        window,
        waits,
    })
}

/// What helps where only an apply of the tool does, and none of ours is started.
const SYNC_BY_HAND: &str = "a sync of this object alone is not started now, or would change more than whose its \
                            fields are: sync the application before Git changes the field";

/// Whether Argo CD syncs nothing by itself after a cure, although a sync would change these fields: nobody lets it, or
/// it compares without them.
fn stays_in_sync<'a>(argo_cd: &ArgoCd, mut beside: impl Iterator<Item = &'a Caution>) -> bool {
    let compared = |caution: &Caution| {
        caution.id == cautions::OVERWRITES
            && !caution
                .fields
                .iter()
                .all(|field| field.reason.as_deref().is_some_and(argo_cd::is_own_rule))
    };
    argo_cd.application.automated().is_none() || !beside.any(compared)
}

/// The one roll-out that a change of the pod template costs, whoever writes it.
fn roll_out(kind: &Kind, drifts: &[&Drift], steps: &[Step]) -> Option<Caution> {
    let written = steps.iter().filter(|step| !step.writes_books_only());
    let paths = drifts
        .iter()
        .map(|drift| &drift.change.path)
        .chain(written.flat_map(Step::paths));
    let of_template = paths.into_iter().any(|path| kind.rolls_out(path));
    of_template.then(|| {
        Caution::note(
            cautions::ROLL_OUT,
            format!("the pod template changes, so the {kind} rolls out once"),
        )
    })
}
