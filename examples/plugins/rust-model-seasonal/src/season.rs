//! What is usual at each hour of the week. Where too little is known of an hour, the same hour of any day stands in for
//! it, and for that all hours: gaps in the history make the answer coarser, not wrong.

use crate::clock::{DAY, WEEK, hour_of_day_in_words, hour_of_week, hour_of_week_in_words};
use crate::level::{Level, SAVED_BYTES};

/// How the saved form begins; another one is not read.
const VERSION: u8 = 1;

/// Levels by hour.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Season {
    utc_offset_minutes: i64,
    weekly: Vec<Level>,
    daily: Vec<Level>,
    overall: Level,
    /// How far values are from what is usual at their hour.
    within_hours: Level,
}

impl Season {
    /// Of points with finite values.
    pub(crate) fn fit(points: &[(i64, f64)], utc_offset_minutes: i64) -> Self {
        let mut weekly = vec![Vec::new(); WEEK];
        let mut daily = vec![Vec::new(); DAY];
        let mut overall = Vec::with_capacity(points.len());
        for (at, value) in points {
            let hour = hour_of_week(*at, utc_offset_minutes);
            weekly[hour].push(*value);
            daily[hour % DAY].push(*value);
            overall.push(*value);
        }
        let levels = |hours: Vec<Vec<f64>>| {
            hours.into_iter().map(|mut values| Level::of(&mut values)).collect::<Vec<_>>()
        };
        let (weekly, daily) = (levels(weekly), levels(daily));
        let from_usual = |(at, value): &(i64, f64)| {
            let hour = hour_of_week(*at, utc_offset_minutes);
            // One point alone is what is usual, and no distance from it.
            let level = if weekly[hour].points > 1 { weekly[hour] } else { daily[hour % DAY] };
            value - level.center
        };
        let mut distances: Vec<f64> = points.iter().map(from_usual).collect();
        Self {
            utc_offset_minutes,
            within_hours: Level::of(&mut distances),
            weekly,
            daily,
            overall: Level::of(&mut overall),
        }
    }

    /// What is usual at a time, and what that is from, in words.
    pub(crate) fn usual(&self, at: i64, min_points: u32) -> (Level, String) {
        let hour = hour_of_week(at, self.utc_offset_minutes);
        if self.weekly[hour].points >= min_points.max(1) {
            return (self.weekly[hour].steadied(self.within_hours.spread), hour_of_week_in_words(hour));
        }
        let of_day = self.daily[hour % DAY];
        if of_day.points >= min_points.max(1) {
            return (of_day.steadied(self.within_hours.spread), hour_of_day_in_words(hour));
        }
        (self.overall, "at any time".to_owned())
    }

    /// How far values usually are from what is usual at their hour.
    pub(crate) fn spread_within_hours(&self) -> f64 {
        self.within_hours.spread
    }

    /// How many hours of the week and of the day it knows.
    pub(crate) fn known(&self, min_points: u32) -> (u32, u32) {
        let count = |levels: &[Level]| {
            let known = levels.iter().filter(|level| level.points >= min_points.max(1));
            u32::try_from(known.count()).unwrap_or(u32::MAX)
        };
        (count(&self.weekly), count(&self.daily))
    }

    /// A point that was normal.
    pub(crate) fn learn(&mut self, at: i64, value: f64) {
        let hour = hour_of_week(at, self.utc_offset_minutes);
        let overall = self.overall;
        for level in [&mut self.weekly[hour], &mut self.daily[hour % DAY], &mut self.overall] {
            if level.points == 0 {
                *level = Level { center: value, spread: overall.spread, points: 1 };
            } else {
                level.learn(value);
            }
        }
    }

    pub(crate) fn save(&self) -> Vec<u8> {
        let mut saved = vec![VERSION];
        let others = [&self.overall, &self.within_hours];
        self.weekly.iter().chain(&self.daily).chain(others).for_each(|level| level.save(&mut saved));
        saved
    }

    pub(crate) fn restore(saved: &[u8], utc_offset_minutes: i64) -> Result<Self, String> {
        let Some((&VERSION, levels)) = saved.split_first() else {
            return Err("saved by another version".into());
        };
        let (levels, rest) = levels.as_chunks::<SAVED_BYTES>();
        let levels: Option<Vec<Level>> = levels.iter().map(Level::restore).collect();
        let mut levels = levels.filter(|levels| rest.is_empty() && levels.len() == WEEK + DAY + 2);
        let levels = levels.as_mut().ok_or("what was saved is damaged")?;
        let within_hours = levels.pop().unwrap_or_default();
        let overall = levels.pop().unwrap_or_default();
        let daily = levels.split_off(WEEK);
        Ok(Self { utc_offset_minutes, weekly: std::mem::take(levels), daily, overall, within_hours })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    /// One point each hour of some days.
    fn days(count: i64) -> Season {
        let points: Vec<(i64, f64)> = (0..count * 24)
            .map(|hour| (hour * HOUR_MS, (hour % 24) as f64 + (hour % 5) as f64 * 0.1))
            .collect();
        Season::fit(&points, 0)
    }

    #[test]
    fn less_history_makes_it_coarser() {
        let words = |season: &Season| season.usual(30 * HOUR_MS, 3).1;
        assert_eq!(words(&days(21)), "on Fridays at 06:00");
        assert_eq!(words(&days(5)), "at 06:00");
        assert_eq!(words(&days(1)), "at any time");
        assert_eq!((days(21).known(3), days(5).known(3), days(1).known(3)), ((168, 24), (0, 24), (0, 0)));
    }

    #[test]
    fn an_hour_that_was_never_seen_begins_with_its_first_point() {
        let mut season = days(1);
        season.learn(30 * HOUR_MS, 6.0);
        let level = season.usual(30 * HOUR_MS, 1).0;
        assert_eq!((level.center, level.points), (6.0, 1));
        assert!(level.spread > 0.0);
    }
}
