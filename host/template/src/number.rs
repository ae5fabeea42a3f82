//! Numbers as Go's `strconv` reads and writes them.

use crate::ast::Number;

/// How to write a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FloatForm {
    /// `-ddd.ddd`.
    Fixed,
    /// `-d.ddde±dd`.
    Exponent,
    /// The shorter of the two: with an exponent below -4, or from the precision on.
    General,
    /// `-0x1.hhhp±dd`.
    Hex,
    /// `-ddddp±ddd`, a whole mantissa and a power of two.
    Binary,
}

/// Writes a float with `precision` digits, or with as few as tell it from its neighbours.
pub(crate) fn format_float(value: f64, form: FloatForm, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    match form {
        FloatForm::Fixed => fixed_form(value, precision),
        FloatForm::Exponent => exponent_form(value, precision),
        FloatForm::General => general_form(value, precision.map(|precision| precision.min(MAX_EXACT_DIGITS))),
        FloatForm::Hex => hex_form(value, precision),
        FloatForm::Binary => binary_form(value),
    }
}

/// No float has more digits than this; what is asked for beyond is zeros. The standard library takes 65,535 at most.
const MAX_EXACT_DIGITS: usize = 1_100;

fn fixed_form(value: f64, precision: Option<usize>) -> String {
    let Some(precision) = precision else {
        return format!("{value}");
    };
    let exact = precision.min(MAX_EXACT_DIGITS);
    format!("{value:.exact$}") + &"0".repeat(precision - exact)
}

fn exponent_form(value: f64, precision: Option<usize>) -> String {
    let exact = precision.map_or(0, |precision| precision.min(MAX_EXACT_DIGITS));
    let text = match precision {
        Some(_) => format!("{value:.exact$e}"),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = format!("{mantissa}{}", "0".repeat(precision.unwrap_or(0) - exact));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

fn general_form(value: f64, precision: Option<usize>) -> String {
    let significant = precision.map(|precision| precision.max(1));
    let rounded = match significant {
        Some(significant) => format!("{value:.*e}", significant - 1),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = mantissa.trim_start_matches('-').replace('.', "");
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    let limit = match significant {
        None => SHORTEST_LIMIT,
        Some(significant) => general_limit(significant, digits.len(), exponent),
    };
    if exponent < -4 || exponent >= limit {
        return exponent_form(value, Some(digits.len() - 1));
    }
    let decimals = i32::try_from(digits.len()).unwrap_or(i32::MAX) - 1 - exponent;
    format!("{value:.*}", usize::try_from(decimals).unwrap_or(0))
}

/// From this exponent on, the shortest general form has an exponent.
const SHORTEST_LIMIT: i32 = 6;

/// The exponent from which on a general form of given precision has an exponent: as many as there are digits, when
/// these are whole and fewer than asked for.
fn general_limit(significant: usize, digits: usize, exponent: i32) -> i32 {
    let as_i32 = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    if significant > digits && as_i32(digits) > exponent { as_i32(digits) } else { as_i32(significant) }
}

fn hex_form(value: f64, precision: Option<usize>) -> String {
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let (mut mantissa, mut exponent) = normalized(value);
    if let Some(precision) = precision.filter(|&precision| precision < 13) {
        let dropped = (13 - precision) * 4;
        let half = 1_u64 << (dropped - 1);
        let rest = mantissa & ((1 << dropped) - 1);
        mantissa >>= dropped;
        if rest > half || rest == half && mantissa & 1 == 1 {
            mantissa += 1;
        }
        mantissa <<= dropped;
        if mantissa >> 53 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let mut digits = format!("{:013x}", mantissa & ((1 << 52) - 1));
    match precision {
        None => digits.truncate(digits.trim_end_matches('0').len()),
        Some(precision) if precision <= 13 => digits.truncate(precision),
        Some(precision) => digits.extend(std::iter::repeat_n('0', precision - 13)),
    }
    let point = if digits.is_empty() { "" } else { "." };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}0x{}{point}{digits}p{exponent_sign}{:02}", mantissa >> 52, exponent.unsigned_abs())
}

/// Mantissa with its leading one at bit 52, and the power of two of that bit.
fn normalized(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let exponent = i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
    match (exponent, fraction) {
        (0, 0) => (0, 0),
        (0, _) => {
            let shift = fraction.leading_zeros() - 11;
            (fraction << shift, -1022 - i32::try_from(shift).unwrap_or(0))
        }
        _ => (fraction | 1 << 52, exponent - 1023),
    }
}

fn binary_form(value: f64) -> String {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let exponent = i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
    let (mantissa, exponent) =
        if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
    let sign = if value.is_sign_negative() { "-" } else { "" };
    format!("{sign}{mantissa}p{exponent:+}")
}

/// Reads a float as `strconv.ParseFloat` does.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let Some(hex) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) else {
        return text.parse().ok();
    };
    let value = parse_hex_float(hex)?;
    Some(if text.starts_with('-') { -value } else { value })
}

fn parse_hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() || whole.len() + fraction.len() > 15 {
        return None;
    }
    let digits = u64::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    let shift = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    Some(digits as f64 * f64::from(exponent.checked_sub(shift)?).exp2())
}

