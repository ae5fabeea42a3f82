//! Devices that print names with values: `temp=41.5 cpu:12`, the Arduino plotter's `label:1.0,other:2.0`, Teleplot's
//! `>name:value§unit|flags`, and CSV or TSV under a header line.
//!
//! Lines in which no pair is found are the device's log.

mod line;

use bellwether_plugin_sdk::driver::{Device, Driver, Failure, Frame, Info, Out, Problem, info};
use bellwether_telemetry::{Fact, Telemetry, events, metrics, settings, strip_ansi};

use line::Table;

struct KeyValue {
    telemetry: Telemetry,
    table: Option<Table>,
}

impl Driver for KeyValue {
    fn describe() -> Info {
        let mut about = info(
            "kv",
            env!("CARGO_PKG_VERSION"),
            "key=value lines, CSV with a header, Arduino plotter, Teleplot",
        );
        about.about.settings = settings();
        Info { metrics: metrics(), events: events(), ..about }
    }

    fn open(device: Device) -> Result<Self, Problem> {
        Ok(Self { telemetry: Telemetry::open(&device)?, table: None })
    }

    fn receive(&mut self, frame: &Frame, out: &mut Out) -> Result<(), Failure> {
        let text = String::from_utf8_lossy(&frame.data);
        let text = strip_ansi(&text);
        let text = text.trim_matches(|c: char| c.is_whitespace() && c != '\t');
        let tight = line::tight(text);
        if let Some(facts) = line::teleplot(text).or_else(|| line::pairs(&tight)) {
            understood(&mut self.telemetry, &facts, text, out);
        } else if let Some(row) = self.table.as_ref().and_then(|table| table.row(text)) {
            let facts = row.map_err(Failure::BadInput)?;
            understood(&mut self.telemetry, &facts, text, out);
        } else if let Some(table) = Table::from_header(text) {
            self.table = Some(table);
        } else {
            self.telemetry.log_line(text, out);
        }
        Ok(())
    }
}

/// A line whose pairs mean nothing is a line of the log: `Connecting to ssid=home`.
fn understood(telemetry: &mut Telemetry, facts: &[Fact<'_>], text: &str, out: &mut Out) {
    if !telemetry.facts(facts, out) {
        telemetry.log_line(text, out);
    }
}

bellwether_plugin_sdk::export_driver!(KeyValue);
