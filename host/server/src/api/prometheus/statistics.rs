//! The parameter `stats`: how long the parts of a query took, and how many samples it looked at.

use std::time::Duration;

use bellwether_model::Timestamp;
use bellwether_model::labels::Quoted;
use bellwether_promql::{QueryStats, Statistics};
use serde::{Serialize, Serializer};

use super::answer::Seconds;

/// What is counted for a value of `stats`.
pub(super) fn asked_for(stats: &str) -> Statistics {
    match stats {
        "" => Statistics::Off,
        "all" => Statistics::PerStep,
        _ => Statistics::Totals,
    }
}

/// A remark about a value that Prometheus takes for `true`, for now.
pub(super) fn remark(stats: &str) -> Option<String> {
    if matches!(stats, "" | "true" | "all") {
        return None;
    }
    Some(format!(
        "value {} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" or \
         \"all\"",
        Quoted(stats)
    ))
}

/// How long the parts of a query took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Timings {
    /// Parsing it.
    pub(super) preparing: Duration,
    /// Waiting for a slot.
    pub(super) queued: Duration,
    /// Evaluating it.
    pub(super) evaluating: Duration,
}

/// The field `stats` of an answer.
#[derive(Debug, Serialize)]
pub(super) struct StatsJson {
    timings: TimingsJson,
    samples: SamplesJson,
}

/// All in seconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TimingsJson {
    eval_total_time: f64,
    result_sort_time: f64,
    query_preparation_time: f64,
    inner_eval_time: f64,
    exec_queue_time: f64,
    exec_total_time: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SamplesJson {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    total_queryable_samples_per_step: Vec<StepJson>,
    total_queryable_samples: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    samples_read_per_step: Vec<StepJson>,
    samples_read: u64,
    peak_samples: u64,
}

/// `[1435781451.781,12]`
#[derive(Debug)]
struct StepJson(Timestamp, u64);

impl Serialize for StepJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (Seconds(self.0), self.1).serialize(serializer)
    }
}

impl StatsJson {
    pub(super) fn new(stats: QueryStats, timings: Timings) -> Self {
        let Timings { preparing, queued, evaluating } = timings;
        let steps = |counts: Vec<(Timestamp, u64)>| -> Vec<StepJson> {
            counts.into_iter().map(|(at, count)| StepJson(at, count)).collect()
        };
        Self {
            timings: TimingsJson {
                eval_total_time: (preparing + evaluating).as_secs_f64(),
                // Results are sorted as they are put together.
                result_sort_time: 0.0,
                query_preparation_time: preparing.as_secs_f64(),
                inner_eval_time: evaluating.as_secs_f64(),
                exec_queue_time: queued.as_secs_f64(),
                exec_total_time: (preparing + queued + evaluating).as_secs_f64(),
            },
            samples: SamplesJson {
                total_queryable_samples_per_step: steps(stats.samples_per_step),
                total_queryable_samples: stats.total_samples,
                samples_read_per_step: steps(stats.read_per_step),
                samples_read: stats.samples_read,
                peak_samples: stats.peak_samples,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_where_they_were_counted() {
        let mut stats =
            QueryStats { total_samples: 3, samples_read: 2, peak_samples: 4, ..QueryStats::default() };
        let json = |stats| serde_json::to_value(StatsJson::new(stats, Timings::default())).unwrap();
        let samples = serde_json::json!({"totalQueryableSamples": 3, "samplesRead": 2, "peakSamples": 4});
        assert_eq!(json(stats.clone())["samples"], samples);
        stats.samples_per_step = vec![(Timestamp::from_millis(1500), 3)];
        assert_eq!(json(stats)["samples"]["totalQueryableSamplesPerStep"], serde_json::json!([[1.5, 3]]));
    }

    #[test]
    fn any_value_counts_but_some_are_deprecated() {
        assert_eq!(
            [asked_for(""), asked_for("1"), asked_for("all")],
            [Statistics::Off, Statistics::Totals, Statistics::PerStep]
        );
        assert_eq!((remark("true"), remark("")), (None, None));
        assert_eq!(
            remark("yes").unwrap(),
            "value \"yes\" for parameter \"stats\" is deprecated and will be rejected in the next major release, use \
             \"true\" or \"all\""
        );
    }
}
