//! `histogram_quantile` and its relatives: over classic buckets, which are several series, and native histograms.

use std::sync::Arc;

use bellwether_model::labels::{BUCKET_LABEL, METRIC_NAME};
use bellwether_model::number::General;
use bellwether_model::{FloatHistogram, Labels};
use rustc_hash::FxHashMap;

use crate::annotations::{Metric, Remark};
use crate::ast::NodeId;
use crate::engine::evaluator::Evaluator;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cell, Cells, Shape, Vector};
use crate::error::EvalError;
use crate::functions::native::{self, Bucket, NanObservations};

/// Which series are buckets of which classic histogram.
struct Buckets {
    /// For each series its histogram and upper bound; none where the label of the bound is missing or no number.
    of: Vec<Option<(u32, f64)>>,
    /// For each series the classic histogram with exactly its labels, if it were a native one.
    twin: Vec<Option<u32>>,
    /// The series of each histogram.
    members: Vec<Vec<u32>>,
    /// Classic histograms first, then each series as if it were a native one.
    shape: Shape,
}

impl Buckets {
    fn new(input: &Shape) -> Self {
        let mut places: FxHashMap<Labels, u32> = FxHashMap::default();
        let (mut of, mut labels, mut members) = (Vec::new(), Vec::new(), Vec::new());
        for (place, series) in (0_u32..).zip(input.labels()) {
            of.push(parse_bound(series.value(BUCKET_LABEL)).map(|bound| {
                let rest = series.filtered(|name| name != BUCKET_LABEL);
                let histogram = *places.entry(rest).or_insert_with_key(|rest| {
                    labels.push(rest.filtered(|name| name != METRIC_NAME));
                    members.push(Vec::new());
                    labels.len() as u32 - 1
                });
                members[histogram as usize].push(place);
                (histogram, bound)
            }));
        }
        let twin = input.labels().iter().map(|series| places.get(series).copied()).collect();
        labels.extend(input.labels().iter().cloned());
        let drops = vec![true; labels.len()];
        Self { of, twin, members, shape: Shape::new(labels, drops) }
    }

    fn classic(&self) -> usize {
        self.members.len()
    }
}

/// The upper bound of a bucket as Go's `strconv.ParseFloat` reads it.
fn parse_bound(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// Something computed of a histogram at a step.
trait Measure {
    fn of_classic(&self, buckets: Vec<Bucket>, step: usize, say: &mut dyn FnMut(Remark)) -> f64;
    fn of_native(
        &self,
        histogram: &FloatHistogram,
        metric: &Metric,
        step: usize,
        say: &mut dyn FnMut(Remark),
    ) -> f64;
}

struct Quantile<'q> {
    phis: &'q [f64],
    steps: Steps,
}

impl Measure for Quantile<'_> {
    fn of_classic(&self, buckets: Vec<Bucket>, step: usize, say: &mut dyn FnMut(Remark)) -> f64 {
        let found = native::bucket_quantile(self.phis[step], buckets);
        if let Some(forced) = found.forced_monotonic {
            say(Remark::ForcedMonotonicity {
                // Prometheus has taken the name off by then.
                metric: Metric::from(""),
                at: self.steps.time(step),
                lowest: forced.min_bucket,
                highest: forced.max_bucket,
                difference: forced.max_diff,
            });
        }
        found.value
    }

    fn of_native(
        &self,
        histogram: &FloatHistogram,
        metric: &Metric,
        step: usize,
        say: &mut dyn FnMut(Remark),
    ) -> f64 {
        let found = native::quantile(self.phis[step], histogram);
        match found.nan_observations {
            NanObservations::None => {}
            NanObservations::Result => say(Remark::QuantileOfNanIsNan(Arc::clone(metric))),
            NanObservations::Skewed => say(Remark::QuantileSkewedByNan(Arc::clone(metric))),
        }
        found.value
    }
}

struct Fraction<'f> {
    lower: &'f [f64],
    upper: &'f [f64],
}

impl Measure for Fraction<'_> {
    fn of_classic(&self, buckets: Vec<Bucket>, step: usize, _: &mut dyn FnMut(Remark)) -> f64 {
        native::bucket_fraction(self.lower[step], self.upper[step], buckets)
    }

    fn of_native(
        &self,
        histogram: &FloatHistogram,
        metric: &Metric,
        step: usize,
        say: &mut dyn FnMut(Remark),
    ) -> f64 {
        let found = native::fraction(self.lower[step], self.upper[step], histogram);
        if found.nan_observations {
            say(Remark::FractionWithoutNan(Arc::clone(metric)));
        }
        found.value
    }
}

