//! The record of heals: what a report says of them cannot be forged by anybody, a Deployment is written only while its
//! report says so, and whatever an input gives fits into what the CRD bounds.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use driftmend::report::{ReportStatus, STATUS_LIMIT, fit, fitting_entry};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::{ControlPlane, Options, Output, definitions, wait};
use crate::installation::{self, Installation};
use crate::shop::{Shop, Sync};

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

/// The people of a test, each by their kubeconfig.
struct People {
    /// May do everything.
    admin: PathBuf,

    /// May patch Deployments and reports.
    person: PathBuf,

    /// The chart's ServiceAccount.
    controller: PathBuf,
}

impl People {
    fn of(installation: &Installation, name: &str) -> Result<Self> {
        let control_plane = &installation.control_plane;
        let role = format!("{name}-reads");
        let reads = [
            "create",
            "role",
            &role,
            "--verb=get",
            "--resource=driftreports.driftmend.dev/status",
            "-n",
            "shop",
        ];
        control_plane.kubectl(&reads)?.success()?;
        let bound = [
            "create",
            "rolebinding",
            &role,
            &format!("--role={role}"),
            "--serviceaccount=driftmend:driftmend",
            "-n",
            "shop",
        ];
        control_plane.kubectl(&bound)?.success()?;
        control_plane
            .kubectl(&[
                "create",
                "rolebinding",
                name,
                "--clusterrole=edit",
                &format!("--user={name}"),
                "-n",
                "shop",
            ])?
            .success()?;
        let person = control_plane.user(name, &[])?;
        Ok(Self {
            admin: control_plane.admin().to_owned(),
            person,
            controller: installation.service_account()?,
        })
    }
}

/// A report about a Deployment of the namespace `shop`.
struct Report<'a> {
    control_plane: &'a ControlPlane,
    name: String,
}

impl<'a> Report<'a> {
    fn create(control_plane: &'a ControlPlane, target: &str) -> Result<Self> {
        let name = format!("deployment-{target}");
        let report = json!({
            "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {
                "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
                "watchRef": {"namespace": "shop", "name": "shop"},
            },
        });
        control_plane.apply(&report.to_string())?;
        Ok(Self { control_plane, name })
    }

    /// Writes a status as somebody, by this type of patch.
    fn patch(&self, by: &Path, kind: &str, patch: &Value) -> Result<Output> {
        let (kind, patch) = (format!("--type={kind}"), patch.to_string());
        let arguments = [
            "patch",
            "driftreport",
            &self.name,
            "-n",
            "shop",
            "--subresource=status",
            &kind,
            "--patch",
            &patch,
        ];
        self.control_plane.tool("kubectl")?.kubeconfig(by).run(&arguments)
    }

    fn write(&self, by: &Path, status: Value) -> Result<Output> {
        self.patch(by, "merge", &json!({ "status": status }))
    }

    fn accepted(&self, what: &str, by: &Path, status: Value) -> Result<()> {
        self.write(by, status)?
            .success()
            .map(drop)
            .with_context(|| what.to_owned())
    }

    /// Writes what must be refused by a policy, and change nothing.
    fn refused(&self, what: &str, answer: Output, before: &Value) -> Result<()> {
        let told = format!("{}{}", answer.stdout, answer.stderr);
        ensure!(
            answer.code != 0 && told.contains("driftmend.dev' denied request"),
            "{what}: {told}"
        );
        ensure!(self.status()? == *before, "{what} was stored");
        Ok(())
    }

    fn status(&self) -> Result<Value> {
        let text = self
            .control_plane
            .kubectl(&["get", "driftreport", &self.name, "-n", "shop", "--output=json"])?
            .success()?;
        Ok(serde_json::from_str::<Value>(&text)?["status"].take())
    }

    /// Offers a plan of one step as the controller does, and approves it as a person does.
    fn approved(&self, people: &People, person: &str, hash: &str) -> Result<()> {
        self.approved_of(people, person, hash, 1)
    }

    /// The same of as many steps.
    fn approved_of(&self, people: &People, person: &str, hash: &str, steps: usize) -> Result<()> {
        let step = json!({
            "kind": "Restore", "target": "Deployment.apps shop/web", "summary": "…", "patch": "…",
            "object": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop",
                       "name": self.name.trim_start_matches("deployment-")},
        });
        let plan = json!({"hash": hash, "serial": 1, "expires": "2126-01-05T10:00:00Z", "cautions": [],
                          "steps": vec![step; steps]});
        wait::until("the rights of the controller", PATIENCE, || {
            let answer = self.write(
                &people.controller,
                json!({"phase": "Drifted", "summary": "…", "plan": plan, "targetUid": "u"}),
            )?;
            Ok(if answer.code == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stderr)
            })
        })?;
        let approval = json!({"approval": {"decision": "Approved", "planHash": hash, "by": person, "at": AT}});
        wait::until("the rights of a person", PATIENCE, || {
            let answer = self.write(&people.person, approval.clone())?;
            Ok(if answer.code == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stderr)
            })
        })
    }
}

