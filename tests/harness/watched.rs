//! A shop that driftmend watches, whichever tool syncs it: its reports, a person's approval, and the heal by
//! `driftmend heal`.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{ControlPlane, Output, driftmend, shared_controller, wait};

/// How long the controller or the tool may take for anything. They need seconds; the rest is for a machine that does
/// something else.
const PATIENCE: Duration = Duration::from_secs(150);

/// How often a person looks again for a plan that stands still, and how long after the last time.
const LOOKS: usize = 10;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// What the command line says of a plan that something overtook: a comparison, a sync of the tool's own, another hand
/// change.
pub const OVERTAKEN: [&str; 7] = [
    "is not the current plan",
    "shows no plan",
    "changed since the report was written",
    "is not approved",
    "is no longer what is needed",
    "is not carried out as things are",
    // It would be carried out by a controller that heals; here a person does, who comes again.
    "waits for",
];

/// A namespace with a Deployment `web` that a tool syncs.
pub trait Shop {
    /// Where it is.
    fn control_plane(&self) -> &ControlPlane;

    /// The Deployment's namespace, which is the watch's, too.
    fn namespace(&self) -> &str;

    /// Lets watches of that namespace name the tool's object, and gives the `spec.source` of one, which looks at Git
    /// each second.
    fn source(&self) -> Result<Value>;
}

/// A watched shop.
pub struct Watched<S> {
    pub shop: S,
}

impl<S: Shop> Watched<S> {
    /// Lets the shop's namespace watch what syncs it, and waits until the watch finds everything in sync.
    pub fn open(shop: S, more: &Value) -> Result<Self> {
        shared_controller();
        Self::beside(shop, more)
    }

    /// The same beside a controller that runs already.
    pub fn beside(shop: S, more: &Value) -> Result<Self> {
        let watched = Self::start(shop, more)?;
        watched.wait_for_watch("a watch that finds its one Deployment in sync", |status| {
            status["counts"]["governed"] == 1 && status["counts"]["inSync"] == 1
        })?;
        Ok(watched)
    }

    /// The same as [`Self::open`] without waiting.
    pub fn look(shop: S, more: &Value) -> Result<Self> {
        shared_controller();
        Self::start(shop, more)
    }

    fn start(shop: S, more: &Value) -> Result<Self> {
        let mut spec = json!({"source": shop.source()?, "settle": "1s"});
        json_patch::merge(&mut spec, more);
        let metadata = json!({"name": "shop", "namespace": shop.namespace()});
        let watch =
            json!({"apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch", "metadata": metadata, "spec": spec});
        shop.control_plane().apply(&watch.to_string())?;
        Ok(Self { shop })
    }

    fn get(&self, kind: &str, name: &str) -> Result<Option<Value>> {
        let namespace = format!("--namespace={}", self.shop.namespace());
        let arguments = ["get", kind, name, &namespace, "--ignore-not-found", "--output=json"];
        let found = self.shop.control_plane().kubectl(&arguments)?.success()?;
        if found.is_empty() {
            Ok(None)
        } else {
            Ok(Some(serde_json::from_str(&found)?))
        }
    }

    /// Waits for a status of the watch that `fits`.
    pub fn wait_for_watch(&self, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Result<Value> {
        wait::patiently(what, PATIENCE, || {
            let status = self.get("driftwatch", "shop")?.context("no watch")?["status"].clone();
            Ok(if fits(&status) {
                ControlFlow::Break(status)
            } else {
                ControlFlow::Continue(format!("{status:#}"))
            })
        })
    }

    /// Waits until the watch says that its source cannot be read, for this reason, and gives the message.
    pub fn wait_for_failure(&self, reason: &str) -> Result<String> {
        let status = self.wait_for_watch(reason, |status| status["sourceFailure"]["reason"] == reason)?;
        Ok(status["sourceFailure"]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// The status of the Deployment's report; null where there is none.
    pub fn status(&self) -> Result<Value> {
        Ok(self
            .get("driftreport", "deployment-web")?
            .map(|report| report["status"].clone())
            .unwrap_or_default())
    }

    /// Waits for a status of the Deployment's report that `fits`.
    pub fn wait_for_status(&self, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Result<Value> {
        wait::patiently(what, PATIENCE, || {
            let status = self.status()?;
            Ok(if fits(&status) {
                ControlFlow::Break(status)
            } else {
                ControlFlow::Continue(format!("{status:#}"))
            })
        })
    }

    /// Waits for a plan with these steps, and gives its hash.
    pub fn wait_for_plan(&self, steps: &[&str]) -> Result<String> {
        let status = self.wait_for_status(&format!("a plan of {steps:?}"), |status| kinds(status) == steps)?;
        Ok(status["plan"]["hash"].as_str().context("no hash")?.to_owned())
    }

    /// driftmend's command line in the shop's namespace, as the administrator.
    pub fn driftmend(&self, arguments: &[&str]) -> Result<Output> {
        driftmend::run(
            self.shop.control_plane().admin(),
            &[arguments, &["-n", self.shop.namespace()]].concat(),
        )
    }

    /// Waits for a plan with these steps, approves it and carries it out, and gives the status that tells of it.
    ///
    /// Argo CD's comparison comes a moment after a change, and what a sync would touch is part of a plan: an approval
    /// of what was there before is refused, and then a person looks again.
    pub fn heal(&self, steps: &[&str]) -> Result<Value> {
        self.heal_to(steps, "InSync")
    }

    /// The same where the report says another phase after the heal.
    pub fn heal_to(&self, steps: &[&str], phase: &str) -> Result<Value> {
        for _ in 1..LOOKS {
            let plan = self.wait_for_plan(steps)?;
            if self.carried_out(&plan)? {
                return self.wait_for_status("the healed report", |status| {
                    let newest = status["history"].as_array().and_then(|history| history.last());
                    let told = newest.is_some_and(|newest| newest["planHash"] == plan.as_str());
                    told && status["heal"] == "Healed" && status["phase"] == phase
                });
            }
        }
        bail!("the plan of {steps:?} changes faster than it can be approved")
    }

    /// Approves a plan and carries it out; `false` where it is not what is needed any more.
    fn carried_out(&self, plan: &str) -> Result<bool> {
        for command in [
            &["approve", "web", "--plan", plan][..],
            &["heal", "web", "--plan", plan, "--allow-http"],
        ] {
            let answer = self.driftmend(command)?;
            if answer.code != 0 && OVERTAKEN.iter().any(|words| answer.stderr.contains(words)) {
                thread::sleep(BETWEEN_LOOKS);
                return Ok(false);
            }
            answer.success()?;
        }
        Ok(true)
    }
}

/// The kinds of a plan's steps.
pub fn kinds(status: &Value) -> Vec<&str> {
    status["plan"]["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|step| step["kind"].as_str())
        .collect()
}

/// The condition of a type, null where there is none.
pub fn condition(status: &Value, kind: &str) -> Value {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    conditions
        .into_iter()
        .find(|condition| condition["type"] == kind)
        .cloned()
        .unwrap_or_default()
}

/// A finding of a rule, null where there is none.
pub fn finding(status: &Value, rule: &str) -> Value {
    let findings = status["findings"].as_array().into_iter().flatten();
    findings
        .into_iter()
        .find(|finding| finding["rule"] == rule)
        .cloned()
        .unwrap_or_default()
}
