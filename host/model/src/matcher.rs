//! Label matchers: `job="node"`, `device_id!~"esp32-.*"`.

use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use crate::go_regex::{self, GoRegexError};
use crate::labels::{Labels, Quoted, is_classic_label_name};

/// Compiled size that one matcher's regular expression may take; a larger one is refused.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends
    Regex,
    /// `!~`, anchored at both ends
    NotRegex,
}

impl MatchOp {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }

    /// Whether the value is a regular expression.
    pub const fn is_regex(self) -> bool {
        matches!(self, Self::Regex | Self::NotRegex)
    }

    /// Whether a match of the value means yes.
    pub const fn is_positive(self) -> bool {
        matches!(self, Self::Equal | Self::Regex)
    }
}

/// The one difference between the two tools' regular expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegexDialect {
    /// `.` matches a newline too, as in Prometheus 3.
    Prometheus,
    /// `.` stops at a newline, as in Alertmanager 0.34.
    Alertmanager,
}

/// A regular expression that does not compile.
#[derive(Debug, Clone, thiserror::Error)]
#[error("invalid regular expression {value:?}")]
pub struct RegexError {
    value: String,
    #[source]
    source: RegexProblem,
}

/// What is wrong with a regular expression.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RegexProblem {
    /// Go would not take it.
    #[error(transparent)]
    Syntax(#[from] GoRegexError),
    /// It is too large, or something that Go takes and we do not.
    #[error("{}", in_one_line(.0))]
    Compile(#[from] regex::Error),
}

impl RegexError {
    /// What is wrong, in one line.
    pub fn problem(&self) -> &RegexProblem {
        &self.source
    }
}

/// The last line of what the compiler says; the lines before show the place, which is of no use on one line.
fn in_one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").trim_end_matches('.').to_owned()
}

/// A condition on one label. An absent label is the same as an empty one, as in Prometheus.
#[derive(Clone)]
pub struct Matcher {
    name: Arc<str>,
    op: MatchOp,
    value: Arc<str>,
    regex: Option<Regex>,
}

impl Matcher {
    /// `name="value"`
    pub fn equal(name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), op: MatchOp::Equal, value: value.into(), regex: None }
    }

    /// `name!="value"`
    pub fn not_equal(name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), op: MatchOp::NotEqual, value: value.into(), regex: None }
    }

    /// Any matcher; compiles the value where the operator asks for it.
    pub fn new(
        name: impl Into<Arc<str>>,
        op: MatchOp,
        value: impl Into<Arc<str>>,
        dialect: RegexDialect,
    ) -> Result<Self, RegexError> {
        let value = value.into();
        let regex = if op.is_regex() { Some(compile_anchored(&value, dialect)?) } else { None };
        Ok(Self { name: name.into(), op, value, regex })
    }

    /// The label that it looks at.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// The value or regular expression as it was written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label's value passes; an absent label has the value `""`.
    pub fn matches_value(&self, value: &str) -> bool {
        let hit = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => *value == *self.value,
        };
        hit == self.op.is_positive()
    }

    /// Whether a label set passes.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_value(labels.value(&self.name))
    }
}

/// Compiles a regular expression, written as in Go, that has to match a whole value.
pub fn compile_anchored(pattern: &str, dialect: RegexDialect) -> Result<Regex, RegexError> {
    let compile = || -> Result<Regex, RegexProblem> {
        let translated = go_regex::translate(pattern)?;
        let mut builder = RegexBuilder::new(&format!("^(?:{translated})$"));
        builder.dot_matches_new_line(dialect == RegexDialect::Prometheus).size_limit(MAX_REGEX_BYTES);
        Ok(builder.build()?)
    };
    compile().map_err(|source| RegexError { value: pattern.to_owned(), source })
}

/// Whether a label set passes all matchers.
pub fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl std::hash::Hash for Matcher {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (&self.name, self.op, &self.value).hash(state);
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_classic_label_name(&self.name) {
            write!(f, "{}{}{}", self.name, self.op.as_str(), Quoted(&self.value))
        } else {
            write!(f, "{}{}{}", Quoted(&self.name), self.op.as_str(), Quoted(&self.value))
        }
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_labels_match_as_empty() {
        let labels = Labels::from_pairs([("job", "node")]);
        assert!(Matcher::not_equal("site", "north").matches(&labels));
        assert!(Matcher::equal("site", "").matches(&labels));
        assert!(
            Matcher::new("site", MatchOp::Regex, ".*", RegexDialect::Prometheus).unwrap().matches(&labels)
        );
        assert!(
            !Matcher::new("site", MatchOp::Regex, ".+", RegexDialect::Prometheus).unwrap().matches(&labels)
        );
    }

    #[test]
    fn regular_expressions_are_anchored_and_differ_only_in_the_dot() {
        let of = |dialect| Matcher::new("a", MatchOp::Regex, "x|y.z", dialect).unwrap();
        assert!(!of(RegexDialect::Prometheus).matches_value("xx"));
        assert!(of(RegexDialect::Prometheus).matches_value("y\nz"));
        assert!(!of(RegexDialect::Alertmanager).matches_value("y\nz"));
    }
}
