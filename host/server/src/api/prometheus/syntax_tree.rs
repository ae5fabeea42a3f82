//! `/api/v1/parse_query`: the syntax tree of an expression in the JSON of Prometheus, which its pages and editors draw.
//!
//! The text is written piece by piece, with the keys of each node in alphabetical order as Prometheus has them. A tree of
//! JSON values would be as deep as the expression, and a chain of operators may have thousands of them: like the printer,
//! this goes down the left sides in a loop and comes back up with the right ones.

use std::fmt::Write as _;

use bellwether_model::Matcher;
use bellwether_promql::ast::{
    Aggregate, AtTime, Binary, Cardinality, DurationExpr, DurationId, Extension, Length, Selector, Shift,
    Subquery,
};
use bellwether_promql::{Ast, Expr, FunctionRegistry, NodeId, ValueType, signature};
use serde_json::{Value, json};

use super::answer::format_value;

/// The tree as JSON. Functions of plugins are described as the built-in ones are.
pub(super) fn syntax_tree(ast: &Ast, functions: &FunctionRegistry) -> String {
    let mut tree = Tree { ast, functions, json: String::new() };
    tree.node(ast.root());
    tree.json
}

struct Tree<'a> {
    ast: &'a Ast,
    functions: &'a FunctionRegistry,
    json: String,
}

