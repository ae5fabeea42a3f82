//! `bellwether routes show|test`: the routing tree of a file or of a running server, and where an alert would go.

mod tree;

use std::path::PathBuf;

use anyhow::bail;
use bellwether_alerting::config::Config;
use bellwether_alerting::route::RouteTree;
use bellwether_model::{Labels, MatchOp};
use clap::{Args, Subcommand};

use super::answer::{Answer, Failure};
use super::session::{Face, Session, SessionArgs};
use super::words;
use crate::clock::Clock;
use crate::config::{self, Origin, Sources};

/// Arguments of `bellwether routes`.
#[derive(Debug, Args)]
pub struct RoutesArgs {
    #[command(subcommand)]
    command: RoutesCommand,
    #[command(flatten)]
    source: ConfigFileArgs,
    #[command(flatten)]
    session: SessionArgs,
}

/// A file to look at instead of a server.
#[derive(Debug, Clone, Args)]
pub struct ConfigFileArgs {
    /// An Alertmanager configuration; without it, the one that the server has
    #[arg(long = "config.file", value_name = "FILE", value_parser = words::existing_file, global = true)]
    pub file: Option<PathBuf>,
}

/// What to do with the tree.
#[derive(Debug, Subcommand)]
pub enum RoutesCommand {
    /// Draws the tree
    Show {
        /// An Alertmanager configuration
        #[arg(value_parser = words::existing_file, conflicts_with = "file")]
        path: Option<PathBuf>,
    },
    /// Says who would be told about an alert with these labels
    Test(TestArgs),
}

/// Arguments of `routes test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Labels of the alert, such as severity=critical
    #[arg(value_name = "LABEL")]
    labels: Vec<String>,
    /// Who should be told, in order, with commas between; others are a failure
    #[arg(long = "verify.receivers", value_name = "NAMES", default_value = "", hide_default_value = true)]
    expected: String,
    /// Draw the part of the tree that the alert takes
    #[arg(long)]
    tree: bool,
}

/// Runs `bellwether routes`.
pub async fn run(args: RoutesArgs) -> anyhow::Result<Answer> {
    let session = Session::new(args.session, Face::Bellwether, Clock::system().now());
    args.command.run(args.source, &session).await
}

impl RoutesCommand {
    /// Does it.
    pub async fn run(self, source: ConfigFileArgs, session: &Session) -> anyhow::Result<Answer> {
        let (file, test) = match self {
            Self::Show { path } => (path.or(source.file), None),
            Self::Test(test) => (source.file, Some(test)),
        };
        let mut remarks = Vec::new();
        if file.is_some() && session.names_a_server() {
            remarks.push("Warning: --config.file flag overrides the --alertmanager.url.".to_owned());
        }
        let routes = RouteTree::new(&load(file, session).await?);
        let answer = match test {
            None => Answer::of(format!("Routing tree:\n{}\n", tree::whole(&routes))),
            Some(test) => test.answer(&routes)?,
        };
        Ok(Answer { remarks, ..answer })
    }
}

async fn load(file: Option<PathBuf>, session: &Session) -> anyhow::Result<Config> {
    if file.is_some() {
        let sources = Sources { alertmanager: file, ..Sources::default() };
        return Ok(config::load(&Origin::Files(sources), session.now)?.alerting);
    }
    let client = session.client()?;
    let text = client.config().await?;
    Ok(Config::parse(&format!("configuration of {}", client.address()), &text)?.0)
}

impl TestArgs {
    fn answer(&self, routes: &RouteTree) -> anyhow::Result<Answer> {
        let labels = self.labels()?;
        let mut answer = Answer::default();
        if self.tree {
            answer.out += &format!("Matching routes:\n{}\n\n", tree::matching(routes, &labels));
        }
        let found = routes.matching(&labels);
        let receivers: Vec<&str> = found.iter().map(|id| &*routes.route(*id).receiver).collect();
        let receivers = receivers.join(",");
        answer.out += &format!("{receivers}\n");
        if !self.expected.is_empty() && self.expected != receivers {
            answer.out += "WARNING: Expected receivers did not match resolved receivers.\n";
            answer.failure = Some(Failure::Told);
        }
        Ok(answer)
    }

    fn labels(&self) -> anyhow::Result<Labels> {
        let read = self.labels.iter().map(|word| bellwether_alerting::matchers::parse_one(word));
        let matchers = read.collect::<Result<Vec<_>, _>>();
        let matchers = matchers.map_err(|error| anyhow::anyhow!(error).context("Failed to parse labels"))?;
        if matchers.iter().any(|matcher| matcher.op() != MatchOp::Equal) {
            bail!("Labels must be specified as key=value pairs");
        }
        Ok(Labels::from_pairs(matchers.iter().map(|matcher| (matcher.name(), matcher.value()))))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: TestArgs,
    }

    const CONFIG: &str = "
route:
  receiver: default
  routes:
  - {receiver: critical, match: {severity: critical}, continue: true}
  - {receiver: device, match: {component: device}}
receivers: [{name: default}, {name: critical}, {name: device}]
";

    fn test(words: &[&str]) -> anyhow::Result<(String, bool)> {
        let words = std::iter::once("test").chain(words.iter().copied());
        let routes = RouteTree::new(&Config::parse("t.yml", CONFIG).unwrap().0);
        let answer = Cli::try_parse_from(words).unwrap().args.answer(&routes)?;
        Ok((answer.out, answer.failure.is_some()))
    }

    #[test]
    fn says_who_would_be_told() {
        let labels = ["severity=critical", "component=device"];
        assert_eq!(test(&labels).unwrap(), ("critical,device\n".to_owned(), false));
        assert_eq!(test(&[]).unwrap(), ("default\n".to_owned(), false));
        let expected = ["--verify.receivers=default", "severity=critical"];
        let warning = "critical\nWARNING: Expected receivers did not match resolved receivers.\n";
        assert_eq!(test(&expected).unwrap(), (warning.to_owned(), true));
        assert!(test(&["severity!=critical"]).is_err() && test(&["critical"]).is_err());
    }

    #[test]
    fn draws_the_way() {
        assert_eq!(
            test(&["--tree", "component=device"]).unwrap().0,
            "Matching routes:\n.\n└── default-route\n    └── {component=\"device\"}  receiver: device\n\n\ndevice\n"
        );
    }
}
