use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::argo_cd::application::Application;
use crate::engine::argo_cd::dressing::{Tracking, dressing};
use crate::engine::argo_cd::origin::origin;
use crate::engine::flux::git_repository::GitRepository;
use crate::engine::flux::kustomization::Kustomization;
use crate::engine::object::{ObjectId, Origin as Place};
use crate::engine::syncer::Strategy;
use crate::engine::tool_object::origin::{Folders, Origin};

fn application(spec: Value) -> Value {
    let mut application = json!({
        "metadata": {"name": "web", "namespace": "argocd"},
        "spec": {"project": "default", "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
                 "source": {"repoURL": "https://git.example/shop", "path": "./web/", "targetRevision": "main"}},
    });
    json_patch::merge(&mut application["spec"], &spec);
    application
}

fn read(spec: Value) -> Application {
    Application::read(&application(spec)).unwrap()
}

fn deployment(metadata: Value) -> Value {
    let mut object =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}});
    json_patch::merge(&mut object["metadata"], &metadata);
    object
}

fn document(value: Value) -> Document {
    Document {
        id: ObjectId::of(&value).unwrap(),
        value,
        origin: Place {
            file: "web.yaml".into(),
            line: 1,
        },
    }
}

#[test]
fn a_plain_folder_of_an_application_is_read_as_argo_cd_reads_it() {
    let wanted = Origin {
        url: "https://git.example/shop".to_owned(),
        revision: Some("main".to_owned()),
        path: "web".to_owned(),
        folders: Folders::TopOnly,
        synced: Vec::new(),
        compared: None,
    };
    assert_eq!(origin(&read(json!({}))), Ok(wanted.clone()));
    let all = origin(&read(
        json!({"source": {"targetRevision": "HEAD", "directory": {"recurse": true}}}),
    ));
    assert_eq!(
        all,
        Ok(Origin {
            revision: None,
            folders: Folders::All,
            ..wanted.clone()
        })
    );
    // A list of one is that one.
    let listed = json!({"source": null, "sources": [{"repoURL": "https://git.example/shop", "path": "web",
                                                     "targetRevision": "main"}]});
    assert_eq!(origin(&read(listed)), Ok(wanted));
    assert!(Folders::TopOnly.has("web", "web/a.yaml") && !Folders::TopOnly.has("web", "web/b/a.yaml"));
    assert!(
        Folders::TopOnly.has("", "a.yaml")
            && !Folders::TopOnly.has("", "web/a.yaml")
            && Folders::All.has("", "web/a.yaml")
    );
}

#[test]
fn what_cannot_be_rendered_is_named_by_its_field() {
    for (spec, field) in [
        (json!({"source": {"helm": {"releaseName": "x"}}}), "spec.source.helm"),
        (
            json!({"source": {"kustomize": {"namePrefix": "x"}}}),
            "spec.source.kustomize",
        ),
        (json!({"source": {"plugin": {"name": "x"}}}), "spec.source.plugin"),
        (
            json!({"source": {"directory": {"include": "*.yaml"}}}),
            "spec.source.directory.include",
        ),
        (
            json!({"source": {"directory": {"jsonnet": {"libs": ["x"]}}}}),
            "spec.source.directory.jsonnet",
        ),
        (
            json!({"sources": [{"repoURL": "https://git.example/a"}, {"repoURL": "https://git.example/b"}]}),
            "spec.sources",
        ),
        (
            json!({"sources": [{"repoURL": "https://git.example/a", "chart": "web"}]}),
            "spec.sources[0].helm",
        ),
        (
            json!({"destination": {"server": "https://10.0.0.1"}}),
            "spec.destination",
        ),
        (
            json!({"destination": {"server": null, "name": "staging"}}),
            "spec.destination",
        ),
        (json!({"source": null}), "spec.source"),
    ] {
        assert_eq!(
            origin(&read(spec.clone())).map_err(|error| error.field),
            Err(field.to_owned()),
            "{spec}"
        );
    }
}

#[test]
fn the_options_of_the_application_and_of_the_document_say_how_it_is_applied() {
    let strategy = |options: Value, own: &str, on_live: &str| {
        let dressing = Dressing::ArgoCd(dressing(
            &read(json!({"syncPolicy": {"syncOptions": options}})),
            "argocd",
            Tracking::default(),
        ));
        let with = |options: &str| deployment(json!({"annotations": {"argocd.argoproj.io/sync-options": options}}));
        dressing.syncer(&with(own), Some(&with(on_live))).unwrap().strategy
    };
    let none = || json!([]);
    assert_eq!(strategy(none(), "", ""), Strategy::ClientSideApply);
    assert_eq!(
        strategy(json!(["ServerSideApply=true"]), "", ""),
        Strategy::ServerSideApply
    );
    assert_eq!(
        strategy(
            json!(["ServerSideApply=true"]),
            "Prune=false, ServerSideApply=false",
            ""
        ),
        Strategy::ClientSideApply
    );
    assert_eq!(strategy(none(), "ServerSideApply=true", ""), Strategy::ServerSideApply);
    assert_eq!(
        strategy(json!(["Replace=true", "ServerSideApply=true"]), "", ""),
        Strategy::Replace
    );
    assert_eq!(
        strategy(none(), "", "Replace=true"),
        Strategy::Replace,
        "live has a say"
    );
}

