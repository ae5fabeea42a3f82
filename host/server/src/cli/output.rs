//! How commands about a running server print: `amtool`'s three formats, its dates, its JSON.

use bellwether_model::Timestamp;
use clap::{Args, ValueEnum};
use serde::Serialize;

/// How to print; the flags are `amtool`'s.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// How to print the answer
    #[arg(long = "output", short = 'o', value_enum, default_value = "simple", global = true)]
    pub(crate) format: Format,
    /// Layout of dates, as Go writes them
    #[arg(
        long = "date.format",
        value_name = "LAYOUT",
        default_value = "2006-01-02 15:04:05 MST",
        global = true
    )]
    pub(crate) date_format: String,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table of the most important columns
    Simple,
    /// A table of all columns
    Extended,
    /// What the API answers
    Json,
}

impl OutputArgs {
    /// A time of the API as a person wants it; one that cannot be read is shown as it is.
    pub(crate) fn date(&self, text: &str) -> String {
        Timestamp::parse_rfc3339(text)
            .map_or_else(|_| text.to_owned(), |at| bellwether_template::format_time(at, &self.date_format))
    }
}

/// A line of JSON as Go encodes it: what could be taken for HTML is escaped.
pub(crate) fn json_line(value: &impl Serialize) -> anyhow::Result<String> {
    let mut line = String::new();
    for c in serde_json::to_string(value)?.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => line += &format!("\\u{:04x}", u32::from(c)),
            c => line.push(c),
        }
    }
    Ok(line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_layout() {
        let args = |layout: &str| OutputArgs { format: Format::Simple, date_format: layout.to_owned() };
        let at = "2026-11-21T08:06:59.548+01:00";
        assert_eq!(args("2006-01-02 15:04:05 MST").date(at), "2026-11-21 07:06:59 UTC");
        assert_eq!(args("Jan 2").date(at), "Nov 21");
        assert_eq!(args("Jan 2").date("soon"), "soon");
    }

    #[test]
    fn json_is_safe_inside_html() {
        assert_eq!(json_line(&"a<b>&\u{2028}é").unwrap(), "\"a\\u003cb\\u003e\\u0026\\u2028é\"\n");
    }
}
