use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::argo_cd::shapes::{HERE, set, time};
use crate::engine::flux::git_repository::GitRepository;
use crate::engine::kind::{DAEMON_SET, DEPLOYMENT};
use crate::engine::tool_object::resource::ResourceRef;

/// A Kustomization that is ready.
pub fn ready() -> Value {
    json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"namespace": "flux-system", "name": "shop", "uid": "c0de", "generation": 4},
        "spec": {
            "sourceRef": {"kind": "GitRepository", "name": "shop"},
            "path": "./web",
            "interval": "10m",
            "retryInterval": "1m30s",
            "prune": true,
            "force": false
        },
        "status": {
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "ReconciliationSucceeded", "observedGeneration": 4,
                "message": format!("Applied revision: main@sha1:{HERE}"), "lastTransitionTime": "2026-03-02T09:55:00Z"
            }],
            "history": [{"lastReconciled": "2026-03-02T09:55:00Z"}, {"lastReconciled": "2026-03-01T09:55:00Z"}],
            "inventory": {"entries": [{"id": "shop_web_apps_Deployment", "v": "v1"},
                                      {"id": "shop_web__Service", "v": "v1"}]},
            "lastAppliedRevision": format!("main@sha1:{HERE}"),
            "lastAttemptedRevision": format!("main@sha1:{HERE}"),
            "lastHandledReconcileAt": "token-1",
            "observedGeneration": 4
        }
    })
}

pub fn read(value: &Value) -> Kustomization {
    Kustomization::read(value).unwrap()
}

#[test]
fn facts_are_read() {
    let found = read(&ready());
    assert_eq!(
        (found.namespace.as_str(), found.name.as_str(), found.uid.as_deref()),
        ("flux-system", "shop", Some("c0de"))
    );
    assert_eq!(
        found.source,
        SourceRef {
            kind: "GitRepository".to_owned(),
            namespace: None,
            name: "shop".to_owned()
        }
    );
    assert_eq!(
        (found.interval, found.retry_interval),
        (Some(SignedDuration::from_mins(10)), Some(SignedDuration::from_secs(90)))
    );
    assert_eq!(
        (found.prune, found.force, found.suspend, found.force_caution()),
        (true, false, false, None)
    );
    assert_eq!((found.transforms(), found.diverts()), (&[][..], &[][..]));
    assert_eq!(found.last_reconciled, Some(time("2026-03-02T09:55:00Z")));
    assert_eq!(found.last_applied_revision.as_deref().and_then(commit), Some(HERE));
    let applied = |kind, namespace, name| found.applied(&ResourceRef::of(kind, namespace, name));
    assert!(applied(&DEPLOYMENT, "shop", "web") && !applied(&DEPLOYMENT, "shop", "api"));
    assert!(!applied(&DEPLOYMENT, "default", "web") && !applied(&DAEMON_SET, "shop", "web"));
}

#[test]
fn what_is_more_than_the_folder_is_named() {
    let mut value = ready();
    let spec = value["spec"].as_object_mut().unwrap();
    spec.extend([
        ("targetNamespace".to_owned(), json!("prod")),
        ("patches".to_owned(), json!([{"patch": "…"}])),
        ("images".to_owned(), json!([])),
        ("postBuild".to_owned(), json!({"substitute": {"a": "b"}})),
        ("commonMetadata".to_owned(), json!({})),
        ("namePrefix".to_owned(), json!("p-")),
        ("components".to_owned(), Value::Null),
        ("decryption".to_owned(), json!({"provider": "sops"})),
        ("kubeConfig".to_owned(), json!({"secretRef": {"name": "other"}})),
        ("ignore".to_owned(), json!([{"paths": ["/spec/replicas"]}])),
        ("force".to_owned(), json!(true)),
    ]);
    let found = read(&value);
    assert_eq!(
        found.transforms(),
        ["spec.decryption", "spec.namePrefix", "spec.patches", "spec.postBuild"]
    );
    assert_eq!(found.target_namespace.as_deref(), Some("prod"));
    assert_eq!(found.diverts(), ["spec.ignore", "spec.kubeConfig"]);
    assert!(found.force_caution().unwrap().contains("deletes and creates again"));
}

