//! `silence import`: sets what `silence query -o json` printed, on this server or another one.

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use bellwether_alerting::api_v2::PostableSilence;
use clap::Args;
use futures::StreamExt;

use super::super::answer::{Answer, Failure};
use super::super::client::{Client, Refusal};
use super::super::session::Session;
use super::super::words;
use crate::config::read_text;

/// Arguments of `silence import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// A file with a JSON list of silences; stdin by default
    #[arg(value_name = "FILE", value_parser = words::existing_file)]
    file: Option<PathBuf>,
    /// Set new silences, even where one of that id is there
    #[arg(long, short = 'f')]
    force: bool,
    /// How many to set at once
    #[arg(long = "worker", short = 'w', value_name = "NUMBER", default_value_t = 8)]
    workers: usize,
}

impl ImportArgs {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<Answer> {
        let mut silences = read(self.file)?;
        if self.force {
            silences.iter_mut().for_each(|silence| silence.id = None);
        }
        let client = session.client()?;
        let count = silences.len();
        let setting = silences.into_iter().map(|silence| set(&client, silence));
        let set: Vec<_> = futures::stream::iter(setting).buffered(self.workers.max(1)).collect().await;
        let (mut ids, mut answer) = (Vec::new(), Answer::default());
        for (id, outcome) in set {
            match outcome {
                Ok(set) => ids.push(set),
                Err(error) => {
                    let reason = session.face.error_text(&error);
                    answer.remarks.push(format!("Error adding silence id='{id}': {reason}"));
                }
            }
        }
        answer.out = Answer::of_lines(&ids).out;
        if !answer.remarks.is_empty() {
            let failed = answer.remarks.len();
            let error = anyhow!("couldn't import {failed} out of {count} silences");
            answer.failure = Some(Failure::Because(error));
        }
        Ok(answer)
    }
}

fn read(file: Option<PathBuf>) -> anyhow::Result<Vec<PostableSilence>> {
    let text = match file {
        Some(file) => read_text(&file)?,
        None => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("cannot read stdin")?;
            text
        }
    };
    serde_json::from_str(&text).context("couldn't unmarshal input data, is it JSON?")
}

/// Sets one; where the server knows nothing of its id, as a new one. Returns the id that it had, too.
async fn set(client: &Client, silence: PostableSilence) -> (String, anyhow::Result<String>) {
    let had = silence.id.clone().unwrap_or_default();
    let outcome = client.post_silence(&silence).await;
    let unknown = |error: &anyhow::Error| error.downcast_ref().is_some_and(Refusal::is_not_found);
    let outcome = match outcome {
        Err(error) if unknown(&error) => client.post_silence(&PostableSilence { id: None, ..silence }).await,
        outcome => outcome,
    };
    (had, outcome)
}
