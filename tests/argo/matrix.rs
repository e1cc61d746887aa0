//! Unions by chance beside a real Argo CD: who drifted them and how, each way of applying and of starting a sync, and
//! what Git does meanwhile.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};

use crate::harness::argo_cd::{NAMESPACE, shared_argo_cd};
use crate::harness::object::Object;
use crate::harness::shared;
use crate::played::{self, Hand, Moment, Random, Tool, Try};
use crate::shop::{Apply, Policy, Shop, config_map, in_sync, phase, started_at, text};

/// How many cases CI has time for.
const CASES: usize = 8;

/// How Argo CD tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retry {
    /// Once, soon.
    Once,

    /// So often that it is still at it when a person approves.
    Long,
}

/// How an Application is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    apply: Apply,
    policy: Policy,
    retry: Retry,

    /// Whether it compares by a server-side dry run.
    server_side_diff: bool,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.apply, self.policy)?;
        if self.retry == Retry::Long {
            write!(f, " retried long")?;
        }
        if self.server_side_diff {
            write!(f, " ServerSideDiff")
        } else {
            Ok(())
        }
    }
}

impl played::Way for Way {
    fn draw(random: &mut Random) -> Self {
        let apply = *random.pick(&APPLIES);
        let policy = *random.pick(&[Policy::Manual, Policy::Automated, Policy::SelfHeal, Policy::SelfHeal]);
        let retry = if random.chance(30) { Retry::Long } else { Retry::Once };
        Self {
            apply,
            policy,
            retry,
            server_side_diff: random.chance(20),
        }
    }

    fn hands(&self) -> Vec<Hand> {
        let mut hands = vec![
            Hand::Edit,
            Hand::Edit,
            Hand::Patch,
            Hand::Replace,
            Hand::ServerSide,
            Hand::Applier,
        ];
        if self.apply == Apply::ClientSide {
            hands.extend([Hand::Apply, Hand::Lost]);
        }
        hands
    }

    fn by_owner(&self) -> bool {
        self.apply == Apply::ServerSide
    }
}

impl Tool for Beside {
    type Way = Way;

    const OBJECTS: [&'static str; 4] = ["argoproj.io", "v1alpha1", "Application", "applications"];

    const MANAGERS: &'static [&'static str] = &["argocd-controller"];

    fn open(name: &str, way: &Way, manifest: &Value) -> Result<Self> {
        let mut more = json!({});
        if way.retry == Retry::Long {
            more["spec"]["syncPolicy"]["retry"] = long();
        }
        if way.server_side_diff {
            more["metadata"]["annotations"]["argocd.argoproj.io/compare-options"] = json!("ServerSideDiff=true");
        }
        let (how, manifests) = ((way.apply, way.policy), [manifest.clone()]);
        let shop = Shop::made(shared(), shared_argo_cd(), NAMESPACE, name, how, &manifests, &more)?;
        Ok(Self { shop, way: *way })
    }

    fn deployment(&self) -> &Object {
        &self.shop.deployment
    }

    fn object(&self) -> (String, String) {
        (
            self.shop.application.namespace().to_owned(),
            self.shop.application.name().to_owned(),
        )
    }

    fn commit(&self, manifest: &Value, elsewhere: bool) -> Result<String> {
        let mut manifests = vec![manifest.clone()];
        if elsewhere {
            manifests.push(config_map("elsewhere", 0, "new"));
        }
        Ok(self.shop.commit(&manifests))
    }

    fn look(&self) -> Result<()> {
        // Any value but `hard` means the same, and another one is a request of its own.
        self.shop
            .application
            .annotate("argocd.argoproj.io/refresh", &format!("{:?}", Moment::now()))
    }

    fn has_seen(object: &Value, revision: &str) -> bool {
        object["status"]["sync"]["revision"] == revision
    }

    fn is_asked(&self, moved: bool) -> bool {
        match self.way.policy {
            Policy::Manual => true,
            Policy::Automated => !moved,
            Policy::SelfHeal => false,
        }
    }

    fn ask(&self) -> Result<()> {
        let retry = if self.way.retry == Retry::Long {
            json!({"retry": long()})
        } else {
            json!({})
        };
        self.shop.ask(&json!({}), &retry)
    }

    fn tries(history: &[(Moment, Arc<Value>)], since: Moment) -> Vec<Try> {
        let (mut tries, mut known): (Vec<Try>, Vec<(Value, Moment)>) = (Vec::new(), Vec::new());
        for (at, application) in history {
            let started = started_at(application);
            if started.is_null() {
                continue;
            }
            let state = &application["status"]["operationState"];
            // Two that began in the same second are told apart by what they sync.
            let which = json!([started, state["operation"]["sync"]["revision"]]);
            if !known.iter().any(|(other, _)| *other == which) {
                known.push((which.clone(), *at));
            }
            let Some(seen) = known.iter().find(|(other, _)| *other == which).map(|(_, seen)| *seen) else {
                continue;
            };
            let refused = match phase(application).as_str().unwrap_or_default() {
                "Succeeded" => false,
                "Failed" | "Error" => true,
                _ if state["retryCount"].as_i64() > Some(0) && text(&state["message"]).contains("etrying") => true,
                _ => continue,
            };
            // An operation is one try: what is tried again fails in the same way, or is healed meanwhile.
            if seen >= since
                && !tries
                    .iter()
                    .any(|one| one.seen == seen && (one.refused == refused || !refused))
            {
                let revision = text(&state["operation"]["sync"]["revision"]);
                let revision = if revision.is_empty() {
                    text(&state["syncResult"]["revision"])
                } else {
                    revision
                };
                tries.push(Try {
                    seen,
                    ended: *at,
                    revision,
                    refused,
                    message: text(&state["message"]),
                });
            }
        }
        tries
    }

    fn differs(object: &Value) -> bool {
        object["status"]["sync"]["status"] == "OutOfSync"
    }

    fn rests(object: &Value) -> bool {
        in_sync(object)
            && object["status"]["health"]["status"] == "Healthy"
            && matches!(phase(object).as_str(), None | Some("Succeeded"))
    }

    fn runs(object: &Value) -> bool {
        !object["operation"].is_null() || matches!(phase(object).as_str(), Some("Running" | "Terminating"))
    }
}

/// Each as often as it matters: a replace is never refused for what is there.
const APPLIES: [Apply; 7] = {
    let (client, server) = (Apply::ClientSide, Apply::ServerSide);
    [client, client, client, server, server, server, Apply::Replace]
};

/// A shop and how it is set up.
pub struct Beside {
    shop: Shop<'static>,
    way: Way,
}

impl crate::harness::watched::Shop for Beside {
    fn control_plane(&self) -> &crate::harness::ControlPlane {
        self.shop.control_plane()
    }

    fn namespace(&self) -> &str {
        &self.shop.namespace
    }

    fn source(&self) -> Result<Value> {
        self.shop.source()
    }
}

/// Three retries, 8 s, 16 s and 32 s apart.
fn long() -> Value {
    json!({"limit": 3, "backoff": {"duration": "8s", "factor": 2, "maxDuration": "1m"}})
}

#[test]
fn unions_by_chance_are_told_and_healed() -> Result<()> {
    shared_argo_cd();
    played::run::<Beside>(CASES)
}
