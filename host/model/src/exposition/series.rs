//! One line with a value: name, labels, value, timestamp, exemplar.

use std::borrow::Cow;
use std::sync::Arc;

use super::cursor::Cursor;
use super::number::{canonical_float, parse_float};
use super::{ExposedSample, ExpositionError, Format, MetricType, quote};
use crate::labels::{BUCKET_LABEL, Labels, LabelsBuilder, METRIC_NAME};
use crate::time::Timestamp;

/// The label that holds which quantile of a summary it is.
const QUANTILE_LABEL: &str = "quantile";

/// Reads one series line; the cursor is at its first byte.
pub(super) struct Series<'p, 'a> {
    pub(super) cursor: &'p mut Cursor<'a>,
    pub(super) format: Format,
    pub(super) metric_type: MetricType,
}

impl<'a> Series<'_, 'a> {
    pub(super) fn sample(mut self) -> Result<ExposedSample, ExpositionError> {
        let (labels, repeated_label) = self.series()?;
        let value = self.value("the metric")?;
        let at = match self.format {
            Format::Prometheus => self.prometheus_end()?,
            Format::OpenMetrics => self.open_metrics_end()?,
        };
        Ok(ExposedSample { labels, value, at, repeated_label })
    }

    fn series(&mut self) -> Result<(Labels, Option<String>), ExpositionError> {
        let mut labels = LabelSet::default();
        if let Some(name) = self.cursor.take_metric_name() {
            labels.name = Some(name);
            self.skip_blanks();
        } else if self.cursor.peek() != Some(b'{') {
            return Err(self.cursor.expected("a metric name, \"{\" or \"#\""));
        }
        if self.cursor.take(b"{") {
            self.labels(&mut labels, Braces::Series)?;
        }
        let Some(name) = labels.name else {
            return Err(self.cursor.error("there is no metric name before or in the braces"));
        };
        let name =
            unescape_name(name).ok_or_else(|| self.cursor.error("the metric name is not valid UTF-8"))?;
        if labels.builder.get(METRIC_NAME).is_some() {
            labels.repeated = Some(METRIC_NAME.to_owned());
        } else {
            labels.builder.set(METRIC_NAME, name);
        }
        Ok((labels.builder.build(), labels.repeated))
    }

    /// What is between the braces, and the closing one.
    fn labels(&mut self, labels: &mut LabelSet<'a>, braces: Braces) -> Result<(), ExpositionError> {
        loop {
            self.skip_blanks();
            if self.cursor.take(b"}") {
                return Ok(());
            }
            let at = self.cursor.place();
            let name = self.label_name()?;
            self.skip_blanks();
            let is_metric_name = matches!(self.cursor.peek(), Some(b',' | b'}'));
            if is_metric_name && matches!(braces, Braces::Series) {
                if labels.name.replace(name).is_some() {
                    return Err(self
                        .cursor
                        .error_at(at, "the metric name is given twice, or a label has no value".into()));
                }
                self.cursor.take(b",");
                continue;
            }
            self.label_value(labels, name)?;
            self.skip_blanks();
            let comma = self.cursor.take(b",");
            if !comma && self.format == Format::OpenMetrics && self.cursor.peek() != Some(b'}') {
                return Err(self.cursor.expected("\",\" or \"}\""));
            }
        }
    }

    fn label_name(&mut self) -> Result<&'a [u8], ExpositionError> {
        let name = match self.cursor.peek() {
            Some(b'"') => self.cursor.take_quoted(true),
            _ => self.cursor.take_label_name(),
        };
        name.ok_or_else(|| self.cursor.expected("a label name"))
    }

    fn label_value(&mut self, labels: &mut LabelSet<'a>, name: &[u8]) -> Result<(), ExpositionError> {
        if !self.cursor.take(b"=") {
            return Err(self.cursor.expected("\"=\" after the label name"));
        }
        self.skip_blanks();
        let raw = self.cursor.take_quoted(self.format == Format::Prometheus);
        let raw = raw.ok_or_else(|| self.cursor.expected("a label value in double quotes"))?;
        let value =
            std::str::from_utf8(raw).map_err(|_| self.cursor.error("the label value is not valid UTF-8"))?;
        let name =
            unescape_name(name).ok_or_else(|| self.cursor.error("the label name is not valid UTF-8"))?;
        let value = self.normalized(&name, unescape(value));
        if labels.builder.get(&name).is_some() {
            labels.repeated = Some(name.clone());
        }
        labels.builder.set(name, value);
        Ok(())
    }

    /// Bounds of histograms and quantiles of summaries get one spelling, as in Prometheus 3.
    fn normalized(&self, name: &str, value: Cow<'_, str>) -> Arc<str> {
        let is_number = matches!(
            (self.metric_type, name),
            (MetricType::Histogram, BUCKET_LABEL) | (MetricType::Summary, QUANTILE_LABEL)
        );
        match canonical_float(&value) {
            Some(canonical) if is_number => canonical.into(),
            Some(_) | None => value.into(),
        }
    }

    fn value(&mut self, after: &str) -> Result<f64, ExpositionError> {
        let taken = match self.format {
            Format::Prometheus => {
                self.cursor.skip_blanks();
                Some(self.cursor.take_while(|byte| !matches!(byte, b'{' | b' ' | b'\t' | b'\n' | 0)))
            }
            Format::OpenMetrics => self.spaced_word(),
        };
        let Some(text) = taken.filter(|text| !text.is_empty()) else {
            return Err(self.cursor.expected(&format!("a value after {after}")));
        };
        let at = self.cursor.place() - text.len();
        parse_float(text).ok_or_else(|| self.cursor.error_at(at, format!("{} is no number", quote(text))))
    }

    /// The rest of a line: an optional timestamp in milliseconds.
    fn prometheus_end(&mut self) -> Result<Option<Timestamp>, ExpositionError> {
        self.cursor.skip_blanks();
        let digits = self.cursor.take_while(|byte| byte.is_ascii_digit());
        if digits.is_empty() {
            self.end_of_line("a timestamp in milliseconds or the end of the line")?;
            return Ok(None);
        }
        let millis = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        let Some(millis) = millis else {
            return Err(self.cursor.error("the timestamp is out of range"));
        };
        self.cursor.skip_blanks();
        self.end_of_line("the end of the line after the timestamp")?;
        Ok(Some(Timestamp::from_millis(millis)))
    }

    fn end_of_line(&mut self, expected: &str) -> Result<(), ExpositionError> {
        if self.cursor.peek().is_none() || self.cursor.take(b"\n") {
            Ok(())
        } else {
            Err(self.cursor.expected(expected))
        }
    }

    /// The rest of a line: an optional timestamp in seconds and an optional exemplar.
    ///
    /// As in Prometheus, a sample counts as soon as its value is followed by a space: what comes after that and is
    /// neither timestamp nor exemplar is left for the next entry to refuse.
    fn open_metrics_end(&mut self) -> Result<Option<Timestamp>, ExpositionError> {
        let mut at = None;
        let rest = self.cursor.rest();
        if !self.at_exemplar() && rest.first() == Some(&b' ') {
            if rest.starts_with(b" # ") || matches!(rest.get(1), None | Some(b' ' | b'\n')) {
                return Ok(None);
            }
            at = Some(self.seconds()?);
        }
        if self.at_exemplar() {
            self.exemplar()?;
        }
        if self.cursor.take(b"\n") {
            return Ok(at);
        }
        Err(self.cursor.expected("the end of the line"))
    }

    fn at_exemplar(&self) -> bool {
        self.cursor.rest().starts_with(b" # {")
    }

    fn seconds(&mut self) -> Result<Timestamp, ExpositionError> {
        let text = self.spaced_word().ok_or_else(|| self.cursor.expected("a timestamp in seconds"))?;
        match parse_float(text).filter(|seconds| seconds.is_finite()) {
            // Cut, not rounded, as in Prometheus.
            Some(seconds) => Ok(Timestamp::from_millis((seconds * 1000.0) as i64)),
            None => Err(self.cursor.error(&format!("{} is no timestamp in seconds", quote(text)))),
        }
    }

    /// Checks an exemplar and forgets it.
    fn exemplar(&mut self) -> Result<(), ExpositionError> {
        self.cursor.take(b" # {");
        self.labels(&mut LabelSet::default(), Braces::Exemplar)?;
        self.value("the labels of the exemplar")?;
        if self.cursor.peek() == Some(b' ') {
            self.seconds()?;
        }
        Ok(())
    }

    /// One space and what follows up to the next.
    fn spaced_word(&mut self) -> Option<&'a [u8]> {
        let word = self.cursor.rest().strip_prefix(b" ")?;
        if matches!(word.first(), None | Some(b' ' | b'\n')) {
            return None;
        }
        self.cursor.advance(1);
        Some(self.cursor.take_while(|byte| !matches!(byte, b' ' | b'\n')))
    }

    /// Only Prometheus' own format lets blanks stand between the pieces of a series.
    fn skip_blanks(&mut self) {
        if self.format == Format::Prometheus {
            self.cursor.skip_blanks();
        }
    }
}

