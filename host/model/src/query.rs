//! How samples are written and found again: the doors of storage.
//!
//! A reader asks twice: [`Queryable::find`] says which series pass a selector, and gives the same list again as long as
//! no such series appears or goes; [`Queryable::latest`] and [`Queryable::read`] then show the samples of that list in
//! place, without a copy. So whatever a reader works out about a list (which series match which, what is grouped with
//! what) holds until it is handed another one.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use crate::histogram::FloatHistogram;
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

/// The series that pass a selector, sorted by labels.
///
/// Two lists with the same `labels` pointer are the same list.
#[derive(Debug, Clone)]
pub struct SeriesList {
    labels: Arc<[Labels]>,
    refs: Box<[SeriesRef]>,
}

/// A series inside of one store; means nothing to anybody else.
pub type SeriesRef = u64;

impl SeriesList {
    /// A list of series, which have to be sorted by labels and each be there once.
    pub fn new(labels: Vec<Labels>, refs: Vec<SeriesRef>) -> Self {
        debug_assert_eq!(labels.len(), refs.len(), "each series has its reference");
        Self { labels: labels.into(), refs: refs.into() }
    }

    /// Identities of the series.
    pub fn labels(&self) -> &Arc<[Labels]> {
        &self.labels
    }

    /// What the store calls them, in the same order.
    pub fn refs(&self) -> &[SeriesRef] {
        &self.refs
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.refs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.refs.is_empty()
    }
}

/// A native histogram of a series at a time.
#[derive(Debug, Clone)]
pub struct HistogramSample {
    /// When it was measured, in Unix milliseconds.
    pub at: i64,
    /// Since when it counts, in Unix milliseconds; 0 where unknown.
    pub counting_since: i64,
    /// What was measured; a stale marker as its sum ends the series.
    pub histogram: Arc<FloatHistogram>,
}

/// The samples of one series in a time range, oldest first, stale markers included. At one time there is a float or a
/// histogram.
#[derive(Debug, Clone, Copy, Default)]
pub struct Samples<'a> {
    /// Times of the floats, in Unix milliseconds.
    pub times: &'a [i64],
    /// The floats.
    pub values: &'a [f64],
    /// Since when each float counts, in Unix milliseconds, 0 where unknown; empty where no float tells.
    pub counting_since: &'a [i64],
    /// The histograms.
    pub histograms: &'a [HistogramSample],
}

impl Samples<'_> {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty() && self.histograms.is_empty()
    }
}

/// The newest sample of a series at a time.
#[derive(Debug, Clone, Copy)]
pub struct Latest<'a> {
    /// When it was measured, in Unix milliseconds.
    pub at: i64,
    /// Since when it counts, in Unix milliseconds; 0 where unknown.
    pub counting_since: i64,
    /// What was measured.
    pub value: LatestValue<'a>,
}

/// The value of a sample in place.
#[derive(Debug, Clone, Copy)]
pub enum LatestValue<'a> {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(&'a Arc<FloatHistogram>),
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

/// Shown the newest sample of the series at a place of the list; breaking ends the reading.
pub type VisitLatest<'v> = dyn FnMut(usize, Latest<'_>) -> ControlFlow<()> + 'v;

/// Shown the samples of the series at a place of the list; breaking ends the reading.
pub type VisitSamples<'v> = dyn FnMut(usize, Samples<'_>) -> ControlFlow<()> + 'v;

/// Where samples can be looked up. Cheap to call often; implementations answer from memory where they can.
pub trait Queryable: Send + Sync {
    /// Series that pass all matchers, whenever they have samples; the same list as the last time if nothing changed.
    fn find(&self, matchers: &[Matcher]) -> Result<Arc<SeriesList>, QueryError>;

    /// Shows the newest sample no later than `at` and later than `after` of each series at `places` of the list;
    /// stale markers too, nothing of series without one.
    ///
    /// The visitor is called while the store holds a lock: it has to be quick, and must not come back to the store.
    fn latest(
        &self,
        list: &SeriesList,
        places: Range<usize>,
        after: Timestamp,
        at: Timestamp,
        visit: &mut VisitLatest<'_>,
    ) -> Result<(), QueryError>;

    /// Shows the samples later than `after` and no later than `until` of each series at `places` of the list; nothing
    /// of series without any. As with `latest`, the visitor is called under a lock.
    fn read(
        &self,
        list: &SeriesList,
        places: Range<usize>,
        after: Timestamp,
        until: Timestamp,
        visit: &mut VisitSamples<'_>,
    ) -> Result<(), QueryError>;

    /// Series that pass all matchers and have floats in `start..=end`, sorted by labels, with those floats.
    ///
    /// Fails with [`QueryError::TooManySamples`] once `max_samples` would be passed.
    fn select(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        max_samples: usize,
    ) -> Result<Vec<Series>, QueryError> {
        let list = self.find(matchers)?;
        let (mut found, mut total) = (Vec::new(), 0);
        self.read(&list, 0..list.len(), start.offset_millis(-1), end, &mut |place, samples| {
            total += samples.times.len();
            if total > max_samples {
                return ControlFlow::Break(());
            }
            let pairs = samples.times.iter().zip(samples.values);
            let samples: Vec<Sample> =
                pairs.map(|(&at, &value)| Sample::new(Timestamp::from_millis(at), value)).collect();
            if !samples.is_empty() {
                found.push(Series { labels: list.labels()[place].clone(), samples });
            }
            ControlFlow::Continue(())
        })?;
        if total > max_samples { Err(QueryError::TooManySamples { limit: max_samples }) } else { Ok(found) }
    }

    /// Label sets of series that pass all matchers and have samples in `start..=end`, sorted.
    fn series(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<Labels>, QueryError> {
        let list = self.find(matchers)?;
        let mut found = Vec::new();
        self.read(&list, 0..list.len(), start.offset_millis(-1), end, &mut |place, _| {
            found.push(list.labels()[place].clone());
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }
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
