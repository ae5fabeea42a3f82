//! Hours of the week, without a calendar: weeks have 168 hours, and the first of January 1970 was a Thursday.

/// Hours of a day.
pub(crate) const DAY: usize = 24;
/// Hours of a week.
pub(crate) const WEEK: usize = 7 * DAY;
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
/// The weekday on which time began first.
const WEEKDAYS: [&str; 7] =
    ["Thursdays", "Fridays", "Saturdays", "Sundays", "Mondays", "Tuesdays", "Wednesdays"];

/// The hour of the week, counted from midnight of Thursday, at a place so many minutes east of UTC.
pub(crate) fn hour_of_week(at_ms: i64, utc_offset_minutes: i64) -> usize {
    let local = at_ms.saturating_add(utc_offset_minutes * MINUTE_MS);
    usize::try_from(local.div_euclid(HOUR_MS).rem_euclid(WEEK as i64)).unwrap_or(0)
}

/// `on Mondays at 07:00`
pub(crate) fn hour_of_week_in_words(hour: usize) -> String {
    format!("on {} {}", WEEKDAYS[hour / DAY % WEEKDAYS.len()], hour_of_day_in_words(hour))
}

/// `at 07:00`
pub(crate) fn hour_of_day_in_words(hour: usize) -> String {
    format!("at {:02}:00", hour % DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_follow_the_place() {
        assert_eq!(hour_of_week(0, 0), 0);
        assert_eq!(hour_of_week(-1, 0), WEEK - 1);
        assert_eq!(hour_of_week(0, 120), 2);
        assert_eq!(hour_of_week(i64::MAX, 840) < WEEK, hour_of_week(i64::MIN, -840) < WEEK);
        // 2026-01-05T07:30:00Z
        let monday = 1_767_598_200_000;
        assert_eq!(hour_of_week_in_words(hour_of_week(monday, 0)), "on Mondays at 07:00");
    }
}
