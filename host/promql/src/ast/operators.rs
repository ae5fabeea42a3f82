//! Binary operators and aggregations, with what is written beside them.

use std::sync::Arc;

use crate::ast::{NodeId, ValueType, same_number};

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
    /// `</`: keeps what a histogram has below a value.
    TrimUpper,
    /// `>/`: keeps what a histogram has above a value.
    TrimLower,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// All of them, for look-up by name.
    pub(crate) const ALL: [Self; 18] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::Mod,
        Self::Pow,
        Self::Atan2,
        Self::Equal,
        Self::NotEqual,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::TrimUpper,
        Self::TrimLower,
        Self::And,
        Self::Or,
        Self::Unless,
    ];

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
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
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

    /// Whether it cuts histograms at a value.
    pub const fn is_trim(self) -> bool {
        matches!(self, Self::TrimUpper | Self::TrimLower)
    }

    /// How tightly it binds; larger is tighter.
    pub(crate) const fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            _ if self.is_comparison() || self.is_trim() => 3,
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
#[derive(Debug, Clone, Default)]
pub struct VectorMatching {
    /// Whether `on`, labels or a grouping were written; an empty `ignoring ()` says nothing.
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

impl PartialEq for VectorMatching {
    /// NaN equals NaN here, too.
    fn eq(&self, other: &Self) -> bool {
        let fills = |matching: &Self| [matching.fill_left, matching.fill_right];
        let same_fill = |(a, b): (Option<f64>, Option<f64>)| match (a, b) {
            (Some(a), Some(b)) => same_number(a, b),
            _ => a.is_none() && b.is_none(),
        };
        (self.explicit, self.cardinality, self.on, &self.labels, &self.include)
            == (other.explicit, other.cardinality, other.on, &other.labels, &other.include)
            && fills(self).into_iter().zip(fills(other)).all(same_fill)
    }
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
    /// Experimental.
    Limitk,
    /// Experimental.
    LimitRatio,
}

impl AggregateOp {
    /// All of them, for look-up by name.
    pub(crate) const ALL: [Self; 14] = [
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
        Self::Limitk,
        Self::LimitRatio,
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
            Self::Limitk => "limitk",
            Self::LimitRatio => "limit_ratio",
        }
    }

    /// The type of the parameter before the vector, for operators that take one.
    pub const fn param_type(self) -> Option<ValueType> {
        match self {
            Self::Topk | Self::Bottomk | Self::Quantile | Self::Limitk | Self::LimitRatio => {
                Some(ValueType::Scalar)
            }
            Self::CountValues => Some(ValueType::String),
            _ => None,
        }
    }

    /// Whether it needs [`crate::Features::experimental_functions`].
    pub const fn is_experimental(self) -> bool {
        matches!(self, Self::Limitk | Self::LimitRatio)
    }
}

/// `op by (labels) (param, expr)`
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// The operator.
    pub op: AggregateOp,
    /// What is aggregated.
    pub expr: NodeId,
    /// The k of `topk`, `bottomk` and `limitk`, the ratio, `quantile`'s φ, the label of `count_values`.
    pub param: Option<NodeId>,
    /// `without` instead of `by`.
    pub without: bool,
    /// The labels of `by` or `without`.
    pub labels: Vec<Arc<str>>,
}
