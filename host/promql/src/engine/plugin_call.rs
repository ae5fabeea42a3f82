//! Calls of plugin functions: one columnar call for all series of a step.

use std::ops::Range;
use std::sync::Arc;

use bellwether_model::Timestamp;
use bellwether_model::detector::{DetectorError, DetectorFunction, WindowMatrix};
use bellwether_model::query::Samples;
use rustc_hash::FxHashMap;

use crate::ast::NodeId;
use crate::engine::evaluator::Evaluator;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cells, Shape, Vector, without_metadata};
use crate::engine::window::{Bounds, Windows};
use crate::error::EvalError;
use crate::plugin::PluginFunction;

/// The floats of one series that any window needs.
#[derive(Default)]
struct Floats {
    times: Vec<i64>,
    values: Vec<f64>,
}

impl Floats {
    fn inside(&self, bounds: Bounds) -> Range<usize> {
        let from = self.times.partition_point(|&at| at <= bounds.start);
        from..self.times.partition_point(|&at| at <= bounds.end).max(from)
    }
}

/// A range vector argument with its samples, series by series.
struct Argument<'a> {
    windows: Windows<'a>,
    series: Vec<Floats>,
}

/// The series that take part: for each one its place in each argument.
struct Joined {
    places: Vec<Vec<usize>>,
    shape: Shape,
}

impl<'a> Evaluator<'a> {
    pub(super) fn plugin_call(&self, name: &str, args: &[NodeId], steps: Steps) -> Result<Vector, EvalError> {
        let changed = |problem| EvalError::PluginChanged { function: name.to_owned(), problem };
        let function = self.engine.functions().function(name).map(Arc::clone);
        let function = function.ok_or_else(|| changed("no loaded plugin offers it any more"))?;
        let signature = function.signature();
        let window_count = usize::from(signature.windows);
        let given =
            args.len().checked_sub(window_count).ok_or_else(|| changed("it takes other arguments now"))?;
        if given > signature.params.len() {
            return Err(changed("it takes other arguments now"));
        }
        let arguments: Vec<Argument<'_>> =
            args[..window_count].iter().map(|&arg| self.argument(arg, steps)).collect::<Result<_, _>>()?;
        let numbers: Vec<Vec<f64>> =
            args[window_count..].iter().map(|&arg| self.eval_scalar(arg, steps)).collect::<Result<_, _>>()?;
        let defaults: Option<Vec<f64>> =
            signature.params[given..].iter().map(|param| param.default).collect();
        let defaults = defaults.ok_or_else(|| changed("it takes other arguments now"))?;
        let joined = join(&arguments);
        self.budget.hold(joined.shape.len().saturating_mul(steps.count))?;
        let mut cells = Cells::empty(joined.shape.len() * steps.count);
        for step in 0..steps.count {
            self.check_cancelled()?;
            let mut params: Vec<f64> = numbers.iter().map(|values| values[step]).collect();
            params.extend(&defaults);
            let time = steps.timestamp(step);
            self.see_members(&arguments, &joined, (steps, step));
            for (member, score) in self.scores(&*function, &params, &arguments, &joined, time)? {
                cells.floats[member * steps.count + step] = score;
            }
        }
        Ok(Vector { shape: joined.shape, steps: steps.count, cells })
    }

