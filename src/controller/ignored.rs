//! What the syncing tool was told to ignore: its object's rules as the engine's, for one object at a time.

mod answers;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tracing::warn;

use super::index::Target;
use crate::engine::Policy;
use crate::engine::digest::digest;
use crate::report::cut;
use crate::source::SourceFile;
use crate::source::ignore::{IgnoreList, Pair};
pub use answers::Answers;
use answers::Asking;
use trouble::Trouble;

/// How many bytes of a warning are told: it may quote a whole expression.
const LONGEST_WARNING: usize = 400;

/// How many rules that are not in force are remembered of one object.
const MOST_OF_ONE: usize = 5;

/// What a tool was told to ignore; equal where it was told in the same words.
#[derive(Debug, Default)]
pub struct Rules {
    list: IgnoreList,
    digest: String,

    /// Why something in the objects is not in force.
    notes: Vec<String>,

    /// What the expressions cost.
    trouble: Trouble,

    /// Why rules were not in force over an object when it was assessed last.
    failing: Mutex<BTreeMap<Target, Vec<String>>>,

    /// How often that changed.
    changes: AtomicU64,
}

impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Rules {
    /// Reads the rules of a tool's objects, named for people.
    pub fn read(objects: &[(String, &Value)]) -> Self {
        // The status of an Application may have a megabyte, and no rules.
        let spoken = |object: &Value| {
            let parts = ["apiVersion", "kind", "spec", "data"].into_iter();
            let mut kept: Value = parts
                .filter_map(|part| Some((part.to_owned(), object.get(part)?.clone())))
                .collect();
            for name in ["namespace", "name"] {
                kept["metadata"][name] = object["metadata"][name].clone();
            }
            kept
        };
        let spoken: Vec<(&String, Value)> = objects.iter().map(|(name, object)| (name, spoken(object))).collect();
        let digest = digest(&spoken.iter().map(|(_, object)| object.clone()).collect());
        let files: Vec<SourceFile> = spoken
            .into_iter()
            .map(|(name, object)| SourceFile {
                path: name.clone(),
                bytes: object.to_string().into_bytes(),
            })
            .collect();
        let list = IgnoreList::read(&files);
        let notes = list
            .problems
            .iter()
            .map(|problem| cut(&problem.message, LONGEST_WARNING))
            .collect();
        Self {
            list,
            digest,
            notes,
            ..Self::default()
        }
    }

    /// Why rules are not in force: those that cannot be read, and those that failed over some object.
    pub fn warnings(&self) -> Vec<String> {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let failing: BTreeSet<&String> = failing.values().flatten().collect();
        self.notes.iter().chain(failing).cloned().collect()
    }

    /// A number that is another one when the warnings are.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Forgets the objects that are not governed any more.
    pub fn keep(&self, is_governed: impl Fn(&Target) -> bool) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = failing.len();
        failing.retain(|target, _| is_governed(target));
        if failing.len() != before {
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The watch's policy with the tool's rules for one object.
    pub fn add_to(&self, policy: &Arc<Policy>, pair: Pair<'_>, jq: &Answers) -> Arc<Policy> {
        if self.list.is_empty() {
            return policy.clone();
        }
        let namespace = pair.id.namespace.as_deref().unwrap_or_default();
        let (rules, problems) = self.list.rules(pair, &Asking::new(jq, namespace, &self.trouble));
        self.remember(
            pair,
            problems
                .into_iter()
                .take(MOST_OF_ONE)
                .map(|problem| cut(&problem.message, LONGEST_WARNING))
                .collect(),
        );
        let mut policy = Policy::clone(policy);
        policy.ignore.extend(rules);
        Arc::new(policy)
    }

    /// The document as the tool sends it where it respects what it was told to ignore; `None` where that is Git's.
    pub fn respected(&self, pair: Pair<'_>, jq: &Answers) -> Option<Value> {
        let namespace = pair.id.namespace.as_deref().unwrap_or_default();
        if self.list.is_empty() {
            None
        } else {
            self.list.respected(pair, &Asking::new(jq, namespace, &self.trouble))
        }
    }

    /// Remembers what is not in force over one object, and logs it where that is news.
    fn remember(&self, pair: Pair<'_>, problems: Vec<String>) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let target = Target {
            kind: pair.kind,
            namespace: pair.id.namespace.clone().unwrap_or_default(),
            name: pair.id.name.clone(),
        };
        if failing.get(&target).map_or(&[] as &[String], Vec::as_slice) == problems {
            return;
        }
        self.changes.fetch_add(1, Ordering::Relaxed);
        for problem in &problems {
            warn!(object = %pair.id, problem, "a rule of the syncing tool is not in force");
        }
        if problems.is_empty() {
            failing.remove(&target);
        } else {
            failing.insert(target, problems);
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::engine::object::ObjectId;
    use crate::engine::{Mode, Remedy};

    #[test]
    fn an_application_adds_its_rules_to_those_of_the_watch() {
        let application = |difference: Value, progress: &str| {
            json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
                   "metadata": {"namespace": "argocd", "name": "web"},
                   "spec": {"ignoreDifferences": [difference]}, "status": {"sync": {"status": progress}}})
        };
        let replicas = json!({"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]});
        let read = |object: &Value| Rules::read(&[("Application argocd/web".to_owned(), object)]);
        let rules = read(&application(replicas.clone(), "Synced"));
        assert_eq!(rules.warnings(), Vec::<String>::new());
        assert_eq!(
            rules,
            read(&application(replicas, "OutOfSync")),
            "only its progress is another"
        );
        assert_ne!(
            rules,
            read(&application(
                json!({"kind": "Service", "jsonPointers": ["/spec/replicas"]}),
                "Synced"
            ))
        );

        let policy = Policy {
            mode: Mode::Propose,
            remedy: Remedy::Choose,
            ignore: Vec::new(),
            plan_ttl: SignedDuration::ZERO,
        };
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                                "spec": {"replicas": 1}});
        let id = ObjectId::of(&deployment).unwrap();
        let pair = Pair {
            kind: &crate::engine::kind::DEPLOYMENT,
            id: &id,
            desired: &deployment,
            live: &deployment,
        };
        let policy = rules.add_to(&Arc::new(policy), pair, &Answers::default());
        let reasons: Vec<&str> = policy.ignore.iter().map(|rule| rule.reason.as_str()).collect();
        assert_eq!(reasons, ["Application argocd/web ignores /spec/replicas"]);
    }

    #[test]
    fn what_failed_over_a_deployment_is_told_while_it_is_governed() {
        let deployment =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "shop", "name": "web"}});
        let id = ObjectId::of(&deployment).unwrap();
        let rules = Rules::default();
        rules.remember(
            Pair {
                kind: &crate::engine::kind::DEPLOYMENT,
                id: &id,
                desired: &deployment,
                live: &deployment,
            },
            vec!["no jq".to_owned()],
        );
        let changes = rules.changes();
        rules.keep(|target| (target.namespace.as_str(), target.name.as_str()) == ("shop", "web"));
        assert_eq!((rules.warnings(), rules.changes()), (vec!["no jq".to_owned()], changes));
        rules.keep(|_| false);
        assert!(rules.warnings().is_empty() && rules.changes() > changes);
    }
}