impl Tree<'_> {
    fn push(&mut self, text: &str) {
        self.json.push_str(text);
    }

    /// A value that is no part of the tree, and so not deep.
    fn push_value(&mut self, value: &Value) {
        // A string takes everything.
        let _ = write!(self.json, "{value}");
    }

    /// A node: down its left sides as far as they are operators, then up with the rest of each.
    fn node(&mut self, id: NodeId) {
        let ast = self.ast;
        let mut operators: Vec<(NodeId, &Binary)> = Vec::new();
        let mut leftmost = id;
        while let Expr::Binary(binary) = ast.expr(leftmost) {
            self.push(&format!("{{\"bool\":{},\"lhs\":", binary.returns_bool));
            operators.push((leftmost, binary));
            leftmost = binary.left;
        }
        self.simple(leftmost);
        for (id, binary) in operators.into_iter().rev() {
            self.push(",\"matching\":");
            self.push_value(&matching(ast, id, binary));
            self.push(&format!(",\"op\":\"{}\",\"rhs\":", binary.op.as_str()));
            self.node(binary.right);
            self.push(",\"type\":\"binaryExpr\"}");
        }
    }

    /// A node that is no operator.
    fn simple(&mut self, id: NodeId) {
        let ast = self.ast;
        match ast.expr(id) {
            Expr::Number { value, .. } => {
                self.push_value(&json!({"type": "numberLiteral", "val": format_value(*value)}));
            }
            Expr::String(text) => self.push_value(&json!({"type": "stringLiteral", "val": &**text})),
            Expr::Selector(selector) => self.selector(selector, None),
            Expr::Window { selector, range } => {
                if let Expr::Selector(selector) = ast.expr(*selector) {
                    self.selector(selector, Some(*range));
                }
            }
            Expr::Subquery(subquery) => self.subquery(subquery),
            Expr::Unary { negate, expr } => {
                self.push("{\"expr\":");
                self.node(*expr);
                let op = if *negate { "-" } else { "+" };
                self.push(&format!(",\"op\":\"{op}\",\"type\":\"unaryExpr\"}}"));
            }
            Expr::Paren(inner) => {
                self.push("{\"expr\":");
                self.node(*inner);
                self.push(",\"type\":\"parenExpr\"}");
            }
            Expr::Aggregate(aggregate) => self.aggregation(aggregate),
            Expr::Call { function, args } => self.call(function, args),
            // Taken apart by the caller.
            Expr::Binary(_) => {}
        }
    }

    fn aggregation(&mut self, aggregate: &Aggregate) {
        self.push("{\"expr\":");
        self.node(aggregate.expr);
        self.push(",\"grouping\":");
        self.push_value(&json!(aggregate.labels.iter().map(|label| &**label).collect::<Vec<_>>()));
        self.push(&format!(",\"op\":\"{}\",\"param\":", aggregate.op.as_str()));
        match aggregate.param {
            Some(param) => self.node(param),
            None => self.push("null"),
        }
        self.push(&format!(",\"type\":\"aggregation\",\"without\":{}}}", aggregate.without));
    }

    fn call(&mut self, function: &str, args: &[NodeId]) {
        self.push("{\"args\":[");
        for (place, &arg) in args.iter().enumerate() {
            self.push(if place > 0 { "," } else { "" });
            self.node(arg);
        }
        self.push("],\"func\":");
        self.push_value(&self.function(function));
        self.push(",\"type\":\"call\"}");
    }

    fn function(&self, name: &str) -> Value {
        let (types, variadic, returns): (Vec<ValueType>, usize, ValueType) = match signature(name) {
            Some(signature) if signature.variadic < 0 => {
                return function_json(name, signature.args, -1, signature.returns);
            }
            Some(signature) => {
                (signature.args.to_vec(), signature.variadic.unsigned_abs().into(), signature.returns)
            }
            None => {
                let signature = self.functions.function(name).map(|function| function.signature());
                let windows = signature.map_or(0, |signature| usize::from(signature.windows));
                let params = signature.map_or(&[][..], |signature| &signature.params);
                let optional = params.iter().filter(|param| param.default.is_some()).count();
                let types = std::iter::repeat_n(ValueType::Matrix, windows)
                    .chain(params.iter().map(|_| ValueType::Scalar));
                (types.collect(), optional, ValueType::Vector)
            }
        };
        function_json(name, &types, variadic as i64, returns)
    }

    fn selector(&mut self, selector: &Selector, range: Option<Length>) {
        let anchored = selector.extension == Extension::Anchored;
        self.push(&format!("{{\"anchored\":{anchored},\"matchers\":"));
        self.push_value(&Value::Array(selector.matchers.iter().map(matcher).collect()));
        self.push(",\"name\":");
        self.push_value(&json!(selector.name.as_deref().unwrap_or("")));
        self.push(",");
        self.length("offset", selector.shift.offset);
        if let Some(range) = range {
            self.push(",");
            self.length("range", Some(range));
        }
        let smoothed = selector.extension == Extension::Smoothed;
        self.push(&format!(",\"smoothed\":{smoothed},"));
        self.shift(selector.shift);
        let kind = if range.is_some() { "matrixSelector" } else { "vectorSelector" };
        self.push(&format!(",\"type\":\"{kind}\"}}"));
    }

    fn subquery(&mut self, subquery: &Subquery) {
        self.push("{\"expr\":");
        self.node(subquery.expr);
        for (name, length) in
            [("offset", subquery.shift.offset), ("range", Some(subquery.range)), ("step", subquery.step)]
        {
            self.push(",");
            self.length(name, length);
        }
        self.push(",");
        self.shift(subquery.shift);
        self.push(",\"type\":\"subquery\"}");
    }

    /// `startOrEnd` and `timestamp`.
    fn shift(&mut self, shift: Shift) {
        let (bound, millis) = match shift.at {
            None => ("null", None),
            Some(AtTime::Start) => ("\"start\"", None),
            Some(AtTime::End) => ("\"end\"", None),
            Some(AtTime::Fixed(time)) => ("null", Some(time.as_millis())),
        };
        let millis = millis.map_or_else(|| "null".to_owned(), |millis| millis.to_string());
        self.push(&format!("\"startOrEnd\":{bound},\"timestamp\":{millis}"));
    }

    /// A length in milliseconds, or 0 and the expression that it is computed by.
    fn length(&mut self, name: &str, length: Option<Length>) {
        match length {
            Some(Length::Computed(id)) => {
                self.push(&format!("\"{name}\":0,\"{name}Expr\":"));
                self.duration(id);
            }
            Some(Length::Millis(millis)) => self.push(&format!("\"{name}\":{millis},\"{name}Expr\":null")),
            None => self.push(&format!("\"{name}\":0,\"{name}Expr\":null")),
        }
    }

    /// A duration expression: down the left sides and up again, too.
    fn duration(&mut self, id: DurationId) {
        let mut operators = Vec::new();
        let mut leftmost = id;
        while let DurationExpr::Binary { op, left, right } = self.ast.duration(leftmost) {
            self.push("{\"lhs\":");
            operators.push((op, right));
            leftmost = left;
        }
        self.simple_duration(leftmost, false);
        for (op, right) in operators.into_iter().rev() {
            self.duration_rest(op.as_str(), Some(right), false);
        }
    }

    /// A duration expression that is no operator, or one within parentheses of its own.
    fn simple_duration(&mut self, id: DurationId, wrapped: bool) {
        match self.ast.duration(id) {
            // A literal in parentheses becomes a sum, since a literal cannot say that it has them.
            DurationExpr::Number { .. } if wrapped => {
                self.push("{\"lhs\":null");
                self.duration_rest("+", Some(id), true);
            }
            DurationExpr::Number { seconds, duration } => self.push_value(
                &json!({"duration": duration, "type": "numberLiteral", "val": format_value(seconds)}),
            ),
            DurationExpr::Step => self.duration_leaf("step", wrapped),
            DurationExpr::Range => self.duration_leaf("range", wrapped),
            DurationExpr::Negate(inner) => {
                self.push("{\"lhs\":null");
                self.duration_rest("-", Some(inner), wrapped);
            }
            DurationExpr::Plus(inner) => self.simple_duration(inner, wrapped),
            DurationExpr::Paren(inner) => self.simple_duration(inner, true),
            DurationExpr::Binary { op, left, right } => self.duration_pair(left, op.as_str(), right, wrapped),
            DurationExpr::Max(left, right) => self.duration_pair(left, "max_of", right, wrapped),
            DurationExpr::Min(left, right) => self.duration_pair(left, "min_of", right, wrapped),
        }
    }

    fn duration_pair(&mut self, left: DurationId, op: &str, right: DurationId, wrapped: bool) {
        self.push("{\"lhs\":");
        self.duration(left);
        self.duration_rest(op, Some(right), wrapped);
    }

    fn duration_leaf(&mut self, op: &str, wrapped: bool) {
        self.push("{\"lhs\":null");
        self.duration_rest(op, None, wrapped);
    }

    /// What follows the left side of an operator.
    fn duration_rest(&mut self, op: &str, right: Option<DurationId>, wrapped: bool) {
        self.push(&format!(",\"op\":\"{op}\",\"rhs\":"));
        match right {
            Some(right) => self.duration(right),
            None => self.push("null"),
        }
        self.push(&format!(",\"type\":\"durationExpr\",\"wrapped\":{wrapped}}}"));
    }
}

