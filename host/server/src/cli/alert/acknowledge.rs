//! `alert ack` and `alert unack`: who is in charge of alerts.

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::session::Session;
use super::super::silence::author;
use super::super::words;

/// Which alerts.
#[derive(Debug, Args)]
struct WhichArgs {
    /// Matchers such as severity=critical; the first may be an alert's name
    #[arg(value_name = "MATCHER")]
    matchers: Vec<String>,
    /// One alert by its fingerprint, 16 hex digits; may be repeated
    #[arg(long, value_name = "HEX", conflicts_with = "matchers")]
    fingerprint: Vec<String>,
}

/// Arguments of `alert ack`.
#[derive(Debug, Args)]
pub struct AckArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Who takes them on; the user who runs this by default
    #[arg(long, short = 'a', value_name = "NAME")]
    author: Option<String>,
    /// What to tell the others
    #[arg(long, short = 'c', value_name = "TEXT", default_value = "", hide_default_value = true)]
    comment: String,
    /// For how long, such as 2h; until they are over by default
    #[arg(long = "for", short = 'd', value_name = "DURATION")]
    lasts: Option<String>,
}

/// Arguments of `alert unack`.
#[derive(Debug, Args)]
pub struct UnackArgs {
    #[command(flatten)]
    which: WhichArgs,
}

impl WhichArgs {
    fn body(self) -> anyhow::Result<Value> {
        match (self.matchers.is_empty(), self.fingerprint.is_empty()) {
            (true, true) => bail!("which alerts? give matchers, or --fingerprint"),
            (true, false) => Ok(json!({ "fingerprints": self.fingerprint })),
            (false, _) => Ok(json!({ "matchers": words::filters(&self.matchers)? })),
        }
    }
}

impl AckArgs {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<Answer> {
        let fingerprints = session.client()?.acknowledge(&self.body()?).await?;
        Ok(Answer::of(lines(&fingerprints)))
    }

    fn body(self) -> anyhow::Result<Value> {
        let mut body = self.which.body()?;
        body["by"] = json!(self.author.unwrap_or_else(author));
        body["comment"] = json!(self.comment);
        if let Some(lasts) = self.lasts {
            body["for"] = json!(lasts);
        }
        Ok(body)
    }
}

impl UnackArgs {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<Answer> {
        let fingerprints = session.client()?.give_back(&self.which.body()?).await?;
        Ok(Answer::of(lines(&fingerprints)))
    }
}

fn lines(fingerprints: &[String]) -> String {
    fingerprints.iter().map(|own| format!("{own}\n")).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        ack: AckArgs,
    }

    fn body(words: &[&str]) -> Result<String, String> {
        let args = Cli::try_parse_from(["ack"].iter().chain(words)).map_err(|error| error.to_string())?;
        args.ack.body().map(|body| body.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn says_which_alerts_who_and_for_how_long() {
        assert_eq!(
            body(&["DiskFull", "site=a", "-a", "ann", "-c", "on it", "--for", "2h"]).unwrap(),
            r#"{"matchers":["alertname=\"DiskFull\"","site=a"],"by":"ann","comment":"on it","for":"2h"}"#
        );
        let one = body(&["--fingerprint", "00ff", "-a", "ann"]).unwrap();
        assert_eq!(one, r#"{"fingerprints":["00ff"],"by":"ann","comment":""}"#);
        assert!(body(&[]).unwrap_err().contains("which alerts?"));
        assert!(body(&["a=b", "--fingerprint", "00ff"]).is_err());
    }
}
