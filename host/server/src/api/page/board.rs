//! `/board`: everything on the Board at one moment.

use std::cell::LazyCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bellwether_alerting::route::RouteTree;
use bellwether_alerting::view::AlertView;
use bellwether_model::state::DurableState;
use bellwether_model::{Fingerprint, Labels, Timestamp};
use bellwether_promql::Signal as RuleSignal;
use bellwether_rules::{ActiveAlert, Group, Rule, RuleAlertState, RuleKind};

use super::contract::{
    AddDevice, AlertRow, BoardSnapshot, DeliveredCount, DeviceCount, FiringCount, Foot, LastAlert, NowStrip,
    Pipeline, PluginCount, Severity,
};
use super::feed::BoardFeed;
use super::pipeline::{self, Resolved, RuleOrigin};
use super::signals::Budget;
use super::{devices, error, words};
use crate::clock::stopwatch;
use crate::delivery::Ledger;
use crate::evaluation::{lock, with_external_labels};
use crate::host::Host;
use crate::journal::{Entry, Kind};

/// Alerts of one snapshot at most; the most severe and newest are kept.
const MAX_ALERTS: usize = 10_000;
/// Alerts that get a signal; the page shows these first.
const MAX_SIGNALS: usize = 200;
/// Entries of what happened.
const MAX_HAPPENED: usize = 100;
/// How long a resolved alert stays on the Board.
const SHOW_RESOLVED: Duration = Duration::from_secs(60);
/// An alert that began to fire within this time is new.
const NEW: Duration = Duration::from_secs(300);

const ADD_DEVICE: [AddDevice; 3] = [
    AddDevice {
        title: "A board on a serial port",
        command: "printf 'devices:\\n  - {id: board-1, platform: esp32, driver: jsonl, transport: {serial: {path: \
                  /dev/ttyUSB0, baud: 115200}}}\\n' > bellwether.yaml && bellwether serve --config bellwether.yaml",
    },
    AddDevice {
        title: "A board or gateway on the network",
        command: "printf 'devices:\\n  - {id: board-1, platform: rp2040, driver: kv, transport: {tcp: {connect: \
                  \"10.0.0.7:9000\"}}}\\n' > bellwether.yaml && bellwether serve --config bellwether.yaml",
    },
    AddDevice { title: "A simulated fleet, to look around", command: "bellwether demo" },
];

/// The snapshot for whoever asks once; the stream sends the same.
pub(super) async fn board(
    State(host): State<Arc<Host>>,
    Extension(feed): Extension<Arc<BoardFeed>>,
) -> Response {
    match feed.newest(&host).await {
        Some(frame) => ([(header::CONTENT_TYPE, "application/json")], frame.json.to_string()).into_response(),
        None => error(StatusCode::SERVICE_UNAVAILABLE, "the host is stopping"),
    }
}

/// The alerts that the Board is made of. None: the host is stopping.
pub(super) async fn views(host: &Host) -> Option<Vec<AlertView>> {
    host.routing.read(|dispatcher, now| dispatcher.alert_views(now)).await
}

/// What a rule knows of one of its alerts.
struct RuleAlert {
    alert: ActiveAlert,
    origin: RuleOrigin,
    signal: Option<RuleSignal>,
    metric: String,
}

/// The Board as it is now. Blocks while it reads rules, samples and state.
pub(super) fn build(host: &Host, views: &[AlertView]) -> BoardSnapshot {
    let now = host.clock.now();
    let rule_alerts = rule_alerts(host);
    let entries = host.journal.newest(usize::MAX);
    let rows = rows(host, views, &rule_alerts, &entries, now);
    let device_alerts = worst_by_device(&rows);
    let sparks = devices::main_sparks(host, now);
    let statuses = host.devices.snapshot();
    let mut tiles: Vec<_> =
        statuses.iter().map(|device| devices::tile(device, &sparks, &device_alerts)).collect();
    tiles.sort_by(|a, b| a.id.cmp(&b.id));
    let groups: HashSet<&str> =
        views.iter().flat_map(|view| view.stages.iter().map(|stage| stage.group_key.as_str())).collect();
    let strip = NowStrip {
        devices: DeviceCount {
            total: tiles.len(),
            connected: tiles.iter().filter(|tile| tile.state == "connected").count(),
        },
        ..strip(host, &rows, &groups, now)
    };
    BoardSnapshot {
        now,
        strip,
        alerts_total: rows.len(),
        alerts: limited(rows),
        groups: groups.len(),
        last_alert: last_alert(&entries),
        happened: entries.iter().take(MAX_HAPPENED).map(words::happening).collect(),
        add_device: if tiles.is_empty() { ADD_DEVICE.to_vec() } else { Vec::new() },
        devices: tiles,
        foot: foot(host),
    }
}

