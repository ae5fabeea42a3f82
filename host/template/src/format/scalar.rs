//! Bools, numbers and texts under Go's verbs.

use super::{Flags, Printer};
use crate::number::{self, FloatForm};

impl Printer {
    /// Prints an integer; false when the verb does not fit.
    pub(super) fn integer(&mut self, value: i64, unsigned: bool, verb: char) -> bool {
        match verb {
            'v' if self.flags.sharp_v && unsigned => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                self.digits(value, 'x');
                self.flags.sharp = sharp;
            }
            'v' | 'd' | 'b' | 'o' | 'O' | 'x' | 'X' => self.digits(value, verb),
            'c' => self.pad(&rune(value).to_string()),
            'q' => {
                let quoted = number::quote_with(&rune(value).to_string(), '\'', self.flags.plus);
                self.pad(&quoted);
            }
            'U' => self.unicode(value),
            _ => return false,
        }
        true
    }

    fn digits(&mut self, value: i64, verb: char) {
        let Flags { width, precision, .. } = self.flags;
        if precision == Some(0) && value == 0 {
            let blanks = Flags { width: None, ..self.flags };
            let flags = std::mem::replace(&mut self.flags, Flags { zero: false, ..blanks });
            self.fill(width.unwrap_or(0));
            self.flags = flags;
            return;
        }
        let magnitude = value.unsigned_abs();
        let digits = match verb {
            'b' => format!("{magnitude:b}"),
            'o' | 'O' => format!("{magnitude:o}"),
            'x' => format!("{magnitude:x}"),
            'X' => format!("{magnitude:X}"),
            _ => magnitude.to_string(),
        };
        let signed = value < 0 || self.flags.plus || self.flags.space;
        let least = match (precision, width) {
            (Some(precision), _) => precision,
            (None, Some(width)) if self.flags.zero && !self.flags.minus => {
                width - usize::from(signed).min(width)
            }
            _ => 0,
        };
        let zeros = "0".repeat(least.saturating_sub(digits.len()));
        let has_zero = !zeros.is_empty() || digits.starts_with('0');
        let prefix = match verb {
            'b' if self.flags.sharp => "0b",
            'o' if self.flags.sharp && !has_zero => "0",
            'x' if self.flags.sharp => "0x",
            'X' if self.flags.sharp => "0X",
            'O' if self.flags.sharp && !has_zero => "0o0",
            'O' => "0o",
            _ => "",
        };
        let sign = match () {
            () if value < 0 => "-",
            () if self.flags.plus => "+",
            () if self.flags.space => " ",
            () => "",
        };
        self.pad_blank(&format!("{sign}{prefix}{zeros}{digits}"));
    }

    fn unicode(&mut self, value: i64) {
        let width = self.flags.precision.unwrap_or(4).max(4);
        // Go prints the bits of a negative number.
        let mut text = format!("U+{:0>width$}", format!("{value:X}"), width = width.min(1000));
        let shown = u32::try_from(value).ok().and_then(char::from_u32).filter(|&c| number::is_printable(c));
        if let Some(c) = shown.filter(|_| self.flags.sharp) {
            text = format!("{text} '{c}'");
        }
        self.pad_blank(&text);
    }

    /// Prints a float; false when the verb does not fit.
    pub(super) fn float(&mut self, value: f64, verb: char) -> bool {
        let (form, default) = match verb {
            'v' | 'g' | 'G' => (FloatForm::General, None),
            'e' | 'E' => (FloatForm::Exponent, Some(6)),
            'f' | 'F' => (FloatForm::Fixed, Some(6)),
            'x' | 'X' => (FloatForm::Hex, None),
            'b' => (FloatForm::Binary, None),
            _ => return false,
        };
        let precision = self.flags.precision.or(default);
        let mut text = number::format_float(value, form, precision);
        if self.flags.sharp && verb != 'b' && value.is_finite() {
            // As Go, the digits that # asks for do not count for %X.
            let digits = if verb == 'X' { Some(0) } else { precision };
            text = with_point(&text, form, digits);
        }
        if verb.is_ascii_uppercase() && verb != 'F' && value.is_finite() {
            text.make_ascii_uppercase();
        }
        self.signed(&text, value.is_finite());
        true
    }

    /// Writes a number with its sign, with zeros between the two if asked for.
    fn signed(&mut self, text: &str, finite: bool) {
        let (negative, digits) = match text.strip_prefix(['-', '+']) {
            Some(digits) => (text.starts_with('-'), digits),
            None => (false, text),
        };
        let explicit = self.flags.plus || text.starts_with("+Inf");
        let sign = match () {
            () if negative => "-",
            () if self.flags.plus => "+",
            () if self.flags.space => " ",
            () if explicit => "+",
            () => "",
        };
        let whole = format!("{sign}{digits}");
        if !finite {
            return self.pad_blank(&whole);
        }
        let width = self.flags.width.unwrap_or(0);
        if self.flags.zero && !self.flags.minus && !sign.is_empty() && width > whole.len() {
            self.push(sign);
            self.fill(width - whole.len());
            self.push(digits);
        } else {
            self.pad(&whole);
        }
    }

    /// Prints a text; false when the verb does not fit.
    pub(super) fn text(&mut self, text: &str, verb: char) -> bool {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(text),
            'v' | 's' => {
                let shown = self.truncated(text);
                self.pad(shown);
            }
            'x' | 'X' => self.hex(text.as_bytes(), verb == 'X'),
            'q' => self.quoted(text),
            _ => return false,
        }
        true
    }

    fn truncated<'t>(&self, text: &'t str) -> &'t str {
        let end = self.flags.precision.and_then(|most| text.char_indices().nth(most));
        end.map_or(text, |(at, _)| &text[..at])
    }

    fn quoted(&mut self, text: &str) {
        let shown = self.truncated(text);
        let plain = |c: char| c == '\t' || c != '`' && c != '\u{feff}' && !c.is_control();
        let quoted = if self.flags.sharp && shown.chars().all(plain) {
            format!("`{shown}`")
        } else {
            number::quote(shown, self.flags.plus)
        };
        self.pad(&quoted);
    }

    fn hex(&mut self, bytes: &[u8], upper: bool) {
        let bytes = &bytes[..self.flags.precision.unwrap_or(bytes.len()).min(bytes.len())];
        let digits = |byte: &u8| {
            if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }
        };
        let prefix = match (self.flags.sharp && !bytes.is_empty(), upper) {
            (false, _) => "",
            (true, false) => "0x",
            (true, true) => "0X",
        };
        let separator = if self.flags.space { format!(" {prefix}") } else { String::new() };
        let text = bytes.iter().map(digits).collect::<Vec<_>>().join(&separator);
        self.pad(&format!("{prefix}{text}"));
    }
}

/// The `#` flag: always a point, and for general forms all digits.
fn with_point(text: &str, form: FloatForm, precision: Option<usize>) -> String {
    let split = match form {
        FloatForm::Hex => text.find('p'),
        _ => text.find('e'),
    };
    let (body, tail) = text.split_at(split.unwrap_or(text.len()));
    let mut body = body.to_owned();
    let number = body.trim_start_matches(['-', '+']);
    let significant = match form {
        FloatForm::Hex => number.trim_start_matches("0x").chars().filter(char::is_ascii_hexdigit).count() + 1,
        _ if number == "0" => 1,
        _ => number.trim_start_matches(['0', '.']).chars().filter(char::is_ascii_digit).count(),
    };
    if !body.contains('.') {
        body.push('.');
    }
    if matches!(form, FloatForm::General | FloatForm::Hex) {
        body.push_str(&"0".repeat(precision.unwrap_or(6).saturating_sub(significant)));
    }
    body + tail
}

/// The character of a code; U+FFFD where there is none.
fn rune(value: i64) -> char {
    u32::try_from(value).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
}
