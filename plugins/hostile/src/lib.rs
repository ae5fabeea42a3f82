//! Plugins that misbehave in every way that the host promises to survive. Built by `cargo plugins` for the host's tests;
//! never shipped.
//!
//! Each feature of this crate is one component. What it does wrong is chosen by the frame (drivers), the function
//! (detector), or the receiver's name and settings; what it says wrong of itself, by [`lie`].

#[cfg(feature = "detector")]
mod detector;
#[cfg(feature = "driver")]
mod driver;
#[cfg(any(feature = "detector", feature = "driver", feature = "receiver", feature = "wasi"))]
mod lie;
#[cfg(any(feature = "detector", feature = "driver", feature = "models", feature = "receiver"))]
mod misbehave;
#[cfg(feature = "models")]
mod models;
#[cfg(feature = "receiver")]
mod receiver;
#[cfg(any(feature = "receiver", feature = "wasi"))]
mod wasi;
