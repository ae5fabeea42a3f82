//! Times of the day, week, month and year, in a time zone: when a route is muted or active.
//!
//! Minutes are the finest grain. Starts are inclusive; ends are exclusive for times of day and inclusive for days,
//! months and years, as in Alertmanager.

use std::ops::RangeInclusive;

use bellwether_model::Timestamp;
use jiff::Zoned;
use jiff::tz::TimeZone;

/// Minutes in a day; `24:00`.
pub const MINUTES_PER_DAY: u16 = 24 * 60;

/// A set of points in time. Each empty list means no restriction; all lists must agree.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeInterval {
    /// Minutes of the day, from inclusive, to exclusive.
    pub times: Vec<(u16, u16)>,
    /// Days of the week, Sunday is 0.
    pub weekdays: Vec<RangeInclusive<i8>>,
    /// First and last day of the month, from 1; negative ones count from its end, -1 is the last.
    pub days_of_month: Vec<(i8, i8)>,
    /// Months from 1.
    pub months: Vec<RangeInclusive<i8>>,
    /// Years.
    pub years: Vec<RangeInclusive<i16>>,
    /// Whose clock counts; UTC where the file names none.
    pub zone: TimeZone,
    /// As the file names it; empty where it does not.
    pub zone_name: String,
}

/// Intervals under one name; a time is inside when it is inside any of them.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedIntervals {
    /// What routes call it.
    pub name: String,
    /// At any of these.
    pub intervals: Vec<TimeInterval>,
}

impl NamedIntervals {
    /// Whether a time is inside any of the intervals.
    pub fn contains(&self, now: Timestamp) -> bool {
        self.intervals.iter().any(|interval| interval.contains(now))
    }
}

impl TimeInterval {
    /// Whether a time is inside.
    pub fn contains(&self, now: Timestamp) -> bool {
        let Ok(instant) = jiff::Timestamp::from_millisecond(now.as_millis()) else {
            return false;
        };
        let local = instant.to_zoned(self.zone.clone());
        self.has_time(&local)
            && any_or_empty(&self.weekdays, |days| days.contains(&local.weekday().to_sunday_zero_offset()))
            && any_or_empty(&self.days_of_month, |days| has_day(days, &local))
            && any_or_empty(&self.months, |months| months.contains(&local.month()))
            && any_or_empty(&self.years, |years| years.contains(&local.year()))
    }

    fn has_time(&self, local: &Zoned) -> bool {
        let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
        any_or_empty(&self.times, |(from, to)| (i32::from(*from)..i32::from(*to)).contains(&minute))
    }
}

fn any_or_empty<T>(list: &[T], inside: impl Fn(&T) -> bool) -> bool {
    list.is_empty() || list.iter().any(inside)
}

fn has_day((first, last): &(i8, i8), local: &Zoned) -> bool {
    let in_month = local.days_in_month();
    let from_start = |day: i8| if day < 0 { in_month + day + 1 } else { day };
    (from_start(*first)..=from_start(*last)).contains(&local.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn always() -> TimeInterval {
        TimeInterval {
            times: vec![],
            weekdays: vec![],
            days_of_month: vec![],
            months: vec![],
            years: vec![],
            zone: TimeZone::UTC,
            zone_name: String::new(),
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn an_empty_interval_is_always() {
        assert!(always().contains(at("2026-01-31T12:00:00Z")));
    }

    #[test]
    fn ends_of_times_are_exclusive_and_the_zone_counts() {
        let office = TimeInterval {
            times: vec![(9 * 60, 17 * 60)],
            zone: TimeZone::get("Europe/Berlin").unwrap(),
            ..always()
        };
        assert!(office.contains(at("2026-07-01T07:00:00Z")), "09:00 in summer");
        assert!(!office.contains(at("2026-01-05T07:00:00Z")), "08:00 in winter");
        assert!(office.contains(at("2026-01-05T15:59:59Z")));
        assert!(!office.contains(at("2026-01-05T16:00:00Z")));
    }

    #[test]
    fn negative_days_count_from_the_end_of_the_month() {
        let last_three = TimeInterval { days_of_month: vec![(-3, -1)], ..always() };
        assert!(last_three.contains(at("2026-02-26T00:00:00Z")));
        assert!(!last_three.contains(at("2026-02-25T00:00:00Z")));
        let to_last = TimeInterval { days_of_month: vec![(30, -1)], ..always() };
        assert!(!to_last.contains(at("2026-02-28T00:00:00Z")), "February has no 30th");
        assert!(to_last.contains(at("2026-01-31T00:00:00Z")));
    }

    #[test]
    fn all_lists_must_agree() {
        let interval =
            TimeInterval { weekdays: vec![1..=5], months: vec![1..=3], years: vec![2026..=2026], ..always() };
        assert!(interval.contains(at("2026-01-05T00:00:00Z")));
        assert!(!interval.contains(at("2026-01-04T00:00:00Z")), "a Sunday");
        assert!(!interval.contains(at("2026-04-06T00:00:00Z")), "April");
        assert!(!interval.contains(at("2027-01-05T00:00:00Z")));
    }
}
