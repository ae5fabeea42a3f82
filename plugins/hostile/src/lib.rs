//! Plugins that misbehave in every way that the host promises to survive. Built by `cargo plugins` for the host's tests;
//! never shipped.
//!
//! Each kind of plugin is one component (a feature of this crate). What it does wrong is chosen by the first frame, the
//! function's name or the setting `mode`.

#[cfg(feature = "detector")]
mod detector;
#[cfg(feature = "driver")]
mod driver;
#[cfg(any(feature = "detector", feature = "driver", feature = "models", feature = "receiver"))]
mod misbehave;
#[cfg(feature = "models")]
mod models;
#[cfg(feature = "receiver")]
mod receiver;
