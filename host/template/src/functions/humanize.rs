//! Numbers made readable, as Prometheus' functions make them; Alertmanager shares one of them.

use crate::format;
use crate::number::{self, FloatForm};
use crate::time::Time;
use crate::value::{IntType, Value};

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const LARGE_1024: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

/// A number of any kind, or a text that is one, as a float.
pub(crate) fn to_float(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(value) => Ok(*value),
        Value::Int(nanos, IntType::Duration) => Ok(*nanos as f64 / 1e9),
        Value::Int(value, IntType::Int | IntType::Int64) => Ok(*value as f64),
        Value::String(text) => number::parse_float(text)
            .ok_or_else(|| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax")),
        Value::Nil => Err("can't convert <nil> to float".to_owned()),
        other => Err(format!("can't convert {} to float", other.type_name())),
    }
}

/// Four significant digits.
fn four(value: f64) -> String {
    number::format_float(value, FloatForm::General, Some(4))
}

/// Divides until below `base`, and names the power.
fn scale_down(mut value: f64, base: f64, prefixes: &[&'static str]) -> (f64, &'static str) {
    let mut prefix = "";
    for next in prefixes {
        if value.abs() < base {
            break;
        }
        prefix = next;
        value /= base;
    }
    (value, prefix)
}

/// Multiplies until at least one, and names the power.
fn scale_up(mut value: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for next in SMALL {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = next;
        value *= 1000.0;
    }
    (value, prefix)
}

/// `humanize`: metric prefixes.
pub(crate) fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return four(value);
    }
    let (scaled, prefix) =
        if value.abs() >= 1.0 { scale_down(value, 1000.0, &LARGE) } else { scale_up(value) };
    four(scaled) + prefix
}

/// `humanize1024`: binary prefixes.
pub(crate) fn humanize_1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return four(value);
    }
    let (scaled, prefix) = scale_down(value, 1024.0, &LARGE_1024);
    four(scaled) + prefix
}

/// `humanizeDuration`: seconds as days, hours, minutes and seconds.
pub(crate) fn humanize_duration(value: f64) -> String {
    if !value.is_finite() {
        return four(value);
    }
    if value == 0.0 {
        return four(value) + "s";
    }
    if value.abs() < 1.0 {
        let (scaled, prefix) = scale_up(value);
        return format!("{}{prefix}s", four(scaled));
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let whole = whole_part(value.abs());
    let (days, hours, minutes, seconds) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", four(value.abs())),
        (0, 0, _) => format!("{sign}{minutes}m {seconds}s"),
        (0, _, _) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
    }
}

/// The whole part of a number as Go on amd64 has it: the least integer for whatever does not fit.
pub(crate) fn whole_part(value: f64) -> i64 {
    let fits = value >= i64::MIN as f64 && value < i64::MAX as f64;
    if fits { value as i64 } else { i64::MIN }
}

/// `humanizePercentage`: a ratio as a percentage.
pub(crate) fn humanize_percentage(value: f64) -> String {
    four(value * 100.0) + "%"
}

/// `humanizeTimestamp`: seconds since the Unix epoch as a time.
pub(crate) fn humanize_timestamp(value: f64) -> Result<String, String> {
    if value.is_finite() { Ok(time_of(value)?.text()) } else { Ok(four(value)) }
}

/// Seconds since the Unix epoch as a time, in whole milliseconds.
pub(crate) fn time_of(secs: f64) -> Result<Time, String> {
    if !secs.is_finite() {
        return Err("value is NaN or Inf".to_owned());
    }
    let nanos = secs * 1e9;
    if nanos > i64::MAX as f64 || nanos < i64::MIN as f64 {
        let shown = format::print(&Value::Float(secs))?;
        return Err(format!(
            "{shown} cannot be represented as a nanoseconds timestamp since it overflows int64"
        ));
    }
    Ok(Time::from_unix_nanos(i128::from(nanos as i64) / 1_000_000 * 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_numbers_short() {
        let cases = [(1234.5, "1.234k"), (0.00012, "120u"), (999.9999, "1000"), (1e21, "1Z"), (0.0, "0")];
        for (value, text) in cases {
            assert_eq!(humanize(value), text);
        }
        assert_eq!(humanize(f64::NEG_INFINITY), "-Inf");
        assert_eq!(humanize_1024(1_048_576.0), "1Mi");
        assert_eq!(humanize_percentage(0.9591), "95.91%");
    }

    #[test]
    fn makes_durations_readable() {
        let cases = [(90_061.5, "1d 1h 1m 1s"), (-61.0, "-1m 1s"), (1e-9, "1ns"), (59.5, "59.5s")];
        for (value, text) in cases {
            assert_eq!(humanize_duration(value), text);
        }
    }

    #[test]
    fn timestamps_outside_of_int64_are_refused() {
        assert_eq!(humanize_timestamp(1_643_114_203.0).unwrap(), "2022-01-25 12:36:43 +0000 UTC");
        assert_eq!(humanize_timestamp(f64::NAN).unwrap(), "NaN");
        assert!(humanize_timestamp(1e21).unwrap_err().starts_with("1e+21 cannot be represented"));
    }
}
