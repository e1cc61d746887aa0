//! The plain reads and the one write that the controller needs; one request each.

use std::collections::BTreeMap;

use kube::Api;
use kube::api::{
    ApiResource, DynamicObject, GetParams, GroupVersionKind, ListParams, Patch, PatchParams, Request,
    ValidationDirective,
};
use kube::core::request::Error as RequestError;
use serde_json::Value;

use super::call::{Call, Resource, Verb};
use super::client::Cluster;
use super::errors::ApiError;
use crate::engine::kind::Kind;
use crate::engine::predict::{FieldValidation, Force, SyncPatch, SyncRequest};

impl From<&'static Kind> for Resource<'static> {
    fn from(kind: &'static Kind) -> Self {
        Self {
            group: kind.group,
            version: kind.version,
            plural: kind.plural,
        }
    }
}

/// Whether the server only says what it would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DryRun {
    /// `dryRun=All`: everything but the storing.
    Yes,

    /// A write.
    No,
}

/// What is asked of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceFacts {
    /// Its uid.
    pub uid: String,

    /// Its labels.
    pub labels: BTreeMap<String, String>,

    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Cluster {
    /// Reads any object by name; `None` when there is none.
    ///
    /// # Errors
    ///
    /// Every [`ApiError`] but `NotFound`.
    pub async fn get_object(
        &self,
        resource: Resource<'_>,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>, ApiError> {
        let mut call = Call::new(Verb::Get, resource.to_string()).name(name);
        call.namespace = namespace.map(str::to_owned);
        let request = Request::new(resource.collection(namespace)).get(name, &GetParams::default());
        ApiError::optional(self.send(call, request).await)
    }

    /// Reads all objects of a kind that has no namespaces.
    ///
    /// # Errors
    ///
    /// Every [`ApiError`]; `NotFound` where the server has no such kind.
    pub async fn list_objects(&self, resource: Resource<'_>) -> Result<Vec<Value>, ApiError> {
        let call = Call::new(Verb::List, resource.to_string());
        let request = Request::new(resource.collection(None)).list(&ListParams::default());
        let mut list: Value = self.send(call, request).await?;
        Ok(list
            .get_mut("items")
            .and_then(Value::as_array_mut)
            .map(std::mem::take)
            .unwrap_or_default())
    }

    /// Reads one object of a governed kind, fresh from the server, with every field that it has; `None` when there is
    /// none.
    ///
    /// # Errors
    ///
    /// Every [`ApiError`] but `NotFound`.
    pub async fn get_governed(
        &self,
        kind: &'static Kind,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, ApiError> {
        self.get_object(kind.into(), Some(namespace), name).await
    }

    /// Counts the objects of a governed kind in a namespace.
    ///
    /// # Errors
    ///
    /// Every [`ApiError`].
    pub async fn count_governed(&self, kind: &'static Kind, namespace: &str) -> Result<usize, ApiError> {
        let resource = Resource::from(kind);
        let named =
            ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(kind.group, kind.version, kind.kind), kind.plural);
        let api: Api<DynamicObject> = Api::namespaced_with(self.client(), namespace, &named);
        let call = Call::new(Verb::List, resource.to_string()).namespace(namespace);
        let found = self.call(call, api.list_metadata(&ListParams::default())).await?;
        Ok(found.items.len())
    }

    /// Sends one JSON Patch for any object and gives what the server made of it.
    ///
    /// # Errors
    ///
    /// `Conflict` when the patch replaces a resourceVersion that is stale, `Invalid` when a `test` fails or the result
    /// is not valid.
    pub async fn patch_object(
        &self,
        resource: Resource<'_>,
        (namespace, name): (&str, &str),
        patch: &json_patch::Patch,
        field_manager: &str,
        dry_run: DryRun,
    ) -> Result<Value, ApiError> {
        let parameters = PatchParams {
            dry_run: dry_run == DryRun::Yes,
            field_manager: Some(field_manager.to_owned()),
            ..PatchParams::default()
        };
        let call = Call::new(Verb::Patch, resource.to_string())
            .namespace(namespace)
            .name(name);
        let call = if dry_run == DryRun::Yes {
            call.stores_nothing()
        } else {
            call
        };
        let request = Request::new(resource.collection(Some(namespace))).patch(
            name,
            &parameters,
            &Patch::<()>::Json(patch.clone()),
        );
        self.send(call, request).await
    }

    /// Sends one JSON Patch for an object of a governed kind, as [`Cluster::patch_object`] does.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn patch_governed(
        &self,
        kind: &'static Kind,
        (namespace, name): (&str, &str),
        patch: &json_patch::Patch,
        field_manager: &str,
        dry_run: DryRun,
    ) -> Result<Value, ApiError> {
        self.patch_object(kind.into(), (namespace, name), patch, field_manager, dry_run)
            .await
    }

    /// Asks what the server would make of the next sync of an object of a governed kind; nothing is ever stored.
    ///
    /// # Errors
    ///
    /// The server's refusal of the sync, and every other [`ApiError`].
    pub async fn dry_run_sync(
        &self,
        kind: &'static Kind,
        (namespace, name): (&str, &str),
        sync: &SyncRequest,
    ) -> Result<Value, ApiError> {
        let resource = Resource::from(kind);
        let (patch, force) = match &sync.patch {
            SyncPatch::Strategic(body) => (Patch::Strategic(body), false),
            SyncPatch::Apply(body, force) => (Patch::Apply(body), *force == Force::Yes),
        };
        let field_manager = Some(sync.field_manager.clone());
        let field_validation = Some(match sync.field_validation {
            FieldValidation::Ignore => ValidationDirective::Ignore,
            FieldValidation::Warn => ValidationDirective::Warn,
            FieldValidation::Strict => ValidationDirective::Strict,
        });
        let parameters = PatchParams {
            dry_run: true,
            force,
            field_manager,
            field_validation,
        };
        let call = Call::new(Verb::Patch, resource.to_string())
            .namespace(namespace)
            .name(name)
            .stores_nothing();
        self.send(
            call,
            Request::new(resource.collection(Some(namespace))).patch(name, &parameters, &patch),
        )
        .await
    }

    /// Reads what is said about a namespace; `None` when there is none.
    ///
    /// # Errors
    ///
    /// Every [`ApiError`] but `NotFound`.
    pub async fn get_namespace(&self, name: &str) -> Result<Option<NamespaceFacts>, ApiError> {
        let api: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(self.client());
        let found = ApiError::optional(
            self.call(Call::new(Verb::Get, "namespaces").name(name), api.get(name))
                .await,
        )?;
        Ok(found.map(|namespace| NamespaceFacts {
            uid: namespace.metadata.uid.unwrap_or_default(),
            labels: namespace.metadata.labels.unwrap_or_default(),
            annotations: namespace.metadata.annotations.unwrap_or_default(),
        }))
    }

    /// Reads one Secret's data, by name; `None` when there is none.
    ///
    /// # Errors
    ///
    /// Every [`ApiError`] but `NotFound`; none of them repeats a value.
    pub async fn get_secret(&self, namespace: &str, name: &str) -> Result<Option<BTreeMap<String, Vec<u8>>>, ApiError> {
        let secrets = Resource {
            group: "",
            version: "v1",
            plural: "secrets",
        };
        let call = Call::new(Verb::Get, "secrets").namespace(namespace).name(name);
        let request = Request::new(secrets.collection(Some(namespace))).get(name, &GetParams::default());
        let found: Option<k8s_openapi::api::core::v1::Secret> = ApiError::optional(self.send(call, request).await)?;
        Ok(found.map(|secret| {
            secret
                .data
                .unwrap_or_default()
                .into_iter()
                .map(|(key, value)| (key, value.0))
                .collect()
        }))
    }

    /// Sends a request and parses its answer here: kube's own parsing logs the whole text when it fails, values of
    /// Secrets included.
    async fn send<T: serde::de::DeserializeOwned>(
        &self,
        call: Call,
        request: Result<http::Request<Vec<u8>>, RequestError>,
    ) -> Result<T, ApiError> {
        let client = self.client();
        let sent = async { client.request_text(request.map_err(kube::Error::BuildRequest)?).await };
        let text = self.call(call.clone(), sent).await?;
        serde_json::from_str(&text).map_err(|error| ApiError::unreadable(Box::new(call), &error))
    }
}
