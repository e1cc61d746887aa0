//! What goes along with a drift, and what stays.

use std::sync::Arc;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::SourceFacts;
use crate::engine::ownership::Operation;
use crate::engine::plan::tests::container;

#[test]
fn a_port_that_moved_on_in_git_comes_whole_and_is_told() {
    let ports = |number: u32| {
        with(
            "containers/0/ports",
            &json!([{"containerPort": number, "name": "http"}]),
        )
    };
    let live = by_hand(&synced(&ports(8080), Strategy::ClientSideApply), &ports(9090), PERSON);
    let scene = Snapshot {
        syncer: syncer(Strategy::ClientSideApply),
        ..snapshot(ports(8081), live)
    };
    let plan = proposed(&scene, &Memory::default()).unwrap();
    let mut after = carried_out(&scene, &plan, "the port");
    assert_eq!(
        container(&mut after)["ports"],
        json!([{"containerPort": 8081, "name": "http"}])
    );
    let told: Vec<&Caution> = plan
        .cautions
        .iter()
        .filter(|caution| caution.id == "AheadOfSync")
        .collect();
    assert_eq!(told.len(), 1, "{:?}", plan.cautions);
    assert!(
        told[0]
            .text
            .contains("ports[containerPort=8081,protocol=\"TCP\"] waits for the sync"),
        "{told:?}"
    );
}

