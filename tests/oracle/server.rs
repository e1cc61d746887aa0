//! Asks the real API server, and the real kubectl, what a sync gives.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use driftmend::engine::predict::predict;
use futures::stream::{self, StreamExt};
use http::{Method, Request};
use kube::{Client, Config};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::case::{Case, Style, Writer};
use crate::harness::{ControlPlane, Output};
use crate::judge::syncer;

/// How many requests are under way at once.
const AT_ONCE: usize = 6;

/// How often is asked where the server has no answer at this moment.
const TRIES: usize = 6;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(2);

/// How a server, or kubectl for it, says that it has no answer at this moment, which is not about what was asked.
const NO_ANSWER: [&str; 13] = [
    "Error from server (TooManyRequests)",
    "Error from server (ServiceUnavailable)",
    "Error from server (ServerTimeout)",
    "Error from server (Timeout)",
    "Unable to connect to the server",
    "The connection to the server ",
    "couldn't get current server API group list",
    "etcdserver: ",
    "context deadline exceeded",
    "TLS handshake timeout",
    "i/o timeout",
    "connection refused",
    "connection reset",
];

/// Whether nobody answered what was asked.
fn is_no_answer(text: &str) -> bool {
    NO_ANSWER.iter().any(|words| text.contains(words))
}

/// Whether the server said no to what was asked, in kubectl's words.
fn is_refusal(text: &str) -> bool {
    text.contains(" is invalid") || text.contains("Error from server")
}

/// The server's answer to one write.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The object that the write gives.
    Object(Value),

    /// Why not: the code, the message, and the causes as `(reason, field, message)`.
    Refusal { code: u16, message: String, causes: Vec<(String, String, String)> },

    /// What kubectl printed when it failed.
    Text(String),
}

impl Answer {
    /// Whether it is none. A 500 alone is one: it is how server-side apply refuses what does not fit the schema.
    fn is_none(&self) -> bool {
        match self {
            Self::Refusal { code, message, .. } => matches!(*code, 429 | 501..=599) || *code == 500 && is_no_answer(message),
            Self::Object(_) | Self::Text(_) => false,
        }
    }
}

/// The ways in which the next sync may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Way {
    /// `kubectl apply` over what `kubectl apply` made.
    ClientSide,

    /// Forced server-side apply over what server-side apply made.
    ServerSide,

    /// The same without force.
    Unforced,

    /// Forced server-side apply over what `kubectl apply` made.
    Migrating,

    /// A PUT over what `kubectl apply` made.
    Replace,
}

impl Way {
    pub const ALL: [Self; 5] = [Self::ClientSide, Self::ServerSide, Self::Unforced, Self::Migrating, Self::Replace];

    /// The manager that syncs this way.
    pub fn manager(self) -> &'static str {
        match self {
            Self::ClientSide => "kubectl-client-side-apply",
            Self::ServerSide | Self::Unforced | Self::Migrating => "kustomize-controller",
            Self::Replace => "kubectl-replace",
        }
    }
}

/// What was asked and answered about one case.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The objects' name.
    pub name: String,

    /// The manifest with the name and namespace of the object.
    pub now: Value,

    /// The live object and the answer.
    pub answer: Answer,
    pub live: Value,
}

/// What was asked about one case, way by way.
pub type Answers = Vec<(Way, Asked)>;

/// One namespace of a control plane.
pub struct Server<'a> {
    control_plane: &'a ControlPlane,
    client: Client,
    namespace: String,
}

impl<'a> Server<'a> {
    pub async fn new(control_plane: &'a ControlPlane, namespace: String) -> Result<Self> {
        let kubeconfig = kube::config::Kubeconfig::read_from(control_plane.admin())?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await?;
        Ok(Self { control_plane, client: Client::try_from(config)?, namespace })
    }

