//! What is sent to the server without kubectl.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use http::{Method, Request};
use serde_json::Value;

use super::answer::Answer;
use super::{PAUSE, Server, TRIES, Way};
use crate::case::Validation;

impl Server<'_> {
    /// A server-side apply: a dry run with this validation, or for real.
    pub(super) async fn server_side(
        &self,
        name: &str,
        manifest: &Value,
        manager: &str,
        force: bool,
        dry: Option<Validation>,
    ) -> Result<Answer> {
        let dry_run = dry
            .map(|validation| format!("&dryRun=All&fieldValidation={validation:?}"))
            .unwrap_or_default();
        let query = format!("fieldManager={manager}&force={force}{dry_run}");
        self.send(
            Method::PATCH,
            name,
            &query,
            "application/apply-patch+yaml",
            serde_json::to_vec(manifest)?,
        )
        .await
    }

    pub(super) async fn sent_as_it_is(
        &self,
        method: Method,
        name: &str,
        manifest: &Value,
        way: Way,
        validation: Validation,
    ) -> Result<Answer> {
        let query = format!(
            "fieldManager={}&dryRun=All&fieldValidation={validation:?}",
            way.manager()
        );
        self.send(method, name, &query, "application/json", serde_json::to_vec(manifest)?)
            .await
    }

    /// All objects of the namespace, by name.
    pub async fn list(&self) -> Result<HashMap<String, Value>> {
        let list: Value = self.client.request(Request::get(self.url()).body(Vec::new())?).await?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let named = items.into_iter().map(|item| {
            let name = item["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            (name, self.typed(item))
        });
        Ok(named.collect())
    }

    /// Sends a request, again while the server has no answer: a case that is passed over for that would look like one
    /// that is right.
    pub async fn send(&self, method: Method, name: &str, query: &str, content: &str, body: Vec<u8>) -> Result<Answer> {
        for _ in 1..TRIES {
            let answer = self.send_once(&method, name, query, content, body.clone()).await?;
            if !answer.is_none() {
                return Ok(answer);
            }
            tokio::time::sleep(PAUSE).await;
        }
        let answer = self.send_once(&method, name, query, content, body).await?;
        ensure!(
            !answer.is_none(),
            "the server does not answer {method} {name}: {answer:?}"
        );
        Ok(answer)
    }

    async fn send_once(
        &self,
        method: &Method,
        name: &str,
        query: &str,
        content: &str,
        body: Vec<u8>,
    ) -> Result<Answer> {
        let place = if name.is_empty() {
            String::new()
        } else {
            format!("/{name}")
        };
        let uri = format!("{}{place}?{query}", self.url());
        let mut request = Request::builder().method(method).uri(uri);
        if !content.is_empty() {
            request = request.header("Content-Type", content);
        }
        match self.client.request::<Value>(request.body(body)?).await {
            Ok(object) => Ok(Answer::Object(object)),
            Err(kube::Error::Api(status)) => {
                let causes = status.details.iter().flat_map(|details| &details.causes);
                let causes = causes
                    .map(|cause| (cause.reason.clone(), cause.field.clone(), cause.message.clone()))
                    .collect();
                Ok(Answer::Refusal {
                    code: status.code,
                    message: status.message.clone(),
                    causes,
                })
            }
            Err(error) => Err(error.into()),
        }
    }
}
