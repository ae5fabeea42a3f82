//! Printing values as Go's `fmt` package does.

mod scalar;
mod value;

pub(crate) use value::own_string;

use crate::functions::{MAX_OUTPUT_BYTES, too_long};
use crate::value::Value;

/// The largest width or precision; Go takes larger ones for mistakes.
const MAX_WIDTH: usize = 1_000_000;

/// A value as `%v` shows it.
pub(crate) fn print(value: &Value) -> Result<String, String> {
    let mut printer = Printer::default();
    printer.argument(value, 'v');
    printer.finish()
}

/// As `fmt.Sprint`: blanks between operands when neither is a string.
pub(crate) fn sprint(args: &[Value]) -> Result<String, String> {
    let mut printer = Printer::default();
    let mut after_text = true;
    for arg in args {
        let is_text = arg.as_str().is_some();
        if !is_text && !after_text {
            printer.push_char(' ');
        }
        printer.argument(arg, 'v');
        after_text = is_text;
    }
    printer.finish()
}

/// As `fmt.Sprintln`: blanks between all operands, and a line end.
pub(crate) fn sprintln(args: &[Value]) -> Result<String, String> {
    let mut printer = Printer::default();
    for (at, arg) in args.iter().enumerate() {
        if at > 0 {
            printer.push_char(' ');
        }
        printer.argument(arg, 'v');
    }
    printer.push_char('\n');
    printer.finish()
}

/// As `fmt.Sprintf`, with Go's marks for mistakes, such as `%!d(string=x)`.
pub(crate) fn sprintf(format: &str, args: &[Value]) -> Result<String, String> {
    let mut printer = Printer::default();
    Directives { printer: &mut printer, rest: format, args, next: 0, reordered: false, good_index: true }
        .run();
    printer.finish()
}

/// Flags, width and precision of a directive.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    width: Option<usize>,
    precision: Option<usize>,
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%+v`: names of fields.
    plus_v: bool,
    /// `%#v`: Go syntax.
    sharp_v: bool,
}

/// Text under way.
#[derive(Debug, Default)]
struct Printer {
    out: String,
    flags: Flags,
    /// Printing a mistake: methods of values are not used then.
    erroring: bool,
    overflowed: bool,
}

impl Printer {
    fn finish(self) -> Result<String, String> {
        if self.overflowed { Err(too_long()) } else { Ok(self.out) }
    }

    fn push(&mut self, text: &str) {
        if self.out.len() + text.len() > MAX_OUTPUT_BYTES {
            self.overflowed = true;
        } else {
            self.out.push_str(text);
        }
    }

    fn push_char(&mut self, c: char) {
        self.push(c.encode_utf8(&mut [0; 4]));
    }

    fn fill(&mut self, count: usize) {
        if self.out.len() + count > MAX_OUTPUT_BYTES {
            self.overflowed = true;
            return;
        }
        let filler = if self.flags.zero && !self.flags.minus { '0' } else { ' ' };
        self.out.extend(std::iter::repeat_n(filler, count));
    }

    /// Writes text filled up to the width.
    fn pad(&mut self, text: &str) {
        let missing = self.flags.width.unwrap_or(0).saturating_sub(text.chars().count());
        if self.flags.minus {
            self.push(text);
            self.fill(missing);
        } else {
            self.fill(missing);
            self.push(text);
        }
    }

    /// Writes text filled up with blanks, whatever the flags say about zeros.
    fn pad_blank(&mut self, text: &str) {
        let zero = std::mem::take(&mut self.flags.zero);
        self.pad(text);
        self.flags.zero = zero;
    }
}

/// Goes through a format text.
struct Directives<'p, 'a> {
    printer: &'p mut Printer,
    rest: &'a str,
    args: &'a [Value],
    /// The argument for the next directive.
    next: usize,
    /// An index such as `%[2]d` was used.
    reordered: bool,
    good_index: bool,
}

impl Directives<'_, '_> {
    fn run(&mut self) {
        while let Some(at) = self.rest.find('%') {
            self.printer.push(&self.rest[..at]);
            self.rest = &self.rest[at + 1..];
            if !self.directive() {
                return self.extra();
            }
            if self.printer.overflowed {
                return;
            }
        }
        self.printer.push(self.rest);
        self.extra();
    }

