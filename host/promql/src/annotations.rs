//! What is to be said about a query beside its result: Prometheus' warnings and infos, with its words.
//!
//! As in Prometheus 3 an annotation is told once, whatever the number of series and steps that gave rise to it; of
//! several with the same words the last one gives the place.

use std::fmt;
use std::sync::Arc;

use bellwether_model::Timestamp;
use bellwether_model::labels::Quoted;
use bellwether_model::number::{General, TwoDigits};
use rustc_hash::FxHashMap;

use crate::error::line_and_column;

/// How grave an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The result is probably not what was meant.
    Warning,
    /// Worth knowing.
    Info,
}

/// What two histograms were about to be combined by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Combination {
    Addition,
    Subtraction,
    Aggregation,
}

impl fmt::Display for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        })
    }
}

/// The name of the metric that a remark is about; empty where it has none.
pub(crate) type Metric = Arc<str>;

/// One kind of thing to say, each as Prometheus words it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Remark {
    InvalidQuantile(f64),
    InvalidRatio { ratio: f64, cap: f64 },
    BadBucketLabel { label: Arc<str>, metric: Metric },
    MixedFloatsHistograms(Metric),
    MixedFloatsHistogramsInAggregation,
    MixedClassicNative(Metric),
    NotCounter(Metric),
    NotGauge(Metric),
    MixedExponentialCustom(Metric),
    IncompatibleBucketLayout(&'static str),
    SortInRange,
    CounterResetCollision(Combination),
    StartTimeOverlap(Metric),
    PossibleNonCounter(Metric),
    ForcedMonotonicity { metric: Metric, at: i64, lowest: f64, highest: f64, difference: f64 },
    IncompatibleTypes { left: &'static str, operator: &'static str, right: &'static str },
    HistogramIgnoredInAggregation(&'static str),
    HistogramsIgnoredInMixedRange(Metric),
    QuantileOfNanIsNan(Metric),
    QuantileSkewedByNan(Metric),
    FractionWithoutNan(Metric),
    MismatchedCustomBuckets(Combination),
}

impl Remark {
    const fn severity(&self) -> Severity {
        match self {
            Self::InvalidQuantile(_)
            | Self::InvalidRatio { .. }
            | Self::BadBucketLabel { .. }
            | Self::MixedFloatsHistograms(_)
            | Self::MixedFloatsHistogramsInAggregation
            | Self::MixedClassicNative(_)
            | Self::NotCounter(_)
            | Self::NotGauge(_)
            | Self::MixedExponentialCustom(_)
            | Self::IncompatibleBucketLayout(_)
            | Self::SortInRange
            | Self::CounterResetCollision(_)
            | Self::StartTimeOverlap(_) => Severity::Warning,
            Self::PossibleNonCounter(_)
            | Self::ForcedMonotonicity { .. }
            | Self::IncompatibleTypes { .. }
            | Self::HistogramIgnoredInAggregation(_)
            | Self::HistogramsIgnoredInMixedRange(_)
            | Self::QuantileOfNanIsNan(_)
            | Self::QuantileSkewedByNan(_)
            | Self::FractionWithoutNan(_)
            | Self::MismatchedCustomBuckets(_) => Severity::Info,
        }
    }

    /// Whether it tells how often it happened, so that each time counts.
    const fn is_counted(&self) -> bool {
        matches!(self, Self::ForcedMonotonicity { .. } | Self::StartTimeOverlap(_))
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.severity() {
            Severity::Warning => "PromQL warning: ",
            Severity::Info => "PromQL info: ",
        })?;
        match self {
            Self::InvalidQuantile(got) => {
                write!(f, "quantile value should be between 0 and 1, got {}", General(*got))
            }
            Self::InvalidRatio { ratio, cap } => write!(
                f,
                "ratio value should be between -1 and 1, got {}, capping to {}",
                General(*ratio),
                General(*cap)
            ),
            Self::BadBucketLabel { label, metric } => {
                write!(f, "bucket label \"le\" is missing or has a malformed value of {}", Quoted(label))?;
                for_metric(f, metric)
            }
            Self::MixedFloatsHistograms(metric) => {
                write!(f, "encountered a mix of histograms and floats for metric name {}", Quoted(metric))
            }
            Self::MixedFloatsHistogramsInAggregation => {
                f.write_str("encountered a mix of histograms and floats for aggregation")
            }
            Self::MixedClassicNative(metric) => {
                f.write_str("vector contains a mix of classic and native histograms")?;
                for_metric(f, metric)
            }
            Self::NotCounter(metric) => {
                write!(f, "this native histogram metric is not a counter: {}", Quoted(metric))
            }
            Self::NotGauge(metric) => {
                write!(f, "this native histogram metric is not a gauge: {}", Quoted(metric))
            }
            Self::MixedExponentialCustom(metric) => write!(
                f,
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
                Quoted(metric)
            ),
            Self::IncompatibleBucketLayout(operator) => {
                write!(f, "incompatible bucket layout encountered for binary operator {operator}")
            }
            Self::SortInRange => f.write_str(
                "sort is ineffective for range queries since results are always ordered by labels",
            ),
            Self::CounterResetCollision(by) => {
                write!(f, "conflicting counter resets during histogram {by}")
            }
            Self::StartTimeOverlap(metric) => write!(
                f,
                "sample has start time that overlaps with previous sample timestamp for metric {}",
                Quoted(metric)
            ),
            Self::PossibleNonCounter(metric) => write!(
                f,
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                Quoted(metric)
            ),
            Self::ForcedMonotonicity { metric, .. } => {
                f.write_str(
                    "input to histogram_quantile needed to be fixed for monotonicity (see \
                     https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)",
                )?;
                for_metric(f, metric)
            }
            Self::IncompatibleTypes { left, operator, right } => write!(
                f,
                "incompatible sample types encountered for binary operator {operator:?}: {left} {operator} {right}"
            ),
            Self::HistogramIgnoredInAggregation(by) => write!(f, "ignored histogram in {by} aggregation"),
            Self::HistogramsIgnoredInMixedRange(metric) => write!(
                f,
                "ignored histograms in a range containing both floats and histograms for metric name {}",
                Quoted(metric)
            ),
            Self::QuantileOfNanIsNan(metric) => {
                f.write_str("input to histogram_quantile has NaN observations, result is NaN")?;
                for_metric(f, metric)
            }
            Self::QuantileSkewedByNan(metric) => {
                f.write_str("input to histogram_quantile has NaN observations, result is skewed higher")?;
                for_metric(f, metric)
            }
            Self::FractionWithoutNan(metric) => {
                f.write_str(
                    "input to histogram_fraction has NaN observations, which are excluded from all fractions",
                )?;
                for_metric(f, metric)
            }
            Self::MismatchedCustomBuckets(by) => {
                write!(f, "mismatched custom buckets were reconciled during {by}")
            }
        }
    }
}

fn for_metric(f: &mut fmt::Formatter<'_>, metric: &str) -> fmt::Result {
    if metric.is_empty() { Ok(()) } else { write!(f, " for metric name {}", Quoted(metric)) }
}

/// All annotations of one evaluation.
#[derive(Debug, Default)]
pub(crate) struct Annotations {
    told: Vec<Told>,
    places: FxHashMap<String, usize>,
}

#[derive(Debug)]
struct Told {
    remark: Remark,
    /// Byte of the query's text.
    position: u32,
    count: u64,
    /// First and last time; only of those that are counted by time.
    times: (i64, i64),
}

impl Annotations {
    /// Notes a remark about what stands at a byte of the query.
    pub(crate) fn add(&mut self, remark: Remark, position: u32) {
        // The same again is the rule: each series and step of a node says it.
        if !remark.is_counted()
            && self.told.last().is_some_and(|last| last.position == position && last.remark == remark)
        {
            return;
        }
        match self.places.entry(remark.to_string()) {
            std::collections::hash_map::Entry::Occupied(place) => {
                self.told[*place.get()].merge(remark, position);
            }
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(self.told.len());
                let times = match remark {
                    Remark::ForcedMonotonicity { at, .. } => (at, at),
                    _ => (0, 0),
                };
                self.told.push(Told { remark, position, count: 1, times });
            }
        }
    }

    /// Warnings and infos with their places in the text.
    pub(crate) fn rendered(&self, query: &str) -> (Vec<String>, Vec<String>) {
        let (mut warnings, mut infos) = (Vec::new(), Vec::new());
        for told in &self.told {
            match told.remark.severity() {
                Severity::Warning => warnings.push(told.render(query)),
                Severity::Info => infos.push(told.render(query)),
            }
        }
        (warnings, infos)
    }
}

