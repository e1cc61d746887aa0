//! One sequence as it is played: what is sent next, and what was seen of it.

use driftmend::engine::kind::Kind;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{APPLY, Faults};
use crate::case::{Style, put};
use crate::sequence::leaf::path;
use crate::sequence::model::{Model, Truth, Who, Write};
use crate::sequence::tally::Tally;
use crate::sequence::verdict::{assessed, faults};
use crate::sequence::{Edits, Sequence, Step, generate};
use crate::server::{Server, Way};

/// One sequence that is played.
pub(super) struct Player<'s> {
    pub(super) name: String,
    pub(super) sequence: &'s Sequence,
    server: &'s Server<'s>,
    pub(super) git: Value,
    pub(super) model: Option<Model>,
    pub(super) live: Value,
    pub(super) faults: Faults,
}

/// A write that a step asks for.
pub(super) enum Sent {
    /// By kubectl, with the others of the round.
    Kubectl(Value),

    /// By a request.
    Request {
        method: Method,
        place: String,
        query: String,
        content: &'static str,
        body: Value,
    },
}

impl<'s> Player<'s> {
    pub(super) fn new(name: &str, sequence: &'s Sequence, server: &'s Server<'s>) -> Self {
        let git = server.named(&sequence.git, name);
        Self {
            name: name.to_owned(),
            sequence,
            server,
            git,
            model: None,
            live: Value::Null,
            faults: Faults::new(),
        }
    }

    /// The tool's own sync of what Git says.
    pub(super) fn sync(&self, is_new: bool) -> Sent {
        self.by_tools_way(self.git.clone(), is_new)
    }

    fn by_tools_way(&self, document: Value, is_new: bool) -> Sent {
        let way = self.sequence.way;
        let manager = way.manager();
        match way {
            Way::ClientSide => Sent::Kubectl(document),
            Way::Replace if is_new => self.request(
                Method::POST,
                "",
                format!("fieldManager={manager}"),
                "application/json",
                document,
            ),
            Way::Replace => self.request(
                Method::PUT,
                &self.name,
                format!("fieldManager={manager}"),
                "application/json",
                document,
            ),
            _ => self.request(
                Method::PATCH,
                &self.name,
                format!("fieldManager={manager}&force=true"),
                APPLY,
                document,
            ),
        }
    }

    fn request(&self, method: Method, place: &str, query: String, content: &'static str, body: Value) -> Sent {
        Sent::Request {
            method,
            place: place.to_owned(),
            query,
            content,
            body,
        }
    }

    /// The write of a step; none where there is nothing to write.
    pub(super) fn write(&self, step: &Step) -> Option<Sent> {
        Some(match step {
            Step::Commit(_) => return None,
            Step::Sync => self.sync(false),
            Step::Hotfix(edits) => self.by_tools_way(edited(self.sequence.kind(), &self.git, edits), false),
            Step::Apply(edits) => Sent::Kubectl(edited(self.sequence.kind(), &self.git, edits)),
            Step::Put(edits) => {
                let query = format!("fieldManager={}", Way::Replace.manager());
                self.request(
                    Method::PUT,
                    &self.name,
                    query,
                    "application/json",
                    edited(self.sequence.kind(), &self.git, edits),
                )
            }
            Step::Scale { manager, replicas } => {
                let body = json!({"spec": {"replicas": replicas}});
                let place = format!("{}/scale", self.name);
                self.request(
                    Method::PATCH,
                    &place,
                    format!("fieldManager={manager}"),
                    "application/merge-patch+json",
                    body,
                )
            }
            Step::Write(writer) => {
                let mut body = writer.body(&self.live);
                if body.as_array().is_some_and(Vec::is_empty) {
                    return None;
                }
                let (content, force) = match writer.style {
                    Style::Json => ("application/json-patch+json", ""),
                    Style::Strategic => ("application/strategic-merge-patch+json", ""),
                    Style::Apply => {
                        body = self.server.typed(body);
                        body["metadata"]["name"] = json!(self.name);
                        (APPLY, "&force=true")
                    }
                };
                self.request(
                    Method::PATCH,
                    &self.name,
                    format!("fieldManager={}{force}", writer.manager),
                    content,
                    body,
                )
            }
        })
    }

    /// Tells the model of a step that the server took, or refused.
    pub(super) fn saw(&mut self, step: &Step, taken: bool) {
        let Some(model) = self.model.as_mut().filter(|_| taken) else {
            return;
        };
        let kind = self.sequence.kind();
        let (git, live, tools) = (&self.git, &self.live, tool(self.sequence.way));
        let mut wrote = |who: Who, is_sync: bool, sent: &Value| model.wrote(&Write { who, is_sync, sent }, live);
        match step {
            Step::Commit(_) => {}
            Step::Sync => wrote(tools, true, git),
            Step::Hotfix(edits) => wrote(tools, false, &edited(kind, git, edits)),
            Step::Apply(edits) => wrote(tool(Way::ClientSide), false, &edited(kind, git, edits)),
            Step::Put(edits) => wrote(tool(Way::Replace), false, &edited(kind, git, edits)),
            Step::Scale { manager, .. } => {
                wrote(
                    Who {
                        subresource: Some("scale".to_owned()),
                        ..Who::new(manager, false)
                    },
                    false,
                    &Value::Null,
                );
            }
            Step::Write(writer) => {
                let mut sent = json!({});
                for (at, value) in &writer.edits {
                    put(&mut sent, &path(at), value.clone());
                }
                wrote(Who::new(&writer.manager, writer.style == Style::Apply), false, &sent);
            }
        }
    }

    pub(super) fn judge(&mut self, when: &str, now: Timestamp, tally: &mut Tally) {
        let Some(model) = &mut self.model else { return };
        model.looked(&self.live);
        let Sequence { way, known, .. } = *self.sequence;
        tally.states += 1;
        for field in model.fields.iter().filter(|field| field.differs()) {
            let truth = match field.truth() {
                Truth::Git => "Git moved",
                Truth::Live if field.both_moved() => "both moved",
                Truth::Live => "live moved",
                Truth::Server => "admission rewrote",
            };
            *tally.truths.entry(truth).or_default() += 1;
        }
        let assessment = assessed(model, &self.live, way, known, now);
        self.faults.extend(
            faults(model, &assessment, way, known)
                .into_iter()
                .map(|fault| (when.to_owned(), fault)),
        );
        model.assessed(&assessment.drifts, Timestamp::now());
    }
}

/// Under which name the tool writes.
pub(super) fn tool(way: Way) -> Who {
    Who::new(way.manager(), way == Way::ServerSide)
}

pub(super) fn edited(kind: &Kind, document: &Value, edits: &Edits) -> Value {
    let mut document = document.clone();
    for (at, value) in edits {
        generate::set(kind, &mut document, at, value.clone());
    }
    document
}
