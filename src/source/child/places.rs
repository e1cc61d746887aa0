//! How much of one kind of work may go on at once, with turns between tenants.

use std::collections::{HashMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Room for work that takes a share of something, such as memory, while it goes on.
///
/// No tenant takes more than its part of the whole, so that one whose work hangs leaves room for the others. Among
/// those that wait, the tenant with the least at work is next, then the one that was served longest ago, then who came
/// first.
#[derive(Debug)]
pub struct Places {
    whole: u64,
    part: u64,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    taken: u64,
    tenants: HashMap<String, Tenant>,
    waiting: Vec<Waiting>,
    /// Counts whoever came and whoever was served.
    clock: u64,
}

#[derive(Debug, Default)]
struct Tenant {
    taken: u64,
    served: u64,
    waiting: usize,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    tenant: String,
    share: u64,
}

/// A share that is held until this is dropped.
#[derive(Debug)]
pub struct Place<'p> {
    places: &'p Places,
    tenant: String,
    share: u64,
}

impl Places {
    /// Room for a whole, of which one tenant may take a part at once.
    pub fn new(whole: u64, part: u64) -> Self {
        Self {
            whole,
            part: part.min(whole),
            state: Mutex::default(),
            freed: Condvar::new(),
        }
    }

    /// Waits for a share; `None` when there was no room for it in time. More than a tenant's part is taken as that
    /// part.
    pub fn take(&self, tenant: &str, share: u64, patience: Duration) -> Option<Place<'_>> {
        let share = share.min(self.part);
        let deadline = Instant::now() + patience;
        let mut state = self.lock();
        state.clock += 1;
        let ticket = state.clock;
        state.waiting.push(Waiting {
            ticket,
            tenant: tenant.to_owned(),
            share,
        });
        state.tenants.entry(tenant.to_owned()).or_default().waiting += 1;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let is_next = state.next(self.whole, self.part) == Some(ticket);
            if is_next || left.is_zero() {
                state.leave(ticket, tenant);
                if is_next {
                    state.serve(tenant, share);
                }
                // Whoever is next now may have waited for this one only.
                self.freed.notify_all();
                return is_next.then(|| Place {
                    places: self,
                    tenant: tenant.to_owned(),
                    share,
                });
            }
            state = self
                .freed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Who is next, if there is room: of each tenant the one that came first, so that small shares do not go past a
    /// large one for ever; those whose tenant has no room left in its part are passed over, and the first of the others
    /// is waited for.
    fn next(&self, whole: u64, part: u64) -> Option<u64> {
        let of = |waiting: &Waiting| {
            self.tenants
                .get(&waiting.tenant)
                .map_or((0, 0), |tenant| (tenant.taken, tenant.served))
        };
        let mut seen = HashSet::new();
        let firsts = self
            .waiting
            .iter()
            .filter(|waiting| seen.insert(waiting.tenant.as_str()));
        let may = firsts.filter(|waiting| of(waiting).0 + waiting.share <= part);
        let first = may.min_by_key(|waiting| (of(waiting), waiting.ticket))?;
        (self.taken + first.share <= whole).then_some(first.ticket)
    }

    fn leave(&mut self, ticket: u64, tenant: &str) {
        self.waiting.retain(|waiting| waiting.ticket != ticket);
        if let Some(tenant) = self.tenants.get_mut(tenant) {
            tenant.waiting -= 1;
        }
        self.forget(tenant);
    }

    fn serve(&mut self, tenant: &str, share: u64) {
        self.clock += 1;
        let served = self.clock;
        self.taken += share;
        let tenant = self.tenants.entry(tenant.to_owned()).or_default();
        tenant.taken += share;
        tenant.served = served;
    }

    fn free(&mut self, tenant: &str, share: u64) {
        self.taken -= share;
        if let Some(tenant) = self.tenants.get_mut(tenant) {
            tenant.taken -= share;
        }
        self.forget(tenant);
    }

    /// Keeps nothing of a tenant that neither works nor waits.
    fn forget(&mut self, tenant: &str) {
        if self
            .tenants
            .get(tenant)
            .is_some_and(|tenant| tenant.taken == 0 && tenant.waiting == 0)
        {
            self.tenants.remove(tenant);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.places.lock().free(&self.tenant, self.share);
        self.places.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    const NOW: Duration = Duration::ZERO;
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_tenant_takes_its_part_and_leaves_the_rest_to_others() {
        let places = Places::new(4, 2);
        let first = places.take("a", 1, NOW);
        let second = places.take("a", 1, NOW);
        assert!(first.is_some() && second.is_some());
        assert!(places.take("a", 1, NOW).is_none(), "its part is taken");
        let other = places.take("b", 9, NOW).expect("more than a part counts as the part");
        assert!(places.take("c", 1, NOW).is_none(), "the whole is taken");
        drop(other);
        assert!(places.take("c", 1, NOW).is_some());
        drop((first, second));
        let state = places.lock();
        assert!(
            state.tenants.is_empty() && state.taken == 0,
            "nothing is kept of those that are gone"
        );
    }

    #[test]
    fn those_that_wait_take_turns_by_tenant() {
        let places = Places::new(1, 1);
        let (told, tell) = mpsc::channel();
        thread::scope(|scope| {
            let held = places.take("x", 1, NOW);
            for (at, tenant) in ["a", "a", "a", "b", "c"].into_iter().enumerate() {
                let (places, told) = (&places, told.clone());
                scope.spawn(move || {
                    let place = places.take(tenant, 1, LONG);
                    told.send(tenant).expect("the test listens");
                    drop(place);
                });
                while places.lock().waiting.len() != at + 1 {
                    thread::yield_now();
                }
            }
            drop(held);
        });
        drop(told);
        let order: Vec<&str> = tell.iter().collect();
        assert_eq!(
            order,
            ["a", "b", "c", "a", "a"],
            "one after another, and no tenant twice before all others"
        );
    }

    #[test]
    fn a_large_share_is_not_overtaken_for_ever_by_small_ones() {
        let places = Places::new(2, 2);
        let held = places.take("a", 1, NOW).expect("room");
        thread::scope(|scope| {
            let large = scope.spawn(|| places.take("b", 2, LONG).map(drop));
            while places.lock().waiting.is_empty() {
                thread::yield_now();
            }
            assert!(
                places.take("c", 1, NOW).is_none(),
                "the one that came first is waited for"
            );
            assert!(places.take("b", 1, NOW).is_none(), "also by its own tenant");
            drop(held);
            assert!(large.join().expect("it ends").is_some());
        });
    }
}
