//! The text formats in which metrics are exposed: Prometheus 0.0.4 and OpenMetrics 1.0.
//!
//! Accepts and refuses what the parsers of Prometheus 3 do, quoted UTF-8 names included, and names line and column
//! where it refuses. Exemplars are checked and dropped. Knows nothing of HTTP, of targets or of the time: a sample
//! without a timestamp comes out without one.

mod cursor;
mod number;
mod series;

use std::fmt;

use self::cursor::Cursor;
use self::series::{Series, unescape_help, unescape_name};
use crate::labels::Labels;
use crate::time::Timestamp;

/// Longest piece of a text that an error quotes, in characters.
const MAX_QUOTED_CHARS: usize = 40;

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`
    Prometheus,
    /// `application/openmetrics-text; version=1.0.0`
    OpenMetrics,
}

impl Format {
    /// The format that a `Content-Type` header announces; Prometheus' own where it is absent or says something else.
    pub fn from_content_type(header: Option<&str>) -> Self {
        let media_type = header.unwrap_or("").split(';').next().unwrap_or("").trim();
        if media_type.eq_ignore_ascii_case("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }
}

/// One line with a value.
#[derive(Debug, Clone, PartialEq)]
pub struct ExposedSample {
    /// Identity within the page, with `__name__`.
    pub labels: Labels,
    /// The value; any NaN but never the stale marker.
    pub value: f64,
    /// When it was measured, where the page says so.
    pub at: Option<Timestamp>,
    /// A label that the line gives more than once; the last value counts. Prometheus' parser lets it pass, its scrape
    /// does not.
    pub repeated_label: Option<String>,
}

/// What sort of metric a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetricType {
    /// Only goes up, or restarts from zero.
    Counter,
    /// May go up and down.
    Gauge,
    /// Counts by upper bound.
    Histogram,
    /// A histogram whose counts may go down; OpenMetrics only.
    GaugeHistogram,
    /// Quantiles, sum and count.
    Summary,
    /// Facts as labels; OpenMetrics only.
    Info,
    /// One of several states; OpenMetrics only.
    StateSet,
    /// Not said, or `untyped`.
    Unknown,
}

impl MetricType {
    /// As OpenMetrics and Prometheus' metadata API write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
            Self::Unknown => "unknown",
        }
    }

    fn parse(text: &[u8], format: Format) -> Option<Self> {
        Some(match (text, format) {
            (b"counter", _) => Self::Counter,
            (b"gauge", _) => Self::Gauge,
            (b"histogram", _) => Self::Histogram,
            (b"summary", _) => Self::Summary,
            (b"untyped", Format::Prometheus) | (b"unknown", Format::OpenMetrics) => Self::Unknown,
            (b"gaugehistogram", Format::OpenMetrics) => Self::GaugeHistogram,
            (b"info", Format::OpenMetrics) => Self::Info,
            (b"stateset", Format::OpenMetrics) => Self::StateSet,
            _ => return None,
        })
    }
}

/// One entry of a page.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A value.
    Sample(ExposedSample),
    /// `# TYPE`
    Type(String, MetricType),
    /// `# HELP`
    Help(String, String),
    /// `# UNIT`; OpenMetrics only.
    Unit(String, String),
}

/// Everything that a page says, in its order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposition {
    /// The values.
    pub samples: Vec<ExposedSample>,
    /// Types by metric family.
    pub types: Vec<(String, MetricType)>,
    /// Help texts by metric family.
    pub help: Vec<(String, String)>,
    /// Units by metric family.
    pub units: Vec<(String, String)>,
}

impl Exposition {
    fn push(&mut self, entry: Entry) {
        match entry {
            Entry::Sample(sample) => self.samples.push(sample),
            Entry::Type(name, kind) => self.types.push((name, kind)),
            Entry::Help(name, text) => self.help.push((name, text)),
            Entry::Unit(name, unit) => self.units.push((name, unit)),
        }
    }
}

/// A page that does not follow its format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ExpositionError {
    /// Counted from 1.
    pub line: usize,
    /// In bytes, counted from 1.
    pub column: usize,
    /// What was expected there and what was found.
    pub message: String,
}

/// Reads a whole page.
pub fn parse(text: &[u8], format: Format) -> Result<Exposition, ExpositionError> {
    let mut exposition = Exposition::default();
    for entry in Parser::new(text, format) {
        exposition.push(entry?);
    }
    Ok(exposition)
}

/// Reads a page entry by entry. Ends after the first error.
#[derive(Debug)]
pub struct Parser<'a> {
    cursor: Cursor<'a>,
    format: Format,
    /// Of the last `# TYPE`, whatever it was about, as in Prometheus.
    metric_type: MetricType,
    done: bool,
}

impl<'a> Parser<'a> {
    /// Begins at the first line.
    pub fn new(text: &'a [u8], format: Format) -> Self {
        let done = false;
        Self { cursor: Cursor::new(text), format, metric_type: MetricType::Unknown, done }
    }

    fn entry(&mut self) -> Result<Option<Entry>, ExpositionError> {
        match self.format {
            Format::Prometheus => self.prometheus_entry(),
            Format::OpenMetrics => self.open_metrics_entry(),
        }
    }

    fn prometheus_entry(&mut self) -> Result<Option<Entry>, ExpositionError> {
        loop {
            self.cursor.skip_blanks();
            match self.cursor.peek() {
                // As in Prometheus, a NUL where a line begins ends the page.
                None | Some(0) => return Ok(None),
                Some(b'\n') => self.cursor.advance(1),
                Some(b'#') => {
                    if let Some(entry) = self.prometheus_comment()? {
                        return Ok(Some(entry));
                    }
                }
                Some(_) => return self.sample().map(Some),
            }
        }
    }

