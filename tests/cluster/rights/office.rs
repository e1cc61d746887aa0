//! People with different rights, and reports with plans that they decide about.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Result;
use serde_json::{Value, json};

use super::PATIENCE;
use crate::harness::{ControlPlane, Output, wait};
use crate::installation::Installation;

/// What each kind of step writes.
pub(super) const STEPS: [(&str, Written); 7] = [
    ("Restore", Written::Deployment),
    ("Transfer", Written::Deployment),
    ("HandBack", Written::Deployment),
    ("Refresh", Written::Application),
    ("ClearOperation", Written::Application),
    ("StartOperation", Written::Application),
    ("Reconcile", Written::Kustomization),
];

#[derive(Clone, Copy)]
pub(super) enum Written {
    Deployment,
    Application,
    Kustomization,
}

impl Written {
    pub(super) fn object(self, target: &str) -> Value {
        match self {
            Self::Deployment => {
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": target})
            }
            Self::Application => {
                json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "namespace": "argocd",
                       "name": "shop"})
            }
            Self::Kustomization => {
                json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
                       "namespace": "flux-system", "name": "shop"})
            }
        }
    }
}

pub(super) fn step(kind: &str, object: Value) -> Value {
    json!({"kind": kind, "target": "…", "object": object, "summary": "…", "patch": "…"})
}

pub(super) fn plan(hash: &str, steps: &[Value]) -> Value {
    json!({"hash": hash, "serial": 1, "expires": "2126-01-05T10:00:00Z", "cautions": [], "steps": steps})
}

/// A hash of one digit.
pub(super) fn hash(digit: char) -> String {
    digit.to_string().repeat(64)
}

pub(super) fn decision(decision: &str, hash: &str, by: &str) -> Value {
    json!({"decision": decision, "planHash": hash, "by": by, "at": "2026-01-05T10:00:00Z"})
}

/// The chart with its policies, and no controller.
pub(super) struct Office {
    installation: Installation,
    pub(super) controller: PathBuf,
}

