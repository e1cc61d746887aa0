//! A shop that driftmend watches: its reports, a person's approval, and the heal by `driftmend heal`.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::harness::{Output, driftmend, shared_controller, wait};
use crate::shop::Shop;

/// How long the controller or Flux may take for anything. They need seconds; the rest is for a machine that does something else.
const PATIENCE: Duration = Duration::from_secs(120);

/// A watched shop.
pub struct Watched<'a> {
    pub shop: Shop<'a>,
}

impl<'a> Watched<'a> {
    /// Lets the shop's namespace watch its Kustomization, and waits until the watch finds everything in sync.
    pub fn open(shop: Shop<'a>, more: &Value) -> Result<Self> {
        let watched = Self::look(shop, more)?;
        watched.wait_for_watch("a watch that finds its one Deployment in sync", |status| {
            status["counts"]["governed"] == 1 && status["counts"]["inSync"] == 1
        })?;
        Ok(watched)
    }

    /// The same without waiting.
    pub fn look(shop: Shop<'a>, more: &Value) -> Result<Self> {
        shared_controller();
        Self::beside(shop, more)
    }

    /// The same beside a controller that runs already.
    pub fn beside(shop: Shop<'a>, more: &Value) -> Result<Self> {
        let source = json!({"name": "shop", "namespace": shop.kustomization.namespace(), "interval": "1s"});
        let mut spec = json!({"source": {"fluxKustomization": source}, "settle": "1s"});
        json_patch::merge(&mut spec, more);
        let metadata = json!({"name": "shop", "namespace": shop.namespace});
        let watch = json!({"apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch", "metadata": metadata, "spec": spec});
        shop.control_plane.apply(&watch.to_string())?;
        Ok(Self { shop })
    }

    fn get(&self, kind: &str, name: &str) -> Result<Option<Value>> {
        let namespace = format!("--namespace={}", self.shop.namespace);
        let arguments = ["get", kind, name, &namespace, "--ignore-not-found", "--output=json"];
        let found = self.shop.control_plane.kubectl(&arguments)?.success()?;
        if found.is_empty() { Ok(None) } else { Ok(Some(serde_json::from_str(&found)?)) }
    }

    /// Waits for a status of the watch that `fits`.
    pub fn wait_for_watch(&self, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Result<Value> {
        wait::until(what, PATIENCE, || {
            let status = self.get("driftwatch", "shop")?.context("no watch")?["status"].clone();
            Ok(if fits(&status) { ControlFlow::Break(status) } else { ControlFlow::Continue(format!("{status:#}")) })
        })
    }

    /// Waits until the watch says that its source cannot be read, for this reason, and gives the message.
    pub fn wait_for_failure(&self, reason: &str) -> Result<String> {
        let status = self.wait_for_watch(reason, |status| status["sourceFailure"]["reason"] == reason)?;
        Ok(status["sourceFailure"]["message"].as_str().unwrap_or_default().to_owned())
    }

    /// The status of the Deployment's report; null where there is none.
    pub fn status(&self) -> Result<Value> {
        Ok(self.get("driftreport", "web")?.map(|report| report["status"].clone()).unwrap_or_default())
    }

    /// Waits for a status of the Deployment's report that `fits`.
    pub fn wait_for_status(&self, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Result<Value> {
        wait::until(what, PATIENCE, || {
            let status = self.status()?;
            Ok(if fits(&status) { ControlFlow::Break(status) } else { ControlFlow::Continue(format!("{status:#}")) })
        })
    }

    /// driftmend's command line in the shop's namespace, as the administrator.
    pub fn driftmend(&self, arguments: &[&str]) -> Result<Output> {
        driftmend::run(self.shop.control_plane.admin(), &[arguments, &["-n", &self.shop.namespace]].concat())
    }

    /// Waits for a plan with these steps, approves it and carries it out, and gives the status that tells of it.
    pub fn heal(&self, steps: &[&str]) -> Result<Value> {
        let status = self.wait_for_status(&format!("a plan of {steps:?}"), |status| kinds(status) == steps)?;
        let plan = status["plan"]["hash"].as_str().context("no hash")?;
        self.driftmend(&["approve", "web", "--plan", plan])?.success()?;
        self.driftmend(&["heal", "web", "--plan", plan, "--allow-http"])?.success()?;
        self.wait_for_status("the healed report", |status| {
            status["heal"] == "Healed" && status["phase"] == "InSync" && status["history"][0]["planHash"] == plan
        })
    }
}

/// The kinds of a plan's steps.
pub fn kinds(status: &Value) -> Vec<&str> {
    status["plan"]["steps"].as_array().into_iter().flatten().filter_map(|step| step["kind"].as_str()).collect()
}

/// A finding of a rule, null where there is none.
pub fn finding(status: &Value, rule: &str) -> Value {
    let findings = status["findings"].as_array().into_iter().flatten();
    findings.into_iter().find(|finding| finding["rule"] == rule).cloned().unwrap_or_default()
}
