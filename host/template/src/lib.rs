//! Go's `text/template` with the functions of Prometheus' rules and of Alertmanager's notifications.
//!
//! Texts go through `lexer` and `parser` to a tree (`ast`), which `eval` executes on values that know their Go type
//! (`value`); `format`, `number` and `time_format` print these as Go does, down to the marks for mistakes. What users
//! wrote for Prometheus and Alertmanager gives the same text here, byte for byte.
//!
//! No clock, no file, no socket: the time is an argument, queries are a function of the caller. Execution is bounded in
//! steps, depth and output, whatever the template says. Not here: Go's complex numbers, channels and functions as values.

mod ast;
#[cfg(test)]
mod conformance;
mod error;
mod eval;
mod format;
mod functions;
mod html;
mod lexer;
mod number;
mod parser;
mod time;
mod time_format;
mod value;

pub mod alertmanager;
pub mod prometheus;

pub use error::{Location, Stage, TemplateError};
pub use eval::MAX_CALL_DEPTH;
pub use functions::{MAX_OUTPUT_BYTES, MAX_STEPS, QueryFn};
pub use parser::{MAX_NESTING, MAX_TEXT_BYTES};

/// A time in UTC by one of Go's layouts, such as `2006-01-02 15:04:05 MST`.
pub fn format_time(at: bellwether_model::Timestamp, layout: &str) -> String {
    time_format::format(&time::Time::from_timestamp(at), layout)
}
