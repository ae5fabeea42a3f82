//! A range vector as the result of a query, and matrices in general.

use bellwether_model::query::Samples;
use bellwether_model::{Sample, Timestamp};

use crate::ast::{Extension, NodeId};
use crate::engine::evaluator::Evaluator;
use crate::engine::stage::Stage;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cell, Shape};
use crate::engine::window::{Bounds, Cursor};
use crate::engine::window_call::count;
use crate::error::EvalError;
use crate::functions::extended::with_edges;
use crate::value::RangeSeries;

impl<'a> Evaluator<'a> {
    /// The samples of a range vector at one time.
    pub(super) fn window_samples(&self, id: NodeId, at: i64) -> Result<Vec<RangeSeries>, EvalError> {
        let steps = Steps::at(at);
        let windows = self.windows(id, steps)?;
        let bounds = self.bounds(&windows, at);
        let (before, after) = self.margins(&windows);
        let wide = Bounds { start: bounds.start - before, end: bounds.end + after };
        let mut result = Vec::new();
        self.each_series(&windows, 0..windows.shape.len(), steps, &mut |place, samples| {
            let inside = Cursor::default().window(samples, wide);
            let samples = count(inside);
            self.budget.hold(usize::try_from(samples).unwrap_or(usize::MAX))?;
            // A subquery has counted what it looked at by itself.
            if !windows.is_subquery() {
                self.tally.add(0, samples, samples);
            }
            let series = match windows.extension {
                Extension::None => as_they_are(&windows.shape, place, inside),
                extension => extended(&windows.shape, place, inside, (bounds, extension))?,
            };
            if !series.floats.is_empty() || !series.histograms.is_empty() {
                result.push(series);
            }
            Ok(())
        })?;
        sorted(result)
    }

    /// The values of a stage at all steps as series, those without any left out.
    pub(super) fn matrix(&self, stage: &Stage<'a>, steps: Steps) -> Result<Vec<RangeSeries>, EvalError> {
        let shape = stage.shape();
        let mut result: Vec<RangeSeries> = Vec::new();
        for places in stage.pieces(steps) {
            let mark = self.budget.mark();
            self.budget.hold(places.len() * steps.count)?;
            let cells = stage.cells(self, places.clone(), steps)?;
            self.budget.back_to(mark);
            for place in places.clone() {
                let mut series = RangeSeries {
                    labels: shape.final_labels(place),
                    floats: Vec::new(),
                    histograms: Vec::new(),
                };
                for step in 0..steps.count {
                    match cells.get((place - places.start) * steps.count + step) {
                        Cell::Absent => {}
                        Cell::Float(value) => series.floats.push(Sample::new(steps.timestamp(step), value)),
                        Cell::Histogram(histogram) => {
                            series.histograms.push((steps.timestamp(step), histogram.clone()));
                        }
                    }
                }
                let samples = series.floats.len() + series.histograms.len();
                if samples > 0 {
                    self.budget.hold(samples)?;
                    result.push(series);
                }
            }
        }
        sorted(result)
    }
}

/// Sorts by labels, and merges series that are the same without their names; two samples at one time are an error.
fn sorted(mut series: Vec<RangeSeries>) -> Result<Vec<RangeSeries>, EvalError> {
    series.sort_by(|a, b| a.labels.cmp(&b.labels));
    let mut merged: Vec<RangeSeries> = Vec::with_capacity(series.len());
    for next in series {
        match merged.last_mut() {
            Some(last) if last.labels == next.labels => {
                last.floats.extend(next.floats);
                last.floats.sort_by_key(|sample| sample.at);
                last.histograms.extend(next.histograms);
                last.histograms.sort_by_key(|(at, _)| *at);
                let twice = last.floats.windows(2).any(|pair| pair[0].at == pair[1].at)
                    || last.histograms.windows(2).any(|pair| pair[0].0 == pair[1].0);
                if twice {
                    return Err(EvalError::DuplicateLabelset);
                }
            }
            _ => merged.push(next),
        }
    }
    Ok(merged)
}

fn as_they_are(shape: &Shape, place: usize, samples: Samples<'_>) -> RangeSeries {
    let pairs = samples.times.iter().zip(samples.values);
    let histograms = samples.histograms.iter();
    RangeSeries {
        labels: shape.final_labels(place),
        floats: pairs.map(|(&at, &value)| Sample::new(Timestamp::from_millis(at), value)).collect(),
        histograms: histograms
            .map(|sample| (Timestamp::from_millis(sample.at), sample.histogram.clone()))
            .collect(),
    }
}

/// With a value right at each edge of the window.
fn extended(
    shape: &Shape,
    place: usize,
    samples: Samples<'_>,
    (bounds, extension): (Bounds, Extension),
) -> Result<RangeSeries, EvalError> {
    let smoothed = extension == Extension::Smoothed;
    if !samples.histograms.is_empty() {
        let modifier = if smoothed { "smoothed" } else { "anchored" };
        let message = format!("{modifier} modifier is not supported with histograms");
        return Err(EvalError::BadArgument(message));
    }
    let points: Vec<(i64, f64)> = samples.times.iter().copied().zip(samples.values.iter().copied()).collect();
    let points = with_edges(&points, bounds.start, bounds.end, smoothed);
    Ok(RangeSeries {
        labels: shape.final_labels(place),
        floats: points
            .into_iter()
            .map(|(at, value)| Sample::new(Timestamp::from_millis(at), value))
            .collect(),
        histograms: Vec::new(),
    })
}
