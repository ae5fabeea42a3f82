//! What is asked of a model at one time, and what its verdicts become: series of `<name>:score` and so on.

use std::sync::Arc;

use bellwether_model::detector::{Verdicts, WindowMatrix};
use bellwether_model::labels::METRIC_NAME;
use bellwether_model::modelling::ModelPoints;
use bellwether_model::{Fingerprint, Labels, Record, Timestamp, stale_nan};
use rustc_hash::{FxHashMap, FxHashSet};

use super::roster::Roster;
use crate::config::MODEL_SERIES;

/// One model with the series that it judges at a time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Subject {
    pub(super) key: Fingerprint,
    dimensions: Vec<Labels>,
    /// One for each dimension; NaN where the series has no value now.
    values: Vec<f64>,
}

/// The models that judge these values: those that are fitted.
pub(super) fn subjects(roster: &Roster, vector: &[(Labels, f64)]) -> Vec<Subject> {
    if !roster.plan().multivariate {
        let fitted = vector.iter().map(|(labels, value)| (roster.key(labels), labels, *value));
        let fitted =
            fitted.filter(|(key, labels, _)| roster.knows(*key, labels) && roster.fit(*key).is_some());
        return fitted
            .map(|(key, labels, value)| Subject {
                key,
                dimensions: vec![labels.clone()],
                values: vec![value],
            })
            .collect();
    }
    let key = roster.key(&Labels::empty());
    let Some(fit) = roster.fit(key).filter(|_| !vector.is_empty()) else { return Vec::new() };
    let by_labels: FxHashMap<&Labels, f64> = vector.iter().map(|(labels, value)| (labels, *value)).collect();
    let value = |labels: &Labels| by_labels.get(labels).copied().unwrap_or(f64::NAN);
    let values = fit.dimensions.iter().map(value).collect();
    vec![Subject { key, dimensions: fit.dimensions.clone(), values }]
}

impl Subject {
    /// One point of each series.
    pub(super) fn points(&self, at: Timestamp) -> ModelPoints {
        let count = self.values.len();
        let points = WindowMatrix {
            offsets: (0..=u32::try_from(count).unwrap_or(u32::MAX)).collect(),
            times: vec![at.as_millis(); count],
            values: self.values.clone(),
        };
        ModelPoints { series: self.key, points }
    }

    /// The scores of series that have a value.
    pub(super) fn scores(&self, verdicts: &Verdicts) -> Vec<f64> {
        let pairs = self.values.iter().zip(&verdicts.score);
        pairs.filter(|(value, _)| !value.is_nan()).map(|(_, score)| *score).collect()
    }

    /// The samples to write. Nothing of series without a score.
    pub(super) fn records(&self, name: &str, verdicts: &Verdicts, at: Timestamp) -> Vec<Record> {
        let names = MODEL_SERIES.map(|column| Arc::<str>::from(format!("{name}:{column}")));
        let columns = [&verdicts.score, &verdicts.expected, &verdicts.lower, &verdicts.upper];
        let mut records = Vec::new();
        for (place, (labels, value)) in self.dimensions.iter().zip(&self.values).enumerate() {
            let score = verdicts.score.get(place).copied().unwrap_or(f64::NAN);
            if value.is_nan() || score.is_nan() {
                continue;
            }
            let said =
                names.iter().zip(columns).filter_map(|(name, column)| Some((name, *column.get(place)?)));
            for (name, value) in said.filter(|(_, value)| !value.is_nan()) {
                let mut named = labels.to_builder();
                named.set(METRIC_NAME, Arc::clone(name));
                records.push(Record::new(named.build(), at, value));
            }
        }
        records
    }
}

/// Adds the ends of series that were written the last time and are not now; returns those that are.
pub(super) fn end_others(
    records: &mut Vec<Record>,
    written: &FxHashSet<Labels>,
    at: Timestamp,
) -> FxHashSet<Labels> {
    let current: FxHashSet<Labels> = records.iter().map(|record| record.labels.clone()).collect();
    let gone = written.iter().filter(|labels| !current.contains(*labels));
    records.extend(gone.map(|labels| Record::new(labels.clone(), at, stale_nan())));
    current
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bellwether_model::is_stale;
    use bellwether_model::modelling::FitReport;

    use super::*;
    use crate::modelling::roster::{Fit, Plan};

    const NOW: Timestamp = Timestamp::from_millis(1_795_248_000_000);

    fn device(name: &str) -> Labels {
        Labels::from_pairs([("device", name)])
    }

    fn roster(multivariate: bool) -> Roster {
        let day = Duration::from_secs(86_400);
        let plan =
            Plan { name: "m".to_owned(), multivariate, fit_every: day, history: day, normal_below: 3.0 };
        let mut roster = Roster::new(plan, NOW);
        let dimensions = vec![device("b"), device("a")];
        let fit = Fit { at: NOW, report: FitReport::default(), dimensions, state_bytes: 0 };
        let labels = if multivariate { Labels::empty() } else { device("a") };
        roster.restored(labels, fit, NOW);
        roster
    }

    #[test]
    fn series_without_a_model_are_not_judged() {
        let subjects = subjects(&roster(false), &[(device("a"), 1.0), (device("new"), 2.0)]);
        assert_eq!(subjects.len(), 1);
        let points = subjects[0].points(NOW).points;
        assert_eq!((points.offsets, points.values), (vec![0, 1], vec![1.0]));
    }

    #[test]
    fn one_model_of_all_gets_them_in_the_order_that_it_knows() {
        let subjects = subjects(&roster(true), &[(device("a"), 1.0), (device("new"), 2.0)]);
        let points = subjects[0].points(NOW).points;
        assert_eq!(points.offsets, [0, 1, 2]);
        assert!(points.values[0].is_nan() && points.values[1] == 1.0, "{points:?}");
        let verdicts =
            Verdicts { score: vec![9.0, 0.5], expected: vec![0.0, f64::NAN], ..Verdicts::default() };
        assert_eq!(subjects[0].scores(&verdicts), [0.5]);
        let records = subjects[0].records("m", &verdicts, NOW);
        assert_eq!(
            records.len(),
            1,
            "nothing of the one that is missing, and no expectation that is no number"
        );
        assert_eq!(records[0].labels.to_string(), r#"m:score{device="a"}"#);
        assert!(super::subjects(&roster(true), &[]).is_empty());
    }

    #[test]
    fn series_that_are_not_written_again_end() {
        let mut records = vec![Record::new(device("a"), NOW, 1.0)];
        let written = end_others(&mut records, &FxHashSet::default(), NOW);
        assert_eq!(records.len(), 1);
        let mut records = vec![Record::new(device("b"), NOW, 1.0)];
        let written = end_others(&mut records, &written, NOW);
        assert!(records[1].labels == device("a") && is_stale(records[1].sample.value));
        let mut records = Vec::new();
        let written = end_others(&mut records, &written, NOW);
        assert_eq!((records.len(), written.len()), (1, 0));
    }
}
