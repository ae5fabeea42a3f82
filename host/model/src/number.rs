//! Numbers as Go prints them, in results, labels and messages that have to read as Prometheus' do.

use std::fmt;

/// A float as Go's `%g` and `%v`: the shortest digits that read back the same, with an exponent below 1e-4 and from
/// 1e21 on when it has few digits, else from 1e6 on: `0.5`, `1e+06`, `1.5e-07`, `+Inf`.
#[derive(Debug, Clone, Copy)]
pub struct General(pub f64);

impl fmt::Display for General {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match special(self.0) {
            Some(text) => f.write_str(text),
            None => Digits::of(&format!("{:e}", self.0)).write(f, 6),
        }
    }
}

/// A float as Go's `%.2g`: two significant digits at most.
#[derive(Debug, Clone, Copy)]
pub struct TwoDigits(pub f64);

impl fmt::Display for TwoDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match special(self.0) {
            Some(text) => f.write_str(text),
            None => Digits::of(&format!("{:.1e}", self.0)).write(f, 2),
        }
    }
}

/// A float as Go's `strconv.FormatFloat(v, 'f', -1, 64)`: never an exponent: `1000000`, `0.00000015`, `+Inf`.
#[derive(Debug, Clone, Copy)]
pub struct Plain(pub f64);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match special(self.0) {
            Some(text) => f.write_str(text),
            None => write!(f, "{}", self.0),
        }
    }
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value.is_infinite() {
        Some(if value > 0.0 { "+Inf" } else { "-Inf" })
    } else {
        None
    }
}

/// Decimal digits without trailing zeros, and the power of ten of the first one.
struct Digits {
    negative: bool,
    digits: String,
    exponent: i32,
}

impl Digits {
    /// From Rust's `{:e}`: `-1.25e-7`.
    fn of(scientific: &str) -> Self {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        let digits = match digits.trim_end_matches('0') {
            "" => "0",
            digits => digits,
        };
        Self {
            negative: mantissa.starts_with('-'),
            digits: digits.to_owned(),
            exponent: exponent.parse().unwrap_or(0),
        }
    }

    /// Without an exponent where it lies in `-4..most`.
    fn write(&self, f: &mut fmt::Formatter<'_>, most: i32) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        let (first, rest) = self.digits.split_at(1);
        if self.exponent < -4 || self.exponent >= most.max(1) {
            let point = if rest.is_empty() { "" } else { "." };
            let sign = if self.exponent < 0 { '-' } else { '+' };
            return write!(f, "{first}{point}{rest}e{sign}{:02}", self.exponent.abs());
        }
        if self.exponent < 0 {
            let zeros = "0".repeat(usize::try_from(-self.exponent - 1).unwrap_or(0));
            return write!(f, "0.{zeros}{}", self.digits);
        }
        let whole = usize::try_from(self.exponent).unwrap_or(0) + 1;
        match self.digits.split_at_checked(whole) {
            Some((whole, "")) => f.write_str(whole),
            Some((whole, fraction)) => write!(f, "{whole}.{fraction}"),
            None => write!(f, "{}{}", self.digits, "0".repeat(whole - self.digits.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_numbers_are_gos() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.5, "0.5"),
            (100_000.0, "100000"),
            (1e6, "1e+06"),
            (123_456_789.5, "1.234567895e+08"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (-12.25, "-12.25"),
            (1e100, "1e+100"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(General(value).to_string(), text);
        }
    }

    #[test]
    fn two_digits_round() {
        for (value, text) in
            [(0.123_4, "0.12"), (9.96, "10"), (1.0, "1"), (123.0, "1.2e+02"), (0.000_001_23, "1.2e-06")]
        {
            assert_eq!(TwoDigits(value).to_string(), text);
        }
    }
}
