//! What the types allow: one pass over the finished tree, children first, with Prometheus' error texts.

use crate::ast::{Aggregate, Ast, Binary, Expr, NodeId, Selector, Span, ValueType};
use crate::error::ParseError;
use crate::functions::{self, Builtin};
use crate::plugin::FunctionRegistry;

/// Checks each node; the first that does not fit is the error.
pub(super) fn check(text: &str, ast: &Ast, plugins: &FunctionRegistry) -> Result<(), ParseError> {
    let check = Check { text, ast, plugins };
    ast.ids().try_for_each(|id| check.node(id))
}

/// What a call gives, by name alone; plugin functions give vectors, and unknown ones are refused later.
pub(super) fn return_type(function: &str) -> ValueType {
    functions::builtin(function).map_or(ValueType::Vector, |builtin| builtin.returns)
}

struct Check<'a> {
    text: &'a str,
    ast: &'a Ast,
    plugins: &'a FunctionRegistry,
}

impl Check<'_> {
    fn node(&self, id: NodeId) -> Result<(), ParseError> {
        match self.ast.expr(id) {
            Expr::Number { .. } | Expr::String(_) | Expr::Window { .. } | Expr::Paren(_) => Ok(()),
            Expr::Selector(selector) => self.selector(id, selector),
            Expr::Subquery(subquery) => match self.ast.value_type(subquery.expr) {
                ValueType::Vector => Ok(()),
                other => {
                    let kind = if other == ValueType::Matrix { "matrix" } else { other.as_str() };
                    let message = format!("subquery is only allowed on instant vector, got {kind} instead");
                    self.fault(self.ast.span(id), message)
                }
            },
            Expr::Unary { expr, .. } => match self.ast.value_type(*expr) {
                ValueType::Scalar | ValueType::Vector => Ok(()),
                other => {
                    const ALLOWED: &str =
                        "unary expression only allowed on expressions of type scalar or instant vector";
                    self.fault(self.ast.span(id), format!("{ALLOWED}, got {:?}", other.as_str()))
                }
            },
            Expr::Binary(binary) => self.binary(id, binary),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Call { function, args } => self.call(id, function, args),
        }
    }

    fn fault<T>(&self, span: Span, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError::new(self.text, span, message))
    }

    fn expect_type(&self, id: NodeId, wanted: ValueType, context: &str) -> Result<(), ParseError> {
        let got = self.ast.value_type(id);
        if got == wanted {
            return Ok(());
        }
        let message = format!("expected type {} in {context}, got {}", wanted.as_str(), got.as_str());
        self.fault(self.ast.span(id), message)
    }

    /// A selector that would select everything is refused.
    fn selector(&self, id: NodeId, selector: &Selector) -> Result<(), ParseError> {
        if selector.matchers.iter().any(|matcher| !matcher.matches_value("")) {
            return Ok(());
        }
        self.fault(self.ast.span(id), "vector selector must contain at least one non-empty matcher")
    }

    fn binary(&self, id: NodeId, binary: &Binary) -> Result<(), ParseError> {
        let span = self.ast.span(id);
        for side in [binary.left, binary.right] {
            if !matches!(self.ast.value_type(side), ValueType::Scalar | ValueType::Vector) {
                let message = "binary expression must contain only scalar and instant vector types";
                return self.fault(self.ast.span(side), message);
            }
        }
        let (left, right) = (self.ast.value_type(binary.left), self.ast.value_type(binary.right));
        let vectors = left == ValueType::Vector && right == ValueType::Vector;
        if binary.op.is_set() && !binary.matching.include.is_empty()
            || binary.op.is_set() && binary.matching.cardinality != crate::ast::Cardinality::ManyToMany
        {
            return self.fault(span, format!("no grouping allowed for {:?} operation", binary.op.as_str()));
        }
        let filled = binary.matching.fill_left.is_some() || binary.matching.fill_right.is_some();
        if filled && binary.op.is_set() {
            return self.fault(span, "filling in missing series not allowed for set operators");
        }
        if !vectors && filled {
            return self.fault(span, "filling in missing series only allowed between instant vectors");
        }
        if !vectors && binary.matching.explicit {
            return self.fault(span, "vector matching only allowed between instant vectors");
        }
        if !vectors && binary.op.is_set() {
            let op = binary.op.as_str();
            return self.fault(span, format!("set operator {op:?} not allowed in binary scalar expression"));
        }
        let scalars = left == ValueType::Scalar && right == ValueType::Scalar;
        if scalars && binary.op.is_comparison() && !binary.returns_bool {
            return self
                .fault(self.operator_span(binary), "comparisons between scalars must use BOOL modifier");
        }
        Ok(())
    }

    /// Where the operator stands, between the two sides.
    fn operator_span(&self, binary: &Binary) -> Span {
        let from = self.ast.span(binary.left).end as usize;
        let between = &self.text[from..self.ast.span(binary.right).start as usize];
        let start = from + between.find(binary.op.as_str()).unwrap_or(0);
        Span::new(start, start + binary.op.as_str().len())
    }

    fn aggregate(&self, aggregate: &Aggregate) -> Result<(), ParseError> {
        self.expect_type(aggregate.expr, ValueType::Vector, "aggregation expression")?;
        if let (Some(param), Some(wanted)) = (aggregate.param, aggregate.op.param_type()) {
            self.expect_type(param, wanted, "aggregation parameter")?;
        }
        Ok(())
    }

    fn call(&self, id: NodeId, function: &str, args: &[NodeId]) -> Result<(), ParseError> {
        if let Some(builtin) = functions::builtin(function) {
            return self.builtin_call(id, builtin, args);
        }
        if let Some(plugin) = self.plugins.function(function) {
            return self.plugin_call(id, plugin.signature(), args);
        }
        let start = self.ast.span(id).start;
        let name = Span { start, end: start + function.len() as u32 };
        let message = format!(
            "unknown function with name {function:?}: neither PromQL nor a loaded plugin has a function of that name"
        );
        self.fault(name, message)
    }

    fn builtin_call(&self, id: NodeId, builtin: &Builtin, args: &[NodeId]) -> Result<(), ParseError> {
        self.count(id, builtin.name, args.len(), builtin.required_args(), builtin.most_args())?;
        let context = format!("call to function {:?}", builtin.name);
        let last = builtin.args.len().saturating_sub(1);
        for (at, &arg) in args.iter().enumerate() {
            self.expect_type(arg, builtin.args[at.min(last)], &context)?;
        }
        Ok(())
    }

    fn plugin_call(
        &self,
        id: NodeId,
        signature: &bellwether_model::detector::DetectorFunction,
        args: &[NodeId],
    ) -> Result<(), ParseError> {
        let windows = usize::from(signature.windows);
        let required = windows + signature.params.iter().filter(|param| param.default.is_none()).count();
        let most = windows + signature.params.len();
        self.count(id, &signature.name, args.len(), required, Some(most))?;
        let context = format!("call to function {:?}", signature.name);
        for (at, &arg) in args.iter().enumerate() {
            let wanted = if at < windows { ValueType::Matrix } else { ValueType::Scalar };
            self.expect_type(arg, wanted, &context)?;
        }
        Ok(())
    }

    fn count(
        &self,
        id: NodeId,
        name: &str,
        got: usize,
        required: usize,
        most: Option<usize>,
    ) -> Result<(), ParseError> {
        let bound = match most {
            Some(most) if most == required && got != required => format!("{required}"),
            Some(most) if got > most => format!("at most {most}"),
            _ if got < required => format!("at least {required}"),
            _ => return Ok(()),
        };
        let message = format!("expected {bound} argument(s) in call to {name:?}, got {got}");
        self.fault(self.ast.span(id), message)
    }
}
