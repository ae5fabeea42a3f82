//! Opens the byte stream to a device. Everything after that is the same for all transports.
//!
//! A read of 0 bytes means that the other side is gone: an unplugged serial port answers so for ever, so the session
//! closes at once instead of reading again.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::config::{DeviceConfig, TransportConfig};

mod replay;
mod serial;
mod sim;
mod tcp;

/// An attempt that takes longer than this has failed.
pub const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// A byte stream in both directions.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// An open connection.
pub struct Opened {
    /// The bytes. Dropping it closes the connection.
    pub stream: Box<dyn ByteStream>,
    /// What is known about the other side: `usb_serial`, `peer_address`.
    pub facts: Vec<(String, String)>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl Opened {
    fn new(stream: impl ByteStream + 'static) -> Self {
        Self { stream: Box::new(stream), facts: Vec::new() }
    }
}

/// Why a connection could not be opened, in words that say what to look at.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The port does not exist: unplugged, or never there.
    #[error("no such device: {0}")]
    NoSuchDevice(String),
    /// Somebody else has it open.
    #[error("port busy: another process holds {0}")]
    Busy(String),
    /// This user may not open it.
    #[error("no permission to open {0}: on Linux, join the group that owns the port, often `dialout`")]
    Permission(String),
    /// Nobody listens there.
    #[error("connection refused by {0}")]
    Refused(String),
    /// Several ports fit the description.
    #[error("{0} ports fit {1}: add `serial:` to tell them apart")]
    Ambiguous(usize, String),
    /// No answer.
    #[error("no answer from {0} within {limit} s", limit = OPEN_TIMEOUT.as_secs())]
    TimedOut(String),
    /// The name of the host cannot be resolved, or it cannot be reached.
    #[error("cannot reach {0}")]
    Unreachable(String, #[source] io::Error),
    /// A file that is to be replayed is no capture.
    #[error("cannot replay {0}: {1}")]
    BadCapture(String, String),
    /// Anything else.
    #[error("cannot open {0}: {1}")]
    Other(String, #[source] io::Error),
}

impl OpenError {
    /// The label `reason` of `device_connect_errors_total`.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoSuchDevice(_) => "no_such_device",
            Self::Busy(_) => "busy",
            Self::Permission(_) => "permission",
            Self::Refused(_) => "refused",
            Self::Ambiguous(..) => "ambiguous",
            Self::TimedOut(_) => "timeout",
            Self::Unreachable(..) => "unreachable",
            Self::BadCapture(..) => "bad_capture",
            Self::Other(..) => "other",
        }
    }

    /// Whether the port is simply not there, so that looking again is cheap.
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::NoSuchDevice(_))
    }

    fn from_io(what: &str, error: io::Error) -> Self {
        let what = what.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::NoSuchDevice(what),
            io::ErrorKind::PermissionDenied => Self::Permission(what),
            io::ErrorKind::ResourceBusy => Self::Busy(what),
            io::ErrorKind::ConnectionRefused => Self::Refused(what),
            io::ErrorKind::TimedOut => Self::TimedOut(what),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                Self::Unreachable(what, error)
            }
            _ => Self::Other(what, error),
        }
    }
}

/// How one device is reached; keeps what has to outlive a connection.
#[derive(Debug)]
pub enum Transport {
    /// A serial port.
    Serial(serial::SerialTransport),
    /// A TCP connection.
    Tcp(tcp::TcpTransport),
    /// A simulated board.
    Sim(sim::SimTransport),
    /// A recorded connection.
    Replay(replay::ReplayTransport),
}

impl Transport {
    /// The transport of a device. `epoch` is when simulated boards were switched on.
    pub fn new(device: &Arc<DeviceConfig>, epoch: Instant) -> Self {
        match &device.transport {
            TransportConfig::Serial(config) => Self::Serial(serial::SerialTransport::new(config.clone())),
            TransportConfig::Tcp(config) => Self::Tcp(tcp::TcpTransport::new(config.clone())),
            TransportConfig::Sim(config) => Self::Sim(sim::SimTransport::new(&device.id, config, epoch)),
            TransportConfig::Replay(config) => Self::Replay(replay::ReplayTransport::new(config.clone())),
        }
    }

    /// Whether a peer that vanished goes unnoticed, so that silence has to end the connection.
    pub const fn is_blind(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    /// Opens a connection. `baud` is the driver's preferred serial speed.
    pub async fn open(&mut self, baud: Option<u32>) -> Result<Opened, OpenError> {
        let open = async {
            match self {
                Self::Serial(serial) => serial.open(baud).await,
                Self::Tcp(tcp) => tcp.open().await,
                Self::Sim(sim) => sim.open(),
                Self::Replay(replay) => replay.open().await,
            }
        };
        let timed = tokio::time::timeout(OPEN_TIMEOUT, open).await;
        timed.unwrap_or_else(|_| Err(OpenError::TimedOut("the device".to_owned())))
    }
}
