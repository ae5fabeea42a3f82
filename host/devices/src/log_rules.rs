//! `log_rules:`: a line of raw text that matches becomes a device event, without any driver knowing about it.
//!
//! Looks at the frames of text framings before the driver does. Pure.

use std::borrow::Cow;

use bellwether_model::Timestamp;
use bellwether_model::device::{DeviceEvent, DeviceLog, Framing, Severity};
use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::config::DevicesError;

/// Only so much of a line is looked at: a regular expression runs in time proportional to the text.
pub const MAX_LINE_BYTES: usize = 4096;
/// Largest compiled rule: `a{1000}{1000}` must not take the memory of the host.
const MAX_REGEX_BYTES: usize = 1 << 20;
/// Most rules: each one runs over each line of each device.
const MAX_RULES: usize = 200;

/// One entry of `log_rules:`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogRuleConfig {
    /// Says in messages which rule it is.
    pub name: String,
    /// Regular expression, found anywhere in the line.
    pub r#match: String,
    /// Counts the line in `device_log_messages_total` under this level.
    #[serde(default)]
    pub level: Option<String>,
    /// Label `kind` of the event; the rule's name where it is missing.
    #[serde(default)]
    pub kind: Option<String>,
    /// How much it matters.
    #[serde(default = "default_severity")]
    pub severity: Severity,
}

const fn default_severity() -> Severity {
    Severity::Warning
}

#[derive(Debug, Clone)]
struct LogRule {
    name: String,
    pattern: Regex,
    level: Option<String>,
    kind: String,
    severity: Severity,
}

/// All log rules, ready to be applied.
#[derive(Debug, Clone, Default)]
pub struct LogRules(Vec<LogRule>);

/// What a line gave.
#[derive(Debug, Clone, PartialEq)]
pub struct LogHit {
    /// The event.
    pub event: DeviceEvent,
    /// The line as a line of log, where the rule gives it a level.
    pub log: Option<DeviceLog>,
}

impl LogRules {
    pub(crate) fn add(&mut self, config: &LogRuleConfig) -> Result<(), DevicesError> {
        if self.0.len() == MAX_RULES {
            return Err(DevicesError::new(
                format!("more than {MAX_RULES} log rules"),
                "join some of them with `|`",
            ));
        }
        if self.0.iter().any(|rule| rule.name == config.name) {
            let message = format!("log rule `{}` is there twice", config.name);
            return Err(DevicesError::new(message, "give each rule its own name"));
        }
        let pattern = RegexBuilder::new(&config.r#match).size_limit(MAX_REGEX_BYTES).build();
        let pattern = pattern.map_err(|error| {
            let message = format!("log rule `{}` has a bad `match`: {error}", config.name);
            DevicesError::new(message, "the syntax is that of Rust's regex crate, which is close to RE2")
        })?;
        self.0.push(LogRule {
            name: config.name.clone(),
            pattern,
            level: config.level.clone(),
            kind: config.kind.clone().unwrap_or_else(|| config.name.clone()),
            severity: config.severity,
        });
        Ok(())
    }

    /// Kinds and severities that may come out, so that their counters can begin at 0.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, Severity)> {
        self.0.iter().map(|rule| (rule.kind.as_str(), rule.severity))
    }

    /// What a line gives: one hit for each rule that matches.
    pub fn apply(&self, line: &str, at: Timestamp) -> Vec<LogHit> {
        let matching = self.0.iter().filter(|rule| rule.pattern.is_match(line));
        matching.map(|rule| rule.hit(line, at)).collect()
    }
}

impl LogRule {
    fn hit(&self, line: &str, at: Timestamp) -> LogHit {
        let event = DeviceEvent {
            kind: self.kind.clone(),
            severity: self.severity,
            message: line.to_owned(),
            fields: vec![("log_rule".to_owned(), self.name.clone())],
            attachment: None,
            at: Some(at),
        };
        let log = self.level.as_ref().map(|level| DeviceLog {
            level: Some(level.clone()),
            tag: None,
            message: line.to_owned(),
            at: Some(at),
        });
        LogHit { event, log }
    }
}

/// Whether frames of this framing are lines of text.
pub const fn is_text(framing: Framing) -> bool {
    matches!(framing, Framing::Lines | Framing::Delimited(_))
}

/// A frame as a line for people: cut, terminal colours and control characters taken out, bad UTF-8 replaced.
pub fn readable_line(frame: &[u8]) -> Cow<'_, str> {
    let cut = &frame[..frame.len().min(MAX_LINE_BYTES)];
    let text = String::from_utf8_lossy(cut);
    if text.bytes().all(|b| !b.is_ascii_control() || b == b'\t') {
        text
    } else {
        Cow::Owned(strip_controls(&text))
    }
}

fn strip_controls(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\x1b' && chars.next_if_eq(&'[').is_some() {
            // A control sequence ends with its first byte from @ to ~.
            while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
        } else if !c.is_control() || c == '\t' {
            clean.push(c);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(entries: &[(&str, &str, Option<&str>)]) -> LogRules {
        let mut rules = LogRules::default();
        for (name, pattern, level) in entries {
            let config = LogRuleConfig {
                name: (*name).to_owned(),
                r#match: (*pattern).to_owned(),
                level: level.map(str::to_owned),
                kind: None,
                severity: Severity::Critical,
            };
            rules.add(&config).unwrap();
        }
        rules
    }

    #[test]
    fn every_matching_rule_gives_an_event() {
        let rules = rules(&[
            ("oom", "allocation failed", Some("error")),
            ("llm", "llm:", None),
            ("no", "x{9}", None),
        ]);
        let at = Timestamp::from_millis(5);
        let hits = rules.apply("E (35000) llm: Memory allocation failed", at);
        let kinds: Vec<_> = hits.iter().map(|hit| (hit.event.kind.as_str(), hit.log.is_some())).collect();
        assert_eq!(kinds, [("oom", true), ("llm", false)]);
        assert_eq!(hits[0].event.at, Some(at));
        assert_eq!(rules.apply("all is well", at), []);
    }

    #[test]
    fn refuses_patterns_that_would_take_all_memory() {
        let config = LogRuleConfig {
            name: "big".to_owned(),
            r#match: "a{1000}{1000}".to_owned(),
            level: None,
            kind: None,
            severity: Severity::Info,
        };
        assert!(LogRules::default().add(&config).unwrap_err().message.contains("`big`"));
    }

    #[test]
    fn lines_are_made_readable() {
        assert_eq!(readable_line(b"\x1b[0;31mE (5) a: b\x1b[0m\r"), "E (5) a: b");
        assert_eq!(readable_line(b"a\tb\0c\xff"), "a\tbc\u{fffd}");
        assert_eq!(readable_line(&[b'x'; 9000]).len(), MAX_LINE_BYTES);
        assert!(matches!(readable_line(b"plain"), Cow::Borrowed(_)));
    }
}
