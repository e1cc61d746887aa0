//! Terms: what a watch says beside its source, in force from the moment that it says so.
//!
//! The source may be away for hours. Who switches a watch to `Alert`, adds an ignore rule or narrows its selector does
//! not wait for it: the commit that was read last is held against what the watch says now.

use std::sync::Arc;

use tracing::info;

use super::desired::{SourceError, Wanted};
use super::index::{Rendition, WatchKey, Watched};
use super::{Context, watch};
use crate::api::v1alpha1::{DriftWatch, Source};
use crate::engine::object::PathError;
use crate::engine::syncer::{Applier, Strategy, Syncer};
use crate::engine::{Mode, Policy};

/// A watch's wishes, parsed.
pub(super) struct Terms {
    pub(super) syncer: Syncer,
    pub(super) policy: Policy,
}

pub(super) fn terms(watch: &DriftWatch) -> Result<Terms, SourceError> {
    let spec = &watch.spec;
    let (strategy, named) = (Strategy::from(spec.strategy), spec.tool.map(Applier::from));
    let manager = spec
        .manager
        .clone()
        .unwrap_or_else(|| named.unwrap_or(Applier::Kubectl).manager(strategy).to_owned());
    let mut syncer = Syncer::by(
        named.unwrap_or_else(|| Applier::of_manager(&manager)),
        strategy,
        manager,
    );
    if let Some(validate) = spec.validate {
        syncer.validation = validate.into();
    }
    let unreadable = |at: usize, error: PathError| SourceError::Invalid {
        reason: "InvalidIgnoreRule",
        message: format!("spec.ignore[{at}].paths: {error}"),
    };
    let rules = spec
        .ignore
        .iter()
        .enumerate()
        .map(|(at, rule)| rule.rule().map_err(|error| unreadable(at, error)));
    let ignore = rules.collect::<Result<_, _>>()?;
    Ok(Terms {
        syncer,
        policy: Policy {
            mode: spec.mode.into(),
            remedy: spec.remedy.into(),
            ignore,
            plan_ttl: spec.plan_ttl.signed(),
        },
    })
}

/// Puts in force what an event of a watch says (no client), and tells whether its source is to be looked at.
pub(super) fn at_once(context: &Context, key: &WatchKey, watch: Option<&Arc<DriftWatch>>) -> bool {
    let Some(watch) = watch else {
        watch::forget(context, key);
        return true;
    };
    // One whose source just failed is looked at when its time has come, not at each write of its status.
    let Some(before) = context.index.watch(key) else {
        return !context.attempts.failing(key, watch);
    };
    if before.says_the_same(watch) {
        return false;
    }
    let affected = match restated(&before, watch) {
        Some(restated) => {
            info!(watch = %key, "what the watch says now is in force, with the commit that was read last");
            context.index.put(key, restated)
        }
        None => {
            info!(watch = %key, "the watch names another source: nothing is assessed until that is read");
            context.index.remove(key)
        }
    };
    watch::stir(context, key, affected);
    true
}

/// What was read, under what the watch says now; `None` where it names another source, of which nothing was read.
///
/// A wider selector, or another kind, lets in nothing that was left out before the next look: those documents were not
/// kept.
fn restated(before: &Watched, watch: &Arc<DriftWatch>) -> Option<Watched> {
    if !reads_the_same(&before.watch.spec.source, &watch.spec.source) {
        return None;
    }
    let mut after = Watched {
        watch: watch.clone(),
        restated: true,
        ..before.clone()
    };
    match (terms(watch), Wanted::by(&watch.spec)) {
        (Ok(Terms { syncer, policy }), Ok(wanted)) => {
            (after.syncer, after.policy) = (syncer, Arc::new(policy));
            let selected = before
                .rendition
                .desired
                .iter()
                .filter(|(target, desired)| wanted.takes(target.kind, &desired.document.value));
            let desired = selected
                .map(|(target, desired)| (target.clone(), desired.clone()))
                .collect();
            after.rendition = Arc::new(Rendition {
                desired,
                ..Rendition::clone(&before.rendition)
            });
        }
        // What it wants cannot be read: what differs is told, and nothing is planned on a guess.
        _ => {
            after.policy = Arc::new(Policy {
                mode: Mode::Alert,
                ..Policy::clone(&before.policy)
            })
        }
    }
    Some(after)
}

