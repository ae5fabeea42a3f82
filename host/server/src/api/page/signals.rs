//! What the numbers behind alerts and devices were doing lately: small series for sparklines.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bellwether_model::{Labels, Matcher, Queryable, Sample, Series, Timestamp, is_stale};
use bellwether_promql::{EngineOptions, Limits, Range, RangeSeries, Signal as RuleSignal, Value};

use super::contract::Signal;
use crate::host::Host;

/// Points of an alert's signal.
const SIGNAL_POINTS: u32 = 60;
/// How far back a signal goes.
const SIGNAL_RANGE: Duration = Duration::from_secs(3600);
/// A signal is drawn over at least so much, however young the data.
const MIN_SIGNAL_RANGE: Duration = Duration::from_secs(60);
/// Points of a device's spark.
const SPARK_POINTS: usize = 30;
/// How far back a spark goes.
const SPARK_RANGE: Duration = Duration::from_secs(600);
/// How long the series of an expression are good for: many alerts share one, and pages come every second.
const FRESH: Duration = Duration::from_secs(3);
/// How long an expression that cannot be evaluated, or not in time, is not tried again.
const FAILED_FRESH: Duration = Duration::from_secs(60);
/// Time for all signals of one snapshot together; alerts whose signals do not fit in show the former one, or none.
const BUDGET: Duration = Duration::from_millis(500);
/// The most samples that evaluating one signal holds.
const MAX_SIGNAL_SAMPLES: usize = 2_000_000;
/// Expressions remembered.
const MAX_CACHED: usize = 256;
/// The most samples that one spark query reads.
const MAX_SPARK_SAMPLES: usize = 2_000_000;

/// Evaluated signals, by expression.
#[derive(Debug, Default)]
pub struct SignalCache(Mutex<HashMap<String, Evaluated>>);

#[derive(Debug, Clone)]
struct Evaluated {
    good_until: Timestamp,
    series: Arc<Vec<Series>>,
}

/// The time that the signals of one snapshot may take.
pub(super) struct Budget<'a>(&'a dyn Fn() -> Duration);

impl<'a> Budget<'a> {
    /// Measured by a watch that was started just now.
    pub(super) fn new(stopwatch: &'a dyn Fn() -> Duration) -> Self {
        Self(stopwatch)
    }

    fn is_spent(&self) -> bool {
        (self.0)() >= BUDGET
    }
}

impl SignalCache {
    /// What the left side of a rule's comparison was for one alert's labels. Blocks while it is evaluated, but not
    /// longer than the budget.
    pub(super) fn of_alert(
        &self,
        host: &Host,
        rule: &RuleSignal,
        alert: &Labels,
        now: Timestamp,
        budget: &Budget<'_>,
    ) -> Option<Signal> {
        let all = self.series(&rule.text, now, budget, || evaluate(host, &rule.text, now, budget))?;
        let belongs = |labels: &Labels| {
            labels
                .iter()
                .all(|label| &*label.name == "__name__" || alert.get(&label.name) == Some(&*label.value))
        };
        let series = all.iter().find(|series| belongs(&series.labels))?;
        let points = series.samples.iter();
        Some(Signal {
            query: rule.text.clone(),
            points: points.map(|sample| (sample.at, finite(sample.value))).collect(),
            threshold: Some(rule.threshold),
        })
    }

