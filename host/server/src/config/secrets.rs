//! Keeping secrets out of what is shown: configuration on the status page, lines quoted in errors.
//!
//! Works on text, because what is shown is the file as it was written. It errs on the side of hiding too much.

use std::sync::LazyLock;

use regex::Regex;

/// What stands where a secret was.
const MASK: &str = "<secret>";

/// Values of references that are shorter stay in messages: replacing `1` everywhere would garble them.
const MIN_VALUE_BYTES: usize = 4;

/// Keys whose values are secrets, up to the value. Paths of files with secrets are none.
static SECRET_KEY: LazyLock<Regex> = LazyLock::new(|| {
    let names = "[a-z_]*password|[a-z_]*secret|[a-z_]*token(?:_id)?|credentials|[a-z_]*_key|[a-z_]*(?:webhook|api)_url";
    Regex::new(&format!(r#"(?i)(^|[\s{{,'"-])(?:{names})['"]?\s*:(?:\s+|$)"#))
        .expect("the expression is fixed")
});

/// Credentials inside a URL.
static USER_INFO: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(://)[^/\s@'\x22]+@").expect("the expression is fixed"));

/// A YAML text with the values of secrets replaced.
pub fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    // Indentation of a key whose value stands on the lines below it.
    let mut block: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let is_blank = line.trim().is_empty();
        if block.is_some_and(|key_indent| is_blank || indent > key_indent) {
            if !is_blank {
                masked.push_str(&format!("{}{MASK}\n", &line[..indent]));
            }
            continue;
        }
        block = None;
        let (line, opens_block) = mask_line(line);
        block = opens_block.then_some(indent).or(block);
        masked.push_str(&USER_INFO.replace_all(&line, format!("${{1}}{MASK}@")));
    }
    masked
}

/// A line with its secrets replaced, and whether the value of the last one goes on below.
fn mask_line(line: &str) -> (String, bool) {
    let (content, end) = line.strip_suffix('\n').map_or((line, ""), |content| (content, "\n"));
    let mut masked = String::new();
    let mut rest = content;
    let mut opens_block = false;
    while let Some(key) = SECRET_KEY.find(rest) {
        let (before, value) = rest.split_at(key.end());
        masked.push_str(before);
        let in_flow = before.contains('{') || masked.contains('{');
        let length = value_length(value, in_flow);
        opens_block = value[..length].trim().is_empty() || value.starts_with(['|', '>']);
        masked.push_str(if opens_block { &value[..length] } else { MASK });
        rest = &value[length..];
    }
    (masked + rest + end, opens_block)
}

fn value_length(value: &str, in_flow: bool) -> usize {
    let quoted = |quote: char| value[1..].find(quote).map_or(value.len(), |at| at + 2);
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(quote),
        _ if in_flow => value.find([',', '}']).unwrap_or(value.len()),
        _ => value.len(),
    }
}

/// What replaced a reference in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// As it was written: `${SLACK_WEBHOOK_URL}`.
    pub reference: String,
    /// What came in its place.
    pub value: String,
}

/// A text of ours, such as an error, with values of references turned back and inline secrets replaced.
pub fn scrub(text: &str, replaced: &[Replaced]) -> String {
    let known = replaced.iter().filter(|replaced| replaced.value.len() >= MIN_VALUE_BYTES);
    known.fold(text.to_owned(), |text, known| text.replace(&known.value, &known.reference))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secrets_are_hidden_in_every_style() {
        let text = "\
basic_auth: {username: u, password: hunter2, x: 1}
  password: 'a: b'  # why
  - smtp_auth_password: a,b
  credentials: |
    line one
    line two
  next: kept
  password_file: /etc/pw
  api_url: https://hooks/x
  url: http://user:pw@host/path
";
        let masked = mask(text);
        for secret in ["hunter2", "a: b", "a,b", "line one", "line two", "hooks/x", "user:pw"] {
            assert!(!masked.contains(secret), "{secret} is in\n{masked}");
        }
        for kept in ["username: u", "x: 1", "next: kept", "/etc/pw", "host/path", "# why"] {
            assert!(masked.contains(kept), "{kept} is not in\n{masked}");
        }
        assert_eq!(mask("a: 1\nb: 2"), "a: 1\nb: 2");
    }

    #[test]
    fn values_of_references_are_turned_back() {
        let replaced = [Replaced { reference: "${URL}".to_owned(), value: "https://hooks/x".to_owned() }];
        assert_eq!(scrub("bad value https://hooks/x here", &replaced), "bad value ${URL} here");
    }
}
