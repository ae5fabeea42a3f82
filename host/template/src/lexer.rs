//! Cuts a template's text into tokens: literal text, and inside `{{ }}` the words of Go's template language.
//!
//! First step of parsing. Trim markers and comments end here; nothing is looked up and nothing nests yet, apart from
//! counting parentheses as Go's lexer does.

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
const COMMENT_OPEN: &str = "/*";
const COMMENT_CLOSE: &str = "*/";

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// Literal text outside of actions.
    Text,
    LeftDelim,
    RightDelim,
    /// Blanks inside an action; they part arguments.
    Space,
    Bool,
    CharConstant,
    Number,
    String,
    RawString,
    Declare,
    Assign,
    Pipe,
    LeftParen,
    RightParen,
    Dot,
    /// `.Name`, with its dot.
    Field,
    /// `$` or `$name`.
    Variable,
    Identifier,
    Keyword(Keyword),
    /// Any other printable character, such as a comma.
    Char,
    End,
    /// The lexer gave up; the message says why.
    Error(String),
}

/// Words with a meaning of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Keyword {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "block" => Self::Block,
            "break" => Self::Break,
            "continue" => Self::Continue,
            "define" => Self::Define,
            "else" => Self::Else,
            "end" => Self::End,
            "if" => Self::If,
            "nil" => Self::Nil,
            "range" => Self::Range,
            "template" => Self::Template,
            "with" => Self::With,
            _ => return None,
        })
    }
}

/// A piece of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    /// Byte offset in the input.
    pub(crate) position: usize,
    pub(crate) text: &'a str,
}

/// All tokens of `input`; the last one is [`TokenKind::End`] or [`TokenKind::Error`].
pub(crate) fn tokens(input: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { input, at: 0, start: 0, paren_depth: 0, tokens: Vec::new() };
    let kind = match lexer.run() {
        Ok(()) => TokenKind::End,
        Err(message) => TokenKind::Error(message),
    };
    let position = lexer.start;
    lexer.tokens.push(Token { kind, position, text: "" });
    lexer.tokens
}

