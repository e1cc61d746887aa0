//! What a person does with a report: reads the plan, approves it with what it demands, carries it out, and looks again.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::tool::Tool;
use super::witness::{Moment, Witness};
use crate::harness::watched::{OVERTAKEN, Watched, condition, finding};

/// How long a plan must stand before a person has read it.
const READ: Duration = Duration::from_millis(700);

/// How long nothing may be wrong, or nothing offered, before that counts.
const QUIET: Duration = Duration::from_secs(3);
const NO_PLAN: Duration = Duration::from_secs(20);

/// How long the report may take to come to one of these.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often a person comes again, and how many heals one hand change may need.
const LOOKS: usize = 12;
const HEALS: usize = 3;

/// How a cure ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing was offered and nothing is wrong.
    Quiet,

    /// After this many plans.
    Healed(usize),

    /// Something is wrong, and the report says why there is no plan.
    NoPlan(String),

    /// A heal that failed, or was refused in words that no overtaken plan has.
    Failed(String),

    /// An approval that was neither carried out nor refused with a reason.
    Lost(String),
}

/// What came of a cure.
pub struct Cure {
    /// How it ended.
    pub end: End,

    /// The steps of each plan that was carried out.
    pub plans: Vec<String>,

    /// When the first approval was given.
    pub approved: Option<Moment>,

    /// From the last approval to when the tool rests.
    pub took: Option<Duration>,
}

enum Offer {
    Nothing,
    Plan(Value),
    None(String),
}

/// Heals until nothing is wrong.
pub fn cure<T: Tool>(watched: &Watched<T>, witness: &Witness) -> Result<Cure> {
    let shop = &watched.shop;
    let mut cure = Cure {
        end: End::Quiet,
        plans: Vec::new(),
        approved: None,
        took: None,
    };
    for _ in 0..LOOKS {
        let Some(offer) = offer(watched, witness) else {
            cure.end = End::Failed(format!(
                "the report comes to no rest: {}",
                witness.newest(&watched.kept())
            ));
            return Ok(cure);
        };
        let status = match offer {
            Offer::Nothing => {
                cure.end = if cure.plans.is_empty() {
                    End::Quiet
                } else {
                    End::Healed(cure.plans.len())
                };
                return Ok(cure);
            }
            Offer::None(why) => {
                cure.end = End::NoPlan(why);
                return Ok(cure);
            }
            Offer::Plan(status) => status,
        };
        let steps = steps(&status);
        if cure.plans.len() == HEALS {
            cure.end = End::Failed(format!("a plan of {steps} after {}", cure.plans.join(", then ")));
            return Ok(cure);
        }
        let hash = text(&status["plan"]["hash"]);
        let cautions = status["plan"]["cautions"].as_array().into_iter().flatten();
        let demanded: Vec<String> = cautions
            .filter(|caution| caution["mustAcknowledge"] == true)
            .map(|caution| text(&caution["id"]))
            .collect();
        let acknowledged: Vec<&str> = demanded.iter().flat_map(|id| ["--acknowledge", id.as_str()]).collect();
        let answer = watched.driftmend(&[&["approve", "web", "--plan", &hash][..], &acknowledged].concat())?;
        if answer.code != 0 {
            if is_overtaken(&answer.stderr) {
                continue;
            }
            cure.end = End::Failed(format!("approve of {steps}: {}", answer.stderr.trim()));
            return Ok(cure);
        }
        let approved = Moment::now();
        cure.approved.get_or_insert(approved);
        let answer = watched.driftmend(&["heal", "web", "--plan", &hash, "--allow-http", "--timeout", "60"])?;
        if answer.code == 0 {
            cure.plans.push(steps);
            // Since when it rests; it may have been told so long before the command ended, which looks at the roll-out,
            // too.
            let rests = |history: &[(Moment, Arc<Value>)]| {
                history
                    .iter()
                    .rev()
                    .take_while(|(at, object)| *at >= approved && T::rests(object))
                    .last()
                    .map(|(at, _)| *at)
            };
            if let Some(at) = witness.wait(&shop.kept(), Duration::from_secs(20), rests) {
                cure.took = Some(at.saturating_duration_since(approved));
            }
        } else if is_overtaken(&answer.stderr) {
            if let Some(lost) = lost(watched, witness, &hash) {
                cure.end = End::Lost(format!("{steps}: {}; {lost}", answer.stderr.trim()));
                return Ok(cure);
            }
        } else {
            let told = watched.status()?["history"]
                .as_array()
                .and_then(|history| history.last().cloned())
                .unwrap_or_default();
            cure.end = End::Failed(format!(
                "heal of {steps}: {} {} {}",
                answer.stderr.trim(),
                told["result"],
                told["message"]
            ));
            return Ok(cure);
        }
    }
    cure.end = End::Failed("the plan changes faster than it can be approved".to_owned());
    Ok(cure)
}

