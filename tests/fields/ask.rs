//! Asks the real API server.

use std::sync::Arc;

use anyhow::{Result, bail};
use driftmend::engine::predict::{SyncPatch, request};
use driftmend::engine::syncer::Force;
use http::{Method, Request};
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::base::alone;
use crate::case::Around;
use crate::harness::ControlPlane;
use crate::judge::{Answer, Way};
use crate::subject::Subject;

/// The name under which an object would be created.
pub const NEW: &str = "new";

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// One namespace of a control plane, with an object for each way and surrounding.
pub struct Server {
    client: Client,
    pub namespace: String,
    pub subject: Arc<Subject>,
    live: Vec<((Way, Around), Value)>,
}

impl Server {
    /// Makes the objects.
    pub async fn new(control_plane: &ControlPlane, namespace: String, subject: Arc<Subject>) -> Result<Self> {
        let kubeconfig = kube::config::Kubeconfig::read_from(control_plane.admin())?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await?;
        let mut server = Self {
            client: Client::try_from(config)?,
            namespace,
            subject,
            live: Vec::new(),
        };
        for around in [Around::Nothing, Around::All] {
            for way in [Way::ClientSide, Way::ServerSide] {
                let live = server.make(way, around).await?;
                if way == Way::ClientSide {
                    server.live.push(((Way::Replace, around), live.clone()));
                }
                server.live.push(((way, around), live));
            }
        }
        Ok(server)
    }

    async fn make(&self, way: Way, around: Around) -> Result<Value> {
        let name = name(way, around);
        let mut manifest = match around {
            Around::Nothing => alone(&self.subject, &[]),
            Around::All => self.subject.full.clone(),
        };
        manifest["metadata"]["name"] = json!(name);
        manifest["metadata"]["namespace"] = json!(self.namespace);
        let answer = if way == Way::ServerSide {
            self.send(
                Method::PATCH,
                name,
                "fieldManager=kustomize-controller&force=true",
                "application/apply-patch+yaml",
                &manifest,
            )
            .await?
        } else {
            manifest["metadata"]["annotations"][LAST_APPLIED] = json!(format!("{manifest}\n"));
            self.send(
                Method::POST,
                "",
                "fieldManager=kubectl-client-side-apply",
                "application/json",
                &manifest,
            )
            .await?
        };
        match answer {
            Answer::Object(live) => Ok(live),
            other => bail!("the server does not take {name}: {other:?}"),
        }
    }

    /// What a way starts from; null where it creates.
    pub fn live(&self, way: Way, around: Around) -> &Value {
        let found = self.live.iter().find(|(key, _)| *key == (way, around));
        found.map_or(&Value::Null, |(_, live)| live)
    }

    /// The server's answer to a manifest; none where nothing is sent.
    pub async fn ask(&self, way: Way, around: Around, manifest: &Value) -> Result<Option<Answer>> {
        const DRY: &str = "dryRun=All&fieldValidation=Ignore";
        let (name, syncer) = (name(way, around), way.syncer());
        let query = format!("{DRY}&fieldManager={}", syncer.manager);
        let answer = match way {
            Way::Create => {
                self.send(Method::POST, "", &query, "application/json", manifest)
                    .await?
            }
            Way::Replace => {
                self.send(Method::PUT, name, &query, "application/json", manifest)
                    .await?
            }
            Way::ClientSide | Way::ServerSide => {
                let Ok(request) = request(self.subject.kind, manifest, self.live(way, around), &syncer) else {
                    return Ok(None);
                };
                if matches!(&request.patch, SyncPatch::Strategic(Value::Object(patch)) if patch.is_empty()) {
                    return Ok(None);
                }
                let force = if matches!(request.patch, SyncPatch::Apply(_, Force::Yes)) {
                    "&force=true"
                } else {
                    ""
                };
                let query = format!("{query}{force}");
                self.send(
                    Method::PATCH,
                    name,
                    &query,
                    request.patch.content_type(),
                    request.patch.body(),
                )
                .await?
            }
        };
        Ok(Some(answer))
    }

    /// Sends a request, again where the connection went away under it: the server closes one that was idle, or that it
    /// has had enough of.
    async fn send(&self, method: Method, name: &str, query: &str, content: &str, body: &Value) -> Result<Answer> {
        const TRIES: usize = 4;
        let slash = if name.is_empty() { "" } else { "/" };
        let uri = format!(
            "/apis/{}/namespaces/{}/{}{slash}{name}?{query}",
            self.subject.kind.api_version(),
            self.namespace,
            self.subject.kind.plural
        );
        let body = serde_json::to_vec(body)?;
        for attempt in 1..=TRIES {
            let request = Request::builder()
                .method(&method)
                .uri(&uri)
                .header("Content-Type", content)
                .body(body.clone())?;
            match self.client.request::<Value>(request).await {
                Ok(object) => return Ok(Answer::Object(object)),
                Err(kube::Error::Api(status)) if !matches!(status.code, 429 | 501..=599) => {
                    let causes = status.details.iter().flat_map(|details| &details.causes);
                    let causes = causes
                        .map(|cause| (cause.reason.clone(), cause.field.clone(), cause.message.clone()))
                        .collect();
                    return Ok(Answer::Refusal {
                        code: status.code,
                        message: status.message.clone(),
                        causes,
                    });
                }
                // It was there all the time: its handler ends in a panic over this very request.
                Err(kube::Error::Service(_)) if attempt == TRIES => return Ok(Answer::Panic),
                Err(error) if attempt == TRIES => return Err(error.into()),
                Err(_) => {}
            }
        }
        bail!("nothing was asked")
    }
}

/// The name of the object that a way starts from, or of the new one.
pub fn name(way: Way, around: Around) -> &'static str {
    match (way, around) {
        (Way::Create, _) => NEW,
        (Way::Replace | Way::ClientSide, Around::Nothing) => "alone",
        (Way::Replace | Way::ClientSide, Around::All) => "full",
        (Way::ServerSide, Around::Nothing) => "alone-applied",
        (Way::ServerSide, Around::All) => "full-applied",
    }
}
