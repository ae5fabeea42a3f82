//! What the types allow: one walk over the finished tree in Prometheus' order, with its error texts, since the first
//! mistake is the one that is reported.

use bellwether_model::detector::DetectorFunction;
use bellwether_model::labels::METRIC_NAME;

use crate::ast::{Aggregate, Ast, Binary, Cardinality, Expr, NodeId, Selector, Span, ValueType};
use crate::error::ParseError;
use crate::plugin::FunctionRegistry;
use crate::signatures::{Signature, signature};

/// Checks each node; the first that does not fit is the error.
pub(super) fn check(text: &str, ast: &Ast, plugins: &FunctionRegistry) -> Result<(), ParseError> {
    let mut check = Check { text, ast, plugins, tasks: vec![Task::Node(ast.root())] };
    while let Some(task) = check.tasks.pop() {
        check.run(task)?;
    }
    Ok(())
}

/// What is still to be checked; a stack instead of recursion, since chains of operators may be long.
enum Task {
    /// A node and all below.
    Node(NodeId),
    /// What a node asks of its children, which have been checked.
    Children(NodeId),
    /// Whether a child, which has been checked, has the type that its place asks for.
    Type { child: NodeId, wanted: ValueType, place: Place },
}

#[derive(Clone, Copy)]
enum Place {
    Aggregated,
    Parameter,
    Argument(NodeId),
}

struct Check<'a> {
    text: &'a str,
    ast: &'a Ast,
    plugins: &'a FunctionRegistry,
    tasks: Vec<Task>,
}

