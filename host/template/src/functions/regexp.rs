//! The functions of templates that take regular expressions.

use std::collections::HashMap;

use bellwether_model::go_regex::translate;
use regex::{Captures, Regex, RegexBuilder};

use super::{Env, MAX_OUTPUT_BYTES, bounded, too_long};
use crate::value::Value;

/// How large a compiled pattern may become, in bytes.
const MAX_PATTERN_BYTES: usize = 256 * 1024;
/// What compiling a pattern costs of the render's steps: about as long as that many steps take.
const COMPILE_STEPS: u64 = 200;
/// How many bytes of text are searched for one step.
const BYTES_PER_STEP: u64 = 256;

/// Patterns compiled during a render.
#[derive(Debug, Default)]
pub(crate) struct Patterns(HashMap<String, Regex>);

impl Env<'_> {
    fn pattern(&mut self, pattern: &str, text: &str) -> Result<Regex, String> {
        self.spend(text.len() as u64 / BYTES_PER_STEP)?;
        if let Some(known) = self.patterns.0.get(pattern) {
            return Ok(known.clone());
        }
        self.spend(COMPILE_STEPS)?;
        let translated = translate(pattern).map_err(|error| format!("error parsing regexp: {error}"))?;
        let compiled = RegexBuilder::new(&translated).size_limit(MAX_PATTERN_BYTES).build();
        let compiled =
            compiled.map_err(|_| format!("error parsing regexp: expression too large: `{pattern}`"))?;
        self.patterns.0.insert(pattern.to_owned(), compiled.clone());
        Ok(compiled)
    }
}

/// `match`: whether a pattern occurs in a text.
pub(crate) fn is_match(env: &mut Env<'_>, pattern: &str, text: &str) -> Result<Value, String> {
    Ok(Value::Bool(env.pattern(pattern, text)?.is_match(text)))
}

/// `reReplaceAll`: replaces each occurrence; `$1` and `${name}` stand for groups.
pub(crate) fn replace_all(env: &mut Env<'_>, pattern: &str, with: &str, text: &str) -> Result<Value, String> {
    let regex = env.pattern(pattern, text).map_err(|error| {
        format!("regexp: Compile({}): {error}", crate::number::quote_with(pattern, '`', false))
    })?;
    let mut out = String::new();
    let mut copied = 0;
    for captures in regex.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(&text[copied..whole.start()]);
        expand(&captures, with, &mut out);
        copied = whole.end();
        if out.len() > MAX_OUTPUT_BYTES {
            return Err(too_long());
        }
    }
    out.push_str(&text[copied..]);
    bounded(out)
}

/// Appends a replacement; stops early when it is hopelessly long.
fn expand(captures: &Captures<'_>, with: &str, out: &mut String) {
    let mut rest = with;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = group_name(rest) {
            let group = match name.parse::<usize>() {
                Ok(number) => captures.get(number),
                Err(_) => captures.name(name),
            };
            out.push_str(group.map_or("", |group| group.as_str()));
            rest = after;
        } else {
            out.push('$');
        }
        if out.len() > MAX_OUTPUT_BYTES {
            return;
        }
    }
    out.push_str(rest);
}

/// The group that follows a `$`, as `name` or `{name}`, and what comes after.
fn group_name(rest: &str) -> Option<(&str, &str)> {
    let (body, braced) = rest.strip_prefix('{').map_or((rest, false), |body| (body, true));
    let length = body.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(body.len());
    let (name, after) = body.split_at(length);
    let after = if braced { after.strip_prefix('}')? } else { after };
    (!name.is_empty()).then_some((name, after))
}

#[cfg(test)]
mod tests {
    use bellwether_model::Timestamp;

    use super::*;

    fn replaced(pattern: &str, with: &str, text: &str) -> String {
        let mut env = Env::new(Timestamp::UNIX_EPOCH, "");
        replace_all(&mut env, pattern, with, text).unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn perl_classes_mean_ascii() {
        assert_eq!(replaced(r"\w", "x", "aé_9"), "xéxx");
        assert_eq!(replaced(r"[^\w ]", "-", "a é"), "a -");
        assert_eq!(replaced(r"\D", "", "a1é2"), "12");
        assert_eq!(replaced(r"[[:digit:]&]", "", "a1&"), "a");
    }

    #[test]
    fn replaces_like_go() {
        assert_eq!(replaced("(.*)", "[$1]", "abc"), "[abc]");
        assert_eq!(replaced("^$", "empty", ""), "empty");
        assert_eq!(replaced(r"(?P<x>\w)(\w*)", "${x}_$2", "ab"), "a_b");
        assert_eq!(replaced("a", "$1x$$", "a"), "$");
    }

    #[test]
    fn amplification_is_an_error() {
        let mut env = Env::new(Timestamp::UNIX_EPOCH, "");
        let text = "a".repeat(100_000);
        assert!(replace_all(&mut env, "a", &"$0".repeat(1_000), &text).is_err());
    }
}
