//! What passes between the host and a platform driver: frames in, one output per call back.
//!
//! These are the types of `wit/driver` without the component around them, so that a driver can also be written
//! natively, in tests above all.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::BoxFuture;
use crate::time::Timestamp;

/// How the host cuts a byte stream into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// As they come; the driver reassembles.
    Raw,
    /// Up to and without `\n` or `\r\n`.
    Lines,
    /// Up to and without this byte.
    Delimited(u8),
    /// COBS-coded packets between zero bytes, decoded.
    Cobs,
    /// SLIP (RFC 1055) packets, decoded.
    Slip,
    /// Packets of this many bytes.
    Fixed(u32),
    /// A big-endian length of this many bytes (1, 2 or 4), then the packet.
    LengthPrefixed(u8),
    /// One frame for each datagram or body.
    Message,
}

/// What sort of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricKind {
    /// May go up and down.
    Gauge,
    /// Only goes up, or restarts from zero.
    Counter,
}

/// A metric that a driver produces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricInfo {
    /// Prometheus name with its base unit.
    pub name: String,
    /// What sort of number it is.
    pub kind: MetricKind,
    /// One sentence.
    pub help: String,
}

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Worth a look; also for drivers that cannot tell.
    Warning,
    /// Needs a person.
    Critical,
}

impl Severity {
    /// `info`, `warning` or `critical`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A kind of event that a driver may report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventKind {
    /// `snake_case`, such as `panic` or `out_of_memory`.
    pub kind: String,
    /// How much it matters.
    pub severity: Severity,
    /// One sentence.
    pub help: String,
}

/// Facts about a driver.
#[derive(Debug, Clone)]
pub struct DriverInfo {
    /// Name by which configuration refers to it.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// How to cut the stream.
    pub framing: Framing,
    /// Longest frame in bytes; longer ones are dropped and counted.
    pub max_frame_bytes: u32,
    /// Serial speeds, the preferred one first; empty where that means nothing.
    pub baud_rates: Vec<u32>,
    /// What it produces.
    pub metrics: Vec<MetricInfo>,
    /// What it may report.
    pub events: Vec<EventKind>,
}

/// Bytes from a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When the host read the last of them.
    pub at: Timestamp,
    /// The frame without its delimiters.
    pub data: Vec<u8>,
}

/// One measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceSample {
    /// Metric name.
    pub metric: String,
    /// What tells this series from the device's others, as names and values.
    pub labels: Vec<(String, String)>,
    /// The number.
    pub value: f64,
    /// When; the host sets the time of the frame where the driver says nothing.
    pub at: Option<Timestamp>,
}

/// Something that happened on a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceEvent {
    /// One of the driver's event kinds.
    pub kind: String,
    /// How much it matters.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// Further facts, as names and values.
    pub fields: Vec<(String, String)>,
    /// A register dump or backtrace, as text.
    pub attachment: Option<String>,
    /// When; the time of the frame where the driver says nothing.
    pub at: Option<Timestamp>,
}

/// A line of a device's own log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceLog {
    /// As the device writes it.
    pub level: Option<String>,
    /// The part of the firmware that wrote it.
    pub tag: Option<String>,
    /// The text.
    pub message: String,
    /// When; the time of the frame where the driver says nothing.
    pub at: Option<Timestamp>,
}

/// What is known of a device itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceIdentity {
    /// Stable across reconnects: serial number, MAC, chip id.
    pub id: Option<String>,
    /// Product or board.
    pub model: Option<String>,
    /// Version of the firmware.
    pub firmware: Option<String>,
    /// Further facts.
    pub extras: Vec<(String, String)>,
}

/// What the host does after a call. All of it, or nothing when the call failed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DriverOutput {
    /// New facts about the device.
    pub identity: Option<DeviceIdentity>,
    /// Measurements; blocks of evenly spaced values are already spread out.
    pub samples: Vec<DeviceSample>,
    /// What happened.
    pub events: Vec<DeviceEvent>,
    /// Log lines.
    pub logs: Vec<DeviceLog>,
    /// Frames that made no sense while the rest was fine.
    pub skipped: u32,
    /// Written to the device in order.
    pub writes: Vec<Vec<u8>>,
    /// Call `tick` so long from now; none leaves the pending one.
    pub wake: Option<Duration>,
}

/// Why a call of a driver gave no output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriverFailure {
    /// The input made no sense: dropped and counted, the session goes on.
    #[error("bad input: {0}")]
    BadInput(String),
    /// Wrong device or protocol version: not again with this driver.
    #[error("unsupported device: {0}")]
    Unsupported(String),
    /// Close and connect again.
    #[error("reset: {0}")]
    Reset(String),
    /// The plugin itself broke: it trapped, ran too long or wanted too much. The session is gone.
    #[error("plugin failed: {0}")]
    Crashed(String),
}

/// What a session starts with.
#[derive(Debug, Clone)]
pub struct DeviceContext {
    /// Name in the configuration.
    pub name: String,
    /// `serial:/dev/ttyUSB0`, `tcp://10.0.0.7:9000`: for messages.
    pub address: String,
    /// Settings as a JSON object.
    pub config: String,
    /// The time.
    pub now: Timestamp,
    /// Facts such as `usb_serial`.
    pub extras: Vec<(String, String)>,
}

/// One connection to one device, as the driver sees it. Dropped when the connection ends.
pub trait DriverSession: Send {
    /// Right after the connection stands.
    fn start(&mut self, now: Timestamp) -> BoxFuture<'_, Result<DriverOutput, DriverFailure>>;

    /// Frames in order of arrival: at least one, at most 256 or 64 KiB.
    fn receive(&mut self, frames: Vec<Frame>) -> BoxFuture<'_, Result<DriverOutput, DriverFailure>>;

    /// The time asked for by `wake` has come.
    fn tick(&mut self, now: Timestamp) -> BoxFuture<'_, Result<DriverOutput, DriverFailure>>;
}

/// A platform driver: turns the bytes of a device into samples. Does no I/O.
pub trait Driver: Send + Sync + fmt::Debug {
    /// Facts about it; always the same.
    fn info(&self) -> &DriverInfo;

    /// Begins a session.
    fn open(&self, device: DeviceContext) -> BoxFuture<'_, Result<Box<dyn DriverSession>, DriverFailure>>;
}
