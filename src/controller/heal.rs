//! Heal: carries an approved plan out, one guarded request a step. No choices are made here.
//!
//! Before the first write the report says what was approved (`status.healing`); before each write the approval, the
//! freeze annotations and the object are read fresh. A heal that was interrupted is taken up by `advance` where it
//! stopped: what is done is skipped, what is not is derived again and sent under the same approval.

mod answer;
mod audit;
mod begin;
mod derived;
mod elsewhere;
mod holds;
mod mark;
mod outbox;
mod pace;
mod permission;
mod record;
mod send;
mod turn;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use answer::{is_stale, with_hint};
pub use audit::{Audit, Sink};
pub use elsewhere::Elsewhere;
pub use outbox::Outbox;
pub use pace::Pace;
pub use record::{ABANDONED, UNGOVERNED, interrupt, tell_removed};

use super::observe::{FreshScene, Scene};
use crate::api::v1alpha1::{DriftReport, HealResult, HealingStep, HistoryEntry, StepState};
use crate::cluster::{ApiError, Cluster};
use crate::engine::assess;
use crate::engine::plan::{Ground, NotYet, Refusal, Step, StepKind, beyond};
use crate::engine::verify::{Times, verify};
use answer::{final_words, guarded, is_final, stale_is_fine};
use begin::approved_at;
use derived::{again, begun, paths};
use holds::{brings_sync, forbidden, unread};
use mark::Mark;
use pace::NotYourTurn;
use send::Sent;
use turn::nothing_began;

/// How long one step of a heal may take. It is seconds of work; the rest is for an API server that is away.
const STEP_LIMIT: SignedDuration = SignedDuration::from_mins(15);

/// How often a roll-out is looked at while a heal is verified. The Deployment's own events wake it earlier.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// How soon Argo CD's answer to a request is looked for: it takes a tenth of a second.
const LOOK_SOON: Duration = Duration::from_millis(500);

/// After this time Argo CD's answer to a request for a comparison counts as lost.
const LOST: SignedDuration = SignedDuration::from_secs(10);

/// The most often one heal is sent again after a stale lock, before it waits for its next turn.
const LOCK_TRIES: usize = 5;

/// Why a heal ends of which nobody can tell any more whether a policy judged it: all of it may have been written while
/// there was none.
const REJUDGED: &str = "interrupted: the policy that judges approvals was changed or made anew since the heal began; \
                        look at the new plan and approve that";

/// Where a healer looks before each write: the controller through its index, the command line through its own fetch.
pub trait Look {
    /// Reads everything fresh; `None` when nothing governs the Deployment any more.
    fn fresh(&self) -> impl Future<Output = Result<Option<FreshScene>, ApiError>> + Send;

    /// The heals that others than this healer carry out and that have yet to clear, as far as they are told.
    fn elsewhere(&self, healer: &str) -> impl Future<Output = Result<Vec<Elsewhere>, ApiError>> + Send;
}

/// Who heals, and through what.
pub struct Healer<'a, L> {
    /// The API server, with the rights of whoever heals.
    pub cluster: &'a Cluster,

    /// The user name that the API server knows the healer by.
    pub identity: &'a str,

    /// Where it looks.
    pub look: L,

    /// Holds clears apart.
    pub pace: &'a Pace,

    /// What of each heal left this process.
    pub outbox: &'a Outbox,

    /// Where it says what it writes.
    pub audit: &'a Audit,
}

/// How far a heal came.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// It ended.
    Ended(HistoryEntry),

    /// It waits; why, and when to look again.
    Waiting(String, Duration),

    /// What was approved is no longer what is needed, and nothing was written yet: the report is as if the heal had not
    /// begun.
    TakenBack(Refusal),

    /// There is no heal here, or it is somebody else's.
    NotOurs,
}

