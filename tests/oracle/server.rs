//! Asks the real API server, and the real kubectl, what a sync gives.

mod answer;
mod kubectl;
mod request;
mod way;

pub use answer::Answer;
pub use way::Way;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use driftmend::engine::kind::Kind;
use futures::stream::{self, StreamExt};
use http::Method;
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::case::{Case, Style, Validation, Writer};
use crate::harness::ControlPlane;
use crate::judge::predicted;
use answer::without_warnings;

/// How many requests are under way at once.
const AT_ONCE: usize = 6;

/// How often is asked where the server has no answer at this moment.
const TRIES: usize = 6;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(2);

/// What was asked and answered about one case.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The objects' kind.
    pub kind: &'static Kind,

    /// The objects' name.
    pub name: String,

    /// The manifest with the name and namespace of the object.
    pub now: Value,

    /// The answer.
    pub answer: Answer,

    /// The live object; none where it is new.
    pub live: Option<Value>,

    /// The manager that syncs.
    pub manager: String,

    /// What the server is asked to do about fields that it does not know.
    pub validation: Validation,
}

/// What was asked about one case, way by way.
pub type Answers = Vec<(Way, Asked)>;

/// The objects of one kind in one namespace of a control plane.
#[derive(Clone)]
pub struct Server<'a> {
    control_plane: &'a ControlPlane,
    client: Client,
    namespace: String,
    kind: &'static Kind,
}

impl<'a> Server<'a> {
    pub async fn new(control_plane: &'a ControlPlane, namespace: String, kind: &'static Kind) -> Result<Self> {
        let kubeconfig = kube::config::Kubeconfig::read_from(control_plane.admin())?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await?;
        Ok(Self {
            control_plane,
            client: Client::try_from(config)?,
            namespace,
            kind,
        })
    }

    /// The same for the objects of another kind.
    pub fn of(&self, kind: &'static Kind) -> Self {
        Self { kind, ..self.clone() }
    }

    /// The same in another namespace.
    pub fn within(&self, namespace: String) -> Self {
        Self {
            namespace,
            ..self.clone()
        }
    }

    /// Where the server has the objects.
    fn url(&self) -> String {
        let Kind { plural, .. } = self.kind;
        format!(
            "/apis/{}/namespaces/{}/{plural}",
            self.kind.api_version(),
            self.namespace
        )
    }

    /// An object with what says its kind, which a list and a few edits leave out.
    pub fn typed(&self, mut object: Value) -> Value {
        object["apiVersion"] = json!(self.kind.api_version());
        object["kind"] = json!(self.kind.kind);
        object
    }

    /// Asks about cases, all their ways at once. A case whose first sync or foreign write is refused has no entry.
    pub async fn ask(&self, cases: &[(String, Case)]) -> Result<HashMap<String, Answers>> {
        let made = self.create(
            &cases
                .iter()
                .map(|(name, case)| self.named(&case.then, &format!("{name}-c")))
                .collect::<Vec<_>>(),
        )?;
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
        let mut by_client: Vec<&mut (Way, Asked)> = found
            .values_mut()
            .flatten()
            .filter(|(way, _)| way.is_kubectls())
            .collect();
        // Those that we expect to pass go together; if kubectl fails over any of them, each is asked alone like the
        // rest.
        for validation in Validation::ALL {
            let mut asked: Vec<_> = by_client
                .iter_mut()
                .filter(|(_, asked)| asked.validation == validation)
                .collect();
            let expected = asked
                .iter()
                .filter(|(way, asked)| predicted(*way, asked).causes.is_empty());
            let mut given = self.apply(
                &expected.map(|(_, asked)| asked.now.clone()).collect::<Vec<_>>(),
                validation,
            )?;
            for (_, asked) in &mut asked {
                asked.answer = match given.remove(&asked.name) {
                    Some(object) => Answer::Object(object),
                    None => self.apply_one(&asked.now, validation, &["--dry-run=server"])?,
                };
            }
        }
        self.take_over(cases, &mut found).await?;
        Ok(found)
    }

