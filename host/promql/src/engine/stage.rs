//! Expressions that give their series piece by piece, so that an aggregation over many series and steps holds its
//! groups, not its input: selectors, windows over them, and what is done to each value alone.

use std::ops::Range;

use crate::ast::{Binary, Expr, Extension, NodeId, Selector, ValueType};
use crate::engine::arithmetic::ScalarSide;
use crate::engine::call::ElementCall;
use crate::engine::elementwise;
use crate::engine::evaluator::{Evaluated, Evaluator};
use crate::engine::select::Found;
use crate::engine::steps::Steps;
use crate::engine::vector::{Cells, Held, Shape, Vector};
use crate::engine::window_call::WindowCall;
use crate::error::EvalError;

/// Cells of one piece: half a megabyte of floats, which stays in the cache.
const PIECE_CELLS: usize = 1 << 16;

/// An expression that is ready to be evaluated for any range of its series.
pub(super) enum Stage<'a> {
    /// The last sample of each series.
    Selector(Found<'a>),
    /// A function of a window of each series.
    Window(Box<WindowCall<'a>>),
    /// A function of each value.
    Element { input: Box<Self>, call: ElementCall, shape: Shape },
    /// An operator between each value and a number.
    Scalar { input: Box<Self>, id: NodeId, binary: &'a Binary, side: ScalarSide, shape: Shape },
    /// The sign of each value changed.
    Negated { input: Box<Self>, shape: Shape },
    /// Already there.
    Whole(Held),
}

impl Stage<'_> {
    pub(super) fn shape(&self) -> &Shape {
        match self {
            Self::Selector(found) => &found.shape,
            Self::Element { shape, .. } | Self::Scalar { shape, .. } | Self::Negated { shape, .. } => shape,
            Self::Window(call) => &call.shape,
            Self::Whole(vector) => &vector.shape,
        }
    }

    /// The cells of a range of the series.
    pub(super) fn cells(
        &self,
        evaluator: &Evaluator<'_>,
        places: Range<usize>,
        steps: Steps,
    ) -> Result<Cells, EvalError> {
        match self {
            Self::Selector(found) => evaluator.select(found, places, steps),
            Self::Window(call) => evaluator.window_cells(call, places, steps),
            Self::Element { input, call, .. } => {
                let mut cells = input.cells(evaluator, places, steps)?;
                call.apply(&mut cells, steps);
                Ok(cells)
            }
            Self::Scalar { input, id, binary, side, .. } => {
                let mut cells = input.cells(evaluator, places, steps)?;
                evaluator.with_scalar(*id, binary, side, &mut cells, steps);
                Ok(cells)
            }
            Self::Negated { input, .. } => {
                let mut cells = input.cells(evaluator, places, steps)?;
                elementwise::negate(&mut cells);
                Ok(cells)
            }
            Self::Whole(vector) => Ok(vector.cells.slice(places, steps.count)),
        }
    }

    /// All of it at once.
    pub(super) fn into_vector(self, evaluator: &Evaluator<'_>, steps: Steps) -> Result<Vector, EvalError> {
        match self {
            Self::Whole(vector) => Ok(vector.into_own()),
            stage => {
                let shape = stage.shape().clone();
                evaluator.budget.hold(shape.len().saturating_mul(steps.count))?;
                let cells = stage.cells(evaluator, 0..shape.len(), steps)?;
                Ok(Vector { shape, steps: steps.count, cells })
            }
        }
    }

    /// Ranges of places that together are all of them.
    pub(super) fn pieces(&self, steps: Steps) -> impl Iterator<Item = Range<usize>> + use<> {
        let series = self.shape().len();
        let size = match self {
            Self::Whole(_) => series.max(1),
            _ => (PIECE_CELLS / steps.count.max(1)).max(1),
        };
        (0..series).step_by(size).map(move |from| from..(from + size).min(series))
    }
}

impl<'a> Evaluator<'a> {
    /// A node as a stage; none where it has to be evaluated as a whole.
    pub(super) fn piecewise(&self, id: NodeId, steps: Steps) -> Result<Option<Stage<'a>>, EvalError> {
        match self.ast().expr(id) {
            Expr::Paren(inner) => self.stage(*inner, steps).map(Some),
            Expr::Selector(selector) => self.selector_stage(id, selector, steps).map(Some),
            Expr::Unary { negate: false, expr } if self.is_vector(*expr) => {
                self.stage(*expr, steps).map(Some)
            }
            Expr::Unary { negate: true, expr } if self.is_vector(*expr) => {
                let input = self.stage(*expr, steps)?;
                let shape = input.shape().without_names();
                Ok(Some(Stage::Negated { input: Box::new(input), shape }))
            }
            Expr::Binary(binary) => self.scalar_stage(id, binary, steps),
            Expr::Call { function, args } => self.call_stage(function, args, steps),
            _ => Ok(None),
        }
    }

    pub(super) fn selector_stage(
        &self,
        id: NodeId,
        selector: &'a Selector,
        steps: Steps,
    ) -> Result<Stage<'a>, EvalError> {
        let found = self.find(id, selector)?;
        if selector.extension == Extension::Smoothed {
            let cells = self.smoothed(id, &found, steps)?;
            let shape = found.shape;
            return Ok(Stage::Whole(Held::Own(Vector { shape, steps: steps.count, cells })));
        }
        Ok(Stage::Selector(found))
    }

    fn is_vector(&self, id: NodeId) -> bool {
        self.ast().value_type(id) == ValueType::Vector
    }

    /// `vector op number` where the vector is no operator itself: chains of operators are walked by `eval`.
    fn scalar_stage(
        &self,
        id: NodeId,
        binary: &'a Binary,
        steps: Steps,
    ) -> Result<Option<Stage<'a>>, EvalError> {
        let (vector, scalar) = match (self.is_vector(binary.left), self.is_vector(binary.right)) {
            (true, false) => (binary.left, binary.right),
            (false, true) => (binary.right, binary.left),
            _ => return Ok(None),
        };
        let is_operator = |id| matches!(self.ast().expr(self.ast().without_parens(id)), Expr::Binary(_));
        if is_operator(vector) {
            return Ok(None);
        }
        let vector_first = vector == binary.left;
        let early = if vector_first { None } else { Some(self.eval(scalar, steps)?) };
        let input = self.stage(vector, steps)?;
        let values = match early {
            Some(value) => value,
            None => self.eval(scalar, steps)?,
        };
        let Evaluated::Scalar(values) = values else {
            return Ok(None);
        };
        let shape = if elementwise::drops_name(binary) {
            input.shape().without_names()
        } else {
            input.shape().clone()
        };
        let side = ScalarSide { values, scalar_first: !vector_first };
        Ok(Some(Stage::Scalar { input: Box::new(input), id, binary, side, shape }))
    }
}
