//! The record of heals: what a report says of them cannot be forged by anybody, a Deployment is written only while its
//! report says so, and whatever an input gives fits into what the CRD bounds.

mod audit;
mod deployment;
mod history;
mod report;
mod worst;

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::installation::Installation;
use report::{People, Report, entry, hash, healing, with};

const PATIENCE: Duration = Duration::from_secs(150);

const AT: &str = "2026-01-05T10:00:00Z";

/// Whose name the controller heals under.
const CONTROLLER: &str = "controller as system:serviceaccount:driftmend:driftmend";

static SHARED: OnceLock<Result<Installation, String>> = OnceLock::new();

/// The chart in mode heal, and no controller beside the tests.
fn shared() -> Result<&'static Installation> {
    let install = || {
        let installation = Installation::prepare(&["shop"])?;
        installation.install("heal", &["shop"])?;
        Ok::<_, anyhow::Error>(installation)
    };
    let made = SHARED.get_or_init(|| install().map_err(|error| format!("{error:?}")));
    made.as_ref()
        .map_err(|reason| anyhow::anyhow!("failed to install the chart for the tests of its records: {reason}"))
}

#[test]
fn a_heal_begins_as_it_was_approved_moves_only_forward_and_ends_by_its_entry() -> Result<()> {
    let installation = shared()?;
    let people = People::of(installation, "fay")?;
    let report = Report::create(&installation.control_plane, "forward")?;
    let (plan, mine) = (hash(1), |state: &str| healing(&hash(1), "fay", "fay", state));
    report.approved(&people, "fay", &plan)?;
    let begin = |healing: Value| json!({"healing": healing, "heal": "Healing"});

    let before = report.status()?;
    let two = healing(&hash(2), "fay", "fay", "Pending");
    for (what, status) in [
        ("another plan", begin(two)),
        ("another approver", begin(healing(&plan, "fay", "ada", "Pending"))),
        ("a step that is done", begin(mine("Done"))),
        (
            "other steps",
            begin(with(
                &mine("Pending"),
                json!({"steps": [{"kind": "Transfer", "state": "Pending", "paths": []}]}),
            )),
        ),
        (
            "another Deployment",
            begin(with(&mine("Pending"), json!({"uid": "another"}))),
        ),
        (
            "requests that were not sent",
            begin(with(
                &mine("Pending"),
                json!({"requests": [{"kind": "Restore", "at": AT, "digest": "", "answer": ""}]}),
            )),
        ),
        ("no steps", begin(with(&mine("Pending"), json!({"steps": []})))),
        (
            "another judge",
            begin(with(&mine("Pending"), json!({"judge": "another"}))),
        ),
        (
            "a word of its own",
            json!({"healing": mine("Pending"), "heal": "Healed"}),
        ),
        ("only the word", json!({"heal": "Healed"})),
        (
            "a heal that never was",
            json!({"history": [entry(&plan, "fay", "fay", "Healed")]}),
        ),
    ] {
        report.refused(what, report.write(&people.person, status)?, &before)?;
    }
    let both = json!({"approval": {"decision": "Approved", "planHash": plan, "by": "fay", "at": AT,
                                   "reason": "at once"}, "healing": mine("Pending"), "heal": "Healing"});
    report.refused(
        "an approval by the same write",
        report.write(&people.person, both)?,
        &before,
    )?;
    report.refused(
        "the controller as somebody else",
        report.write(&people.controller, json!({"healing": mine("Pending")}))?,
        &before,
    )?;

    report.accepted("the beginning", &people.person, begin(mine("Pending")))?;
    report.accepted(
        "nothing began",
        &people.person,
        json!({"healing": null, "heal": "AwaitingApproval"}),
    )?;
    report.accepted("the beginning again", &people.person, begin(mine("Pending")))?;
    let begun = with(
        &mine("Begun"),
        json!({"steps": [{"kind": "Restore", "state": "Begun", "paths": [".spec.replicas"], "begunAt": AT}]}),
    );
    report.accepted("the step", &people.person, json!({ "healing": begun }))?;

    let before = report.status()?;
    let failed = |entry: Value| json!({"healing": null, "heal": "Failed", "history": [entry]});
    for (what, status) in [
        ("a step that begins anew", json!({"healing": mine("Pending")})),
        (
            "another time of the beginning",
            json!({"healing": with(&begun,
                                   json!({"steps": [{"kind": "Restore", "state": "Begun", "paths": [".spec.replicas"],
                                                     "begunAt": "2026-01-05T11:00:00Z"}]}))}),
        ),
        (
            "other fields",
            json!({"healing": with(&begun,
                                   json!({"steps": [{"kind": "Restore", "state": "Begun", "paths": [".spec"],
                                                     "begunAt": AT}]}))}),
        ),
        (
            "another plan",
            json!({"healing": with(&begun, json!({"planHash": hash(2)}))}),
        ),
        (
            "another healer",
            json!({"healing": with(&begun, json!({"healer": "ada"}))}),
        ),
        (
            "other evidence",
            json!({"healing": with(&begun, json!({"evidence": []}))}),
        ),
        (
            "an end without a trace",
            json!({"healing": null, "heal": "AwaitingApproval"}),
        ),
        (
            "success before the step is done",
            json!({"healing": null, "heal": "Healed", "history": [entry(&plan, "fay", "fay", "Healed")]}),
        ),
        (
            "the entry of another plan",
            failed(entry(&hash(2), "fay", "fay", "Failed")),
        ),
        (
            "the entry of another approver",
            failed(entry(&plan, "fay", "ada", "Failed")),
        ),
        (
            "the entry of another healer",
            failed(entry(&plan, "ada", "fay", "Failed")),
        ),
        (
            "evidence twice",
            failed(with(
                &entry(&plan, "fay", "fay", "Failed"),
                json!({"evidence": [begun["evidence"][0], begun["evidence"][0]]}),
            )),
        ),
        (
            "an entry without the evidence",
            failed(with(&entry(&plan, "fay", "fay", "Failed"), json!({"evidence": []}))),
        ),
        (
            "two entries",
            json!({"healing": null, "heal": "Failed", "history": [entry(&plan, "fay", "fay", "Failed"),
                entry(&hash(7), "fay", "fay", "Failed")]}),
        ),
        (
            "an entry of a heal that goes on",
            json!({"history": [entry(&plan, "fay", "fay", "Failed")]}),
        ),
    ] {
        report.refused(what, report.write(&people.person, status)?, &before)?;
    }
    report.refused(
        "the controller in its place",
        report.write(&people.controller, json!({"healing": mine("Done")}))?,
        &before,
    )?;
    report.accepted(
        "evidence that had no room",
        &people.person,
        failed(with(
            &entry(&plan, "fay", "fay", "Failed"),
            json!({"evidence": [], "evidenceOmitted": 1}),
        )),
    )?;
    let before = report.status()?;
    report.refused(
        "a plan that is spent",
        report.write(&people.person, begin(mine("Pending")))?,
        &before,
    )?;
    Ok(())
}