    fn take(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take_flags(&mut self) {
        self.printer.flags = Flags::default();
        loop {
            let flags = &mut self.printer.flags;
            match self.rest.as_bytes().first() {
                Some(b'#') => flags.sharp = true,
                Some(b'0') => flags.zero = true,
                Some(b'+') => flags.plus = true,
                Some(b'-') => flags.minus = true,
                Some(b' ') => flags.space = true,
                _ => return,
            }
            self.rest = &self.rest[1..];
        }
    }

    /// Prints one directive; false when the text ends inside of it.
    fn directive(&mut self) -> bool {
        self.good_index = true;
        self.take_flags();
        let mut after_index = self.take_index();
        if self.take('*') {
            self.star_width();
            after_index = false;
        } else {
            self.printer.flags.width = self.take_number();
            if after_index && self.printer.flags.width.is_some() {
                self.good_index = false;
            }
        }
        if self.rest.len() > 1 && self.take('.') {
            if after_index {
                self.good_index = false;
            }
            after_index = self.take_index();
            if self.take('*') {
                self.star_precision();
                after_index = false;
            } else {
                self.printer.flags.precision = Some(self.take_number().unwrap_or(0));
            }
        }
        if !after_index {
            self.take_index();
        }
        let Some(verb) = self.rest.chars().next() else {
            self.printer.push("%!(NOVERB)");
            return false;
        };
        self.rest = &self.rest[verb.len_utf8()..];
        self.verb(verb);
        true
    }

    fn verb(&mut self, verb: char) {
        if verb == '%' {
            self.printer.push_char('%');
        } else if !self.good_index {
            self.printer.push(&format!("%!{verb}(BADINDEX)"));
        } else if let Some(arg) = self.args.get(self.next) {
            self.next += 1;
            let flags = &mut self.printer.flags;
            if matches!(verb, 'v' | 'w') {
                flags.sharp_v = std::mem::take(&mut flags.sharp);
                flags.plus_v = std::mem::take(&mut flags.plus);
            }
            self.printer.argument(arg, verb);
        } else {
            self.printer.push(&format!("%!{verb}(MISSING)"));
        }
    }

    /// Digits as a number; none for no digits or too many.
    fn take_number(&mut self) -> Option<usize> {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let number = self.rest[..length].parse().ok().filter(|&number| number <= MAX_WIDTH);
        self.rest = &self.rest[length..];
        number
    }

    /// Takes `[n]`, and makes the n-th argument the next.
    fn take_index(&mut self) -> bool {
        let Some(body) = self.rest.strip_prefix('[') else {
            return false;
        };
        self.reordered = true;
        let Some(end) = body.find(']') else {
            self.good_index = false;
            self.rest = body;
            return false;
        };
        let index = body[..end].parse::<usize>().ok().filter(|&n| n >= 1 && n <= self.args.len());
        self.rest = &body[end + 1..];
        match index {
            Some(index) => self.next = index - 1,
            None => self.good_index = false,
        }
        index.is_some()
    }

    /// The next argument as a width or precision.
    fn star(&mut self) -> Option<i64> {
        let arg = self.args.get(self.next);
        if arg.is_some() {
            self.next += 1;
        }
        match arg {
            Some(Value::Int(number, _)) if number.unsigned_abs() <= MAX_WIDTH as u64 => Some(*number),
            _ => None,
        }
    }

    fn star_width(&mut self) {
        match self.star() {
            None => self.printer.push("%!(BADWIDTH)"),
            Some(width) => {
                let flags = &mut self.printer.flags;
                flags.width = usize::try_from(width.unsigned_abs()).ok();
                if width < 0 {
                    flags.minus = true;
                    flags.zero = false;
                }
            }
        }
    }

    fn star_precision(&mut self) {
        self.printer.flags.precision = match self.star() {
            Some(precision) if precision >= 0 => usize::try_from(precision).ok(),
            _ => {
                self.printer.push("%!(BADPREC)");
                None
            }
        };
    }

    /// Reports arguments that no directive took.
    fn extra(&mut self) {
        if self.reordered || self.next >= self.args.len() {
            return;
        }
        self.printer.flags = Flags::default();
        self.printer.push("%!(EXTRA ");
        for (at, arg) in self.args[self.next..].iter().enumerate() {
            if at > 0 {
                self.printer.push(", ");
            }
            if matches!(arg, Value::Nil) {
                self.printer.push("<nil>");
            } else {
                self.printer.push(&arg.type_name());
                self.printer.push_char('=');
                self.printer.argument(arg, 'v');
            }
        }
        self.printer.push_char(')');
    }
}

#[cfg(test)]
mod tests;
