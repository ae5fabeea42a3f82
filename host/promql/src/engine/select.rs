//! Series from storage as values at steps.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use bellwether_model::query::{Latest, LatestValue, Samples};
use bellwether_model::time::millis;
use bellwether_model::{SeriesList, Timestamp, is_stale};

use crate::ast::{NodeId, Selector};
use crate::engine::counts::counts_and_sums;
use crate::engine::evaluator::{Evaluator, storage_error};
use crate::engine::steps::Steps;
use crate::engine::vector::{Cell, Cells, Shape};
use crate::error::EvalError;

/// Series that are read before the store's lock is let go and the clock looked at.
pub(super) const SERIES_PER_READ: usize = 1024;

/// The series that a selector asks for.
pub(super) struct Found<'s> {
    pub(super) selector: &'s Selector,
    pub(super) list: Arc<SeriesList>,
    pub(super) shape: Shape,
    /// Whether only counts and sums of their histograms are looked at.
    pub(super) counted_only: bool,
    /// Whether only times of samples are looked at, so that a histogram counts as one.
    pub(super) timed_only: bool,
}

impl Evaluator<'_> {
    /// The series that a selector of the query asks for.
    pub(super) fn find<'s>(&self, id: NodeId, selector: &'s Selector) -> Result<Found<'s>, EvalError> {
        let found = self.find_unlisted(selector)?;
        Ok(Found { counted_only: self.query.plan().counted_only[id.0 as usize], ..found })
    }

    /// The series that a selector asks for which is no node of the query.
    pub(super) fn find_unlisted<'s>(&self, selector: &'s Selector) -> Result<Found<'s>, EvalError> {
        let list = self.scope.source.find(&selector.matchers).map_err(storage_error)?;
        let limit = self.engine.options().max_series;
        if list.len() > limit {
            return Err(EvalError::TooManySeries { limit, needed: list.len() });
        }
        let shape = Shape::named(Arc::clone(list.labels()));
        Ok(Found { selector, list, shape, counted_only: false, timed_only: false })
    }

    /// The last sample of each series at each step, no older than the lookback.
    pub(super) fn select(
        &self,
        found: &Found<'_>,
        places: Range<usize>,
        steps: Steps,
    ) -> Result<Cells, EvalError> {
        let mut cells = Cells::empty(places.len() * steps.count);
        self.last_samples(found, places.clone(), steps, &mut |place, step, sample| {
            let cell = match sample.value {
                LatestValue::Float(value) => Cell::Float(value),
                LatestValue::Histogram(histogram) => Cell::Histogram(histogram),
            };
            cells.put((place - places.start) * steps.count + step, cell);
        })?;
        Ok(cells)
    }

    /// Shows the last sample of each series at each step that has one.
    pub(super) fn last_samples(
        &self,
        found: &Found<'_>,
        places: Range<usize>,
        steps: Steps,
        take: &mut dyn FnMut(usize, usize, Latest<'_>),
    ) -> Result<(), EvalError> {
        let Found { selector, list, counted_only, timed_only, .. } = found;
        if steps.count == 0 {
            return Ok(());
        }
        let lookback = millis(self.engine.options().lookback);
        let time = |step| self.shifted(selector.shift, steps.time(step));
        let source = self.scope.source;
        let mut seen = vec![0_u64; if self.tally.is_on() { steps.count } else { 0 }];
        let mut take = |place, step: usize, found: Latest<'_>| {
            if let Some(seen) = seen.get_mut(step) {
                *seen += if *timed_only { 1 } else { size(&found) };
            }
            take(place, step, found);
        };
        for part in parts(places) {
            self.check_cancelled()?;
            if steps.count == 1 && !counted_only {
                let (after, at) = (time(0).saturating_sub(lookback), time(0));
                let (after, at) = (Timestamp::from_millis(after), Timestamp::from_millis(at));
                let visit = &mut |place, latest: Latest<'_>| {
                    if !is_end(&latest) {
                        take(place, 0, latest);
                    }
                    ControlFlow::Continue(())
                };
                source.latest(list, part, after, at, visit).map_err(storage_error)?;
                continue;
            }
            let first = time(0).saturating_sub(lookback).saturating_sub(i64::from(*counted_only));
            let first = Timestamp::from_millis(first);
            let last = Timestamp::from_millis(time(steps.count - 1));
            let visit = &mut |place, samples: Samples<'_>| {
                let counted = if *counted_only { counts_and_sums(samples.histograms) } else { Vec::new() };
                let histograms = if *counted_only { &counted } else { samples.histograms };
                let samples = Samples { histograms, ..samples };
                let mut walk = Walk { samples, floats: 0, histograms: 0 };
                for step in 0..steps.count {
                    let at = time(step);
                    let found = walk.to(at).filter(|found| found.at > at.saturating_sub(lookback));
                    if let Some(found) = found.filter(|found| !is_end(found)) {
                        take(place, step, found);
                    }
                }
                ControlFlow::Continue(())
            };
            source.read(list, part, first, last, visit).map_err(storage_error)?;
        }
        for (step, samples) in seen.into_iter().enumerate().filter(|(_, samples)| *samples > 0) {
            self.tally.add(step, samples, samples);
        }
        Ok(())
    }
}

/// Parts of a range of places that are read without a pause.
pub(super) fn parts(places: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = places.end;
    places.step_by(SERIES_PER_READ).map(move |from| from..(from + SERIES_PER_READ).min(end))
}

fn size(found: &Latest<'_>) -> u64 {
    match found.value {
        LatestValue::Float(_) => 1,
        LatestValue::Histogram(histogram) => histogram.sample_equivalents() as u64,
    }
}

/// Whether a sample is the marker that ends a series.
fn is_end(found: &Latest<'_>) -> bool {
    match found.value {
        LatestValue::Float(value) => is_stale(value),
        LatestValue::Histogram(histogram) => is_stale(histogram.sum),
    }
}

/// Goes over the samples of a series, forward only.
struct Walk<'s> {
    samples: Samples<'s>,
    floats: usize,
    histograms: usize,
}

impl<'s> Walk<'s> {
    /// The newest sample at a time.
    fn to(&mut self, at: i64) -> Option<Latest<'s>> {
        let Samples { times, values, counting_since, histograms } = self.samples;
        while times.get(self.floats).is_some_and(|&time| time <= at) {
            self.floats += 1;
        }
        while histograms.get(self.histograms).is_some_and(|sample| sample.at <= at) {
            self.histograms += 1;
        }
        let float = self.floats.checked_sub(1);
        let histogram = self.histograms.checked_sub(1).map(|last| &histograms[last]);
        match (float, histogram) {
            (Some(last), histogram) if histogram.is_none_or(|sample| sample.at < times[last]) => {
                Some(Latest {
                    at: times[last],
                    counting_since: counting_since.get(last).copied().unwrap_or(0),
                    value: LatestValue::Float(values[last]),
                })
            }
            (_, Some(sample)) => Some(Latest {
                at: sample.at,
                counting_since: sample.counting_since,
                value: LatestValue::Histogram(&sample.histogram),
            }),
            (_, None) => None,
        }
    }
}
