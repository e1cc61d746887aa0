//! Who may decide what, by the chart's policy alone: no controller runs here, so that each report shows exactly the
//! plan that a test gives it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Result, ensure};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::{ControlPlane, Output, wait};
use crate::installation::Installation;

const PATIENCE: Duration = Duration::from_secs(150);

/// What each kind of step writes.
const STEPS: [(&str, Written); 7] = [
    ("Restore", Written::Deployment),
    ("Transfer", Written::Deployment),
    ("HandBack", Written::Deployment),
    ("Refresh", Written::Application),
    ("ClearOperation", Written::Application),
    ("StartOperation", Written::Application),
    ("Reconcile", Written::Kustomization),
];

#[derive(Clone, Copy)]
enum Written {
    Deployment,
    Application,
    Kustomization,
}

impl Written {
    fn object(self, target: &str) -> Value {
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

fn step(kind: &str, object: Value) -> Value {
    json!({"kind": kind, "target": "…", "object": object, "summary": "…", "patch": "…"})
}

fn plan(hash: &str, steps: &[Value]) -> Value {
    json!({"hash": hash, "serial": 1, "expires": "2126-01-05T10:00:00Z", "cautions": [], "steps": steps})
}

/// A hash of one digit.
fn hash(digit: char) -> String {
    digit.to_string().repeat(64)
}

fn decision(decision: &str, hash: &str, by: &str) -> Value {
    json!({"decision": decision, "planHash": hash, "by": by, "at": "2026-01-05T10:00:00Z"})
}

/// The chart with its policies, and no controller.
struct Office {
    installation: Installation,
    controller: PathBuf,
}

impl Office {
    fn open(right: &str, service_accounts: &[&str]) -> Result<Self> {
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

    fn control_plane(&self) -> &ControlPlane {
        &self.installation.control_plane
    }

    /// A report about a Deployment, which shows nothing.
    fn create(&self, target: &str) -> Result<()> {
        self.report(&format!("deployment-{target}"), target)?
            .success()
            .map(drop)
    }

    fn report(&self, name: &str, target: &str) -> Result<Output> {
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

    fn delete(&self, target: &str) -> Result<()> {
        let name = format!("deployment-{target}");
        self.control_plane()
            .kubectl(&["delete", "driftreport", &name, "-n", "shop"])?
            .success()
            .map(drop)
    }

    fn patch(&self, who: &Path, target: &str, status: &Value, more: &[&str]) -> Result<Output> {
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
    fn show(&self, target: &str, plan: &Value) -> Result<()> {
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
    fn decide(&self, who: &Path, target: &str, decision: &Value) -> Result<Output> {
        self.patch(who, target, &json!({"approval": decision}), &["--dry-run=server"])
    }

    fn refused(&self, who: &Path, target: &str, decision: &Value, words: &str) -> Result<()> {
        let answer = self.decide(who, target, decision)?;
        assert!(
            answer.code != 0 && answer.stderr.contains(words),
            "{words:?} is not in {}{}",
            answer.stdout,
            answer.stderr
        );
        Ok(())
    }

    fn accepted(&self, who: &Path, target: &str, decision: &Value) -> Result<()> {
        self.decide(who, target, decision)?.success().map(drop)
    }

    /// The same after a right was given, which holds a moment later.
    fn soon_accepted(&self, who: &Path, target: &str, decision: &Value) -> Result<()> {
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
    fn editor(&self, name: &str) -> Result<PathBuf> {
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
    fn give(&self, name: &str, verbs: &str, resource: &str, namespace: &str) -> Result<()> {
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

    fn wait_for_right(&self, name: &str, right: &[&str]) -> Result<()> {
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
fn by_patch() -> Result<&'static Office> {
    let made = BY_PATCH.get_or_init(|| Office::open("patch", &["shop/robot"]).map_err(|error| format!("{error:?}")));
    made.as_ref()
        .map_err(|reason| anyhow::anyhow!("failed to install the chart for the tests of decisions: {reason}"))
}

const NO_PLAN: &str = "the report shows no plan that could be decided about";
const ANOTHER: &str = "a decision is about the plan that the report shows";

#[test]
fn a_plan_of_each_kind_is_decided_about_only_while_this_very_report_shows_it() -> Result<()> {
    let office = by_patch()?;
    let admin = office.control_plane().admin();
    for (kind, written) in STEPS {
        let target = kind.to_lowercase();
        office.create(&target)?;
        let (shown, other) = (hash('a'), hash('b'));
        for word in ["Approved", "Denied"] {
            office.refused(admin, &target, &decision(word, &shown, "admin"), NO_PLAN)?;
        }
        office.show(&target, &plan(&shown, &[step(kind, written.object(&target))]))?;
        for word in ["Approved", "Denied"] {
            office.refused(admin, &target, &decision(word, &other, "admin"), ANOTHER)?;
            office.accepted(admin, &target, &decision(word, &shown, "admin"))?;
        }
        // A yes that was given stays about what it was given for, and is not worded anew when the plan has moved on.
        let approved = decision("Approved", &shown, "admin");
        office
            .patch(admin, &target, &json!({"approval": approved}), &[])?
            .success()?;
        office.show(&target, &plan(&other, &[step(kind, written.object(&target))]))?;
        office.refused(admin, &target, &json!({"reason": "still fine"}), ANOTHER)?;
        office.refused(admin, &target, &json!({"at": "2126-01-05T10:00:00Z"}), ANOTHER)?;
        office.accepted(admin, &target, &json!({"planHash": other}))?;
        office.accepted(admin, &target, &Value::Null)?;
        // Of another name, and made anew.
        let another = format!("{target}-2");
        office.create(&another)?;
        office.show(&another, &plan(&hash('c'), &[step(kind, written.object(&another))]))?;
        office.refused(admin, &another, &approved, ANOTHER)?;
        office.delete(&target)?;
        office.create(&target)?;
        office.refused(admin, &target, &approved, NO_PLAN)?;
        // A null is no plan, and so is one without a hash or steps.
        office
            .patch(
                &office.controller,
                &target,
                &json!({"phase": "Drifted", "summary": "…", "plan": null}),
                &[],
            )?
            .success()?;
        office.refused(admin, &target, &approved, NO_PLAN)?;
        office.show(&target, &plan(&shown, &[]))?;
        office.refused(
            admin,
            &target,
            &approved,
            "does not say for each step which object it writes",
        )?;
    }
    Ok(())
}

#[test]
fn no_other_way_of_writing_a_status_leads_around_the_policy() -> Result<()> {
    let office = by_patch()?;
    let (control_plane, admin) = (office.control_plane(), office.control_plane().admin());
    office.create("ways")?;
    let approved = decision("Approved", &hash('a'), "admin");
    let get = ["get", "driftreport", "deployment-ways", "-n", "shop", "--output=json"];
    let read = || -> Result<Value> { Ok(serde_json::from_str(&control_plane.kubectl(&get)?.success()?)?) };
    let whole = |status: Value| -> Result<Value> {
        let mut report = read()?;
        report["status"] =
            json!({"phase": "Drifted", "heal": "None", "summary": "…", "counts": read()?["status"]["counts"]});
        json_patch::merge(&mut report["status"], &status);
        Ok(report)
    };
    office
        .patch(
            &office.controller,
            "ways",
            &json!({"phase": "Drifted", "heal": "None", "summary": "…"}),
            &[],
        )?
        .success()?;
    let send =
        |arguments: &[&str], object: &Value| control_plane.tool("kubectl")?.input(object.to_string()).run(arguments);
    let replaced = send(
        &["replace", "--subresource=status", "-f", "-"],
        &whole(json!({"approval": approved}))?,
    )?;
    assert!(
        replaced.code != 0 && replaced.stderr.contains(NO_PLAN),
        "{}{}",
        replaced.stdout,
        replaced.stderr
    );
    let applied = json!({
        "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport",
        "metadata": {"name": "deployment-ways", "namespace": "shop"},
        "status": {"approval": approved},
    });
    let apply = [
        "apply",
        "--server-side",
        "--subresource=status",
        "--force-conflicts",
        "-f",
        "-",
    ];
    let answer = send(&apply, &applied)?;
    assert!(
        answer.code != 0 && answer.stderr.contains(NO_PLAN),
        "{}{}",
        answer.stdout,
        answer.stderr
    );
    let name = [
        "driftreport",
        "deployment-ways",
        "-n",
        "shop",
        "--subresource=status",
        "--type=json",
        "--patch",
    ];
    let add = json!([{"op": "add", "path": "/status/approval", "value": approved}]).to_string();
    let answer = control_plane.kubectl(&[&["patch"], &name[..], &[add.as_str()]].concat())?;
    assert!(
        answer.code != 0 && answer.stderr.contains(NO_PLAN),
        "{}{}",
        answer.stdout,
        answer.stderr
    );
    // Plan and approval in one write.
    let both =
        json!({"plan": plan(&hash('a'), &[step("Restore", Written::Deployment.object("ways"))]), "approval": approved});
    let answer = office.patch(admin, "ways", &both, &[])?;
    assert!(
        answer.code != 0 && answer.stderr.contains(NO_PLAN),
        "{}{}",
        answer.stdout,
        answer.stderr
    );
    // A write to the report itself changes no status.
    let main = send(&["replace", "-f", "-"], &whole(json!({"approval": approved}))?)?;
    assert_eq!(
        (main.code, &read()?["status"]["approval"]),
        (0, &Value::Null),
        "{}",
        main.stderr
    );
    // A PUT that keeps a decision decides nothing.
    office.show(
        "ways",
        &plan(&hash('a'), &[step("Restore", Written::Deployment.object("ways"))]),
    )?;
    office
        .patch(admin, "ways", &json!({"approval": approved}), &[])?
        .success()?;
    office.show(
        "ways",
        &plan(&hash('b'), &[step("Restore", Written::Deployment.object("ways"))]),
    )?;
    let kept = send(&["replace", "--subresource=status", "-f", "-"], &read()?)?;
    assert_eq!(kept.code, 0, "{}", kept.stderr);
    // No report is about another Deployment than its name says.
    for (name, target) in [
        ("ways", "ways"),
        ("deployment-ways-3", "ways"),
        ("Deployment-ways", "ways"),
        ("deployment-", ""),
    ] {
        let misnamed = office.report(name, target)?;
        assert!(misnamed.code != 0, "{name} about {target:?}: {}", misnamed.stdout);
    }
    Ok(())
}

#[test]
fn rights_are_asked_for_by_what_a_step_writes_and_not_by_what_it_shows() -> Result<()> {
    let office = by_patch()?;
    let erin = office.editor("erin")?;
    office.create("rights")?;
    let approved = decision("Approved", &hash('a'), "erin");
    let deployment = step("Restore", Written::Deployment.object("rights"));
    let shown = |steps: &[Value]| office.show("rights", &plan(&hash('a'), steps));
    shown(std::slice::from_ref(&deployment))?;
    office.accepted(&erin, "rights", &approved)?;
    // Of what she may not write she decides nothing, whatever the text for people says.
    for (kind, written) in &STEPS[3..] {
        let mut lying = step(kind, written.object("rights"));
        lying["target"] = json!("Deployment.apps shop/rights");
        shown(&[deployment.clone(), lying])?;
        let words = match written {
            Written::Application => "patch the Deployment \"rights\" in namespace \"shop\" and Application argocd/shop",
            _ => "patch the Deployment \"rights\" in namespace \"shop\" and Kustomization flux-system/shop",
        };
        for word in ["Approved", "Denied"] {
            office.refused(&erin, "rights", &decision(word, &hash('a'), "erin"), words)?;
        }
    }
    office.give("erin", "patch", "applications.argoproj.io", "argocd")?;
    let mut foreign = step("Refresh", Written::Application.object("rights"));
    foreign["target"] = json!("Application teams/other");
    shown(&[deployment.clone(), foreign])?;
    office.soon_accepted(&erin, "rights", &approved)?;
    // However many steps a plan has: the server ends an expression that asks for a right three times.
    office.give("erin", "breakglass", "driftreports.driftmend.dev", "shop")?;
    let mut breaking = approved.clone();
    (breaking["breakGlass"], breaking["reason"]) = (json!(true), json!("the shop is down"));
    for many in [3, 4, 6, 8] {
        let all: Vec<Value> = STEPS[..6]
            .iter()
            .rev()
            .cycle()
            .take(many)
            .map(|(kind, written)| step(kind, written.object("rights")))
            .collect();
        shown(&all)?;
        office.accepted(&erin, "rights", &approved)?;
        office.soon_accepted(&erin, "rights", &breaking)?;
        office.accepted(&erin, "rights", &decision("Denied", &hash('a'), "erin"))?;
    }
    // One of another namespace is not the target, and two tools are no plan of driftmend's.
    let mut elsewhere = Written::Deployment.object("rights");
    elsewhere["namespace"] = json!("argocd");
    shown(&[deployment.clone(), step("Restore", elsewhere)])?;
    office.refused(&erin, "rights", &approved, "and Deployment argocd/rights")?;
    shown(&[
        deployment.clone(),
        step("Refresh", Written::Application.object("")),
        step("Reconcile", Written::Kustomization.object("")),
    ])?;
    office.refused(
        office.control_plane().admin(),
        "rights",
        &decision("Approved", &hash('a'), "admin"),
        "or two beside the Deployment",
    )?;
    // The same object in another group, another case, another spelling, or without a part is of no kind that is ever
    // written.
    let admin = office.control_plane().admin();
    let application = Written::Application.object("rights");
    for (key, value) in [
        ("kind", json!("application")),
        ("kind", json!("APPLICATION")),
        ("kind", json!("Applications")),
        ("kind", json!("Secret")),
        ("kind", json!("")),
        ("apiVersion", json!("ArgoProj.io/v1alpha1")),
        ("apiVersion", json!("argoproj.io.evil.example/v1")),
        ("apiVersion", json!("v1")),
        ("apiVersion", json!("kustomize.toolkit.fluxcd.io/v1")),
        ("namespace", json!("")),
        ("name", json!("")),
    ] {
        let mut odd = application.clone();
        odd[key] = value.clone();
        shown(&[deployment.clone(), step("Refresh", odd)])?;
        let answer = office.decide(admin, "rights", &decision("Approved", &hash('a'), "admin"))?;
        assert!(answer.code != 0, "{key} {value}: {}", answer.stdout);
    }
    // A plan of an earlier version does not say it.
    let mut old = deployment;
    old.as_object_mut().map(|step| step.remove("object"));
    shown(&[old])?;
    let answer = office.decide(admin, "rights", &decision("Approved", &hash('a'), "admin"))?;
    assert!(
        answer.code != 0 && answer.stderr.contains("approval.driftmend.dev"),
        "{}{}",
        answer.stdout,
        answer.stderr
    );
    Ok(())
}

#[test]
fn a_decision_is_a_persons_in_their_own_name() -> Result<()> {
    let office = by_patch()?;
    let (control_plane, admin) = (office.control_plane(), office.control_plane().admin());
    let ada = office.editor("ada")?;
    office.create("names")?;
    office.show(
        "names",
        &plan(&hash('a'), &[step("Restore", Written::Deployment.object("names"))]),
    )?;
    let own = "status.approval.by must be your own user name: set it to \"ada\"";
    for word in ["Approved", "Denied"] {
        office.refused(&ada, "names", &decision(word, &hash('a'), "bob"), own)?;
        office.refused(&ada, "names", &decision(word, &hash('a'), "Ada"), own)?;
    }
    let mallory = control_plane.user("mallory", &[])?;
    office.give("mallory", "get,patch", "driftreports.driftmend.dev/status", "shop")?;
    let right = "approving and denying need the right to patch the Deployment \"names\" in namespace \"shop\"";
    for word in ["Approved", "Denied"] {
        office.refused(&mallory, "names", &decision(word, &hash('a'), "mallory"), right)?;
    }
    // Nor does a stranger take back, or change, what somebody decided.
    office
        .patch(
            &ada,
            "names",
            &json!({"approval": decision("Denied", &hash('a'), "ada")}),
            &[],
        )?
        .success()?;
    office.refused(&mallory, "names", &Value::Null, right)?;
    office.refused(&mallory, "names", &json!({"by": "mallory", "reason": "no"}), right)?;
    // While a denial holds no plan is shown. Its author may word it anew; nobody makes a yes of it.
    office
        .patch(&office.controller, "names", &json!({"plan": null}), &[])?
        .success()?;
    office.accepted(&ada, "names", &json!({"reason": "the image is being fixed"}))?;
    // Nobody else does in their own name: what rights the plan took is not known any more.
    office.refused(admin, "names", &json!({"by": "admin", "reason": "not needed"}), NO_PLAN)?;
    office.refused(&ada, "names", &json!({"decision": "Approved"}), NO_PLAN)?;
    office.refused(&ada, "names", &json!({"planHash": hash('b')}), NO_PLAN)?;
    office.accepted(&ada, "names", &Value::Null)?;
    office
        .patch(&ada, "names", &json!({"approval": null}), &[])?
        .success()?;
    office.show(
        "names",
        &plan(&hash('a'), &[step("Restore", Written::Deployment.object("names"))]),
    )?;

    // A ServiceAccount is no person, however it comes; one that the chart lists may decide.
    let machine = "a ServiceAccount decides only where the chart lists it under approval.serviceAccounts";
    let as_ = |user: &str, groups: &[&str]| -> Result<Output> {
        let mut more = vec!["--dry-run=server".to_owned(), format!("--as={user}")];
        more.extend(groups.iter().map(|group| format!("--as-group={group}")));
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        office.patch(
            admin,
            "names",
            &json!({"approval": decision("Approved", &hash('a'), user)}),
            &more,
        )
    };
    let masters = "system:masters";
    for (user, groups) in [
        ("system:serviceaccount:shop:default", &[masters][..]),
        (
            "system:serviceaccount:shop:default",
            &[masters, "system:serviceaccounts"],
        ),
        ("bob", &[masters, "system:serviceaccounts"]),
        ("system:serviceaccount:shop:Robot", &[masters]),
        ("system:serviceaccount:office:robot", &[masters]),
    ] {
        let answer = as_(user, groups)?;
        assert!(
            answer.code != 0 && answer.stderr.contains(machine),
            "{user} {groups:?}: {}{}",
            answer.stdout,
            answer.stderr
        );
    }
    for (user, groups) in [
        (
            "system:serviceaccount:shop:robot",
            &[masters, "system:serviceaccounts"][..],
        ),
        ("bob", &[masters]),
    ] {
        as_(user, groups)?.success()?;
    }
    Ok(())
}

#[test]
fn a_sync_window_is_broken_only_with_the_verb_for_it() -> Result<()> {
    let office = by_patch()?;
    let grace = office.editor("grace")?;
    office.create("glass")?;
    office.show(
        "glass",
        &plan(&hash('a'), &[step("Restore", Written::Deployment.object("glass"))]),
    )?;
    let mut breaking = decision("Approved", &hash('a'), "grace");
    breaking["breakGlass"] = json!(true);
    breaking["reason"] = json!("the shop is down");
    let words = "breaking a sync window needs the verb \"breakglass\" on driftreports.driftmend.dev \
                 \"deployment-glass\" in namespace \"shop\"";
    office.refused(&grace, "glass", &breaking, words)?;
    office
        .patch(
            &grace,
            "glass",
            &json!({"approval": decision("Approved", &hash('a'), "grace")}),
            &[],
        )?
        .success()?;
    office.refused(&grace, "glass", &json!({"breakGlass": true, "reason": "later"}), words)?;
    breaking["breakGlass"] = json!(false);
    office.accepted(&grace, "glass", &breaking)?;
    breaking["breakGlass"] = json!(true);
    office.give("grace", "breakglass", "driftreports.driftmend.dev", "shop")?;
    office.accepted(&grace, "glass", &breaking)?;
    Ok(())
}

#[test]
fn what_must_be_acknowledged_is_named_by_an_approval_or_it_is_refused() -> Result<()> {
    let office = by_patch()?;
    let heidi = office.editor("heidi")?;
    office.create("cautions")?;
    let caution = |id: &str, must: bool| json!({"id": id, "text": "…", "mustAcknowledge": must});
    let mut shown = plan(&hash('a'), &[step("Restore", Written::Deployment.object("cautions"))]);
    shown["cautions"] = json!([caution("Overwrites", true), caution("Breaks", true), caution("RollOut", false),
                               {"id": "Bare", "text": "…"}]);
    office.show("cautions", &shown)?;
    let mut approved = decision("Approved", &hash('a'), "heidi");
    let refused = |approved: &Value, missing: &str| {
        let words = format!(
            "the plan has cautions that an approval must acknowledge, in status.approval.acknowledged: {missing}"
        );
        let answer = office.decide(&heidi, "cautions", approved)?;
        ensure!(
            answer.code != 0 && answer.stderr.trim_end().ends_with(&words),
            "{words:?} is not in {}{}",
            answer.stdout,
            answer.stderr
        );
        Ok(())
    };
    refused(&approved, "Overwrites, Breaks")?;
    approved["acknowledged"] = json!(["Breaks", "RollOut"]);
    refused(&approved, "Overwrites")?;
    approved["acknowledged"] = json!(["Overwrites", "Breaks"]);
    office.accepted(&heidi, "cautions", &approved)?;
    // Who says no knows enough.
    office.accepted(&heidi, "cautions", &decision("Denied", &hash('a'), "heidi"))?;
    // What was acknowledged is not taken out of an approval that stays.
    office
        .patch(&heidi, "cautions", &json!({"approval": approved}), &[])?
        .success()?;
    refused(&json!({"acknowledged": ["Breaks"]}), "Overwrites")
}

#[test]
fn where_the_chart_asks_for_the_verb_approve_it_is_enough_to_bring_git_back_and_nothing_else_is() -> Result<()> {
    let office = Office::open("approve", &[])?;
    let control_plane = office.control_plane();
    let erin = office.editor("erin")?;
    // The chart's own role for approvers, and no right on any Deployment.
    let (role, user) = ("--clusterrole=driftmend-approve", "--user=olga");
    control_plane
        .kubectl(&["create", "rolebinding", "olga", role, user, "-n", "shop"])?
        .success()?;
    let olga = control_plane.user("olga", &[])?;
    office.wait_for_right("olga", &["approve", "driftreports.driftmend.dev", "-n", "shop"])?;
    let words = "approving and denying need the verb \"approve\" on driftreports.driftmend.dev";
    for (kind, written) in STEPS {
        let target = kind.to_lowercase();
        office.create(&target)?;
        office.refused(&olga, &target, &decision("Approved", &hash('a'), "olga"), NO_PLAN)?;
        office.show(&target, &plan(&hash('a'), &[step(kind, written.object(&target))]))?;
        for word in ["Approved", "Denied"] {
            office.refused(&erin, &target, &decision(word, &hash('a'), "erin"), words)?;
            office.accepted(&olga, &target, &decision(word, &hash('a'), "olga"))?;
        }
        office.refused(&olga, &target, &decision("Approved", &hash('b'), "olga"), ANOTHER)?;
        // To carry it out takes the rights themselves.
        office
            .patch(
                &olga,
                &target,
                &json!({"approval": decision("Approved", &hash('a'), "olga")}),
                &[],
            )?
            .success()?;
        let steps = json!([{"kind": kind, "state": "Pending"}]);
        let healing = json!({"planHash": hash('a'), "uid": "", "by": "olga", "healer": "olga",
                             "startedAt": "2026-01-05T10:00:00Z", "steps": steps});
        let answer = office.patch(&olga, &target, &json!({"healing": healing}), &["--dry-run=server"])?;
        ensure!(
            answer.code != 0 && answer.stderr.contains("healing needs the right to patch"),
            "{}{}",
            answer.stdout,
            answer.stderr
        );
        office
            .patch(&olga, &target, &json!({"approval": null}), &[])?
            .success()?;
    }
    let mut breaking = decision("Approved", &hash('a'), "olga");
    breaking["breakGlass"] = json!(true);
    office.refused(&olga, "restore", &breaking, "needs the verb \"breakglass\"")?;
    // A plan that writes something of no known kind is approved by nobody.
    let mut odd = Written::Deployment.object("restore");
    odd["kind"] = json!("Secret");
    office.show("restore", &plan(&hash('a'), &[step("Restore", odd)]))?;
    office.refused(
        &olga,
        "restore",
        &decision("Approved", &hash('a'), "olga"),
        "names one of a kind that driftmend never writes",
    )?;
    Ok(())
}
