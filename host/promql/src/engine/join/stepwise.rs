//! A join in which partners may change from step to step.

use bellwether_model::Labels;
use bellwether_model::labels::{Quoted, is_classic_label_name};
use rustc_hash::{FxHashMap, FxHashSet};

use super::result_labels;
use crate::ast::{Binary, Cardinality, NodeId};
use crate::engine::arithmetic::{Combined, Outcome, combine_cells};
use crate::engine::evaluator::Evaluator;
use crate::engine::matching::Groups;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cell, Cells, Shape, Vector};
use crate::error::EvalError;

/// One side of a join: its series, their groups, and what stands for a missing one.
#[derive(Clone, Copy)]
struct Side<'a> {
    vector: &'a Vector,
    groups: &'a [u32],
    fill: Option<f64>,
    name: &'static str,
}

/// The results so far.
#[derive(Default)]
struct Results {
    /// By the pair of series that made them.
    by_pair: FxHashMap<(Option<usize>, Option<usize>), usize>,
    by_labels: FxHashMap<Labels, usize>,
    labels: Vec<Labels>,
    drops: Vec<bool>,
    cells: Cells,
}

/// What was found at one step.
#[derive(Default)]
struct Step {
    /// Groups and results that had a match.
    matched: FxHashSet<(u32, usize)>,
    matched_groups: FxHashSet<u32>,
    remark: Option<crate::annotations::Remark>,
}

pub(super) struct Stepwise<'a, 'e> {
    evaluator: &'a Evaluator<'e>,
    id: NodeId,
    binary: &'a Binary,
    steps: Steps,
    swapped: bool,
    results: Results,
}

impl<'a, 'e> Stepwise<'a, 'e> {
    pub(super) fn new(evaluator: &'a Evaluator<'e>, id: NodeId, binary: &'a Binary, steps: Steps) -> Self {
        let swapped = binary.matching.cardinality == Cardinality::OneToMany;
        Self { evaluator, id, binary, steps, swapped, results: Results::default() }
    }

    pub(super) fn run(mut self, groups: &Groups, left: &Vector, right: &Vector) -> Result<Vector, EvalError> {
        let matching = &self.binary.matching;
        let left = Side { vector: left, groups: &groups.left, fill: None, name: "left" };
        let right = Side { vector: right, groups: &groups.right, fill: None, name: "right" };
        let (many, one) = if self.swapped { (right, left) } else { (left, right) };
        // Prometheus fills by the sides as they are after the swap: `fill_left` means "many" under group_right, too.
        let many = Side { fill: matching.fill_left, ..many };
        let one = Side { fill: matching.fill_right, ..one };
        let fills = many.fill.is_some() || one.fill.is_some();
        let mut partners = vec![None; groups.labels.len()];
        for at in 0..self.steps.count {
            let is_there =
                |side: Side<'_>| (0..side.groups.len()).any(|place| side.vector.is_present(place, at));
            if fills || is_there(many) && is_there(one) {
                find_partners(&mut partners, one, groups, at)?;
                self.step(&partners, many, one, at)?;
            }
        }
        let Results { labels, drops, cells, .. } = self.results;
        Ok(Vector { shape: Shape::new(labels, drops), steps: self.steps.count, cells })
    }

    fn step(
        &mut self,
        partners: &[Option<usize>],
        many: Side<'_>,
        one: Side<'_>,
        at: usize,
    ) -> Result<(), EvalError> {
        let mut step = Step::default();
        for (place, &group) in many.groups.iter().enumerate() {
            let many_cell = many.vector.get(place, at);
            let partner = partners[group as usize];
            let one_cell = partner.map(|partner| one.vector.get(partner, at));
            let Some(one_cell) = one_cell.or_else(|| one.fill.map(Cell::Float)) else {
                continue;
            };
            if !matches!(many_cell, Cell::Absent) {
                self.pair(&mut step, (many, Some(place), many_cell), (one, partner, one_cell), group, at)?;
            }
        }
        if let Some(fill) = many.fill {
            for (group, partner) in (0_u32..).zip(partners) {
                let Some(partner) = partner.filter(|_| !step.matched_groups.contains(&group)) else {
                    continue;
                };
                let one_cell = one.vector.get(partner, at);
                let filled = (many, None, Cell::Float(fill));
                self.pair(&mut step, filled, (one, Some(partner), one_cell), group, at)?;
            }
        }
        if let Some(remark) = step.remark {
            self.evaluator.remark(self.id, remark);
        }
        Ok(())
    }

