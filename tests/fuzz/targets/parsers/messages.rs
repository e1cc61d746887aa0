//! The words of a failed sync: what does not change at each attempt is kept, and taken once.

use driftmend::engine::object::ObjectId;
use driftmend::engine::operation::{commit, comparable, names, refused};

pub fn read(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let kept = comparable(&text);
    assert!(kept.len() <= text.len());
    for refused in refused(&text) {
        assert!(!refused.kind.is_empty() && text.contains(&refused.name), "{text:?}");
    }
    let id = ObjectId {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some("shop".to_owned()),
        name: "web".to_owned(),
    };
    (names(&text, &id), commit(&text));
}
