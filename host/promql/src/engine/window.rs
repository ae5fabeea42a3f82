//! Range vectors: the samples of each series that lie in the windows of all steps, from storage or from a subquery.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use bellwether_model::histogram::CounterResetHint;
use bellwether_model::query::{HistogramSample, Samples};
use bellwether_model::time::millis;
use bellwether_model::{FloatHistogram, SeriesList, Timestamp, is_stale};

use crate::ast::{Expr, Extension, NodeId, Shift, Subquery};
use crate::engine::counts::counts_and_sums;
use crate::engine::evaluator::{Evaluator, storage_error};
use crate::engine::select::{Found, parts};
use crate::engine::stage::Stage;
use crate::engine::steps::Steps;
use crate::engine::tally::SubqueryUse;
use crate::engine::vector::{Cell, Shape};
use crate::error::EvalError;

/// A range vector that is ready to be read.
pub(super) struct Windows<'a> {
    pub(super) shape: Shape,
    pub(super) extension: Extension,
    /// Length of a window in milliseconds.
    pub(super) range_ms: i64,
    /// Byte of the query that remarks about it name.
    pub(super) position: u32,
    shift: Shift,
    source: Source<'a>,
}

enum Source<'a> {
    Storage {
        list: Arc<SeriesList>,
        /// Whether only counts and sums of their histograms are looked at.
        counted_only: bool,
    },
    Subquery {
        stage: Stage<'a>,
        steps: Steps,
        usage: SubqueryUse,
    },
}

impl Windows<'_> {
    /// Whether its samples are those of a subquery.
    pub(super) fn is_subquery(&self) -> bool {
        matches!(self.source, Source::Subquery { .. })
    }

    /// Whether all steps look at the same window.
    pub(super) fn is_fixed(&self) -> bool {
        self.shift.at.is_some()
    }
}

/// Where a window lies, in Unix milliseconds; a sample right at its start lies outside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) start: i64,
    pub(super) end: i64,
}

/// Room for samples that have to be put together before they can be looked at.
#[derive(Default)]
struct Scratch {
    times: Vec<i64>,
    values: Vec<f64>,
    counting_since: Vec<i64>,
    histograms: Vec<HistogramSample>,
}

impl Scratch {
    fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
        self.counting_since.clear();
        self.histograms.clear();
    }

    fn samples(&self) -> Samples<'_> {
        Samples {
            times: &self.times,
            values: &self.values,
            counting_since: &self.counting_since,
            histograms: &self.histograms,
        }
    }

    /// The same samples without the markers that end a series.
    fn without_ends<'s>(&'s mut self, samples: Samples<'s>) -> Samples<'s> {
        let ends = samples.values.iter().any(|&value| is_stale(value))
            || samples.histograms.iter().any(|sample| is_stale(sample.histogram.sum));
        if !ends {
            return samples;
        }
        self.clear();
        for (at, &value) in samples.values.iter().enumerate().filter(|(_, value)| !is_stale(**value)) {
            self.times.push(samples.times[at]);
            self.values.push(value);
            self.counting_since.extend(samples.counting_since.get(at));
        }
        let histograms = samples.histograms.iter().filter(|sample| !is_stale(sample.histogram.sum));
        self.histograms.extend(histograms.cloned());
        self.samples()
    }
}

/// Called with each series that has samples in any window, and all of those samples.
pub(super) type TakeSeries<'t> = dyn FnMut(usize, Samples<'_>) -> Result<(), EvalError> + 't;

