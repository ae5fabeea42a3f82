//! Points in time and spans of time as Go's `time` package has them.

use bellwether_model::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp as Instant};

use crate::time_format;

/// Go's `time.Time`: an instant, seen from a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Time {
    instant: Instant,
    zone: Zone,
}

/// Where the clock hangs that shows a time.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Zone {
    Utc,
    Named(TimeZone),
    /// An offset read from a text, in seconds.
    Fixed(i32),
}

/// A time taken apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock<'a> {
    pub(crate) civil: DateTime,
    pub(crate) offset_secs: i32,
    pub(crate) zone: &'a str,
}

/// Seconds from Go's zero time, the begin of year 1, to the Unix epoch.
const ZERO_TIME_SECS: i64 = -62_135_596_800;

impl Time {
    /// A time in UTC; beyond year 9999, the nearest that can be told.
    pub(crate) fn from_timestamp(at: Timestamp) -> Self {
        Self::utc(Instant::from_millisecond(at.as_millis()).unwrap_or_else(|_| nearest(at.as_millis() < 0)))
    }

    /// Go's zero time, which stands for "no time".
    pub(crate) fn zero() -> Self {
        Self::utc(Instant::from_second(ZERO_TIME_SECS).unwrap_or(Instant::MIN))
    }

    /// From nanoseconds since the Unix epoch.
    pub(crate) fn from_unix_nanos(nanos: i128) -> Self {
        Self::utc(Instant::from_nanosecond(nanos).unwrap_or_else(|_| nearest(nanos < 0)))
    }

    /// From a civil time and its offset from UTC.
    pub(crate) fn from_civil(civil: DateTime, offset_secs: i32) -> Option<Self> {
        let offset = jiff::tz::Offset::from_seconds(offset_secs).ok()?;
        let instant = offset.to_timestamp(civil).ok()?;
        Some(Self { instant, zone: if offset_secs == 0 { Zone::Utc } else { Zone::Fixed(offset_secs) } })
    }

    const fn utc(instant: Instant) -> Self {
        Self { instant, zone: Zone::Utc }
    }

    pub(crate) fn to_utc(&self) -> Self {
        Self::utc(self.instant)
    }

    /// The same instant in the zone of this name in the time zone database.
    pub(crate) fn in_zone(&self, name: &str) -> Result<Self, String> {
        let zone = match name {
            "" | "UTC" | "Local" => Zone::Utc,
            _ => Zone::Named(TimeZone::get(name).map_err(|_| format!("unknown time zone {name}"))?),
        };
        Ok(Self { instant: self.instant, zone })
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.instant.as_second() == ZERO_TIME_SECS && self.instant.subsec_nanosecond() == 0
    }

    pub(crate) fn unix(&self) -> i64 {
        self.unix_nanos().div_euclid(1_000_000_000).try_into().unwrap_or(0)
    }

    pub(crate) fn unix_nanos(&self) -> i128 {
        self.instant.as_nanosecond()
    }

    /// Moved by nanoseconds.
    pub(crate) fn add_nanos(&self, nanos: i64) -> Self {
        let moved = self.instant.checked_add(SignedDuration::from_nanos(nanos));
        Self { instant: moved.unwrap_or_else(|_| nearest(nanos < 0)), zone: self.zone.clone() }
    }

