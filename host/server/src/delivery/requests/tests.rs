//! From the configuration file to the request that a plugin sends.

use std::path::Path;
use std::sync::Arc;

use bellwether_alerting::config::Config;
use bellwether_model::Timestamp;
use bellwether_model::receiver::{DeliveryFailure, Receipt, ReceiverCall};
use bellwether_sandbox::{EmbeddedPlugin, Plugins, PluginsOptions};
use bellwether_storage::SqliteState;
use bellwether_template::alertmanager::Templates;

use super::super::email::Email;
use super::super::inbox::Inbox;
use super::super::samples::delivery;
use super::super::{ConfiguredReceivers, NativeReceivers};
use crate::http_client::PluginHttpClient;
use crate::http_client::tests::server::Server;

const NOW: Timestamp = Timestamp::from_millis(1_767_571_200_000);

async fn plugins() -> Plugins {
    let wasm = include_bytes!("../../../../../plugins/dist/webhook.wasm");
    let _already_chosen = rustls::crypto::ring::default_provider().install_default();
    let options = PluginsOptions {
        embedded: vec![EmbeddedPlugin { name: "webhook", wasm }],
        http: Arc::new(PluginHttpClient::new().unwrap()),
        ..PluginsOptions::new(Arc::new(|| NOW))
    };
    Plugins::load(options).await.unwrap()
}

/// The receivers of a file in that folder, and what was remarked.
async fn load(text: &str, folder: &Path) -> (ConfiguredReceivers, Vec<String>) {
    let (config, _) = Config::parse("am.yml", text).unwrap();
    let state = SqliteState::open(&folder.join("state.db")).unwrap();
    let inbox = Arc::new(Inbox::new(Arc::new(state)));
    let natives = NativeReceivers { email: Arc::new(Email::default()), inbox };
    let templates = Templates::new(&[]).unwrap();
    let (receivers, problems) =
        ConfiguredReceivers::build(&config, folder, templates, &natives, &plugins().await).await;
    (receivers, problems.iter().map(ToString::to_string).collect())
}

async fn tell(receivers: &ConfiguredReceivers) -> Result<Receipt, DeliveryFailure> {
    let sender = receivers.find("a", 0, "webhook")?;
    let call = ReceiverCall {
        config: sender.config.clone(),
        notification: delivery("1", "a").notification,
        rendered: Vec::new(),
        idempotency_key: "key-1".to_owned(),
        attempt: 1,
        test: false,
        previous: None,
        now: NOW,
    };
    sender.receiver.notify(call).await
}

#[tokio::test]
async fn credentials_of_the_file_arrive_and_the_plugin_never_sees_them() {
    let server = Server::start(&["HTTP/1.1 307 X\r\nlocation: /moved\r\ncontent-length: 0\r\n\r\n"]).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "hunter22\n").unwrap();
    std::fs::write(folder.path().join("url"), server.url()).unwrap();
    let text = "
global: {http_config: {authorization: {credentials_file: token}, http_headers: {X-A: {values: [b]}}}}
route: {receiver: a}
receivers: [{name: a, webhook_configs: [{url_file: url}]}]
";
    let (receivers, notes) = load(text, folder.path()).await;
    assert_eq!(notes, Vec::<String>::new());
    assert!(!receivers.find("a", 0, "webhook").unwrap().config.contains("hunter22"));
    tell(&receivers).await.unwrap();
    let seen = server.seen();
    assert!(seen[0].starts_with("POST / ") && seen[1].starts_with("POST /moved "), "{seen:?}");
    assert_eq!(server.last("authorization").as_deref(), Some("Bearer hunter22"));
    assert_eq!(server.last("x-a").as_deref(), Some("b"));
    assert!(seen[1].contains("\"version\":\"4\""), "the message goes along");
}

#[tokio::test]
async fn redirects_are_answers_where_the_operator_says_so() {
    let server = Server::start(&["HTTP/1.1 307 X\r\nlocation: /moved\r\ncontent-length: 0\r\n\r\n"]).await;
    let text = format!(
        "route: {{receiver: a}}\nreceivers: [{{name: a, webhook_configs: [{{url: '{}', http_config: {{follow_redirects: false}}}}]}}]\n",
        server.url()
    );
    let folder = tempfile::tempdir().unwrap();
    let (receivers, _) = load(&text, folder.path()).await;
    assert!(matches!(tell(&receivers).await, Err(DeliveryFailure::Permanent(_))));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn files_that_are_not_there_are_remarked_on_and_may_come_later() {
    let server = Server::start(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "route: {{receiver: a}}
receivers:
- name: a
  webhook_configs:
  - {{url: '{}', http_config: {{bearer_token_file: token}}}}
  email_configs:
  - {{to: t@x.example, from: f@x.example, smarthost: 'h:25', tls_config: {{ca_file: ca.pem}}}}
",
        server.url()
    );
    let (receivers, notes) = load(&text, folder.path()).await;
    let line = |line: u8, setting: &str, file: &str| {
        format!(
            "receiver \"a\", line {line}: {setting}: cannot read {}: ",
            folder.path().join(file).display()
        )
    };
    assert!(
        notes.iter().any(|note| note.starts_with(&line(5, "http_config: bearer_token_file", "token"))),
        "{notes:?}"
    );
    assert!(
        notes.iter().any(|note| note.starts_with(&line(7, "tls_config: ca_file", "ca.pem"))),
        "{notes:?}"
    );
    assert!(notes.iter().all(|note| note.contains("create the file")), "each is told once: {notes:?}");
    assert!(matches!(tell(&receivers).await, Err(DeliveryFailure::Retryable(_))));
    std::fs::write(folder.path().join("token"), "now").unwrap();
    tell(&receivers).await.unwrap();
    assert_eq!(server.last("authorization").as_deref(), Some("Bearer now"));
}

#[tokio::test]
async fn settings_that_can_never_work_are_told_and_keep_only_their_own_messages_back() {
    let text = "
route: {receiver: a}
receivers: [{name: a, webhook_configs: [{url: 'http://x/', http_config: {tls_config: {max_version: TLS10}}}]}]
";
    let folder = tempfile::tempdir().unwrap();
    let (receivers, notes) = load(text, folder.path()).await;
    assert!(
        notes[0].contains("line 3: http_config: tls_config: max_version TLS10 is not spoken here"),
        "{notes:?}"
    );
    assert!(matches!(tell(&receivers).await, Err(DeliveryFailure::Misconfigured(_))));
}
