//! Classic histograms as native ones with custom buckets: `load_with_nhcb`.

use std::collections::BTreeMap;

use bellwether_model::labels::{BUCKET_LABEL, METRIC_NAME};
use bellwether_model::{FloatHistogram, Labels, Timestamp};

use crate::testing::series::{Item, SeriesLine};

/// What is known of one classic histogram at one time.
#[derive(Default)]
struct Parts {
    /// Cumulative counts by upper bound, in the order of the series.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// The native histograms that all classic ones among some series make.
pub(super) fn converted(
    lines: &[&SeriesLine],
    step_ms: i64,
) -> Result<Vec<(Labels, Timestamp, FloatHistogram)>, String> {
    let mut histograms: BTreeMap<(Labels, i64), Parts> = BTreeMap::new();
    for line in lines {
        let Some((labels, part)) = part(&line.labels) else {
            continue;
        };
        let mut at = 0;
        for item in &line.items {
            if let Item::Float(value) = item {
                let parts = histograms.entry((labels.clone(), at)).or_default();
                match part {
                    Part::Bucket(bound) => parts.buckets.push((bound, *value)),
                    Part::Count => parts.count = Some(*value),
                    Part::Sum => parts.sum = *value,
                }
            }
            at += step_ms;
        }
    }
    let build = |((labels, at), parts): ((Labels, i64), Parts)| {
        let histogram = native(parts).map_err(|reason| format!("{labels} at {at} ms: {reason}"))?;
        Ok((labels, Timestamp::from_millis(at), histogram))
    };
    histograms.into_iter().map(build).collect()
}

#[derive(Clone, Copy)]
enum Part {
    Bucket(f64),
    Count,
    Sum,
}

/// The labels of the histogram that a series is a part of.
fn part(labels: &Labels) -> Option<(Labels, Part)> {
    let name = labels.metric_name()?;
    let bound = || labels.value(BUCKET_LABEL).parse().ok().filter(|bound: &f64| !bound.is_nan());
    let (name, part) = if let Some(name) = name.strip_suffix("_bucket") {
        (name, Part::Bucket(bound()?))
    } else if let Some(name) = name.strip_suffix("_sum") {
        (name, Part::Sum)
    } else {
        (name.strip_suffix("_count")?, Part::Count)
    };
    let mut builder = labels.to_builder();
    builder.set(METRIC_NAME, name).remove(BUCKET_LABEL);
    Some((builder.build(), part))
}

fn native(mut parts: Parts) -> Result<FloatHistogram, String> {
    parts.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let largest = parts.buckets.last().map(|(_, count)| *count);
    let count = parts.count.or(largest).unwrap_or(0.0);
    if parts.buckets.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
        parts.buckets.push((f64::INFINITY, count));
    }
    let (bounds, counts): (Vec<f64>, Vec<f64>) = parts.buckets.into_iter().unzip();
    FloatHistogram::custom_from_cumulative(&bounds, &counts, count, parts.sum)
        .map_err(|error| error.to_string())
}
