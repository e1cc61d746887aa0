//! The other parts of a container.

use serde_json::{Value, json};

use crate::random::Random;

pub fn image(random: &mut Random) -> Option<Value> {
    Some(json!(random.pick(&[
        "registry.example/web:1",
        "registry.example/web:2",
        "registry.example/web",
        "registry.example/web:latest",
        "registry.example/web:1@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    ])))
}

pub fn broken_image(random: &mut Random) -> Option<Value> {
    random
        .pick(&[Some(json!("")), Some(json!(" web:1")), None, Some(json!(7))])
        .clone()
}

pub fn pull_policy(random: &mut Random) -> Option<Value> {
    random
        .pick(&[
            None,
            Some(json!("Always")),
            Some(json!("IfNotPresent")),
            Some(json!("Never")),
        ])
        .clone()
}

pub fn broken_word(random: &mut Random) -> Option<Value> {
    Some(random.pick(&[json!("Sometimes"), json!(1)]).clone())
}

pub fn words(random: &mut Random) -> Option<Value> {
    random
        .pick(&[
            None,
            Some(json!([])),
            Some(json!(["a"])),
            Some(json!(["a", "b"])),
            Some(json!(["b", "a"])),
        ])
        .clone()
}

pub fn broken_list(random: &mut Random) -> Option<Value> {
    Some(random.pick(&[json!("a"), json!([1]), json!({"a": "b"})]).clone())
}

pub fn env(random: &mut Random) -> Option<Value> {
    let items = [
        json!({"name": "A", "value": "1"}),
        json!({"name": "B", "value": random.pick(&["2", "3"])}),
        json!({"name": "C", "value": "$(A)"}),
        json!({"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}),
        json!({"name": "E"}),
    ];
    let mut some = random.some(&items, 55);
    if random.chance(20) {
        some.reverse();
    }
    if random.chance(8) {
        // Duplicates are allowed, and a merge by name trips over them.
        some.push(json!({"name": "A", "value": "again"}));
    }
    (!some.is_empty()).then(|| Value::from(some))
}

pub fn broken_env(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!([{"name": ""}]),
                json!([{"name": "a=b", "value": "x"}]),
                json!([{"value": "x"}]),
                json!([{"name": "A", "value": true}]),
            ])
            .clone(),
    )
}

pub fn ports(random: &mut Random) -> Option<Value> {
    let items = [
        json!({"containerPort": 80}),
        json!({"containerPort": 8080, "name": random.pick(&["http", "web"])}),
        json!({"containerPort": 53, "protocol": "UDP", "name": "dns"}),
        json!({"containerPort": 53, "protocol": "TCP", "name": random.pick(&["dns-tcp", "dot"])}),
        json!({"containerPort": 9090, "hostPort": 9090}),
    ];
    let mut some = random.some(&items, 50);
    if random.chance(20) {
        some.reverse();
    }
    (!some.is_empty()).then(|| Value::from(some))
}

pub fn broken_ports(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!([{"containerPort": 0}]),
                json!([{"containerPort": 70000, "hostPort": 70001}]),
                json!([{"containerPort": 80, "name": "A_B"}]),
                json!([{"containerPort": 80, "name": "x"}, {"containerPort": 81, "name": "x"}]),
                json!([{"containerPort": 80, "protocol": "ICMP"}]),
                json!([{"containerPort": 80, "hostIP": "here"}]),
                json!([{"containerPort": 80, "name": "a-name-that-is-too-long"}]),
                json!([{"name": "http"}]),
            ])
            .clone(),
    )
}

pub fn resources(random: &mut Random) -> Option<Value> {
    if random.chance(20) {
        return None;
    }
    let cpu = random
        .pick(&[json!("100m"), json!("0.1"), json!(1), json!("500m")])
        .clone();
    let memory = random
        .pick(&[json!("64Mi"), json!("65536Ki"), json!("0.5Gi"), json!(134_217_728)])
        .clone();
    Some(match random.below(4) {
        0 => json!({"requests": {"cpu": cpu}}),
        1 => json!({"limits": {"memory": memory}}),
        2 => json!({"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": "2", "memory": "1Gi"}}),
        _ => json!({}),
    })
}