    fn argument(&self, id: NodeId, steps: Steps) -> Result<Argument<'a>, EvalError> {
        let windows = self.windows(id, steps)?;
        let mut series: Vec<Floats> = Vec::new();
        series.resize_with(windows.shape.len(), Floats::default);
        self.each_series(&windows, 0..windows.shape.len(), steps, &mut |place, samples| {
            self.budget.hold(samples.times.len())?;
            series[place] = Floats { times: samples.times.to_vec(), values: samples.values.to_vec() };
            Ok(())
        })?;
        Ok(Argument { windows, series })
    }

    /// Counts the windows of a step, those with too few points too.
    fn see_members(&self, arguments: &[Argument<'_>], joined: &Joined, (steps, step): (Steps, usize)) {
        if !self.tally.is_on() {
            return;
        }
        for places in &joined.places {
            for (argument, &place) in arguments.iter().zip(places) {
                let floats = &argument.series[place];
                let bounds = self.bounds(&argument.windows, steps.time(step));
                let range = floats.inside(bounds);
                let inside = Samples {
                    times: &floats.times[range.clone()],
                    values: &floats.values[range],
                    counting_since: &[],
                    histograms: &[],
                };
                self.see_window(&argument.windows, inside, bounds, (steps, step));
            }
        }
    }

    /// What a plugin says of each series at one step.
    fn scores(
        &self,
        function: &dyn PluginFunction,
        params: &[f64],
        arguments: &[Argument<'_>],
        joined: &Joined,
        time: Timestamp,
    ) -> Result<Vec<(usize, f64)>, EvalError> {
        let signature = function.signature();
        let (members, matrices) = self.matrices(signature, arguments, joined, time);
        if members.is_empty() {
            return Ok(Vec::new());
        }
        let failed = |source| EvalError::Plugin { function: signature.name.clone(), source };
        let verdicts = function.evaluate(params, time, &matrices).map_err(failed)?;
        if verdicts.score.len() != members.len() {
            let (got, wanted) = (verdicts.score.len(), members.len());
            let problem = format!("it returned {got} scores for {wanted} series");
            return Err(failed(DetectorError::Crashed(problem)));
        }
        Ok(members.into_iter().zip(verdicts.score).filter(|(_, score)| !score.is_nan()).collect())
    }

    /// The windows of a step, column by column, of the series that have enough points in each; and which series they
    /// are.
    fn matrices(
        &self,
        signature: &DetectorFunction,
        arguments: &[Argument<'_>],
        joined: &Joined,
        time: Timestamp,
    ) -> (Vec<usize>, Vec<WindowMatrix>) {
        let empty = || WindowMatrix { offsets: vec![0], ..WindowMatrix::default() };
        let mut matrices: Vec<WindowMatrix> = arguments.iter().map(|_| empty()).collect();
        let mut members = Vec::new();
        for (member, places) in joined.places.iter().enumerate() {
            let inside = arguments.iter().zip(places).map(|(argument, &place)| {
                let floats = &argument.series[place];
                (floats, floats.inside(self.bounds(&argument.windows, time.as_millis())))
            });
            let inside: Vec<(&Floats, Range<usize>)> = inside.collect();
            let is_enough = |count: usize| {
                count > 0 && count >= usize::try_from(signature.min_points).unwrap_or(usize::MAX)
            };
            if !inside.iter().all(|(_, range)| is_enough(range.len())) {
                continue;
            }
            members.push(member);
            for (matrix, (floats, range)) in matrices.iter_mut().zip(inside) {
                matrix.times.extend_from_slice(&floats.times[range.clone()]);
                matrix.values.extend_from_slice(&floats.values[range]);
                matrix.offsets.push(u32::try_from(matrix.times.len()).unwrap_or(u32::MAX));
            }
        }
        (members, matrices)
    }
}

/// Pairs the series of all arguments by their labels without name; what has no partner is left out.
fn join(arguments: &[Argument<'_>]) -> Joined {
    let [first, others @ ..] = arguments else {
        return Joined { places: Vec::new(), shape: Shape::new(Vec::new(), Vec::new()) };
    };
    let index = |argument: &Argument<'_>| -> FxHashMap<_, usize> {
        let series = argument.windows.shape.labels().iter().enumerate();
        series.map(|(place, labels)| (without_metadata(labels), place)).collect()
    };
    let others: Vec<_> = others.iter().map(index).collect();
    let (mut all, mut labels) = (Vec::new(), Vec::new());
    for (place, series) in first.windows.shape.labels().iter().enumerate() {
        let mut places = vec![place];
        if !others.is_empty() {
            let key = without_metadata(series);
            places.extend(others.iter().filter_map(|other| other.get(&key)));
        }
        if places.len() == arguments.len() {
            all.push(places);
            labels.push(series.clone());
        }
    }
    let drops = vec![true; labels.len()];
    Joined { places: all, shape: Shape::new(labels, drops) }
}
