//! Text to tokens, with the error texts of Prometheus' lexer.
//!
//! The whole text is read at once; what cannot be read becomes one last error token, which the parser reports when it
//! gets there, so that an earlier mistake in grammar wins.

mod number;
mod text;

use crate::ast::Span;

pub(crate) use text::unquote;

/// A piece of the text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

/// What a piece of the text is. Words are told apart by the parser, since most keywords may be names too.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    End,
    Error(String),
    Word,
    /// A word inside of braces, where there are no keywords.
    Label,
    Number,
    Duration,
    /// With its quotes.
    String,
    Op(&'static str),
    Punct(&'static str),
}

/// Words that have a meaning inside of brackets.
const DURATION_WORDS: [&str; 4] = ["step", "range", "min_of", "max_of"];

/// Tokens of a text; the last one is an end or an error.
pub(crate) fn tokenize(text: &str) -> Vec<Token> {
    let lexer = Lexer {
        text,
        at: 0,
        tokens: Vec::new(),
        parens: 0,
        place: Place::Outside,
        in_brackets: false,
        colon_seen: false,
        length_seen: false,
    };
    lexer.run()
}

/// Which characters mean what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Braces,
    /// After `[`, until the first number; then the brackets are [`Place::Outside`] with fewer words.
    Length,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    parens: usize,
    place: Place,
    in_brackets: bool,
    /// Whether `:` stood inside of these brackets.
    colon_seen: bool,
    /// Whether a number stood in any brackets so far.
    length_seen: bool,
}

/// A mistake: where the token began, and the message.
type Fault = (usize, String);

