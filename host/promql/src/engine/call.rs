//! Calls of functions: arguments are evaluated here, values are computed by the kernels of [`crate::functions`].

use std::sync::Arc;

use bellwether_model::query::Latest;

use crate::ast::{Expr, NodeId};
use crate::engine::evaluator::{Evaluated, Evaluator};
use crate::engine::select::Found;
use crate::engine::stage::Stage;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cell, Cells, Held, Vector, absent};
use crate::error::EvalError;
use crate::functions::{self, Kernel, Special};

/// What is done to each value of a vector.
pub(super) struct ElementCall {
    compute: Element,
    /// The number arguments, each with its values at all steps.
    params: Vec<Vec<f64>>,
}

enum Element {
    Float(fn(f64, &[f64]) -> Option<f64>),
    Histogram(fn(&bellwether_model::FloatHistogram) -> f64),
    Calendar(fn(i64) -> f64),
}

impl ElementCall {
    /// Changes cells of whole series.
    pub(super) fn apply(&self, cells: &mut Cells, steps: Steps) {
        match self.compute {
            Element::Float(compute) => {
                let mut params = vec![0.0; self.params.len()];
                cells.map_floats(|at, value| {
                    for (param, values) in params.iter_mut().zip(&self.params) {
                        *param = values[at % steps.count.max(1)];
                    }
                    compute(value, &params)
                });
            }
            // As Prometheus: times are cut to whole seconds.
            Element::Calendar(compute) => cells.map_floats(|_, value| {
                Some(compute(if value.is_finite() { value.floor() as i64 } else { i64::MIN }))
            }),
            Element::Histogram(compute) => {
                let histograms = std::mem::take(&mut cells.histograms);
                cells.floats.fill(absent());
                for (value, histogram) in cells.floats.iter_mut().zip(histograms) {
                    *value = histogram.map_or_else(absent, |histogram| compute(&histogram));
                }
            }
        }
    }
}

impl<'a> Evaluator<'a> {
    pub(super) fn call(
        &self,
        id: NodeId,
        function: &str,
        args: &[NodeId],
        steps: Steps,
    ) -> Result<Evaluated, EvalError> {
        let Some((name, kernel)) = functions::kernel(function) else {
            return self.plugin_call(function, args, steps).map(Evaluated::own);
        };
        match kernel {
            Kernel::Constant(compute) => {
                let params = args.iter().map(|&arg| self.eval_scalar(arg, steps));
                let params: Vec<Vec<f64>> = params.collect::<Result<_, _>>()?;
                let at = |step: usize| -> Vec<f64> { params.iter().map(|values| values[step]).collect() };
                Ok(Evaluated::Scalar((0..steps.count).map(|step| compute(&at(step))).collect()))
            }
            Kernel::Special(special) => self.special_call(special, id, args, steps),
            Kernel::Window(function) => {
                let call = self.prepare_window_call(name, function, args, steps)?;
                Stage::Window(Box::new(call)).into_vector(self, steps).map(Evaluated::own)
            }
            Kernel::Element(_) | Kernel::OfHistogram(_) | Kernel::Calendar(_) => {
                self.element_stage(kernel, args, steps)?.into_vector(self, steps).map(Evaluated::own)
            }
        }
    }

