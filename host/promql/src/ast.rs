//! The syntax tree: an arena of nodes, children before parents, so that passes are loops and dropping never recurses.

mod duration;
mod operators;

use std::sync::Arc;

use bellwether_model::{Matcher, Timestamp};

pub use duration::{DurationContext, DurationExpr, DurationId, Length, LengthError, LengthRole};
pub(crate) use duration::{DurationNode, MAX_SECONDS};
pub use operators::{Aggregate, AggregateOp, Binary, BinaryOp, Cardinality, VectorMatching};

/// Bytes `start..end` of the query's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        // Texts are limited to MAX_QUERY_BYTES, far below u32.
        Self { start: start as u32, end: end as u32 }
    }

    /// The bytes of a text that it covers.
    pub fn slice(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

/// A node of one [`Ast`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// One number.
    Scalar,
    /// A text.
    String,
    /// One sample per series.
    Vector,
    /// A window of samples per series.
    Matrix,
}

impl ValueType {
    /// As Prometheus names it in errors.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}

/// A parsed expression.
#[derive(Debug, Clone)]
pub struct Ast {
    pub(crate) nodes: Vec<Node>,
    pub(crate) durations: Vec<DurationNode>,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    /// Longest way down to a leaf, steps to the left side of an operator not counted; limits the recursion of every
    /// pass, see [`crate::parser::MAX_DEPTH`].
    pub(crate) height: u16,
    pub(crate) value_type: ValueType,
    pub(crate) expr: Expr,
}

impl Ast {
    /// The whole expression: the last node of the arena.
    pub fn root(&self) -> NodeId {
        NodeId(self.nodes.len() as u32 - 1)
    }

    /// What a node is.
    pub fn expr(&self, id: NodeId) -> &Expr {
        &self.nodes[id.0 as usize].expr
    }

    /// Where a node stands in the text.
    pub fn span(&self, id: NodeId) -> Span {
        self.nodes[id.0 as usize].span
    }

    /// What a node evaluates to.
    pub fn value_type(&self, id: NodeId) -> ValueType {
        self.nodes[id.0 as usize].value_type
    }

    /// All nodes, children before parents.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The same tree, wherever its nodes stand in their texts.
    pub fn same_tree(&self, other: &Self) -> bool {
        let durations = |ast: &Self| ast.durations.iter().map(|node| node.expr).collect::<Vec<_>>();
        self.nodes.iter().map(|node| &node.expr).eq(other.nodes.iter().map(|node| &node.expr))
            && durations(self) == durations(other)
    }

    /// The direct children of a node, in the order of the text.
    pub fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + use<'_> {
        let (pair, list): ([Option<NodeId>; 2], &[NodeId]) = match self.expr(id) {
            Expr::Number { .. } | Expr::String(_) | Expr::Selector(_) => ([None, None], &[]),
            Expr::Window { selector: child, .. } | Expr::Unary { expr: child, .. } | Expr::Paren(child) => {
                ([Some(*child), None], &[])
            }
            Expr::Subquery(subquery) => ([Some(subquery.expr), None], &[]),
            Expr::Binary(binary) => ([Some(binary.left), Some(binary.right)], &[]),
            Expr::Aggregate(aggregate) => ([aggregate.param, Some(aggregate.expr)], &[]),
            Expr::Call { args, .. } => ([None, None], args),
        };
        pair.into_iter().flatten().chain(list.iter().copied())
    }

    /// The expression inside any number of parentheses.
    pub fn without_parens(&self, mut id: NodeId) -> NodeId {
        while let Expr::Paren(inner) = self.expr(id) {
            id = *inner;
        }
        id
    }
}

