//! `info(v, {data labels})`: gives series the labels of the info metrics that describe the same target.
//!
//! An info metric (`target_info`, `*_info`) describes the series with the same `instance` and `job`. As in Prometheus 3
//! the metric is `target_info` unless the second argument asks for others by `__name__`.

mod reference;

use std::sync::Arc;

use bellwether_model::labels::METRIC_NAME;
use bellwether_model::query::LatestValue;
use bellwether_model::{Labels, LabelsBuilder, MatchOp, Matcher, RegexDialect};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::ast::{Expr, Extension, NodeId, Selector};
use crate::engine::evaluator::Evaluator;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cell, Cells, Shape, Vector};
use crate::error::EvalError;

/// The labels by which an info metric and the series that it describes know each other.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// The info metric that is meant where none is named.
const TARGET_INFO: &str = "target_info";

/// What the second argument asks for.
struct Wanted {
    /// Conditions on the names of info metrics.
    names: Vec<Matcher>,
    /// Conditions on other labels; only these labels are taken over, if there are any.
    data: Vec<Matcher>,
}

impl Wanted {
    fn new(selector: Option<&Selector>) -> Self {
        let matchers = selector.map_or(&[][..], |selector| &selector.matchers);
        let (names, data): (Vec<Matcher>, Vec<Matcher>) =
            matchers.iter().cloned().partition(|matcher| matcher.name() == METRIC_NAME);
        Self { names: effective(names), data }
    }

    fn takes(&self, label: &str) -> bool {
        self.data.is_empty() || self.data.iter().any(|matcher| matcher.name() == label)
    }
}

/// Conditions on names that only exclude are about everything that ends in `_info`; none at all ask for `target_info`.
fn effective(mut names: Vec<Matcher>) -> Vec<Matcher> {
    if names.iter().any(|matcher| matcher.op().is_positive()) {
        return names;
    }
    if names.is_empty() {
        return vec![Matcher::equal(METRIC_NAME, TARGET_INFO)];
    }
    let any_info = Matcher::new(METRIC_NAME, MatchOp::Regex, ".+_info", RegexDialect::Prometheus);
    names.extend(any_info);
    names
}

/// The info metrics, with the time of the newest sample of each at each step.
#[derive(Default)]
struct InfoSeries {
    labels: Vec<Labels>,
    /// Row after row; none where there is no sample.
    sampled_at: Vec<Option<i64>>,
}

/// Series that an info metric describes are the ones with the same name of the metric, instance and job.
type Key = (Arc<str>, [Arc<str>; 2]);

fn key(metric: &str, labels: &Labels) -> Key {
    (metric.into(), IDENTIFYING.map(|name| labels.value(name).into()))
}

impl Evaluator<'_> {
    pub(super) fn info(&self, args: &[NodeId], steps: Steps) -> Result<Vector, EvalError> {
        let selector = args.get(1).and_then(|&arg| match self.ast().expr(self.ast().without_parens(arg)) {
            Expr::Selector(selector) => Some(selector),
            _ => None,
        });
        let wanted = Wanted::new(selector);
        let shift = self.info_reference(args[0]);
        let base = self.eval_vector(args[0], steps)?.into_own();
        let is_info = |labels: &Labels| {
            let name = labels.metric_name().unwrap_or("");
            wanted.names.iter().all(|matcher| matcher.matches_value(name))
        };
        let ignored: Vec<bool> = base.shape.labels().iter().map(is_info).collect();
        let mut info = InfoSeries::default();
        for identifying in identifying_matchers(&base, &ignored)? {
            let matchers = identifying.into_iter().chain(wanted.data.clone()).chain(wanted.names.clone());
            let selector =
                Selector { name: None, matchers: matchers.collect(), shift, extension: Extension::None };
            self.select_info(&selector, steps, &mut info)?;
        }
        self.described(&base, &ignored, &info, &wanted, steps)
    }

    fn select_info(&self, selector: &Selector, steps: Steps, info: &mut InfoSeries) -> Result<(), EvalError> {
        let found = self.find_unlisted(selector)?;
        let list = &found.list;
        self.budget.hold(list.len().saturating_mul(steps.count))?;
        let first = info.sampled_at.len();
        info.labels.extend(list.labels().iter().cloned());
        info.sampled_at.resize(first + list.len() * steps.count, None);
        let mut failure = None;
        self.last_samples(&found, 0..list.len(), steps, &mut |place, step, sample| match sample.value {
            LatestValue::Float(_) => {
                info.sampled_at[first + place * steps.count + step] = Some(sample.at);
            }
            LatestValue::Histogram(_) => failure = Some(list.labels()[place].to_string()),
        })?;
        match failure {
            None => Ok(()),
            Some(labels) => Err(EvalError::BadArgument(format!(
                "this should be an info metric, with float samples: {labels}"
            ))),
        }
    }

    /// The series with the labels of the info metrics added, step by step.
    fn described(
        &self,
        base: &Vector,
        ignored: &[bool],
        info: &InfoSeries,
        wanted: &Wanted,
        steps: Steps,
    ) -> Result<Vector, EvalError> {
        let names: FxHashSet<&str> = info.labels.iter().filter_map(Labels::metric_name).collect();
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_unstable();
        let may_lack_info = wanted.data.iter().all(|matcher| matcher.matches_value(""));
        let mut places: FxHashMap<Labels, usize> = FxHashMap::default();
        let (mut labels, mut drops, mut cells) = (Vec::new(), Vec::new(), Cells::default());
        for step in 0..steps.count {
            self.check_cancelled()?;
            let newest = newest(info, step, steps)?;
            for (place, of_base) in base.shape.labels().iter().enumerate() {
                let cell = base.get(place, step);
                if matches!(cell, Cell::Absent) {
                    continue;
                }
                let described = if ignored[place] {
                    of_base.clone()
                } else {
                    let found = names.iter().filter_map(|name| newest.get(&key(name, of_base)));
                    let found: Vec<&Labels> = found.map(|&at| &info.labels[at]).collect();
                    if found.is_empty() && !may_lack_info {
                        continue;
                    }
                    with_data_labels(of_base, &found, wanted)?
                };
                let at = *places.entry(described).or_insert_with_key(|described| {
                    labels.push(described.clone());
                    drops.push(base.shape.drops_name(place));
                    cells.grow(steps.count);
                    labels.len() - 1
                });
                if cells.is_present(at * steps.count + step) {
                    return Err(EvalError::DuplicateLabelset);
                }
                cells.put(at * steps.count + step, cell);
            }
        }
        Ok(Vector { shape: Shape::new(labels, drops), steps: steps.count, cells })
    }
}

