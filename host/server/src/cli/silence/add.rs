//! `silence add`: a new silence out of matchers and a time.

use anyhow::bail;
use bellwether_alerting::api_v2::{MatcherBody, PostableSilence};
use bellwether_model::Timestamp;
use clap::{ArgAction, Args};

use super::super::answer::Answer;
use super::super::session::Session;
use super::super::words;
use super::author::author;

/// Arguments of `silence add`.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// What to silence: matchers such as severity=warning or 'device_id=~esp32-.*'; the first may be an alert's name
    #[arg(value_name = "MATCHER")]
    matchers: Vec<String>,
    /// Who sets it [default: the user that runs the command]
    #[arg(long, short = 'a', value_name = "NAME")]
    author: Option<String>,
    /// Why
    #[arg(long, short = 'c', value_name = "TEXT", default_value = "", hide_default_value = true)]
    comment: String,
    /// Whether a silence without a comment is refused
    #[arg(
        long,
        hide = true,
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "true",
        default_missing_value = "true"
    )]
    require_comment: bool,
    /// For how long
    #[arg(long, short = 'd', value_name = "DURATION", default_value = "1h")]
    duration: String,
    /// What else is to be known about it, such as ticket=OPS-17; may be repeated
    #[arg(long, value_name = "NAME=TEXT")]
    annotation: Vec<String>,
    /// From when, RFC 3339; from now by default
    #[arg(long, value_name = "TIME")]
    start: Option<String>,
    /// Until when, RFC 3339; goes before --duration
    #[arg(long, value_name = "TIME")]
    end: Option<String>,
}

impl AddArgs {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<Answer> {
        let silence = self.silence(session.now)?;
        let id = session.client()?.post_silence(&silence).await?;
        Ok(Answer::of_lines(&[id]))
    }

    fn silence(self, now: Timestamp) -> anyhow::Result<PostableSilence> {
        let matchers: Vec<_> = words::matchers(&self.matchers)?.iter().map(MatcherBody::from).collect();
        if matchers.is_empty() {
            bail!("no matchers specified");
        }
        let starts_at = words::time(self.start.as_deref())?.unwrap_or(now);
        let ends_at = match words::time(self.end.as_deref())? {
            Some(end) => end,
            None => starts_at + words::silence_duration(&self.duration)?,
        };
        if starts_at > ends_at {
            bail!("silence cannot start after it ends");
        }
        if self.require_comment && self.comment.is_empty() {
            bail!("comment required by config");
        }
        let annotations = words::pairs(&self.annotation, "annotations")?;
        Ok(PostableSilence {
            id: None,
            matchers,
            starts_at: starts_at.to_rfc3339_millis(),
            ends_at: ends_at.to_rfc3339_millis(),
            created_by: self.author.unwrap_or_else(author),
            comment: self.comment,
            annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: AddArgs,
    }

    fn silence(words: &[&str]) -> Result<PostableSilence, String> {
        let words = std::iter::once("add").chain(words.iter().copied());
        let args = Cli::try_parse_from(words).unwrap().args;
        args.silence(Timestamp::from_millis(1_000)).map_err(|error| error.to_string())
    }

    #[test]
    fn lasts_from_now_for_an_hour_unless_told() {
        let times = |words: &[&str]| silence(words).map(|silence| (silence.starts_at, silence.ends_at));
        let expected =
            |start: &str, end: &str| Ok((format!("1970-01-01T{start}"), format!("1970-01-01T{end}")));
        assert_eq!(times(&["x", "-cy"]), expected("00:00:01.000Z", "01:00:01.000Z"));
        assert_eq!(times(&["x", "-cy", "-d2m"]), expected("00:00:01.000Z", "00:02:01.000Z"));
        let window = ["x", "-cy", "--start=1970-01-01T02:00:00+01:00", "--end", "1970-01-01T03:00:00Z"];
        let noted = silence(&["x", "-cy", "--annotation=ticket=OPS-17"]).unwrap();
        assert_eq!(noted.annotations, Some([("ticket".to_owned(), "OPS-17".to_owned())].into()));
        assert_eq!(times(&window), expected("01:00:00.000Z", "03:00:00.000Z"));
    }

    #[test]
    fn refuses_what_amtool_refuses_in_its_words() {
        let refused = |words: &[&str]| silence(words).unwrap_err();
        assert_eq!(refused(&[]), "no matchers specified");
        assert_eq!(refused(&["x"]), "comment required by config");
        assert_eq!(refused(&["x", "-cy", "-d0s"]), "silence duration must be greater than 0");
        assert_eq!(refused(&["x", "-cy", "-dfoo"]), "not a valid duration string: \"foo\"");
        assert_eq!(
            refused(&["x", "-cy", "--end=1969-01-01T00:00:00Z"]),
            "silence cannot start after it ends"
        );
        assert!(silence(&["x", "--require-comment=false"]).is_ok());
    }
}