/// One kind of expression.
#[derive(Debug, Clone)]
pub enum Expr {
    /// `12`, `0x1F`, `5m` (which is 300), `Inf`.
    Number {
        /// The value; durations in seconds.
        value: f64,
        /// Whether it was written as a duration.
        duration: bool,
    },
    /// `"text"`
    String(Arc<str>),
    /// `up{job="node"} offset 5m`
    Selector(Selector),
    /// `up[5m]`: the window over a selector, which holds offset and `@`.
    Window {
        /// The selector.
        selector: NodeId,
        /// How far back it reaches.
        range: Length,
    },
    /// `expr[1h:1m]`
    Subquery(Subquery),
    /// `-expr`, `+expr`
    Unary {
        /// Whether it is a minus.
        negate: bool,
        /// What it applies to.
        expr: NodeId,
    },
    /// `a + b`
    Binary(Binary),
    /// `sum by (job) (expr)`
    Aggregate(Aggregate),
    /// `rate(x[5m])`
    Call {
        /// Name of a built-in or plugin function.
        function: Arc<str>,
        /// The arguments, in order.
        args: Vec<NodeId>,
    },
    /// `(expr)`
    Paren(NodeId),
}

impl PartialEq for Expr {
    /// NaN equals NaN here: two texts of the same tree are the same.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number { value: a, duration: c }, Self::Number { value: b, duration: d }) => {
                c == d && same_number(*a, *b)
            }
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Selector(a), Self::Selector(b)) => a == b,
            (Self::Window { selector: a, range: c }, Self::Window { selector: b, range: d }) => {
                (a, c) == (b, d)
            }
            (Self::Subquery(a), Self::Subquery(b)) => a == b,
            (Self::Unary { negate: a, expr: c }, Self::Unary { negate: b, expr: d }) => (a, c) == (b, d),
            (Self::Binary(a), Self::Binary(b)) => a == b,
            (Self::Aggregate(a), Self::Aggregate(b)) => a == b,
            (Self::Call { function: a, args: c }, Self::Call { function: b, args: d }) => (a, c) == (b, d),
            (Self::Paren(a), Self::Paren(b)) => a == b,
            _ => false,
        }
    }
}

fn same_number(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan()
}

/// Series by matchers, at a time.
#[derive(Debug, Clone)]
pub struct Selector {
    /// The name before the braces; also among the matchers. A quoted name inside the braces is only a matcher.
    pub name: Option<Arc<str>>,
    /// All conditions, with the one on `__name__` last if the name was given.
    pub matchers: Vec<Matcher>,
    /// `offset` and `@`.
    pub shift: Shift,
    /// `anchored` and `smoothed`.
    pub extension: Extension,
}

impl PartialEq for Selector {
    /// The order of the matchers does not count: it is printed sorted, as Prometheus does.
    fn eq(&self, other: &Self) -> bool {
        fn sorted(matchers: &[Matcher]) -> Vec<String> {
            let mut texts: Vec<String> = matchers.iter().map(Matcher::to_string).collect();
            texts.sort_unstable();
            texts
        }
        (&self.name, self.shift, self.extension) == (&other.name, other.shift, other.extension)
            && (self.matchers == other.matchers || sorted(&self.matchers) == sorted(&other.matchers))
    }
}

/// How a range selector treats its edges; experimental, see [`crate::Features::extended_range_selectors`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Extension {
    /// The samples inside of the window.
    #[default]
    None,
    /// `anchored`: also the last sample before the window, as its left edge.
    Anchored,
    /// `smoothed`: values at both edges, interpolated from the samples around them.
    Smoothed,
}

/// `offset` and `@`: which time an expression looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Shift {
    /// How far back; negative looks forward. None when not written, or written as 0.
    pub offset: Option<Length>,
    /// A fixed time instead of the evaluation's.
    pub at: Option<AtTime>,
}

/// The time after `@`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AtTime {
    /// Unix time, written in seconds.
    Fixed(Timestamp),
    /// `start()` of the whole query.
    Start,
    /// `end()` of the whole query.
    End,
}

/// An instant expression evaluated over a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// What is evaluated.
    pub expr: NodeId,
    /// Length of the window.
    pub range: Length,
    /// From one evaluation to the next; none takes the engine's default.
    pub step: Option<Length>,
    /// `offset` and `@`.
    pub shift: Shift,
}
