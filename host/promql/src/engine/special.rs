//! Functions that look at whole vectors, at labels, or at the evaluation itself.

use std::cmp::Ordering;

use bellwether_model::labels::{BUCKET_LABEL, METRIC_NAME};
use bellwether_model::matcher::compile_anchored;
use bellwether_model::{Labels, LabelsBuilder, MatchOp, RegexDialect};
use rustc_hash::FxHashMap;

use crate::ast::{Expr, NodeId, Selector};
use crate::engine::call::seconds;
use crate::engine::column::{Column, absent, is_absent, merged};
use crate::engine::evaluator::{Evaluated, Evaluator, Severity, Steps, map_present};
use crate::error::EvalError;
use crate::functions::histogram::{Bucket, quantile};
use crate::functions::{Special, labels};

impl Evaluator<'_> {
    pub(super) fn special_call(
        &self,
        special: Special,
        id: NodeId,
        args: &[NodeId],
        steps: Steps,
    ) -> Result<Evaluated, EvalError> {
        let same = |value: f64| Ok(Evaluated::Scalar(vec![value; steps.count]));
        let columns = match special {
            Special::Time => return Ok(Evaluated::Scalar(seconds(steps))),
            Special::Start => return same(self.bounds.0.as_secs_f64()),
            Special::End => return same(self.bounds.1.as_secs_f64()),
            Special::Step => return same(self.outer_step_ms as f64 / 1000.0),
            Special::Range => return same(self.bounds.1.millis_since(self.bounds.0) as f64 / 1000.0),
            Special::Scalar => {
                return Ok(Evaluated::Scalar(only_values(&self.eval_vector(args[0], steps)?, steps)));
            }
            Special::Vector => vec![Column::scalar(self.eval_scalar(args[0], steps)?)],
            Special::Timestamp => self.timestamps(args[0], steps)?,
            Special::Absent => self.absent(args[0], steps)?,
            Special::AbsentOverTime => self.absent_over_time(args[0], steps)?,
            Special::HistogramQuantile => self.histogram_quantile(args, steps)?,
            Special::LabelReplace => self.label_replace(args, steps)?,
            Special::LabelJoin => self.label_join(args, steps)?,
            Special::Sort | Special::SortDesc | Special::SortByLabel | Special::SortByLabelDesc => {
                self.sort(special, id, args, steps)?
            }
        };
        Ok(Evaluated::Vector(columns))
    }

    /// The times of the samples themselves for a selector, else the times of evaluation.
    fn timestamps(&self, arg: NodeId, steps: Steps) -> Result<Vec<Column>, EvalError> {
        if let Expr::Selector(selector) = self.ast().expr(self.ast().without_parens(arg)) {
            return self.select_times(selector, steps);
        }
        let mut columns = self.eval_vector(arg, steps)?;
        for column in &mut columns {
            column.drop_name = true;
            map_present(&mut column.values, |at, _| Some(steps.time(at).as_secs_f64()));
        }
        Ok(columns)
    }

    fn absent(&self, arg: NodeId, steps: Steps) -> Result<Vec<Column>, EvalError> {
        let columns = self.eval_vector(arg, steps)?;
        let present = |at: usize| columns.iter().any(|column| !is_absent(column.values[at]));
        Ok(vec![self.absence(arg, steps, present)])
    }

    fn absent_over_time(&self, arg: NodeId, steps: Steps) -> Result<Vec<Column>, EvalError> {
        let windows = self.windows(arg, steps)?;
        let mut present = vec![false; steps.count];
        for series in &windows.series {
            let seen = self.over_windows(&windows, series, steps, |_, _| Some(1.0))?;
            present.iter_mut().zip(seen).for_each(|(present, seen)| *present |= !is_absent(seen));
        }
        Ok(vec![self.absence(arg, steps, |at| present[at])])
    }

    /// 1 at each step without anything, with the labels that the selector asks for.
    fn absence(&self, arg: NodeId, steps: Steps, present: impl Fn(usize) -> bool) -> Column {
        let values = (0..steps.count).map(|at| if present(at) { absent() } else { 1.0 }).collect();
        let inner = self.ast().without_parens(arg);
        let labels = match self.ast().expr(inner) {
            Expr::Selector(selector) => absent_labels(selector),
            Expr::Window { selector, .. } => match self.ast().expr(*selector) {
                Expr::Selector(selector) => absent_labels(selector),
                _ => Labels::empty(),
            },
            _ => Labels::empty(),
        };
        Column { labels, drop_name: false, values }
    }

    fn histogram_quantile(&self, args: &[NodeId], steps: Steps) -> Result<Vec<Column>, EvalError> {
        let phis = self.eval_scalar(args[0], steps)?;
        let columns = self.eval_vector(args[1], steps)?;
        self.warn_of_quantiles(args[0], &phis);
        let mut places: FxHashMap<Labels, usize> = FxHashMap::default();
        let mut histograms: Vec<(Labels, Vec<(f64, &Column)>)> = Vec::new();
        for column in &columns {
            let bound = column.labels.value(BUCKET_LABEL);
            let Some(upper) = parse_bound(bound) else {
                let name = column.labels.metric_name().unwrap_or("");
                let message = format!(
                    "bucket label \"le\" is missing or has a malformed value of {bound:?} for metric name {name:?}"
                );
                self.note(Severity::Warning, args[1], &message);
                continue;
            };
            let labels = column.labels.filtered(|name| name != BUCKET_LABEL);
            let place = *places.entry(labels).or_insert_with_key(|labels| {
                histograms.push((labels.clone(), Vec::new()));
                histograms.len() - 1
            });
            histograms[place].1.push((upper, column));
        }
        Ok(histograms.iter().map(|histogram| self.quantiles(histogram, &phis, args[1], steps)).collect())
    }

    fn quantiles(
        &self,
        (labels, bounds): &(Labels, Vec<(f64, &Column)>),
        phis: &[f64],
        arg: NodeId,
        steps: Steps,
    ) -> Column {
        let mut result = Column::empty(labels.clone(), true, steps);
        for (at, slot) in result.values.iter_mut().enumerate() {
            let at_step =
                bounds.iter().map(|(upper, column)| Bucket { upper: *upper, count: column.values[at] });
            let buckets: Vec<Bucket> = at_step.filter(|bucket| !is_absent(bucket.count)).collect();
            if buckets.is_empty() {
                continue;
            }
            let found = quantile(phis[at], buckets);
            *slot = found.value;
            if found.forced_monotonic {
                let name = labels.metric_name().unwrap_or("");
                let message = format!(
                    "input to histogram_quantile needed to be fixed for monotonicity (see \
                     https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) for metric name {name:?}"
                );
                self.note(Severity::Info, arg, &message);
            }
        }
        result
    }

    fn label_replace(&self, args: &[NodeId], steps: Steps) -> Result<Vec<Column>, EvalError> {
        let mut columns = self.eval_vector(args[0], steps)?;
        let text = |at: usize| self.eval_string(args[at], steps);
        let (destination, replacement, source, pattern) = (text(1)?, text(2)?, text(3)?, text(4)?);
        let regex = compile_anchored(&pattern, RegexDialect::Prometheus).map_err(|_| {
            EvalError::BadArgument(format!("invalid regular expression in label_replace(): {pattern}"))
        })?;
        check_label("label_replace", "destination", &destination)?;
        for column in &mut columns {
            let Some(labels) = labels::replaced(&column.labels, &destination, &replacement, &source, &regex)
            else {
                continue;
            };
            column.labels = labels;
            column.drop_name &= &*destination != METRIC_NAME;
        }
        merged(columns)
    }

    fn label_join(&self, args: &[NodeId], steps: Steps) -> Result<Vec<Column>, EvalError> {
        let mut columns = self.eval_vector(args[0], steps)?;
        let destination = self.eval_string(args[1], steps)?;
        let separator = self.eval_string(args[2], steps)?;
        let sources: Result<Vec<_>, _> = args[3..].iter().map(|&arg| self.eval_string(arg, steps)).collect();
        let sources = sources?;
        let sources: Vec<&str> = sources.iter().map(|source| &**source).collect();
        check_label("label_join", "destination", &destination)?;
        sources.iter().try_for_each(|source| check_label("label_join", "source", source))?;
        for column in &mut columns {
            column.labels = labels::joined(&column.labels, &destination, &separator, &sources);
            column.drop_name &= &*destination != METRIC_NAME;
        }
        merged(columns)
    }

    /// Orders the series of an instant query; over a range the order is that of the labels, whatever is asked for.
    fn sort(
        &self,
        special: Special,
        id: NodeId,
        args: &[NodeId],
        steps: Steps,
    ) -> Result<Vec<Column>, EvalError> {
        let mut columns = self.eval_vector(args[0], steps)?;
        if steps.count > 1 {
            let message = "sort is ineffective for range queries since results are always ordered by labels";
            self.note(Severity::Warning, id, message);
            return Ok(columns);
        }
        let by_value =
            |a: &Column, b: &Column| a.values[0].partial_cmp(&b.values[0]).unwrap_or(Ordering::Equal);
        let nan_last = |a: &Column, b: &Column| a.values[0].is_nan().cmp(&b.values[0].is_nan());
        let names: Result<Vec<_>, _> = args[1..].iter().map(|&arg| self.eval_string(arg, steps)).collect();
        let names = names?;
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        columns.sort_by(|a, b| match special {
            Special::Sort => nan_last(a, b).then_with(|| by_value(a, b)),
            Special::SortDesc => nan_last(a, b).then_with(|| by_value(b, a)),
            Special::SortByLabelDesc => labels::compare_by(&names, &b.labels, &a.labels),
            _ => labels::compare_by(&names, &a.labels, &b.labels),
        });
        Ok(columns)
    }
}

