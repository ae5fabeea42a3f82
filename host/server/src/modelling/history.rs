//! What a model is fitted to: the expression at evenly spaced times, not finer than it is scored, and bounded.

use std::time::Duration;

use bellwether_model::detector::WindowMatrix;
use bellwether_model::time::millis;
use bellwether_model::{Labels, Sample, Timestamp};
use bellwether_promql::{Range, RangeSeries};
use rustc_hash::FxHashSet;

/// Points of all series of one evaluation; with more, the times are farther apart.
const MAX_POINTS: u64 = 2_000_000;
/// Times of one evaluation: half of what a query may have.
const MAX_STEPS: u64 = 500_000;
/// One part in so many of the history is enough to begin with.
const ENOUGH_ONE_IN: u64 = 10;
/// Fewer points than this say nothing.
const LEAST_POINTS: u64 = 2;

/// The times at which a history is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sampling {
    pub(super) step: Duration,
    steps: u64,
}

/// One series with its history.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SeriesHistory {
    /// Without a metric name.
    pub(super) labels: Labels,
    pub(super) points: Vec<Sample>,
}

impl Sampling {
    /// A history of so long for a model that is scored that often, of so many series.
    pub(super) fn new(history: Duration, interval: Duration, series: usize) -> Self {
        let (history_ms, interval_ms) = (whole_millis(history), whole_millis(interval));
        let most = (MAX_POINTS / (series as u64).max(1)).clamp(LEAST_POINTS, MAX_STEPS);
        let step_ms = interval_ms.max(history_ms.div_ceil(most));
        Self { step: Duration::from_millis(step_ms), steps: (history_ms / step_ms).max(LEAST_POINTS) }
    }

    /// The times, of which the last is `now`.
    pub(super) fn until(&self, now: Timestamp) -> Range {
        let back = self.step.saturating_mul(u32::try_from(self.steps - 1).unwrap_or(u32::MAX));
        Range { start: now - back, end: now, step: self.step }
    }

    /// How long it takes at least until there are enough points; none where there are.
    pub(super) fn missing(&self, points: usize) -> Option<Duration> {
        let enough = self.steps.div_ceil(ENOUGH_ONE_IN).max(LEAST_POINTS);
        let missing = enough.saturating_sub(points as u64);
        (missing > 0).then(|| self.step.saturating_mul(u32::try_from(missing).unwrap_or(u32::MAX)))
    }
}

fn whole_millis(span: Duration) -> u64 {
    millis(span).unsigned_abs().max(1)
}

/// The series of an answer without their metric names; an error where two are then the same.
pub(super) fn series(answer: Vec<RangeSeries>) -> Result<Vec<SeriesHistory>, String> {
    let mut seen = FxHashSet::default();
    let mut all = Vec::with_capacity(answer.len());
    for series in answer {
        let labels = series.labels.without_metric_name();
        if !seen.insert(labels.clone()) {
            return Err(same_labels(&labels));
        }
        all.push(SeriesHistory { labels, points: series.floats });
    }
    Ok(all)
}

/// What is said of two series that differ by their metric name only.
pub(super) fn same_labels(labels: &Labels) -> String {
    format!("two of the series that are judged are {labels} without their metric names")
}

/// Series by series, as a model gets them; of too many points only every so many-th, since the expression may have had more
/// series in the past than there are now.
pub(super) fn matrix(series: &[SeriesHistory]) -> WindowMatrix {
    let all: usize = series.iter().map(|series| series.points.len()).sum();
    let every = all.div_ceil(MAX_POINTS as usize).max(1);
    let mut matrix = WindowMatrix { offsets: vec![0], ..WindowMatrix::default() };
    for SeriesHistory { points, .. } in series {
        let points = points.iter().rev().step_by(every).rev();
        matrix.times.extend(points.clone().map(|sample| sample.at.as_millis()));
        matrix.values.extend(points.map(|sample| sample.value));
        matrix.offsets.push(u32::try_from(matrix.values.len()).unwrap_or(u32::MAX));
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const WEEK: Duration = Duration::from_secs(7 * 86_400);

    #[test]
    fn a_history_is_as_fine_as_scoring_until_there_are_too_many_series() {
        let sampling = Sampling::new(WEEK, MINUTE, 1);
        assert_eq!((sampling.step, sampling.steps), (MINUTE, 10_080));
        let now = Timestamp::from_millis(1_795_248_000_000);
        let range = sampling.until(now);
        assert_eq!((range.end, range.end.since(range.start)), (now, WEEK - MINUTE));
        let fine = Sampling::new(WEEK, Duration::from_millis(100), 1);
        assert_eq!((fine.steps, fine.step), (499_834, Duration::from_millis(1_210)));
        let many = Sampling::new(WEEK, MINUTE, 1_000);
        assert_eq!((many.steps, many.step), (2_000, Duration::from_millis(302_400)));
    }

    #[test]
    fn a_tenth_of_the_history_is_enough() {
        let sampling = Sampling::new(WEEK, MINUTE, 1);
        assert_eq!(sampling.missing(1_008), None);
        assert_eq!(sampling.missing(1_000), Some(MINUTE * 8));
        let short = Sampling::new(MINUTE, MINUTE * 5, 1);
        assert_eq!((short.steps, short.missing(1)), (2, Some(MINUTE * 5)));
    }

    #[test]
    fn series_that_only_a_name_tells_apart_are_an_error() {
        let of = |name: &str| RangeSeries {
            labels: Labels::from_pairs([("__name__", name), ("device", "a")]),
            floats: Vec::new(),
            histograms: Vec::new(),
        };
        assert_eq!(series(vec![of("x")]).unwrap()[0].labels.to_string(), r#"{device="a"}"#);
        assert!(series(vec![of("x"), of("y")]).unwrap_err().contains(r#"{device="a"}"#));
    }

    #[test]
    fn a_matrix_has_series_after_series() {
        let at = |ms: i64, value: f64| Sample::new(Timestamp::from_millis(ms), value);
        let of = |points: &[Sample]| SeriesHistory { labels: Labels::empty(), points: points.to_vec() };
        let matrix = matrix(&[of(&[at(1, 10.0), at(2, 11.0)]), of(&[]), of(&[at(2, 20.0)])]);
        assert_eq!((matrix.offsets, matrix.times), (vec![0, 2, 2, 3], vec![1, 2, 2]));
        assert_eq!(matrix.values, [10.0, 11.0, 20.0]);
    }
}
