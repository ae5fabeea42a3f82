//! What the command line decides about a host.

use std::path::PathBuf;
use std::time::Duration;

use crate::clock::Clock;

/// Settings that no configuration file holds.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Where samples and state are kept.
    pub data_dir: PathBuf,
    /// Address of Prometheus' API and the page.
    pub listen: String,
    /// Address of Alertmanager's API.
    pub alertmanager_listen: String,
    /// Where people reach the host.
    pub external_url: Option<String>,
    /// For how long no alert is told after the start, as Alertmanager's `--dispatch.start-delay`.
    pub dispatch_start_delay: Duration,
    /// How often the host writes its own metrics about devices.
    pub device_heartbeat: Duration,
    /// This program, to compile plugins in a process of its own; none compiles in this one.
    pub program: Option<PathBuf>,
    /// The time.
    pub clock: Clock,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("bellwether-data"),
            listen: "127.0.0.1:9090".to_owned(),
            alertmanager_listen: "127.0.0.1:9093".to_owned(),
            external_url: None,
            dispatch_start_delay: Duration::ZERO,
            device_heartbeat: Duration::from_secs(5),
            program: None,
            clock: Clock::system(),
        }
    }
}
