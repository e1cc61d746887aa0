//! A Kustomization as a source: what cannot be read as Flux reads it is told on the watch, by its field.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::shop::{Shop, deployment, http_get};
use crate::watched::Watched;

#[test]
fn what_is_no_plain_folder_is_told_by_its_field() -> Result<()> {
    let shop = Shop::open_with(
        "patched",
        &json!({"images": [{"name": "registry.example/web", "newTag": "2"}]}),
    )?;
    let namespace = shop.namespace.clone();
    let watched = Watched::look(shop, &json!({}))?;
    let shop = &watched.shop;
    let message = watched.wait_for_failure("UnsupportedSource")?;
    let of_kustomization =
        |what: &str| format!("the Kustomization {namespace}/shop cannot be rendered faithfully: {what}");
    assert_eq!(
        message,
        of_kustomization("spec.images: only plain folders are rendered yet, without changes by the Kustomization")
    );
    assert_eq!(watched.status()?, Value::Null, "nothing is assessed against a guess");

    // Put right, it is taken up; another tag of the repository's spec is told as the repository's.
    shop.kustomization
        .merge_patch("ada", &json!({"spec": {"images": null}}))?
        .success()?;
    watched.wait_for_watch("a source that is read", |status| {
        status["counts"]["governed"] == 1 && status["sourceFailure"].is_null()
    })?;
    shop.source
        .merge_patch("ada", &json!({"spec": {"ref": {"semver": ">=1.0.0"}}}))?
        .success()?;
    let message = watched.wait_for_failure("UnsupportedSource")?;
    assert_eq!(
        message,
        format!(
            "the GitRepository {namespace}/shop cannot be rendered faithfully: spec.ref.semver: name a branch, a tag \
             or a commit"
        )
    );
    shop.source
        .merge_patch("ada", &json!({"spec": {"ref": {"semver": null}}}))?
        .success()?;
    watched.wait_for_watch("a source that is read again", |status| {
        status["sourceFailure"].is_null()
    })?;

    shop.commit(&[(".sourceignore", "old/\n")]);
    watched.wait_for_watch("a list of files to leave out", |status| {
        let what = ".sourceignore: it says which files Flux leaves out, and such lists are not read yet";
        status["sourceFailure"]["message"] == of_kustomization(what).as_str()
    })?;
    Ok(())
}

#[test]
fn a_folder_of_kustomizes_is_no_plain_folder() -> Result<()> {
    let watched = Watched::open(Shop::open("kustomized")?, &json!({}))?;
    watched
        .shop
        .commit(&[("kustomization.yaml", "resources: [web.yaml]\n")]);
    let message = watched.wait_for_failure("NotPlainYaml")?;
    assert_eq!(
        message,
        "failed to read kustomization.yaml as plain manifests: the folder is made for Kustomize"
    );
    Ok(())
}

#[test]
fn the_files_are_those_that_flux_reads() -> Result<()> {
    let watched = Watched::open(Shop::open("files")?, &json!({}))?;
    let shop = &watched.shop;
    let named = |name: &str| {
        let mut manifest = deployment(&http_get());
        manifest["metadata"]["name"] = json!(name);
        format!("{manifest:#}\n")
    };
    let commit = shop.commit(&[
        ("deep/er/api.yml", &named("api")),
        ("not-yaml.json", &named("json")),
        (".github/ci.yaml", &named("ci")),
        (
            "local.yaml",
            &named("local").replace(
                "\"labels\"",
                "\"annotations\": {\"config.kubernetes.io/local-config\": \"true\"}, \"labels\"",
            ),
        ),
    ]);
    let revision = shop.fetch(&commit)?;
    let ready = shop.flux.wait_ready(&shop.kustomization, &revision)?;
    let mut applied: Vec<&str> = ready["status"]["inventory"]["entries"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["id"].as_str())
        .collect();
    applied.sort_unstable();
    // The artifact of this harness has all files; source-controller leaves out those of the CI itself.
    let of = |name: &str| format!("{}_{name}_apps_Deployment", shop.namespace);
    assert_eq!(applied, [of("api"), of("ci"), of("web")]);
    let status = watched.wait_for_watch("two Deployments in sync", |status| {
        status["counts"]["governed"] == 2 && status["counts"]["inSync"] == 2
    })?;
    assert_eq!(
        status["notGoverned"],
        json!(["1 Deployment with config.kubernetes.io/local-config"])
    );
    Ok(())
}

#[test]
fn a_change_of_the_repository_is_met_at_once_however_long_the_interval() -> Result<()> {
    let watched = Watched::open(
        Shop::open("followed")?,
        &json!({"source": {"fluxKustomization": {"interval": "1h"}}}),
    )?;
    let shop = &watched.shop;
    // Suspended, so that only the repository tells of the commit.
    shop.kustomization
        .merge_patch("ada", &json!({"spec": {"suspend": true}}))?
        .success()?;
    let mut next = deployment(&http_get());
    next["spec"]["minReadySeconds"] = json!(1);
    let commit = shop.commit(&[("web.yaml", &format!("{next:#}\n"))]);
    shop.fetch(&commit)?;
    watched.wait_for_watch("the commit that Flux fetched", |status| {
        status["revision"] == commit.as_str()
    })?;
    watched.wait_for_status("a change that waits", |status| status["phase"] == "Pending")?;

    shop.source
        .merge_patch("ada", &json!({"spec": {"ref": {"semver": ">=1.0.0"}}}))?
        .success()?;
    watched.wait_for_failure("UnsupportedSource")?;
    shop.source
        .merge_patch("ada", &json!({"spec": {"ref": {"semver": null}}}))?
        .success()?;
    watched.wait_for_watch("a source that is read again", |status| {
        status["sourceFailure"].is_null()
    })?;

    let mut source = shop.source.read()?;
    let namespace = format!("--namespace={}", shop.namespace);
    shop.control_plane
        .kubectl(&["delete", "gitrepositories.source.toolkit.fluxcd.io", "shop", &namespace])?
        .success()?;
    watched.wait_for_failure("NoSuchTool")?;
    source["metadata"] = json!({"name": "shop", "namespace": shop.namespace});
    shop.control_plane.apply(&source.to_string())?;
    watched.wait_for_watch("a source that is there again", |status| {
        status["sourceFailure"].is_null()
    })?;
    Ok(())
}

#[test]
fn a_repository_of_another_namespace_must_let_the_tenant_name_it() -> Result<()> {
    let watched = Watched::open(Shop::open("borrowed")?, &json!({}))?;
    let shop = &watched.shop;
    let lender = shop.control_plane.namespace("lender")?;
    let spec = shop.source.read()?["spec"].clone();
    let metadata = json!({"name": "shop", "namespace": lender});
    let kind = json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": metadata,
                      "spec": spec});
    shop.control_plane.apply(&kind.to_string())?;
    shop.kustomization
        .merge_patch("ada", &json!({"spec": {"sourceRef": {"namespace": lender}}}))?
        .success()?;
    let (message, tenant) = (watched.wait_for_failure("NotAllowed")?, &shop.namespace);
    let annotation = "driftmend.dev/allow-watches-from";
    assert_eq!(
        message,
        format!(
            "there is no GitRepository {lender}/shop that allows watches of namespace {tenant}; where it is, annotate \
             it with {annotation}: {tenant}"
        )
    );
    shop.flux.git_repository(&lender, "shop").annotate(annotation, tenant)?;
    watched.wait_for_watch("a source that is read", |status| status["sourceFailure"].is_null())?;
    Ok(())
}