impl<'a> Evaluator<'a> {
    /// The range vector that a node stands for.
    pub(super) fn windows(&self, id: NodeId, steps: Steps) -> Result<Windows<'a>, EvalError> {
        let id = self.ast().without_parens(id);
        match self.ast().expr(id) {
            Expr::Window { selector, range } => match self.ast().expr(*selector) {
                Expr::Selector(found) => {
                    let found = self.find(*selector, found)?;
                    Ok(self.selector_windows(id, found, self.millis(*range)))
                }
                _ => Err(EvalError::BadArgument("window over something that is no selector".to_owned())),
            },
            Expr::Subquery(subquery) => self.subquery_windows(subquery, steps),
            _ => Err(EvalError::BadArgument("argument is no range vector".to_owned())),
        }
    }

    fn selector_windows(&self, id: NodeId, found: Found<'_>, range_ms: i64) -> Windows<'a> {
        let Found { selector, list, shape, counted_only, timed_only: _ } = found;
        Windows {
            shape,
            extension: selector.extension,
            range_ms,
            position: self.ast().span(id).start,
            shift: selector.shift,
            source: Source::Storage { list, counted_only },
        }
    }

    fn subquery_windows(&self, subquery: &Subquery, steps: Steps) -> Result<Windows<'a>, EvalError> {
        let default = millis(self.engine.options().subquery_step);
        let step = subquery.step.map_or(default, |step| self.millis(step)).max(1);
        let range_ms = self.millis(subquery.range);
        let before = self.shifted(subquery.shift, steps.start).saturating_sub(range_ms);
        // As Prometheus: the first multiple of the step after the left edge, whatever the time of evaluation.
        let aligned = (before / step).saturating_mul(step);
        let start = if aligned <= before { aligned.saturating_add(step) } else { aligned };
        let inner = Steps::between(start, self.shifted(subquery.shift, steps.last()), step);
        let limit = self.engine.options().max_steps;
        if inner.count > limit {
            return Err(EvalError::TooManySteps { limit, needed: inner.count });
        }
        let usage = self.subquery_use(subquery, range_ms);
        self.tally.enter_subquery(inner);
        let stage = self.stage(subquery.expr, inner)?;
        self.tally.leave_subquery(inner, steps, usage);
        Ok(Windows {
            shape: stage.shape().clone(),
            extension: Extension::None,
            range_ms,
            // A subquery is evaluated before the call sees it, and has lost its place by then.
            position: 0,
            shift: subquery.shift,
            source: Source::Subquery { stage, steps: inner, usage },
        })
    }

    fn subquery_use(&self, subquery: &Subquery, range_ms: i64) -> SubqueryUse {
        let root = self.ast().without_parens(self.ast().root());
        match self.ast().expr(root) {
            Expr::Subquery(root) if std::ptr::eq(root, subquery) => SubqueryUse::Result,
            _ => {
                let offset_ms = subquery.shift.offset.map_or(0, |offset| self.millis(offset));
                SubqueryUse::Windows { offset_ms, range_ms }
            }
        }
    }

    /// Where the window of a step lies.
    pub(super) fn bounds(&self, windows: &Windows<'_>, at: i64) -> Bounds {
        let end = self.shifted(windows.shift, at);
        Bounds { start: end.saturating_sub(windows.range_ms), end }
    }

    /// How far before its start and after its end a window of this kind looks, in milliseconds.
    pub(super) fn margins(&self, windows: &Windows<'_>) -> (i64, i64) {
        let lookback = millis(self.engine.options().lookback);
        match windows.extension {
            Extension::None => (0, 0),
            Extension::Anchored => (lookback, 0),
            Extension::Smoothed => (lookback, lookback),
        }
    }

    /// Shows all samples that any window of a series needs, without stale markers, for each series that has some.
    pub(super) fn each_series(
        &self,
        windows: &Windows<'_>,
        places: Range<usize>,
        steps: Steps,
        take: &mut TakeSeries<'_>,
    ) -> Result<(), EvalError> {
        if steps.count == 0 {
            return Ok(());
        }
        match &windows.source {
            Source::Storage { list, counted_only } => {
                self.each_stored(windows, (list, *counted_only), places, steps, take)
            }
            Source::Subquery { stage, steps: inner, usage } => {
                self.each_evaluated(stage, places, (*inner, steps, *usage), take)
            }
        }
    }

    fn each_stored(
        &self,
        windows: &Windows<'_>,
        (list, counted_only): (&SeriesList, bool),
        places: Range<usize>,
        steps: Steps,
        take: &mut TakeSeries<'_>,
    ) -> Result<(), EvalError> {
        let (before, after) = self.margins(windows);
        let first = self.bounds(windows, steps.start).start.saturating_sub(before);
        // A sample right at the start tells whether there was a reset after it.
        let first = first.saturating_sub(i64::from(counted_only));
        let last = self.bounds(windows, steps.last()).end.saturating_add(after);
        let (first, last) = (Timestamp::from_millis(first), Timestamp::from_millis(last));
        let mut scratch = Scratch::default();
        let mut failure = None;
        for part in parts(places) {
            self.check_cancelled()?;
            let visit = &mut |place, samples: Samples<'_>| {
                let counted = if counted_only { counts_and_sums(samples.histograms) } else { Vec::new() };
                let histograms = if counted_only { &counted } else { samples.histograms };
                let samples = Samples { histograms, ..samples };
                let samples = scratch.without_ends(samples);
                if samples.is_empty() {
                    return ControlFlow::Continue(());
                }
                match take(place, samples) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        failure = Some(error);
                        ControlFlow::Break(())
                    }
                }
            };
            self.scope.source.read(list, part, first, last, visit).map_err(storage_error)?;
            if let Some(failure) = failure {
                return Err(failure);
            }
        }
        Ok(())
    }

    fn each_evaluated(
        &self,
        stage: &Stage<'_>,
        places: Range<usize>,
        (inner, outer, usage): (Steps, Steps, SubqueryUse),
        take: &mut TakeSeries<'_>,
    ) -> Result<(), EvalError> {
        let mut scratch = Scratch::default();
        for part in parts(places) {
            self.check_cancelled()?;
            let mark = self.budget.mark();
            self.budget.hold(part.len().saturating_mul(inner.count))?;
            self.tally.enter_subquery(inner);
            let cells = stage.cells(self, part.clone(), inner)?;
            self.tally.leave_subquery(inner, outer, usage);
            for place in part.clone() {
                scratch.clear();
                for step in 0..inner.count {
                    let at = inner.time(step);
                    match cells.get((place - part.start) * inner.count + step) {
                        Cell::Absent => {}
                        Cell::Float(value) => {
                            scratch.times.push(at);
                            scratch.values.push(value);
                        }
                        Cell::Histogram(histogram) => scratch.histograms.push(HistogramSample {
                            at,
                            counting_since: 0,
                            histogram: without_reset_hint(histogram),
                        }),
                    }
                }
                if !scratch.samples().is_empty() {
                    take(place, scratch.samples())?;
                }
            }
            self.budget.back_to(mark);
        }
        Ok(())
    }
}

