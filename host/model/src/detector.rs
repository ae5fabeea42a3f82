//! What passes between the host and an anomaly detector: windows of numbers in, one score per series back.
//!
//! These are the types of `wit/detector` without the component around them.

use std::fmt;

use crate::BoxFuture;
use crate::time::Timestamp;

/// A numeric parameter after the vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorParam {
    /// Name for help and errors.
    pub name: String,
    /// One sentence.
    pub help: String,
    /// None makes it required.
    pub default: Option<f64>,
}

/// One function for rule expressions.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorFunction {
    /// PromQL name.
    pub name: String,
    /// One sentence.
    pub help: String,
    /// How many range vectors it takes: 1, or 2 to compare two windows.
    pub windows: u8,
    /// Numbers after the windows.
    pub params: Vec<DetectorParam>,
    /// With fewer points than this in a window, the series is left out of the result.
    pub min_points: u32,
}

/// Many series, column by column: series `i` owns `times` and `values` from `offsets[i]` up to `offsets[i + 1]`,
/// oldest first. `offsets` is one longer than there are series. Holds no stale markers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WindowMatrix {
    /// Where each series begins, and where the last one ends.
    pub offsets: Vec<u32>,
    /// Times in milliseconds.
    pub times: Vec<i64>,
    /// Values.
    pub values: Vec<f64>,
}

impl WindowMatrix {
    /// How many series it holds.
    pub fn series(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }
}

/// One entry per series, in the order of the input. The last three are empty or hold what the detector expected.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdicts {
    /// The score; NaN leaves the series out.
    pub score: Vec<f64>,
    /// The value that was expected.
    pub expected: Vec<f64>,
    /// Lower edge of the normal band.
    pub lower: Vec<f64>,
    /// Upper edge of the normal band.
    pub upper: Vec<f64>,
}

/// Why there is no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetectorError {
    /// A parameter out of range: the rule is wrong.
    #[error("bad parameter: {0}")]
    BadParam(String),
    /// This input cannot be judged.
    #[error("{0}")]
    Failed(String),
    /// The plugin itself broke: it trapped, ran too long or wanted too much.
    #[error("plugin failed: {0}")]
    Crashed(String),
}

/// An anomaly detector: pure functions over windows.
pub trait Detector: Send + Sync + fmt::Debug {
    /// Name of the plugin.
    fn name(&self) -> &str;

    /// What it offers; always the same.
    fn functions(&self) -> &[DetectorFunction];

    /// One evaluation of one function over all selected series. `windows` has as many matrices as the function
    /// takes, `params` one number for each parameter.
    fn evaluate<'a>(
        &'a self,
        function: &'a str,
        params: &'a [f64],
        at: Timestamp,
        windows: &'a [WindowMatrix],
    ) -> BoxFuture<'a, Result<Verdicts, DetectorError>>;
}