    /// Nanoseconds since `earlier`; as in Go, saturates.
    pub(crate) fn nanos_since(&self, earlier: &Self) -> i64 {
        let nanos = self.unix_nanos() - earlier.unix_nanos();
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// Date, time of day and zone, given to `read`.
    pub(crate) fn with_clock<T>(&self, read: impl FnOnce(Clock<'_>) -> T) -> T {
        let civil = |offset: jiff::tz::Offset| offset.to_datetime(self.instant);
        match &self.zone {
            Zone::Utc => read(Clock { civil: civil(jiff::tz::Offset::UTC), offset_secs: 0, zone: "UTC" }),
            Zone::Fixed(secs) => {
                let offset = jiff::tz::Offset::from_seconds(*secs).unwrap_or(jiff::tz::Offset::UTC);
                read(Clock { civil: civil(offset), offset_secs: *secs, zone: "" })
            }
            Zone::Named(zone) => {
                let info = zone.to_offset_info(self.instant);
                let offset = info.offset();
                let clock =
                    Clock { civil: civil(offset), offset_secs: offset.seconds(), zone: info.abbreviation() };
                read(clock)
            }
        }
    }

    pub(crate) fn civil(&self) -> DateTime {
        self.with_clock(|clock| clock.civil)
    }

    /// As Go prints a time: `2026-01-31 12:00:00 +0000 UTC`.
    pub(crate) fn text(&self) -> String {
        time_format::format(self, "2006-01-02 15:04:05.999999999 -0700 MST")
    }

    /// As Go writes a time into JSON: RFC 3339 with as many decimals as it takes.
    pub(crate) fn rfc3339(&self) -> String {
        time_format::format(self, "2006-01-02T15:04:05.999999999Z07:00")
    }

    /// As Go source would make it.
    pub(crate) fn go_syntax(&self) -> String {
        let civil = self.civil();
        let zone = match &self.zone {
            Zone::Utc => "time.UTC".to_owned(),
            Zone::Named(zone) => format!("time.Location({:?})", zone.iana_name().unwrap_or("")),
            Zone::Fixed(_) => "time.Location(\"\")".to_owned(),
        };
        format!(
            "time.Date({}, time.{}, {}, {}, {}, {}, {}, {zone})",
            civil.year(),
            month_name(i64::from(civil.month())),
            civil.day(),
            civil.hour(),
            civil.minute(),
            civil.second(),
            civil.subsec_nanosecond()
        )
    }

    /// The three fields of Go's struct, for verbs that print it as one: nanoseconds, seconds since year 1, and whether
    /// it has a location other than UTC.
    pub(crate) fn raw_fields(&self) -> (i64, i64, bool) {
        let nanos = i64::try_from(self.unix_nanos().rem_euclid(1_000_000_000)).unwrap_or(0);
        (nanos, self.unix().saturating_sub(ZERO_TIME_SECS), self.zone != Zone::Utc)
    }
}

fn nearest(before: bool) -> Instant {
    if before { Instant::MIN } else { Instant::MAX }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The English name of a month, from 1; as Go, `%!Month(13)` for others.
pub(crate) fn month_name(month: i64) -> String {
    let index = usize::try_from(month - 1).ok();
    index.and_then(|at| MONTHS.get(at)).map_or_else(|| format!("%!Month({month})"), |&name| name.to_owned())
}

/// The English name of a weekday; 0 is Sunday.
pub(crate) fn weekday_name(weekday: i64) -> String {
    let index = usize::try_from(weekday).ok();
    index
        .and_then(|at| WEEKDAYS.get(at))
        .map_or_else(|| format!("%!Weekday({weekday})"), |&name| name.to_owned())
}

/// The month that a text begins with, and how long its name is.
pub(crate) fn month_ahead(text: &str, short: bool) -> Option<(i8, usize)> {
    let at = name_ahead(&MONTHS, text, short)?;
    Some((i8::try_from(at.0 + 1).ok()?, at.1))
}

/// The weekday that a text begins with, and how long its name is.
pub(crate) fn weekday_ahead(text: &str, short: bool) -> Option<(usize, usize)> {
    name_ahead(&WEEKDAYS, text, short)
}

fn name_ahead(names: &[&str], text: &str, short: bool) -> Option<(usize, usize)> {
    names.iter().enumerate().find_map(|(at, name)| {
        let name = if short { &name[..3] } else { name };
        text.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name)).map(|_| (at, name.len()))
    })
}

/// A `time.Duration` as Go prints it: `1h0m0s`, `1.5s`, `10ms`, `0s`.
pub(crate) fn duration_text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let magnitude = nanos.unsigned_abs();
    let (unit, suffix) = match magnitude {
        0 => return "0s".to_owned(),
        1..1_000 => return format!("{sign}{magnitude}ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let mut text = sign.to_owned();
    let mut whole = magnitude / unit;
    if suffix == "s" {
        let minutes = whole / 60;
        whole %= 60;
        if minutes >= 60 {
            text.push_str(&format!("{}h", minutes / 60));
        }
        if minutes > 0 {
            text.push_str(&format!("{}m", minutes % 60));
        }
    }
    text.push_str(&format!("{whole}"));
    if !magnitude.is_multiple_of(unit) {
        let width = unit.ilog10() as usize;
        let fraction = format!("{:0width$}", magnitude % unit);
        text.push_str(&format!(".{}", fraction.trim_end_matches('0')));
    }
    text + suffix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_in_go() {
        let cases = [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (-2_000_000, "-2ms"),
            (1_500_000_000, "1.5s"),
            (3_600_000_000_000, "1h0m0s"),
            (5_400_000_000_000, "1h30m0s"),
        ];
        for (nanos, text) in cases {
            assert_eq!(duration_text(nanos), text);
        }
        assert_eq!(duration_text(i64::MIN), "-2562047h47m16.854775808s");
    }

    #[test]
    fn times_print_as_in_go_in_any_zone() {
        let time = Time::from_timestamp(Timestamp::parse_rfc3339("2026-01-31T12:00:00.25Z").unwrap());
        assert_eq!(time.text(), "2026-01-31 12:00:00.25 +0000 UTC");
        assert_eq!(time.in_zone("Asia/Kolkata").unwrap().text(), "2026-01-31 17:30:00.25 +0530 IST");
        assert_eq!(time.in_zone("Nowhere/At_All").unwrap_err(), "unknown time zone Nowhere/At_All");
        assert_eq!(Time::zero().text(), "0001-01-01 00:00:00 +0000 UTC");
        assert!(Time::zero().is_zero());
    }

    #[test]
    fn times_beyond_the_calendar_are_held_at_its_ends() {
        assert!(Time::from_timestamp(Timestamp::MAX).text().starts_with("9999-"));
        assert!(Time::from_timestamp(Timestamp::MIN).add_nanos(i64::MIN).text().starts_with('-'));
    }
}
