//! Alertmanager's notation for matchers, for routes, inhibition, silences and API filters.
//!
//! Two grammars exist upstream: the one for UTF-8 names and the classic one. As Alertmanager does by default, a text
//! is read by both; where they disagree the classic reading counts, where only one accepts it, that one.
//! Lists are ordered by name, value and operator, because group keys print them in that order.

use std::fmt;

use bellwether_model::matcher::RegexError;
use bellwether_model::state::StoredMatcher;
use bellwether_model::{Labels, MatchOp, Matcher, RegexDialect};

mod classic;
mod utf8;

/// The longest text of matchers that is read.
const MAX_TEXT_BYTES: usize = 64 << 10;

/// A text that holds no matchers.
#[derive(Debug, thiserror::Error)]
pub enum MatcherError {
    /// Does not follow the notation.
    #[error("bad matcher format: {text}: {why}")]
    Malformed {
        /// What was given.
        text: String,
        /// What was expected where.
        why: String,
    },
    /// One matcher was asked for.
    #[error("expected 1 matcher, found {found} in {text}")]
    NotOne {
        /// What was given.
        text: String,
        /// How many there are.
        found: usize,
    },
    /// The value of `=~` or `!~` does not compile.
    #[error("cannot compile the matcher on {name}")]
    Regex {
        /// The label.
        name: String,
        /// Why not.
        #[source]
        source: RegexError,
    },
    /// More text than any real list of matchers has.
    #[error("matchers of {0} bytes are longer than {MAX_TEXT_BYTES}")]
    TooLong(usize),
}

/// A matcher before its regular expression is compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RawMatcher {
    name: String,
    op: MatchOp,
    value: String,
}

impl RawMatcher {
    fn compile(self) -> Result<Matcher, MatcherError> {
        compile(&self.name, self.op, &self.value)
    }
}

/// Makes a matcher with Alertmanager's dialect of regular expressions.
pub fn compile(name: &str, op: MatchOp, value: &str) -> Result<Matcher, MatcherError> {
    Matcher::new(name, op, value, RegexDialect::Alertmanager)
        .map_err(|source| MatcherError::Regex { name: name.to_owned(), source })
}

/// Reads a list: `{a="b", c=~"d"}`, with or without braces.
pub fn parse_list(text: &str) -> Result<Vec<Matcher>, MatcherError> {
    raw_list(text)?.into_iter().map(RawMatcher::compile).collect()
}

/// Reads a single matcher: `a="b"`; braces are refused, as by Alertmanager's API.
pub fn parse_one(text: &str) -> Result<Matcher, MatcherError> {
    if text.starts_with('{') || text.ends_with('}') {
        let why = "unexpected open or close brace".to_owned();
        return Err(MatcherError::Malformed { text: text.to_owned(), why });
    }
    let mut list = parse_list(text)?;
    match (list.pop(), list.is_empty()) {
        (Some(only), true) => Ok(only),
        (last, _) => {
            let found = list.len() + usize::from(last.is_some());
            Err(MatcherError::NotOne { text: text.to_owned(), found })
        }
    }
}

/// Reads the first thing that a person types at `alert query` or `silence add`: a text without an operator is the
/// alert's name. Alertmanager takes anything that it cannot read for a name; here a mistyped matcher is a mistake.
pub fn parse_query_word(text: &str) -> Result<Matcher, MatcherError> {
    let has_operator = text.contains('=') || text.contains("!~");
    if has_operator { parse_one(text) } else { Ok(Matcher::equal("alertname", text)) }
}

fn raw_list(text: &str) -> Result<Vec<RawMatcher>, MatcherError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(MatcherError::TooLong(text.len()));
    }
    let malformed = |why: String| MatcherError::Malformed { text: text.to_owned(), why };
    match (utf8::parse(text), classic::parse(text)) {
        (Ok(new), Ok(classic)) if new == classic => Ok(new),
        (_, Ok(classic)) => Ok(classic),
        (Ok(new), Err(_)) => Ok(new),
        (Err(why), Err(_)) => Err(malformed(why)),
    }
}

/// Orders matchers as Alertmanager does before it prints them into a group key.
pub fn sort(matchers: &mut [Matcher]) {
    matchers.sort_by(|a, b| (a.name(), a.value(), a.op()).cmp(&(b.name(), b.value(), b.op())));
}

/// A matcher in Alertmanager's notation: names are quoted only where they hold reserved characters.
#[derive(Debug, Clone, Copy)]
pub struct Printed<'a>(pub &'a Matcher);

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(matcher) = self;
        write_matcher(f, matcher.name(), matcher.op(), matcher.value())
    }
}

/// As [`Printed`], for a matcher whose regular expression nobody has compiled.
#[derive(Debug, Clone, Copy)]
pub struct PrintedStored<'a>(pub &'a StoredMatcher);

impl fmt::Display for PrintedStored<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(matcher) = self;
        write_matcher(f, &matcher.name, matcher.op(), &matcher.value)
    }
}

fn write_matcher(f: &mut fmt::Formatter<'_>, name: &str, op: MatchOp, value: &str) -> fmt::Result {
    let op = op.as_str();
    if name.chars().any(is_reserved) {
        write!(f, "{}{op}", bellwether_model::labels::Quoted(name))?;
    } else {
        write!(f, "{name}{op}")?;
    }
    f.write_str("\"")?;
    for c in value.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

/// Matchers as a group key holds them: `{a="b",c=~"d"}`.
#[derive(Debug, Clone, Copy)]
pub struct PrintedList<'a>(pub &'a [Matcher]);

impl fmt::Display for PrintedList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, matcher) in self.0.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { "," }, Printed(matcher))?;
        }
        f.write_str("}")
    }
}

/// A label set as a group key holds it: `{alertname="T2", component="device"}`.
#[derive(Debug, Clone, Copy)]
pub struct PrintedLabels<'a>(pub &'a Labels);

impl fmt::Display for PrintedLabels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, label) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{}={}", label.name, bellwether_model::labels::Quoted(&label.value))?;
        }
        f.write_str("}")
    }
}

/// Characters that end a bare name or value.
fn is_reserved(c: char) -> bool {
    c.is_whitespace() || "{}!=~,\\'\"`".contains(c)
}

#[cfg(test)]
mod tests;
