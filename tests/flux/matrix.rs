//! Unions by chance beside a real kustomize-controller: who drifted them and how, and what Git does meanwhile.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};

use crate::harness::kustomize_controller::{condition, shared_kustomize_controller};
use crate::harness::object::Object;
use crate::harness::{ControlPlane, shared, watched};
use crate::played::{self, Hand, Moment, Random, Tool, Try};
use crate::shop::Shop;

/// How many cases CI has time for.
const CASES: usize = 8;

/// How a Kustomization is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Whether it comes by itself every few seconds: else it is asked.
    by_itself: bool,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", if self.by_itself { "each 10 s" } else { "asked" })
    }
}

impl played::Way for Way {
    fn draw(random: &mut Random) -> Self {
        Self {
            by_itself: random.chance(40),
        }
    }

    fn hands(&self) -> Vec<Hand> {
        vec![
            Hand::Edit,
            Hand::Patch,
            Hand::Replace,
            Hand::ServerSide,
            Hand::Applier,
            Hand::Program,
            Hand::Program,
        ]
    }

    fn by_owner(&self) -> bool {
        true
    }
}

/// A shop and how it is set up.
pub struct Beside {
    shop: Shop<'static>,
    way: Way,
}

impl watched::Shop for Beside {
    fn control_plane(&self) -> &ControlPlane {
        self.shop.control_plane
    }

    fn namespace(&self) -> &str {
        &self.shop.namespace
    }

    fn source(&self) -> Result<Value> {
        self.shop.source()
    }
}

impl Tool for Beside {
    type Way = Way;

    const OBJECTS: [&'static str; 4] = ["kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations"];

    const MANAGERS: &'static [&'static str] = &["kustomize-controller"];

    fn open(name: &str, way: &Way, manifest: &Value) -> Result<Self> {
        let more = if way.by_itself {
            json!({"interval": "10s", "retryInterval": "10s"})
        } else {
            json!({})
        };
        let shop = Shop::made(shared(), shared_kustomize_controller(), name, &more)?;
        shop.publish(manifest)?;
        Ok(Self { shop, way: *way })
    }

    fn deployment(&self) -> &Object {
        &self.shop.deployment
    }

    fn object(&self) -> (String, String) {
        (
            self.shop.kustomization.namespace().to_owned(),
            self.shop.kustomization.name().to_owned(),
        )
    }

    fn commit(&self, manifest: &Value, elsewhere: bool) -> Result<String> {
        if !elsewhere {
            return self.shop.publish(manifest);
        }
        let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "elsewhere"},
                           "data": {"text": "new"}});
        let files = [
            ("web.yaml", format!("{manifest:#}\n")),
            ("elsewhere.yaml", format!("{other:#}\n")),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let commit = self.shop.commit(&files);
        self.shop.fetch(&commit)
    }

    /// It watches its source.
    fn look(&self) -> Result<()> {
        Ok(())
    }

    fn has_seen(object: &Value, revision: &str) -> bool {
        object["status"]["lastAttemptedRevision"] == revision
    }

    /// A new artifact is reconciled at once, whoever waits.
    fn is_asked(&self, moved: bool) -> bool {
        !moved && !self.way.by_itself
    }

    fn ask(&self) -> Result<()> {
        self.shop.flux.poke(&self.shop.kustomization).map(drop)
    }

    fn tries(history: &[(Moment, Arc<Value>)], since: Moment) -> Vec<Try> {
        let (mut tries, mut last): (Vec<Try>, Option<(Value, Value)>) = (Vec::new(), None);
        for (at, kustomization) in history {
            let (ready, handled) = (
                condition(kustomization, "Ready"),
                kustomization["status"]["lastHandledReconcileAt"].clone(),
            );
            let sign = Some((ready.clone(), handled));
            let ended = matches!(ready["status"].as_str(), Some("True" | "False"));
            let moved = std::mem::replace(&mut last, sign.clone()) != sign;
            if !ended || !moved || *at < since {
                continue;
            }
            let refused = ready["status"] == "False";
            let message = ready["message"].as_str().unwrap_or_default().to_owned();
            // `lastAppliedRevision` comes with another write than the condition.
            let attempted = kustomization["status"]["lastAttemptedRevision"]
                .as_str()
                .unwrap_or_default();
            let revision = message
                .strip_prefix("Applied revision: ")
                .unwrap_or(attempted)
                .to_owned();
            tries.push(Try {
                seen: *at,
                ended: *at,
                revision,
                refused,
                message,
            });
        }
        tries
    }

    /// It watches nothing that it applied: it says so at its next reconciliation only.
    fn differs(object: &Value) -> bool {
        condition(object, "Ready")["status"] == "False"
    }

    fn rests(object: &Value) -> bool {
        condition(object, "Ready")["status"] == "True"
    }

    fn runs(object: &Value) -> bool {
        condition(object, "Reconciling")["reason"] == "Progressing"
    }
}

#[test]
fn unions_by_chance_are_told_and_healed() -> Result<()> {
    shared_kustomize_controller();
    played::run::<Beside>(CASES)
}
