//! `alert history`: episodes with their messages and attempts.

use std::fmt::Write;

use bellwether_model::duration::PrometheusDuration;
use bellwether_model::{Labels, Timestamp};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use super::super::answer::Answer;
use super::super::output::{Format, OutputArgs, json_line};
use super::super::session::Session;
use super::super::words;

/// Arguments of `alert history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Matchers such as severity=critical; the first may be an alert's name
    #[arg(value_name = "MATCHER")]
    matchers: Vec<String>,
    /// One alert by its fingerprint, 16 hex digits
    #[arg(long, value_name = "HEX")]
    fingerprint: Option<String>,
    /// How far to look back, such as 7d; all that is kept by default
    #[arg(long, value_name = "DURATION", value_parser = words::duration)]
    since: Option<std::time::Duration>,
    /// How many episodes, newest first
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    limit: u32,
}

/// What is printed of an answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Episode {
    labels: Labels,
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
    acknowledgement: Option<Acknowledgement>,
    deliveries: Vec<Delivery>,
}

#[derive(Debug, Deserialize)]
struct Acknowledgement {
    by: String,
    comment: String,
}

#[derive(Debug, Deserialize)]
struct Delivery {
    at: Timestamp,
    receiver: String,
    kind: String,
    reason: String,
    state: String,
    attempts: Vec<Attempt>,
}

#[derive(Debug, Deserialize)]
struct Attempt {
    number: u32,
    at: Timestamp,
    error: Option<String>,
}

impl HistoryArgs {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<Answer> {
        let answer = session.client()?.history(&self.query(session.now)?).await?;
        Ok(Answer::of(printed(answer, &session.output, session.now)?))
    }

    fn query(&self, now: Timestamp) -> anyhow::Result<Vec<(&'static str, String)>> {
        let mut query = vec![("limit", self.limit.to_string())];
        query.extend(self.fingerprint.iter().map(|own| ("fingerprint", own.clone())));
        query.extend(self.since.map(|since| ("since", (now - since).to_rfc3339_millis())));
        query.extend(words::filters(&self.matchers)?.into_iter().map(|matcher| ("filter", matcher)));
        Ok(query)
    }
}

fn printed(answer: Value, output: &OutputArgs, now: Timestamp) -> anyhow::Result<String> {
    if output.format == Format::Json {
        return json_line(&answer["episodes"]);
    }
    let episodes: Vec<Episode> = serde_json::from_value(answer["episodes"].clone())?;
    Ok(episodes.iter().map(|episode| text(episode, output, now)).collect())
}

/// One line for the episode, one for each message, one for each attempt that failed.
fn text(episode: &Episode, output: &OutputArgs, now: Timestamp) -> String {
    let date = |at: Timestamp| output.date(&at.to_rfc3339_millis());
    let length = PrometheusDuration(whole_seconds(episode.ends_at.unwrap_or(now).since(episode.starts_at)));
    let state = if episode.ends_at.is_some() { "lasted" } else { "fires for" };
    let mut text = format!("{}  {state} {length}  {}\n", date(episode.starts_at), episode.labels);
    if let Some(Acknowledgement { by, comment }) = &episode.acknowledgement {
        let comment = if comment.is_empty() { String::new() } else { format!(": {comment}") };
        let _ = writeln!(text, "    taken on by {by}{comment}");
    }
    for delivery in &episode.deliveries {
        let Delivery { at, receiver, kind, reason, state, attempts } = delivery;
        let _ = writeln!(text, "    {}  {receiver} by {kind}: {reason}, {state}", date(*at));
        for Attempt { number, at, error } in attempts.iter().filter(|attempt| attempt.error.is_some()) {
            let error = error.as_deref().unwrap_or("");
            let _ = writeln!(text, "        attempt {number} at {} failed: {error}", date(*at));
        }
    }
    text
}

const fn whole_seconds(duration: std::time::Duration) -> std::time::Duration {
    std::time::Duration::from_secs(duration.as_secs())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_episode_tells_what_came_of_it() {
        let answer = json!({"episodes": [{
            "labels": {"alertname": "Hot"}, "startsAt": 1_767_571_200_000_i64, "endsAt": 1_767_571_290_000_i64,
            "acknowledgement": {"by": "ann", "comment": "on it", "at": 1, "until": null},
            "deliveries": [{
                "at": 1_767_571_201_000_i64, "receiver": "team", "kind": "slack", "integration": 0,
                "reason": "first notification", "status": "firing", "state": "delivered",
                "attempts": [
                    {"number": 1, "at": 1_767_571_201_000_i64, "error": "503"},
                    {"number": 2, "at": 1_767_571_202_000_i64, "error": null}
                ],
            }],
        }]});
        let output = OutputArgs { format: Format::Simple, date_format: "15:04:05".to_owned() };
        let want = "\
00:00:00  lasted 1m30s  {alertname=\"Hot\"}
    taken on by ann: on it
    00:00:01  team by slack: first notification, delivered
        attempt 1 at 00:00:01 failed: 503
";
        assert_eq!(printed(answer, &output, Timestamp::UNIX_EPOCH).unwrap(), want);
    }
}