impl<L: Look> Healer<'_, L> {
    /// Carries a begun heal on, as far as it goes now.
    ///
    /// # Errors
    ///
    /// Requests that may succeed later; the heal goes on from there. Whatever will not pass by itself ends the heal as
    /// failed instead.
    pub async fn advance(&self) -> Result<Progress, ApiError> {
        let mut stale_locks = 0;
        let mut is_told = false;
        loop {
            // (client) everything that decides, fresh
            let Some(FreshScene { scene, frozen }) = self.look.fresh().await? else {
                return Ok(Progress::NotOurs);
            };
            let Some((report, healing)) = begun(&scene) else {
                return Ok(Progress::NotOurs);
            };
            if healing.healer != self.identity {
                return Ok(Progress::NotOurs);
            }
            // However it ends, the record names what was sent.
            let sent_too = self.outbox.with_sent(healing);
            // (no client) the approved plan, derived again
            let assessment = assess(&scene.snapshot, &scene.policy);
            let approved = match again(&scene, &assessment, report, healing) {
                Ok(approved) => approved,
                Err(_) if healing.judge != scene.snapshot.judge => {
                    return self.end(report, &sent_too, HealResult::Failed, REJUDGED).await;
                }
                Err(refusal) => return self.overtaken(&scene, report, &sent_too, refusal).await,
            };
            // An operation began after the approval was judged: what was approved is carried out when it has ended.
            let is_untouched = || nothing_began(healing) || self.outbox.nothing_left(&healing.plan_hash).is_some();
            if let Some(why) = approved.plan().waits.clone().filter(|_| is_untouched()) {
                let refusal = Refusal::Waits {
                    hash: healing.plan_hash.clone(),
                    why,
                };
                return self.overtaken(&scene, report, &sent_too, refusal).await;
            }
            // (no client) the first step that is not done
            let open = approved
                .plan()
                .steps
                .iter()
                .zip(&healing.steps)
                .enumerate()
                .find(|(_, (_, step))| step.state != StepState::Done);
            let Some((at, (step, recorded))) = open else {
                let kinds: Vec<StepKind> = healing.steps.iter().map(|step| step.kind.into()).collect();
                let times = Times {
                    began: healing.started_at,
                    last_step: last_begun(&healing.steps).unwrap_or(healing.started_at),
                };
                let restored: Vec<_> = healing
                    .steps
                    .iter()
                    .filter(|step| step.kind == StepKind::Restore.into())
                    .flat_map(paths)
                    .collect();
                return self
                    .verified(
                        report,
                        &sent_too,
                        verify(&scene.snapshot, &assessment, &kinds, &restored, times),
                    )
                    .await;
            };
            if healing.judge != scene.snapshot.judge {
                return self.end(report, &sent_too, HealResult::Failed, REJUDGED).await;
            }
            let ground = Ground::of(&scene.snapshot, &healing.plan_hash, recorded.begun_at);
            if step.done(&ground) {
                let request = self
                    .outbox
                    .sent(&healing.plan_hash)
                    .filter(|(of, _)| *of == at)
                    .map(|(_, request)| request);
                let mark = Mark {
                    at,
                    state: StepState::Done,
                    removed: None,
                    request,
                };
                self.mark(report, healing, mark).await.or_else(stale_is_fine)?;
                continue;
            }
            if let Some(place) = frozen {
                return Ok(Progress::Waiting(format!("frozen by {place}"), LOOK_AGAIN));
            }
            // Each step has its time from its beginning, or from that of the one before it; to stand in line takes
            // nothing of it.
            let since = last_begun(healing.steps.get(..=at).unwrap_or_default()).unwrap_or(healing.started_at);
            let limit = SignedDuration::try_from(self.pace.waited(&healing.plan_hash)).unwrap_or_default() + STEP_LIMIT;
            let is_late = scene.snapshot.now.duration_since(since) > limit && !follows_a_sync(step, &ground, &scene);
            let clears = step.kind() == StepKind::ClearOperation;
            if is_late && (!clears || step.waits(&ground).is_some() || forbidden(step, &scene).is_some()) {
                return self
                    .end(
                        report,
                        &sent_too,
                        HealResult::Failed,
                        "the steps did not get through in time",
                    )
                    .await;
            }
            if let Some(NotYet(what)) = step.waits(&ground) {
                let lost = recorded
                    .begun_at
                    .is_some_and(|begun| scene.snapshot.now.duration_since(begun) > LOST);
                match step.takes_back(&ground).filter(|_| lost && self.pace.may_ask_again()) {
                    Some(request) => {
                        let taken = self
                            .write(step.kind(), &request, &healing.plan_hash, &scene.snapshot)
                            .await;
                        taken.map(drop).or_else(guarded)?;
                    }
                    None => return Ok(Progress::Waiting(under_way(step, &scene).unwrap_or(what), LOOK_SOON)),
                }
                continue;
            }
            if let Some(why) = forbidden(step, &scene) {
                if !is_untouched() {
                    return Ok(Progress::Waiting(why, LOOK_AGAIN));
                }
                // Nothing is in progress of which nothing was written: another plan may be what is wanted.
                let refusal = Refusal::Waits {
                    hash: healing.plan_hash.clone(),
                    why,
                };
                return self.overtaken(&scene, report, &sent_too, refusal).await;
            }
            if let Some(unread) = unread(step, &scene) {
                return Ok(Progress::Waiting(unread, LOOK_AGAIN));
            }
            if let Some(known) = recorded.brings.as_ref().filter(|_| brings_sync(step.kind())) {
                let own: Vec<_> = healing.steps.iter().flat_map(paths).collect();
                if let Some(path) = beyond(&assessment, &own, known) {
                    let refusal = Refusal::Beyond {
                        hash: healing.plan_hash.clone(),
                        path,
                    };
                    return self.overtaken(&scene, report, &sent_too, refusal).await;
                }
            }
            if clears && let Err(NotYourTurn { why, after }) = self.turn(report, healing).await? {
                return Ok(Progress::Waiting(why, after));
            }
            if is_late && recorded.state == StepState::Begun {
                return self
                    .end(
                        report,
                        &sent_too,
                        HealResult::Failed,
                        "the steps did not get through in time",
                    )
                    .await;
            }
            if recorded.state == StepState::Pending {
                if !is_told && healing.steps.iter().all(|step| step.begun_at.is_none()) {
                    self.audit_beginning(report, healing, &approved, &scene);
                    is_told = true;
                }
                // (client sends) the report says "begun" before the request leaves; the next round reads everything
                // again
                let removed = step
                    .remembered()
                    .0
                    .and_then(|_| scene.snapshot.tool.argo_cd())
                    .and_then(record::removed);
                let mark = Mark {
                    at,
                    state: StepState::Begun,
                    removed,
                    request: None,
                };
                if nothing_began(healing) {
                    self.outbox.opens(&healing.plan_hash, &scene.snapshot);
                }
                self.mark(report, healing, mark).await.or_else(stale_is_fine)?;
                continue;
            }
            // (client sends) the one guarded request, dry first
            let answer = self.send(step, &ground, &scene, approved_at(report)).await;
            if let Ok(Some(request)) = &answer {
                self.outbox.keeps(&healing.plan_hash, at, request);
            }
            match answer {
                // The comparison takes a moment, and has whole seconds for its time.
                Ok(_) if step.kind() == StepKind::Refresh => {
                    return Ok(Progress::Waiting("Argo CD's comparison".to_owned(), LOOK_SOON));
                }
                Ok(_) if step.kind() == StepKind::Reconcile => {
                    return Ok(Progress::Waiting("the reconciliation of Flux".to_owned(), LOOK_SOON));
                }
                Ok(_) => {}
                Err(Sent::Api(error)) if is_stale(&error) && stale_locks < LOCK_TRIES => stale_locks += 1,
                Err(Sent::Api(error)) if is_stale(&error) => {
                    return Ok(Progress::Waiting(
                        "the object changes faster than it can be healed".to_owned(),
                        LOOK_AGAIN,
                    ));
                }
                Err(Sent::Api(error)) if is_final(&error) => {
                    return self
                        .end(report, &sent_too, HealResult::Failed, &final_words(&error))
                        .await;
                }
                Err(Sent::Api(error)) => return Err(error),
                Err(Sent::NotYet(NotYourTurn { why, after })) => return Ok(Progress::Waiting(why, after)),
                Err(Sent::Unrenderable(message)) => {
                    return self.end(report, &sent_too, HealResult::Failed, &message).await;
                }
            }
        }
    }
}

