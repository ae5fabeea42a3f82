//! The plain values that every other crate passes on: time, labels, matchers, samples, alerts, and what plugins
//! take and give.
//!
//! Nothing here reads a clock, a file or a socket. Whoever needs the time takes `now` as an argument.

pub mod alert;
pub mod detector;
pub mod device;
pub mod duration;
pub mod exposition;
pub mod go_regex;
pub mod histogram;
pub mod history;
pub mod labels;
pub mod matcher;
pub mod modelling;
pub mod number;
pub mod plugin_store;
pub mod query;
pub mod receiver;
pub mod sample;
pub mod state;
pub mod time;
pub mod yaml;

pub use alert::{Alert, AlertStatus};
pub use histogram::FloatHistogram;
pub use labels::{Fingerprint, Label, Labels, LabelsBuilder};
pub use matcher::{MatchOp, Matcher, RegexDialect};
pub use query::{Appender, QueryError, Queryable, Series, SeriesList};
pub use sample::{Record, Sample, is_stale, stale_nan};
pub use time::Timestamp;

/// A boxed future, for the traits that plugins and shells implement.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
