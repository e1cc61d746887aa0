//! The heal in a reconcile: begun, carried on, or left to a person.

use std::time::Duration;

use super::{ABANDONED, ASK_AGAIN_FOR_RIGHT, Found, LOOK_AGAIN};
use crate::cluster::{ApiError, Retry};
use crate::controller::approve::{self, Verdict};
use crate::controller::heal::{Elsewhere, Healer, Look, Progress};
use crate::controller::index::Target;
use crate::controller::observe::{self, FreshScene, Scene};
use crate::controller::{Context, ReconcileError, dry_run};
use crate::engine::plan::Approved;
use crate::report::Answer;

/// What became of the approval and of a heal.
pub(super) enum Healed {
    /// Nothing is being carried out.
    Nothing(Answer),

    /// An approved plan is held back; when to look again.
    Held(Answer, Duration),

    /// A heal is in progress and waits.
    Waiting(String, Duration),

    /// A heal ended just now, or was taken back before it wrote anything.
    Ended,
}

pub(super) async fn heal(
    context: &Context,
    target: &Target,
    scene: &Scene,
    found: &Found,
) -> Result<Healed, ReconcileError> {
    let Context {
        cluster,
        identity,
        pace,
        outbox,
        audit,
        ..
    } = context;
    let healer = Healer {
        cluster,
        identity,
        look: Eyes { context, target },
        pace,
        outbox,
        audit,
    };
    if let Some(healing) = &scene.status().healing {
        if healing.healer == context.identity {
            return carry_on(&healer).await;
        }
        if scene.snapshot.now.duration_since(healing.started_at) > ABANDONED
            && let Some(report) = &scene.report
        {
            crate::controller::heal::interrupt(
                &context.cluster,
                &context.audit,
                report,
                healing,
                crate::controller::heal::ABANDONED,
            )
            .await?;
            return Ok(Healed::Ended);
        }
        return Ok(Healed::Nothing(Answer::Open));
    }
    // approve (no client: the stores)
    if let Verdict::Tell(answer) = approve::verdict(scene.status(), found.plan(), scene.snapshot.now) {
        return Ok(Healed::Nothing(answer));
    }
    let steps = found.plan().map(|plan| plan.steps.as_slice()).unwrap_or_default();
    if let Some(what) = context.settings.beyond(&target.namespace, steps) {
        return Ok(Healed::Nothing(by_hand(target, found, &what)));
    }
    // stand in line (no client): who approved first clears first, however long the rest takes
    if let (Some(approval), Ok(plan)) = (&scene.status().approval, found.plan()) {
        pace.enter_with(approval.at, plan);
    }
    // approve (client reads): the same again, from what is there now
    let Some(FreshScene { scene, frozen }) = observe::fresh(context, target).await? else {
        return Ok(Healed::Nothing(Answer::Open));
    };
    let found = Found::of(context, &scene);
    let approved: Box<Approved> = match approve::verdict(scene.status(), found.plan(), scene.snapshot.now) {
        Verdict::CarryOut(approved) => approved,
        Verdict::Tell(answer) => return Ok(Healed::Nothing(answer)),
    };
    if let Some(what) = context.settings.beyond(&target.namespace, &approved.plan().steps) {
        return Ok(Healed::Nothing(by_hand(target, &found, &what)));
    }
    if let Some(place) = frozen {
        let message = format!("the plan is approved and waits: frozen by {place}");
        return Ok(Healed::Held(
            Answer::Waiting {
                reason: "Frozen",
                message,
            },
            LOOK_AGAIN,
        ));
    }
    let Some(report) = &scene.report else {
        return Ok(Healed::Nothing(Answer::Open));
    };
    if scene.status().healing.is_some() {
        return Ok(Healed::Nothing(Answer::Open));
    }
    if scene.snapshot.judge.is_empty() || !dry_run::policy_stands(context, report).await? {
        let message =
            "the plan is approved and is not carried out: no admission policy makes sure that approval.by is \
                       who approved; install the chart's ValidatingAdmissionPolicy, or run `driftmend heal` with your \
                       own rights"
                .to_owned();
        return Ok(Healed::Held(
            Answer::Waiting {
                reason: "PolicyMissing",
                message,
            },
            LOOK_AGAIN,
        ));
    }
    // heal (client sends)
    match healer.begin(&approved, &scene, report).await {
        Ok(_) => carry_on(&healer).await,
        Err(error) if error.retry() == Retry::ReadAgain => Ok(Healed::Waiting(
            "another look at the report, which somebody wrote meanwhile".to_owned(),
            Duration::from_millis(200),
        )),
        Err(error @ ApiError::Forbidden { .. }) => {
            let message = format!(
                "the plan is approved and waits: {}",
                crate::controller::heal::with_hint(&error)
            );
            Ok(Healed::Held(
                Answer::Waiting {
                    reason: "Forbidden",
                    message,
                },
                ASK_AGAIN_FOR_RIGHT,
            ))
        }
        Err(error) => Err(error.into()),
    }
}

async fn carry_on(healer: &Healer<'_, Eyes<'_>>) -> Result<Healed, ReconcileError> {
    Ok(match healer.advance().await? {
        Progress::Ended(_) => Healed::Ended,
        Progress::Waiting(why, after) => Healed::Waiting(why, after),
        // Told like any approval of a plan that is not the current one.
        Progress::TakenBack(_) => Healed::Ended,
        Progress::NotOurs => Healed::Nothing(Answer::Open),
    })
}

/// What to do with an approved plan that this controller may not carry out, since it does not write `what`.
fn by_hand(target: &Target, found: &Found, what: &str) -> Answer {
    let hash = found
        .plan()
        .map(|plan| plan.hash.chars().take(12).collect::<String>())
        .unwrap_or_default();
    Answer::Waiting {
        reason: "AwaitingHealer",
        message: format!(
            "approved; this controller does not write {what}: run `driftmend heal {} -n {} --plan {hash}`",
            target.name, target.namespace
        ),
    }
}

/// Where a heal of the controller looks.
struct Eyes<'a> {
    context: &'a Context,
    target: &'a Target,
}

impl Look for Eyes<'_> {
    async fn fresh(&self) -> Result<Option<FreshScene>, ApiError> {
        observe::fresh(self.context, self.target).await
    }

    async fn elsewhere(&self, healer: &str) -> Result<Vec<Elsewhere>, ApiError> {
        Ok(self
            .context
            .reports
            .state()
            .iter()
            .filter_map(|report| Elsewhere::of(report, healer))
            .collect())
    }
}
