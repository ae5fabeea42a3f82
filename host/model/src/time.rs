//! Points in time, in milliseconds as in Prometheus.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Unix time in milliseconds. Negative before 1970.
///
/// Has no `Default`: a forgotten time must not become 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A text that is no RFC 3339 time.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text:?} is no RFC 3339 time such as 2026-01-31T12:00:00Z")]
pub struct ParseTimestampError {
    text: String,
}

impl Timestamp {
    /// The first instant that can be told.
    pub const MIN: Self = Self(i64::MIN);
    /// The last instant that can be told.
    pub const MAX: Self = Self(i64::MAX);
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);

    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From seconds since the Unix epoch, rounded to the nearest millisecond; saturates.
    pub fn from_secs_f64(secs: f64) -> Self {
        // `as` saturates at the bounds of i64, and NaN becomes 0.
        Self((secs * 1000.0).round() as i64)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Seconds since the Unix epoch.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// Milliseconds from `earlier` to `self`; negative when `self` is the earlier one.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Time passed since `earlier`; zero when `self` is the earlier one.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.millis_since(earlier).try_into().unwrap_or(0))
    }

    /// Moved by so many milliseconds, in either direction; saturates.
    pub const fn offset_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// The largest multiple of `step` that is not after `self`; `self` when `step` is zero.
    pub fn floor_to(self, step: Duration) -> Self {
        match millis(step) {
            0 => self,
            step => Self(self.0 - self.0.rem_euclid(step)),
        }
    }

    /// Reads an RFC 3339 time with any offset.
    pub fn parse_rfc3339(text: &str) -> Result<Self, ParseTimestampError> {
        let parsed: Result<jiff::Timestamp, _> = text.parse();
        parsed.map(|t| Self(t.as_millisecond())).map_err(|_| ParseTimestampError { text: text.to_owned() })
    }

    /// RFC 3339 in UTC with three decimals of a second, as Alertmanager's API: `2026-01-31T12:00:00.000Z`.
    pub fn to_rfc3339_millis(self) -> String {
        Rfc3339Millis(self).to_string()
    }
}

/// A time as [`Timestamp::to_rfc3339_millis`] writes it, without memory of its own: lists of alerts have very many.
#[derive(Debug, Clone, Copy)]
pub struct Rfc3339Millis(pub Timestamp);

impl Rfc3339Millis {
    /// The digits; none outside of the years 0 to 9999.
    fn digits(self) -> Option<[u8; 24]> {
        let time = jiff::Timestamp::from_millisecond(self.0.0).ok()?;
        let time = jiff::tz::Offset::UTC.to_datetime(time);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut put = |at: usize, digits: usize, number: i32| {
            let mut rest = number;
            for place in (at..at + digits).rev() {
                text[place] = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        };
        put(0, 4, time.year().into());
        put(5, 2, time.month().into());
        put(8, 2, time.day().into());
        put(11, 2, time.hour().into());
        put(14, 2, time.minute().into());
        put(17, 2, time.second().into());
        put(20, 3, time.millisecond().into());
        (time.year() >= 0).then_some(text)
    }
}

impl fmt::Display for Rfc3339Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.digits().as_ref().map(|digits| std::str::from_utf8(digits)) {
            Some(Ok(text)) => f.write_str(text),
            Some(Err(_)) | None => write!(f, "{}ms", self.0.0),
        }
    }
}

impl Serialize for Rfc3339Millis {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.digits().as_ref().map(|digits| std::str::from_utf8(digits)) {
            Some(Ok(text)) => serializer.serialize_str(text),
            Some(Err(_)) | None => serializer.collect_str(self),
        }
    }
}

/// Whole milliseconds of a duration; saturates.
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with as many decimals as it takes, as Go prints JSON times: `2026-01-31T12:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => write!(f, "{t}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }
}

impl AddAssign<Duration> for Timestamp {
    fn add_assign(&mut self, by: Duration) {
        *self = *self + by;
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(millis(by)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_only_the_decimals_it_needs() {
        let t = Timestamp::parse_rfc3339("2026-01-31T13:00:00.5+01:00").unwrap();
        assert_eq!(t.to_string(), "2026-01-31T12:00:00.5Z");
        assert_eq!(t.to_rfc3339_millis(), "2026-01-31T12:00:00.500Z");
        assert_eq!(Timestamp::from_millis(-1).to_rfc3339_millis(), "1969-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::MAX.to_rfc3339_millis(), "9223372036854775807ms");
        assert_eq!(Timestamp::UNIX_EPOCH.to_string(), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn floors_towards_the_past_before_1970_too() {
        let step = Duration::from_secs(15);
        assert_eq!(Timestamp::from_millis(29_999).floor_to(step), Timestamp::from_millis(15_000));
        assert_eq!(Timestamp::from_millis(-1).floor_to(step), Timestamp::from_millis(-15_000));
    }

    #[test]
    fn saturates_instead_of_wrapping() {
        assert_eq!(Timestamp::MAX + Duration::MAX, Timestamp::MAX);
        assert_eq!(Timestamp::MIN - Duration::from_secs(1), Timestamp::MIN);
        assert_eq!(Timestamp::from_secs_f64(f64::INFINITY), Timestamp::MAX);
    }
}
