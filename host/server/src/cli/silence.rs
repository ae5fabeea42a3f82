//! `bellwether silence …`: sets, shows, changes and ends silences of a running server, as `amtool silence` does.

mod add;
mod author;
mod import;
mod preview;
mod query;
mod table;
mod update;

use anyhow::bail;
pub(super) use author::author;
use clap::{Args, Subcommand};

use super::answer::Answer;
use super::session::{Face, Session, SessionArgs};
use crate::clock::Clock;

/// Arguments of `bellwether silence`.
#[derive(Debug, Args)]
pub struct SilenceArgs {
    #[command(subcommand)]
    command: SilenceCommand,
    #[command(flatten)]
    session: SessionArgs,
}

/// What to do with silences.
#[derive(Debug, Subcommand)]
pub enum SilenceCommand {
    /// Sets a silence and prints its id
    Add(add::AddArgs),
    /// Shows silences; those that have not ended, unless asked otherwise
    Query(query::QueryArgs),
    /// Ends silences
    Expire {
        /// Ids of silences
        #[arg(value_name = "ID")]
        ids: Vec<String>,
    },
    /// Changes the time or the comment of silences
    Update(update::UpdateArgs),
    /// Sets the silences that `silence query -o json` printed
    Import(import::ImportArgs),
    /// Shows the alerts that a silence covers or would cover
    Preview(preview::PreviewArgs),
}

/// Runs `bellwether silence`.
pub async fn run(args: SilenceArgs) -> anyhow::Result<Answer> {
    let session = Session::new(args.session, Face::Bellwether, Clock::system().now());
    args.command.run(&session).await
}

impl SilenceCommand {
    /// Does it.
    pub async fn run(self, session: &Session) -> anyhow::Result<Answer> {
        match self {
            Self::Add(args) => args.run(session).await,
            Self::Query(args) => args.run(session).await,
            Self::Expire { ids } => expire(&ids, session).await,
            Self::Update(args) => args.run(session).await,
            Self::Import(args) => args.run(session).await,
            Self::Preview(args) => args.run(session).await,
        }
    }
}

async fn expire(ids: &[String], session: &Session) -> anyhow::Result<Answer> {
    if ids.is_empty() {
        bail!("no silence IDs specified");
    }
    let client = session.client()?;
    for id in ids {
        client.expire_silence(id).await?;
    }
    Ok(Answer::default())
}
