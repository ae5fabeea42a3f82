//! Parameters of requests: from the query string and, for forms, from the body, in any number and order.

use std::num::IntErrorKind;

use bellwether_model::Timestamp;
use bellwether_model::duration::parse_prometheus;
use bellwether_model::labels::Quoted;

/// Names and values, decoded, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Of a query string or a form body.
    pub fn parse(encoded: &str) -> Self {
        let pairs = encoded.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// Those of a form body before those of the query string.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    /// The first value of a name.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(have, _)| is_named(have, name)).map(|(_, value)| value.as_str())
    }

    /// All values of a name; `name[]` counts as `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(have, _)| is_named(have, name)).map(|(_, value)| value.as_str())
    }

    /// A flag: `default` where it is absent or empty; else anything but `true` and `1` is false, as Alertmanager reads it.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        let given = self.first(name).filter(|value| !value.is_empty());
        given.map_or(default, |value| matches!(value, "true" | "1" | "t" | "T" | "TRUE" | "True"))
    }
}

fn is_named(have: &str, name: &str) -> bool {
    have == name || have.strip_suffix("[]") == Some(name)
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: Vec<u8> = rest.clone().take(2).collect();
                let code = std::str::from_utf8(&digits).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok());
                match code {
                    Some(code) if digits.len() == 2 => {
                        bytes.push(code);
                        rest.nth(1);
                    }
                    _ => bytes.push(b'%'),
                }
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Encodes names and values as a form body.
pub fn form_encode(params: &[(&str, String)]) -> String {
    let encoded: Vec<String> =
        params.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    encoded.join("&")
}

fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The first and the last time that Prometheus' API takes, with the texts that it knows them by; their years have more
/// digits than RFC 3339 has.
const BOUNDS: [(&str, Timestamp); 2] = [
    ("-292273086-05-16T16:47:06Z", Timestamp::from_millis(-9_223_309_901_257_974_000)),
    ("292277025-08-18T07:12:54.999999999Z", Timestamp::from_millis(9_223_309_901_257_974_999)),
];

/// The first and the last time that can be asked for: what stands for all time.
pub const ALL_TIME: (Timestamp, Timestamp) = (BOUNDS[0].1, BOUNDS[1].1);

/// Unix seconds with decimals, or RFC 3339, as Prometheus' API.
pub fn parse_time(text: &str) -> Result<Timestamp, String> {
    if let Ok(secs) = text.parse::<f64>()
        && secs.is_finite()
    {
        return Ok(Timestamp::from_secs_f64(secs));
    }
    if let Some((_, bound)) = BOUNDS.iter().find(|(bound, _)| *bound == text) {
        return Ok(*bound);
    }
    let unreadable = |_| format!("cannot parse {} to a valid timestamp", Quoted(text));
    Timestamp::parse_rfc3339(text).map_err(unreadable)
}

/// Seconds with decimals, which may be negative, or a Prometheus duration, as Prometheus' API; in nanoseconds.
pub fn parse_span(text: &str) -> Result<i64, String> {
    if let Ok(secs) = text.parse::<f64>() {
        let nanos = secs * 1e9;
        if nanos > i64::MAX as f64 || nanos < i64::MIN as f64 {
            return Err(format!("cannot parse {} to a valid duration. It overflows int64", Quoted(text)));
        }
        return Ok(nanos as i64);
    }
    let span = parse_prometheus(text).ok().and_then(|span| i64::try_from(span.as_nanos()).ok());
    span.ok_or_else(|| format!("cannot parse {} to a valid duration", Quoted(text)))
}

/// A whole number, with the words of Go's `Atoi` about what is none.
pub fn parse_integer(text: &str) -> Result<i64, String> {
    text.parse::<i64>().map_err(|error| {
        let problem = match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.Atoi: parsing {}: {problem}", Quoted(text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_repeated_and_bracketed_names() {
        let params = Params::parse("match[]=up%7Ba%3D%22b%22%7D&match[]=x+y&flag&bad=%zz%4");
        assert_eq!(params.all("match").collect::<Vec<_>>(), [r#"up{a="b"}"#, "x y"]);
        assert_eq!(params.first("flag"), Some(""));
        assert_eq!(params.first("bad"), Some("%zz%4"));
    }

    #[test]
    fn flags_are_read_as_alertmanager_reads_them() {
        let params = Params::parse("active=maybe&silenced=true&muted=");
        assert!(!params.flag("active", true));
        assert!(params.flag("silenced", false));
        assert!(params.flag("inhibited", true) && params.flag("muted", true));
    }

    #[test]
    fn form_encoding_round_trips() {
        let text = "sum by (a) (rate(x{b=~\"ä|+&\"}[5m])) > 0";
        let encoded = form_encode(&[("query", text.to_owned())]);
        assert_eq!(Params::parse(&encoded).first("query"), Some(text));
    }

    #[test]
    fn times_and_spans_come_in_two_notations() {
        assert_eq!(parse_time("1.5").unwrap(), Timestamp::from_millis(1500));
        assert_eq!(parse_time("1970-01-01T00:00:01Z").unwrap(), Timestamp::from_millis(1000));
        assert!(parse_time("NaN").is_err() && parse_time("x").is_err());
        assert_eq!(parse_time("292277025-08-18T07:12:54.999999999Z").unwrap(), ALL_TIME.1);
        assert_eq!(parse_span("0.5").unwrap(), parse_span("500ms").unwrap());
        assert_eq!(parse_span("-1").unwrap(), -1_000_000_000);
        let error = parse_span("1e30").unwrap_err();
        assert_eq!(error, "cannot parse \"1e30\" to a valid duration. It overflows int64");
        assert_eq!(parse_span("-5m").unwrap_err(), "cannot parse \"-5m\" to a valid duration");
    }

    #[test]
    fn numbers_fail_with_the_words_of_go() {
        assert_eq!(parse_integer("+7").unwrap(), 7);
        assert_eq!(parse_integer("x").unwrap_err(), "strconv.Atoi: parsing \"x\": invalid syntax");
        let error = parse_integer("99999999999999999999").unwrap_err();
        assert_eq!(error, "strconv.Atoi: parsing \"99999999999999999999\": value out of range");
    }
}