impl Check<'_> {
    fn run(&mut self, task: Task) -> Result<(), ParseError> {
        match task {
            Task::Node(id) => self.node(id),
            Task::Children(id) => self.children(id),
            Task::Type { child, wanted, place } => self.expect_type(child, wanted, place),
        }
    }

    fn node(&mut self, id: NodeId) -> Result<(), ParseError> {
        match self.ast.expr(id) {
            Expr::Number { .. } | Expr::String(_) => Ok(()),
            Expr::Selector(selector) => self.selector(id, selector, true),
            Expr::Aggregate(aggregate) => {
                self.aggregate(aggregate);
                Ok(())
            }
            Expr::Call { function, args } => self.call(id, function, args),
            _ => {
                self.tasks.push(Task::Children(id));
                let children = self.ast.children(id).collect::<Vec<_>>();
                self.tasks.extend(children.into_iter().rev().map(Task::Node));
                Ok(())
            }
        }
    }

    fn children(&self, id: NodeId) -> Result<(), ParseError> {
        let span = self.ast.span(id);
        match self.ast.expr(id) {
            Expr::Subquery(subquery) => match self.ast.value_type(subquery.expr) {
                ValueType::Vector => Ok(()),
                other => {
                    let kind = if other == ValueType::Matrix { "matrix" } else { other.as_str() };
                    self.fault(
                        span,
                        format!("subquery is only allowed on instant vector, got {kind} instead"),
                    )
                }
            },
            Expr::Unary { expr, .. } => match self.ast.value_type(*expr) {
                ValueType::Scalar | ValueType::Vector => Ok(()),
                other => {
                    const ALLOWED: &str =
                        "unary expression only allowed on expressions of type scalar or instant vector";
                    self.fault(span, format!("{ALLOWED}, got {:?}", other.as_str()))
                }
            },
            Expr::Binary(binary) => self.binary(span, binary),
            _ => Ok(()),
        }
    }

    fn fault<T>(&self, span: Span, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError::new(self.text, span, message))
    }

    fn expect_type(&self, child: NodeId, wanted: ValueType, place: Place) -> Result<(), ParseError> {
        let got = self.ast.value_type(child);
        if got == wanted {
            return Ok(());
        }
        let context = match place {
            Place::Aggregated => "aggregation expression".to_owned(),
            Place::Parameter => "aggregation parameter".to_owned(),
            Place::Argument(call) => format!("call to function \"{}\"", self.function(call)),
        };
        let message = format!("expected type {} in {context}, got {}", wanted.as_str(), got.as_str());
        self.fault(self.ast.span(child), message)
    }

    fn function(&self, call: NodeId) -> &str {
        if let Expr::Call { function, .. } = self.ast.expr(call) { function } else { "" }
    }

    /// A selector that would select everything is refused, and so is one with two names.
    fn selector(&self, id: NodeId, selector: &Selector, must_select: bool) -> Result<(), ParseError> {
        let span = self.ast.span(id);
        if let Some(name) = &selector.name {
            let beside = &selector.matchers[..selector.matchers.len() - 1];
            return match beside.iter().find(|matcher| matcher.name() == METRIC_NAME) {
                Some(other) => {
                    let message =
                        format!("metric name must not be set twice: {name:?} or {:?}", other.value());
                    self.fault(span, message)
                }
                None => Ok(()),
            };
        }
        if !must_select || selector.matchers.iter().any(|matcher| !matcher.matches_value("")) {
            return Ok(());
        }
        self.fault(span, "vector selector must contain at least one non-empty matcher")
    }

    fn binary(&self, span: Span, binary: &Binary) -> Result<(), ParseError> {
        let types = [binary.left, binary.right].map(|side| self.ast.value_type(side));
        let op = binary.op.as_str();
        if binary.returns_bool && !binary.op.is_comparison() {
            let message = "bool modifier can only be used on comparison operators";
            return self.fault(self.operator_span(binary), message);
        }
        if types == [ValueType::Scalar; 2] && binary.op.is_comparison() && !binary.returns_bool {
            let message = "comparisons between scalars must use BOOL modifier";
            return self.fault(self.operator_span(binary), message);
        }
        let matching = &binary.matching;
        let in_both = |label: &&std::sync::Arc<str>| matching.on && matching.include.contains(label);
        if let Some(label) = matching.labels.iter().find(in_both) {
            let message = format!("label {label:?} must not occur in ON and GROUP clause at once");
            return self.fault(self.operator_span(binary), message);
        }
        for (side, value_type) in [binary.left, binary.right].into_iter().zip(types) {
            if !matches!(value_type, ValueType::Scalar | ValueType::Vector) {
                let message = "binary expression must contain only scalar and instant vector types";
                return self.fault(self.ast.span(side), message);
            }
        }
        let is_filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        let problem = if types != [ValueType::Vector; 2] {
            if !matching.labels.is_empty() {
                "vector matching only allowed between instant vectors".to_owned()
            } else if is_filled {
                "filling in missing series only allowed between instant vectors".to_owned()
            } else if binary.op.is_set() {
                format!("set operator {op:?} not allowed in binary scalar expression")
            } else {
                return Ok(());
            }
        } else if binary.op.is_set() && matching.cardinality != Cardinality::ManyToMany {
            format!("no grouping allowed for {op:?} operation")
        } else if binary.op.is_set() && is_filled {
            "filling in missing series not allowed for set operators".to_owned()
        } else {
            return Ok(());
        };
        self.fault(span, problem)
    }

    /// What stands between the two sides, without the blanks around it.
    fn operator_span(&self, binary: &Binary) -> Span {
        let (from, to) = (self.ast.span(binary.left).end, self.ast.span(binary.right).start);
        let between = Span { start: from, end: to }.slice(self.text);
        let blanks = between.len() - between.trim_ascii_start().len();
        Span { start: from + blanks as u32, end: from + between.trim_ascii_end().len() as u32 }
    }

    fn aggregate(&mut self, aggregate: &Aggregate) {
        if let (Some(param), Some(wanted)) = (aggregate.param, aggregate.op.param_type()) {
            self.tasks.push(Task::Type { child: param, wanted, place: Place::Parameter });
            self.tasks.push(Task::Node(param));
        }
        let (child, wanted) = (aggregate.expr, ValueType::Vector);
        self.tasks.push(Task::Type { child, wanted, place: Place::Aggregated });
        self.tasks.push(Task::Node(child));
    }

    fn call(&mut self, id: NodeId, function: &str, args: &[NodeId]) -> Result<(), ParseError> {
        if let Some(builtin) = signature(function) {
            return self.builtin_call(id, builtin, args);
        }
        match self.plugins.function(function) {
            Some(plugin) => self.plugin_call(id, plugin.signature(), args),
            // The grammar has refused unknown names.
            None => Ok(()),
        }
    }

    fn builtin_call(&mut self, id: NodeId, builtin: &Signature, args: &[NodeId]) -> Result<(), ParseError> {
        self.count(id, builtin.name, args.len(), builtin.required_args(), builtin.most_args())?;
        let labels = if builtin.name == "info" { args.get(1) } else { None };
        labels.map_or(Ok(()), |&labels| self.info_labels(id, labels))?;
        let last = builtin.args.len().saturating_sub(1);
        for (at, &child) in args.iter().enumerate().rev() {
            let wanted = builtin.args[at.min(last)];
            self.tasks.push(Task::Type { child, wanted, place: Place::Argument(id) });
            if labels != Some(&child) {
                self.tasks.push(Task::Node(child));
            }
        }
        Ok(())
    }

    /// The second argument of `info`: matchers alone, which may select everything.
    fn info_labels(&self, call: NodeId, labels: NodeId) -> Result<(), ParseError> {
        match (self.ast.value_type(labels), self.ast.expr(labels)) {
            (ValueType::Vector, Expr::Selector(selector)) if selector.name.is_none() => {
                self.selector(labels, selector, false)
            }
            (ValueType::Vector, Expr::Selector(_)) => {
                let message = "expected label selectors only, got vector selector instead";
                self.fault(self.ast.span(labels), message)
            }
            (ValueType::Vector, _) => self.fault(self.ast.span(labels), "expected label selectors only"),
            (other, _) => {
                let message = format!(
                    "expected type instant vector in call to function \"info\", got {}",
                    other.as_str()
                );
                self.fault(self.ast.span(call), message)
            }
        }
    }

    fn plugin_call(
        &mut self,
        id: NodeId,
        signature: &DetectorFunction,
        args: &[NodeId],
    ) -> Result<(), ParseError> {
        let windows = usize::from(signature.windows);
        let required = windows + signature.params.iter().filter(|param| param.default.is_none()).count();
        let most = windows + signature.params.len();
        self.count(id, &signature.name, args.len(), required, Some(most))?;
        for (at, &child) in args.iter().enumerate().rev() {
            let wanted = if at < windows { ValueType::Matrix } else { ValueType::Scalar };
            self.tasks.push(Task::Type { child, wanted, place: Place::Argument(id) });
            self.tasks.push(Task::Node(child));
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
