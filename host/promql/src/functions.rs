//! What the built-in functions compute: the kernels for one value or one window, by name.
//!
//! A kernel knows neither series nor steps. What looks at whole vectors (`absent`, `sort`, `label_replace`,
//! `histogram_quantile`) is only named here and lives with the engine. Names and types of the arguments are in
//! [`crate::signatures`].

mod calendar;
mod math;
mod over_time;
mod rate;

/// Values between samples, for windows that look beyond their edges.
pub(crate) mod extended {
    pub(crate) use super::rate::extended::{interpolate, with_edges};
    pub(crate) use super::rate::extended_histograms::interpolate as interpolate_histograms;
}

pub(crate) mod labels;
pub(crate) mod native;

use std::sync::Arc;

use bellwether_model::FloatHistogram;
use bellwether_model::query::Samples;

use crate::annotations::{Metric, Remark};
use crate::ast::Extension;

/// The samples of one series in one window, oldest first, at least one, without stale markers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    /// Those inside of the window, and the ones around it that an extended window looks at.
    pub(crate) samples: Samples<'a>,
    /// Where the window begins, in Unix milliseconds; a sample right there lies outside.
    pub(crate) start: i64,
    /// Where it ends; a sample right there lies inside.
    pub(crate) end: i64,
    /// The time of evaluation, which `offset` moves away from the window.
    pub(crate) at: i64,
    /// Name of the metric, for remarks; empty where it has none.
    pub(crate) metric: &'a str,
    pub(crate) extension: Extension,
    /// Whether start timestamps tell of counter resets.
    pub(crate) use_start_times: bool,
}

impl Window<'_> {
    fn metric(&self) -> Metric {
        self.metric.into()
    }

    /// Length in seconds.
    fn seconds(&self) -> f64 {
        (self.end - self.start) as f64 / 1000.0
    }

    /// Says so and is true where there are floats as well as histograms.
    fn is_mixed(&self, say: &mut Say<'_>) -> bool {
        let mixed = !self.samples.times.is_empty() && !self.samples.histograms.is_empty();
        if mixed {
            say(Remark::MixedFloatsHistograms(self.metric()));
        }
        mixed
    }

    /// Since when each float counts; empty where that is unknown or not asked for.
    fn counting_since(&self) -> &[i64] {
        if self.use_start_times { self.samples.counting_since } else { &[] }
    }
}

