//! The time at which info metrics are looked up: that at which the described series are looked at, if all of them are
//! looked at as of the same time.

use bellwether_model::Timestamp;

use crate::ast::{AtTime, Expr, Length, NodeId, Shift, ValueType};
use crate::engine::evaluator::Evaluator;

/// Where a selector looks: a fixed time, or so many milliseconds before that of the evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reference {
    at: Option<i64>,
    offset: i64,
}

impl Reference {
    fn same_time(self, other: Self) -> bool {
        match (self.at, other.at) {
            (Some(a), Some(b)) => a.saturating_sub(self.offset) == b.saturating_sub(other.offset),
            (None, None) => self.offset == other.offset,
            _ => false,
        }
    }
}

impl Evaluator<'_> {
    /// The shift of the selectors under a node; that of the evaluation itself where they differ, or where something
    /// is no selector.
    pub(super) fn info_reference(&self, id: NodeId) -> Shift {
        let mut references = Vec::new();
        let complete = self.collect(id, Reference { at: None, offset: 0 }, &mut references);
        match references.first() {
            Some(&first) if complete.is_complete() && references.iter().all(|&r| r.same_time(first)) => {
                Shift {
                    at: first.at.map(|at| AtTime::Fixed(Timestamp::from_millis(at))),
                    offset: Some(Length::Millis(first.offset)),
                }
            }
            _ => Shift::default(),
        }
    }

    /// Collects the references under a node that is inside of subqueries with a shift of their own.
    fn collect(&self, id: NodeId, outer: Reference, found: &mut Vec<Reference>) -> Coverage {
        if !matches!(self.ast().value_type(id), ValueType::Vector | ValueType::Matrix) {
            return Coverage::NoVector;
        }
        let expr = self.ast().expr(id);
        if let Expr::Selector(selector) = expr {
            found.push(self.inner(selector.shift, outer));
            return Coverage::Selector;
        }
        let outer = match expr {
            Expr::Subquery(subquery) => self.inner(subquery.shift, outer),
            _ => outer,
        };
        let children: Vec<NodeId> = match expr {
            Expr::Call { function, args } if &**function == "info" => args[..1].to_vec(),
            _ => self.ast().children(id).collect(),
        };
        let of_children: Vec<Coverage> =
            children.into_iter().map(|child| self.collect(child, outer, found)).collect();
        if of_children.contains(&Coverage::Partly) {
            Coverage::Partly
        } else if of_children.contains(&Coverage::Selector) {
            Coverage::Selector
        } else {
            // A vector that comes from no selector, such as `vector(1)`.
            Coverage::Partly
        }
    }

    /// A shift inside of a subquery's.
    fn inner(&self, shift: Shift, outer: Reference) -> Reference {
        let offset = shift.offset.map_or(0, |offset| self.millis(offset));
        let bounds = self.scope.bounds;
        let at = shift.at.map(|at| match at {
            AtTime::Fixed(time) => time.as_millis(),
            AtTime::Start => bounds.0.as_millis(),
            AtTime::End => bounds.1.as_millis(),
        });
        match at {
            Some(_) => Reference { at, offset },
            None => Reference { at: outer.at, offset: offset.saturating_add(outer.offset) },
        }
    }
}

/// Whether the series of a node come from selectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coverage {
    /// It has no series.
    NoVector,
    /// All of them.
    Selector,
    /// Not all of them.
    Partly,
}

impl Coverage {
    fn is_complete(self) -> bool {
        self != Self::Partly
    }
}
