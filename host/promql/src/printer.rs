//! Tree to text, on one line as Prometheus prints it. What is printed parses to the same tree.
//!
//! In a few places Prometheus' own text would be read differently, and here it is not: `Inf ^ 2` has no sign before
//! it, and an offset whose beginning would be taken for the whole has two.

mod duration;

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;

use bellwether_model::Matcher;
use bellwether_model::labels::{Quoted, is_classic_label_name, is_classic_metric_name};
use bellwether_model::number::General;

use crate::ast::{
    Aggregate, Ast, AtTime, Binary, BinaryOp, Cardinality, Expr, Extension, NodeId, Selector, Shift,
    Subquery, VectorMatching,
};
use crate::parser::words::Word;

impl fmt::Display for Ast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Line::of(self).text)
    }
}

/// A float as Go prints it without an exponent: `+Inf`, `NaN`, the shortest digits that read back the same.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        format!("{value}")
    }
}

/// An expression on one line, and which bytes of it each node became.
pub(crate) struct Line<'a> {
    ast: &'a Ast,
    pub(crate) text: String,
    places: Vec<Range<usize>>,
}

impl<'a> Line<'a> {
    pub(crate) fn of(ast: &'a Ast) -> Self {
        let mut line = Self { ast, text: String::new(), places: vec![0..0; ast.nodes.len()] };
        line.node(ast.root());
        line
    }

