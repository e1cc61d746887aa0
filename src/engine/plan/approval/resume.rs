//! How an interrupted heal goes on under the approval that it began with.

use super::{Approval, Approved, Decision};
use crate::engine::argo_cd::revision::Revision;
use crate::engine::argo_cd::touch::Touches;
use crate::engine::flux::reference::KustomizationRef;
use crate::engine::object::FieldPath;
use crate::engine::ownership::ManagedFields;
use crate::engine::plan::cure::receiver;
use crate::engine::plan::ground::Ground;
use crate::engine::plan::on_application::{self, Act, OnApplication};
use crate::engine::plan::refusal::Refusal;
use crate::engine::plan::step::{Step, StepKind, holders};
use crate::engine::plan::{NoPlan, Plan};
use crate::engine::snapshot::Snapshot;
use crate::engine::tool_object::resource::ResourceRef;

/// A heal that began, as far as a report remembers it after a crash.
#[derive(Clone, Debug)]
pub struct Begun<'a> {
    /// The approved plan.
    pub plan_hash: &'a str,

    /// The uid of the object that it was approved for.
    pub uid: &'a str,

    /// Who approved it.
    pub by: &'a str,

    /// The approved steps.
    pub steps: Vec<Remembered>,
}

/// An approved step as a report remembers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Remembered {
    /// What it does.
    pub kind: StepKind,

    /// The fields it is about.
    pub paths: Vec<FieldPath>,

    /// When the operation state began that it removes, as the Application has it.
    pub stale: Option<String>,

    /// The revision that it was to start a sync of. Where Argo CD compared another one since, at which Git says the
    /// same of the Deployment, it is that.
    pub revision: Option<String>,
}

/// Takes an interrupted heal up again.
///
/// Bodies are never stored: while the approved plan can still be derived it is simply the plan; once its Restore has
/// landed no drift is left to derive it from, and the remaining steps follow from the approved kinds and fields.
///
/// # Errors
/// [`Refusal::Altered`] when the approval was taken back, [`Refusal::OtherObject`] when the object is another one,
/// [`Refusal::Stale`] or [`Refusal::Moot`] when something else is needed than what was approved, and [`Refusal::Waits`]
/// where that passes.
pub fn resume(
    begun: &Begun<'_>,
    approval: Option<&Approval>,
    plan: Result<&Plan, &NoPlan>,
    snapshot: &Snapshot,
) -> Result<Approved, Refusal> {
    let hash = || begun.plan_hash.to_owned();
    // A yes to something else, or another person's, is a question for when this heal has ended, and says nothing of it.
    if approval.is_none_or(|approval| approval.decision != Decision::Approved) {
        return Err(Refusal::Altered(hash()));
    }
    let approval = approval.filter(|approval| approval.plan_hash == begun.plan_hash && approval.by == begun.by);
    // A Deployment that was missing when the plan was approved has no uid yet.
    let uid = snapshot
        .live
        .as_ref()
        .and_then(|live| live.pointer("/metadata/uid"))
        .and_then(serde_json::Value::as_str);
    if !begun.uid.is_empty() && uid != Some(begun.uid) {
        return Err(Refusal::OtherObject(hash()));
    }
    if let Ok(plan) = plan
        && plan.hash == begun.plan_hash
    {
        // A window may have closed since the heal began.
        if let Some(why) = plan
            .window
            .as_ref()
            .filter(|_| !approval.is_some_and(Approval::breaks_glass))
        {
            return Err(Refusal::Window {
                hash: hash(),
                why: why.clone(),
            });
        }
        if let Some(approval) = approval
            && let ids @ [_, ..] = &plan.unacknowledged(&approval.acknowledged)[..]
        {
            return Err(Refusal::Unacknowledged {
                hash: hash(),
                ids: ids.to_vec(),
            });
        }
        let mut plan = plan.clone();
        // The hash does not say which state of the operation was meant: a later one, of somebody else's sync, is not
        // ours to remove.
        plan.steps
            .iter_mut()
            .zip(&begun.steps)
            .for_each(|(step, remembered)| step.bind(remembered.stale.as_deref()));
        return Ok(Approved {
            plan,
            by: begun.by.to_owned(),
        });
    }
    // Why what was approved is not what is needed, where that is so.
    let overtaken = || match plan {
        Err(why) if why.passes() => Refusal::Waits {
            hash: hash(),
            why: format!("what holds it back: {why}"),
        },
        Err(why) => Refusal::Moot {
            hash: hash(),
            why: why.clone(),
        },
        Ok(_) => Refusal::Stale(hash()),
    };
    if snapshot.desired.is_none() {
        return Err(overtaken());
    }
    let steps = begun.steps.iter().enumerate().map(|(at, step)| {
        let after_restore = at
            .checked_sub(1)
            .is_some_and(|before| begun.steps[before].kind == StepKind::Restore);
        again(step, after_restore, snapshot)
    });
    let steps: Vec<Step> = steps.collect::<Option<_>>().ok_or_else(overtaken)?;
    let ground = Ground::of(snapshot, begun.plan_hash, None);
    // The first step can only be skipped now. Where it is not done, what the person saw is not what is there.
    let is_first = |at: usize, step: &Step| match step.kind() {
        StepKind::Restore | StepKind::HandBack => true,
        kind => kind == StepKind::Transfer && at == 0,
    };
    if steps
        .iter()
        .enumerate()
        .any(|(at, step)| is_first(at, step) && !step.done(&ground))
    {
        return Err(overtaken());
    }
    let plan = Plan {
        hash: hash(),
        serial: 0,
        expires: snapshot.now,
        uid: begun.uid.to_owned(),
        drift: String::new(),
        steps,
        cautions: Vec::new(),
        window: None,
        waits: None,
    };
    Ok(Approved {
        plan,
        by: begun.by.to_owned(),
    })
}

