//! What is true of each field, from what the test did and what the server then had.

use std::collections::BTreeSet;
use std::sync::Arc;

use driftmend::engine::diff::{Apart, Drift};
use jiff::Timestamp;
use serde_json::Value;

use super::leaf::{Leaf, leaves};
use crate::subject::kind_of;

/// The field that the subresource `scale` writes, in every kind that has it.
const REPLICAS: &str = "replicas";

/// Under which name, how and where someone wrote.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Who {
    pub manager: String,
    pub applies: bool,
    pub subresource: Option<String>,
}

impl Who {
    pub fn new(manager: &str, applies: bool) -> Self {
        Self {
            manager: manager.to_owned(),
            applies,
            subresource: None,
        }
    }
}

/// A write that the server took.
pub struct Write<'a> {
    pub who: Who,

    /// Whether it is the tool's own sync of what Git says.
    pub is_sync: bool,

    /// What was sent, as far as it names fields: what a server-side apply sets, and the image before admission.
    pub sent: &'a Value,
}

/// Which side is known to have moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Truth {
    Git,
    Live,
    Server,
}

/// All that is known of one field.
#[derive(Clone, Debug)]
pub struct Field {
    pub leaf: Leaf,
    pub git: Option<Value>,
    pub live: Option<Value>,

    /// Whether Git itself says it, and it is not the default alone.
    pub is_in_git: bool,

    /// Who owns the value, and who owns the item around it.
    pub value: BTreeSet<Who>,
    pub node: BTreeSet<Who>,

    /// What Git and live said when they last agreed, or when the tool last brought Git's word.
    at: (Option<Value>, Option<Value>),

    /// Whether live is what someone else than the tool sent under its name since it synced last.
    pub under_tools_name: bool,

    /// Whether the tool brought the value of live, as far as anyone sees; else Git came to say what others had written.
    pub brought: bool,
}

impl Field {
    pub fn differs(&self) -> bool {
        self.git != self.live
    }

    pub fn truth(&self) -> Truth {
        match (self.git != self.at.0, self.live != self.at.1) {
            (_, true) => Truth::Live,
            (true, false) => Truth::Git,
            (false, false) => Truth::Server,
        }
    }

    /// Who owns what is around the value, where anything is.
    pub fn item_owners(&self) -> impl Iterator<Item = &Who> {
        self.node.iter().filter(|_| self.leaf.has_node())
    }

    /// Whether the time at which both last agreed decides, and not only that live never was what Git says.
    pub fn both_moved(&self) -> bool {
        self.git != self.at.0 && self.live != self.at.1
    }
}

/// Where Git and live met.
#[derive(Clone, Debug)]
pub struct Meeting {
    /// What Git said.
    pub git: Value,

    /// Where they differed all the same.
    pub apart: Arc<[Apart]>,

    /// When it was seen.
    pub at: Timestamp,
}

/// What is known of one object.
#[derive(Clone, Debug)]
pub struct Model {
    pub fields: Vec<Field>,

    /// What Git says, and since when it does; the first document was always there.
    pub git: Value,
    pub since: Timestamp,
    pub is_first: bool,

    /// What the tool synced last.
    pub synced: Value,

    /// Where Git and live last met, as the controller remembers it from what was told.
    pub met: Option<Meeting>,

    /// Whether the last-applied annotation was lost once: a PUT drops it, and the server writes it anew at a
    /// server-side apply by `kubectl`.
    pub is_last_applied_lost: bool,

    /// Whether anyone wrote under the tool's name since Git says what it says.
    pub wrote_since: bool,

    /// Whether anyone wrote through `/scale`. Of that the server notes nothing while nobody owns the replicas, since
    /// such a Scale has no entries; and one that changes nothing takes them from their owner, sooner or later. So their
    /// owners are read from then on.
    scaled: bool,

    /// Under which name the tool writes, and whether admission rewrites what is written.
    pub tool: Who,
    pub rewritten: bool,
}

impl Model {
    /// Of an object that the tool has just created.
    pub fn created(git: &Value, tool: Who, rewritten: bool, since: Timestamp, live: &Value) -> Self {
        let none = |leaf| Field {
            leaf,
            git: None,
            live: None,
            is_in_git: false,
            value: BTreeSet::new(),
            node: BTreeSet::new(),
            at: (None, None),
            under_tools_name: false,
            brought: true,
        };
        let fields = leaves(kind_of(git)).into_iter().map(none).collect();
        let mut model = Self {
            fields,
            git: git.clone(),
            since,
            is_first: true,
            synced: git.clone(),
            met: None,
            is_last_applied_lost: false,
            wrote_since: false,
            scaled: false,
            tool: tool.clone(),
            rewritten,
        };
        model.read_git();
        model.wrote(
            &Write {
                who: tool,
                is_sync: true,
                sent: git,
            },
            live,
        );
        model
    }

