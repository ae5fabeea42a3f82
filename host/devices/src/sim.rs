//! Simulated boards: they write the real byte formats, so that everything behind the transport is the real thing.
//!
//! Pure: a board is polled with the time since its start, and the same seed and script give the same bytes on a real
//! clock, on a paused one, and in a loop without any.

use std::time::Duration;

use serde::Deserialize;

pub use board::{SimBoard, SimStep};
pub use fleet::{demo_fleet, demo_log_rules};

use crate::config::duration;

pub mod board;
mod fleet;

/// The fastest simulated board.
pub const MIN_INTERVAL: Duration = Duration::from_millis(10);

/// One step of a board's script.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptStep {
    /// Time since the start.
    #[serde(with = "duration")]
    pub at: Duration,
    /// What happens then.
    pub action: SimAction,
}

/// What can happen to a simulated board.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SimAction {
    /// The temperature moves towards this one.
    Temperature {
        /// Degrees Celsius.
        to_c: f64,
        /// Degrees in a second.
        per_s: f64,
    },
    /// The model runs at this speed from now on, in tokens a second.
    TokensPerSecond(f64),
    /// So many bytes of the heap are free from now on.
    HeapFree(u64),
    /// A line is written besides the telemetry.
    Print(String),
    /// The cable is pulled.
    Unplug,
    /// The cable is put back; the board boots.
    Plug,
    /// The firmware hangs: connected, but it writes nothing.
    Hang,
    /// It goes on.
    Resume,
}
