//! What a sync was for: one commit, or one of each source.

use serde_json::{Value, json};

use crate::engine::tool_object::fields::{Fields, Unreadable};

/// The commit that was synced, or those of all sources in their order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Revision {
    /// Of the one source.
    One(String),

    /// Of each of several sources.
    Several(Vec<String>),
}

impl Revision {
    /// Reads `revisions`, else `revision`; `None` where both are empty.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Option<Self>, Unreadable> {
        let several = fields.texts("revisions")?;
        if !several.is_empty() {
            return Ok(Some(Self::Several(several)));
        }
        Ok(fields.text("revision")?.map(Self::One))
    }

    /// As one text, or as a list of them.
    pub(in crate::engine) fn to_value(&self) -> Value {
        match self {
            Self::One(revision) => json!(revision),
            Self::Several(revisions) => json!(revisions),
        }
    }

    /// The commit of the one source, however it is listed; `None` with several.
    pub fn one(&self) -> Option<&str> {
        match self {
            Self::One(revision) => Some(revision),
            Self::Several(revisions) => match revisions.as_slice() {
                [one] => Some(one),
                _ => None,
            },
        }
    }
}

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(revision) => f.write_str(revision),
            Self::Several(revisions) => f.write_str(&revisions.join(", ")),
        }
    }
}
