//! `bellwether alert …`: shows and adds alerts of a running server, as `amtool alert` does.

mod acknowledge;
mod history;
mod table;

use bellwether_alerting::api_v2::PostableAlert;
use clap::{Args, Subcommand};

use super::answer::Answer;
use super::session::{Face, Session, SessionArgs};
use super::words;
use crate::clock::Clock;

pub(super) use table::printed;

/// Arguments of `bellwether alert`.
#[derive(Debug, Args)]
pub struct AlertArgs {
    #[command(subcommand)]
    command: AlertCommand,
    #[command(flatten)]
    session: SessionArgs,
}

/// What to do with alerts.
#[derive(Debug, Subcommand)]
pub enum AlertCommand {
    /// Shows alerts; those that nothing mutes, unless asked otherwise
    Query(QueryArgs),
    /// Adds an alert
    Add(AddArgs),
    /// Takes alerts on: nobody is reminded of them until they are over
    #[command(visible_alias = "acknowledge")]
    Ack(acknowledge::AckArgs),
    /// Gives alerts back that somebody has taken on
    Unack(acknowledge::UnackArgs),
    /// Shows when alerts fired, whom they were told to, and how that went
    History(history::HistoryArgs),
}

/// Arguments of `alert query`.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// Matchers such as severity=critical or 'device_id=~esp32-.*'; the first may be an alert's name
    #[arg(value_name = "MATCHER")]
    matchers: Vec<String>,
    /// Inhibited ones
    #[arg(long, short = 'i')]
    inhibited: bool,
    /// Silenced ones
    #[arg(long, short = 's')]
    silenced: bool,
    /// Active ones
    #[arg(long, short = 'a')]
    active: bool,
    /// Such that nobody has looked at
    #[arg(long, short = 'u')]
    unprocessed: bool,
    /// Those that go to receivers whose names match
    #[arg(long, short = 'r', value_name = "REGEX", default_value = "", hide_default_value = true)]
    receiver: String,
}

/// Arguments of `alert add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Labels such as severity=critical; the first may be the alert's name
    #[arg(value_name = "LABEL")]
    labels: Vec<String>,
    /// What to tell, such as summary='Too hot'; may be repeated
    #[arg(long, value_name = "NAME=TEXT")]
    annotation: Vec<String>,
    /// Where its cause can be looked at
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    generator_url: String,
    /// Since when, RFC 3339; since now by default
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// Until when, RFC 3339; by default until it is not heard of for resolve_timeout
    #[arg(long, value_name = "TIME")]
    end: Option<String>,
}

/// Runs `bellwether alert`.
pub async fn run(args: AlertArgs) -> anyhow::Result<Answer> {
    let session = Session::new(args.session, Face::Bellwether, Clock::system().now());
    args.command.run(&session).await
}

impl AlertCommand {
    /// Does it.
    pub async fn run(self, session: &Session) -> anyhow::Result<Answer> {
        match self {
            Self::Query(args) => args.run(session).await,
            Self::Add(args) => args.run(session).await,
            Self::Ack(args) => args.run(session).await,
            Self::Unack(args) => args.run(session).await,
            Self::History(args) => args.run(session).await,
        }
    }
}

impl QueryArgs {
    async fn run(self, session: &Session) -> anyhow::Result<Answer> {
        let alerts = session.client()?.alerts(&self.filter()?).await?;
        Ok(Answer::of(printed(alerts, &session.output)?))
    }

    fn filter(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        let states = [self.active, self.inhibited, self.silenced, self.unprocessed];
        let active = self.active || states == [false; 4];
        let mut filter = vec![
            ("active", active.to_string()),
            ("inhibited", self.inhibited.to_string()),
            ("silenced", self.silenced.to_string()),
            ("unprocessed", self.unprocessed.to_string()),
        ];
        if !self.receiver.is_empty() {
            filter.push(("receiver", self.receiver.clone()));
        }
        filter.extend(words::filters(&self.matchers)?.into_iter().map(|matcher| ("filter", matcher)));
        Ok(filter)
    }
}

impl AddArgs {
    async fn run(self, session: &Session) -> anyhow::Result<Answer> {
        session.client()?.post_alerts(&[self.alert()?]).await?;
        Ok(Answer::default())
    }

    fn alert(self) -> anyhow::Result<PostableAlert> {
        let time = |text: Option<&str>| -> anyhow::Result<Option<String>> {
            Ok(words::time(text)?.map(bellwether_model::Timestamp::to_rfc3339_millis))
        };
        Ok(PostableAlert {
            labels: words::labels(&self.labels)?,
            annotations: Some(words::pairs(&self.annotation, "annotations")?),
            starts_at: time(self.start.as_deref())?,
            ends_at: time(self.end.as_deref())?,
            generator_url: Some(self.generator_url).filter(|url| !url.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(subcommand)]
        command: AlertCommand,
    }

    fn filter(words: &[&str]) -> String {
        match Cli::try_parse_from(["alert", "query"].iter().chain(words)).unwrap().command {
            AlertCommand::Query(args) => crate::api::params::form_encode(&args.filter().unwrap()),
            _ => panic!("not asked for"),
        }
    }

    fn added(words: &[&str]) -> Result<String, String> {
        match Cli::try_parse_from(["alert", "add"].iter().chain(words)).unwrap().command {
            AlertCommand::Add(args) => {
                let alert = args.alert().map_err(|error| error.to_string())?;
                Ok(serde_json::to_string(&alert).unwrap())
            }
            _ => panic!("not asked for"),
        }
    }

    #[test]
    fn active_ones_are_asked_for_unless_a_state_is_named() {
        assert_eq!(filter(&[]), "active=true&inhibited=false&silenced=false&unprocessed=false");
        assert_eq!(
            filter(&["-is", "-r", "team", "T1"]),
            "active=false&inhibited=true&silenced=true&unprocessed=false&receiver=team&filter=alertname%3D%22T1%22"
        );
    }

    #[test]
    fn labels_and_annotations_become_an_alert() {
        let words = ["T2", "kind=x", "--annotation=summary=hello x", "--end=2026-12-21T08:00:00Z"];
        assert_eq!(
            added(&words).unwrap(),
            concat!(
                r#"{"labels":{"alertname":"T2","kind":"x"},"annotations":{"summary":"hello x"},"#,
                r#""endsAt":"2026-12-21T08:00:00.000Z"}"#
            )
        );
        assert_eq!(added(&["a=~b"]).unwrap_err(), "labels must be specified as key=value pairs");
        assert!(added(&["x", "--start=tomorrow"]).is_err());
    }
}
