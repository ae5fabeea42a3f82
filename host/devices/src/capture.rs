//! Recorded connections: `*.cap.jsonl`. A bug report in this format is a test.
//!
//! One JSON object a line: a head, then what was received (`rx` as text, `rx64` as base64 where it is no UTF-8), what
//! was sent (`tx`, `tx64`), and when the connection opened and closed. Times are milliseconds since it opened. Pure.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bellwether_model::Timestamp;
use serde::{Deserialize, Serialize};

/// The largest capture that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 64 << 20;
/// The version of the format.
pub const VERSION: u32 = 1;

/// What was recorded, and of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// [`VERSION`].
    pub v: u32,
    /// Name of the driver that read it.
    pub driver: String,
    /// The device.
    pub device: CapturedDevice,
    /// The driver's settings.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// When the connection opened.
    pub t0_ms: Timestamp,
}

/// The device of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapturedDevice {
    /// Its id.
    pub id: String,
    /// Its platform.
    pub platform: String,
}

/// One thing that happened on the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Time since the connection opened, in whole milliseconds.
    pub at: Duration,
    /// What.
    pub what: Happening,
}

/// What happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// It opened.
    Open,
    /// These bytes came in one read.
    Received(Vec<u8>),
    /// These bytes were written.
    Sent(Vec<u8>),
    /// It closed.
    Close {
        /// Why, in words.
        reason: String,
    },
}

/// A whole recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Capture {
    /// What was recorded.
    pub head: Head,
    /// What happened, in order of time.
    pub entries: Vec<Entry>,
}

/// A text that is no capture.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// No head.
    #[error("the file is empty")]
    Empty,
    /// A later format.
    #[error("version {0} is unknown, this reads version {VERSION}")]
    Version(u32),
    /// A line that cannot be read.
    #[error("line {line}: {cause}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        cause: String,
    },
}

/// A line as it is written.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    t: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ev: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rx: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rx64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tx: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tx64: Option<String>,
}

impl Capture {
    /// Reads a whole file; empty lines are allowed.
    pub fn parse(text: &str) -> Result<Self, CaptureError> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let at_line = |number: usize| move |cause: String| CaptureError::Line { line: number + 1, cause };
        let (number, head) = lines.next().ok_or(CaptureError::Empty)?;
        let head: Head = serde_json::from_str(head).map_err(|error| at_line(number)(error.to_string()))?;
        if head.v != VERSION {
            return Err(CaptureError::Version(head.v));
        }
        let mut entries: Vec<Entry> = Vec::new();
        for (number, line) in lines {
            let entry = parse_entry(line).map_err(at_line(number))?;
            if entries.last().is_some_and(|last| last.at > entry.at) {
                return Err(at_line(number)("goes back in time".to_owned()));
            }
            entries.push(entry);
        }
        Ok(Self { head, entries })
    }

    /// What was received, with its times.
    pub fn received(&self) -> impl Iterator<Item = (Duration, &[u8])> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            Happening::Received(bytes) if !bytes.is_empty() => Some((entry.at, bytes.as_slice())),
            _ => None,
        })
    }

    /// Time of the last entry.
    pub fn duration(&self) -> Duration {
        self.entries.last().map_or(Duration::ZERO, |entry| entry.at)
    }

    /// The whole file.
    pub fn print(&self) -> String {
        let mut text = print_head(&self.head);
        self.entries.iter().for_each(|entry| text += &print_entry(entry));
        text
    }
}

/// The first line of a file, with its line end; for recorders that write as they go.
pub fn print_head(head: &Head) -> String {
    json_line(head)
}

/// A line for one entry, with its line end.
pub fn print_entry(entry: &Entry) -> String {
    let mut line = Line { t: u64::try_from(entry.at.as_millis()).unwrap_or(u64::MAX), ..Line::default() };
    match &entry.what {
        Happening::Open => line.ev = Some("open".to_owned()),
        Happening::Close { reason } => {
            (line.ev, line.reason) = (Some("close".to_owned()), Some(reason.clone()));
        }
        Happening::Received(bytes) => (line.rx, line.rx64) = text_or_base64(bytes),
        Happening::Sent(bytes) => (line.tx, line.tx64) = text_or_base64(bytes),
    }
    json_line(&line)
}

fn json_line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("maps with text keys and numbers always print") + "\n"
}

fn text_or_base64(bytes: &[u8]) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(BASE64.encode(bytes))),
    }
}

fn parse_entry(line: &str) -> Result<Entry, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let decode = |text: String| BASE64.decode(text).map_err(|error| error.to_string());
    let what = match (line.ev.as_deref(), line.rx, line.rx64, line.tx, line.tx64) {
        (Some("open"), None, None, None, None) => Happening::Open,
        (Some("close"), None, None, None, None) => {
            Happening::Close { reason: line.reason.unwrap_or_default() }
        }
        (None, Some(text), None, None, None) => Happening::Received(text.into_bytes()),
        (None, None, Some(text), None, None) => Happening::Received(decode(text)?),
        (None, None, None, Some(text), None) => Happening::Sent(text.into_bytes()),
        (None, None, None, None, Some(text)) => Happening::Sent(decode(text)?),
        _ => return Err("needs exactly one of ev (open, close), rx, rx64, tx, tx64".to_owned()),
    };
    Ok(Entry { at: Duration::from_millis(line.t), what })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"{"v":1,"driver":"kv","device":{"id":"d1","platform":"esp32"},"settings":{},"t0_ms":1767225600000}
{"t":0,"ev":"open"}
{"t":12,"rx":"rst:0x1 (POWERON_RESET)\r\n"}
{"t":3000,"rx64":"AQQECQv/+4mp"}
{"t":3001,"tx":"free\r\n"}
{"t":9000,"ev":"close","reason":"eof"}
"#;

    #[test]
    fn reads_and_prints_the_same_bytes() {
        let capture = Capture::parse(SAMPLE).unwrap();
        assert_eq!(capture.print(), SAMPLE);
        assert_eq!(capture.duration(), Duration::from_secs(9));
        let received: Vec<_> = capture.received().collect();
        assert_eq!(received[1], (Duration::from_secs(3), &[1, 4, 4, 9, 0x0b, 0xff, 0xfb, 0x89, 0xa9][..]));
    }

    #[test]
    fn damaged_files_are_named_by_line() {
        let head = SAMPLE.lines().next().unwrap();
        let cases = [
            (String::new(), "empty"),
            ("{}".to_owned(), "line 1: missing field"),
            (head.replace("\"v\":1", "\"v\":2"), "version 2"),
            (format!("{head}\n{{\"t\":5}}"), "line 2: needs exactly one"),
            (format!("{head}\n\n{{\"t\":5,\"rx64\":\"?\"}}"), "line 3: "),
            (format!("{head}\n{{\"t\":5,\"rx\":\"a\"}}\n{{\"t\":4,\"rx\":\"a\"}}"), "line 3: goes back"),
        ];
        for (text, message) in cases {
            let error = Capture::parse(&text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_survive(reads in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..50), 0..20)) {
            let head = Capture::parse(SAMPLE).unwrap().head;
            let entries = reads.into_iter().map(|bytes| Entry { at: Duration::ZERO, what: Happening::Received(bytes) });
            let capture = Capture { head, entries: entries.collect() };
            proptest::prop_assert_eq!(Capture::parse(&capture.print()).unwrap(), capture);
        }
    }
}
