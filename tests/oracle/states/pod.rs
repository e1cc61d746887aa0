//! The other parts of a pod, of the kinds' own specs, and of their metadata.

use serde_json::{Value, json};

use crate::random::Random;

pub fn nothing_broken(_: &mut Random) -> Option<Value> {
    None
}

pub fn security(random: &mut Random) -> Option<Value> {
    random
        .pick(&[
            None,
            Some(json!({})),
            Some(json!({"fsGroup": 2000, "runAsUser": 1000})),
            Some(json!({"supplementalGroups": [1, 2], "runAsNonRoot": true})),
            Some(json!({"sysctls": [{"name": "net.core.somaxconn", "value": "1024"}]})),
            Some(json!({"fsGroupChangePolicy": "OnRootMismatch", "fsGroup": 1})),
        ])
        .clone()
}

pub fn broken_security(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!({"fsGroup": -1}),
                json!({"sysctls": [{"name": "Not Valid", "value": ""}, {"name": "a.b", "value": "1"},
                                   {"name": "a.b", "value": "1"}]}),
                json!({"fsGroupChangePolicy": "Sometimes"}),
                json!({"supplementalGroups": [-1], "runAsGroup": -1}),
            ])
            .clone(),
    )
}

/// For the pod as a whole: about as much as its containers ask for.
pub fn resources(random: &mut Random) -> Option<Value> {
    random
        .pick(&[
            None,
            Some(json!({"requests": {"cpu": "2", "memory": "2Gi"}, "limits": {"cpu": 4, "memory": "4Gi"}})),
            Some(json!({"limits": {"cpu": "1500m"}})),
            Some(json!({"requests": {"cpu": "1"}})),
            Some(json!({"requests": {"cpu": "0.6"}, "limits": {"memory": "1Gi"}})),
        ])
        .clone()
}

pub fn broken_resources(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                // One fault in each map: the server goes through them in no order.
                json!({"requests": {"cpu": "10m"}}),
                json!({"requests": {"cpu": "0.05"}, "limits": {"memory": "1000Ki"}}),
                json!({"limits": {"memory": "32Mi"}}),
                json!({"requests": {"ephemeral-storage": "1Gi"}}),
                json!({"claims": []}),
                json!({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}, "claims": [{"name": "gpu"}]}),
            ])
            .clone(),
    )
}

pub fn texts(random: &mut Random) -> Option<Value> {
    random
        .pick(&[
            None,
            Some(json!({})),
            Some(json!({"zone": "a"})),
            Some(json!({"zone": "b"})),
            Some(json!({"zone": "a", "example.com/disk": "ssd"})),
            Some(json!({"tier": ""})),
        ])
        .clone()
}

pub fn broken_texts(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!({"a b": "c"}),
                json!({"zone": "a b"}),
                json!({"-x/": "y"}),
                json!({"zone": 1}),
            ])
            .clone(),
    )
}

pub fn notes(random: &mut Random) -> Option<Value> {
    random
        .pick(&[
            None,
            Some(json!({})),
            Some(json!({"example.com/note": "a b"})),
            Some(json!({"example.com/note": "c", "team": "shop"})),
            Some(json!({"team": ""})),
        ])
        .clone()
}

pub fn broken_notes(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[json!({"a b": "c"}), json!({"/x": "y"}), json!({"a": true})])
            .clone(),
    )
}

pub fn template_labels(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!({"app": "web"}),
                json!({"app": "web", "tier": "a"}),
                json!({"app": "web", "tier": "b", "example.com/x": "y"}),
            ])
            .clone(),
    )
}

pub fn broken_template_labels(random: &mut Random) -> Option<Value> {
    random
        .pick(&[
            Some(json!({"app": "other"})),
            None,
            Some(json!({"app": "web", "a b": ""})),
        ])
        .clone()
}

pub fn host_aliases(random: &mut Random) -> Option<Value> {
    let items = [
        json!({"ip": "10.0.0.1", "hostnames": ["a.example"]}),
        json!({"ip": "10.0.0.2", "hostnames": [random.pick(&["b.example", "c.example"])]}),
    ];
    let some = random.some(&items, 60);
    (!some.is_empty()).then(|| Value::from(some))
}

