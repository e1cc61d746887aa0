//! driftmend's own resources: typed reads and the guarded writes of their status.

use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::call::{Call, Verb};
use super::client::Cluster;
use super::errors::ApiError;
use super::requests::DryRun;
use crate::api::v1alpha1::{DriftReport, DriftWatch, TargetRef};
use crate::report::printer;

/// The field manager of everything that driftmend writes about itself.
pub const MANAGER: &str = "driftmend";

const REPORTS: &str = "driftreports.driftmend.dev";
const WATCHES: &str = "driftwatches.driftmend.dev";

impl Cluster {
    /// Reads one report, fresh from the server.
    ///
    /// # Errors
    ///
    /// Every [`ApiError`] but `NotFound`.
    pub async fn get_report(&self, namespace: &str, name: &str) -> Result<Option<DriftReport>, ApiError> {
        let api: Api<DriftReport> = Api::namespaced(self.client(), namespace);
        self.call(
            Call::new(Verb::Get, REPORTS).namespace(namespace).name(name),
            api.get_opt(name),
        )
        .await
    }

    /// Reads the report about an object, fresh from the server. One of that name about something else is none.
    ///
    /// # Errors
    ///
    /// Every [`ApiError`] but `NotFound`.
    pub async fn report_of(&self, namespace: &str, target: &TargetRef) -> Result<Option<DriftReport>, ApiError> {
        let report = self.get_report(namespace, &target.report_name()).await?;
        Ok(report.filter(|report| report.spec.target == *target))
    }

    /// Reads the reports of a namespace, or of all.
    ///
    /// # Errors
    ///
    /// Every [`ApiError`].
    pub async fn list_reports(&self, namespace: Option<&str>) -> Result<Vec<DriftReport>, ApiError> {
        let (api, call): (Api<DriftReport>, _) = match namespace {
            Some(namespace) => (
                Api::namespaced(self.client(), namespace),
                Call::new(Verb::List, REPORTS).namespace(namespace),
            ),
            None => (Api::all(self.client()), Call::new(Verb::List, REPORTS)),
        };
        Ok(self.call(call, api.list(&ListParams::default())).await?.items)
    }

    /// Reads one watch, fresh from the server.
    ///
    /// # Errors
    ///
    /// Every [`ApiError`] but `NotFound`.
    pub async fn get_watch(&self, namespace: &str, name: &str) -> Result<Option<DriftWatch>, ApiError> {
        let api: Api<DriftWatch> = Api::namespaced(self.client(), namespace);
        self.call(
            Call::new(Verb::Get, WATCHES).namespace(namespace).name(name),
            api.get_opt(name),
        )
        .await
    }

    /// Creates a report; its status is written afterwards, since the server drops it here.
    ///
    /// # Errors
    ///
    /// `Conflict` when there is one already, `NotFound` when the namespace is absent.
    pub async fn create_report(&self, report: &DriftReport) -> Result<DriftReport, ApiError> {
        let namespace = report.namespace().unwrap_or_default();
        let api: Api<DriftReport> = Api::namespaced(self.client(), &namespace);
        let parameters = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        self.call(
            Call::new(Verb::Create, REPORTS)
                .namespace(&namespace)
                .name(report.name_any()),
            api.create(&parameters, report),
        )
        .await
    }

    /// Changes parts of a report's status under a lock on its resourceVersion: `null` removes a part. What is sent goes
    /// through the printer.
    ///
    /// # Errors
    ///
    /// `Conflict` when somebody wrote the report since it was read.
    pub async fn patch_report_status(
        &self,
        report: &DriftReport,
        status: Value,
        dry_run: DryRun,
    ) -> Result<DriftReport, ApiError> {
        let namespace = report.namespace().unwrap_or_default();
        let api: Api<DriftReport> = Api::namespaced(self.client(), &namespace);
        let call = Call::new(Verb::Patch, format!("{REPORTS}/status"))
            .namespace(&namespace)
            .name(report.name_any());
        let call = if dry_run == DryRun::Yes {
            call.stores_nothing()
        } else {
            call
        };
        let patch =
            json!({"metadata": {"resourceVersion": report.resource_version()}, "status": printer::told_json(status)});
        self.call(
            call,
            api.patch_status(&report.name_any(), &parameters(dry_run), &Patch::Merge(patch)),
        )
        .await
    }

    /// Deletes exactly this report as it was read: not one of the same name that was made since, nor one that somebody
    /// wrote since, who may have begun a heal.
    ///
    /// # Errors
    ///
    /// `Conflict` when it is another one by now; every [`ApiError`] but `NotFound`.
    pub async fn delete_report(&self, report: &DriftReport) -> Result<(), ApiError> {
        let namespace = report.namespace().unwrap_or_default();
        let api: Api<DriftReport> = Api::namespaced(self.client(), &namespace);
        let exactly = Preconditions {
            uid: report.uid(),
            resource_version: report.resource_version(),
        };
        let parameters = DeleteParams {
            preconditions: Some(exactly),
            ..DeleteParams::default()
        };
        let call = Call::new(Verb::Delete, REPORTS)
            .namespace(&namespace)
            .name(report.name_any());
        match self.call(call, api.delete(&report.name_any(), &parameters)).await {
            Ok(_) | Err(ApiError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Changes parts of a watch's status under a lock on its resourceVersion.
    ///
    /// # Errors
    ///
    /// `Conflict` when somebody wrote the watch since it was read.
    pub async fn patch_watch_status(&self, watch: &DriftWatch, status: Value) -> Result<DriftWatch, ApiError> {
        let namespace = watch.namespace().unwrap_or_default();
        let api: Api<DriftWatch> = Api::namespaced(self.client(), &namespace);
        let call = Call::new(Verb::Patch, format!("{WATCHES}/status"))
            .namespace(&namespace)
            .name(watch.name_any());
        let patch =
            json!({"metadata": {"resourceVersion": watch.resource_version()}, "status": printer::told_json(status)});
        self.call(
            call,
            api.patch_status(&watch.name_any(), &parameters(DryRun::No), &Patch::Merge(patch)),
        )
        .await
    }
}

fn parameters(dry_run: DryRun) -> PatchParams {
    PatchParams {
        dry_run: dry_run == DryRun::Yes,
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

/// The JSON merge patch (RFC 7386) from one value to another: what is equal is left out, what is gone becomes `null`.
pub fn merge_patch(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return new.clone();
    };
    let mut patch = serde_json::Map::new();
    for (key, value) in new {
        match old.get(key) {
            Some(before) if before == value => {}
            Some(before) => {
                patch.insert(key.clone(), merge_patch(before, value));
            }
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_patch_brings_the_old_value_to_the_new_one() {
        let old = json!({"phase": "Drifted", "plan": {"hash": "a", "serial": 1}, "fields": [1, 2], "gone": {"x": 1}});
        let new = json!({"phase": "Drifted", "plan": {"hash": "b", "serial": 1}, "fields": [2], "here": true});
        let patch = merge_patch(&old, &new);
        assert_eq!(
            patch,
            json!({"plan": {"hash": "b"}, "fields": [2], "here": true, "gone": null})
        );
        let mut patched = old;
        json_patch::merge(&mut patched, &patch);
        assert_eq!(patched, new);
    }
}
