//! The parts where one member excludes another.

use serde_json::{Map, Value, json};

use crate::random::Random;

/// A map of the entries that are there.
pub(super) fn map(entries: &[(&str, Option<Value>)]) -> Value {
    Value::Object(
        entries
            .iter()
            .filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?)))
            .collect::<Map<_, _>>(),
    )
}

pub(super) fn maybe(random: &mut Random, percent: usize, values: &[Value]) -> Option<Value> {
    random.chance(percent).then(|| random.pick(values).clone())
}

fn handler(random: &mut Random) -> (&'static str, Value) {
    match random.below(4) {
        0 => (
            "exec",
            json!({"command": random.pick(&[json!(["true"]), json!(["sh", "-c", "exit 0"])])}),
        ),
        1 => {
            let entries = [
                ("path", maybe(random, 60, &[json!("/"), json!("/healthz")])),
                (
                    "port",
                    Some(random.pick(&[json!(80), json!(8080), json!("http")]).clone()),
                ),
                ("scheme", maybe(random, 30, &[json!("HTTP"), json!("HTTPS")])),
                (
                    "httpHeaders",
                    maybe(random, 20, &[json!([{"name": "X-A", "value": "1"}])]),
                ),
                ("host", maybe(random, 15, &[json!("web.example")])),
            ];
            ("httpGet", map(&entries))
        }
        2 => (
            "tcpSocket",
            map(&[
                (
                    "port",
                    Some(random.pick(&[json!(80), json!(8080), json!("http")]).clone()),
                ),
                ("host", maybe(random, 20, &[json!("10.0.0.1")])),
            ]),
        ),
        _ => (
            "grpc",
            map(&[
                ("port", Some(json!(9090))),
                ("service", maybe(random, 30, &[json!(""), json!("health")])),
            ]),
        ),
    }
}

fn probe(random: &mut Random, success: &[Value]) -> Option<Value> {
    if random.chance(15) {
        return None;
    }
    let (name, handler) = handler(random);
    Some(map(&[
        (name, Some(handler)),
        ("initialDelaySeconds", maybe(random, 30, &[json!(0), json!(5)])),
        ("periodSeconds", maybe(random, 30, &[json!(10), json!(5)])),
        ("timeoutSeconds", maybe(random, 20, &[json!(1), json!(3)])),
        ("failureThreshold", maybe(random, 20, &[json!(3), json!(9)])),
        ("successThreshold", maybe(random, 20, success)),
    ]))
}

pub fn liveness(random: &mut Random) -> Option<Value> {
    let mut probe = probe(random, &[json!(1)])?;
    if random.chance(20) {
        probe["terminationGracePeriodSeconds"] = json!(random.pick(&[1, 30]));
    }
    Some(probe)
}

pub fn readiness(random: &mut Random) -> Option<Value> {
    probe(random, &[json!(1), json!(2)])
}

pub fn broken_probe(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!({"periodSeconds": 5}),
                json!({"httpGet": {"port": 0}}),
                json!({"httpGet": {"port": 80, "scheme": "FTP"}}),
                json!({"httpGet": {"port": "Not_A_Port", "httpHeaders": [{"name": "a b", "value": ""}]}}),
                json!({"tcpSocket": {"port": 70000}}),
                json!({"exec": {"command": []}}),
                json!({"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}, "grpc": {"port": 1}}),
                json!({"httpGet": {"port": 80}, "tcpSocket": {"port": 0}}),
                json!({"tcpSocket": {"port": 80}, "periodSeconds": -1, "timeoutSeconds": -2, "failureThreshold": -1,
                   "initialDelaySeconds": -5}),
                json!({"tcpSocket": {"port": 80}, "successThreshold": 3, "terminationGracePeriodSeconds": 0}),
                json!({"grpc": {"port": 0}}),
                json!({"tcpSocket": {"port": 80}, "periodSecond": 5}),
                json!({"tcpSocket": {"port": 80}, "periodSeconds": "5"}),
            ])
            .clone(),
    )
}

pub fn lifecycle(random: &mut Random) -> Option<Value> {
    if random.chance(20) {
        return None;
    }
    Some(match random.below(4) {
        0 => json!({"sleep": {"seconds": random.pick(&[0, 5])}}),
        _ => {
            let (name, value) = handler(random);
            if name == "grpc" {
                json!({"exec": {"command": ["sync"]}})
            } else {
                map(&[(name, Some(value))])
            }
        }
    })
}

pub fn broken_lifecycle(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!({}),
                json!({"exec": {"command": ["a"]}, "sleep": {"seconds": 1}}),
                json!({"sleep": {"seconds": -1}}),
                json!({"sleep": {"seconds": 3600}}),
                json!({"httpGet": {"port": 80}, "tcpSocket": {"port": 80}}),
                json!({"httpGet": {"port": -1}}),
            ])
            .clone(),
    )
}

pub fn variable(random: &mut Random) -> Option<Value> {
    if random.chance(15) {
        return None;
    }
    let mut item = match random.below(6) {
        0 | 1 => map(&[(
            "value",
            maybe(
                random,
                85,
                &[json!("dev"), json!("prod"), json!(""), json!("$(HOME)/x")],
            ),
        )]),
        2 => {
            json!({"valueFrom": {"fieldRef": {"fieldPath": random.pick(&["metadata.name", "status.podIP",
                "metadata.labels['app']"])}}})
        }
        3 => json!({"valueFrom": {"configMapKeyRef": {"name": "settings", "key": random.pick(&["a", "b.c"])}}}),
        4 => json!({"valueFrom": {"secretKeyRef": {"name": "db", "key": "password", "optional": random.chance(50)}}}),
        _ => {
            json!({"valueFrom": {"resourceFieldRef": {"resource": "limits.cpu",
                                                      "divisor": random.pick(&[json!("1"), json!("1m"), json!(0)])}}})
        }
    };
    item["name"] = json!("MODE");
    Some(item)
}

