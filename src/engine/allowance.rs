//! How many requests may go out for what is only worth knowing: a token bucket.

use std::time::Duration;

/// A bucket of tokens that fills by itself. Time comes in as data: how long ago the program, or whatever else never
/// changes, began. Unlike the time of day that never runs back.
#[derive(Clone, Debug)]
pub struct Allowance {
    a_second: f64,
    most: f64,
    left: f64,
    seen: Option<Duration>,
}

impl Allowance {
    /// A full bucket.
    pub const fn new(a_second: f64, most: f64) -> Self {
        Self {
            a_second,
            most,
            left: most,
            seen: None,
        }
    }

    /// Takes a token, if there is one.
    pub fn take(&mut self, now: Duration) -> bool {
        let passed = self.seen.map_or(0.0, |seen| now.saturating_sub(seen).as_secs_f64());
        self.left = (self.left + passed * self.a_second).min(self.most);
        // Two threads may come in another order than they looked at the clock; the earlier time must not count twice.
        self.seen = Some(self.seen.map_or(now, |seen| seen.max(now)));
        let granted = self.left >= 1.0;
        if granted {
            self.left -= 1.0;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(bucket: &mut Allowance, asked: usize, now: Duration) -> usize {
        (0..asked).filter(|_| bucket.take(now)).count()
    }

    #[test]
    fn a_burst_is_granted_and_then_so_many_a_second() {
        let (mut bucket, start) = (Allowance::new(5.0, 20.0), Duration::from_secs(1_000));
        assert_eq!(granted(&mut bucket, 100, start), 20);
        assert_eq!(granted(&mut bucket, 100, start + Duration::from_millis(100)), 0);
        assert_eq!(granted(&mut bucket, 100, start + Duration::from_secs(1)), 5);
        assert_eq!(granted(&mut bucket, 100, start + Duration::from_secs(3)), 10);
    }

    #[test]
    fn a_long_rest_fills_it_to_the_brim_and_no_further_and_time_never_runs_back() {
        let (mut bucket, start) = (Allowance::new(5.0, 20.0), Duration::from_secs(1_000));
        assert_eq!(granted(&mut bucket, 100, start + Duration::from_secs(10)), 20);
        assert_eq!(granted(&mut bucket, 100, start), 0);
        assert_eq!(granted(&mut bucket, 100, start + Duration::from_secs(11)), 5);
        assert_eq!(granted(&mut bucket, 100, start + Duration::from_secs(3_600)), 20);
    }
}
