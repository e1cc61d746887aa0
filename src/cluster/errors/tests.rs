use kube::core::Status;
use pretty_assertions::assert_eq;

use super::*;
use crate::cluster::Verb;

const LIMIT: Duration = Duration::from_secs(30);

fn patch_web() -> Call {
    Call::new(Verb::Patch, "deployments.apps").namespace("shop").name("web")
}

fn answered(status: serde_json::Value) -> ApiError {
    let status: Status = serde_json::from_value(status).unwrap();
    ApiError::from_kube(patch_web(), LIMIT, kube::Error::Api(Box::new(status)))
}

#[test]
fn a_missing_right_is_told_as_the_rule_to_grant() {
    let error = answered(serde_json::json!({
        "status": "Failure", "reason": "Forbidden", "code": 403,
        "message": "deployments.apps \"web\" is forbidden: User \"system:serviceaccount:ops:driftmend\" cannot patch \
                    resource \"deployments\" in API group \"apps\" in the namespace \"shop\"",
    }));
    assert_eq!(error.category(), "Forbidden");
    assert_eq!(
        error.hint().unwrap(),
        "grant verb patch on deployments.apps in namespace shop to system:serviceaccount:ops:driftmend"
    );
    assert_eq!(error.retry(), Retry::Backoff);
}

#[test]
fn an_admission_policy_is_not_mistaken_for_a_missing_right() {
    let error = answered(serde_json::json!({
        "status": "Failure", "reason": "Forbidden", "code": 403, "message": "ValidatingAdmissionPolicy 'dry-run-only' \
                                                                             denied request: dry runs only",
    }));
    assert_eq!(
        error.hint().unwrap(),
        "an admission policy refused it, not RBAC: its message says which"
    );
}

#[test]
fn a_refusal_keeps_the_servers_causes() {
    let error = answered(serde_json::json!({
        "status": "Failure", "reason": "Invalid", "code": 422, "message": "Deployment.apps \"web\" is invalid",
        "details": {"causes": [{"reason": "FieldValueForbidden", "field": "spec.x",
                                "message": "Forbidden: may not specify more than 1 handler type"}]},
    }));
    let cause = Cause {
        reason: "FieldValueForbidden".into(),
        field: "spec.x".into(),
        message: "Forbidden: may not specify more than 1 handler type".into(),
    };
    assert_eq!(error.causes(), [cause]);
    assert_eq!(
        error.to_string(),
        "failed to patch deployments.apps shop/web: Deployment.apps \"web\" is invalid"
    );
}

#[test]
fn every_status_has_its_own_category_and_moment_to_retry() {
    let table = [
        (400, "Rejected", Retry::AwaitChange),
        (401, "Unauthenticated", Retry::Backoff),
        (404, "NotFound", Retry::AwaitChange),
        (409, "Conflict", Retry::ReadAgain),
        (410, "Rejected", Retry::AwaitChange),
        (413, "Rejected", Retry::AwaitChange),
        (422, "Invalid", Retry::AwaitChange),
        (429, "Unavailable", Retry::Backoff),
        (500, "Unavailable", Retry::Backoff),
        (503, "Unavailable", Retry::Backoff),
        (504, "TimedOut", Retry::Backoff),
    ];
    for (code, category, retry) in table {
        let error = answered(serde_json::json!({"status": "Failure", "code": code, "message": "no"}));
        assert_eq!((code, error.category(), error.retry()), (code, category, retry));
    }
}

#[test]
fn whatever_the_server_answered_is_told_in_its_words_and_no_answer_only_where_none_came() {
    for code in [400, 403, 408, 409, 410, 413, 422, 429, 500, 503, 504] {
        let told = answered(serde_json::json!({"status": "Failure", "code": code, "message": "the server's words"}))
            .to_string();
        assert!(
            told.contains("deployments.apps shop/web: the server's words"),
            "{code}: {told}"
        );
    }
    let late = ApiError::TimedOut {
        call: Box::new(patch_web()),
        limit: LIMIT,
        told: None,
    };
    assert_eq!(
        late.to_string(),
        "unable to patch deployments.apps shop/web: no answer within 30 s"
    );
}

#[test]
fn a_busy_server_is_asked_again_when_it_says_so() {
    let error = answered(
        serde_json::json!({"status": "Failure", "code": 429, "message": "too many requests",
                           "details": {"retryAfterSeconds": 7}}),
    );
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(7)));
}

#[test]
fn no_server_is_obeyed_for_longer_than_a_minute_and_none_shortens_the_usual_wait() {
    let asks = |seconds: u32| {
        answered(serde_json::json!({"status": "Failure", "code": 503, "message": "busy",
                               "details": {"retryAfterSeconds": seconds}}))
    };
    assert_eq!(asks(86_400).retry(), Retry::After(LONGEST_WAIT));
    assert_eq!(asks(7).wait(Duration::from_secs(1)), Duration::from_secs(7));
    assert_eq!(asks(7).wait(Duration::from_secs(30)), Duration::from_secs(30));
    assert_eq!(asks(0).wait(Duration::from_secs(2)), Duration::from_secs(2));
}

#[test]
fn a_timeout_deep_in_a_chain_is_a_timeout_and_the_rest_is_unreachable() {
    let io = |kind| kube::Error::Service(Box::new(std::io::Error::new(kind, "x")));
    let timeout = ApiError::from_kube(patch_web(), LIMIT, io(std::io::ErrorKind::TimedOut));
    assert_eq!(
        timeout.to_string(),
        "unable to patch deployments.apps shop/web: no answer within 30 s"
    );
    let refused = ApiError::from_kube(patch_web(), LIMIT, io(std::io::ErrorKind::ConnectionRefused));
    assert_eq!(refused.category(), "Unreachable");
}

#[test]
fn an_unreadable_answer_does_not_repeat_its_text() {
    let parse = serde_json::from_str::<u8>("\"hunter2\"").unwrap_err();
    let error = ApiError::from_kube(patch_web(), LIMIT, kube::Error::SerdeError(parse));
    assert_eq!(
        error.to_string(),
        "failed to patch deployments.apps shop/web: the answer cannot be read: a value of an unexpected type at line \
         1, column 9"
    );
}
