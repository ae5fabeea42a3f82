//! Go's regular expressions, which configurations and queries are written in, in the syntax of our library.
//!
//! Both go back to RE2, but Go takes a `{` that begins no repetition as it is, limits `\d`, `\s`, `\w` and `\b` to ASCII,
//! knows no classes within classes, quotes with `\Q…\E`, and has its own words for what is wrong. Flags, names of groups
//! and Unicode classes are the same in both.

use std::fmt::Write;

/// Most repetitions that Go allows in `{n,m}`.
const MAX_REPEAT: u32 = 1000;

/// Why Go would not take a pattern, in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}: `{part}`")]
pub struct GoRegexError {
    problem: &'static str,
    part: String,
}

/// The same pattern in the syntax of the `regex` crate.
pub fn translate(pattern: &str) -> Result<String, GoRegexError> {
    let mut translator = Translator { pattern, at: 0, out: String::with_capacity(pattern.len() + 8) };
    translator.run()?;
    Ok(translator.out)
}

struct Translator<'p> {
    pattern: &'p str,
    at: usize,
    out: String,
}

/// What stands before the current position.
#[derive(Clone, Copy)]
enum Before {
    /// Nothing that could be repeated.
    Nothing,
    /// Something that can be.
    Something,
    /// A repetition that begins there.
    Repetition(usize),
}

fn wrong(problem: &'static str, part: &str) -> GoRegexError {
    GoRegexError { problem, part: part.to_owned() }
}

impl<'p> Translator<'p> {
    fn run(&mut self) -> Result<(), GoRegexError> {
        let mut open = 0_usize;
        let mut before = Before::Nothing;
        while let Some(c) = self.peek() {
            let start = self.at;
            before = match c {
                '(' => {
                    open += usize::from(self.group()?);
                    Before::Nothing
                }
                ')' if open == 0 => return Err(wrong("unexpected )", self.pattern)),
                ')' => {
                    open -= 1;
                    self.copy(1);
                    Before::Something
                }
                '|' => {
                    self.copy(1);
                    Before::Nothing
                }
                '*' | '+' | '?' => self.repetition(start, start + 1, before)?,
                '{' => match self.counted()? {
                    Some(end) => self.repetition(start, end, before)?,
                    None => {
                        self.at += 1;
                        self.literal('{');
                        Before::Something
                    }
                },
                '[' => {
                    self.class()?;
                    Before::Something
                }
                '\\' => {
                    self.escape()?;
                    Before::Something
                }
                '^' | '$' | '.' => {
                    self.copy(1);
                    Before::Something
                }
                c => {
                    self.at += c.len_utf8();
                    self.literal(c);
                    Before::Something
                }
            };
        }
        if open > 0 { Err(wrong("missing closing )", self.pattern)) } else { Ok(()) }
    }

