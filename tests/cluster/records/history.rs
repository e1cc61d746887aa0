//! The history of a report: who may add to it, and that it stays.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::deployment::with_stale;
use super::{AT, CONTROLLER, People, Report, entry, hash, healing, shared, with};

/// Ten heals one after the other, as the controller and a person carry them out.
fn ten_heals(report: &Report<'_>, people: &People, person: &str) -> Result<Vec<Value>> {
    for number in 1..=10 {
        let plan = hash(number);
        report.approved(people, person, &plan)?;
        let (by, healer) = if number % 2 == 0 {
            (&people.person, person)
        } else {
            (&people.controller, CONTROLLER)
        };
        report.accepted(
            "the beginning",
            by,
            json!({"healing": healing(&plan, healer, person, "Pending"), "heal": "Healing"}),
        )?;
        report.accepted(
            "the step",
            by,
            json!({"healing": healing(&plan, healer, person, "Begun")}),
        )?;
        report.accepted(
            "its end",
            by,
            json!({"healing": healing(&plan, healer, person, "Done")}),
        )?;
        let mut history = report.status()?["history"].as_array().cloned().unwrap_or_default();
        history.push(entry(&plan, healer, person, "Healed"));
        report.accepted(
            "the end",
            by,
            json!({"healing": null, "heal": "Healed", "history": history}),
        )?;
    }
    Ok(report.status()?["history"].as_array().cloned().unwrap_or_default())
}

#[test]
fn nobody_changes_or_leaves_out_anything_of_the_history() -> Result<()> {
    let installation = shared()?;
    let people = People::of(installation, "gil")?;
    let report = Report::create(&installation.control_plane, "kept")?;
    let history = ten_heals(&report, &people, "gil")?;
    assert_eq!(history.len(), 10);
    let before = report.status()?;
    let changed = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut history = history.clone();
        change(&mut history);
        json!({ "history": history })
    };
    let new = || entry(&hash(99), CONTROLLER, "gil", "Healed");
    for by in [&people.admin, &people.controller, &people.person] {
        for (what, status) in [
            ("another approver", changed(&|history| history[3]["by"] = json!("ada"))),
            (
                "another result",
                changed(&|history| history[0]["result"] = json!("Failed")),
            ),
            ("less evidence", changed(&|history| history[4]["evidence"] = json!([]))),
            ("the first left out", changed(&|history| drop(history.remove(0)))),
            ("the last left out", changed(&|history| drop(history.pop()))),
            ("two left out", changed(&|history| drop(history.drain(..2)))),
            (
                "one twice in the place of another",
                changed(&|history| history[0] = history[5].clone()),
            ),
            ("one in the place of the first", changed(&|history| history[0] = new())),
            ("one in the place of another", changed(&|history| history[6] = new())),
            ("nothing", json!({"history": []})),
            ("null", json!({"history": null})),
        ] {
            report.refused(what, report.write(by, status)?, &before)?;
        }
        let removed = json!([{"op": "remove", "path": "/status/history/2"}]);
        report.refused("a JSON patch", report.patch(by, "json", &removed)?, &before)?;
    }
    // A whole status by PUT, and by server-side apply.
    let get = ["get", "driftreport", &report.name, "-n", "shop", "--output=json"];
    let mut whole: Value = serde_json::from_str(&report.control_plane.kubectl(&get)?.success()?)?;
    whole["status"]["history"] = json!([]);
    let put = report.control_plane.tool("kubectl")?.input(whole.to_string()).run(&[
        "replace",
        "--subresource=status",
        "-f",
        "-",
    ])?;
    report.refused("a PUT", put, &before)?;
    let applied = json!({
        "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport",
        "metadata": {"name": report.name, "namespace": "shop"},
        "status": {"history": []},
    });
    let apply = [
        "apply",
        "--server-side",
        "--force-conflicts",
        "--subresource=status",
        "-f",
        "-",
    ];
    let apply = report
        .control_plane
        .tool("kubectl")?
        .input(applied.to_string())
        .run(&apply)?;
    report.refused("a server-side apply", apply, &before)?;

    // The eleventh takes the place of the first, and of no other.
    let plan = hash(11);
    report.approved(&people, "gil", &plan)?;
    report.accepted(
        "the beginning",
        &people.controller,
        json!({"healing": healing(&plan, CONTROLLER, "gil", "Pending"), "heal": "Healing"}),
    )?;
    report.accepted(
        "the step",
        &people.controller,
        json!({"healing": healing(&plan, CONTROLLER, "gil", "Done")}),
    )?;
    let before = report.status()?;
    let eleventh = entry(&plan, CONTROLLER, "gil", "Healed");
    let end = |history: Vec<Value>| json!({"healing": null, "heal": "Healed", "history": history});
    for (what, kept) in [
        ("two left out", history[2..].to_vec()),
        ("the second left out", [&history[..1], &history[2..]].concat()),
    ] {
        let answer = report.write(
            &people.controller,
            end([&kept[..], std::slice::from_ref(&eleventh)].concat()),
        )?;
        report.refused(what, answer, &before)?;
    }
    // What stays keeps its order, and the new one comes last.
    let (mut reversed, new) = (history[1..].to_vec(), std::slice::from_ref(&eleventh));
    reversed.reverse();
    for (what, moved) in [
        ("another order", [&reversed[..], new].concat()),
        ("the new one first", [new, &history[1..]].concat()),
    ] {
        report.refused(what, report.write(&people.controller, end(moved))?, &before)?;
    }
    let expected = [&history[1..], new].concat();
    report.accepted("the end", &people.controller, end(expected.clone()))?;
    assert_eq!(report.status()?["history"], json!(expected));
    Ok(())
}

