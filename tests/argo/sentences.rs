//! Every sentence of a report is true when it is shown: all that it says while the incident runs its course is kept
//! with its time, and held against what the API server and Argo CD had and did then and next.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::object::Object;
use crate::harness::watched::{condition, kinds};
use crate::shop::{Apply, Policy, Shop, deployment, exec, in_sync, text};
use crate::watched::{Watched, wait_for_plan_over_a_failure};

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

fn judge(shown: &Shown<'_>, operations: &[(Timestamp, bool)]) -> Vec<String> {
    let mut lies = when(shown, operations);
    let Shown { status, .. } = shown;
    lies.extend(plans(shown));
    lies.extend(conditions(shown));
    lies.extend(in_progress(shown));
    lies.extend(waits(shown, operations));
    lies.extend(healed(shown));
    // What we, or the tool that was handed a field, write in a heal is nobody's change.
    if !status["healing"].is_null() {
        for told in
            sentences(status).filter(|told| told.contains("driftmend-heal") || told.contains("by argocd-controller"))
        {
            lies.push(shown.says(&told, "it was our own heal"));
        }
    }
    let summary = text(&status["summary"]);
    for look in shown.settled() {
        let state = &look.application["status"]["operationState"];
        let probe = look.live.pointer("/spec/template/spec/containers/0/livenessProbe");
        if status["phase"] == "InSync" && probe.is_some_and(|probe| !probe["tcpSocket"].is_null()) {
            lies.push(shown.says(&summary, &format!("live has tcpSocket at {}", look.at)));
        }
        let succeeded =
            state["phase"] == "Succeeded" && time(&state["startedAt"]).is_some_and(|began| began > shown.from);
        if summary.contains("will be refused") && succeeded {
            lies.push(shown.says(
                &summary,
                &format!("a sync that began at {} succeeded", state["startedAt"]),
            ));
        }
        if status["operation"]["class"] == "FailedAtRevision" && state["phase"] != "Failed" {
            lies.push(shown.says(
                "FailedAtRevision",
                &format!("the phase is {} at {}", state["phase"], look.at),
            ));
        }
    }
    lies
}

/// When the next sync comes, held against when one came.
fn when(shown: &Shown<'_>, operations: &[(Timestamp, bool)]) -> Vec<String> {
    let told = text(&shown.status["prediction"]["when"]);
    let mut lies = Vec::new();
    let came = |from: Timestamp, until: Timestamp| {
        operations
            .iter()
            .any(|(began, _)| *began >= from - LAG && *began <= until)
    };
    if told.starts_with("at once") {
        let stayed = shown.until.duration_since(shown.from);
        let runs = shown.looks.iter().any(|look| !look.application["operation"].is_null());
        if stayed > AT_ONCE && !runs && !came(shown.from, shown.from + AT_ONCE) {
            lies.push(shown.says(&told, "no sync came"));
        }
    }
    let by_itself = ["at the next commit", "never", "when somebody syncs"];
    if by_itself.iter().any(|words| told.starts_with(words)) {
        let begun = operations
            .iter()
            .find(|(began, automated)| *automated && *began > shown.from + LAG && *began < shown.until - LAG);
        lies.extend(begun.map(|(began, _)| shown.says(&told, &format!("Argo CD began a sync by itself at {began}"))));
    }
    let at = told
        .strip_prefix("at ")
        .and_then(|rest| rest.split(": ").next()?.parse::<Timestamp>().ok());
    if at.is_some_and(|at| shown.until > at + AT_ONCE) {
        lies.push(shown.says(&told, "that time is over"));
    }
    lies
}

/// What is said of plans, held against the plan that stands beside it.
fn plans(shown: &Shown<'_>) -> Vec<String> {
    let status = shown.status;
    let mut lies = Vec::new();
    for remedy in sentences(status).filter(|told| told.contains("A plan takes ")) {
        let taken = remedy
            .rsplit_once("A plan takes ")
            .map(|(_, rest)| rest.split([',', '.']).next().unwrap_or_default().to_owned());
        if !taken.is_some_and(|taken| kinds(status).contains(&taken.as_str())) {
            lies.push(shown.says(&remedy, &format!("the plan is {:?}", kinds(status))));
        }
    }
    let ready = condition(status, "PlanReady");
    if (ready["status"] == "True") == status["plan"].is_null() {
        lies.push(shown.says(&format!("PlanReady {}", ready["status"]), "the plan says otherwise"));
    }
    lies
}

