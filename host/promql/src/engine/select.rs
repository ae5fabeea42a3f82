//! Series from storage, as values at steps and as windows of samples; subqueries as windows over an expression.

use std::ops::Range;
use std::sync::Arc;

use bellwether_model::time::millis;
use bellwether_model::{Labels, QueryError, Sample, Series, Timestamp, is_stale};

use crate::ast::{AtTime, Expr, NodeId, Selector, Shift, Subquery};
use crate::engine::column::{Column, retain_present, without_metadata};
use crate::engine::evaluator::{Evaluator, Selected, Steps};
use crate::error::EvalError;

/// A range vector: the samples that any window needs, and where the windows lie.
pub(super) struct Windows {
    pub(super) series: Vec<WindowSeries>,
    shift: Shift,
    range_ms: i64,
    query_bounds: (Timestamp, Timestamp),
}

/// Samples of one series without stale markers, oldest first.
pub(super) struct WindowSeries {
    pub(super) labels: Labels,
    pub(super) drop_name: bool,
    pub(super) samples: Vec<Sample>,
}

/// Moves over the windows of one series; steps only go forward, so each sample is passed once.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor {
    first: usize,
    end: usize,
}

impl Cursor {
    /// The samples inside of `(start, end]`.
    pub(super) fn window(&mut self, samples: &[Sample], bounds: (Timestamp, Timestamp)) -> Range<usize> {
        let (start, end) = bounds;
        while self.first < samples.len() && samples[self.first].at <= start {
            self.first += 1;
        }
        self.end = self.end.max(self.first);
        while self.end < samples.len() && samples[self.end].at <= end {
            self.end += 1;
        }
        self.first..self.end
    }
}

impl Windows {
    /// Start and end of the window at a time of evaluation; the start lies outside.
    pub(super) fn bounds(&self, at: Timestamp) -> (Timestamp, Timestamp) {
        let end = shifted(self.shift, self.query_bounds, at);
        (end.offset_millis(-self.range_ms), end)
    }
}

/// The time that an expression with `offset` and `@` looks at.
fn shifted(shift: Shift, query_bounds: (Timestamp, Timestamp), at: Timestamp) -> Timestamp {
    let at = match shift.at {
        None => at,
        Some(AtTime::Fixed(time)) => time,
        Some(AtTime::Start) => query_bounds.0,
        Some(AtTime::End) => query_bounds.1,
    };
    at.offset_millis(shift.offset_ms.unwrap_or(0).saturating_neg())
}