    /// Metadata, or none for a comment.
    fn prometheus_comment(&mut self) -> Result<Option<Entry>, ExpositionError> {
        self.cursor.advance(1);
        let spaced = self.cursor.skip_blanks();
        let keyword = [Keyword::Help, Keyword::Type].into_iter().find(|keyword| {
            let follows = self.cursor.rest().strip_prefix(keyword.as_bytes()).and_then(<[u8]>::first);
            spaced && matches!(follows, Some(b' ' | b'\t'))
        });
        let Some(keyword) = keyword else {
            self.cursor.take_line();
            return Ok(None);
        };
        self.cursor.advance(keyword.as_bytes().len());
        self.cursor.skip_blanks();
        let name = self.family_name(keyword)?;
        let text_at = self.cursor.place() + 1;
        let text = self.cursor.take_line();
        let text = if text.iter().all(|byte| matches!(byte, b' ' | b'\t')) { &[] } else { &text[1..] };
        self.metadata(keyword, name, text, text_at).map(Some)
    }

    fn open_metrics_entry(&mut self) -> Result<Option<Entry>, ExpositionError> {
        if self.cursor.peek().is_none() {
            return Err(self.cursor.error("the text does not end with \"# EOF\""));
        }
        if !self.cursor.at_line_start() {
            return Err(self.cursor.expected("a timestamp in seconds, an exemplar or the end of the line"));
        }
        if self.cursor.peek() != Some(b'#') {
            return self.sample().map(Some);
        }
        if self.cursor.take(b"# EOF") {
            self.cursor.take(b"\n");
            let end = self.cursor.peek().is_none();
            return if end { Ok(None) } else { Err(self.cursor.error("there is more after \"# EOF\"")) };
        }
        let keyword = [Keyword::Help, Keyword::Type, Keyword::Unit]
            .into_iter()
            .find(|keyword| self.cursor.take(&[b"# ", keyword.as_bytes(), b" "].concat()));
        let Some(keyword) = keyword else {
            return Err(self.cursor.expected("\"# TYPE \", \"# HELP \", \"# UNIT \" or \"# EOF\""));
        };
        let name = self.family_name(keyword)?;
        if !self.cursor.take(b" ") {
            return Err(self.cursor.expected("a space and the text of the metadata"));
        }
        let text_at = self.cursor.place();
        let text = self.cursor.take_line();
        if !self.cursor.take(b"\n") {
            return Err(self.cursor.expected("a line feed after the metadata"));
        }
        self.metadata(keyword, name, text, text_at).map(Some)
    }

    fn family_name(&mut self, keyword: Keyword) -> Result<String, ExpositionError> {
        let at = self.cursor.place();
        let raw = match self.cursor.peek() {
            Some(b'"') => self.cursor.take_quoted(true),
            _ => self.cursor.take_metric_name(),
        };
        let raw =
            raw.ok_or_else(|| self.cursor.expected(&format!("a metric name after {}", keyword.as_str())))?;
        unescape_name(raw)
            .ok_or_else(|| self.cursor.error_at(at, "the metric name is not valid UTF-8".to_owned()))
    }

    fn metadata(
        &mut self,
        keyword: Keyword,
        name: String,
        text: &[u8],
        text_at: usize,
    ) -> Result<Entry, ExpositionError> {
        let wrong = |cursor: &Cursor<'_>, message| Err(cursor.error_at(text_at, message));
        let Ok(utf8) = std::str::from_utf8(text) else {
            return wrong(&self.cursor, format!("the text after {} is not valid UTF-8", keyword.as_str()));
        };
        match keyword {
            Keyword::Help => Ok(Entry::Help(name, unescape_help(utf8, self.format))),
            Keyword::Type => match MetricType::parse(text, self.format) {
                Some(kind) => {
                    self.metric_type = kind;
                    Ok(Entry::Type(name, kind))
                }
                None => wrong(&self.cursor, format!("unknown metric type {}", quote(text))),
            },
            Keyword::Unit => {
                let fits = name.strip_suffix(utf8).is_some_and(|stem| utf8.is_empty() || stem.ends_with('_'));
                if fits {
                    return Ok(Entry::Unit(name, utf8.to_owned()));
                }
                wrong(&self.cursor, format!("metric {name:?} does not end with its unit {utf8:?}"))
            }
        }
    }

    fn sample(&mut self) -> Result<Entry, ExpositionError> {
        let series = Series { cursor: &mut self.cursor, format: self.format, metric_type: self.metric_type };
        series.sample().map(Entry::Sample)
    }
}

impl Iterator for Parser<'_> {
    type Item = Result<Entry, ExpositionError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let entry = self.entry().transpose();
        self.done = !matches!(entry, Some(Ok(_)));
        entry
    }
}

#[derive(Debug, Clone, Copy)]
enum Keyword {
    Help,
    Type,
    Unit,
}

impl Keyword {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Help => "HELP",
            Self::Type => "TYPE",
            Self::Unit => "UNIT",
        }
    }

    const fn as_bytes(self) -> &'static [u8] {
        self.as_str().as_bytes()
    }
}

/// Some bytes of a page for an error, cut where they are long.
fn quote(bytes: &[u8]) -> impl fmt::Display {
    let text: String = String::from_utf8_lossy(bytes).chars().take(MAX_QUOTED_CHARS).collect();
    format!("{text:?}")
}

#[cfg(test)]
mod tests;
