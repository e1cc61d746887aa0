//! What is known of how Git and live came to where they are: what tells which side moved.

use jiff::Timestamp;
use serde_json::Value;

use super::ignore::is_built_in;
use super::{Change, ChangeKind, Drift, Moved, Severity};
use crate::engine::object::FieldPath;

/// What is known of how Git and live came to where they are; nothing where nobody tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Witness<'a> {
    /// The object as Git had it at the revision that the tool synced last.
    pub synced: Option<&'a Value>,

    /// The object as Git had it when live was last seen equal to it.
    pub met: MetAt<'a>,

    /// Where they differed all the same when they met: what admission made, or a rule ignored.
    pub apart: &'a [Apart],

    /// When they were last seen to meet.
    pub met_at: Option<Timestamp>,

    /// The fields that were told before as moved by live, where no more is known of what was seen then.
    pub told: &'a [FieldPath],

    /// Since when this document is known to have been in Git.
    pub in_git_since: Option<Timestamp>,

    /// When it was first seen there instead of another one, or of none; `None` where it was there at the first look.
    pub first_seen: Option<Timestamp>,

    /// When the desired state was committed, by its author's clock.
    pub committed_at: Option<Timestamp>,
}

/// At which document live was last seen equal to Git.
#[derive(Clone, Copy, Debug, Default)]
pub enum MetAt<'a> {
    /// It is not known that it ever was.
    #[default]
    Never,

    /// At Git's document of now.
    Here,

    /// At this one.
    Document(&'a Value),

    /// At another one, of which only the digest is known.
    Elsewhere,
}

/// A field in which live and Git differed although they met: that both met says nothing of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Apart {
    /// Where.
    pub path: FieldPath,

    /// What live had; `None` where it lacked the field.
    pub live: Option<Value>,

    /// Whether that is known, so that another value of today is told from it.
    pub is_exact: bool,

    /// Whether the server or its admission had made it of Git's value; else a rule ignored it.
    pub by_server: bool,
}

impl Apart {
    /// Whether live and Git meet, by the differences between them, and where they differ all the same; `None` where
    /// they do not.
    ///
    /// What admission made of Git's own value is not Git's value, and a rule may end: both weigh nothing today and may
    /// weigh something tomorrow.
    #[must_use]
    pub fn where_both_meet(drifts: &[Drift]) -> Option<Vec<Self>> {
        let weighs = |drift: &Drift| matches!(drift.severity, Severity::Drift | Severity::Pending);
        let is_apart = |drift: &&Drift| match drift.severity {
            Severity::Ignored => drift.reason.as_deref().is_some_and(|reason| !is_built_in(reason)),
            _ => drift.moved == Some(Moved::Server) && drift.change.kind != ChangeKind::Added,
        };
        let apart = |Drift { change, moved, .. }: &Drift| Self {
            path: change.path.clone(),
            live: change.live.clone(),
            is_exact: true,
            by_server: *moved == Some(Moved::Server),
        };
        (!drifts.iter().any(weighs)).then(|| drifts.iter().filter(is_apart).map(apart).collect())
    }

    pub(super) fn touches(&self, change: &Change) -> bool {
        self.path.starts_with(&change.path) || change.path.starts_with(&self.path)
    }

    /// Whether a change is the one that was there already.
    pub(super) fn is(&self, change: &Change) -> bool {
        self.touches(change) && (!self.is_exact || self.live == change.live)
    }
}

/// Git's image and live's, where these are what differs.
fn images(change: &Change) -> Option<(&str, &str)> {
    let is_image = change.path.schema().ends_with("ontainers[].image");
    Some((change.desired.as_ref()?.as_str()?, change.live.as_ref()?.as_str()?)).filter(|_| is_image)
}

/// Whether live is Git's own image with the digest that it had when it was admitted.
pub(super) fn is_pinned(change: &Change) -> bool {
    let Some((desired, live)) = images(change) else {
        return false;
    };
    let Some((name, _)) = live.split_once("@sha256:") else {
        return false;
    };
    // The last colon may be that of a registry's port.
    let bare = desired
        .rsplit_once(':')
        .filter(|(_, tag)| !tag.contains('/'))
        .map_or(desired, |(name, _)| name);
    !desired.contains('@') && (name == desired || name == bare)
}

/// Whether live is Git's own image from behind a mirror.
pub(super) fn is_mirrored(change: &Change) -> bool {
    images(change).is_some_and(|(desired, live)| live.strip_suffix(desired).is_some_and(|mirror| mirror.ends_with('/')))
}
