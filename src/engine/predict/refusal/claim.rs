//! The claim template of a generic ephemeral volume.

use super::causes::Causes;
use super::metadata::{validate_annotations, validate_label_selector, validate_labels};
use super::node::Node;
use super::resources;

/// `supportedAccessModes`, sorted.
const ACCESS_MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// `ValidatePersistentVolumeClaimTemplate`.
pub(super) fn validate_claim_template(template: &Node<'_>, out: &mut Causes) {
    let metadata = template.at("metadata");
    validate_annotations(&metadata.at("annotations"), out);
    validate_labels(&metadata.at("labels"), &metadata.at("labels"), out);
    validate_claim_spec(&template.at("spec"), out);
}

/// `ValidatePersistentVolumeClaimSpec`, without the data sources.
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
    if once_pod && modes.items().any(|mode| mode.text() != "ReadWriteOncePod" && ACCESS_MODES.contains(&mode.text())) {
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
    out.word_if_set(&spec.at("volumeMode"), &["Block", "Filesystem"]);
}
