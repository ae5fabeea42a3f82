//! The times at which an expression is evaluated.

use bellwether_model::Timestamp;

/// Times from `start` on, `step` milliseconds apart, none after `end`. All in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) start: i64,
    /// As it was asked for; the last step may lie before it.
    pub(super) end: i64,
    pub(super) step: i64,
    pub(super) count: usize,
}

impl Steps {
    /// One step.
    pub(super) fn at(at: i64) -> Self {
        Self { start: at, end: at, step: 1, count: 1 }
    }

    /// Steps of at least a millisecond; none where the end lies before the start.
    pub(super) fn between(start: i64, end: i64, step: i64) -> Self {
        let step = step.max(1);
        let span = end.saturating_sub(start);
        let count = if end < start {
            0
        } else {
            usize::try_from(span / step).unwrap_or(usize::MAX).saturating_add(1)
        };
        Self { start, end, step, count }
    }

    /// The time of a step.
    pub(super) fn time(self, at: usize) -> i64 {
        let ahead = i64::try_from(at).unwrap_or(i64::MAX).saturating_mul(self.step);
        self.start.saturating_add(ahead)
    }

    /// The time of the last step.
    pub(super) fn last(self) -> i64 {
        self.time(self.count.saturating_sub(1))
    }

    /// Only the first step, for what is the same at all of them.
    pub(super) fn first_only(self) -> Self {
        Self { end: self.start, count: 1, ..self }
    }

    /// Whether it is the evaluation of one moment, whose results keep the order that they were given.
    pub(super) fn is_instant(self) -> bool {
        self.start == self.end
    }

    /// Times of evaluation in Unix seconds.
    pub(super) fn seconds(self) -> Vec<f64> {
        (0..self.count).map(|at| self.time(at) as f64 / 1000.0).collect()
    }

    /// The time of a step as a timestamp.
    pub(super) fn timestamp(self, at: usize) -> Timestamp {
        Timestamp::from_millis(self.time(at))
    }
}
