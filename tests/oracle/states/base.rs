//! The Deployment that every state is put into.

use serde_json::{Value, json};

/// The smallest manifest: every site is absent, but for the volumes that mounts need.
pub fn base() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
            },
        },
    })
}
