//! The unions of the catalogue (`src/engine/schema/unions.rs`) that a plain Deployment can hold, and a list by key,
//! each with the documents of its members.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::harness::incident;

/// One place of a Deployment that holds one member of several.
#[derive(Debug)]
pub struct Kind {
    /// How it is called.
    pub name: &'static str,

    /// Where what holds the members is, as a JSON Pointer.
    place: &'static str,

    /// The same in the grammar of `fieldsV1`.
    owned: &'static [&'static str],

    /// What else must be there, by JSON Pointer, outermost first.
    beside: &'static [(&'static str, &'static str)],

    /// What stands beside the members in their place.
    fixed: &'static str,

    /// The members, as JSON: what is in their place beside `fixed`.
    pub members: &'static [&'static str],
}

const HANDLERS: &[&str] = &[
    r#"{"httpGet": {"path": "/healthz", "port": 8080}}"#,
    r#"{"tcpSocket": {"port": 8080}}"#,
    r#"{"exec": {"command": ["/bin/healthy"]}}"#,
    r#"{"grpc": {"port": 8080}}"#,
];

const HOOKS: &[&str] = &[
    r#"{"exec": {"command": ["/bin/drain"]}}"#,
    r#"{"httpGet": {"path": "/drain", "port": 8080}}"#,
    r#"{"sleep": {"seconds": 1}}"#,
];

const PROFILES: &[&str] = &[
    r#"{"type": "RuntimeDefault"}"#,
    r#"{"type": "Localhost", "localhostProfile": "web"}"#,
    r#"{"type": "Unconfined"}"#,
];

