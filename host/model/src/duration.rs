//! The two notations for durations: Prometheus' (`1h30m`, whole numbers, up to years) and Go's (`1.5h`, `500us`).

use std::fmt;
use std::time::Duration;

/// A text that is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseDurationError {
    /// Nothing there.
    #[error("empty duration string")]
    Empty,
    /// Does not follow the notation.
    #[error("not a valid duration string: {0:?}")]
    Malformed(String),
    /// Longer than 292 years, the longest that Prometheus can hold.
    #[error("duration out of range")]
    OutOfRange,
}

/// Units of Prometheus durations with their milliseconds, in the only order in which they may follow each other.
const PROMETHEUS_UNITS: [(&str, u64); 7] = [
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Units of Go durations with their nanoseconds.
const GO_UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];

/// The longest duration: Go's `int64` of nanoseconds, in milliseconds.
const MAX_MILLIS: u64 = 9_223_372_036_854;

/// Reads a Prometheus duration: `0`, `15s`, `1h30m`, `1w2d3h4m5s6ms`.
pub fn parse_prometheus(text: &str) -> Result<Duration, ParseDurationError> {
    match text {
        "" => return Err(ParseDurationError::Empty),
        "0" => return Ok(Duration::ZERO),
        _ => {}
    }
    let malformed = || ParseDurationError::Malformed(text.to_owned());
    let (mut rest, mut next_unit, mut total) = (text, 0, 0_u64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(unit_len);
        let at =
            PROMETHEUS_UNITS[next_unit..].iter().position(|(name, _)| *name == unit).ok_or_else(malformed)?;
        if number.is_empty() {
            return Err(malformed());
        }
        let number: u64 = number.parse().map_err(|_| ParseDurationError::OutOfRange)?;
        let (_, unit_millis) = PROMETHEUS_UNITS[next_unit + at];
        total = number
            .checked_mul(unit_millis)
            .and_then(|part| total.checked_add(part))
            .filter(|&sum| sum <= MAX_MILLIS)
            .ok_or(ParseDurationError::OutOfRange)?;
        next_unit += at + 1;
        rest = tail;
    }
    Ok(Duration::from_millis(total))
}

/// Reads a Go duration: `500ms`, `1.5h`, `-3s` is refused, since nothing in a configuration waits backwards.
pub fn parse_go(text: &str) -> Result<Duration, ParseDurationError> {
    let malformed = || ParseDurationError::Malformed(text.to_owned());
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    match rest {
        "" => return Err(ParseDurationError::Empty),
        "0" => return Ok(Duration::ZERO),
        _ => {}
    }
    let mut nanos = 0.0;
    while !rest.is_empty() {
        let number_len = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, tail) = rest.split_at(number_len);
        let unit_len = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let (_, factor) = GO_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(malformed)?;
        let number: f64 = number.parse().map_err(|_| malformed())?;
        nanos += number * factor;
        rest = tail;
    }
    if nanos > MAX_MILLIS as f64 * 1e6 {
        return Err(ParseDurationError::OutOfRange);
    }
    Ok(Duration::from_nanos(nanos as u64))
}

/// Prints a duration as Prometheus does: whole units, largest first, `0s` for none.
///
/// Weeks and years appear only where they leave no remainder, as Prometheus' `model.Duration`.
#[derive(Debug, Clone, Copy)]
pub struct PrometheusDuration(pub Duration);

impl fmt::Display for PrometheusDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if left == 0 {
            return f.write_str("0s");
        }
        for (unit, unit_millis) in PROMETHEUS_UNITS {
            let exact_only = matches!(unit, "y" | "w");
            if left < unit_millis || exact_only && !left.is_multiple_of(unit_millis) {
                continue;
            }
            write!(f, "{}{unit}", left / unit_millis)?;
            left %= unit_millis;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_notation_round_trips() {
        for text in ["0s", "5s", "1h30m", "1w", "365d1h".to_string().as_str(), "1y", "2d3h4m5s6ms"] {
            let parsed = parse_prometheus(text).unwrap();
            let printed = PrometheusDuration(parsed).to_string();
            assert_eq!(parse_prometheus(&printed).unwrap(), parsed, "{text} printed as {printed}");
        }
        assert_eq!(PrometheusDuration(Duration::from_secs(90)).to_string(), "1m30s");
        assert_eq!(PrometheusDuration(Duration::from_secs(8 * 86_400)).to_string(), "8d");
    }

    #[test]
    fn prometheus_notation_refuses_what_prometheus_refuses() {
        for text in ["", "1", "s", "1.5h", "5m1h", "-1s", "1x", "1s ", "99999999999999999999s"] {
            assert!(parse_prometheus(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn go_notation_takes_fractions_and_any_order() {
        assert_eq!(parse_go("1.5h").unwrap(), Duration::from_secs(5400));
        assert_eq!(parse_go("500us").unwrap(), Duration::from_micros(500));
        assert_eq!(parse_go("1s2m").unwrap(), Duration::from_secs(121));
        for text in ["", "1", "1d", "-1s", "..s", "h"] {
            assert!(parse_go(text).is_err(), "{text:?} was accepted");
        }
    }
}
