//! The words of a failed sync: what is made of them is not more than they are.

use driftmend::engine::flux::kustomization::commit;
use driftmend::engine::flux::reconciliation::names;
use driftmend::engine::object::ObjectId;
use driftmend::engine::tool_object::message::{comparable, refused};

pub fn read(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let kept = comparable(&text);
    assert!(kept.len() <= text.len());
    let causes: usize = refused(&text).iter().map(|refused| refused.causes.len()).sum();
    assert!(causes <= text.len(), "{text:?}");
    let id = ObjectId {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some("shop".to_owned()),
        name: "web".to_owned(),
    };
    let _ = (names(&text, &id), commit(&text));
}
