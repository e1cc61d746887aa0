//! `Retry-After` of an overloaded server, put where the client looks for it.
//!
//! An API server that refuses a call by priority and fairness answers 429 with the header and plain text (apiserver,
//! `server/filters/priority-and-fairness.go`, `tooManyRequests`), and a proxy before it a 503 with a page of its own;
//! of both the client keeps only what a `Status` says. So such an answer becomes a `Status` with the header in
//! `details.retryAfterSeconds`.

use futures::future::BoxFuture;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use jiff::Timestamp;
use kube::client::DynBody;
use serde_json::{Value, json};
use tower::BoxError;
use tower::util::AndThenLayer;

use crate::report::cut;

/// The longest text of such an answer that is kept, in bytes.
const MESSAGE_LIMIT: usize = 512;

/// An answer as the client's service gives it.
type Answer = Response<Box<DynBody>>;

/// What looks at an answer before the client does.
type Look = fn(Answer) -> BoxFuture<'static, Result<Answer, BoxError>>;

/// The layer around a client's service.
pub fn layer() -> AndThenLayer<Look> {
    AndThenLayer::new(|answer| Box::pin(told(answer)))
}

/// Leaves every answer as it is but a 429 or 503 with the header.
async fn told(answer: Answer) -> Result<Answer, BoxError> {
    let (mut parts, body) = answer.into_parts();
    let overloaded = matches!(
        parts.status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    let Some(seconds) = seconds(&parts.headers, Timestamp::now()).filter(|_| overloaded) else {
        return Ok(Response::from_parts(parts, body));
    };
    let text = body.collect().await?.to_bytes();
    let text = status(&text, parts.status, seconds).to_string();
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = Full::from(text.into_bytes()).map_err(|never| match never {});
    Ok(Response::from_parts(parts, Box::new(body)))
}

/// How long the header asks to wait: in seconds, or until a date (RFC 9110, 10.2.3).
fn seconds(headers: &HeaderMap, now: Timestamp) -> Option<u32> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(u32::try_from(date.duration_since(now).as_secs()).unwrap_or_default())
}

/// The answer as a `Status` that says how long to wait; what it says itself stays.
fn status(text: &[u8], code: StatusCode, seconds: u32) -> Value {
    let said: Option<Value> = serde_json::from_slice(text)
        .ok()
        .filter(|said: &Value| said["kind"] == "Status");
    let mut said = said.unwrap_or_else(|| {
        let message = cut(String::from_utf8_lossy(text).trim(), MESSAGE_LIMIT);
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code.as_u16()})
    });
    if !said["details"].is_object() {
        said["details"] = json!({});
    }
    if said["details"]["retryAfterSeconds"].as_u64().unwrap_or_default() == 0 {
        said["details"]["retryAfterSeconds"] = seconds.into();
    }
    said
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    async fn after(code: u16, retry_after: Option<&str>, text: &str) -> String {
        let mut answer = Response::builder().status(code);
        if let Some(retry_after) = retry_after {
            answer = answer.header(header::RETRY_AFTER, retry_after);
        }
        let body = Full::from(text.to_owned().into_bytes()).map_err(|never| match never {});
        let body: Box<DynBody> = Box::new(body);
        let told = told(answer.body(body).unwrap()).await.unwrap();
        String::from_utf8(told.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_header_reaches_the_status_whatever_the_text_is() {
        let plain: Value =
            serde_json::from_str(&after(429, Some("7"), "Too many requests, please try again later.\n").await).unwrap();
        assert_eq!(
            (&plain["code"], &plain["details"]["retryAfterSeconds"]),
            (&json!(429), &json!(7))
        );
        assert_eq!(plain["message"], "Too many requests, please try again later.");
        let own = json!({"kind": "Status", "code": 503, "message": "busy", "details": {"name": "web"}}).to_string();
        let own: Value = serde_json::from_str(&after(503, Some("3"), &own).await).unwrap();
        assert_eq!(
            own,
            json!({"kind": "Status", "code": 503, "message": "busy",
                   "details": {"name": "web", "retryAfterSeconds": 3}})
        );
        let said = json!({"kind": "Status", "code": 429, "details": {"retryAfterSeconds": 1}}).to_string();
        assert_eq!(after(429, Some("9"), &said).await, said);
    }

    #[tokio::test]
    async fn every_other_answer_stays_as_it_is() {
        for (code, retry_after) in [(429, None), (503, Some("soon")), (500, Some("7")), (200, Some("7"))] {
            assert_eq!(
                after(code, retry_after, "a text").await,
                "a text",
                "{code} {retry_after:?}"
            );
        }
    }

    #[test]
    fn a_date_counts_from_now_and_one_that_is_past_asks_for_nothing() {
        let now: Timestamp = "2026-01-05T10:00:00Z".parse().unwrap();
        let until = |date: &str| {
            seconds(
                &HeaderMap::from_iter([(header::RETRY_AFTER, date.parse().unwrap())]),
                now,
            )
        };
        assert_eq!(until("Mon, 05 Jan 2026 10:00:20 GMT"), Some(20));
        assert_eq!(until("Mon, 05 Jan 2026 09:00:00 GMT"), Some(0));
        assert_eq!(until("-1"), None);
    }
}
