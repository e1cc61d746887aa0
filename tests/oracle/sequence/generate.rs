//! Makes sequences by chance.

use driftmend::engine::kind::Kind;
use serde_json::{Value, json};

use super::leaf::{RESTARTED_AT, path};
use super::{Edits, Known, Sequence, Step};
use crate::case::{Style, Writer, put};
use crate::place::Place::{Object, Pod, Template, Web};
use crate::random::Random;
use crate::server::Way;
use crate::subject::{self, base};

/// The sequence of this number, of this kind.
pub fn sequence(kind: &'static Kind, seed: u64, number: usize) -> Sequence {
    let mut random = Random::of(seed ^ 0x5E40, number);
    let way = [Way::ClientSide, Way::ServerSide, Way::Replace][number % 3];
    let known = [Known::Told, Known::Watched, Known::Restarted][number / 3 % 3];
    let rewritten = random.chance(20);
    let mut git = base(kind);
    if random.chance(75) {
        // Whole lists come and go otherwise, with all that is in them.
        for (path, value) in anchors(kind) {
            set(kind, &mut git, &path, value);
        }
    }
    for _ in 0..random.below(6) {
        let edits = edits(kind, &mut random, true);
        for (path, value) in edits {
            set(kind, &mut git, &path, value);
        }
    }
    let steps = (0..2 + random.below(5)).map(|_| step(kind, &mut random, way)).collect();
    Sequence {
        way,
        known,
        rewritten,
        git,
        steps,
    }
}

fn anchors(kind: &Kind) -> Edits {
    vec![
        (
            Web("env[name=\"FIXED\"]").path(kind),
            Some(json!({"name": "FIXED", "value": "1"})),
        ),
        (
            Web("ports[containerPort=9000,protocol=\"TCP\"]").path(kind),
            Some(json!({"containerPort": 9000, "protocol": "TCP"})),
        ),
        (
            Pod("volumes[name=\"fixed\"]").path(kind),
            Some(json!({"name": "fixed", "emptyDir": {}})),
        ),
        (Object("metadata.labels.app").path(kind), Some(json!("web"))),
    ]
}

fn step(kind: &Kind, random: &mut Random, way: Way) -> Step {
    match random.below(100) {
        0..25 => Step::Commit(some_edits(kind, random, true)),
        25..40 => Step::Sync,
        40..50 => Step::Hotfix(some_edits(kind, random, true)),
        50..54 if way != Way::ClientSide => Step::Apply(some_edits(kind, random, true)),
        54..58 => Step::Put(some_edits(kind, random, true)),
        58..62 => Step::Write(Writer {
            manager: "kubectl-rollout".to_owned(),
            style: Style::Strategic,
            edits: vec![restart(kind, random)],
        }),
        62..74 if !subject::of(kind).number.is_scaled => Step::Sync,
        62..67 => Step::Scale {
            manager: "kubectl".to_owned(),
            replicas: 1 + random.below(4) as i64,
        },
        67..74 => Step::Scale {
            manager: "kube-controller-manager".to_owned(),
            replicas: 1 + random.below(4) as i64,
        },
        74..81 => {
            let manager = (*random.pick(&["kubectl", "release-bot"])).to_owned();
            Step::Write(Writer {
                manager,
                style: Style::Apply,
                edits: only_set(kind, some_edits(kind, random, false)),
            })
        }
        81..87 => Step::Write(Writer {
            manager: "kubectl-patch".to_owned(),
            style: Style::Strategic,
            edits: only_set(kind, some_edits(kind, random, false)),
        }),
        87..92 => {
            let edits = vec![if random.chance(50) {
                image(kind, random)
            } else {
                variable(kind, random, "A", 100)
            }];
            Step::Write(Writer {
                manager: "kubectl-set".to_owned(),
                style: Style::Strategic,
                edits,
            })
        }
        _ => {
            let manager = (*random.pick(&["kubectl-edit", "Lens"])).to_owned();
            Step::Write(Writer {
                manager,
                style: Style::Json,
                edits: some_edits(kind, random, false),
            })
        }
    }
}

