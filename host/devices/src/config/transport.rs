//! `transport:` of a device: how its bytes reach the host.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::duration;
use crate::sim::ScriptStep;
use crate::sim::board::{Baseline, WireFormat};

/// Serial speed where neither the configuration nor the driver names one.
pub const DEFAULT_BAUD: u32 = 115_200;

/// How a device is reached.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransportConfig {
    /// A serial port, or anything that looks like one, such as a PTY.
    Serial(SerialConfig),
    /// A byte stream over TCP: ser2net, a UART bridge, a simulator.
    Tcp(TcpConfig),
    /// A board that exists only in this process.
    Sim(SimConfig),
    /// A recorded connection, played back.
    Replay(ReplayConfig),
}

/// `serial:`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SerialConfig {
    /// `/dev/serial/by-id/...`, `/dev/ttyUSB0`, `COM3`.
    pub path: Option<String>,
    /// The port of this USB device, wherever it is plugged in.
    pub usb: Option<UsbId>,
    /// Bits a second; the driver's preference where it is missing.
    pub baud: Option<u32>,
    /// What to do with DTR after opening. USB CDC boards send only while it is on.
    #[serde(default)]
    pub dtr: Signal,
    /// What to do with RTS after opening.
    #[serde(default)]
    pub rts: Signal,
}

/// What to do with a modem control line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// As the operating system leaves it; Linux asserts both lines.
    #[default]
    Keep,
    /// Assert.
    On,
    /// Release.
    Off,
}

/// Names a USB device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsbId {
    /// Vendor id.
    pub vid: u16,
    /// Product id; any of the vendor's products where it is missing.
    pub pid: Option<u16>,
    /// Serial number, needed where several such devices are plugged in.
    pub serial: Option<String>,
}

impl fmt::Display for UsbId {
    /// `303a:1001:F412FABBCCDD`, with `*` for parts that do not matter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:", self.vid)?;
        match self.pid {
            Some(pid) => write!(f, "{pid:04x}")?,
            None => f.write_str("*")?,
        }
        self.serial.as_ref().map_or(Ok(()), |serial| write!(f, ":{serial}"))
    }
}

/// Which serial port, once checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SerialPort {
    /// The one at this path.
    Path(String),
    /// The one of this USB device.
    Usb(UsbId),
}

impl SerialConfig {
    /// Which port is meant; a path wins.
    pub fn port(&self) -> Option<SerialPort> {
        let path = self.path.clone().map(SerialPort::Path);
        path.or_else(|| self.usb.clone().map(SerialPort::Usb))
    }
}

/// `tcp:`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpConfig {
    /// `host:port` to connect to.
    pub connect: String,
}

/// `sim:`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimConfig {
    /// How the board writes its telemetry.
    pub format: WireFormat,
    /// Time between two lines.
    #[serde(default = "default_sim_interval", with = "duration")]
    pub interval: Duration,
    /// Decides all noise.
    #[serde(default)]
    pub seed: u64,
    /// What the board measures while nothing happens to it.
    #[serde(default)]
    pub baseline: Baseline,
    /// What happens to it, in order of time.
    #[serde(default)]
    pub script: Vec<ScriptStep>,
}

const fn default_sim_interval() -> Duration {
    Duration::from_millis(500)
}

/// `replay:`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayConfig {
    /// A `*.cap.jsonl` file.
    pub path: PathBuf,
    /// Times as fast as recorded.
    #[serde(default = "default_speed")]
    pub speed: f64,
}

const fn default_speed() -> f64 {
    1.0
}

/// What is wrong with a transport, and the remedy.
type Problem = (String, &'static str);

impl TransportConfig {
    pub(super) fn check(&self) -> Result<(), Problem> {
        match self {
            Self::Serial(serial) => serial.check(),
            Self::Tcp(tcp) => tcp.check(),
            Self::Sim(sim) => sim.check(),
            Self::Replay(replay) if !(replay.speed > 0.0 && replay.speed.is_finite()) => {
                Err((format!("a replay cannot run at speed {}", replay.speed), "give a positive number"))
            }
            Self::Replay(_) => Ok(()),
        }
    }

    /// The port that no second device may open.
    pub(super) fn exclusive_port(&self) -> Option<SerialPort> {
        match self {
            Self::Serial(serial) => serial.port(),
            _ => None,
        }
    }

    pub(super) fn port(&self) -> Option<String> {
        match self {
            Self::Serial(serial) => Some(match serial.port()? {
                SerialPort::Path(path) => path,
                SerialPort::Usb(usb) => format!("usb:{usb}"),
            }),
            Self::Tcp(tcp) => Some(tcp.connect.clone()),
            Self::Replay(replay) => Some(replay.path.display().to_string()),
            Self::Sim(_) => None,
        }
    }

    pub(super) fn address(&self) -> Option<String> {
        let port = self.port()?;
        Some(match self {
            Self::Tcp(_) => format!("tcp://{port}"),
            Self::Replay(_) => format!("replay:{port}"),
            _ => format!("serial:{port}"),
        })
    }
}

impl SerialConfig {
    fn check(&self) -> Result<(), Problem> {
        if self.path.is_some() == self.usb.is_some() {
            let remedy = "give either `path: /dev/...` or `usb: {vid: ..., pid: ...}`";
            return Err(("the serial port must be named in one way".to_owned(), remedy));
        }
        // On boards with Espressif's reset circuit RTS asserted with DTR released pulls the reset line.
        if self.dtr == Signal::Off && self.rts == Signal::Keep {
            let what = "`dtr: off` with RTS left asserted holds an ESP32 in reset".to_owned();
            return Err((what, "add `rts: off`, or `rts: on` where the board is wired otherwise"));
        }
        // Opening at 1200 baud makes many boards jump into their boot loader.
        match self.baud {
            Some(0) => Err(("0 is no serial speed".to_owned(), "give bits a second, such as 115200")),
            Some(1200) => Err((
                "opening at 1200 baud sends many boards into their boot loader".to_owned(),
                "choose another speed",
            )),
            _ => Ok(()),
        }
    }
}

impl TcpConfig {
    fn check(&self) -> Result<(), Problem> {
        let port = self.connect.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
        match port {
            Some((host, Ok(port))) if !host.is_empty() && port > 0 => Ok(()),
            _ => Err((format!("`{}` is no address to connect to", self.connect), "write `host:port`")),
        }
    }
}

impl SimConfig {
    fn check(&self) -> Result<(), Problem> {
        if self.interval < crate::sim::MIN_INTERVAL {
            return Err((
                "a simulated board cannot be that fast".to_owned(),
                "use an interval of 10ms or more",
            ));
        }
        if self.script.windows(2).any(|pair| pair[1].at < pair[0].at) {
            return Err(("the script goes back in time".to_owned(), "sort its steps by `at`"));
        }
        Ok(())
    }
}