#[test]
fn argo_cd_marks_what_it_applies() {
    let mark = |data: &[(&str, &str)], live: Option<Value>, controller: &str| {
        let data = data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let mut desired = deployment(json!({}));
        Dressing::ArgoCd(dressing(&read(json!({})), controller, Tracking::of(&data)))
            .dress(&mut desired, live.as_ref());
        desired["metadata"]
            .as_object_mut()
            .unwrap()
            .retain(|name, _| name == "labels" || name == "annotations");
        desired["metadata"].clone()
    };
    let id = |app: &str| json!({"argocd.argoproj.io/tracking-id": format!("{app}:apps/Deployment:shop/web")});
    let label = json!({"app.kubernetes.io/instance": "web"});
    assert_eq!(mark(&[], None, "argocd"), json!({"annotations": id("web")}));
    assert_eq!(
        mark(&[], None, "other"),
        json!({"annotations": id("argocd_web")}),
        "an Application outside Argo CD's namespace"
    );
    assert_eq!(
        mark(&[("application.resourceTrackingMethod", "label")], None, "argocd"),
        json!({"labels": label})
    );
    let both = json!({"annotations": id("web"), "labels": label});
    assert_eq!(
        mark(
            &[("application.resourceTrackingMethod", "annotation+label")],
            None,
            "argocd"
        ),
        both
    );
    assert_eq!(
        mark(&[], Some(deployment(json!({"labels": label}))), "argocd"),
        json!({"labels": label}),
        "version 2 marks by label"
    );
    assert_eq!(
        mark(
            &[],
            Some(deployment(json!({"labels": label, "annotations": id("web")}))),
            "argocd"
        ),
        json!({"annotations": id("web")})
    );
}

#[test]
fn a_namespace_comes_from_the_document_or_from_the_tool() {
    let argo_cd = Dressing::ArgoCd(dressing(&read(json!({})), "argocd", Tracking::default()));
    let flux = |target: Option<&str>| {
        Dressing::Flux(flux::dressing::Dressing {
            target_namespace: target.map(str::to_owned),
            name: "web".to_owned(),
            namespace: "flux-system".to_owned(),
        })
    };
    let (own, none) = (
        document(deployment(json!({"namespace": "own"}))),
        document(deployment(json!({"namespace": null}))),
    );
    for (dressing, of_own, of_none) in [
        (argo_cd, "own", Some("shop")),
        (flux(None), "own", None),
        (flux(Some("target")), "target", Some("target")),
    ] {
        assert_eq!(
            (
                dressing.namespace(&own).as_deref(),
                dressing.namespace(&none).as_deref()
            ),
            (Some(of_own), of_none)
        );
    }
}