fn hash(number: usize) -> String {
    format!("{number:064x}")
}

/// A heal of one step in this state.
fn healing(plan: &str, healer: &str, by: &str, state: &str) -> Value {
    json!({
        "planHash": plan, "uid": "u", "by": by, "healer": healer, "startedAt": AT,
        "steps": [{"kind": "Restore", "state": state, "paths": [".spec.replicas"]}],
        "evidence": [{"path": ".spec.replicas", "manager": "kubectl", "operation": "Update", "subresource": "scale"}],
    })
}

/// The entry of the history that such a heal leaves.
fn entry(plan: &str, healer: &str, by: &str, result: &str) -> Value {
    let mut entry = healing(plan, healer, by, "Done");
    for of_healing in ["uid", "steps"] {
        entry.as_object_mut().map(|fields| fields.remove(of_healing));
    }
    entry["finishedAt"] = json!(AT);
    entry["result"] = json!(result);
    entry["message"] = json!("…");
    entry
}

fn with(value: &Value, change: Value) -> Value {
    let mut changed = value.clone();
    json_patch::merge(&mut changed, &change);
    changed
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

/// The first step as one that removes a state of a long name.
fn with_stale(mut steps: Value) -> Value {
    steps[0]["stale"] = json!("x".repeat(320));
    steps[1]["revision"] = json!("x".repeat(1_000));
    steps
}

/// A write of the controller on a Deployment of the namespace `shop`, under its own manager.
fn write_deployment(installation: &Installation, by: &Path, name: &str, more: &[&str]) -> Result<Output> {
    let patch = json!({"metadata": {"labels": {"trial": format!("{}", std::process::id())}}}).to_string();
    let arguments = [
        "patch",
        "deployment",
        name,
        "-n",
        "shop",
        "--field-manager=driftmend-heal",
        "--type=merge",
        "--patch",
        &patch,
    ];
    installation
        .control_plane
        .tool("kubectl")?
        .kubeconfig(by)
        .run(&[&arguments[..], more].concat())
}

#[test]
fn a_deployment_is_written_only_in_a_step_of_its_approved_heal() -> Result<()> {
    let installation = shared()?;
    let control_plane = &installation.control_plane;
    let people = People::of(installation, "hal")?;
    for name in ["guarded", "beside"] {
        control_plane
            .kubectl(&[
                "create",
                "deployment",
                name,
                "-n",
                "shop",
                "--image=registry.example/web:1",
                "--replicas=0",
            ])?
            .success()?;
    }
    let uid = [
        "get",
        "deployment",
        "guarded",
        "-n",
        "shop",
        "--output=jsonpath={.metadata.uid}",
    ];
    let uid = control_plane.kubectl(&uid)?.success()?;
    let report = Report::create(control_plane, "guarded")?;
    let plan = hash(5);
    report.approved(&people, "hal", &plan)?;
    report.accepted("the uid", &people.controller, json!({ "targetUid": uid }))?;
    let words = "driftmend writes a Deployment only";
    let refused = |what: &str| -> Result<()> {
        wait::until(what, PATIENCE, || {
            let answer = write_deployment(installation, &people.controller, "guarded", &[])?;
            ensure!(answer.code != 0, "{what}: it was written");
            Ok(if answer.stderr.contains(words) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stderr)
            })
        })
    };
    refused("a plan that is only approved")?;
    // What stores nothing is asked before anybody approves, and everybody else may write.
    write_deployment(installation, &people.controller, "guarded", &["--dry-run=server"])?.success()?;
    write_deployment(installation, &people.person, "guarded", &[])?.success()?;
    control_plane
        .kubectl(&["label", "deployment", "guarded", "-n", "shop", "trial-"])?
        .success()?;

    let of_uid = |state: &str, uid: &str| with(&healing(&plan, CONTROLLER, "hal", state), json!({ "uid": uid }));
    report.accepted(
        "the beginning",
        &people.controller,
        json!({"healing": of_uid("Pending", &uid), "heal": "Healing"}),
    )?;
    refused("a heal of which no step began")?;
    report.accepted(
        "the step",
        &people.controller,
        json!({"healing": of_uid("Begun", &uid)}),
    )?;
    wait::until("the write of the step", PATIENCE, || {
        let answer = write_deployment(installation, &people.controller, "guarded", &[])?;
        Ok(if answer.code == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(answer.stderr)
        })
    })?;
    control_plane
        .kubectl(&["label", "deployment", "guarded", "-n", "shop", "trial-"])?
        .success()?;
    // The report of one lets nothing through on another that has one, and says nothing of one that has none.
    let other = Report::create(control_plane, "beside")?;
    wait::until("the report beside", PATIENCE, || {
        let answer = write_deployment(installation, &people.controller, "beside", &[])?;
        let told = format!("{}{}", answer.stdout, answer.stderr);
        Ok(if answer.code != 0 && told.contains(words) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(told)
        })
    })?;
    assert_eq!(other.status()?, Value::Null);

    report.accepted(
        "the end of the step",
        &people.controller,
        json!({"healing": of_uid("Done", &uid)}),
    )?;
    refused("a step that is over")?;
    report.accepted("a withdrawal", &people.person, json!({"approval": null}))?;
    refused("a heal whose approval was taken back")
}