    /// The text of a node. The selector of a window has none of its own.
    pub(crate) fn text_of(&self, id: NodeId) -> &str {
        &self.text[self.places[id.0 as usize].clone()]
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn push_display(&mut self, value: impl fmt::Display) {
        // A string takes everything.
        let _ = write!(self.text, "{value}");
    }

    fn node(&mut self, id: NodeId) {
        if matches!(self.ast.expr(id), Expr::Binary(_)) {
            return self.chain(id);
        }
        let start = self.text.len();
        self.simple(id);
        self.places[id.0 as usize] = start..self.text.len();
    }

    /// A binary expression: down the left sides, then up with the right ones.
    fn chain(&mut self, id: NodeId) {
        let start = self.text.len();
        let mut operators = Vec::new();
        let mut leftmost = id;
        while let Expr::Binary(binary) = self.ast.expr(leftmost) {
            operators.push((leftmost, binary));
            leftmost = binary.left;
        }
        match (operators.last(), self.ast.expr(leftmost)) {
            // With a sign, the sign would be taken from the whole power.
            (Some((_, binary)), Expr::Number { value, .. })
                if binary.op == BinaryOp::Pow && *value == f64::INFINITY =>
            {
                self.push("Inf");
                self.places[leftmost.0 as usize] = start..self.text.len();
            }
            _ => self.node(leftmost),
        }
        for (id, binary) in operators.into_iter().rev() {
            self.push(" ");
            self.push(&operator(binary));
            self.push(" ");
            self.node(binary.right);
            self.places[id.0 as usize] = start..self.text.len();
        }
    }

    fn simple(&mut self, id: NodeId) {
        let ast = self.ast;
        match ast.expr(id) {
            Expr::Number { value, duration } => self.push(&duration::literal(*value, *duration)),
            Expr::String(text) => self.push_display(Quoted(text)),
            Expr::Selector(selector) => self.selector(selector),
            Expr::Window { selector, range } => {
                let Expr::Selector(selector) = ast.expr(*selector) else { return };
                self.matchers(selector);
                self.push(&format!("[{}]", duration::length(ast, *range)));
                self.push(extension(selector.extension));
                self.push(&at(selector.shift));
                self.push(&offset(ast, selector.shift));
            }
            Expr::Subquery(subquery) => {
                self.node(subquery.expr);
                self.push(&subquery_suffix(ast, subquery));
            }
            Expr::Unary { negate, expr } => {
                self.push(if *negate { "-" } else { "+" });
                self.node(*expr);
            }
            Expr::Aggregate(aggregate) => {
                self.push(&aggregation(aggregate));
                self.arguments(aggregate.param.into_iter().chain([aggregate.expr]));
            }
            Expr::Call { function, args } => {
                self.push(function);
                self.arguments(args.iter().copied());
            }
            Expr::Paren(inner) => self.arguments([*inner]),
            Expr::Binary(_) => self.chain(id),
        }
    }

    fn arguments(&mut self, args: impl IntoIterator<Item = NodeId>) {
        self.push("(");
        let mut separator = "";
        for arg in args {
            self.push(separator);
            self.node(arg);
            separator = ", ";
        }
        self.push(")");
    }

    fn selector(&mut self, selector: &Selector) {
        self.matchers(selector);
        self.push(&at(selector.shift));
        self.push(extension(selector.extension));
        self.push(&offset(self.ast, selector.shift));
    }

    /// Name and matchers, those sorted by their texts.
    fn matchers(&mut self, selector: &Selector) {
        let plain = selector
            .name
            .as_deref()
            .filter(|name| is_classic_metric_name(name) && Word::is_metric_name(name));
        self.push(plain.unwrap_or(""));
        // The matcher of a name that was written is the last one.
        let written = &selector.matchers[..selector.matchers.len() - usize::from(plain.is_some())];
        let mut texts: Vec<String> = written.iter().map(Matcher::to_string).collect();
        texts.sort_unstable();
        if plain.is_none() || !texts.is_empty() {
            self.push(&format!("{{{}}}", texts.join(",")));
        }
    }
}

/// An operator with its modifiers, up to the right side.
pub(crate) fn operator(binary: &Binary) -> String {
    let returns_bool = if binary.returns_bool { " bool" } else { "" };
    format!("{}{returns_bool}{}", binary.op.as_str(), matching(&binary.matching))
}

fn matching(matching: &VectorMatching) -> String {
    let mut text = String::new();
    if matching.explicit {
        let word = if matching.on { "on" } else { "ignoring" };
        text += &format!(" {word} ({})", labels(&matching.labels));
    }
    let group = match matching.cardinality {
        Cardinality::ManyToOne => "group_left",
        Cardinality::OneToMany => "group_right",
        Cardinality::OneToOne | Cardinality::ManyToMany => "",
    };
    if !group.is_empty() {
        text += &format!(" {group} ({})", labels(&matching.include));
    }
    match (matching.fill_left, matching.fill_right) {
        (Some(left), Some(right)) if left == right => text += &format!(" fill ({})", General(left)),
        (left, right) => {
            for (word, value) in [("fill_left", left), ("fill_right", right)] {
                text += &value.map_or_else(String::new, |value| format!(" {word} ({})", General(value)));
            }
        }
    }
    text
}

/// An aggregation before its arguments.
pub(crate) fn aggregation(aggregate: &Aggregate) -> String {
    let op = aggregate.op.as_str();
    if !aggregate.without && aggregate.labels.is_empty() {
        return op.to_owned();
    }
    let word = if aggregate.without { "without" } else { "by" };
    format!("{op} {word} ({}) ", labels(&aggregate.labels))
}

/// What follows the expression of a subquery.
pub(crate) fn subquery_suffix(ast: &Ast, subquery: &Subquery) -> String {
    let range = duration::length(ast, subquery.range);
    let step = subquery.step.map_or_else(String::new, |step| duration::length(ast, step));
    format!("[{range}:{step}]{}{}", at(subquery.shift), offset(ast, subquery.shift))
}

fn extension(extension: Extension) -> &'static str {
    match extension {
        Extension::None => "",
        Extension::Anchored => " anchored",
        Extension::Smoothed => " smoothed",
    }
}

fn at(shift: Shift) -> String {
    match shift.at {
        Some(AtTime::Fixed(time)) => {
            let millis = time.as_millis();
            let sign = if millis < 0 { "-" } else { "" };
            let millis = millis.unsigned_abs();
            format!(" @ {sign}{}.{:03}", millis / 1000, millis % 1000)
        }
        Some(AtTime::Start) => " @ start()".to_owned(),
        Some(AtTime::End) => " @ end()".to_owned(),
        None => String::new(),
    }
}

fn offset(ast: &Ast, shift: Shift) -> String {
    shift.offset.map_or_else(String::new, |offset| format!(" offset {}", duration::offset(ast, offset)))
}

fn labels(labels: &[Arc<str>]) -> String {
    let texts = labels.iter().map(|label| {
        let plain = is_classic_label_name(label) && Word::is_label_name(label);
        if plain { label.to_string() } else { Quoted(label).to_string() }
    });
    texts.collect::<Vec<_>>().join(", ")
}
