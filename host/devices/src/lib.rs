//! Devices: how bytes get from a board to its driver, and what the host knows about the board itself.
//!
//! The flow is `transport -> framing -> driver -> output -> sink`. The parts that decide ([`framing`],
//! [`lifecycle`], [`output`], [`host_metrics`], [`sim`], [`capture`]) are pure and take the time as an argument; the
//! shell around them ([`transport`], `session`, `task`, [`manager`]) is one tokio task for each device.
//!
//! Nothing here knows what a plugin is made of: drivers come in as `dyn Driver`. Nothing here stores anything:
//! samples and notices go out through a [`Sink`].

pub mod capture;
pub mod config;
pub mod framing;
pub mod host_metrics;
pub mod lifecycle;
pub mod log_rules;
pub mod manager;
mod monitor;
pub mod notice;
pub mod output;
pub mod random;
mod recent;
mod session;
pub mod sim;
pub mod status;
mod task;
#[cfg(test)]
mod testing;
pub mod transport;

pub use config::{DeviceConfig, DeviceSet, TransportConfig};
pub use manager::{Clock, DeviceManager, DriverLookup, ManagerOptions};
pub use notice::{DeviceNotice, NoticeKind, Sink};
pub use status::DeviceStatus;
