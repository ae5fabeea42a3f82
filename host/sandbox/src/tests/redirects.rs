//! Redirects of a receiver's requests, and secrets that are read again.

use std::collections::VecDeque;

use bellwether_model::receiver::Receiver;
use serde_json::json;

use super::*;

/// Answers with one status and one place after the other, then with 200.
#[derive(Debug)]
struct Script {
    sent: Mutex<Vec<HttpRequest>>,
    answers: Mutex<VecDeque<(u16, &'static str)>>,
}

impl Script {
    fn of(answers: &[(u16, &'static str)]) -> Arc<Self> {
        Arc::new(Self { sent: Mutex::default(), answers: Mutex::new(answers.iter().copied().collect()) })
    }
}

impl HttpClient for Script {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        self.sent.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front();
        let (status, location) = answer.unwrap_or((200, ""));
        let headers = if location.is_empty() { vec![] } else { vec![("location".into(), location.into())] };
        Box::pin(std::future::ready(Ok(HttpResponse { status, headers, body: Bytes::new() })))
    }
}

/// A webhook of the plugin with these grants beside it.
async fn webhook(hosts: &str, settings: Value) -> (crate::ConfiguredReceiver, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("webhook.wasm"), FIRST_PARTY[3].wasm).unwrap();
    std::fs::write(folder.path().join("webhook.toml"), format!("[grants]\nhosts = [{hosts}]\n")).unwrap();
    let options = PluginsOptions { folder: Some(folder.path().to_path_buf()), ..options() };
    let plugins = Plugins::load(options).await.unwrap();
    (plugins.receiver("webhook").unwrap().configure(&object(settings)).unwrap(), folder)
}

async fn told(
    receiver: &crate::ConfiguredReceiver,
    script: &Arc<Script>,
    follow: bool,
) -> (Result<(), String>, Vec<String>) {
    let receiver = receiver.clone().with_client(Some(script.clone()), follow);
    let result = receiver.notify(call("ops", receiver.config(), vec![])).await;
    let sent = script.sent.lock().unwrap().clone();
    let lines = sent.iter().map(|request| {
        let private = request.headers.iter().any(|(name, _)| name == "Authorization");
        format!(
            "{} {} {} {}",
            request.method.as_str(),
            request.url,
            if request.body.is_empty() { "empty" } else { "full" },
            match (private, request.left_host) {
                (true, false) => "private",
                (false, true) => "away",
                _ => "?",
            }
        )
    });
    (result.map(drop).map_err(|failure| failure.to_string()), lines.collect())
}

fn settings() -> Value {
    json!({"url": "http://a.example/hook", "headers": {"Authorization": "Bearer t"}})
}

#[tokio::test]
async fn redirects_keep_the_message_and_leave_credentials_at_the_first_host() {
    let (receiver, _folder) = webhook("\"http://b.example\"", settings()).await;
    let script = Script::of(&[(307, "/moved"), (308, "http://b.example/x"), (307, "http://a.example/back")]);
    // The last one leads back to where no grant is: only the URL of the settings may go there.
    let (result, sent) = told(&receiver, &script, true).await;
    assert!(result.unwrap_err().contains("http://b.example redirects: http://a.example is not granted"));
    assert_eq!(
        sent,
        [
            "POST http://a.example/hook full private",
            "POST http://a.example/moved full private",
            "POST http://b.example/x full away",
        ]
    );
}

#[tokio::test]
async fn a_redirect_that_would_lose_the_message_is_an_answer() {
    let (receiver, _folder) = webhook("", settings()).await;
    for status in [301, 302] {
        let script = Script::of(&[(status, "/moved")]);
        let (result, sent) = told(&receiver, &script, true).await;
        assert!(result.unwrap_err().contains(&status.to_string()));
        assert_eq!(sent.len(), 1);
    }
    let (result, sent) = told(&receiver, &Script::of(&[(303, "/done")]), true).await;
    assert_eq!(result, Ok(()));
    assert_eq!(sent[1], "GET http://a.example/done empty private");
}

#[tokio::test]
async fn redirects_end_somewhere() {
    let (receiver, _folder) = webhook("", settings()).await;
    let (result, sent) = told(&receiver, &Script::of(&[(307, "/again"); 20]), true).await;
    assert!(result.unwrap_err().contains("more than 10 redirects"));
    assert_eq!(sent.len(), 11);
    let (result, sent) = told(&receiver, &Script::of(&[(307, "/moved")]), false).await;
    assert!(result.is_err() && sent.len() == 1, "not where the operator says no");
}

#[tokio::test]
async fn a_secrets_file_is_read_for_each_message() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "http://a.example/1").unwrap();
    let (receiver, _folder) = webhook("", json!({"url_file": file.path()})).await;
    let script = Script::of(&[]);
    told(&receiver, &script, true).await.0.unwrap();
    std::fs::write(file.path(), "http://a.example/2\n").unwrap();
    let (_, sent) = told(&receiver, &script, true).await;
    assert!(sent[0].contains("http://a.example/1 ") && sent[1].contains("http://a.example/2 "), "{sent:?}");
    drop(file);
    let (result, _) = told(&receiver, &script, true).await;
    assert!(result.unwrap_err().contains("url: cannot read "));
}
