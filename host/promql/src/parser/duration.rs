//! Lengths of windows and offsets: literals, and duration expressions.
//!
//! An offset takes less than a window without brackets around it: `x offset -2 ^ 2` is `(x offset -2) ^ 2`, but
//! `x offset (2) ^ 2` is `x offset ((2) ^ 2)`, as in Prometheus' grammar.

use crate::ast::{BinaryOp, DurationExpr, DurationId, DurationNode, Length, Span};
use crate::error::ParseError;
use crate::lexer::{Token, TokenKind};
use crate::parser::cursor::Context;
use crate::parser::{ABOVE_MULTIPLICATION, MAX_DEPTH, Parser};

const NOT_ENABLED: &str = "experimental duration expression is not enabled";

const AFTER_OFFSET: Context = ("offset", "number, duration, step(), or range()");

impl Parser<'_> {
    /// The range or step of a window, above 0.
    pub(super) fn window_length(&mut self, context: Context) -> Result<Length, ParseError> {
        let id = self.within(context, |parser| parser.duration_expression(0))?;
        let node = &self.durations[id.0 as usize];
        match node.expr {
            // Less than a millisecond is nothing here, since samples have times in milliseconds.
            DurationExpr::Number { seconds, .. } if millis(seconds) <= 0 => {
                self.refuse_lexer_error()?;
                Err(self.fault(node.span, "duration must be greater than 0"))
            }
            _ => Ok(self.length(id)),
        }
    }

    /// What follows `offset`; none for 0, which is the same as no offset.
    pub(super) fn offset_length(&mut self) -> Result<Option<Length>, ParseError> {
        let id = self.within(AFTER_OFFSET, Self::offset_expression)?;
        Ok(Some(self.length(id)).filter(|&length| length != Length::Millis(0)))
    }

    /// A literal leaves no nodes.
    fn length(&mut self, id: DurationId) -> Length {
        match self.durations[id.0 as usize].expr {
            DurationExpr::Number { seconds, .. } => {
                self.durations.pop();
                Length::Millis(millis(seconds))
            }
            _ => Length::Computed(id),
        }
    }

    fn offset_expression(&mut self) -> Result<DurationId, ParseError> {
        let signed = usize::from(matches!(self.peek().kind, TokenKind::Op("+" | "-")));
        let is_short = match self.token_ahead(signed).kind {
            TokenKind::Number | TokenKind::Duration | TokenKind::Word => true,
            TokenKind::Punct("(") => signed == 1,
            _ => false,
        };
        if !is_short {
            return self.duration_expression(0);
        }
        if signed == 0 {
            return self.duration_primary();
        }
        let sign = self.advance();
        let negate = sign.kind == TokenKind::Op("-");
        match self.peek().kind {
            TokenKind::Punct("(") => self.signed_parens(&sign, negate),
            TokenKind::Word if !self.peek_is_number() => self.signed_call(&sign, negate),
            _ => {
                let literal = self.duration_literal(sign.span)?;
                self.duration_sign(&sign, literal)
            }
        }
    }

    /// `-(expr)` as a whole offset. Prometheus does not ask for the feature here.
    fn signed_parens(&mut self, sign: &Token, negate: bool) -> Result<DurationId, ParseError> {
        self.advance();
        let inner = self.duration_expression(0)?;
        self.expect_punct(")")?;
        let parens = self.duration_parens(inner, self.durations[inner.0 as usize].span)?;
        let end = self.durations[parens.0 as usize].span.end;
        let expr = if negate { DurationExpr::Negate(parens) } else { DurationExpr::Plus(parens) };
        self.push_duration(Span { start: sign.span.start, end }, expr)
    }

    /// `-step()` as a whole offset, which is enabled or not at its sign.
    fn signed_call(&mut self, sign: &Token, negate: bool) -> Result<DurationId, ParseError> {
        let call = self.duration_call()?;
        let span = Span { start: sign.span.start, end: self.durations[call.0 as usize].span.end };
        self.require_duration_expressions(span)?;
        if !negate {
            return Ok(call);
        }
        self.push_duration(span, DurationExpr::Negate(call))
    }

    /// An expression whose operators all bind at least as tightly as `precedence`.
    fn duration_expression(&mut self, precedence: u8) -> Result<DurationId, ParseError> {
        self.descend()?;
        let mut left = self.duration_unary()?;
        while let Some(op) = self.peek_duration_op().filter(|op| op.precedence() >= precedence) {
            left = self.duration_binary(op, left)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn peek_duration_op(&self) -> Option<BinaryOp> {
        use BinaryOp::{Add, Div, Mod, Mul, Pow, Sub};
        self.peek_binary_op().filter(|op| matches!(op, Add | Sub | Mul | Div | Mod | Pow))
    }

    fn duration_binary(&mut self, op: BinaryOp, left: DurationId) -> Result<DurationId, ParseError> {
        let operator = self.advance().span;
        let right = self.duration_expression(op.precedence() + u8::from(op != BinaryOp::Pow))?;
        let span = self.durations[left.0 as usize].span;
        self.refuse_lexer_error()?;
        self.require_duration_expressions(span)?;
        let right_node = &self.durations[right.0 as usize];
        let by_zero = matches!(right_node.expr, DurationExpr::Number { seconds: 0.0, .. });
        match op {
            BinaryOp::Div if by_zero => return Err(self.fault(operator, "division by zero")),
            BinaryOp::Mod if by_zero => return Err(self.fault(operator, "modulo by zero")),
            _ => {}
        }
        let span = Span { start: span.start, end: right_node.span.end };
        self.push_duration(span, DurationExpr::Binary { op, left, right })
    }

    fn duration_unary(&mut self) -> Result<DurationId, ParseError> {
        if !matches!(self.peek().kind, TokenKind::Op("+" | "-")) {
            return self.duration_primary();
        }
        let sign = self.advance();
        let inner = self.duration_expression(ABOVE_MULTIPLICATION)?;
        self.duration_sign(&sign, inner)
    }

    /// A sign becomes part of a literal; a plus before anything else is dropped.
    fn duration_sign(&mut self, sign: &Token, inner: DurationId) -> Result<DurationId, ParseError> {
        let negate = sign.kind == TokenKind::Op("-");
        let node = &mut self.durations[inner.0 as usize];
        let span = Span { start: sign.span.start, end: node.span.end };
        match &mut node.expr {
            DurationExpr::Number { seconds, .. } => {
                *seconds = if negate { -*seconds } else { *seconds };
                node.span = span;
                Ok(inner)
            }
            _ if negate => self.push_duration(span, DurationExpr::Negate(inner)),
            _ => Ok(inner),
        }
    }

    fn duration_primary(&mut self) -> Result<DurationId, ParseError> {
        match self.peek().kind {
            TokenKind::Number | TokenKind::Duration => self.duration_literal(self.peek().span),
            TokenKind::Word if self.peek_is_number() => self.duration_literal(self.peek().span),
            TokenKind::Word => {
                let call = self.duration_call()?;
                self.require_duration_expressions(self.durations[call.0 as usize].span)?;
                Ok(call)
            }
            TokenKind::Punct("(") => {
                let start = self.advance().span.start;
                let inner = self.duration_expression(0)?;
                let end = self.expect_punct(")")?.end;
                self.require_duration_expressions(self.durations[inner.0 as usize].span)?;
                self.duration_parens(inner, Span { start, end })
            }
            _ => Err(self.unexpected()),
        }
    }

    /// A literal; one that is out of range is reported at `place`.
    fn duration_literal(&mut self, place: Span) -> Result<DurationId, ParseError> {
        let token = self.advance();
        let (seconds, duration) = self.number_value(&token)?;
        if seconds.is_nan() || seconds.abs() > crate::ast::MAX_SECONDS {
            return Err(self.fault(place, "duration out of range"));
        }
        self.push_duration(token.span, DurationExpr::Number { seconds, duration })
    }

    /// `step()`, `range()`, `max_of(a, b)` and `min_of(a, b)`.
    fn duration_call(&mut self) -> Result<DurationId, ParseError> {
        let name = self.peek_text().to_ascii_lowercase();
        if !["step", "range", "max_of", "min_of"].contains(&name.as_str()) {
            return Err(self.unexpected());
        }
        let start = self.advance().span.start;
        self.expect_punct("(")?;
        if name == "step" || name == "range" {
            let end = self.expect_punct(")")?.end;
            let expr = if name == "step" { DurationExpr::Step } else { DurationExpr::Range };
            return self.push_duration(Span { start, end }, expr);
        }
        let left = self.duration_expression(0)?;
        self.expect_punct(",")?;
        let right = self.duration_expression(0)?;
        self.expect_punct(")")?;
        let [start, end] = [left, right].map(|id| self.durations[id.0 as usize].span);
        let span = Span { start: start.start, end: end.end };
        let max = name == "max_of";
        let expr = if max { DurationExpr::Max(left, right) } else { DurationExpr::Min(left, right) };
        self.push_duration(span, expr)
    }

    /// Parentheses; `around` is their place where Prometheus counts them in, which is around literals.
    fn duration_parens(&mut self, inner: DurationId, around: Span) -> Result<DurationId, ParseError> {
        let node = &self.durations[inner.0 as usize];
        match node.expr {
            DurationExpr::Paren(_) => Ok(inner),
            DurationExpr::Number { .. } => self.push_duration(around, DurationExpr::Paren(inner)),
            _ => self.push_duration(node.span, DurationExpr::Paren(inner)),
        }
    }

    fn require_duration_expressions(&self, span: Span) -> Result<(), ParseError> {
        if self.features.duration_expressions { Ok(()) } else { Err(self.fault(span, NOT_ENABLED)) }
    }

    fn push_duration(&mut self, span: Span, expr: DurationExpr) -> Result<DurationId, ParseError> {
        let next = self.durations.len() as u32;
        let height = |id: DurationId| self.durations[id.0 as usize].height;
        let first = |id: DurationId| self.durations[id.0 as usize].first;
        let (first, height) = match expr {
            DurationExpr::Number { .. } | DurationExpr::Step | DurationExpr::Range => (next, 1),
            DurationExpr::Negate(inner) | DurationExpr::Plus(inner) | DurationExpr::Paren(inner) => {
                (first(inner), 1 + height(inner))
            }
            DurationExpr::Binary { left, right, .. } => (first(left), height(left).max(1 + height(right))),
            DurationExpr::Max(left, right) | DurationExpr::Min(left, right) => {
                (first(left), 1 + height(left).max(height(right)))
            }
        };
        if height > MAX_DEPTH {
            return Err(self.too_deep(span));
        }
        self.refuse_more_nodes(span)?;
        self.durations.push(DurationNode { span, first, height, expr });
        Ok(DurationId(next))
    }
}

/// Milliseconds of a literal: rounded to nanoseconds, then cut off, as Prometheus does.
fn millis(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64 / 1_000_000
}