    /// The series of an expression: remembered ones while they are good, or once the budget is spent.
    fn series(
        &self,
        text: &str,
        now: Timestamp,
        budget: &Budget<'_>,
        evaluate: impl FnOnce() -> Option<Vec<Series>>,
    ) -> Option<Arc<Vec<Series>>> {
        let former = self.lock().get(text).cloned();
        if let Some(former) = former.as_ref().filter(|former| now < former.good_until || budget.is_spent()) {
            return Some(Arc::clone(&former.series));
        }
        if budget.is_spent() {
            return None;
        }
        let (series, good_for) = match evaluate() {
            Some(series) => (Arc::new(series), FRESH),
            None => (former.map(|former| former.series).unwrap_or_default(), FAILED_FRESH),
        };
        let mut cache = self.lock();
        if cache.len() >= MAX_CACHED {
            cache.clear();
        }
        cache.insert(text.to_owned(), Evaluated { good_until: now + good_for, series: Arc::clone(&series) });
        Some(series)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Evaluated>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The values of an expression over the last hour; none where it fails or takes too much.
fn evaluate(host: &Host, text: &str, now: Timestamp, budget: &Budget<'_>) -> Option<Vec<Series>> {
    let oldest = host.store.stats().head.oldest.unwrap_or(now);
    let step = now.since(oldest).clamp(MIN_SIGNAL_RANGE, SIGNAL_RANGE) / SIGNAL_POINTS;
    // Pictures are no reason to fill the memory.
    let engine = host.engine();
    let options = EngineOptions { max_samples: MAX_SIGNAL_SAMPLES, ..engine.options().clone() };
    let engine = engine.with_options(options);
    let query = engine.prepare(text).ok()?;
    let range = Range { start: now - step * (SIGNAL_POINTS - 1), end: now, step };
    let limits = Limits { cancelled: &|| budget.is_spent(), ..Limits::NONE };
    let answer = engine.range_within(&query, host.store.as_ref(), range, limits).ok()?;
    let floats = |series: RangeSeries| Series { labels: series.labels, samples: series.floats };
    match answer.value {
        Value::Matrix(series) => Some(series.into_iter().map(floats).collect()),
        Value::Scalar(_) | Value::String { .. } | Value::Vector(_) => None,
    }
}

/// The newest value of a series and its way there over the last ten minutes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spark {
    /// Labels of the series.
    pub labels: Labels,
    /// The newest value.
    pub last: Sample,
    /// Values at even distances, oldest first.
    pub points: Vec<Option<f64>>,
}

/// Sparks of all series that match.
pub(super) fn sparks(host: &Host, matchers: &[Matcher], now: Timestamp) -> Vec<Spark> {
    let found = host.store.select(matchers, now - SPARK_RANGE, now, MAX_SPARK_SAMPLES);
    let oldest = host.started_at.max(now - SPARK_RANGE);
    let series = found.unwrap_or_default();
    series.into_iter().filter_map(|series| spark(series, oldest, now)).collect()
}

fn spark(series: Series, from: Timestamp, now: Timestamp) -> Option<Spark> {
    // A series that has ended is no news.
    let last = series.samples.last().filter(|sample| !is_stale(sample.value)).copied()?;
    let span_ms = now.millis_since(from).max(1) as f64;
    let mut points = vec![None; SPARK_POINTS];
    for sample in series.samples.iter().filter(|sample| sample.at >= from) {
        let place = sample.at.millis_since(from) as f64 / span_ms * (SPARK_POINTS - 1) as f64;
        points[(place.round() as usize).min(SPARK_POINTS - 1)] = finite(sample.value);
    }
    Some(Spark { labels: series.labels, last, points })
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn one_series() -> Vec<Series> {
        vec![Series { labels: Labels::empty(), samples: vec![Sample::new(NOW, 1.0)] }]
    }

    #[test]
    fn a_spent_budget_leaves_what_is_remembered() {
        let cache = SignalCache::default();
        let spent = Cell::new(Duration::ZERO);
        let stopwatch = || spent.get();
        let budget = Budget::new(&stopwatch);
        assert_eq!(*cache.series("x", NOW, &budget, || Some(one_series())).unwrap(), one_series());
        spent.set(BUDGET);
        let later = NOW + FRESH;
        let refuse = || panic!("there is no time for this");
        assert_eq!(*cache.series("x", later, &budget, refuse).unwrap(), one_series());
        assert_eq!(cache.series("y", later, &budget, refuse), None);
    }

    #[test]
    fn what_fails_is_left_alone_for_a_while() {
        let cache = SignalCache::default();
        let stopwatch = || Duration::ZERO;
        let budget = Budget::new(&stopwatch);
        assert!(cache.series("x", NOW, &budget, || None).unwrap().is_empty());
        let refuse = || panic!("it was tried a moment ago");
        assert!(cache.series("x", NOW + FRESH, &budget, refuse).unwrap().is_empty());
        let again = cache.series("x", NOW + FAILED_FRESH, &budget, || Some(one_series()));
        assert_eq!(*again.unwrap(), one_series());
    }
}
