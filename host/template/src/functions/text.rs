//! Escaping, cases and links: what functions of both dialects make of texts.

use crate::format;
use crate::number;
use crate::value::Value;

/// The text that `html`, `js` and `urlquery` escape: their arguments as `print` would show them.
pub(crate) fn all_text(args: &[Value]) -> Result<String, String> {
    if let [Value::String(text)] = args {
        return Ok(text.to_string());
    }
    let shown: Vec<Value> = args
        .iter()
        .map(|arg| match arg {
            Value::Nil => Value::text("<no value>"),
            other => other.indirect().clone(),
        })
        .collect();
    format::sprint(&shown)
}

/// As Go's `template.HTMLEscapeString`.
pub(crate) fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

/// As Go's `template.JSEscapeString`.
pub(crate) fn escape_js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '\'' | '"' => out.extend(['\\', c]),
            '<' | '>' | '&' | '=' | '\0'..' ' => push_u_escape(&mut out, c),
            c if c.is_ascii() || number::is_printable(c) => out.push(c),
            c => push_u_escape(&mut out, c),
        }
    }
    out
}

fn push_u_escape(out: &mut String, c: char) {
    out.push_str(&format!("\\u{:04X}", u32::from(c)));
}

/// As Go's `url.QueryEscape`: a blank becomes `+`.
pub(crate) fn escape_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~') => {
                out.push(char::from(b));
            }
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

/// As Go's `url.QueryUnescape`.
pub(crate) fn unescape_query(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let code = digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
                let code = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let Some(code) = code else {
                    let shown = &tail[..tail.len().min(2)];
                    return Err(format!(
                        "invalid URL escape {:?}",
                        format!("%{}", String::from_utf8_lossy(shown))
                    ));
                };
                bytes.push(code);
                rest = &tail[2..];
            }
            byte => bytes.push(*byte),
        }
    }
    Ok(crate::value::text_of_bytes(&bytes))
}

/// What becomes of the letters of a word after its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// They stay, as in Prometheus.
    Kept,
    /// They become lower case, as in Alertmanager.
    Lowered,
}

/// As `cases.Title(language.AmericanEnglish)`: each word's first letter becomes upper case. An apostrophe, a full stop, a
/// colon or an underline between letters does not end a word.
pub(crate) fn title(text: &str, rest: Rest) -> String {
    let mut out = String::with_capacity(text.len());
    let chars: Vec<char> = text.chars().collect();
    let mut titled = false;
    for (at, &c) in chars.iter().enumerate() {
        if c.is_alphanumeric() || is_mark(c) {
            match (titled, rest) {
                (false, _) => out.extend(c.to_uppercase()),
                (true, Rest::Lowered) => out.extend(c.to_lowercase()),
                (true, Rest::Kept) => out.push(c),
            }
            titled |= c.is_alphabetic();
        } else {
            out.push(c);
            titled &= joins_words(&chars, at);
        }
    }
    out
}

/// Whether the character does not end the word before it.
fn joins_words(chars: &[char], at: usize) -> bool {
    let next = chars.get(at + 1).copied().unwrap_or(' ');
    let before = at.checked_sub(1).and_then(|before| chars.get(before)).copied().unwrap_or(' ');
    match chars[at] {
        '_' => true,
        '\'' | '.' | '\u{2019}' => next.is_alphanumeric() && before.is_alphanumeric(),
        ':' | '\u{b7}' => next.is_alphabetic() && before.is_alphabetic(),
        ',' | ';' => next.is_numeric() && before.is_numeric(),
        _ => false,
    }
}

fn is_mark(c: char) -> bool {
    matches!(u32::from(c), 0x300..=0x36f)
}

/// Joins texts, unless the result would be too long.
pub(crate) fn join(separator: &str, items: &[Value]) -> Result<Value, String> {
    let texts: Vec<&str> = items.iter().map(|item| item.as_str().unwrap_or("")).collect();
    let length: usize = texts.iter().map(|text| text.len() + separator.len()).sum();
    if length > super::MAX_OUTPUT_BYTES.saturating_add(separator.len()) {
        return Err(super::too_long());
    }
    Ok(Value::text(texts.join(separator)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_as_go_does() {
        assert_eq!(escape_html("<a b='c'>&\"\0"), "&lt;a b=&#39;c&#39;&gt;&amp;&#34;\u{fffd}");
        assert_eq!(escape_js("it's <b>\n"), "it\\'s \\u003Cb\\u003E\\u000A");
        assert_eq!(escape_query("a b/c~é"), "a+b%2Fc~%C3%A9");
        assert_eq!(unescape_query("a+b%2Fc"), Ok("a b/c".to_owned()));
        assert_eq!(unescape_query("100%").unwrap_err(), "invalid URL escape \"%\"");
    }

    #[test]
    fn the_two_titles_differ_in_the_rest_of_a_word() {
        assert_eq!(title("hello wORLD a-b it's", Rest::Kept), "Hello WORLD A-B It's");
        assert_eq!(title("hello wORLD a-b it's", Rest::Lowered), "Hello World A-B It's");
        assert_eq!(title("esp32-01.lab.example.com", Rest::Kept), "Esp32-01.Lab.example.com");
    }
}
