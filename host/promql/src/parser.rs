//! Tokens to tree: a Pratt parser with Prometheus' grammar and error texts.
//!
//! The grammar is here and in [`selector`] (braces, brackets, `offset`, `@`); what the types allow is in [`check`]. The
//! first mistake in grammar is reported, else the first in types.

mod cursor;
mod operators;
mod selector;

pub(crate) mod check;

use std::sync::Arc;

use bellwether_model::duration::parse_prometheus;

use crate::ast::{Aggregate, AggregateOp, Ast, Expr, Node, NodeId, Span, ValueType};
use crate::error::ParseError;
use crate::lexer::{Token, TokenKind, tokenize, unquote};
use crate::plugin::FunctionRegistry;

/// How deep expressions may nest; each level takes stack in every pass. Prometheus has no limit, and dies.
const MAX_DEPTH: u16 = 256;

/// Longest query that is read at all; Prometheus' HTTP server refuses bodies above 10 MiB, no rule comes near this.
const MAX_QUERY_BYTES: usize = 1 << 20;

/// Most nodes of one expression; each takes memory for as long as the query is kept.
const MAX_NODES: usize = 50_000;

/// Most regular expressions in one query; each may take the megabyte that the model allows a compiled one.
const MAX_REGEXES: usize = 100;

/// Words that cannot be the name of a plugin function, since the parser gives them a meaning before `(`.
const RESERVED: [&str; 15] = [
    "and",
    "or",
    "unless",
    "atan2",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "offset",
    "fill",
    "fill_left",
    "fill_right",
];

/// Parses and checks a query; `plugins` are the functions that it may call besides the built-in ones.
pub fn parse(text: &str, plugins: &FunctionRegistry) -> Result<Ast, ParseError> {
    if text.len() > MAX_QUERY_BYTES {
        let message = format!("query of {} bytes is longer than the limit of {MAX_QUERY_BYTES}", text.len());
        return Err(ParseError::new(text, Span::new(0, 0), message));
    }
    let mut parser = Parser { text, tokens: tokenize(text), at: 0, depth: 0, regexes: 0, nodes: Vec::new() };
    if parser.peek().kind == TokenKind::End {
        return Err(ParseError::new(text, Span::new(0, 0), "no expression found in input"));
    }
    parser.expression(0)?;
    if parser.peek().kind != TokenKind::End {
        return Err(parser.unexpected("", ""));
    }
    let ast = Ast { nodes: parser.nodes };
    check::check(text, &ast, plugins)?;
    Ok(ast)
}

/// Whether a word has a meaning of its own before a parenthesis.
pub(crate) fn is_reserved_word(word: &str) -> bool {
    let is = |name: &&str| word.eq_ignore_ascii_case(name);
    // Aggregations of Prometheus that this engine does not offer keep their names, too.
    RESERVED.iter().chain(&["limitk", "limit_ratio", "inf", "nan", "info"]).any(is)
        || aggregate_op(word).is_some()
}

fn aggregate_op(word: &str) -> Option<AggregateOp> {
    AggregateOp::ALL.into_iter().find(|op| word.eq_ignore_ascii_case(op.as_str()))
}

/// Whether it is `without`, and its labels.
type Grouping = (bool, Vec<Arc<str>>);

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: u16,
    regexes: usize,
    nodes: Vec<Node>,
}

