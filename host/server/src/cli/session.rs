//! What commands about a running server share: whom to ask, how to print, what time it is, and whose name they bear.

use bellwether_model::Timestamp;
use clap::Args;

use super::client::{Client, Refusal, ServerArgs};
use super::output::OutputArgs;

/// Flags that all of them take.
#[derive(Debug, Clone, Args)]
pub struct SessionArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// The name under which the program was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// Its own.
    Bellwether,
    /// That of Alertmanager's tool, whose words scripts may look for.
    Amtool,
}

/// One run of a command.
#[derive(Debug)]
pub struct Session {
    /// How to print.
    pub(crate) output: OutputArgs,
    /// When it began.
    pub now: Timestamp,
    /// Whose words to use.
    pub face: Face,
    server: ServerArgs,
}

impl Session {
    /// A run that begins now.
    pub fn new(args: SessionArgs, face: Face, now: Timestamp) -> Self {
        Self { output: args.output, now, face, server: args.server }
    }

    /// A client of the server that the flags name.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Client::new(&self.server)
    }

    /// Whether a flag or the settings name a server.
    pub fn names_a_server(&self) -> bool {
        self.server.url.is_some()
    }
}

impl Face {
    /// An error with all its causes on one line.
    pub fn error_text(self, error: &anyhow::Error) -> String {
        match (self, error.downcast_ref::<Refusal>()) {
            (Self::Amtool, Some(refusal)) => refusal.in_amtools_words(),
            (Self::Amtool, None) | (Self::Bellwether, _) => format!("{error:#}"),
        }
    }
}