/// The steps of a subquery are not the samples between which a reset was noticed.
fn without_reset_hint(histogram: &Arc<FloatHistogram>) -> Arc<FloatHistogram> {
    match histogram.counter_reset_hint {
        CounterResetHint::Unknown | CounterResetHint::Gauge => Arc::clone(histogram),
        CounterResetHint::Reset | CounterResetHint::NotReset => {
            let mut histogram = FloatHistogram::clone(histogram);
            histogram.counter_reset_hint = CounterResetHint::Unknown;
            Arc::new(histogram)
        }
    }
}

/// Moves over the windows of one series; steps only go forward, so each sample is passed once.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor {
    floats: Inside,
    histograms: Inside,
}

#[derive(Debug, Clone, Copy, Default)]
struct Inside {
    first: usize,
    end: usize,
}

impl Inside {
    fn advance(&mut self, count: usize, time: impl Fn(usize) -> i64, bounds: Bounds) -> Range<usize> {
        while self.first < count && time(self.first) <= bounds.start {
            self.first += 1;
        }
        self.end = self.end.max(self.first);
        while self.end < count && time(self.end) <= bounds.end {
            self.end += 1;
        }
        self.first..self.end
    }
}

impl Cursor {
    /// The samples inside of `(start, end]`.
    pub(super) fn window<'s>(&mut self, samples: Samples<'s>, bounds: Bounds) -> Samples<'s> {
        let Samples { times, values, counting_since, histograms } = samples;
        let floats = self.floats.advance(times.len(), |at| times[at], bounds);
        let of_histograms = self.histograms.advance(histograms.len(), |at| histograms[at].at, bounds);
        Samples {
            times: &times[floats.clone()],
            values: &values[floats.clone()],
            counting_since: counting_since.get(floats).unwrap_or(&[]),
            histograms: &histograms[of_histograms],
        }
    }
}