fn rule_alerts(host: &Host) -> HashMap<Fingerprint, RuleAlert> {
    let groups = host.rules.groups();
    let config = host.config();
    let mut found = HashMap::new();
    for group in &groups {
        let group = lock(group);
        for rule in &group.rules {
            found.extend(alerts_of(&group, rule, &config.external_labels));
        }
    }
    found
}

/// The alerts of a rule by the fingerprints that routing knows them by, which count the labels of this host.
fn alerts_of(group: &Group, rule: &Rule, external: &Labels) -> Vec<(Fingerprint, RuleAlert)> {
    let RuleKind::Alerting(alerting) = &rule.kind else {
        return Vec::new();
    };
    let signal = rule.query().signal();
    let metric = rule.query().selectors().next().and_then(metric_of).unwrap_or_default();
    let origin = RuleOrigin { group: group.spec.name.clone(), hold: alerting.holds.hold };
    let of = |alert: &ActiveAlert| {
        let mut alert = alert.clone();
        alert.labels = with_external_labels(&alert.labels, external);
        RuleAlert { alert, origin: origin.clone(), signal: signal.clone(), metric: metric.clone() }
    };
    let alerts = alerting.alerts().into_iter().map(of);
    alerts.map(|rule| (rule.alert.labels.fingerprint(), rule)).collect()
}

fn metric_of(matchers: &[bellwether_model::Matcher]) -> Option<String> {
    matchers.iter().find(|matcher| matcher.name() == "__name__").map(|matcher| matcher.value().to_owned())
}

fn rows(
    host: &Host,
    views: &[AlertView],
    rule_alerts: &HashMap<Fingerprint, RuleAlert>,
    entries: &[Entry],
    now: Timestamp,
) -> Vec<AlertRow> {
    let names = views.iter().map(|view| (view.alert.fingerprint(), view.alert.name().to_owned())).collect();
    let mut rows: Vec<AlertRow> = views
        .iter()
        .map(|view| {
            let rule = rule_alerts.get(&view.alert.fingerprint());
            let pipeline = pipeline::of_firing(view, &host.ledger, &names);
            let why = pipeline::why(rule.map(|rule| &rule.origin), Some(view), &host.ledger);
            let firing = row(&view.alert.labels, &view.alert.annotations, "firing", view.alert.starts_at);
            let acknowledgement = view.acknowledgement.clone();
            AlertRow { pipeline, why, value: view.alert.value, acknowledgement, ..firing }
        })
        .collect();
    let routed: HashSet<Fingerprint> = views.iter().map(|view| view.alert.fingerprint()).collect();
    let unrouted = rule_alerts.iter().filter(|(fingerprint, _)| !routed.contains(fingerprint));
    let routes = LazyCell::new(|| RouteTree::new(&host.config().alerting));
    let resolved = |alert: Resolved, labels: &Labels| {
        let groups = group_keys(&routes, labels);
        pipeline::of_resolved(&alert, &groups, &host.ledger, entries)
    };
    rows.extend(unrouted.filter_map(|(_, rule)| unrouted_row(rule, resolved, &host.ledger, now)));
    rows.sort_by(|a, b| {
        (b.severity, b.starts_at, &a.fingerprint).cmp(&(a.severity, a.starts_at, &b.fingerprint))
    });
    for row in rows.iter_mut() {
        row.value = row.value.filter(|value| value.is_finite());
    }
    add_signals(host, &mut rows, rule_alerts, now);
    rows
}

/// Alerts that only their rule knows: pending ones, and those that were resolved a moment ago.
fn unrouted_row(
    rule: &RuleAlert,
    resolved: impl Fn(Resolved, &Labels) -> Pipeline,
    ledger: &Ledger,
    now: Timestamp,
) -> Option<AlertRow> {
    let alert = &rule.alert;
    let (state, since, pipeline) = match alert.state {
        RuleAlertState::Pending { active_at } => {
            let fires_at = pipeline::fires_at(active_at, rule.origin.hold);
            ("pending", active_at, Pipeline::Pending { fires_at })
        }
        RuleAlertState::Resolved { fired_at, resolved_at, .. } if now.since(resolved_at) < SHOW_RESOLVED => {
            let over = Resolved { fingerprint: alert.labels.fingerprint(), fired_at, resolved_at };
            ("resolved", fired_at, resolved(over, &alert.labels))
        }
        // Routing has not seen it yet, or the alert is long over.
        RuleAlertState::Firing { .. } | RuleAlertState::Resolved { .. } => return None,
    };
    let resolved_at = match pipeline {
        Pipeline::Resolved { at, .. } => Some(at),
        _ => None,
    };
    let why = pipeline::why(Some(&rule.origin), None, ledger);
    let plain = row(&alert.labels, &alert.annotations, state, since);
    Some(AlertRow { resolved_at, pipeline, why, value: Some(alert.value), ..plain })
}