pub fn broken_resources(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
                json!({"requests": {"memory": "-1"}}),
                json!({"requests": {"gpus": "1"}}),
                json!({"limits": {"example.com/gpu": "0.5"}}),
                json!({"requests": {"example.com/gpu": "1"}, "limits": {"example.com/gpu": "2"}}),
                json!({"requests": {"hugepages-2Mi": "2Mi"}}),
                json!({"requests": {"cpu": "much"}}),
                json!({"claims": [{"name": "none"}]}),
            ])
            .clone(),
    )
}

pub fn mounts(random: &mut Random) -> Option<Value> {
    let items = [
        json!({"name": "data", "mountPath": "/data"}),
        json!({"name": "data", "mountPath": "/cache", "subPath": "cache"}),
        json!({"name": "data", "mountPath": "/ro", "readOnly": true}),
    ];
    let mut some = random.some(&items, 55);
    if random.chance(20) {
        some.reverse();
    }
    (!some.is_empty()).then(|| Value::from(some))
}

pub fn broken_mounts(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!([{"name": "data", "mountPath": "/a"}, {"name": "data", "mountPath": "/a"}]),
                json!([{"name": "none", "mountPath": "/a"}]),
                json!([{"name": "data", "mountPath": ""}]),
            ])
            .clone(),
    )
}

pub fn security(random: &mut Random) -> Option<Value> {
    random
        .pick(&[
            None,
            Some(json!({})),
            Some(json!({"runAsNonRoot": true, "runAsUser": 1000})),
            Some(json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}})),
            Some(
                json!({"capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}, "readOnlyRootFilesystem": true}),
            ),
            Some(json!({"seccompProfile": {"type": "RuntimeDefault"}, "privileged": false})),
        ])
        .clone()
}

pub fn broken_security(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!({"privileged": true, "allowPrivilegeEscalation": false}),
                json!({"capabilities": {"add": ["CAP_SYS_ADMIN"]}, "allowPrivilegeEscalation": false}),
                json!({"runAsUser": -1}),
                json!({"procMount": "Other"}),
                json!({"seccompProfile": {"type": "Localhost"}}),
            ])
            .clone(),
    )
}

pub fn sidecar(random: &mut Random) -> Option<Value> {
    if random.chance(35) {
        return None;
    }
    let mut side = json!({"name": "side", "image": random.pick(&["registry.example/side:1", "registry.example/side"])});
    if random.chance(40) {
        side["ports"] = json!([{"containerPort": 15000}]);
    }
    if random.chance(40) {
        side["env"] = json!([{"name": "LEVEL", "value": random.pick(&["info", "debug"])}]);
    }
    Some(side)
}

pub fn broken_sidecar(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!({"name": "side"}),
                json!({"name": "side", "image": "x", "ports": [{"containerPort": 1, "hostPort": 70000}]}),
                json!({"name": "side", "image": "x", "terminationMessagePolicy": "Never"}),
                json!({"name": "side", "image": "x", "restartPolicy": "Maybe"}),
            ])
            .clone(),
    )
}

pub fn init(random: &mut Random) -> Option<Value> {
    let items = [
        json!({"name": "setup", "image": "registry.example/setup:1", "command": ["a"],
               "resources": {"requests": {"cpu": "3"}}}),
        json!({"name": "proxy", "image": "registry.example/proxy:1", "restartPolicy": "Always",
               "startupProbe": {"tcpSocket": {"port": 1}},
               "resources": {"requests": {"cpu": "0.2", "memory": "100M"}}}),
        json!({"name": "migrate", "image": random.pick(&["registry.example/migrate:1", "registry.example/migrate:2"])}),
    ];
    let some = random.some(&items, 40);
    (!some.is_empty()).then(|| Value::from(some))
}

pub fn broken_init(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!([{"name": "setup", "image": "x", "livenessProbe": {"tcpSocket": {"port": 1}}}]),
                json!([{"name": "setup", "image": "x", "readinessProbe": {"tcpSocket": {"port": 1}},
                    "lifecycle": {"preStop": {"exec": {"command": ["a"]}}}}]),
                json!([{"name": "web", "image": "x"}]),
                json!([{"name": "Set_Up", "image": "x"}]),
                json!([{"name": "setup", "image": "x", "restartPolicy": "Never",
                    "startupProbe": {"tcpSocket": {"port": 1}}}]),
            ])
            .clone(),
    )
}