pub fn broken_variable(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!({"name": "MODE", "valueFrom": {}}),
                json!({"name": "MODE", "value": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}),
                json!({"name": "MODE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"},
                                                 "secretKeyRef": {"name": "a", "key": "b"}}}),
                json!({"name": "MODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nothing"}}}),
                json!({"name": "MODE", "valueFrom": {"fieldRef": {"fieldPath": "", "apiVersion": "v2"}}}),
                json!({"name": "MODE", "valueFrom": {"secretKeyRef": {"name": "", "key": "a/b"}}}),
                json!({"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "x"}}}),
                json!({"name": "MODE", "valueFrom": {"resourceFieldRef": {"resource": "limits.gpus"}}}),
                json!({"name": "MODE", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "3"}}}),
                json!({"name": "MODE", "value": 1}),
            ])
            .clone(),
    )
}

pub fn env_from(random: &mut Random) -> Option<Value> {
    let items = [
        json!({"configMapRef": {"name": "a"}}),
        json!({"secretRef": {"name": "b"}, "prefix": "B_"}),
        json!({"configMapRef": {"name": "c", "optional": true}}),
    ];
    let some = random.some(&items, 50);
    (!some.is_empty() || random.chance(10)).then(|| Value::from(some))
}

pub fn broken_env_from(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!([{}]),
                json!([{"configMapRef": {"name": "a"}, "secretRef": {"name": "b"}}]),
                json!([{"prefix": "1=", "secretRef": {"name": "b"}}]),
                json!([{"secretRef": {"name": "B!"}}, {"configMapRef": {}}]),
            ])
            .clone(),
    )
}

pub fn claim(random: &mut Random) -> Option<Value> {
    if random.chance(25) {
        return None;
    }
    let source = if random.chance(50) {
        ("resourceClaimName", json!("shared"))
    } else {
        ("resourceClaimTemplateName", json!("each"))
    };
    Some(map(&[("name", Some(json!("gpu"))), (source.0, Some(source.1))]))
}

pub fn broken_claim(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!({"name": "gpu"}),
                json!({"name": "gpu", "resourceClaimName": "a", "resourceClaimTemplateName": "b"}),
                json!({"name": "gpu", "resourceClaimName": "A!"}),
            ])
            .clone(),
    )
}

pub fn profile(random: &mut Random) -> Option<Value> {
    match random.below(4) {
        0 => None,
        1 => Some(json!({"type": "RuntimeDefault"})),
        2 => Some(json!({"type": "Unconfined"})),
        _ => Some(json!({"type": "Localhost", "localhostProfile": random.pick(&["a.json", "b/c"])})),
    }
}

pub fn broken_profile(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!({"type": "Localhost"}),
                json!({"type": "RuntimeDefault", "localhostProfile": "a"}),
                json!({"type": "Other"}),
                json!({"type": "Localhost", "localhostProfile": "../a"}),
                json!({"localhostProfile": "a"}),
            ])
            .clone(),
    )
}

pub fn tolerations(random: &mut Random) -> Option<Value> {
    let items = [
        json!({"key": "spot", "operator": "Exists"}),
        json!({"key": "gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"}),
        json!({"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}),
        json!({"key": "zone", "value": "a"}),
    ];
    let some = random.some(&items, 45);
    (!some.is_empty()).then(|| Value::from(some))
}

pub fn broken_tolerations(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!([{"key": "a", "operator": "Exists", "value": "b"}]),
                json!([{"operator": "Equal"}]),
                json!([{"key": "a b", "operator": "Near"}]),
                json!([{"key": "a", "tolerationSeconds": 5}]),
                json!([{"key": "a", "effect": "Never"}]),
            ])
            .clone(),
    )
}

fn node_affinity(expressions: Value) -> Value {
    json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [{"matchExpressions": expressions}],
    }}})
}

pub fn affinity(random: &mut Random) -> Option<Value> {
    match random.below(5) {
        0 => None,
        1 => Some(node_affinity(
            json!([{"key": "zone", "operator": "In", "values": random.pick(&[json!(["a"]), json!(["a", "b"])])}]),
        )),
        2 => Some(node_affinity(
            json!([{"key": "cores", "operator": "Gt", "values": ["4"]}, {"key": "spot", "operator": "DoesNotExist"}]),
        )),
        3 => Some(
            json!({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": random.pick(&[1, 100]), "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname",
                "labelSelector": {"matchLabels": {"app": "web"}}}}]}}),
        ),
        _ => Some(json!({})),
    }
}

pub fn broken_affinity(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                node_affinity(json!([{"key": "a", "operator": "In"}])),
                node_affinity(json!([{"key": "a", "operator": "Exists", "values": ["b"]}])),
                node_affinity(json!([{"key": "a", "operator": "Gt", "values": ["b", "c"]}])),
                node_affinity(json!([{"key": "a b", "operator": "Like", "values": ["x"]}])),
                json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}),
                json!({"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0,
                "podAffinityTerm": {"topologyKey": ""}}]}}),
                json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "a",
                "labelSelector": {"matchExpressions": [{"key": "x", "operator": "In"}]}}]}}),
            ])
            .clone(),
    )
}
