//! Plays one case.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::cure::{End, cure, is_quiet};
use super::drift::drift;
use super::judge::{self, Seen};
use super::tool::{Tool, Way};
use super::witness::{Moment, Witness};
use super::{Case, Git};
use crate::harness::watched::Watched;

/// How long a report may take to tell of a change.
const REPORT: Duration = Duration::from_secs(30);

/// How long a shop or a watch may take to be there, with as many others beside it.
const OPENS: Duration = Duration::from_secs(120);

/// How long a tool must rest before anything is done: Argo CD often syncs again right after the first time.
const STEADY: Duration = Duration::from_millis(1500);

/// How long a report may take to tell of a write, and stands before the tool is asked to sync, where somebody asks it.
const SETTLES: Duration = Duration::from_millis(1500);

/// What came of a case.
#[derive(Default)]
pub struct Played {
    /// What is wrong: what it counts as, and the words.
    pub faults: Vec<(&'static str, String)>,

    /// What is known and not mended yet.
    pub open: Vec<String>,

    /// Why there was no plan although something was wrong.
    pub unhealed: Option<String>,

    /// How it went, in words that are counted.
    pub went: BTreeMap<&'static str, String>,

    /// Tries that were held against a prediction.
    pub judged: usize,

    /// Tries that failed.
    pub refused: usize,

    /// Times by what they are of.
    pub times: Vec<(&'static str, Duration)>,
}

impl Played {
    fn fault(&mut self, kind: &'static str, words: impl Into<String>) {
        self.faults.push((kind, words.into()));
    }
}

/// Plays a case, whatever comes of it.
pub fn play<T: Tool>(case: &Case<T::Way>, witness: &Witness) -> Result<Played> {
    let [first, second, third] = case.members;
    let kind = case.kind;
    let manifest = kind.document(first)?;
    let shop = T::open(&format!("m{}", case.number), &case.way, &manifest)?;
    let opened = |history: &[(Moment, Arc<Value>)]| {
        history
            .last()
            .filter(|(at, newest)| T::rests(newest) && at.elapsed() > STEADY)
            .map(drop)
    };
    if witness.wait(&shop.kept(), OPENS, opened).is_none() {
        bail!("the shop does not come in sync: {}", witness.newest(&shop.kept()));
    }
    let watched = Watched::look(shop, &json!({}))?;
    let shop = &watched.shop;
    let (tool, report) = (shop.kept(), watched.kept());
    watched.says(witness, "in sync", |status| {
        status["counts"]["governed"] == 1 && status["counts"]["inSync"] == 1
    })?;
    let mut played = Played::default();

    let begun = Moment::now();
    if let Err(error) = drift(shop, kind, second, case.hand, &manifest) {
        played.went.insert("by hand", format!("refused: {error:#}"));
        return Ok(played);
    }
    let drifted = Moment::now();
    let told = witness.wait(&report, REPORT, |history| {
        history
            .iter()
            .find(|(at, report)| *at >= begun && !report.is_null() && !is_quiet(&report["status"]))
            .map(|(at, _)| *at)
    });
    match told {
        Some(at) => played
            .times
            .push(("hand change to report", at.saturating_duration_since(drifted))),
        // Where the tool undid it within the time that a change may take to settle, there was nothing to tell.
        None if !kind.has(&shop.deployment().read()?, second)? => {
            drop(played.went.insert("report", "none, undone at once".to_owned()))
        }
        None => played.fault("untold", "no report tells of the hand change"),
    }
    let differs = witness
        .history(&tool)
        .into_iter()
        .find(|(at, object)| *at >= begun && T::differs(object));
    if let Some((at, _)) = differs {
        played.times.push((
            "hand change to the tool's own word",
            at.saturating_duration_since(drifted),
        ));
    }

    let next = match case.git {
        Git::Still | Git::Elsewhere => first,
        Git::Adopts => second,
        Git::Third => third,
    };
    let mut revisions = Vec::new();
    let moved = case.git != Git::Still;
    let mut revision = String::new();
    if moved {
        revision = shop.commit(&kind.document(next)?, case.git == Git::Elsewhere)?;
        shop.sees(witness, &revision)?;
        watched.has_read(witness, &revision)?;
        if next != first {
            revisions.push(revision.clone());
        }
    }
    witness.wait(&report, REPORT, |history| {
        history
            .last()
            .is_none_or(|(at, _)| at.elapsed() > SETTLES)
            .then_some(())
    });
    let tried = shop.sync(witness, begun, &revision, moved)?;
    played.went.insert(
        "first sync",
        tried
            .as_ref()
            .map_or("none", |tried| if tried.refused { "refused" } else { "succeeded" })
            .to_owned(),
    );

    let cured = cure(&watched, witness)?;
    let healing = cured.approved.map(|from| (from, Moment::now()));
    played.times.extend(cured.took.map(|took| ("approval to Synced", took)));
    played.went.insert(
        "plans",
        if cured.plans.is_empty() {
            "none".to_owned()
        } else {
            cured.plans.join(", then ")
        },
    );
    let goes_on = match cured.end {
        End::Quiet | End::Healed(_) => true,
        End::NoPlan(why) => {
            played.unhealed = Some(why.clone());
            played
                .went
                .insert("no plan", why.split(':').next().unwrap_or_default().to_owned());
            false
        }
        End::Failed(why) => {
            played.fault("failed heal", why);
            false
        }
        End::Lost(why) => {
            played.fault("lost approval", why);
            false
        }
    };
    if goes_on {
        after(case, &watched, witness, next, &mut revisions, &mut played)?;
    }
    let (reports, objects) = (witness.history(&report), witness.history(&tool));
    let reports: Vec<(Moment, Arc<Value>)> = reports.into_iter().filter(|(at, _)| *at >= begun).collect();
    let tries = T::tries(&objects, begun);
    let unsettled = case.hand.writes_twice().then(|| drifted + SETTLES);
    let seen = Seen {
        reports: &reports,
        objects: &objects,
        tries: &tries,
        healing,
        telling: &revisions,
        unsettled,
        runs: T::runs,
    };
    played.judged = judge::judged(&seen);
    played.refused = tries.iter().filter(|one| one.refused).count();
    for words in judge::false_sentences(&seen) {
        played.fault("false sentence", words);
    }
    Ok(played)
}

/// After the cure: the cluster is as Git says, the next change of the union syncs, and the one back.
fn after<T: Tool>(
    case: &Case<T::Way>,
    watched: &Watched<T>,
    witness: &Witness,
    now: usize,
    revisions: &mut Vec<String>,
    played: &mut Played,
) -> Result<()> {
    let (shop, kind) = (&watched.shop, case.kind);
    if !kind.has(&shop.deployment().read()?, now)? {
        played.fault(
            "failed heal",
            format!("the cluster is not as Git says: {}", shop.deployment().read()?["spec"]),
        );
        return Ok(());
    }
    let other = kind.other_than(now)?;
    for member in [other, now] {
        let since = Moment::now();
        let revision = shop.commit(&kind.document(member)?, false)?;
        revisions.push(revision.clone());
        shop.sees(witness, &revision)?;
        watched.has_read(witness, &revision)?;
        if shop.is_asked(true) {
            witness.wait(&watched.kept(), REPORT, |history| {
                history
                    .last()
                    .is_none_or(|(at, _)| at.elapsed() > SETTLES)
                    .then_some(())
            });
        }
        match shop.sync(witness, since, &revision, true)? {
            Some(tried) if tried.refused => {
                played.fault(
                    "trap",
                    format!("the next change to member {member} is refused: {}", tried.message),
                );
                return Ok(());
            }
            Some(_) => {}
            None => {
                let (status, object) = (&witness.newest(&watched.kept())["status"], witness.newest(&shop.kept()));
                let told = format!(
                    "{} {}: {}",
                    status["phase"], status["operation"]["class"], status["summary"]
                );
                let conditions = &object["status"]["conditions"];
                if status["operation"]["class"] == "DryRunRefused" {
                    // The tool's own comparison is in the way, whoever changes the union: said, and nobody's trap.
                    played.went.insert(
                        "next change",
                        format!("stopped by the tool's own comparison, told {}", status["phase"]),
                    );
                } else {
                    let at = &object["status"]["operationState"];
                    played.fault(
                        "failed heal",
                        format!(
                            "no sync of the next change comes: told {told}; {conditions} {} {}",
                            at["phase"], at["message"]
                        ),
                    );
                }
                return Ok(());
            }
        }
        if !kind.has(&shop.deployment().read()?, member)? {
            played.fault(
                "trap",
                format!(
                    "the next change to member {member} syncs, and is not there: {}",
                    shop.deployment().read()?["spec"]
                ),
            );
        }
        let rests = |history: &[(Moment, Arc<Value>)]| history.last().filter(|(_, newest)| T::rests(newest)).map(drop);
        witness.wait(&shop.kept(), REPORT, rests);
    }
    let quiet = witness.wait(&watched.kept(), REPORT, |history| {
        history
            .last()
            .is_none_or(|(_, newest)| is_quiet(&newest["status"]))
            .then_some(())
    });
    if quiet.is_none() {
        let status = &witness.newest(&watched.kept())["status"];
        played.fault(
            "failed heal",
            format!(
                "the report is not quiet at the end: {} {}",
                status["phase"], status["summary"]
            ),
        );
    }
    let live = shop.deployment().read()?;
    // Who does not ask who owns a field is stopped by nobody who does: of ours, though, nothing may be left.
    let mut left = kind.owners_besides(&live, T::MANAGERS)?;
    if !case.way.by_owner() {
        left.retain(|owner| owner.starts_with("driftmend"));
    }
    if !left.is_empty() {
        played.fault("trap", format!("owners are left on the union: {}", left.join(", ")));
    }
    let entries = live["metadata"]["managedFields"].as_array().into_iter().flatten();
    let elsewhere = entries.filter(|entry| {
        entry["manager"]
            .as_str()
            .is_some_and(|manager| manager.starts_with("driftmend"))
    });
    played
        .open
        .extend(elsewhere.map(|entry| format!("{} is left beside the union: {}", entry["manager"], entry["fieldsV1"])));
    Ok(())
}

impl<T: Tool> Watched<T> {
    /// Where the witness keeps its report.
    pub fn kept(&self) -> super::Kept {
        super::Kept::new("DriftReport", self.shop.namespace(), "deployment-web")
    }

    /// Waits until the watch has read this commit.
    fn has_read(&self, witness: &Witness, revision: &str) -> Result<()> {
        let commit = revision.rsplit(':').next().unwrap_or(revision);
        self.says(witness, "the new commit", |status| {
            status["revision"].as_str().is_some_and(|at| at.contains(commit))
        })
    }

    /// Waits until the watch's status fits.
    fn says(&self, witness: &Witness, what: &str, fits: impl Fn(&Value) -> bool) -> Result<()> {
        let kept = super::Kept::new("DriftWatch", self.shop.namespace(), "shop");
        match witness.wait(&kept, OPENS, |history| {
            history.last().filter(|(_, newest)| fits(&newest["status"])).map(drop)
        }) {
            Some(()) => Ok(()),
            None => bail!("the watch does not tell of {what}: {}", witness.newest(&kept)["status"]),
        }
    }
}