#[test]
fn two_steps_of_one_kind_are_told_apart_and_who_ends_the_heal_of_another_says_only_that() -> Result<()> {
    let installation = shared()?;
    let people = People::of(installation, "ida")?;
    let report = Report::create(&installation.control_plane, "steps")?;
    let plan = hash(1);
    report.approved_of(&people, "ida", &plan, 2)?;
    let step = |state: &str| match state {
        "Begun" => json!({"kind": "Restore", "state": state, "paths": [".spec.replicas"], "begunAt": AT}),
        state => json!({"kind": "Restore", "state": state, "paths": [".spec.replicas"]}),
    };
    let of = |states: [&str; 2]| {
        json!({"healing": with(&healing(&plan, "ida", "ida", "Pending"),
                                                        json!({"steps": states.map(step)})), "heal": "Healing"})
    };
    report.accepted("the beginning", &people.person, of(["Pending", "Pending"]))?;
    report.accepted("the first step", &people.person, of(["Begun", "Pending"]))?;
    let before = report.status()?;
    // Each of the steps before is among those after, and none of them is where it was.
    report.refused(
        "the steps changed places",
        report.write(&people.person, of(["Pending", "Begun"]))?,
        &before,
    )?;

    let ended = |result: &str, message: &str| {
        let told = with(&entry(&plan, "ida", "ida", result), json!({ "message": message }));
        json!({"healing": null, "heal": result, "history": [told]})
    };
    for (what, by, message) in [
        (
            "a story of the controller",
            &people.controller,
            "interrupted: ada stopped it",
        ),
        ("a story of the administrator", &people.admin, "it went well"),
    ] {
        report.refused(what, report.write(by, ended("Failed", message))?, &before)?;
    }
    report.accepted(
        "an end by another",
        &people.controller,
        ended("Failed", "interrupted: its healer did not come back"),
    )
}

#[test]
fn a_person_cannot_fill_a_status_by_heals_of_their_own() -> Result<()> {
    let installation = shared()?;
    let people = People::of(installation, "jan")?;
    let report = Report::create(&installation.control_plane, "filled")?;
    let plan = hash(1);
    report.approved_of(&people, "jan", &plan, 2)?;
    let mine = |change: Value| with(&healing(&plan, "jan", "jan", "Pending"), change);
    let begin = |steps: Value, evidence: Value| {
        json!({"healing": mine(json!({"steps": steps, "evidence": evidence})),
                                                       "heal": "Healing"})
    };
    let steps = |paths: Vec<String>| {
        json!([{"kind": "Restore", "state": "Pending", "paths": paths},
                                            {"kind": "Restore", "state": "Pending", "paths": [".spec.paused"]}])
    };
    let usual = || steps(vec![".spec.replicas".to_owned()]);
    let proof = |bytes: usize, letter: &str| {
        json!([{"path": letter.repeat(bytes / letter.len()), "manager": "kubectl",
                                                     "operation": "Update", "time": AT}])
    };
    let before = report.status()?;
    for (what, status) in [
        (
            "more evidence than there is room for",
            begin(usual(), json!(vec![proof(800, "x")[0].clone(); 2])),
        ),
        ("evidence in letters of two bytes", begin(usual(), proof(2_000, "ü"))),
        ("evidence that JSON escapes", begin(usual(), proof(900, "\""))),
        (
            "more fields than there is room for",
            begin(
                steps((0..130).map(|at| format!(".spec.{at:0100}")).collect()),
                json!([]),
            ),
        ),
        ("a long state", begin(with_stale(usual()), json!([]))),
    ] {
        report.refused(what, report.write(&people.person, status)?, &before)?;
    }
    report.accepted(
        "as much as there is room for",
        &people.person,
        begin(usual(), proof(1_000, "x")),
    )?;
    let states = |state: &str| {
        json!(
            usual()
                .as_array()
                .into_iter()
                .flatten()
                .map(|step| with(step, json!({ "state": state })))
                .collect::<Vec<_>>()
        )
    };
    let done = |more: Value| {
        json!({"healing": with(&mine(json!({"steps": states("Done"),
        "evidence": proof(1_000, "x")})), more)})
    };
    let sent = |answer: usize| json!({"kind": "Restore", "at": AT, "digest": hash(1), "answer": "x".repeat(answer)});
    let before = report.status()?;
    for (what, more) in [
        ("a long answer", json!({"requests": [sent(2_000)]})),
        ("a long state that was removed", json!({"removed": "ü".repeat(1_100)})),
        ("both", json!({"removed": "x".repeat(1_500), "requests": [sent(500)]})),
    ] {
        report.refused(what, report.write(&people.person, done(more))?, &before)?;
    }
    // Whatever a heal may gather has room in its entry, but for its evidence.
    let gathered = json!({"removed": "x".repeat(1_024), "requests": [sent(50), sent(50)]});
    report.accepted("what a heal gathers", &people.person, done(gathered.clone()))?;
    let before = report.status()?;
    let end = |change: Value| {
        let told = with(&with(&entry(&plan, "jan", "jan", "Healed"), gathered.clone()), change);
        json!({"healing": null, "heal": "Healed", "history": [told]})
    };
    let long = json!({"message": "x".repeat(2_000), "evidence": [], "evidenceOmitted": 1});
    report.refused("a long message", report.write(&people.person, end(long))?, &before)?;
    let control = json!({"message": "a\u{1}b", "evidence": [], "evidenceOmitted": 1});
    report.refused(
        "a control character",
        report.write(&people.person, end(control))?,
        &before,
    )?;
    report.accepted(
        "the end",
        &people.person,
        end(json!({"evidence": [], "evidenceOmitted": 1})),
    )
}