impl Parser<'_> {
    /// An expression whose operators all bind at least as tightly as `precedence`.
    fn expression(&mut self, precedence: u8) -> Result<NodeId, ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.too_deep(self.peek().span));
        }
        let mut left = self.unary()?;
        while let Some(op) = self.peek_binary_op() {
            if op.precedence() < precedence {
                break;
            }
            left = self.binary(op, left)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Result<NodeId, ParseError> {
        /// A sign binds as tightly as `*`, so that only `^` goes first: `-2^2` is `-(2^2)`.
        const ABOVE_MULTIPLICATION: u8 = 6;
        let sign = self.peek().clone();
        let negate = match sign.kind {
            TokenKind::Op("-") => true,
            TokenKind::Op("+") => false,
            _ => return self.operand(),
        };
        self.advance();
        let expr = self.expression(ABOVE_MULTIPLICATION)?;
        let span = Span { start: sign.span.start, end: self.span(expr).end };
        if let Expr::Number { value, duration: false } = self.nodes[expr.0 as usize].expr {
            return self.signed_number(span, expr, if negate { -value } else { value });
        }
        let value_type = self.value_type(expr);
        self.push(span, value_type, Expr::Unary { negate, expr })
    }

    /// A sign becomes part of the number, as in Prometheus.
    fn signed_number(&mut self, span: Span, id: NodeId, value: f64) -> Result<NodeId, ParseError> {
        let node = &mut self.nodes[id.0 as usize];
        node.expr = Expr::Number { value, duration: false };
        node.span = span;
        Ok(id)
    }

    fn operand(&mut self) -> Result<NodeId, ParseError> {
        let mut expr = self.primary()?;
        loop {
            let token = self.peek();
            expr = match token.kind {
                TokenKind::Punct("[") => self.brackets(expr)?,
                TokenKind::Op("@") => self.at_modifier(expr)?,
                TokenKind::Word if self.peek_is_word("offset") => self.offset(expr)?,
                _ => return Ok(expr),
            };
        }
    }

    fn primary(&mut self) -> Result<NodeId, ParseError> {
        let token = self.peek().clone();
        match token.kind {
            TokenKind::Number | TokenKind::Duration => {
                self.advance();
                let (value, duration) = self.number_value(&token)?;
                self.push(token.span, ValueType::Scalar, Expr::Number { value, duration })
            }
            TokenKind::String => {
                self.advance();
                let text = unquote(token.span.slice(self.text)).into();
                self.push(token.span, ValueType::String, Expr::String(text))
            }
            TokenKind::Punct("(") => self.parens(),
            TokenKind::Punct("{") => self.selector(None),
            TokenKind::Word => self.word(),
            _ => Err(self.unexpected("", "")),
        }
    }

    fn parens(&mut self) -> Result<NodeId, ParseError> {
        let start = self.advance().span.start;
        let inner = self.expression(0)?;
        let end = self.expect_punct(")", "")?.end;
        let value_type = self.value_type(inner);
        self.push(Span { start, end }, value_type, Expr::Paren(inner))
    }

    fn word(&mut self) -> Result<NodeId, ParseError> {
        let word = self.peek().span.slice(self.text);
        let called = self.token_ahead(1).kind == TokenKind::Punct("(");
        if word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("nan") {
            let value = if word.eq_ignore_ascii_case("inf") { f64::INFINITY } else { f64::NAN };
            let span = self.advance().span;
            return self.push(span, ValueType::Scalar, Expr::Number { value, duration: false });
        }
        if let Some(op) = aggregate_op(word)
            && (called || self.word_ahead_is(1, "by") || self.word_ahead_is(1, "without"))
        {
            return self.aggregate(op);
        }
        if operators::is_infix_keyword(word) {
            return Err(self.unexpected("", ""));
        }
        if called && !word.contains(':') { self.call() } else { self.selector(Some(self.peek().span)) }
    }

    fn call(&mut self) -> Result<NodeId, ParseError> {
        let name = self.advance().span;
        let args = self.arguments()?;
        let span = Span { start: name.start, end: self.previous_end() };
        let function: Arc<str> = name.slice(self.text).into();
        let value_type = check::return_type(&function);
        self.push(span, value_type, Expr::Call { function, args })
    }

    /// `(a, b)`; a comma before the end is refused.
    fn arguments(&mut self) -> Result<Vec<NodeId>, ParseError> {
        self.expect_punct("(", "")?;
        let mut args = Vec::new();
        if self.take_punct(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expression(0)?);
            let comma = self.peek().span;
            if !self.take_punct(",") {
                break;
            }
            if self.peek().kind == TokenKind::Punct(")") {
                return Err(ParseError::new(
                    self.text,
                    comma,
                    "trailing commas not allowed in function call args",
                ));
            }
        }
        self.expect_punct(")", "")?;
        Ok(args)
    }

    fn aggregate(&mut self, op: AggregateOp) -> Result<NodeId, ParseError> {
        let start = self.advance().span.start;
        let mut grouping = self.grouping()?;
        let args = self.arguments()?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let span = Span { start, end: self.previous_end() };
        let wanted = 1 + usize::from(op.param_type().is_some());
        let (expr, param) = match args[..] {
            [] => {
                return Err(ParseError::new(
                    self.text,
                    span,
                    "no arguments for aggregate expression provided",
                ));
            }
            [expr] if wanted == 1 => (expr, None),
            [param, expr] if wanted == 2 => (expr, Some(param)),
            _ => {
                let message = format!(
                    "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                    args.len()
                );
                return Err(ParseError::new(self.text, span, message));
            }
        };
        let (without, labels) = grouping.unwrap_or_default();
        self.push(span, ValueType::Vector, Expr::Aggregate(Aggregate { op, expr, param, without, labels }))
    }

    /// `by (a, b)` or `without (a, b)`, if it stands here.
    fn grouping(&mut self) -> Result<Option<Grouping>, ParseError> {
        let without = self.peek_is_word("without");
        if !without && !self.peek_is_word("by") {
            return Ok(None);
        }
        self.advance();
        Ok(Some((without, self.label_list()?)))
    }

    /// `(a, "b.c")`, a comma at the end allowed.
    fn label_list(&mut self) -> Result<Vec<Arc<str>>, ParseError> {
        const CONTEXT: &str = "grouping opts";
        self.expect_punct("(", CONTEXT)?;
        let mut labels = Vec::new();
        while !self.take_punct(")") {
            let token = self.peek().clone();
            let text = token.span.slice(self.text);
            let label: Arc<str> = match token.kind {
                TokenKind::Word if !text.contains(':') => text.into(),
                TokenKind::String => unquote(text).into(),
                _ => return Err(self.unexpected(CONTEXT, "label")),
            };
            if label.is_empty() {
                let message = "invalid label name for grouping: \"\"";
                return Err(ParseError::new(self.text, token.span, message));
            }
            labels.push(label);
            self.advance();
            if !self.take_punct(",") && self.peek().kind != TokenKind::Punct(")") {
                return Err(self.unexpected(CONTEXT, "\",\" or \")\""));
            }
        }
        Ok(labels)
    }

    fn number_value(&self, token: &Token) -> Result<(f64, bool), ParseError> {
        let text = token.span.slice(self.text);
        let fault = |message| ParseError::new(self.text, token.span, message);
        if token.kind == TokenKind::Duration {
            let millis = self.duration_ms(token)?;
            return Ok((millis as f64 / 1000.0, true));
        }
        let value = parse_number(text).ok_or_else(|| {
            fault(format!("error parsing number: strconv.ParseFloat: parsing {text:?}: value out of range"))
        })?;
        Ok((value, false))
    }

    fn duration_ms(&self, token: &Token) -> Result<i64, ParseError> {
        let text = token.span.slice(self.text);
        parse_prometheus(text).map(bellwether_model::time::millis).map_err(|_| {
            let unit = text.bytes().rev().take_while(u8::is_ascii_alphabetic).count();
            let unit = &text[text.len() - unit..];
            let known = ["ms", "s", "m", "h", "d", "w", "y"].contains(&unit);
            let message = if known {
                format!("not a valid duration string: {text:?}")
            } else {
                format!("unknown unit {unit:?} in duration {text:?}")
            };
            ParseError::new(self.text, token.span, message)
        })
    }
}

/// A number as Go reads it: decimal, hexadecimal or octal (leading 0) whole numbers, decimal fractions, with
/// underscores. None when out of range.
fn parse_number(text: &str) -> Option<f64> {
    let clean: String = text.chars().filter(|&c| c != '_').collect();
    if let Some(hex) = clean.strip_prefix("0x").or_else(|| clean.strip_prefix("0X")) {
        return i64::from_str_radix(hex, 16).ok().map(|value| value as f64);
    }
    let is_octal =
        clean.len() > 1 && clean.starts_with('0') && clean.bytes().all(|b| (b'0'..b'8').contains(&b));
    if is_octal && let Ok(value) = i64::from_str_radix(&clean, 8) {
        return Some(value as f64);
    }
    clean.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests;
