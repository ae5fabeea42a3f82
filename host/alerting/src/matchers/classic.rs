//! The classic grammar: ASCII names, values that may go without quotes up to the next comma.

use bellwether_model::MatchOp;
use bellwether_model::labels::is_classic_metric_name;

use super::RawMatcher;

/// Reads a list with or without braces, separated by commas outside of quotes.
pub(super) fn parse(text: &str) -> Result<Vec<RawMatcher>, String> {
    let text = text.strip_prefix('{').unwrap_or(text);
    let text = text.strip_suffix('}').unwrap_or(text);
    let parts = split_at_commas(text)?;
    let last = parts.len().saturating_sub(1);
    let is_trailing = |i: usize, part: &str| i == last && part.trim().is_empty();
    parts
        .iter()
        .enumerate()
        .filter(|(i, part)| !is_trailing(*i, part))
        .map(|(_, part)| matcher(part))
        .collect()
}

fn split_at_commas(text: &str) -> Result<Vec<&str>, String> {
    let (mut parts, mut start, mut in_quotes, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => in_quotes = !in_quotes,
            ',' if !in_quotes => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if in_quotes {
        return Err(format!("matcher value contains unescaped double quote: {text}"));
    }
    parts.push(&text[start..]);
    Ok(parts)
}

fn matcher(text: &str) -> Result<RawMatcher, String> {
    let trimmed = text.trim();
    let name_len =
        trimmed.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':').unwrap_or(trimmed.len());
    let (name, rest) = trimmed.split_at(name_len);
    let rest = rest.trim_start();
    let (op, value) = [MatchOp::Regex, MatchOp::NotEqual, MatchOp::NotRegex, MatchOp::Equal]
        .into_iter()
        .find_map(|op| Some((op, rest.strip_prefix(op.as_str())?.trim_start())))
        .ok_or_else(|| {
            "expected an operator such as '=', '!=', '=~' or '!~' after a label name".to_owned()
        })?;
    if !is_classic_metric_name(name) {
        return Err(format!("{name:?} is no label name"));
    }
    Ok(RawMatcher { name: name.to_owned(), op, value: unquote(value)? })
}

/// Takes quotes away, where there are any, and resolves `\n`, `\"` and `\\`; other backslashes stay.
fn unquote(raw: &str) -> Result<String, String> {
    let stray_quote = || format!("matcher value contains unescaped double quote: {raw}");
    let inner = match raw.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').ok_or_else(stray_quote)?,
        None => raw,
    };
    let (mut value, mut chars) = (String::with_capacity(inner.len()), inner.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => return Err(stray_quote()),
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some(c @ ('"' | '\\')) => value.push(c),
                Some(other) => value.extend(['\\', other]),
                None if raw.starts_with('"') => return Err(stray_quote()),
                None => value.push('\\'),
            },
            c => value.push(c),
        }
    }
    Ok(value)
}
