//! Devices that print JSON: one object per line, alone or after the prefix of a log line.
//!
//! `I (5230) telemetry: {"temp":41.5}` counts as `{"temp":41.5}`. All other lines are the device's log.

use bellwether_plugin_sdk::driver::{Device, Driver, Failure, Frame, Info, Out, Problem, info};
use bellwether_telemetry::{Telemetry, events, from_json, metrics, settings, strip_ansi};

/// Longest piece of a bad line that is quoted in an error.
const QUOTED_CHARS: usize = 80;

struct JsonLines(Telemetry);

impl Driver for JsonLines {
    fn describe() -> Info {
        let mut about = info(
            "jsonl",
            env!("CARGO_PKG_VERSION"),
            "Firmware that prints JSON lines, among log lines or alone",
        );
        about.about.settings = settings();
        Info { metrics: metrics(), events: events(), ..about }
    }

    fn open(device: Device) -> Result<Self, Problem> {
        Telemetry::open(&device).map(Self)
    }

    fn receive(&mut self, frame: &Frame, out: &mut Out) -> Result<(), Failure> {
        let text = String::from_utf8_lossy(&frame.data);
        let text = strip_ansi(&text);
        let text = text.trim();
        let Some(start) = text.find('{') else {
            self.0.log_line(text, out);
            return Ok(());
        };
        match from_json(&text[start..]) {
            Ok(facts) => drop(self.0.facts(&facts, out)),
            Err(error) if start == 0 => {
                return Err(Failure::BadInput(format!("{error} in {}", quoted(text))));
            }
            Err(_) => self.0.log_line(text, out),
        }
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    let start: String = text.chars().take(QUOTED_CHARS).collect();
    format!("{start:?}")
}

bellwether_plugin_sdk::export_driver!(JsonLines);
