//! Selectors: names, braces, brackets, `offset` and `@`.

use std::sync::Arc;

use bellwether_model::labels::METRIC_NAME;
use bellwether_model::{MatchOp, Matcher, RegexDialect, Timestamp};

use crate::ast::{AtTime, Expr, NodeId, Selector, Shift, Span, Subquery, ValueType};
use crate::error::ParseError;
use crate::lexer::{Token, TokenKind, unquote};
use crate::parser::{MAX_REGEXES, Parser};

/// Latest and earliest time after `@`, in seconds: what milliseconds in an i64 can hold.
const MAX_AT_SECONDS: f64 = i64::MAX as f64 / 1000.0;

/// Longest duration, in seconds: Go's `time.Duration`, as in Prometheus.
const MAX_DURATION_SECONDS: f64 = i64::MAX as f64 / 1e9;

const DURATION_EXPECTED: &str = "number, duration, step(), or range()";

impl Parser<'_> {
    /// A vector selector; `name_span` is the word before the braces, at which the cursor still stands.
    pub(super) fn selector(&mut self, name_span: Option<Span>) -> Result<NodeId, ParseError> {
        let start = self.peek().span.start;
        let mut selector = Selector { name: None, matchers: Vec::new(), shift: Shift::default() };
        if let Some(name) = name_span {
            self.advance();
            selector.name = Some(name.slice(self.text).into());
        }
        if self.take_punct("{") {
            self.matchers(&mut selector)?;
        }
        let span = Span { start, end: self.previous_end() };
        if let Some(name) = &selector.name {
            let other = selector.matchers.iter().find(|matcher| matcher.name() == METRIC_NAME);
            if let Some(other) = other.filter(|_| name_span.is_some()) {
                let message =
                    format!("metric name must not be set twice: {:?} or {:?}", &**name, other.value());
                return Err(ParseError::new(self.text, span, message));
            }
            selector.matchers.push(Matcher::equal(METRIC_NAME, Arc::clone(name)));
        }
        self.push(span, ValueType::Vector, Expr::Selector(selector))
    }

    fn matchers(&mut self, selector: &mut Selector) -> Result<(), ParseError> {
        const CONTEXT: &str = "label matching";
        while !self.take_punct("}") {
            let token = self.peek().clone();
            if !matches!(token.kind, TokenKind::Word | TokenKind::String) {
                return Err(self.unexpected(CONTEXT, "identifier or \"}\""));
            }
            self.advance();
            let quoted_alone =
                token.kind == TokenKind::String && matches!(self.peek().kind, TokenKind::Punct("," | "}"));
            if quoted_alone {
                self.quoted_name(&token, selector)?;
            } else {
                let matcher = self.matcher(&token)?;
                selector.matchers.push(matcher);
            }
            if !self.take_punct(",") && self.peek().kind != TokenKind::Punct("}") {
                return Err(self.unexpected(CONTEXT, "\",\" or \"}\""));
            }
        }
        Ok(())
    }

    fn quoted_name(&self, token: &Token, selector: &mut Selector) -> Result<(), ParseError> {
        let name: Arc<str> = unquote(token.span.slice(self.text)).into();
        if let Some(other) = &selector.name {
            let message = format!("metric name must not be set twice: {:?} or {:?}", &**other, &*name);
            return Err(ParseError::new(self.text, token.span, message));
        }
        selector.name = Some(name);
        Ok(())
    }

    fn matcher(&mut self, name: &Token) -> Result<Matcher, ParseError> {
        let label = name.span.slice(self.text);
        let label = if name.kind == TokenKind::String { unquote(label) } else { label.to_owned() };
        let op = match self.peek().kind {
            TokenKind::Punct("=") => MatchOp::Equal,
            TokenKind::Op("!=") => MatchOp::NotEqual,
            TokenKind::Op("=~") => MatchOp::Regex,
            TokenKind::Op("!~") => MatchOp::NotRegex,
            _ => return Err(self.unexpected("label matching", "label matching operator")),
        };
        self.advance();
        if self.peek().kind != TokenKind::String {
            return Err(self.unexpected("label matching", "string"));
        }
        let value = self.advance().span;
        let text = unquote(value.slice(self.text));
        self.regexes += usize::from(op.is_regex());
        if self.regexes > MAX_REGEXES {
            let message = format!("query has more than the limit of {MAX_REGEXES} regular expressions");
            return Err(ParseError::new(self.text, value, message));
        }
        Matcher::new(label, op, text, RegexDialect::Prometheus).map_err(|error| {
            let cause =
                std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            ParseError::new(self.text, value, format!("{error}{cause}"))
        })
    }

    /// `[5m]` or `[1h:1m]` after an expression.
    pub(super) fn brackets(&mut self, expr: NodeId) -> Result<NodeId, ParseError> {
        let open = self.advance().span;
        let range_ms = self.positive_duration("subquery or range selector")?;
        let start = self.span(expr).start;
        if self.take_punct(":") {
            let step_ms = if self.peek().kind == TokenKind::Punct("]") {
                None
            } else {
                Some(self.positive_duration("subquery or range selector")?)
            };
            let end = self.expect_punct("]", "subquery or range selector")?.end;
            let subquery = Subquery { expr, range_ms, step_ms, shift: Shift::default() };
            return self.push(Span { start, end }, ValueType::Matrix, Expr::Subquery(subquery));
        }
        let end = self.expect_punct("]", "subquery or range selector")?.end;
        let place = Span { start: open.start, end };
        let Expr::Selector(selector) = &self.nodes[expr.0 as usize].expr else {
            return Err(ParseError::new(self.text, place, "ranges only allowed for vector selectors"));
        };
        let misplaced = if selector.shift.offset_ms.is_some() {
            Some("no offset modifiers allowed before range")
        } else {
            selector.shift.at.map(|_| "no @ modifiers allowed before range")
        };
        if let Some(message) = misplaced {
            return Err(ParseError::new(self.text, place, message));
        }
        self.push(Span { start, end }, ValueType::Matrix, Expr::Window { selector: expr, range_ms })
    }

    fn positive_duration(&mut self, context: &str) -> Result<i64, ParseError> {
        let start = self.peek().span.start;
        let millis = self.signed_duration(context)?;
        if millis <= 0 {
            let span = Span { start, end: self.previous_end() };
            return Err(ParseError::new(self.text, span, "duration must be greater than 0"));
        }
        Ok(millis)
    }

    /// A duration or a number of seconds, with a sign or not, in milliseconds.
    fn signed_duration(&mut self, context: &str) -> Result<i64, ParseError> {
        let negative = self.peek().kind == TokenKind::Op("-");
        if negative || self.peek().kind == TokenKind::Op("+") {
            self.advance();
        }
        let token = self.peek().clone();
        let millis = match token.kind {
            TokenKind::Duration => self.duration_ms(&token)?,
            TokenKind::Number => {
                let (seconds, _) = self.number_value(&token)?;
                if seconds.abs() > MAX_DURATION_SECONDS {
                    return Err(ParseError::new(self.text, token.span, "duration out of range"));
                }
                (seconds * 1000.0).round() as i64
            }
            _ => return Err(self.unexpected(context, DURATION_EXPECTED)),
        };
        self.advance();
        Ok(if negative { -millis } else { millis })
    }

    pub(super) fn offset(&mut self, expr: NodeId) -> Result<NodeId, ParseError> {
        self.advance();
        let offset_ms = self.signed_duration("offset")?;
        let end = self.previous_end();
        let (shift, target) = self.shift_of(expr, "offset modifier")?;
        if shift.offset_ms.is_some() {
            let span = self.span(expr);
            return Err(ParseError::new(self.text, span, "offset may not be set multiple times"));
        }
        self.set_shift(target, Shift { offset_ms: Some(offset_ms), ..shift });
        self.nodes[expr.0 as usize].span.end = end;
        Ok(expr)
    }

    pub(super) fn at_modifier(&mut self, expr: NodeId) -> Result<NodeId, ParseError> {
        self.advance();
        let at = self.at_time(expr)?;
        let end = self.previous_end();
        let (shift, target) = self.shift_of(expr, "@ modifier")?;
        if shift.at.is_some() {
            let span = self.span(expr);
            return Err(ParseError::new(self.text, span, "@ <timestamp> may not be set multiple times"));
        }
        self.set_shift(target, Shift { at: Some(at), ..shift });
        self.nodes[expr.0 as usize].span.end = end;
        Ok(expr)
    }

    fn at_time(&mut self, expr: NodeId) -> Result<AtTime, ParseError> {
        for (word, time) in [("start", AtTime::Start), ("end", AtTime::End)] {
            if self.peek_is_word(word) {
                self.advance();
                self.expect_punct("(", "@")?;
                self.expect_punct(")", "@")?;
                return Ok(time);
            }
        }
        let seconds = self.signed_literal("@", "timestamp")?;
        if seconds.is_nan() || seconds.abs() >= MAX_AT_SECONDS {
            let seconds = crate::printer::number(seconds);
            let message = format!("timestamp out of bounds for @ modifier: {seconds}");
            return Err(ParseError::new(self.text, self.span(expr), message));
        }
        Ok(AtTime::Fixed(Timestamp::from_secs_f64(seconds)))
    }

    /// A number with a sign or not; durations count as seconds.
    pub(super) fn signed_literal(&mut self, context: &str, expected: &str) -> Result<f64, ParseError> {
        let negative = self.peek().kind == TokenKind::Op("-");
        if negative || self.peek().kind == TokenKind::Op("+") {
            self.advance();
        }
        let token = self.peek().clone();
        let value = match token.kind {
            TokenKind::Number | TokenKind::Duration => self.number_value(&token)?.0,
            TokenKind::Word if self.peek_is_word("inf") => f64::INFINITY,
            TokenKind::Word if self.peek_is_word("nan") => f64::NAN,
            _ => return Err(self.unexpected(context, expected)),
        };
        self.advance();
        Ok(if negative { -value } else { value })
    }

    /// The shift of a selector, window or subquery, and the node that holds it.
    fn shift_of(&self, expr: NodeId, modifier: &str) -> Result<(Shift, NodeId), ParseError> {
        match &self.nodes[expr.0 as usize].expr {
            Expr::Selector(selector) => Ok((selector.shift, expr)),
            Expr::Subquery(subquery) => Ok((subquery.shift, expr)),
            Expr::Window { selector, .. } => self.shift_of(*selector, modifier),
            _ => {
                let message = format!(
                    "{modifier} must be preceded by an instant vector selector or range vector selector or a subquery"
                );
                Err(ParseError::new(self.text, self.span(expr), message))
            }
        }
    }

    fn set_shift(&mut self, target: NodeId, shift: Shift) {
        match &mut self.nodes[target.0 as usize].expr {
            Expr::Selector(selector) => selector.shift = shift,
            Expr::Subquery(subquery) => subquery.shift = shift,
            _ => {}
        }
    }
}
