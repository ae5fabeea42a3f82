//! Posts notifications to a Slack incoming webhook, with the settings and the message of Alertmanager's
//! `slack_configs`.

mod message;

use bellwether_plugin_sdk::config;
use bellwether_plugin_sdk::receiver::{
    About, Failure, Info, Notification, Receipt, Receiver, SettingKind, Template, deliver, http, setting,
};
use serde::Deserialize;

/// Time for one request where the operator says nothing.
const DEFAULT_TIMEOUT_MS: &str = "10000";
/// Slack refuses to be called more often by one webhook.
const MIN_INTERVAL_MS: u32 = 1000;
/// Alertmanager's colour: red while anything fires.
const DEFAULT_COLOR: &str = r#"{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}"#;

struct Slack;

#[derive(Deserialize)]
pub(crate) struct Config {
    api_url: String,
    timeout: u32,
    pub(crate) link_names: bool,
    pub(crate) short_fields: bool,
    pub(crate) mrkdwn_in: Vec<String>,
}

impl Receiver for Slack {
    fn describe() -> Info {
        use SettingKind::{Boolean, Duration, Secret, Texts};
        Info {
            about: About {
                name: "slack".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                summary: "Posts notifications to a Slack channel through an incoming webhook".into(),
                homepage: Some("https://api.slack.com/messaging/webhooks".into()),
                settings: vec![
                    setting("api_url", Secret, true, None, "The incoming webhook's URL"),
                    setting("timeout", Duration, false, Some(DEFAULT_TIMEOUT_MS), "Time for one request"),
                    setting(
                        "link_names",
                        Boolean,
                        false,
                        Some("false"),
                        "Turn @names and #channels into links",
                    ),
                    setting(
                        "short_fields",
                        Boolean,
                        false,
                        Some("false"),
                        "Fields that do not say go side by side",
                    ),
                    setting(
                        "mrkdwn_in",
                        Texts,
                        false,
                        Some(r#"["fallback","pretext","text"]"#),
                        "Parts of the attachment that Slack formats",
                    ),
                ],
            },
            templates: templates(),
            updates: false,
            min_interval: MIN_INTERVAL_MS,
            wants_hosts: vec!["*".into()],
        }
    }

    fn notify(settings: &str, notification: Notification) -> Result<Receipt, Failure> {
        let config: Config = config::parse(settings).map_err(Failure::Misconfigured)?;
        let body = message::encode(&config, &notification).map_err(Failure::Permanent)?;
        deliver(&http::Request {
            method: http::Method::Post,
            url: config.api_url,
            headers: vec![
                ("Content-Type".into(), "application/json".into()),
                ("Idempotency-Key".into(), notification.idempotency_key.clone()),
            ],
            body,
            timeout: config.timeout,
        })?;
        Ok(Receipt { id: notification.idempotency_key, url: None })
    }
}

/// The texts of the message. Most have a named default that the host's own templates define, so that an operator's
/// template files can redefine them as they do for Alertmanager.
fn templates() -> Vec<Template> {
    const NAMED: [&str; 10] = [
        "title",
        "title_link",
        "pretext",
        "text",
        "fallback",
        "footer",
        "callback_id",
        "username",
        "icon_emoji",
        "icon_url",
    ];
    let template = |name: &str, default: String| Template { name: name.into(), default };
    // The templates' names are Alertmanager's, which have no underscores.
    let default_of =
        |name: &str| format!(r#"{{{{ template "slack.default.{}" . }}}}"#, name.replace('_', ""));
    let named = NAMED.map(|name| template(name, default_of(name)));
    let plain =
        ["channel", "message_text", "image_url", "thumb_url"].map(|name| template(name, String::new()));
    let lists = ["fields", "actions"].map(|name| template(name, "[]".into()));
    named.into_iter().chain(plain).chain(lists).chain([template("color", DEFAULT_COLOR.into())]).collect()
}

bellwether_plugin_sdk::export_receiver!(Slack);
