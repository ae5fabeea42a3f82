//! Histograms as the test language writes them: what stands between `{{` and `}}`.
//!
//! Reads what Prometheus' parser of series descriptions reads, and like it does not ask whether the histogram makes
//! sense. Repetitions such as `{{…}}+{{…}}x3` are the caller's.

use super::{BucketSpan, Buckets, CounterResetHint, FloatHistogram};

/// A text that describes no histogram.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at} of the histogram: {message}")]
pub struct LiteralError {
    /// Bytes from the start of the text to what is wrong.
    pub at: usize,
    /// What was expected there, and what was found.
    pub message: String,
}

/// A histogram of the test language.
#[derive(Clone, Debug)]
pub struct Literal {
    /// The histogram.
    pub histogram: FloatHistogram,
    /// Whether the text says something of counter resets, be it `unknown`. Prometheus' test runner compares hints only
    /// then.
    pub has_hint: bool,
}

impl Literal {
    /// Reads the text between the braces.
    ///
    /// # Errors
    /// If it is no list of known keys with values, separated by spaces, or a key occurs twice.
    pub fn parse(text: &str) -> Result<Self, LiteralError> {
        let mut scanner = Scanner { text, at: 0 };
        let mut fields = Fields::default();
        if text.bytes().all(is_space) {
            return Ok(fields.build());
        }
        loop {
            scanner.field(&mut fields)?;
            if scanner.peek().is_none() {
                return Ok(fields.build());
            }
            if !scanner.skip_spaces() {
                return Err(scanner.unexpected("a space"));
            }
            if scanner.peek().is_none() {
                return Ok(fields.build());
            }
        }
    }
}

