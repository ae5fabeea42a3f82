//! `silence query`: the silences that have not ended, or those that have.

use std::time::Duration;

use bellwether_alerting::api_v2::GettableSilence;
use bellwether_model::Timestamp;
use clap::Args;

use super::super::answer::Answer;
use super::super::session::Session;
use super::super::words;
use super::table::printed;

/// Arguments of `silence query`.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// Matchers that a silence has, word for word; the first may be an alert's name
    #[arg(value_name = "MATCHER")]
    matchers: Vec<String>,
    /// Those that have ended
    #[arg(long)]
    expired: bool,
    /// Print ids only
    #[arg(long, short = 'q')]
    quiet: bool,
    /// Those that somebody has set
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    created_by: String,
    /// The one with this id
    #[arg(long, default_value = "", hide_default_value = true)]
    id: String,
    /// Those that end, or have ended, within so long
    #[arg(long, value_name = "DURATION", value_parser = words::duration)]
    within: Option<Duration>,
}

impl QueryArgs {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<Answer> {
        let filters = words::filters(&self.matchers)?;
        let silences = session.client()?.silences(&filters).await?;
        let shown: Vec<_> = silences.into_iter().filter(|silence| self.shows(silence, session.now)).collect();
        if self.quiet {
            return Ok(Answer::of_lines(&shown.iter().map(|silence| &silence.id).collect::<Vec<_>>()));
        }
        Ok(Answer::of(printed(shown, &session.output)?))
    }

    fn shows(&self, silence: &GettableSilence, now: Timestamp) -> bool {
        let ends_at = Timestamp::parse_rfc3339(&silence.ends_at).unwrap_or(Timestamp::MAX);
        let within = self.within.filter(|within| !within.is_zero());
        let in_time = if self.expired {
            ends_at <= now && within.is_none_or(|within| ends_at >= now - within)
        } else {
            ends_at >= now && within.is_none_or(|within| ends_at <= now + within)
        };
        let is = |wanted: &str, own: &str| wanted.is_empty() || wanted == own;
        in_time && is(&self.created_by, &silence.created_by) && is(&self.id, &silence.id)
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
        args: QueryArgs,
    }

    #[test]
    fn shows_by_end_author_and_id() {
        let now = Timestamp::parse_rfc3339("2026-11-21T10:00:00Z").unwrap();
        let shows = |words: &[&str], ends_at: &str| {
            let words = std::iter::once("query").chain(words.iter().copied());
            let silence = GettableSilence { ends_at: ends_at.to_owned(), ..silence() };
            Cli::try_parse_from(words).unwrap().args.shows(&silence, now)
        };
        let (before, after) = ("2026-11-21T09:00:00.000Z", "2026-11-21T11:00:00.000Z");
        assert!(shows(&[], after) && !shows(&[], before));
        assert!(shows(&["--expired"], before) && !shows(&["--expired"], after));
        assert!(shows(&["--within=1h"], after) && !shows(&["--within=59m"], after));
        assert!(shows(&["--expired", "--within=1h"], before));
        assert!(!shows(&["--expired", "--within=59m"], before));
        assert!(shows(&["--created-by=bob", "--id=1e31"], after));
        assert!(!shows(&["--created-by=ann"], after) && !shows(&["--id=2"], after));
    }
}
