//! What the host itself measures about each configured device, seen or never seen. Pure.
//!
//! Written at every heartbeat and at once on change, so that `device_connection_status == 0` holds for a device
//! that never came, instead of finding nothing.

use std::collections::BTreeMap;

use bellwether_model::device::{DeviceIdentity, Severity};
use bellwether_model::labels::METRIC_NAME;
use bellwether_model::{Labels, Record, Timestamp, stale_nan};

use crate::config::DeviceConfig;
use crate::output::DropReason;

/// 1 while good data arrives, else 0.
pub const CONNECTION_STATUS: &str = "device_connection_status";
/// Unix time of the latest good frame; 0 for never.
pub const LAST_SEEN: &str = "device_last_seen_timestamp_seconds";
/// Connections after the first one.
pub const RECONNECTS: &str = "device_reconnects_total";
/// Attempts that failed.
pub const CONNECT_ERRORS: &str = "device_connect_errors_total";
/// Frames by whether the driver could make sense of them.
pub const FRAMES: &str = "device_frames_total";
/// Bytes read and written.
pub const BYTES: &str = "device_bytes_total";
/// Lines of the device's own log.
pub const LOG_MESSAGES: &str = "device_log_messages_total";
/// Events by kind and severity.
pub const EVENTS: &str = "device_events_total";
/// What drivers gave and the host did not take.
pub const DROPPED: &str = "device_dropped_total";
/// Who the device says it is, as labels; always 1.
pub const INFO: &str = "device_info";

/// All names that belong to the host: no driver may write them.
pub const HOST_METRICS: [&str; 10] = [
    CONNECTION_STATUS,
    LAST_SEEN,
    RECONNECTS,
    CONNECT_ERRORS,
    FRAMES,
    BYTES,
    LOG_MESSAGES,
    EVENTS,
    DROPPED,
    INFO,
];

/// Levels under which log lines are counted; all begin at 0 so that `increase()` sees the first line.
pub const LOG_LEVELS: [&str; 5] = ["error", "warning", "info", "debug", "other"];
/// Most kinds of events that one device may make up; further ones count as `other`.
const MAX_EVENT_KINDS: usize = 64;
/// So often a device may say that it is another one; each time makes a new series.
const MAX_IDENTITIES: usize = 100;
/// Longest text that becomes a label value here, in bytes.
const MAX_VALUE_BYTES: usize = 128;

/// Everything that is counted about a device, for the API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counters {
    /// Frames that the driver made sense of.
    pub frames_ok: u64,
    /// Frames that it, or the framing, could not make sense of.
    pub frames_bad: u64,
    /// Samples taken from its driver.
    pub samples: u64,
    /// Bytes read from the device.
    pub bytes_read: u64,
    /// Bytes written to it.
    pub bytes_written: u64,
    /// Connections after the first one.
    pub reconnects: u64,
    /// Attempts that failed.
    pub connect_errors: u64,
    /// Events.
    pub events: u64,
    /// Lines of its log.
    pub log_messages: u64,
    /// Samples and other things that were dropped.
    pub dropped: u64,
}

/// The host's own series of one device.
#[derive(Debug, Clone)]
pub struct HostMetrics {
    device_id: String,
    platform: String,
    port: String,
    counters: Counters,
    connect_errors: BTreeMap<&'static str, u64>,
    logs: BTreeMap<&'static str, u64>,
    events: BTreeMap<(String, &'static str), u64>,
    dropped: BTreeMap<DropReason, u64>,
    identity: Option<Labels>,
    /// Identities that are no longer true and still have to be ended.
    past_identities: Vec<Labels>,
    identities: usize,
    /// When these series were last written: never twice in one millisecond.
    written_at: Timestamp,
}

impl HostMetrics {
    /// Nothing counted yet.
    pub fn new(device: &DeviceConfig) -> Self {
        Self {
            device_id: device.id.clone(),
            platform: device.platform.clone(),
            port: device.port(),
            counters: Counters::default(),
            connect_errors: BTreeMap::new(),
            logs: LOG_LEVELS.map(|level| (level, 0)).into(),
            events: BTreeMap::new(),
            dropped: BTreeMap::new(),
            identity: None,
            past_identities: Vec::new(),
            identities: 0,
            written_at: Timestamp::MIN,
        }
    }

    /// All counters.
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// When these series were last written.
    pub const fn written_at(&self) -> Timestamp {
        self.written_at
    }

    /// Never writes at or before `at`: another configuration of the same device has written there.
    pub fn continue_after(&mut self, at: Timestamp) {
        self.written_at = self.written_at.max(at);
    }

