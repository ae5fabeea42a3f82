//! A device's own log lines, in the forms that common firmware prints.

use std::borrow::Cow;

use bellwether_plugin_sdk::driver::LogLine;

use crate::fact::{Fact, Value};

/// Words for a level, as written between brackets or before a colon, and the level that they mean.
const LEVELS: [(&str, &str); 17] = [
    ("fatal", "error"),
    ("critical", "error"),
    ("crit", "error"),
    ("error", "error"),
    ("err", "error"),
    ("e", "error"),
    ("warning", "warning"),
    ("warn", "warning"),
    ("wrn", "warning"),
    ("w", "warning"),
    ("info", "info"),
    ("inf", "info"),
    ("i", "info"),
    ("debug", "debug"),
    ("dbg", "debug"),
    ("d", "debug"),
    ("v", "debug"),
];
/// Longest word that is tried as a level.
const MAX_LEVEL_CHARS: usize = 8;

/// The line, or nothing where there is only white space.
pub(crate) fn parse(text: &str) -> Option<LogLine> {
    let text = strip_ansi(text);
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let parsed =
        esp_idf(text).or_else(|| bracketed(text)).or_else(|| zephyr(text)).or_else(|| word_and_colon(text));
    Some(parsed.unwrap_or_else(|| line(None, None, text)))
}

/// A log line that came as JSON: `{"level":"error","msg":"Memory allocation failed"}`.
pub(crate) fn from_facts(facts: &[Fact<'_>]) -> Option<LogLine> {
    let text = |keys: &[&str]| {
        facts.iter().find_map(|fact| match &fact.value {
            Value::Text(text) if keys.contains(&&*fact.key) => Some(&**text),
            _ => None,
        })
    };
    let message = text(&["msg", "message", "log", "error_message"])?;
    Some(line(text(&["level", "severity"]).and_then(level), text(&["tag", "logger", "module"]), message))
}

/// `E (1234) wifi: gone`
fn esp_idf(text: &str) -> Option<LogLine> {
    let (letter, rest) = text.split_once(" (")?;
    let (time, rest) = rest.split_once(") ")?;
    if letter.len() != 1 || !time.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (tag, message) = rest.split_once(": ")?;
    Some(line(Some(level(letter)?), Some(tag), message))
}

/// `[ERROR] gone`, `[ERROR][wifi] gone`, `[12:00:01][E][wifi:123]: gone`
fn bracketed(text: &str) -> Option<LogLine> {
    let mut rest = text;
    let mut found = None;
    let mut tag = None;
    while let Some((inside, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        match (found, level(inside)) {
            (None, Some(level)) => found = Some(level),
            (Some(_), _) if tag.is_none() => tag = Some(inside.split(':').next().unwrap_or(inside)),
            _ => {}
        }
        rest = after.trim_start();
    }
    Some(line(Some(found?), tag, rest.trim_start_matches(':').trim_start()))
}

/// `[00:00:01.000,000] <err> wifi: gone`
fn zephyr(text: &str) -> Option<LogLine> {
    let (before, rest) = text.split_once('<')?;
    if !before.is_empty() && !before.trim_end().ends_with(']') {
        return None;
    }
    let (word, rest) = rest.split_once("> ")?;
    let (tag, message) = rest.split_once(": ")?;
    Some(line(Some(level(word)?), Some(tag), message))
}

/// `ERROR: gone`, `warning: hot`
fn word_and_colon(text: &str) -> Option<LogLine> {
    let (word, message) = text.split_once(": ")?;
    (word.len() > 1).then_some(())?;
    Some(line(Some(level(word)?), None, message))
}

fn level(word: &str) -> Option<&'static str> {
    let word = word.trim();
    if word.len() > MAX_LEVEL_CHARS {
        return None;
    }
    LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, level)| *level)
}

fn line(level: Option<&str>, tag: Option<&str>, message: &str) -> LogLine {
    LogLine {
        level: level.map(Into::into),
        tag: tag.map(|tag| tag.trim().into()),
        message: message.trim().into(),
        at: None,
    }
}

/// The text without colour codes and other control characters.
pub fn strip_ansi(text: &str) -> Cow<'_, str> {
    // U+0080 to U+009F begin with C2.
    if !text.bytes().any(|b| (b.is_ascii_control() && b != b'\t') || b == 0xc2) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.peek() == Some(&'[') {
            chars.next();
            // The sequence ends with its first letter.
            while chars.next().is_some_and(|c| !c.is_ascii_alphabetic()) {}
        } else if !c.is_control() || c == '\t' {
            plain.push(c);
        }
    }
    Cow::Owned(plain)
}
