//! Commands about a running server, under the name `amtool`: what one of them does, another one shows.

use bellwether_server::cli::amtool;
use bellwether_server::cli::answer::Answer;
use bellwether_server::cli::settings::Settings;
use bellwether_server::clock::Clock;
use libtest_mimic::Trial;

use crate::harness::{Folder, host, on_real_time, trial};

const ROUTING: &str = "\
route:
  receiver: inbox
  routes:
    - {receiver: on-call, matchers: ['severity=\"critical\"']}
receivers: [{name: inbox, inbox_configs: [{}]}, {name: on-call, inbox_configs: [{}]}]
";

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("amtool_commands_work_on_a_running_server", commands_work)]
}

/// Runs commands against one server.
struct Tool {
    url: String,
}

impl Tool {
    async fn answer(&self, words: &[&str]) -> anyhow::Result<Answer> {
        let all = ["amtool", "--date.format=2006", &self.url].into_iter().chain(words.iter().copied());
        let all: Vec<String> = all.map(str::to_owned).collect();
        amtool::answer(&all, &Settings::default()).await
    }

    /// What a command prints that must succeed.
    async fn says(&self, words: &[&str]) -> String {
        let answer = self.answer(words).await.unwrap_or_else(|error| panic!("{words:?}: {error:#}"));
        assert!(answer.failure.is_none(), "{words:?}: {answer:?}");
        answer.out
    }

    /// Why a command fails.
    async fn fails(&self, words: &[&str]) -> String {
        format!("{:#}", self.answer(words).await.expect_err("this is refused"))
    }
}

fn commands_work() {
    let folder = Folder::with(&[("alertmanager.yml", ROUTING)]);
    let data = tempfile::tempdir().expect("a temporary folder");
    on_real_time(|| async {
        let host = host(folder.origin(), data.path(), Clock::system()).await;
        let tool = Tool { url: format!("--alertmanager.url=http://{}", host.addresses()[1]) };
        routes(&tool).await;
        alerts_and_silences(&tool).await;
        taking_on_and_looking_back(&tool).await;
        host.stop().await;
    });
}

async fn taking_on_and_looking_back(tool: &Tool) {
    tool.says(&["alert", "add", "Cold"]).await;
    let taken = tool.says(&["alert", "ack", "Cold", "-a", "ann", "-c", "on it", "--for", "2h"]).await;
    assert_eq!(taken.len(), 17, "a fingerprint: {taken}");
    let history = tool.says(&["alert", "history", "Cold"]).await;
    assert!(history.contains("fires for") && history.contains("taken on by ann: on it"), "{history}");
    assert_eq!(tool.says(&["alert", "unack", "--fingerprint", taken.trim()]).await, taken);
    assert!(!tool.says(&["alert", "history", "Cold"]).await.contains("taken on"));
    let unknown = tool.fails(&["alert", "ack", "Nothing", "-a", "ann"]).await;
    assert!(unknown.contains("no alert that fires matches"), "{unknown}");
    assert!(tool.fails(&["alert", "ack"]).await.contains("which alerts?"));
}

async fn routes(tool: &Tool) {
    assert_eq!(
        tool.says(&["config", "routes"]).await,
        "Routing tree:\n.\n└── default-route  receiver: inbox\n    \
         └── {severity=\"critical\"}  receiver: on-call\n\n"
    );
    let test = ["config", "routes", "test", "--verify.receivers=on-call", "severity=critical"];
    assert_eq!(tool.says(&test).await, "on-call\n");
    assert!(tool.says(&["config", "show"]).await.contains("receiver: on-call\n"));
    assert_eq!(tool.says(&["cluster", "show"]).await, "Cluster Status:  disabled\nNode Name:       \n");
}

async fn alerts_and_silences(tool: &Tool) {
    let add = ["alert", "add", "Hot", "severity=critical", "--annotation=summary=too hot"];
    assert_eq!(tool.says(&add).await, "");
    let alert = "Alertname  Starts At  Summary  State   \nHot        2";
    assert!(tool.says(&["alert", "Hot"]).await.starts_with(alert));
    assert!(tool.says(&["silence", "preview", "Hot"]).await.starts_with(alert));
    let set = ["silence", "add", "Hot", "-c", "known", "-a", "ann", "--annotation=ticket=OPS-17"];
    let id = tool.says(&set).await;
    let id = id.trim();
    let shown = tool.says(&["silence"]).await;
    assert!(shown.contains(&format!("{id}  alertname=\"Hot\"  2")), "{shown}");
    assert!(tool.says(&["alert", "query", "--silenced"]).await.contains("suppressed"));
    assert!(tool.says(&["silence", "preview", "--id", id]).await.contains("suppressed"));
    tool.says(&["silence", "update", "-d", "2h", "-c", "longer", id]).await;
    let json = tool.says(&["silence", "query", "-o", "json"]).await;
    assert!(json.contains(r#""annotations":{"ticket":"OPS-17"},"comment":"longer""#), "{json}");
    assert_eq!(tool.says(&["silence", "expire", id]).await, "");
    assert_eq!(tool.says(&["silence", "query", "-q"]).await, "");
    let saved = Folder::with(&[("silences.json", json.as_str())]);
    let file = saved.path("silences.json").to_string_lossy().into_owned();
    let imported = tool.says(&["silence", "import", &file]).await;
    assert_eq!(tool.says(&["silence", "query", "-q"]).await, imported);
    let unknown = tool.fails(&["silence", "expire", "00000000-0000-0000-0000-000000000000"]).await;
    assert!(unknown.contains("silence not found"), "{unknown}");
}