/// For each key the info series that was sampled last at a step; two at the same time are an error.
fn newest(info: &InfoSeries, step: usize, steps: Steps) -> Result<FxHashMap<Key, usize>, EvalError> {
    let mut newest: FxHashMap<Key, usize> = FxHashMap::default();
    let sampled_at = |place: usize| info.sampled_at[place * steps.count + step];
    for (place, labels) in info.labels.iter().enumerate() {
        let Some(at) = sampled_at(place) else {
            continue;
        };
        let slot = newest.entry(key(labels.metric_name().unwrap_or(""), labels)).or_insert(place);
        let other = sampled_at(*slot).unwrap_or(i64::MIN);
        if *slot != place && other == at {
            let (existing, new) = (&info.labels[*slot], labels);
            let message = format!(
                "found duplicate series for info metric: existing {existing} @ {other}, new {new} @ {at}"
            );
            return Err(EvalError::BadArgument(message));
        }
        if other < at {
            *slot = place;
        }
    }
    Ok(newest)
}

/// A series with the labels of info metrics that it has not itself.
fn with_data_labels(base: &Labels, info: &[&Labels], wanted: &Wanted) -> Result<Labels, EvalError> {
    let mut added = LabelsBuilder::default();
    for label in info.iter().copied().flatten() {
        if &*label.name == METRIC_NAME || !wanted.takes(&label.name) {
            continue;
        }
        if added.get(&label.name).is_some_and(|value| *value != *label.value) {
            return Err(EvalError::BadArgument(format!("conflicting label: {}", label.name)));
        }
        if base.get(&label.name).is_none() {
            added.set(label.name.clone(), label.value.clone());
        }
    }
    let mut all = base.to_builder();
    for label in &added.build() {
        all.set(label.name.clone(), label.value.clone());
    }
    Ok(all.build())
}

/// Conditions on `instance` and `job` that find the info metrics of all series that are not ignored: one set for those
/// with both, one for those with only one of them.
fn identifying_matchers(base: &Vector, ignored: &[bool]) -> Result<Vec<Vec<Matcher>>, EvalError> {
    let mut groups: std::collections::BTreeMap<[bool; 2], [FxHashSet<&str>; 2]> = Default::default();
    for (labels, _) in base.shape.labels().iter().zip(ignored).filter(|(_, ignored)| !**ignored) {
        let values = IDENTIFYING.map(|name| labels.value(name));
        let present = values.map(|value| !value.is_empty());
        if present == [false; 2] {
            continue;
        }
        let group = groups.entry(present).or_default();
        for (group, value) in group.iter_mut().zip(values) {
            group.insert(value);
        }
    }
    let matcher = |name: &str, values: &FxHashSet<&str>| {
        let mut values: Vec<&str> = values.iter().copied().collect();
        values.sort_unstable();
        match values[..] {
            [only] => Ok(Matcher::equal(name, only)),
            _ => {
                let any: Vec<String> = values.into_iter().map(regex::escape).collect();
                Matcher::new(name, MatchOp::Regex, any.join("|"), RegexDialect::Prometheus)
            }
        }
    };
    let set = |group: &[FxHashSet<&str>; 2]| {
        IDENTIFYING.into_iter().zip(group).map(|(name, values)| matcher(name, values)).collect()
    };
    let sets: Result<_, bellwether_model::matcher::RegexError> = groups.values().map(set).collect();
    sets.map_err(|error| EvalError::BadArgument(format!("info: {error}")))
}