/// Reads an integer as `strconv.ParseInt` does with base 0: prefixes `0x 0o 0b 0`, underscores between digits.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        Some(octal) if octal.starts_with('0') => (8, &lower[1..]),
        _ => (10, &*lower),
    };
    let digits = digits.strip_prefix('_').filter(|_| radix != 10).unwrap_or(digits);
    if digits.is_empty() || digits.ends_with('_') || digits.starts_with('_') || digits.contains("__") {
        return None;
    }
    let magnitude = u64::from_str_radix(&digits.replace('_', ""), radix).ok()?;
    if negative { 0_i64.checked_sub_unsigned(magnitude) } else { magnitude.try_into().ok() }
}

/// Makes a number of a literal; the error is Go's message.
pub(crate) fn parse_literal(text: &str) -> Result<Number, String> {
    let int = parse_int(text);
    let looks_float = text.contains(['.', 'e', 'E', 'p', 'P']);
    let is_hex_int =
        int.is_some() && text.trim_start_matches(['+', '-']).to_ascii_lowercase().starts_with("0x");
    if let Some(value) = int {
        let number = Number { text: text.to_owned(), int, float: value as f64, ideal_float: false };
        return Ok(Number { ideal_float: looks_float && !is_hex_int, ..number });
    }
    let Some(float) = parse_float(&text.replace('_', "")) else {
        return Err(format!("illegal number syntax: {text:?}"));
    };
    if !looks_float {
        return Err(format!("integer overflow: {text:?}"));
    }
    if float.is_infinite() {
        return Err(format!("illegal number syntax: {text:?}"));
    }
    let whole = float.fract() == 0.0 && float.abs() < 9e18;
    Ok(Number { text: text.to_owned(), int: whole.then_some(float as i64), float, ideal_float: true })
}

/// Takes Go's escapes out of a quoted text (without its quotes); none when one of them is wrong.
pub(crate) fn unescape(body: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(body.len());
    let mut chars = body.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match chars.next()? {
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(11),
            c @ ('\\' | '\'' | '"') => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            'x' => bytes.push(u8::try_from(take_digits(&mut chars, 2, 16, 0)?).ok()?),
            'u' => push_char(&mut bytes, take_digits(&mut chars, 4, 16, 0)?)?,
            'U' => push_char(&mut bytes, take_digits(&mut chars, 8, 16, 0)?)?,
            c @ '0'..='7' => bytes.push(u8::try_from(take_digits(&mut chars, 2, 8, c.to_digit(8)?)?).ok()?),
            _ => return None,
        }
    }
    Some(crate::value::text_of_bytes(&bytes))
}

fn take_digits(chars: &mut std::str::Chars<'_>, count: usize, radix: u32, first: u32) -> Option<u32> {
    (0..count)
        .try_fold(first, |value, _| value.checked_mul(radix)?.checked_add(chars.next()?.to_digit(radix)?))
}

