//! Too much of everything that a driver may hand back or log.

use bellwether_plugin_sdk::driver::{Block, Event, Identity, Label, LogLine, Out, Severity, log};

/// Does the deed, if it is one of these.
pub(super) fn perform(deed: &str, out: &mut Out) -> bool {
    match deed {
        "flood" => (0..50_000).for_each(|i| out.sample("x", [], f64::from(i))),
        "series" => (0..5_000).for_each(|i| out.sample("x", [("i", i.to_string().as_str())], 1.0)),
        "block" => out.push_block(block(labels(32, 500), 300_000)),
        "heavy-block" => out.push_block(block(labels(1, 3 << 20), 50_000)),
        "events" => (0..10_000).for_each(|i| out.push_event(event(&format!("kind_{i}"), "again"))),
        "giant-event" => out.push_event(event("giant", &"x".repeat(3 << 20))),
        "giant-string" => out.push_event(event("giant", &"x".repeat(5 << 20))),
        "records" => (0..10_000).for_each(|_| out.push_log(record("again"))),
        "giant-record" => out.push_log(record(&"x".repeat(3 << 20))),
        "writes" => (0..2_000).for_each(|_| out.write([0; 1 << 10])),
        "identity" => out.set_identity(identity()),
        "wake" => out.wake(0),
        "shout" => (0..10_000).for_each(|_| log::write(log::Level::Info, &"x".repeat(100_000), &[])),
        "fields" => log::write(log::Level::Info, "fields", &vec![("name".into(), "value".into()); 20_000]),
        _ => return false,
    }
    true
}

fn labels(count: usize, bytes: usize) -> Vec<Label> {
    (0..count).map(|i| Label { name: format!("l{i}"), value: "v".repeat(bytes) }).collect()
}

fn block(labels: Vec<Label>, values: usize) -> Block {
    Block { metric: "block".into(), labels, start: 0, step_us: u32::MAX, values: vec![1.0; values] }
}

fn event(kind: &str, message: &str) -> Event {
    Event {
        kind: kind.into(),
        severity: Severity::Critical,
        message: message.into(),
        fields: Vec::new(),
        attachment: None,
        at: None,
    }
}

fn record(message: &str) -> LogLine {
    LogLine { level: Some("error".into()), tag: None, message: message.into(), at: None }
}

fn identity() -> Identity {
    let extras = (0..10_000).map(|i| (format!("fact_{i}"), "x".repeat(100))).collect();
    Identity { id: None, model: Some("x".repeat(1 << 20)), firmware: None, extras }
}
