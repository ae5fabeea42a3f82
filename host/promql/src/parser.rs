//! Tokens to tree: a Pratt parser with Prometheus' grammar and error texts.
//!
//! The grammar of expressions is here; of what stands beside operators in [`operators`], of braces in [`selector`], of
//! brackets and what else follows an operand in [`modifiers`], of lengths of time in [`duration`]. What the types allow
//! is in [`check`]. The first mistake in grammar is reported, else the first in types.
//!
//! Where it differs from Prometheus: depth, length and number of nodes have limits; windows below a millisecond, offsets
//! of NaN and times after `@` beyond what milliseconds can hold are refused instead of being read as something else; an
//! offset below a millisecond is none; a string with bytes that are no UTF-8 (`"\xff"`) has the replacement character
//! there; regular expressions are those of the `regex` crate, with its words about what is wrong in them.

mod check;
mod cursor;
mod duration;
mod literal;
mod modifiers;
mod operators;
mod selector;

pub(crate) mod words;

use std::sync::Arc;

use bellwether_model::Matcher;

use crate::ast::{Aggregate, AggregateOp, Ast, DurationNode, Expr, Node, NodeId, Span, ValueType};
use crate::error::ParseError;
use crate::features::Features;
use crate::lexer::{Token, TokenKind, tokenize, unquote};
use crate::parser::cursor::{Context, NO_CONTEXT};
use crate::parser::words::{Word, is_fill};
use crate::plugin::FunctionRegistry;
use crate::signatures::signature;

/// How deep expressions may nest; each level takes stack in every pass. Prometheus has no limit, and dies.
///
/// The left side of an operator is not deeper than the operator: a chain such as `a + b + c + …` leans to the left,
/// and passes walk down its left sides in a loop. What limits a chain is [`MAX_NODES`].
pub(crate) const MAX_DEPTH: u16 = 256;

/// Longest query that is read at all; Prometheus' HTTP server refuses bodies above 10 MiB, no rule comes near this.
const MAX_QUERY_BYTES: usize = 1 << 20;

/// Most nodes of one expression; each takes memory for as long as the query is kept.
const MAX_NODES: usize = 50_000;

/// Most regular expressions in one query; each may take the megabyte that the model allows a compiled one.
const MAX_REGEXES: usize = 100;

/// A sign binds as tightly as `*`, so that only `^` goes first: `-2^2` is `-(2^2)`.
const ABOVE_MULTIPLICATION: u8 = 6;

const IN_AGGREGATION: Context = ("aggregation", "");

/// Parses and checks a query; `features` are the experimental parts of the language that it may use, `plugins` the
/// functions that it may call besides the built-in ones.
pub fn parse(text: &str, features: Features, plugins: &FunctionRegistry) -> Result<Ast, ParseError> {
    let mut parser = Parser::new(text, features, plugins)?;
    if parser.peek().kind == TokenKind::End {
        return Err(ParseError::new(text, Span::new(0, 0), "no expression found in input"));
    }
    parser.expression(0)?;
    if parser.peek().kind != TokenKind::End {
        return Err(parser.unexpected());
    }
    let ast = Ast { nodes: parser.nodes, durations: parser.durations };
    check::check(text, &ast, plugins)?;
    Ok(ast)
}

/// Parses a text that is one series selector and nothing else: the matchers of `up{job="node"}`. As in Prometheus, which
/// has this for `match[]`, `{}` is one too.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let plugins = FunctionRegistry::default();
    let mut parser = Parser::new(text, Features::default(), &plugins)?;
    let first = parser.peek().clone();
    match first.kind {
        TokenKind::Punct("{") => parser.selector(None)?,
        TokenKind::Word if Word::is_metric_name(parser.peek_text()) => parser.selector(Some(first.span))?,
        _ => return Err(parser.unexpected()),
    };
    if parser.peek().kind != TokenKind::End {
        return Err(parser.unexpected());
    }
    match parser.nodes.pop().map(|node| node.expr) {
        Some(Expr::Selector(selector)) => Ok(selector.matchers),
        _ => Ok(Vec::new()),
    }
}