/// The conditions, held against each other.
fn conditions(shown: &Shown<'_>) -> Vec<String> {
    let holds = |kind: &str| condition(shown.status, kind)["status"] == "True";
    let others = ["Conflicted", "Drifted"]
        .into_iter()
        .filter(|other| holds("Healed") && holds(other));
    others
        .map(|other| shown.says("Healed is True", &format!("so is {other}")))
        .collect()
}

/// What is said of a heal in progress, held against its record: no other plan is offered, and the step is the one that
/// it is at.
fn in_progress(shown: &Shown<'_>) -> Vec<String> {
    let (status, healing) = (shown.status, &shown.status["healing"]);
    let (Some(hash), ready) = (
        healing["planHash"].as_str(),
        text(&condition(status, "PlanReady")["message"]),
    ) else {
        return Vec::new();
    };
    // Whoever heals says so before anybody else does.
    if shown.until.duration_since(shown.from) < LAG {
        return Vec::new();
    }
    let mut lies = Vec::new();
    let short = hash.get(..12).unwrap_or(hash);
    if !ready.starts_with(&format!(
        "plan {short}, approved by {}, is being carried out",
        text(&healing["by"])
    )) {
        lies.push(shown.says(&ready, &format!("plan {short} is being carried out")));
    }
    let steps = healing["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let open = steps.iter().position(|step| step["state"] != "Done");
    let far = open.map(|at| format!("step {} of {} ({})", at + 1, steps.len(), text(&steps[at]["kind"])));
    if far.as_ref().is_some_and(|far| !ready.ends_with(far.as_str())) {
        lies.push(shown.says(&ready, &format!("it is at {far:?}")));
    }
    if !status["plan"].is_null() && status["plan"]["hash"] != hash {
        lies.push(shown.says(
            &text(&status["plan"]["hash"]),
            &format!("plan {short} is being carried out"),
        ));
    }
    lies
}

/// What an approved plan waits for, held against what was there meanwhile.
fn waits(shown: &Shown<'_>, operations: &[(Timestamp, bool)]) -> Vec<String> {
    let told = text(&condition(shown.status, "Approved")["message"]);
    let mut lies = Vec::new();
    let asked = |look: &Look| !look.application["metadata"]["annotations"]["argocd.argoproj.io/refresh"].is_null();
    let runs = |look: &Look| !look.application["operation"].is_null();
    let mut settled = shown.settled();
    if told.contains("waits for Argo CD's comparison") || told.contains("waits for Argo CD's controller") {
        lies.extend(
            settled
                .find(|look| !asked(look))
                .map(|look| shown.says(&told, &format!("none is asked for at {}", look.at))),
        );
    } else if told.contains("waits for Argo CD's own retry") || told.contains("waits for the sync of Argo CD") {
        lies.extend(
            settled
                .find(|look| !runs(look))
                .map(|look| shown.says(&told, &format!("no operation is there at {}", look.at))),
        );
    }
    let at = told
        .split_once("is tried again at ")
        .and_then(|(_, rest)| rest.split(' ').next()?.parse::<Timestamp>().ok());
    if at.is_some_and(|at| shown.until > at + AT_ONCE) {
        lies.push(shown.says(&told, &format!("that time is over, and these came: {operations:?}")));
    }
    lies
}

/// That a heal is over and holds: live is as Git said then, and no heal goes on.
fn healed(shown: &Shown<'_>) -> Vec<String> {
    let healed = condition(shown.status, "Healed");
    if healed["status"] != "True" {
        return Vec::new();
    }
    let newest = shown.status["history"].as_array().and_then(|history| history.last());
    let mut lies = Vec::new();
    if newest.is_none_or(|newest| newest["result"] != "Healed") {
        lies.push(shown.says("Healed is True", &format!("the last heal ended as {newest:?}")));
    }
    if !shown.status["healing"].is_null() {
        lies.push(shown.says("Healed is True", "a heal goes on"));
    }
    let failed = |look: &&Look| {
        let state = &look.application["status"]["operationState"];
        ["Failed", "Error"].contains(&text(&state["phase"]).as_str()) && text(&state["message"]).contains("Deployment")
    };
    lies.extend(
        shown
            .settled()
            .find(failed)
            .map(|look| shown.says("Healed is True", &format!("a sync has failed at {}", look.at))),
    );
    lies
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
