//! Moving over the tokens, making nodes, and saying what was not expected.

use crate::ast::{Expr, Node, NodeId, Span, ValueType};
use crate::error::ParseError;
use crate::lexer::{Token, TokenKind};
use crate::parser::{MAX_DEPTH, MAX_NODES, Parser, aggregate_op, operators};

impl Parser<'_> {
    pub(super) fn peek(&self) -> &Token {
        self.token_ahead(0)
    }

    /// The last token is an end or an error, and stays.
    pub(super) fn token_ahead(&self, ahead: usize) -> &Token {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)]
    }

    pub(super) fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    /// Where the token before this one ended.
    pub(super) fn previous_end(&self) -> u32 {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.span.end)
    }

    pub(super) fn peek_is_word(&self, word: &str) -> bool {
        self.word_ahead_is(0, word)
    }

    pub(super) fn word_ahead_is(&self, ahead: usize, word: &str) -> bool {
        let token = self.token_ahead(ahead);
        token.kind == TokenKind::Word && token.span.slice(self.text).eq_ignore_ascii_case(word)
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek_is_word(word);
        self.at += usize::from(found);
        found
    }

    pub(super) fn take_punct(&mut self, punct: &'static str) -> bool {
        let found = self.peek().kind == TokenKind::Punct(punct);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect_punct(&mut self, punct: &'static str, context: &str) -> Result<Span, ParseError> {
        if self.peek().kind == TokenKind::Punct(punct) {
            return Ok(self.advance().span);
        }
        let expected = if context.is_empty() { String::new() } else { format!("\"{punct}\"") };
        Err(self.unexpected(context, &expected))
    }

    /// The error for a token that cannot stand here, worded as Prometheus does.
    pub(super) fn unexpected(&self, context: &str, expected: &str) -> ParseError {
        let token = self.peek();
        if let TokenKind::Error(message) = &token.kind {
            return ParseError::new(self.text, token.span, message.clone());
        }
        let mut message = format!("unexpected {}", self.describe(token));
        if !context.is_empty() {
            message += &format!(" in {context}");
        }
        if !expected.is_empty() {
            message += &format!(", expected {expected}");
        }
        ParseError::new(self.text, token.span, message)
    }

    fn describe(&self, token: &Token) -> String {
        let text = token.span.slice(self.text);
        match &token.kind {
            TokenKind::End => "end of input".to_owned(),
            TokenKind::Error(message) => message.clone(),
            TokenKind::Word if operators::is_set_operator(text) => format!("<op:{}>", text.to_lowercase()),
            TokenKind::Word if is_keyword(text) => format!("<{}>", text.to_lowercase()),
            TokenKind::Word if aggregate_op(text).is_some() => format!("<aggr:{}>", text.to_lowercase()),
            TokenKind::Word => format!("identifier {text:?}"),
            TokenKind::Number => format!("number {text:?}"),
            TokenKind::Duration => format!("duration {text:?}"),
            TokenKind::String => format!("string {text}"),
            TokenKind::Op(op @ ("=~" | "!~")) => format!("\"{op}\""),
            TokenKind::Op(op) => format!("<op:{op}>"),
            TokenKind::Punct(punct) => format!("\"{punct}\""),
        }
    }

    pub(super) fn too_deep(&self, span: Span) -> ParseError {
        ParseError::new(self.text, span, format!("expression nests deeper than the limit of {MAX_DEPTH}"))
    }

    pub(super) fn span(&self, id: NodeId) -> Span {
        self.nodes[id.0 as usize].span
    }

    pub(super) fn value_type(&self, id: NodeId) -> ValueType {
        self.nodes[id.0 as usize].value_type
    }

    pub(super) fn push(
        &mut self,
        span: Span,
        value_type: ValueType,
        expr: Expr,
    ) -> Result<NodeId, ParseError> {
        let height = 1 + self.tallest_child(&expr);
        if height > MAX_DEPTH {
            return Err(self.too_deep(span));
        }
        if self.nodes.len() >= MAX_NODES {
            let message = format!("expression has more than the limit of {MAX_NODES} parts");
            return Err(ParseError::new(self.text, span, message));
        }
        self.nodes.push(Node { span, height, value_type, expr });
        Ok(NodeId(self.nodes.len() as u32 - 1))
    }

    fn tallest_child(&self, expr: &Expr) -> u16 {
        let height = |id: NodeId| self.nodes[id.0 as usize].height;
        match expr {
            Expr::Number { .. } | Expr::String(_) | Expr::Selector(_) => 0,
            Expr::Window { selector: child, .. } | Expr::Unary { expr: child, .. } | Expr::Paren(child) => {
                height(*child)
            }
            Expr::Subquery(subquery) => height(subquery.expr),
            Expr::Binary(binary) => height(binary.left).max(height(binary.right)),
            Expr::Aggregate(aggregate) => height(aggregate.expr).max(aggregate.param.map_or(0, height)),
            Expr::Call { args, .. } => args.iter().map(|&arg| height(arg)).max().unwrap_or(0),
        }
    }
}

fn is_keyword(word: &str) -> bool {
    const KEYWORDS: [&str; 11] = [
        "offset",
        "by",
        "without",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "bool",
        "fill",
        "fill_left",
        "fill_right",
    ];
    KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}
