//! Aggregations that take in one value after the other: sums, means, extremes, counts.
//!
//! The input comes in pieces of series, so that only the groups are held for all steps.

use crate::annotations::Remark;
use crate::ast::{Aggregate, AggregateOp};
use crate::engine::aggregate::Groups;
use crate::engine::aggregate::histograms::HistogramGroups;
use crate::engine::evaluator::Evaluator;
use crate::engine::stage::Stage;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cell, Cells, is_absent};
use crate::error::EvalError;
use crate::statistics::{KahanSum, Mean, Variance};

/// What one group is at one step so far.
pub(super) trait Fold: Clone {
    /// What a native histogram counts as.
    const HISTOGRAMS: Histograms;
    fn first(value: f64) -> Self;
    fn add(&mut self, value: f64);
    fn value(self) -> f64;
}

/// What an aggregation does with native histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Histograms {
    /// They are added up, if there are no floats beside them.
    Combined,
    /// They count as any sample.
    Counted,
    /// They are left out, which is worth a remark.
    Ignored,
}

#[derive(Clone)]
pub(super) struct Sum(KahanSum);

impl Fold for Sum {
    const HISTOGRAMS: Histograms = Histograms::Combined;
    fn first(value: f64) -> Self {
        Self(KahanSum::of(value))
    }
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }
    fn value(self) -> f64 {
        self.0.total()
    }
}

#[derive(Clone)]
pub(super) struct Avg(Mean);

impl Fold for Avg {
    const HISTOGRAMS: Histograms = Histograms::Combined;
    fn first(value: f64) -> Self {
        Self(Mean::of(value))
    }
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }
    fn value(self) -> f64 {
        self.0.value()
    }
}

#[derive(Clone)]
pub(super) struct Count(u32);

impl Fold for Count {
    const HISTOGRAMS: Histograms = Histograms::Counted;
    fn first(_: f64) -> Self {
        Self(1)
    }
    fn add(&mut self, _: f64) {
        self.0 += 1;
    }
    fn value(self) -> f64 {
        f64::from(self.0)
    }
}

/// `group`: 1 where there is anything.
#[derive(Clone)]
pub(super) struct Presence;

impl Fold for Presence {
    const HISTOGRAMS: Histograms = Histograms::Counted;
    fn first(_: f64) -> Self {
        Self
    }
    fn add(&mut self, _: f64) {}
    fn value(self) -> f64 {
        1.0
    }
}

#[derive(Clone)]
pub(super) struct Min(f64);

impl Fold for Min {
    const HISTOGRAMS: Histograms = Histograms::Ignored;
    fn first(value: f64) -> Self {
        Self(value)
    }
    fn add(&mut self, value: f64) {
        if self.0 > value || self.0.is_nan() {
            self.0 = value;
        }
    }
    fn value(self) -> f64 {
        self.0
    }
}

#[derive(Clone)]
pub(super) struct Max(f64);

impl Fold for Max {
    const HISTOGRAMS: Histograms = Histograms::Ignored;
    fn first(value: f64) -> Self {
        Self(value)
    }
    fn add(&mut self, value: f64) {
        if self.0 < value || self.0.is_nan() {
            self.0 = value;
        }
    }
    fn value(self) -> f64 {
        self.0
    }
}

#[derive(Clone)]
pub(super) struct Stdvar(Variance);

impl Fold for Stdvar {
    const HISTOGRAMS: Histograms = Histograms::Ignored;
    fn first(value: f64) -> Self {
        Self(Variance::of(value))
    }
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }
    fn value(self) -> f64 {
        self.0.value()
    }
}

#[derive(Clone)]
pub(super) struct Stddev(Variance);

impl Fold for Stddev {
    const HISTOGRAMS: Histograms = Histograms::Ignored;
    fn first(value: f64) -> Self {
        Self(Variance::of(value))
    }
    fn add(&mut self, value: f64) {
        self.0.add(value);
    }
    fn value(self) -> f64 {
        self.0.value().sqrt()
    }
}