impl Evaluator<'_> {
    /// The last sample of each series at each step, no older than the lookback.
    pub(super) fn select(&self, selector: &Selector, steps: Steps) -> Result<Vec<Column>, EvalError> {
        self.select_with(selector, steps, |sample| sample.value)
    }

    /// Like `select`, but with the times of the samples in Unix seconds as values.
    pub(super) fn select_times(&self, selector: &Selector, steps: Steps) -> Result<Vec<Column>, EvalError> {
        let mut columns = self.select_with(selector, steps, |sample| sample.at.as_secs_f64())?;
        columns.iter_mut().for_each(|column| column.drop_name = true);
        Ok(columns)
    }

    fn select_with(
        &self,
        selector: &Selector,
        steps: Steps,
        value: fn(&Sample) -> f64,
    ) -> Result<Vec<Column>, EvalError> {
        let lookback = millis(self.engine.options.lookback);
        let times: Vec<Timestamp> =
            (0..steps.count).map(|at| shifted(selector.shift, self.bounds, steps.time(at))).collect();
        let series = self.fetch(selector, steps, lookback)?;
        self.hold(series.len().saturating_mul(steps.count))?;
        let mut columns = Vec::with_capacity(series.len());
        for series in series.iter() {
            let mut column = Column::empty(series.labels.clone(), false, steps);
            let mut cursor = Cursor::default();
            for (at, &time) in times.iter().enumerate() {
                let window = cursor.window(&series.samples, (time.offset_millis(-lookback), time));
                if let Some(last) = series.samples[window].last().filter(|sample| !is_stale(sample.value)) {
                    column.values[at] = value(last);
                }
            }
            columns.push(column);
        }
        retain_present(&mut columns);
        Ok(columns)
    }

    /// All samples that a selector can need over the steps, looking `back_ms` back from each.
    fn fetch(&self, selector: &Selector, steps: Steps, back_ms: i64) -> Result<Arc<Vec<Series>>, EvalError> {
        self.check_cancelled()?;
        let of = |at| shifted(selector.shift, self.bounds, at);
        // Windows are open on the left: the first millisecond is out.
        let start = of(steps.time(0)).offset_millis(1 - back_ms);
        let end = of(steps.last());
        let known = |selected: &&Selected| {
            selected.start == start && selected.end == end && selected.matchers == selector.matchers
        };
        if let Some(selected) = self.selected.borrow().iter().find(known) {
            return Ok(Arc::clone(&selected.series));
        }
        let series = self.source.select(&selector.matchers, start, end, self.room());
        let series = series.map_err(|error| match error {
            QueryError::TooManySamples { .. } => {
                let limit = self.engine.options.max_samples;
                EvalError::TooManySamples { limit, needed: limit.saturating_add(1) }
            }
            other @ QueryError::Storage(_) => EvalError::Select(other),
        })?;
        self.hold_selected(series.iter().map(|series| series.samples.len()).sum())?;
        let series = Arc::new(series);
        let matchers = selector.matchers.clone();
        self.selected.borrow_mut().push(Selected { matchers, start, end, series: Arc::clone(&series) });
        Ok(series)
    }

    /// The windows of a range vector for all steps.
    pub(super) fn windows(&self, id: NodeId, steps: Steps) -> Result<Windows, EvalError> {
        match self.ast().expr(self.ast().without_parens(id)) {
            Expr::Window { selector, range_ms } => match self.ast().expr(*selector) {
                Expr::Selector(selector) => self.selector_windows(selector, *range_ms, steps),
                _ => Err(EvalError::BadArgument("window over something that is no selector".to_owned())),
            },
            Expr::Subquery(subquery) => self.subquery_windows(subquery, steps),
            _ => Err(EvalError::BadArgument("argument is no range vector".to_owned())),
        }
    }

    fn selector_windows(
        &self,
        selector: &Selector,
        range_ms: i64,
        steps: Steps,
    ) -> Result<Windows, EvalError> {
        let series = self.fetch(selector, steps, range_ms)?;
        let without_stale = |series: &Series| WindowSeries {
            labels: series.labels.clone(),
            drop_name: false,
            samples: series.samples.iter().filter(|sample| !is_stale(sample.value)).copied().collect(),
        };
        let series: Vec<WindowSeries> = series.iter().map(without_stale).collect();
        self.hold(series.iter().map(|series| series.samples.len()).sum())?;
        Ok(Windows { series, shift: selector.shift, range_ms, query_bounds: self.bounds })
    }

    fn subquery_windows(&self, subquery: &Subquery, steps: Steps) -> Result<Windows, EvalError> {
        let step = subquery.step_ms.unwrap_or_else(|| millis(self.engine.options.subquery_step)).max(1);
        let of = |at| shifted(subquery.shift, self.bounds, at);
        let before = of(steps.time(0)).offset_millis(-subquery.range_ms).as_millis();
        // The first multiple of the step after the left edge, whatever the time of evaluation.
        let start = before.div_euclid(step).saturating_mul(step).saturating_add(step);
        let span = of(steps.last()).as_millis().saturating_sub(start);
        let count =
            if span < 0 { 0 } else { usize::try_from(span / step).unwrap_or(usize::MAX).saturating_add(1) };
        let limit = self.engine.options.max_steps;
        if count > limit {
            return Err(EvalError::TooManySteps { limit, needed: count });
        }
        let inner = Steps { start, step, count };
        let columns = if count == 0 { Vec::new() } else { self.eval_vector(subquery.expr, inner)? };
        let series = columns.into_iter().map(|column| WindowSeries {
            samples: column.samples(inner).collect(),
            labels: column.labels,
            drop_name: column.drop_name,
        });
        let windows = Windows {
            series: series.collect(),
            shift: subquery.shift,
            range_ms: subquery.range_ms,
            query_bounds: self.bounds,
        };
        Ok(windows)
    }

    /// A range vector as the result of an instant query.
    pub(super) fn window_samples(&self, id: NodeId, at: Timestamp) -> Result<Vec<Series>, EvalError> {
        let windows = self.windows(id, Steps { start: at.as_millis(), step: 1, count: 1 })?;
        let bounds = windows.bounds(at);
        let mut result = Vec::with_capacity(windows.series.len());
        for series in &windows.series {
            let window = Cursor::default().window(&series.samples, bounds);
            let labels =
                if series.drop_name { without_metadata(&series.labels) } else { series.labels.clone() };
            if !window.is_empty() {
                result.push(Series { labels, samples: series.samples[window].to_vec() });
            }
        }
        result.sort_by(|a, b| a.labels.cmp(&b.labels));
        if result.windows(2).any(|pair| pair[0].labels == pair[1].labels) {
            return Err(EvalError::DuplicateLabelset);
        }
        Ok(result)
    }
}
