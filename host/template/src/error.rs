//! What can be wrong with a template, in the words of Go's `text/template`.

use std::fmt;

/// Why a template could not be parsed or executed. The text is what Prometheus and Alertmanager would print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The text is no template.
    #[error("template: {name}:{line}: {reason}")]
    Parse {
        /// The template's name as given by the caller.
        name: String,
        /// From 1.
        line: usize,
        /// Go's wording.
        reason: String,
    },
    /// It is one, but does not fit its data.
    #[error("template: {at}: executing {template:?} at <{context}>: {reason}")]
    Execute {
        /// Where in which text.
        at: Location,
        /// The `define` it happened in.
        template: String,
        /// The part of the template that failed.
        context: String,
        /// Go's wording.
        reason: String,
    },
    /// HTML cannot be made of it, whatever the data.
    #[error("html/template:{at}: {reason}")]
    Html {
        /// Where in which text.
        at: Location,
        /// Go's wording.
        reason: String,
    },
    /// An annotation or a label of a Prometheus rule could not be made.
    #[error("error {stage} template {name}: {cause}")]
    Expand {
        /// Parsing or executing.
        stage: Stage,
        /// `__alert_` and the alert's name.
        name: String,
        /// What was wrong; part of the text, as in Prometheus.
        cause: Box<Self>,
    },
}

/// What Prometheus was doing with a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading the text.
    Parsing,
    /// Filling in the data.
    Executing,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parsing => "parsing",
            Self::Executing => "executing",
        })
    }
}

/// A place in a template's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The text's name.
    pub name: String,
    /// From 1.
    pub line: usize,
    /// Bytes from the line's begin, from 0, as Go counts.
    pub column: usize,
}

impl Location {
    /// The place `position` bytes into `text`.
    pub(crate) fn find(name: &str, text: &str, position: usize) -> Self {
        let before = &text.as_bytes()[..position.min(text.len())];
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        Self { name: name.to_owned(), line, column: before.len() - line_start }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.name, self.line, self.column)
    }
}