    /// Applies for real, when all else was asked: what was made client-side is taken over.
    async fn take_over(&self, cases: &[(String, Case)], found: &mut HashMap<String, Answers>) -> Result<()> {
        for (name, case) in cases {
            let (Some(manager), Some(answers)) = (&case.taken_over_by, found.get_mut(name)) else {
                continue;
            };
            let Some((_, over)) = answers.iter().find(|(way, _)| *way == Way::ClientSide) else {
                continue;
            };
            let mut asked = Asked {
                manager: manager.clone(),
                ..over.clone()
            };
            let (validate, manager) = (case.validation.option(), format!("--field-manager={manager}"));
            let output = self.kubectl(
                asked.now.to_string(),
                &[
                    "apply",
                    "-f",
                    "-",
                    "--server-side",
                    "--force-conflicts",
                    "-o",
                    "name",
                    &manager,
                    validate,
                ],
            )?;
            asked.answer = match output.code {
                0 => self.send(Method::GET, &asked.name, "", "", Vec::new()).await?,
                _ => Answer::Text(without_warnings(&output.stderr)),
            };
            answers.push((Way::TakingOver, asked));
        }
        Ok(())
    }

    /// Everything but what kubectl answers.
    async fn one(&self, name: &str, case: &Case, by_client: bool) -> Result<Answers> {
        let mut asked = Vec::new();
        let (client_name, server_name, new_name) = (format!("{name}-c"), format!("{name}-s"), format!("{name}-n"));
        let validation = case.validation;
        let of = |way: Way, name: &str, now: &Value, answer: Answer, live: Option<&Value>| {
            let (name, manager) = (name.to_owned(), way.manager().to_owned());
            (
                way,
                Asked {
                    kind: self.kind,
                    name,
                    now: now.clone(),
                    answer,
                    live: live.cloned(),
                    manager,
                    validation,
                },
            )
        };
        if by_client && let Some(live) = self.edited(&client_name, case.writer.as_ref()).await? {
            let now = self.named(&case.now, &client_name);
            for way in [Way::ClientSide, Way::Migrating, Way::Replace] {
                let answer = match way {
                    Way::Migrating => {
                        self.server_side(&client_name, &now, way.manager(), true, Some(validation))
                            .await?
                    }
                    Way::Replace => {
                        self.sent_as_it_is(Method::PUT, &client_name, &now, way, validation)
                            .await?
                    }
                    _ => Answer::Text(String::new()),
                };
                asked.push(of(way, &client_name, &now, answer, Some(&live)));
            }
        }
        let then = self.named(&case.then, &server_name);
        let created = self
            .server_side(&server_name, &then, Way::ServerSide.manager(), true, None)
            .await?;
        if matches!(created, Answer::Object(_))
            && let Some(live) = self.edited(&server_name, case.writer.as_ref()).await?
        {
            let now = self.named(&case.now, &server_name);
            for (way, force) in [(Way::ServerSide, true), (Way::Unforced, false)] {
                let answer = self
                    .server_side(&server_name, &now, way.manager(), force, Some(validation))
                    .await?;
                asked.push(of(way, &server_name, &now, answer, Some(&live)));
            }
        }
        // A case without anything before the next sync says nothing of one that is new, either.
        if !asked.is_empty() {
            let now = self.named(&case.now, &new_name);
            for way in [Way::CreateClientSide, Way::CreateServerSide, Way::CreatePost] {
                let answer = match way {
                    Way::CreateServerSide => {
                        self.server_side(&new_name, &now, way.manager(), true, Some(validation))
                            .await?
                    }
                    Way::CreatePost => self.sent_as_it_is(Method::POST, "", &now, way, validation).await?,
                    _ => Answer::Text(String::new()),
                };
                asked.push(of(way, &new_name, &now, answer, None));
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
                body = self.typed(self.named(&body, name));
                ("application/apply-patch+yaml", "&force=true")
            }
        };
        let query = format!("fieldManager={}{force}", writer.manager);
        match self
            .send(Method::PATCH, name, &query, content, serde_json::to_vec(&body)?)
            .await?
        {
            Answer::Object(live) => Ok(Some(live)),
            _ => Ok(None),
        }
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
