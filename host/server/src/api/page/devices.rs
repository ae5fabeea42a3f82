//! `/devices`: boards as the page shows them.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bellwether_devices::DeviceStatus;
use bellwether_model::device::Driver;
use bellwether_model::{Matcher, Timestamp};

use super::contract::{
    DeviceCounters, DeviceDetail, DeviceLine, DeviceRow, DeviceSeries, DeviceSpan, DeviceTile, DriverName,
    LastError, Severity,
};
use super::signals::{Spark, sparks};
use super::{error, words};
use crate::api::prometheus::json;
use crate::host::Host;
use crate::journal::{Entry, Kind};

/// Metrics that stand for a device, the first one that it has.
const MAIN_METRICS: [&str; 4] = [
    "device_temperature_celsius",
    "model_tokens_per_second",
    "device_cpu_utilization_percent",
    "device_power_consumption_mw",
];
/// Lines shown of one device.
const MAX_LINES: usize = 50;
/// The longest line that is shown, in characters.
const MAX_LINE_CHARS: usize = 512;
/// Series shown of one device.
const MAX_SERIES: usize = 200;
/// Entries of the journal that a device's history is read from.
const HISTORY_ENTRIES: usize = 500;

/// What the journal says of a device that is connected but sends nothing.
const SILENT: &str = "is silent";

/// All devices.
pub(super) async fn list(State(host): State<Arc<Host>>) -> Response {
    let rows = tokio::task::spawn_blocking(move || {
        let now = host.clock.now();
        let alerts = HashMap::new();
        let sparks = main_sparks(&host, now);
        let devices = host.devices.snapshot();
        let mut rows: Vec<_> = devices.iter().map(|device| row(&host, device, &sparks, &alerts)).collect();
        rows.sort_by(|a, b| a.tile.id.cmp(&b.tile.id));
        rows
    });
    match rows.await {
        Ok(rows) => json(StatusCode::OK, &rows),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "the devices cannot be read; see the log"),
    }
}

/// One device.
pub(super) async fn one(State(host): State<Arc<Host>>, Path(id): Path<String>) -> Response {
    let detail = tokio::task::spawn_blocking(move || {
        let device = host.devices.device(&id)?;
        Some(detail(&host, &device, host.clock.now()))
    });
    match detail.await {
        Ok(Some(detail)) => json(StatusCode::OK, &detail),
        Ok(None) => error(StatusCode::NOT_FOUND, "no such device"),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "the device cannot be read; see the log"),
    }
}

/// The latest bytes of a device's connection, as a recording that drivers are tested with.
pub(super) async fn capture(State(host): State<Arc<Host>>, Path(id): Path<String>) -> Response {
    match host.devices.capture(&id) {
        Some(capture) => {
            let headers = [(CONTENT_TYPE, "application/x-ndjson"), (CACHE_CONTROL, "no-store")];
            (headers, capture.print()).into_response()
        }
        None => error(StatusCode::NOT_FOUND, "no such device"),
    }
}

/// The sparks of the metrics that stand for devices, by device and metric.
pub(super) type MainSparks = HashMap<(String, &'static str), Spark>;

/// Reads the sparks of all devices at once.
pub(super) fn main_sparks(host: &Host, now: Timestamp) -> MainSparks {
    let mut found = MainSparks::new();
    for metric in MAIN_METRICS {
        for spark in sparks(host, &[Matcher::equal("__name__", metric)], now) {
            if let Some(id) = spark.labels.get("device_id") {
                found.entry((id.to_owned(), metric)).or_insert(spark);
            }
        }
    }
    found
}

/// A device on the Board.
pub(super) fn tile(
    device: &DeviceStatus,
    sparks: &MainSparks,
    alerts: &HashMap<String, Severity>,
) -> DeviceTile {
    let main =
        MAIN_METRICS.iter().find_map(|metric| Some((metric, sparks.get(&(device.id.clone(), *metric))?)));
    DeviceTile {
        id: device.id.clone(),
        platform: device.platform.clone(),
        state: state_of(device),
        since: device.since,
        last_seen: device.last_seen,
        value: main.map(|(_, spark)| spark.last.value).filter(|value| value.is_finite()),
        unit: main.map_or("", |(metric, _)| words::unit(metric)),
        metric: main.map(|(metric, _)| (*metric).to_owned()),
        spark: main.map(|(_, spark)| spark.points.clone()).unwrap_or_default(),
        alert: alerts.get(&device.id).copied(),
    }
}

fn state_of(device: &DeviceStatus) -> &'static str {
    match device.state {
        _ if device.connected => "connected",
        "silent" => "silent",
        "quarantined" => "quarantined",
        _ if device.last_seen.is_none() => "never-seen",
        _ => "gone",
    }
}

