//! What people type behind commands about alerts and silences: matchers, labels, durations, times, files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use bellwether_alerting::matchers::{Printed, parse_one, parse_query_word};
use bellwether_model::duration::{parse_go, parse_prometheus};
use bellwether_model::{MatchOp, Matcher, Timestamp};

/// Reads matchers; the first may be the name of an alert.
pub(crate) fn matchers(words: &[String]) -> anyhow::Result<Vec<Matcher>> {
    let read = words.iter().enumerate().map(|(at, word)| match at {
        0 => parse_query_word(word),
        _ => parse_one(word),
    });
    Ok(read.collect::<Result<_, _>>()?)
}

/// Matchers as the API takes them for filters. What is wrong with any but the first is for the server to say.
pub(crate) fn filters(words: &[String]) -> anyhow::Result<Vec<String>> {
    let Some((first, others)) = words.split_first() else {
        return Ok(Vec::new());
    };
    let first = Printed(&parse_query_word(first)?).to_string();
    Ok(std::iter::once(first).chain(others.iter().cloned()).collect())
}

/// Labels of an alert, written as matchers with `=`; the first may be the name of the alert.
pub(crate) fn labels(words: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    matchers(words)?.iter().map(|matcher| pair(matcher, "labels")).collect()
}

/// Names and values, written as matchers with `=`; `what` they are is for the error.
pub(crate) fn pairs(words: &[String], what: &str) -> anyhow::Result<BTreeMap<String, String>> {
    words.iter().map(|word| pair(&parse_one(word)?, what)).collect()
}

fn pair(matcher: &Matcher, what: &str) -> anyhow::Result<(String, String)> {
    if matcher.op() != MatchOp::Equal {
        bail!("{what} must be specified as key=value pairs");
    }
    Ok((matcher.name().to_owned(), matcher.value().to_owned()))
}

/// A duration in Prometheus' notation or in Go's, which has fractions.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = parse_prometheus(text).or_else(|error| parse_go(text).map_err(|_| error));
    parsed.map_err(|error| error.to_string())
}

/// How long a silence is.
pub(crate) fn silence_duration(text: &str) -> anyhow::Result<Duration> {
    let duration = parse_prometheus(text)?;
    if duration.is_zero() {
        bail!("silence duration must be greater than 0");
    }
    Ok(duration)
}

/// RFC 3339, where it is given.
pub(crate) fn time(text: Option<&str>) -> anyhow::Result<Option<Timestamp>> {
    Ok(text.filter(|text| !text.is_empty()).map(Timestamp::parse_rfc3339).transpose()?)
}

/// The path of something that can be read.
pub(crate) fn existing_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match std::fs::metadata(&path) {
        Ok(found) if found.is_dir() => Err(format!("'{text}' is a directory")),
        Ok(_) => Ok(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(format!("path '{text}' does not exist"))
        }
        Err(error) => Err(format!("cannot look at '{text}': {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn the_first_word_may_be_an_alert() {
        let given = words(&["HighTemp", "a=~b"]);
        let read: Vec<String> =
            matchers(&given).unwrap().iter().map(|matcher| Printed(matcher).to_string()).collect();
        assert_eq!(read, ["alertname=\"HighTemp\"", "a=~\"b\""]);
        assert_eq!(filters(&given).unwrap(), ["alertname=\"HighTemp\"", "a=~b"]);
        assert!(matchers(&words(&["a=b", "HighTemp"])).is_err());
    }

    #[test]
    fn labels_are_pairs() {
        let read = labels(&words(&["T1", "a=\"b c\""])).unwrap();
        assert_eq!(read, [("alertname", "T1"), ("a", "b c")].map(|(k, v)| (k.into(), v.into())).into());
        assert_eq!(
            pairs(&words(&["a!=b"]), "annotations").unwrap_err().to_string(),
            "annotations must be specified as key=value pairs"
        );
    }

    #[test]
    fn durations_are_prometheus_or_go() {
        assert_eq!(duration("1d").unwrap(), Duration::from_secs(86_400));
        assert_eq!(duration("1.5h").unwrap(), Duration::from_secs(5400));
        assert_eq!(duration("x").unwrap_err(), "not a valid duration string: \"x\"");
        assert_eq!(
            silence_duration("0s").unwrap_err().to_string(),
            "silence duration must be greater than 0"
        );
    }
}
