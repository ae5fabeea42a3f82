//! Write a Bellwether plugin in Rust.
//!
//! Turn on the feature of the kind that you write (`driver`, `detector`, `models` or `receiver`), implement the trait of the
//! module with the same name, and export it:
//!
//! ```ignore
//! use bellwether_plugin_sdk::driver::*;
//!
//! struct Thermometer;
//!
//! impl Driver for Thermometer {
//!     fn describe() -> Info {
//!         Info { framing: Framing::Lines, ..info("thermometer", "0.1.0", "One temperature per line") }
//!     }
//!     fn open(_: Device) -> Result<Self, Problem> {
//!         Ok(Self)
//!     }
//!     fn receive(&mut self, frame: &Frame, out: &mut Out) -> Result<(), Failure> {
//!         let text = str::from_utf8(&frame.data).map_err(|e| Failure::BadInput(e.to_string()))?;
//!         let degrees = text.trim().parse().map_err(|_| Failure::BadInput("not a number".into()))?;
//!         out.sample("device_temperature_celsius", [], degrees);
//!         Ok(())
//!     }
//! }
//!
//! bellwether_plugin_sdk::export_driver!(Thermometer);
//! ```
//!
//! Build for `wasm32-unknown-unknown` with `wasm-component-ld` as the linker: the result is a component that imports
//! nothing but what the host of its kind offers.

pub mod config;
#[cfg(feature = "detector")]
pub mod detector;
#[cfg(feature = "driver")]
pub mod driver;
#[cfg(feature = "models")]
pub mod models;
mod panic;
#[cfg(feature = "receiver")]
pub mod receiver;

pub use wit_bindgen;
