//! The grammar for UTF-8 names: bare words end at reserved characters, anything else stands in double quotes.

use std::iter::Peekable;
use std::str::CharIndices;

use bellwether_model::MatchOp;

use super::{RawMatcher, is_reserved};

struct Scanner<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
}

/// Reads a list with or without braces; a comma may follow the last matcher.
pub(super) fn parse(text: &str) -> Result<Vec<RawMatcher>, String> {
    let mut scanner = Scanner { text, chars: text.char_indices().peekable() };
    let braced = scanner.take('{');
    let mut matchers = Vec::new();
    loop {
        if scanner.at_end(braced) {
            break;
        }
        matchers.push(scanner.matcher()?);
        if !scanner.take(',') {
            break;
        }
    }
    if braced && !scanner.take('}') {
        return Err(scanner.expected("a comma or close brace"));
    }
    match scanner.peek() {
        None => Ok(matchers),
        Some(_) => Err(scanner.expected("the end of the input")),
    }
}

impl Scanner<'_> {
    /// The next character after blanks.
    fn peek(&mut self) -> Option<char> {
        while self.chars.next_if(|(_, c)| c.is_whitespace()).is_some() {}
        self.chars.peek().map(|(_, c)| *c)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.chars.next();
        }
        found
    }

    fn at_end(&mut self, braced: bool) -> bool {
        match self.peek() {
            None => true,
            Some('}') => braced,
            Some(_) => false,
        }
    }

    fn offset(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn expected(&mut self, what: &str) -> String {
        let at = self.offset();
        format!("expected {what} at offset {at}")
    }

    fn matcher(&mut self) -> Result<RawMatcher, String> {
        let name = self.word("a label name")?;
        if name.is_empty() {
            return Err(self.expected("a label name that is not empty"));
        }
        let op = self.operator()?;
        let value = self.word("a label value")?;
        Ok(RawMatcher { name, op, value })
    }

    fn operator(&mut self) -> Result<MatchOp, String> {
        let first = self.peek();
        let positive = match first {
            Some('=') => true,
            Some('!') => false,
            _ => return Err(self.expected("an operator such as '=', '!=', '=~' or '!~'")),
        };
        self.chars.next();
        let second = self.chars.peek().map(|(_, c)| *c);
        let op = match (positive, second) {
            (true, Some('~')) => MatchOp::Regex,
            (true, _) => return Ok(MatchOp::Equal),
            (false, Some('=')) => MatchOp::NotEqual,
            (false, Some('~')) => MatchOp::NotRegex,
            (false, _) => return Err(self.expected("'=' or '~' after '!'")),
        };
        self.chars.next();
        Ok(op)
    }

    fn word(&mut self, what: &str) -> Result<String, String> {
        match self.peek() {
            Some('"') => self.quoted(),
            Some(c) if !is_reserved(c) => Ok(self.bare()),
            _ => Err(self.expected(what)),
        }
    }

    fn bare(&mut self) -> String {
        std::iter::from_fn(|| self.chars.next_if(|(_, c)| !is_reserved(*c))).map(|(_, c)| c).collect()
    }

    /// A Go string in double quotes.
    fn quoted(&mut self) -> Result<String, String> {
        self.chars.next();
        let mut bytes = Vec::new();
        loop {
            match self.chars.next().map(|(_, c)| c) {
                None => return Err("missing end \"".to_owned()),
                Some('\n') => return Err("a line break inside quotes".to_owned()),
                Some('"') => break,
                Some('\\') => self.escape(&mut bytes)?,
                Some(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        String::from_utf8(bytes).map_err(|_| "invalid UTF-8 inside quotes".to_owned())
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), String> {
        let kind = self.chars.next().map(|(_, c)| c);
        let simple = match kind {
            Some('a') => 7,
            Some('b') => 8,
            Some('f') => 12,
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('t') => b'\t',
            Some('v') => 11,
            Some('\\') => b'\\',
            Some('"') => b'"',
            Some('x') => u8::try_from(self.digits(2, 16)?).map_err(|_| bad_escape())?,
            Some('u') => return self.code_point(4, bytes),
            Some('U') => return self.code_point(8, bytes),
            Some(c @ '0'..='3') => {
                let rest = self.digits(2, 8)?;
                u8::try_from(c.to_digit(8).unwrap_or(0) * 64 + rest).map_err(|_| bad_escape())?
            }
            _ => return Err(bad_escape()),
        };
        bytes.push(simple);
        Ok(())
    }

    fn code_point(&mut self, digits: usize, bytes: &mut Vec<u8>) -> Result<(), String> {
        let c = char::from_u32(self.digits(digits, 16)?).ok_or_else(bad_escape)?;
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn digits(&mut self, count: usize, radix: u32) -> Result<u32, String> {
        let mut value = 0_u32;
        for _ in 0..count {
            let digit = self.chars.next().and_then(|(_, c)| c.to_digit(radix)).ok_or_else(bad_escape)?;
            value = value.checked_mul(radix).and_then(|v| v.checked_add(digit)).ok_or_else(bad_escape)?;
        }
        Ok(value)
    }
}

fn bad_escape() -> String {
    "an escape that is none of Go's inside quotes".to_owned()
}