/// The single value of a vector at each step; NaN where there is none or more than one.
fn only_values(columns: &[Column], steps: Steps) -> Vec<f64> {
    let only = |at: usize| {
        let mut present = columns.iter().map(|column| column.values[at]).filter(|&value| !is_absent(value));
        match (present.next(), present.next()) {
            (Some(value), None) => value,
            _ => f64::NAN,
        }
    };
    (0..steps.count).map(only).collect()
}

/// The labels that equal-matchers name once; a label with several conditions is left out.
fn absent_labels(selector: &Selector) -> Labels {
    let mut builder = LabelsBuilder::default();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in selector.matchers.iter().filter(|matcher| matcher.name() != METRIC_NAME) {
        if matcher.op() == MatchOp::Equal && !seen.contains(&matcher.name()) {
            builder.set(matcher.name(), matcher.value());
            seen.push(matcher.name());
        } else {
            builder.remove(matcher.name());
        }
    }
    builder.build()
}

/// The upper bound of a bucket as Go's `strconv.ParseFloat` reads it.
fn parse_bound(text: &str) -> Option<f64> {
    text.parse().ok()
}

fn check_label(function: &str, role: &str, name: &str) -> Result<(), EvalError> {
    // Bytes that are no UTF-8 became the replacement character when the string was read.
    if name.is_empty() || name.contains(char::REPLACEMENT_CHARACTER) {
        return Err(EvalError::BadArgument(format!("invalid {role} label name in {function}(): {name}")));
    }
    Ok(())
}
