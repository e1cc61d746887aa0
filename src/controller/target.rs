//! The reconcile of one object: the steps, in order.

mod healed;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use tracing::warn;

use super::approve::{self, Verdict};
use super::confirm::{ASK_AGAIN, Confirmed, confirm};
use super::index::{Target, WatchKey};
use super::observe::{self, FreshScene, Scene};
use super::publish::{News, create_report, publish};
use super::queue::Next;
use super::rehearsal::{Rehearsal, rehearsed};
use super::{Context, ReconcileError, dry_run, retire};
use crate::crd::{DriftReport, WatchRef};
use crate::engine::diff::Severity;
use crate::engine::phase::Phase;
use crate::engine::plan::{NoPlan, Plan, assess_and_propose, propose};
use crate::engine::predict::Cause;
use crate::engine::rules::{Case, diagnose};
use crate::engine::{Assessment, Snapshot, assess_during, settle};
use crate::report::{Answer, answered, own_heal, text};
use healed::{Healed, heal};

/// How long a heal that another process began may rest before it is ended as interrupted: the longest roll-out that a
/// healer waits for, and a margin.
const ABANDONED: jiff::SignedDuration = jiff::SignedDuration::from_mins(75);

/// How soon an approved plan is looked at again that waits for something of which no event tells: a freeze annotation
/// on the namespace, which is not watched, or the admission policy.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// How soon a Deployment is assessed again whose source is asked once more.
const LOOK_TAKES: Duration = Duration::from_secs(2);

/// How old a change may be for its source to be waited for: a Git server that does not answer keeps nobody from being
/// told.
const LONGEST_LOOK: jiff::SignedDuration = jiff::SignedDuration::from_secs(90);

/// How soon to look again where the store was behind the server.
const SOON: Duration = Duration::from_secs(1);

/// How soon the API server is asked again whether it allows an approved plan's writes, each of which is a dry run:
/// nothing tells of a right that was given. The end of the plan's time ends it.
const ASK_AGAIN_FOR_RIGHT: Duration = Duration::from_secs(30);

/// The longest cause of a refusal that is told of another Deployment, in characters.
const LONGEST_CAUSE: usize = 240;

/// Reconciles one object.
///
/// # Errors
///
/// [`ReconcileError`]; the key is tried again with a growing delay.
pub async fn reconcile(context: &Context, target: &Target) -> Result<Next, ReconcileError> {
    // observe (no client: the stores)
    if let Some(next) = retire::out_of_reach(context, target) {
        return Ok(next);
    }
    let Some(scene) = observe::from_stores(context, target) else {
        return Ok(retire::ungoverned(context, target).await?);
    };
    // assess (no client, infallible)
    let found = Found::of(context, &scene);
    // remember (no client)
    context.index.saw(target, scene.sight(&found.assessment));
    foretell(context, target, &scene, &found.assessment);
    // retire (client sends)
    if let Some(why) = out_of_date(context, &scene, &found.assessment) {
        return Ok(match &scene.report {
            Some(report) => retire::delete(context, target, report, why).await?,
            None => retire::gone(context, target, &scene),
        });
    }
    // settle (no client)
    if let Some(rest) = rest(context, target, &scene, &found.assessment) {
        return Ok(Next::After(rest));
    }
    // report (client sends)
    let (scene, found) = reported(context, target, scene, found).await?;
    // approve, heal, verify (client)
    match heal(context, target, &scene, &found).await? {
        Healed::Nothing(answer) => tell(context, target, &scene, &found, answer, None).await,
        Healed::Held(answer, after) => tell(context, target, &scene, &found, answer, Some(after)).await,
        Healed::Waiting(why, after) => {
            // (client reads) what the heal changed
            let Some(FreshScene { scene, .. }) = observe::fresh(context, target).await? else {
                return Ok(Next::Done);
            };
            let found = Found::of(context, &scene);
            let since = context.index.first_seen(target, &found.assessment, scene.snapshot.now);
            if let Some(rest) = unseen_commit(context, &scene, &found.assessment, since) {
                return Ok(Next::After(rest.min(after)));
            }
            tell(
                context,
                target,
                &scene,
                &found,
                Answer::Waiting {
                    reason: "BeingCarriedOut",
                    message: why,
                },
                Some(after),
            )
            .await
        }
        Healed::Ended => {
            let Some(FreshScene { scene, .. }) = observe::fresh(context, target).await? else {
                return Ok(Next::Done);
            };
            let found = Found::of(context, &scene);
            let answer = match approve::verdict(scene.status(), found.plan(), scene.snapshot.now) {
                Verdict::Tell(answer) => answer,
                Verdict::CarryOut(_) => Answer::Open,
            };
            tell(context, target, &scene, &found, answer, None).await
        }
    }
}

/// What the engine says of a scene.
struct Found {
    assessment: Assessment,
    plan: Result<Plan, NoPlan>,
}