impl Lexer<'_> {
    fn run(mut self) -> Vec<Token> {
        loop {
            self.skip_blanks();
            let Some(c) = self.peek() else { break };
            if let Err((start, message)) = self.token(c) {
                self.push_fault(start, message);
                return self.tokens;
            }
        }
        let unfinished = match self.place {
            Place::Braces => Some("unexpected end of input inside braces"),
            Place::Length => Some("unexpected end of input in duration expression"),
            Place::Outside if self.parens > 0 => Some("unclosed left parenthesis"),
            Place::Outside => self.in_brackets.then_some("unclosed left bracket"),
        };
        match unfinished {
            Some(message) => self.push_fault(self.at, message.to_owned()),
            None => self.push(TokenKind::End, self.at),
        }
        self.tokens
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// A byte from here on; 0 past the end.
    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        self.tokens.push(Token { kind, span: Span::new(start, self.at) });
    }

    fn push_fault(&mut self, start: usize, message: String) {
        self.tokens.push(Token { kind: TokenKind::Error(message), span: Span::new(start, self.text.len()) });
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.byte(0) {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'#' if self.place != Place::Length => {
                    let rest = &self.text[self.at..];
                    self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    fn token(&mut self, c: char) -> Result<(), Fault> {
        match (self.place, c) {
            (Place::Length, _) => self.in_length(c),
            (_, '"' | '\'') => self.quoted(c),
            (_, '`') => self.raw(),
            (Place::Braces, _) => self.in_braces(c),
            (Place::Outside, _) => self.outside(c),
        }
    }

    fn outside(&mut self, c: char) -> Result<(), Fault> {
        match c {
            '(' | ')' => return self.paren(c),
            '{' => self.place = Place::Braces,
            '[' if self.in_brackets => return self.unexpected("left bracket", c),
            ']' if !self.in_brackets => return self.unexpected("right bracket", c),
            '[' => (self.in_brackets, self.place, self.colon_seen) = (true, Place::Length, false),
            ']' => self.in_brackets = false,
            '0'..='9' => return self.number(),
            '.' if self.byte(1).is_ascii_digit() => return self.number(),
            ':' if self.in_brackets && self.colon_seen => return self.unexpected("colon", c),
            ':' if self.in_brackets => self.colon_seen = true,
            'a'..='z' | 'A'..='Z' | '_' if self.in_brackets => {
                let message = format!("unexpected character: {}, expected ':'", quoted_char(Some(c)));
                return self.duration_word(&message);
            }
            'a'..='z' | 'A'..='Z' | '_' | ':' => return self.word(),
            ',' => {}
            _ => return self.operator(c),
        }
        self.punct(c)
    }

    fn unexpected(&self, what: &str, c: char) -> Result<(), Fault> {
        Err((self.at, format!("unexpected {what} {}", quoted_char(Some(c)))))
    }

    fn paren(&mut self, c: char) -> Result<(), Fault> {
        if c == '(' {
            self.parens += 1;
        } else if self.parens == 0 {
            // Prometheus names the place after the parenthesis.
            return Err((self.at + 1, "unexpected right parenthesis ')'".to_owned()));
        } else {
            self.parens -= 1;
        }
        self.punct(c)
    }

    fn punct(&mut self, c: char) -> Result<(), Fault> {
        const PUNCTUATION: [&str; 9] = ["(", ")", "{", "}", "[", "]", ",", ":", "="];
        let Some(text) = PUNCTUATION.into_iter().find(|punct| punct.starts_with(c)) else {
            return self.unexpected("character:", c);
        };
        let start = self.at;
        self.at += text.len();
        self.push(TokenKind::Punct(text), start);
        Ok(())
    }

    fn operator(&mut self, c: char) -> Result<(), Fault> {
        const OPERATORS: [&str; 15] =
            ["==", "!=", ">=", "<=", "</", ">/", "+", "-", "*", "/", "%", "^", "@", ">", "<"];
        let rest = &self.text[self.at..];
        if rest.starts_with("=~") || c == '!' && !rest.starts_with("!=") {
            let next = quoted_char(rest.chars().nth(1));
            return Err((self.at, format!("unexpected character after '{c}': {next}")));
        }
        match OPERATORS.into_iter().find(|op| rest.starts_with(op)) {
            Some(op) => self.push_operator(op),
            None if c == '=' => self.punct(c),
            None => self.unexpected("character:", c),
        }
    }

    fn push_operator(&mut self, op: &'static str) -> Result<(), Fault> {
        let start = self.at;
        self.at += op.len();
        self.push(TokenKind::Op(op), start);
        Ok(())
    }

    fn in_braces(&mut self, c: char) -> Result<(), Fault> {
        let rest = &self.text[self.at..];
        if let Some(op) = ["!=", "=~", "!~"].into_iter().find(|op| rest.starts_with(op)) {
            return self.push_operator(op);
        }
        match c {
            'a'..='z' | 'A'..='Z' | '_' => {
                let start = self.at;
                self.skip_word(is_word_byte);
                self.push(TokenKind::Label, start);
                return Ok(());
            }
            '}' => self.place = Place::Outside,
            ',' | '=' => {}
            '{' => return self.unexpected("left brace", c),
            '!' => {
                let next = quoted_char(rest.chars().nth(1));
                return Err((self.at, format!("unexpected character after '!' inside braces: {next}")));
            }
            _ => return self.unexpected("character inside braces:", c),
        }
        self.punct(c)
    }

    fn in_length(&mut self, c: char) -> Result<(), Fault> {
        match c {
            '(' | ')' => return self.paren(c),
            '+' | '-' | '*' | '/' | '%' | '^' => return self.operator(c),
            '0'..='9' | '.' if c != '.' || self.byte(1).is_ascii_digit() => {
                (self.length_seen, self.place) = (true, Place::Outside);
                return self.number();
            }
            ']' => (self.in_brackets, self.place) = (false, Place::Outside),
            ':' if !self.length_seen => {
                let message = "unexpected colon before duration in duration expression";
                return Err((self.at + 1, message.to_owned()));
            }
            ':' if self.colon_seen => {
                return Err((self.at + 1, "unexpected repeated colon in duration expression".to_owned()));
            }
            ':' => self.colon_seen = true,
            ',' => {}
            _ => {
                let message =
                    format!("unexpected character in duration expression: {}", quoted_char(Some(c)));
                return self.duration_word(&message);
            }
        }
        self.punct(c)
    }

    /// One of the few words that may stand in a duration expression, else an error with that message.
    fn duration_word(&mut self, message: &str) -> Result<(), Fault> {
        let start = self.at;
        self.skip_word(|b| b.is_ascii_alphabetic() || b == b'_');
        let word = &self.text[start..self.at];
        if !DURATION_WORDS.iter().any(|name| word.eq_ignore_ascii_case(name)) {
            return Err((start, message.to_owned()));
        }
        self.push(TokenKind::Word, start);
        Ok(())
    }

    fn word(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.skip_word(|b| is_word_byte(b) || b == b':');
        self.push(TokenKind::Word, start);
        Ok(())
    }

    fn skip_word(&mut self, belongs: impl Fn(u8) -> bool) {
        while belongs(self.byte(0)) {
            self.at += 1;
        }
    }
}

fn is_word_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// A character as Go quotes it; past the end, as Go quotes -1.
fn quoted_char(c: Option<char>) -> String {
    match c.unwrap_or(char::REPLACEMENT_CHARACTER) {
        '\0' => r"'\x00'".to_owned(),
        c if c.is_ascii_control() && !matches!(c, '\n' | '\r' | '\t') => format!("'\\x{:02x}'", u32::from(c)),
        '"' => "'\"'".to_owned(),
        c => format!("{c:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        tokenize(text).into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn tells_numbers_from_durations() {
        for number in ["1", "2.", ".5", "1e3", "1e-3", "0x1F", "1_000", "0.1e+4"] {
            assert_eq!(kinds(number), [TokenKind::Number, TokenKind::End], "{number}");
        }
        for duration in ["5m", "1h30m", "10ms", "1d2h3m4s5ms"] {
            assert_eq!(kinds(duration), [TokenKind::Duration, TokenKind::End], "{duration}");
        }
        for bad in ["5mm", "5m1", "2.5.", "0deadbeef", "1_", "1__0"] {
            assert!(matches!(kinds(bad)[..], [TokenKind::Error(_)]), "{bad}");
        }
    }

    #[test]
    fn brackets_take_few_words() {
        assert!(matches!(kinds("x[step()]").last(), Some(TokenKind::End)));
        assert!(matches!(kinds("x[steps]").last(), Some(TokenKind::Error(_))));
        assert!(matches!(kinds("x[5m:y]").last(), Some(TokenKind::Error(_))));
    }

    #[test]
    fn never_splits_a_character() {
        for text in ["\"ü", "ü", "1ü", "a{ü}", "x[5ü]", "'\\ü'", "5mü", "0xü", "1eü", "1_ü"] {
            assert!(matches!(tokenize(text).last().unwrap().kind, TokenKind::Error(_)), "{text}");
        }
    }
}
