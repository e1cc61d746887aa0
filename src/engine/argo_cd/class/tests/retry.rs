//! A failed sync that waits for its next attempt.

use jiff::ToSpan;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;
use crate::engine::argo_cd::shapes::{context, read, set, time, under_way};
use crate::engine::tool_object::action::Action;

#[test]
fn s3_waits_for_its_retry() {
    // (retryCount, backoff, seconds after the failure)
    for (count, backoff, wait) in [
        (1, json!({"duration": "4s", "factor": 3, "maxDuration": "1m"}), 12),
        (2, json!({"duration": "4s", "factor": 3, "maxDuration": "1m"}), 36),
        (3, json!({"duration": "4s", "factor": 3, "maxDuration": "1m"}), 60),
        (1, Value::Null, 10),
        (5, Value::Null, 160),
        (6, Value::Null, 180),
        (2, json!({"duration": "7"}), 28),
        (2, json!({"duration": "1m", "maxDuration": "0"}), 240),
    ] {
        let failed = set(
            under_way("Running"),
            &format!("{STATE}/finishedAt"),
            json!("2026-03-02T10:00:04Z"),
        );
        let counted = set(failed, &format!("{STATE}/retryCount"), json!(count));
        let value = set(counted, &format!("{STATE}/operation/retry/backoff"), backoff);
        is(&value, Some("S3"), "WaitingForRetry", Action::Leave);
        assert_eq!(
            standing(&value).until(),
            Some(time("2026-03-02T10:00:04Z") + wait.seconds()),
            "retry {count}"
        );
    }
}

#[test]
fn s3_with_a_wait_that_nobody_can_read_has_no_time() {
    let failed = set(
        under_way("Running"),
        &format!("{STATE}/finishedAt"),
        json!("2026-03-02T10:00:04Z"),
    );
    let value = set(
        failed,
        &format!("{STATE}/operation/retry/backoff/duration"),
        json!("soon"),
    );
    is(&value, Some("S3"), "WaitingForRetry", Action::Leave);
    assert_eq!(standing(&value).until(), None);
}

#[test]
fn s3_that_is_long_overdue_is_no_wait() {
    let failed = set(
        under_way("Running"),
        &format!("{STATE}/finishedAt"),
        json!("2026-03-02T10:00:04Z"),
    );
    let value = read(&set(failed, &format!("{STATE}/retryCount"), json!(1)));
    let at = |now: &str| {
        classify(
            &value,
            &Context {
                now: time(now),
                controller_seen_alive: Some(time(now)),
                ..context()
            },
        )
    };
    assert_eq!(at("2026-03-02T10:10:16Z").name(), "WaitingForRetry");
    assert_eq!(
        at("2026-03-02T10:10:17Z"),
        Standing::NoProgress {
            since: Some(time("2026-03-02T10:00:04Z"))
        }
    );
}
