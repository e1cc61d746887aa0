//! The claim template of a generic ephemeral volume.

use super::causes::{Causes, Raw};
use super::content;
use super::metadata::{validate_annotations, validate_label_selector, validate_labels};
use super::node::Node;
use super::resources;

/// `supportedAccessModes`, sorted.
const ACCESS_MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// What a template must not say of its claim besides labels and annotations, and how the server writes the field.
const NOT_IN_A_TEMPLATE: &[(&str, &str)] = &[
    ("name", "name"),
    ("generateName", "generateName"),
    ("namespace", "namespace"),
    ("selfLink", "selfLink"),
    ("uid", "uID"),
    ("resourceVersion", "resourceVersion"),
    ("generation", "generation"),
    ("creationTimestamp", "creationTimestamp"),
    ("deletionTimestamp", "deletionTimestamp"),
    ("deletionGracePeriodSeconds", "deletionGracePeriodSeconds"),
    ("ownerReferences", "ownerReferences"),
    ("finalizers", "finalizers"),
    ("managedFields", "managedFields"),
];

/// `ValidatePersistentVolumeClaimTemplate`.
pub(super) fn validate_claim_template(template: &Node<'_>, out: &mut Causes) {
    let metadata = template.at("metadata");
    validate_annotations(&metadata.at("annotations"), out);
    validate_labels(&metadata.at("labels"), &metadata.at("labels"), out);
    // What Go holds in no pointer is not said where it is zero.
    let is_said = |name: &'static str| {
        let field = metadata.at(name);
        let is_zero = field.value().as_str() == Some("") || name == "generation" && field.integer() == Some(0);
        field.is_set() && !is_zero
    };
    for (_, reported) in NOT_IN_A_TEMPLATE.iter().filter(|(name, _)| is_said(name)) {
        out.forbidden(&metadata.at(reported), "cannot be set");
    }
    validate_claim_spec(&template.at("spec"), out);
}

/// `ValidatePersistentVolumeClaimSpec`. Where it holds `dataSource` against `dataSourceRef` it shows a path as the bad
/// value, which JSON writes as an empty object.
fn validate_claim_spec(spec: &Node<'_>, out: &mut Causes) {
    let modes = spec.at("accessModes");
    if modes.len() == 0 {
        out.required(&modes, "at least 1 access mode is required");
    }
    validate_label_selector(&spec.at("selector"), out);
    for mode in modes.items().filter(|mode| !ACCESS_MODES.contains(&mode.text())) {
        out.not_supported(&modes, mode.text(), ACCESS_MODES);
    }
    let once_pod = modes.items().any(|mode| mode.text() == "ReadWriteOncePod");
    if once_pod
        && modes
            .items()
            .any(|mode| mode.text() != "ReadWriteOncePod" && ACCESS_MODES.contains(&mode.text()))
    {
        out.forbidden(&modes, "may not use ReadWriteOncePod with other access modes");
    }
    let storage = spec.at("resources").at("requests").at("storage");
    let reported = spec.at("resources").key("storage");
    match resources::canonical(storage.value()) {
        None => out.required(&reported, ""),
        Some(text) if text == "0" || resources::is_negative(storage.value()) => {
            out.invalid(&reported, text.as_str(), "must be greater than zero");
        }
        Some(_) => {}
    }
    let class = spec.at("storageClassName");
    if !class.text().is_empty() {
        out.invalid_text(&class, class.text(), content::dns1123_subdomain(class.text()));
    }
    out.word_if_set(&spec.at("volumeMode"), &["Block", "Filesystem"]);
    for source in ["dataSource", "dataSourceRef"].iter().filter_map(|name| spec.set(name)) {
        validate_data_source(&source, out);
    }
    let (source, reference) = (spec.at("dataSource"), spec.at("dataSourceRef"));
    let same = |name: &'static str| source.at(name).value() == reference.at(name).value();
    if source.is_set() && !reference.at("namespace").text().is_empty() {
        out.invalid(
            spec,
            &Raw("{}"),
            "may not be specified when dataSourceRef.namespace is specified",
        );
    } else if source.is_set() && reference.is_set() && !(same("apiGroup") && same("kind") && same("name")) {
        out.invalid(spec, &Raw("{}"), "must match dataSourceRef");
    }
    let class = spec.at("volumeAttributesClassName");
    if !class.text().is_empty() {
        out.invalid_text(&class, class.text(), content::dns1123_subdomain(class.text()));
    }
}

/// `validateDataSource` and `validateDataSourceRef`.
fn validate_data_source(source: &Node<'_>, out: &mut Causes) {
    let (kind, group, namespace) = (source.at("kind"), source.at("apiGroup"), source.at("namespace"));
    for field in [&source.at("name"), &kind] {
        if field.text().is_empty() {
            out.required(field, "");
        }
    }
    if group.text().is_empty() {
        if kind.text() != "PersistentVolumeClaim" {
            out.invalid(
                source,
                kind.text(),
                "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
            );
        }
    } else {
        out.invalid_text(&group, group.text(), content::dns1123_subdomain(group.text()));
    }
    if !namespace.text().is_empty() {
        out.invalid_text(&namespace, namespace.text(), content::dns1123_label(namespace.text()));
    }
}
