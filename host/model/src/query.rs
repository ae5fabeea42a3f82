//! How samples are written and found again: the doors of storage.

use crate::labels::Labels;
use crate::matcher::Matcher;
use crate::sample::{Record, Sample};
use crate::time::Timestamp;

/// One series with the samples of a time range, oldest first, stale markers included.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Identity of the series, with `__name__`.
    pub labels: Labels,
    /// Samples in order of time, at most one for each millisecond.
    pub samples: Vec<Sample>,
}

/// Storage could not answer or take in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// More would have been returned than the reader allows.
    #[error("query would load more than {limit} samples into memory")]
    TooManySamples {
        /// The limit that was hit.
        limit: usize,
    },
    /// The store itself failed.
    #[error("cannot read samples: {0}")]
    Storage(String),
}

/// Where samples can be looked up. Cheap to call often; implementations answer from memory where they can.
pub trait Queryable: Send + Sync {
    /// Series that pass all matchers and have samples in `start..=end`, sorted by labels, with those samples.
    ///
    /// Fails with [`QueryError::TooManySamples`] once `max_samples` would be passed.
    fn select(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        max_samples: usize,
    ) -> Result<Vec<Series>, QueryError>;

    /// Label sets of series that pass all matchers and have samples in `start..=end`, sorted.
    fn series(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<Labels>, QueryError>;
}

/// Samples were not, or not all, taken in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The log could not be written: nothing of the batch was acknowledged.
    #[error("cannot write the log: {0}")]
    Log(String),
    /// More series than allowed.
    #[error("the limit of {limit} series is reached")]
    TooManySeries {
        /// The limit that was hit.
        limit: usize,
    },
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Appended {
    /// Samples taken in and safe from a crash of the process.
    pub accepted: usize,
    /// Samples older than the newest one of their series: dropped.
    pub out_of_order: usize,
    /// Samples that say something else about a time already written: dropped.
    pub duplicate: usize,
}

/// Where samples go. When `append` returns, what it accepted survives a kill of the process.
pub trait Appender: Send + Sync {
    /// Takes in a batch.
    fn append(&self, records: &[Record]) -> Result<Appended, AppendError>;
}
