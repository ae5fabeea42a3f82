//! The syntax tree: an arena of nodes, children before parents, so that passes are loops and dropping never recurses.

use std::sync::Arc;

use bellwether_model::{Matcher, Timestamp};

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
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    /// Longest way down to a leaf; limits the recursion of every pass.
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
        self.nodes.iter().map(|node| &node.expr).eq(other.nodes.iter().map(|node| &node.expr))
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
        /// Length in milliseconds, above 0.
        range_ms: i64,
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
                c == d && (a == b || a.is_nan() && b.is_nan())
            }
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Selector(a), Self::Selector(b)) => a == b,
            (Self::Window { selector: a, range_ms: c }, Self::Window { selector: b, range_ms: d }) => {
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

/// Series by matchers, at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// The name before or inside the braces; also among the matchers.
    pub name: Option<Arc<str>>,
    /// All conditions, with the one on `__name__` last if the name was given.
    pub matchers: Vec<Matcher>,
    /// `offset` and `@`.
    pub shift: Shift,
}

/// `offset` and `@`: which time an expression looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Shift {
    /// Milliseconds back; negative looks forward. None when not written.
    pub offset_ms: Option<i64>,
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
    /// Length of the window in milliseconds, above 0.
    pub range_ms: i64,
    /// Milliseconds between evaluations; none takes the engine's default.
    pub step_ms: Option<i64>,
    /// `offset` and `@`.
    pub shift: Shift,
}

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the operator of its name")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// Whether it compares, and so filters unless `bool` follows.
    pub const fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal
                | Self::NotEqual
                | Self::Greater
                | Self::GreaterOrEqual
                | Self::Less
                | Self::LessOrEqual
        )
    }

    /// Whether it works on sets of series instead of on values.
    pub const fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }

    /// How tightly it binds; larger is tighter.
    pub(crate) const fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            _ if self.is_comparison() => 3,
            Self::Add | Self::Sub => 4,
            Self::Pow => 6,
            _ => 5,
        }
    }
}

/// `left op right` with its modifiers.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Whether `bool` follows: compare to 0 and 1 instead of filtering.
    pub returns_bool: bool,
    /// Left side.
    pub left: NodeId,
    /// Right side.
    pub right: NodeId,
    /// How series find their partners.
    pub matching: VectorMatching,
}

/// How many series of one side may match one of the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cardinality {
    /// No grouping modifier.
    #[default]
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
    /// Set operators.
    ManyToMany,
}

/// Modifiers between a binary operator and its right side.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VectorMatching {
    /// Whether one was written at all.
    pub explicit: bool,
    /// Which sides may repeat.
    pub cardinality: Cardinality,
    /// `on(...)` instead of `ignoring(...)`.
    pub on: bool,
    /// The labels of `on` or `ignoring`.
    pub labels: Vec<Arc<str>>,
    /// Labels that a grouping takes over from the "one" side.
    pub include: Vec<Arc<str>>,
    /// Value for a missing series on the left.
    pub fill_left: Option<f64>,
    /// Value for a missing series on the right.
    pub fill_right: Option<f64>,
}

/// An aggregation operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the operator of its name")]
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Quantile,
    CountValues,
}

impl AggregateOp {
    /// All of them, for look-up by name.
    pub(crate) const ALL: [Self; 12] = [
        Self::Sum,
        Self::Avg,
        Self::Count,
        Self::Min,
        Self::Max,
        Self::Group,
        Self::Stddev,
        Self::Stdvar,
        Self::Topk,
        Self::Bottomk,
        Self::Quantile,
        Self::CountValues,
    ];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Topk => "topk",
            Self::Bottomk => "bottomk",
            Self::Quantile => "quantile",
            Self::CountValues => "count_values",
        }
    }

    /// The type of the parameter before the vector, for operators that take one.
    pub const fn param_type(self) -> Option<ValueType> {
        match self {
            Self::Topk | Self::Bottomk | Self::Quantile => Some(ValueType::Scalar),
            Self::CountValues => Some(ValueType::String),
            _ => None,
        }
    }
}

/// `op by (labels) (param, expr)`
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// The operator.
    pub op: AggregateOp,
    /// What is aggregated.
    pub expr: NodeId,
    /// `topk`'s k, `quantile`'s φ, the label of `count_values`.
    pub param: Option<NodeId>,
    /// `without` instead of `by`.
    pub without: bool,
    /// The labels of `by` or `without`.
    pub labels: Vec<Arc<str>>,
}
