//! A sync back to an older commit than the source has: `argocd app rollback`, or a sync of a revision that somebody
//! named.

use jiff::{SignedDuration, Timestamp};

use super::application::{Application, HistoryEntry};
use super::revision::Revision;

/// How long Argo CD may not know of a commit that we have seen: it asks Git every three minutes at the latest, and by
/// its cache.
const KNOWN_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// A sync that went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollback<'a> {
    /// The commit that it went back to.
    pub revision: &'a str,

    /// Who asked for it; `None` where the Application does not tell.
    pub by: Option<&'a str>,
}

impl std::fmt::Display for Rollback<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rolled back to {}", self.revision.get(..7).unwrap_or(self.revision))?;
        self.by.map_or(Ok(()), |by| write!(f, " by {by}"))
    }
}

impl Application {
    /// The last sync of the whole, where it went back from what it had before, or from `current`, the commit that the
    /// source has and whose document was first seen at `first_seen`. Of a source that has not answered since that sync
    /// began, which of two commits is the newer one is not known, unless the history has the one of the sync twice.
    ///
    /// A rollback is a sync like any other and stands in the history as one more entry (`Rollback` of
    /// `server/application/application.go`).
    pub fn rolled_back(
        &self,
        current: &str,
        first_seen: Option<Timestamp>,
        answered_at: Option<Timestamp>,
    ) -> Option<Rollback<'_>> {
        let (last, before) = self.history.split_last()?;
        let revision = one(last).filter(|revision| *revision != current)?;
        let had_current = before.iter().any(|entry| one(entry) == Some(current));
        let came_back = before.last().is_some_and(|previous| one(previous) != Some(revision))
            && before.iter().any(|entry| one(entry) == Some(revision));
        let knew_current =
            matches!((last.started_at, first_seen), (Some(started), Some(seen)) if seen + KNOWN_AFTER < started);
        let is_read = answered_at.is_none_or(|answered| self.unread(current, answered).is_none());
        let is_back = came_back || is_read && (had_current || knew_current && last.automated != Some(true));
        is_back.then(|| Rollback {
            revision,
            by: self.who_synced(last, revision),
        })
    }

    /// The commit of the last sync of the whole, where that began after the source answered last and is another one
    /// than `current`, which it had then, and when it began: Git may have moved on since, and live is what it says now.
    pub fn unread(&self, current: &str, answered_at: Timestamp) -> Option<(&str, Timestamp)> {
        let last = self.history.last()?;
        // Argo CD writes whole seconds.
        let started = last
            .started_at
            .filter(|started| started.as_second() >= answered_at.as_second())?;
        one(last)
            .filter(|revision| *revision != current)
            .map(|revision| (revision, started))
    }

    /// Who asked for a sync; an older version tells it of the last operation only.
    fn who_synced<'a>(&'a self, entry: &'a HistoryEntry, revision: &str) -> Option<&'a str> {
        let operation = self.state.as_ref().filter(|state| {
            let result = state.result.as_ref().and_then(|result| result.revision.as_ref());
            result.and_then(Revision::one) == Some(revision)
        });
        let by_operation = operation.and_then(|state| state.operation.username.as_deref());
        entry
            .username
            .as_deref()
            .or(by_operation)
            .filter(|name| !name.is_empty())
    }

    /// How often in a row the same commit was applied, as far as the Application tells: whole syncs stand in the
    /// history, and self-heals count themselves (`autoSync` in `controller/appcontroller.go` limits them to what is out
    /// of sync, so that they leave no entry there).
    pub fn repeats(&self) -> usize {
        let last = self.history.last().and_then(one);
        let whole = self
            .history
            .iter()
            .rev()
            .take_while(|entry| last.is_some() && one(entry) == last)
            .count();
        let healed = self
            .state
            .as_ref()
            .and_then(|state| state.operation.sync.as_ref()?.auto_heal_attempts);
        whole.max(
            healed
                .and_then(|attempts| usize::try_from(attempts).ok())
                .unwrap_or_default(),
        )
    }
}