    /// A call as a stage; none where it has to be evaluated as a whole.
    pub(super) fn call_stage(
        &self,
        function: &str,
        args: &[NodeId],
        steps: Steps,
    ) -> Result<Option<Stage<'a>>, EvalError> {
        match functions::kernel(function) {
            Some((name, Kernel::Window(function))) => {
                let call = self.prepare_window_call(name, function, args, steps)?;
                Ok(Some(Stage::Window(Box::new(call))))
            }
            Some((_, kernel @ (Kernel::Element(_) | Kernel::OfHistogram(_) | Kernel::Calendar(_)))) => {
                self.element_stage(kernel, args, steps).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn element_stage(&self, kernel: Kernel, args: &[NodeId], steps: Steps) -> Result<Stage<'a>, EvalError> {
        let input = match args.first() {
            Some(&arg) => self.stage(arg, steps)?,
            // The calendar functions take the time of evaluation then.
            None => Stage::Whole(Held::Own(Vector::of_scalar(steps.seconds()))),
        };
        let numbers = args.iter().skip(1).map(|&arg| self.eval_scalar(arg, steps));
        let params = numbers.collect::<Result<_, _>>()?;
        let compute = match kernel {
            Kernel::OfHistogram(compute) => Element::Histogram(compute),
            Kernel::Calendar(compute) => Element::Calendar(compute),
            Kernel::Element(compute) => Element::Float(compute),
            _ => return Err(EvalError::BadArgument("function of a value expected".to_owned())),
        };
        let shape = input.shape().without_names();
        Ok(Stage::Element { input: Box::new(input), call: ElementCall { compute, params }, shape })
    }

    fn special_call(
        &self,
        special: Special,
        id: NodeId,
        args: &[NodeId],
        steps: Steps,
    ) -> Result<Evaluated, EvalError> {
        let same = |value: f64| Ok(Evaluated::Scalar(vec![value; steps.count]));
        let bounds = self.scope.bounds;
        let vector = match special {
            Special::Time => return Ok(Evaluated::Scalar(steps.seconds())),
            Special::Start => return same(bounds.0.as_secs_f64()),
            Special::End => return same(bounds.1.as_secs_f64()),
            Special::Step if bounds.0 == bounds.1 => return same(0.0),
            Special::Step => return same(self.scope.step_ms as f64 / 1000.0),
            Special::Range => return same(bounds.1.millis_since(bounds.0) as f64 / 1000.0),
            Special::Scalar => {
                return Ok(Evaluated::Scalar(only_values(&*self.eval_vector(args[0], steps)?, steps)));
            }
            Special::Vector => Vector::of_scalar(self.eval_scalar(args[0], steps)?),
            Special::Timestamp => self.timestamps(args[0], steps)?,
            Special::StartTimestamp => self.start_timestamps(args[0], steps)?,
            Special::Absent => self.absent(args[0], steps)?,
            Special::AbsentOverTime => self.absent_over_time(args[0], steps)?,
            Special::HistogramQuantile => self.histogram_quantile(id, args, steps)?,
            Special::HistogramQuantiles => self.histogram_quantiles(id, args, steps)?,
            Special::HistogramFraction => self.histogram_fraction(id, args, steps)?,
            Special::Info => self.info(args, steps)?,
            Special::LabelReplace => self.label_replace(args, steps)?,
            Special::LabelJoin => self.label_join(args, steps)?,
            Special::Sort | Special::SortDesc | Special::SortByLabel | Special::SortByLabelDesc => {
                self.sort(special, id, args, steps)?
            }
        };
        Ok(Evaluated::own(vector))
    }

    /// The times of the samples themselves for a selector, else the times of evaluation.
    fn timestamps(&self, arg: NodeId, steps: Steps) -> Result<Vector, EvalError> {
        if matches!(self.ast().expr(self.ast().without_parens(arg)), Expr::Selector(_)) {
            return self.of_samples(arg, steps, |sample| sample.at as f64 / 1000.0);
        }
        let mut vector = self.eval_vector(arg, steps)?.into_own();
        for at in 0..vector.cells.len() {
            if vector.cells.is_present(at) {
                vector.cells.floats[at] = steps.time(at % steps.count) as f64 / 1000.0;
            }
        }
        vector.cells.histograms = Vec::new();
        Ok(Vector { shape: vector.shape.without_names(), ..vector })
    }

    /// Since when samples of a selector count, 0 where that is unknown; nothing for anything else.
    fn start_timestamps(&self, arg: NodeId, steps: Steps) -> Result<Vector, EvalError> {
        let is_selector = matches!(self.ast().expr(self.ast().without_parens(arg)), Expr::Selector(_));
        if is_selector && self.engine.options().start_timestamps {
            return self.of_samples(arg, steps, |sample| sample.counting_since as f64 / 1000.0);
        }
        let vector = self.eval_vector(arg, steps)?;
        let cells = Cells::empty(vector.cells.len());
        Ok(Vector { shape: vector.shape.clone(), steps: steps.count, cells })
    }

    /// Something about the samples of a selector other than their values.
    fn of_samples(
        &self,
        arg: NodeId,
        steps: Steps,
        value: impl Fn(&Latest<'_>) -> f64,
    ) -> Result<Vector, EvalError> {
        let arg = self.ast().without_parens(arg);
        let Expr::Selector(selector) = self.ast().expr(arg) else {
            return Err(EvalError::BadArgument("argument is no selector".to_owned()));
        };
        let found = Found { timed_only: true, ..self.find(arg, selector)? };
        self.budget.hold(found.shape.len().saturating_mul(steps.count))?;
        let mut cells = Cells::empty(found.shape.len() * steps.count);
        self.last_samples(&found, 0..found.shape.len(), steps, &mut |place, step, sample| {
            cells.floats[place * steps.count + step] = value(&sample);
        })?;
        Ok(Vector { shape: found.shape.without_names(), steps: steps.count, cells })
    }

    /// Text arguments from a place on.
    pub(super) fn texts(&self, args: &[NodeId], steps: Steps) -> Result<Vec<Arc<str>>, EvalError> {
        args.iter().map(|&arg| self.eval_string(arg, steps)).collect()
    }
}

/// The single float of a vector at each step; NaN where there is none or more than one.
fn only_values(vector: &Vector, steps: Steps) -> Vec<f64> {
    let float = |place: usize, step: usize| match vector.get(place, step) {
        Cell::Float(value) => Some(value),
        Cell::Absent | Cell::Histogram(_) => None,
    };
    let only = |step: usize| {
        let mut floats = (0..vector.shape.len()).filter_map(|place| float(place, step));
        match (floats.next(), floats.next()) {
            (Some(value), None) => value,
            _ => f64::NAN,
        }
    };
    (0..steps.count).map(only).collect()
}

/// Whether a text can be the name of a label.
pub(super) fn is_label_name(name: &str) -> bool {
    // Bytes that are no UTF-8 became the replacement character when the string was read.
    !name.is_empty() && !name.contains(char::REPLACEMENT_CHARACTER)
}
