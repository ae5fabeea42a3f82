//! `silence update`: another time or comment for silences that are there.

use anyhow::bail;
use bellwether_alerting::api_v2::{GettableSilence, PostableSilence};
use bellwether_model::Timestamp;
use clap::Args;

use super::super::answer::Answer;
use super::super::session::Session;
use super::super::words;
use super::table::printed;

/// Arguments of `silence update`.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Ids of silences
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Print ids only
    #[arg(long, short = 'q')]
    quiet: bool,
    /// For how long, counted from its start
    #[arg(long, short = 'd', value_name = "DURATION")]
    duration: Option<String>,
    /// From when, RFC 3339
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// Until when, RFC 3339; goes before --duration
    #[arg(long, value_name = "TIME")]
    end: Option<String>,
    /// Why
    #[arg(long, short = 'c', value_name = "TEXT", default_value = "", hide_default_value = true)]
    comment: String,
}

impl UpdateArgs {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<Answer> {
        if self.ids.is_empty() {
            bail!("no silence IDs specified");
        }
        let client = session.client()?;
        let mut updated = Vec::new();
        for id in &self.ids {
            let mut silence = client.silence(id).await?;
            self.change(&mut silence)?;
            silence.id = client.post_silence(&postable(silence.clone())).await?;
            updated.push(silence);
        }
        if self.quiet {
            return Ok(Answer::of_lines(&updated.iter().map(|silence| &silence.id).collect::<Vec<_>>()));
        }
        Ok(Answer::of(printed(updated, &session.output)?))
    }

    fn change(&self, silence: &mut GettableSilence) -> anyhow::Result<()> {
        if let Some(start) = words::time(self.start.as_deref())? {
            silence.starts_at = start.to_rfc3339_millis();
        }
        let starts_at = Timestamp::parse_rfc3339(&silence.starts_at)?;
        let duration = self.duration.as_deref().filter(|text| !text.is_empty());
        let ends_at = match (words::time(self.end.as_deref())?, duration) {
            (Some(end), _) => end,
            (None, Some(duration)) => starts_at + words::silence_duration(duration)?,
            (None, None) => Timestamp::parse_rfc3339(&silence.ends_at)?,
        };
        if starts_at > ends_at {
            bail!("silence cannot start after it ends");
        }
        silence.ends_at = ends_at.to_rfc3339_millis();
        if !self.comment.is_empty() {
            silence.comment.clone_from(&self.comment);
        }
        Ok(())
    }
}

fn postable(silence: GettableSilence) -> PostableSilence {
    PostableSilence {
        id: Some(silence.id),
        matchers: silence.matchers,
        starts_at: silence.starts_at,
        ends_at: silence.ends_at,
        created_by: silence.created_by,
        comment: silence.comment,
        annotations: Some(silence.annotations).filter(|annotations| !annotations.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::table::tests::silence;
    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: UpdateArgs,
    }

    fn changed(words: &[&str]) -> Result<GettableSilence, String> {
        let words = std::iter::once("update").chain(words.iter().copied());
        let mut silence = silence();
        let changed = Cli::try_parse_from(words).unwrap().args.change(&mut silence);
        changed.map(|()| silence).map_err(|error| error.to_string())
    }

    #[test]
    fn changes_only_what_is_named() {
        assert_eq!(changed(&["id"]).unwrap(), silence());
        let longer = changed(&["id", "-d4h", "-clonger"]).unwrap();
        assert_eq!(
            (longer.ends_at.as_str(), longer.comment.as_str()),
            ("2026-11-21T12:06:59.548Z", "longer")
        );
        let moved = changed(&["id", "--start=2026-11-21T09:00:00Z", "--duration=1h"]).unwrap();
        assert_eq!(moved.ends_at, "2026-11-21T10:00:00.000Z");
        assert_eq!(
            changed(&["id", "--start=2027-01-01T00:00:00Z"]).unwrap_err(),
            "silence cannot start after it ends"
        );
    }
}
