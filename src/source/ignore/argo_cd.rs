//! Argo CD's `ignoreDifferences`: of an Application, and of the whole instance in the ConfigMap `argocd-cm`.
//!
//! Source: `ResourceIgnoreDifferences` of `pkg/apis/application/v1alpha1/types.go`, `NewIgnoreNormalizer` of
//! `util/argo/normalizers/diff_normalizer.go`, and `resource.customizations` in `util/settings/settings.go`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::Ignored;
use super::reading::{Reading, shown};
use super::selector::Target;
use crate::engine::object::escape_token;

/// The keys of `argocd-cm` that hold rules begin with this.
const SPLIT_KEY: &str = "resource.customizations.ignoreDifferences.";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Difference {
    group: String,
    kind: String,
    name: String,
    namespace: String,
    #[serde(flatten)]
    fields: Fields,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Fields {
    json_pointers: Vec<String>,
    jq_path_expressions: Vec<String>,
    managed_fields_managers: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Customization {
    ignore_differences: String,
}

pub(super) fn application(reading: &mut Reading<'_>) -> bool {
    for (at, difference) in reading
        .part::<Vec<Difference>>("/spec/ignoreDifferences")
        .into_iter()
        .enumerate()
    {
        let Difference {
            group,
            kind,
            name,
            namespace,
            fields,
        } = difference;
        let target = Target::Globs {
            group,
            kind,
            name,
            namespace,
        };
        take(reading, target, fields, &|list, item| {
            format!("/spec/ignoreDifferences/{at}/{list}/{item}")
        });
    }
    true
}

/// Reads the customisations of `argocd-cm`; `false` for any other ConfigMap.
pub(super) fn config_map(reading: &mut Reading<'_>) -> bool {
    let data: BTreeMap<String, String> = match reading.document.value.get("data") {
        Some(_) => reading.part("/data"),
        None => BTreeMap::new(),
    };
    let mut known = reading.origin.ends_with("argocd-cm");
    for (key, text) in &data {
        let place = format!("/data/{}", escape_token(key));
        if let Some(subject) = key.strip_prefix(SPLIT_KEY) {
            known = true;
            let target = subject_target(subject.split_once('_').unwrap_or(("", subject)));
            instance_fields(reading, &place, target, text);
        } else if key == "resource.customizations" {
            known = true;
            let customizations: BTreeMap<String, Customization> = yaml_text(reading, &place, text);
            for (subject, customization) in customizations {
                let target = subject_target(subject.split_once('/').unwrap_or(("", &subject)));
                instance_fields(reading, &place, target, &customization.ignore_differences);
            }
        }
    }
    known
}

/// `apps_Deployment` of a key is the group and the kind; `all` is everything.
fn subject_target((group, kind): (&str, &str)) -> Target {
    let (group, kind) = if kind == "all" { ("*", "*") } else { (group, kind) };
    Target::Globs {
        group: group.to_owned(),
        kind: kind.to_owned(),
        name: String::new(),
        namespace: String::new(),
    }
}

fn instance_fields(reading: &mut Reading<'_>, place: &str, target: Target, text: &str) {
    let fields: Fields = yaml_text(reading, place, text);
    take(reading, target, fields, &|_, _| place.to_owned());
}

/// YAML that stands as text in the ConfigMap.
fn yaml_text<T: serde::de::DeserializeOwned + Default>(reading: &mut Reading<'_>, place: &str, text: &str) -> T {
    if text.trim().is_empty() {
        return T::default();
    }
    serde_yaml::from_str(text).unwrap_or_else(|error| {
        let message = format!(
            "the text at {place} of {} cannot be read: {}",
            reading.origin,
            shown(&error.to_string())
        );
        reading.problem(place, message, "correct it as Argo CD demands");
        T::default()
    })
}

fn take(reading: &mut Reading<'_>, target: Target, fields: Fields, place: &dyn Fn(&str, usize) -> String) {
    if let Err(error) = target.check() {
        let message = format!("a rule of {}: {error}", reading.origin);
        return reading.problem(
            &place("jsonPointers", 0),
            message,
            "the rule is not in force; correct it as Argo CD demands",
        );
    }
    let target = &Arc::new(target);
    for (at, pointer) in fields.json_pointers.into_iter().enumerate() {
        reading.ignore(|| place("jsonPointers", at), target, Ignored::Pointer(pointer));
    }
    for (at, expression) in fields.jq_path_expressions.into_iter().enumerate() {
        reading.ignore(|| place("jqPathExpressions", at), target, Ignored::Jq(expression));
    }
    if !fields.managed_fields_managers.is_empty() {
        reading.ignore(
            || place("managedFieldsManagers", 0),
            target,
            Ignored::Managers(fields.managed_fields_managers),
        );
    }
}
