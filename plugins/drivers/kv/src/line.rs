//! The forms of a line.

use std::borrow::Cow;

use bellwether_telemetry::{Fact, Value, normalized};

/// Most columns of a table.
const MAX_COLUMNS: usize = 64;
/// Fewest columns that make a line of words the header of a table.
const MIN_COLUMNS: usize = 2;
/// Ends of values that are units, not part of a text: `41.5C`, `12%`, `330mW`.
const UNITS: [&str; 8] = ["degC", "°C", "C", "%", "mW", "ms", "kB", "B"];

/// `>temp:41.5`, `>temp:1627551892437:41.5§°C|g`; of several values the last one counts.
pub(crate) fn teleplot(text: &str) -> Option<Vec<Fact<'_>>> {
    let (name, rest) = text.strip_prefix('>')?.split_once(':')?;
    let value = rest.split(['|', '§']).next()?;
    let newest = value.rsplit(';').next()?;
    let value = newest.rsplit(':').next()?;
    match Value::parse(value.trim()) {
        number @ Value::Number(_) => Some(vec![Fact { key: normalized(name), value: number }]),
        Value::Text(_) => None,
    }
}

/// All `key=value` and `key:value` of a [`tight`] line, separated by spaces, commas, semicolons or tabs. None where a word is no
/// pair, unless it is a prefix of a log line, which ends with a colon.
pub(crate) fn pairs(text: &str) -> Option<Vec<Fact<'_>>> {
    let mut facts = Vec::new();
    for word in text.split([' ', ',', ';', '\t']).filter(|word| !word.is_empty()) {
        let (key, value) = word.split_once('=').or_else(|| word.split_once(':'))?;
        if !is_key(key) || value.is_empty() {
            return None;
        }
        facts.push(Fact { key: normalized(key), value: number_with_unit(value) });
    }
    (!facts.is_empty()).then_some(facts)
}

/// `temp=41.5 cpu=12` of `I (5230) tag: temp = 41.5 cpu= 12`.
pub(crate) fn tight(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(without_log_prefix(text));
    for (spaced, tight) in [(" = ", "="), ("= ", "="), (" =", "="), (": ", ":"), (" :", ":")] {
        if text.contains(spaced) {
            text = Cow::Owned(text.replace(spaced, tight));
        }
    }
    text
}

/// What follows `I (5230) tag: `.
fn without_log_prefix(text: &str) -> &str {
    let prefixed = text.split_once(" (").filter(|(letter, _)| letter.len() == 1);
    let after =
        prefixed.and_then(|(_, rest)| rest.split_once(") ")).and_then(|(_, rest)| rest.split_once(": "));
    after.map_or(text, |(_, rest)| rest)
}

fn is_key(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-./[]".contains(c))
}

fn number_with_unit(text: &str) -> Value<'_> {
    let text = text.trim_matches(['"', '\'']);
    let bare = UNITS.iter().find_map(|unit| text.strip_suffix(unit));
    match bare.map(Value::parse) {
        Some(number @ Value::Number(_)) => number,
        _ => Value::parse(text),
    }
}

/// The columns of a table, from its header line.
pub(crate) struct Table {
    separator: char,
    columns: Vec<String>,
}

impl Table {
    /// A header is a line of words without any number among them, separated by tabs, commas or semicolons.
    pub(crate) fn from_header(text: &str) -> Option<Self> {
        let separator = ['\t', ',', ';'].into_iter().find(|c| text.contains(*c))?;
        let columns: Vec<&str> = text.trim_start_matches('#').split(separator).map(str::trim).collect();
        let fits = (MIN_COLUMNS..=MAX_COLUMNS).contains(&columns.len());
        if !fits || !columns.iter().all(|column| is_key(column)) {
            return None;
        }
        Some(Self {
            separator,
            columns: columns.into_iter().map(|column| normalized(column).into_owned()).collect(),
        })
    }

    /// A line of values under the header; none where the line is no row at all, an error where it has another number of
    /// columns.
    pub(crate) fn row<'a>(&'a self, text: &'a str) -> Option<Result<Vec<Fact<'a>>, String>> {
        let values: Vec<&str> = text.split(self.separator).map(str::trim).collect();
        let numbers = values.iter().filter(|value| matches!(Value::parse(**value), Value::Number(_))).count();
        if numbers == 0 {
            return None;
        }
        if values.len() != self.columns.len() {
            return (values.len() >= MIN_COLUMNS)
                .then(|| Err(format!("{} values under {} columns", values.len(), self.columns.len())));
        }
        let facts = self.columns.iter().zip(values).filter(|(_, value)| !value.is_empty());
        Some(Ok(facts
            .map(|(key, value)| Fact { key: key.as_str().into(), value: number_with_unit(value) })
            .collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(facts: Option<Vec<Fact<'_>>>) -> Vec<(String, f64)> {
        let number = |fact: Fact<'_>| match fact.value {
            Value::Number(number) => Some((fact.key.into_owned(), number)),
            Value::Text(_) => None,
        };
        facts.unwrap_or_default().into_iter().filter_map(number).collect()
    }

    fn owned(pairs: &[(&str, f64)]) -> Vec<(String, f64)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
    }

    #[test]
    fn reads_pairs_in_all_their_forms() {
        let want = owned(&[("temp", 41.5), ("cpu", 12.0)]);
        for text in [
            "temp=41.5 cpu=12",
            "temp:41.5,cpu:12",
            "temp: 41.5, cpu: 12",
            "temp = 41.5C; cpu = 12%",
            "temp:41.5\tcpu:12",
            "I (5230) telemetry: temp=41.5 cpu=12",
        ] {
            assert_eq!(numbers(pairs(&tight(text))), want, "{text}");
        }
    }

    #[test]
    fn sentences_are_no_pairs() {
        for text in [
            "Booting firmware",
            "ratio is 3:4",
            "http://10.0.0.1/x=1",
            "12:30:01 up",
            "E (12) wifi: gone",
            "",
        ] {
            assert_eq!(pairs(&tight(text)), None, "{text}");
        }
    }

    #[test]
    fn reads_teleplot() {
        assert_eq!(numbers(teleplot(">temp:41.5|g")), owned(&[("temp", 41.5)]));
        assert_eq!(numbers(teleplot(">heapFree:1627551892437:41§B|np")), owned(&[("heap_free", 41.0)]));
        assert_eq!(teleplot(">text:hello|t"), None);
    }

    #[test]
    fn reads_a_table_under_its_header() {
        let table = Table::from_header("# temp_c,cpu,note").unwrap();
        assert_eq!(numbers(table.row("41.5,12,ok").unwrap().ok()), owned(&[("temp_c", 41.5), ("cpu", 12.0)]));
        assert_eq!(numbers(table.row("41.5,,").unwrap().ok()), owned(&[("temp_c", 41.5)]));
        assert!(table.row("41.5,12").unwrap().is_err());
        assert!(table.row("all is well").is_none());
        assert!(Table::from_header("41.5,12").is_none());
        assert!(Table::from_header("Hello, world of boards").is_none());
    }
}
