//! What an evaluation looked at, counted as Prometheus counts it, for those who ask.
//!
//! Counts go to the innermost scope: the query itself, a subquery of it, or a part that is the same at every step and so
//! evaluated once. A scope that ends tells the one around it what Prometheus would have it tell: a subquery only what was
//! read for it, since the function over it counts what it looks at; a part that is evaluated once the same total for
//! every step, but what was read only for the first.

use std::cell::RefCell;

use bellwether_model::Timestamp;
use bellwether_model::query::Samples;

use crate::engine::evaluator::Evaluator;
use crate::engine::steps::Steps;
use crate::engine::window::{Bounds, Windows};
use crate::engine::window_call::count;
use crate::value::QueryStats;

/// How much of what an evaluation looks at is counted; see [`QueryStats`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Statistics {
    /// Nothing but the peak, which is limited anyway.
    #[default]
    Off,
    /// For the whole evaluation.
    Totals,
    /// For each step, too.
    PerStep,
}

/// The counts of one evaluation.
#[derive(Debug)]
pub(super) struct Tally {
    statistics: Statistics,
    /// The innermost one last; none where nothing is counted.
    scopes: RefCell<Vec<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    total: u64,
    read: u64,
    /// Empty where nobody wants to know.
    total_per_step: Vec<u64>,
    read_per_step: Vec<u64>,
}

impl Counts {
    fn add(&mut self, step: usize, total: u64, read: u64) {
        self.total += total;
        self.read += read;
        if let Some(count) = self.total_per_step.get_mut(step) {
            *count += total;
        }
        if let Some(count) = self.read_per_step.get_mut(step) {
            *count += read;
        }
    }
}

/// What becomes of the values of a subquery.
#[derive(Debug, Clone, Copy)]
pub(super) enum SubqueryUse {
    /// They are the result of the query.
    Result,
    /// A function looks at those in windows of this length, that far back.
    Windows { offset_ms: i64, range_ms: i64 },
}

impl Tally {
    /// Nothing is counted yet.
    pub(super) fn new(statistics: Statistics, steps: usize) -> Self {
        let per_step = if statistics == Statistics::PerStep { steps } else { 0 };
        let query = Counts {
            total_per_step: vec![0; per_step],
            read_per_step: vec![0; per_step],
            ..Counts::default()
        };
        let scopes = if statistics == Statistics::Off { Vec::new() } else { vec![query] };
        Self { statistics, scopes: RefCell::new(scopes) }
    }

    /// Whether anything is counted.
    pub(super) fn is_on(&self) -> bool {
        self.statistics != Statistics::Off
    }

    /// Counts samples that were looked at at a step, and how many of them had to be read for it.
    pub(super) fn add(&self, step: usize, total: u64, read: u64) {
        if let Some(innermost) = self.scopes.borrow_mut().last_mut() {
            innermost.add(step, total, read);
        }
    }

    /// Begins a part that is evaluated once for many steps.
    pub(super) fn enter_invariant(&self) {
        if self.is_on() {
            self.scopes.borrow_mut().push(Counts::default());
        }
    }

    /// Ends it: it counts for each of the steps.
    pub(super) fn leave_invariant(&self, steps: usize) {
        let Some(once) = self.leave() else { return };
        for step in 0..steps {
            self.add(step, once.total, if step == 0 { once.read } else { 0 });
        }
    }

    /// Begins the evaluation of a subquery at its own steps.
    pub(super) fn enter_subquery(&self, inner: Steps) {
        if self.is_on() {
            let counts = Counts { read_per_step: vec![0; inner.count], ..Counts::default() };
            self.scopes.borrow_mut().push(counts);
        }
    }

    /// Ends it: what was read counts for the first step of the query around it that looks at it.
    pub(super) fn leave_subquery(&self, inner: Steps, outer: Steps, usage: SubqueryUse) {
        let Some(counts) = self.leave() else { return };
        let (offset_ms, range_ms) = match usage {
            SubqueryUse::Result => return self.add(0, counts.total, counts.read),
            SubqueryUse::Windows { .. } if outer.count <= 1 => return self.add(0, 0, counts.read),
            SubqueryUse::Windows { offset_ms, range_ms } => (offset_ms, range_ms),
        };
        for (step, read) in counts.read_per_step.into_iter().enumerate().filter(|(_, read)| *read > 0) {
            let at = inner.time(step).saturating_add(offset_ms);
            let ahead = at.saturating_sub(outer.start).max(0);
            let first = ahead / outer.step + i64::from(ahead % outer.step > 0);
            let first = usize::try_from(first).unwrap_or(usize::MAX).min(outer.count - 1);
            // What lies between two windows is evaluated, but looked at by nobody.
            if at > outer.time(first).saturating_sub(range_ms) {
                self.add(first, 0, read);
            }
        }
    }

    fn leave(&self) -> Option<Counts> {
        if self.is_on() { self.scopes.borrow_mut().pop() } else { None }
    }

    /// All that was counted.
    pub(super) fn into_stats(self, peak_samples: u64, steps: Steps) -> QueryStats {
        let counts = self.scopes.into_inner().pop().unwrap_or_default();
        let timed = |counts: Vec<u64>| -> Vec<(Timestamp, u64)> {
            counts.into_iter().enumerate().map(|(step, count)| (steps.timestamp(step), count)).collect()
        };
        QueryStats {
            total_samples: counts.total,
            samples_read: counts.read,
            peak_samples,
            samples_per_step: timed(counts.total_per_step),
            read_per_step: timed(counts.read_per_step),
        }
    }
}

impl Evaluator<'_> {
    /// Counts the samples of a window at a step. Only those that the step before did not have are read, nothing of a
    /// subquery, and nothing at all again where `@` holds the window in its place.
    pub(super) fn see_window(
        &self,
        windows: &Windows<'_>,
        inside: Samples<'_>,
        bounds: Bounds,
        (steps, step): (Steps, usize),
    ) {
        if !self.tally.is_on() {
            return;
        }
        let total = count(inside);
        let read = match step {
            _ if windows.is_subquery() => 0,
            0 => total,
            _ if windows.is_fixed() => 0,
            _ => count(later(inside, bounds.end.saturating_sub(steps.step))),
        };
        self.tally.add(step, total, read);
    }
}

/// Those after a time.
fn later(samples: Samples<'_>, after: i64) -> Samples<'_> {
    let first = samples.times.partition_point(|&at| at <= after);
    let first_histogram = samples.histograms.partition_point(|sample| sample.at <= after);
    Samples {
        times: &samples.times[first..],
        values: &samples.values[first..],
        counting_since: samples.counting_since.get(first..).unwrap_or(&[]),
        histograms: &samples.histograms[first_histogram..],
    }
}

#[cfg(test)]
mod tests;
