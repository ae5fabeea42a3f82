//! Calls of functions: arguments are evaluated here, values are computed by the kernels of [`crate::functions`].

use crate::ast::{NodeId, ValueType};
use crate::engine::column::{Column, absent, is_absent};
use crate::engine::evaluator::{Evaluated, Evaluator, Severity, Steps, map_present};
use crate::engine::select::{Cursor, WindowSeries, Windows};
use crate::error::EvalError;
use crate::functions::{self, Builtin, Kernel, Window};

/// Series between two looks at the clock.
const SERIES_PER_CHECK: usize = 256;

/// Samples of windows between two looks at the clock.
const SAMPLES_PER_CHECK: usize = 1 << 20;

/// Endings of the names of counters; `rate` over anything else is worth a note.
const COUNTER_SUFFIXES: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];

impl Evaluator<'_> {
    pub(super) fn call(
        &self,
        id: NodeId,
        function: &str,
        args: &[NodeId],
        steps: Steps,
    ) -> Result<Evaluated, EvalError> {
        let Some(builtin) = functions::builtin(function) else {
            return self.plugin_call(function, args, steps).map(Evaluated::Vector);
        };
        match builtin.kernel {
            Kernel::Window { .. } => self.window_call(builtin, args, steps).map(Evaluated::Vector),
            Kernel::Element(compute) => self.element_call(compute, args, steps).map(Evaluated::Vector),
            Kernel::Calendar(compute) => self.calendar_call(compute, args, steps).map(Evaluated::Vector),
            Kernel::Constant(compute) => {
                let params = self.scalars(args, steps)?;
                Ok(Evaluated::Scalar((0..steps.count).map(|at| compute(&params.at(at))).collect()))
            }
            Kernel::Special(special) => self.special_call(special, id, args, steps),
        }
    }

    fn element_call(
        &self,
        compute: fn(f64, &[f64]) -> Option<f64>,
        args: &[NodeId],
        steps: Steps,
    ) -> Result<Vec<Column>, EvalError> {
        let mut columns = self.eval_vector(args[0], steps)?;
        let params = self.scalars(&args[1..], steps)?;
        for column in &mut columns {
            column.drop_name = true;
            map_present(&mut column.values, |at, value| compute(value, &params.at(at)));
        }
        Ok(columns)
    }

    fn calendar_call(
        &self,
        compute: fn(i64) -> f64,
        args: &[NodeId],
        steps: Steps,
    ) -> Result<Vec<Column>, EvalError> {
        let mut columns = match args.first() {
            Some(&arg) => self.eval_vector(arg, steps)?,
            None => vec![Column::scalar(seconds(steps))],
        };
        for column in &mut columns {
            column.drop_name = true;
            // Prometheus cuts the time to whole seconds.
            map_present(&mut column.values, |_, value| {
                Some(if value.is_finite() { compute(value.floor() as i64) } else { compute(i64::MIN) })
            });
        }
        Ok(columns)
    }

    fn window_call(
        &self,
        builtin: &Builtin,
        args: &[NodeId],
        steps: Steps,
    ) -> Result<Vec<Column>, EvalError> {
        let Kernel::Window { compute, check, keeps_name } = builtin.kernel else {
            return Ok(Vec::new());
        };
        let is_window = |id: &&NodeId| self.ast().value_type(**id) == ValueType::Matrix;
        let (windows, scalars): (Vec<&NodeId>, Vec<&NodeId>) = args.iter().partition(is_window);
        let Some(&&window_arg) = windows.first() else {
            return Ok(Vec::new());
        };
        let scalar_ids: Vec<NodeId> = scalars.into_iter().copied().collect();
        let params = self.scalars(&scalar_ids, steps)?;
        let windows = self.windows(window_arg, steps)?;
        let params: Vec<Vec<f64>> = (0..steps.count).map(|at| params.at(at)).collect();
        if !windows.series.is_empty() {
            params.iter().try_for_each(|params| check(params).map_err(EvalError::BadArgument))?;
            if builtin.name == "quantile_over_time" {
                self.warn_of_quantiles(args[0], &params.concat());
            }
        }
        self.hold(windows.series.len().saturating_mul(steps.count))?;
        let mut columns = Vec::with_capacity(windows.series.len());
        for (index, series) in windows.series.iter().enumerate() {
            if index % SERIES_PER_CHECK == 0 {
                self.check_cancelled()?;
            }
            let values =
                self.over_windows(&windows, series, steps, |at, window| compute(window, &params[at]))?;
            if matches!(builtin.name, "rate" | "increase") {
                self.note_non_counter(window_arg, series, &windows, steps);
            }
            if values.iter().all(|&value| is_absent(value)) {
                continue;
            }
            let drop_name = series.drop_name || !keeps_name;
            columns.push(Column { labels: series.labels.clone(), drop_name, values });
        }
        Ok(columns)
    }

    /// Says that a metric is probably no counter, judging by its name, as Prometheus does.
    fn note_non_counter(&self, id: NodeId, series: &WindowSeries, windows: &Windows, steps: Steps) {
        let name = series.labels.metric_name().unwrap_or("");
        if name.is_empty() || COUNTER_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
            return;
        }
        let last = Cursor::default().window(&series.samples, windows.bounds(steps.last()));
        if !last.is_empty() {
            let message = format!(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name:?}"
            );
            self.note(Severity::Info, id, &message);
        }
    }

    /// A value for each step whose window holds samples.
    pub(super) fn over_windows(
        &self,
        windows: &Windows,
        series: &WindowSeries,
        steps: Steps,
        compute: impl Fn(usize, &Window<'_>) -> Option<f64>,
    ) -> Result<Vec<f64>, EvalError> {
        let mut values = vec![absent(); steps.count];
        let (mut cursor, mut work) = (Cursor::default(), 0);
        for (at, slot) in values.iter_mut().enumerate() {
            let time = steps.time(at);
            let (start, end) = windows.bounds(time);
            let samples = &series.samples[cursor.window(&series.samples, (start, end))];
            if samples.is_empty() {
                continue;
            }
            *slot = compute(at, &Window { samples, start, end, at: time }).unwrap_or_else(absent);
            work += samples.len();
            if work > SAMPLES_PER_CHECK {
                self.check_cancelled()?;
                work = 0;
            }
        }
        Ok(values)
    }

    pub(super) fn scalars(&self, ids: &[NodeId], steps: Steps) -> Result<Params, EvalError> {
        let columns: Result<_, _> = ids.iter().map(|&id| self.eval_scalar(id, steps)).collect();
        Ok(Params(columns?))
    }
}

/// Scalar arguments for all steps.
pub(super) struct Params(Vec<Vec<f64>>);

impl Params {
    /// The arguments at one step.
    pub(super) fn at(&self, step: usize) -> Vec<f64> {
        self.0.iter().map(|values| values[step]).collect()
    }
}

/// Times of evaluation in Unix seconds.
pub(super) fn seconds(steps: Steps) -> Vec<f64> {
    (0..steps.count).map(|at| steps.time(at).as_secs_f64()).collect()
}
