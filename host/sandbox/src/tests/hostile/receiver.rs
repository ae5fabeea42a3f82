//! What receivers do wrong, and how it ends.

use bellwether_model::receiver::{DeliveryFailure, Receipt, Receiver};
use serde_json::json;

use super::*;
use crate::ConfiguredReceiver;

/// Of the hostile plugin, with a place that it may call.
fn receiver(plugins: &Plugins, settings: Value) -> ConfiguredReceiver {
    let mut all = object(json!({"target": "https://api.example/x"}));
    all.extend(object(settings));
    plugins.receiver("hostile-receiver").unwrap().configure(&all).unwrap()
}

async fn notify(plugins: &Plugins, deed: &str) -> Result<Receipt, DeliveryFailure> {
    let receiver = receiver(plugins, json!({}));
    receiver.notify(call(deed, receiver.config(), vec![])).await
}

#[tokio::test]
async fn each_misdeed_ends_its_call_and_no_other() {
    let (plugins, _folder) = hostile(Recorder::answering(200, &[], ""), Limits::default()).await;
    for (deed, words) in [
        ("spin", "ran 100 ms without finishing"),
        ("hoard", "limit 16 MiB"),
        ("recurse", "nested its calls too deeply"),
        ("crash", "deliberate crash"),
        ("giant", "returned more than 4 MiB"),
        ("giant-receipt", "gave an impossible answer: a receipt of 5000 bytes"),
        ("giant-link", "gave an impossible answer: a receipt of 1048580 bytes"),
    ] {
        let failure = notify(&plugins, deed).await.unwrap_err();
        assert!(matches!(&failure, DeliveryFailure::Crashed(text) if text.contains(words)), "{failure:?}");
        assert!(notify(&plugins, "another").await.is_ok(), "after {deed}");
    }
}

#[tokio::test]
async fn requests_that_cannot_be_are_refused_in_words() {
    let http = Recorder::answering(200, &[], "");
    let (plugins, _folder) = hostile(http.clone(), Limits { receiver: slow(), ..Limits::default() }).await;
    for (deed, words) in [
        ("large", "the body has 307200 bytes, limit 262144"),
        ("split", "the header X-Note has control characters"),
        ("forge-host", "the header Host is set by the host"),
        ("forge-name", "is no name of a header"),
        ("many-headers", "5000 headers"),
    ] {
        let failure = notify(&plugins, deed).await.unwrap_err();
        assert!(
            matches!(&failure, DeliveryFailure::Misconfigured(text) if text.contains(words)),
            "{failure:?}"
        );
    }
    assert_eq!(http.sent().len(), 0);
    assert_eq!(notify(&plugins, "many").await.unwrap().id, "16");
    assert_eq!(http.sent().len(), 16, "of a hundred");
}

#[tokio::test]
async fn failures_are_cut_and_passed_on() {
    let body = "x".repeat(2 << 20);
    let (plugins, _folder) =
        hostile(Recorder::answering(200, &[], &body), Limits { receiver: slow(), ..Limits::default() }).await;
    let said = notify(&plugins, "large-answer").await.unwrap_err();
    assert_eq!(said, DeliveryFailure::Permanent("the answer has 2097152 bytes".into()));
    let DeliveryFailure::Permanent(said) = notify(&plugins, "grumble").await.unwrap_err() else { panic!() };
    assert_eq!(said.len(), 4 << 10);
    let most = Duration::from_millis(u32::MAX.into());
    assert_eq!(notify(&plugins, "pause").await, Err(DeliveryFailure::RateLimited(most)));
    assert_eq!(notify(&plugins, "lost").await, Err(DeliveryFailure::PreviousLost));
}

#[tokio::test]
async fn misdeeds_while_settings_are_checked_end_the_check() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits::default()).await;
    for (deed, words, count) in [
        ("spin", "ran 100 ms without finishing", 1),
        ("hoard", "limit 16 MiB", 1),
        ("crash", "deliberate crash", 1),
        ("complain", "no", 100),
        ("grumble", "no no", 1),
    ] {
        let receiver = receiver(&plugins, json!({"check": deed}));
        let problems = receiver.check(receiver.config()).await.unwrap_err();
        assert!(problems[0].contains(words) && problems[0].len() <= 4 << 10, "{deed}: {}", problems[0]);
        assert_eq!(problems.len(), count, "{deed}");
    }
}

/// Never answers.
#[derive(Debug)]
struct Silence;

impl HttpClient for Silence {
    fn send(&self, _request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn who_never_answers_is_waited_for_until_the_call_must_be_over() {
    let (plugins, _folder) = hostile(Arc::new(Silence), Limits::default()).await;
    let waits = (0..6).map(|i| {
        let receiver = receiver(&plugins, json!({}));
        let call = ReceiverCall { idempotency_key: i.to_string(), ..call("slow", receiver.config(), vec![]) };
        async move { receiver.notify(call).await }
    });
    let began = Instant::now();
    for answer in futures::future::join_all(waits).await {
        let DeliveryFailure::Crashed(said) = answer.unwrap_err() else { panic!() };
        assert!(said.ends_with("was not over after 30 s"), "{said}");
    }
    assert!(began.elapsed() < Duration::from_secs(31), "those that wait for their turn too");
}

#[tokio::test]
async fn values_are_kept_from_call_to_call_within_the_quota() {
    let http = Recorder::answering(200, &[], "");
    let (plugins, _folder) = hostile(http, Limits { receiver: slow(), ..Limits::default() }).await;
    assert_eq!(notify(&plugins, "count").await.unwrap().id, "1");
    assert_eq!(notify(&plugins, "count").await.unwrap().id, "2", "of another instance");
    assert_eq!(notify(&plugins, "hoard-values").await.unwrap().id, "63", "64 KiB, less what is there");
    for (deed, words) in [("giant-value", "full"), ("giant-key", "keys have 256 bytes at most")] {
        assert_eq!(notify(&plugins, deed).await, Err(DeliveryFailure::Permanent(words.into())));
    }
    assert_eq!(notify(&plugins, "count").await.unwrap().id, "3", "what was kept is still there");
}