#[derive(Clone, Copy)]
enum Braces {
    Series,
    Exemplar,
}

#[derive(Default)]
struct LabelSet<'a> {
    name: Option<&'a [u8]>,
    builder: LabelsBuilder,
    repeated: Option<String>,
}

/// A name without its escapes; none where it is not valid UTF-8.
pub(super) fn unescape_name(raw: &[u8]) -> Option<String> {
    std::str::from_utf8(raw).ok().map(|name| unescape(name).into_owned())
}

/// `\"`, `\\` and `\n`; any other escape stays as it is written.
fn unescape(text: &str) -> Cow<'_, str> {
    unescape_with(text, true)
}

/// Help texts of Prometheus' format know no escaped quote.
pub(super) fn unescape_help(text: &str, format: Format) -> String {
    unescape_with(text, format == Format::OpenMetrics).into_owned()
}

fn unescape_with(text: &str, quotes: bool) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let replaced = match (c, chars.peek()) {
            ('\\', Some('\\')) => Some('\\'),
            ('\\', Some('n')) => Some('\n'),
            ('\\', Some('"')) if quotes => Some('"'),
            _ => None,
        };
        plain.push(replaced.unwrap_or(c));
        if replaced.is_some() {
            chars.next();
        }
    }
    Cow::Owned(plain)
}
