//! When a group is evaluated: a grid of its interval, shifted so that groups do not all start at once.

use std::time::Duration;

use bellwether_model::Timestamp;
use bellwether_model::time::millis;

/// The evaluation times of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    interval_ms: i64,
    shift_ms: i64,
}

impl Schedule {
    /// A grid of `interval`, shifted by a hash of what names the group, as Prometheus spreads its groups.
    ///
    /// Intervals below a millisecond count as one.
    pub fn new(interval: Duration, seed: u64) -> Self {
        let interval_ms = millis(interval).max(1);
        let shift_ms = (seed % interval_ms.unsigned_abs()).cast_signed();
        Self { interval_ms, shift_ms }
    }

    /// A grid that starts at multiples of the interval, for tests and backtests.
    pub fn aligned(interval: Duration) -> Self {
        Self::new(interval, 0)
    }

    /// The latest evaluation time that is not after `now`.
    pub fn slot(&self, now: Timestamp) -> Timestamp {
        let since = now.as_millis().saturating_sub(self.shift_ms);
        Timestamp::from_millis(now.as_millis() - since.rem_euclid(self.interval_ms))
    }

    /// The first evaluation time after `now`.
    pub fn next(&self, now: Timestamp) -> Timestamp {
        self.slot(now).offset_millis(self.interval_ms)
    }

    /// How many evaluation times lie between the last one that was met and `slot`, both left out.
    pub fn missed(&self, last: Timestamp, slot: Timestamp) -> u64 {
        let steps = slot.millis_since(last) / self.interval_ms;
        u64::try_from(steps - 1).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_the_shifted_grid() {
        let schedule = Schedule::new(Duration::from_secs(15), 4_000);
        let slot = schedule.slot(Timestamp::from_millis(60_000));
        assert_eq!(slot, Timestamp::from_millis(49_000));
        assert_eq!(schedule.next(slot), Timestamp::from_millis(64_000));
        assert_eq!(schedule.slot(Timestamp::from_millis(64_000)), Timestamp::from_millis(64_000));
    }

    #[test]
    fn counts_the_evaluations_that_were_skipped() {
        let schedule = Schedule::aligned(Duration::from_secs(10));
        let at = |secs: i64| Timestamp::from_millis(secs * 1000);
        assert_eq!(schedule.missed(at(10), at(20)), 0);
        assert_eq!(schedule.missed(at(10), at(50)), 3);
    }
}
