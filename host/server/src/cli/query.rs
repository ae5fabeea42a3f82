//! `bellwether query instant|range`: asks a running server, as `promtool query` does.

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

/// Arguments of `bellwether query`.
#[derive(Debug, Args)]
pub struct QueryArgs {
    #[command(subcommand)]
    kind: QueryKind,
}

#[derive(Debug, Subcommand)]
enum QueryKind {
    /// At one point in time
    Instant {
        /// Address of the server
        #[arg(long, default_value = "http://127.0.0.1:9090")]
        server: String,
        /// RFC 3339 or Unix seconds; now by default
        #[arg(long)]
        time: Option<String>,
        /// How to print the answer
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        /// A PromQL expression
        expression: String,
    },
    /// Over a range of time
    Range {
        /// Address of the server
        #[arg(long, default_value = "http://127.0.0.1:9090")]
        server: String,
        /// RFC 3339 or Unix seconds; an hour ago by default
        #[arg(long)]
        start: Option<String>,
        /// RFC 3339 or Unix seconds; now by default
        #[arg(long)]
        end: Option<String>,
        /// Distance of the points; a 250th of the range by default
        #[arg(long)]
        step: Option<String>,
        /// How to print the answer
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        /// A PromQL expression
        expression: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each sample
    Text,
    /// The `data` of the API's answer
    Json,
}

/// Asks and prints.
pub async fn run(args: QueryArgs) -> Outcome {
    let now = crate::clock::Clock::system().now();
    let (server, path, params, format) = match args.kind {
        QueryKind::Instant { server, time, format, expression } => {
            let time = time.unwrap_or_else(|| now.as_secs_f64().to_string());
            (server, "query", vec![("query", expression), ("time", time)], format)
        }
        QueryKind::Range { server, start, end, step, format, expression } => {
            let params = range_params(expression, start, end, step, now)?;
            (server, "query_range", params, format)
        }
    };
    let data = ask(&format!("{}/api/v1/{path}", server.trim_end_matches('/')), &params).await?;
    let lines = match format {
        Format::Json => vec![data.to_string()],
        Format::Text => text_lines(&data),
    };
    print_lines(std::io::stdout(), &lines);
    Ok(ExitCode::SUCCESS)
}

fn range_params(
    expression: String,
    start: Option<String>,
    end: Option<String>,
    step: Option<String>,
    now: Timestamp,
) -> anyhow::Result<Vec<(&'static str, String)>> {
    let parse = |text: Option<String>, default: Timestamp| match text {
        Some(text) => crate::api::params::parse_time(&text).map_err(anyhow::Error::msg),
        None => Ok(default),
    };
    let end = parse(end, now)?;
    let start = parse(start, end - Duration::from_secs(3600))?;
    let step = match step {
        Some(text) => parse_prometheus(&text).with_context(|| format!("--step {text}"))?.as_secs_f64(),
        None => (end.since(start).as_secs_f64() / 250.0).floor().max(1.0),
    };
    let secs = |at: Timestamp| at.as_secs_f64().to_string();
    Ok(vec![("query", expression), ("start", secs(start)), ("end", secs(end)), ("step", step.to_string())])
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
    let mut answer: Value =
        serde_json::from_str(&text).with_context(|| format!("{url} answered {status} and no JSON"))?;
    if answer["status"] != "success" {
        bail!(
            "{}: {}",
            answer["errorType"].as_str().unwrap_or("error"),
            answer["error"].as_str().unwrap_or(&text)
        );
    }
    Ok(answer["data"].take())
}

/// As `promtool query` prints: `series => value @[time]`.
fn text_lines(data: &Value) -> Vec<String> {
    let result = &data["result"];
    let point = |point: &Value| format!("{} @[{}]", point[1].as_str().unwrap_or("?"), point[0]);
    match data["resultType"].as_str() {
        Some("scalar" | "string") => vec![point(result)],
        Some("vector") => {
            rows(result).map(|row| format!("{} => {}", series(row), point(&row["value"]))).collect()
        }
        Some("matrix") => rows(result)
            .flat_map(|row| {
                let points = row["values"].as_array().into_iter().flatten().map(point);
                std::iter::once(format!("{} =>", series(row))).chain(points)
            })
            .collect(),
        _ => vec![data.to_string()],
    }
}

fn rows(result: &Value) -> impl Iterator<Item = &Value> {
    result.as_array().into_iter().flatten()
}

fn series(row: &Value) -> String {
    let labels: bellwether_model::Labels =
        serde_json::from_value(row["metric"].clone()).unwrap_or_else(|_| bellwether_model::Labels::empty());
    labels.to_string()
}
