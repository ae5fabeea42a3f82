//! Numbers as Go reads and OpenMetrics writes them.

/// Reads a number as Prometheus does: Go's notation without hexadecimal floats and underscores.
///
/// A number beyond the range of a double is refused, not turned into an infinity; a NaN has no sign.
pub(super) fn parse_float(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let value: f64 = text.parse().ok()?;
    let spelt = text.bytes().any(|byte| matches!(byte, b'n' | b'N'));
    let signed = text.starts_with(['+', '-']);
    match value {
        _ if value.is_nan() && signed => None,
        _ if value.is_nan() => Some(f64::NAN),
        _ if value.is_infinite() && !spelt => None,
        value => Some(value),
    }
}

/// The canonical text of a bound or quantile, so that `le="1"` and `le="1.0"` are one series, as in Prometheus 3.
pub(super) fn canonical_float(text: &str) -> Option<String> {
    let value = parse_float(text.as_bytes())?;
    Some(match value {
        _ if value.is_nan() => "NaN".to_owned(),
        _ if value == f64::INFINITY => "+Inf".to_owned(),
        _ if value == f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => {
            let text = shortest(value);
            if text.contains(['e', '.']) { text } else { text + ".0" }
        }
    })
}

/// Go's `strconv.FormatFloat(value, 'g', -1, 64)`: an exponent below -4 or from 6 on, of at least two digits.
fn shortest(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    format!("{value}")
}
