//! That a reason names what makes the cause and nothing else, and that each way out that is named works.

pub(in crate::engine) use rules::hold;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::assess;
use crate::engine::plan::{Memory, NoPlan, assess_and_propose};
use crate::engine::rules::with_plan;
use rules::{changed, hold_to_rules, propose, syncers};

mod rules;
mod trials;

const PERSON: &str = "kubectl-patch";
const REVISION: &str = "deployment.kubernetes.io/revision";

fn refusals(scene: &Snapshot) -> Vec<(Option<String>, String, String)> {
    let found = findings(scene, &assess(scene, &propose()))
        .into_iter()
        .filter(|finding| finding.rule == "next-sync-refused");
    found
        .map(|one| {
            (
                one.path.map(|path| path.to_string()),
                one.message,
                one.remedy.unwrap_or_default(),
            )
        })
        .collect()
}

/// Git, with a change to it.
fn git_with(change: impl FnOnce(&mut Value)) -> Value {
    let mut object = git();
    change(&mut object);
    object
}

/// What is told where Git was synced and then changed, and a person changed the replicas and nothing else.
fn of_changed_git(desired: Value, syncer: &Syncer) -> Vec<(Option<String>, String, String)> {
    let live = changed(&git(), &git(), syncer);
    refusals(&Snapshot {
        syncer: syncer.clone(),
        ..snapshot(desired, live)
    })
}

const NO_WRITE: &str = "change Git: no write to the cluster makes the server take this document";

#[test]
fn an_immutable_selector_is_told_as_that_and_no_write_of_ours_is_a_way_out() {
    let desired = git_with(|git| {
        git["spec"]["selector"]["matchLabels"]["v"] = json!("2");
        git["spec"]["template"]["metadata"]["labels"]["v"] = json!("2");
    });
    let way = "take the change back in Git, or give the object a new name there; or a person deletes it, so that \
               the next sync creates it anew (all its pods go at once)";
    let told =
        "the API server will refuse the next sync, because spec.selector cannot be changed: Git's selector has v=2";
    for syncer in syncers() {
        let found = of_changed_git(desired.clone(), &syncer);
        let first = found
            .iter()
            .find(|(_, message, _)| message.contains("spec.selector"))
            .unwrap();
        assert_eq!((first.1.as_str(), first.2.as_str()), (told, way), "{syncer:?}");
        assert!(first.0.as_deref().unwrap().starts_with(".spec.selector"), "{found:?}");
        let live = changed(&git(), &git(), &syncer);
        let scene = Snapshot {
            syncer,
            ..snapshot(desired.clone(), live)
        };
        let (assessment, plan) = assess_and_propose(&scene, &propose(), &Memory::default());
        assert!(
            matches!(plan, Err(NoPlan::OnlyGit | NoPlan::StillRefused(_))),
            "{plan:?}"
        );
        assert!(
            assessment
                .summary
                .contains("spec.selector cannot be changed: Git's selector has v=2"),
            "{}",
            assessment.summary
        );
        assert!(
            !findings(&scene, &assessment).iter().any(|finding| finding
                .remedy
                .as_deref()
                .unwrap_or_default()
                .contains("A plan takes"))
        );
        // Where nobody changed anything, there is nothing to put back either.
        let mut unchanged = scene;
        unchanged.live.as_mut().unwrap()["spec"]["replicas"] = json!(2);
        let plan = assess_and_propose(&unchanged, &propose(), &Memory::default()).1;
        assert!(
            matches!(plan, Err(NoPlan::OnlyGit | NoPlan::StillRefused(_))),
            "{plan:?}"
        );
    }
}