impl Found {
    fn of(context: &Context, scene: &Scene) -> Self {
        let started = Instant::now();
        // An object may have a megabyte: other tasks of this thread go elsewhere meanwhile.
        let (assessment, plan) =
            tokio::task::block_in_place(|| assess_and_propose(&scene.snapshot, &scene.policy, &scene.memory()));
        context.metrics.assessment_took(started.elapsed());
        Self { assessment, plan }
    }

    fn plan(&self) -> Result<&Plan, &NoPlan> {
        self.plan.as_ref()
    }
}

/// Lets the plans of the others that the same object of a tool syncs know whether this one is going to be refused.
fn foretell(context: &Context, target: &Target, scene: &Scene, assessment: &Assessment) {
    let Some(tool) = context.index.watch(&scene.key).and_then(|watched| watched.tool.clone()) else {
        return;
    };
    let refused = assessment.refused_sync(&scene.snapshot).map(|causes| {
        let cause = causes.first().map(Cause::told).unwrap_or_default();
        text(&context.masker, &cause).chars().take(LONGEST_CAUSE).collect()
    });
    for other in context.index.foretell(&tool, target, refused) {
        // Where there is no report, there is no plan.
        if observe::report(context, &other).is_some() {
            context.queue.after(super::Key::Target(other), SOON);
        }
    }
}

/// Makes the report where there is something to tell and none yet: its uid is part of a plan's hash, so that only a
/// report that is there offers one.
async fn reported(
    context: &Context,
    target: &Target,
    mut scene: Scene,
    found: Found,
) -> Result<(Scene, Found), ReconcileError> {
    if scene.report.is_some() || found.assessment.is_quiet() {
        return Ok((scene, found));
    }
    scene.report = create_report(context, target, &scene).await?;
    let plan = propose(&scene.snapshot, &found.assessment, &scene.policy, &scene.memory());
    Ok((scene, Found { plan, ..found }))
}

/// Why a report has nothing to tell any more. One with a heal in progress has, until that ends.
fn out_of_date(context: &Context, scene: &Scene, assessment: &Assessment) -> Option<&'static str> {
    let status = scene.status();
    if status.healing.is_some() {
        return None;
    }
    if scene
        .report
        .as_ref()
        .is_some_and(|report| led_by_another(context, scene, report))
    {
        return Some("another watch leads now");
    }
    if scene.snapshot.desired.is_none() && scene.snapshot.live.is_none() {
        return Some("neither Git nor the cluster has it");
    }
    let quiet = status.quiet_since.filter(|_| assessment.is_quiet())?;
    (scene.snapshot.now.duration_since(quiet) >= scene.watch.spec.report_ttl.signed())
        .then_some("in sync for longer than reportTTL")
}

/// Whether the watch that a report names is known not to lead any more: which watch it is can never be written anew.
/// One that is there and was not read yet may still lead.
fn led_by_another(context: &Context, scene: &Scene, report: &DriftReport) -> bool {
    let WatchRef { namespace, name } = report.spec.watch_ref.clone();
    let of_report = WatchKey { namespace, name };
    let gone = context
        .watches
        .get(&ObjectRef::new(&of_report.name).within(&of_report.namespace))
        .is_none();
    of_report != scene.key && (gone || context.index.watch(&of_report).is_some())
}

/// How long to wait before a drift is told: until it has lasted, or while it is one of too many at once.
fn rest(context: &Context, target: &Target, scene: &Scene, assessment: &Assessment) -> Option<Duration> {
    let now = scene.snapshot.now;
    let status = scene.status();
    if status.healing.is_some() || status.approval.is_some() {
        return None;
    }
    // What the tool is about to delete is told when it has not.
    if let (None, None, Some(until)) = (&scene.report, &scene.desired, scene.snapshot.pruned_by())
        && assessment.phase == Phase::Pending
    {
        return Some(until.duration_since(now).try_into().unwrap_or(SOON) + SOON);
    }
    let since = context.index.first_seen(target, assessment, now);
    if context.index.drifts_in_mass(&scene.key, target, now) {
        context
            .queue
            .after(super::Key::Counts(scene.key.clone()), Duration::from_secs(1));
        return Some(Duration::from_secs(30));
    }
    let told = matches!(status.phase, Phase::Drifted | Phase::Conflicted);
    let settles = settle::rest(assessment, since, told, scene.watch.spec.settle.signed(), now);
    settles.or_else(|| unseen_commit(context, scene, assessment, since))
}

