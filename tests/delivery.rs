//! Messages over real sockets: webhook, Slack and mail, each to a sink on the loopback interface.

use std::time::Duration;

use bellwether_model::{Alert, Labels};
use bellwether_server::clock::Clock;
use bellwether_server::delivery::Delivered;
use bellwether_server::host::Host;
use libtest_mimic::Trial;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::harness::{Folder, host, on_real_time, on_simulated_time, repository, trial};

/// Far more than any of it takes.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("webhook_slack_and_mail_carry_an_alert", webhook_slack_and_mail),
        trial("the_address_of_a_webhook_is_rendered_for_each_message", webhook_by_template),
        trial("slack_changes_the_message_that_a_bot_has_posted", slack_as_a_bot),
        trial("a_receiver_without_a_plugin_is_reported_and_holds_up_nobody", a_missing_plugin),
        trial("a_plugin_that_comes_later_gets_what_waits_at_once", a_plugin_that_comes_later),
    ]
}

/// A request that a sink got: its head and its body.
#[derive(Debug)]
struct Request {
    head: String,
    body: String,
}

/// An HTTP server that answers 200 and this text to everything and passes on what it got.
async fn http_sink(answer: &'static str) -> (u16, mpsc::Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                if let Some(request) = read_request(stream, answer).await {
                    drop(sender.send(request).await);
                }
            });
        }
    });
    (port, receiver)
}

async fn read_request(stream: TcpStream, answer: &str) -> Option<Request> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    let length = answer.len();
    let response =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}");
    stream.write_all(response.as_bytes()).await.ok()?;
    Some(Request { head, body: String::from_utf8(body).ok()? })
}

/// A mail server that takes one mail after the other and passes on their texts.
async fn mail_sink() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Some(mail) = take_mail(stream).await {
                drop(sender.send(mail).await);
            }
        }
    });
    (port, receiver)
}

async fn take_mail(stream: TcpStream) -> Option<String> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 sink\r\n").await.ok()?;
    let mut mail = None;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 || line.starts_with("QUIT") {
            return mail;
        }
        let answer: &[u8] = if line.starts_with("DATA") {
            stream.write_all(b"354 go on\r\n").await.ok()?;
            let mut text = String::new();
            while !text.ends_with("\r\n.\r\n") {
                stream.read_line(&mut text).await.ok()?;
            }
            mail = Some(text);
            b"250 taken\r\n"
        } else {
            b"250 fine\r\n"
        };
        stream.write_all(answer).await.ok()?;
        if mail.is_some() {
            return mail;
        }
    }
}

async fn next<T>(sink: &mut mpsc::Receiver<T>) -> T {
    let got = tokio::time::timeout(PATIENCE, sink.recv()).await.expect("a message in time");
    got.expect("the sink is open")
}

fn alert(host: &Host) -> Alert {
    let now = host.clock.now();
    Alert {
        labels: Labels::from_pairs([("alertname", "Hot"), ("device_id", "board"), ("severity", "critical")]),
        annotations: Labels::from_pairs([("summary", "board is <hot>")]),
        starts_at: now,
        ends_at: now + Duration::from_secs(300),
        ends_by_timeout: false,
        updated_at: now,
        generator_url: "http://host/graph".to_owned(),
        value: Some(91.0),
    }
}

