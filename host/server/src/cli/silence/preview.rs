//! `silence preview`: which of the alerts of now a silence covers, before it is set or while it lasts.

use anyhow::bail;
use bellwether_alerting::matchers::{Printed, PrintedStored};
use bellwether_model::state::StoredMatcher;
use clap::Args;

use super::super::alert;
use super::super::answer::Answer;
use super::super::client::Client;
use super::super::session::Session;
use super::super::words;

/// Arguments of `silence preview`.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// Matchers of a silence that is not there yet; the first may be an alert's name
    #[arg(value_name = "MATCHER", conflicts_with = "id")]
    matchers: Vec<String>,
    /// A silence that is there
    #[arg(long)]
    id: Option<String>,
}

impl PreviewArgs {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<Answer> {
        let client = session.client()?;
        let matchers = self.matchers(&client).await?;
        if matchers.is_empty() {
            bail!("no matchers specified: give those of `silence add`, or --id of a silence");
        }
        let filter: Vec<_> = matchers.into_iter().map(|matcher| ("filter", matcher)).collect();
        Ok(Answer::of(alert::printed(client.alerts(&filter).await?, &session.output)?))
    }

    async fn matchers(&self, client: &Client) -> anyhow::Result<Vec<String>> {
        let Some(id) = &self.id else {
            let matchers = words::matchers(&self.matchers)?;
            return Ok(matchers.iter().map(|matcher| Printed(matcher).to_string()).collect());
        };
        let matchers = client.silence(id).await?.matchers.into_iter().map(StoredMatcher::from);
        Ok(matchers.map(|matcher| PrintedStored(&matcher).to_string()).collect())
    }
}
