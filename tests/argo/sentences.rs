//! Every sentence of a report is true when it is shown: all that it says while the incident runs its course is kept
//! with its time, and held against what the API server and Argo CD had and did then and next.

mod verdict;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::object::Object;
use crate::shop::{Apply, Policy, Shop, deployment, exec, in_sync, text};
use crate::watched::{Watched, wait_for_plan_over_a_failure};
use verdict::judge;

/// How long a sentence may stay that something overtook: a report is written within a second or two, and what nobody
/// acts on once a minute.
const LAG: SignedDuration = SignedDuration::from_secs(4);

/// How long "at once" may take.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(15);

/// How often everything is looked at.
const LOOKS: Duration = Duration::from_millis(150);

/// What was there at one time.
pub struct Look {
    at: Timestamp,
    report: Value,
    application: Value,
    live: Value,
}

/// A report's status, and from when until when it was shown.
struct Shown<'a> {
    from: Timestamp,
    until: Timestamp,
    status: &'a Value,
    looks: &'a [Look],
}

impl Shown<'_> {
    /// The looks at what this status was about, when whoever wrote it had the time to see what is there, and to write
    /// what came next.
    fn settled(&self) -> impl Iterator<Item = &Look> {
        let (from, until) = (self.from + LAG, self.until - LAG);
        self.looks
            .iter()
            .filter(move |look| look.at >= from && look.at <= until)
    }

    fn says(&self, what: &str, truth: &str) -> String {
        format!("from {} until {}: {what:?}, and {truth}", self.from, self.until)
    }
}

/// The statuses one after the other, each with the looks in its time.
fn shown(looks: &[Look]) -> Vec<Shown<'_>> {
    let mut all = Vec::new();
    let mut begin = 0;
    for end in 1..=looks.len() {
        if end == looks.len() || looks[end].report != looks[begin].report {
            let until = looks.get(end).unwrap_or(&looks[end - 1]).at;
            all.push(Shown {
                from: looks[begin].at,
                until,
                status: &looks[begin].report,
                looks: &looks[begin..end],
            });
            begin = end;
        }
    }
    all
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// When each operation began, and whether Argo CD began it by itself.
fn operations(looks: &[Look]) -> Vec<(Timestamp, bool)> {
    let of = |look: &Look| {
        let state = &look.application["status"]["operationState"];
        Some((
            time(&state["startedAt"])?,
            state["operation"]["initiatedBy"]["automated"] == true,
        ))
    };
    let mut all: Vec<_> = looks.iter().filter_map(of).collect();
    all.sort();
    all.dedup();
    all
}

/// The sentences that were not true.
pub fn lies(looks: &[Look]) -> Vec<String> {
    let operations = operations(looks);
    shown(looks)
        .iter()
        .filter(|shown| !shown.status.is_null())
        .flat_map(|shown| judge(shown, &operations))
        .collect()
}

/// All that a status says in sentences.
fn sentences(status: &Value) -> impl Iterator<Item = String> {
    let findings = status["findings"].as_array().into_iter().flatten();
    let findings = findings.flat_map(|finding| [&finding["message"], &finding["evidence"], &finding["remedy"]]);
    let conditions = status["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|condition| &condition["message"]);
    let mut all: Vec<String> = findings
        .chain(conditions)
        .chain([&status["summary"], &status["prediction"]["when"]])
        .map(text)
        .collect();
    all.retain(|told| !told.is_empty());
    all.into_iter()
}

/// Looks at everything while a scenario plays.
pub fn watch<T>(shop: &Shop<'_>, play: impl FnOnce() -> Result<T>) -> Result<(T, Vec<Look>)> {
    let report = Object::new(shop.control_plane, "driftreport", &shop.namespace, "deployment-web")?;
    let (application, live) = (shop.application.clone(), shop.deployment.clone());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let looks = scope.spawn(|| -> Result<Vec<Look>> {
            let mut looks = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let status = report
                    .find()?
                    .map(|report| report["status"].clone())
                    .unwrap_or_default();
                let (application, live) = (application.read()?, live.find()?.unwrap_or_default());
                looks.push(Look {
                    at: Timestamp::now(),
                    report: status,
                    application,
                    live,
                });
                thread::sleep(LOOKS);
            }
            Ok(looks)
        });
        let played = play();
        over.store(true, Ordering::Relaxed);
        let looks = looks.join().ok().context("the looks ended")??;
        Ok((played?, looks))
    })
}

/// The classic incident from the hand change to the next change of the handler.
fn the_incident_is_told_in_true_sentences(name: &str, apply: Apply, policy: Policy, steps: &[&str]) -> Result<()> {
    let watched = Watched::open(Shop::open(name, apply, policy, &[])?, &json!({}))?;
    let shop = &watched.shop;
    let ((), looks) = watch(shop, || {
        shop.break_by_hand()?;
        wait_for_plan_over_a_failure(&watched, steps)?;
        // What stands still is told for a while.
        thread::sleep(Duration::from_secs(10));
        watched.heal(steps)?;
        shop.wait_until("Synced", in_sync)?;
        let revision = shop.commit(&[deployment(&exec())]);
        shop.bring(policy, &revision)?;
        watched.wait_for_status("quiet", |status| status["phase"] == "InSync")?;
        thread::sleep(Duration::from_secs(5));
        Ok(())
    })?;
    let told: usize = shown(&looks).iter().map(|shown| sentences(shown.status).count()).sum();
    assert!(told > 20, "{told} sentences were told");
    let lies = lies(&looks);
    assert!(lies.is_empty(), "{lies:#?}");
    Ok(())
}

#[test]
fn under_client_side_apply_with_self_heal_every_sentence_is_true() -> Result<()> {
    the_incident_is_told_in_true_sentences(
        "true-client",
        Apply::ClientSide,
        Policy::SelfHeal,
        &["Restore", "Transfer", "Refresh", "StartOperation"],
    )
}

#[test]
fn under_server_side_apply_with_self_heal_every_sentence_is_true() -> Result<()> {
    the_incident_is_told_in_true_sentences(
        "true-server",
        Apply::ServerSide,
        Policy::SelfHeal,
        &["HandBack", "Refresh", "StartOperation"],
    )
}

#[test]
fn under_client_side_apply_with_manual_syncs_every_sentence_is_true() -> Result<()> {
    the_incident_is_told_in_true_sentences(
        "true-manual",
        Apply::ClientSide,
        Policy::Manual,
        &["Restore", "Transfer", "Refresh", "StartOperation"],
    )
}

#[test]
fn under_server_side_apply_with_manual_syncs_every_sentence_is_true() -> Result<()> {
    the_incident_is_told_in_true_sentences(
        "true-manual-server",
        Apply::ServerSide,
        Policy::Manual,
        &["HandBack", "Refresh", "StartOperation"],
    )
}
