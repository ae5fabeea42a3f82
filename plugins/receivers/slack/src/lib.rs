//! Posts notifications to Slack, through an incoming webhook or as an app with a bot token, with the settings and the
//! message of Alertmanager's `slack_configs`. An app can change its message instead of posting another.

mod answer;
mod message;

use bellwether_plugin_sdk::config;
use bellwether_plugin_sdk::receiver::{
    About, Failure, Info, Notification, Problem, Receipt, Receiver, SettingKind, Template, deliver, http,
    setting,
};
use serde::Deserialize;

/// Time for one request where the operator says nothing.
const DEFAULT_TIMEOUT_MS: &str = "10000";
/// Slack refuses to be called more often by one webhook.
const MIN_INTERVAL_MS: u32 = 1000;
/// Alertmanager's colour: red while anything fires.
const DEFAULT_COLOR: &str = r#"{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}"#;

struct Slack;

/// From the method that posts to the one that changes, in a URL that only the host knows whole: it is put in before
/// the path is worked out.
const UPDATE_METHOD: &str = "/../chat.update";

#[derive(Deserialize)]
pub(crate) struct Config {
    api_url: Option<String>,
    app_url: Option<String>,
    app_token: Option<String>,
    timeout: u32,
    update_message: bool,
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
                summary:
                    "Posts notifications to a Slack channel, through an incoming webhook or with a bot token"
                        .into(),
                homepage: Some("https://api.slack.com/messaging/webhooks".into()),
                settings: vec![
                    setting("api_url", Secret, false, None, "The incoming webhook's URL"),
                    setting("app_token", Secret, false, None, "The bot token of an app, instead of api_url"),
                    // A secret only so that naming it grants its origin, and nothing else can get the token.
                    setting(
                        "app_url",
                        Secret,
                        false,
                        None,
                        "With a token: the URL of the method chat.postMessage",
                    ),
                    setting(
                        "update_message",
                        Boolean,
                        false,
                        Some("false"),
                        "With a token: change the first message of a group instead of posting another",
                    ),
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
            updates: true,
            min_interval: MIN_INTERVAL_MS,
            wants_hosts: vec!["*".into()],
        }
    }

    fn check(settings: &str) -> Result<(), Vec<Problem>> {
        let config: Result<Config, String> = config::parse(settings);
        let whole = |message| Problem { setting: None, message };
        config.and_then(|config| destination(&config).map(|_| ())).map_err(|message| vec![whole(message)])
    }

    fn notify(settings: &str, notification: Notification) -> Result<Receipt, Failure> {
        let config: Config = config::parse(settings).map_err(Failure::Misconfigured)?;
        let destination = destination(&config).map_err(Failure::Misconfigured)?;
        let earlier = notification.previous.as_ref().filter(|_| config.update_message);
        let earlier = earlier.and_then(|receipt| answer::posted(&receipt.id));
        let body = message::encode(&config, &notification, earlier.as_ref()).map_err(Failure::Permanent)?;
        let response = deliver(&http::Request {
            method: http::Method::Post,
            url: destination.url(earlier.is_some()),
            headers: destination.headers(&notification.idempotency_key),
            body,
            timeout: config.timeout,
        })?;
        let id = answer::read(&response.body)?.unwrap_or(notification.idempotency_key);
        Ok(Receipt { id, url: None })
    }
}

/// Where messages go.
struct Destination<'a> {
    url: &'a str,
    token: Option<&'a str>,
}

/// A token goes to the app's URL and a webhook has none, as in Alertmanager 0.34.
fn destination(config: &Config) -> Result<Destination<'_>, String> {
    let token = config.app_token.as_deref();
    let url = if token.is_some() { &config.app_url } else { &config.api_url };
    match url.as_deref() {
        Some(url) => Ok(Destination { url, token }),
        None if token.is_some() => {
            Err("app_token needs app_url, the URL of the method chat.postMessage".into())
        }
        None => Err("there is neither api_url nor app_token".into()),
    }
}

impl Destination<'_> {
    fn url(&self, updates: bool) -> String {
        if updates { format!("{}{UPDATE_METHOD}", self.url) } else { self.url.to_owned() }
    }

    fn headers(&self, idempotency_key: &str) -> Vec<(String, String)> {
        let mut headers = vec![
            ("Content-Type".into(), "application/json; charset=utf-8".into()),
            ("Idempotency-Key".into(), idempotency_key.into()),
        ];
        headers.extend(self.token.map(|token| ("Authorization".into(), format!("Bearer {token}"))));
        headers
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: &str) -> Result<(), String> {
        let common =
            r#""timeout":1,"update_message":false,"link_names":false,"short_fields":false,"mrkdwn_in":[]"#;
        let checked = Slack::check(&format!("{{{settings}{common}}}"));
        checked.map_err(|problems| problems.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn wants_a_webhook_or_a_token_with_its_url() {
        assert_eq!(check(r#""api_url":"https://a.invalid","#), Ok(()));
        assert_eq!(check(r#""app_token":"t","app_url":"https://a.invalid","#), Ok(()));
        assert_eq!(
            check(r#""app_url":"https://a.invalid","#),
            Err("there is neither api_url nor app_token".into())
        );
        assert!(
            check(r#""app_token":"t","api_url":"https://a.invalid","#).unwrap_err().contains("needs app_url")
        );
    }

    #[test]
    fn the_token_goes_along_and_a_webhook_has_none() {
        let bot = Destination { url: "https://a.invalid", token: Some("t") };
        assert!(bot.headers("k").contains(&("Authorization".into(), "Bearer t".into())));
        assert_eq!(bot.url(true), "https://a.invalid/../chat.update");
        assert_eq!(Destination { url: "https://a.invalid", token: None }.headers("k").len(), 2);
    }
}
