//! The JSON that Slack takes: one message with one attachment, as Alertmanager writes it.

use bellwether_plugin_sdk::receiver::{Notification, rendered};
use serde::{Deserialize, Serialize};

use crate::Config;
use crate::answer::Posted;

/// Slack cuts longer titles without saying so (Alertmanager: 1024 runes).
const MAX_TITLE_CHARS: usize = 1024;

#[derive(Serialize)]
struct Message<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    channel: &'a str,
    /// Of the message to be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    username: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    icon_emoji: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    icon_url: &'a str,
    #[serde(skip_serializing_if = "is_false")]
    link_names: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    text: &'a str,
    attachments: [Attachment<'a>; 1],
}

#[derive(Serialize)]
struct Attachment<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    title_link: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pretext: &'a str,
    text: &'a str,
    fallback: &'a str,
    callback_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action>,
    #[serde(skip_serializing_if = "str::is_empty")]
    image_url: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    thumb_url: &'a str,
    footer: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    color: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    mrkdwn_in: &'a [String],
}

/// A short text under the attachment.
#[derive(Serialize, Deserialize)]
struct Field {
    title: String,
    value: String,
    #[serde(default)]
    short: Option<bool>,
}

/// A button or menu; Slack knows further keys, which are passed on.
#[derive(Serialize, Deserialize)]
struct Action {
    #[serde(rename = "type")]
    kind: String,
    text: String,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

/// The body of the request; with `earlier`, of one that changes that message.
pub(crate) fn encode(
    config: &Config,
    notification: &Notification,
    earlier: Option<&Posted>,
) -> Result<Vec<u8>, String> {
    let text = |name| rendered(notification, name);
    let mut fields: Vec<Field> = list(notification, "fields")?;
    for field in &mut fields {
        field.short.get_or_insert(config.short_fields);
    }
    let title = cut(text("title"), MAX_TITLE_CHARS);
    let message = Message {
        channel: earlier.map_or_else(|| text("channel"), |earlier| &earlier.channel),
        ts: earlier.map(|earlier| &*earlier.ts),
        username: text("username"),
        icon_emoji: text("icon_emoji"),
        icon_url: text("icon_url"),
        link_names: config.link_names,
        text: text("message_text"),
        attachments: [Attachment {
            title: &title,
            title_link: text("title_link"),
            pretext: text("pretext"),
            text: text("text"),
            fallback: text("fallback"),
            callback_id: text("callback_id"),
            fields,
            actions: list(notification, "actions")?,
            image_url: text("image_url"),
            thumb_url: text("thumb_url"),
            footer: text("footer"),
            color: text("color"),
            mrkdwn_in: &config.mrkdwn_in,
        }],
    };
    serde_json::to_vec(&message).map_err(|error| error.to_string())
}

fn list<T: for<'de> Deserialize<'de>>(notification: &Notification, name: &str) -> Result<Vec<T>, String> {
    let json = rendered(notification, name);
    if json.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(json).map_err(|error| format!("{name} cannot be understood: {error}"))
}

/// The text itself, or its start with an ellipsis.
fn cut(text: &str, max_chars: usize) -> String {
    if text.chars().count() <= max_chars {
        return text.to_owned();
    }
    text.chars().take(max_chars - 1).chain(['…']).collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_plugin_sdk::receiver::{Purpose, Status};

    fn notification(rendered: &[(&str, &str)]) -> Notification {
        Notification {
            purpose: Purpose::Live,
            now: 0,
            receiver: "slack".into(),
            group_key: "g".into(),
            idempotency_key: "k".into(),
            attempt: 1,
            status: Status::Firing,
            reason: "first notification".into(),
            group_labels: vec![],
            common_labels: vec![],
            common_annotations: vec![],
            route_labels: vec![],
            alerts: vec![],
            truncated: 0,
            external_url: String::new(),
            rendered: rendered.iter().map(|(n, t)| ((*n).into(), (*t).into())).collect(),
            previous: None,
            extras: vec![],
        }
    }

    fn config() -> Config {
        Config {
            api_url: Some("u".into()),
            app_url: None,
            app_token: None,
            timeout: 1,
            update_message: false,
            link_names: false,
            short_fields: true,
            mrkdwn_in: vec!["text".into()],
        }
    }

    #[test]
    fn writes_one_attachment_and_leaves_empty_texts_out() {
        let input = notification(&[
            ("channel", "#alerts"),
            ("title", "[FIRING:1] Hot"),
            ("text", "85 °C"),
            ("color", "danger"),
            ("fields", r#"[{"title":"a","value":"b"},{"title":"c","value":"d","short":false}]"#),
        ]);
        let body = String::from_utf8(encode(&config(), &input, None).unwrap()).unwrap();
        assert_eq!(
            body,
            concat!(
                r##"{"channel":"#alerts","attachments":[{"title":"[FIRING:1] Hot","text":"85 °C","fallback":"","##,
                r#""callback_id":"","fields":[{"title":"a","value":"b","short":true},{"title":"c","value":"d","short":false}],"#,
                r#""footer":"","color":"danger","mrkdwn_in":["text"]}]}"#
            )
        );
    }

    #[test]
    fn cuts_long_titles_and_says_so() {
        let long = "x".repeat(2000);
        let body =
            String::from_utf8(encode(&config(), &notification(&[("title", &long)]), None).unwrap()).unwrap();
        assert!(body.contains(&format!("{}…", "x".repeat(1023))) && !body.contains(&"x".repeat(1024)));
    }

    #[test]
    fn refuses_fields_that_are_no_list() {
        let refused = encode(&config(), &notification(&[("fields", "{")]), None).unwrap_err();
        assert!(refused.starts_with("fields cannot"), "{refused}");
    }

    #[test]
    fn a_change_names_the_message_by_the_ids_that_slack_gave() {
        let earlier = Posted { channel: "C1".into(), ts: "12.5".into() };
        let body = encode(&config(), &notification(&[("channel", "#alerts")]), Some(&earlier)).unwrap();
        let body = String::from_utf8(body).unwrap();
        assert!(body.starts_with(r#"{"channel":"C1","ts":"12.5","#), "{body}");
    }
}
