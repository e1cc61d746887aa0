//! Which of a report's sentences are not true of what the cluster did.

use jiff::Timestamp;

use super::{AT_ONCE, LAG, Look, Shown, sentences, time};
use crate::harness::watched::{condition, kinds};
use crate::shop::text;

pub(super) fn judge(shown: &Shown<'_>, operations: &[(Timestamp, bool)]) -> Vec<String> {
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
