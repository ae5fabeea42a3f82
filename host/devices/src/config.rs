//! `devices:` and `log_rules:` of `bellwether.yaml`: what is written there, and what it means once checked.
//!
//! The serde types are read through `bellwether_model::yaml`, which names places and misspelt keys;
//! [`DeviceSet::check`] finds what only the whole can show, such as two devices with one id.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::labels::is_classic_label_name;
use bellwether_model::yaml::{Location, Spanned, YamlError};
use serde::Deserialize;

use crate::log_rules::{LogRuleConfig, LogRules};

pub use transport::{
    DEFAULT_BAUD, ReplayConfig, SerialConfig, SerialPort, Signal, SimConfig, TcpConfig, TransportConfig,
    UsbId,
};

pub mod duration;
mod transport;

/// Longest device id, in bytes: it is a label value, part of addresses of the API, and shown in lists.
pub const MAX_ID_BYTES: usize = 128;
/// Most labels that a device may be given.
pub const MAX_LABELS: usize = 20;
/// Longest value of a label, in bytes.
pub const MAX_LABEL_VALUE_BYTES: usize = 512;
/// Labels that the host sets itself on everything that comes from a device.
pub const HOST_LABELS: [&str; 3] = ["device_id", "platform", "port"];

/// One entry of `devices:`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    /// Unique; the label `device_id`.
    pub id: String,
    /// The label `platform`: `esp32`, `jetson`, ...
    pub platform: String,
    /// Name of the driver.
    pub driver: String,
    /// How to reach it.
    pub transport: TransportConfig,
    /// Added to everything that comes from it.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Handed to the driver as it is.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Connected but without good data for this long counts as not connected; `0s` never.
    #[serde(default = "default_silence_timeout", with = "duration")]
    pub silence_timeout: Duration,
    /// Not connected for this long ends the device's series, as a vanished target's in Prometheus.
    #[serde(default = "default_stale_after", with = "duration")]
    pub stale_after: Duration,
    /// `false` leaves the device out, with all its series, until it is wanted again.
    #[serde(default = "default_enabled")]
    pub enabled: bool,
    /// Whether the driver may write to the device.
    #[serde(default)]
    pub allow_writes: bool,
}

const fn default_silence_timeout() -> Duration {
    Duration::from_secs(30)
}

const fn default_enabled() -> bool {
    true
}

const fn default_stale_after() -> Duration {
    Duration::from_secs(60)
}

/// What is wrong with the devices of a configuration, beyond what the YAML layer finds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DevicesError {
    /// What is wrong, with the device or rule it is about.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// Where the entry begins; none where it was not read from a file.
    pub place: Option<Location>,
}

impl DevicesError {
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), place: None }
    }

    fn at(self, place: Location) -> Self {
        Self { place: Some(place), ..self }
    }

    /// As an error of the file that the entry was read from.
    pub fn in_file(self, file: &str, text: &str) -> YamlError {
        let error = match &self.place {
            Some(place) => YamlError::at(file, text, place, self.message),
            None => YamlError::of_file(file, self.message),
        };
        error.with_hint(self.hint)
    }
}

/// Devices and log rules that passed all checks.
#[derive(Debug, Clone, Default)]
pub struct DeviceSet {
    pub(crate) devices: Vec<Arc<DeviceConfig>>,
    pub(crate) log_rules: Arc<LogRules>,
}

impl DeviceSet {
    /// Checks what was read from a file.
    pub fn check(
        devices: &[Spanned<DeviceConfig>],
        log_rules: &[Spanned<LogRuleConfig>],
    ) -> Result<Self, DevicesError> {
        let mut rules = LogRules::default();
        for rule in log_rules {
            rules.add(&rule.value).map_err(|error| error.at(rule.referenced))?;
        }
        let mut checked = Self { devices: Vec::with_capacity(devices.len()), log_rules: Arc::new(rules) };
        let mut ids = HashMap::new();
        for device in devices {
            checked.add(&device.value, &mut ids).map_err(|error| error.at(device.referenced))?;
        }
        Ok(checked)
    }

