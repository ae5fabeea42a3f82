//! What the numbers behind alerts and devices were doing lately: small series for sparklines.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bellwether_model::{Labels, Matcher, Queryable, Sample, Timestamp, is_stale};
use bellwether_promql::{Signal as RuleSignal, Value};

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
/// Expressions remembered.
const MAX_CACHED: usize = 256;
/// The most samples that one spark query reads.
const MAX_SPARK_SAMPLES: usize = 2_000_000;

/// Evaluated signals, by expression.
#[derive(Debug, Default)]
pub struct SignalCache(Mutex<HashMap<String, Evaluated>>);

#[derive(Debug, Clone)]
struct Evaluated {
    at: Timestamp,
    series: std::sync::Arc<Vec<bellwether_model::Series>>,
}

impl SignalCache {
    /// What the left side of a rule's comparison was for one alert's labels. Blocks while it is evaluated.
    pub fn of_alert(&self, host: &Host, rule: &RuleSignal, alert: &Labels, now: Timestamp) -> Option<Signal> {
        let evaluated = self.evaluate(host, &rule.text, now)?;
        let belongs = |labels: &Labels| {
            labels
                .iter()
                .all(|label| &*label.name == "__name__" || alert.get(&label.name) == Some(&*label.value))
        };
        let series = evaluated.series.iter().find(|series| belongs(&series.labels))?;
        let points = series.samples.iter();
        Some(Signal {
            query: rule.text.clone(),
            points: points.map(|sample| (sample.at, finite(sample.value))).collect(),
            threshold: Some(rule.threshold),
        })
    }

    fn evaluate(&self, host: &Host, text: &str, now: Timestamp) -> Option<Evaluated> {
        let cached = self.lock().get(text).filter(|cached| now.since(cached.at) < FRESH).cloned();
        if cached.is_some() {
            return cached;
        }
        let oldest = host.store.stats().head.oldest.unwrap_or(now);
        let range = now.since(oldest).clamp(MIN_SIGNAL_RANGE, SIGNAL_RANGE);
        let step = range / SIGNAL_POINTS;
        let query = host.engine().prepare(text).ok()?;
        let start = now - step * (SIGNAL_POINTS - 1);
        let answer = host.engine().range(&query, host.store.as_ref(), start, now, step).ok()?;
        let Value::Matrix(series) = answer.value else {
            return None;
        };
        let evaluated = Evaluated { at: now, series: std::sync::Arc::new(series) };
        let mut cache = self.lock();
        if cache.len() >= MAX_CACHED {
            cache.clear();
        }
        cache.insert(text.to_owned(), evaluated.clone());
        Some(evaluated)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Evaluated>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

fn spark(series: bellwether_model::Series, from: Timestamp, now: Timestamp) -> Option<Spark> {
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