/// The worst status that an input can give: everything long, everything many, and the history full of heals that were
/// as bad.
fn worst() -> Result<ReportStatus> {
    let long = |characters: usize| "ü".repeat(characters);
    let field = |at: usize| {
        json!({
            "path": format!(".spec.template.spec.containers[name=\"{at}\"].env[name=\"{}\"]", long(2_000)),
            "change": "Changed", "severity": "drift",
            "desired": long(50_000), "live": long(50_000), "manager": long(200), "managers": vec![long(128); 40],
            "operation": "Update",
            "subresource": long(400), "time": AT, "reason": long(5_000),
        })
    };
    let evidence =
        json!({"path": long(200), "manager": long(100), "operation": "Update", "time": AT, "digest": hash(1)});
    let sent = json!({"kind": "Restore", "at": AT, "digest": hash(1), "answer": "resourceVersion 812, generation 5"});
    let past = |number: usize| -> Result<Value> {
        let entry = json!({
            "planHash": hash(number), "by": long(200), "healer": long(200), "startedAt": AT, "finishedAt": AT,
            "result": "Failed",
            "message": long(5_000), "evidence": vec![evidence.clone(); 2], "requests": [sent, sent],
        });
        // As whoever heals writes it.
        Ok(serde_json::to_value(fitting_entry(serde_json::from_value(entry)?))?)
    };
    let step = json!({"kind": "Restore", "target": long(300), "summary": long(3_000), "patch": long(40_000)});
    let causes = vec![json!({"reason": long(300), "field": long(2_000), "message": long(5_000)}); 200];
    let finding = json!({"rule": long(400), "severity": "error", "path": long(2_000), "message": long(5_000),
                         "evidence": long(5_000), "remedy": long(5_000)});
    let condition = |at: usize| {
        json!({"type": format!("Type{at}"), "status": "True", "reason": "Reason",
                                       "message": long(5_000), "lastTransitionTime": AT})
    };
    Ok(serde_json::from_value(json!({
        "phase": "Conflicted", "heal": "Healing", "summary": long(5_000),
        "counts": {"drifted": 500, "refused": 200, "pending": 0, "info": 0, "ignored": 0},
        "source": {"repoURL": long(3_000), "revision": long(3_000), "path": long(3_000)},
        "fields": (0..500).map(field).collect::<Vec<_>>(),
        "prediction": {"strategy": "server-side-apply", "verdict": "Refused", "causes": causes,
                       "residual": vec![long(2_000); 2_000], "when": long(3_000)},
        "operation": {"application": long(600), "class": "FailedAtRevision", "phase": "Failed", "message": long(5_000)},
        "findings": vec![finding; 100],
        "plan": {"hash": hash(1), "serial": 1, "expires": AT,
                 "cautions": vec![json!({"id": long(100), "text": long(3_000), "mustAcknowledge": true}); 30],
                 "steps": vec![step; 4]},
        "planSerial": 9, "supersededPlans": vec![json!({"hash": hash(1), "reason": "Changed"}); 40],
        "deniedDrift": hash(2),
        "approval": {"decision": "Approved", "planHash": hash(1), "by": long(253), "at": AT, "reason": long(1_024)},
        "healing": {
            "planHash": hash(1), "uid": "u", "by": long(253), "healer": long(253), "startedAt": AT,
            "steps": [{"kind": "Restore", "state": "Begun", "paths": vec![long(100); 58]}],
            "evidence": vec![evidence.clone(); 2],
        },
        "history": (0..10).map(past).collect::<Result<Vec<_>>>()?,
        "conditions": (0..30).map(condition).collect::<Vec<_>>(),
        "cluster": "u", "targetUid": "u",
    }))?)
}

