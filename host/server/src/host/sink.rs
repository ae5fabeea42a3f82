//! Where samples and notices of devices go, and where every sample is counted.

use std::sync::Arc;

use bellwether_devices::{DeviceNotice, NoticeKind, Sink};
use bellwether_model::query::{AppendError, Appended};
use bellwether_model::{Appender, Record};
use bellwether_storage::Store;
use tracing::{error, warn};

use crate::journal::{Entry, Journal, Kind};
use crate::telemetry::Telemetry;

/// The store, with counters around it.
#[derive(Debug)]
pub(super) struct MeteredAppender {
    store: Arc<Store>,
    telemetry: Arc<Telemetry>,
}

impl MeteredAppender {
    /// Counts what goes into the store.
    pub(super) fn new(store: Arc<Store>, telemetry: Arc<Telemetry>) -> Arc<Self> {
        Arc::new(Self { store, telemetry })
    }
}

impl Appender for MeteredAppender {
    fn append(&self, records: &[Record]) -> Result<Appended, AppendError> {
        let appended = self.store.append(records)?;
        self.telemetry.appended(appended);
        Ok(appended)
    }
}

/// Takes what devices give.
#[derive(Debug)]
pub(super) struct DeviceSink {
    appender: Arc<MeteredAppender>,
    journal: Arc<Journal>,
}

impl DeviceSink {
    /// Samples into the store, notices into the journal.
    pub(super) fn new(appender: Arc<MeteredAppender>, journal: Arc<Journal>) -> Self {
        Self { appender, journal }
    }
}

impl Sink for DeviceSink {
    fn records(&self, records: Vec<Record>) {
        if let Err(error) = self.appender.append(&records) {
            error!(
                samples = records.len(),
                error = &error as &dyn std::error::Error,
                "samples of a device are lost"
            );
        }
    }

    fn event(&self, notice: DeviceNotice) {
        let device_id = notice.device_id;
        let mut severity = None;
        let (kind, text) = match notice.kind {
            NoticeKind::Connected => (Kind::DeviceConnected, "sends data".to_owned()),
            NoticeKind::Disconnected { reason } | NoticeKind::Unreachable { reason } => {
                (Kind::DeviceDisconnected, reason)
            }
            NoticeKind::Silent => (Kind::DeviceDisconnected, "is silent".to_owned()),
            NoticeKind::Event(event) => {
                severity = Some(event.severity.as_str().to_owned());
                (Kind::DeviceEvent, format!("{}: {}", event.kind, event.message))
            }
            NoticeKind::DriverCrashed { error } => {
                warn!(device = device_id, reason = error, "driver crashed");
                (Kind::Plugin, format!("driver crashed: {error}"))
            }
            NoticeKind::DriverRejected { error } => {
                (Kind::Plugin, format!("new driver fails, the old one goes on: {error}"))
            }
            NoticeKind::Quarantined { reason } => {
                warn!(device = device_id, reason, "driver quarantined for a device");
                (Kind::Plugin, format!("driver quarantined: {reason}"))
            }
            NoticeKind::Log(_) | NoticeKind::Identity(_) => return,
        };
        self.journal.note(Entry {
            device_id: Some(device_id),
            severity,
            ..Entry::new(notice.at, kind, text)
        });
    }
}