    /// Git says something else.
    pub fn committed(&mut self, git: Value, at: Timestamp) {
        if git == self.git {
            return;
        }
        (self.git, self.since, self.is_first, self.wrote_since) = (git, at, false, false);
        self.read_git();
        self.agree();
    }

    /// Reads what only the server can tell: the owners of replicas that were scaled.
    pub fn looked(&mut self, live: &Value) {
        for field in self
            .fields
            .iter_mut()
            .filter(|field| self.scaled && field.leaf.name == REPLICAS)
        {
            field.value = noted_of_replicas(live);
        }
    }

    fn read_git(&mut self) {
        for field in &mut self.fields {
            field.git = field.leaf.of(&self.git);
            field.is_in_git = field.leaf.said(&self.git).is_some();
        }
    }

    /// Someone wrote, and this is what the server has now.
    pub fn wrote(&mut self, write: &Write<'_>, live: &Value) {
        let Write { who, is_sync, sent } = write;
        self.scaled |= who.subresource.is_some();
        self.is_last_applied_lost |= who.manager == "kubectl-replace" || who.manager == "kubectl" && who.applies;
        self.wrote_since |= *who == self.tool;
        for field in &mut self.fields {
            let (old, new, said) = (field.live.clone(), field.leaf.of(live), field.leaf.said(sent));
            // Who owns a value is noted before admission rewrites it.
            let noted = if self.rewritten && field.leaf.name == "image" {
                said.clone().or_else(|| new.clone())
            } else {
                new.clone()
            };
            let by_admission = field.leaf.name == "ADDED" && self.rewritten;
            if who.applies {
                if said.is_some() {
                    if noted != old {
                        field.value.clear();
                    }
                    if old.is_none() {
                        field.node.clear();
                    }
                    field.value.insert(who.clone());
                    field.node.insert(who.clone());
                } else {
                    field.value.remove(who);
                    field.node.remove(who);
                    if new != old {
                        field.value.clear();
                    }
                }
            } else if noted != old && !by_admission {
                field.value = BTreeSet::from([who.clone()]);
                if old.is_none() {
                    field.node = BTreeSet::from([who.clone()]);
                }
            }
            if new.is_none() {
                field.value.clear();
                field.node.clear();
            }
            if new != old {
                field.brought = *is_sync;
            }
            // Whoever runs the tool's own command says something of every field.
            if *who == self.tool {
                field.under_tools_name = !is_sync;
            } else if new != old {
                field.under_tools_name = false;
            }
            field.live = new;
            if *is_sync {
                // What the tool leaves standing beside its document is not its own; what it wrote is, whatever
                // admission made of it.
                let left = if self.rewritten && field.is_in_git {
                    field.live.clone()
                } else {
                    field.git.clone()
                };
                field.at = (field.git.clone(), left);
            }
        }
        if *is_sync {
            self.synced = self.git.clone();
        }
        self.agree();
    }

    fn agree(&mut self) {
        for field in self.fields.iter_mut().filter(|field| field.git == field.live) {
            field.at = (field.git.clone(), field.live.clone());
        }
    }

    /// Remembers what an assessment told, as the controller does.
    pub fn assessed(&mut self, drifts: &[Drift], at: Timestamp) {
        if let Some(apart) = Apart::where_both_meet(drifts) {
            self.met = Some(Meeting {
                git: self.git.clone(),
                apart: apart.into(),
                at,
            });
        }
    }
}

/// Who is noted as owner of the replicas, read from the entries themselves.
fn noted_of_replicas(live: &Value) -> BTreeSet<Who> {
    let entries = live
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let theirs = entries.filter(|entry| entry.pointer("/fieldsV1/f:spec/f:replicas").is_some());
    let who = |entry: &Value| Who {
        manager: entry["manager"].as_str().unwrap_or_default().to_owned(),
        applies: entry["operation"] == "Apply",
        subresource: entry["subresource"].as_str().map(str::to_owned),
    };
    theirs.map(who).collect()
}

/// What the engine knows as nobody's drift: an autoscaler's replicas, and the time of a restart.
pub fn is_ignored(field: &Field) -> bool {
    let autoscaled =
        |who: &Who| who.manager == "kube-controller-manager" && who.subresource.as_deref() == Some("scale");
    match field.leaf.name {
        REPLICAS => !field.value.is_empty() && field.value.iter().all(autoscaled),
        "restartedAt" => !field.is_in_git,
        _ => false,
    }
}
