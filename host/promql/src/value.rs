//! What an evaluation gives back.

use bellwether_model::{Labels, Sample, Series, Timestamp};

/// The result of a query together with what should be said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The result itself.
    pub value: Value,
    /// Things that are probably wrong, as Prometheus words them: `PromQL warning: … (1:5)`. Each once.
    pub warnings: Vec<String>,
    /// Things worth knowing: `PromQL info: … (1:5)`. Each once.
    pub infos: Vec<String>,
}

/// One result, by the type of the expression.
#[derive(Debug, Clone, PartialEq)]
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
    Matrix(Vec<Series>),
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

/// One member of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct InstantSample {
    /// Its labels, with `__name__` where the expression keeps it.
    pub labels: Labels,
    /// Time of evaluation and value.
    pub sample: Sample,
}
