//! What is known of one device, shared between its task, the heartbeat and the API.
//!
//! The lock is held for moments and never over an await or a call of the sink.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bellwether_model::device::{DeviceEvent, DeviceIdentity, DeviceLog, DeviceSample, DriverInfo, Severity};
use bellwether_model::{Record, Timestamp};

use crate::capture::{Capture, Happening};
use crate::config::DeviceConfig;
use crate::host_metrics::HostMetrics;
use crate::lifecycle::State;
use crate::log_rules::LogRules;
use crate::manager::Clock;
use crate::notice::{DeviceNotice, NoticeKind, Sink};
use crate::output::{DropReason, Telemetry, believable};
use crate::recent::Recent;
use crate::status::{DeviceStatus, KEPT_LINE_BYTES, KEPT_LINES, StatusLine};

/// Log lines of one device that are passed on in a second; the rest is only counted.
const LOG_NOTICES_PER_SECOND: u32 = 100;
/// How far host series may be written ahead of the time when much happens at once.
const MAX_WRITE_AHEAD: Duration = Duration::from_millis(100);
/// Lines that go out with an event that has no attachment of its own: what led to it.
const FLIGHT_RECORDER_LINES: usize = 20;

/// One device, as far as others may see it.
pub(crate) struct Monitor {
    pub(crate) config: Arc<DeviceConfig>,
    pub(crate) clock: Clock,
    sink: Arc<dyn Sink>,
    inner: Mutex<Inner>,
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Monitor").field("device", &self.config.id).finish_non_exhaustive()
    }
}

struct Inner {
    metrics: HostMetrics,
    telemetry: Telemetry,
    log_rules: Arc<LogRules>,
    state: State,
    reason: Option<String>,
    connected: bool,
    since: Timestamp,
    last_seen: Option<Timestamp>,
    opened_before: bool,
    identity: Option<DeviceIdentity>,
    lines: VecDeque<StatusLine>,
    log_window: (Timestamp, u32),
    recent: Recent,
    /// Events that the sink has not seen as counters yet.
    unwritten: bool,
}

