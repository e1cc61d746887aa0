//! Confirm: a predicted refusal is held against the server once, by a dry run of the very request that the syncing tool
//! will send.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::{error, info};

use super::Context;
use super::dry_run::LOCK_TRIES;
use super::index::Target;
use super::observe::Scene;
use crate::cluster::{ApiError, Retry};
use crate::controller::index::Answered;
use crate::engine::Assessment;
use crate::engine::allowance::Allowance;
use crate::engine::confirm::{Answer, Confirmation, confirmation, question};
use crate::engine::digest::live_digest;
use crate::engine::predict::request;
use crate::engine::rules::wants;
use crate::report::{DryRunAnswer, DryRunReport, dry_run, text};

/// How many dry runs a second this process may ask for: few beside what an API server bears, and a cluster in which
/// hundreds of Deployments are refused at once has other worries than their confirmation.
const A_SECOND: f64 = 5.0;

/// How many it may ask for at once.
const BURST: f64 = 20.0;

/// When to ask again where a dry run decided nothing: a right, a webhook or a server may be back, and nothing tells.
pub const ASK_AGAIN: Duration = Duration::from_secs(5 * 60);

/// How soon to look again where no dry run was left.
const NONE_LEFT: Duration = Duration::from_secs(60);

/// How many dry runs this process may still ask for.
pub struct DryRuns {
    since: Instant,
    allowance: Mutex<Allowance>,
}

impl Default for DryRuns {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            allowance: Mutex::new(Allowance::new(A_SECOND, BURST)),
        }
    }
}

impl DryRuns {
    /// Takes one, where one is left.
    fn take(&self) -> bool {
        let mut allowance = self.allowance.lock().unwrap_or_else(PoisonError::into_inner);
        allowance.take(self.since.elapsed())
    }
}

/// What is known of a prediction's confirmation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confirmed {
    /// The server's answer, from now or from before.
    pub dry_run: Option<DryRunReport>,

    /// When to look again although nothing happens.
    pub look_again: Option<Duration>,
}

