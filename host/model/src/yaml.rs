//! The one place that reads YAML, for rule files, Alertmanager's and Prometheus' configurations and our own.
//!
//! Every error names file, line, column and what to do about it. Scalars become texts where a text is asked for
//! (`match: {port: 8080}`), as with the YAML library of the Go tools; unknown and repeated keys are errors.

use std::fmt;

use serde::de::DeserializeOwned;
pub use serde_saphyr::{Location, Spanned};

/// The largest configuration file that is read.
pub const MAX_FILE_BYTES: usize = 16 << 20;

/// How deep a document may be nested. Reading takes stack for each level, and in unoptimised builds so much that a
/// thread of 2 MiB would not bear twice this; 16 nested routes need 34.
const MAX_DEPTH: usize = 40;

/// How different a key may be from the one that was meant: this many edits, and less than half of its length.
const MAX_TYPO_EDITS: usize = 3;

/// Something wrong in a YAML file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct YamlError {
    /// The file as the user named it.
    pub file: String,
    /// Counted from 1; 0 where no place is known.
    pub line: u64,
    /// Counted from 1; 0 where no place is known.
    pub column: u64,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The line that is meant.
    pub excerpt: Option<String>,
}

impl YamlError {
    /// An error at a place that [`Spanned`] remembered.
    pub fn at(file: &str, text: &str, place: &Location, message: impl Into<String>) -> Self {
        Self::at_line(file, text, place.line(), place.column(), message)
    }

    /// An error of a whole file.
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: 0, column: 0, message: message.into(), hint: None, excerpt: None }
    }

    fn at_line(file: &str, text: &str, line: u64, column: u64, message: impl Into<String>) -> Self {
        let index = usize::try_from(line).unwrap_or(0).checked_sub(1);
        let excerpt = index.and_then(|index| text.lines().nth(index)).map(str::to_owned);
        Self { line, column, excerpt, ..Self::of_file(file, message) }
    }

    /// With what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for YamlError {
    /// One screen: place and message, the line with a mark under the column, the hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message)?,
            line => write!(f, "{}:{line}:{}: {}", self.file, self.column, self.message)?,
        }
        if let Some(excerpt) = &self.excerpt {
            let indent = usize::try_from(self.column).unwrap_or(1).saturating_sub(1);
            write!(f, "\n  {:>5} | {excerpt}\n        | {:indent$}^", self.line, "")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Reads a whole file into a configuration type. `file` is only for messages.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, YamlError> {
    if text.len() > MAX_FILE_BYTES {
        let message = format!("{} bytes of YAML, more than the {MAX_FILE_BYTES} that are read", text.len());
        return Err(YamlError::of_file(file, message).with_hint("split the file"));
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: MAX_DEPTH, flow_nesting_limit: MAX_DEPTH },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| translate(file, text, &error))
}

fn translate(file: &str, text: &str, error: &serde_saphyr::Error) -> YamlError {
    let error = error.without_snippet();
    let message = message_of(error);
    let translated = match error.location() {
        Some(place) => YamlError::at(file, text, &place, message),
        None => YamlError::of_file(file, message),
    };
    YamlError { hint: hint_for(error), ..translated }
}

/// The library ends its messages with the place, which [`YamlError`] prints itself.
fn message_of(error: &serde_saphyr::Error) -> String {
    match error {
        serde_saphyr::Error::SerdeUnknownField { field, .. } => return format!("unknown key `{field}`"),
        serde_saphyr::Error::SerdeUnknownVariant { variant, .. } => {
            return format!("unknown value `{variant}`");
        }
        serde_saphyr::Error::SerdeMissingField { field, .. } => return format!("missing key `{field}`"),
        _ => {}
    }
    let rendered = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
    match rendered.rfind(" at line ") {
        Some(at) => rendered[..at].to_owned(),
        None => rendered,
    }
}

fn hint_for(error: &serde_saphyr::Error) -> Option<String> {
    let (wrong, known) = match error {
        serde_saphyr::Error::SerdeUnknownField { field, expected, .. } => (field, expected),
        serde_saphyr::Error::SerdeUnknownVariant { variant, expected, .. } => (variant, expected),
        _ => return None,
    };
    did_you_mean(wrong, known.iter().copied())
        .map(|close| format!("did you mean `{close}`?"))
        .or_else(|| Some(format!("known here: {}", known.join(", "))))
}

