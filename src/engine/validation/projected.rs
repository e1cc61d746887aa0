//! A projected volume: several sources in one folder, at most one of a kind in each.

use std::collections::BTreeSet;

use serde_json::Value;

use super::causes::{Causes, Raw};
use super::metadata::{shown_selector, validate_label_selector};
use super::node::Node;
use super::volume_source::{FILE_MODE, validate_downward_file, validate_key_to_path, validate_local_non_reserved_path};

const SOURCES: &[&str] = &[
    "secret",
    "configMap",
    "downwardAPI",
    "serviceAccountToken",
    "clusterTrustBundle",
    "podCertificate",
];

/// `validateProjectedVolumeSource`.
pub(super) fn validate_projected(volume: &Node<'_>, out: &mut Causes) {
    let mode = volume.at("defaultMode");
    if let Some(value) = mode.integer().filter(|value| !(0..=0o777).contains(value)) {
        out.invalid(&mode, &value, FILE_MODE);
    }
    let mut paths = BTreeSet::new();
    for source in volume.at("sources").items() {
        validate_projection(&source, volume, &mut paths, out);
    }
}

/// One item of `validateProjectionSources`. A source without any member is accepted.
fn validate_projection<'a>(source: &Node<'a>, volume: &Node<'_>, paths: &mut BTreeSet<&'a str>, out: &mut Causes) {
    for name in ["secret", "configMap"] {
        let Some(object) = source.set(name) else { continue };
        let object_name = object.at("name");
        if object_name.text().is_empty() {
            out.required(&object_name, "");
        }
        for item in object.at("items").items() {
            validate_key_to_path(&item, out);
            claim_path(item.at("path").text(), object_name.text(), volume, paths, out);
        }
    }
    if let Some(downward) = source.set("downwardAPI") {
        for file in downward.at("items").items() {
            validate_downward_file(&file, &downward, out);
            claim_path(file.at("path").text(), file.at("path").text(), volume, paths, out);
        }
    }
    if let Some(token) = source.set("serviceAccountToken") {
        validate_service_account_token(&token, volume, out);
    }
    if let Some(bundle) = source.set("clusterTrustBundle") {
        validate_cluster_trust_bundle(&bundle, volume, paths, out);
    }
    if SOURCES.iter().filter(|name| source.at(name).is_set()).count() > 1 {
        out.forbidden(source, "may not specify more than 1 volume type per source");
    }
}

fn claim_path<'a>(path: &'a str, shown: &str, volume: &Node<'_>, paths: &mut BTreeSet<&'a str>, out: &mut Causes) {
    if !path.is_empty() && !paths.insert(path) {
        out.invalid(volume, shown, "conflicting duplicate paths");
    }
}

/// The token's path is reported at the volume, as the server does.
fn validate_service_account_token(token: &Node<'_>, volume: &Node<'_>, out: &mut Causes) {
    let (expiration, path) = (token.at("expirationSeconds"), token.at("path").text());
    let seconds = expiration.integer().unwrap_or(0);
    if seconds < 10 * 60 {
        out.invalid(&expiration, &seconds, "may not specify a duration less than 10 minutes");
    }
    if seconds > 1 << 32 {
        out.invalid(
            &expiration,
            &seconds,
            "may not specify a duration larger than 2^32 seconds",
        );
    }
    if path.is_empty() {
        out.required(&volume.at("path"), "");
    } else {
        validate_local_non_reserved_path(&volume.at("path"), path, out);
    }
}

/// The internal `ClusterTrustBundleProjection` as Go prints it.
fn internal_bundle(bundle: &Node<'_>) -> String {
    let selector = bundle
        .set("labelSelector")
        .map_or_else(|| "null".to_owned(), |selector| shown_selector(&selector));
    let field = |name: &'static str| bundle.at(name).value();
    format!(
        "{{\"Name\":{},\"SignerName\":{},\"LabelSelector\":{selector},\"Optional\":{},\"Path\":{}}}",
        field("name"),
        field("signerName"),
        field("optional"),
        Value::from(bundle.at("path").text())
    )
}

fn validate_cluster_trust_bundle<'a>(
    bundle: &Node<'a>,
    volume: &Node<'_>,
    paths: &mut BTreeSet<&'a str>,
    out: &mut Causes,
) {
    let (name, signer, selector) = (bundle.at("name"), bundle.at("signerName"), bundle.at("labelSelector"));
    match (name.is_set(), signer.is_set()) {
        (true, true) => out.invalid(
            bundle,
            &Raw(&internal_bundle(bundle)),
            "only one of name and signerName may be used",
        ),
        (true, false) => {
            if name.text().is_empty() {
                out.required(&name, "must be a valid object name");
            }
            if selector.is_set() {
                out.invalid(
                    &selector,
                    selector.value(),
                    "labelSelector must be unset if name is specified",
                );
            }
        }
        (false, true) => {
            if signer.text().is_empty() {
                out.required(&signer, "must be a valid signer name");
            }
            validate_label_selector(&selector, out);
        }
        (false, false) => out.required(bundle, "either name or signerName must be specified"),
    }
    let path = bundle.at("path");
    if path.text().is_empty() {
        out.required(&path, "");
    }
    validate_local_non_reserved_path(&path, path.text(), out);
    claim_path(path.text(), path.text(), volume, paths, out);
}
