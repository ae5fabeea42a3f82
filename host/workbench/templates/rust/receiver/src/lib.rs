//! Pushes notifications to phones by ntfy: one JSON request for each, with a priority by the severity of its alerts.
//!
//! Title and message are templates: the host renders them, and the operator can write others. The token never gets here:
//! what stands in the settings is a placeholder, and the host puts the token in when the request leaves.

use bellwether_plugin_sdk::config;
use bellwether_plugin_sdk::receiver::{
    About, Failure, Info, Notification, Problem, Receipt, Receiver, SettingKind, Status, Template, deliver, http,
    rendered, setting,
};
use serde::{Deserialize, Serialize};

/// The server where the operator names no other.
const SERVER: &str = "https://ntfy.sh";
/// Longer messages would arrive as a file.
const MAX_MESSAGE_BYTES: usize = 4000;

#[derive(Deserialize)]
struct Config {
    topic: String,
    server: String,
    token: Option<String>,
    /// Milliseconds.
    timeout: u32,
}

#[derive(Serialize)]
struct Message<'a> {
    topic: &'a str,
    title: &'a str,
    message: &'a str,
    priority: u8,
    tags: [&'static str; 1],
    click: &'a str,
}

/// What the server answers.
#[derive(Deserialize)]
struct Answer {
    id: String,
}

struct Ntfy;

impl Receiver for Ntfy {
    fn describe() -> Info {
        let template = |name: &str, default: &str| Template { name: name.into(), default: default.into() };
        Info {
            about: About {
                name: "__NAME__".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                summary: "Pushes notifications to phones by ntfy".into(),
                homepage: None,
                settings: vec![
                    setting("topic", SettingKind::Text, true, None, "Topic that phones subscribe to"),
                    setting("server", SettingKind::Text, false, Some("\"https://ntfy.sh\""), "Server"),
                    setting("token", SettingKind::Secret, false, None, "Access token, where the topic needs one"),
                    setting("timeout", SettingKind::Duration, false, Some("10000"), "Time for one request"),
                ],
            },
            templates: vec![
                template("title", "{{ .Status | toUpper }} {{ .GroupLabels.alertname }} ({{ len .Alerts }})"),
                template(
                    "message",
                    "{{ range .Alerts }}{{ .Status }}: {{ or .Annotations.summary .Labels.alertname }}\n{{ end }}",
                ),
            ],
            updates: false,
            min_interval: 0,
            wants_hosts: vec![SERVER.into()],
        }
    }

    fn check(settings: &str) -> Result<(), Vec<Problem>> {
        let problem = |setting: &str, message: String| vec![Problem { setting: Some(setting.into()), message }];
        let config: Config = config::parse(settings).map_err(|message| problem("topic", message))?;
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if config.topic.is_empty() || config.topic.len() > 64 || !config.topic.chars().all(legal) {
            return Err(problem("topic", "must be 1 to 64 letters, digits, - and _".into()));
        }
        if !config.server.starts_with("https://") && !config.server.starts_with("http://") {
            return Err(problem("server", "must be a URL such as https://ntfy.sh".into()));
        }
        Ok(())
    }

    fn notify(settings: &str, notification: Notification) -> Result<Receipt, Failure> {
        let config: Config = config::parse(settings).map_err(Failure::Misconfigured)?;
        let body = serde_json::to_vec(&message(&config.topic, &notification));
        let mut headers = vec![("Content-Type".into(), "application/json".into())];
        headers.extend(config.token.map(|token| ("Authorization".into(), format!("Bearer {token}"))));
        let response = deliver(&http::Request {
            method: http::Method::Post,
            url: config.server.clone(),
            headers,
            body: body.map_err(|error| Failure::Permanent(error.to_string()))?,
            timeout: config.timeout,
        })?;
        // The message is out: an answer that cannot be read must not send it again.
        let answer = serde_json::from_slice::<Answer>(&response.body);
        let id = answer.map_or(notification.idempotency_key, |answer| answer.id);
        Ok(Receipt { id, url: Some(format!("{}/{}", config.server.trim_end_matches('/'), config.topic)) })
    }
}

fn message<'a>(topic: &'a str, notification: &'a Notification) -> Message<'a> {
    let text = rendered(notification, "message").trim();
    let firing = notification.status == Status::Firing;
    Message {
        topic,
        title: rendered(notification, "title"),
        message: &text[..text.floor_char_boundary(MAX_MESSAGE_BYTES)],
        priority: if firing { priority(notification) } else { 3 },
        tags: [if firing { "rotating_light" } else { "white_check_mark" }],
        click: &notification.external_url,
    }
}

/// From 1 to 5, where 3 is normal: by the worst severity among the alerts.
fn priority(notification: &Notification) -> u8 {
    let labels = notification.alerts.iter().flat_map(|alert| &alert.labels);
    let severities = labels.filter(|label| label.name == "severity");
    let priorities = severities.map(|label| match label.value.as_str() {
        "critical" => 5,
        "warning" => 4,
        _ => 3,
    });
    priorities.max().unwrap_or(3)
}

bellwether_plugin_sdk::export_receiver!(Ntfy);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let check = |topic: &str, server: &str| {
            Ntfy::check(&format!(r#"{{"topic":"{topic}","server":"{server}","timeout":1}}"#))
        };
        assert!(check("my-alerts", SERVER).is_ok());
        assert_eq!(check("a b", SERVER).unwrap_err()[0].setting.as_deref(), Some("topic"));
        assert_eq!(check("a", "ntfy.sh").unwrap_err()[0].setting.as_deref(), Some("server"));
    }
}
