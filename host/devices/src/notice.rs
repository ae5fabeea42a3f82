//! What a device tells the rest of the host: samples, and notices for people.

use bellwether_model::device::{DeviceEvent, DeviceIdentity, DeviceLog};
use bellwether_model::{Record, Timestamp};
use serde::Serialize;

/// Where samples and notices go. Called from the tasks of all devices, so it must not block for long.
pub trait Sink: Send + Sync + 'static {
    /// Samples to be stored. Of one series they come in order of time.
    fn records(&self, records: Vec<Record>);

    /// Something worth showing.
    fn event(&self, notice: DeviceNotice);
}

/// Something that happened to a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceNotice {
    /// Which device.
    pub device_id: String,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: NoticeKind,
}

/// What happened to a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum NoticeKind {
    /// Good data arrives, for the first time on this connection or again after silence.
    Connected,
    /// The connection ended.
    Disconnected {
        /// Why, in words.
        reason: String,
    },
    /// The first attempt to connect since the start failed; later ones are only counted.
    Unreachable {
        /// Why, in words.
        reason: String,
    },
    /// The connection stands but nothing good came for `silence_timeout`.
    Silent,
    /// The device, or a log rule, reported an event.
    Event(DeviceEvent),
    /// The device wrote a line of log that its driver understood. At most
    /// 100 of them pass in a second; all are counted.
    Log(DeviceLog),
    /// The device said who it is, and that is new.
    Identity(DeviceIdentity),
    /// The driver broke while it served this device; it will be started again.
    DriverCrashed {
        /// What broke.
        error: String,
    },
    /// A new version of the driver fails with this device, so the one before it goes on.
    DriverRejected {
        /// What failed.
        error: String,
    },
    /// The driver is not tried again for a while.
    Quarantined {
        /// Why, in words.
        reason: String,
    },
}