/// Reads the text between the braces of a histogram: `schema:1 count:3 sum:4 offset:1 buckets:[1 2]`.
///
/// # Errors
/// See [`Literal::parse`].
pub fn parse_literal(text: &str) -> Result<FloatHistogram, LiteralError> {
    Literal::parse(text).map(|literal| literal.histogram)
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Fields {
    schema: Option<i32>,
    sum: Option<f64>,
    count: Option<f64>,
    zero_count: Option<f64>,
    zero_threshold: Option<f64>,
    custom_bounds: Option<Vec<f64>>,
    buckets: Option<Vec<f64>>,
    offset: Option<i32>,
    negative_buckets: Option<Vec<f64>>,
    negative_offset: Option<i32>,
    hint: Option<CounterResetHint>,
}

impl Fields {
    fn build(self) -> Literal {
        let histogram = FloatHistogram {
            counter_reset_hint: self.hint.unwrap_or_default(),
            schema: self.schema.unwrap_or_default(),
            zero_threshold: self.zero_threshold.unwrap_or_default(),
            zero_count: self.zero_count.unwrap_or_default(),
            count: self.count.unwrap_or_default(),
            sum: self.sum.unwrap_or_default(),
            positive: one_span(self.buckets, self.offset),
            negative: one_span(self.negative_buckets, self.negative_offset),
            custom_bounds: self.custom_bounds.unwrap_or_default().into(),
        };
        Literal { histogram, has_hint: self.hint.is_some() }
    }
}

fn one_span(counts: Option<Vec<f64>>, offset: Option<i32>) -> Buckets {
    let counts = counts.unwrap_or_default();
    let length = u32::try_from(counts.len()).unwrap_or(u32::MAX);
    let span = BucketSpan { offset: offset.unwrap_or_default(), length };
    Buckets { spans: if counts.is_empty() { Vec::new() } else { vec![span] }, counts }
}

/// A place in the text, never within a character.
#[derive(Debug)]
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn field(&mut self, fields: &mut Fields) -> Result<(), LiteralError> {
        let at = self.at;
        let key = self.word().to_ascii_lowercase();
        match key.as_str() {
            "schema" => self.value(at, &key, &mut fields.schema, Self::integer),
            "sum" => self.value(at, &key, &mut fields.sum, Self::signed_number),
            "count" => self.value(at, &key, &mut fields.count, Self::signed_number),
            "z_bucket" => self.value(at, &key, &mut fields.zero_count, Self::signed_number),
            "z_bucket_w" => self.value(at, &key, &mut fields.zero_threshold, Self::number),
            "custom_values" => self.value(at, &key, &mut fields.custom_bounds, Self::list),
            "buckets" => self.value(at, &key, &mut fields.buckets, Self::list),
            "offset" => self.value(at, &key, &mut fields.offset, Self::integer),
            "n_buckets" => self.value(at, &key, &mut fields.negative_buckets, Self::list),
            "n_offset" => self.value(at, &key, &mut fields.negative_offset, Self::integer),
            "counter_reset_hint" => self.value(at, &key, &mut fields.hint, Self::hint),
            "" => Err(self.unexpected("histogram description key, e.g. buckets:[5 10 7]")),
            unknown => Err(error(at, format!("bad histogram descriptor found: {unknown:?}"))),
        }
    }

    fn value<T>(
        &mut self,
        at: usize,
        key: &str,
        slot: &mut Option<T>,
        read: fn(&mut Self) -> Result<T, LiteralError>,
    ) -> Result<(), LiteralError> {
        if !self.accept(b':') {
            return Err(error(self.at, format!("missing `:` for histogram descriptor {key:?}")));
        }
        let value = read(self)?;
        if slot.replace(value).is_some() {
            return Err(error(at, format!("duplicate key {key:?} in histogram")));
        }
        Ok(())
    }

    fn hint(&mut self) -> Result<CounterResetHint, LiteralError> {
        let at = self.at;
        match self.word().to_ascii_lowercase().as_str() {
            "unknown" => Ok(CounterResetHint::Unknown),
            "reset" => Ok(CounterResetHint::Reset),
            "not_reset" => Ok(CounterResetHint::NotReset),
            "gauge" => Ok(CounterResetHint::Gauge),
            "" => Err(self.unexpected("unknown, reset, not_reset or gauge")),
            other => Err(error(at, format!("expected unknown, reset, not_reset or gauge, found {other:?}"))),
        }
    }

    fn integer(&mut self) -> Result<i32, LiteralError> {
        let at = self.at;
        self.accept(b'-');
        let digits = self.number_text()?;
        let text = &self.text[at..self.at];
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error(at, format!("expected a whole number, found {text:?}")));
        }
        text.parse().map_err(|_| error(at, format!("{text} is beyond the range of 32-bit numbers")))
    }

    fn list(&mut self) -> Result<Vec<f64>, LiteralError> {
        if !self.accept(b'[') {
            return Err(self.unexpected("\"[\""));
        }
        let mut numbers = vec![self.signed_number()?];
        loop {
            let spaced = self.skip_spaces();
            if self.accept(b']') {
                return Ok(numbers);
            }
            if !spaced {
                return Err(self.unexpected("a space or \"]\""));
            }
            numbers.push(self.signed_number()?);
        }
    }

    fn signed_number(&mut self) -> Result<f64, LiteralError> {
        if self.accept(b'-') { Ok(-self.number()?) } else { self.number() }
    }

    fn number(&mut self) -> Result<f64, LiteralError> {
        let at = self.at;
        if self.peek().is_some_and(is_letter) {
            let word = self.word();
            return match word.to_ascii_lowercase().as_str() {
                "inf" => Ok(f64::INFINITY),
                "nan" => Ok(f64::NAN),
                _ => Err(error(at, format!("expected a number, found {word:?}"))),
            };
        }
        let text = self.number_text()?;
        go_number(text).ok_or_else(|| error(at, format!("bad number syntax: {text:?}")))
    }

    /// Something that begins with a digit and may be a number.
    fn number_text(&mut self) -> Result<&'a str, LiteralError> {
        let start = self.at;
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.unexpected("a number"));
        }
        while let Some(byte) = self.peek() {
            let after_exponent =
                matches!(self.text.as_bytes()[self.at - usize::from(self.at > start)], b'e' | b'E');
            if !(byte == b'.'
                || is_letter(byte)
                || byte.is_ascii_digit()
                || after_exponent && matches!(byte, b'+' | b'-'))
            {
                break;
            }
            self.at += 1;
        }
        Ok(&self.text[start..self.at])
    }

    fn word(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest.bytes().take_while(|&byte| is_letter(byte)).count();
        self.at += length;
        &rest[..length]
    }

    fn skip_spaces(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
        self.at > start
    }

    fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self, expected: &str) -> LiteralError {
        let found = match self.text[self.at..].chars().next() {
            Some(found) => format!("{found:?}"),
            None => "the end".to_owned(),
        };
        error(self.at, format!("expected {expected}, found {found}"))
    }
}

