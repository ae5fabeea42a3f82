//! One series of an intermediate result: a value, or nothing, for each step.

use bellwether_model::labels::METRIC_NAME;
use bellwether_model::{Labels, Sample, Timestamp, stale_nan};
use rustc_hash::FxHashMap;

use crate::engine::evaluator::Steps;
use crate::error::EvalError;

/// A series with one entry for each step.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) labels: Labels,
    /// Whether the metric's name goes away at the end.
    pub(super) drop_name: bool,
    /// [`absent`] where there is no value.
    pub(super) values: Vec<f64>,
}

impl Column {
    pub(super) fn scalar(values: Vec<f64>) -> Self {
        Self { labels: Labels::empty(), drop_name: false, values }
    }

    pub(super) fn empty(labels: Labels, drop_name: bool, steps: Steps) -> Self {
        Self { labels, drop_name, values: vec![absent(); steps.count] }
    }

    /// The values with their times.
    pub(super) fn samples(&self, steps: Steps) -> impl Iterator<Item = Sample> {
        let values = self.values.iter().enumerate();
        values
            .filter(|(_, value)| !is_absent(**value))
            .map(move |(at, value)| Sample::new(steps.time(at), *value))
    }
}

/// The mark of a step without a value: the stale marker, which no computation yields and no selector lets through.
pub(super) fn absent() -> f64 {
    stale_nan()
}

pub(super) fn is_absent(value: f64) -> bool {
    bellwether_model::is_stale(value)
}

/// Leaves out the series without any value.
pub(super) fn retain_present(columns: &mut Vec<Column>) {
    columns.retain(|column| column.values.iter().any(|&value| !is_absent(value)));
}

/// The labels that describe a metric and go away together: its name, type and unit.
pub(super) fn is_metadata_label(name: &str) -> bool {
    matches!(name, METRIC_NAME | "__type__" | "__unit__")
}

/// Without name, type and unit.
pub(super) fn without_metadata(labels: &Labels) -> Labels {
    let has = labels.iter().any(|label| is_metadata_label(&label.name));
    if has { labels.filtered(|name| !is_metadata_label(name)) } else { labels.clone() }
}

/// Takes off the names that were to be dropped, and merges what is the same series then.
pub(super) fn without_dropped_names(mut columns: Vec<Column>) -> Result<Vec<Column>, EvalError> {
    for column in columns.iter_mut().filter(|column| column.drop_name) {
        column.labels = without_metadata(&column.labels);
    }
    merged(columns)
}

/// Columns with the same labels become one; two values at one step are an error.
pub(super) fn merged(columns: Vec<Column>) -> Result<Vec<Column>, EvalError> {
    let mut places: FxHashMap<Labels, usize> = FxHashMap::default();
    let mut kept: Vec<Column> = Vec::with_capacity(columns.len());
    for column in columns {
        match places.get(&column.labels) {
            Some(&place) => merge_into(&mut kept[place], &column)?,
            None => {
                places.insert(column.labels.clone(), kept.len());
                kept.push(column);
            }
        }
    }
    Ok(kept)
}

fn merge_into(into: &mut Column, from: &Column) -> Result<(), EvalError> {
    for (into, &from) in into.values.iter_mut().zip(&from.values) {
        if is_absent(from) {
            continue;
        }
        if !is_absent(*into) {
            return Err(EvalError::DuplicateLabelset);
        }
        *into = from;
    }
    Ok(())
}

impl Steps {
    /// The time of a step.
    pub(super) fn time(self, at: usize) -> Timestamp {
        let ahead = i64::try_from(at).unwrap_or(i64::MAX).saturating_mul(self.step);
        Timestamp::from_millis(self.start.saturating_add(ahead))
    }

    /// The time of the last step.
    pub(super) fn last(self) -> Timestamp {
        self.time(self.count.saturating_sub(1))
    }
}
