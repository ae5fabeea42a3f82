//! The bodies of the page's endpoints, as `ui/src/contract.ts` has them: times are Unix milliseconds.

use std::collections::BTreeMap;

use bellwether_model::state::Acknowledgement;
use bellwether_model::{Labels, Timestamp};
use serde::Serialize;

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    Info,
    Warning,
    Critical,
}

/// Everything on the Board at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BoardSnapshot {
    pub now: Timestamp,
    pub strip: NowStrip,
    pub alerts: Vec<AlertRow>,
    pub alerts_total: usize,
    pub groups: usize,
    pub last_alert: Option<LastAlert>,
    pub happened: Vec<Happening>,
    pub devices: Vec<DeviceTile>,
    pub add_device: Vec<AddDevice>,
    pub foot: Foot,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LastAlert {
    pub name: String,
    pub fingerprint: String,
    pub resolved_at: Timestamp,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NowStrip {
    pub critical: FiringCount,
    pub warning: FiringCount,
    pub info: FiringCount,
    pub pending: usize,
    pub held_back: HeldBack,
    pub devices: DeviceCount,
    pub delivered: DeliveredCount,
    pub data_to_message_p99_ms: Option<f64>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct FiringCount {
    pub firing: usize,
    pub new: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct HeldBack {
    pub silenced: usize,
    pub inhibited: usize,
    pub muted: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct DeviceCount {
    pub total: usize,
    pub connected: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeliveredCount {
    pub last_hour: usize,
    pub waiting: u64,
    pub failing: usize,
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AlertRow {
    pub fingerprint: String,
    pub name: String,
    pub severity: Severity,
    pub labels: Labels,
    pub summary: String,
    pub description: String,
    pub runbook_url: Option<String>,
    pub state: &'static str,
    pub starts_at: Timestamp,
    pub resolved_at: Option<Timestamp>,
    pub pipeline: Pipeline,
    pub why: Vec<WhyStep>,
    pub value: Option<f64>,
    pub unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<Option<Signal>>,
    pub acknowledgement: Option<Acknowledgement>,
}

/// What a rule's expression looked like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Signal {
    pub query: String,
    pub points: Vec<(Timestamp, Option<f64>)>,
    pub threshold: Option<f64>,
}

/// How far an alert got.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Pipeline {
    Resolved { at: Timestamp, told: Option<bool> },
    Pending { fires_at: Timestamp },
    Silenced { by: Vec<String> },
    Inhibited { by: Vec<InhibitedBy> },
    Muted { by: Vec<String> },
    Unsent { receiver: String },
    Failed { receiver: String, error: String, attempts: u32, next_attempt: Option<Timestamp> },
    Sending { receivers: Vec<String> },
    Sent { receivers: Vec<String>, at: Timestamp, took_ms: u64, repeat_at: Option<Timestamp> },
    Grouping { until: Timestamp, receivers: Vec<String> },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct InhibitedBy {
    pub fingerprint: String,
    pub name: String,
}

/// One step of an alert's way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct WhyStep {
    pub kind: &'static str,
    pub label: String,
    pub text: String,
    pub note: Option<String>,
    pub state: &'static str,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Happening {
    pub id: String,
    pub at: Timestamp,
    pub kind: &'static str,
    pub severity: Severity,
    pub parts: Vec<Part>,
}

/// A piece of a sentence.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Part {
    pub text: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bold: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub href: Option<String>,
}

/// One device on the Board.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceTile {
    pub id: String,
    pub platform: String,
    pub state: &'static str,
    pub since: Timestamp,
    pub last_seen: Option<Timestamp>,
    pub value: Option<f64>,
    pub unit: &'static str,
    pub metric: Option<String>,
    pub spark: Vec<Option<f64>>,
    pub alert: Option<Severity>,
}

/// A way to add a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct AddDevice {
    pub title: &'static str,
    pub command: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Foot {
    pub storage_bytes: u64,
    pub samples: usize,
    pub resident_bytes: u64,
    pub last_rule_tick_ms: Option<f64>,
    pub plugins: PluginCount,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct PluginCount {
    pub total: usize,
    pub healthy: usize,
}

/// A message of the inbox.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InboxMessageJson {
    pub id: String,
    pub at: Timestamp,
    pub receiver: String,
    pub status: &'static str,
    pub severity: Severity,
    pub title: String,
    pub body: String,
    pub reason: serde_json::Value,
    pub group_labels: Labels,
    pub alerts: Vec<InboxAlert>,
    pub truncated_alerts: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InboxAlert {
    pub fingerprint: String,
    pub status: &'static str,
    pub labels: Labels,
    pub annotations: Labels,
    pub starts_at: Timestamp,
    pub ends_at: Option<Timestamp>,
    pub value: Option<f64>,
}

/// Something that went wrong last.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct LastError {
    pub at: Timestamp,
    pub text: String,
}

/// One line of the list of devices.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceRow {
    #[serde(flatten)]
    pub tile: DeviceTile,
    pub address: String,
    pub driver: Option<DriverName>,
    pub model: String,
    pub firmware: String,
    pub labels: BTreeMap<String, String>,
    pub last_error: Option<LastError>,
    pub counters: DeviceCounters,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct DriverName {
    pub name: String,
    pub version: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceCounters {
    pub connects: u64,
    pub frames: u64,
    pub skipped_frames: u64,
    pub bytes: u64,
    pub samples: u64,
}

/// The page of one device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct DeviceDetail {
    #[serde(flatten)]
    pub row: DeviceRow,
    pub identity: Vec<(String, String)>,
    pub lines: Vec<DeviceLine>,
    pub series: Vec<DeviceSeries>,
    pub history: Vec<DeviceSpan>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct DeviceLine {
    pub at: Timestamp,
    pub text: String,
    pub direction: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct DeviceSeries {
    pub name: String,
    pub labels: Labels,
    pub value: Option<f64>,
    pub unit: &'static str,
    pub at: Timestamp,
    pub spark: Vec<Option<f64>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct DeviceSpan {
    pub state: &'static str,
    pub since: Timestamp,
}

/// A plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PluginRow {
    pub name: String,
    pub kind: Option<&'static str>,
    pub version: String,
    pub state: PluginStateJson,
    pub origin: String,
    pub sha256: Option<String>,
    pub grants: Vec<String>,
    pub used_by: Vec<String>,
    pub calls: u64,
    pub errors: u64,
    pub last_error: Option<LastError>,
    pub call_p99_ms: Option<f64>,
    pub memory_bytes: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(super) enum PluginStateJson {
    /// `reached`: found, verified, compiled or described.
    Loading {
        reached: &'static str,
    },
    Ready,
    Active,
    Degraded {
        error: String,
        blamed: String,
    },
    Waiting {
        needs: String,
    },
    Failed {
        error: String,
    },
    Quarantined {
        error: String,
        blamed: String,
        until: Option<Timestamp>,
    },
}

/// The page Status.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusReport {
    pub build: Build,
    pub started_at: Timestamp,
    pub listeners: Vec<ListenerJson>,
    pub data_dir: String,
    pub storage: StorageJson,
    pub resident_bytes: u64,
    pub queues: Vec<QueueJson>,
    pub targets: Vec<TargetJson>,
    pub receivers: Vec<ReceiverJson>,
    pub config: Vec<ConfigJson>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Build {
    pub version: &'static str,
    pub revision: &'static str,
    pub rustc: &'static str,
    pub target: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ListenerJson {
    pub address: String,
    pub serves: &'static str,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StorageJson {
    pub bytes: u64,
    pub samples: usize,
    pub series: usize,
    pub log_bytes: u64,
    pub oldest_sample: Option<Timestamp>,
    pub retention_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct QueueJson {
    pub name: &'static str,
    pub length: u64,
    pub capacity: u64,
    pub dropped: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TargetJson {
    pub job: String,
    pub url: String,
    pub health: &'static str,
    pub last_scrape: Option<Timestamp>,
    pub took_ms: Option<f64>,
    pub samples: u64,
    pub error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReceiverJson {
    pub name: String,
    pub integrations: Vec<String>,
    pub last_delivery: Option<Timestamp>,
    pub last_error: Option<LastError>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigJson {
    pub file: String,
    pub loaded_at: Timestamp,
    pub text: String,
}
