//! The body: Alertmanager's webhook version 4, byte for byte as Go's encoder writes it.

use std::collections::BTreeMap;

use bellwether_plugin_sdk::receiver::{Alert, Label, Notification, Status};
use serde::Serialize;

use crate::time::rfc3339;

/// What Go prints for a time that was never set: the end of a firing alert.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// Keys in the order in which Alertmanager 0.34 writes them: its template data first, then what the webhook adds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    receiver: String,
    status: &'static str,
    alerts: Vec<BodyAlert>,
    /// Since 0.32, right after the alerts, and in snake case.
    #[serde(rename = "notification_reason")]
    notification_reason: String,
    group_labels: BTreeMap<String, String>,
    common_labels: BTreeMap<String, String>,
    common_annotations: BTreeMap<String, String>,
    /// Since 0.34.
    route_labels: BTreeMap<String, String>,
    #[serde(rename = "externalURL")]
    external_url: String,
    version: &'static str,
    group_key: String,
    truncated_alerts: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BodyAlert {
    status: &'static str,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

/// One line of JSON with a newline at its end. With `max_alerts` above 0, alerts beyond it are left out and counted.
pub(crate) fn encode(notification: Notification, max_alerts: u32) -> Vec<u8> {
    let mut alerts = notification.alerts;
    let mut truncated_alerts = u64::from(notification.truncated);
    if max_alerts > 0 && alerts.len() > max_alerts as usize {
        truncated_alerts += (alerts.len() - max_alerts as usize) as u64;
        alerts.truncate(max_alerts as usize);
    }
    let body = Body {
        receiver: notification.receiver,
        status: status_text(notification.status),
        alerts: alerts.into_iter().map(body_alert).collect(),
        notification_reason: notification.reason,
        group_labels: map(notification.group_labels),
        common_labels: map(notification.common_labels),
        common_annotations: map(notification.common_annotations),
        route_labels: map(notification.route_labels),
        external_url: notification.external_url,
        version: "4",
        group_key: notification.group_key,
        truncated_alerts,
    };
    let json = serde_json::to_string(&body).expect("texts and numbers always encode");
    let mut bytes = escape_as_go(&json).into_bytes();
    bytes.push(b'\n');
    bytes
}

fn body_alert(alert: Alert) -> BodyAlert {
    BodyAlert {
        status: status_text(alert.status),
        labels: map(alert.labels),
        annotations: map(alert.annotations),
        starts_at: rfc3339(alert.starts_at),
        ends_at: alert.ends_at.map_or_else(|| ZERO_TIME.into(), rfc3339),
        generator_url: alert.generator_url,
        fingerprint: alert.fingerprint,
    }
}

fn map(labels: Vec<Label>) -> BTreeMap<String, String> {
    labels.into_iter().map(|label| (label.name, label.value)).collect()
}

const fn status_text(status: Status) -> &'static str {
    match status {
        Status::Firing => "firing",
        Status::Resolved => "resolved",
    }
}

/// Go's JSON encoder also escapes what could be misread inside HTML. The characters occur in texts only, never in the
/// syntax of JSON, so they can be replaced afterwards.
fn escape_as_go(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_plugin_sdk::receiver::Purpose;

    fn label(name: &str, value: &str) -> Label {
        Label { name: name.into(), value: value.into() }
    }

    fn notification(alerts: usize) -> Notification {
        let alert = Alert {
            fingerprint: "9d371679ad31a059".into(),
            status: Status::Firing,
            labels: vec![label("component", "device"), label("alertname", "T2")],
            annotations: vec![],
            starts_at: 1_795_248_000_500,
            ends_at: None,
            value: None,
            generator_url: "http://x/graph?a=1&b=<2>".into(),
        };
        Notification {
            purpose: Purpose::Live,
            now: 0,
            receiver: "critical".into(),
            group_key: "{}:{alertname=\"T2\"}".into(),
            idempotency_key: "k".into(),
            attempt: 1,
            status: Status::Firing,
            reason: "first notification".into(),
            group_labels: vec![label("alertname", "T2")],
            common_labels: vec![label("alertname", "T2")],
            common_annotations: vec![],
            route_labels: vec![],
            alerts: vec![alert; alerts],
            truncated: 0,
            external_url: "http://127.0.0.1:9093".into(),
            rendered: vec![],
            previous: None,
            extras: vec![],
        }
    }

    #[test]
    fn writes_the_keys_in_the_order_of_alertmanager() {
        let text = String::from_utf8(encode(notification(1), 0)).unwrap();
        let want = concat!(
            r#"{"receiver":"critical","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"T2","#,
            r#""component":"device"},"annotations":{},"startsAt":"2026-11-21T08:00:00.5Z","endsAt":"0001-01-01T00:00:00Z","#,
            r#""generatorURL":"http://x/graph?a=1\u0026b=\u003c2\u003e","fingerprint":"9d371679ad31a059"}],"#,
            r#""notification_reason":"first notification","groupLabels":{"alertname":"T2"},"commonLabels":{"alertname":"T2"},"#,
            r#""commonAnnotations":{},"routeLabels":{},"externalURL":"http://127.0.0.1:9093","version":"4","#,
            r#""groupKey":"{}:{alertname=\"T2\"}","truncatedAlerts":0}"#,
            "\n"
        );
        assert_eq!(text, want);
    }

    #[test]
    fn counts_the_alerts_that_it_leaves_out() {
        let text = String::from_utf8(encode(notification(5), 2)).unwrap();
        assert_eq!(text.matches("fingerprint").count(), 2);
        assert!(text.contains(r#""truncatedAlerts":3"#), "{text}");
    }
}
