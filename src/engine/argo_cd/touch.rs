//! What the sync that follows a write on an Application would touch.

use serde_json::{Value, json};

use super::application::Application;
use super::requests::Then;
use super::revision::Revision;
use crate::engine::tool_object::resource::ResourceRef;

/// What a sync would touch. A plan shows it and its hash covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touches {
    /// The resources that differ, sorted; those that are in sync are applied too, and do not change.
    pub resources: Vec<Touched>,

    /// The revision that was last synced as a whole.
    pub from: Option<Revision>,

    /// The revision that would be synced: the one that was compared last, or a newer one by then.
    pub to: Option<Revision>,

    /// Whether everything is synced, with its hooks, and not only what the operation is limited to.
    pub whole_application: bool,

    /// Whether a sync follows at all where something is out of sync: a start is one, and after a clear Argo CD syncs
    /// only what is automated.
    pub syncs: bool,

    /// Whether the last comparison tells what differs; with `false` the list is not to be relied on.
    pub compared: bool,

    /// The Application's own sync options: one of them may replace or force.
    pub sync_options: Vec<String>,

    /// How the Application has a failure tried again.
    pub retry: Option<Value>,
}

/// One resource that a sync would change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touched {
    /// Which.
    pub resource: ResourceRef,

    /// Whether it would be deleted.
    pub prune: bool,
}

impl Touched {
    fn to_value(&self) -> Value {
        let mut value = self.resource.to_value();
        value["prune"] = json!(self.prune);
        value
    }
}

/// Tells what follows a clear or a start.
///
/// After a clear with a comparison Argo CD syncs the whole, since it takes nothing for attempted, but only where it is
/// automated and something is out of sync. A resource that Git no longer has is deleted where the policy prunes, and
/// left otherwise. What an annotation of the resource itself keeps from being deleted is not visible here and is
/// listed.
///
/// Source: `autoSync` in `controller/appcontroller.go`, `SyncAppState` in `controller/sync.go` (a limited sync runs no
/// hooks).
pub fn touches(application: &Application, then: &Then) -> Touches {
    let sync = application.sync.as_ref();
    let limits = match then {
        Then::Start(operation) => operation.resources.as_deref(),
        Then::Refresh => None,
    };
    let (syncs, prunes) = match then {
        Then::Start(operation) => (true, operation.prune),
        Then::Refresh => (
            application.automated().is_some(),
            application.automated().is_some_and(|automated| automated.prune),
        ),
    };
    let changes = application
        .resources
        .iter()
        .filter(|found| !found.hook && found.status.as_deref() != Some("Synced"));
    let meant = changes
        .filter(|found| limits.is_none_or(|limits| limits.iter().any(|entry| found.resource.is_meant_by(entry))));
    let kept = meant.filter(|found| syncs && (prunes || !found.requires_pruning));
    let mut resources: Vec<Touched> = kept
        .map(|found| Touched {
            resource: found.resource.clone(),
            prune: found.requires_pruning,
        })
        .collect();
    resources.sort();
    Touches {
        resources,
        from: application.synced_revision().cloned(),
        to: match then {
            Then::Start(operation) => operation.revision.clone(),
            Then::Refresh => sync.and_then(|sync| sync.revision.clone()),
        },
        whole_application: limits.is_none(),
        syncs,
        compared: sync.is_some_and(|sync| ["Synced", "OutOfSync"].contains(&sync.status.as_str())),
        sync_options: application.policy.sync_options.clone(),
        retry: application.policy.retry_written.clone(),
    }
}

impl Touches {
    /// The bytes that a plan's hash covers.
    pub(in crate::engine) fn to_value(&self) -> Value {
        let Self {
            resources,
            from,
            to,
            whole_application,
            syncs,
            compared,
            sync_options,
            retry,
        } = self;
        let resources: Vec<Value> = resources.iter().map(Touched::to_value).collect();
        let revision = |revision: &Option<Revision>| revision.as_ref().map(Revision::to_value);
        json!({
            "resources": resources, "from": revision(from), "to": revision(to), "wholeApplication": whole_application,
            "syncs": syncs, "compared": compared, "syncOptions": sync_options, "retry": retry,
        })
    }

