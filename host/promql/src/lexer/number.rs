//! Numbers and durations, as far as Prometheus' lexer reads them: what they are worth is the parser's.

use bellwether_model::labels::Quoted;

use crate::lexer::{Fault, Lexer, TokenKind, is_word_byte};

impl Lexer<'_> {
    pub(super) fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if self.scan_number() {
            self.push(TokenKind::Number, start);
            return Ok(());
        }
        if self.scan_rest_of_duration() {
            self.push(TokenKind::Duration, start);
            return Ok(());
        }
        let read = Quoted(&self.text[start..self.at]);
        Err((start, format!("bad number or duration syntax: {read}")))
    }

    fn accept(&mut self, wanted: impl Fn(u8) -> bool) -> bool {
        let found = self.at < self.text.len() && wanted(self.byte(0));
        self.at += usize::from(found);
        found
    }

    /// Reads a number as far as it goes; false leaves the position behind the last character that was looked at.
    fn scan_number(&mut self) -> bool {
        let start = self.at;
        let hex = self.accept(|b| b == b'0') && self.accept(|b| matches!(b, b'x' | b'X'));
        if hex {
            self.accept(|b| b == b'_');
        }
        let is_digit = |b: u8| if hex { b.is_ascii_hexdigit() } else { b.is_ascii_digit() };
        self.accept(|b| b == b'.');
        self.accept(is_digit);
        let (mut dot, mut exponent) = (false, false);
        loop {
            let well_formed = match self.byte(0) {
                b'.' => {
                    self.at += 1;
                    !std::mem::replace(&mut dot, true) && !self.accept(|b| matches!(b, b'_' | b'.')) && !hex
                }
                // In a hexadecimal number, too: Prometheus takes it for an exponent there.
                b'e' | b'E' => {
                    self.at += 1;
                    !std::mem::replace(&mut exponent, true) && {
                        self.accept(|b| matches!(b, b'+' | b'-'));
                        self.goes_on()
                    }
                }
                b'_' => {
                    self.at += 1;
                    self.goes_on()
                }
                b if is_digit(b) => {
                    while self.accept(is_digit) {}
                    true
                }
                _ => break,
            };
            if !well_formed {
                return false;
            }
        }
        self.at > start && !is_word_byte(self.byte(0))
    }

    /// Whether a number may go on after an exponent's `e` or a `_`.
    fn goes_on(&mut self) -> bool {
        !self.accept(|b| matches!(b, b'.' | b'_' | b'e' | b'E')) && self.at < self.text.len()
    }

    /// Reads what follows the first number of a duration.
    fn scan_rest_of_duration(&mut self) -> bool {
        if !self.accept(|b| matches!(b, b's' | b'm' | b'h' | b'd' | b'w' | b'y')) {
            return false;
        }
        // For `ms`; that `hs` is no unit is found when the duration is read.
        self.accept(|b| b == b's');
        while self.accept(|b| b.is_ascii_digit()) {
            while self.accept(|b| b.is_ascii_digit()) {}
            if !self.accept(|b| matches!(b, b's' | b'm' | b'h' | b'd' | b'w')) {
                return false;
            }
            self.accept(|b| b == b's');
        }
        // The character that should not be there is part of the error's text.
        !self.accept(is_word_byte)
    }
}
