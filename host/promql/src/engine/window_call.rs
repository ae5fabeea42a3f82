//! Calls of functions over windows: `rate(x[5m])`, `quantile_over_time(0.9, x[1h])`.

use std::ops::Range;
use std::sync::Arc;

use bellwether_model::query::Samples;

use crate::annotations::Remark;
use crate::ast::{Extension, NodeId, ValueType};
use crate::engine::evaluator::Evaluator;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cells, Shape, is_absent};
use crate::engine::window::{Bounds, Cursor, Windows};
use crate::error::EvalError;
use crate::functions::{Window, WindowFunction, WindowValue};

/// Endings of the names of counters; `rate` over anything else is worth a note.
const COUNTER_SUFFIXES: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];

/// Functions that look beyond the edges of their window when they are told to, by modifier.
const ANCHORED: [&str; 5] = ["changes", "delta", "increase", "rate", "resets"];
const SMOOTHED: [&str; 3] = ["delta", "increase", "rate"];

/// A call that is ready to be evaluated.
pub(super) struct WindowCall<'a> {
    pub(super) shape: Shape,
    name: &'static str,
    function: WindowFunction,
    windows: Windows<'a>,
    /// The number arguments at each step.
    params: Vec<Vec<f64>>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn prepare_window_call(
        &self,
        name: &'static str,
        function: WindowFunction,
        args: &[NodeId],
        steps: Steps,
    ) -> Result<WindowCall<'a>, EvalError> {
        let is_window = |id: &&NodeId| self.ast().value_type(**id) == ValueType::Matrix;
        let (windows, numbers): (Vec<&NodeId>, Vec<&NodeId>) = args.iter().partition(is_window);
        let Some(&&window_arg) = windows.first() else {
            return Err(EvalError::BadArgument(format!("{name} has no range vector")));
        };
        let mut windows = self.windows(window_arg, steps)?;
        if windows.position != 0 {
            windows.position = self.ast().span(args[0]).start;
        }
        check_extension(windows.extension, name)?;
        let numbers: Vec<Vec<f64>> =
            numbers.into_iter().map(|&id| self.eval_scalar(id, steps)).collect::<Result<_, _>>()?;
        let params =
            (0..steps.count).map(|step| numbers.iter().map(|values| values[step]).collect()).collect();
        let shape = if function.keeps_name { windows.shape.clone() } else { windows.shape.without_names() };
        Ok(WindowCall { shape, name, function, windows, params })
    }

    /// The values of a call for a range of its series.
    pub(super) fn window_cells(
        &self,
        call: &WindowCall<'_>,
        places: Range<usize>,
        steps: Steps,
    ) -> Result<Cells, EvalError> {
        let mut cells = Cells::empty(places.len() * steps.count);
        let tells_counters = matches!(call.name, "rate" | "increase");
        let mut last_told: Option<Arc<str>> = None;
        let labels = call.windows.shape.labels();
        self.each_series(&call.windows, places.clone(), steps, &mut |place, samples| {
            let first = (place - places.start) * steps.count;
            let metric = labels[place].metric_name().unwrap_or("");
            self.each_window(call, metric, samples, steps, &mut |step, value| match value {
                WindowValue::Float(value) => cells.floats[first + step] = value,
                WindowValue::Histogram(histogram) => cells.put_histogram(first + step, histogram),
            })?;
            let of_series = &cells.floats[first..first + steps.count];
            if tells_counters
                && last_told.as_deref() != Some(metric)
                && is_no_counter(metric)
                && of_series.iter().any(|&value| !is_absent(value))
            {
                let metric: Arc<str> = metric.into();
                self.remark_at(call.windows.position, Remark::PossibleNonCounter(Arc::clone(&metric)));
                last_told = Some(metric);
            }
            Ok(())
        })?;
        Ok(cells)
    }

    /// Computes the value of each window of a series.
    fn each_window(
        &self,
        call: &WindowCall<'_>,
        metric: &str,
        samples: Samples<'_>,
        steps: Steps,
        put: &mut dyn FnMut(usize, WindowValue),
    ) -> Result<(), EvalError> {
        let mut cursor = Cursor::default();
        let (before, after) = self.margins(&call.windows);
        for step in 0..steps.count {
            let at = steps.time(step);
            let bounds = self.bounds(&call.windows, at);
            let wide = Bounds { start: bounds.start - before, end: bounds.end + after };
            let inside = cursor.window(samples, wide);
            if inside.is_empty() {
                continue;
            }
            self.see_window(&call.windows, inside, wide, (steps, step));
            let params = &call.params[step];
            if let Some(check) = call.function.check {
                check(params).map_err(EvalError::BadArgument)?;
            }
            let window = Window {
                samples: inside,
                start: bounds.start,
                end: bounds.end,
                at,
                metric,
                extension: call.windows.extension,
                use_start_times: self.engine.options().start_timestamps,
            };
            let mut say = |remark| self.remark_at(call.windows.position, remark);
            if let Some(value) = call.function.value(&window, params, &mut say) {
                put(step, value);
            }
        }
        Ok(())
    }

    /// `absent_over_time`: at which steps there is no sample in any window.
    pub(super) fn is_empty_over_time(&self, arg: NodeId, steps: Steps) -> Result<Vec<bool>, EvalError> {
        let windows = self.windows(arg, steps)?;
        check_extension(windows.extension, "absent_over_time")?;
        let mut empty = vec![true; steps.count];
        self.each_series(&windows, 0..windows.shape.len(), steps, &mut |_, samples| {
            let mut cursor = Cursor::default();
            for (step, empty) in empty.iter_mut().enumerate() {
                let bounds = self.bounds(&windows, steps.time(step));
                let inside = cursor.window(samples, bounds);
                if !inside.is_empty() {
                    self.see_window(&windows, inside, bounds, (steps, step));
                    *empty = false;
                }
            }
            Ok(())
        })?;
        Ok(empty)
    }
}

/// How many samples a window counts as.
pub(super) fn count(samples: Samples<'_>) -> u64 {
    let histograms: usize =
        samples.histograms.iter().map(|sample| sample.histogram.sample_equivalents()).sum();
    (samples.times.len() + histograms) as u64
}

fn is_no_counter(metric: &str) -> bool {
    !metric.is_empty() && !COUNTER_SUFFIXES.iter().any(|suffix| metric.ends_with(suffix))
}

fn check_extension(extension: Extension, function: &str) -> Result<(), EvalError> {
    let (modifier, allowed): (_, &[&str]) = match extension {
        Extension::None => return Ok(()),
        Extension::Anchored => ("anchored", &ANCHORED),
        Extension::Smoothed => ("smoothed", &SMOOTHED),
    };
    if allowed.contains(&function) {
        return Ok(());
    }
    let allowed = allowed.join(", ");
    let message = format!("{modifier} modifier can only be used with: {allowed} - not with {function}");
    Err(EvalError::BadArgument(message))
}