    /// Makes the counter of a kind of event begin at 0.
    pub fn declare_event(&mut self, kind: &str, severity: Severity) {
        self.add_event(kind, severity, 0);
    }

    /// Counts an event.
    pub fn count_event(&mut self, kind: &str, severity: Severity) {
        self.counters.events += 1;
        self.add_event(kind, severity, 1);
    }

    fn add_event(&mut self, kind: &str, severity: Severity, n: u64) {
        let mut key = (cut(kind).to_owned(), severity.as_str());
        if self.events.len() >= MAX_EVENT_KINDS && !self.events.contains_key(&key) {
            "other".clone_into(&mut key.0);
        }
        *self.events.entry(key).or_default() += n;
    }

    /// Counts a line of log under a level as devices write it: `E`, `error`, `WARN`, ...
    pub fn count_log(&mut self, level: Option<&str>) {
        self.counters.log_messages += 1;
        *self.logs.entry(normal_level(level)).or_default() += 1;
    }

    /// Counts frames.
    pub const fn count_frames(&mut self, ok: u64, bad: u64) {
        self.counters.frames_ok += ok;
        self.counters.frames_bad += bad;
    }

    /// Counts samples that were taken from the driver.
    pub const fn count_samples(&mut self, n: u64) {
        self.counters.samples += n;
    }

    /// Counts bytes.
    pub const fn count_bytes(&mut self, read: u64, written: u64) {
        self.counters.bytes_read += read;
        self.counters.bytes_written += written;
    }

    /// Counts a connection after the first one.
    pub const fn count_reconnect(&mut self) {
        self.counters.reconnects += 1;
    }

    /// Counts an attempt that failed.
    pub fn count_connect_error(&mut self, reason: &'static str) {
        self.counters.connect_errors += 1;
        *self.connect_errors.entry(reason).or_default() += 1;
    }

    /// Counts what was dropped.
    pub fn count_dropped(&mut self, reason: DropReason, n: u64) {
        self.counters.dropped += n;
        *self.dropped.entry(reason).or_default() += n;
    }

    /// Takes over who the device is; after 100 changes `device_info` stays as it is.
    pub fn identify(&mut self, identity: &DeviceIdentity) {
        let extra =
            |name: &str| identity.extras.iter().find(|(have, _)| have == name).map(|(_, v)| v.as_str());
        let facts = [
            ("serial", identity.id.as_deref()),
            ("board", identity.model.as_deref()),
            ("firmware_version", identity.firmware.as_deref()),
            ("chip", extra("chip")),
        ];
        let facts: Vec<_> = facts.iter().filter_map(|(name, v)| v.map(|v| (*name, cut(v)))).collect();
        let labels = self.labels(INFO, &facts);
        if self.identity.as_ref() != Some(&labels) && self.identities < MAX_IDENTITIES {
            self.identities += 1;
            self.past_identities.extend(self.identity.replace(labels));
        }
    }

    /// Everything as it is now.
    pub fn records(&mut self, now: Timestamp, connected: bool, last_seen: Option<Timestamp>) -> Vec<Record> {
        let at = self.next_write(now);
        let last_seen = last_seen.map_or(0.0, Timestamp::as_secs_f64);
        let mut records: Vec<Record> = self
            .series(f64::from(u8::from(connected)), last_seen)
            .into_iter()
            .map(|(labels, value)| Record::new(labels, at, value))
            .collect();
        let past = std::mem::take(&mut self.past_identities);
        records.extend(past.into_iter().map(|labels| Record::new(labels, at, stale_nan())));
        records
    }

    /// Stale markers for everything: the device is no longer configured.
    pub fn end(&mut self, now: Timestamp) -> Vec<Record> {
        let at = self.next_write(now);
        let series = self.series(0.0, 0.0).into_iter();
        series.map(|(labels, _)| Record::new(labels, at, stale_nan())).collect()
    }

    fn next_write(&mut self, now: Timestamp) -> Timestamp {
        self.written_at = now.max(self.written_at.offset_millis(1));
        self.written_at
    }

