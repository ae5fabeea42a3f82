//! Pipelines, commands and operands.

use std::sync::Arc;

use super::{MAX_NESTING, Parser, Result};
use crate::ast::{Command, Expr, ExprKind, Pipe};
use crate::functions;
use crate::lexer::{Keyword, Token, TokenKind};
use crate::number;

impl<'a> Parser<'a> {
    /// Everything up to `end`, which is taken too.
    pub(super) fn pipeline(&mut self, context: &str, end: &TokenKind) -> Result<Pipe> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.error(format!("nested deeper than {MAX_NESTING} levels")));
        }
        let position = self.peek_non_space().position;
        let mut pipe = Pipe { position, assigns: false, variables: Vec::new(), commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.peek_non_space();
            if token.kind == *end {
                self.advance();
                break;
            }
            if !starts_operand(&token.kind) {
                self.advance();
                return Err(self.unexpected(token, context));
            }
            let command = self.command()?;
            pipe.commands.push(command);
        }
        self.check(&pipe, context)?;
        self.nesting -= 1;
        Ok(pipe)
    }

    fn check(&self, pipe: &Pipe, context: &str) -> Result<()> {
        if pipe.commands.is_empty() {
            return Err(self.error(format!("missing value for {context}")));
        }
        let is_value = |kind: &ExprKind| {
            matches!(
                kind,
                ExprKind::Bool(_)
                    | ExprKind::Dot
                    | ExprKind::Nil
                    | ExprKind::Number(_)
                    | ExprKind::String { .. }
            )
        };
        match pipe.commands.iter().skip(1).position(|command| is_value(&command.words[0].kind)) {
            Some(at) => Err(self.error(format!("non executable command in pipeline stage {}", at + 2))),
            None => Ok(()),
        }
    }

    /// Takes `$x :=`, `$x =`, and for a range `$i, $x :=`, if they are there.
    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Result<()> {
        loop {
            let start = self.next;
            let variable = self.peek_non_space();
            if variable.kind != TokenKind::Variable {
                return Ok(());
            }
            self.advance();
            let next = self.peek_non_space();
            match next.kind {
                TokenKind::Assign | TokenKind::Declare => {
                    pipe.assigns = next.kind == TokenKind::Assign;
                    self.advance();
                    self.declare(pipe, variable);
                    return Ok(());
                }
                TokenKind::Char if next.text == "," => {
                    self.advance();
                    self.declare(pipe, variable);
                    if context != "range" || pipe.variables.len() > 1 {
                        return Err(self.error(format!("too many declarations in {context}")));
                    }
                    let follows = &self.peek_non_space().kind;
                    if !matches!(follows, TokenKind::Variable | TokenKind::RightDelim | TokenKind::RightParen)
                    {
                        return Err(self.error("range can only initialize variables"));
                    }
                }
                _ => {
                    self.next = start;
                    return Ok(());
                }
            }
        }
    }

    fn declare(&mut self, pipe: &mut Pipe, variable: &Token<'_>) {
        let name: Arc<str> = variable.text.into();
        self.variables.push(Arc::clone(&name));
        pipe.variables.push(name);
    }

    fn command(&mut self) -> Result<Command> {
        let mut words = Vec::new();
        loop {
            self.skip_space();
            words.extend(self.operand()?);
            let token = self.advance();
            match token.kind {
                TokenKind::Space => {}
                TokenKind::RightDelim | TokenKind::RightParen => {
                    self.next -= 1;
                    break;
                }
                TokenKind::Pipe => break,
                _ => return Err(self.unexpected(token, "operand")),
            }
        }
        if words.is_empty() {
            return Err(self.error("empty command"));
        }
        Ok(Command { words })
    }

    /// A term, with the fields that follow it.
    fn operand(&mut self) -> Result<Option<Expr>> {
        let Some(term) = self.term()? else { return Ok(None) };
        if self.peek().kind != TokenKind::Field {
            return Ok(Some(term));
        }
        let position = self.peek().position;
        let mut more = Vec::new();
        while self.peek().kind == TokenKind::Field {
            more.push(Arc::from(&self.advance().text[1..]));
        }
        let kind = match term.kind {
            ExprKind::Field(mut fields) => {
                fields.extend(more);
                ExprKind::Field(fields)
            }
            ExprKind::Variable { name, mut fields } => {
                fields.extend(more);
                ExprKind::Variable { name, fields }
            }
            ExprKind::Bool(_)
            | ExprKind::String { .. }
            | ExprKind::Number(_)
            | ExprKind::Nil
            | ExprKind::Dot => {
                return Err(self.error(format!("unexpected . after term {:?}", term.to_string())));
            }
            ExprKind::Function(_) | ExprKind::Pipe(_) | ExprKind::Chain { .. } => {
                ExprKind::Chain { base: Box::new(term), fields: more }
            }
        };
        Ok(Some(Expr { position, kind }))
    }

    fn term(&mut self) -> Result<Option<Expr>> {
        let token = self.advance_non_space();
        let kind = match &token.kind {
            TokenKind::Identifier => ExprKind::Function(self.function(token)?),
            TokenKind::Dot => ExprKind::Dot,
            TokenKind::Keyword(Keyword::Nil) => ExprKind::Nil,
            TokenKind::Variable => {
                if !self.variables.iter().any(|name| **name == *token.text) {
                    return Err(self.error(format!("undefined variable {:?}", token.text)));
                }
                ExprKind::Variable { name: token.text.into(), fields: Vec::new() }
            }
            TokenKind::Field => ExprKind::Field(vec![token.text[1..].into()]),
            TokenKind::Bool => ExprKind::Bool(token.text == "true"),
            TokenKind::CharConstant => ExprKind::Number(self.char_constant(token)?),
            TokenKind::Number => {
                ExprKind::Number(number::parse_literal(token.text).map_err(|reason| self.error(reason))?)
            }
            TokenKind::LeftParen => {
                let pipe = self.pipeline("parenthesized pipeline", &TokenKind::RightParen)?;
                ExprKind::Pipe(Box::new(pipe))
            }
            TokenKind::String | TokenKind::RawString => {
                ExprKind::String { quoted: token.text.to_owned(), text: self.unquote(token)?.into() }
            }
            _ => {
                self.next -= 1;
                return Ok(None);
            }
        };
        Ok(Some(Expr { position: token.position, kind }))
    }

    fn function(&self, token: &Token<'_>) -> Result<&'static functions::Function> {
        functions::find(self.dialect, token.text)
            .ok_or_else(|| self.error(format!("function {:?} not defined", token.text)))
    }

    fn char_constant(&self, token: &Token<'_>) -> Result<crate::ast::Number> {
        let body = token.text.trim_start_matches('\'').strip_suffix('\'');
        let text = body.and_then(number::unescape).unwrap_or_default();
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => {
                let code = i64::from(u32::from(c));
                let text = token.text.to_owned();
                Ok(crate::ast::Number { text, int: Some(code), float: code as f64, ideal_float: false })
            }
            _ => Err(self.error(format!("malformed character constant: {}", token.text))),
        }
    }

    pub(super) fn unquote(&self, token: &Token<'_>) -> Result<String> {
        let body = &token.text[1..token.text.len() - 1];
        if token.kind == TokenKind::RawString {
            return Ok(body.replace('\r', ""));
        }
        number::unescape(body).ok_or_else(|| self.error("invalid syntax"))
    }
}

fn starts_operand(kind: &TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Bool
            | TokenKind::CharConstant
            | TokenKind::Dot
            | TokenKind::Field
            | TokenKind::Identifier
            | TokenKind::Number
            | TokenKind::Keyword(Keyword::Nil)
            | TokenKind::RawString
            | TokenKind::String
            | TokenKind::Variable
            | TokenKind::LeftParen
    )
}
