//! Whom the controller believes, and where it sends what: Secrets and URLs that a tenant names through the objects of
//! Argo CD and Flux.
//!
//! Each test has a control plane of its own, since these kinds are not on the shared one.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::definitions::wait_until_served;
use crate::harness::driftmend::Controller;
use crate::harness::git_server::Options as GitOptions;
use crate::harness::shared_controller::install_definitions;
use crate::harness::{ControlPlane, Options};
use crate::tenant::{Tenant, condition, deployment};

/// The kinds of the tools, as far as this controller reads them: without schemas, and with a status that anybody may
/// write, as tenants with Applications of their own may.
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("argoproj.io", "v1alpha1", "applications", "Application"),
    ("argoproj.io", "v1alpha1", "appprojects", "AppProject"),
    ("argoproj.io", "v1alpha1", "applicationsets", "ApplicationSet"),
    ("kustomize.toolkit.fluxcd.io", "v1", "kustomizations", "Kustomization"),
    ("source.toolkit.fluxcd.io", "v1", "gitrepositories", "GitRepository"),
];

fn with_tools() -> Result<ControlPlane> {
    let control_plane = ControlPlane::start(Options::default())?;
    install_definitions(&control_plane)?;
    for (group, version, plural, kind) in KINDS {
        let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        control_plane.apply(
            &json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                    "metadata": {"name": format!("{plural}.{group}")},
                "spec": {"group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
                    "versions": [{"name": version, "served": true, "storage": true, "schema": schema}]}})
            .to_string(),
        )?;
        wait_until_served(&control_plane, &[&format!("crd/{plural}.{group}")])?;
    }
    Ok(control_plane)
}

fn folder(control_plane: &ControlPlane) -> Result<PathBuf> {
    let folder = control_plane.folder().join("controller");
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    Ok(folder)
}

fn apply(tenant: &Tenant, object: Value) -> Result<()> {
    tenant.kubectl(&["apply", "-f", "-"], &object.to_string())
}

/// A watch of a tool's object `shop` beside it, with a Secret.
fn watch(tenant: &Tenant, name: &str, kind: &str, secret: &str) -> Result<()> {
    let source =
        json!({kind: {"name": "shop", "namespace": tenant.namespace, "secretRef": {"name": secret}, "interval": "1s"}});
    let spec = json!({"source": source, "settle": "1s"});
    apply(
        tenant,
        json!({"apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch", "metadata": {"name": name}, "spec": spec}),
    )
}

fn application(tenant: &Tenant, status: Value) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "shop"}, "status": status,
        "spec": {"project": "default", "source": {"repoURL": tenant.server.url("shop.git"), "path": ".",
                                                  "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": tenant.namespace}}})
}

#[test]
fn a_secret_goes_where_it_says_whoever_names_the_url() -> Result<()> {
    let control_plane = with_tools()?;
    let login = GitOptions {
        login: Some(("robot", "hunter2")),
        authority: None,
    };
    let tenant = Tenant::open_with(&control_plane, "scope", &login)?;
    tenant.sync("web.yaml", &deployment("web"))?;
    let base = tenant.server.base().to_owned();
    let elsewhere = "git.example.com".to_owned();
    let secrets = [
        ("silent", None),
        ("elsewhere", Some(elsewhere)),
        ("prefix", Some(format!("{base}/sho"))),
        ("own", Some(base)),
    ];
    for (name, hosts) in secrets {
        let mut secret = vec![
            "create".to_owned(),
            "secret".to_owned(),
            "generic".to_owned(),
            name.to_owned(),
        ];
        secret.extend(["--from-literal=username=robot", "--from-literal=password=hunter2"].map(str::to_owned));
        secret.extend(hosts.map(|hosts| format!("--from-literal=hosts={hosts}")));
        tenant.kubectl(&secret.iter().map(String::as_str).collect::<Vec<_>>(), "")?;
    }
    apply(&tenant, application(&tenant, json!({})))?;
    let source = json!({"kind": "GitRepository", "name": "shop"});
    apply(
        &tenant,
        json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": {"name": "shop"},
        "spec": {"url": tenant.server.url("shop.git"), "ref": {"branch": "main"}, "interval": "1m"}}),
    )?;
    apply(
        &tenant,
        json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": {"name": "shop"},
        "spec": {"path": "./", "prune": false, "interval": "1m", "sourceRef": source}}),
    )?;
    for secret in ["silent", "elsewhere", "prefix"] {
        let mut git = tenant.source("");
        git["secretRef"] = json!({"name": secret});
        tenant.watch(&format!("git-{secret}"), &git, &json!({}))?;
        watch(&tenant, &format!("argo-{secret}"), "argoApplication", secret)?;
        watch(&tenant, &format!("flux-{secret}"), "fluxKustomization", secret)?;
    }
    let controller = Controller::start(control_plane.admin(), &folder(&control_plane)?, &[])?;
    let url = tenant.server.url("shop.git");
    for kind in ["git", "argo", "flux"] {
        let (message, hint) = tenant.source_failure(&format!("{kind}-silent"), "CredentialsUnusable")?;
        let silent = "the Secret silent holds no usable credentials: the Secret does not say which hosts it is for, so \
                      it is sent to none";
        assert_eq!(message, silent, "{kind}");
        assert!(
            hint.starts_with("add hosts with hosts or beginnings of URLs"),
            "{kind}: {hint}"
        );
        for secret in ["elsewhere", "prefix"] {
            let (message, hint) = tenant.source_failure(&format!("{kind}-{secret}"), "GitCredentialsNotSent")?;
            assert_eq!(
                message,
                format!("nothing was asked of {url}: the Secret is not for this repository, so it was not sent"),
                "{kind}"
            );
            assert!(hint.contains("the key hosts of the Secret"), "{kind}: {hint}");
        }
    }
    assert_eq!(tenant.server.take_authorized(), Vec::<String>::new(), "nothing is sent");
    assert_eq!(
        tenant.server.take_requests(),
        Vec::<String>::new(),
        "nor is the server asked"
    );
    assert!(!controller.log().contains("hunter2"));

    let mut git = tenant.source("");
    git["secretRef"] = json!({"name": "own"});
    tenant.watch("git-own", &git, &json!({}))?;
    tenant.wait_until_assessed("git-own", 1).map(drop)
}