fn one(entry: &HistoryEntry) -> Option<&str> {
    entry.revision.as_ref()?.one()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;
    use crate::engine::argo_cd::shapes::{BEFORE, HERE, quiet, time, with_state};

    fn with_history(entries: &[(&str, &str)]) -> Application {
        let mut value = quiet();
        let entry = |(at, (revision, by)): (usize, &(&str, &str))| {
            json!({"id": at, "revision": revision,
            "deployStartedAt": format!("2026-03-01T0{at}:00:00Z"), "deployedAt": format!("2026-03-01T0{at}:09:00Z"),
            "initiatedBy": {"username": by}})
        };
        value["status"]["history"] = entries.iter().enumerate().map(entry).collect();
        Application::read(&value).unwrap()
    }

    #[test]
    fn a_sync_back_is_told_from_a_sync_that_has_not_come_yet() {
        let new = "5".repeat(40);
        let told = |entries: &[(&str, &str)], current: &str, seen: Option<&str>| {
            with_history(entries)
                .rolled_back(current, seen.map(time), None)
                .map(|back| back.to_string())
        };
        // Git is one commit ahead.
        assert_eq!(told(&[(BEFORE, "ada"), (HERE, "ada")], &new, None), None);
        assert_eq!(told(&[(BEFORE, "ada"), (HERE, "ada")], HERE, None), None);
        // What Git has was synced, and then the one before it.
        let back = Some("rolled back to 0badc0d by eve".to_owned());
        assert_eq!(
            told(&[(BEFORE, "ada"), (HERE, "ada"), (BEFORE, "eve")], HERE, None),
            back
        );
        assert_eq!(
            told(&[(BEFORE, "ada"), (HERE, "ada"), (BEFORE, "eve")], &new, None),
            back
        );
        assert_eq!(told(&[(HERE, "ada"), (BEFORE, "eve")], HERE, None), back);
        // A revision was named while Git's own was there already.
        assert_eq!(
            told(&[(HERE, "ada"), (BEFORE, "eve")], &new, Some("2026-03-01T00:30:00Z")),
            back
        );
        assert_eq!(
            told(&[(HERE, "ada"), (BEFORE, "eve")], &new, Some("2026-03-01T02:00:00Z")),
            None
        );
        // Seen by us while the sync of the commit before it was under way, or a moment before Argo CD looked at Git.
        assert_eq!(
            told(&[(HERE, "ada"), (BEFORE, "eve")], &new, Some("2026-03-01T01:03:00Z")),
            None
        );
        assert_eq!(
            told(&[(HERE, "ada"), (BEFORE, "eve")], &new, Some("2026-03-01T00:58:00Z")),
            None
        );
        // The same once more is no way back.
        assert_eq!(told(&[(BEFORE, "ada"), (BEFORE, "eve")], HERE, None), None);
        assert_eq!(
            told(&[(BEFORE, ""), (HERE, ""), (BEFORE, "")], HERE, None),
            Some("rolled back to 0badc0d".to_owned())
        );
    }

    #[test]
    fn a_sync_of_a_commit_that_was_not_read_yet_is_no_way_back() {
        let told = |entries: &[(&str, &str)], answered: &str| {
            with_history(entries)
                .rolled_back(HERE, None, Some(time(answered)))
                .map(|back| back.to_string())
        };
        let new = "5".repeat(40);
        let forth = [(BEFORE, "ada"), (HERE, "ada"), (new.as_str(), "eve")];
        assert_eq!(told(&forth, "2026-03-01T01:59:59Z"), None);
        assert_eq!(
            told(&forth, "2026-03-01T02:00:01Z"),
            Some("rolled back to 5555555 by eve".to_owned()),
            "Git was asked since, and has it not"
        );
        let back = [(BEFORE, "ada"), (HERE, "ada"), (BEFORE, "eve")];
        assert_eq!(
            told(&back, "2026-03-01T01:59:59Z"),
            Some("rolled back to 0badc0d by eve".to_owned())
        );
    }

    #[test]
    fn what_is_applied_again_and_again_is_counted() {
        assert_eq!(
            with_history(&[(BEFORE, "ada"), (HERE, "ada"), (HERE, "ada"), (HERE, "ada")]).repeats(),
            3
        );
        assert_eq!(with_history(&[]).repeats(), 0);
        let mut healed = with_state("Succeeded", HERE);
        healed["status"]["operationState"]["operation"]["sync"]["autoHealAttemptsCount"] = json!(4);
        assert_eq!(Application::read(&healed).unwrap().repeats(), 4);
    }
}
