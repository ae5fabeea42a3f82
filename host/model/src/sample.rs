//! Samples: one value of one series at one time.

use crate::labels::Labels;
use crate::time::Timestamp;

/// The bit pattern that marks the end of a series, as Prometheus' `value.StaleNaN`.
const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// One value at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it was measured.
    pub at: Timestamp,
    /// What was measured; [`stale_nan`] ends the series.
    pub value: f64,
}

impl Sample {
    /// A value at a time.
    pub const fn new(at: Timestamp, value: f64) -> Self {
        Self { at, value }
    }
}

/// One sample with the series that it belongs to: what is appended to storage.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Identity of the series, with `__name__`.
    pub labels: Labels,
    /// The measurement.
    pub sample: Sample,
}

impl Record {
    /// A value of a series at a time.
    pub fn new(labels: Labels, at: Timestamp, value: f64) -> Self {
        Self { labels, sample: Sample::new(at, value) }
    }
}

/// The value that marks the end of a series: a NaN with its own bit pattern.
pub fn stale_nan() -> f64 {
    f64::from_bits(STALE_NAN_BITS)
}

/// Whether a value is the end marker; other NaNs are ordinary values.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}
