//! What follows the cure of a Deployment on its Application, or why nothing may be written there now.

use jiff::Timestamp;

use super::super::cautions::{BEFORE_ITS_TURN, CLEARED_IN_VAIN, Caution, LEFT_UNDONE, STALE_OPERATION, TERMINATED};
use super::super::step::Step;
use super::super::{Memory, NoPlan};
use super::{Act, CLEARS, OnApplication, USERNAME};
use crate::engine::argo_cd::ArgoCd;
use crate::engine::argo_cd::application::Application;
use crate::engine::argo_cd::hold::Hold;
use crate::engine::argo_cd::requests::{Operation, Stale, Then};
use crate::engine::argo_cd::revision::Revision;
use crate::engine::argo_cd::standing::Standing;
use crate::engine::argo_cd::touch::{short_commit, touches};
use crate::engine::object::ObjectId;
use crate::engine::source_facts::SourceFacts;
use crate::engine::tool_object::action::Action;
use crate::engine::tool_object::resource::ResourceRef;

/// What the cure of the Deployment is, as far as the Application is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::plan) enum Before {
    /// Git's values are in the cluster.
    InSync,

    /// Git's values are in the cluster, and client-side apply does not know that they are its own before it has synced
    /// once more.
    Unrecorded,

    /// Git's values come by a sync.
    NeedsSync,
}

/// What is known beside the Application.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine::plan) struct Around<'a> {
    /// The Deployment.
    pub target: &'a ObjectId,

    /// Where Git's document comes from.
    pub source: &'a SourceFacts,

    /// What the report remembers of earlier heals.
    pub memory: &'a Memory,

    /// Whether the plan has steps on the Deployment.
    pub cures: bool,

    /// Whether a sync after the cure would change what is not drift, though none is needed, and Argo CD does none by
    /// itself.
    pub spares: bool,

    /// Whether something of the Deployment waits in Git after the cure.
    pub waits: bool,

    /// The time.
    pub now: Timestamp,
}

/// What follows a cure on the Application.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::engine::plan) struct After {
    /// The steps.
    pub steps: Vec<Step>,

    /// Why nothing is to be written yet: an operation runs, whose end the same plan is for.
    pub waits: Option<String>,

    /// What a person should know.
    pub cautions: Vec<Caution>,
}

/// The steps on the Application after a cure that makes the cluster fit for what the source says, or why nothing may be
/// written now.
///
/// They are the same while an operation runs, waits for its retry and has failed: what was approved in one of these
/// holds in the others.
pub(in crate::engine::plan) fn after(argo_cd: &ArgoCd, before: Before, around: Around<'_>) -> Result<After, NoPlan> {
    let Around { target, now, .. } = around;
    let standing = argo_cd.standing(target, now);
    let waits = held(argo_cd, target, &standing, now)?;
    let application = &argo_cd.application;
    let only = ResourceRef::from(target);
    let step = |act| Step::OnApplication(Box::new(OnApplication::of(application, act)));
    let mut cautions = Vec::new();
    let in_window = argo_cd.window(target, now).is_some();
    // An operation would wait for the window to change and fire then.
    let last = match before {
        Before::InSync if in_window => {
            if standing.clears() {
                let told = "the failed operation stays as it is while the window lasts; a plan for it comes afterwards";
                cautions.push(Caution::note(STALE_OPERATION, told));
            }
            None
        }
        _ => last(application, &standing, before, &only, around, &mut cautions)?,
    };
    if last.is_some() {
        has_compared(application, around.source)?;
    }
    if let Some(Act::Start { .. }) = &last {
        cautions.extend(
            application
                .left_to_somebody(&only)
                .map(|left| Caution::note(LEFT_UNDONE, left)),
        );
    }
    if waits.is_none() && application.is_before_its_turn(&standing, &only) {
        let told = format!(
            "the sync that runs waits and has not come to the {}: healed before that, it meets what it accepts",
            only.kind
        );
        cautions.push(Caution::note(BEFORE_ITS_TURN, told));
    }
    Ok(After {
        steps: [Some(step(Act::Refresh)), last.map(step)]
            .into_iter()
            .flatten()
            .collect(),
        waits,
        cautions,
    })
}

