//! `bellwether serve`: runs the server until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::{Outcome, print_lines};
use crate::config::{Origin, Sources};
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
    /// Write the log as JSON
    #[arg(long)]
    log_json: bool,
}

/// Starts the host, says where it listens, and runs until SIGINT or SIGTERM; SIGHUP loads the configuration anew.
pub async fn run(args: ServeArgs) -> Outcome {
    telemetry::init_logging("info", args.log_json);
    let sources = Sources {
        bellwether: args.config,
        prometheus: args.prometheus_config,
        alertmanager: args.alertmanager_config,
        rules: args.rules,
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