/// When the last of these steps began.
fn last_begun(steps: &[HealingStep]) -> Option<Timestamp> {
    steps.iter().filter_map(|step| step.begun_at).max()
}

/// The operation that a step waits for, in words; `None` where it waits for something else.
fn under_way(step: &Step, scene: &Scene) -> Option<String> {
    let argo_cd = scene
        .snapshot
        .tool
        .argo_cd()
        .filter(|_| step.kind() != StepKind::Refresh)?;
    Some(argo_cd.under_way(&scene.snapshot.target, scene.snapshot.now))
}

/// Whether a step waits for a sync that runs. How long that may take, its standing says, which then is no longer one
/// that is under way.
fn follows_a_sync(step: &Step, ground: &Ground<'_>, scene: &Scene) -> bool {
    let under_way = || {
        scene
            .snapshot
            .tool
            .argo_cd()
            .is_some_and(|tool| tool.standing(&scene.snapshot.target, scene.snapshot.now).is_under_way())
    };
    step.kind() != StepKind::Refresh && step.waits(ground).is_some() && under_way()
}

/// The time as Kubernetes writes it, in whole seconds.
fn now() -> Timestamp {
    super::observe::whole_seconds(Timestamp::now())
}

fn name(report: &DriftReport) -> String {
    let metadata = &report.metadata;
    format!(
        "{}/{}",
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests;