    /// Checks devices that were not read from a file, such as the demo's.
    pub fn from_configs(
        devices: impl IntoIterator<Item = DeviceConfig>,
        log_rules: &[LogRuleConfig],
    ) -> Result<Self, DevicesError> {
        let mut rules = LogRules::default();
        log_rules.iter().try_for_each(|rule| rules.add(rule))?;
        let mut checked = Self { devices: Vec::new(), log_rules: Arc::new(rules) };
        let mut ids = HashMap::new();
        devices.into_iter().try_for_each(|device| checked.add(&device, &mut ids))?;
        Ok(checked)
    }

    /// The devices, in order of the configuration.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceConfig> {
        self.devices.iter().map(AsRef::as_ref)
    }

    fn add(&mut self, device: &DeviceConfig, ids: &mut HashMap<String, ()>) -> Result<(), DevicesError> {
        device.check()?;
        if ids.insert(device.id.clone(), ()).is_some() {
            let message = format!("device id `{}` is used twice", device.id);
            return Err(DevicesError::new(message, "give each device its own id"));
        }
        let port = device.transport.exclusive_port();
        let taken = |other: &&Arc<DeviceConfig>| port.is_some() && other.transport.exclusive_port() == port;
        if let Some(other) = self.devices.iter().find(taken) {
            let message = format!("devices `{}` and `{}` use the same serial port", other.id, device.id);
            return Err(DevicesError::new(message, "a serial port serves one device at a time"));
        }
        self.devices.push(Arc::new(device.clone()));
        Ok(())
    }
}

impl DeviceConfig {
    /// What the label `port` says: the part of the address that a person recognises.
    pub fn port(&self) -> String {
        self.transport.port().unwrap_or_else(|| format!("sim:{}", self.id))
    }

    /// The whole address, for messages: `serial:/dev/ttyUSB0`, `tcp://10.0.0.7:9000`, `sim:esp32-01`.
    pub fn address(&self) -> String {
        self.transport.address().unwrap_or_else(|| format!("sim:{}", self.id))
    }

    fn check(&self) -> Result<(), DevicesError> {
        check_id(&self.id)?;
        for (key, value) in [("platform", &self.platform), ("driver", &self.driver)] {
            if value.is_empty() || value.len() > MAX_ID_BYTES {
                let message = format!("device `{}` has no usable {key}", self.id);
                return Err(DevicesError::new(
                    message,
                    format!("set `{key}`, 1 to {MAX_ID_BYTES} bytes long"),
                ));
            }
        }
        self.check_labels()?;
        self.transport
            .check()
            .map_err(|(what, hint)| DevicesError::new(format!("device `{}`: {what}", self.id), hint))
    }

    fn check_labels(&self) -> Result<(), DevicesError> {
        if self.labels.len() > MAX_LABELS {
            let message = format!("device `{}` has {} labels", self.id, self.labels.len());
            return Err(DevicesError::new(message, format!("at most {MAX_LABELS} are taken")));
        }
        for (name, value) in &self.labels {
            let hint = if !is_classic_label_name(name) {
                "label names consist of letters, digits and underscores and begin with no digit"
            } else if name.starts_with("__") {
                "names that begin with two underscores belong to the host"
            } else if HOST_LABELS.contains(&name.as_str()) {
                "the host sets device_id, platform and port itself"
            } else if value.len() > MAX_LABEL_VALUE_BYTES {
                "label values are at most 512 bytes long"
            } else {
                continue;
            };
            return Err(DevicesError::new(
                format!("device `{}` cannot have the label `{name}`", self.id),
                hint,
            ));
        }
        Ok(())
    }
}

fn check_id(id: &str) -> Result<(), DevicesError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
    if id.is_empty() || id.len() > MAX_ID_BYTES || !id.bytes().all(plain) {
        let hint = format!("use 1 to {MAX_ID_BYTES} letters, digits, or any of `-_.:`");
        return Err(DevicesError::new(format!("`{id}` is no device id"), hint));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
