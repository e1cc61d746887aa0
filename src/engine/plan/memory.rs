//! Who offers a plan, and what was offered before: a hash that a person says yes to is one that this very report showed them.

use jiff::{SignedDuration, Timestamp};

/// The report that offers a plan, the watch that asks for it, and what the report remembers of earlier plans.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The uid of the report. Empty before there is one: what is proposed then is offered by nobody, and has another hash as soon as it is.
    pub report: String,

    /// The uid of the watch.
    pub watch: String,

    /// The serial of the plan that was offered last; 0 where there was none.
    pub serial: u64,

    /// Its hash and when it expires.
    pub offered: Option<(String, Timestamp)>,

    /// The hashes that were carried out.
    pub spent: Vec<String>,

    /// Those of them whose write the API server found invalid.
    pub refused: Vec<String>,

    /// The hash that a person decided about last.
    pub decided: Option<String>,

    /// The content of drift that a person said no to.
    pub denied: Option<String>,

    /// Until when that no holds, where it has an end.
    pub denied_until: Option<Timestamp>,
}

/// How many serials back a refused plan is looked for: a report remembers ten heals, and offers few plans between two.
const MOST_SERIALS: u64 = 1_000;

/// The serial, the hash and the end of an offer.
pub(super) type Offer = (u64, String, Timestamp);

impl Memory {
    /// Whether a person's no to this content of drift holds.
    pub(super) fn denies(&self, drift: &str, now: Timestamp) -> bool {
        self.denied.as_deref() == Some(drift) && self.denied_until.is_none_or(|until| until > now)
    }

    /// Whether the server found this very content invalid before: it does so again, however often somebody approves it.
    pub(super) fn was_refused(&self, hash: &impl Fn(u64) -> String) -> bool {
        let first = self.serial.saturating_sub(MOST_SERIALS).max(1);
        !self.refused.is_empty() && (first..=self.serial).rev().any(|serial| self.refused.contains(&hash(serial)))
    }

    /// What is offered now: the plan that was offered last, where it is still the same and neither over nor carried out; otherwise a new one.
    ///
    /// A new one never takes a hash that somebody decided about: that decision is older than the offer, so that it was made without seeing it.
    pub(super) fn offer(&self, hash: impl Fn(u64) -> String, now: Timestamp, ttl: SignedDuration) -> Offer {
        if let Some((offered, expires)) = &self.offered
            && *expires > now
            && !self.spent.contains(offered)
            && *offered == hash(self.serial)
        {
            return (self.serial, offered.clone(), *expires);
        }
        let used = |hash: &String| self.decided.as_ref() == Some(hash) || self.spent.contains(hash);
        let mut serial = self.serial + 1;
        let mut new = hash(serial);
        while used(&new) {
            serial += 1;
            new = hash(serial);
        }
        (serial, new, now + ttl)
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn a_decision_that_was_there_before_the_plan_is_about_another_one() {
        let (now, ttl) = (Timestamp::UNIX_EPOCH, SignedDuration::from_hours(1));
        let hash = |serial: u64| format!("plan {serial}");
        let memory = Memory { serial: 3, decided: Some(hash(4)), spent: vec![hash(5)], ..Memory::default() };
        assert_eq!(memory.offer(hash, now, ttl), (6, hash(6), now + ttl));
        // One that is shown stays what it is when somebody decides about it.
        let offered = Memory { offered: Some((hash(3), now + ttl)), decided: Some(hash(3)), ..memory };
        assert_eq!(offered.offer(hash, now, ttl), (3, hash(3), now + ttl));
    }
}
