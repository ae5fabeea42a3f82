//! A place in a page, and taking the next piece of it.

use super::{ExpositionError, quote};

/// Where reading stands.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// For errors about something that lies behind.
    pub(super) const fn place(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn at_line_start(&self) -> bool {
        self.text[..self.at].last().is_none_or(|&byte| byte == b'\n')
    }

    pub(super) const fn advance(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Takes exactly these bytes if they come next.
    pub(super) fn take(&mut self, bytes: &[u8]) -> bool {
        let next = self.rest().starts_with(bytes);
        if next {
            self.at += bytes.len();
        }
        next
    }

    /// Skips spaces and tabs; whether there were any.
    pub(super) fn skip_blanks(&mut self) -> bool {
        !self.take_while(|byte| matches!(byte, b' ' | b'\t')).is_empty()
    }

    pub(super) fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().position(|&byte| !belongs(byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Up to and without the line feed, or to the end.
    pub(super) fn take_line(&mut self) -> &'a [u8] {
        self.take_while(|byte| byte != b'\n')
    }

    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`
    pub(super) fn take_metric_name(&mut self) -> Option<&'a [u8]> {
        self.take_word(|byte| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':')
    }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`
    pub(super) fn take_label_name(&mut self) -> Option<&'a [u8]> {
        self.take_word(|byte| byte.is_ascii_alphabetic() || byte == b'_')
    }

    fn take_word(&mut self, begins: impl Fn(u8) -> bool) -> Option<&'a [u8]> {
        if !self.peek().is_some_and(&begins) {
            return None;
        }
        Some(self.take_while(|byte| begins(byte) || byte.is_ascii_digit()))
    }

    /// A text in double quotes, without them and with its escapes. Nothing is taken where the quotes do not close.
    pub(super) fn take_quoted(&mut self, line_feeds: bool) -> Option<&'a [u8]> {
        let inside = self.rest().strip_prefix(b"\"")?;
        let mut at = 0;
        loop {
            match inside.get(at)? {
                b'"' => break,
                b'\\' if *inside.get(at + 1)? == b'\n' => return None,
                b'\\' => at += 2,
                b'\n' if !line_feeds => return None,
                _ => at += 1,
            }
        }
        self.at += at + 2;
        Some(&inside[..at])
    }

    /// An error here: what should come, and what comes instead.
    pub(super) fn expected(&self, what: &str) -> ExpositionError {
        let found = match self.rest() {
            [] => "the end of the text".to_owned(),
            [b'\n', ..] => "the end of the line".to_owned(),
            rest => {
                let word =
                    rest[1..].iter().position(|byte| matches!(byte, b' ' | b'\n')).unwrap_or(rest.len() - 1);
                quote(&rest[..=word]).to_string()
            }
        };
        self.error(&format!("expected {what}, found {found}"))
    }

    /// An error here.
    pub(super) fn error(&self, message: &str) -> ExpositionError {
        self.error_at(self.at, message.to_owned())
    }

    /// An error at a place that was remembered.
    pub(super) fn error_at(&self, at: usize, message: String) -> ExpositionError {
        let before = &self.text[..at.min(self.text.len())];
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |feed| feed + 1);
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        ExpositionError { line, column: 1 + before.len() - line_start, message }
    }
}
