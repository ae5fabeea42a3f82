//! Requests over `wasi:http`: the same policy as for those over the host's own interface.

use std::time::Duration;

use bellwether_model::receiver::{DeliveryFailure, Receiver};
use serde_json::json;

use super::*;
use crate::{AddressPolicy, HttpMethod, PluginState};

const FETCHER: &[u8] = include_bytes!("../../../../plugins/dist/test/fetcher.wasm");
/// What it may reach; the token may go to one of the two.
const GRANTS: &str = r#"
[grants]
hosts = ["https://api.example", "https://*.other.example"]
[grants.secrets.token]
hosts = ["https://api.example"]
"#;

/// The fetcher with these grants and limits.
async fn fetcher(http: Arc<dyn HttpClient>, limits: Limits) -> (Plugins, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fetcher.wasm"), FETCHER).unwrap();
    std::fs::write(folder.path().join("fetcher.toml"), GRANTS).unwrap();
    let folder_path = Some(folder.path().to_path_buf());
    let plugins = Plugins::load(PluginsOptions { folder: folder_path, http, limits, ..options() });
    (plugins.await.unwrap(), folder)
}

/// What comes of a call with these settings, for the receiver of that name.
async fn outcome(plugins: &Plugins, receiver: &str, settings: Value) -> Result<String, DeliveryFailure> {
    let configured = plugins.receiver("fetcher").unwrap().configure(&object(settings)).unwrap();
    let receipt = configured.notify(call(receiver, configured.config(), vec![])).await?;
    Ok(receipt.id)
}

async fn fetched(http: &Arc<Recorder>, settings: Value) -> String {
    let (plugins, _folder) = fetcher(http.clone(), Limits::default()).await;
    outcome(&plugins, "team", settings).await.unwrap()
}

fn warnings(plugins: &Plugins) -> Vec<String> {
    let status = plugins.status().into_iter().find(|plugin| plugin.name == "fetcher").unwrap();
    status.log.into_iter().map(|line| format!("{}: {}", line.subject, line.message)).collect()
}