#[test]
fn what_git_itself_has_wrong_is_cured_in_git_alone() {
    let limits = git_with(|git| {
        git["spec"]["template"]["spec"]["containers"][0]["resources"] =
            json!({"limits": {"memory": "64Mi"}, "requests": {"memory": "128Mi"}});
    });
    let handlers = git_with(|git| {
        git["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] =
            json!({"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}});
    });
    let negative = git_with(|git| git["spec"]["minReadySeconds"] = json!(-1));
    for (desired, field) in [
        (limits, "spec.template.spec.containers[0].resources.requests"),
        (handlers, "spec.template.spec.containers[0].livenessProbe.tcpSocket"),
        (negative, "spec.minReadySeconds"),
    ] {
        for syncer in syncers() {
            let found = of_changed_git(desired.clone(), &syncer);
            let told = format!(
                "the API server will refuse the next sync, because it refuses Git's document as it is: {field}"
            );
            assert_eq!(
                found
                    .iter()
                    .map(|(_, message, remedy)| (message.as_str(), remedy.as_str()))
                    .collect::<Vec<_>>(),
                [(told.as_str(), NO_WRITE)]
            );
        }
    }
}

#[test]
fn a_manifest_without_room_for_its_copy_is_applied_server_side_or_made_smaller() {
    let big = git_with(|git| {
        let env: Vec<Value> = (0..30)
            .map(|number| json!({"name": format!("V{number}"), "value": "x".repeat(9_000)}))
            .collect();
        git["spec"]["template"]["spec"]["containers"][0]["env"] = json!(env);
    });
    let [by_client, by_server] = syncers();
    let told = "the API server will refuse the next sync, because the manifest is too big for client-side apply, which \
                keeps a copy of it in an annotation";
    let way = "apply server-side, which keeps no copy; or make the manifest smaller";
    assert_eq!(
        of_changed_git(big.clone(), &by_client),
        [(None, told.to_owned(), way.to_owned())]
    );
    assert_eq!(of_changed_git(big, &by_server), []);
    // Somebody else's annotation takes the room.
    let live = |syncer: &Syncer| {
        let crowded =
            git_with(|git| git["metadata"]["annotations"] = json!({"example.com/notes": "x".repeat(262_000)}));
        changed(&git(), &crowded, syncer)
    };
    let desired = git_with(|git| git["metadata"]["annotations"] = json!({"example.com/more": "y".repeat(2_000)}));
    for syncer in syncers() {
        hold_to_rules(&desired, &live(&syncer), &syncer);
    }
}

#[test]
fn a_uid_of_another_object_is_told_as_that() {
    let desired = git_with(|git| git["metadata"]["uid"] = json!("00000000-0000-0000-0000-000000000000"));
    let told =
        "the API server will refuse the next sync, because metadata.uid cannot be changed, and Git's is not live's";
    let [by_client, _] = syncers();
    let found = of_changed_git(desired, &by_client);
    assert_eq!(
        found
            .iter()
            .map(|(_, message, remedy)| (message.as_str(), remedy.as_str()))
            .collect::<Vec<_>>(),
        [(told, "take metadata.uid out of Git: only the server writes it")]
    );
}

#[test]
fn a_port_that_a_person_moved_is_told_by_its_name_and_both_numbers() {
    let with_port = |number: i32| {
        git_with(|git| {
            git["spec"]["template"]["spec"]["containers"][0]["ports"] =
                json!([{"name": "http", "containerPort": number}])
        })
    };
    for syncer in syncers() {
        let live = changed(&with_port(80), &with_port(81), &syncer);
        let found = refusals(&Snapshot {
            syncer: syncer.clone(),
            ..snapshot(with_port(80), live)
        });
        let told = "the API server will refuse the next sync, because port name http is on 80 in Git and on 81 in the \
                    cluster (kubectl-patch)";
        assert_eq!(
            found.iter().map(|(_, message, _)| message.as_str()).collect::<Vec<_>>(),
            [told],
            "{syncer:?}"
        );
        assert!(
            found[0].0.as_deref().unwrap().contains(".ports[containerPort=8"),
            "{found:?}"
        );
        assert!(
            found[0].2.contains("HandBack ") && found[0].2.contains("Restore makes"),
            "{found:?}"
        );
    }
}

#[test]
fn a_plan_is_named_where_there_is_one_and_only_the_way_that_it_takes() {
    let probe =
        |handler: Value| git_with(|git| git["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] = handler);
    let (http, tcp) = (
        probe(json!({"httpGet": {"port": 80}})),
        probe(json!({"tcpSocket": {"port": 80}})),
    );
    let [by_client, _] = syncers();
    let scene = Snapshot {
        syncer: by_client.clone(),
        ..snapshot(http.clone(), changed(&http, &tcp, &by_client))
    };
    let said = |remedy: Remedy| {
        let (found, plan) = assess_and_propose(&scene, &Policy { remedy, ..propose() }, &Memory::default());
        let found = findings(&scene, &found);
        let found = with_plan(&found, &scene, &Policy { remedy, ..propose() }, &plan.unwrap());
        let told = found
            .iter()
            .find(|finding| finding.rule == "next-sync-refused")
            .unwrap()
            .remedy
            .clone()
            .unwrap();
        told.rsplit_once(". ").map(|(_, taken)| taken.to_owned())
    };
    let why = "kubectl-client-side-apply does not apply server-side, so that nothing of ours stays in its way";
    assert_eq!(
        said(Remedy::Choose),
        Some(format!("A plan takes Restore, because {why}"))
    );
    assert_eq!(
        said(Remedy::HandBack).unwrap(),
        "A plan takes HandBack, because spec.remedy of the watch says so"
    );
    let told = findings(&scene, &assess(&scene, &propose()))
        .into_iter()
        .filter_map(|finding| finding.remedy);
    assert!(
        !told.into_iter().any(|remedy| remedy.contains("A plan takes")),
        "no plan was made"
    );
}

#[test]
fn what_a_way_of_syncing_cannot_read_in_git_is_cured_in_git_alone_and_what_live_says_of_itself_is_not_git() {
    let of_container = |fields: Value| {
        git_with(|git| json_patch::merge(&mut git["spec"]["template"]["spec"]["containers"][0], &fields))
    };
    let [by_client, by_server] = syncers();
    let twice = of_container(json!({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}));
    let nameless = of_container(json!({"env": [{"value": "1"}]}));
    let quantity = of_container(json!({"resources": {"limits": {"memory": "1 GB"}}}));
    for (desired, syncer) in [
        (&twice, &by_server),
        (&nameless, &by_server),
        (&nameless, &by_client),
        (&quantity, &by_server),
        (&quantity, &by_client),
    ] {
        let found = of_changed_git(desired.clone(), syncer);
        assert!(
            !found.is_empty() && found.iter().all(|(_, _, remedy)| remedy == NO_WRITE),
            "{syncer:?} {desired} {found:#?}"
        );
    }
    assert_eq!(of_changed_git(twice, &by_client), [], "a patch takes the last of two");
}

#[test]
fn beside_an_immutable_selector_another_cause_keeps_its_own_reason_and_no_plan_is_named() {
    let with = |handler: Value, version: &str| {
        git_with(|git| {
            git["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] = handler;
            git["spec"]["selector"]["matchLabels"]["v"] = json!(version);
            git["spec"]["template"]["metadata"]["labels"]["v"] = json!(version);
        })
    };
    let (http, tcp) = (json!({"httpGet": {"port": 80}}), json!({"tcpSocket": {"port": 80}}));
    for syncer in syncers() {
        let live = changed(&with(http.clone(), "1"), &with(tcp.clone(), "1"), &syncer);
        let scene = Snapshot {
            syncer: syncer.clone(),
            ..snapshot(with(http.clone(), "2"), live)
        };
        let found = refusals(&scene);
        let of = |part: &str| {
            found
                .iter()
                .find(|(_, message, _)| message.contains(part))
                .unwrap_or_else(|| panic!("{part}: {found:#?}"))
        };
        assert!(
            !of("spec.selector cannot be changed").2.contains("HandBack"),
            "{found:#?}"
        );
        let probe = of("livenessProbe of container web has httpGet in Git, tcpSocket in the cluster (kubectl-patch)");
        assert!(probe.2.contains("Restore makes"), "{found:#?}");
        let (assessment, plan) = assess_and_propose(&scene, &propose(), &Memory::default());
        assert!(plan.is_err(), "{plan:?}");
        assert!(
            !findings(&scene, &assessment).iter().any(|finding| finding
                .remedy
                .as_deref()
                .unwrap_or_default()
                .contains("A plan takes"))
        );
    }
}
