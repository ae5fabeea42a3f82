//! A receiver that wants to carry its secret out: by everything that leaves it. What arrives anywhere but at the secret's
//! own host is a placeholder at most.

use bellwether_model::receiver::Receiver;
use serde_json::json;

use super::*;

/// With characters that are written differently in a URL and in JSON.
const SECRET: &str = "hunter/22 \"&x";

const WAYS: [&str; 22] = [
    "log",
    "field",
    "stdout",
    "panic",
    "error",
    "receipt",
    "echo",
    "answer",
    "address",
    "query",
    "name",
    "name-of-home",
    "user",
    "fragment",
    "header",
    "header-name",
    "body",
    "hex",
    "reversal",
    "halves",
    "signature",
    "prefix",
];

/// Repeats what it is asked, in the clear and as a JSON text, as debugging servers do.
#[derive(Debug, Default)]
struct Echo(Mutex<Vec<HttpRequest>>);

impl HttpClient for Echo {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        let text =
            format!("{} {:?} {}", request.url, request.headers, String::from_utf8_lossy(&request.body));
        let body = format!("{text} {}", Value::from(text.clone()));
        self.0.lock().unwrap().push(request);
        let headers = vec![("x-echo".into(), text)];
        Box::pin(std::future::ready(Ok(HttpResponse { status: 200, headers, body: body.into() })))
    }
}

/// The secret in every way in which it could be carried.
fn spellings() -> [String; 6] {
    let hex = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    let base64 = "aHVudGVyLzIyICImeA";
    [
        SECRET.into(),
        "hunter%2F22%20%22%26x".into(),
        "hunter/22 \\\"&x".into(),
        SECRET.chars().rev().collect(),
        hex,
        base64.into(),
    ]
}

fn assert_clean(way: &str, what: &str, text: &str) {
    for spelling in spellings() {
        assert!(!text.contains(&spelling), "{way}: {spelling} in {what}: {text}");
    }
}

#[tokio::test]
async fn the_secret_leaves_by_none_of_the_ways_out() {
    for way in WAYS {
        let http = Arc::new(Echo::default());
        let (plugins, _folder) = hostile(http.clone(), Limits::default()).await;
        let plugin = plugins.receiver("hostile-receiver").unwrap();
        let receiver = plugin.configure(&object(json!({ "token": SECRET }))).unwrap();
        assert_clean(way, "the settings", receiver.config());

        let result = receiver.notify(call(&format!("steal-by-{way}"), receiver.config(), vec![])).await;
        assert_clean(way, "the result", &unescaped(&result));
        let status = status_of(&plugins, "hostile-receiver");
        assert_clean(way, "the log", &unescaped(&status.log));
        assert_clean(way, "the crashes", &unescaped(&status.crashes));
        for request in http.0.lock().unwrap().iter() {
            if !request.url.starts_with("https://api.example/") {
                let body = String::from_utf8_lossy(&request.body);
                assert_clean(way, "a request", &format!("{} {:?} {body}", request.url, request.headers));
            }
        }
    }
}

/// As the values are, without what `Debug` puts before quotes.
fn unescaped(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").replace("\\\"", "\"").replace("\\\\", "\\")
}

#[tokio::test]
async fn the_host_that_it_is_for_gets_it() {
    let http = Arc::new(Echo::default());
    let (plugins, _folder) = hostile(http.clone(), Limits::default()).await;
    let plugin = plugins.receiver("hostile-receiver").unwrap();
    let receiver = plugin.configure(&object(json!({ "token": SECRET }))).unwrap();
    let receipt = receiver.notify(call("steal-by-echo", receiver.config(), vec![])).await.unwrap();
    let sent = http.0.lock().unwrap()[0].clone();
    assert_eq!(sent.url, "https://api.example/hunter%2F22%20%22%26x?hunter%2F22%20%22%26x");
    assert_eq!(sent.headers, [("X-Token".to_owned(), SECRET.to_owned())]);
    assert!(receipt.id.contains("https://api.example/[secret]?[secret]"), "{}", receipt.id);
}

#[tokio::test]
async fn nothing_is_signed_with_what_is_not_its_own() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits::default()).await;
    let plugin = plugins.receiver("hostile-receiver").unwrap();
    let receiver = plugin.configure(&object(json!({ "token": SECRET }))).unwrap();
    for way in ["signature", "prefix"] {
        let receipt = receiver.notify(call(&format!("steal-by-{way}"), receiver.config(), vec![])).await;
        assert!(receipt.unwrap().id.contains("Unknown"), "{way}");
    }
}