    fn series(&self, status: f64, last_seen: f64) -> Vec<(Labels, f64)> {
        let c = &self.counters;
        let mut all = vec![
            (self.labels(CONNECTION_STATUS, &[("port", &self.port)]), status),
            (self.labels(LAST_SEEN, &[]), last_seen),
            (self.labels(RECONNECTS, &[]), c.reconnects as f64),
            (self.labels(FRAMES, &[("result", "ok")]), c.frames_ok as f64),
            (self.labels(FRAMES, &[("result", "bad")]), c.frames_bad as f64),
            (self.labels(BYTES, &[("direction", "read")]), c.bytes_read as f64),
            (self.labels(BYTES, &[("direction", "written")]), c.bytes_written as f64),
        ];
        let errors = self.connect_errors.iter();
        all.extend(errors.map(|(reason, n)| (self.labels(CONNECT_ERRORS, &[("reason", reason)]), *n as f64)));
        let logs = self.logs.iter();
        all.extend(logs.map(|(level, n)| (self.labels(LOG_MESSAGES, &[("level", level)]), *n as f64)));
        let dropped = self.dropped.iter();
        all.extend(dropped.map(|(why, n)| (self.labels(DROPPED, &[("reason", why.as_str())]), *n as f64)));
        all.extend(self.events.iter().map(|((kind, severity), n)| {
            (self.labels(EVENTS, &[("kind", kind), ("severity", severity)]), *n as f64)
        }));
        all.extend(self.identity.clone().map(|labels| (labels, 1.0)));
        all
    }

    fn labels(&self, metric: &str, extra: &[(&str, &str)]) -> Labels {
        let own = [(METRIC_NAME, metric), ("device_id", &self.device_id), ("platform", &self.platform)];
        Labels::from_pairs(own.into_iter().chain(extra.iter().copied()))
    }
}

/// The level that a device's word for it means.
pub fn normal_level(level: Option<&str>) -> &'static str {
    let level = level.unwrap_or("").trim().to_ascii_lowercase();
    match level.as_str() {
        "e" | "err" | "error" | "f" | "fatal" | "c" | "crit" | "critical" | "panic" => "error",
        "w" | "wrn" | "warn" | "warning" => "warning",
        "i" | "inf" | "info" | "notice" => "info",
        "d" | "dbg" | "debug" | "v" | "verbose" | "t" | "trace" => "debug",
        _ => "other",
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_VALUE_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::demo_fleet;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn metrics() -> HostMetrics {
        HostMetrics::new(&demo_fleet()[0])
    }

    fn lines(records: &[Record]) -> Vec<String> {
        records.iter().map(|r| format!("{} {}", r.labels, r.sample.value)).collect()
    }

    #[test]
    fn never_seen_device_is_written_as_disconnected() {
        let mut metrics = metrics();
        metrics.declare_event("panic", Severity::Critical);
        let lines = lines(&metrics.records(NOW, false, None));
        let base = r#"device_id="esp32-01", platform="esp32""#;
        for expected in [
            format!(r#"device_connection_status{{{base}, port="sim:esp32-01"}} 0"#),
            format!("device_last_seen_timestamp_seconds{{{base}}} 0"),
            r#"device_events_total{device_id="esp32-01", kind="panic", platform="esp32", severity="critical"} 0"#.to_owned(),
            r#"device_log_messages_total{device_id="esp32-01", level="error", platform="esp32"} 0"#.to_owned(),
        ] {
            assert!(lines.contains(&expected), "{expected} is not in {lines:#?}");
        }
    }

    #[test]
    fn never_writes_twice_in_one_millisecond() {
        let mut metrics = metrics();
        let first = metrics.records(NOW, false, None)[0].sample.at;
        let second = metrics.records(NOW, true, Some(NOW))[0].sample.at;
        assert_eq!(second.millis_since(first), 1);
    }

    #[test]
    fn new_identity_ends_the_old_one() {
        let mut metrics = metrics();
        let version = |v: &str| DeviceIdentity { firmware: Some(v.to_owned()), ..DeviceIdentity::default() };
        let infos = |metrics: &mut HostMetrics| {
            let records = metrics.records(NOW, true, None);
            records.into_iter().filter(|r| r.labels.metric_name() == Some(INFO)).collect::<Vec<_>>()
        };
        metrics.identify(&version("1"));
        metrics.identify(&version("1"));
        assert_eq!(infos(&mut metrics).len(), 1);
        metrics.identify(&version("2"));
        let after = infos(&mut metrics);
        assert_eq!(after.len(), 2);
        assert!(bellwether_model::is_stale(after[1].sample.value));
        assert_eq!(infos(&mut metrics).len(), 1);
    }

    #[test]
    fn made_up_event_kinds_are_limited() {
        let mut metrics = metrics();
        for i in 0..1000 {
            metrics.count_event(&format!("kind{i}"), Severity::Info);
        }
        assert_eq!(metrics.events.len(), MAX_EVENT_KINDS + 1);
        assert_eq!(metrics.events.values().sum::<u64>(), 1000);
    }

    #[test]
    fn levels_of_many_firmwares_are_understood() {
        let cases = [(Some("E"), "error"), (Some("wrn"), "warning"), (Some("INFO"), "info"), (None, "other")];
        for (level, normal) in cases {
            assert_eq!(normal_level(level), normal);
        }
    }
}