/// The candidate that was probably meant by a misspelt word.
pub fn did_you_mean<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |candidate: &str| edits(wrong, candidate);
    candidates
        .into_iter()
        .map(|candidate| (near(candidate), candidate))
        .filter(|(edits, candidate)| *edits <= MAX_TYPO_EDITS && edits * 2 < candidate.len().max(wrong.len()))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be put in, left out, replaced, or swapped with their neighbour.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut next = vec![i + 1];
        for j in 0..b.len() {
            let replaced = row[j] + usize::from(a[i] != b[j]);
            let mut fewest = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                fewest = fewest.min(before[j - 1] + 1);
            }
            next.push(fewest);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Route {
        receiver: Spanned<String>,
        #[serde(default)]
        r#match: std::collections::BTreeMap<String, String>,
    }

    #[test]
    fn scalars_become_texts_where_texts_are_asked_for() {
        let route: Route = parse("a.yml", "receiver: 12\nmatch: {port: 8080, on: true, v: 1.50}\n").unwrap();
        assert_eq!(route.receiver.value, "12");
        assert_eq!(route.r#match["port"], "8080");
        assert_eq!(route.r#match["on"], "true");
        assert_eq!(route.r#match["v"], "1.50");
    }

    #[test]
    fn unknown_keys_are_named_with_place_and_remedy() {
        let error = parse::<Route>("a.yml", "receiver: x\nrecever: y\n").unwrap_err();
        assert_eq!((error.line, error.column), (2, 1), "{error}");
        assert_eq!(error.hint.as_deref(), Some("did you mean `receiver`?"), "{error}");
        assert!(error.to_string().starts_with("a.yml:2:1: "), "{error}");
    }

    #[test]
    fn slips_of_the_pen_are_seen_through() {
        let known = ["receiver", "url", "match"];
        assert_eq!(did_you_mean("reciever", known), Some("receiver"));
        assert_eq!(did_you_mean("ulr", known), Some("url"));
        assert_eq!(did_you_mean("mach", known), Some("match"));
        assert_eq!(did_you_mean("slack", known), None);
        assert_eq!(did_you_mean("", known), None);
    }

    #[test]
    fn repeated_keys_and_broken_yaml_are_errors_with_a_place() {
        let twice = parse::<Route>("a.yml", "receiver: x\nreceiver: y\n").unwrap_err();
        assert_eq!(twice.line, 2, "{twice}");
        let broken = parse::<Route>("a.yml", "receiver: [x\n").unwrap_err();
        assert!(broken.line >= 1, "{broken}");
    }

    #[test]
    fn remembers_places() {
        let text = "match: {}\nreceiver: x\n";
        let route: Route = parse("a.yml", text).unwrap();
        let error = YamlError::at("a.yml", text, &route.receiver.referenced, "no such receiver");
        assert_eq!((error.line, error.column), (2, 11));
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_overflow() {
        #[derive(Debug, Deserialize)]
        #[serde(untagged)]
        enum Tree {
            List(#[expect(dead_code, reason = "only its depth matters")] Vec<Spanned<Self>>),
            Text(#[expect(dead_code, reason = "only its depth matters")] String),
        }
        for depth in [64, 1_000, 100_000] {
            assert!(parse::<Tree>("a.yml", &"[".repeat(depth)).is_err());
            assert!(parse::<serde_json::Value>("a.yml", &("[".repeat(depth) + &"]".repeat(depth))).is_err());
        }
        let maps: String = (0..64).map(|depth| " ".repeat(depth) + "a:\n").collect();
        assert!(parse::<serde_json::Value>("a.yml", &maps).is_err());
    }

    #[test]
    fn refuses_documents_that_multiply_themselves() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 1..9 {
            let previous = format!("*a{}", i - 1);
            bomb += &format!("a{i}: &a{i} [{}]\n", vec![previous; 10].join(","));
        }
        assert!(parse::<serde_json::Value>("bomb.yml", &bomb).is_err());
    }
}
