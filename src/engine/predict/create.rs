//! The next sync where the object is not live: then it is created, by the same request as otherwise or by a POST.

use serde_json::{Value, json};

use super::strategic::without_nulls;
use super::{Cause, Merged, Prediction, Verdict, client_side, counted, nulls, replace, server_side};
use crate::engine::kind::Kind;
use crate::engine::last_applied::LastApplied;
use crate::engine::schema::{Members, Tree};
use crate::engine::syncer::{FieldValidation, Strategy, Syncer};
use crate::engine::validation::{as_stored, forget_dropped_fields, forget_empty, refusals_of_new};

/// Tells what the next sync of `desired` gives where there is no such object in the namespace that it goes to. A sync
/// that succeeds reverts that.
///
/// A replace of what is not there is a create, as Argo CD does it; `kubectl replace` alone finds nothing to replace.
///
/// Source: `applyOneObject` of kubectl's `pkg/cmd/apply/apply.go`, and `applyObject` of gitops-engine's
/// `pkg/sync/sync_context.go`.
pub fn predict_new(kind: &'static Kind, desired: &Value, namespace: Option<&str>, syncer: &Syncer) -> Prediction {
    let namespace = namespace.map(Value::from);
    let told = |verdict, causes, predicted| Prediction {
        predicted,
        ..Prediction::bare(syncer.strategy, verdict, causes)
    };
    let sent = match syncer.strategy {
        Strategy::ServerSideApply => match server_side::merge_new(kind, desired, namespace.as_ref()) {
            Merged::Object(mut object) => {
                nulls::fill(kind, &mut object);
                Ok(object.to_value())
            }
            Merged::Conflict(causes) => return told(Verdict::Conflict, causes, None),
            Merged::Refused(causes) => Err(causes),
            Merged::Unsent => Ok(desired.clone()),
        },
        Strategy::ClientSideApply => client_side::created(kind, desired, namespace.as_ref())
            .and_then(|sent| posted(kind, sent, syncer.validation)),
        Strategy::Replace => posted(kind, desired.clone(), syncer.validation),
    };
    match sent.map(|sent| (refusals_of_new(kind.root, &kind.validation, &sent), sent)) {
        Ok((causes, sent)) if causes.is_empty() => told(Verdict::Reverts, causes, Some(stored(kind, &sent))),
        Ok((causes, _)) | Err(causes) => told(Verdict::Refused, causes, None),
    }
}

/// The object that comes of it.
fn stored(kind: &'static Kind, sent: &Value) -> Value {
    let mut object = Tree::of(sent);
    forget_dropped_fields(kind.root, &mut object, &Value::Null);
    let mut stored = as_stored(kind.root, object);
    forget_empty(&mut stored);
    if let Some(object) = stored.as_map_mut() {
        object.remove("status");
    }
    counted::count_first(kind, &mut stored);
    stored.to_value()
}

/// What the server reads of a document that is posted.
fn posted(kind: &'static Kind, document: Value, validation: FieldValidation) -> Result<Value, Vec<Cause>> {
    if let Some(cause) = replace::unreadable(kind, &document, validation) {
        return Err(vec![cause]);
    }
    let mut object = Tree::of(&document);
    nulls::fill(kind, &mut object);
    if let Some(metadata) = object.map_at_mut(&["metadata"]) {
        metadata.keep(|name, _| !WIPED.contains(&name));
    }
    Ok(object.to_value())
}

/// Metadata that a POST cannot set, while a server-side apply of a new object does.
///
/// Source: `WipeObjectMetaSystemFields` of apiserver's `pkg/registry/rest/meta.go`.
const WIPED: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "selfLink",
    "uid",
];