#[test]
fn the_worst_status_is_stored_by_a_real_server_within_its_limit() -> Result<()> {
    let fitted = serde_json::to_value(fit(worst()?))?;
    ensure!(
        fitted.to_string().len() <= STATUS_LIMIT,
        "{} bytes",
        fitted.to_string().len()
    );
    assert_eq!(
        fitted["history"].as_array().map(Vec::len),
        Some(10),
        "the history is nobody's to shorten"
    );
    // Where no chart is, nothing but the definition judges.
    let control_plane = &ControlPlane::start(Options::default())?;
    definitions::install(control_plane, &Path::new(env!("CARGO_MANIFEST_DIR")).join("crds"))?;
    let namespace = control_plane.namespace("worst")?;
    let report = json!({
        "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport",
        "metadata": {"name": "deployment-worst", "namespace": namespace},
        "spec": {
            "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worst"},
            "watchRef": {"namespace": namespace, "name": "shop"},
        },
    });
    control_plane.apply(&report.to_string())?;
    let get = [
        "get",
        "driftreport",
        "deployment-worst",
        "-n",
        &namespace,
        "--output=json",
    ];
    let mut whole: Value = serde_json::from_str(&control_plane.kubectl(&get)?.success()?)?;
    whole["status"] = fitted.clone();
    control_plane
        .tool("kubectl")?
        .input(whole.to_string())
        .run(&["replace", "--subresource=status", "-f", "-"])?
        .success()?;
    let stored: Value = serde_json::from_str(&control_plane.kubectl(&get)?.success()?)?;
    assert_eq!(stored["status"]["history"], fitted["history"]);
    assert_eq!(stored["status"]["healing"], fitted["healing"]);
    assert_eq!(stored["status"]["fields"], fitted["fields"]);

    // What is beyond the bounds of the definition is refused, whoever writes it.
    let long = "x".repeat(5_000);
    for (what, beyond) in [
        ("history", json!({"history": vec![fitted["history"][0].clone(); 11]})),
        (
            "message",
            json!({"history": [with(&fitted["history"][0], json!({ "message": long }))]}),
        ),
        (
            "steps",
            json!({"healing": with(&fitted["healing"],
                                   json!({"steps": vec![fitted["healing"]["steps"][0].clone(); 9]}))}),
        ),
        (
            "reason",
            json!({"approval": with(&fitted["approval"], json!({ "reason": long }))}),
        ),
    ] {
        let patch = json!({ "status": beyond }).to_string();
        let patch = [
            "patch",
            "driftreport",
            "deployment-worst",
            "-n",
            &namespace,
            "--subresource=status",
            "--type=merge",
            "--patch",
            &patch,
        ];
        let answer = control_plane.kubectl(&patch)?;
        ensure!(
            answer.code != 0 && answer.stderr.contains("is invalid"),
            "{what}: {}{}",
            answer.stdout,
            answer.stderr
        );
    }
    Ok(())
}

