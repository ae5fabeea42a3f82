//! Binary operators between scalars, vectors, or both; which series match which.

use bellwether_model::Labels;
use bellwether_model::labels::{METRIC_NAME, Quoted, is_classic_label_name};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::ast::{Binary, BinaryOp, Cardinality, VectorMatching};
use crate::engine::arithmetic::{apply, combine};
use crate::engine::column::{Column, is_absent, is_metadata_label, merged, retain_present};
use crate::engine::evaluator::{Evaluated, Evaluator, Steps, map_present};
use crate::error::EvalError;

impl Evaluator<'_> {
    pub(super) fn binary(&self, binary: &Binary, steps: Steps) -> Result<Evaluated, EvalError> {
        let left = self.eval(binary.left, steps)?;
        let right = self.eval(binary.right, steps)?;
        let (op, returns_bool) = (binary.op, binary.returns_bool);
        Ok(match (left, right) {
            (Evaluated::Scalar(left), Evaluated::Scalar(right)) => {
                Evaluated::Scalar(left.iter().zip(&right).map(|(&a, &b)| apply(op, a, b)).collect())
            }
            (Evaluated::Vector(mut columns), Evaluated::Scalar(scalar)) => {
                for column in &mut columns {
                    column.drop_name |= returns_bool || !op.is_comparison();
                    map_present(&mut column.values, |at, value| {
                        combine(op, returns_bool, value, scalar[at], value)
                    });
                }
                retain_present(&mut columns);
                Evaluated::Vector(columns)
            }
            (Evaluated::Scalar(scalar), Evaluated::Vector(mut columns)) => {
                for column in &mut columns {
                    column.drop_name |= returns_bool || !op.is_comparison();
                    map_present(&mut column.values, |at, value| {
                        combine(op, returns_bool, scalar[at], value, value)
                    });
                }
                retain_present(&mut columns);
                Evaluated::Vector(columns)
            }
            (Evaluated::Vector(left), Evaluated::Vector(right)) => {
                let groups = Groups::new(&binary.matching, &left, &right);
                if op.is_set() {
                    Evaluated::Vector(merged(set_operation(op, &groups, left, right, steps))?)
                } else {
                    self.hold(steps.count.saturating_mul(left.len().max(right.len())))?;
                    Evaluated::Vector(Join::new(binary, steps).run(&groups, &left, &right)?)
                }
            }
            _ => return Err(EvalError::BadArgument("binary operator on a string".to_owned())),
        })
    }
}

/// Which group of equal matching labels each column belongs to.
struct Groups {
    left: Vec<usize>,
    right: Vec<usize>,
    labels: Vec<Labels>,
}

impl Groups {
    fn new(matching: &VectorMatching, left: &[Column], right: &[Column]) -> Self {
        let mut groups: FxHashMap<Labels, usize> = FxHashMap::default();
        let mut labels = Vec::new();
        let mut assign = |columns: &[Column]| -> Vec<usize> {
            let mut group_of = |column: &Column| {
                let signature = signature(matching, &column.labels);
                *groups.entry(signature).or_insert_with_key(|signature| {
                    labels.push(signature.clone());
                    labels.len() - 1
                })
            };
            columns.iter().map(&mut group_of).collect()
        };
        let left = assign(left);
        let right = assign(right);
        Self { left, right, labels }
    }
}

/// The labels that two series must share to match.
fn signature(matching: &VectorMatching, labels: &Labels) -> Labels {
    let listed = |name: &str| matching.labels.iter().any(|label| **label == *name);
    if matching.on {
        labels.filtered(listed)
    } else {
        labels.filtered(|name| name != METRIC_NAME && !listed(name))
    }
}

fn set_operation(
    op: BinaryOp,
    groups: &Groups,
    mut left: Vec<Column>,
    mut right: Vec<Column>,
    steps: Steps,
) -> Vec<Column> {
    let present = |columns: &[Column], of: &[usize]| {
        let mut present = vec![false; groups.labels.len() * steps.count];
        for (column, group) in columns.iter().zip(of) {
            for (at, &value) in column.values.iter().enumerate() {
                present[group * steps.count + at] |= !is_absent(value);
            }
        }
        present
    };
    let filter = |columns: &mut [Column], of: &[usize], other: &[bool], wanted: bool| {
        for (column, group) in columns.iter_mut().zip(of) {
            map_present(&mut column.values, |at, value| {
                (other[group * steps.count + at] == wanted).then_some(value)
            });
        }
    };
    match op {
        BinaryOp::Or => {
            let on_left = present(&left, &groups.left);
            filter(&mut right, &groups.right, &on_left, false);
            left.append(&mut right);
        }
        _ => {
            let on_right = present(&right, &groups.right);
            filter(&mut left, &groups.left, &on_right, op == BinaryOp::And);
        }
    }
    retain_present(&mut left);
    left
}

/// An arithmetic operator or comparison between two vectors.
struct Join<'a> {
    binary: &'a Binary,
    steps: Steps,
    /// Results by the pair of columns that made them.
    made: FxHashMap<(Option<usize>, Option<usize>), usize>,
    places: FxHashMap<Labels, usize>,
    results: Vec<Column>,
}

/// One side of a join: its columns and their groups.
#[derive(Clone, Copy)]
struct Side<'a> {
    columns: &'a [Column],
    groups: &'a [usize],
    fill: Option<f64>,
    name: &'static str,
}

impl<'a> Join<'a> {
    fn new(binary: &'a Binary, steps: Steps) -> Self {
        let (made, places, results) = Default::default();
        Self { binary, steps, made, places, results }
    }

