//! Binary operators and their modifiers: `bool`, `on`, `ignoring`, `group_left`, `group_right`, `fill`.

use crate::ast::{Binary, BinaryOp, Cardinality, Expr, NodeId, Span, ValueType, VectorMatching};
use crate::error::ParseError;
use crate::lexer::TokenKind;
use crate::parser::Parser;

/// Words that stand between two operands and so cannot begin one.
pub(super) fn is_infix_keyword(word: &str) -> bool {
    const INFIX: [&str; 6] = ["on", "ignoring", "group_left", "group_right", "bool", "atan2"];
    INFIX.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

/// Operators that are written as words.
pub(super) fn is_set_operator(word: &str) -> bool {
    ["and", "or", "unless", "atan2"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

impl Parser<'_> {
    pub(super) fn peek_binary_op(&self) -> Option<BinaryOp> {
        let text = match self.peek().kind {
            TokenKind::Op(op) => op.to_owned(),
            TokenKind::Word => self.peek().span.slice(self.text).to_ascii_lowercase(),
            _ => return None,
        };
        Some(match text.as_str() {
            "+" => BinaryOp::Add,
            "-" => BinaryOp::Sub,
            "*" => BinaryOp::Mul,
            "/" => BinaryOp::Div,
            "%" => BinaryOp::Mod,
            "^" => BinaryOp::Pow,
            "atan2" => BinaryOp::Atan2,
            "==" => BinaryOp::Equal,
            "!=" => BinaryOp::NotEqual,
            ">" => BinaryOp::Greater,
            ">=" => BinaryOp::GreaterOrEqual,
            "<" => BinaryOp::Less,
            "<=" => BinaryOp::LessOrEqual,
            "and" => BinaryOp::And,
            "or" => BinaryOp::Or,
            "unless" => BinaryOp::Unless,
            _ => return None,
        })
    }

    pub(super) fn binary(&mut self, op: BinaryOp, left: NodeId) -> Result<NodeId, ParseError> {
        let operator = self.advance().span;
        let returns_bool = self.take_word("bool");
        if returns_bool && !op.is_comparison() {
            return Err(ParseError::new(
                self.text,
                Span { start: operator.start, end: self.previous_end() },
                "bool modifier can only be used on comparison operators",
            ));
        }
        let matching = self.matching(op)?;
        let modifiers = Span { start: operator.start, end: self.previous_end() };
        // `^` alone groups from the right.
        let right = self.expression(op.precedence() + u8::from(op != BinaryOp::Pow))?;
        if let Some(label) =
            matching.include.iter().find(|label| matching.on && matching.labels.contains(label))
        {
            let message = format!("label {label:?} must not occur in ON and GROUP clause at once");
            return Err(ParseError::new(self.text, modifiers, message));
        }
        let span = Span { start: self.span(left).start, end: self.span(right).end };
        let scalars = [left, right].iter().all(|&id| self.value_type(id) == ValueType::Scalar);
        let value_type = if scalars { ValueType::Scalar } else { ValueType::Vector };
        self.push(span, value_type, Expr::Binary(Binary { op, returns_bool, left, right, matching }))
    }

    fn matching(&mut self, op: BinaryOp) -> Result<VectorMatching, ParseError> {
        let mut matching = VectorMatching::default();
        if op.is_set() {
            matching.cardinality = Cardinality::ManyToMany;
        }
        if self.peek_is_word("on") || self.peek_is_word("ignoring") {
            matching.on = self.peek_is_word("on");
            matching.explicit = true;
            self.advance();
            matching.labels = self.label_list()?;
            self.grouping_modifier(&mut matching)?;
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
        if self.peek().kind == TokenKind::Punct("(") {
            matching.include = self.label_list()?;
        }
        Ok(())
    }

    fn fill_modifiers(&mut self, matching: &mut VectorMatching) -> Result<(), ParseError> {
        loop {
            let is = |word| self.peek_is_word(word) && self.token_ahead(1).kind == TokenKind::Punct("(");
            let (left, right) = match () {
                () if is("fill") => (true, true),
                () if is("fill_left") => (true, false),
                () if is("fill_right") => (false, true),
                () => return Ok(()),
            };
            self.advance();
            let value = self.fill_value()?;
            if left {
                matching.fill_left = Some(value);
            }
            if right {
                matching.fill_right = Some(value);
            }
        }
    }

    fn fill_value(&mut self) -> Result<f64, ParseError> {
        self.expect_punct("(", "fill modifier")?;
        let value = self.signed_literal("fill modifier", "number")?;
        self.expect_punct(")", "fill modifier")?;
        Ok(value)
    }
}