#[test]
fn the_name_of_a_port_goes_with_the_port_that_takes_it_over() {
    let ports = |ports: &[(u32, &str)]| {
        let items: Vec<Value> = ports
            .iter()
            .map(|(number, name)| json!({"containerPort": number, "name": name}))
            .collect();
        with("containers/0/ports", &json!(items))
    };
    for strategy in [Strategy::ClientSideApply, Strategy::ServerSideApply] {
        let live = by_hand(
            &synced(&ports(&[(8080, "http")]), strategy),
            &ports(&[(9090, "http")]),
            PERSON,
        );
        let scene = Snapshot {
            syncer: syncer(strategy),
            ..snapshot(ports(&[(8081, "http"), (9090, "m")]), live)
        };
        let plan = proposed(&scene, &Memory::default()).unwrap();
        let mut after = carried_out(&scene, &plan, "the ports");
        let named: Vec<&Value> = container(&mut after)["ports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|port| &port["name"])
            .collect();
        assert!(
            named.contains(&&json!("http")) && named.contains(&&json!("m")),
            "{strategy:?}: {named:?}"
        );
    }
}

#[test]
fn what_git_dropped_and_no_sync_takes_out_any_more_goes_with_the_drift() {
    let with_env = |names: &[&str], handler: &str| {
        let mut document = git();
        let env: Vec<Value> = names.iter().map(|name| json!({"name": name, "value": "1"})).collect();
        container(&mut document)["env"] = json!(env);
        container(&mut document)["livenessProbe"] = json!({handler: {"port": 8080}});
        document
    };
    let (before, now) = (with_env(&["A", "GONE"], "httpGet"), with_env(&["A"], "httpGet"));
    for (lost, goes) in [(true, true), (false, false)] {
        let mut live = by_hand(
            &synced(&before, Strategy::ClientSideApply),
            &with_env(&["A", "GONE"], "tcpSocket"),
            PERSON,
        );
        if lost {
            // As `kubectl replace` leaves it.
            live["metadata"].as_object_mut().unwrap().remove("annotations");
        }
        let source = SourceFacts {
            revision: "a".repeat(40),
            synced: Some(Arc::new(before.clone())),
            ..SourceFacts::default()
        };
        let scene = Snapshot {
            syncer: syncer(Strategy::ClientSideApply),
            source,
            ..snapshot(now.clone(), live)
        };
        let plan = propose(
            &scene,
            &assess(&scene, &asked(Remedy::Restore)),
            &asked(Remedy::Restore),
            &Memory::default(),
        )
        .unwrap();
        let mut after = carried_out(&scene, &plan, "the variable");
        let names: Vec<&Value> = container(&mut after)["env"]
            .as_array()
            .unwrap()
            .iter()
            .map(|variable| &variable["name"])
            .collect();
        assert_eq!(
            !names.contains(&&json!("GONE")),
            goes,
            "the annotation is lost: {lost}; the next sync takes out what it names"
        );
        assert_eq!(
            plan.cautions.iter().any(|caution| caution.id == "AheadOfSync"),
            goes,
            "{:?}",
            plan.cautions
        );
    }
}

#[test]
fn what_waits_elsewhere_stays_where_it_is() {
    let mut now = git();
    container(&mut now)["image"] = json!("registry.example/web:2");
    container(&mut now)["livenessProbe"]["periodSeconds"] = json!(7);
    let mut by_person = git();
    container(&mut by_person)["livenessProbe"] = json!({"tcpSocket": {"port": 8080}, "periodSeconds": 5});
    let live = by_hand(&synced(&git(), Strategy::ClientSideApply), &by_person, PERSON);
    let scene = Snapshot {
        syncer: syncer(Strategy::ClientSideApply),
        ..snapshot(now, live)
    };
    let plan = proposed(&scene, &Memory::default()).unwrap();
    let mut after = carried_out(&scene, &plan, "the probe");
    let container = container(&mut after);
    assert_eq!(
        (&container["image"], &container["livenessProbe"]["periodSeconds"]),
        (&json!("registry.example/web:1"), &json!(5))
    );
    assert_eq!(container["livenessProbe"]["httpGet"]["port"], 8080);
    assert!(
        !plan.cautions.iter().any(|caution| caution.id == "AheadOfSync"),
        "{:?}",
        plan.cautions
    );
}

#[test]
fn a_change_of_gits_without_which_the_object_is_none_comes_too() {
    // Git names the container otherwise by now, and the person's is the only one that is there.
    let named = |name: &str| with("containers", &json!([{"name": name, "image": "a:1"}]));
    let live = by_hand(
        &synced(&named("app"), Strategy::ClientSideApply),
        &named("other"),
        PERSON,
    );
    let scene = Snapshot {
        syncer: syncer(Strategy::ClientSideApply),
        ..snapshot(named("web"), live)
    };
    let plan = proposed(&scene, &Memory::default()).unwrap();
    let mut after = carried_out(&scene, &plan, "the container");
    assert_eq!(container(&mut after)["name"], "web");
}

#[test]
fn before_the_first_server_side_apply_what_we_wrote_goes_to_the_entry_that_this_apply_takes_over() {
    let handler = |name: &str| {
        let mut document = git();
        container(&mut document)["livenessProbe"] = json!({name: {"port": 8080}});
        document
    };
    let live = by_hand(
        &synced(&handler("httpGet"), Strategy::ClientSideApply),
        &handler("tcpSocket"),
        PERSON,
    );
    let source = SourceFacts {
        revision: "a".repeat(40),
        synced: Some(Arc::new(handler("httpGet"))),
        ..SourceFacts::default()
    };
    let scene = Snapshot {
        syncer: syncer(Strategy::ServerSideApply),
        source,
        ..snapshot(handler("httpGet"), live)
    };
    let plan = propose(
        &scene,
        &assess(&scene, &asked(Remedy::Restore)),
        &asked(Remedy::Restore),
        &Memory::default(),
    )
    .unwrap();
    let [Step::Restore { .. }, Step::Transfer { to, into, .. }, ..] = plan.steps.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!((to.as_str(), *into), (TOOL, Operation::Update));
    let after = carried_out(&scene, &plan, "the probe");
    assert!(
        !after["metadata"]["managedFields"].to_string().contains(HEAL_MANAGER),
        "{:#}",
        after["metadata"]["managedFields"]
    );
}
