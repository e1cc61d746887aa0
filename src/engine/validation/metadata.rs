//! Names, labels, annotations and owners; selectors over labels.

use serde_json::Value;

use super::causes::{Causes, Raw};
use super::content;
use super::go::marshalled;
use super::node::Node;
use crate::engine::schema::{self, Shape, Tree};

/// `TotalAnnotationSizeLimitB`.
const ANNOTATIONS_LIMIT: usize = 256 * 1024;

/// `FinalizerOrphanDependents` and `FinalizerDeleteDependents`.
const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// `ValidateObjectMeta`, for a new object.
pub(super) fn validate_new(root: Shape, metadata: &Node<'_>, out: &mut Causes) {
    let (prefix, name, namespace) = (
        metadata.at("generateName"),
        metadata.at("name"),
        metadata.at("namespace"),
    );
    if !prefix.text().is_empty() {
        out.invalid_text(
            &prefix,
            prefix.text(),
            content::dns1123_subdomain(&content::mask_trailing_dash(prefix.text())),
        );
    }
    if name.text().is_empty() {
        out.required(&name, "name or generateName is required");
    } else {
        out.invalid_text(&name, name.text(), content::dns1123_subdomain(name.text()));
    }
    // A document without a namespace gets one from the request.
    if !namespace.text().is_empty() {
        out.invalid_text(&namespace, namespace.text(), content::dns1123_label(namespace.text()));
    }
    validate_shared(root, metadata, out);
    validate_kube_finalizers(&metadata.at("finalizers"), out);
}

/// `ValidateFinalizers`. The server reports every one at the list, without an index.
fn validate_finalizers(finalizers: &Node<'_>, out: &mut Causes) {
    for finalizer in finalizers.items() {
        out.invalid_text(finalizers, finalizer.text(), content::qualified_name(finalizer.text()));
    }
    let has = |name: &str| finalizers.items().any(|finalizer| finalizer.text() == name);
    if has(ORPHAN) && has(FOREGROUND) {
        out.invalid(
            finalizers,
            finalizers.value(),
            &format!("finalizer {ORPHAN} and {FOREGROUND} cannot be both set"),
        );
    }
}

/// `validateKubeFinalizerName`.
fn validate_kube_finalizers(finalizers: &Node<'_>, out: &mut Causes) {
    for finalizer in finalizers.items().filter(|finalizer| !finalizer.text().contains('/')) {
        if !["kubernetes", ORPHAN, FOREGROUND].contains(&finalizer.text()) {
            out.invalid(
                &finalizer,
                finalizer.text(),
                "name is neither a standard finalizer name nor is it fully qualified",
            );
        }
    }
}

/// `validateCommonFields` of every update, then `ValidateObjectMetaUpdate`, which says most of it once more.
pub(super) fn validate_update(root: Shape, metadata: &Node<'_>, old: &Node<'_>, out: &mut Causes) {
    // `ValidatePathSegmentName`, which is the rule of names for every kind.
    let prefix = metadata.at("generateName");
    for sign in ["/", "%"].iter().filter(|sign| prefix.text().contains(**sign)) {
        out.invalid(&prefix, prefix.text(), &format!("may not contain '{sign}'"));
    }
    validate_shared(root, metadata, out);
    let finalizers = metadata.at("finalizers");
    if old.at("deletionTimestamp").is_set() {
        validate_no_new_finalizers(&finalizers, &old.at("finalizers"), out);
    }
    for name in ["name", "namespace", "uid"] {
        let (new, old) = (metadata.at(name), old.at(name));
        if new.is_set() && new.text() != old.text() {
            out.invalid(&new, new.text(), "field is immutable");
        }
    }
    // The server's own stands here where it has one.
    for name in ["deletionTimestamp", "deletionGracePeriodSeconds"] {
        let (new, old) = (metadata.at(name), old.at(name));
        if new.is_set() && new.value() != old.value() {
            out.invalid(&new, new.value(), "field is immutable");
        }
    }
    validate_kube_finalizers(&finalizers, out);
}

/// `ValidateNoNewFinalizers`.
fn validate_no_new_finalizers(finalizers: &Node<'_>, old: &Node<'_>, out: &mut Causes) {
    let mut extra: Vec<&str> = finalizers
        .items()
        .map(|new| new.text())
        .filter(|new| !old.items().any(|old| old.text() == *new))
        .collect();
    extra.sort_unstable();
    extra.dedup();
    if !extra.is_empty() {
        let list: Vec<String> = extra.iter().map(|name| Value::from(*name).to_string()).collect();
        let found = format!("[]string{{{}}}", list.join(", "));
        out.forbidden(
            finalizers,
            &format!("no new finalizers can be added if the object is being deleted, found new finalizers {found}"),
        );
    }
}

fn validate_shared(root: Shape, metadata: &Node<'_>, out: &mut Causes) {
    let labels = metadata.at("labels");
    validate_labels(&labels, &labels, out);
    validate_annotations(&metadata.at("annotations"), out);
    validate_owner_references(root, &metadata.at("ownerReferences"), out);
    validate_finalizers(&metadata.at("finalizers"), out);
}