/// An aggregation at work.
pub(super) struct Context<'c, 'e> {
    pub(super) evaluator: &'c Evaluator<'e>,
    pub(super) aggregate: &'c Aggregate,
    pub(super) groups: &'c Groups,
    pub(super) input: &'c Stage<'e>,
    pub(super) steps: Steps,
}

impl Context<'_, '_> {
    /// The result of each group at each step.
    pub(super) fn fold<F: Fold>(&self) -> Result<Cells, EvalError> {
        let &Self { evaluator, groups, input, steps, .. } = self;
        let count = groups.shape.len() * steps.count;
        evaluator.budget.hold(count)?;
        let mut states: Vec<Option<F>> = vec![None; count];
        let mut histograms = HistogramGroups::new(self.aggregate.op == AggregateOp::Avg);
        for places in input.pieces(steps) {
            let mark = evaluator.budget.mark();
            evaluator.budget.hold(places.len() * steps.count)?;
            let piece;
            let cells = match input {
                // All of it is one piece.
                Stage::Whole(vector) => &vector.cells,
                input => {
                    piece = input.cells(evaluator, places.clone(), steps)?;
                    &piece
                }
            };
            for (row, place) in places.enumerate() {
                let group = groups.of[place] as usize * steps.count;
                let from = row * steps.count;
                if cells.has_histograms() {
                    for step in 0..steps.count {
                        let cell = cells.get(from + step);
                        self.take(&mut states, &mut histograms, (group + step, place), cell);
                    }
                    continue;
                }
                let floats = &cells.floats[from..from + steps.count];
                for (state, &value) in states[group..group + steps.count].iter_mut().zip(floats) {
                    match state {
                        _ if is_absent(value) => {}
                        Some(state) => state.add(value),
                        None => *state = Some(F::first(value)),
                    }
                }
            }
            evaluator.budget.back_to(mark);
        }
        Ok(self.finished(states, histograms))
    }

    /// Takes in a sample of a group at a step, which may be a histogram.
    fn take<F: Fold>(
        &self,
        states: &mut [Option<F>],
        histograms: &mut HistogramGroups,
        (at, place): (usize, usize),
        cell: Cell<'_>,
    ) {
        let value = match cell {
            Cell::Absent => return,
            // Nothing more is taken in once histograms did not fit together.
            Cell::Float(_) if histograms.failed(at) => return,
            Cell::Float(value) => value,
            Cell::Histogram(histogram) => match F::HISTOGRAMS {
                Histograms::Counted => 1.0,
                Histograms::Ignored => {
                    let name = self.aggregate.op.as_str();
                    let remark = Remark::HistogramIgnoredInAggregation(name);
                    return self.evaluator.remark(self.aggregate.expr, remark);
                }
                Histograms::Combined => {
                    let labels = &self.input.shape().labels()[place];
                    let metric = labels.metric_name().unwrap_or("");
                    let mut say = |remark| self.evaluator.remark(self.aggregate.expr, remark);
                    return histograms.add(at, histogram, metric, &mut say);
                }
            },
        };
        match &mut states[at] {
            Some(state) => state.add(value),
            state => *state = Some(F::first(value)),
        }
    }

    fn finished<F: Fold>(&self, states: Vec<Option<F>>, mut histograms: HistogramGroups) -> Cells {
        let mut say = |remark| self.evaluator.remark(self.aggregate.expr, remark);
        let mut cells = Cells::empty(states.len());
        for (at, state) in states.into_iter().enumerate() {
            let Some(state) = state else {
                continue;
            };
            if histograms.discard(at) {
                say(Remark::MixedFloatsHistogramsInAggregation);
            } else {
                cells.floats[at] = state.value();
            }
        }
        for (at, histogram) in histograms.finished(&mut say) {
            cells.put_histogram(at, histogram);
        }
        cells
    }
}
