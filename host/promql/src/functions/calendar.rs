//! Fields of the proleptic Gregorian calendar in UTC.

const DAY_SECONDS: i64 = 86_400;

/// Seconds beyond which there is no sensible date; keeps the arithmetic inside of i64.
const MAX_SECONDS: i64 = 1 << 53;

struct Date {
    year: i64,
    month: i64,
    day: i64,
}

fn days(seconds: i64) -> i64 {
    seconds.clamp(-MAX_SECONDS, MAX_SECONDS).div_euclid(DAY_SECONDS)
}

/// Days are counted in years that begin in March, so that the leap day is the last one.
fn date(seconds: i64) -> Date {
    const ERA_DAYS: i64 = 146_097;
    /// From 0000-03-01 to 1970-01-01.
    const TO_UNIX_EPOCH: i64 = 719_468;
    let days = days(seconds) + TO_UNIX_EPOCH;
    let (era, day_of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    Date {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
    }
}

fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

pub(super) fn year(seconds: i64) -> f64 {
    date(seconds).year as f64
}

pub(super) fn month(seconds: i64) -> f64 {
    date(seconds).month as f64
}

pub(super) fn day_of_month(seconds: i64) -> f64 {
    date(seconds).day as f64
}

/// 0 is Sunday.
pub(super) fn day_of_week(seconds: i64) -> f64 {
    // 1970-01-01 was a Thursday.
    (days(seconds) + 4).rem_euclid(7) as f64
}

/// From 1.
pub(super) fn day_of_year(seconds: i64) -> f64 {
    let Date { year, month, day } = date(seconds);
    ((1..month).map(|month| month_length(year, month)).sum::<i64>() + day) as f64
}

pub(super) fn days_in_month(seconds: i64) -> f64 {
    let Date { year, month, .. } = date(seconds);
    month_length(year, month) as f64
}

pub(super) fn hour(seconds: i64) -> f64 {
    (seconds.rem_euclid(DAY_SECONDS) / 3600) as f64
}

pub(super) fn minute(seconds: i64) -> f64 {
    (seconds.rem_euclid(3600) / 60) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_leap_days() {
        // 2000-02-29T12:34:56Z
        let leap = 951_827_696;
        assert_eq!((year(leap), month(leap), day_of_month(leap)), (2000.0, 2.0, 29.0));
        assert_eq!((day_of_year(leap), days_in_month(leap), day_of_week(leap)), (60.0, 29.0, 2.0));
        assert_eq!((hour(leap), minute(leap)), (12.0, 34.0));
    }

    #[test]
    fn goes_back_before_1970() {
        assert_eq!((year(-1), month(-1), day_of_month(-1)), (1969.0, 12.0, 31.0));
        assert_eq!((hour(-1), minute(-1), day_of_week(-1)), (23.0, 59.0, 3.0));
    }

    #[test]
    fn takes_any_number() {
        for seconds in [i64::MIN, i64::MAX] {
            assert!(year(seconds).is_finite() && day_of_year(seconds).is_finite());
        }
    }
}