    /// One sentence for a person.
    pub fn sentence(&self) -> String {
        let to = self
            .to
            .as_ref()
            .map_or_else(String::new, |to| format!(" to {}", short(to)));
        let from = match &self.from {
            Some(from) if Some(from) != self.to.as_ref() => format!(" (last synced: {})", short(from)),
            _ => String::new(),
        };
        let what = if self.whole_application {
            "the whole application, with its hooks,"
        } else {
            "only the resources named,"
        };
        if !self.syncs {
            return "no sync follows, since the application is synced by hand".to_owned();
        }
        if !self.compared {
            return format!("syncs {what}{to}{from}; Argo CD could not compare it, so what changes is not known");
        }
        let list = |prune: bool| {
            let named: Vec<String> = self
                .resources
                .iter()
                .filter(|touched| touched.prune == prune)
                .map(|touched| touched.resource.to_string())
                .collect();
            match &named[..] {
                [] => None,
                [one, two, rest @ ..] if rest.len() > 1 => Some(format!("{one}, {two} and {} more", rest.len())),
                few => Some(few.join(", ")),
            }
        };
        match (list(false), list(true)) {
            (None, None) if !self.whole_application => {
                format!("syncs {what}{to}{from}, of which Argo CD finds nothing out of sync so far")
            }
            (None, None) => format!("nothing is left out of sync{to}: no sync follows, or it changes nothing"),
            (Some(changed), None) => format!("syncs {what}{to}{from}: changes {changed}"),
            (None, Some(deleted)) => format!("syncs {what}{to}{from}: DELETES {deleted}"),
            (Some(changed), Some(deleted)) => format!("syncs {what}{to}{from}: changes {changed}; DELETES {deleted}"),
        }
    }
}

