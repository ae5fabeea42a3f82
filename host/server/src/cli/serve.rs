//! `bellwether serve`: runs the server until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::duration::{parse_go, parse_prometheus};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{FeatureArgs, Outcome, print_lines};
use crate::config::{Origin, PromqlFlags, Sources};
use crate::host::{Host, HostOptions};
use crate::telemetry;

/// Arguments of `bellwether serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Our own configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A prometheus.yml, as it is: what to scrape and which rule files to read
    #[arg(long, value_name = "FILE")]
    prometheus_config: Option<PathBuf>,
    /// An alertmanager.yml, as it is: how alerts are routed
    #[arg(long, value_name = "FILE")]
    alertmanager_config: Option<PathBuf>,
    /// Rule files, a pattern such as 'rules/*.yml'; may be repeated
    #[arg(long, value_name = "GLOB")]
    rules: Vec<String>,
    /// Where samples and state are kept
    #[arg(long, value_name = "DIR", default_value = "bellwether-data")]
    data: PathBuf,
    /// Address of Prometheus' API and the page; port 0 picks a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9090")]
    listen: String,
    /// Address of Alertmanager's API; port 0 picks a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9093")]
    alertmanager_listen: String,
    /// Where people reach this host: the base of links in messages
    #[arg(long, value_name = "URL")]
    external_url: Option<String>,
    /// How long no alert is told after the start; Prometheus' --rules.alert.resend-delay is a good value where alerts
    /// come from there [default: 0s]
    #[arg(long = "dispatch.start-delay", value_name = "DURATION", value_parser = go_duration)]
    dispatch_start_delay: Option<Duration>,
    #[command(flatten)]
    features: FeatureArgs,
    #[command(flatten)]
    query: QueryLimitArgs,
    /// Write the log as JSON
    #[arg(long)]
    log_json: bool,
}

/// What queries may take, by Prometheus' flags; each goes before `promql` of the file.
#[derive(Debug, Args)]
struct QueryLimitArgs {
    /// How far back an instant selector looks for the last sample [default: 5m]
    #[arg(long = "query.lookback-delta", value_name = "DURATION", value_parser = above_zero)]
    lookback: Option<Duration>,
    /// The longest that a query may take [default: 2m]
    #[arg(long = "query.timeout", value_name = "DURATION", value_parser = above_zero)]
    timeout: Option<Duration>,
    /// Samples that one query may hold at once [default: 50000000]
    #[arg(long = "query.max-samples", value_name = "NUMBER", value_parser = at_least_one)]
    max_samples: Option<usize>,
    /// Queries that run at once [default: 20]
    #[arg(long = "query.max-concurrency", value_name = "NUMBER", value_parser = at_least_one)]
    max_concurrency: Option<usize>,
}

fn above_zero(text: &str) -> Result<Duration, String> {
    match parse_prometheus(text) {
        Ok(duration) if duration.is_zero() => Err("must be above zero".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

fn go_duration(text: &str) -> Result<Duration, String> {
    parse_go(text).map_err(|error| error.to_string())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be above zero".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("no number: {error}")),
    }
}

/// Starts the host, says where it listens, and runs until SIGINT or SIGTERM; SIGHUP loads the configuration anew.
pub async fn run(args: ServeArgs) -> Outcome {
    telemetry::init_logging("info", args.log_json);
    let sources = Sources {
        bellwether: args.config,
        prometheus: args.prometheus_config,
        alertmanager: args.alertmanager_config,
        rules: args.rules,
        promql: PromqlFlags {
            features: args.features.enable_feature,
            lookback: args.query.lookback,
            timeout: args.query.timeout,
            max_samples: args.query.max_samples,
            max_concurrency: args.query.max_concurrency,
        },
    };
    if sources.is_empty() {
        anyhow::bail!(
            "nothing to run: give at least one of --config, --prometheus-config, --alertmanager-config, --rules; \
             `bellwether demo` needs none of them"
        );
    }
    let options = HostOptions {
        data_dir: args.data,
        listen: args.listen,
        alertmanager_listen: args.alertmanager_listen,
        external_url: args.external_url,
        dispatch_start_delay: args.dispatch_start_delay.unwrap_or_default(),
        program: std::env::current_exe().ok(),
        ..HostOptions::default()
    };
    let host = Host::start(Origin::Files(sources), options).await?;
    let [first, second] = host.addresses();
    print_lines(
        std::io::stdout(),
        &[
            format!("listening on http://{first} (Prometheus API and page)"),
            format!("listening on http://{second} (Alertmanager API)"),
        ],
    );
    until_told_to_stop(&host).await?;
    host.stop().await;
    Ok(ExitCode::SUCCESS)
}

async fn until_told_to_stop(host: &Arc<Host>) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => {
                if let Err(error) = host.reload().await {
                    tracing::error!(error = format!("{error:#}"), "configuration not loaded; the former one stays");
                }
            }
        }
    }
}