#[test]
fn while_a_plan_is_carried_out_nobody_approves_and_only_what_sent_nothing_was_not_carried_out() -> Result<()> {
    let installation = shared()?;
    let people = People::of(installation, "kim")?;
    for (target, sent) in [("meanwhile", false), ("sent", true)] {
        let report = Report::create(&installation.control_plane, target)?;
        let plan = hash(1);
        report.approved(&people, "kim", &plan)?;
        let mine = healing(&plan, "kim", "kim", "Pending");
        report.accepted(
            "the beginning",
            &people.person,
            json!({"healing": mine, "heal": "Healing"}),
        )?;
        let before = report.status()?;
        let again =
            json!({"approval": {"decision": "Approved", "planHash": plan, "by": "kim", "at": "2026-01-05T11:00:00Z"}});
        let answer = report.write(&people.person, again)?;
        let told = format!(
            "plan {plan}, approved by kim, is being carried out: approve what the report offers when that has ended"
        );
        ensure!(answer.stderr.contains(&told), "{told:?} is not in {}", answer.stderr);
        report.refused("another yes", answer, &before)?;

        let requests = if sent {
            vec![json!({"kind": "Restore", "at": AT, "digest": "", "answer": ""})]
        } else {
            Vec::new()
        };
        let begun = with(
            &mine,
            json!({"steps": [{"kind": "Restore", "state": "Begun", "paths": [".spec.replicas"], "begunAt": AT}],
                   "requests": requests}),
        );
        report.accepted("the step", &people.person, json!({ "healing": begun }))?;
        let before = report.status()?;
        let entry = with(
            &entry(&plan, "kim", "kim", "NotCarriedOut"),
            json!({ "requests": requests }),
        );
        let end = |word: &str| json!({"healing": null, "heal": word, "history": [entry]});
        report.refused(
            "a word of its own",
            report.write(&people.person, end("Healed"))?,
            &before,
        )?;
        match sent {
            true => report.refused(
                "it sent a request",
                report.write(&people.person, end("AwaitingApproval"))?,
                &before,
            )?,
            false => report.accepted("the end", &people.person, end("AwaitingApproval"))?,
        }
    }
    Ok(())
}