#[test]
fn the_list_of_the_chart_says_where_a_secret_goes_in_the_place_of_its_own() -> Result<()> {
    let control_plane = ControlPlane::start(Options::default())?;
    install_definitions(&control_plane)?;
    let login = GitOptions {
        login: Some(("robot", "hunter2")),
        authority: None,
    };
    let tenant = Tenant::open_with(&control_plane, "listed", &login)?;
    tenant.sync("web.yaml", &deployment("web"))?;
    let base = tenant.server.base().to_owned();
    for (name, hosts) in [
        ("silent", "--from-literal=hosts=git.example.com"),
        ("own", &format!("--from-literal=hosts={base}")),
    ] {
        let literals = [
            "--from-literal=username=robot",
            "--from-literal=password=hunter2",
            hosts,
        ];
        tenant.kubectl(&[&["create", "secret", "generic", name][..], &literals].concat(), "")?;
        let mut git = tenant.source("");
        git["secretRef"] = json!({"name": name});
        tenant.watch(name, &git, &json!({}))?;
    }
    let (wide, narrow) = (
        format!("{}/silent={base}", tenant.namespace),
        format!("{}/own=git.example.com", tenant.namespace),
    );
    let flags = ["--git-secret-hosts", &wide, "--git-secret-hosts", &narrow];
    let _controller = Controller::start(control_plane.admin(), &folder(&control_plane)?, &flags)?;
    tenant.wait_until_assessed("silent", 1)?;
    tenant.source_failure("own", "GitCredentialsNotSent").map(drop)
}

#[test]
fn where_an_application_says_that_argo_cd_runs_is_believed_only_where_the_chart_lists_it() -> Result<()> {
    let control_plane = with_tools()?;
    let tenant = Tenant::open(&control_plane, "forged")?;
    tenant.sync("web.yaml", &deployment("web"))?;
    // What the tenant would like to be in force: every image is ignored, and no window holds a plan back.
    let ignored = "jsonPointers: [/spec/template/spec/containers/0/image]";
    apply(
        &tenant,
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"},
        "data": {"resource.customizations.ignoreDifferences.all": ignored}}),
    )?;
    apply(
        &tenant,
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "default"},
               "spec": {}}),
    )?;
    apply(
        &tenant,
        application(&tenant, json!({"controllerNamespace": tenant.namespace})),
    )?;
    let source = json!({"argoApplication": {"name": "shop", "namespace": tenant.namespace, "interval": "1s"}});
    let spec = json!({"source": source, "settle": "1s"});
    apply(
        &tenant,
        json!({"apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftWatch", "metadata": {"name": "shop"},
               "spec": spec}),
    )?;
    let folder = folder(&control_plane)?;
    let controller = Controller::start(control_plane.admin(), &folder, &[])?;
    let note = "which is not listed (argocd.namespaces of the chart, --argocd-namespace)";
    let told = |watch: &Value| watch["status"]["warnings"].to_string().contains(note);
    tenant.wait_for("driftwatch/shop", "a warning", told)?;
    tenant.set_image("web", "registry.example/web:by-hand")?;
    // The Deployment lacks Argo CD's mark, too: only the image tells whose settings count.
    let image_is = |report: &Value, severity: &str| {
        let fields = report["status"]["fields"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        fields.iter().any(|field| {
            field["path"].as_str().is_some_and(|path| path.ends_with(".image")) && field["severity"] == severity
        })
    };
    tenant.wait_for("driftreport/deployment-web", "the image as drift", |report| {
        image_is(report, "drift")
    })?;
    drop(controller);

    // Where an administrator lists that namespace, its settings count.
    let _controller = Controller::start(
        control_plane.admin(),
        &folder,
        &["--argocd-namespace", &tenant.namespace],
    )?;
    let watch = tenant.wait_for("driftwatch/shop", "no warning", |watch| {
        !told(watch) && condition(watch, "SourceReady")["status"] == "True"
    })?;
    assert_eq!(watch["status"]["sourceFailure"], Value::Null);
    tenant
        .wait_for("driftreport/deployment-web", "the image as ignored", |report| {
            image_is(report, "ignored")
        })
        .map(drop)
}
