//! Bench instruments that speak SCPI: asks `*IDN?` once, then each query in turn, and asks again after an interval.
//!
//! An instrument answers in the order in which it was asked and says nothing on its own, so the answer to come is always
//! the oldest question that is open. One that stays silent for a whole interval lost its place: all open questions are
//! dropped, which shows as an event.

use std::collections::{BTreeMap, VecDeque};

use bellwether_plugin_sdk::config;
use bellwether_plugin_sdk::driver::{
    Device, Driver, Event, EventKind, Failure, Frame, Identity, Info, Instant, Metric, MetricKind, Out, Problem,
    Setting, SettingKind, Severity, info,
};
use serde::Deserialize;

/// What SCPI instruments send in place of a number that they do not have, and of one beyond their range.
const NO_NUMBER: f64 = 9.9e37;

#[derive(Deserialize)]
struct Config {
    queries: BTreeMap<String, String>,
    /// Milliseconds.
    interval: u32,
}

struct Instrument {
    config: Config,
    open: VecDeque<Question>,
}

enum Question {
    Identity,
    /// For the metric of this name.
    Number(String),
}

impl Driver for Instrument {
    fn describe() -> Info {
        let setting = |name: &str, kind, default: &str, help: &str| Setting {
            name: name.into(),
            kind,
            help: help.into(),
            required: false,
            default: Some(default.into()),
        };
        let voltage = "device_voltage_volts";
        let mut info = info("__NAME__", env!("CARGO_PKG_VERSION"), "Bench instruments that speak SCPI");
        info.about.settings = vec![
            setting("queries", SettingKind::Json, r#"{"device_voltage_volts": "MEAS:VOLT?"}"#, "Metric names, each with the query for it"),
            setting("interval", SettingKind::Duration, "1000", "Pause between two rounds of queries"),
        ];
        info.metrics = vec![Metric { name: voltage.into(), kind: MetricKind::Gauge, help: "Measured voltage".into() }];
        info.events = vec![EventKind {
            kind: "silent".into(),
            severity: Severity::Warning,
            help: "The instrument left questions unanswered for a whole interval".into(),
        }];
        info
    }

    fn open(device: Device) -> Result<Self, Problem> {
        let problem = |message: String| Problem { setting: Some("queries".into()), message };
        let config: Config = config::parse(&device.config).map_err(problem)?;
        match config.queries.iter().find(|(_, query)| !query.ends_with('?') || query.contains('\n')) {
            Some((metric, query)) => Err(problem(format!("{query:?} for {metric} is no query, which ends with ?"))),
            None => Ok(Self { config, open: VecDeque::new() }),
        }
    }

    fn start(&mut self, _: Instant, out: &mut Out) -> Result<(), Failure> {
        self.ask("*IDN?", Question::Identity, out);
        self.ask_all(out);
        Ok(())
    }

    fn tick(&mut self, _: Instant, out: &mut Out) -> Result<(), Failure> {
        if !self.open.is_empty() {
            out.push_event(Event {
                kind: "silent".into(),
                severity: Severity::Warning,
                message: format!("{} questions without an answer", self.open.len()),
                fields: Vec::new(),
                attachment: None,
                at: None,
            });
            self.open.clear();
        }
        self.ask_all(out);
        Ok(())
    }

    fn receive(&mut self, frame: &Frame, out: &mut Out) -> Result<(), Failure> {
        let text = str::from_utf8(&frame.data).map_err(|_| Failure::BadInput("not a text".into()))?.trim();
        match self.open.pop_front() {
            None => Err(Failure::BadInput(format!("{text:?} answers no question"))),
            Some(Question::Identity) => identity(text).map(|identity| out.set_identity(identity)),
            Some(Question::Number(metric)) => {
                let value = number(text)?;
                if value.abs() < NO_NUMBER {
                    out.sample(&metric, [], value);
                }
                Ok(())
            }
        }
    }
}

impl Instrument {
    fn ask(&mut self, query: &str, question: Question, out: &mut Out) {
        out.write(format!("{query}\n"));
        self.open.push_back(question);
    }

    fn ask_all(&mut self, out: &mut Out) {
        for (metric, query) in self.config.queries.clone() {
            self.ask(&query, Question::Number(metric), out);
        }
        out.wake(self.config.interval);
    }
}

/// `maker,model,serial,firmware`, as the standard has it.
fn identity(text: &str) -> Result<Identity, Failure> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let [maker, model, serial, firmware] = parts[..] else {
        return Err(Failure::BadInput(format!("{text:?} is no identity, which has four parts")));
    };
    let known = |part: &str| (!part.is_empty() && part != "0").then(|| part.to_owned());
    Ok(Identity {
        id: known(serial),
        model: known(model),
        firmware: known(firmware),
        extras: known(maker).map(|maker| ("maker".into(), maker)).into_iter().collect(),
    })
}

/// `4.987E+00`, perhaps with its unit behind it.
fn number(text: &str) -> Result<f64, Failure> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%').trim_end();
    let finite = digits.parse().ok().filter(|value: &f64| value.is_finite());
    finite.ok_or_else(|| Failure::BadInput(format!("{text:?} is no number")))
}

bellwether_plugin_sdk::export_driver!(Instrument);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_have_units() {
        assert_eq!(number("4.987E+00").unwrap(), 4.987);
        assert_eq!(number("-12 V").unwrap(), -12.0);
        for bad in ["", "V", "nan", "1 2", "1e999"] {
            assert!(matches!(number(bad), Err(Failure::BadInput(_))), "{bad}");
        }
    }

    #[test]
    fn an_identity_leaves_out_what_the_instrument_does_not_know() {
        let identity = identity("RIGOL,DP832,0,00.01.14").unwrap();
        assert_eq!((identity.id, identity.model.as_deref()), (None, Some("DP832")));
    }
}
