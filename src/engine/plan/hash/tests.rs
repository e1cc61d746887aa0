//! What moves a hash and what does not. Each ingredient is moved alone, and each is known by name: one that is left out
//! of the hash fails here.

use std::collections::BTreeSet;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::argo_cd::revision::Revision;
use crate::engine::argo_cd::touch::{Touched, Touches};
use crate::engine::diff::{Change, ChangeKind, Severity};
use crate::engine::kind::DEPLOYMENT;
use crate::engine::plan::tests::{git, proposed, snapshot, switched};
use crate::engine::predict::{Cause, Verdict};
use crate::engine::syncer::Strategy;
use crate::engine::tool_object::resource::ResourceRef;

mod steps;

#[test]
fn a_status_change_does_not_move_the_digest_and_a_change_of_what_was_asked_for_does() {
    let calm = json!({
        "metadata": {"name": "web", "resourceVersion": "7", "generation": 2, "labels": {"app": "web"},
            "annotations": {"deployment.kubernetes.io/revision": "1"},
            "managedFields": [
                {"manager": "kubectl-patch", "operation": "Update", "time": "2026-01-01T00:00:00Z",
                 "fieldsV1": {"f:spec": {}}},
                {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
                 "fieldsV1": {"f:status": {}}}]},
        "spec": {"replicas": 1},
        "status": {"replicas": 1},
    });
    let mut crashing = calm.clone();
    crashing["metadata"]["resourceVersion"] = json!("9");
    crashing["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("2");
    crashing["metadata"]["managedFields"][0]["time"] = json!("2026-01-02T00:00:00Z");
    crashing["metadata"]["managedFields"][1]["fieldsV1"] = json!({"f:status": {"f:unavailableReplicas": {}}});
    crashing["status"] = json!({"unavailableReplicas": 1});
    assert_eq!(live_digest(&calm), live_digest(&crashing));
    for (pointer, value) in [
        ("/spec/replicas", json!(2)),
        ("/metadata/generation", json!(3)),
        ("/metadata/labels/app", json!("db")),
        ("/metadata/annotations", json!({"note": "changed"})),
        ("/metadata/managedFields/0/manager", json!("kubectl-edit")),
        (
            "/metadata/managedFields/0/fieldsV1",
            json!({"f:spec": {"f:replicas": {}}}),
        ),
    ] {
        let mut edited = calm.clone();
        *edited.pointer_mut(pointer).unwrap() = value;
        assert_ne!(live_digest(&calm), live_digest(&edited), "{pointer}");
    }
}

/// What a plan is made of.
#[derive(Clone)]
struct Made {
    snapshot: Snapshot,
    memory: Memory,
    steps: Vec<Step>,
    serial: u64,
}

impl Made {
    fn incident() -> Self {
        let snapshot = snapshot(git(), switched());
        let memory = Memory {
            report: "report-1".to_owned(),
            watch: "watch-1".to_owned(),
            ..Memory::default()
        };
        let steps = proposed(&snapshot, &memory).unwrap().steps;
        Self {
            snapshot,
            memory,
            steps,
            serial: 1,
        }
    }

    fn content(&self) -> Value {
        content(&self.snapshot, &self.memory, &self.steps)(self.serial)
    }

    fn hash(&self) -> String {
        plan_hash(&self.snapshot, &self.memory, &self.steps)(self.serial)
    }

    fn live(&mut self) -> &mut Value {
        self.snapshot.live.as_mut().unwrap()
    }
}

#[test]
fn whatever_a_yes_depends_on_moves_the_hash() {
    type Move = fn(&mut Made);
    // What is moved, and which ingredients that moves: an object's uid and generation are in its own digest, too.
    let moves: [(&str, &[&str], Move); 15] = [
        ("another cluster", &["cluster"], |made| made.snapshot.cluster.push('2')),
        ("the policy over approvals was made anew", &["judge"], |made| {
            made.snapshot.judge.push('2')
        }),
        ("nothing judges approvals", &["judge"], |made| {
            made.snapshot.judge.clear()
        }),
        ("the report was made anew", &["report"], |made| {
            made.memory.report = "report-2".to_owned()
        }),
        ("the watch was made anew", &["watch"], |made| {
            made.memory.watch = "watch-2".to_owned()
        }),
        ("another Deployment", &["target"], |made| {
            made.snapshot.target.name = "api".to_owned()
        }),
        ("another namespace", &["target"], |made| {
            made.snapshot.target.namespace = Some("office".to_owned())
        }),
        ("the Deployment was made anew", &["live", "uid"], |made| {
            made.live()["metadata"]["uid"] = json!("another")
        }),
        ("a new generation", &["generation", "live"], |made| {
            made.live()["metadata"]["generation"] = json!(99)
        }),
        ("another value in Git", &["desired"], |made| {
            made.snapshot.desired.as_mut().unwrap().value["spec"]["replicas"] = json!(7)
        }),
        ("another value in the cluster", &["live"], |made| {
            made.live()["spec"]["replicas"] = json!(7)
        }),
        ("another way of applying", &["strategy"], |made| {
            made.snapshot.syncer.strategy = Strategy::Replace
        }),
        ("another field manager", &["manager"], |made| {
            made.snapshot.syncer.manager.push('2')
        }),
        ("offered again", &["serial"], |made| made.serial = 2),
        ("one step less", &["steps"], |made| made.steps.clear()),
    ];
    let made = Made::incident();
    let (content, hash) = (made.content(), made.hash());
    let mut known = BTreeSet::from(["version"]);
    for (what, ingredients, change) in moves {
        let mut moved = made.clone();
        change(&mut moved);
        let other = moved.content();
        let names = content.as_object().unwrap().keys();
        let changed: Vec<&str> = names
            .map(String::as_str)
            .filter(|name| content[name] != other[name])
            .collect();
        assert_eq!(changed, ingredients, "{what}");
        assert_ne!(moved.hash(), hash, "{what}");
        known.extend(ingredients);
    }
    let names: BTreeSet<&str> = content.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, known, "an ingredient that no move here is about");
    // What is shown and not hashed.
    let mut told = made.clone();
    told.snapshot.source.revision = "b".repeat(40);
    told.live()["metadata"]["resourceVersion"] = json!("99");
    told.snapshot.now = "2026-01-05T12:30:00Z".parse().unwrap();
    told.memory.spent.push("f".repeat(64));
    assert_eq!(told.hash(), hash);
}