/// Waits until there is a plan, or it is said that there is none, or nothing is wrong.
fn offer<T: Tool>(watched: &Watched<T>, witness: &Witness) -> Option<Offer> {
    let tool = watched.shop.kept();
    let begun = Moment::now();
    witness
        .wait(&watched.kept(), PATIENCE, |history| {
            let newest = history
                .last()
                .map(|(_, report)| report["status"].clone())
                .unwrap_or_default();
            let stands_since = history
                .iter()
                .rev()
                .take_while(|(_, report)| signs(&report["status"]) == signs(&newest))
                .last()
                .map(|(at, _)| *at);
            let stood = stands_since
                .map_or(Duration::MAX, |at| at.elapsed())
                .min(begun.elapsed());
            if newest["plan"].is_object() {
                return (stood > READ && newest["healing"].is_null()).then_some(Offer::Plan(newest));
            }
            if is_quiet(&newest) {
                // Not under the same lock: another object's history.
                return (stood > QUIET).then_some(Offer::Nothing);
            }
            let why = condition(&newest, "PlanReady");
            (stood > NO_PLAN).then(|| {
                Offer::None(format!(
                    "{} {}: {}",
                    text(&newest["phase"]),
                    text(&why["reason"]),
                    text(&why["message"])
                ))
            })
        })
        .map(|offer| match offer {
            Offer::Nothing if T::runs(&witness.newest(&tool)) => {
                // It may come upon something yet.
                witness.wait(&tool, PATIENCE, |history| {
                    history.last().filter(|(_, newest)| !T::runs(newest)).map(drop)
                });
                Offer::Nothing
            }
            other => other,
        })
}

/// What makes a report another one to who waits for a plan.
fn signs(status: &Value) -> (String, String, String) {
    (
        text(&status["phase"]),
        text(&status["plan"]["hash"]),
        text(&condition(status, "PlanReady")["reason"]),
    )
}

/// Whether nothing is wrong.
pub fn is_quiet(status: &Value) -> bool {
    status.is_null()
        || status["phase"] == "InSync" && status["plan"].is_null() && finding(status, "latent-trap").is_null()
}

/// What becomes of an approval that could not be carried out at once: it stands, or the report says why not.
fn lost<T: Tool>(watched: &Watched<T>, witness: &Witness, hash: &str) -> Option<String> {
    let said = witness.wait(&watched.kept(), Duration::from_secs(10), |history| {
        let status = &history.last()?.1["status"];
        let stands = status["plan"]["hash"] == hash;
        let ended = status["supersededPlans"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|plan| plan["hash"] == hash);
        let spent = status["history"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|entry| entry["planHash"] == hash);
        (stands || ended || spent).then_some(())
    });
    match said {
        Some(()) => None,
        None => Some(format!(
            "nothing tells of plan {hash}: {:#}",
            witness.newest(&watched.kept())["status"]
        )),
    }
}

fn is_overtaken(words: &str) -> bool {
    OVERTAKEN.iter().any(|overtaken| words.contains(overtaken))
}

fn steps(status: &Value) -> String {
    crate::harness::watched::kinds(status).join("+")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
