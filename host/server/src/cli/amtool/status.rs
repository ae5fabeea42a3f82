//! `amtool config show` and `amtool cluster show`: what a server says about itself.

use std::net::SocketAddr;

use serde_json::Value;

use super::super::answer::Answer;
use super::super::output::{Format, json_line};
use super::super::routes::ConfigFileArgs;
use super::super::session::Session;
use super::super::table::aligned;
use crate::config::{self, Origin, Sources};

/// The configuration of the server, or of a file as a server would show it.
pub(super) async fn config(source: ConfigFileArgs, session: &Session) -> anyhow::Result<Answer> {
    let status = match source.file {
        Some(file) => {
            let sources = Sources { alertmanager: Some(file), ..Sources::default() };
            let alerting = config::load(&Origin::Files(sources), session.now)?.alerting;
            serde_json::json!({"config": {"original": alerting.to_alertmanager_yaml()}})
        }
        None => without_empty_name(session.client()?.status().await?),
    };
    let original = text(&status["config"]["original"]);
    Ok(Answer::of(match session.output.format {
        Format::Simple => format!("{original}\n"),
        Format::Extended => format!("{original}\n{}", version_lines(&status)),
        Format::Json => json_line(&status)?,
    }))
}

fn version_lines(status: &Value) -> String {
    const NAMES: [&str; 6] = ["buildUser", "goVersion", "revision", "version", "branch", "buildDate"];
    let lines = NAMES.map(|name| format!("{name} {}\n", text(&status["versionInfo"][name])));
    lines.concat() + &format!("uptime {}\n", text(&status["uptime"]))
}

/// Who the server works together with.
pub(super) async fn cluster(session: &Session) -> anyhow::Result<Answer> {
    let status = without_empty_name(session.client()?.status().await?);
    let cluster = &status["cluster"];
    Ok(Answer::of(match session.output.format {
        Format::Json => json_line(cluster)?,
        Format::Simple => aligned(&cluster_lines(cluster)),
        Format::Extended => aligned(&(cluster_lines(cluster) + &peer_lines(cluster))),
    }))
}

fn cluster_lines(cluster: &Value) -> String {
    format!("Cluster Status:\t{}\nNode Name:\t{}\n", text(&cluster["status"]), text(&cluster["name"]))
}

fn peer_lines(cluster: &Value) -> String {
    let peers = cluster["peers"].as_array().into_iter().flatten();
    let mut peers: Vec<[&str; 2]> = peers.map(|peer| [text(&peer["address"]), text(&peer["name"])]).collect();
    peers.sort_by_key(|[address, _]| address.parse::<SocketAddr>().ok());
    let rows: String = peers.iter().map(|[address, name]| format!("{address}\t{name}\t\n")).collect();
    format!("\nAddress\tName\n{rows}")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// A name that is empty is none to `amtool`.
fn without_empty_name(mut status: Value) -> Value {
    if let Some(cluster) = status["cluster"].as_object_mut() {
        cluster.retain(|key, value| key != "name" || value != "");
    }
    status
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn peers_stand_in_order_of_their_addresses() {
        let peer = |address: &str, name: &str| json!({"address": address, "name": name});
        let peers = [peer("10.0.0.2:94", "b"), peer("10.0.0.1:940", "longer"), peer("10.0.0.1:94", "a")];
        let cluster = json!({"status": "ready", "name": "01", "peers": peers});
        assert_eq!(
            aligned(&(cluster_lines(&cluster) + &peer_lines(&cluster))),
            "Cluster Status:  ready\nNode Name:       01\n\nAddress       Name\n10.0.0.1:94   a       \n\
             10.0.0.1:940  longer  \n10.0.0.2:94   b       \n"
        );
    }

    #[test]
    fn versions_are_told_by_name() {
        let status = json!({"versionInfo": {"version": "0.34.2"}, "uptime": "2026-01-01T00:00:00.000Z"});
        assert!(version_lines(&status).contains("\nversion 0.34.2\n"));
        assert_eq!(without_empty_name(json!({"cluster": {"name": ""}})), json!({"cluster": {}}));
    }
}