    fn rest(&self) -> &'p str {
        &self.pattern[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes over so many bytes as they are.
    fn copy(&mut self, bytes: usize) {
        self.out.push_str(&self.pattern[self.at..self.at + bytes]);
        self.at += bytes;
    }

    fn literal(&mut self, c: char) {
        if c.is_ascii_punctuation() && c != '<' && c != '>' {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    /// An opening parenthesis with what belongs to it; whether it opens a group, and does not only set flags.
    fn group(&mut self) -> Result<bool, GoRegexError> {
        let rest = self.rest();
        if rest.starts_with("(?P<") || rest.starts_with("(?<") {
            let end = rest.find('>').ok_or_else(|| wrong("invalid named capture", rest))?;
            let name = &rest[rest.find('<').unwrap_or_default() + 1..end];
            let is_word = |c: char| c == '_' || c.is_ascii_alphanumeric();
            if name.is_empty() || !name.chars().all(is_word) {
                return Err(wrong("invalid named capture", &rest[..=end]));
            }
            let _ = write!(self.out, "(?P<{name}>");
            self.at += end + 1;
            return Ok(true);
        }
        let Some(flags) = rest.strip_prefix("(?") else {
            self.copy(1);
            return Ok(true);
        };
        let (mut negated, mut any) = (false, false);
        for (at, c) in flags.char_indices() {
            match c {
                'i' | 'm' | 's' | 'U' => any = true,
                '-' if !negated => (negated, any) = (true, false),
                ':' | ')' if any || !negated => {
                    self.copy("(?".len() + at + 1);
                    return Ok(c == ':');
                }
                _ => {
                    let end = "(?".len() + at + c.len_utf8();
                    return Err(wrong("invalid or unsupported Perl syntax", &rest[..end]));
                }
            }
        }
        Err(wrong("missing closing )", self.pattern))
    }

    /// Where a `{n}`, `{n,}` or `{n,m}` ends; none if the brace begins nothing of the kind.
    fn counted(&self) -> Result<Option<usize>, GoRegexError> {
        let rest = self.rest();
        let Some(length) = rest.find('}') else { return Ok(None) };
        let (least, most) = match rest[1..length].split_once(',') {
            Some((least, "")) => (least, None),
            Some((least, most)) => (least, Some(most)),
            None => (&rest[1..length], None),
        };
        let is_count = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_digit())
                && (text.len() == 1 || !text.starts_with('0'))
        };
        if !is_count(least) || !most.is_none_or(is_count) {
            return Ok(None);
        }
        let count = |text: &str| text.parse::<u32>().ok().filter(|&count| count <= MAX_REPEAT);
        let fits = match (count(least), most.map(count)) {
            (Some(_), None) => true,
            (Some(least), Some(Some(most))) => least <= most,
            _ => false,
        };
        if fits {
            Ok(Some(self.at + length + 1))
        } else {
            Err(wrong("invalid repeat count", &rest[..=length]))
        }
    }

    fn repetition(&mut self, start: usize, end: usize, before: Before) -> Result<Before, GoRegexError> {
        let lazy = self.pattern[end..].starts_with('?');
        let end = end + usize::from(lazy);
        match before {
            Before::Nothing => {
                Err(wrong("missing argument to repetition operator", &self.pattern[start..end]))
            }
            Before::Repetition(first) => {
                Err(wrong("invalid nested repetition operator", &self.pattern[first..end]))
            }
            Before::Something => {
                self.copy(end - start);
                Ok(Before::Repetition(start))
            }
        }
    }

    /// A backslash outside of a class.
    fn escape(&mut self) -> Result<(), GoRegexError> {
        let rest = self.rest();
        if let Some(quoted) = rest.strip_prefix("\\Q") {
            let text = quoted.find("\\E").map_or(quoted, |end| &quoted[..end]);
            let ended = text.len() < quoted.len();
            text.chars().for_each(|c| self.literal(c));
            self.at += "\\Q".len() + text.len() + if ended { "\\E".len() } else { 0 };
            return Ok(());
        }
        match rest.as_bytes().get(1) {
            Some(b'A' | b'z' | b'B') => self.copy(2),
            Some(b'b') => {
                self.out.push_str("(?-u:\\b)");
                self.at += 2;
            }
            Some(&class @ (b'd' | b's' | b'w' | b'D' | b'S' | b'W')) => {
                self.out.push_str(&ascii_class(class));
                self.at += 2;
            }
            Some(b'p' | b'P') => self.unicode_class()?,
            _ => {
                let c = self.escaped_char()?;
                self.literal(c);
            }
        }
        Ok(())
    }

    /// `\pN`, `\p{Greek}`, `\P{^Greek}`.
    fn unicode_class(&mut self) -> Result<(), GoRegexError> {
        let rest = self.rest();
        let length = if rest[2..].starts_with('{') {
            rest.find('}').map(|end| end + 1)
        } else {
            rest[2..].chars().next().map(|c| 2 + c.len_utf8())
        };
        let length = length.ok_or_else(|| wrong("invalid character class range", rest))?;
        self.copy(length);
        Ok(())
    }

    /// The character that an escape stands for.
    fn escaped_char(&mut self) -> Result<char, GoRegexError> {
        let rest = self.rest();
        let Some(c) = rest[1..].chars().next() else {
            return Err(wrong("trailing backslash at end of expression", ""));
        };
        let two = 1 + c.len_utf8();
        let invalid = |length: usize| wrong("invalid escape sequence", &rest[..length.min(rest.len())]);
        let (value, length) = match c {
            'a' => ('\x07', two),
            'f' => ('\x0c', two),
            'n' => ('\n', two),
            'r' => ('\r', two),
            't' => ('\t', two),
            'v' => ('\x0b', two),
            // One digit other than 0 alone would refer back to a group.
            '0'..='7' => {
                let digits: String = rest[1..].chars().take(3).take_while(|c| c.is_digit(8)).collect();
                if c != '0' && digits.len() == 1 {
                    return Err(invalid(two));
                }
                let code = u32::from_str_radix(&digits, 8).map_err(|_| invalid(two))?;
                (char::from_u32(code).ok_or_else(|| invalid(two))?, 1 + digits.len())
            }
            'x' => {
                let (digits, length) = match rest[2..].strip_prefix('{') {
                    Some(braced) => {
                        let end = braced.find('}').ok_or_else(|| invalid(rest.len()))?;
                        (&braced[..end], "\\x{}".len() + end)
                    }
                    None => (rest.get(2..4).ok_or_else(|| invalid(rest.len()))?, "\\xhh".len()),
                };
                let code = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                (code.ok_or_else(|| invalid(length))?, length)
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => (c, two),
            _ => return Err(invalid(two)),
        };
        self.at += length;
        Ok(value)
    }

    fn class(&mut self) -> Result<(), GoRegexError> {
        let whole = self.rest();
        let unclosed = || wrong("missing closing ]", whole);
        self.copy(1);
        if self.rest().starts_with('^') {
            self.copy(1);
        }
        let mut first = true;
        loop {
            let rest = self.rest();
            match self.peek().ok_or_else(unclosed)? {
                ']' if !first => {
                    self.copy(1);
                    return Ok(());
                }
                '[' if rest.starts_with("[:") && rest.contains(":]") => {
                    let length = rest.find(":]").unwrap_or_default() + ":]".len();
                    let name = rest[..length].trim_matches(['[', ':', ']', '^']);
                    if !POSIX_CLASSES.contains(&name) {
                        return Err(wrong("invalid character class range", &rest[..length]));
                    }
                    self.copy(length);
                }
                '\\' if rest[1..].starts_with(['d', 's', 'w', 'D', 'S', 'W']) => {
                    self.out.push_str(&ascii_class(rest.as_bytes()[1]));
                    self.at += 2;
                }
                '\\' if rest[1..].starts_with(['p', 'P']) => self.unicode_class()?,
                _ => self.class_range(unclosed)?,
            }
            first = false;
        }
    }

    /// One character of a class, or a range of them.
    fn class_range(&mut self, unclosed: impl Fn() -> GoRegexError) -> Result<(), GoRegexError> {
        let start = self.at;
        let low = self.class_char(&unclosed)?;
        self.literal(low);
        let rest = self.rest();
        if rest.starts_with('-') && rest.len() > 1 && !rest.starts_with("-]") {
            self.at += 1;
            let high = self.class_char(&unclosed)?;
            if high < low {
                return Err(wrong("invalid character class range", &self.pattern[start..self.at]));
            }
            self.out.push('-');
            self.literal(high);
        }
        Ok(())
    }

    fn class_char(&mut self, unclosed: &impl Fn() -> GoRegexError) -> Result<char, GoRegexError> {
        match self.peek().ok_or_else(unclosed)? {
            '\\' => self.escaped_char(),
            c => {
                self.at += c.len_utf8();
                Ok(c)
            }
        }
    }
}

const POSIX_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// `\d`, `\s` and `\w` as Go means them; the capital letters are all others. Also good inside of a class.
fn ascii_class(letter: u8) -> String {
    let chars = match letter.to_ascii_lowercase() {
        b'd' => "0-9",
        b's' => "\\t\\n\\x0C\\r ",
        _ => "0-9A-Za-z_",
    };
    let not = if letter.is_ascii_uppercase() { "^" } else { "" };
    format!("[{not}{chars}]")
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Regex::new(&format!("^(?:{})$", translate(pattern).unwrap())).unwrap().is_match(text)
    }

    #[test]
    fn means_what_go_means() {
        let cases = [
            ("/api/{id}/.*", "/api/{id}/x", "/api/id/x"),
            ("a{2,3}", "aaa", "a"),
            ("a{,3}", "a{,3}", "aa"),
            (r"\d+", "12", "٣"),
            (r"\w", "e", "é"),
            (r"[\w-]+", "a-b", "ä"),
            (r"[^\s]", "x", "\t"),
            (r"[\D]", "x", "7"),
            ("[a&&b]", "&", "c"),
            ("[[a]", "[", "]"),
            ("[]a]", "]", "b"),
            ("[a-]", "-", "b"),
            ("[[:alpha:]_]+", "a_", "1"),
            (r"\Qa.b\E+", "a.bb", "axb"),
            (r"a\.b\-c", "a.b-c", "axb-c"),
            (r"\<x\>", "<x>", "x"),
            ("esp32|stm32", "stm32", "esp"),
            ("(?i)ESP.*", "esp32", "stm"),
            (r"\x41\x{42}\103", "ABC", "abc"),
            ("(?P<kind>a)|(?<other>b)", "b", "c"),
            (r"a\b-", "a-", "ab"),
            (r"\pL{2}", "äö", "1ä"),
        ];
        for (pattern, hit, miss) in cases {
            assert!(matches(pattern, hit), "{pattern} on {hit}");
            assert!(!matches(pattern, miss), "{pattern} on {miss}");
        }
    }

    #[test]
    fn refuses_what_go_refuses_in_its_words() {
        let cases = [
            ("(", "missing closing ): `(`"),
            ("a)(b", "unexpected ): `a)(b`"),
            ("x[a-", "missing closing ]: `[a-`"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("a|+?", "missing argument to repetition operator: `+?`"),
            ("a**", "invalid nested repetition operator: `**`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{3,2}", "invalid repeat count: `{3,2}`"),
            ("a\\", "trailing backslash at end of expression: ``"),
            (r"\y", r"invalid escape sequence: `\y`"),
            (r"(a)\1", r"invalid escape sequence: `\1`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?P<a-b>x)", "invalid named capture: `(?P<a-b>`"),
            ("[[:word:]", "missing closing ]: `[[:word:]`"),
            ("[[:nope:]]", "invalid character class range: `[:nope:]`"),
        ];
        for (pattern, error) in cases {
            assert_eq!(translate(pattern).unwrap_err().to_string(), error, "{pattern}");
        }
    }
}
