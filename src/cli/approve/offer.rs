//! The plan that a report offers, and whether a hash names it.

use kube::ResourceExt;

use crate::api::v1alpha1::{DriftReport, Heal, Healing, PlanReport};
use crate::cli::Fault;

/// The fewest digits of a hash that name a plan: 32 bits, and the server's copy has all of them.
const SHORTEST_HASH: usize = 8;

/// The plan that a report shows.
pub(in crate::cli) fn offered(report: &DriftReport) -> Result<&PlanReport, Fault> {
    let status = report.status.as_ref();
    status.and_then(|status| status.plan.as_ref()).ok_or_else(|| {
        if let Some(denied) = denied(report) {
            return denied;
        }
        let condition = status.and_then(|status| {
            status
                .conditions
                .iter()
                .find(|condition| condition.type_ == "PlanReady")
        });
        let why = condition
            .map(|condition| condition.message.clone())
            .filter(|message| !message.is_empty());
        Fault::new(format!(
            "{} shows no plan: {}",
            report.spec.target.name,
            why.unwrap_or_else(|| "there is nothing to heal".to_owned())
        ))
    })
}

/// Why nothing is approved while a plan is being carried out: another yes would take the place of the one that is
/// followed.
pub(super) fn in_progress(report: &DriftReport, healing: &Healing) -> Fault {
    let (name, namespace) = (&report.spec.target.name, report.namespace().unwrap_or_default());
    Fault::new(format!(
        "plan {}, approved by {}, is being carried out",
        healing.short_hash(),
        healing.by
    ))
    .hint(format!(
        "approve what the report offers when that has ended; `driftmend deny {name} -n {namespace} --withdraw` takes \
         the approval back and stops it"
    ))
}

/// Why there is nothing to approve or carry out where a person said no, and how that is taken back.
pub(in crate::cli) fn denied(report: &DriftReport) -> Option<Fault> {
    let status = report.status.as_ref().filter(|status| status.heal == Heal::Denied)?;
    let (name, namespace) = (&report.spec.target.name, report.namespace().unwrap_or_default());
    let denial = status.approval.as_ref()?;
    let until = denial.until.map_or_else(
        || "while the drift stays as it is".to_owned(),
        |until| format!("until {until}"),
    );
    let why = denial
        .reason
        .as_deref()
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    Some(
        Fault::new(format!("{name} shows no plan: {} denied it {until}{why}", denial.by))
            .hint(format!("driftmend deny {name} -n {namespace} --withdraw")),
    )
}

/// Whether a hash that a person gave names the plan.
pub(in crate::cli) fn named(hash: &str, plan: &PlanReport) -> Result<(), Fault> {
    if hash.len() < SHORTEST_HASH {
        return Err(Fault::new(format!("{hash:?} is too short to name a plan"))
            .hint(format!("give at least {SHORTEST_HASH} digits")));
    }
    if plan.hash.starts_with(hash) {
        return Ok(());
    }
    Err(Fault::new(format!(
        "{} is not the current plan; that is {}",
        short(hash),
        short(&plan.hash)
    ))
    .hint(
        "the cluster or Git changed since: look at the new plan with `driftmend report`, then decide about that"
            .to_owned(),
    ))
}

pub(super) fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