impl Office {
    pub(super) fn open(right: &str, service_accounts: &[&str]) -> Result<Self> {
        let installation = Installation::prepare(&["shop", "argocd", "flux-system"])?;
        installation.install_with_values(
            "observe",
            &[
                ("approval.right", json!(right)),
                ("approval.serviceAccounts", json!(service_accounts)),
            ],
        )?;
        let control_plane = &installation.control_plane;
        // kubectl reads a status before it patches it; the controller does not.
        for arguments in [
            &[
                "create",
                "role",
                "reads",
                "--verb=get",
                "--resource=driftreports.driftmend.dev/status",
                "-n",
                "shop",
            ][..],
            &[
                "create",
                "rolebinding",
                "reads",
                "--role=reads",
                "--serviceaccount=driftmend:driftmend",
                "-n",
                "shop",
            ],
        ] {
            control_plane.kubectl(arguments)?.success()?;
        }
        let controller = installation.service_account()?;
        let office = Self {
            installation,
            controller,
        };
        office.create("trial")?;
        let words = "may neither give, change nor remove an approval";
        wait::until("the policy, and the controller's rights", PATIENCE, || {
            let answer = office.decide(
                &office.controller,
                "trial",
                &decision("Approved", &hash('0'), "somebody"),
            )?;
            Ok(if answer.stderr.contains(words) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stderr)
            })
        })?;
        Ok(office)
    }

    pub(super) fn control_plane(&self) -> &ControlPlane {
        &self.installation.control_plane
    }

    /// A report about a Deployment, which shows nothing.
    pub(super) fn create(&self, target: &str) -> Result<()> {
        self.report(&format!("deployment-{target}"), target)?
            .success()
            .map(drop)
    }

    pub(super) fn report(&self, name: &str, target: &str) -> Result<Output> {
        let report = json!({
            "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {
                "target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
                "watchRef": {"namespace": "shop", "name": "shop"},
            },
        });
        self.control_plane()
            .tool("kubectl")?
            .input(report.to_string())
            .run(&["create", "-f", "-"])
    }

    pub(super) fn delete(&self, target: &str) -> Result<()> {
        let name = format!("deployment-{target}");
        self.control_plane()
            .kubectl(&["delete", "driftreport", &name, "-n", "shop"])?
            .success()
            .map(drop)
    }

    pub(super) fn patch(&self, who: &Path, target: &str, status: &Value, more: &[&str]) -> Result<Output> {
        let (name, patch) = (format!("deployment-{target}"), json!({ "status": status }).to_string());
        let arguments = [
            "patch",
            "driftreport",
            &name,
            "-n",
            "shop",
            "--subresource=status",
            "--type=merge",
            "--patch",
            &patch,
        ];
        self.control_plane()
            .tool("kubectl")?
            .kubeconfig(who)
            .run(&[&arguments[..], more].concat())
    }

    /// What the controller writes.
    pub(super) fn show(&self, target: &str, plan: &Value) -> Result<()> {
        self.patch(
            &self.controller,
            target,
            &json!({"phase": "Drifted", "summary": "…", "plan": plan}),
            &[],
        )?
        .success()
        .map(drop)
    }

    /// A decision that is tried and not stored.
    pub(super) fn decide(&self, who: &Path, target: &str, decision: &Value) -> Result<Output> {
        self.patch(who, target, &json!({"approval": decision}), &["--dry-run=server"])
    }

    pub(super) fn refused(&self, who: &Path, target: &str, decision: &Value, words: &str) -> Result<()> {
        let answer = self.decide(who, target, decision)?;
        assert!(
            answer.code != 0 && answer.stderr.contains(words),
            "{words:?} is not in {}{}",
            answer.stdout,
            answer.stderr
        );
        Ok(())
    }

    pub(super) fn accepted(&self, who: &Path, target: &str, decision: &Value) -> Result<()> {
        self.decide(who, target, decision)?.success().map(drop)
    }

    /// The same after a right was given, which holds a moment later.
    pub(super) fn soon_accepted(&self, who: &Path, target: &str, decision: &Value) -> Result<()> {
        wait::until("a decision that is accepted", PATIENCE, || {
            let answer = self.decide(who, target, decision)?;
            Ok(if answer.code == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stderr)
            })
        })
    }

    /// Who may edit Deployments and reports of the namespace, and nothing else.
    pub(super) fn editor(&self, name: &str) -> Result<PathBuf> {
        let (role, user) = ("--clusterrole=edit", format!("--user={name}"));
        self.control_plane()
            .kubectl(&["create", "rolebinding", name, role, &user, "-n", "shop"])?
            .success()?;
        let kubeconfig = self.control_plane().user(name, &[])?;
        self.wait_for_right(name, &["patch", "deployments.apps", "-n", "shop"])?;
        self.wait_for_right(
            name,
            &[
                "patch",
                "driftreports.driftmend.dev",
                "--subresource=status",
                "-n",
                "shop",
            ],
        )?;
        Ok(kubeconfig)
    }

    /// Gives a person verbs on a resource in a namespace, and waits until they hold where kubectl can tell: it knows no
    /// kind that is not there.
    pub(super) fn give(&self, name: &str, verbs: &str, resource: &str, namespace: &str) -> Result<()> {
        let role = format!("{name}-{}", verbs.replace(',', "-"));
        let (plural, group) = resource.split_once('.').unwrap_or_default();
        let (group, subresource) = group
            .split_once('/')
            .map_or((group, None), |(group, subresource)| (group, Some(subresource)));
        let named = subresource.map_or_else(|| plural.to_owned(), |subresource| format!("{plural}/{subresource}"));
        // By hand: kubectl gives no right on a kind that is not there.
        let rule = json!({"apiGroups": [group], "resources": [named], "verbs": verbs.split(',').collect::<Vec<_>>()});
        let metadata = json!({"name": role, "namespace": namespace});
        let object = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
                            "rules": [rule]});
        self.control_plane().apply(&object.to_string())?;
        let (role_flag, user) = (format!("--role={role}"), format!("--user={name}"));
        self.control_plane()
            .kubectl(&["create", "rolebinding", &role, &role_flag, &user, "-n", namespace])?
            .success()?;
        if group != "driftmend.dev" {
            return Ok(());
        }
        let (whole, subresource) = (
            format!("{plural}.{group}"),
            format!("--subresource={}", subresource.unwrap_or_default()),
        );
        self.wait_for_right(
            name,
            &[
                verbs.split(',').next().unwrap_or_default(),
                &whole,
                &subresource,
                "-n",
                namespace,
            ],
        )
    }

    pub(super) fn wait_for_right(&self, name: &str, right: &[&str]) -> Result<()> {
        let user = format!("--as={name}");
        wait::until(&format!("the right of {name} to {right:?}"), PATIENCE, || {
            let answer = self
                .control_plane()
                .kubectl(&[&["auth", "can-i"], right, &[&user]].concat())?;
            Ok(if answer.code == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(answer.stdout)
            })
        })
    }
}

static BY_PATCH: OnceLock<Result<Office, String>> = OnceLock::new();

/// The chart as it is by default.
pub(super) fn by_patch() -> Result<&'static Office> {
    let made = BY_PATCH.get_or_init(|| Office::open("patch", &["shop/robot"]).map_err(|error| format!("{error:?}")));
    made.as_ref()
        .map_err(|reason| anyhow::anyhow!("failed to install the chart for the tests of decisions: {reason}"))
}
