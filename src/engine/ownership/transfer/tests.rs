use super::*;
use crate::engine::kind::DEPLOYMENT;
use pretty_assertions::assert_eq;
use serde_json::json;

const PROBE: &str = ".spec.template.spec.containers[name=\"web\"].livenessProbe";
const OURS: Giver<'_> = Giver {
    manager: "driftmend-heal",
    operation: Operation::Update,
};

fn entry(manager: &str, operation: &str, container: Value) -> Value {
    let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": container}}}}});
    json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "time": "2026-01-02T03:04:05Z",
           "fieldsType": "FieldsV1", "fieldsV1": fields})
}

fn status() -> Value {
    json!({"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "apps/v1",
           "subresource": "status",
           "fieldsType": "FieldsV1", "fieldsV1": {"f:status": {"f:replicas": {}}}, "later": ["word"]})
}

fn desired() -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "nginx",
        "livenessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 5}}]}}}})
}

fn path(suffix: &str) -> FieldPath {
    FieldPath::parse(&format!("{PROBE}{suffix}")).unwrap()
}

#[test]
fn gives_back_to_the_update_that_held_the_annotation_and_makes_one_where_there_is_none() {
    let probe = json!({"f:livenessProbe": {"f:httpGet": {}}});
    let image = json!({"f:image": {}});
    let theirs = entry("argocd-controller", "Update", image.clone());
    let managed = json!([theirs, status(), entry("driftmend-heal", "Update", probe.clone())]);
    let mut both = image;
    json_patch::merge(&mut both, &probe);
    assert_eq!(
        returned(&managed, OURS, "argocd-controller"),
        Ok(json!([entry("argocd-controller", "Update", both), status()]))
    );
    // Another version of the API, or no entry at all: ours becomes the tool's.
    let mut older = theirs;
    older["apiVersion"] = json!("apps/v1beta2");
    for others in [
        json!([older, status()]),
        json!([status()]),
        json!([entry("argocd-controller", "Apply", json!({"f:image": {}}))]),
    ] {
        let mut managed = others.clone();
        managed
            .as_array_mut()
            .unwrap()
            .push(entry("driftmend-heal", "Update", probe.clone()));
        let mut after = others;
        after
            .as_array_mut()
            .unwrap()
            .push(entry("argocd-controller", "Update", probe.clone()));
        assert_eq!(returned(&managed, OURS, "argocd-controller"), Ok(after.clone()));
        assert_eq!(returned(&after, OURS, "argocd-controller"), Ok(after));
    }
}

#[test]
fn gives_the_healed_fields_to_the_tool_and_drops_our_entry() {
    let managed = json!([
        entry(
            "argocd-controller",
            "Apply",
            json!({".": {}, "f:name": {}, "f:livenessProbe": {"f:periodSeconds": {}}})
        ),
        entry(
            "driftmend-heal",
            "Update",
            json!({"f:livenessProbe": {"f:httpGet": {".": {}, "f:path": {}, "f:port": {}, "f:scheme": {}}}})
        ),
        status(),
    ]);
    let after = json!([
        entry(
            "argocd-controller",
            "Apply",
            json!({".": {}, "f:name": {}, "f:livenessProbe": {"f:httpGet": {"f:path": {}, "f:port": {}},
                "f:periodSeconds": {}}})
        ),
        status(),
    ]);
    assert_eq!(
        moved(
            &DEPLOYMENT,
            &managed,
            &desired(),
            &[path(".httpGet")],
            OURS,
            "argocd-controller"
        ),
        Ok(after)
    );
}

#[test]
fn leaves_no_field_of_git_without_an_owner() {
    let managed = json!([
        entry(
            "argocd-controller",
            "Apply",
            json!({"f:livenessProbe": {"f:periodSeconds": {}}})
        ),
        entry(
            "driftmend-heal",
            "Update",
            json!({".": {}, "f:name": {}, "f:image": {}, "f:tty": {}})
        ),
    ]);
    let after = json!([entry(
        "argocd-controller",
        "Apply",
        json!({".": {}, "f:name": {}, "f:image": {}, "f:livenessProbe": {"f:periodSeconds": {}}})
    )]);
    assert_eq!(
        moved(&DEPLOYMENT, &managed, &desired(), &[], OURS, "argocd-controller"),
        Ok(after)
    );
}