pub fn broken_host_aliases(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!([{"ip": "here"}]),
                json!([{"ip": "10.0.0.1", "hostnames": ["a b"]}]),
                json!([{"hostnames": ["a"]}]),
            ])
            .clone(),
    )
}

pub fn pull_secrets(random: &mut Random) -> Option<Value> {
    let some = random.some(&[json!({"name": "a"}), json!({"name": "b"})], 60);
    (!some.is_empty()).then(|| Value::from(some))
}

pub fn spread(random: &mut Random) -> Option<Value> {
    let selector = json!({"matchLabels": {"app": "web"}});
    let items = [
        json!({"maxSkew": random.pick(&[1, 2]), "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
               "labelSelector": selector}),
        json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": selector}),
        json!({"maxSkew": 1, "topologyKey": "host", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2}),
    ];
    let some = random.some(&items, 45);
    (!some.is_empty()).then(|| Value::from(some))
}

pub fn broken_spread(random: &mut Random) -> Option<Value> {
    let one = |change: Value| {
        let mut item = json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"});
        for (name, value) in change.as_object().into_iter().flatten() {
            item[name] = value.clone();
        }
        json!([item])
    };
    Some(
        random
            .pick(&[
                one(json!({"maxSkew": 0})),
                one(json!({"topologyKey": ""})),
                one(json!({"whenUnsatisfiable": "Perhaps"})),
                one(json!({"minDomains": 0})),
                one(json!({"whenUnsatisfiable": "ScheduleAnyway", "minDomains": 2})),
                one(json!({"nodeTaintsPolicy": "Other", "matchLabelKeys": ["app"]})),
            ])
            .clone(),
    )
}

pub fn dns(random: &mut Random) -> Option<Value> {
    random
        .pick(&[
            None,
            Some(json!({"nameservers": ["10.0.0.10"]})),
            Some(json!({"searches": ["a.example"], "options": [{"name": "ndots", "value": "2"}]})),
            Some(json!({})),
        ])
        .clone()
}

pub fn broken_dns(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!({"nameservers": ["x", "1.1.1.1", "1.1.1.2", "1.1.1.3"]}),
                json!({"searches": ["a b"]}),
                json!({"options": [{"value": "2"}]}),
            ])
            .clone(),
    )
}

pub fn seconds(random: &mut Random) -> Option<Value> {
    random
        .pick(&[None, Some(json!(30)), Some(json!(60)), Some(json!(600))])
        .clone()
}

pub fn few(random: &mut Random) -> Option<Value> {
    random
        .pick(&[None, Some(json!(0)), Some(json!(1)), Some(json!(2)), Some(json!(5))])
        .clone()
}

pub fn negative(random: &mut Random) -> Option<Value> {
    Some(random.pick(&[json!(-1), json!("1"), json!(0), json!(1.5)]).clone())
}

pub fn flag(random: &mut Random) -> Option<Value> {
    random.pick(&[None, Some(json!(true)), Some(json!(false))]).clone()
}

pub fn account(random: &mut Random) -> Option<Value> {
    random.pick(&[None, Some(json!("robot")), Some(json!("other"))]).clone()
}

pub fn broken_account(_: &mut Random) -> Option<Value> {
    Some(json!("Not_A_Name"))
}

pub fn finalizers(random: &mut Random) -> Option<Value> {
    let mut some = random.some(&[json!("example.com/a"), json!("example.com/b")], 50);
    if random.chance(30) {
        some.reverse();
    }
    (!some.is_empty()).then(|| Value::from(some))
}

pub fn broken_finalizers(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[json!(["nodomain"]), json!(["example.com/a b"]), json!([""])])
            .clone(),
    )
}

pub fn owners(random: &mut Random) -> Option<Value> {
    let items = [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "11111111-1111-4111-8111-111111111111"}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "name": random.pick(&["b", "c"]),
               "uid": "22222222-2222-4222-8222-222222222222", "controller": true}),
    ];
    let some = random.some(&items, 45);
    (!some.is_empty()).then(|| Value::from(some))
}

pub fn broken_owners(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": ""}]),
                json!([{"apiVersion": "v1", "kind": "", "name": "", "uid": "1"}]),
                json!([{"apiVersion": "v1", "kind": "Event", "name": "a", "uid": "1"}]),
                json!([
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "1", "controller": true},
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "b", "uid": "2", "controller": true},
                ]),
            ])
            .clone(),
    )
}