/// What a patch or an apply of some fields can say: it removes nothing.
fn only_set(kind: &Kind, edits: Edits) -> Edits {
    let set: Edits = edits.into_iter().filter(|(_, value)| value.is_some()).collect();
    if set.is_empty() {
        vec![(Object("metadata.labels.tier").path(kind), Some(json!("back")))]
    } else {
        set
    }
}

fn some_edits(kind: &Kind, random: &mut Random, in_document: bool) -> Edits {
    let mut all = edits(kind, random, in_document);
    if random.chance(30) {
        let more = edits(kind, random, in_document);
        all.extend(more.into_iter().filter(|(path, _)| !path.contains("livenessProbe")));
    }
    all
}

/// One field of a document, or of live, anew.
fn edits(kind: &Kind, random: &mut Random, in_document: bool) -> Edits {
    let text = |random: &mut Random, texts: &[&str]| Some(json!(*random.pick(texts)));
    match random.below(10) {
        0 | 1 => vec![image(kind, random)],
        2 => vec![variable(kind, random, "A", 65)],
        3 => vec![variable(kind, random, "B", 65)],
        4 => {
            let number = (!in_document || random.chance(75)).then(|| json!(1 + random.below(4)));
            vec![(format!(".spec.{}", subject::of(kind).number.name), number)]
        }
        5 => probe(kind, random),
        6 => {
            let label = text(random, &["front", "back"]).filter(|_| random.chance(70));
            vec![(Object("metadata.labels.tier").path(kind), label)]
        }
        7 => {
            let class = text(random, &["high", "low"]).filter(|_| random.chance(70));
            vec![(Pod("priorityClassName").path(kind), class)]
        }
        8 => {
            let args = random
                .chance(70)
                .then(|| json!(*random.pick(&[["--level", "info"], ["--level", "debug"]])));
            vec![(Web("args").path(kind), args)]
        }
        _ if random.chance(50) => {
            let port = random
                .chance(60)
                .then(|| json!({"containerPort": 80, "protocol": "TCP"}));
            vec![(Web("ports[containerPort=80,protocol=\"TCP\"]").path(kind), port)]
        }
        _ => {
            let volume = random.chance(60).then(|| json!({"name": "data", "emptyDir": {}}));
            vec![(Pod("volumes[name=\"data\"]").path(kind), volume)]
        }
    }
}

fn image(kind: &Kind, random: &mut Random) -> (String, Option<Value>) {
    (
        Web("image").path(kind),
        Some(json!(format!("registry.example/web:{}", 1 + random.below(3)))),
    )
}

fn variable(kind: &Kind, random: &mut Random, name: &str, percent: usize) -> (String, Option<Value>) {
    let value = random
        .chance(percent)
        .then(|| json!({"name": name, "value": *random.pick(&["1", "2"])}));
    (format!("{}[name=\"{name}\"]", Web("env").path(kind)), value)
}

fn probe(kind: &Kind, random: &mut Random) -> Edits {
    let handler = |name: &str| format!("{}.{name}", Web("livenessProbe").path(kind));
    match random.below(3) {
        0 => vec![(Web("livenessProbe").path(kind), None)],
        1 => vec![
            (
                handler("httpGet"),
                Some(json!({"path": "/", "port": *random.pick(&[80, 81])})),
            ),
            (handler("exec"), None),
        ],
        _ => vec![
            (handler("exec"), Some(json!({"command": ["true"]}))),
            (handler("httpGet"), None),
        ],
    }
}

fn restart(kind: &Kind, random: &mut Random) -> (String, Option<Value>) {
    let path = Template(RESTARTED_AT).path(kind);
    (path, Some(json!(format!("2026-01-05T10:0{}:00Z", random.below(10)))))
}

/// Sets something in a document, of which nothing empty stays: no one writes `env: []`.
pub fn set(kind: &Kind, object: &mut Value, at: &str, value: Option<Value>) {
    put(object, &path(at), value);
    let is_empty = |value: &Value| match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        value => value.is_null(),
    };
    let pod = format!("/{}/spec", kind.template.join("/"));
    for parent in [&format!("{pod}/containers/0"), &pod, "/metadata"] {
        if let Some(map) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
            map.retain(|_, value| !is_empty(value));
        }
    }
}