#[test]
fn changes_nothing_where_nothing_is_ours() {
    let managed = json!([entry("driftmend-heal", "Apply", json!({"f:image": {}})), 7]);
    for managed in [managed, Value::Null, json!([])] {
        assert_eq!(
            moved(
                &DEPLOYMENT,
                &managed,
                &desired(),
                &[path("")],
                OURS,
                "argocd-controller"
            ),
            Ok(managed)
        );
    }
}

#[test]
fn refuses_where_the_receiver_is_not_the_one_that_applies() {
    let (ours, tool, other) = (
        entry("driftmend-heal", "Update", json!({"f:image": {}})),
        entry("tool", "Apply", json!({})),
        entry("other", "Apply", json!({"f:livenessProbe": {"f:exec": {}}})),
    );
    let to = "tool".to_owned();
    for (managed, refusal) in [
        (json!([ours, other]), TransferRefusal::NoApplyEntry { to: to.clone() }),
        (
            json!([ours, entry("tool", "Update", json!({}))]),
            TransferRefusal::NoApplyEntry { to: to.clone() },
        ),
        (
            json!([ours, other, tool]),
            TransferRefusal::OtherApplyManagers {
                to,
                others: vec!["other".to_owned()],
            },
        ),
        (json!([ours, tool, {"manager": "x"}]), TransferRefusal::Unreadable),
    ] {
        assert_eq!(
            moved(&DEPLOYMENT, &managed, &desired(), &[path("")], OURS, "tool"),
            Err(refusal)
        );
    }
}

#[test]
fn who_applies_something_else_of_the_object_takes_nothing_again() {
    let (ours, tool) = (
        entry("driftmend-heal", "Update", json!({"f:image": {}})),
        entry("tool", "Apply", json!({})),
    );
    let fits = |other: Value| {
        moved(
            &DEPLOYMENT,
            &json!([ours, tool, entry("other", "Apply", other)]),
            &desired(),
            &[path("")],
            OURS,
            "tool",
        )
        .is_ok()
    };
    for elsewhere in [json!({"f:tty": {}}), json!({"f:readinessProbe": {"f:exec": {}}})] {
        assert!(fits(elsewhere.clone()), "{elsewhere}");
    }
    for at in [
        json!({"f:livenessProbe": {}}),
        json!({"f:livenessProbe": {".": {}}}),
        json!({"f:livenessProbe": {"f:exec": {"f:command": {}}}}),
    ] {
        assert!(!fits(at.clone()), "{at}");
    }
}

#[test]
fn a_person_who_applied_the_object_once_is_in_nobodys_way_and_gives_what_stands_in_the_way() {
    let (ours, tool) = (
        entry("driftmend-heal", "Update", json!({"f:image": {}})),
        entry("tool", "Apply", json!({"f:paused": {}})),
    );
    let person = entry(
        "kubectl",
        "Apply",
        json!({"f:livenessProbe": {"f:exec": {}}, "f:image": {}}),
    );
    let managed = json!([ours, tool, person]);
    let after = moved(&DEPLOYMENT, &managed, &desired(), &[path("")], OURS, "tool").unwrap();
    assert_eq!(
        after
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| &entry["manager"])
            .collect::<Vec<_>>(),
        ["tool", "kubectl"]
    );
    assert_eq!(
        after[1], person,
        "what is the person's stays so until somebody asks for it"
    );
    let giver = Giver {
        manager: "kubectl",
        operation: Operation::Apply,
    };
    let after = handed_back(&json!([tool, person]), &[path(".exec")], &[giver], "tool").unwrap();
    assert_eq!(after[1], entry("kubectl", "Apply", json!({"f:image": {}})));
}

#[test]
fn hands_a_foreign_field_to_the_tool_that_will_remove_it() {
    let foreign = Giver {
        manager: "kubectl-patch",
        ..OURS
    };
    let apply = |probe: Value| entry("tool", "Apply", json!({"f:livenessProbe": probe}));
    let managed = json!([
        apply(json!({"f:periodSeconds": {}})),
        entry(
            "kubectl-patch",
            "Update",
            json!({"f:livenessProbe": {"f:tcpSocket": {".": {}, "f:port": {}}}, "f:image": {}})
        )
    ]);
    let after = json!([
        apply(json!({"f:periodSeconds": {}, "f:tcpSocket": {".": {}, "f:port": {}}})),
        entry("kubectl-patch", "Update", json!({"f:image": {}}))
    ]);
    assert_eq!(
        handed_back(&managed, &[path(".tcpSocket")], &[foreign], "tool"),
        Ok(after)
    );

    let managed = json!([
        apply(json!({"f:periodSeconds": {}})),
        entry("kubectl-patch", "Update", json!({"f:livenessProbe": {"f:exec": {}}}))
    ]);
    assert_eq!(
        handed_back(&managed, &[path(".exec")], &[foreign], "tool"),
        Ok(json!([apply(json!({"f:exec": {}, "f:periodSeconds": {}}))]))
    );
    let absent = TransferRefusal::NotHeld {
        path: path(".grpc"),
        from: "kubectl-patch".to_owned(),
    };
    assert_eq!(handed_back(&managed, &[path(".grpc")], &[foreign], "tool"), Err(absent));
}

