//! What the API and the page show of a device.

use std::collections::BTreeMap;

use bellwether_model::Timestamp;
use bellwether_model::device::DeviceIdentity;
use serde::Serialize;

use crate::host_metrics::Counters;

/// How many of the latest lines are kept of each device.
pub const KEPT_LINES: usize = 200;
/// Longest line that is kept, in bytes.
pub const KEPT_LINE_BYTES: usize = 1024;

/// A device as it is now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceStatus {
    /// The device.
    pub id: String,
    /// Its platform.
    pub platform: String,
    /// Name of its driver.
    pub driver: String,
    /// Where it is: `serial:/dev/ttyUSB0`, `tcp://10.0.0.7:9000`, `sim:esp32-01`.
    pub address: String,
    /// The configured labels.
    pub labels: BTreeMap<String, String>,
    /// `up`, `silent`, `absent`, `backoff`, ...: [`crate::lifecycle::State::as_str`].
    pub state: &'static str,
    /// Why it is not up, in words; none while it is.
    pub reason: Option<String>,
    /// Whether good data arrives.
    pub connected: bool,
    /// Since when `connected` is what it is.
    pub since: Timestamp,
    /// The latest good frame.
    pub last_seen: Option<Timestamp>,
    /// Who the device says it is.
    pub identity: Option<DeviceIdentity>,
    /// The latest lines, oldest first; at most [`KEPT_LINES`].
    pub lines: Vec<StatusLine>,
    /// How many series it has.
    pub series: usize,
    /// What was counted since it was configured.
    pub counters: Counters,
}

/// A line that a device wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusLine {
    /// When the host read it.
    pub at: Timestamp,
    /// The text, cut to [`KEPT_LINE_BYTES`].
    pub text: String,
}