struct Lexer<'a> {
    input: &'a str,
    at: usize,
    /// Where the token under way began.
    start: usize,
    paren_depth: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn run(&mut self) -> Result<(), String> {
        while self.text() {
            if self.left_delim()? {
                while !self.inside_action()? {}
            }
        }
        Ok(())
    }

    fn rest(&self) -> &'a str {
        &self.input[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn emit(&mut self, kind: TokenKind) {
        let text = &self.input[self.start..self.at];
        self.tokens.push(Token { kind, position: self.start, text });
        self.start = self.at;
    }

    fn skip(&mut self, bytes: usize) {
        self.at += bytes;
        self.start = self.at;
    }

    /// Takes text up to the next action; false at the end of the input.
    fn text(&mut self) -> bool {
        let rest = self.rest();
        let Some(length) = rest.find(LEFT) else {
            self.at = self.input.len();
            self.emit_text();
            return false;
        };
        let trims = has_left_trim(&rest[length + LEFT.len()..]);
        let kept = if trims { rest[..length].trim_end_matches(is_space).len() } else { length };
        self.at += kept;
        self.emit_text();
        self.skip(length - kept);
        true
    }

    fn emit_text(&mut self) {
        if self.at > self.start {
            self.emit(TokenKind::Text);
        }
    }

    /// Takes `{{` with its trim marker; false when a comment followed, which is then taken as well.
    fn left_delim(&mut self) -> Result<bool, String> {
        self.at += LEFT.len();
        let trim = if has_left_trim(self.rest()) { 2 } else { 0 };
        if self.input[self.at + trim..].starts_with(COMMENT_OPEN) {
            self.skip(trim);
            return self.comment().map(|()| false);
        }
        self.emit(TokenKind::LeftDelim);
        self.skip(trim);
        self.paren_depth = 0;
        Ok(true)
    }

    fn comment(&mut self) -> Result<(), String> {
        let length = self.rest().find(COMMENT_CLOSE).ok_or("unclosed comment")?;
        self.at += length + COMMENT_CLOSE.len();
        let Some(trim) = self.right_delim_ahead() else {
            return Err("comment ends before closing delimiter".to_owned());
        };
        self.skip(trim + RIGHT.len());
        if trim > 0 {
            self.skip_spaces();
        }
        Ok(())
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.skip(rest.len() - rest.trim_start_matches(is_space).len());
    }

    /// The length of the trim marker before a `}}` right here; none when there is no `}}`.
    fn right_delim_ahead(&self) -> Option<usize> {
        let rest = self.rest();
        if rest.starts_with(RIGHT) {
            return Some(0);
        }
        let mut chars = rest.chars();
        let trims = chars.next().is_some_and(is_space) && chars.next() == Some('-');
        (trims && rest[2..].starts_with(RIGHT)).then_some(2)
    }

    /// Takes one token inside an action; true after its `}}`.
    fn inside_action(&mut self) -> Result<bool, String> {
        if let Some(trim) = self.right_delim_ahead() {
            if self.paren_depth > 0 {
                return Err("unclosed left paren".to_owned());
            }
            self.skip(trim);
            self.at += RIGHT.len();
            self.emit(TokenKind::RightDelim);
            if trim > 0 {
                self.skip_spaces();
            }
            return Ok(true);
        }
        let Some(c) = self.advance() else {
            return Err("unclosed action".to_owned());
        };
        match c {
            c if is_space(c) => self.space(),
            '=' => self.emit(TokenKind::Assign),
            ':' if self.advance() == Some('=') => self.emit(TokenKind::Declare),
            ':' => return Err("expected :=".to_owned()),
            '|' => self.emit(TokenKind::Pipe),
            '"' => self.quoted('"', TokenKind::String, "unterminated quoted string")?,
            '\'' => self.quoted('\'', TokenKind::CharConstant, "unterminated character constant")?,
            '`' => self.raw_string()?,
            '$' => self.word(TokenKind::Variable, TokenKind::Variable)?,
            '.' if !self.peek().is_some_and(|next| next.is_ascii_digit()) => {
                self.word(TokenKind::Dot, TokenKind::Field)?;
            }
            '+' | '-' | '.' | '0'..='9' => self.number()?,
            c if is_alphanumeric(c) => self.identifier()?,
            '(' => {
                self.paren_depth += 1;
                self.emit(TokenKind::LeftParen);
            }
            ')' if self.paren_depth == 0 => return Err("unexpected right paren".to_owned()),
            ')' => {
                self.paren_depth -= 1;
                self.emit(TokenKind::RightParen);
            }
            c if c.is_ascii_graphic() => self.emit(TokenKind::Char),
            c => return Err(format!("unrecognized character in action: {}", unicode_name(c))),
        }
        Ok(false)
    }

    /// Takes blanks, but not the one that belongs to a trim marker.
    fn space(&mut self) {
        while self.peek().is_some_and(is_space) && self.right_delim_ahead().is_none() {
            self.advance();
        }
        self.emit(TokenKind::Space);
    }

    fn quoted(&mut self, quote: char, kind: TokenKind, unterminated: &str) -> Result<(), String> {
        loop {
            match self.advance() {
                Some('\\') if self.peek().is_some_and(|next| next != '\n') => {
                    self.advance();
                }
                None | Some('\\' | '\n') => return Err(unterminated.to_owned()),
                Some(c) if c == quote => {
                    self.emit(kind);
                    return Ok(());
                }
                Some(_) => {}
            }
        }
    }

    fn raw_string(&mut self) -> Result<(), String> {
        let length = self.rest().find('`').ok_or("unterminated raw quoted string")?;
        self.at += length + 1;
        self.emit(TokenKind::RawString);
        Ok(())
    }

    /// Takes a field's or a variable's name after its `.` or `$`; `bare` when there is none.
    fn word(&mut self, bare: TokenKind, named: TokenKind) -> Result<(), String> {
        if self.at_terminator() {
            self.emit(bare);
            return Ok(());
        }
        self.alphanumerics()?;
        self.emit(named);
        Ok(())
    }

    fn alphanumerics(&mut self) -> Result<(), String> {
        while self.peek().is_some_and(is_alphanumeric) {
            self.advance();
        }
        match self.peek() {
            Some(c) if !self.at_terminator() => Err(format!("bad character {}", unicode_name(c))),
            _ => Ok(()),
        }
    }

    fn identifier(&mut self) -> Result<(), String> {
        self.alphanumerics()?;
        let word = &self.input[self.start..self.at];
        let kind = match word {
            "true" | "false" => TokenKind::Bool,
            _ => Keyword::of(word).map_or(TokenKind::Identifier, TokenKind::Keyword),
        };
        self.emit(kind);
        Ok(())
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(c) => is_space(c) || self.rest().starts_with(RIGHT),
        }
    }

    fn number(&mut self) -> Result<(), String> {
        self.at = self.start;
        self.accept("+-");
        let mut digits = "0123456789_";
        let mut exponent = "eE";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
                exponent = "pP";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        while self.accept(digits) {}
        if self.accept(".") {
            while self.accept(digits) {}
        }
        if self.accept(exponent) {
            self.accept("+-");
            while self.accept("0123456789_") {}
        }
        if self.peek().is_some_and(is_alphanumeric) {
            self.advance();
            return Err(format!("bad number syntax: {:?}", &self.input[self.start..self.at]));
        }
        self.emit(TokenKind::Number);
        Ok(())
    }

    fn accept(&mut self, valid: &str) -> bool {
        let accepted = self.peek().is_some_and(|c| valid.contains(c));
        if accepted {
            self.advance();
        }
        accepted
    }
}