fn error(at: usize, message: String) -> LiteralError {
    LiteralError { at, message }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

/// A number in Go's notation, without hexadecimal and binary ones: octal after a leading zero, underscores between
/// digits, nothing beyond the range of a double.
fn go_number(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let separates = |at: usize| at > 0 && is_digit(at - 1) && is_digit(at + 1);
    if bytes.iter().enumerate().any(|(at, &byte)| byte == b'_' && !separates(at)) {
        return None;
    }
    let plain = text.replace('_', "");
    let is_octal =
        plain.len() > 1 && plain.starts_with('0') && plain.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    if is_octal && let Ok(octal) = i64::from_str_radix(&plain, 8) {
        return Some(octal as f64);
    }
    plain.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_keys() {
        let text = "schema:-1 sum:-0.5 count:1e3 z_bucket:2 z_bucket_w:0.25 counter_reset_hint:gauge offset:-3 \
                    buckets:[1 2.5  -3 ] n_offset:4 n_buckets:[Inf]";
        let h = parse_literal(text).unwrap();
        assert_eq!((h.schema, h.sum, h.count, h.zero_count, h.zero_threshold), (-1, -0.5, 1000.0, 2.0, 0.25));
        assert_eq!(h.counter_reset_hint, CounterResetHint::Gauge);
        assert_eq!(h.positive.counts, [1.0, 2.5, -3.0]);
        assert_eq!(h.positive.spans, [BucketSpan { offset: -3, length: 3 }]);
        assert_eq!(h.negative.counts, [f64::INFINITY]);
        assert_eq!(h.negative.spans, [BucketSpan { offset: 4, length: 1 }]);
        let custom = parse_literal("Schema:-53 custom_values:[1 5]").unwrap();
        assert_eq!((&*custom.custom_bounds, custom.positive.is_empty()), (&[1.0, 5.0][..], true));
    }

    #[test]
    fn empty_texts_are_empty_histograms() {
        for text in ["", " ", "offset:3", "count:0 "] {
            let h = parse_literal(text).unwrap();
            assert!(h.positive.spans.is_empty());
            assert_eq!(h.count, 0.0);
        }
    }

    #[test]
    fn tells_whether_there_is_a_hint() {
        assert!(Literal::parse("counter_reset_hint:unknown").unwrap().has_hint);
        assert!(!Literal::parse("count:1").unwrap().has_hint);
    }

    #[test]
    fn reads_numbers_as_go_does() {
        let of = |text: &str| parse_literal(&format!("sum:{text}")).unwrap().sum;
        assert_eq!(
            [of("010"), of("08"), of("1_000"), of("1.5e-3"), of("-inf")],
            [8.0, 8.0, 1000.0, 0.0015, f64::NEG_INFINITY]
        );
        assert!(of("NaN").is_nan());
    }

    #[test]
    fn tells_what_is_wrong_where() {
        let of = |text: &str| {
            let error = parse_literal(text).unwrap_err();
            (error.at, error.message)
        };
        let says = |text: &str, at: usize, message: &str| assert_eq!(of(text), (at, message.to_owned()));
        says("count:1 size:2", 8, "bad histogram descriptor found: \"size\"");
        says("count 1", 5, "missing `:` for histogram descriptor \"count\"");
        says("count:1 sum:2 count:3", 14, "duplicate key \"count\" in histogram");
        says("buckets:[1 x]", 11, "expected a number, found \"x\"");
        says("buckets:[1 2", 12, "expected a space or \"]\", found the end");
        says("buckets:[]", 9, "expected a number, found ']'");
        says("schema:1.5", 7, "expected a whole number, found \"1.5\"");
        says("offset:-99999999999", 7, "-99999999999 is beyond the range of 32-bit numbers");
        says("sum:1__0", 4, "bad number syntax: \"1__0\"");
        says("sum:1e999", 4, "bad number syntax: \"1e999\"");
        says("z_bucket_w:-1", 11, "expected a number, found '-'");
        says("sum: 1", 4, "expected a number, found ' '");
        says("sum:1;", 5, "expected a space, found ';'");
        says(" sum:1", 0, "expected histogram description key, e.g. buckets:[5 10 7], found ' '");
        says("sum:1 é", 6, "expected histogram description key, e.g. buckets:[5 10 7], found 'é'");
        says("counter_reset_hint:never", 19, "expected unknown, reset, not_reset or gauge, found \"never\"");
    }
}