#[tokio::test]
async fn a_request_leaves_with_its_secrets_and_the_answer_comes_without_them() {
    let http = Recorder::answering(201, &[("X-Echo", "Bearer hunter22")], r#"{"you said":"hunter22"}"#);
    let settings = json!({
        "url": "https://api.example/bot/TOKEN?x=1", "token": "hunter22", "body": r#"{"t":"TOKEN"}"#,
    });
    let answer = fetched(&http, settings).await;
    assert_eq!(answer, r#"201 [x-echo: Bearer [secret]] {"you said":"[secret]"}"#);
    let sent = http.sent().remove(0);
    assert_eq!((sent.method, sent.url.as_str()), (HttpMethod::Post, "https://api.example/bot/hunter22?x=1"));
    let headers = [("content-type", "application/json"), ("authorization", "Bearer hunter22")];
    assert_eq!(sent.headers, headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(sent.body, r#"{"t":"hunter22"}"#);
    assert_eq!(sent.addresses, AddressPolicy::Any, "the operator named this host");
    assert!(sent.timeout <= Duration::from_secs(10));
}

#[tokio::test]
async fn a_secret_that_is_the_url_goes_where_it_says() {
    let http = Recorder::answering(200, &[], "");
    assert_eq!(fetched(&http, json!({"hook": "https://hooks.example/T1/B2"})).await, "200 [] ");
    assert_eq!(http.sent()[0].url, "https://hooks.example/T1/B2");
}

#[tokio::test]
async fn what_is_not_granted_never_leaves() {
    let http = Recorder::answering(200, &[], "");
    let (plugins, _folder) = fetcher(http.clone(), Limits::default()).await;
    for (url, why) in [
        (
            "https://evil.example/",
            "https://evil.example is not granted; add it to hosts under [grants] in fetcher.toml",
        ),
        (
            "http://api.example/",
            "http://api.example is not granted; add it to hosts under [grants] in fetcher.toml",
        ),
        ("https://a.other.example/TOKEN", "the secret token is not for https://a.other.example"),
        (
            "http://127.0.0.1/",
            "http://127.0.0.1 is not granted; add it to hosts under [grants] in fetcher.toml",
        ),
        (
            "http://169.254.169.254/latest/meta-data",
            "http://169.254.169.254 is not granted; add it to hosts under [grants] in fetcher.toml",
        ),
    ] {
        let settings = json!({"url": url, "token": "hunter22", "body": "x"});
        assert_eq!(
            outcome(&plugins, "team", settings).await.unwrap(),
            "ErrorCode::HttpRequestDenied",
            "{url}"
        );
        assert_eq!(warnings(&plugins).pop().unwrap(), format!("team: a request failed: {why}"));
    }
    assert!(http.sent().is_empty());
}

#[tokio::test]
async fn names_below_a_domain_must_stand_for_public_addresses() {
    let http = Recorder::answering(200, &[], "");
    fetched(&http, json!({"url": "https://a.other.example/"})).await;
    assert_eq!(http.sent()[0].addresses, AddressPolicy::PublicOnly);
}

#[tokio::test]
async fn bodies_have_limits_in_both_directions() {
    let http = Recorder::answering(200, &[], &"x".repeat(101));
    let limits = Limits { request_bytes: 10_000, response_bytes: 100, ..Limits::default() };
    let (plugins, _folder) = fetcher(http.clone(), limits).await;
    let with_body =
        |times: usize| json!({"url": "https://api.example", "body": "0123456789", "body_times": times});
    let outcome = async |times| outcome(&plugins, "team", with_body(times)).await.unwrap();
    assert_eq!(outcome(1_001).await, "ErrorCode::HttpRequestBodySize(Some(10000))");
    assert!(http.sent().is_empty());
    assert_eq!(outcome(100_000).await, "ErrorCode::HttpRequestBodySize(Some(10000))");
    assert_eq!(
        warnings(&plugins).pop().unwrap(),
        "team: a request failed: the body has more than 10000 bytes"
    );
    assert_eq!(outcome(1_000).await, "ErrorCode::HttpResponseBodySize(Some(101))");
    assert_eq!(http.sent()[0].body.len(), 10_000);
}

#[tokio::test]
async fn both_interfaces_share_the_requests_of_a_call() {
    let http = Recorder::answering(200, &[], "");
    let limits = Limits { requests_per_call: 2, ..Limits::default() };
    let (plugins, _folder) = fetcher(http.clone(), limits).await;
    let settings = json!({"url": "https://api.example", "requests": 3});
    for _ in 0..2 {
        let outcome = outcome(&plugins, "team", settings.clone()).await.unwrap();
        assert_eq!(outcome, "200 [] ; 200 [] ; ErrorCode::HttpRequestDenied", "each call has its own");
    }
    assert_eq!(http.sent().len(), 4);
    assert_eq!(warnings(&plugins)[0], "team: a request failed: one call makes 2 requests at most");
}

/// Takes all the time that a request has, or says nothing at all.
#[derive(Debug)]
struct Slow {
    is_silent: bool,
}

impl HttpClient for Slow {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        let is_silent = self.is_silent;
        Box::pin(async move {
            tokio::time::sleep(request.timeout).await;
            if is_silent { std::future::pending().await } else { Err(HttpError::Timeout) }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_waited_for_as_long_as_the_plugin_says_and_the_call_lasts() {
    let (plugins, _folder) = fetcher(Arc::new(Slow { is_silent: false }), Limits::default()).await;
    let settings = |timeout: &str| json!({"url": "https://api.example", "timeout": timeout});
    let began = tokio::time::Instant::now();
    assert_eq!(outcome(&plugins, "team", settings("7s")).await.unwrap(), "ErrorCode::HttpResponseTimeout");
    assert_eq!(began.elapsed().as_secs(), 7);

    let (plugins, _folder) = fetcher(Arc::new(Slow { is_silent: true }), Limits::default()).await;
    let began = tokio::time::Instant::now();
    let failure = outcome(&plugins, "team", settings("1h")).await.unwrap_err().to_string();
    assert!(failure.ends_with("was not over after 30 s"), "{failure}");
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn answers_are_the_same_over_both_interfaces() {
    let answers = [
        Recorder::answering(200, &[("X-A", "1"), ("x-b", "2")], "fine"),
        Recorder::answering(429, &[("Retry-After", "5")], "hunter22, later"),
        Recorder::answering(503, &[], ""),
        Recorder::answering(302, &[("Location", "https://evil.example")], ""),
    ];
    for http in answers {
        let via = |via: &str| json!({"url": "https://api.example/a", "via": via, "token": "hunter22", "body": "TOKEN"});
        assert_eq!(fetched(&http, via("wasi")).await, fetched(&http, via("host")).await);
        let [over_wasi, over_host] = &http.sent()[..] else { panic!("two were sent") };
        assert_eq!(
            (over_wasi.method, &over_wasi.url, &over_wasi.headers, &over_wasi.body),
            (over_host.method, &over_host.url, &over_host.headers, &over_host.body)
        );
    }
}

#[tokio::test]
async fn codes_tell_what_went_wrong() {
    for (error, code, why) in [
        (HttpError::Timeout, "HttpResponseTimeout", "timed out"),
        (
            HttpError::Unreachable("no route to hunter22".into()),
            "DestinationUnavailable",
            "no route to [secret]",
        ),
        (HttpError::Denied("10.0.0.1 is private".into()), "HttpRequestDenied", "10.0.0.1 is private"),
        (HttpError::Other("odd".into()), "InternalError(Some(\"odd\"))", "odd"),
    ] {
        let (plugins, _folder) = fetcher(Recorder::failing(error), Limits::default()).await;
        let settings = json!({"url": "https://api.example", "token": "hunter22"});
        assert_eq!(outcome(&plugins, "team", settings).await.unwrap(), format!("ErrorCode::{code}"));
        assert_eq!(warnings(&plugins), [format!("team: a request failed: {why}")]);
    }
    let (plugins, _folder) = fetcher(Recorder::answering(200, &[], ""), Limits::default()).await;
    let traced = json!({"url": "https://api.example", "method": "TRACE"});
    assert_eq!(outcome(&plugins, "team", traced).await.unwrap(), "ErrorCode::HttpRequestMethodInvalid");
}

#[tokio::test]
async fn a_delivery_that_failed_says_what_the_plugin_was_not_told() {
    let (plugins, _folder) = fetcher(Recorder::answering(200, &[], ""), Limits::default()).await;
    let failure = outcome(&plugins, "give-up", json!({"url": "https://evil.example"})).await.unwrap_err();
    let why = "https://evil.example is not granted; add it to hosts under [grants] in fetcher.toml";
    assert_eq!(failure, DeliveryFailure::Retryable(format!("no answer ({why})")));
}

#[tokio::test]
async fn a_body_that_is_given_up_is_not_sent() {
    let http = Recorder::answering(200, &[], "");
    let (plugins, _folder) = fetcher(http.clone(), Limits::default()).await;
    let outcome = outcome(&plugins, "leave-unfinished", json!({"url": "https://api.example"})).await.unwrap();
    assert_eq!(outcome, "ErrorCode::HttpProtocolError");
    assert!(http.sent().is_empty());
}

#[tokio::test]
async fn what_the_host_keeps_for_a_guest_has_limits() {
    let (plugins, _folder) = fetcher(Recorder::answering(200, &[], ""), Limits::default()).await;
    let crash = async |deed| outcome(&plugins, deed, json!({})).await.unwrap_err().to_string();
    assert!(crash("hoard-headers").await.ends_with("total size of fields exceeds limit"));
    assert!(crash("hoard-handles").await.ends_with("resource table has no free keys"));
    let parts = outcome(&plugins, "long-parts", json!({})).await.unwrap();
    assert_eq!(parts, "[Err(()), Err(()), Err(())]");
}

/// A component that imports one empty interface, and exports it under another name.
fn importing(import: &str, export: &str) -> Vec<u8> {
    let section = |id: u8, contents: Vec<u8>| {
        let length = u8::try_from(contents.len()).unwrap();
        [vec![id, length], contents].concat()
    };
    let name = |name: &str| [vec![0, u8::try_from(name.len()).unwrap()], name.into()].concat();
    [
        b"\0asm\x0d\0\x01\0".to_vec(),
        section(7, vec![1, 0x42, 0]),
        section(10, [vec![1], name(import), vec![5, 0]].concat()),
        section(11, [vec![1], name(export), vec![5, 0, 0]].concat()),
    ]
    .concat()
}

#[tokio::test]
async fn only_receivers_send_and_nobody_is_called() {
    for (import, export, why) in [
        (
            "wasi:http/types@0.2.0",
            "bellwether:driver/driver@0.1.0",
            "imports wasi:http/types@0.2.0, but only receivers send requests; build it without its language's HTTP client",
        ),
        (
            "wasi:http/outgoing-handler@0.2.10",
            "bellwether:detector/functions@0.1.0",
            "imports wasi:http/outgoing-handler@0.2.10, but only receivers send requests; build it without its language's HTTP client",
        ),
        (
            "wasi:http/incoming-handler@0.2.0",
            "bellwether:receiver/receiver@0.1.0",
            "imports wasi:http/incoming-handler@0.2.0, which is not offered to a receiver",
        ),
        (
            "wasi:http/types@0.3.0",
            "bellwether:receiver/receiver@0.1.0",
            "imports wasi:http/types@0.3.0, this host has WASI 0.2; build it for wasm32-wasip2",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("p.wasm"), importing(import, export)).unwrap();
        let options = PluginsOptions { folder: Some(folder.path().into()), ..options() };
        let plugins = Plugins::load(options).await.unwrap();
        assert_eq!(plugins.status().remove(0).state, PluginState::Broken { reason: why.into() });
    }
}