fn push_char(bytes: &mut Vec<u8>, code: u32) -> Option<()> {
    bytes.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
    Some(())
}

/// A text in Go's double quotes; with `ascii`, nothing but ASCII inside.
pub(crate) fn quote(text: &str, ascii: bool) -> String {
    quote_with(text, '"', ascii)
}

/// A text between `mark`s, with Go's escapes for what does not print.
pub(crate) fn quote_with(text: &str, mark: char, ascii: bool) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(mark);
    for c in text.chars() {
        push_quoted(&mut quoted, c, mark, ascii);
    }
    quoted.push(mark);
    quoted
}

fn push_quoted(quoted: &mut String, c: char, mark: char, ascii: bool) {
    match c {
        c if c == mark || c == '\\' => quoted.extend(['\\', c]),
        '\u{7}' => quoted.push_str("\\a"),
        '\u{8}' => quoted.push_str("\\b"),
        '\u{c}' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\u{b}' => quoted.push_str("\\v"),
        c if c.is_ascii_graphic() || c == ' ' => quoted.push(c),
        c if !ascii && is_printable(c) => quoted.push(c),
        c => {
            let code = u32::from(c);
            quoted.push_str(&match code {
                0..0x80 => format!("\\x{code:02x}"),
                0x80..0x1_0000 => format!("\\u{code:04x}"),
                _ => format!("\\U{code:08x}"),
            });
        }
    }
}

/// Whether Go prints a character as it is. Blanks other than ASCII's, format characters and unassigned ones are not.
pub(crate) fn is_printable(c: char) -> bool {
    let format_or_private = matches!(u32::from(c),
        0xad | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xe000..=0xf8ff | 0xfeff | 0xfff9..=0xfffb
        | 0xe0000..=0x10ffff);
    c == ' ' || !(c.is_control() || c.is_whitespace() || format_or_private)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_go_prints_them() {
        let general = |value| format_float(value, FloatForm::General, None);
        assert_eq!(general(1e6), "1e+06");
        assert_eq!(general(123_456_789.5), "1.234567895e+08");
        assert_eq!(general(1.5e-7), "1.5e-07");
        assert_eq!(general(0.0001), "0.0001");
        assert_eq!(general(100.0), "100");
        let four = |value| format_float(value, FloatForm::General, Some(4));
        assert_eq!(four(1234.5), "1234");
        assert_eq!(four(99999.0), "1e+05");
        assert_eq!(four(0.5), "0.5");
        assert_eq!(format_float(3.5, FloatForm::Hex, None), "0x1.cp+01");
        assert_eq!(format_float(1.0, FloatForm::Binary, None), "4503599627370496p-52");
        assert_eq!(format_float(0.0, FloatForm::Exponent, Some(6)), "0.000000e+00");
    }

    #[test]
    fn literals_take_the_kind_go_gives_them() {
        assert_eq!(parse_int("1_000"), Some(1000));
        assert_eq!(parse_int("0b101"), Some(5));
        assert_eq!(parse_int("-0x1F"), Some(-31));
        assert_eq!(parse_int("1__0"), None);
        assert!(parse_literal("1e3").is_ok_and(|number| number.ideal_float && number.int == Some(1000)));
        assert!(parse_literal("0x1E").is_ok_and(|number| !number.ideal_float));
        assert_eq!(
            parse_literal("99999999999999999999").unwrap_err(),
            "integer overflow: \"99999999999999999999\""
        );
    }

    #[test]
    fn quotes_and_unquotes() {
        assert_eq!(unescape(r#"a\n\x41\u00e9\"\101"#).as_deref(), Some("a\nAé\"A"));
        assert_eq!(unescape(r"\q"), None);
        assert_eq!(quote("a\"b\u{7f}é\u{200b}", false), "\"a\\\"b\\x7fé\\u200b\"");
        assert_eq!(quote("é", true), "\"\\u00e9\"");
    }
}
