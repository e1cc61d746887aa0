//! Whether Flux applies a Deployment, and since when that stands.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::argo_cd::application::Application;
use crate::engine::argo_cd::standing::Standing;
use crate::engine::argo_cd::window::Windows;
use crate::engine::flux::kustomization::Kustomization;

#[test]
fn flux_applies_a_deployment_unless_something_else_is_in_the_way() {
    let web = ObjectId {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        namespace: Some("shop".into()),
        name: "web".into(),
    };
    let will = |suspend: bool, status: &str, reason: &str, message: &str| {
        let object = json!({
            "metadata": {"name": "shop", "namespace": "shop", "generation": 1},
            "spec": {"sourceRef": {"kind": "GitRepository", "name": "shop"}, "suspend": suspend},
            "status": {"conditions": [{"type": "Ready", "status": status, "reason": reason, "message": message}],
                       "inventory": {"entries": [{"id": "shop_web_apps_Deployment", "v": "v1"}]}},
        });
        let tool = Tool::Flux(Arc::new(Flux {
            kustomization: Arc::new(Kustomization::read(&object).unwrap()),
            repository: None,
        }));
        assert!(
            tool.spares("Kustomization shop/shop ignores /spec/replicas")
                && !tool.spares("Application a/b ignores /spec/replicas")
        );
        assert!(
            tool.applied(&web)
                && !tool.applied(&ObjectId {
                    name: "api".into(),
                    ..web.clone()
                })
        );
        tool.will_sync(&web)
    };
    assert!(will(false, "True", "ReconciliationSucceeded", ""));
    assert!(will(false, "Unknown", "Progressing", ""));
    assert!(!will(true, "True", "ReconciliationSucceeded", ""));
    let refused = |name: &str| {
        format!("Deployment/shop/{name} dry-run failed (Invalid): Deployment.apps \"{name}\" is invalid: …")
    };
    assert!(will(false, "False", "ReconciliationFailed", &refused("web")));
    assert!(
        !will(false, "False", "ReconciliationFailed", &refused("web-2")),
        "nothing of the Kustomization is applied"
    );
    assert!(!will(false, "False", "ReconciliationFailed", &refused("my/shop/web")));
    assert!(!will(false, "False", "BuildFailed", "no such folder"));
    assert!(will(
        false,
        "False",
        "HealthCheckFailed",
        "timeout waiting for: [Deployment/shop/api status: 'InProgress']"
    ));
}

#[test]
fn a_standing_is_as_old_as_what_it_rests_on() {
    let object = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {"project": "default", "destination": {"namespace": "shop"},
                 "source": {"repoURL": "https://git.example/shop.git"}},
        "status": {
            "conditions": [{"type": "ComparisonError", "message": "no answer",
                            "lastTransitionTime": "2026-01-05T10:03:00Z"}],
            "operationState": {
                "phase": "Failed", "startedAt": "2026-01-05T10:00:00Z", "finishedAt": "2026-01-05T10:01:00Z",
                "operation": {"sync": {}}, "message": "refused",
            },
        },
    });
    let seen_alive = "2026-01-05T10:04:00Z".parse().ok();
    let since = |object: &Value, standing: Standing| {
        let application = Arc::new(Application::read(object).unwrap());
        let argo_cd = ArgoCd {
            application,
            windows: Windows::unread(),
            application_set: None,
            seen_alive,
        };
        argo_cd.since(&standing).map(|time| time.to_string())
    };
    let at = |minute: u8| Some(format!("2026-01-05T10:0{minute}:00Z"));
    assert_eq!(
        since(
            &object,
            Standing::FailedAtRevision {
                healed: false,
                automated: true,
                terminated: false
            }
        ),
        at(1)
    );
    assert_eq!(since(&object, Standing::NeverCleared), at(1));
    assert_eq!(since(&object, Standing::ComparisonFailed), at(3));
    assert_eq!(since(&object, Standing::ControllerNotSeen), at(4));
    assert_eq!(
        since(
            &object,
            Standing::NoProgress {
                since: at(2).and_then(|time| time.parse().ok())
            }
        ),
        at(2)
    );
    let mut lost = object.clone();
    lost["status"]["operationState"]["finishedAt"] = Value::Null;
    assert_eq!(since(&lost, Standing::CompletedWithoutResult { healed: false }), at(0));
    lost["status"]["conditions"] = json!([]);
    assert_eq!(since(&lost, Standing::DryRunRefused), None);
}
