//! A request that the server refused: in a sentence, and in the words of `amtool`'s generated client.

use reqwest::StatusCode;
use serde_json::Value;

use super::super::output::json_line;

/// A call of the API, by the names of its description.
#[derive(Debug)]
pub(crate) struct Operation {
    method: &'static str,
    path: &'static str,
    id: &'static str,
    /// Refusals that the description lists, and whether they say why.
    refusals: &'static [(u16, bool)],
}

/// What is listed for calls with lists.
const LISTS: &[(u16, bool)] = &[(400, true), (500, true)];
/// What is listed for calls about one silence.
const ONE_SILENCE: &[(u16, bool)] = &[(404, false), (500, true)];

pub(super) const GET_STATUS: Operation = of("GET", "/status", "getStatus", &[]);
pub(super) const GET_ALERTS: Operation = of("GET", "/alerts", "getAlerts", LISTS);
pub(super) const POST_ALERTS: Operation = of("POST", "/alerts", "postAlerts", LISTS);
pub(super) const GET_SILENCES: Operation = of("GET", "/silences", "getSilences", LISTS);
pub(super) const POST_SILENCES: Operation =
    of("POST", "/silences", "postSilences", &[(400, true), (404, true)]);
pub(super) const GET_SILENCE: Operation = of("GET", "/silence/{silenceID}", "getSilence", ONE_SILENCE);
pub(super) const DELETE_SILENCE: Operation =
    of("DELETE", "/silence/{silenceID}", "deleteSilence", ONE_SILENCE);

pub(super) const ACKNOWLEDGE: Operation = of("POST", "/acknowledgements", "", &[]);
pub(super) const GIVE_BACK: Operation = of("DELETE", "/acknowledgements", "", &[]);
pub(super) const GET_HISTORY: Operation = of("GET", "/history", "", &[]);

const fn of(
    method: &'static str,
    path: &'static str,
    id: &'static str,
    refusals: &'static [(u16, bool)],
) -> Operation {
    Operation { method, path, id, refusals }
}

/// The server's no.
#[derive(Debug, thiserror::Error)]
#[error("{server} refused {} {}: {}", operation.method, operation.path, self.reason())]
pub(crate) struct Refusal {
    /// What was asked.
    pub(crate) operation: &'static Operation,
    /// Whom.
    pub(crate) server: String,
    /// The answer's status.
    pub(crate) status: StatusCode,
    /// The answer's body.
    pub(crate) body: String,
}

impl Refusal {
    /// Whether there is nothing of that id.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// What the body says: a JSON string, an object with a message, or text; the status where it is empty.
    fn reason(&self) -> String {
        let text = match serde_json::from_str(&self.body) {
            Ok(Value::String(text)) => text,
            Ok(Value::Object(object)) if object.contains_key("message") => {
                object["message"].as_str().unwrap_or(&self.body).to_owned()
            }
            // Our own API.
            Ok(Value::Object(object)) if object.contains_key("error") => {
                object["error"].as_str().unwrap_or(&self.body).to_owned()
            }
            _ => self.body.trim().to_owned(),
        };
        if text.is_empty() { self.status.to_string() } else { text }
    }

    /// As `amtool` says it: `[POST /silences][400] postSilencesBadRequest "…"`.
    pub(crate) fn in_amtools_words(&self) -> String {
        let Operation { method, path, id, refusals } = self.operation;
        let code = self.status.as_u16();
        match refusals.iter().find(|(listed, _)| *listed == code) {
            Some((_, says_why)) => {
                let name = self.status.canonical_reason().unwrap_or("").replace(' ', "");
                let payload =
                    if *says_why { json_line(&self.reason()).unwrap_or_default() } else { String::new() };
                format!("[{method} {path}][{code}] {id}{name} {payload}").trim_end().to_owned()
            }
            None => format!("[{method} {path}] {id} (status {code}): {{}}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(operation: &'static Operation, status: u16, body: &str) -> Refusal {
        let status = StatusCode::from_u16(status).unwrap();
        Refusal { operation, server: "http://h:1".to_owned(), status, body: body.to_owned() }
    }

    #[test]
    fn says_what_the_body_says() {
        let said = |body: &str| refusal(&GET_SILENCE, 404, body).to_string();
        let head = "http://h:1 refused GET /silence/{silenceID}: ";
        assert_eq!(said("\"no such\""), format!("{head}no such"));
        assert_eq!(said(r#"{"code":602,"message":"bad"}"#), format!("{head}bad"));
        assert_eq!(said(""), format!("{head}404 Not Found"));
    }

    #[test]
    fn speaks_as_amtool() {
        assert_eq!(
            refusal(&POST_SILENCES, 400, "\"a < b\"").in_amtools_words(),
            r#"[POST /silences][400] postSilencesBadRequest "a \u003c b""#
        );
        assert_eq!(
            refusal(&DELETE_SILENCE, 404, "\"silence not found\"").in_amtools_words(),
            "[DELETE /silence/{silenceID}][404] deleteSilenceNotFound"
        );
        assert_eq!(
            refusal(&GET_SILENCE, 422, "{}").in_amtools_words(),
            "[GET /silence/{silenceID}] getSilence (status 422): {}"
        );
    }
}
