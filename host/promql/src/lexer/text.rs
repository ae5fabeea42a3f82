//! Quoted and raw strings: finding their end, and what they stand for.

use crate::lexer::{Fault, Lexer, TokenKind};

impl Lexer<'_> {
    pub(super) fn quoted(&mut self, quote: char) -> Result<(), Fault> {
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
            _ => return Err(format!("unknown escape sequence {}", unicode_name(c))),
        };
        let mut value = 0_u32;
        for at in 0..digits {
            let digit = self.text[self.at + prefix + at..].chars().next();
            let Some(digit) = digit else {
                return Err("escape sequence not terminated".to_owned());
            };
            let Some(number) = digit.to_digit(radix) else {
                return Err(format!("illegal character {} in escape sequence", unicode_name(digit)));
            };
            value = value.wrapping_mul(radix).wrapping_add(number);
        }
        let single_byte = matches!(c, '0'..='7' | 'x');
        if single_byte && value > 255 || !single_byte && char::from_u32(value).is_none() {
            return Err("escape sequence is an invalid Unicode code point".to_owned());
        }
        Ok(prefix + digits)
    }

    pub(super) fn raw(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let length = self.text[start + 1..].find('`');
        let length = length.ok_or_else(|| (start, "unterminated raw string".to_owned()))?;
        self.at += length + 2;
        self.push(TokenKind::String, start);
        Ok(())
    }
}

/// `U+0063 'c'`, as Go prints it.
fn unicode_name(c: char) -> String {
    let shown = if c.is_control() { String::new() } else { format!(" '{c}'") };
    format!("U+{:04X}{shown}", u32::from(c))
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

    #[test]
    fn unquotes_as_go_does() {
        assert_eq!(unquote(r#""a\tb\x41\101\u00e9\U0001F600\"""#), "a\tbAAé😀\"");
        assert_eq!(unquote(r"`a\tb`"), r"a\tb");
        assert_eq!(unquote(r"'it\'s'"), "it's");
    }
}