/// Asks the server about a predicted refusal, unless it was asked the same before or this controller may not.
///
/// Nothing here fails: what cannot be asked stays unconfirmed.
pub async fn confirm(context: &Context, target: &Target, scene: &Scene, assessment: &Assessment) -> Confirmed {
    let snapshot = &scene.snapshot;
    let (Some(desired), Some(live), Some(prediction)) = (&snapshot.desired, &snapshot.live, &assessment.prediction)
    else {
        return Confirmed::default();
    };
    if !wants(snapshot, assessment).dry_run || !context.settings.may_dry_run(&target.namespace) {
        return Confirmed::default();
    }
    let Ok(request) = request(
        snapshot.kind,
        snapshot.source.sent_of(&desired.value),
        live,
        &snapshot.syncer,
    ) else {
        return Confirmed::default();
    };
    let question = question(&desired.value, live, &snapshot.syncer);
    if let Some(known) = known(context, target, scene, &question) {
        return known;
    }
    let take = || context.dry_runs.take();
    if !take() {
        return Confirmed {
            dry_run: None,
            look_again: Some(NONE_LEFT),
        };
    }
    // (client asks)
    let mut sent = context
        .cluster
        .dry_run_sync(snapshot.kind, (&target.namespace, &target.name), &request)
        .await;
    for _ in 1..LOCK_TRIES {
        // A write came between, which says nothing of the sync: it is asked again, and only then told.
        if !sent.as_ref().is_err_and(came_between) || !take() {
            break;
        }
        sent = context
            .cluster
            .dry_run_sync(snapshot.kind, (&target.namespace, &target.name), &request)
            .await;
    }
    // A webhook that cannot be asked in a dry run says so each time: nothing is asked while nothing changes.
    let mut may_pass = sent.as_ref().is_err_and(|error| error.retry() != Retry::AwaitChange);
    let answer = answer(sent);
    let verdict = answer.verdict(snapshot.kind, &desired.value, live);
    let mut said = confirmation(snapshot.kind, prediction, &target.name, answer);
    context
        .metrics
        .dry_run(verdict.filter(|_| !matches!(said, Confirmation::Undecided(_))));
    if matches!(said, Confirmation::Other(_)) {
        // (client reads) Was it asked about the object that the prediction is about?
        match context
            .cluster
            .get_governed(snapshot.kind, &target.namespace, &target.name)
            .await
        {
            Ok(Some(now)) if live_digest(&now) == live_digest(live) => {}
            // The change comes as an event, and is a question of its own.
            Ok(_) => return Confirmed::default(),
            Err(error) => {
                may_pass = error.retry() != Retry::AwaitChange;
                said = Confirmation::Undecided(error.to_string());
            }
        }
    }
    let report = dry_run(question, &said, &context.masker);
    match &said {
        Confirmation::Same => info!(%target, "a dry run confirms the predicted refusal"),
        Confirmation::Undecided(_) => info!(%target, why = report.message, "a dry run decides nothing"),
        Confirmation::Other(_) => {
            context.metrics.prediction_mismatch(prediction.strategy);
            let ours = text(
                &context.masker,
                &prediction.status_text(snapshot.kind, &target.name).unwrap_or_default(),
            );
            let (strategy, server) = (prediction.strategy, &report.message);
            error!(%target, ?strategy, ours, server, "a dry run contradicts the prediction");
        }
    }
    let look_again = (may_pass && matches!(said, Confirmation::Undecided(_))).then_some(ASK_AGAIN);
    let again = look_again.map(|after| Instant::now() + after);
    let answered = Answered {
        report: report.clone(),
        again,
    };
    context.index.told(target, |told| told.confirmed = Some(answered));
    Confirmed {
        dry_run: Some(report),
        look_again,
    }
}

/// The answer to the same question: of this process, or of an earlier one as the report remembers it.
fn known(context: &Context, target: &Target, scene: &Scene, question: &str) -> Option<Confirmed> {
    let known = context.index.told(target, |told| told.confirmed.clone());
    if let Some(known) = known.filter(|known| known.report.question == question) {
        let look_again = known.again.map(|again| again.saturating_duration_since(Instant::now()));
        let due = look_again.is_some_and(|after| after.is_zero());
        return (!due).then(|| Confirmed {
            dry_run: Some(known.report.clone()),
            look_again,
        });
    }
    let status = scene.report.as_ref()?.status.as_ref()?;
    let report = status.prediction.as_ref()?.dry_run.as_ref()?;
    // How old an undecided answer of an earlier process is does not stand there: it is asked again.
    let decided = report.question == question && report.answer != DryRunAnswer::Undecided;
    decided.then(|| Confirmed {
        dry_run: Some(report.clone()),
        look_again: None,
    })
}

/// Whether a request met another write, where no field is in conflict.
fn came_between(error: &ApiError) -> bool {
    matches!(error, ApiError::Conflict { causes, .. } if causes.is_empty())
}

/// What a request's end says of the sync. Other failures than these are not about it.
fn answer(sent: Result<serde_json::Value, ApiError>) -> Answer {
    match sent {
        Ok(made) => Answer::Accepted(made),
        Err(ApiError::Invalid { message, causes, .. }) => Answer::Refused {
            code: 422,
            message,
            causes,
        },
        Err(ApiError::Conflict { message, causes, .. }) => Answer::Refused {
            code: 409,
            message,
            causes,
        },
        Err(
            ApiError::Rejected {
                code: code @ 400,
                message,
                ..
            }
            | ApiError::Unavailable {
                code: code @ 500,
                message,
                ..
            },
        ) => Answer::Refused {
            code,
            message,
            causes: Vec::new(),
        },
        Err(error) => Answer::None(error.to_string()),
    }
}