#[test]
fn what_a_tool_does_not_keep_in_sync_is_not_governed() {
    let argo_cd = Dressing::ArgoCd(dressing(&read(json!({})), "argocd", Tracking::default()));
    let flux = Dressing::Flux(flux::dressing::Dressing {
        target_namespace: None,
        name: "web".to_owned(),
        namespace: "flux-system".to_owned(),
    });
    let with = |key: &str, value: &str| document(deployment(json!({"annotations": {key: value}})));
    assert_eq!(
        argo_cd.passes_over(&with("argocd.argoproj.io/hook", "PreSync")),
        Some("hooks")
    );
    assert_eq!(argo_cd.passes_over(&with("argocd.argoproj.io/hook", "Skip")), None);
    assert!(
        flux.passes_over(&with("kustomize.toolkit.fluxcd.io/reconcile", "disabled"))
            .is_some()
    );
    assert_eq!(
        flux.passes_over(&with("kustomize.toolkit.fluxcd.io/ssa", "Merge")),
        None
    );
    let mut desired = deployment(json!({}));
    flux.dress(&mut desired, None);
    let labels =
        json!({"kustomize.toolkit.fluxcd.io/name": "web", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"});
    assert_eq!(desired["metadata"]["labels"], labels);
}

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn kustomization(spec: Value) -> Kustomization {
    let mut object = json!({
        "metadata": {"name": "web", "namespace": "flux-system"},
        "spec": {"sourceRef": {"kind": "GitRepository", "name": "shop"}, "path": "./web/"},
        "status": {"lastAppliedRevision": format!("main@sha1:{COMMIT}")},
    });
    json_patch::merge(&mut object["spec"], &spec);
    Kustomization::read(&object).unwrap()
}

fn repository(spec: Value) -> GitRepository {
    let mut object =
        json!({"metadata": {"name": "shop", "namespace": "flux-system"}, "spec": {"url": "https://git.example/shop"}});
    json_patch::merge(&mut object["spec"], &spec);
    GitRepository::read(&object).unwrap()
}

#[test]
fn a_plain_folder_of_a_kustomization_is_read_as_flux_reads_it() {
    let of = |reference: Value| flux::origin::origin(&kustomization(json!({})), &repository(json!({"ref": reference})));
    let wanted = Origin {
        url: "https://git.example/shop".to_owned(),
        revision: Some("refs/heads/main".to_owned()),
        path: "web".to_owned(),
        folders: Folders::All,
        synced: vec![COMMIT.to_owned()],
        compared: None,
    };
    assert_eq!(of(json!({"branch": "main"})), Ok(wanted));
    let revision = |reference| {
        of(reference)
            .map(|origin| origin.revision.unwrap_or_default())
            .map_err(|error| error.field)
    };
    assert_eq!(revision(Value::Null), Ok("refs/heads/master".to_owned()));
    assert_eq!(
        revision(json!({"branch": "main", "tag": "v1"})),
        Ok("refs/tags/v1".to_owned())
    );
    assert_eq!(
        revision(json!({"branch": "main", "tag": "v1", "semver": ">=1"})),
        Err("spec.ref.semver".to_owned())
    );
    assert_eq!(
        revision(json!({"semver": ">=1", "name": "refs/pull/1/head"})),
        Err("spec.ref.name".to_owned())
    );
    assert_eq!(
        revision(json!({"name": "refs/pull/1/head", "commit": COMMIT})),
        Ok(COMMIT.to_owned())
    );
}

#[test]
fn what_flux_makes_of_a_folder_is_named_by_its_field() {
    for (spec, field) in [
        (json!({"sourceRef": {"kind": "OCIRepository"}}), "spec.sourceRef.kind"),
        (json!({"sourceRef": {"kind": "Bucket"}}), "spec.sourceRef.kind"),
        (json!({"patches": [{"patch": "x"}]}), "spec.patches"),
        (json!({"postBuild": {"substitute": {"a": "b"}}}), "spec.postBuild"),
        (
            json!({"kubeConfig": {"secretRef": {"name": "other"}}}),
            "spec.kubeConfig",
        ),
    ] {
        assert_eq!(
            flux::origin::check(&kustomization(spec.clone())).map_err(|error| error.field),
            Err(field.to_owned()),
            "{spec}"
        );
    }
    let allowed = json!({"targetNamespace": "shop", "ignore": [{"paths": ["/spec/replicas"]}], "force": true,
                         "serviceAccountName": "deployer"});
    assert_eq!(flux::origin::check(&kustomization(allowed)), Ok(()));
    for (spec, field) in [
        (json!({"ignore": "*.txt"}), "spec.ignore"),
        (json!({"include": [{"repository": {"name": "x"}}]}), "spec.include"),
    ] {
        let error = flux::origin::origin(&kustomization(json!({})), &repository(spec)).map_err(|error| error.field);
        assert_eq!(error, Err(field.to_owned()));
    }
}

#[test]
fn flux_reads_yaml_that_source_controller_packs() {
    for (path, read) in [
        ("web.yaml", true),
        ("deep/er/web.yml", true),
        ("Kustomization", true),
        ("web.json", false),
        ("notes.txt", false),
        (".github/workflows/ci.yaml", false),
        ("a/.gitlab-ci.yml", false),
        ("cloudbuild.yaml", false),
        ("my-cloudbuild.yaml", true),
    ] {
        assert_eq!(flux::origin::is_read(path), read, "{path}");
    }
    let local = |said: &str| {
        document(deployment(
            json!({"annotations": {"config.kubernetes.io/local-config": said}}),
        ))
    };
    let flux = Dressing::Flux(flux::dressing::dressing(&kustomization(json!({}))));
    assert_eq!(
        flux.passes_over(&local("true")),
        Some("with config.kubernetes.io/local-config")
    );
    assert_eq!(flux.passes_over(&local("false")), None);
}

#[test]
fn what_an_application_calls_a_commit_and_is_longer_than_one_is_none() {
    for (length, known) in [(40, true), (64, true), (65, false), (1_000_000, false)] {
        let commit = "a".repeat(length);
        let history = json!([{"id": 0, "revision": commit, "deployedAt": "2026-01-05T10:00:00Z"}]);
        let mut object = application(json!({}));
        object["status"] = json!({"sync": {"status": "Synced", "revision": commit}, "history": history});
        let found = origin(&Application::read(&object).unwrap()).unwrap();
        assert_eq!(
            (found.compared.is_some(), found.synced.len()),
            (known, usize::from(known)),
            "{length}"
        );
    }
}