    /// Asks about cases, all their ways at once. A case whose first sync or foreign write is refused has no entry.
    pub async fn ask(&self, cases: &[(String, Case)]) -> Result<HashMap<String, Answers>> {
        let made = self.create(&cases.iter().map(|(name, case)| self.named(&case.then, &format!("{name}-c"))).collect::<Vec<_>>())?;
        let answered: Vec<(String, Result<Answers>)> = stream::iter(cases)
            .map(|(name, case)| {
                let by_client = made.contains(&format!("{name}-c"));
                async move { (name.clone(), self.one(name, case, by_client).await) }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut found: HashMap<String, Answers> = HashMap::new();
        for (name, asked) in answered {
            found.insert(name.clone(), asked.with_context(|| format!("case {name}"))?);
        }
        found.retain(|_, asked| !asked.is_empty());
        let mut by_client: Vec<&mut Asked> =
            found.values_mut().flatten().filter(|(way, _)| *way == Way::ClientSide).map(|(_, asked)| asked).collect();
        // Those that we expect to pass go together; if kubectl fails over any of them, each is asked alone like the rest.
        let expected = |asked: &Asked| predict(&asked.now, &asked.live, &syncer(Way::ClientSide)).causes.is_empty();
        let together: Vec<Value> = by_client.iter().filter(|asked| expected(asked)).map(|asked| asked.now.clone()).collect();
        let mut given = self.apply(&together)?;
        for asked in &mut by_client {
            asked.answer = match given.remove(&asked.name) {
                Some(object) => Answer::Object(object),
                None => self.apply_one(&asked.now, &["--dry-run=server"])?,
            };
        }
        Ok(found)
    }

    /// Everything but what kubectl answers.
    async fn one(&self, name: &str, case: &Case, by_client: bool) -> Result<Answers> {
        let mut asked = Vec::new();
        let (client_name, server_name) = (format!("{name}-c"), format!("{name}-s"));
        if by_client && let Some(live) = self.edited(&client_name, case.writer.as_ref()).await? {
            let now = self.named(&case.now, &client_name);
            for way in [Way::ClientSide, Way::Migrating, Way::Replace] {
                let answer = match way {
                    Way::Migrating => self.server_side(&client_name, &now, way.manager(), true, true).await?,
                    Way::Replace => self.replace(&client_name, &now).await?,
                    _ => Answer::Text(String::new()),
                };
                asked.push((way, Asked { name: client_name.clone(), now: now.clone(), answer, live: live.clone() }));
            }
        }
        let then = self.named(&case.then, &server_name);
        let created = self.server_side(&server_name, &then, Way::ServerSide.manager(), true, false).await?;
        if matches!(created, Answer::Object(_))
            && let Some(live) = self.edited(&server_name, case.writer.as_ref()).await?
        {
            let now = self.named(&case.now, &server_name);
            for (way, force) in [(Way::ServerSide, true), (Way::Unforced, false)] {
                let answer = self.server_side(&server_name, &now, way.manager(), force, true).await?;
                asked.push((way, Asked { name: server_name.clone(), now: now.clone(), answer, live: live.clone() }));
            }
        }
        Ok(asked)
    }

    /// The live object after the foreign write; `None` where the server refuses that one.
    async fn edited(&self, name: &str, writer: Option<&Writer>) -> Result<Option<Value>> {
        let live = match self.send(Method::GET, name, "", "", Vec::new()).await? {
            Answer::Object(live) => live,
            other => bail!("failed to read {name}: {other:?}"),
        };
        let Some(writer) = writer else { return Ok(Some(live)) };
        let mut body = writer.body(&live);
        if writer.style == Style::Json && body.as_array().is_some_and(Vec::is_empty) {
            return Ok(Some(live));
        }
        let (content, force) = match writer.style {
            Style::Json => ("application/json-patch+json", ""),
            Style::Strategic => ("application/strategic-merge-patch+json", ""),
            Style::Apply => {
                body = self.named(&body, name);
                body["apiVersion"] = json!("apps/v1");
                body["kind"] = json!("Deployment");
                ("application/apply-patch+yaml", "&force=true")
            }
        };
        let query = format!("fieldManager={}{force}", writer.manager);
        match self.send(Method::PATCH, name, &query, content, serde_json::to_vec(&body)?).await? {
            Answer::Object(live) => Ok(Some(live)),
            _ => Ok(None),
        }
    }

    async fn server_side(&self, name: &str, manifest: &Value, manager: &str, force: bool, dry_run: bool) -> Result<Answer> {
        let dry_run = if dry_run { "&dryRun=All" } else { "" };
        let query = format!("fieldManager={manager}&force={force}{dry_run}");
        self.send(Method::PATCH, name, &query, "application/apply-patch+yaml", serde_json::to_vec(manifest)?).await
    }

    async fn replace(&self, name: &str, manifest: &Value) -> Result<Answer> {
        let query = format!("fieldManager={}&dryRun=All", Way::Replace.manager());
        self.send(Method::PUT, name, &query, "application/json", serde_json::to_vec(manifest)?).await
    }

    /// All objects of the namespace, by name.
    pub async fn list(&self) -> Result<HashMap<String, Value>> {
        let uri = format!("/apis/apps/v1/namespaces/{}/deployments", self.namespace);
        let list: Value = self.client.request(Request::get(uri).body(Vec::new())?).await?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let typed = items.into_iter().map(|mut item| {
            // A list leaves out what all of its items have in common.
            (item["apiVersion"], item["kind"]) = (json!("apps/v1"), json!("Deployment"));
            (item["metadata"]["name"].as_str().unwrap_or_default().to_owned(), item)
        });
        Ok(typed.collect())
    }

    /// Sends a request, again while the server has no answer: a case that is passed over for that would look like one that is right.
    pub async fn send(&self, method: Method, name: &str, query: &str, content: &str, body: Vec<u8>) -> Result<Answer> {
        for _ in 1..TRIES {
            let answer = self.send_once(&method, name, query, content, body.clone()).await?;
            if !answer.is_none() {
                return Ok(answer);
            }
            tokio::time::sleep(PAUSE).await;
        }
        let answer = self.send_once(&method, name, query, content, body).await?;
        ensure!(!answer.is_none(), "the server does not answer {method} {name}: {answer:?}");
        Ok(answer)
    }

    async fn send_once(&self, method: &Method, name: &str, query: &str, content: &str, body: Vec<u8>) -> Result<Answer> {
        let place = if name.is_empty() { String::new() } else { format!("/{name}") };
        let uri = format!("/apis/apps/v1/namespaces/{}/deployments{place}?{query}", self.namespace);
        let mut request = Request::builder().method(method).uri(uri);
        if !content.is_empty() {
            request = request.header("Content-Type", content);
        }
        match self.client.request::<Value>(request.body(body)?).await {
            Ok(object) => Ok(Answer::Object(object)),
            Err(kube::Error::Api(status)) => {
                let causes = status.details.iter().flat_map(|details| &details.causes);
                let causes = causes.map(|cause| (cause.reason.clone(), cause.field.clone(), cause.message.clone())).collect();
                Ok(Answer::Refusal { code: status.code, message: status.message.clone(), causes })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Runs kubectl over manifests, again while the server has no answer for it.
    fn kubectl(&self, manifests: String, arguments: &[&str]) -> Result<Output> {
        let kubectl = self.control_plane.tool("kubectl")?.input(manifests);
        let answered = |output: &Output| output.code == 0 || !is_no_answer(&output.stderr);
        for _ in 1..TRIES {
            let output = kubectl.run(arguments)?;
            if answered(&output) {
                return Ok(output);
            }
            thread::sleep(PAUSE);
        }
        let output = kubectl.run(arguments)?;
        ensure!(answered(&output), "the server does not answer `{}`:\n{}", output.command, output.stderr);
        Ok(output)
    }

    /// Applies manifests by kubectl, and gives the names of those that were taken.
    ///
    /// # Errors
    ///
    /// When none was taken and none was refused: then kubectl failed as a whole, and nothing would be asked its way.
    pub fn create(&self, manifests: &[Value]) -> Result<HashSet<String>> {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string();
        let output = self.kubectl(list, &["apply", "-f", "-", "--validate=false", "-o", "name"])?;
        let taken: HashSet<String> =
            output.stdout.lines().filter_map(|line| line.strip_prefix("deployment.apps/")).map(str::to_owned).collect();
        if taken.is_empty() && !manifests.is_empty() && !is_refusal(&output.stderr) {
            bail!("`{}` took none of {} manifests and ended with {}:\n{}", output.command, manifests.len(), output.code, output.stderr);
        }
        Ok(taken)
    }

    /// What kubectl would make of all these manifests, by name; nothing where it fails over one of them.
    fn apply(&self, manifests: &[Value]) -> Result<HashMap<String, Value>> {
        if manifests.is_empty() {
            return Ok(HashMap::new());
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string();
        let arguments = ["apply", "-f", "-", "--validate=false", "-o", "json", "--dry-run=server"];
        let output = self.kubectl(list, &arguments)?;
        // kubectl prints one object alone, and several as a List.
        let items = match serde_json::from_str::<Value>(&output.stdout) {
            Ok(Value::Object(mut printed)) => match printed.remove("items") {
                Some(Value::Array(items)) => items,
                _ => vec![Value::Object(printed)],
            },
            _ => Vec::new(),
        };
        let name_of = |item: &Value| item.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned);
        Ok(items.into_iter().filter_map(|item| Some((name_of(&item)?, item))).collect())
    }

    pub fn apply_one(&self, manifest: &Value, flags: &[&str]) -> Result<Answer> {
        let arguments = ["apply", "-f", "-", "--validate=false", "-o", "json"];
        let output = self.kubectl(manifest.to_string(), &[&arguments, flags].concat())?;
        Ok(match output.code {
            0 => Answer::Object(serde_json::from_str(&output.stdout)?),
            _ => Answer::Text(output.stderr.trim_end().to_owned()),
        })
    }

    pub fn named(&self, manifest: &Value, name: &str) -> Value {
        let mut manifest = manifest.clone();
        manifest["metadata"]["name"] = json!(name);
        manifest["metadata"]["namespace"] = json!(self.namespace);
        manifest
    }
}

/// Where a failed run leaves its cases.
pub fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracle")
}