    /// One match at one step: series of both sides, none where it was filled in, and what they are.
    fn pair(
        &mut self,
        step: &mut Step,
        (many, many_place, many_cell): (Side<'_>, Option<usize>, Cell<'_>),
        (one, one_place, one_cell): (Side<'_>, Option<usize>, Cell<'_>),
        group: u32,
        at: usize,
    ) -> Result<(), EvalError> {
        let (a, b) = if self.swapped { (one_cell, many_cell) } else { (many_cell, one_cell) };
        let outcome = match combine_cells(self.binary.op, a, b) {
            Ok(outcome) => outcome,
            Err(remark) => {
                // Of all that goes wrong at a step Prometheus tells the last.
                step.remark = remark.or_else(|| step.remark.take());
                return Ok(());
            }
        };
        let place = self.place((many_place, one_place), many.vector, one.vector);
        let grouped = self.binary.matching.cardinality != Cardinality::OneToOne;
        let is_first_of_group = step.matched_groups.insert(group);
        if !grouped && !is_first_of_group {
            return Err(EvalError::ImplicitManyToOne);
        }
        // Two with the same result are an error even where the comparison would filter one of them.
        if !step.matched.insert((group, place)) {
            return Err(EvalError::AmbiguousGrouping);
        }
        step.remark = outcome.remark.clone().or_else(|| step.remark.take());
        self.put(place, at, outcome)
    }

    fn put(&mut self, place: usize, at: usize, outcome: Outcome) -> Result<(), EvalError> {
        let cell = place * self.steps.count + at;
        let returns_bool = self.binary.returns_bool;
        if !outcome.holds && !returns_bool {
            return Ok(());
        }
        let cells = &mut self.results.cells;
        if cells.is_present(cell) {
            return Err(EvalError::DuplicateLabelset);
        }
        match outcome.value {
            _ if returns_bool => cells.floats[cell] = f64::from(u8::from(outcome.holds)),
            Combined::Float(value) => cells.floats[cell] = value,
            Combined::Histogram(histogram) => cells.put_histogram(cell, histogram),
        }
        Ok(())
    }

    /// The result of a pair.
    fn place(&mut self, pair: (Option<usize>, Option<usize>), many: &Vector, one: &Vector) -> usize {
        if let Some(&place) = self.results.by_pair.get(&pair) {
            return place;
        }
        let many_labels = pair.0.map(|place| &many.shape.labels()[place]);
        let one_labels = pair.1.map(|place| &one.shape.labels()[place]);
        let labels = result_labels(self.binary, many_labels, one_labels);
        let drops = self.binary.returns_bool;
        let Results { by_pair, by_labels, labels: all, drops: all_drops, cells } = &mut self.results;
        let place = *by_labels.entry(labels).or_insert_with_key(|labels| {
            all.push(labels.clone());
            all_drops.push(drops);
            cells.grow(self.steps.count);
            all.len() - 1
        });
        by_pair.insert(pair, place);
        place
    }
}

/// The series of the "one" side for each group at a step; two of them are an error.
fn find_partners(
    partners: &mut [Option<usize>],
    one: Side<'_>,
    groups: &Groups,
    at: usize,
) -> Result<(), EvalError> {
    partners.fill(None);
    for (place, &group) in one.groups.iter().enumerate() {
        if !one.vector.is_present(place, at) {
            continue;
        }
        if let Some(other) = partners[group as usize].replace(place) {
            let labels = one.vector.shape.labels();
            let mut pair = [selector_text(&labels[other]), selector_text(&labels[place])];
            pair.sort();
            let [first, second] = pair;
            let group = groups.labels[group as usize].to_string();
            return Err(EvalError::ManyToMany { group, side: one.name, first, second });
        }
    }
    Ok(())
}

/// Labels with the name among them, as Prometheus prints them in this error.
fn selector_text(labels: &Labels) -> String {
    let mut text = String::from("{");
    for label in labels {
        let separator = if text.len() > 1 { ", " } else { "" };
        let name = if is_classic_label_name(&label.name) {
            label.name.to_string()
        } else {
            Quoted(&label.name).to_string()
        };
        text += &format!("{separator}{name}={}", Quoted(&label.value));
    }
    text + "}"
}
