//! Why a query cannot be parsed or evaluated.

use std::fmt;

use bellwether_model::QueryError;
use bellwether_model::detector::DetectorError;

use crate::ast::{LengthError, Span};

/// A text that is no PromQL, with the place. Prints as Prometheus does: `1:5: parse error: unexpected "="`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong, without the place.
    pub message: String,
    /// Which bytes of the text it is about.
    pub span: Span,
    /// Line of the first byte, from 1; 0 if the text is empty.
    pub line: usize,
    /// Column of the first byte in that line, in bytes, from 1; 0 if the text is empty.
    pub column: usize,
    /// The function that is called and that neither PromQL nor a plugin has.
    pub unknown_function: Option<String>,
}

impl ParseError {
    pub(crate) fn new(text: &str, span: Span, message: impl Into<String>) -> Self {
        let (line, column) =
            if text.is_empty() { (0, 0) } else { line_and_column(text, span.start as usize) };
        Self { message: message.into(), span, line, column, unknown_function: None }
    }

    pub(crate) fn unknown_function(text: &str, span: Span, name: &str) -> Self {
        let error = Self::new(text, span, format!("unknown function with name \"{name}\""));
        Self { unknown_function: Some(name.to_owned()), ..error }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return write!(f, "unknown position: parse error: {}", self.message);
        }
        write!(f, "{}:{}: parse error: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ParseError {}

/// Line and column of a byte, both from 1; columns count bytes, as Prometheus does.
pub(crate) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = 1 + before.iter().filter(|&&b| b == b'\n').count();
    let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
    (line, before.len() - line_start + 1)
}

/// A query that parses but cannot be answered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EvalError {
    /// More samples at once than the engine allows.
    #[error("query processing would load too many samples into memory in query execution: {needed} at once, {excess} \
        more than the limit of {limit} (max_samples)",
        excess = needed.saturating_sub(*limit))]
    TooManySamples {
        /// The limit of [`crate::EngineOptions::max_samples`].
        limit: usize,
        /// How many there would have been when it was noticed.
        needed: usize,
    },
    /// More memory for intermediate results than the engine allows.
    #[error("query needs {needed} bytes for intermediate results, {excess} more than the limit of {limit} (max_bytes)",
        excess = needed.saturating_sub(*limit))]
    TooMuchMemory {
        /// The limit of [`crate::EngineOptions::max_bytes`].
        limit: usize,
        /// How many there would have been when it was noticed.
        needed: usize,
    },
    /// A selector that asks for more series than the engine allows.
    #[error("selector finds {needed} series, {excess} more than the limit of {limit} (max_series)",
        excess = needed.saturating_sub(*limit))]
    TooManySeries {
        /// The limit of [`crate::EngineOptions::max_series`].
        limit: usize,
        /// How many it finds.
        needed: usize,
    },
    /// A range query with more steps than the engine allows.
    #[error("range query has {needed} steps, {excess} more than the limit of {limit} (max_steps)",
        excess = needed.saturating_sub(*limit))]
    TooManySteps {
        /// The limit.
        limit: usize,
        /// How many were asked for.
        needed: usize,
    },
    /// The caller's check said to stop.
    #[error("query was cancelled: its time is over or the caller is gone")]
    Cancelled,
    /// A range query whose end lies before its start, or without a step.
    #[error("bad range: {0}")]
    BadRange(&'static str),
    /// The store could not answer.
    #[error("cannot select series")]
    Select(#[source] QueryError),
    /// Strings and range vectors cannot be asked for over a range.
    #[error("invalid expression type {0:?} for range query, must be Scalar or instant Vector")]
    NotForRange(&'static str),
    /// Two results with the same labels at one time.
    #[error("vector cannot contain metrics with the same labelset")]
    DuplicateLabelset,
    /// Vector matching found two partners where one is allowed.
    #[error(
        "found duplicate series for the match group {group} on the {side} hand-side of the operation: \
         [{first}, {second}];many-to-many matching not allowed: matching labels must be unique on one side"
    )]
    ManyToMany {
        /// The labels that both share.
        group: String,
        /// `left` or `right`.
        side: &'static str,
        /// The series that sorts first.
        first: String,
        /// The other one.
        second: String,
    },
    /// Several series on the left match one on the right without `group_left`.
    #[error("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")]
    ImplicitManyToOne,
    /// A grouped match gives the same labels twice.
    #[error("multiple matches for labels: grouping labels must ensure unique matches")]
    AmbiguousGrouping,
    /// A duration expression without a usable value.
    #[error("{0}")]
    Length(LengthError),
    /// An argument that cannot be used; worded as Prometheus does.
    #[error("{0}")]
    BadArgument(String),
    /// A plugin function that was there when the query was prepared is gone, or takes other arguments now.
    #[error("plugin function {function}: {problem}; reload the rule or the plugin")]
    PluginChanged {
        /// Its name.
        function: String,
        /// What no longer fits.
        problem: &'static str,
    },
    /// A plugin function gave no verdict.
    #[error("plugin function {function} failed")]
    Plugin {
        /// Its name.
        function: String,
        /// Why.
        #[source]
        source: DetectorError,
    },
}
