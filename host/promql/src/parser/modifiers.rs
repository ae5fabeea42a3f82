//! What follows an operand: brackets, `offset`, `@`, `anchored` and `smoothed`.

use bellwether_model::Timestamp;

use crate::ast::{AtTime, Expr, Extension, NodeId, Selector, Shift, Span, Subquery, ValueType};
use crate::error::ParseError;
use crate::lexer::TokenKind;
use crate::parser::Parser;
use crate::parser::cursor::Context;

/// Latest and earliest time after `@`, in seconds: what milliseconds in an i64 can hold. Prometheus takes any seconds
/// that an i64 can hold, and then looks at some other time.
const MAX_AT_SECONDS: f64 = i64::MAX as f64 / 1000.0;

const IN_BRACKETS: Context = ("subquery or range selector", "number, duration, step(), or range()");
const AFTER_RANGE: Context = ("subquery or range", "\":\" or \"]\"");
const AFTER_COLON: Context = ("subquery selector", "number, duration, step(), range(), or \"]\"");
const AFTER_STEP: Context = ("subquery selector", "\"]\"");
const AFTER_AT: Context = ("@", "timestamp");

impl Parser<'_> {
    /// An operand with all that belongs to it.
    pub(super) fn operand(&mut self) -> Result<NodeId, ParseError> {
        let mut expr = self.primary()?;
        loop {
            expr = match self.peek().kind {
                TokenKind::Punct("[") => self.brackets(expr)?,
                TokenKind::Op("@") => self.at_modifier(expr)?,
                TokenKind::Word if self.peek_is_word("offset") => self.offset(expr)?,
                TokenKind::Word if self.peek_is_word("anchored") => {
                    self.extension(expr, Extension::Anchored, "anchored")?
                }
                TokenKind::Word if self.peek_is_word("smoothed") => {
                    self.extension(expr, Extension::Smoothed, "smoothed")?
                }
                _ => return Ok(expr),
            };
        }
    }

    /// `[5m]` or `[1h:1m]` after an expression.
    fn brackets(&mut self, expr: NodeId) -> Result<NodeId, ParseError> {
        let open = self.advance().span;
        let range = self.window_length(IN_BRACKETS)?;
        let start = self.span(expr).start;
        if self.take_punct(":") {
            let step = if self.peek_is_punct("]") { None } else { Some(self.window_length(AFTER_COLON)?) };
            let end = self.within(AFTER_STEP, |parser| parser.expect_punct("]"))?.end;
            let subquery = Subquery { expr, range, step, shift: Shift::default() };
            return self.push(Span { start, end }, ValueType::Matrix, Expr::Subquery(subquery));
        }
        let end = self.within(AFTER_RANGE, |parser| parser.expect_punct("]"))?.end;
        if let Some(message) = self.no_window_over(expr) {
            return Err(self.fault(Span { start: open.start, end }, message));
        }
        self.push(Span { start, end }, ValueType::Matrix, Expr::Window { selector: expr, range })
    }

    /// Why there can be no window over an expression.
    fn no_window_over(&self, expr: NodeId) -> Option<&'static str> {
        let Expr::Selector(selector) = &self.nodes[expr.0 as usize].expr else {
            return Some("ranges only allowed for vector selectors");
        };
        if selector.shift.offset.is_some() {
            return Some("no offset modifiers allowed before range");
        }
        selector.shift.at.map(|_| "no @ modifiers allowed before range")
    }

    fn offset(&mut self, expr: NodeId) -> Result<NodeId, ParseError> {
        self.advance();
        let offset = self.offset_length()?;
        let end = self.previous_end();
        let span = self.span(expr);
        let Some(shift) = self.shift_mut(expr) else {
            return Err(self.misplaced("offset modifier", span));
        };
        if shift.offset.is_some() {
            return Err(self.fault(span, "offset may not be set multiple times"));
        }
        shift.offset = offset;
        self.nodes[expr.0 as usize].span.end = end;
        Ok(expr)
    }

    fn at_modifier(&mut self, expr: NodeId) -> Result<NodeId, ParseError> {
        self.advance();
        let at = self.within(AFTER_AT, |parser| parser.at_time(expr))?;
        let end = self.previous_end();
        let span = self.span(expr);
        let Some(shift) = self.shift_mut(expr) else {
            return Err(self.misplaced("@ modifier", span));
        };
        if shift.at.is_some() {
            return Err(self.fault(span, "@ <timestamp> may not be set multiple times"));
        }
        shift.at = Some(at);
        self.nodes[expr.0 as usize].span.end = end;
        Ok(expr)
    }

    fn at_time(&mut self, expr: NodeId) -> Result<AtTime, ParseError> {
        for (word, time) in [("start", AtTime::Start), ("end", AtTime::End)] {
            if self.take_word(word) {
                self.expect_punct("(")?;
                self.expect_punct(")")?;
                return Ok(time);
            }
        }
        let seconds = self.signed_literal()?;
        if seconds.is_nan() || seconds.abs() >= MAX_AT_SECONDS {
            let seconds =
                if seconds.is_finite() { format!("{seconds:.6}") } else { crate::printer::number(seconds) };
            let message = format!("timestamp out of bounds for @ modifier: {seconds}");
            return Err(self.fault(self.span(expr), message));
        }
        Ok(AtTime::Fixed(Timestamp::from_secs_f64(seconds)))
    }

    fn misplaced(&self, modifier: &str, span: Span) -> ParseError {
        const PLACES: &str = "an instant vector selector or range vector selector or a subquery";
        self.fault(span, format!("{modifier} must be preceded by {PLACES}"))
    }

    fn extension(&mut self, expr: NodeId, extension: Extension, name: &str) -> Result<NodeId, ParseError> {
        let end = self.advance().span.end;
        let span = self.span(expr);
        let problem = match &self.nodes[expr.0 as usize].expr {
            _ if !self.features.extended_range_selectors => "modifier is experimental and not enabled",
            Expr::Subquery(_) => "modifier is not supported for subqueries",
            _ => "modifier not implemented",
        };
        let enabled = self.features.extended_range_selectors;
        let Some(selector) = self.selector_mut(expr).filter(|_| enabled) else {
            return Err(self.fault(span, format!("{name} {problem}")));
        };
        if selector.extension != Extension::None && selector.extension != extension {
            return Err(self.fault(span, "anchored and smoothed modifiers cannot be used together"));
        }
        selector.extension = extension;
        self.nodes[expr.0 as usize].span.end = end;
        Ok(expr)
    }

    /// The selector of a selector or window.
    fn selector_mut(&mut self, expr: NodeId) -> Option<&mut Selector> {
        let id = match self.nodes[expr.0 as usize].expr {
            Expr::Window { selector, .. } => selector,
            _ => expr,
        };
        match &mut self.nodes[id.0 as usize].expr {
            Expr::Selector(selector) => Some(selector),
            _ => None,
        }
    }

    /// The shift of a selector, window or subquery.
    fn shift_mut(&mut self, expr: NodeId) -> Option<&mut Shift> {
        if matches!(self.nodes[expr.0 as usize].expr, Expr::Subquery(_)) {
            return match &mut self.nodes[expr.0 as usize].expr {
                Expr::Subquery(subquery) => Some(&mut subquery.shift),
                _ => None,
            };
        }
        self.selector_mut(expr).map(|selector| &mut selector.shift)
    }
}
