//! A tool's object as a list or a watch brings it, without what nobody reads of it.

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::ApiResource;
use kube::core::DynamicResourceScope;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::{Map, Value};

/// An object without the entries of `managedFields` that tell of updates: they repeat the names of all that a
/// controller writes into its status, and only entries of server-side apply are asked for. They are passed over as they
/// are read, and never held.
#[derive(Clone, Debug)]
pub(super) struct Lean {
    /// Name, namespace, uid and resourceVersion.
    metadata: ObjectMeta,

    /// The object.
    pub(super) object: Value,
}

impl Resource for Lean {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(kind: &ApiResource) -> Cow<'_, str> {
        kind.kind.as_str().into()
    }

    fn group(kind: &ApiResource) -> Cow<'_, str> {
        kind.group.as_str().into()
    }

    fn version(kind: &ApiResource) -> Cow<'_, str> {
        kind.version.as_str().into()
    }

    fn api_version(kind: &ApiResource) -> Cow<'_, str> {
        kind.api_version.as_str().into()
    }

    fn plural(kind: &ApiResource) -> Cow<'_, str> {
        kind.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl<'de> Deserialize<'de> for Lean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Part::Object.deserialize(deserializer)?;
        let text = |name: &str| {
            object
                .pointer(&format!("/metadata/{name}"))
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let metadata = ObjectMeta {
            name: Some(text("name").ok_or_else(|| D::Error::missing_field("metadata.name"))?),
            namespace: text("namespace"),
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            ..ObjectMeta::default()
        };
        Ok(Self { metadata, object })
    }
}

/// A part of an object in which something is passed over.
#[derive(Clone, Copy)]
enum Part {
    Object,
    Metadata,
    ManagedFields,
}

impl<'de> DeserializeSeed<'de> for Part {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Object | Self::Metadata => "an object",
            Self::ManagedFields => "a list",
        })
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let value = match (self, name.as_str()) {
                (Self::Object, "metadata") => entries.next_value_seed(Self::Metadata)?,
                (Self::Metadata, "managedFields") => entries.next_value_seed(Self::ManagedFields)?,
                _ => entries.next_value()?,
            };
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Value>()? {
            if item["operation"] == "Apply" {
                list.push(item);
            }
        }
        Ok(Value::Array(list))
    }
}

#[cfg(test)]
mod tests {
    use kube::ResourceExt;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_managers_updated_is_passed_over_and_all_else_is_as_it_was() {
        let entry = |manager: &str, operation: &str| {
            json!({"manager": manager, "operation": operation,
            "fieldsV1": {"f:status": {}}})
        };
        let mut object = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {
                "name": "web", "namespace": "argocd", "uid": "u", "resourceVersion": "7", "annotations": {"a": "b"},
                "managedFields": [entry("argocd-application-controller", "Update"), entry("somebody", "Apply")],
            },
            "spec": {"sources": [{"repoURL": "x"}], "metadata": {"managedFields": [1]}},
            "status": {"n": 1.5, "none": null},
        });
        let lean: Lean = serde_json::from_value(object.clone()).unwrap();
        object["metadata"]["managedFields"] = json!([entry("somebody", "Apply")]);
        assert_eq!(lean.object, object);
        assert_eq!(
            (lean.name_any(), lean.namespace(), lean.resource_version()),
            ("web".to_owned(), Some("argocd".to_owned()), Some("7".to_owned()))
        );
        assert!(serde_json::from_value::<Lean>(json!({"metadata": null})).is_err());
        assert!(serde_json::from_value::<Lean>(json!([])).is_err());
    }
}