/// The act that ends a stale operation, or brings Git's values.
fn last(
    application: &Application,
    standing: &Standing,
    before: Before,
    only: &ResourceRef,
    around: Around<'_>,
    cautions: &mut Vec<Caution>,
) -> Result<Option<Act>, NoPlan> {
    let Around {
        source,
        memory,
        cures,
        spares,
        ..
    } = around;
    if standing.clears() {
        Stale::of(application).map_err(|why| NoPlan::HeldBack(why.to_string()))?;
    }
    // What is under way may fail, and is what would be stale then. It may also succeed by itself after the cure, and
    // nothing is left to do. So may the sync of another commit, which auto-sync begins with its next comparison after
    // what failed at the one before.
    let follows =
        *standing == Standing::FailedElsewhere && application.automated().is_some() && application.out_of_sync();
    let is_in_the_way = standing.clears() || standing.is_under_way() || follows;
    let stale = || Stale::of(application).ok().filter(|_| is_in_the_way);
    let self_heals = application.automated().is_some_and(|automated| automated.self_heal);
    // Nobody waits for a sync that only writes down what was applied: where it cannot be started now, that is written
    // otherwise.
    let beyond = is_in_the_way
        .then(|| application.left_undone_beside(only, source.has_hooks))
        .flatten();
    let later =
        || beyond.is_some() || application.syncs_differences_only() || has_compared(application, source).is_err();
    let before = if before == Before::Unrecorded && later() {
        Before::InSync
    } else {
        before
    };
    if !is_in_the_way && (before == Before::InSync || before == Before::NeedsSync && self_heals) {
        return Ok(None);
    }
    let kind = &only.kind;
    let limited = Operation::of(application, USERNAME, Vec::new(), Some(only.clone()));
    let start = || Act::Start {
        replaces: stale(),
        only: only.clone(),
        touches: touches(application, &Then::Start(limited)),
    };
    let spared =
        || (before == Before::InSync && spares).then(|| "a sync of ours would change what is not drift".to_owned());
    let why = beyond
        .map(|why| format!("a sync of the {kind} alone would leave undone: {why}"))
        .or_else(spared);
    let Some(why) = why else {
        if is_in_the_way && application.was_terminated() {
            let told = format!(
                "somebody terminated the last sync, and this plan asks for one again, of the {kind} alone and without \
                 hooks"
            );
            cautions.push(Caution::note(TERMINATED, told));
        }
        return Ok(Some(start()));
    };
    let mut touches = touches(application, &Then::Refresh);
    if before != Before::NeedsSync && !around.waits {
        // By then it is what Git says.
        touches.resources.retain(|touched| touched.resource != *only);
    }
    // Whoever stopped a sync does not want it again, its hooks and all.
    if application.was_terminated() {
        let told = format!(
            "somebody terminated the last sync, so that only the {kind} is synced, without hooks; what stays \
             undone until a person syncs again: {why}"
        );
        cautions.push(Caution::note(TERMINATED, told));
        return Ok(Some(start()));
    }
    let revision = touches.to.as_ref().map(ToString::to_string).unwrap_or_default();
    // A clear is one of the Application, whichever object it was for.
    let failed = memory.failed_clears_of(&revision) + source.beside.failed_clears_of(&revision);
    if failed < CLEARS {
        return Ok(Some(Act::Clear {
            stale: stale(),
            touches,
            why,
            attempt: failed + 1,
        }));
    }
    if !cures {
        return Err(NoPlan::ClearedInVain(revision));
    }
    let told = format!("{CLEARS} clears at this revision failed, so that only the {kind} is synced, although {why}");
    cautions.push(Caution::note(CLEARED_IN_VAIN, told));
    Ok(Some(start()))
}

/// A sync is one of the commit that Argo CD compared last: where Git says something else of the Deployment since then,
/// it would bring back what Git no longer says.
fn has_compared(application: &Application, source: &SourceFacts) -> Result<(), NoPlan> {
    let head = source.revision.as_str();
    if application.sync.as_ref().is_some_and(|sync| sync.status == "Unknown") {
        return Err(NoPlan::HeldBack(
            "Argo CD's last comparison failed, and a sync is one of the commit that it compared".to_owned(),
        ));
    }
    let fits = |compared: &str| head.is_empty() || compared == head || source.same_at.as_deref() == Some(compared);
    match application
        .sync
        .as_ref()
        .and_then(|sync| sync.revision.as_ref())
        .and_then(Revision::one)
    {
        Some(compared) if !fits(compared) => Err(NoPlan::HeldBack(format!(
            "Argo CD compared commit {} last, and what is to be in the cluster was read at {}: whichever is behind \
             comes there with its next look into Git, Argo CD's every few minutes, or when it is asked for a refresh",
            short_commit(compared),
            short_commit(head)
        ))),
        _ => Ok(()),
    }
}

/// The one commit that Argo CD compared last, where Git says the same of the Deployment there.
pub(in crate::engine::plan) fn compared<'a>(application: &'a Application, source: &SourceFacts) -> Option<&'a str> {
    has_compared(application, source).ok()?;
    application.sync.as_ref()?.revision.as_ref()?.one()
}

/// What is held back by a person, or needs one, is left alone; why to wait, where an operation runs that ends by
/// itself.
fn held(argo_cd: &ArgoCd, target: &ObjectId, standing: &Standing, now: Timestamp) -> Result<Option<String>, NoPlan> {
    let why = || with_time(standing.why(), standing.until());
    for hold in argo_cd.holds(target, now) {
        match hold {
            // It may be broken by a person, who is asked for that.
            Hold::Window { .. } => {}
            Hold::OperationPresent if standing.is_under_way() => {}
            Hold::OperationPresent => return Err(NoPlan::HeldBack(why())),
            hold => return Err(NoPlan::HeldBack(hold.why())),
        }
    }
    if standing.action() == Action::AskAPerson {
        return Err(NoPlan::HeldBack(why()));
    }
    // A retry that waits is the best moment: it succeeds by itself after the cure. So does a sync that waits for its
    // window.
    let only = ResourceRef::from(target);
    let is_a_good_moment = matches!(
        standing,
        Standing::WaitingForRetry { .. } | Standing::WaitingForWindow { .. }
    ) || argo_cd.application.is_before_its_turn(standing, &only);
    Ok((standing.is_under_way() && !is_a_good_moment).then(|| format!("the operation: {}", why())))
}

fn with_time(why: String, until: Option<Timestamp>) -> String {
    match until {
        Some(until) => format!("{why} (until {until})"),
        None => why,
    }
}
