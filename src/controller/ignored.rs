//! What the syncing tool was told to ignore: its object's rules as the engine's, for one Deployment at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tracing::warn;

use crate::engine::Policy;
use crate::engine::plan::{digest, live_digest};
use crate::source::SourceFile;
use crate::source::ignore::jq::{Ask, Child, JqError};
use crate::source::ignore::{IgnoreList, Pair};

/// The most answers of jq that are kept: beyond it all are forgotten, which costs time and nothing else.
const MOST_ANSWERS: usize = 10_000;

/// What a tool was told to ignore; equal where it was told in the same words.
#[derive(Debug, Default)]
pub struct Rules {
    list: IgnoreList,
    digest: String,
}

impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Rules {
    /// Reads the rules of a tool's objects, named for people, and why something in them is not in force.
    pub fn read(objects: &[(String, &Value)]) -> (Self, Vec<String>) {
        // The status of an Application may have a megabyte, and no rules.
        let spoken = |object: &Value| {
            let parts = ["apiVersion", "kind", "spec", "data"].into_iter();
            let mut kept: Value = parts.filter_map(|part| Some((part.to_owned(), object.get(part)?.clone()))).collect();
            for name in ["namespace", "name"] {
                kept["metadata"][name] = object["metadata"][name].clone();
            }
            kept
        };
        let spoken: Vec<(&String, Value)> = objects.iter().map(|(name, object)| (name, spoken(object))).collect();
        let digest = digest(&spoken.iter().map(|(_, object)| object.clone()).collect());
        let files: Vec<SourceFile> =
            spoken.into_iter().map(|(name, object)| SourceFile { path: name.clone(), bytes: object.to_string().into_bytes() }).collect();
        let list = IgnoreList::read(&files);
        let notes = list.problems.iter().map(|problem| problem.message.clone()).collect();
        (Self { list, digest }, notes)
    }

    /// The watch's policy with the tool's rules for one Deployment.
    pub fn add_to(&self, policy: &Arc<Policy>, pair: Pair<'_>, jq: &Answers) -> Arc<Policy> {
        if self.list.is_empty() {
            return policy.clone();
        }
        let (rules, problems) = self.list.rules(pair, jq);
        for problem in problems {
            warn!(object = %pair.id, problem = problem.message, "a rule of the syncing tool is not in force");
        }
        let mut policy = Policy::clone(policy);
        policy.ignore.extend(rules);
        Arc::new(policy)
    }
}

/// jq's answers, each asked once: a question is a process, and an assessment is asked for at every event.
#[derive(Debug, Default)]
pub struct Answers(Mutex<HashMap<String, Vec<Vec<String>>>>);

impl Ask for Answers {
    fn pointers(&self, expression: &str, objects: &[&Value]) -> Result<Vec<Vec<String>>, JqError> {
        let objects_digest: Vec<String> = objects.iter().map(|object| live_digest(object)).collect();
        let question = digest(&serde_json::json!([expression, objects_digest]));
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&question).cloned();
        if let Some(answer) = known {
            return Ok(answer);
        }
        let failed = |error: std::io::Error| JqError::Child { expression: expression.to_owned(), reason: error.to_string() };
        let child = Child::of_this_program().map_err(failed)?;
        // It may take a second: other tasks of this thread go elsewhere meanwhile.
        let answer = tokio::task::block_in_place(|| child.pointers(expression, objects))?;
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MOST_ANSWERS {
            answers.clear();
        }
        answers.insert(question, answer.clone());
        Ok(answer)
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
            json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"namespace": "argocd", "name": "web"},
                   "spec": {"ignoreDifferences": [difference]}, "status": {"sync": {"status": progress}}})
        };
        let replicas = json!({"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]});
        let read = |object: &Value| Rules::read(&[("Application argocd/web".to_owned(), object)]);
        let (rules, notes) = read(&application(replicas.clone(), "Synced"));
        assert_eq!(notes, Vec::<String>::new());
        assert_eq!(rules, read(&application(replicas, "OutOfSync")).0, "only its progress is another");
        assert_ne!(rules, read(&application(json!({"kind": "Service", "jsonPointers": ["/spec/replicas"]}), "Synced")).0);

        let policy = Policy { mode: Mode::Propose, remedy: Remedy::Choose, ignore: Vec::new(), plan_ttl: SignedDuration::ZERO };
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 1}});
        let id = ObjectId::of(&deployment).unwrap();
        let pair = Pair { id: &id, desired: &deployment, live: &deployment };
        let policy = rules.add_to(&Arc::new(policy), pair, &Answers::default());
        let reasons: Vec<&str> = policy.ignore.iter().map(|rule| rule.reason.as_str()).collect();
        assert_eq!(reasons, ["Application argocd/web ignores /spec/replicas"]);
    }
}
