//! Recording rules: an expression's result becomes series of a new name.

use bellwether_model::labels::METRIC_NAME;
use bellwether_model::{Labels, Record, Timestamp};
use bellwether_promql::{InstantSample, Query};
use rustc_hash::FxHashSet;

use crate::group::RuleError;

/// Writes the result of an expression under another name.
#[derive(Debug, Clone)]
pub struct RecordingRule {
    /// Name of the new metric.
    pub record: String,
    /// What is evaluated.
    pub query: Query,
    /// Labels that are set on every series; an empty value removes a label.
    pub labels: Vec<(String, String)>,
}

impl RecordingRule {
    /// The samples to write for one evaluation. Two results with the same labels are an error, as in Prometheus.
    pub fn records(&self, result: &[InstantSample], at: Timestamp) -> Result<Vec<Record>, RuleError> {
        let mut seen = FxHashSet::default();
        result
            .iter()
            .map(|sample| {
                let labels = self.labels_of(&sample.labels);
                if !seen.insert(labels.clone()) {
                    return Err(RuleError::DuplicateResult);
                }
                let value = sample.value.as_float().ok_or(RuleError::HistogramResult)?;
                Ok(Record::new(labels, at, value))
            })
            .collect()
    }

    fn labels_of(&self, result: &Labels) -> Labels {
        let mut builder = result.to_builder();
        builder.set(METRIC_NAME, self.record.as_str());
        for (name, value) in &self.labels {
            builder.set(name.as_str(), value.as_str());
        }
        builder.build()
    }
}