    fn run(mut self, groups: &Groups, left: &[Column], right: &[Column]) -> Result<Vec<Column>, EvalError> {
        let matching = &self.binary.matching;
        let left = Side { columns: left, groups: &groups.left, fill: None, name: "left" };
        let right = Side { columns: right, groups: &groups.right, fill: None, name: "right" };
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        // Prometheus fills by the sides as they are after the swap: `fill_left` means "many" under group_right, too.
        let many = Side { fill: matching.fill_left, ..many };
        let one = Side { fill: matching.fill_right, ..one };
        let fills = many.fill.is_some() || one.fill.is_some();
        let mut partners = vec![None; groups.labels.len()];
        for at in 0..self.steps.count {
            let has_values = |side: Side<'_>| side.columns.iter().any(|column| !is_absent(column.values[at]));
            let may_match = fills || has_values(many) && has_values(one);
            if !may_match {
                continue;
            }
            find_partners(&mut partners, one, groups, at)?;
            self.step(&partners, many, one, swapped, at)?;
        }
        Ok(self.results)
    }

    fn step(
        &mut self,
        partners: &[Option<usize>],
        many: Side<'_>,
        one: Side<'_>,
        swapped: bool,
        at: usize,
    ) -> Result<(), EvalError> {
        let mut matched: FxHashSet<usize> = FxHashSet::default();
        let mut used: FxHashSet<usize> = FxHashSet::default();
        for (index, (column, &group)) in many.columns.iter().zip(many.groups).enumerate() {
            let many_value = column.values[at];
            if is_absent(many_value) {
                continue;
            }
            used.insert(group);
            let partner = partners[group];
            let Some(one_value) = partner.map(|partner| one.columns[partner].values[at]).or(one.fill) else {
                continue;
            };
            // Two on the "many" side are an error even where the comparison would filter one of them.
            let one_to_one = self.binary.matching.cardinality == Cardinality::OneToOne;
            if one_to_one && !matched.insert(group) {
                return Err(EvalError::ImplicitManyToOne);
            }
            let (a, b) = if swapped { (one_value, many_value) } else { (many_value, one_value) };
            let Some(value) = combine(self.binary.op, self.binary.returns_bool, a, b, a) else {
                continue;
            };
            let place = self.place((Some(index), partner), many, one);
            self.put(place, at, value)?;
        }
        let Some(many_value) = many.fill else {
            return Ok(());
        };
        for (group, partner) in partners.iter().enumerate() {
            let Some(partner) = partner.filter(|_| !used.contains(&group)) else {
                continue;
            };
            let one_value = one.columns[partner].values[at];
            let (a, b) = if swapped { (one_value, many_value) } else { (many_value, one_value) };
            if let Some(value) = combine(self.binary.op, self.binary.returns_bool, a, b, a) {
                let place = self.place((None, Some(partner)), many, one);
                self.put(place, at, value)?;
            }
        }
        Ok(())
    }

    fn put(&mut self, place: usize, at: usize, value: f64) -> Result<(), EvalError> {
        let slot = &mut self.results[place].values[at];
        if !is_absent(*slot) {
            let grouped = self.binary.matching.cardinality != Cardinality::OneToOne;
            return Err(if grouped { EvalError::AmbiguousGrouping } else { EvalError::DuplicateLabelset });
        }
        *slot = value;
        Ok(())
    }

    /// The result column of a pair; a missing side was filled in.
    fn place(&mut self, pair: (Option<usize>, Option<usize>), many: Side<'_>, one: Side<'_>) -> usize {
        if let Some(&place) = self.made.get(&pair) {
            return place;
        }
        let many_labels = pair.0.map(|index| &many.columns[index].labels);
        let one_labels = pair.1.map(|index| &one.columns[index].labels);
        let labels = self.result_labels(many_labels, one_labels);
        let drop_name = self.binary.returns_bool || pair.0.is_some_and(|index| many.columns[index].drop_name);
        let place = *self.places.entry(labels).or_insert_with_key(|labels| {
            self.results.push(Column::empty(labels.clone(), drop_name, self.steps));
            self.results.len() - 1
        });
        self.made.insert(pair, place);
        place
    }

    fn result_labels(&self, many: Option<&Labels>, one: Option<&Labels>) -> Labels {
        let matching = &self.binary.matching;
        let drops_name = !self.binary.op.is_comparison() || many.is_none();
        let listed = |name: &str| matching.labels.iter().any(|label| **label == *name);
        let matches = |name: &str| if matching.on { listed(name) } else { !listed(name) };
        let one_to_one = matching.cardinality == Cardinality::OneToOne;
        let Some(base) = many.or(one) else {
            return Labels::empty();
        };
        let keep = |name: &str| {
            !(drops_name && is_metadata_label(name)) && (many.is_some() && !one_to_one || matches(name))
        };
        let mut builder = base.filtered(keep).to_builder();
        for name in &matching.include {
            let value = one.map_or("", |labels| labels.value(name));
            builder.set(std::sync::Arc::clone(name), value);
        }
        builder.build()
    }
}

/// The column of the "one" side for each group at a step; two of them are an error.
fn find_partners(
    partners: &mut [Option<usize>],
    one: Side<'_>,
    groups: &Groups,
    at: usize,
) -> Result<(), EvalError> {
    partners.fill(None);
    for (index, (column, &group)) in one.columns.iter().zip(one.groups).enumerate() {
        if is_absent(column.values[at]) {
            continue;
        }
        if let Some(other) = partners[group].replace(index) {
            let mut pair = [selector_text(&one.columns[other].labels), selector_text(&column.labels)];
            pair.sort();
            let [first, second] = pair;
            let group = groups.labels[group].to_string();
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
