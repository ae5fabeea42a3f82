//! What a value becomes in each place of an HTML document.

use crate::format;
use crate::functions::encoding;
use crate::value::Value;

/// What Go writes in place of something that could be dangerous.
const BLOCKED: &str = "ZgotmplZ";

/// A value's text; nothing for nil.
pub(super) fn text_of(value: &Value) -> Result<String, String> {
    match value.indirect() {
        Value::Nil => Ok(String::new()),
        Value::String(text) | Value::Safe(text, _) => Ok(text.to_string()),
        other => format::print(other),
    }
}

/// For text and for attributes in quotes.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '+' => out.push_str("&#43;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

/// What `html` has made a text of.
pub(super) fn before_html(escaped: &str) -> String {
    let marks = [("&#34;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    marks.iter().fold(escaped.to_owned(), |text, (mark, plain)| text.replace(mark, plain))
}

/// For attributes without quotes, of text that is escaped already.
pub(super) fn unquoted(escaped: &str) -> String {
    if escaped.is_empty() {
        return BLOCKED.to_owned();
    }
    let mut out = String::with_capacity(escaped.len());
    for c in escaped.chars() {
        match c {
            '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ' | '=' | '`' => {
                out.push_str(&format!("&#{};", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

/// For names of tags and attributes.
pub(super) fn name(text: &str) -> String {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let harmless = !text.starts_with("on") && !matches!(text, "style" | "src" | "href");
    if plain && harmless { text.to_ascii_lowercase() } else { BLOCKED.to_owned() }
}

/// For addresses, given what the attribute holds already.
pub(super) fn url(text: &str, is_safe: bool, before: &str) -> String {
    if before.contains(['?', '#']) {
        return percent(text, is_safe);
    }
    if before.is_empty() && !is_safe && !has_safe_scheme(text) {
        return format!("#{BLOCKED}");
    }
    percent(text, true)
}

fn has_safe_scheme(text: &str) -> bool {
    match text.split_once(':') {
        Some((scheme, _)) if !scheme.contains(['/', '?', '#']) => {
            ["http", "https", "mailto"].iter().any(|safe| scheme.eq_ignore_ascii_case(safe))
        }
        _ => true,
    }
}

/// Percent-encodes; with `keep_reserved`, only what may not stand in an address at all.
fn percent(text: &str, keep_reserved: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let bytes = text.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        let is_escape =
            byte == b'%' && bytes.get(at + 1..at + 3).is_some_and(|d| d.iter().all(u8::is_ascii_hexdigit));
        let keep = match byte {
            b'-' | b'.' | b'_' | b'~' => true,
            b'!' | b'#' | b'$' | b'&' | b'*' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@'
            | b'[' | b']' => keep_reserved,
            b'%' => keep_reserved && is_escape,
            byte => byte.is_ascii_alphanumeric(),
        };
        if keep {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02x}"));
        }
    }
    out
}

/// For scripts: JSON, or inside a string the escaped text.
pub(super) fn script(value: &Value, text: &str, quote: Option<char>) -> Result<String, String> {
    if quote.is_none() {
        // As Go: what has a text of its own is a string here, but for times, which have a JSON form.
        let own = format::own_string(value).filter(|_| !matches!(value.indirect(), Value::Time(_)));
        let json = own.map_or_else(|| encoding::json(value), |own| encoding::json(&Value::text(own)))?;
        return Ok(match value.indirect() {
            Value::Int(..) | Value::Float(_) | Value::Bool(_) | Value::Nil => format!(" {json} "),
            _ => json,
        });
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '/' => out.push_str("\\/"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{c}' => out.push_str("\\f"),
            '$' | '{' | '}' if quote != Some('`') => out.push(c),
            '"'
            | '\''
            | '`'
            | '&'
            | '<'
            | '>'
            | '+'
            | '$'
            | '{'
            | '}'
            | '\u{2028}'
            | '\u{2029}'
            | '\0'..' ' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

/// For styles: what could end a value, begin another or run code does not pass.
pub(super) fn style(text: &str) -> String {
    let ends_or_begins = |c| {
        matches!(
            c,
            '\0' | '"' | '\'' | '(' | ')' | '/' | ';' | '@' | '[' | '\\' | ']' | '`' | '{' | '}' | '<' | '>'
        )
    };
    let is_of_name = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let names: String = text.chars().filter(is_of_name).map(|c| c.to_ascii_lowercase()).collect();
    let runs_code = ["expression", "mozbinding"].iter().any(|word| names.contains(word));
    if text.contains(ends_or_begins) || text.contains("--") || runs_code {
        return BLOCKED.to_owned();
    }
    text.to_owned()
}

/// Safe HTML in an attribute: its text without tags.
pub(super) fn without_tags(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            c if !in_tag => out.push(c),
            _ => {}
        }
    }
    out
}