/// The groups that an alert with these labels comes into.
fn group_keys(routes: &RouteTree, labels: &Labels) -> Vec<String> {
    let matching = routes.matching(labels).into_iter().map(|id| routes.route(id));
    matching.map(|route| route.group_key(&route.group_labels(labels))).collect()
}

fn row(labels: &Labels, annotations: &Labels, state: &'static str, starts_at: Timestamp) -> AlertRow {
    let text = |name: &str| annotations.value(name).to_owned();
    let summary = if annotations.get("summary").is_some() { text("summary") } else { text("description") };
    let runbook = annotations
        .get("runbook_url")
        .filter(|url| url.starts_with("http://") || url.starts_with("https://"));
    AlertRow {
        fingerprint: labels.fingerprint().to_string(),
        name: labels.value("alertname").to_owned(),
        severity: words::severity(labels.get("severity")),
        labels: labels.clone(),
        summary,
        description: text("description"),
        runbook_url: runbook.map(str::to_owned),
        state,
        starts_at,
        resolved_at: None,
        pipeline: Pipeline::Pending { fires_at: starts_at },
        why: Vec::new(),
        value: None,
        unit: "",
        signal: None,
        acknowledgement: None,
    }
}

fn add_signals(
    host: &Host,
    rows: &mut [AlertRow],
    rule_alerts: &HashMap<Fingerprint, RuleAlert>,
    now: Timestamp,
) {
    let stopwatch = stopwatch();
    let budget = Budget::new(&stopwatch);
    for row in rows.iter_mut().take(MAX_SIGNALS) {
        let rule = rule_alerts.get(&row.labels.fingerprint());
        row.unit = rule.map_or("", |rule| words::unit(&rule.metric));
        let signal = rule.and_then(|rule| rule.signal.as_ref());
        row.signal =
            Some(signal.and_then(|signal| host.signals.of_alert(host, signal, &row.labels, now, &budget)));
    }
}

fn limited(mut rows: Vec<AlertRow>) -> Vec<AlertRow> {
    rows.truncate(MAX_ALERTS);
    rows
}

fn worst_by_device(rows: &[AlertRow]) -> HashMap<String, Severity> {
    let mut worst = HashMap::new();
    for row in rows.iter().filter(|row| row.state == "firing") {
        if let Some(device) = row.labels.get("device_id") {
            let entry = worst.entry(device.to_owned()).or_insert(row.severity);
            *entry = row.severity.max(*entry);
        }
    }
    worst
}

fn strip(host: &Host, rows: &[AlertRow], groups: &HashSet<&str>, now: Timestamp) -> NowStrip {
    let mut strip = NowStrip::default();
    for row in rows {
        match (&row.pipeline, row.state) {
            (_, "pending") => strip.pending += 1,
            (Pipeline::Silenced { .. }, _) => strip.held_back.silenced += 1,
            (Pipeline::Inhibited { .. }, _) => strip.held_back.inhibited += 1,
            (Pipeline::Muted { .. }, _) => strip.held_back.muted += 1,
            (_, "firing") => count(&mut strip, row, now),
            _ => {}
        }
    }
    let (last_hour, p99) = host.ledger.last_hour(now);
    let waiting = host.state.pending_deliveries().map_or(0, |(waiting, _)| waiting);
    let failing = pipeline::failing_messages(groups.iter().copied(), &host.ledger);
    strip.delivered = DeliveredCount { last_hour, waiting, failing };
    strip.data_to_message_p99_ms = p99.map(|took| took.as_secs_f64() * 1000.0);
    strip
}

fn count(strip: &mut NowStrip, row: &AlertRow, now: Timestamp) {
    let count: &mut FiringCount = match row.severity {
        Severity::Critical => &mut strip.critical,
        Severity::Warning => &mut strip.warning,
        Severity::Info => &mut strip.info,
    };
    count.firing += 1;
    count.new += usize::from(now.since(row.starts_at) < NEW);
}

fn last_alert(newest_first: &[Entry]) -> Option<LastAlert> {
    let entry = newest_first.iter().find(|entry| entry.kind == Kind::Resolved)?;
    Some(LastAlert {
        name: entry.alertname.clone().unwrap_or_default(),
        fingerprint: entry.fingerprint.map(|fingerprint| fingerprint.to_string()).unwrap_or_default(),
        resolved_at: entry.at,
    })
}

fn foot(host: &Host) -> Foot {
    let stats = host.store.stats();
    let tick = host.telemetry.last_rule_tick();
    let plugins = host.plugins.status();
    Foot {
        storage_bytes: stats.log_bytes,
        samples: stats.head.samples,
        resident_bytes: crate::telemetry::resident_bytes(),
        last_rule_tick_ms: (!tick.is_zero()).then_some(tick.as_secs_f64() * 1000.0),
        plugins: PluginCount {
            total: plugins.len(),
            healthy: plugins.iter().filter(|plugin| super::plugins::is_healthy(plugin)).count(),
        },
    }
}
