//! The host as one process: configuration, wiring, API, web page, command line.
//!
//! Everything that decides lives in the crates below; here is what connects them to each other, to the network, to
//! files and to the clock.

pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod evaluation;
pub mod host;
pub mod http_client;
pub mod journal;
pub mod modelling;
pub mod plugins;
pub mod routing;
pub mod scraping;
pub mod tasks;
pub mod telemetry;