fn has_left_trim(after_delim: &str) -> bool {
    after_delim.strip_prefix('-').is_some_and(|rest| rest.starts_with(is_space))
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// A character as Go's `%#U` prints it.
fn unicode_name(c: char) -> String {
    if c.is_control() { format!("U+{:04X}", u32::from(c)) } else { format!("U+{:04X} '{c}'", u32::from(c)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(input: &str) -> Vec<TokenKind> {
        tokens(input).into_iter().map(|token| token.kind).filter(|kind| *kind != TokenKind::Space).collect()
    }

    #[test]
    fn trims_blanks_beside_markers() {
        let texts: Vec<&str> = tokens("a \n{{- 1 -}}\t b").into_iter().map(|token| token.text).collect();
        assert_eq!(texts, ["a", "{{", "1", "}}", "b", ""]);
    }

    #[test]
    fn a_minus_without_blank_is_a_sign() {
        assert_eq!(
            kinds("{{-1}}"),
            [TokenKind::LeftDelim, TokenKind::Number, TokenKind::RightDelim, TokenKind::End]
        );
    }

    #[test]
    fn drops_comments_with_their_trimmed_blanks() {
        let texts: Vec<&str> = tokens("a {{- /* b */ -}} c").into_iter().map(|token| token.text).collect();
        assert_eq!(texts, ["a", "c", ""]);
    }

    #[test]
    fn says_what_is_wrong() {
        let last = |input| kinds(input).pop();
        assert_eq!(last("{{ \"a"), Some(TokenKind::Error("unterminated quoted string".to_owned())));
        assert_eq!(last("{{ (1 }}"), Some(TokenKind::Error("unclosed left paren".to_owned())));
        assert_eq!(last("{{ 3x }}"), Some(TokenKind::Error("bad number syntax: \"3x\"".to_owned())));
        assert_eq!(last("{{/* a"), Some(TokenKind::Error("unclosed comment".to_owned())));
        assert_eq!(last("{{ a"), Some(TokenKind::Error("unclosed action".to_owned())));
    }
}