#[test]
fn hands_back_what_was_written_through_a_subresource() {
    let fields = json!({"f:spec": {"f:replicas": {}}});
    let scale = json!({"manager": "kubectl", "operation": "Update", "apiVersion": "apps/v1", "subresource": "scale",
                       "fieldsType": "FieldsV1", "fieldsV1": fields});
    let tool = json!({"manager": "tool", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                      "fieldsV1": {}});
    let mut after = tool.clone();
    after["fieldsV1"] = fields;
    let person = Giver {
        manager: "kubectl",
        ..OURS
    };
    assert_eq!(
        handed_back(
            &json!([tool, scale]),
            &[FieldPath::of(&["spec", "replicas"])],
            &[person],
            "tool"
        ),
        Ok(json!([after]))
    );
}

#[test]
fn takes_what_the_tool_applies_from_all_others_and_leaves_them_the_rest() {
    let http_get = json!({".": {}, "f:path": {}, "f:port": {}, "f:scheme": {}});
    let person = entry(
        "kubectl-edit",
        "Update",
        json!({"f:livenessProbe": {"f:httpGet": http_get}, "f:tty": {}}),
    );
    let other = entry(
        "kubectl",
        "Apply",
        json!({"f:livenessProbe": {"f:httpGet": {"f:port": {}}}}),
    );
    let tool = |probe: Value| entry("tool", "Apply", json!({"f:livenessProbe": probe}));
    let before = json!([tool(json!({"f:periodSeconds": {}})), person, other, status()]);
    let givers = [
        Giver {
            manager: "kubectl-edit",
            ..OURS
        },
        Giver {
            manager: "kubectl",
            operation: Operation::Apply,
        },
    ];
    let after = json!([
        tool(json!({"f:httpGet": {"f:path": {}, "f:port": {}}, "f:periodSeconds": {}})),
        entry("kubectl-edit", "Update", json!({"f:tty": {}})),
        status(),
    ]);
    assert_eq!(
        taken(&DEPLOYMENT, &before, &desired(), &[path(".httpGet")], &givers, "tool"),
        Ok(after)
    );
    let nobody = TransferRefusal::NoApplyEntry {
        to: "another".to_owned(),
    };
    assert_eq!(
        taken(
            &DEPLOYMENT,
            &before,
            &desired(),
            &[path(".httpGet")],
            &givers,
            "another"
        ),
        Err(nobody)
    );
}

#[test]
fn keeps_the_receivers_entry_even_when_it_is_named_as_a_giver() {
    let managed = json!([entry("tool", "Apply", json!({"f:image": {}}))]);
    let own = Giver {
        manager: "tool",
        operation: Operation::Apply,
    };
    let image = FieldPath::parse(".spec.template.spec.containers[name=\"web\"].image").unwrap();
    assert_eq!(
        moved(&DEPLOYMENT, &managed, &desired(), &[], own, "tool"),
        Ok(managed.clone())
    );
    assert_eq!(handed_back(&managed, &[image], &[own], "tool"), Ok(managed));
}

#[test]
fn hands_a_default_that_nobody_owns_to_the_tool() {
    let apply = |fields: Value| {
        json!([{"manager": "tool", "operation": "Apply", "apiVersion": "apps/v1",
                                        "fieldsType": "FieldsV1", "fieldsV1": fields}])
    };
    let rolling = FieldPath::of(&["spec", "strategy", "rollingUpdate"]);
    let after = apply(json!({"f:spec": {"f:replicas": {}, "f:strategy": {"f:rollingUpdate": {}}}}));
    assert_eq!(
        handed_back(&apply(json!({"f:spec": {"f:replicas": {}}})), &[rolling], &[], "tool"),
        Ok(after)
    );
}