/// How the sides of an operator find each other; nothing unless both have series.
fn matching(ast: &Ast, id: NodeId, binary: &Binary) -> Value {
    let is_vector = |side| ast.value_type(side) == ValueType::Vector;
    if ast.value_type(id) != ValueType::Vector || !is_vector(binary.left) || !is_vector(binary.right) {
        return Value::Null;
    }
    let matching = &binary.matching;
    let cardinality = match matching.cardinality {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    let names =
        |labels: &[std::sync::Arc<str>]| labels.iter().map(|label| label.to_string()).collect::<Vec<_>>();
    json!({
        "card": cardinality,
        "fillValues": {"lhs": matching.fill_left, "rhs": matching.fill_right},
        "include": names(&matching.include),
        "labels": names(&matching.labels),
        "on": matching.on,
    })
}

fn matcher(matcher: &Matcher) -> Value {
    json!({"name": matcher.name(), "type": matcher.op().as_str(), "value": matcher.value()})
}

fn function_json(name: &str, args: &[ValueType], variadic: i64, returns: ValueType) -> Value {
    let word = |value_type: &ValueType| match value_type {
        ValueType::Scalar => "scalar",
        ValueType::String => "string",
        ValueType::Vector => "vector",
        ValueType::Matrix => "matrix",
    };
    json!({
        "argTypes": args.iter().map(word).collect::<Vec<_>>(),
        "name": name,
        "returnType": word(&returns),
        "variadic": variadic,
    })
}

#[cfg(test)]
mod tests {
    use bellwether_promql::{Features, parse};

    use super::*;

    fn tree(text: &str) -> Value {
        let functions = FunctionRegistry::default();
        let ast = parse(text, Features::ALL, &functions).unwrap();
        serde_json::from_str(&syntax_tree(&ast, &functions)).unwrap()
    }

    fn plain_selector(name: &str) -> Value {
        json!({
            "type": "vectorSelector", "name": name, "offset": 0, "offsetExpr": null, "timestamp": null,
            "matchers": [{"name": "__name__", "type": "=", "value": name}],
            "startOrEnd": null, "anchored": false, "smoothed": false,
        })
    }

    #[test]
    fn operators_tell_how_series_match() {
        let matching = json!({
            "card": "many-to-one", "labels": ["job"], "on": true, "include": ["team"],
            "fillValues": {"lhs": 0.0, "rhs": null},
        });
        assert_eq!(
            tree("a / on(job) group_left(team) fill_left(0) b"),
            json!({
                "type": "binaryExpr", "op": "/", "bool": false, "matching": matching,
                "lhs": plain_selector("a"), "rhs": plain_selector("b"),
            })
        );
        assert_eq!(tree("a > bool 1")["matching"], Value::Null);
        assert_eq!(tree("a and b")["matching"]["card"], "many-to-many");
    }

    #[test]
    fn calls_and_aggregations_tell_their_types() {
        assert_eq!(
            tree("-sum without (a) (round(x, 5m))"),
            json!({
                "type": "unaryExpr", "op": "-", "expr": {
                    "type": "aggregation", "op": "sum", "param": null, "grouping": ["a"], "without": true, "expr": {
                        "type": "call", "args": [plain_selector("x"), {"type": "numberLiteral", "val": "300"}],
                        "func": {
                            "name": "round", "argTypes": ["vector", "scalar"], "variadic": 1, "returnType": "vector",
                        },
                    },
                },
            })
        );
        assert_eq!(tree("label_join(x, \"a\", \"b\", \"c\")")["func"]["variadic"], -1);
        assert_eq!(tree("count_values(\"v\", (x))")["param"], json!({"type": "stringLiteral", "val": "v"}));
    }

    #[test]
    fn windows_tell_their_times() {
        let window = tree("x[5m] anchored @ 1.5 offset -1m");
        assert_eq!((&window["range"], &window["rangeExpr"]), (&json!(300_000), &Value::Null));
        assert_eq!((&window["offset"], &window["timestamp"]), (&json!(-60_000), &json!(1500)));
        assert_eq!(window["anchored"], true);
        let subquery = tree("x[1h:] @ end()");
        assert_eq!((&subquery["step"], &subquery["startOrEnd"]), (&json!(0), &json!("end")));
    }

    #[test]
    fn lengths_that_are_computed_are_trees_too() {
        let number = |val: &str, duration| json!({"type": "numberLiteral", "val": val, "duration": duration});
        let operator = |op: &str, lhs, rhs, wrapped| json!({"type": "durationExpr", "op": op, "lhs": lhs, "rhs": rhs, "wrapped": wrapped});
        let step = operator("step", Value::Null, Value::Null, false);
        assert_eq!(
            tree("x[(step()+5m)*2]")["rangeExpr"],
            operator("*", operator("+", step, number("300", true), true), number("2", false), false)
        );
        let wrapped = operator("+", Value::Null, number("300", true), true);
        assert_eq!(tree("x offset -(5m)")["offsetExpr"], operator("-", Value::Null, wrapped.clone(), false));
        assert_eq!(
            tree("x[min_of((5m), -3)]")["rangeExpr"],
            operator("min_of", wrapped, number("-3", false), false)
        );
    }

    #[test]
    fn chains_of_any_length_are_written() {
        let functions = FunctionRegistry::default();
        let text = format!("x{}", " + x".repeat(20_000));
        let json = syntax_tree(&parse(&text, Features::ALL, &functions).unwrap(), &functions);
        assert_eq!(json.matches("binaryExpr").count(), 20_000);
    }
}
