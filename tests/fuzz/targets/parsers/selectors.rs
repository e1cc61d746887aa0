//! What Argo CD, Flux and a DriftWatch say is to be ignored, with its label selectors, patterns and pointers, is read
//! or refused.

use driftmend::engine::kind::DEPLOYMENT;
use driftmend::engine::object::ObjectId;
use driftmend::source::SourceFile;
use driftmend::source::ignore::jq::{Ask, JqError};
use driftmend::source::ignore::{IgnoreList, Pair};
use serde_json::Value;

/// The child that answers jq is a program of its own.
struct NoJq;

impl Ask for NoJq {
    fn pointers(&self, _: &str, objects: &[&Value]) -> Result<Vec<Vec<String>>, JqError> {
        Ok(vec![Vec::new(); objects.len()])
    }
}

pub fn read(bytes: &[u8]) {
    let list = IgnoreList::read(&[SourceFile {
        path: "fuzz.yaml".to_owned(),
        bytes: bytes.to_vec(),
    }]);
    let mut documents = super::documents(bytes);
    let object = documents.next().unwrap_or_default();
    let id = ObjectId {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some("shop".to_owned()),
        name: "web".to_owned(),
    };
    list.rules(
        Pair {
            kind: &DEPLOYMENT,
            id: &id,
            desired: &object,
            live: &object,
        },
        &NoJq,
    );
}
