//! How the page calls things: severities, units, and sentences about what happened.

use super::contract::{Happening, Part, Severity};
use crate::journal::{Entry, Kind};

/// How bad a `severity` label says it is.
pub(super) fn severity(label: Option<&str>) -> Severity {
    match label.unwrap_or("").to_ascii_lowercase().as_str() {
        "critical" | "page" | "fatal" | "emergency" | "error" | "high" => Severity::Critical,
        "warning" | "warn" | "medium" | "minor" => Severity::Warning,
        _ => Severity::Info,
    }
}

/// The unit that a metric's name ends with.
pub(super) fn unit(metric: &str) -> &'static str {
    let plain = metric.strip_suffix("_total").unwrap_or(metric);
    let units = [
        ("_celsius", "°C"),
        ("_bytes", "B"),
        ("_seconds", "s"),
        ("_percent", "%"),
        ("_ratio", "ratio"),
        ("_volts", "V"),
        ("_amperes", "A"),
        ("_watts", "W"),
        ("_hertz", "Hz"),
        ("_pascals", "Pa"),
    ];
    units.into_iter().find(|(suffix, _)| plain.ends_with(suffix)).map_or("", |(_, unit)| unit)
}

/// An entry of the journal as a sentence.
pub(super) fn happening(entry: &Entry) -> Happening {
    let (kind, bad) = match entry.kind {
        Kind::Pending => ("pending", false),
        Kind::Firing => ("fired", false),
        Kind::Resolved => ("resolved", false),
        Kind::Inhibited => ("inhibited", false),
        Kind::Silenced => ("silenced", false),
        Kind::Acknowledged => ("acknowledged", false),
        Kind::Delivered => ("delivered", false),
        Kind::DeliveryFailed => ("failed", true),
        Kind::DeviceConnected => ("device", false),
        Kind::DeviceDisconnected => ("device", true),
        Kind::DeviceEvent => ("device", false),
        Kind::Plugin => ("plugin", true),
        Kind::Reload => ("config", false),
    };
    let labelled = severity(entry.severity.as_deref());
    let severity = if bad { labelled.max(Severity::Warning) } else { labelled };
    Happening { id: format!("{:020}", entry.seq), at: entry.at, kind, severity, parts: parts(entry) }
}

fn parts(entry: &Entry) -> Vec<Part> {
    let plain = |text: String| Part { text, ..Part::default() };
    let mut parts = Vec::new();
    if let Some(name) = &entry.alertname {
        parts.push(Part { text: name.clone(), bold: true, href: None });
    }
    if let Some(device) = &entry.device_id {
        if !parts.is_empty() {
            parts.push(plain(" ".to_owned()));
        }
        let href =
            Some(format!("/devices/{}", device.replace('%', "%25").replace('/', "%2F").replace('.', "%2E")));
        parts.push(Part { text: device.clone(), bold: entry.alertname.is_none(), href });
    }
    let verb = match entry.kind {
        Kind::Pending => " waits",
        Kind::Firing => " fired",
        Kind::Resolved => " resolved",
        Kind::Inhibited => " held back",
        Kind::Silenced => " silenced",
        Kind::Acknowledged => " taken on",
        Kind::Delivered => " sent to",
        Kind::DeliveryFailed => " not sent",
        Kind::DeviceConnected
        | Kind::DeviceDisconnected
        | Kind::DeviceEvent
        | Kind::Plugin
        | Kind::Reload => "",
    };
    let gap = if parts.is_empty() { "" } else { verb };
    let text = if entry.text.is_empty() { String::new() } else { format!(" {}", entry.text) };
    let separator = if verb.is_empty()
        || entry.text.is_empty()
        || matches!(entry.kind, Kind::Delivered | Kind::Acknowledged)
    {
        ""
    } else {
        ":"
    };
    let sentence = format!("{gap}{separator}{text}");
    let sentence = if parts.is_empty() { sentence.trim_start().to_owned() } else { sentence };
    parts.push(plain(sentence));
    parts
}

#[cfg(test)]
mod tests {
    use bellwether_model::Timestamp;

    use super::*;

    #[test]
    fn units_come_from_the_name() {
        assert_eq!(unit("device_temperature_celsius"), "°C");
        assert_eq!(unit("process_cpu_seconds_total"), "s");
        assert_eq!(unit("up"), "");
    }

    #[test]
    fn entries_become_sentences() {
        let entry = Entry {
            alertname: Some("DeviceOverheating".into()),
            device_id: Some("esp32-03".into()),
            severity: Some("critical".into()),
            ..Entry::new(Timestamp::UNIX_EPOCH, Kind::Firing, "esp32-03 is at 88 °C")
        };
        let happening = happening(&entry);
        let text: String = happening.parts.iter().map(|part| part.text.as_str()).collect();
        assert_eq!(text, "DeviceOverheating esp32-03 fired: esp32-03 is at 88 °C");
        assert_eq!((happening.kind, happening.severity), ("fired", Severity::Critical));
    }
}
