//! What Slack answers. A webhook says `ok` as a text; the Web API says with status 200 what went wrong, in JSON.

use bellwether_plugin_sdk::receiver::Failure;
use serde::{Deserialize, Serialize};

/// Pause where Slack asks for fewer messages without saying how long.
const PAUSE_MS: u32 = 30_000;

/// A message as the Web API knows it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Posted {
    /// The channel's id, which changes ask for, not its name.
    pub(crate) channel: String,
    /// Its time, which is its id in the channel.
    pub(crate) ts: String,
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    error: String,
    channel: Option<String>,
    ts: Option<String>,
}

/// The id of what was posted, where it can be changed later; or why nothing was.
pub(crate) fn read(body: &[u8]) -> Result<Option<String>, Failure> {
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else { return Ok(None) };
    if !answer.ok {
        return Err(failure(&answer.error));
    }
    let posted = answer.channel.zip(answer.ts).map(|(channel, ts)| Posted { channel, ts });
    Ok(posted.and_then(|posted| serde_json::to_string(&posted).ok()))
}

/// The message behind an id that [`read`] gave; none behind others.
pub(crate) fn posted(id: &str) -> Option<Posted> {
    serde_json::from_str(id).ok()
}

/// By the error codes of `chat.postMessage` and `chat.update`.
fn failure(error: &str) -> Failure {
    let told = format!("Slack answers {error:?}");
    match error {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => Failure::RateLimited(PAUSE_MS),
        "message_not_found" | "cant_update_message" | "edit_window_closed" => Failure::PreviousLost,
        "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "team_added_to_org" => Failure::Retryable(told),
        "not_authed" | "invalid_auth" | "account_inactive" | "token_revoked" | "token_expired"
        | "missing_scope" | "access_denied" | "channel_not_found" | "not_in_channel" | "is_archived" => {
            Failure::Misconfigured(told)
        }
        _ => Failure::Permanent(told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_the_web_api_is_found_again_and_one_of_a_webhook_is_not() {
        let id =
            read(br#"{"ok":true,"channel":"C1","ts":"1503435956.000247","message":{}}"#).unwrap().unwrap();
        assert_eq!(posted(&id), Some(Posted { channel: "C1".into(), ts: "1503435956.000247".into() }));
        assert!(read(b"ok").unwrap().is_none());
        assert_eq!(posted("1795739990207-24894959f8942ff9"), None);
    }

    #[test]
    fn what_went_wrong_decides_whether_it_is_tried_again() {
        let outcome =
            |error: &str| read(format!(r#"{{"ok":false,"error":"{error}"}}"#).as_bytes()).unwrap_err();
        assert!(matches!(outcome("internal_error"), Failure::Retryable(_)));
        assert!(matches!(outcome("ratelimited"), Failure::RateLimited(PAUSE_MS)));
        assert!(matches!(outcome("message_not_found"), Failure::PreviousLost));
        assert!(
            matches!(outcome("invalid_auth"), Failure::Misconfigured(text) if text.contains("invalid_auth"))
        );
        assert!(matches!(outcome("msg_too_long"), Failure::Permanent(_)));
    }
}
