//! What an evaluation gives back.

use std::sync::Arc;

use bellwether_model::{FloatHistogram, Labels, Sample, Timestamp};

/// The result of a query together with what should be said about it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The result itself.
    pub value: Value,
    /// Things that are probably wrong, as Prometheus words them: `PromQL warning: … (1:5)`. Each once.
    pub warnings: Vec<String>,
    /// Things worth knowing: `PromQL info: … (1:5)`. Each once.
    pub infos: Vec<String>,
    /// What it took.
    pub stats: QueryStats,
}

/// How much an evaluation looked at, as Prometheus counts it: a histogram as several samples, by its size. All but the
/// peak is counted only where [`crate::Limits::statistics`] asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryStats {
    /// Samples that selectors and windows saw, those seen at several steps each time.
    pub total_samples: u64,
    /// Samples that had to be read: those that a window shares with the step before once.
    pub samples_read: u64,
    /// Most samples that were held at once.
    pub peak_samples: u64,
    /// `total_samples` of each step.
    pub samples_per_step: Vec<(Timestamp, u64)>,
    /// `samples_read` of each step.
    pub read_per_step: Vec<(Timestamp, u64)>,
}

/// One result, by the type of the expression.
#[derive(Debug, Clone)]
pub enum Value {
    /// One number without labels.
    Scalar(Sample),
    /// A text; only an instant query of a string literal gives one.
    String {
        /// When it was evaluated.
        at: Timestamp,
        /// The text.
        text: String,
    },
    /// One sample for each series, all at the time of evaluation; in the order that `sort` and `topk` made.
    Vector(Vec<InstantSample>),
    /// Many samples for each series, sorted by labels.
    Matrix(Vec<RangeSeries>),
}

impl Value {
    /// The samples of an instant vector; none for the other types.
    pub fn as_vector(&self) -> Option<&[InstantSample]> {
        match self {
            Self::Vector(samples) => Some(samples),
            Self::Scalar(_) | Self::String { .. } | Self::Matrix(_) => None,
        }
    }
}

/// A float or a native histogram.
#[derive(Debug, Clone)]
pub enum SampleValue {
    /// A number.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<FloatHistogram>),
}

impl SampleValue {
    /// The number; none for a histogram.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(*value),
            Self::Histogram(_) => None,
        }
    }
}

/// One member of an instant vector.
#[derive(Debug, Clone)]
pub struct InstantSample {
    /// Its labels, with `__name__` where the expression keeps it.
    pub labels: Labels,
    /// Time of evaluation.
    pub at: Timestamp,
    /// What it is.
    pub value: SampleValue,
}

/// One series of a matrix: what it was at each time.
#[derive(Debug, Clone)]
pub struct RangeSeries {
    /// Its labels, with `__name__` where the expression keeps it.
    pub labels: Labels,
    /// The numbers, oldest first.
    pub floats: Vec<Sample>,
    /// The native histograms, oldest first.
    pub histograms: Vec<(Timestamp, Arc<FloatHistogram>)>,
}