/// `ValidateLabels`, reported at `reported`.
pub(super) fn validate_labels(labels: &Node<'_>, reported: &Node<'_>, out: &mut Causes) {
    for (key, value) in labels.entries() {
        out.invalid_text(reported, key, content::qualified_name(key));
        let value = value.as_str().unwrap_or_default();
        out.invalid_text(reported, value, content::label_value(value));
    }
}

/// `ValidateAnnotations`.
pub(super) fn validate_annotations(annotations: &Node<'_>, out: &mut Causes) {
    let mut size = 0;
    for (key, value) in annotations.entries() {
        out.invalid_text(annotations, key, content::qualified_name(&key.to_lowercase()));
        size += key.len() + value.as_str().unwrap_or_default().len();
    }
    if size > ANNOTATIONS_LIMIT {
        out.too_long(annotations, ANNOTATIONS_LIMIT);
    }
}

/// `ValidateOwnerReferences`. The server reports every one at the list, without an index.
fn validate_owner_references(root: Shape, references: &Node<'_>, out: &mut Causes) {
    let mut controller: Option<String> = None;
    let shown = |path: &str, value: &Tree<'_>| {
        schema::shape_at(root, path).map_or_else(String::new, |shape| marshalled(&value.to_value(), shape))
    };
    for reference in references.items() {
        let api_version = reference.at("apiVersion").text();
        // With more than one slash it is no group and version, and then there is no version either.
        if api_version.is_empty() || api_version.matches('/').count() > 1 {
            out.invalid(&references.at("apiVersion"), api_version, "version must not be empty");
        }
        for name in ["kind", "name", "uid"] {
            if reference.at(name).text().is_empty() {
                out.invalid(&references.at(name), "", "must not be empty");
            }
        }
        // `BannedOwners`.
        if (api_version, reference.at("kind").text()) == ("v1", "Event") {
            let shown = shown("metadata.ownerReferences[]", reference.value());
            out.invalid(
                references,
                &Raw(&shown),
                "/v1, Kind=Event is disallowed from being an owner",
            );
        }
        if reference.at("controller").is_true() {
            let this = format!("{}/{}", reference.at("kind").text(), reference.at("name").text());
            match &controller {
                Some(first) => {
                    let detail = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} \
                         and {this}"
                    );
                    out.invalid(
                        references,
                        &Raw(&shown("metadata.ownerReferences", references.value())),
                        &detail,
                    );
                }
                None => controller = Some(this),
            }
        }
    }
}

/// `ValidateLabelSelector`.
pub(super) fn validate_label_selector(selector: &Node<'_>, out: &mut Causes) {
    let labels = selector.at("matchLabels");
    validate_labels(&labels, &labels, out);
    for expression in selector.at("matchExpressions").items() {
        let (key, operator, values) = (expression.at("key"), expression.at("operator"), expression.at("values"));
        match (operator.text(), values.len()) {
            ("In" | "NotIn", 0) => out.required(&values, "must be specified when `operator` is 'In' or 'NotIn'"),
            ("Exists" | "DoesNotExist", 1..) => {
                out.forbidden(
                    &values,
                    "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
                );
            }
            ("In" | "NotIn" | "Exists" | "DoesNotExist", _) => {}
            (other, _) => out.invalid(&operator, other, "not a valid selector operator"),
        }
        out.invalid_text(&key, key.text(), content::qualified_name(key.text()));
        for value in values.items() {
            out.invalid_text(&value, value.text(), content::label_value(value.text()));
        }
    }
}

/// Whether `LabelSelectorAsSelector` takes the selector.
pub(super) fn is_well_formed(selector: &Node<'_>) -> bool {
    let mut faults = Causes::default();
    validate_label_selector(selector, &mut faults);
    faults.is_empty()
}

/// A label selector as Go prints it: in the order of its structs, without what is empty.
pub(super) fn shown_selector(selector: &Node<'_>) -> String {
    let fields = |value: &Node<'_>, names: &[&'static str]| {
        let shown = names
            .iter()
            .filter(|name| value.at(name).len() > 0 || value.at(name).value().as_str().is_some());
        shown
            .map(|name| format!("\"{name}\":{}", value.at(name).value()))
            .collect::<Vec<_>>()
    };
    let mut parts = fields(selector, &["matchLabels"]);
    let expressions = selector.at("matchExpressions");
    if expressions.len() > 0 {
        let shown: Vec<String> = expressions
            .items()
            .map(|item| format!("{{{}}}", fields(&item, &["key", "operator", "values"]).join(",")))
            .collect();
        parts.push(format!("\"matchExpressions\":[{}]", shown.join(",")));
    }
    format!("{{{}}}", parts.join(","))
}

/// `Matches` of a well-formed selector.
pub(super) fn selects(selector: &Node<'_>, labels: &Node<'_>) -> bool {
    let label = |key: &str| labels.value().get(key).and_then(Tree::as_str);
    let all_equal = selector
        .at("matchLabels")
        .entries()
        .all(|(key, value)| label(key) == value.as_str());
    all_equal
        && selector.at("matchExpressions").items().all(|expression| {
            let value = label(expression.at("key").text());
            let listed = value.is_some_and(|value| expression.at("values").items().any(|item| item.text() == value));
            match expression.at("operator").text() {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}
