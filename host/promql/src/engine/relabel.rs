//! `label_replace` and `label_join`: the same values under other labels.

use std::sync::Arc;

use bellwether_model::labels::METRIC_NAME;
use bellwether_model::matcher::compile_anchored;
use bellwether_model::{Labels, RegexDialect};
use rustc_hash::FxHashMap;

use crate::ast::NodeId;
use crate::engine::call::is_label_name;
use crate::engine::evaluator::Evaluator;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cell, Cells, Shape, Vector};
use crate::error::EvalError;
use crate::functions::labels;

impl Evaluator<'_> {
    pub(super) fn label_replace(&self, args: &[NodeId], steps: Steps) -> Result<Vector, EvalError> {
        let texts = self.texts(&args[1..], steps)?;
        let [destination, replacement, source, pattern] = &texts[..] else {
            return Err(EvalError::BadArgument("label_replace takes four texts".to_owned()));
        };
        let regex = compile_anchored(pattern, RegexDialect::Prometheus).map_err(|_| {
            EvalError::BadArgument(format!("invalid regular expression in label_replace(): {pattern}"))
        })?;
        check_label("label_replace", "destination", destination)?;
        let vector = self.eval_vector(args[0], steps)?.into_own();
        relabelled(vector, destination, |labels| {
            labels::replaced(labels, destination, replacement, source, &regex)
        })
    }

    pub(super) fn label_join(&self, args: &[NodeId], steps: Steps) -> Result<Vector, EvalError> {
        let texts = self.texts(&args[1..], steps)?;
        let [destination, separator, sources @ ..] = &texts[..] else {
            return Err(EvalError::BadArgument("label_join takes two texts and more".to_owned()));
        };
        sources.iter().try_for_each(|source| check_label("label_join", "source", source))?;
        check_label("label_join", "destination", destination)?;
        let sources: Vec<&str> = sources.iter().map(|source| &**source).collect();
        let vector = self.eval_vector(args[0], steps)?.into_own();
        relabelled(vector, destination, |labels| {
            Some(labels::joined(labels, destination, separator, &sources))
        })
    }
}

/// Gives each series the labels that `change` says, or leaves it those it has, and merges what is the same then.
fn relabelled(
    vector: Vector,
    destination: &Arc<str>,
    change: impl Fn(&Labels) -> Option<Labels>,
) -> Result<Vector, EvalError> {
    let shape = &vector.shape;
    let (mut labels, mut drops) = (Vec::with_capacity(shape.len()), Vec::with_capacity(shape.len()));
    for (place, before) in shape.labels().iter().enumerate() {
        let after = change(before);
        // A name that was given on purpose stays.
        let named = after.is_some() && **destination == *METRIC_NAME;
        drops.push(shape.drops_name(place) && !named);
        labels.push(after.unwrap_or_else(|| before.clone()));
    }
    merged(Vector { shape: Shape::new(labels, drops), ..vector })
}

fn check_label(function: &str, role: &str, name: &str) -> Result<(), EvalError> {
    if is_label_name(name) {
        return Ok(());
    }
    Err(EvalError::BadArgument(format!("invalid {role} label name in {function}(): {name}")))
}

/// Series with the same labels become one; two values at one step are an error.
pub(super) fn merged(vector: Vector) -> Result<Vector, EvalError> {
    let mut places: FxHashMap<&Labels, usize> = FxHashMap::default();
    let mut targets = Vec::with_capacity(vector.shape.len());
    let mut firsts = Vec::new();
    for (place, labels) in vector.shape.labels().iter().enumerate() {
        targets.push(*places.entry(labels).or_insert_with(|| {
            firsts.push(place);
            firsts.len() - 1
        }));
    }
    if firsts.len() == targets.len() {
        return Ok(vector);
    }
    let steps = vector.steps;
    let mut cells = Cells::empty(firsts.len() * steps);
    for (place, &target) in targets.iter().enumerate() {
        for step in 0..steps {
            let cell = vector.get(place, step);
            if matches!(cell, Cell::Absent) {
                continue;
            }
            if cells.is_present(target * steps + step) {
                return Err(EvalError::DuplicateLabelset);
            }
            cells.put(target * steps + step, cell);
        }
    }
    let labels = firsts.iter().map(|&place| vector.shape.labels()[place].clone()).collect();
    let drops = firsts.iter().map(|&place| vector.shape.drops_name(place)).collect();
    Ok(Vector { shape: Shape::new(labels, drops), steps, cells })
}