/// A step derived again from what a report remembers; `None` where what it was about is gone.
///
/// A Transfer that does not follow a Restore takes its fields from whoever has them beside the tool.
fn again(remembered: &Remembered, after_restore: bool, snapshot: &Snapshot) -> Option<Step> {
    let paths = remembered.paths.clone();
    let of_application = |act| {
        let application = &snapshot.tool.argo_cd()?.application;
        let mut step = Step::OnApplication(Box::new(OnApplication::of(application, act)));
        step.bind(remembered.stale.as_deref());
        Some(step)
    };
    // Argo CD may have compared another commit by now.
    let compared =
        || on_application::compared(&snapshot.tool.argo_cd()?.application, &snapshot.source).map(str::to_owned);
    let touches = || Touches {
        resources: Vec::new(),
        from: None,
        to: compared().or_else(|| remembered.revision.clone()).map(Revision::One),
        whole_application: remembered.kind == StepKind::ClearOperation,
        syncs: true,
        compared: false,
        sync_options: Vec::new(),
        retry: None,
    };
    match remembered.kind {
        StepKind::Restore => Some(Step::Restore {
            paths,
            operations: json_patch::Patch::default(),
        }),
        StepKind::Transfer => {
            let managed = snapshot.live.as_ref().map(ManagedFields::of).unwrap_or_default();
            let (to, into) = receiver(&managed, &snapshot.syncer);
            let mut from: Vec<String> = holders(&managed, &paths, &to)
                .filter(|_| !after_restore)
                .map(str::to_owned)
                .collect();
            from.sort();
            from.dedup();
            Some(Step::Transfer { paths, from, to, into })
        }
        StepKind::HandBack => Some(Step::HandBack {
            paths,
            syncer: snapshot.syncer.clone(),
        }),
        StepKind::Refresh => of_application(Act::Refresh),
        StepKind::ClearOperation => of_application(Act::Clear {
            stale: None,
            touches: touches(),
            why: String::new(),
            attempt: 1,
        }),
        StepKind::StartOperation => {
            let target = &snapshot.target;
            let only = ResourceRef::from(target);
            of_application(Act::Start {
                replaces: None,
                only,
                touches: touches(),
            })
        }
        StepKind::Reconcile => Some(Step::Reconcile {
            kustomization: KustomizationRef::of(&snapshot.tool.flux()?.kustomization),
        }),
    }
}
