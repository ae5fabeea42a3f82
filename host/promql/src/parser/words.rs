//! What words mean: most keywords of PromQL are names, too, where a name is expected. Case does not matter.

use crate::ast::AggregateOp;

/// How Prometheus' grammar sees a word outside of braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// `inf`, `nan`
    Number,
    /// `and`, `or`, `unless`, `atan2`
    Operator,
    /// `sum`
    Aggregation(AggregateOp),
    /// `by`, `offset`, `anchored`
    Modifier,
    /// `on`, `bool`: a modifier that is never a name.
    OperatorModifier,
    /// `step`: may be called, and means more in some places.
    Preprocessor,
    /// A name without colons, of a function or a metric.
    Name,
    /// A name with colons, of a metric.
    MetricName,
}

impl Word {
    pub(crate) fn of(text: &str) -> Self {
        let is = |name: &str| text.eq_ignore_ascii_case(name);
        let one_of = |names: &[&str]| names.iter().any(|name| is(name));
        if one_of(&["inf", "nan"]) {
            return Self::Number;
        }
        if one_of(&["and", "or", "unless", "atan2"]) {
            return Self::Operator;
        }
        if let Some(op) = AggregateOp::ALL.into_iter().find(|op| is(op.as_str())) {
            return Self::Aggregation(op);
        }
        if one_of(&MODIFIERS) {
            return Self::Modifier;
        }
        if one_of(&OPERATOR_MODIFIERS) {
            return Self::OperatorModifier;
        }
        if one_of(&PREPROCESSORS) {
            return Self::Preprocessor;
        }
        if text.contains(':') { Self::MetricName } else { Self::Name }
    }

    /// Whether a metric may be called so without quotes.
    pub(crate) fn is_metric_name(text: &str) -> bool {
        !matches!(Self::of(text), Self::Number | Self::OperatorModifier)
            && !text.eq_ignore_ascii_case("atan2")
    }

    /// Whether a label of `by` or `on` may be called so without quotes.
    pub(crate) fn is_label_name(text: &str) -> bool {
        Self::of(text) != Self::Number && !text.eq_ignore_ascii_case("without")
    }
}

const MODIFIERS: [&str; 8] =
    ["offset", "by", "without", "smoothed", "anchored", "fill", "fill_left", "fill_right"];

const OPERATOR_MODIFIERS: [&str; 5] = ["on", "ignoring", "group_left", "group_right", "bool"];

const PREPROCESSORS: [&str; 6] = ["start", "end", "step", "range", "max_of", "min_of"];

/// Whether a plugin function of that name could not be called, or would be hard to tell from a keyword.
pub(crate) fn is_reserved(text: &str) -> bool {
    Word::of(text) != Word::Name
}

/// `fill` and its like are keywords only before a parenthesis, unlike all others.
pub(crate) fn is_fill(text: &str) -> bool {
    ["fill", "fill_left", "fill_right"].iter().any(|name| text.eq_ignore_ascii_case(name))
}
