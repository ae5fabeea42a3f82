//! Moving over the tokens, making nodes, and saying what was not expected.

use bellwether_model::labels::Quoted;

use crate::ast::{Expr, Node, NodeId, Span, ValueType};
use crate::error::ParseError;
use crate::lexer::{Token, TokenKind};
use crate::parser::words::{Word, is_fill};
use crate::parser::{MAX_DEPTH, MAX_NODES, Parser};

/// What a message about an unexpected token adds: the part of the grammar, and what could have stood there.
pub(super) type Context = (&'static str, &'static str);

/// Outside of all parts that are named in errors.
pub(super) const NO_CONTEXT: Context = ("", "");

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

    pub(super) fn peek_text(&self) -> &str {
        self.peek().span.slice(self.text)
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

    pub(super) fn peek_is_punct(&self, punct: &'static str) -> bool {
        self.peek().kind == TokenKind::Punct(punct)
    }

    pub(super) fn take_punct(&mut self, punct: &'static str) -> bool {
        let found = self.peek_is_punct(punct);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect_punct(&mut self, punct: &'static str) -> Result<Span, ParseError> {
        if self.peek_is_punct(punct) { Ok(self.advance().span) } else { Err(self.unexpected()) }
    }

    /// Runs a part of the grammar whose errors name it. Like the error rules of Prometheus' grammar, the innermost
    /// context wins.
    pub(super) fn within<T>(
        &mut self,
        context: Context,
        part: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        let outer = std::mem::replace(&mut self.context, context);
        let result = part(self)?;
        self.context = outer;
        Ok(result)
    }

    /// The error for a token that cannot stand here, in the current context.
    pub(super) fn unexpected(&self) -> ParseError {
        self.unexpected_in(self.context)
    }

    /// The error for a token that cannot stand here, worded as Prometheus does.
    pub(super) fn unexpected_in(&self, (context, expected): Context) -> ParseError {
        let token = self.peek();
        if let TokenKind::Error(message) = &token.kind {
            return self.fault(token.span, message.clone());
        }
        let mut message = format!("unexpected {}", self.describe(token));
        if !context.is_empty() {
            message += &format!(" in {context}");
        }
        if !expected.is_empty() {
            message += &format!(", expected {expected}");
        }
        self.fault(token.span, message)
    }

    /// What the lexer could not read goes before what the grammar says about the tokens in front of it.
    pub(super) fn refuse_lexer_error(&self) -> Result<(), ParseError> {
        if matches!(self.peek().kind, TokenKind::Error(_)) { Err(self.unexpected()) } else { Ok(()) }
    }

    fn describe(&self, token: &Token) -> String {
        let text = token.span.slice(self.text);
        match &token.kind {
            TokenKind::End => "end of input".to_owned(),
            TokenKind::Error(message) => message.clone(),
            TokenKind::Word => self.describe_word(text),
            TokenKind::Label => format!("identifier {}", Quoted(text)),
            TokenKind::Number => format!("number {}", shortened(text)),
            TokenKind::Duration => format!("duration {}", shortened(text)),
            TokenKind::String => format!("string {}", shortened(text)),
            TokenKind::Op(op) => format!("<op:{op}>"),
            TokenKind::Punct(punct) => format!("\"{punct}\""),
        }
    }

    fn describe_word(&self, text: &str) -> String {
        if is_fill(text) && self.token_ahead(1).kind != TokenKind::Punct("(") {
            return format!("identifier \"{text}\"");
        }
        match Word::of(text) {
            Word::Number => format!("number \"{text}\""),
            Word::Operator => format!("<op:{text}>"),
            Word::Aggregation(_) => format!("<aggr:{text}>"),
            Word::Modifier | Word::OperatorModifier => format!("<{text}>"),
            Word::Preprocessor => format!("\"{text}\""),
            Word::Name => format!("identifier \"{text}\""),
            Word::MetricName => format!("metric identifier \"{text}\""),
        }
    }

    pub(super) fn fault(&self, span: Span, message: impl Into<String>) -> ParseError {
        ParseError::new(self.text, span, message)
    }

    /// Counts a level of nesting; the parser itself goes down one call for each.
    pub(super) fn descend(&mut self) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(self.too_deep(self.peek().span)) } else { Ok(()) }
    }

    pub(super) fn too_deep(&self, span: Span) -> ParseError {
        self.fault(span, format!("expression nests deeper than the limit of {MAX_DEPTH}"))
    }

    pub(super) fn refuse_more_nodes(&self, span: Span) -> Result<(), ParseError> {
        if self.nodes.len() + self.durations.len() < MAX_NODES {
            return Ok(());
        }
        Err(self.fault(span, format!("expression has more than the limit of {MAX_NODES} parts")))
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
        let height = self.height(&expr);
        if height > MAX_DEPTH {
            return Err(self.too_deep(span));
        }
        self.refuse_more_nodes(span)?;
        self.nodes.push(Node { span, height, value_type, expr });
        Ok(NodeId(self.nodes.len() as u32 - 1))
    }

    fn height(&self, expr: &Expr) -> u16 {
        let height = |id: NodeId| self.nodes[id.0 as usize].height;
        let tallest = |children: &[NodeId]| children.iter().map(|&child| height(child)).max().unwrap_or(0);
        match expr {
            Expr::Number { .. } | Expr::String(_) | Expr::Selector(_) => 1,
            Expr::Window { selector: child, .. } | Expr::Unary { expr: child, .. } | Expr::Paren(child) => {
                1 + height(*child)
            }
            Expr::Subquery(subquery) => 1 + height(subquery.expr),
            // The left side is no deeper: passes walk down the left sides in a loop.
            Expr::Binary(binary) => height(binary.left).max(1 + height(binary.right)),
            Expr::Aggregate(aggregate) => 1 + height(aggregate.expr).max(aggregate.param.map_or(0, height)),
            Expr::Call { args, .. } => 1 + tallest(args),
        }
    }
}

/// The first ten characters of a token, quoted, as Prometheus shows long ones.
fn shortened(text: &str) -> String {
    if text.len() <= 10 {
        return Quoted(text).to_string();
    }
    let start: String = text.chars().take(10).collect();
    format!("{}...", Quoted(&start))
}
