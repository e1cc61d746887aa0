//! A person's yes or no, and whether it holds for what is there now.

mod resume;
mod ruling;

pub use resume::{Begun, Remembered, resume};
pub use ruling::{Ruling, ruling};

use jiff::Timestamp;

use super::refusal::Refusal;
use super::{NoPlan, Plan};

/// What a person decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Carry the plan out.
    Approved,

    /// Do not; and do not ask again for this content of drift.
    Denied,
}

/// A decision, as a report has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// What was decided.
    pub decision: Decision,

    /// The hash of the plan that the person saw.
    pub plan_hash: String,

    /// The person's user name in the cluster; an admission policy holds it against who really asks.
    pub by: String,

    /// When.
    pub at: Timestamp,

    /// Why, in the person's words.
    pub reason: Option<String>,

    /// Heals although a sync window forbids it; counts only with a reason.
    pub break_glass: Option<bool>,

    /// The ids of the plan's cautions that the person takes into account; an approval counts only where it names each
    /// one that must be acknowledged.
    pub acknowledged: Vec<String>,

    /// Until when a denial holds; while the drift stays as it is, where it is absent. It means nothing to an approval.
    pub until: Option<Timestamp>,
}

impl Approval {
    /// Whether it is a no that still holds, as far as its time goes.
    pub fn denies(&self, now: Timestamp) -> bool {
        self.decision == Decision::Denied && self.until.is_none_or(|until| until > now)
    }

    /// Whether it lets a plan be carried out that a sync window forbids.
    fn breaks_glass(&self) -> bool {
        self.break_glass == Some(true) && self.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty())
    }
}

/// Why a plan that was offered is no longer the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// Desired or live changed.
    Changed,

    /// Nobody approved it in time.
    Expired,

    /// A person took it back: said no to it, or withdrew a yes.
    TakenBack,
}

/// What became of earlier plans, as far as a report remembers.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'a> {
    /// The hashes of plans that were carried out.
    pub spent: &'a [String],

    /// The hashes of plans that ended otherwise.
    pub superseded: &'a [(String, Ended)],

    /// The hash that the report shows: no other one was offered to anybody.
    pub offered: Option<&'a str>,
}

/// A plan that a person approved and that still is what is needed: the only thing that can be carried out.
#[derive(Clone, Debug)]
pub struct Approved {
    plan: Plan,
    by: String,
}

impl Approved {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Who approved it.
    pub fn by(&self) -> &str {
        &self.by
    }
}

/// Holds an approval against the plan as it is derived from a fresh look.
///
/// # Errors
/// A [`Refusal`] that says why the approval is not followed.
pub fn judge(
    approval: &Approval,
    plan: Result<&Plan, &NoPlan>,
    ledger: Ledger<'_>,
    now: Timestamp,
) -> Result<Approved, Refusal> {
    let hash = &approval.plan_hash;
    if ledger.spent.contains(hash) {
        return Err(Refusal::Spent(hash.clone()));
    }
    let ended = ledger
        .superseded
        .iter()
        .find(|(superseded, _)| superseded == hash)
        .map(|(_, ended)| *ended);
    let is_shown = ledger.offered == Some(hash);
    if ended.is_none() && !is_shown {
        return Err(Refusal::Foreign(hash.clone()));
    }
    let waits = |why: String| {
        Err(Refusal::Waits {
            hash: hash.clone(),
            why,
        })
    };
    match plan {
        Ok(plan) if plan.hash == *hash => {
            if let Some(why) = plan.window.as_ref().filter(|_| !approval.breaks_glass()) {
                return Err(Refusal::Window {
                    hash: hash.clone(),
                    why: why.clone(),
                });
            }
            if let ids @ [_, ..] = &plan.unacknowledged(&approval.acknowledged)[..] {
                return Err(Refusal::Unacknowledged {
                    hash: hash.clone(),
                    ids: ids.to_vec(),
                });
            }
            if plan.expires <= now {
                return Err(Refusal::Expired(hash.clone()));
            }
            match &plan.waits {
                Some(why) => waits(why.clone()),
                // It is needed again after something that passed, and a heal begins only for what the report shows.
                None if !is_shown => waits("the report, which shows it again in a moment".to_owned()),
                None => Ok(Approved {
                    plan: plan.clone(),
                    by: approval.by.clone(),
                }),
            }
        }
        Err(why) if why.passes() && ended.is_none_or(|ended| ended == Ended::Changed) => {
            waits(format!("what holds it back: {why}"))
        }
        plan => Err(match (plan, ended) {
            (_, Some(Ended::Expired)) => Refusal::Expired(hash.clone()),
            (Err(why), Some(Ended::TakenBack)) => Refusal::TakenBack {
                hash: hash.clone(),
                why: why.clone(),
            },
            (Err(why), Some(Ended::Changed)) => Refusal::Moot {
                hash: hash.clone(),
                why: why.clone(),
            },
            (Ok(_), Some(Ended::Changed | Ended::TakenBack)) => Refusal::Stale(hash.clone()),
            (_, None) => Refusal::Foreign(hash.clone()),
        }),
    }
}

#[cfg(test)]
mod tests;