impl Monitor {
    pub(crate) fn new(
        config: Arc<DeviceConfig>,
        log_rules: Arc<LogRules>,
        sink: Arc<dyn Sink>,
        clock: Clock,
    ) -> Self {
        let now = clock();
        let inner = Inner {
            metrics: HostMetrics::new(&config),
            telemetry: Telemetry::new(&config),
            log_rules,
            state: State::Disabled,
            reason: None,
            connected: false,
            since: now,
            last_seen: None,
            opened_before: false,
            identity: None,
            lines: VecDeque::new(),
            log_window: (now, 0),
            recent: Recent::new(Arc::clone(&config), now),
            unwritten: false,
        };
        let monitor = Self { config, clock, sink, inner: Mutex::new(inner) };
        monitor.declare_log_rules();
        monitor
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is complete in itself, so what a panicking holder left is usable.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(crate) fn log_rules(&self) -> Arc<LogRules> {
        Arc::clone(&self.lock().log_rules)
    }

    pub(crate) fn replace_log_rules(&self, rules: Arc<LogRules>) {
        self.lock().log_rules = rules;
        self.declare_log_rules();
    }

    fn declare_log_rules(&self) {
        let mut inner = self.lock();
        let rules = Arc::clone(&inner.log_rules);
        for (kind, severity) in rules.kinds() {
            inner.metrics.declare_event(kind, severity);
        }
    }

    pub(crate) fn declare_driver(&self, info: &DriverInfo) {
        let mut inner = self.lock();
        for event in &info.events {
            inner.metrics.declare_event(&event.kind, event.severity);
        }
    }

    /// The host's own series of this device as they are now; none of a device that is not wanted.
    pub(crate) fn heartbeat(&self) -> Vec<Record> {
        if !self.config.enabled {
            return Vec::new();
        }
        let now = self.now();
        let inner = &mut *self.lock();
        inner.unwritten = false;
        inner.metrics.records(now, inner.connected, inner.last_seen)
    }

    fn publish(&self) {
        self.sink.records(self.heartbeat());
    }

    /// Writes counters that a rule may be waiting for, after events. A flood of events is thinned out: two writes in
    /// one millisecond move the second one ahead, and that must not add up.
    pub(crate) fn publish_events(&self) {
        let latest = self.now() + MAX_WRITE_AHEAD;
        let wanted = {
            let inner = self.lock();
            inner.unwritten && inner.metrics.written_at() < latest
        };
        if wanted {
            self.publish();
        }
    }

    pub(crate) fn notice(&self, kind: NoticeKind) {
        let at = self.now();
        self.notice_at(at, kind);
    }

    fn notice_at(&self, at: Timestamp, kind: NoticeKind) {
        self.sink.event(DeviceNotice { device_id: self.config.id.clone(), at, kind });
    }

    pub(crate) fn entered(&self, state: State) {
        self.lock().state = state;
    }

    /// Why the connection is not, or no longer, there.
    pub(crate) fn because(&self, reason: &str) {
        self.lock().reason = Some(reason.to_owned());
    }

    pub(crate) fn reason(&self) -> String {
        self.lock().reason.clone().unwrap_or_default()
    }

    /// Sets the connection status and writes it at once.
    pub(crate) fn set_connected(&self, connected: bool) {
        let now = self.now();
        {
            let mut inner = self.lock();
            if inner.connected != connected {
                inner.connected = connected;
                inner.since = now;
            }
            if connected {
                inner.reason = None;
            }
        }
        self.publish();
    }

    /// Not connected, without telling: for a task that begins anew.
    pub(crate) fn forget_connection(&self) {
        self.lock().connected = false;
    }

    pub(crate) fn opened(&self) {
        let now = self.now();
        let mut inner = self.lock();
        inner.recent.opened(now);
        if std::mem::replace(&mut inner.opened_before, true) {
            inner.metrics.count_reconnect();
        }
    }

    pub(crate) fn count_connect_error(&self, reason: &'static str) {
        self.lock().metrics.count_connect_error(reason);
    }

    /// Counts and remembers what was read.
    pub(crate) fn received(&self, at: Timestamp, bytes: &[u8]) {
        let mut inner = self.lock();
        inner.metrics.count_bytes(bytes.len() as u64, 0);
        inner.recent.push(at, Happening::Received(bytes.to_vec()));
    }

    /// Counts and remembers what was written.
    pub(crate) fn sent(&self, bytes: Vec<u8>) {
        let now = self.now();
        let mut inner = self.lock();
        inner.metrics.count_bytes(0, bytes.len() as u64);
        inner.recent.push(now, Happening::Sent(bytes));
    }

    pub(crate) fn closed(&self, reason: &str) {
        let now = self.now();
        self.lock().recent.push(now, Happening::Close { reason: reason.to_owned() });
    }

    /// The latest bytes of the latest connection.
    pub(crate) fn capture(&self) -> Capture {
        self.lock().recent.capture()
    }

    pub(crate) fn count_frames(&self, ok: u64, bad: u64, last_good: Option<Timestamp>) {
        let mut inner = self.lock();
        inner.metrics.count_frames(ok, bad);
        inner.last_seen = inner.last_seen.max(last_good);
    }

    pub(crate) fn count_dropped(&self, reason: DropReason, n: u64) {
        self.lock().metrics.count_dropped(reason, n);
    }

    /// Keeps a line for the page and for what goes out with an event.
    pub(crate) fn keep_line(&self, at: Timestamp, text: &str) {
        let text = text[..text.floor_char_boundary(KEPT_LINE_BYTES)].to_owned();
        let mut inner = self.lock();
        if inner.lines.len() == KEPT_LINES {
            inner.lines.pop_front();
        }
        inner.lines.push_back(StatusLine { at, text });
    }

    pub(crate) fn store(&self, samples: Vec<DeviceSample>, at: Timestamp) {
        if samples.is_empty() {
            return;
        }
        let records = {
            let mut inner = self.lock();
            let applied = inner.telemetry.apply(samples, at);
            for (reason, n) in applied.dropped {
                inner.metrics.count_dropped(reason, n);
            }
            inner.metrics.count_samples(applied.records.len() as u64);
            applied.records
        };
        if !records.is_empty() {
            self.sink.records(records);
        }
    }

    /// Counts an event and passes it on; [`Self::publish_events`] then writes the counter.
    pub(crate) fn event(&self, mut event: DeviceEvent, at: Timestamp) {
        {
            let mut inner = self.lock();
            inner.metrics.count_event(&event.kind, event.severity);
            inner.unwritten = true;
            if event.attachment.is_none() && event.severity != Severity::Info {
                event.attachment = inner.flight_recorder();
            }
        }
        let at = believable(event.at, at).unwrap_or(at);
        self.notice_at(at, NoticeKind::Event(event));
    }

    pub(crate) fn log(&self, log: DeviceLog, at: Timestamp) {
        let pass = {
            let mut inner = self.lock();
            inner.metrics.count_log(log.level.as_deref());
            inner.may_pass_log(at)
        };
        if pass {
            let at = believable(log.at, at).unwrap_or(at);
            self.notice_at(at, NoticeKind::Log(log));
        }
    }

    pub(crate) fn identify(&self, identity: DeviceIdentity) {
        {
            let mut inner = self.lock();
            if inner.identity.as_ref() == Some(&identity) {
                return;
            }
            inner.metrics.identify(&identity);
            inner.unwritten = true;
            inner.identity = Some(identity.clone());
        }
        self.notice(NoticeKind::Identity(identity));
    }

    /// Ends the series that the driver produced.
    pub(crate) fn end_telemetry(&self) {
        let now = self.now();
        let ended = self.lock().telemetry.end(now);
        if !ended.is_empty() {
            self.sink.records(ended);
        }
    }

    /// Ends the host's own series too: the device is no longer configured.
    pub(crate) fn end_host_metrics(&self) {
        if self.config.enabled {
            let now = self.now();
            let ended = self.lock().metrics.end(now);
            self.sink.records(ended);
        }
    }

    /// Goes on where another configuration of the same device stopped.
    pub(crate) fn continue_after(&self, previous: &Self) {
        let written_at = previous.lock().metrics.written_at();
        self.lock().metrics.continue_after(written_at);
    }

    pub(crate) fn status(&self) -> DeviceStatus {
        let inner = self.lock();
        DeviceStatus {
            id: self.config.id.clone(),
            platform: self.config.platform.clone(),
            driver: self.config.driver.clone(),
            address: self.config.address(),
            labels: self.config.labels.clone(),
            state: inner.state.as_str(),
            reason: inner.reason.clone(),
            connected: inner.connected,
            since: inner.since,
            last_seen: inner.last_seen,
            identity: inner.identity.clone(),
            lines: inner.lines.iter().cloned().collect(),
            series: inner.telemetry.series_count(),
            counters: inner.metrics.counters(),
        }
    }
}

impl Inner {
    fn flight_recorder(&self) -> Option<String> {
        let from = self.lines.len().saturating_sub(FLIGHT_RECORDER_LINES);
        let lines: Vec<&str> = self.lines.iter().skip(from).map(|line| line.text.as_str()).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn may_pass_log(&mut self, at: Timestamp) -> bool {
        let (began, passed) = self.log_window;
        if at < began || at.since(began) >= Duration::from_secs(1) {
            self.log_window = (at, 1);
            return true;
        }
        self.log_window.1 = passed.saturating_add(1);
        passed < LOG_NOTICES_PER_SECOND
    }
}