fn row(
    host: &Host,
    device: &DeviceStatus,
    sparks: &MainSparks,
    alerts: &HashMap<String, Severity>,
) -> DeviceRow {
    let identity = device.identity.clone().unwrap_or_default();
    let version = host.plugins.driver(&device.driver).ok().map(|driver| driver.info().version.clone());
    DeviceRow {
        tile: tile(device, sparks, alerts),
        address: device.address.clone(),
        driver: version.map(|version| DriverName { name: device.driver.clone(), version }),
        model: identity.model.unwrap_or_default(),
        firmware: identity.firmware.unwrap_or_default(),
        labels: device.labels.clone(),
        last_error: device.reason.clone().map(|text| LastError { at: device.since, text }),
        counters: DeviceCounters {
            connects: device.counters.reconnects + u64::from(device.last_seen.is_some()),
            frames: device.counters.frames_ok,
            skipped_frames: device.counters.frames_bad,
            bytes: device.counters.bytes_read,
            samples: device.counters.samples,
        },
    }
}

fn detail(host: &Host, device: &DeviceStatus, now: Timestamp) -> DeviceDetail {
    let own = sparks(host, &[Matcher::equal("device_id", device.id.as_str())], now);
    let identity = device.identity.clone().unwrap_or_default();
    let id = identity.id.map(|id| ("id".to_owned(), id));
    let lines = device.lines.iter().rev().take(MAX_LINES).rev();
    DeviceDetail {
        row: row(host, device, &main_sparks(host, now), &HashMap::new()),
        identity: id.into_iter().chain(identity.extras).collect(),
        lines: lines
            .map(|line| DeviceLine {
                at: line.at,
                text: line.text.chars().take(MAX_LINE_CHARS).collect(),
                direction: "in",
            })
            .collect(),
        series: own.into_iter().take(MAX_SERIES).map(series).collect(),
        history: history(host, device),
    }
}

fn series(spark: Spark) -> DeviceSeries {
    let name = spark.labels.metric_name().unwrap_or("").to_owned();
    DeviceSeries {
        unit: words::unit(&name),
        labels: spark.labels.without_metric_name(),
        value: spark.last.value.is_finite().then_some(spark.last.value),
        at: spark.last.at,
        spark: spark.points,
        name,
    }
}

/// When the device was in which state, as far as the journal goes back.
fn history(host: &Host, device: &DeviceStatus) -> Vec<DeviceSpan> {
    let mut spans = spans(&host.journal.newest(HISTORY_ENTRIES), &device.id);
    let state = state_of(device);
    if spans.last().is_none_or(|last| last.state != state) {
        spans.push(DeviceSpan { state, since: device.since });
    }
    spans
}

/// The states of a device in a journal's entries, which come newest first.
fn spans(entries: &[Entry], id: &str) -> Vec<DeviceSpan> {
    let own = entries.iter().rev().filter(|entry| entry.device_id.as_deref() == Some(id));
    let spans = own.filter_map(|entry| {
        let state = match entry.kind {
            Kind::DeviceConnected => "connected",
            Kind::DeviceDisconnected if entry.text == SILENT => "silent",
            Kind::DeviceDisconnected => "gone",
            _ => return None,
        };
        Some(DeviceSpan { state, since: entry.at })
    });
    spans.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_device_is_not_gone() {
        let entry = |at_ms, kind, text| Entry {
            device_id: Some("board-1".to_owned()),
            ..Entry::new(Timestamp::from_millis(at_ms), kind, text)
        };
        let newest_first = [
            entry(3, Kind::DeviceDisconnected, "connection refused"),
            entry(2, Kind::DeviceDisconnected, "is silent"),
            Entry { device_id: None, ..entry(1, Kind::DeviceDisconnected, "of another") },
            entry(1, Kind::DeviceConnected, "sends data"),
        ];
        let states: Vec<_> = spans(&newest_first, "board-1").iter().map(|span| span.state).collect();
        assert_eq!(states, ["connected", "silent", "gone"]);
    }
}
