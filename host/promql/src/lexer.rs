//! Text to tokens, with the error texts of Prometheus' lexer.
//!
//! The whole text is read at once; what cannot be read becomes one last error token, which the parser reports when it
//! gets there, so that an earlier mistake in grammar wins.

use crate::ast::Span;

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
    Number,
    Duration,
    /// With its quotes.
    String,
    Op(&'static str),
    Punct(&'static str),
}

/// Tokens of a text; the last one is an end or an error.
pub(crate) fn tokenize(text: &str) -> Vec<Token> {
    Lexer { text, at: 0, tokens: Vec::new(), parens: 0, braces: false, brackets: false, colon_seen: false }
        .run()
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token>,
    parens: usize,
    braces: bool,
    brackets: bool,
    colon_seen: bool,
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
        let unfinished = if self.braces {
            Some("unexpected end of input inside braces")
        } else if self.brackets {
            Some("unexpected end of input in duration expression")
        } else if self.parens > 0 {
            Some("unclosed left parenthesis")
        } else {
            None
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
                b'#' => {
                    let rest = &self.text[self.at..];
                    self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    fn token(&mut self, c: char) -> Result<(), Fault> {
        match c {
            '"' | '\'' if !self.brackets => self.quoted(c),
            '`' if !self.brackets => self.raw(),
            _ if self.braces => self.inside_braces(c),
            _ if self.brackets => self.inside_brackets(c),
            _ => self.outside(c),
        }
    }

    fn outside(&mut self, c: char) -> Result<(), Fault> {
        match c {
            '(' | ')' => return self.paren(c),
            '{' => self.braces = true,
            '[' => (self.brackets, self.colon_seen) = (true, false),
            '0'..='9' | '.' => return self.number(),
            'a'..='z' | 'A'..='Z' | '_' | ':' => return self.word(true),
            _ => return self.operator(c),
        }
        self.punct(c)
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
        let start = self.at;
        self.at += c.len_utf8();
        let text = PUNCTUATION.into_iter().find(|punct| punct.starts_with(c));
        let text = text.ok_or_else(|| (start, format!("unexpected character: {c:?}")))?;
        self.push(TokenKind::Punct(text), start);
        Ok(())
    }

    fn operator(&mut self, c: char) -> Result<(), Fault> {
        const OPERATORS: [&str; 13] = ["==", "!=", ">=", "<=", "=~", "!~", "+", "-", "*", "/", "%", "^", "@"];
        let rest = &self.text[self.at..];
        let start = self.at;
        if rest.starts_with("=~") || c == '!' && !rest.starts_with("!=") {
            let next =
                rest.chars().nth(1).map_or_else(|| "end of input".to_owned(), |next| format!("{next:?}"));
            return Err((start, format!("unexpected character after '{c}': {next}")));
        }
        let found = OPERATORS.into_iter().chain([">", "<"]).find(|op| rest.starts_with(op));
        match found {
            Some(op) => {
                self.at += op.len();
                self.push(TokenKind::Op(op), start);
                Ok(())
            }
            None if matches!(c, '=' | ',') => self.punct(c),
            None => Err((start, format!("unexpected character: {c:?}"))),
        }
    }

    fn inside_braces(&mut self, c: char) -> Result<(), Fault> {
        let rest = &self.text[self.at..];
        let start = self.at;
        let two = ["!=", "=~", "!~"].into_iter().find(|op| rest.starts_with(op));
        match c {
            'a'..='z' | 'A'..='Z' | '_' => self.word(false),
            '}' => {
                self.braces = false;
                self.punct(c)
            }
            ',' => self.punct(c),
            '{' => Err((start, "unexpected left brace '{'".to_owned())),
            '=' if two.is_none() => self.punct(c),
            '!' if two.is_none() => {
                let next = rest.chars().nth(1).unwrap_or('\0');
                Err((start, format!("unexpected character after '!' inside braces: {next:?}")))
            }
            _ => match two {
                Some(op) => {
                    self.at += op.len();
                    self.push(TokenKind::Op(op), start);
                    Ok(())
                }
                None => Err((start, format!("unexpected character inside braces: {c:?}"))),
            },
        }
    }

    fn inside_brackets(&mut self, c: char) -> Result<(), Fault> {
        let start = self.at;
        match c {
            ']' => {
                self.brackets = false;
                self.punct(c)
            }
            ':' if self.colon_seen => {
                Err((start, "unexpected second colon(:) in duration expression".to_owned()))
            }
            ':' => {
                self.colon_seen = true;
                self.punct(c)
            }
            '(' | ')' => self.paren(c),
            ',' => self.punct(c),
            '+' | '-' | '*' | '/' | '%' | '^' => self.operator(c),
            '0'..='9' | '.' => self.number(),
            'a'..='z' | 'A'..='Z' | '_' => {
                const FUNCTIONS: [&str; 4] = ["step", "range", "min_of", "max_of"];
                let length = self.text[self.at..].bytes().take_while(|&b| is_word_byte(b)).count();
                let word = &self.text[start..start + length];
                if FUNCTIONS.iter().any(|name| word.eq_ignore_ascii_case(name)) {
                    self.word(false)
                } else {
                    Err((start, format!("unexpected character: {c:?}, expected ':'")))
                }
            }
            _ => Err((start, format!("unexpected character in duration expression: {c:?}"))),
        }
    }

    fn word(&mut self, colons: bool) -> Result<(), Fault> {
        let start = self.at;
        while is_word_byte(self.byte(0)) || colons && self.byte(0) == b':' {
            self.at += 1;
        }
        self.push(TokenKind::Word, start);
        Ok(())
    }

    fn quoted(&mut self, quote: char) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                None | Some('\n') => return Err((start, "unterminated quoted string".to_owned())),
                Some(c) if c == quote => break,
                Some('\\') => {
                    self.at += 1;
                    let escape = self.escape(quote).map_err(|message| (start, message))?;
                    self.at += escape;
                }
                Some(c) => self.at += c.len_utf8(),
            }
        }
        self.at += 1;
        self.push(TokenKind::String, start);
        Ok(())
    }

    /// Checks the escape sequence after a backslash; returns its length.
    fn escape(&self, quote: char) -> Result<usize, String> {
        let Some(c) = self.peek() else {
            return Err("escape sequence not terminated".to_owned());
        };
        let (prefix, digits, radix) = match c {
            'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(1),
            c if c == quote => return Ok(1),
            '0'..='7' => (0, 3, 8),
            'x' => (1, 2, 16),
            'u' => (1, 4, 16),
            'U' => (1, 8, 16),
            _ => return Err(format!("unknown escape sequence {} {c:?}", unicode_name(c))),
        };
        let mut value = 0_u32;
        for at in 0..digits {
            let digit = self.text[self.at + prefix + at..].chars().next();
            let Some(digit) = digit else {
                return Err("escape sequence not terminated".to_owned());
            };
            let Some(number) = digit.to_digit(radix) else {
                return Err(format!(
                    "illegal character {} {digit:?} in escape sequence",
                    unicode_name(digit)
                ));
            };
            value = value.wrapping_mul(radix).wrapping_add(number);
        }
        let single_byte = matches!(c, '0'..='7' | 'x');
        if single_byte && value > 255 || !single_byte && char::from_u32(value).is_none() {
            return Err("escape sequence is an invalid Unicode code point".to_owned());
        }
        Ok(prefix + digits)
    }

    fn raw(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let length = self.text[start + 1..].find('`');
        let length = length.ok_or_else(|| (start, "unterminated raw string".to_owned()))?;
        self.at += length + 2;
        self.push(TokenKind::String, start);
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if self.text[start..] == *"." || self.byte(0) == b'.' && !self.byte(1).is_ascii_digit() {
            return Err((start, "unexpected character: '.'".to_owned()));
        }
        if self.scan_number() {
            self.push(TokenKind::Number, start);
            return Ok(());
        }
        if self.scan_rest_of_duration() {
            self.push(TokenKind::Duration, start);
            return Ok(());
        }
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
        let end = self.at.min(self.text.len());
        Err((start, format!("bad number or duration syntax: {:?}", &self.text[start..end])))
    }

    /// Reads a number as far as it goes; false leaves the position behind the last character that was looked at.
    fn scan_number(&mut self) -> bool {
        let start = self.at;
        let hex = self.byte(0) == b'0' && matches!(self.byte(1), b'x' | b'X');
        if hex {
            self.at += 2;
        }
        let is_digit = |b: u8| {
            if hex { b.is_ascii_hexdigit() } else { b.is_ascii_digit() }
        };
        let (mut dot, mut exponent) = (false, false);
        loop {
            match self.byte(0) {
                b if is_digit(b) => self.at += 1,
                b'.' => {
                    self.at += 1;
                    if dot || hex || exponent || self.byte(0) == b'_' {
                        return false;
                    }
                    dot = true;
                }
                b'e' | b'E' => {
                    self.at += 1;
                    if exponent {
                        return false;
                    }
                    if matches!(self.byte(0), b'+' | b'-') {
                        self.at += 1;
                    }
                    if !self.byte(0).is_ascii_digit() {
                        return false;
                    }
                    exponent = true;
                }
                b'_' => {
                    self.at += 1;
                    if !is_digit(self.byte(0)) {
                        return false;
                    }
                }
                _ => break,
            }
        }
        self.at > start && !is_word_byte(self.byte(0))
    }

    /// Reads what follows the first number of a duration.
    fn scan_rest_of_duration(&mut self) -> bool {
        if !matches!(self.byte(0), b's' | b'm' | b'h' | b'd' | b'w' | b'y') {
            return false;
        }
        loop {
            self.at += 1;
            if self.byte(0) == b's' {
                self.at += 1;
            }
            if !self.byte(0).is_ascii_digit() {
                break;
            }
            while self.byte(0).is_ascii_digit() {
                self.at += 1;
            }
            if !matches!(self.byte(0), b's' | b'm' | b'h' | b'd' | b'w') {
                return false;
            }
        }
        let ended = !is_word_byte(self.byte(0));
        if !ended {
            self.at += 1;
        }
        ended
    }
}

