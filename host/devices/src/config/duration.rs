//! Durations in configuration files, in Prometheus' notation: `#[serde(with = "duration")]`.

use std::time::Duration;

use bellwether_model::duration::parse_prometheus;
use serde::{Deserialize, Deserializer};

/// Reads a duration such as `30s` or `1h30m`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_prometheus(&text).map_err(serde::de::Error::custom)
}
