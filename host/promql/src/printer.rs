//! Tree to text, in Prometheus' layout on one line. What is printed parses to the same tree.

use std::fmt;
use std::time::Duration;

use bellwether_model::Matcher;
use bellwether_model::duration::PrometheusDuration;
use bellwether_model::labels::{METRIC_NAME, Quoted, is_classic_label_name, is_classic_metric_name};

use crate::ast::{Aggregate, Ast, AtTime, Binary, Cardinality, Expr, NodeId, Selector, Shift};

impl fmt::Display for Ast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer { ast: self, f }.node(self.root())
    }
}

/// A float as Go prints it with `%v`-like brevity: `+Inf`, `NaN`, the shortest digits that read back the same.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        format!("{value}")
    }
}

struct Printer<'a, 'f, 'o> {
    ast: &'a Ast,
    f: &'f mut fmt::Formatter<'o>,
}

impl Printer<'_, '_, '_> {
    fn node(&mut self, id: NodeId) -> fmt::Result {
        match self.ast.expr(id) {
            Expr::Number { value, duration: true } => self.duration((value * 1000.0).round() as i64),
            // Without the sign: `+Inf ^ 2` would be read as `+(Inf ^ 2)`.
            Expr::Number { value, .. } => self.f.write_str(number(*value).trim_start_matches('+')),
            Expr::String(text) => write!(self.f, "{}", Quoted(text)),
            Expr::Selector(selector) => {
                self.selector(selector)?;
                self.shift(selector.shift)
            }
            Expr::Window { selector, range_ms } => self.window(*selector, *range_ms),
            Expr::Subquery(subquery) => {
                self.node(subquery.expr)?;
                self.f.write_str("[")?;
                self.duration(subquery.range_ms)?;
                self.f.write_str(":")?;
                if let Some(step_ms) = subquery.step_ms {
                    self.duration(step_ms)?;
                }
                self.f.write_str("]")?;
                self.shift(subquery.shift)
            }
            Expr::Unary { negate, expr } => {
                self.f.write_str(if *negate { "-" } else { "+" })?;
                self.node(*expr)
            }
            Expr::Binary(binary) => self.binary(binary),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Call { function, args } => {
                self.f.write_str(function)?;
                self.arguments(args.iter().copied())
            }
            Expr::Paren(inner) => self.arguments([*inner]),
        }
    }

    fn arguments(&mut self, args: impl IntoIterator<Item = NodeId>) -> fmt::Result {
        let mut separator = "(";
        let mut any = false;
        for arg in args {
            self.f.write_str(separator)?;
            self.node(arg)?;
            (separator, any) = (", ", true);
        }
        self.f.write_str(if any { ")" } else { "()" })
    }

    fn duration(&mut self, millis: i64) -> fmt::Result {
        let sign = if millis < 0 { "-" } else { "" };
        write!(self.f, "{sign}{}", PrometheusDuration(Duration::from_millis(millis.unsigned_abs())))
    }

    fn window(&mut self, selector: NodeId, range_ms: i64) -> fmt::Result {
        let Expr::Selector(selector) = self.ast.expr(selector) else {
            return Ok(());
        };
        self.selector(selector)?;
        self.f.write_str("[")?;
        self.duration(range_ms)?;
        self.f.write_str("]")?;
        self.shift(selector.shift)
    }

    fn selector(&mut self, selector: &Selector) -> fmt::Result {
        let name = selector.name.as_deref();
        // The condition on a given name is the last one; others on `__name__` may stand beside a quoted name only.
        let written = &selector.matchers[..selector.matchers.len() - usize::from(name.is_some())];
        let named_twice = written.iter().any(|matcher| matcher.name() == METRIC_NAME);
        let plain = name.filter(|name| is_classic_metric_name(name) && !is_other_word(name) && !named_twice);
        self.f.write_str(plain.unwrap_or(""))?;
        if plain.is_some() && written.is_empty() {
            return Ok(());
        }
        let quoted = name.filter(|_| plain.is_none()).map(|name| Quoted(name).to_string());
        let parts: Vec<String> = quoted.into_iter().chain(written.iter().map(Matcher::to_string)).collect();
        write!(self.f, "{{{}}}", parts.join(","))
    }

    fn shift(&mut self, shift: Shift) -> fmt::Result {
        match shift.at {
            Some(AtTime::Fixed(time)) => {
                let millis = time.as_millis();
                let sign = if millis < 0 { "-" } else { "" };
                let millis = millis.unsigned_abs();
                write!(self.f, " @ {sign}{}.{:03}", millis / 1000, millis % 1000)?;
            }
            Some(AtTime::Start) => self.f.write_str(" @ start()")?,
            Some(AtTime::End) => self.f.write_str(" @ end()")?,
            None => {}
        }
        let Some(offset_ms) = shift.offset_ms else {
            return Ok(());
        };
        self.f.write_str(" offset ")?;
        self.duration(offset_ms)
    }

    fn binary(&mut self, binary: &Binary) -> fmt::Result {
        self.node(binary.left)?;
        write!(self.f, " {}", binary.op.as_str())?;
        if binary.returns_bool {
            self.f.write_str(" bool")?;
        }
        let matching = &binary.matching;
        if matching.explicit {
            self.f.write_str(if matching.on { " on (" } else { " ignoring (" })?;
            self.labels(&matching.labels)?;
            self.f.write_str(")")?;
        }
        let group = match matching.cardinality {
            Cardinality::ManyToOne => " group_left (",
            Cardinality::OneToMany => " group_right (",
            Cardinality::OneToOne | Cardinality::ManyToMany => "",
        };
        if !group.is_empty() {
            self.f.write_str(group)?;
            self.labels(&matching.include)?;
            self.f.write_str(")")?;
        }
        for (word, value) in [("fill_left", matching.fill_left), ("fill_right", matching.fill_right)] {
            if let Some(value) = value {
                write!(self.f, " {word} ({})", number(value))?;
            }
        }
        self.f.write_str(" ")?;
        self.node(binary.right)
    }

    fn aggregate(&mut self, aggregate: &Aggregate) -> fmt::Result {
        self.f.write_str(aggregate.op.as_str())?;
        if aggregate.without || !aggregate.labels.is_empty() {
            self.f.write_str(if aggregate.without { " without (" } else { " by (" })?;
            self.labels(&aggregate.labels)?;
            self.f.write_str(") ")?;
        }
        self.arguments(aggregate.param.into_iter().chain([aggregate.expr]))
    }

    fn labels(&mut self, labels: &[std::sync::Arc<str>]) -> fmt::Result {
        let mut separator = "";
        for label in labels {
            self.f.write_str(separator)?;
            separator = ", ";
            if is_classic_label_name(label) {
                self.f.write_str(label)?;
            } else {
                write!(self.f, "{}", Quoted(label))?;
            }
        }
        Ok(())
    }
}

/// Names that would be read as something else without quotes.
fn is_other_word(name: &str) -> bool {
    ["inf", "nan", "on", "ignoring", "group_left", "group_right", "bool", "atan2"]
        .iter()
        .any(|word| name.eq_ignore_ascii_case(word))
}
