//! The parts where one member excludes another.

use serde_json::{Map, Value, json};

use crate::random::Random;

/// A map of the entries that are there.
fn map(entries: &[(&str, Option<Value>)]) -> Value {
    Value::Object(entries.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?))).collect::<Map<_, _>>())
}

fn maybe(random: &mut Random, percent: usize, values: &[Value]) -> Option<Value> {
    random.chance(percent).then(|| random.pick(values).clone())
}

fn handler(random: &mut Random) -> (&'static str, Value) {
    match random.below(4) {
        0 => ("exec", json!({"command": random.pick(&[json!(["true"]), json!(["sh", "-c", "exit 0"])])})),
        1 => {
            let entries = [
                ("path", maybe(random, 60, &[json!("/"), json!("/healthz")])),
                ("port", Some(random.pick(&[json!(80), json!(8080), json!("http")]).clone())),
                ("scheme", maybe(random, 30, &[json!("HTTP"), json!("HTTPS")])),
                ("httpHeaders", maybe(random, 20, &[json!([{"name": "X-A", "value": "1"}])])),
                ("host", maybe(random, 15, &[json!("web.example")])),
            ];
            ("httpGet", map(&entries))
        }
        2 => (
            "tcpSocket",
            map(&[
                ("port", Some(random.pick(&[json!(80), json!(8080), json!("http")]).clone())),
                ("host", maybe(random, 20, &[json!("10.0.0.1")])),
            ]),
        ),
        _ => ("grpc", map(&[("port", Some(json!(9090))), ("service", maybe(random, 30, &[json!(""), json!("health")]))])),
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
    Some(random
        .pick(&[
            json!({"periodSeconds": 5}),
            json!({"httpGet": {"port": 0}}),
            json!({"httpGet": {"port": 80, "scheme": "FTP"}}),
            json!({"httpGet": {"port": "Not_A_Port", "httpHeaders": [{"name": "a b", "value": ""}]}}),
            json!({"tcpSocket": {"port": 70000}}),
            json!({"exec": {"command": []}}),
            json!({"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}, "grpc": {"port": 1}}),
            json!({"httpGet": {"port": 80}, "tcpSocket": {"port": 0}}),
            json!({"tcpSocket": {"port": 80}, "periodSeconds": -1, "timeoutSeconds": -2, "failureThreshold": -1, "initialDelaySeconds": -5}),
            json!({"tcpSocket": {"port": 80}, "successThreshold": 3, "terminationGracePeriodSeconds": 0}),
            json!({"grpc": {"port": 0}}),
            json!({"tcpSocket": {"port": 80}, "periodSecond": 5}),
            json!({"tcpSocket": {"port": 80}, "periodSeconds": "5"}),
        ])
        .clone())
}

pub fn lifecycle(random: &mut Random) -> Option<Value> {
    if random.chance(20) {
        return None;
    }
    Some(match random.below(4) {
        0 => json!({"sleep": {"seconds": random.pick(&[0, 5])}}),
        _ => {
            let (name, value) = handler(random);
            if name == "grpc" { json!({"exec": {"command": ["sync"]}}) } else { map(&[(name, Some(value))]) }
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
        0 | 1 => map(&[("value", maybe(random, 85, &[json!("dev"), json!("prod"), json!(""), json!("$(HOME)/x")]))]),
        2 => json!({"valueFrom": {"fieldRef": {"fieldPath": random.pick(&["metadata.name", "status.podIP", "metadata.labels['app']"])}}}),
        3 => json!({"valueFrom": {"configMapKeyRef": {"name": "settings", "key": random.pick(&["a", "b.c"])}}}),
        4 => json!({"valueFrom": {"secretKeyRef": {"name": "db", "key": "password", "optional": random.chance(50)}}}),
        _ => {
            json!({"valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": random.pick(&[json!("1"), json!("1m"), json!(0)])}}})
        }
    };
    item["name"] = json!("MODE");
    Some(item)
}

pub fn broken_variable(random: &mut Random) -> Option<Value> {
    Some(random
        .pick(&[
            json!({"name": "MODE", "valueFrom": {}}),
            json!({"name": "MODE", "value": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}),
            json!({"name": "MODE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}, "secretKeyRef": {"name": "a", "key": "b"}}}),
            json!({"name": "MODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nothing"}}}),
            json!({"name": "MODE", "valueFrom": {"fieldRef": {"fieldPath": "", "apiVersion": "v2"}}}),
            json!({"name": "MODE", "valueFrom": {"secretKeyRef": {"name": "", "key": "a/b"}}}),
            json!({"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "x"}}}),
            json!({"name": "MODE", "valueFrom": {"resourceFieldRef": {"resource": "limits.gpus"}}}),
            json!({"name": "MODE", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "3"}}}),
            json!({"name": "MODE", "value": 1}),
        ])
        .clone())
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

/// A volume `data` with one of the sources that a server takes without more.
pub fn volume(random: &mut Random) -> Option<Value> {
    let source = match random.below(13) {
        0 => json!({"emptyDir": {}}),
        1 => {
            json!({"emptyDir": map(&[("medium", maybe(random, 50, &[json!("Memory"), json!("")])), ("sizeLimit", maybe(random, 60, &[json!("1Gi"), json!("0.5Gi"), json!(1024)]))])})
        }
        2 => {
            json!({"configMap": map(&[("name", Some(json!("settings"))), ("defaultMode", maybe(random, 40, &[json!(420), json!(256)])), ("items", maybe(random, 40, &[json!([{"key": "a", "path": "b"}])]))])})
        }
        3 => json!({"secret": map(&[("secretName", Some(json!("db"))), ("optional", maybe(random, 30, &[json!(true), json!(false)]))])}),
        4 => json!({"hostPath": map(&[("path", Some(json!("/srv"))), ("type", maybe(random, 50, &[json!(""), json!("Directory")]))])}),
        5 => json!({"persistentVolumeClaim": {"claimName": random.pick(&["disk", "other"])}}),
        6 => json!({"nfs": {"server": "nfs.example", "path": "/export"}}),
        7 => json!({"csi": {"driver": "secrets.example", "readOnly": true}}),
        8 => json!({"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}),
        9 => {
            json!({"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": random.pick(&["1Gi", "1024Mi"])}}}}}})
        }
        10 => json!({"image": {"reference": random.pick(&["registry.example/data:1", "registry.example/data"])}}),
        11 => json!({}),
        _ => json!({"iscsi": {"targetPortal": "10.0.0.1:3260", "iqn": "iqn.2026-01.example:disk", "lun": 0}}),
    };
    let mut volume = source;
    volume["name"] = json!("data");
    Some(volume)
}

pub fn broken_volume(random: &mut Random) -> Option<Value> {
    let mut volume = random
        .pick(&[
            json!({"emptyDir": {}, "hostPath": {"path": "/srv"}}),
            json!({"configMap": {"name": "a"}, "secret": {"secretName": "b"}, "emptyDir": {}}),
            json!({"emptyDir": {"sizeLimit": "-1Gi"}}),
            json!({"configMap": {"name": "", "defaultMode": 1000}}),
            json!({"secret": {"items": [{"key": "", "path": "../x"}]}}),
            json!({"hostPath": {"path": "", "type": "Folder"}}),
            json!({"hostPath": {"path": "/a/../b"}}),
            json!({"persistentVolumeClaim": {"claimName": ""}}),
            json!({"nfs": {"server": "", "path": "relative"}}),
            json!({"downwardAPI": {"items": [{"path": "", "fieldRef": {"fieldPath": "a"}, "resourceFieldRef": {"resource": "limits.cpu"}}]}}),
            json!({"image": {"reference": "", "pullPolicy": "Sometimes"}}),
            json!({"ephemeral": {}}),
            json!({"csi": {"driver": "-x-"}}),
        ])
        .clone();
    volume["name"] = json!("data");
    Some(volume)
}

pub fn projected(random: &mut Random) -> Option<Value> {
    if random.chance(15) {
        return None;
    }
    let sources = [
        json!({"configMap": {"name": "a"}}),
        json!({"secret": {"name": "b", "items": [{"key": "k", "path": "p"}]}}),
        json!({"serviceAccountToken": {"path": "token", "expirationSeconds": random.pick(&[3600, 7200])}}),
        json!({"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}}),
    ];
    let mode = random.chance(30).then(|| json!(random.pick(&[420, 256])));
    Some(json!({"name": "all", "projected": map(&[("sources", Some(Value::from(random.some(&sources, 50)))), ("defaultMode", mode)])}))
}

pub fn broken_projected(random: &mut Random) -> Option<Value> {
    let sources = random
        .pick(&[
            json!([{"configMap": {"name": "a"}, "secret": {"name": "b"}}]),
            json!([{"serviceAccountToken": {"path": ""}}]),
            json!([{"serviceAccountToken": {"path": "t", "expirationSeconds": 1}}]),
            json!([{"configMap": {"name": "a", "items": [{"key": "k", "path": "p"}]}}, {"secret": {"name": "b", "items": [{"key": "k", "path": "p"}]}}]),
            json!([{"configMap": {"name": ""}}]),
            json!([{"downwardAPI": {"items": [{"path": "a/../b", "fieldRef": {"fieldPath": "metadata.name"}}]}}]),
        ])
        .clone();
    Some(json!({"name": "all", "projected": {"sources": sources}}))
}

pub fn fibre_channel(random: &mut Random) -> Option<Value> {
    if random.chance(25) {
        return None;
    }
    let source = if random.chance(50) {
        json!({"targetWWNs": ["500a0982991b8dc5"], "lun": random.pick(&[0, 2])})
    } else {
        json!({"wwids": ["3600508b4"]})
    };
    Some(json!({"name": "fc", "fc": source}))
}

pub fn broken_fibre_channel(random: &mut Random) -> Option<Value> {
    let source = random
        .pick(&[
            json!({}),
            json!({"targetWWNs": ["a"], "wwids": ["b"], "lun": 1}),
            json!({"targetWWNs": ["a"]}),
            json!({"targetWWNs": ["a"], "lun": 300}),
        ])
        .clone();
    Some(json!({"name": "fc", "fc": source}))
}

pub fn mount(random: &mut Random) -> Option<Value> {
    if random.chance(20) {
        return None;
    }
    let mut mount = match random.below(4) {
        0 => json!({"subPath": "a"}),
        1 => json!({"subPathExpr": "$(MODE)"}),
        2 => json!({"readOnly": true}),
        _ => json!({}),
    };
    mount["name"] = json!("data");
    mount["mountPath"] = json!("/data");
    Some(mount)
}

pub fn broken_mount(random: &mut Random) -> Option<Value> {
    let mut mount = random
        .pick(&[
            json!({"name": "data", "subPath": "a", "subPathExpr": "b"}),
            json!({"name": "data", "subPath": "/a"}),
            json!({"name": "data", "subPath": "../a"}),
            json!({"name": "gone"}),
            json!({"name": ""}),
            json!({"name": "data", "mountPropagation": "Sideways"}),
            json!({"name": "data", "recursiveReadOnly": "Enabled"}),
        ])
        .clone();
    mount["mountPath"] = json!("/data");
    Some(mount)
}

pub fn claim(random: &mut Random) -> Option<Value> {
    if random.chance(25) {
        return None;
    }
    let source = if random.chance(50) { ("resourceClaimName", json!("shared")) } else { ("resourceClaimTemplateName", json!("each")) };
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

pub fn strategy(random: &mut Random) -> Option<Value> {
    match random.below(4) {
        0 => None,
        1 => Some(json!({"type": "Recreate"})),
        2 => Some(json!({"type": "RollingUpdate"})),
        _ => Some(
            json!({"rollingUpdate": map(&[("maxSurge", maybe(random, 70, &[json!(1), json!("50%")])), ("maxUnavailable", maybe(random, 70, &[json!(1), json!("25%")]))])}),
        ),
    }
}

pub fn broken_strategy(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!({"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}),
                json!({"type": "Slowly"}),
                json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
                json!({"rollingUpdate": {"maxSurge": "0%", "maxUnavailable": "0%"}}),
                json!({"rollingUpdate": {"maxSurge": "x", "maxUnavailable": -1}}),
                json!({"rollingUpdate": {"maxUnavailable": "150%"}}),
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
    json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": expressions}]}}})
}

pub fn affinity(random: &mut Random) -> Option<Value> {
    match random.below(5) {
        0 => None,
        1 => Some(node_affinity(json!([{"key": "zone", "operator": "In", "values": random.pick(&[json!(["a"]), json!(["a", "b"])])}]))),
        2 => Some(node_affinity(json!([{"key": "cores", "operator": "Gt", "values": ["4"]}, {"key": "spot", "operator": "DoesNotExist"}]))),
        3 => Some(json!({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": random.pick(&[1, 100]), "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}}]}})),
        _ => Some(json!({})),
    }
}

pub fn broken_affinity(random: &mut Random) -> Option<Value> {
    Some(random
        .pick(&[
            node_affinity(json!([{"key": "a", "operator": "In"}])),
            node_affinity(json!([{"key": "a", "operator": "Exists", "values": ["b"]}])),
            node_affinity(json!([{"key": "a", "operator": "Gt", "values": ["b", "c"]}])),
            node_affinity(json!([{"key": "a b", "operator": "Like", "values": ["x"]}])),
            json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}),
            json!({"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 0, "podAffinityTerm": {"topologyKey": ""}}]}}),
            json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "a", "labelSelector": {"matchExpressions": [{"key": "x", "operator": "In"}]}}]}}),
        ])
        .clone())
}

pub fn devices(random: &mut Random) -> Option<Value> {
    random.chance(40).then(|| json!([{"name": "data", "devicePath": random.pick(&["/dev/a", "/dev/b"])}]))
}

pub fn broken_devices(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!([{"name": "data", "devicePath": "../a"}]),
                json!([{"name": "gone", "devicePath": "/dev/a"}]),
                json!([{"name": "data", "devicePath": "/data"}]),
                json!([{"name": "", "devicePath": ""}]),
            ])
            .clone(),
    )
}
