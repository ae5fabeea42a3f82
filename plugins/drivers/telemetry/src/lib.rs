//! What the text drivers share: how keys become metrics, how a device's own log lines are read, which of them are
//! events, and what tells who the device is.
//!
//! A driver cuts a line into [`Fact`]s, a flat list of keys and values, and hands them to [`Telemetry::facts`]; whatever
//! is no measurement goes to [`Telemetry::log_line`].

mod declaration;
mod event;
mod fact;
mod identity;
mod json;
mod log_line;
mod mapping;
mod names;

use bellwether_plugin_sdk::driver::{Device, Identity, LogLine, Out, Problem};

pub use declaration::{events, metrics, settings};
pub use fact::{Fact, Value, normalized};
pub use json::from_json;
pub use log_line::strip_ansi;

use mapping::Mapping;

/// The state of one device: its mapping, what is known of it, and the totals that free memory is subtracted from.
pub struct Telemetry {
    mapping: Mapping,
    identity: Identity,
}

impl Telemetry {
    /// With the settings of a device.
    pub fn open(device: &Device) -> Result<Self, Problem> {
        let identity = Identity { id: None, model: None, firmware: None, extras: Vec::new() };
        Ok(Self { mapping: Mapping::parse(&device.config)?, identity })
    }

    /// The facts of one line. Numbers become samples, texts become labels and identity; a `msg` or `message` is a line of
    /// the device's log. Returns whether anything was understood.
    pub fn facts(&mut self, facts: &[Fact<'_>], out: &mut Out) -> bool {
        let samples = self.mapping.samples(facts, out);
        let identified = identity::learn(&mut self.identity, facts);
        if identified {
            out.set_identity(self.identity.clone());
        }
        let logged = log_line::from_facts(facts);
        let said_something = logged.is_some();
        if let Some(line) = logged {
            self.report(line, out);
        }
        samples > 0 || identified || said_something
    }

    /// A line without measurements.
    pub fn log_line(&mut self, text: &str, out: &mut Out) {
        if let Some(line) = log_line::parse(text) {
            self.report(line, out);
        }
    }

    fn report(&self, line: LogLine, out: &mut Out) {
        if let Some(event) = event::in_line(&line.message) {
            out.push_event(event);
        }
        out.push_log(line);
    }
}

#[cfg(test)]
mod tests;