impl Evaluator<'_> {
    pub(super) fn histogram_quantile(
        &self,
        id: NodeId,
        args: &[NodeId],
        steps: Steps,
    ) -> Result<Vector, EvalError> {
        let phis = self.eval_scalar(args[0], steps)?;
        let input = self.eval_vector(args[1], steps)?;
        self.check_each_quantile(args[0], &phis);
        let buckets = self.plan(id).known(&[&input.shape], || Buckets::new(&input.shape));
        self.measured(&Quantile { phis: &phis, steps }, &buckets, &input, args[1])
    }

    pub(super) fn histogram_quantiles(
        &self,
        id: NodeId,
        args: &[NodeId],
        steps: Steps,
    ) -> Result<Vector, EvalError> {
        let input = self.eval_vector(args[0], steps)?;
        let label = self.eval_string(args[1], steps)?;
        let all: Vec<Vec<f64>> =
            args[2..].iter().map(|&arg| self.eval_scalar(arg, steps)).collect::<Result<_, _>>()?;
        for (&arg, phis) in args[2..].iter().zip(&all) {
            self.check_each_quantile(arg, phis);
        }
        let buckets = self.plan(id).known(&[&input.shape], || Buckets::new(&input.shape));
        let mut places: FxHashMap<Labels, usize> = FxHashMap::default();
        let (mut labels, mut cells) = (Vec::new(), Cells::default());
        for phis in &all {
            let found = self.measured(&Quantile { phis, steps }, &buckets, &input, args[0])?;
            for place in 0..found.shape.len() {
                for step in (0..steps.count).filter(|&step| found.is_present(place, step)) {
                    let mut builder = found.shape.labels()[place].to_builder();
                    builder.set(Arc::clone(&label), open_metrics_float(phis[step]));
                    let at = *places.entry(builder.build()).or_insert_with_key(|of| {
                        labels.push(of.clone());
                        cells.grow(steps.count);
                        labels.len() - 1
                    });
                    if cells.is_present(at * steps.count + step) {
                        return Err(EvalError::DuplicateLabelset);
                    }
                    cells.put(at * steps.count + step, found.get(place, step));
                }
            }
        }
        let drops = vec![true; labels.len()];
        Ok(Vector { shape: Shape::new(labels, drops), steps: steps.count, cells })
    }

    pub(super) fn histogram_fraction(
        &self,
        id: NodeId,
        args: &[NodeId],
        steps: Steps,
    ) -> Result<Vector, EvalError> {
        let lower = self.eval_scalar(args[0], steps)?;
        let upper = self.eval_scalar(args[1], steps)?;
        let input = self.eval_vector(args[2], steps)?;
        let buckets = self.plan(id).known(&[&input.shape], || Buckets::new(&input.shape));
        self.measured(&Fraction { lower: &lower, upper: &upper }, &buckets, &input, args[2])
    }

    /// Says so for each step at which φ lies outside of 0..=1.
    fn check_each_quantile(&self, arg: NodeId, phis: &[f64]) {
        for &phi in phis.iter().filter(|phi| !(0.0..=1.0).contains(*phi)) {
            self.remark(arg, Remark::InvalidQuantile(phi));
        }
    }

    /// A measure of each histogram at each step.
    fn measured(
        &self,
        measure: &dyn Measure,
        buckets: &Buckets,
        input: &Vector,
        arg: NodeId,
    ) -> Result<Vector, EvalError> {
        let steps = input.steps;
        self.budget.hold(buckets.shape.len().saturating_mul(steps))?;
        let mut cells = Cells::empty(buckets.shape.len() * steps);
        let mut say = |remark| self.remark(arg, remark);
        for step in 0..steps {
            self.check_cancelled()?;
            let mut spoiled = vec![false; buckets.classic()];
            self.native_histograms(measure, buckets, input, (step, arg), &mut cells, &mut spoiled);
            for (histogram, members) in buckets.members.iter().enumerate() {
                let found = members.iter().filter_map(|&place| match input.get(place as usize, step) {
                    Cell::Float(count) => {
                        let upper = buckets.of[place as usize].map_or(f64::NAN, |(_, bound)| bound);
                        Some(Bucket { upper, count })
                    }
                    Cell::Absent | Cell::Histogram(_) => None,
                });
                let found: Vec<Bucket> = found.collect();
                if !found.is_empty() && !spoiled[histogram] {
                    cells.floats[histogram * steps + step] = measure.of_classic(found, step, &mut say);
                }
            }
        }
        Ok(Vector { shape: buckets.shape.clone(), steps, cells })
    }

    /// The native histograms of a step; a classic one with the same labels is spoiled by them, and spoils them.
    fn native_histograms(
        &self,
        measure: &dyn Measure,
        buckets: &Buckets,
        input: &Vector,
        (step, arg): (usize, NodeId),
        cells: &mut Cells,
        spoiled: &mut [bool],
    ) {
        let mut say = |remark| self.remark(arg, remark);
        let is_bucket = |place: u32| matches!(input.get(place as usize, step), Cell::Float(_));
        for (place, labels) in input.shape.labels().iter().enumerate() {
            let metric = || Metric::from(labels.metric_name().unwrap_or(""));
            match input.get(place, step) {
                Cell::Absent => {}
                Cell::Float(_) if buckets.of[place].is_some() => {}
                Cell::Float(_) => {
                    let label = labels.value(BUCKET_LABEL).into();
                    say(Remark::BadBucketLabel { label, metric: metric() });
                }
                Cell::Histogram(histogram) => {
                    let twin = buckets.twin[place].map(|twin| twin as usize);
                    let twin =
                        twin.filter(|&twin| buckets.members[twin].iter().any(|&place| is_bucket(place)));
                    if let Some(twin) = twin {
                        spoiled[twin] = true;
                        say(Remark::MixedClassicNative(metric()));
                        continue;
                    }
                    let value = measure.of_native(histogram, &metric(), step, &mut say);
                    cells.floats[(buckets.classic() + place) * input.steps + step] = value;
                }
            }
        }
    }
}

/// A float as the text formats write it: always with a point or an exponent.
fn open_metrics_float(value: f64) -> String {
    let text = General(value).to_string();
    let is_whole = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if is_whole { text + ".0" } else { text }
}
