//! `bellwether query instant|range`: asks a running server, as `promtool query` does.

mod text;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use bellwether_model::Timestamp;
use bellwether_model::duration::parse_prometheus;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::{Outcome, print_lines};

/// The longest that an answer may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(130);
/// How long a range is where no start is given, as in promtool.
const DEFAULT_RANGE: Duration = Duration::from_secs(300);

/// Arguments of `bellwether query`.
#[derive(Debug, Args)]
pub struct QueryArgs {
    #[command(subcommand)]
    kind: QueryKind,
    /// How to print the answer
    #[arg(long, short = 'o', value_enum, default_value_t = Format::Promql, global = true)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum QueryKind {
    /// At one point in time
    Instant {
        #[command(flatten)]
        what: WhatArgs,
        /// RFC 3339 or Unix seconds; now by default
        #[arg(long, allow_hyphen_values = true)]
        time: Option<String>,
    },
    /// Over a range of time
    Range {
        #[command(flatten)]
        what: WhatArgs,
        #[command(flatten)]
        range: RangeArgs,
    },
}

/// Which server, and which expression.
#[derive(Debug, Args)]
struct WhatArgs {
    /// Address of the server
    #[arg(long, default_value = "http://127.0.0.1:9090")]
    server: String,
    /// A PromQL expression; the address of the server may stand before it
    #[arg(value_name = "[SERVER] EXPRESSION", required = true, num_args = 1..=2)]
    words: Vec<String>,
}

#[derive(Debug, Args)]
struct RangeArgs {
    /// RFC 3339 or Unix seconds; five minutes before the end by default
    #[arg(long, allow_hyphen_values = true)]
    start: Option<String>,
    /// RFC 3339 or Unix seconds; now by default
    #[arg(long, allow_hyphen_values = true)]
    end: Option<String>,
    /// Distance of the points; a 250th of the range by default
    #[arg(long)]
    step: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each sample
    #[value(alias = "text")]
    Promql,
    /// The result of the API's answer
    Json,
}

/// Asks and prints: the result to stdout, what the server remarks to stderr.
pub async fn run(args: QueryArgs) -> Outcome {
    let now = crate::clock::Clock::system().now();
    let (server, path, params) = match args.kind {
        QueryKind::Instant { what, time } => {
            let (server, expression) = what.server_and_expression();
            let time = time.unwrap_or_else(|| now.as_secs_f64().to_string());
            (server, "query", vec![("query", expression), ("time", time)])
        }
        QueryKind::Range { what, range } => {
            let (server, expression) = what.server_and_expression();
            (server, "query_range", range.params(expression, now)?)
        }
    };
    let answer = ask(&format!("{server}/api/v1/{path}"), &params).await?;
    print_lines(std::io::stderr(), &remarks(&answer));
    let data = &answer["data"];
    let lines = match args.format {
        Format::Json if data["resultType"] == "string" => vec![data["result"].to_string()],
        Format::Json => vec![text::without_exponents(data["result"].clone()).to_string()],
        Format::Promql => text::lines(data),
    };
    print_lines(std::io::stdout(), &lines);
    Ok(ExitCode::SUCCESS)
}

impl WhatArgs {
    fn server_and_expression(self) -> (String, String) {
        let mut words = self.words;
        let expression = words.pop().unwrap_or_default();
        let server = words.pop().unwrap_or(self.server);
        let server = if server.contains("://") { server } else { format!("http://{server}") };
        (server.trim_end_matches('/').to_owned(), expression)
    }
}

impl RangeArgs {
    fn params(self, expression: String, now: Timestamp) -> anyhow::Result<Vec<(&'static str, String)>> {
        let parse = |text: Option<String>, default: Timestamp| match text {
            Some(text) => crate::api::params::parse_time(&text).map_err(anyhow::Error::msg),
            None => Ok(default),
        };
        let end = parse(self.end, now)?;
        let start = parse(self.start, end - DEFAULT_RANGE)?;
        if start >= end {
            bail!("start time is not before end time");
        }
        let step = match self.step {
            Some(text) => parse_prometheus(&text).with_context(|| format!("--step {text}"))?.as_secs_f64(),
            None => (end.since(start).as_secs_f64() / 250.0).floor().max(1.0),
        };
        let secs = |at: Timestamp| at.as_secs_f64().to_string();
        Ok(vec![
            ("query", expression),
            ("start", secs(start)),
            ("end", secs(end)),
            ("step", step.to_string()),
        ])
    }
}

async fn ask(url: &str, params: &[(&str, String)]) -> anyhow::Result<Value> {
    let client = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).no_proxy().build()?;
    let body = crate::api::params::form_encode(params);
    let request = client.post(url).header("content-type", "application/x-www-form-urlencoded").body(body);
    let response = request
        .send()
        .await
        .with_context(|| format!("cannot reach {url}; is the server running, and is --server right?"))?;
    let status = response.status();
    let text = response.text().await.with_context(|| format!("cannot read the answer of {url}"))?;
    let answer: Value =
        serde_json::from_str(&text).with_context(|| format!("{url} answered {status} and no JSON"))?;
    if answer["status"] != "success" {
        bail!(
            "{}: {}",
            answer["errorType"].as_str().unwrap_or("error"),
            answer["error"].as_str().unwrap_or(&text)
        );
    }
    Ok(answer)
}

/// What the server says about the query, a line each.
fn remarks(answer: &Value) -> Vec<String> {
    let texts = |name: &str, word: &str| -> Vec<String> {
        let texts = answer[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        texts.map(|text| format!("{word}: {text}")).collect()
    };
    [texts("warnings", "warning"), texts("infos", "info")].concat()
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: QueryArgs,
    }

    fn instant(words: &[&str]) -> (String, String, Format) {
        let args = Cli::try_parse_from(["query", "instant"].iter().chain(words)).unwrap().args;
        match args.kind {
            QueryKind::Instant { what, .. } => {
                let (server, expression) = what.server_and_expression();
                (server, expression, args.format)
            }
            QueryKind::Range { .. } => panic!("no range"),
        }
    }

    #[test]
    fn the_server_may_stand_before_the_expression() {
        let expected = |server: &str, format| (server.to_owned(), "up".to_owned(), format);
        assert_eq!(instant(&["up"]), expected("http://127.0.0.1:9090", Format::Promql));
        assert_eq!(instant(&["http://a:1/", "up", "-o", "json"]), expected("http://a:1", Format::Json));
        assert_eq!(instant(&["--server", "a:1", "up"]), expected("http://a:1", Format::Promql));
        assert_eq!(instant(&["-o", "promql", "b:2", "up"]), expected("http://b:2", Format::Promql));
    }

    #[test]
    fn ranges_are_five_minutes_long() {
        let range = |start: Option<&str>, end: Option<&str>| {
            let range =
                RangeArgs { start: start.map(str::to_owned), end: end.map(str::to_owned), step: None };
            range.params("up".to_owned(), Timestamp::from_millis(1_000_000))
        };
        let params = range(None, None).unwrap();
        assert_eq!(
            params[1..],
            [("start", "700".to_owned()), ("end", "1000".to_owned()), ("step", "1".to_owned())]
        );
        assert!(range(Some("5"), Some("5")).is_err());
    }

    #[test]
    fn remarks_are_told_by_their_sort() {
        let answer = json!({"warnings": ["a", "b"], "infos": ["c"]});
        assert_eq!(remarks(&answer), ["warning: a", "warning: b", "info: c"]);
        assert_eq!(remarks(&json!({})), [""; 0]);
    }
}