impl Told {
    fn merge(&mut self, remark: Remark, position: u32) {
        self.count += 1;
        match (&mut self.remark, remark) {
            (
                Remark::ForcedMonotonicity { lowest, highest, difference, .. },
                Remark::ForcedMonotonicity { at, lowest: low, highest: high, difference: differ, .. },
            ) => {
                self.times = (self.times.0.min(at), self.times.1.max(at));
                *lowest = lowest.min(low);
                *highest = highest.max(high);
                *difference = difference.max(differ);
            }
            (Remark::StartTimeOverlap(_), _) => {}
            _ => self.position = position,
        }
    }

    fn render(&self, query: &str) -> String {
        let (line, column) = line_and_column(query, self.position as usize);
        let remark = &self.remark;
        match remark {
            Remark::ForcedMonotonicity { lowest, highest, difference, .. } => format!(
                "{remark}, from buckets {} to {}, with a max diff of {}, over {} samples from {} to {} ({line}:{column})",
                General(*lowest),
                General(*highest),
                TwoDigits(*difference),
                self.count,
                whole_seconds(self.times.0),
                whole_seconds(self.times.1),
            ),
            Remark::StartTimeOverlap(_) if self.count > 1 => {
                format!("{remark} ({} occurrences) ({line}:{column})", self.count)
            }
            _ => format!("{remark} ({line}:{column})"),
        }
    }
}

/// RFC 3339 without fractions of a second.
fn whole_seconds(at: i64) -> Timestamp {
    Timestamp::from_millis(at.div_euclid(1000) * 1000)
}
