//! Numbers, durations and the lists of labels in parentheses.

use std::sync::Arc;

use bellwether_model::duration::{ParseDurationError, parse_prometheus};
use bellwether_model::labels::Quoted;

use crate::error::ParseError;
use crate::lexer::{Token, TokenKind, unquote};
use crate::parser::Parser;
use crate::parser::cursor::Context;
use crate::parser::words::Word;

const EXPECTED_LIST: Context = ("grouping opts", "\"(\"");
const EXPECTED_LABEL: Context = ("grouping opts", "label");
const EXPECTED_NEXT: Context = ("grouping opts", "\",\" or \")\"");

impl Parser<'_> {
    /// Whether `inf` or `nan` stands here.
    pub(super) fn peek_is_number(&self) -> bool {
        self.peek().kind == TokenKind::Word && Word::of(self.peek_text()) == Word::Number
    }

    /// A number with a sign or not; durations count as seconds.
    pub(super) fn signed_literal(&mut self) -> Result<f64, ParseError> {
        let negative = self.peek().kind == TokenKind::Op("-");
        if negative || self.peek().kind == TokenKind::Op("+") {
            self.advance();
        }
        if !matches!(self.peek().kind, TokenKind::Number | TokenKind::Duration) && !self.peek_is_number() {
            return Err(self.unexpected());
        }
        let token = self.advance();
        let (value, _) = self.number_value(&token)?;
        Ok(if negative { -value } else { value })
    }

    /// What a number or duration token is worth, in seconds, and whether it is a duration.
    pub(super) fn number_value(&self, token: &Token) -> Result<(f64, bool), ParseError> {
        let text = token.span.slice(self.text);
        if token.kind == TokenKind::Duration {
            return Ok((self.duration_ms(token)? as f64 / 1000.0, true));
        }
        let value = parse_number(text).map_err(|problem| {
            let message =
                format!("error parsing number: strconv.ParseFloat: parsing {}: {problem}", Quoted(text));
            self.fault(token.span, message)
        })?;
        Ok((value, false))
    }

    fn duration_ms(&self, token: &Token) -> Result<i64, ParseError> {
        let text = token.span.slice(self.text);
        parse_prometheus(text)
            .map(bellwether_model::time::millis)
            .map_err(|error| self.fault(token.span, duration_problem(text, &error)))
    }

    /// `(a, "b.c")`, a comma at the end allowed.
    pub(super) fn label_list(&mut self) -> Result<Vec<Arc<str>>, ParseError> {
        self.within(EXPECTED_LIST, |parser| parser.expect_punct("("))?;
        let mut labels = Vec::new();
        while !self.take_punct(")") {
            labels.push(self.grouping_label()?);
            if !self.take_punct(",") && !self.peek_is_punct(")") {
                return Err(self.unexpected_in(EXPECTED_NEXT));
            }
        }
        Ok(labels)
    }

    fn grouping_label(&mut self) -> Result<Arc<str>, ParseError> {
        let token = self.peek().clone();
        let text = token.span.slice(self.text);
        let label: Arc<str> = match token.kind {
            TokenKind::Word if Word::is_label_name(text) => text.into(),
            TokenKind::String => unquote(text).into(),
            _ => return Err(self.unexpected_in(EXPECTED_LABEL)),
        };
        if label.is_empty() {
            return Err(self.fault(token.span, "invalid label name for grouping: \"\""));
        }
        self.advance();
        Ok(label)
    }
}

/// What Prometheus says about a duration that cannot be read: the first part that is wrong counts.
fn duration_problem(text: &str, error: &ParseDurationError) -> String {
    const UNITS: [&str; 7] = ["y", "w", "d", "h", "m", "s", "ms"];
    let (mut rest, mut smaller) = (text, 0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let unit = rest[digits..].bytes().take_while(|b| !b.is_ascii_digit()).count();
        if digits == 0 || unit == 0 {
            break;
        }
        let unit = &rest[digits..digits + unit];
        let Some(at) = UNITS.iter().position(|known| *known == unit) else {
            return format!("unknown unit \"{unit}\" in duration \"{text}\"");
        };
        if at < smaller {
            break;
        }
        (rest, smaller) = (&rest[digits + unit.len()..], at + 1);
    }
    match error {
        ParseDurationError::OutOfRange => "duration out of range".to_owned(),
        _ => format!("not a valid duration string: \"{text}\""),
    }
}

/// A number as Go reads it: decimal, hexadecimal or octal (leading 0) whole numbers, decimal fractions, with
/// underscores.
fn parse_number(text: &str) -> Result<f64, &'static str> {
    const INVALID: &str = "invalid syntax";
    if text.eq_ignore_ascii_case("inf") {
        return Ok(f64::INFINITY);
    }
    if text.eq_ignore_ascii_case("nan") {
        return Ok(f64::NAN);
    }
    if !underscores_join_digits(text) {
        return Err(INVALID);
    }
    let clean: String = text.chars().filter(|&c| c != '_').collect();
    if let Some(hex) = clean.strip_prefix("0x").or_else(|| clean.strip_prefix("0X")) {
        return i64::from_str_radix(hex, 16).map(|value| value as f64).map_err(|_| INVALID);
    }
    let is_octal =
        clean.len() > 1 && clean.starts_with('0') && clean.bytes().all(|b| (b'0'..b'8').contains(&b));
    if is_octal && let Ok(value) = i64::from_str_radix(&clean, 8) {
        return Ok(value as f64);
    }
    match clean.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err("value out of range"),
        Err(_) => Err(INVALID),
    }
}

/// Each `_` stands between two digits, or between the prefix of a hexadecimal number and its first digit.
fn underscores_join_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let hex = bytes.len() > 1 && bytes[0] == b'0' && bytes[1].eq_ignore_ascii_case(&b'x');
    let is_digit = |b: &u8| if hex { b.is_ascii_hexdigit() } else { b.is_ascii_digit() };
    let joins = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let prefix = hex && at == 2;
        (prefix || before.is_some_and(is_digit)) && bytes.get(at + 1).is_some_and(is_digit)
    };
    (0..bytes.len()).filter(|&at| bytes[at] == b'_').all(joins)
}
