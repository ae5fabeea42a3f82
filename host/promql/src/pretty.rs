//! Tree to text over several lines, laid out as Prometheus does for `/api/v1/format_query`: what fits into 100 columns
//! stays on one line, anything longer is split and its parts are indented.

use crate::ast::{Ast, Binary, Expr, NodeId};
use crate::printer::{self, Line};

/// Longest text that stays on one line, in bytes and without its indent.
const MAX_LINE_BYTES: usize = 100;

/// Deepest indent; a chain of operators indents its first operand once for each operator, and without a limit the text
/// of a long chain would grow with the square of its length.
const MAX_LEVEL: usize = 256;

/// The expression over several lines. It parses to the same tree.
pub fn pretty(ast: &Ast) -> String {
    let mut pretty = Pretty { ast, line: Line::of(ast), text: String::new() };
    pretty.node(ast.root(), 0);
    pretty.text
}

struct Pretty<'a> {
    ast: &'a Ast,
    line: Line<'a>,
    text: String,
}

impl Pretty<'_> {
    fn indent(&mut self, level: usize) {
        self.text.extend(std::iter::repeat_n("  ", level.min(MAX_LEVEL)));
    }

    fn fits(&self, id: NodeId) -> bool {
        self.line.text_of(id).len() <= MAX_LINE_BYTES
    }

    /// A node with its indent, without a line break at its end.
    fn node(&mut self, id: NodeId, level: usize) {
        let ast = self.ast;
        match ast.expr(id) {
            // A sign has no line of its own, and what follows it no indent on the first one.
            Expr::Unary { negate, expr } => {
                self.indent(level);
                self.text.push(if *negate { '-' } else { '+' });
                let start = self.text.len();
                self.node(*expr, level);
                let blanks = self.text[start..].len() - self.text[start..].trim_start().len();
                self.text.drain(start..start + blanks);
            }
            // Prometheus does not indent subqueries that fit.
            Expr::Subquery(_) if self.fits(id) => self.text.push_str(self.line.text_of(id)),
            Expr::Subquery(subquery) => {
                self.node(subquery.expr, level);
                self.text.push_str(&printer::subquery_suffix(ast, subquery));
            }
            Expr::Binary(_) if !self.fits(id) => self.chain(id, level),
            Expr::Aggregate(aggregate) if !self.fits(id) => {
                let parts = aggregate.param.into_iter().chain([aggregate.expr]).collect::<Vec<_>>();
                self.parts(&printer::aggregation(aggregate), &parts, level);
            }
            Expr::Call { function, args } if !self.fits(id) => self.parts(function, args, level),
            Expr::Paren(inner) if !self.fits(id) => self.parts("", &[*inner], level),
            _ => {
                self.indent(level);
                self.text.push_str(self.line.text_of(id));
            }
        }
    }

    /// Down the left sides as far as they are split, then up with operators and right sides.
    fn chain(&mut self, id: NodeId, level: usize) {
        let mut operators: Vec<(&Binary, usize)> = Vec::new();
        let (mut left, mut left_level) = (id, level);
        while let Expr::Binary(binary) = self.ast.expr(left)
            && !self.fits(left)
        {
            operators.push((binary, left_level));
            (left, left_level) = (binary.left, left_level + 1);
        }
        self.node(left, left_level);
        for (binary, level) in operators.into_iter().rev() {
            self.text.push('\n');
            self.indent(level);
            self.text.push_str(&printer::operator(binary));
            self.text.push('\n');
            self.node(binary.right, level + 1);
        }
    }

    /// `head(`, each part on lines of its own, `)`.
    fn parts(&mut self, head: &str, parts: &[NodeId], level: usize) {
        self.indent(level);
        self.text.push_str(head);
        let mut separator = "(\n";
        for &part in parts {
            self.text.push_str(separator);
            self.node(part, level + 1);
            separator = ",\n";
        }
        self.text.push('\n');
        self.indent(level);
        self.text.push(')');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Features, FunctionRegistry, parse};

    fn laid_out(text: &str) -> String {
        pretty(&parse(text, Features::ALL, &FunctionRegistry::default()).unwrap())
    }

    #[test]
    fn what_fits_stays_on_one_line() {
        assert_eq!(laid_out("sum(rate(x[5m]))by(job)>0"), "sum by (job) (rate(x[5m])) > 0");
        let selector = format!("x{{a=\"{}\"}}", "b".repeat(200));
        assert_eq!(laid_out(&selector), selector);
    }

    #[test]
    fn calls_and_aggregations_split_into_their_arguments() {
        assert_eq!(
            laid_out(
                "-topk(3, max_over_time((rate(first_metric_with_a_long_name[5m]) / \
                 rate(second_metric_with_a_long_name[5m]))[1h:1m] offset 1d))"
            ),
            "-topk(\n  \
               3,\n  \
               max_over_time(\n    \
                 (rate(first_metric_with_a_long_name[5m]) / rate(second_metric_with_a_long_name[5m]))[1h:1m] offset 1d\n  \
               )\n\
             )"
        );
    }

    #[test]
    fn operators_stand_between_their_sides() {
        assert_eq!(
            laid_out(
                "first_metric_with_a_long_name{job=\"node\"} + on (instance) group_left (nodename) \
                 second_metric_with_a_long_name * 100 > bool 7"
            ),
            "    first_metric_with_a_long_name{job=\"node\"}\n  \
               + on (instance) group_left (nodename)\n    \
                 second_metric_with_a_long_name * 100\n\
             > bool\n  \
               7"
        );
    }
}