fn is_word_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn unicode_name(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// The text that a string token stands for. The lexer has checked its escapes; bytes that are no UTF-8 (`"\xff"`)
/// become the replacement character.
pub(crate) fn unquote(token: &str) -> String {
    let inner = &token[1..token.len() - 1];
    if token.starts_with('`') || !inner.contains('\\') {
        return inner.to_owned();
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(backslash) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..backslash]);
        rest = &rest[backslash + 1..];
        rest = &rest[push_escape(rest, &mut bytes)..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Appends what the escape sequence at the start of a text stands for; returns its length.
fn push_escape(text: &str, bytes: &mut Vec<u8>) -> usize {
    let number = |from: usize, digits: usize, radix| {
        text.get(from..from + digits).and_then(|digits| u32::from_str_radix(digits, radix).ok()).unwrap_or(0)
    };
    let mut push_char = |value| {
        let c = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    };
    let simple = match text.as_bytes()[0] {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'0'..=b'7' => {
            bytes.push(number(0, 3, 8) as u8);
            return 3;
        }
        b'x' => {
            bytes.push(number(1, 2, 16) as u8);
            return 3;
        }
        b'u' => {
            push_char(number(1, 4, 16));
            return 5;
        }
        b'U' => {
            push_char(number(1, 8, 16));
            return 9;
        }
        other => other,
    };
    bytes.push(simple);
    1
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
    fn unquotes_as_go_does() {
        assert_eq!(unquote(r#""a\tb\x41\101\u00e9\U0001F600\"""#), "a\tbAAé😀\"");
        assert_eq!(unquote(r"`a\tb`"), r"a\tb");
        assert_eq!(unquote(r"'it\'s'"), "it's");
    }

    #[test]
    fn never_splits_a_character() {
        for text in ["\"ü", "ü", "1ü", "a{ü}", "x[5ü]", "'\\ü'", "5mü", "0xü"] {
            assert!(matches!(tokenize(text).last().unwrap().kind, TokenKind::Error(_)), "{text}");
        }
    }
}