/// The audit lines among what a program wrote.
fn audit_lines(log: &str, plan: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["audit"] == "driftmend.dev/heal" && line["plan"] == plan)
        .collect()
}

/// Holds a heal's audit lines and its entry against what happened: a hand change of the probe, taken back by two
/// requests.
fn assert_recorded(lines: &[Value], entry: &Value, approver: &str) {
    let events: Vec<_> = lines
        .iter()
        .map(|line| line["event"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(events, ["Begins", "Sent", "Sent", "Ended"]);
    let tcp_socket = ".spec.template.spec.containers[name=\"web\"].livenessProbe.tcpSocket";
    for (what, evidence) in [
        ("the audit line", &lines[0]["evidence"]),
        ("the history", &entry["evidence"]),
    ] {
        let of_probe = evidence
            .as_array()
            .into_iter()
            .flatten()
            .find(|one| one["path"].as_str().is_some_and(|path| path.starts_with(tcp_socket)));
        let of_probe = of_probe.cloned().unwrap_or_default();
        assert_eq!(
            (&of_probe["manager"], &of_probe["operation"]),
            (&json!("kubectl-patch"), &json!("Update")),
            "{what}: {evidence}"
        );
        assert!(
            of_probe["time"].is_string() && of_probe["digest"].as_str().is_some_and(|digest| digest.len() == 64),
            "{what}: {of_probe}"
        );
    }
    assert_eq!(
        (&lines[0]["approvedBy"], &entry["by"], &entry["healer"]),
        (&json!(approver), &json!(approver), &lines[0]["healer"])
    );
    for (line, sent) in lines[1..3]
        .iter()
        .zip(entry["requests"].as_array().into_iter().flatten())
    {
        assert_eq!(
            (&line["step"], &line["requestDigest"], &line["answer"]),
            (&sent["kind"], &sent["digest"], &sent["answer"])
        );
        assert!(
            line["request"].is_array()
                && line["accepted"] == true
                && line["answer"]
                    .as_str()
                    .is_some_and(|answer| answer.starts_with("resourceVersion "))
        );
    }
    assert_eq!(entry["requests"].as_array().map(Vec::len), Some(2), "{entry}");
    assert_eq!(lines[3]["result"], "Healed");
}

#[test]
fn a_heal_tells_who_had_written_what_before_it_and_what_it_sent_after() -> Result<()> {
    let shared = installation::shared()?;
    let control_plane = &shared.installation.control_plane;
    // By a person: the controller does not heal there.
    let namespace = control_plane.namespace("recorded")?;
    let shop = Shop::open_watched(control_plane, &namespace, Sync::ServerSide)?;
    shop.switch_handler("livenessProbe", 8080)?;
    let plan = shop.wait_for_plan(None)?;
    shop.approve(&plan)?;
    shop.wait_for_condition("Approved", "AwaitingHealer")?;
    let healed = shop.driftmend(&["heal", "web", "--allow-http", "--plan", &plan])?;
    ensure!(healed.code == 0, "{}{}", healed.stdout, healed.stderr);
    let status = shop.wait_for_heal(&plan)?;
    let approver = status["history"][0]["by"]
        .as_str()
        .filter(|by| !by.is_empty())
        .context("nobody approved")?
        .to_owned();
    assert_recorded(&audit_lines(&healed.stderr, &plan), &status["history"][0], &approver);

    // By the controller.
    let shop = Shop::open_watched(control_plane, "recorded-here", Sync::ServerSide)?;
    shop.switch_handler("livenessProbe", 8080)?;
    let plan = shop.wait_for_plan(None)?;
    shop.approve(&plan)?;
    let status = shop.wait_for_heal(&plan)?;
    assert_recorded(
        &audit_lines(&shared.controller.log(), &plan),
        &status["history"][0],
        &approver,
    );
    Ok(())
}