#[test]
fn wrong_types_are_named() {
    for (pointer, wrong, told) in [
        (
            "/spec/interval",
            json!("often"),
            "/spec/interval is not a span of time such as 10m",
        ),
        ("/spec/sourceRef", Value::Null, "/spec/sourceRef/kind is not a text"),
        ("/spec/suspend", json!("true"), "/spec/suspend is not true or false"),
        (
            "/status/conditions",
            json!([{}]),
            "/status/conditions/0/type is not a text",
        ),
    ] {
        assert_eq!(
            Kustomization::read(&set(ready(), pointer, wrong))
                .unwrap_err()
                .to_string(),
            told
        );
    }
}

#[test]
fn commits_are_found_in_revisions() {
    let sha256 = "a".repeat(64);
    for (revision, expected) in [
        (format!("main@sha1:{HERE}"), Some(HERE)),
        (format!("refs/pull/7/head@sha1:{HERE}"), Some(HERE)),
        (format!("sha1:{HERE}"), Some(HERE)),
        (format!("feature/x/{HERE}"), Some(HERE)),
        (HERE.to_owned(), Some(HERE)),
        (format!("main@sha256:{sha256}"), Some(sha256.as_str())),
        ("v1.2.3".to_owned(), None),
        ("main@sha1:short".to_owned(), None),
        (format!("main@md5:{HERE}"), None),
        (String::new(), None),
    ] {
        assert_eq!(commit(&revision), expected, "{revision}");
    }
}

#[test]
fn a_git_repository_is_read() {
    let value = json!({
        "metadata": {"namespace": "flux-system", "name": "shop", "uid": "beef"},
        "spec": {
            "url": "ssh://git@git.example.com/shop.git", "interval": "1m", "ref": {"branch": "main"},
            "secretRef": {"name": "deploy-key"},
            "recurseSubmodules": false, "include": [{"repository": {"name": "base"}}], "ignore": "/*\n!/web"
        },
        "status": {"artifact": {"revision": format!("main@sha1:{HERE}"), "lastUpdateTime": "2026-03-02T09:50:00Z"}}
    });
    let found = GitRepository::read(&value).unwrap();
    assert_eq!(
        (
            found.commit(),
            found.reference.branch.as_deref(),
            found.secret.as_deref()
        ),
        (Some(HERE), Some("main"), Some("deploy-key"))
    );
    assert_eq!(
        (found.alters(), found.suspend, found.interval),
        (
            &["spec.ignore", "spec.include"][..],
            false,
            Some(SignedDuration::from_mins(1))
        )
    );
    assert_eq!(found.updated_at, Some(time("2026-03-02T09:50:00Z")));
    let bare = GitRepository::read(&json!({"metadata": {"name": "bare"}})).unwrap();
    assert_eq!(
        (bare.commit(), bare.url.as_deref(), bare.alters()),
        (None, None, &[][..])
    );
}

#[test]
fn the_synced_commit_is_the_tried_one_once_it_was_applied() {
    const NEXT: &str = "9999999999999999999999999999999999999999";
    let at = |status: &str, reason: &str| {
        let value = set(
            ready(),
            "/status/lastAttemptedRevision",
            json!(format!("main@sha1:{NEXT}")),
        );
        let value = set(value, "/status/conditions/0/status", json!(status));
        read(&set(value, "/status/conditions/0/reason", json!(reason)))
            .synced_commit()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(at("True", "ReconciliationSucceeded"), HERE);
    assert_eq!(at("Unknown", "Progressing"), HERE);
    assert_eq!(at("False", "ReconciliationFailed"), HERE);
    assert_eq!(at("False", "HealthCheckFailed"), NEXT);
    assert_eq!(
        read(&set(ready(), "/status/lastAppliedRevision", Value::Null)).synced_commit(),
        None
    );
}