const WEB: &[&str] = &["f:spec", "f:template", "f:spec", "f:containers", r#"k:{"name":"web"}"#];

/// All of them.
pub const KINDS: &[Kind] = &[
    probe(
        "livenessProbe",
        "/spec/template/spec/containers/0/livenessProbe",
        &["f:livenessProbe"],
    ),
    Kind {
        name: "env",
        place: "/spec/template/spec/containers/0/env/0",
        owned: &["f:env", r#"k:{"name":"POD"}"#],
        beside: &[("/spec/template/spec/containers/0/env", "[{}]")],
        fixed: r#"{"name": "POD"}"#,
        members: &[
            r#"{"value": "web"}"#,
            r#"{"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}"#,
            r#"{"valueFrom": {"configMapKeyRef": {"name": "settings", "key": "pod"}}}"#,
            r#"{"value": "other"}"#,
        ],
    },
    Kind {
        name: "volume",
        place: "/spec/template/spec/volumes/0",
        owned: &["f:volumes", r#"k:{"name":"data"}"#],
        beside: &[("/spec/template/spec/volumes", "[{}]")],
        fixed: r#"{"name": "data"}"#,
        members: &[
            r#"{"emptyDir": {}}"#,
            r#"{"configMap": {"name": "settings"}}"#,
            r#"{"secret": {"secretName": "settings"}}"#,
            r#"{"hostPath": {"path": "/srv"}}"#,
            r#"{"nfs": {"server": "files.example", "path": "/srv"}}"#,
        ],
    },
    Kind {
        name: "strategy",
        place: "/spec/strategy",
        owned: &["f:strategy"],
        beside: &[],
        fixed: "{}",
        members: &[
            r#"{"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}"#,
            r#"{"type": "Recreate"}"#,
            r#"{"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}"#,
        ],
    },
    Kind {
        name: "ports",
        place: "/spec/template/spec/containers/0/ports",
        owned: &["f:ports"],
        beside: &[],
        fixed: "{}",
        members: &[
            r#"[{"name": "http", "containerPort": 8080}]"#,
            r#"[{"name": "http", "containerPort": 9090}]"#,
            r#"[{"name": "http", "containerPort": 8081}]"#,
        ],
    },
    Kind {
        name: "preStop",
        place: "/spec/template/spec/containers/0/lifecycle/preStop",
        owned: &["f:lifecycle", "f:preStop"],
        beside: &[("/spec/template/spec/containers/0/lifecycle", "{}")],
        fixed: "{}",
        members: HOOKS,
    },
    Kind {
        name: "valueFrom",
        place: "/spec/template/spec/containers/0/env/0/valueFrom",
        owned: &["f:env", r#"k:{"name":"POD"}"#, "f:valueFrom"],
        beside: &[("/spec/template/spec/containers/0/env", r#"[{"name": "POD"}]"#)],
        fixed: "{}",
        members: &[
            r#"{"fieldRef": {"fieldPath": "metadata.name"}}"#,
            r#"{"configMapKeyRef": {"name": "settings", "key": "pod"}}"#,
            r#"{"secretKeyRef": {"name": "settings", "key": "pod"}}"#,
            r#"{"resourceFieldRef": {"resource": "limits.cpu"}}"#,
        ],
    },
    probe(
        "readinessProbe",
        "/spec/template/spec/containers/0/readinessProbe",
        &["f:readinessProbe"],
    ),
    Kind {
        name: "subPath",
        place: "/spec/template/spec/containers/0/volumeMounts/0",
        owned: &["f:volumeMounts", r#"k:{"mountPath":"/data"}"#],
        beside: &[
            ("/spec/template/spec/volumes", r#"[{"name": "data", "emptyDir": {}}]"#),
            ("/spec/template/spec/containers/0/volumeMounts", "[{}]"),
        ],
        fixed: r#"{"name": "data", "mountPath": "/data"}"#,
        members: &[r#"{"subPath": "a"}"#, r#"{"subPathExpr": "b"}"#, r#"{"subPath": "c"}"#],
    },
    Kind {
        name: "seccompProfile",
        place: "/spec/template/spec/securityContext/seccompProfile",
        owned: &["f:securityContext", "f:seccompProfile"],
        beside: &[("/spec/template/spec/securityContext", "{}")],
        fixed: "{}",
        members: PROFILES,
    },
    probe(
        "startupProbe",
        "/spec/template/spec/containers/0/startupProbe",
        &["f:startupProbe"],
    ),
    Kind {
        name: "fc",
        place: "/spec/template/spec/volumes/0/fc",
        owned: &["f:volumes", r#"k:{"name":"data"}"#, "f:fc"],
        beside: &[("/spec/template/spec/volumes", r#"[{"name": "data"}]"#)],
        fixed: "{}",
        members: &[
            r#"{"targetWWNs": ["x"], "lun": 1}"#,
            r#"{"wwids": ["x"]}"#,
            r#"{"targetWWNs": ["y"], "lun": 2}"#,
        ],
    },
    Kind {
        name: "resourceClaim",
        place: "/spec/template/spec/resourceClaims/0",
        owned: &["f:resourceClaims", r#"k:{"name":"gpu"}"#],
        beside: &[("/spec/template/spec/resourceClaims", "[{}]")],
        fixed: r#"{"name": "gpu"}"#,
        members: &[
            r#"{"resourceClaimName": "one"}"#,
            r#"{"resourceClaimTemplateName": "template"}"#,
            r#"{"resourceClaimName": "two"}"#,
        ],
    },
    Kind {
        name: "appArmorProfile",
        place: "/spec/template/spec/securityContext/appArmorProfile",
        owned: &["f:securityContext", "f:appArmorProfile"],
        beside: &[("/spec/template/spec/securityContext", "{}")],
        fixed: "{}",
        members: PROFILES,
    },
    Kind {
        name: "postStart",
        place: "/spec/template/spec/containers/0/lifecycle/postStart",
        owned: &["f:lifecycle", "f:postStart"],
        beside: &[("/spec/template/spec/containers/0/lifecycle", "{}")],
        fixed: "{}",
        members: HOOKS,
    },
];

const fn probe(name: &'static str, place: &'static str, owned: &'static [&'static str]) -> Kind {
    Kind {
        name,
        place,
        owned,
        beside: &[],
        fixed: "{}",
        members: HANDLERS,
    }
}

impl Kind {
    /// A Deployment with this member.
    pub fn document(&self, member: usize) -> Result<Value> {
        let mut document = incident::deployment(&Value::Null);
        let container = document["spec"]["template"]["spec"]["containers"][0]
            .as_object_mut()
            .context("no container")?;
        container.remove("livenessProbe");
        for (place, value) in self.beside {
            put(&mut document, place, serde_json::from_str(value)?)?;
        }
        put(&mut document, self.place, self.value(member)?)?;
        Ok(document)
    }

    /// What is in the place of the members with this one.
    pub fn value(&self, member: usize) -> Result<Value> {
        let mut value: Value = serde_json::from_str(self.fixed)?;
        json_patch::merge(
            &mut value,
            &serde_json::from_str(self.members.get(member).context("no such member")?)?,
        );
        Ok(value)
    }

    /// The JSON patch that sets this member, and takes the others out.
    pub fn patch(&self, member: usize) -> Result<Value> {
        // An addition to a list would come beside what is there.
        Ok(json!([{"op": "replace", "path": self.place, "value": self.value(member)?}]))
    }

    /// Sets this member in an object.
    pub fn set(&self, object: &mut Value, member: usize) -> Result<()> {
        put(object, self.place, self.value(member)?)
    }

    /// A member that takes out a field which this one has, or brings one: what a foreign owner is in the way of.
    pub fn other_than(&self, member: usize) -> Result<usize> {
        let keys = |member: usize| -> Result<Vec<String>> {
            Ok(self
                .value(member)?
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone())
                .collect())
        };
        let now = keys(member)?;
        let mut fallback = None;
        for other in (0..self.members.len()).filter(|other| *other != member) {
            if keys(other)? != now {
                return Ok(other);
            }
            fallback.get_or_insert(other);
        }
        fallback.context("one member only")
    }

    /// Whether an object has this member and no other.
    pub fn has(&self, object: &Value, member: usize) -> Result<bool> {
        let wanted = self.value(member)?;
        let Some(found) = object.pointer(self.place) else {
            return Ok(false);
        };
        let (Some(found), Some(wanted)) = (found.as_object(), wanted.as_object()) else {
            return Ok(numbers(found) == numbers(&wanted));
        };
        let names = self.names()?;
        Ok(names.iter().all(|name| match (found.get(name), wanted.get(name)) {
            (None, None) => true,
            (Some(found), Some(wanted)) => includes(found, wanted),
            // A defaulted member counts for nobody's.
            _ => false,
        }))
    }

    /// Who owns a member in an object, besides these managers.
    pub fn owners_besides(&self, object: &Value, managers: &[&str]) -> Result<Vec<String>> {
        let names = self.names()?;
        let mut found = Vec::new();
        for entry in object["metadata"]["managedFields"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|entry| entry["subresource"].is_null())
        {
            let path: Vec<&str> = if self.place.starts_with("/spec/template/spec/containers") {
                [WEB, self.owned].concat()
            } else if self.place.starts_with("/spec/template") {
                [&WEB[..3], self.owned].concat()
            } else {
                [&WEB[..1], self.owned].concat()
            };
            let Some(owned) = path.iter().try_fold(&entry["fieldsV1"], |at, key| at.get(*key)) else {
                continue;
            };
            let holds = names.is_empty() || names.iter().any(|name| owned.get(format!("f:{name}")).is_some());
            let manager = entry["manager"].as_str().unwrap_or_default();
            if holds && !managers.contains(&manager) {
                found.push(format!(
                    "{manager} ({})",
                    entry["operation"].as_str().unwrap_or_default()
                ));
            }
        }
        Ok(found)
    }

    /// The names of all members; none where the place is a list.
    fn names(&self) -> Result<Vec<String>> {
        let mut all = Map::new();
        for member in self.members {
            if let Value::Object(member) = serde_json::from_str(member)? {
                all.extend(member);
            }
        }
        Ok(all.into_iter().map(|(name, _)| name).collect())
    }
}

/// Sets a value, with the objects on the way to it.
fn put(into: &mut Value, place: &str, value: Value) -> Result<()> {
    let (parent, name) = place.rsplit_once('/').context("no parent")?;
    match into.pointer_mut(parent).with_context(|| format!("no {parent}"))? {
        Value::Object(fields) => drop(fields.insert(name.to_owned(), value)),
        Value::Array(items) => {
            *items
                .get_mut(name.parse::<usize>()?)
                .with_context(|| format!("no {place}"))? = value
        }
        _ => anyhow::bail!("{parent} holds nothing"),
    }
    Ok(())
}

/// Whether a value has all of another one: the server adds defaults.
fn includes(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, wanted)| found.get(name).is_some_and(|found| includes(found, wanted))),
        _ => found == wanted,
    }
}

fn numbers(ports: &Value) -> Vec<&Value> {
    ports
        .as_array()
        .into_iter()
        .flatten()
        .map(|port| &port["containerPort"])
        .collect()
}