fn webhook_slack_and_mail() {
    on_real_time(|| async {
        let (web_port, mut web) = http_sink("ok").await;
        let (slack_port, mut slack) = http_sink("ok").await;
        let (mail_port, mut mail) = mail_sink().await;
        let routing = format!(
            "global: {{smtp_smarthost: '127.0.0.1:{mail_port}', smtp_from: host@example.org, smtp_require_tls: false}}
route: {{receiver: all, group_by: [alertname], group_wait: 0s}}
receivers:
  - name: all
    webhook_configs: [{{url: 'http://127.0.0.1:{web_port}/hook'}}]
    slack_configs:
      - api_url: '${{file:slack-url}}'
        channel: '#boards'
        title: '{{{{ .CommonLabels.alertname }}}} on {{{{ .CommonLabels.device_id }}}}'
    email_configs:
      - to: ops@example.org
        subject: '[{{{{ .Status }}}}] {{{{ .GroupLabels.alertname }}}}'
        body: '{{{{ range .Alerts }}}}{{{{ .Annotations.summary }}}}{{{{ end }}}}'
"
        );
        let folder = Folder::with(&[("alertmanager.yml", &routing)]);
        let slack_url = format!("http://127.0.0.1:{slack_port}/services/SECRET\n");
        folder.write("slack-url", slack_url.as_bytes());
        let data = tempfile::tempdir().expect("a temporary folder");
        let host = host(folder.origin(), data.path(), Clock::system()).await;
        let notes = host.config().problems.join("\n");
        assert!(!notes.contains("slack"), "{notes}");
        host.routing.alerts(vec![alert(&host)]).await.expect("the alert is taken");

        check_webhook(&next(&mut web).await);
        let message = next(&mut slack).await;
        assert!(message.head.starts_with("POST /services/SECRET "), "{}", message.head);
        let slack: Value = serde_json::from_str(&message.body).expect("JSON");
        assert_eq!(slack["channel"], "#boards");
        assert_eq!(slack["attachments"][0]["title"], "Hot on board", "{slack}");
        let mail = next(&mut mail).await;
        assert!(mail.contains("Subject: [firing] Hot\r\n") && mail.contains("To: ops@example.org"), "{mail}");
        assert!(mail.contains("board is <hot>"), "{mail}");
        let shown = format!("{:?}", host.receivers.load().find("all", 1, "slack").expect("slack is there"));
        assert!(!shown.contains("SECRET"), "the guest's settings hold the secret: {shown}");
        host.stop().await;
    });
}

fn webhook_by_template() {
    on_real_time(|| async {
        let (port, mut web) = http_sink("ok").await;
        let routing = format!(
            "route: {{receiver: team, group_by: [device_id], group_wait: 0s}}
receivers:
  - name: team
    webhook_configs:
      - url: 'http://127.0.0.1:{port}/{{{{ .GroupLabels.device_id | toUpper }}}}?n={{{{ len .Alerts }}}}'
      - url: '{{{{ .x }}}}'
"
        );
        let folder = Folder::with(&[("alertmanager.yml", &routing)]);
        let data = tempfile::tempdir().expect("a temporary folder");
        let host = host(folder.origin(), data.path(), Clock::system()).await;
        let problems = host.config().problems.clone();
        assert!(problems.len() == 1 && problems[0].contains("template of url: "), "{problems:?}");
        host.routing.alerts(vec![alert(&host)]).await.expect("the alert is taken");
        let request = next(&mut web).await;
        assert!(request.head.starts_with("POST /BOARD?n=1 "), "{}", request.head);
        host.stop().await;
    });
}

