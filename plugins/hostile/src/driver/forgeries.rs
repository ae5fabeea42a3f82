//! What is not what it claims to be: names that belong to the host, impossible numbers and times, texts that play tricks on
//! terminals, and lists and texts that lie outside memory.

use bellwether_plugin_sdk::driver::{Block, Info, Label, Metric, MetricKind, Out, Sample, log};

use super::raw;

/// Does the deed, if it is one of these.
pub(super) fn perform(deed: &str, out: &mut Out) -> bool {
    match deed {
        "names" => names(out),
        "values" => values(out),
        "times" => times(out),
        "escapes" => log::write(log::Level::Error, &"\u{1b}[2J\u{1b}]0;owned\u{7}\r\n".repeat(50_000), &[]),
        "invalid-utf8" => out.sample(&raw::invalid_text(), [], 1.0),
        "wild-text" => out.push_sample(sample(raw::text_outside_memory(), Vec::new())),
        "wild-list" => out.write(raw::bytes_outside_memory()),
        "aliases" => out.push_sample(sample("x".into(), aliases())),
        _ => return false,
    }
    true
}

/// A description that takes what the host itself writes about every device.
pub(super) fn metrics_of_the_host(mut info: Info) -> Info {
    let metric = |name: &str| Metric { name: name.into(), kind: MetricKind::Gauge, help: String::new() };
    info.metrics = ["device_connection_status", "device_connection_status"].map(metric).to_vec();
    info
}

fn sample(metric: String, labels: Vec<Label>) -> Sample {
    Sample { metric, labels, value: 1.0, at: None }
}

/// Four thousand texts of a megabyte that are all the same bytes.
fn aliases() -> Vec<Label> {
    raw::aliases(4_000, 1 << 20).into_iter().map(|value| Label { name: "l".into(), value }).collect()
}

fn names(out: &mut Out) {
    let long = "x".repeat(1 << 20);
    for metric in ["", " ", "a b", "1x", "up{job=\"x\"}", "device_connection_status", "ä", "x\n", &long] {
        out.sample(metric, [], 1.0);
    }
    for name in ["", "__name__", "__address__", "a-b", "1", "a\0b", &long] {
        out.sample("x", [(name, "v")], 1.0);
    }
    out.sample("claimed", [("device_id", "somebody-else"), ("platform", "moon")], 1.0);
}

fn values(out: &mut Out) {
    // The last two are NaNs with a payload: Prometheus' marker of a stale series, and another one.
    let stale = f64::from_bits(0x7ff0_0000_0000_0002);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -0.0, f64::from_bits(1), stale] {
        out.sample("odd", [], value);
    }
}

fn times(out: &mut Out) {
    for at in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
        out.push_sample(Sample { at: Some(at), ..sample("timed".into(), Vec::new()) });
        let (labels, values) = (Vec::new(), vec![1.0; 3]);
        out.push_block(Block { metric: "spread".into(), labels, start: at, step_us: u32::MAX, values });
    }
}
