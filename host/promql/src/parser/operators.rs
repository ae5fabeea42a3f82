//! Binary operators and their modifiers: `bool`, `on`, `ignoring`, `group_left`, `group_right`, `fill`.

use crate::ast::{Binary, BinaryOp, Cardinality, Expr, NodeId, Span, ValueType, VectorMatching};
use crate::error::ParseError;
use crate::lexer::TokenKind;
use crate::parser::Parser;

impl Parser<'_> {
    pub(super) fn peek_binary_op(&self) -> Option<BinaryOp> {
        let is_word = match self.peek().kind {
            TokenKind::Op(_) => false,
            TokenKind::Word => true,
            _ => return None,
        };
        let text = self.peek_text();
        BinaryOp::ALL.into_iter().find(|op| {
            let name = op.as_str();
            if is_word { text.eq_ignore_ascii_case(name) } else { text == name }
        })
    }

    pub(super) fn binary(&mut self, op: BinaryOp, left: NodeId) -> Result<NodeId, ParseError> {
        self.advance();
        let returns_bool = self.take_word("bool");
        let mut matching = self.matching(op)?;
        // `^` alone groups from the right.
        let right = self.expression(op.precedence() + u8::from(op != BinaryOp::Pow))?;
        let span = Span { start: self.span(left).start, end: self.span(right).end };
        let is_filled = matching.fill_left.is_some() || matching.fill_right.is_some();
        if is_filled && !self.features.fill_modifiers {
            self.refuse_lexer_error()?;
            return Err(self.fault(span, "binop fill modifiers are experimental and not enabled"));
        }
        let types = [left, right].map(|id| self.value_type(id));
        // As in Prometheus: without labels, what stands between anything but two vectors says nothing.
        if types != [ValueType::Vector; 2] && matching.labels.is_empty() && !is_filled {
            matching = VectorMatching { cardinality: ungrouped(op), ..VectorMatching::default() };
        }
        let value_type = if types == [ValueType::Scalar; 2] { ValueType::Scalar } else { ValueType::Vector };
        self.push(span, value_type, Expr::Binary(Binary { op, returns_bool, left, right, matching }))
    }

    fn matching(&mut self, op: BinaryOp) -> Result<VectorMatching, ParseError> {
        let mut matching = VectorMatching { cardinality: ungrouped(op), ..VectorMatching::default() };
        if self.peek_is_word("on") || self.peek_is_word("ignoring") {
            matching.on = self.peek_is_word("on");
            self.advance();
            matching.labels = self.label_list()?;
            self.grouping_modifier(&mut matching)?;
            matching.explicit =
                matching.on || !matching.labels.is_empty() || matching.cardinality != ungrouped(op);
        }
        self.fill_modifiers(&mut matching)?;
        Ok(matching)
    }

    fn grouping_modifier(&mut self, matching: &mut VectorMatching) -> Result<(), ParseError> {
        if self.take_word("group_left") {
            matching.cardinality = Cardinality::ManyToOne;
        } else if self.take_word("group_right") {
            matching.cardinality = Cardinality::OneToMany;
        } else {
            return Ok(());
        }
        // Where no operand can begin, labels are missed instead.
        if self.peek_is_punct("(") || !self.peek_begins_expression() {
            matching.include = self.label_list()?;
        }
        Ok(())
    }

    /// `fill (v)`, or one of `fill_left (v)` and `fill_right (v)`, or both in any order.
    fn fill_modifiers(&mut self, matching: &mut VectorMatching) -> Result<(), ParseError> {
        if let Some(value) = self.fill("fill")? {
            (matching.fill_left, matching.fill_right) = (Some(value), Some(value));
            return Ok(());
        }
        matching.fill_left = self.fill("fill_left")?;
        matching.fill_right = self.fill("fill_right")?;
        if matching.fill_left.is_none() {
            matching.fill_left = self.fill("fill_left")?;
        }
        Ok(())
    }

    fn fill(&mut self, word: &str) -> Result<Option<f64>, ParseError> {
        if !self.peek_is_word(word) || self.token_ahead(1).kind != TokenKind::Punct("(") {
            return Ok(None);
        }
        self.advance();
        self.advance();
        let value = self.signed_literal()?;
        self.expect_punct(")")?;
        Ok(Some(value))
    }
}

fn ungrouped(op: BinaryOp) -> Cardinality {
    if op.is_set() { Cardinality::ManyToMany } else { Cardinality::OneToOne }
}
