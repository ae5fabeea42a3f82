//! Series in memory: the store behind test scripts, unit tests of rules, and examples.

use std::collections::BTreeMap;

use bellwether_model::matcher::all_match;
use bellwether_model::{Labels, Matcher, QueryError, Queryable, Sample, Series, Timestamp};

/// All samples of all series, sorted.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    series: BTreeMap<Labels, BTreeMap<Timestamp, f64>>,
}

impl MemoryStore {
    /// Writes a value; one at the same time is replaced.
    pub fn put(&mut self, labels: &Labels, sample: Sample) {
        self.series.entry(labels.clone()).or_default().insert(sample.at, sample.value);
    }

    fn matching<'a>(
        &'a self,
        matchers: &'a [Matcher],
        start: Timestamp,
        end: Timestamp,
    ) -> impl Iterator<Item = Series> + 'a {
        let matching = self.series.iter().filter(|(labels, _)| all_match(matchers, labels));
        let in_range = move |(labels, samples): (&Labels, &BTreeMap<Timestamp, f64>)| {
            let range = if start <= end { start..=end } else { end..=end };
            let samples: Vec<Sample> =
                samples.range(range).map(|(&at, &value)| Sample::new(at, value)).collect();
            Series { labels: labels.clone(), samples }
        };
        matching.map(in_range).filter(|series| !series.samples.is_empty())
    }
}

impl Queryable for MemoryStore {
    fn select(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
        max_samples: usize,
    ) -> Result<Vec<Series>, QueryError> {
        let mut room = max_samples;
        let mut found = Vec::new();
        for series in self.matching(matchers, start, end) {
            let left = room.checked_sub(series.samples.len());
            room = left.ok_or(QueryError::TooManySamples { limit: max_samples })?;
            found.push(series);
        }
        Ok(found)
    }

    fn series(
        &self,
        matchers: &[Matcher],
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Vec<Labels>, QueryError> {
        Ok(self.matching(matchers, start, end).map(|series| series.labels).collect())
    }
}
