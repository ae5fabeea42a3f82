//! The faces of the host: Prometheus' API and the page on one listener, Alertmanager's API on the other.
//!
//! Handlers translate between HTTP and the host's parts; they decide nothing.

pub mod alertmanager;
pub mod alerts;
pub mod lifecycle;
pub mod listener;
pub mod models;
pub mod page;
pub mod params;
pub mod prometheus;
mod request;
mod same_origin;

pub use request::RequestParams;
