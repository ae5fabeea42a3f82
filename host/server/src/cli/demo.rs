//! `bellwether demo`: a simulated fleet through the real drivers, rules and routing, with a line for each thing that
//! happens.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use bellwether_model::Timestamp;
use bellwether_model::duration::parse_prometheus;
use clap::Args;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;

use super::{Outcome, print_lines};
use crate::config::Origin;
use crate::host::{Host, HostOptions};
use crate::journal::{Entry, Kind};
use crate::telemetry;

/// Port of Prometheus' API and the page, before the offset.
const PORT: u16 = 9090;
/// Port of Alertmanager's API, before the offset.
const ALERTMANAGER_PORT: u16 = 9093;

/// Arguments of `bellwether demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End after this time; runs until interrupted unless given
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Write what happened into a JSON file at the end
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Keep samples and state here; a temporary folder that is removed at the end unless given
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Add this to both ports, so that several demos can run
    #[arg(long, value_name = "N", default_value_t = 0)]
    port_offset: u16,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    parse_prometheus(text).map_err(|error| error.to_string())
}

/// Starts the host with the simulated fleet, tells what happens, and writes the report.
pub async fn run(args: DemoArgs) -> Outcome {
    telemetry::init_logging("error", false);
    let data = DataDir::new(args.data)?;
    let address = |port: u16| {
        port.checked_add(args.port_offset)
            .map(|port| format!("127.0.0.1:{port}"))
            .context("--port-offset leads beyond port 65535")
    };
    let options = HostOptions {
        data_dir: data.path().to_owned(),
        listen: address(PORT)?,
        alertmanager_listen: address(ALERTMANAGER_PORT)?,
        device_heartbeat: Duration::from_secs(1),
        program: std::env::current_exe().ok(),
        ..HostOptions::default()
    };
    let host = Host::start(Origin::Demo, options).await.map_err(with_port_hint)?;
    let [page, alertmanager] = host.addresses();
    print_lines(
        std::io::stdout(),
        &[
            format!("12 simulated boards are running. Look at http://{page}/"),
            format!("Prometheus API http://{page}/api/v1/…, Alertmanager API http://{alertmanager}/api/v2/…"),
            "Within a minute a board overheats, one is unplugged, one runs out of memory, and all recover."
                .to_owned(),
            String::new(),
        ],
    );
    let mut events = tell(&host, args.duration).await?;
    host.stop().await;
    if let Some(report) = &args.report {
        write_report(report, &mut events)?;
    }
    data.remove();
    Ok(ExitCode::SUCCESS)
}

fn with_port_hint(error: anyhow::Error) -> anyhow::Error {
    if format!("{error:#}").contains("cannot listen on") {
        error.context("the demo cannot start; try `bellwether demo --port-offset 100`")
    } else {
        error
    }
}

/// The data folder of a demo: given, or temporary.
#[derive(Debug)]
enum DataDir {
    Given(PathBuf),
    Temporary(PathBuf),
}

impl DataDir {
    fn new(given: Option<PathBuf>) -> anyhow::Result<Self> {
        let Some(given) = given else {
            let name = format!("bellwether-demo-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
            return Ok(Self::Temporary(path));
        };
        Ok(Self::Given(given))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Given(path) | Self::Temporary(path) => path,
        }
    }

    fn remove(self) {
        if let Self::Temporary(path) = self
            && let Err(error) = std::fs::remove_dir_all(&path)
        {
            tracing::warn!(path = %path.display(), error = &error as &dyn std::error::Error, "cannot remove");
        }
    }
}

/// An entry of the report.
#[derive(Debug, Serialize)]
struct ReportEvent {
    t_ms: i64,
    kind: Kind,
    alertname: Option<String>,
    device_id: Option<String>,
    receiver: Option<String>,
    text: String,
}

/// Prints what happens until the time is over or the user has seen enough.
async fn tell(host: &Host, duration: Option<Duration>) -> anyhow::Result<Vec<ReportEvent>> {
    let mut feed = host.journal.follow();
    let started = host.started_at;
    let mut events: Vec<ReportEvent> = Vec::new();
    let mut keep = |entry: Entry| {
        print_lines(std::io::stdout(), &[line(&entry, started)]);
        events.push(ReportEvent {
            t_ms: entry.at.millis_since(started),
            kind: entry.kind,
            alertname: entry.alertname,
            device_id: entry.device_id,
            receiver: entry.receiver,
            text: entry.text,
        });
    };
    // Entries from before the first look at the feed.
    let mut seen = 0;
    for entry in host.journal.newest(usize::MAX).into_iter().rev() {
        seen = entry.seq;
        keep(entry);
    }
    let over = async {
        match duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over);
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            () = &mut over => return Ok(events),
            _ = &mut interrupted => return Ok(events),
            entry = feed.recv() => match entry {
                Ok(entry) if entry.seq > seen => keep(entry),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(events),
            },
        }
    }
}

/// `  17.2 s  ■ firing      DeviceOverheating esp32-03: …`
fn line(entry: &Entry, started: Timestamp) -> String {
    let secs = entry.at.millis_since(started) as f64 / 1000.0;
    let (sign, word) = match entry.kind {
        Kind::Pending => ("·", "pending"),
        Kind::Firing => ("■", "firing"),
        Kind::Resolved => ("✓", "resolved"),
        Kind::Inhibited => ("–", "inhibited"),
        Kind::Silenced => ("–", "silenced"),
        Kind::Acknowledged => ("–", "taken on"),
        Kind::Delivered => ("→", "delivered"),
        Kind::DeliveryFailed => ("✗", "not sent"),
        Kind::DeviceConnected => ("◇", "connected"),
        Kind::DeviceDisconnected => ("◇", "lost"),
        Kind::DeviceEvent => ("◇", "event"),
        Kind::Plugin => ("◇", "plugin"),
        Kind::Reload => ("◇", "config"),
    };
    let words = [&entry.alertname, &entry.device_id];
    let subject: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
    format!("{secs:6.1} s  {sign} {word:<10} {}: {}", subject.join(" "), entry.text)
}

fn write_report(path: &Path, events: &mut [ReportEvent]) -> anyhow::Result<()> {
    // Tasks note what happened beside each other, so neighbours may be swapped.
    events.sort_by_key(|event| event.t_ms);
    let report = serde_json::json!({ "events": events });
    let text = serde_json::to_string_pretty(&report).context("cannot write the report as JSON")?;
    std::fs::write(path, text + "\n").with_context(|| format!("cannot write the report {}", path.display()))
}
