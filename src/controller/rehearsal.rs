//! Rehearsal: what a person is offered, after the API server was asked about its first write.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::confirm::ASK_AGAIN;
use super::dry_run::{self, ACCEPTED, Rehearsed};
use super::index::Target;
use super::observe::{self, Scene};
use super::{Context, admission};
use crate::cluster::ApiError;
use crate::controller::index::NotOffered;
use crate::engine::plan::{NoPlan, Plan};

/// How many fields are named that admission changes.
const CHANGED_FIELDS: usize = 3;

/// What a rehearsal makes of a plan.
pub enum Rehearsal {
    /// It is offered, with the server's answer where it was asked.
    Offered(Option<String>),

    /// It is not, and when to ask again.
    Not(NoPlan, Duration),

    /// It is not what is needed any more.
    Overtaken,

    /// It is offered, with why nothing is known, and asked about again.
    Undecided(String),
}

/// What the server says to a plan's first step.
///
/// # Errors
///
/// Requests that may succeed later.
pub async fn rehearsed(context: &Context, target: &Target, scene: &Scene, plan: &Plan) -> Result<Rehearsal, ApiError> {
    if let Some((why, again)) = not_offered(context, target, plan) {
        return Ok(Rehearsal::Not(why, again));
    }
    let why = match dry_run::rehearse(context, target, &scene.snapshot, plan, scene.report.as_deref()).await? {
        Rehearsed::NotAsked => return Ok(Rehearsal::Offered(None)),
        Rehearsed::Accepted => {
            let at = observe::whole_seconds(Timestamp::now());
            return Ok(Rehearsal::Offered(Some(format!("{ACCEPTED} at {at}"))));
        }
        Rehearsed::Overtaken => return Ok(Rehearsal::Overtaken),
        Rehearsed::Stale(why) => return Ok(Rehearsal::Undecided(format!("not made: {why}"))),
        Rehearsed::Refused(why) => NoPlan::RefusedInDryRun(why),
        Rehearsed::Changed(fields) => {
            let mut named: Vec<String> = fields.iter().take(CHANGED_FIELDS).map(ToString::to_string).collect();
            named.extend((fields.len() > CHANGED_FIELDS).then(|| format!("{} more", fields.len() - CHANGED_FIELDS)));
            NoPlan::UndoneByAdmission {
                fields: named,
                by: admission::likely(&context.cluster).await,
            }
        }
    };
    let refused = NotOffered {
        plan: plan.hash.clone(),
        why: why.clone(),
        again: Instant::now() + ASK_AGAIN,
    };
    context.index.told(target, |told| told.rehearsed = Some(refused));
    Ok(Rehearsal::Not(why, ASK_AGAIN))
}

/// Why this very plan is not offered, and for how long that holds.
fn not_offered(context: &Context, target: &Target, plan: &Plan) -> Option<(NoPlan, Duration)> {
    context.index.told(target, |told| {
        let refused = told.rehearsed.as_ref().filter(|refused| refused.plan == plan.hash)?;
        let rest = refused.again.saturating_duration_since(Instant::now());
        (!rest.is_zero()).then(|| (refused.why.clone(), rest))
    })
}
