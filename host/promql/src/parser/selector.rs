//! Selectors: names, braces, and the matchers inside.

use std::sync::Arc;

use bellwether_model::labels::METRIC_NAME;
use bellwether_model::matcher::RegexProblem;
use bellwether_model::{MatchOp, Matcher, RegexDialect};

use crate::ast::{Expr, Extension, NodeId, Selector, Shift, Span, ValueType};
use crate::error::ParseError;
use crate::lexer::{Token, TokenKind, unquote};
use crate::parser::cursor::Context;
use crate::parser::{MAX_REGEXES, Parser};

const EXPECTED_NAME: Context = ("label matching", "identifier or \"}\"");
const EXPECTED_OPERATOR: Context = ("label matching", "label matching operator");
const EXPECTED_VALUE: Context = ("label matching", "string");
const EXPECTED_END: Context = ("label matching", "\",\" or \"}\"");

impl Parser<'_> {
    /// A vector selector; `name_span` is the word before the braces, at which the cursor still stands.
    pub(super) fn selector(&mut self, name_span: Option<Span>) -> Result<NodeId, ParseError> {
        let start = self.peek().span.start;
        let name: Option<Arc<str>> = name_span.map(|span| span.slice(self.text).into());
        if name.is_some() {
            self.advance();
        }
        let mut matchers = Vec::new();
        if self.take_punct("{") {
            self.matchers(&mut matchers)?;
        }
        let span = Span { start, end: self.previous_end() };
        if let Some(name) = &name {
            matchers.push(Matcher::equal(METRIC_NAME, Arc::clone(name)));
        }
        let selector = Selector { name, matchers, shift: Shift::default(), extension: Extension::None };
        self.push(span, ValueType::Vector, Expr::Selector(selector))
    }

    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Result<(), ParseError> {
        while !self.take_punct("}") {
            let token = self.peek().clone();
            if !matches!(token.kind, TokenKind::Label | TokenKind::String) {
                return Err(self.unexpected_in(EXPECTED_NAME));
            }
            self.advance();
            matchers.push(self.matcher(&token)?);
            if !self.take_punct(",") && !self.peek_is_punct("}") {
                return Err(self.unexpected_in(EXPECTED_END));
            }
        }
        Ok(())
    }

    /// The rest of a matcher; a string alone is the metric's name.
    fn matcher(&mut self, name: &Token) -> Result<Matcher, ParseError> {
        let text = name.span.slice(self.text);
        let label = if name.kind == TokenKind::String { unquote(text) } else { text.to_owned() };
        let op = match self.peek().kind {
            TokenKind::Punct("=") => MatchOp::Equal,
            TokenKind::Op("!=") => MatchOp::NotEqual,
            TokenKind::Op("=~") => MatchOp::Regex,
            TokenKind::Op("!~") => MatchOp::NotRegex,
            _ if name.kind == TokenKind::String => return Ok(Matcher::equal(METRIC_NAME, label)),
            _ => return Err(self.unexpected_in(EXPECTED_OPERATOR)),
        };
        self.advance();
        if self.peek().kind != TokenKind::String {
            return Err(self.unexpected_in(EXPECTED_VALUE));
        }
        let value = self.advance().span;
        let span = Span { start: name.span.start, end: value.end };
        self.regexes += usize::from(op.is_regex());
        if self.regexes > MAX_REGEXES {
            let message = format!("query has more than the limit of {MAX_REGEXES} regular expressions");
            return Err(self.fault(span, message));
        }
        let value = unquote(value.slice(self.text));
        Matcher::new(label, op, value.as_str(), RegexDialect::Prometheus).map_err(|error| {
            self.fault(
                span,
                match error.problem() {
                    RegexProblem::Syntax(problem) => format!("error parsing regexp: {problem}"),
                    problem @ RegexProblem::Compile(_) => {
                        format!("error parsing regexp: {problem}: `{value}`")
                    }
                },
            )
        })
    }
}
