//! Calls of plugin functions: one columnar call for all series of a step.

use std::sync::Arc;

use bellwether_model::Timestamp;
use bellwether_model::detector::{DetectorFunction, WindowMatrix};
use rustc_hash::FxHashMap;

use crate::ast::NodeId;
use crate::engine::column::{Column, absent, retain_present, without_metadata};
use crate::engine::evaluator::{Evaluator, Steps};
use crate::engine::select::{Cursor, Windows};
use crate::error::EvalError;
use crate::plugin::PluginFunction;

/// The series that take part: for each one its place in each range vector.
struct Joined {
    places: Vec<Vec<usize>>,
    columns: Vec<Column>,
}

impl Evaluator<'_> {
    pub(super) fn plugin_call(
        &self,
        name: &str,
        args: &[NodeId],
        steps: Steps,
    ) -> Result<Vec<Column>, EvalError> {
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
        let windows: Result<Vec<Windows>, _> =
            args[..window_count].iter().map(|&arg| self.windows(arg, steps)).collect();
        let windows = windows?;
        let scalars = self.scalars(&args[window_count..], steps)?;
        let defaults: Option<Vec<f64>> =
            signature.params[given..].iter().map(|param| param.default).collect();
        let defaults = defaults.ok_or_else(|| changed("it takes other arguments now"))?;
        let mut joined = join(&windows, steps);
        self.hold(joined.columns.len().saturating_mul(steps.count))?;
        for at in 0..steps.count {
            self.check_cancelled()?;
            let mut params = scalars.at(at);
            params.extend(&defaults);
            self.plugin_step(&*function, &params, &windows, &mut joined, (at, steps.time(at)))?;
        }
        retain_present(&mut joined.columns);
        Ok(joined.columns)
    }

    fn plugin_step(
        &self,
        function: &dyn PluginFunction,
        params: &[f64],
        windows: &[Windows],
        joined: &mut Joined,
        (at, time): (usize, Timestamp),
    ) -> Result<(), EvalError> {
        let signature = function.signature();
        let (members, matrices) = matrices(signature, windows, joined, time);
        if members.is_empty() {
            return Ok(());
        }
        let failed = |source| EvalError::Plugin { function: signature.name.clone(), source };
        let verdicts = function.evaluate(params, time, &matrices).map_err(failed)?;
        if verdicts.score.len() != members.len() {
            let (got, wanted) = (verdicts.score.len(), members.len());
            let problem = format!("it returned {got} scores for {wanted} series");
            return Err(failed(bellwether_model::detector::DetectorError::Crashed(problem)));
        }
        for (member, score) in members.into_iter().zip(verdicts.score) {
            joined.columns[member].values[at] = if score.is_nan() { absent() } else { score };
        }
        Ok(())
    }
}

/// Pairs the series of all range vectors by their labels without name; what has no partner is left out.
fn join(windows: &[Windows], steps: Steps) -> Joined {
    let [first, others @ ..] = windows else {
        return Joined { places: Vec::new(), columns: Vec::new() };
    };
    let index = |windows: &Windows| -> FxHashMap<_, usize> {
        let series = windows.series.iter().enumerate();
        series.map(|(place, series)| (without_metadata(&series.labels), place)).collect()
    };
    let others: Vec<_> = others.iter().map(index).collect();
    let mut joined = Joined { places: Vec::new(), columns: Vec::new() };
    for (place, series) in first.series.iter().enumerate() {
        let mut places = vec![place];
        if !others.is_empty() {
            let key = without_metadata(&series.labels);
            places.extend(others.iter().filter_map(|other| other.get(&key)));
        }
        if places.len() == windows.len() {
            joined.places.push(places);
            joined.columns.push(Column::empty(series.labels.clone(), true, steps));
        }
    }
    joined
}

/// The windows of a step, column by column, of the series that have enough points in each; and which series they are.
fn matrices(
    signature: &DetectorFunction,
    windows: &[Windows],
    joined: &Joined,
    time: Timestamp,
) -> (Vec<usize>, Vec<WindowMatrix>) {
    let empty = || WindowMatrix { offsets: vec![0], ..WindowMatrix::default() };
    let mut matrices: Vec<WindowMatrix> = windows.iter().map(|_| empty()).collect();
    let mut members = Vec::new();
    for (member, places) in joined.places.iter().enumerate() {
        let slices = windows.iter().zip(places).map(|(windows, &place)| {
            let samples = &windows.series[place].samples;
            &samples[Cursor::default().window(samples, windows.bounds(time))]
        });
        let slices: Vec<_> = slices.collect();
        let enough = |samples: &&[_]| !samples.is_empty() && samples.len() >= signature.min_points as usize;
        if !slices.iter().all(enough) {
            continue;
        }
        members.push(member);
        for (matrix, samples) in matrices.iter_mut().zip(slices) {
            matrix.times.extend(samples.iter().map(|sample| sample.at.as_millis()));
            matrix.values.extend(samples.iter().map(|sample| sample.value));
            matrix.offsets.push(u32::try_from(matrix.times.len()).unwrap_or(u32::MAX));
        }
    }
    (members, matrices)
}