fn touches() -> Touches {
    let one = Revision::One("a".to_owned());
    Touches {
        resources: Vec::new(),
        from: None,
        to: Some(one),
        whole_application: false,
        syncs: true,
        compared: true,
        sync_options: Vec::new(),
        retry: None,
    }
}

/// What a sync touches, and each other thing that it could touch.
fn touched() -> Vec<(&'static str, Touches)> {
    let web = ResourceRef::of(&DEPLOYMENT, "shop", "web");
    let resource = |prune| {
        vec![Touched {
            resource: web.clone(),
            prune,
        }]
    };
    vec![
        ("as it is", touches()),
        (
            "changes a resource",
            Touches {
                resources: resource(false),
                ..touches()
            },
        ),
        (
            "deletes it",
            Touches {
                resources: resource(true),
                ..touches()
            },
        ),
        (
            "from another revision",
            Touches {
                from: Some(Revision::One("b".to_owned())),
                ..touches()
            },
        ),
        (
            "to another revision",
            Touches {
                to: Some(Revision::One("b".to_owned())),
                ..touches()
            },
        ),
        (
            "to several revisions",
            Touches {
                to: Some(Revision::Several(vec!["a".to_owned(), "b".to_owned()])),
                ..touches()
            },
        ),
        (
            "the whole application",
            Touches {
                whole_application: true,
                ..touches()
            },
        ),
        (
            "not compared",
            Touches {
                compared: false,
                ..touches()
            },
        ),
        (
            "with options",
            Touches {
                sync_options: vec!["Force=true".to_owned()],
                ..touches()
            },
        ),
        (
            "tried again",
            Touches {
                retry: Some(json!({"limit": 5})),
                ..touches()
            },
        ),
    ]
}

#[test]
fn an_autoscalers_steps_make_no_other_plan_where_git_leaves_the_replicas_to_it() {
    let mut git = git();
    git["spec"].as_object_mut().unwrap().remove("replicas");
    let hash = |git: &Value, replicas: u32, generation: u32, by: Option<&str>| {
        let mut live = switched();
        live["spec"]["replicas"] = json!(replicas);
        live["metadata"]["generation"] = json!(generation);
        let mut entry = json!({"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "apps/v1",
                               "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:replicas": {}}}});
        by.into_iter().for_each(|by| entry["subresource"] = json!(by));
        live["metadata"]["managedFields"].as_array_mut().unwrap().push(entry);
        let scene = snapshot(git.clone(), live);
        plan_hash(&scene, &Memory::default(), &[])(1)
    };
    assert_eq!(hash(&git, 3, 7, Some("scale")), hash(&git, 4, 8, Some("scale")));
    assert_ne!(hash(&git, 3, 7, None), hash(&git, 4, 8, None), "a person's change");
    let mut set = git.clone();
    set["spec"]["replicas"] = json!(2);
    assert_ne!(
        hash(&set, 3, 7, Some("scale")),
        hash(&set, 4, 7, Some("scale")),
        "a plan may take it back"
    );
}

/// A hash is stored in reports, and an approval names it: what a version writes the next one must find.
#[test]
fn the_bytes_of_digests_stay_as_they_are() {
    assert_eq!(
        Made::incident().hash(),
        "38c200d60196bbef50d5af75d82e2a8b94f66b28964731dfff7591692acea1ab"
    );
    let drift = |kind| Drift {
        change: Change {
            path: ".spec.replicas".parse().unwrap(),
            kind,
            desired: Some(json!(2)),
            live: None,
        },
        owners: Vec::new(),
        severity: Severity::Drift,
        moved: None,
        reason: None,
    };
    let drifts = [
        ChangeKind::Changed,
        ChangeKind::Added,
        ChangeKind::Removed,
        ChangeKind::Reordered,
    ]
    .map(drift);
    assert_eq!(
        drift_digest(&drifts.each_ref()),
        "9c222640797f7b6f46c2ee9d17db7cd015763fe448fb737bbf8df093a0930a86"
    );
    let cause = Cause {
        reason: "FieldValueForbidden".to_owned(),
        field: "spec.selector".to_owned(),
        message: "Forbidden".to_owned(),
    };
    let prediction = Prediction::bare(Strategy::Replace, Verdict::Refused, vec![cause]);
    assert_eq!(
        refusal_digest(&prediction),
        "aff750862231354616b9f7ca6b95bfe017585cdb688fd44800910836ac0439ed"
    );
}