/// The document as `kubectl apply` posts it: with itself as the annotation, and without any null of a map.
///
/// Source: `CreateApplyAnnotation` of kubectl's `pkg/util/apply.go`, and `pruneNullsFromMap`.
pub(super) fn annotated(desired: &Value, namespace: Option<&Value>) -> Value {
    let request = json!({"metadata": {"namespace": namespace}});
    let request = if namespace.is_some() { &request } else { &Value::Null };
    without_nulls(LastApplied::of(desired, request).modified())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::engine::kind::DEPLOYMENT;

    fn git() -> Value {
        let container = json!({"name": "app", "image": "registry.example/web:1"});
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
            },
        })
    }

    fn changed(pointer: &str, value: Value) -> Value {
        let mut changed = git();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        changed.pointer_mut(parent).unwrap()[name] = value;
        changed
    }

    fn asked(desired: &Value, strategy: Strategy) -> (Verdict, Option<String>) {
        let syncer = Syncer {
            validation: FieldValidation::Strict,
            ..Syncer::new(strategy, "gitops")
        };
        let answer = predict_new(&DEPLOYMENT, desired, Some("shop"), &syncer);
        (answer.verdict, answer.status_text(&DEPLOYMENT, "web"))
    }

    const ALL: [Strategy; 3] = [Strategy::ClientSideApply, Strategy::ServerSideApply, Strategy::Replace];

    const CONTAINER: &str = "/spec/template/spec/containers/0";

    #[test]
    fn what_the_server_takes_is_created() {
        for strategy in ALL {
            let answer = predict_new(&DEPLOYMENT, &git(), Some("shop"), &Syncer::new(strategy, "gitops"));
            assert_eq!(
                (answer.verdict, answer.causes),
                (Verdict::Reverts, vec![]),
                "{strategy:?}"
            );
            assert!(answer.predicted.is_some());
        }
    }

    #[test]
    fn a_key_twice_and_an_unknown_field_are_refused_in_the_words_of_the_strategy() {
        let twice = changed(
            &format!("{CONTAINER}/env"),
            json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
        );
        let fault = ".spec.template.spec.containers[name=\"app\"].env: duplicate entries for key [name=\"A\"]";
        assert_eq!(
            asked(&twice, Strategy::ServerSideApply),
            (Verdict::Refused, Some(fault.to_owned()))
        );
        assert_eq!(asked(&twice, Strategy::ClientSideApply), (Verdict::Reverts, None));
        let unknown = changed(&format!("{CONTAINER}/limits"), json!({"cpu": "1"}));
        let fault = ".spec.template.spec.containers[name=\"app\"].limits: field not declared in schema";
        assert_eq!(
            asked(&unknown, Strategy::ServerSideApply),
            (Verdict::Refused, Some(fault.to_owned()))
        );
        let fault = "Deployment in version \"v1\" cannot be handled as a Deployment: \
                     strict decoding error: unknown field \"spec.template.spec.containers[0].limits\"";
        for strategy in [Strategy::ClientSideApply, Strategy::Replace] {
            assert_eq!(
                asked(&unknown, strategy),
                (Verdict::Refused, Some(fault.to_owned())),
                "{strategy:?}"
            );
        }
    }

    #[test]
    fn what_only_the_server_sets_is_refused_by_server_side_apply_alone() {
        let conflict = |why: &str| {
            Some(format!(
                "Operation cannot be fulfilled on deployments.apps \"web\": {why}"
            ))
        };
        let uid = "uid mismatch: the provided object specified uid 1, and no existing object was found";
        let version = Some("strconv.ParseUint: parsing \"x\": invalid syntax".to_owned());
        for (field, value, told) in [
            (
                "managedFields",
                json!([]),
                (Verdict::Refused, Some("metadata.managedFields must be nil".to_owned())),
            ),
            ("managedFields", Value::Null, (Verdict::Reverts, None)),
            ("uid", json!("1"), (Verdict::Conflict, conflict(uid))),
            ("resourceVersion", json!("12"), (Verdict::Reverts, None)),
            ("resourceVersion", json!("x"), (Verdict::Refused, version)),
            (
                "deletionTimestamp",
                json!("2026-01-05T10:00:00Z"),
                (Verdict::Reverts, None),
            ),
        ] {
            let desired = changed(&format!("/metadata/{field}"), value);
            assert_eq!(asked(&desired, Strategy::ServerSideApply), told, "{field}");
            for strategy in [Strategy::ClientSideApply, Strategy::Replace] {
                assert_eq!(
                    asked(&desired, strategy),
                    (Verdict::Reverts, None),
                    "{field} {strategy:?}"
                );
            }
        }
    }

    #[test]
    fn the_annotation_of_a_client_side_apply_counts_as_one() {
        let large = changed("/metadata/annotations", json!({"notes": "n".repeat(140_000)}));
        let told =
            "Deployment.apps \"web\" is invalid: metadata.annotations: Too long: may not be more than 262144 bytes";
        assert_eq!(
            asked(&large, Strategy::ClientSideApply),
            (Verdict::Refused, Some(told.to_owned()))
        );
        for strategy in [Strategy::ServerSideApply, Strategy::Replace] {
            assert_eq!(asked(&large, strategy), (Verdict::Reverts, None), "{strategy:?}");
        }
    }

    #[test]
    fn a_null_in_a_map_is_none_to_kubectl_apply_and_an_empty_text_to_the_others() {
        let null = changed("/spec/selector/matchLabels/tier", Value::Null);
        assert_eq!(asked(&null, Strategy::ClientSideApply), (Verdict::Reverts, None));
        for strategy in [Strategy::ServerSideApply, Strategy::Replace] {
            assert_eq!(asked(&null, strategy).0, Verdict::Refused, "{strategy:?}");
        }
    }
}