fn short(revision: &Revision) -> String {
    match revision {
        Revision::One(revision) => short_commit(revision).to_owned(),
        Revision::Several(revisions) => revisions
            .iter()
            .map(|revision| short_commit(revision))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// A commit by its first seven digits; a branch as it is.
pub fn short_commit(revision: &str) -> &str {
    let is_commit = revision.len() >= 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_commit {
        revision.get(..7).unwrap_or(revision)
    } else {
        revision
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::argo_cd::requests::Operation;
    use crate::engine::argo_cd::shapes::{BEFORE, HERE, out_of_sync, quiet, read, set, with_state};
    use crate::engine::kind::DEPLOYMENT;
    use pretty_assertions::assert_eq;

    /// The Deployment differs, a ConfigMap is no longer in Git, a hook is there.
    fn drifted() -> Value {
        let mut value = out_of_sync(with_state("Failed", HERE));
        let more = json!([
            {"kind": "ConfigMap", "namespace": "shop", "name": "old", "status": "OutOfSync", "requiresPruning": true},
            {"group": "batch", "kind": "Job", "namespace": "shop", "name": "migrate", "hook": true,
             "requiresPruning": true}
        ]);
        value["status"]["resources"]
            .as_array_mut()
            .unwrap()
            .extend(more.as_array().unwrap().iter().cloned());
        value
    }

    fn touched(namespace: &str, name: &str, prune: bool) -> Touched {
        let deployment = ResourceRef::of(&DEPLOYMENT, namespace, name);
        let config = ResourceRef {
            kind: "ConfigMap".to_owned(),
            group: String::new(),
            ..deployment.clone()
        };
        Touched {
            resource: if prune { config } else { deployment },
            prune,
        }
    }

    #[test]
    fn a_clear_is_followed_by_a_sync_of_the_whole() {
        let found = touches(&read(&drifted()), &Then::Refresh);
        assert_eq!(
            found.resources,
            [touched("shop", "old", true), touched("shop", "web", false)]
        );
        assert_eq!(
            (found.from.as_ref(), found.to.as_ref()),
            (
                Some(&Revision::One(BEFORE.to_owned())),
                Some(&Revision::One(HERE.to_owned()))
            )
        );
        assert!(found.whole_application && found.compared);
        assert_eq!(
            found.sentence(),
            "syncs the whole application, with its hooks, to 4be2c1d (last synced: 0badc0d): changes Deployment.apps \
             shop/web; DELETES ConfigMap shop/old"
        );
    }

    #[test]
    fn nothing_is_deleted_without_prune() {
        let kept = set(drifted(), "/spec/syncPolicy/automated/prune", json!(false));
        assert_eq!(
            touches(&read(&kept), &Then::Refresh).resources,
            [touched("shop", "web", false)]
        );
    }

    #[test]
    fn nothing_follows_where_nothing_syncs() {
        let manual = set(drifted(), "/spec/syncPolicy/automated", Value::Null);
        let by_hand = touches(&read(&manual), &Then::Refresh);
        assert_eq!(by_hand.resources, []);
        assert_eq!(
            by_hand.sentence(),
            "no sync follows, since the application is synced by hand"
        );
        let synced = touches(&read(&quiet()), &Then::Refresh);
        assert_eq!(
            synced.sentence(),
            "nothing is left out of sync to 4be2c1d: no sync follows, or it changes nothing"
        );
        // An explicit operation syncs without automation, and does not prune there.
        let operation = Operation::of(&read(&manual), "driftmend", Vec::new(), None);
        assert_eq!(
            touches(&read(&manual), &Then::Start(operation)).resources,
            [touched("shop", "web", false)]
        );
    }

    #[test]
    fn a_limited_operation_touches_what_it_names() {
        let application = read(&drifted());
        let only = Operation::of(
            &application,
            "driftmend",
            Vec::new(),
            Some(ResourceRef::of(&DEPLOYMENT, "shop", "web")),
        );
        let found = touches(&application, &Then::Start(only));
        assert_eq!((found.resources.len(), found.whole_application), (1, false));
        assert_eq!(
            found.sentence(),
            "syncs only the resources named, to 4be2c1d (last synced: 0badc0d): changes Deployment.apps shop/web"
        );
        let other = Operation::of(
            &application,
            "driftmend",
            Vec::new(),
            Some(ResourceRef::of(&DEPLOYMENT, "shop", "api")),
        );
        assert_eq!(touches(&application, &Then::Start(other)).resources, []);
    }

    #[test]
    fn a_failed_comparison_is_said() {
        let unknown = set(drifted(), "/status/sync/status", json!("Unknown"));
        let found = touches(&read(&unknown), &Then::Refresh);
        assert!(!found.compared);
        assert!(
            found
                .sentence()
                .ends_with("Argo CD could not compare it, so what changes is not known")
        );
    }

    #[test]
    fn many_are_counted() {
        let mut value = drifted();
        let many = (0..9).map(|number| {
            json!({"kind": "Secret", "namespace": "shop", "name": format!("s{number}"),
                                              "status": "OutOfSync"})
        });
        value["status"]["resources"].as_array_mut().unwrap().extend(many);
        let sentence = touches(&read(&value), &Then::Refresh).sentence();
        assert!(
            sentence.contains("changes Secret shop/s0, Secret shop/s1 and 8 more; DELETES"),
            "{sentence}"
        );
    }

    #[test]
    fn the_hash_sees_all_of_it() {
        let value = touches(&read(&drifted()), &Then::Refresh).to_value();
        assert_eq!(
            value,
            json!({
                "resources": [
                    {"group": "", "kind": "ConfigMap", "namespace": "shop", "name": "old", "prune": true},
                    {"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web", "prune": false}
                ],
                "from": BEFORE,
                "to": HERE,
                "wholeApplication": true,
                "syncs": true,
                "compared": true,
                "syncOptions": ["ServerSideApply=true"],
                "retry": {"limit": 3, "backoff": {"duration": "4s", "factor": 3, "maxDuration": "1m"}}
            })
        );
    }
}