/// How long to wait until Git was asked once more: what looks like a change of live may be the sync of a commit that
/// was not seen yet, or a prune of what it drops. Whoever pushes and syncs at once is faster than the interval of a
/// watch. However often Argo CD compares other commits, a drift is told after a while: only its plan goes on to wait.
fn unseen_commit(context: &Context, scene: &Scene, assessment: &Assessment, since: Timestamp) -> Option<Duration> {
    let now = scene.snapshot.now;
    let by_tool = || {
        assessment
            .of(Severity::Drift)
            .flat_map(|drift| &drift.owners)
            .any(|owner| owner.manager == scene.snapshot.syncer.manager)
    };
    let may_be = match assessment.phase {
        Phase::Missing => scene.status().phase != Phase::Missing,
        Phase::Drifted => scene.status().phase != Phase::Drifted && by_tool(),
        _ => false,
    };
    let Snapshot { tool, source, .. } = &scene.snapshot;
    // What does not drift has no beginning, from which on it could be waited for.
    let drifts = matches!(assessment.phase, Phase::Drifted | Phase::Conflicted | Phase::Missing);
    let synced = tool
        .synced_unread(source)
        .map(|(_, began)| began)
        .filter(|_| assessment.phase != Phase::InSync);
    let unread = synced.or_else(|| tool.compared_unread(source).filter(|_| drifts).map(|_| since));
    let watched = context.index.watch(&scene.key).filter(|_| may_be || unread.is_some())?;
    let is_read = watched.answered_at > since && unread.is_none();
    if watched.failure.is_some() || is_read || now.duration_since(unread.unwrap_or(since)) > LONGEST_LOOK {
        return None;
    }
    context.looks.now(super::Key::Watch(scene.key.clone()));
    Some(LOOK_TAKES)
}

async fn tell(
    context: &Context,
    target: &Target,
    scene: &Scene,
    found: &Found,
    answer: Answer,
    after: Option<Duration>,
) -> Result<Next, ReconcileError> {
    // What a heal writes is told in the names of those who had written it before.
    let healing = scene.status().healing.as_ref().map(own_heal);
    let during =
        healing.map(|healing| tokio::task::block_in_place(|| assess_during(&scene.snapshot, &scene.policy, &healing)));
    let assessment = during.as_ref().unwrap_or(&found.assessment);
    // What is left of a plan that is being carried out is nothing to decide about.
    let mut plan = if scene.status().healing.is_some() {
        Err(NoPlan::BeingCarriedOut)
    } else {
        found.plan.clone()
    };
    // judge (client; where this controller would carry the plan out)
    let (mut dry_run, mut rehearse_again, mut judge_again) = (None, None, None);
    if let Ok(proposed) = &plan
        && context.settings.beyond(&target.namespace, &proposed.steps).is_none()
        && !dry_run::is_judged(context, scene, proposed).await?
    {
        (plan, judge_again) = (Err(NoPlan::NotJudged), Some(LOOK_AGAIN));
    }
    // dry run (client; modes confirm and heal)
    if let Ok(proposed) = plan.clone() {
        match rehearsed(context, target, scene, &proposed).await {
            Ok(Rehearsal::Offered(answer)) => dry_run = answer,
            Ok(Rehearsal::Not(why, again)) => (plan, rehearse_again) = (Err(why), Some(again)),
            // A plan is not offered before it was rehearsed.
            Ok(Rehearsal::Overtaken) => return Ok(Next::After(SOON)),
            Ok(Rehearsal::Undecided(why)) => (dry_run, rehearse_again) = (Some(why), Some(ASK_AGAIN)),
            // Not a reason to tell nothing: the plan's first step is sent as a dry run again before it is carried out.
            Err(error) => {
                warn!(%target, %error, hint = error.hint(), "the plan's first step could not be rehearsed");
                dry_run = Some(format!("not made: {error}"));
                rehearse_again = Some(error.wait(ASK_AGAIN));
            }
        }
    }
    // confirm (client; modes confirm and heal)
    let Confirmed {
        dry_run: confirmation,
        look_again,
    } = confirm(context, target, scene, assessment).await;
    // diagnose (no client)
    let findings = tokio::task::block_in_place(|| {
        let evidence = answered(&scene.snapshot, assessment, confirmation.as_ref(), &context.masker);
        diagnose(&Case::of(&scene.snapshot, assessment, &evidence))
    });
    let pruned = scene
        .snapshot
        .pruned_by()
        .map(|until| until.duration_since(scene.snapshot.now))
        .and_then(|rest| rest.try_into().ok());
    let pruned = pruned
        .filter(|_| scene.desired.is_none())
        .map(|rest: Duration| rest + SOON);
    let after = [after, rehearse_again, judge_again, look_again, pruned]
        .into_iter()
        .flatten()
        .min();
    // publish (client sends)
    let news = News {
        scene,
        assessment,
        findings: &findings,
        plan: plan.as_ref(),
        dry_run,
        confirmation,
        answer,
    };
    let next = publish(context, target, news).await?;
    Ok(match (after, next) {
        (Some(after), Next::After(other)) => Next::After(after.min(other)),
        (Some(after), Next::Done) => Next::After(after),
        (None, next) => next,
    })
}