/// Whether two watches read the same: how often, for how long it counts and by which Secret makes no other source.
fn reads_the_same(one: &Source, other: &Source) -> bool {
    fn what(source: &Source) -> Source {
        let mut what = source.clone();
        if let Some(git) = &mut what.git {
            (git.interval, git.max_age, git.secret_ref) = (
                crate::api::v1alpha1::Period::seconds(1),
                crate::api::v1alpha1::Period::seconds(1),
                None,
            );
        }
        for tool in [&mut what.argo_application, &mut what.flux_kustomization]
            .into_iter()
            .flatten()
        {
            (tool.interval, tool.max_age, tool.secret_ref) = (
                crate::api::v1alpha1::Period::seconds(1),
                crate::api::v1alpha1::Period::seconds(1),
                None,
            );
        }
        what
    }
    what(one) == what(other)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;
    use crate::controller::index::{Desired, Target};
    use crate::controller::{observe, origin};
    use crate::engine::kind::DEPLOYMENT;
    use crate::engine::object::{Document, ObjectId, Origin};
    use crate::engine::syncer::FieldValidation;

    fn watch(uid: &str, change: &Value) -> Arc<DriftWatch> {
        let mut watch = json!({
            "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch",
            "metadata": {"name": "all", "namespace": "shop", "uid": uid},
            "spec": {"source": {"git": {"url": "https://git.example/shop.git"}}},
        });
        json_patch::merge(&mut watch, &json!({ "spec": change }));
        Arc::new(serde_json::from_value(watch).unwrap())
    }

    fn desired(name: &str, tier: &str) -> (Target, Arc<Desired>) {
        let value = json!({"apiVersion": "apps/v1", "kind": "Deployment",
                           "metadata": {"name": name, "namespace": "shop", "labels": {"tier": tier}}});
        let document = Document {
            id: ObjectId::of(&value).unwrap(),
            value,
            origin: Origin {
                file: "web.yaml".into(),
                line: 1,
            },
        };
        let desired = Desired {
            document,
            changed_at: None,
            synced_revision: None,
            synced: None,
            same_at: None,
        };
        (
            Target {
                kind: &DEPLOYMENT,
                namespace: "shop".to_owned(),
                name: name.to_owned(),
            },
            Arc::new(desired),
        )
    }

    fn read() -> Watched {
        let first = watch("1", &json!({}));
        let resolved = origin::git(&first).unwrap();
        let rendition = Rendition {
            desired: [desired("web", "front"), desired("db", "back")].into(),
            ..Rendition::default()
        };
        watch::watched(first, resolved, rendition, Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn each_wish_of_a_watch_holds_without_a_look_at_its_source() {
        let before = read();
        let after = |change: Value| restated(&before, &watch("1", &change)).unwrap();
        assert_eq!(after(json!({"mode": "Alert"})).policy.mode, Mode::Alert);
        assert_eq!(
            after(json!({"ignore": [{"paths": [".spec.replicas"], "reason": "the autoscaler's"}]}))
                .policy
                .ignore
                .len(),
            1
        );
        let strategy = after(json!({"strategy": "ServerSideApply", "manager": "me"}));
        assert_eq!(
            strategy.syncer,
            Syncer::by(Applier::Other, Strategy::ServerSideApply, "me")
        );
        let narrow = after(json!({"selector": {"matchLabels": {"tier": "front"}}}));
        assert_eq!(
            narrow
                .rendition
                .desired
                .keys()
                .map(|target| target.name.as_str())
                .collect::<Vec<_>>(),
            ["web"]
        );
        assert!(narrow.restated && !before.restated);
    }

    #[test]
    fn the_tool_of_a_git_source_is_told_by_its_manager_where_the_watch_names_none() {
        let before = read();
        let syncer = |spec: Value| restated(&before, &watch("1", &spec)).unwrap().syncer;
        let server_side = |more: Value| {
            let mut spec = json!({"strategy": "ServerSideApply"});
            json_patch::merge(&mut spec, &more);
            syncer(spec)
        };
        let by = |applier, manager: &str| Syncer::by(applier, Strategy::ServerSideApply, manager);
        for (spec, wanted) in [
            (json!({}), by(Applier::Kubectl, "kubectl")),
            (json!({"manager": "kubectl-mine"}), by(Applier::Kubectl, "kubectl-mine")),
            (
                json!({"manager": "argocd-controller"}),
                by(Applier::ArgoCd, "argocd-controller"),
            ),
            (
                json!({"manager": "kustomize-controller"}),
                by(Applier::Flux, "kustomize-controller"),
            ),
            (json!({"tool": "ArgoCD"}), by(Applier::ArgoCd, "argocd-controller")),
            (json!({"tool": "Kubectl", "manager": "me"}), by(Applier::Kubectl, "me")),
            (
                json!({"tool": "Other", "manager": "kubectl"}),
                by(Applier::Other, "kubectl"),
            ),
        ] {
            assert_eq!(server_side(spec.clone()), wanted, "{spec}");
        }
        // kubectl refuses unknown fields by default.
        assert_eq!(syncer(json!({})).validation, FieldValidation::Strict);
        assert_eq!(
            syncer(json!({"manager": "argocd-controller"})).validation,
            FieldValidation::Warn
        );
        assert_eq!(
            syncer(json!({"validate": "Ignore"})).validation,
            FieldValidation::Ignore
        );
    }

    #[test]
    fn what_cannot_be_read_plans_nothing_and_another_source_governs_nothing() {
        let before = read();
        let unreadable = watch("1", &json!({"ignore": [{"paths": [".spec["], "reason": "a slip"}]}));
        assert_eq!(restated(&before, &unreadable).unwrap().policy.mode, Mode::Alert);
        for other in [
            json!({"url": "https://git.example/other.git"}),
            json!({"path": "prod"}),
            json!({"revision": "v2"}),
        ] {
            assert!(
                restated(&before, &watch("1", &json!({"source": {"git": other}}))).is_none(),
                "{other}"
            );
        }
        let same = json!({"source": {"git": {"interval": "1h", "maxAge": "2h", "secretRef": {"name": "new"}}}});
        assert!(restated(&before, &watch("1", &same)).is_some());
    }

    #[test]
    fn only_the_very_watch_that_was_read_is_in_force() {
        let before = read();
        let in_force = |watch: &DriftWatch| observe::is_in_force(&before, Some(watch));
        assert!(in_force(&watch("1", &json!({}))));
        assert!(!in_force(&watch("1", &json!({"mode": "Alert"}))));
        assert!(!in_force(&watch("2", &json!({}))), "made anew");
        let mut going = DriftWatch::clone(&watch("1", &json!({})));
        going.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
            Timestamp::UNIX_EPOCH,
        ));
        assert!(!in_force(&going));
        assert!(!observe::is_in_force(&before, None));
    }
}