fn slack_as_a_bot() {
    on_real_time(|| async {
        let (port, mut slack) = http_sink(r#"{"ok":true,"channel":"C1","ts":"12.5"}"#).await;
        let routing = format!(
            "global: {{slack_app_token: xoxb-secret, slack_app_url: 'http://127.0.0.1:{port}/api/chat.postMessage'}}
route: {{receiver: bot, group_wait: 0s, group_interval: 10ms}}
receivers:
  - name: bot
    slack_configs: [{{channel: '#boards', send_resolved: true, update_message: true}}]
"
        );
        let folder = Folder::with(&[("alertmanager.yml", &routing)]);
        let data = tempfile::tempdir().expect("a temporary folder");
        let host = host(folder.origin(), data.path(), Clock::system()).await;
        assert_eq!(host.config().problems, [""; 0]);
        let firing = alert(&host);
        host.routing.alerts(vec![firing.clone()]).await.expect("the alert is taken");
        let posted = next(&mut slack).await;
        let now = host.clock.now();
        let resolved = Alert { ends_at: now, updated_at: now, ..firing };
        host.routing.alerts(vec![resolved]).await.expect("its end is taken");
        let changed = next(&mut slack).await;

        let head = posted.head.to_ascii_lowercase();
        assert!(head.starts_with("post /api/chat.postmessage "), "{head}");
        assert!(head.contains("\r\nauthorization: bearer xoxb-secret\r\n"), "{head}");
        let body: Value = serde_json::from_str(&posted.body).expect("JSON");
        assert_eq!((&body["channel"], &body["ts"]), (&"#boards".into(), &Value::Null));
        assert!(changed.head.starts_with("POST /api/chat.update "), "{}", changed.head);
        let body: Value = serde_json::from_str(&changed.body).expect("JSON");
        assert_eq!((&body["channel"], &body["ts"]), (&"C1".into(), &"12.5".into()));
        assert_eq!(body["attachments"][0]["color"], "good");
        host.stop().await;
    });
}

fn check_webhook(request: &Request) {
    assert!(request.head.starts_with("POST /hook "), "{}", request.head);
    assert!(request.head.to_ascii_lowercase().contains("\r\nidempotency-key: "), "{}", request.head);
    let body: Value = serde_json::from_str(&request.body).expect("JSON");
    assert_eq!(body["version"], "4");
    assert_eq!(body["status"], "firing");
    assert_eq!(body["groupKey"], "{}:{alertname=\"Hot\"}");
    let alert = &body["alerts"][0];
    assert_eq!(alert["endsAt"], "0001-01-01T00:00:00Z");
    assert_eq!(alert["annotations"]["summary"], "board is <hot>");
}

fn a_missing_plugin() {
    on_real_time(|| async {
        let routing = "
route: {receiver: all, group_wait: 0s}
receivers:
  - name: all
    pagerduty_configs: [{routing_key: abc}]
    inbox_configs: [{}]
";
        let folder = Folder::with(&[("alertmanager.yml", routing)]);
        let data = tempfile::tempdir().expect("a temporary folder");
        let host = host(folder.origin(), data.path(), Clock::system()).await;
        let notes = host.config().problems.join("\n");
        assert!(notes.contains("no plugin named pagerduty"), "{notes}");
        let mut inbox = host.inbox.follow();
        host.routing.alerts(vec![alert(&host)]).await.expect("the alert is taken");
        let message = tokio::time::timeout(PATIENCE, inbox.recv()).await.expect("in time").expect("open");
        assert!(message.title.contains("Hot"), "{message:?}");
        host.stop().await;
    });
}

fn a_plugin_that_comes_later() {
    let routing = "
route: {receiver: all, group_wait: 0s}
receivers:
  - name: all
    hostile-receiver_configs: [{target: 'http://evil.example'}, {targett: x}]
";
    let own = "plugins: {dir: plugins}\nalertmanager_config: alertmanager.yml\n";
    let folder = Folder::with(&[("alertmanager.yml", routing), ("bellwether.yaml", own)]);
    let data = tempfile::tempdir().expect("a temporary folder");
    on_simulated_time(|clock| async move {
        let host = host(folder.origin(), data.path(), clock).await;
        host.routing.alerts(vec![alert(&host)]).await.expect("the alert is taken");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let problems = host.config().problems.join("\n");
        assert!(problems.contains("no plugin named hostile-receiver"), "{problems}");
        assert!(last_error(&host).contains("no plugin named hostile-receiver"), "{}", last_error(&host));

        let wasm = std::fs::read(repository().join("plugins/dist/hostile/receiver.wasm")).expect("a guest");
        folder.write("plugins/hostile-receiver.toml", b"[grants]\nhosts = [\"https://api.example\"]\n");
        folder.write("plugins/hostile-receiver.wasm", &wasm);
        tokio::time::sleep(Duration::from_secs(20)).await;
        let problems = host.config().problems.clone();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("targett: unknown setting; did you mean target?"), "{problems:?}");
        assert!(last_error(&host).contains("evil.example"), "{}", last_error(&host));
        host.stop().await;
    });
}

/// What went wrong with the first integration of the receiver.
fn last_error(host: &Host) -> String {
    let entries = host.ledger.of_group("{}:{}");
    match &entries[0].state {
        Delivered::Failed { error, .. } => error.clone(),
        state => format!("{state:?}"),
    }
}