/// Whether it is `without`, and its labels.
type Grouping = (bool, Vec<Arc<str>>);

struct Parser<'a> {
    text: &'a str,
    features: Features,
    plugins: &'a FunctionRegistry,
    tokens: Vec<Token>,
    at: usize,
    depth: u16,
    regexes: usize,
    context: Context,
    nodes: Vec<Node>,
    durations: Vec<DurationNode>,
}

impl<'a> Parser<'a> {
    /// At the beginning of a text, unless it is too long to be read.
    fn new(text: &'a str, features: Features, plugins: &'a FunctionRegistry) -> Result<Self, ParseError> {
        if text.len() > MAX_QUERY_BYTES {
            let message =
                format!("query of {} bytes is longer than the limit of {MAX_QUERY_BYTES}", text.len());
            return Err(ParseError::new(text, Span::new(0, 0), message));
        }
        Ok(Self {
            text,
            features,
            plugins,
            tokens: tokenize(text),
            at: 0,
            depth: 0,
            regexes: 0,
            context: NO_CONTEXT,
            nodes: Vec::new(),
            durations: Vec::new(),
        })
    }
}

impl Parser<'_> {
    /// An expression whose operators all bind at least as tightly as `precedence`.
    fn expression(&mut self, precedence: u8) -> Result<NodeId, ParseError> {
        self.descend()?;
        let mut left = self.unary()?;
        while let Some(op) = self.peek_binary_op().filter(|op| op.precedence() >= precedence) {
            left = self.binary(op, left)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Result<NodeId, ParseError> {
        let sign = self.peek().clone();
        let negate = match sign.kind {
            TokenKind::Op("-") => true,
            TokenKind::Op("+") => false,
            _ => return self.operand(),
        };
        self.advance();
        let expr = self.expression(ABOVE_MULTIPLICATION)?;
        let node = &mut self.nodes[expr.0 as usize];
        let span = Span { start: sign.span.start, end: node.span.end };
        // A sign becomes part of a literal, as in Prometheus.
        if let Expr::Number { value, .. } = &mut node.expr {
            *value = if negate { -*value } else { *value };
            node.span = span;
            return Ok(expr);
        }
        let value_type = node.value_type;
        self.push(span, value_type, Expr::Unary { negate, expr })
    }

    fn primary(&mut self) -> Result<NodeId, ParseError> {
        let token = self.peek().clone();
        match token.kind {
            TokenKind::Number | TokenKind::Duration => self.number(&token),
            TokenKind::String => {
                self.advance();
                let text = unquote(token.span.slice(self.text)).into();
                self.push(token.span, ValueType::String, Expr::String(text))
            }
            TokenKind::Punct("(") => self.parens(),
            TokenKind::Punct("{") => self.selector(None),
            TokenKind::Word => self.word(&token),
            _ => Err(self.unexpected()),
        }
    }

    fn number(&mut self, token: &Token) -> Result<NodeId, ParseError> {
        self.advance();
        let (value, duration) = self.number_value(token)?;
        self.push(token.span, ValueType::Scalar, Expr::Number { value, duration })
    }

    fn parens(&mut self) -> Result<NodeId, ParseError> {
        let start = self.advance().span.start;
        let inner = self.expression(0)?;
        let end = self.expect_punct(")")?.end;
        let value_type = self.value_type(inner);
        self.push(Span { start, end }, value_type, Expr::Paren(inner))
    }

    fn word(&mut self, token: &Token) -> Result<NodeId, ParseError> {
        let text = token.span.slice(self.text);
        let called = self.token_ahead(1).kind == TokenKind::Punct("(");
        match Word::of(text) {
            Word::Number => self.number(token),
            Word::Aggregation(op)
                if called || self.word_ahead_is(1, "by") || self.word_ahead_is(1, "without") =>
            {
                self.aggregate(op)
            }
            Word::Name | Word::Preprocessor if called && !is_fill(text) => self.call(),
            _ if Word::is_metric_name(text) => self.selector(Some(token.span)),
            _ => Err(self.unexpected()),
        }
    }

    fn call(&mut self) -> Result<NodeId, ParseError> {
        let name = self.advance().span;
        let args = self.arguments()?;
        let function: Arc<str> = name.slice(self.text).into();
        let known = signature(&function);
        if known.is_none() && self.plugins.function(&function).is_none() {
            return Err(ParseError::unknown_function(self.text, name, &function));
        }
        if known.is_some_and(|known| known.experimental) && !self.features.experimental_functions {
            return Err(self.fault(name, format!("function \"{function}\" is not enabled")));
        }
        let span = Span { start: name.start, end: self.previous_end() };
        // Plugin functions give vectors.
        let value_type = known.map_or(ValueType::Vector, |known| known.returns);
        self.push(span, value_type, Expr::Call { function, args })
    }

    /// Whether an expression can begin here.
    fn peek_begins_expression(&self) -> bool {
        match self.peek().kind {
            TokenKind::Number | TokenKind::Duration | TokenKind::String => true,
            TokenKind::Punct("(" | "{") | TokenKind::Op("+" | "-") => true,
            TokenKind::Word => Word::is_metric_name(self.peek_text()) || self.peek_is_number(),
            _ => false,
        }
    }

    /// `(a, b)`; a comma without an argument after it is refused.
    fn arguments(&mut self) -> Result<Vec<NodeId>, ParseError> {
        self.expect_punct("(")?;
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
            if !self.peek_begins_expression() {
                self.refuse_lexer_error()?;
                return Err(self.fault(comma, "trailing commas not allowed in function call args"));
            }
        }
        self.expect_punct(")")?;
        Ok(args)
    }

    fn aggregate(&mut self, op: AggregateOp) -> Result<NodeId, ParseError> {
        let start = self.advance().span.start;
        let (grouping, args) = self.within(IN_AGGREGATION, Self::aggregate_body)?;
        let span = Span { start, end: self.previous_end() };
        let (param, expr) = self.aggregate_arguments(op, span, &args)?;
        let (without, labels) = grouping.unwrap_or_default();
        self.push(span, ValueType::Vector, Expr::Aggregate(Aggregate { op, expr, param, without, labels }))
    }

    /// Grouping and arguments, in either order.
    fn aggregate_body(&mut self) -> Result<(Option<Grouping>, Vec<NodeId>), ParseError> {
        if let Some(grouping) = self.grouping()? {
            return Ok((Some(grouping), self.arguments()?));
        }
        let args = self.arguments()?;
        self.refuse_lexer_error()?;
        Ok((self.grouping()?, args))
    }

    /// The parameter, if there is one, and what is aggregated.
    fn aggregate_arguments(
        &self,
        op: AggregateOp,
        span: Span,
        args: &[NodeId],
    ) -> Result<(Option<NodeId>, NodeId), ParseError> {
        if args.is_empty() {
            return Err(self.fault(span, "no arguments for aggregate expression provided"));
        }
        if op.is_experimental() && !self.features.experimental_functions {
            const FLAG: &str = "--enable-feature=promql-experimental-functions";
            let message = format!("{}() is experimental and must be enabled with {FLAG}", op.as_str());
            return Err(self.fault(span, message));
        }
        match (op.param_type().is_some(), args) {
            (false, &[expr]) => Ok((None, expr)),
            (true, &[param, expr]) => Ok((Some(param), expr)),
            (takes_param, _) => {
                let message = format!(
                    "wrong number of arguments for aggregate expression provided, expected {}, got {}",
                    1 + usize::from(takes_param),
                    args.len()
                );
                Err(self.fault(span, message))
            }
        }
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
}

#[cfg(test)]
mod tests;