/// What a window comes to.
#[derive(Debug)]
pub(crate) enum WindowValue {
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

impl WindowValue {
    fn histogram(histogram: FloatHistogram) -> Self {
        Self::Histogram(Arc::new(histogram))
    }
}

/// Takes remarks of kernels.
pub(crate) type Say<'s> = dyn FnMut(Remark) + 's;

/// Refuses number arguments, with the reason.
type Check = fn(&[f64]) -> Result<(), String>;

/// A function of a window and the number arguments.
#[derive(Clone, Copy)]
pub(crate) struct WindowFunction {
    compute: Compute,
    /// Refuses number arguments.
    pub(crate) check: Option<Check>,
    pub(crate) keeps_name: bool,
}

#[derive(Clone, Copy)]
enum Compute {
    /// Of the floats; histograms beside them are ignored, which is worth a remark.
    Floats(fn(&Window<'_>, &[f64]) -> Option<f64>),
    /// Of everything.
    All(fn(&Window<'_>, &[f64], &mut Say<'_>) -> Option<WindowValue>),
}

impl WindowFunction {
    /// What the window comes to; none leaves the series out.
    pub(crate) fn value(
        &self,
        window: &Window<'_>,
        params: &[f64],
        say: &mut Say<'_>,
    ) -> Option<WindowValue> {
        match self.compute {
            Compute::All(compute) => compute(window, params, say),
            Compute::Floats(_) if window.samples.times.is_empty() => None,
            Compute::Floats(compute) => {
                if !window.samples.histograms.is_empty() {
                    say(Remark::HistogramsIgnoredInMixedRange(window.metric()));
                }
                compute(window, params).map(WindowValue::Float)
            }
        }
    }
}

/// How a function computes.
#[derive(Clone, Copy)]
pub(crate) enum Kernel {
    /// A value from a window and the number arguments.
    Window(WindowFunction),
    /// A float from a float and the number arguments.
    Element(fn(f64, &[f64]) -> Option<f64>),
    /// A float from a native histogram.
    OfHistogram(fn(&FloatHistogram) -> f64),
    /// A float from a Unix time in seconds; the time of evaluation where there is no argument.
    Calendar(fn(i64) -> f64),
    /// A number from numbers alone.
    Constant(fn(&[f64]) -> f64),
    /// Looks at more than one value.
    Special(Special),
}

/// Functions over whole vectors, labels or the evaluation itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    Absent,
    AbsentOverTime,
    End,
    HistogramFraction,
    HistogramQuantile,
    HistogramQuantiles,
    Info,
    LabelJoin,
    LabelReplace,
    Range,
    Scalar,
    Sort,
    SortByLabel,
    SortByLabelDesc,
    SortDesc,
    Start,
    StartTimestamp,
    Step,
    Time,
    Timestamp,
    Vector,
}

/// The kernel of a built-in function.
pub(crate) fn kernel(name: &str) -> Option<(&'static str, Kernel)> {
    let place = KERNELS.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    KERNELS.get(place).copied()
}

const fn floats(compute: fn(&Window<'_>, &[f64]) -> Option<f64>) -> Kernel {
    Kernel::Window(WindowFunction { compute: Compute::Floats(compute), check: None, keeps_name: false })
}

const fn all(compute: fn(&Window<'_>, &[f64], &mut Say<'_>) -> Option<WindowValue>) -> Kernel {
    Kernel::Window(WindowFunction { compute: Compute::All(compute), check: None, keeps_name: false })
}

/// One that gives back a sample of the series, which stays what it is called.
const fn sample(compute: fn(&Window<'_>, &[f64], &mut Say<'_>) -> Option<WindowValue>) -> Kernel {
    Kernel::Window(WindowFunction { compute: Compute::All(compute), check: None, keeps_name: true })
}

const fn smoothing() -> Kernel {
    Kernel::Window(WindowFunction {
        compute: Compute::Floats(over_time::smoothing),
        check: Some(over_time::check_smoothing),
        keeps_name: false,
    })
}

static KERNELS: &[(&str, Kernel)] = &[
    ("abs", Kernel::Element(|v, _| Some(v.abs()))),
    ("absent", Kernel::Special(Special::Absent)),
    ("absent_over_time", Kernel::Special(Special::AbsentOverTime)),
    ("acos", Kernel::Element(|v, _| Some(v.acos()))),
    ("acosh", Kernel::Element(|v, _| Some(v.acosh()))),
    ("asin", Kernel::Element(|v, _| Some(v.asin()))),
    ("asinh", Kernel::Element(|v, _| Some(v.asinh()))),
    ("atan", Kernel::Element(|v, _| Some(v.atan()))),
    ("atanh", Kernel::Element(|v, _| Some(v.atanh()))),
    ("avg_over_time", all(over_time::avg)),
    ("ceil", Kernel::Element(|v, _| Some(v.ceil()))),
    ("changes", all(over_time::changes)),
    ("clamp", Kernel::Element(math::clamp)),
    ("clamp_max", Kernel::Element(|v, max| math::clamp(v, &[f64::NEG_INFINITY, max[0]]))),
    ("clamp_min", Kernel::Element(|v, min| math::clamp(v, &[min[0], f64::INFINITY]))),
    ("cos", Kernel::Element(|v, _| Some(v.cos()))),
    ("cosh", Kernel::Element(|v, _| Some(v.cosh()))),
    ("count_over_time", all(over_time::count)),
    ("day_of_month", Kernel::Calendar(calendar::day_of_month)),
    ("day_of_week", Kernel::Calendar(calendar::day_of_week)),
    ("day_of_year", Kernel::Calendar(calendar::day_of_year)),
    ("days_in_month", Kernel::Calendar(calendar::days_in_month)),
    ("deg", Kernel::Element(|v, _| Some(v * 180.0 / std::f64::consts::PI))),
    ("delta", all(rate::delta)),
    ("deriv", floats(rate::deriv)),
    ("double_exponential_smoothing", smoothing()),
    ("end", Kernel::Special(Special::End)),
    ("exp", Kernel::Element(|v, _| Some(v.exp()))),
    ("first_over_time", sample(over_time::first)),
    ("floor", Kernel::Element(|v, _| Some(v.floor()))),
    ("histogram_avg", Kernel::OfHistogram(|h| h.sum / h.count)),
    ("histogram_count", Kernel::OfHistogram(|h| h.count)),
    ("histogram_fraction", Kernel::Special(Special::HistogramFraction)),
    ("histogram_quantile", Kernel::Special(Special::HistogramQuantile)),
    ("histogram_quantiles", Kernel::Special(Special::HistogramQuantiles)),
    ("histogram_stddev", Kernel::OfHistogram(native::standard_deviation)),
    ("histogram_stdvar", Kernel::OfHistogram(native::variance)),
    ("histogram_sum", Kernel::OfHistogram(|h| h.sum)),
    ("hour", Kernel::Calendar(calendar::hour)),
    ("idelta", all(rate::idelta)),
    ("increase", all(rate::increase)),
    ("info", Kernel::Special(Special::Info)),
    ("irate", all(rate::irate)),
    ("label_join", Kernel::Special(Special::LabelJoin)),
    ("label_replace", Kernel::Special(Special::LabelReplace)),
    ("last_over_time", sample(over_time::last)),
    ("ln", Kernel::Element(|v, _| Some(v.ln()))),
    ("log10", Kernel::Element(|v, _| Some(v.log10()))),
    ("log2", Kernel::Element(|v, _| Some(v.log2()))),
    ("mad_over_time", floats(over_time::mad)),
    ("max_of", Kernel::Constant(|v| math::max(v[0], v[1]))),
    ("max_over_time", floats(over_time::max)),
    ("min_of", Kernel::Constant(|v| math::min(v[0], v[1]))),
    ("min_over_time", floats(over_time::min)),
    ("minute", Kernel::Calendar(calendar::minute)),
    ("month", Kernel::Calendar(calendar::month)),
    ("pi", Kernel::Constant(|_| std::f64::consts::PI)),
    ("predict_linear", floats(rate::predict_linear)),
    ("present_over_time", all(|_, _, _| Some(WindowValue::Float(1.0)))),
    ("quantile_over_time", all(over_time::quantile)),
    ("rad", Kernel::Element(|v, _| Some(v * std::f64::consts::PI / 180.0))),
    ("range", Kernel::Special(Special::Range)),
    ("rate", all(rate::rate)),
    ("resets", all(over_time::resets)),
    ("round", Kernel::Element(math::round)),
    ("scalar", Kernel::Special(Special::Scalar)),
    ("sgn", Kernel::Element(math::sgn)),
    ("sin", Kernel::Element(|v, _| Some(v.sin()))),
    ("sinh", Kernel::Element(|v, _| Some(v.sinh()))),
    ("sort", Kernel::Special(Special::Sort)),
    ("sort_by_label", Kernel::Special(Special::SortByLabel)),
    ("sort_by_label_desc", Kernel::Special(Special::SortByLabelDesc)),
    ("sort_desc", Kernel::Special(Special::SortDesc)),
    ("sqrt", Kernel::Element(|v, _| Some(v.sqrt()))),
    ("start", Kernel::Special(Special::Start)),
    ("start_timestamp", Kernel::Special(Special::StartTimestamp)),
    ("stddev_over_time", floats(over_time::stddev)),
    ("stdvar_over_time", floats(over_time::stdvar)),
    ("step", Kernel::Special(Special::Step)),
    ("sum_over_time", all(over_time::sum)),
    ("tan", Kernel::Element(|v, _| Some(v.tan()))),
    ("tanh", Kernel::Element(|v, _| Some(v.tanh()))),
    ("time", Kernel::Special(Special::Time)),
    ("timestamp", Kernel::Special(Special::Timestamp)),
    ("ts_of_first_over_time", all(over_time::time_of_first)),
    ("ts_of_last_over_time", all(over_time::time_of_last)),
    ("ts_of_max_over_time", floats(over_time::time_of_max)),
    ("ts_of_min_over_time", floats(over_time::time_of_min)),
    ("vector", Kernel::Special(Special::Vector)),
    ("year", Kernel::Calendar(calendar::year)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_for_the_search() {
        assert!(KERNELS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn each_signature_has_a_kernel_and_each_kernel_a_signature() {
        let kernels: Vec<&str> = KERNELS.iter().map(|(name, _)| *name).collect();
        let signatures: Vec<&str> =
            crate::signatures::signatures().iter().map(|signature| signature.name).collect();
        assert_eq!(kernels, signatures);
    }
}
