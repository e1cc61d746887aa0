//! Who offers a plan, and what was offered before: a hash that a person says yes to is one that this very report showed
//! them.

use jiff::{SignedDuration, Timestamp};

/// The report that offers a plan, the watch that asks for it, and what the report remembers of earlier plans.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// The uid of the report. Empty before there is one: what is proposed then is offered by nobody, and has another
    /// hash as soon as it is.
    pub report: String,

    /// The uid of the watch.
    pub watch: String,

    /// The serial of the plan that was offered last; 0 where there was none.
    pub serial: u64,

    /// The plan that the report shows: its hash and when it expires.
    pub offered: Option<(String, Timestamp)>,

    /// The plans that the report showed before and that gave way to another one, or to none for a while, each with when
    /// it expires.
    pub passed: Vec<(String, Timestamp)>,

    /// The hashes that were carried out.
    pub spent: Vec<String>,

    /// Those of them whose write the API server found invalid.
    pub refused: Vec<String>,

    /// The hashes that ended otherwise: their time was over, or a person took them back.
    pub over: Vec<String>,

    /// The hash that a person decided about last.
    pub decided: Option<String>,

    /// The content of drift that a person said no to.
    pub denied: Option<String>,

    /// Until when that no holds, where it has an end.
    pub denied_until: Option<Timestamp>,

    /// The revisions at which the state of an operation was cleared by a heal that failed, one for each such heal.
    pub failed_clears: Vec<String>,
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
        !self.refused.is_empty()
            && (first..=self.serial)
                .rev()
                .any(|serial| self.refused.contains(&hash(serial)))
    }

    /// What is offered now. The same content is the same plan, whatever came between: the serial rises only where that
    /// very plan was carried out, taken back, or is over by its time.
    ///
    /// A plan that this report never showed never takes a hash that somebody decided about: that decision was made
    /// without seeing it.
    ///
    /// `before` is the hash of the plan as it was before the sync began that it was made beside: where the report
    /// showed that one, it still is the plan.
    pub(super) fn offer(
        &self,
        hash: impl Fn(u64) -> String,
        before: Option<&dyn Fn(u64) -> String>,
        now: Timestamp,
        ttl: SignedDuration,
    ) -> Offer {
        let is_over = |hash: &String| self.spent.contains(hash) || self.over.contains(hash);
        let shown = |hash: &String| self.offered.iter().chain(&self.passed).find(|(shown, _)| shown == hash);
        let holds = |hash: &String| {
            shown(hash)
                .map(|(_, expires)| *expires)
                .filter(|expires| !is_over(hash) && *expires > now)
        };
        let mut serial = self.serial.max(1);
        if let Some((before, expires)) = before
            .map(|before| before(serial))
            .and_then(|before| Some((before.clone(), holds(&before)?)))
        {
            return (serial, before, expires);
        }
        loop {
            let new = hash(serial);
            let is_over = is_over(&new);
            match shown(&new) {
                Some((_, expires)) if !is_over && *expires > now => return (serial, new, *expires),
                None if !is_over && self.decided.as_ref() != Some(&new) => return (serial, new, now + ttl),
                // Whoever may write a status may have written any number there.
                _ => serial = serial.wrapping_add(1),
            }
        }
    }

    /// How many clears failed at a revision.
    pub(super) fn failed_clears_of(&self, revision: &str) -> usize {
        self.failed_clears.iter().filter(|of| *of == revision).count()
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn plan(serial: u64) -> String {
        format!("plan {serial}")
    }

    fn other(serial: u64) -> String {
        format!("other {serial}")
    }

    #[test]
    fn a_decision_that_was_there_before_the_plan_is_about_another_one() {
        let (now, ttl) = (Timestamp::UNIX_EPOCH, SignedDuration::from_hours(1));
        let memory = Memory {
            serial: 3,
            decided: Some(plan(3)),
            spent: vec![plan(4)],
            over: vec![plan(5)],
            ..Memory::default()
        };
        assert_eq!(memory.offer(plan, None, now, ttl), (6, plan(6), now + ttl));
        // One that is shown stays what it is when somebody decides about it.
        let last = Memory {
            serial: u64::MAX,
            spent: vec![plan(u64::MAX)],
            ..memory.clone()
        };
        assert_eq!(
            last.offer(plan, None, now, ttl),
            (0, plan(0), now + ttl),
            "a number that nobody counted to"
        );
        let offered = Memory {
            offered: Some((plan(3), now + ttl)),
            decided: Some(plan(3)),
            ..memory
        };
        assert_eq!(offered.offer(plan, None, now, ttl), (3, plan(3), now + ttl));
    }

    #[test]
    fn the_same_content_after_a_state_that_passes_is_the_same_plan_until_it_is_spent_or_taken_back() {
        let (now, ttl, later) = (
            Timestamp::UNIX_EPOCH,
            SignedDuration::from_hours(1),
            SignedDuration::from_mins(20),
        );
        let first = Memory::default().offer(plan, None, now, ttl);
        assert_eq!(first, (1, plan(1), now + ttl));
        // It gave way to none, and to another one; somebody approved it meanwhile. It ends when it would have ended.
        let passed = Memory {
            serial: 1,
            passed: vec![(plan(1), now + ttl)],
            decided: Some(plan(1)),
            ..Memory::default()
        };
        let between = Memory {
            offered: Some((other(1), now + ttl)),
            ..passed.clone()
        };
        for memory in [&passed, &between] {
            assert_eq!(memory.offer(plan, None, now + later, ttl), first);
        }
        assert_eq!(
            passed.offer(other, None, now + later, ttl),
            (1, other(1), now + later + ttl),
            "another content needs no other serial"
        );
        for (what, memory, at) in [
            (
                "carried out",
                Memory {
                    spent: vec![plan(1)],
                    ..passed.clone()
                },
                now,
            ),
            (
                "taken back",
                Memory {
                    over: vec![plan(1)],
                    ..passed.clone()
                },
                now,
            ),
            ("its time is over", passed.clone(), now + ttl),
        ] {
            assert_eq!(memory.offer(plan, None, at, ttl), (2, plan(2), at + ttl), "{what}");
        }
    }

    #[test]
    fn a_plan_that_was_shown_while_a_sync_was_only_asked_for_is_the_plan_after_that_sync_began() {
        let (now, ttl) = (Timestamp::UNIX_EPOCH, SignedDuration::from_hours(1));
        let shown = Memory {
            serial: 1,
            offered: Some((plan(1), now + ttl)),
            decided: Some(plan(1)),
            ..Memory::default()
        };
        let began = |memory: &Memory, at| memory.offer(other, Some(&plan), at, ttl).1;
        assert_eq!(
            shown.offer(other, Some(&plan), now, ttl),
            (1, plan(1), now + ttl),
            "approved or not, until it would have ended"
        );
        assert_eq!(began(&shown, now + ttl), other(1), "its time is over");
        assert_eq!(
            began(
                &Memory {
                    spent: vec![plan(1)],
                    ..shown.clone()
                },
                now
            ),
            other(1),
            "carried out"
        );
        assert_eq!(
            began(
                &Memory {
                    over: vec![plan(1)],
                    ..shown.clone()
                },
                now
            ),
            other(1),
            "taken back"
        );
        assert_eq!(began(&Memory { offered: None, ..shown }, now), other(1), "never shown");
    }
}
