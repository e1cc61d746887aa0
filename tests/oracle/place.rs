//! Where a part of an object is, whatever its kind.

use driftmend::engine::kind::Kind;

/// Where a part is.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// In the object itself.
    Object(&'static str),

    /// In its pod template.
    Template(&'static str),

    /// In the pod's spec.
    Pod(&'static str),

    /// In the container that is always there.
    Web(&'static str),
}

impl Place {
    /// The path in an object of this kind.
    pub fn path(self, kind: &Kind) -> String {
        let template = kind.template_path();
        match self {
            Self::Object(path) => format!(".{path}"),
            Self::Template(path) => format!(".{template}.{path}"),
            Self::Pod(path) => format!(".{template}.spec.{path}"),
            Self::Web(path) => format!(".{template}.spec.containers[name=\"web\"].{path}"),
        }
    }
}
