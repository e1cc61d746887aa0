//! A mutating webhook: it pins every image that has no digest, as policy engines do.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::git_server::https::{Authority, TlsListener};

/// The digest that every image gets.
pub const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// A webhook that answers as long as it lives.
pub struct Webhook {
    url: String,
    authority: Vec<u8>,
    asked: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Webhook {
    /// Starts it on a free port of 127.0.0.1; `folder` gets the certificate of its authority.
    pub fn start(folder: &Path) -> Result<Self> {
        let authority = Authority::new();
        let certificate = std::fs::read(authority.write(folder))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let inner = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let port = inner.local_addr()?.port();
        let asked = Arc::<AtomicUsize>::default();
        let router = Router::new().route("/", post(review)).with_state(asked.clone());
        let listener = TlsListener {
            inner,
            acceptor: authority.acceptor(),
        };
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            url: format!("https://127.0.0.1:{port}/"),
            authority: certificate,
            asked,
            _runtime: runtime,
        })
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The configuration that sends it every write of a Deployment in a namespace.
    pub fn configuration(&self, name: &str, namespace: &str) -> String {
        let rule = json!({"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                          "resources": ["deployments"]});
        let webhook = json!({
            "name": format!("{name}.example.com"), "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Fail",
            "timeoutSeconds": 10, "clientConfig": {"url": self.url, "caBundle": STANDARD.encode(&self.authority)},
            "rules": [rule],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        });
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [webhook],
        });
        configuration.to_string()
    }
}

async fn review(State(asked): State<Arc<AtomicUsize>>, Json(review): Json<Value>) -> Json<Value> {
    asked.fetch_add(1, Ordering::SeqCst);
    let request = &review["request"];
    let containers = request["object"]["spec"]["template"]["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten();
    let pins: Vec<Value> = containers
        .enumerate()
        .filter_map(|(at, container)| {
            let image = container["image"].as_str().filter(|image| !image.contains('@'))?;
            let path = format!("/spec/template/spec/containers/{at}/image");
            Some(json!({"op": "replace", "path": path, "value": format!("{image}@{DIGEST}")}))
        })
        .collect();
    let patch = STANDARD.encode(json!(pins).to_string());
    let response = json!({"uid": request["uid"], "allowed": true, "patchType": "JSONPatch", "patch": patch});
    Json(json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}))
}
