use std::sync::atomic::{AtomicI64, Ordering};

use bellwether_model::{is_stale, yaml};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::config::{ScrapeConfig, ScrapeGlobals};

/// Longest that a test waits for something that should come at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers each request with the next of some raw responses, the last one again and again; returns its address and
/// the requests it gets.
async fn server(responses: Vec<Vec<u8>>) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (requests, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for turn in 0.. {
            let Ok((mut stream, _)) = listener.accept().await else {
                return;
            };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => request.push(byte),
                    Err(_) => break,
                }
            }
            requests.send(String::from_utf8_lossy(&request).into_owned()).unwrap_or_default();
            stream.write_all(&responses[turn.min(responses.len() - 1)]).await.unwrap_or_default();
        }
    });
    (address, seen)
}

fn ok(content_type: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn job(settings: &str, address: &str) -> ScrapeJob {
    let text = format!("job_name: edge\n{settings}static_configs: [{{targets: ['{address}']}}]\n");
    let config: ScrapeConfig = yaml::parse("t.yml", &text).unwrap();
    config.check("t.yml", &text, &ScrapeGlobals::default()).unwrap()
}

async fn fetch(settings: &str, response: Vec<u8>) -> (Result<Page, ClientError>, String) {
    let (address, mut requests) = server(vec![response]).await;
    let job = job(settings, &address);
    let page = Client::new(&job).unwrap().fetch(&job.targets[0].url).await;
    (page, requests.recv().await.unwrap_or_default().to_lowercase())
}

#[tokio::test]
async fn a_request_carries_what_targets_expect() {
    let (page, request) =
        fetch("basic_auth: {username: u, password: p}\nscrape_timeout: 5s\n", ok("text/plain", "up 1\n"))
            .await;
    let page = page.unwrap();
    assert_eq!(
        (page.body.as_slice(), page.format),
        (&b"up 1\n"[..], bellwether_model::exposition::Format::Prometheus)
    );
    assert!(request.starts_with("get /metrics http/1.1\r\n"), "{request}");
    for header in [
        "accept: application/openmetrics-text;version=1.0.0",
        "accept-encoding: gzip",
        "authorization: basic dtpw",
        "x-prometheus-scrape-timeout-seconds: 5\r\n",
        "user-agent: bellwether/",
    ] {
        assert!(request.contains(header), "{header} in {request}");
    }
    let (page, request) =
        fetch("bearer_token: tok\n", ok("application/openmetrics-text; version=1.0.0", "# EOF\n")).await;
    assert_eq!(page.unwrap().format, bellwether_model::exposition::Format::OpenMetrics);
    assert!(request.contains("authorization: bearer tok"), "{request}");
}

#[tokio::test]
async fn pages_that_are_too_large_or_no_pages_are_refused() {
    let (page, _) = fetch("body_size_limit: 1KB\n", ok("text/plain", &"x".repeat(2000))).await;
    assert!(matches!(page, Err(ClientError::TooLarge { limit: 1024 })), "{page:?}");
    let (page, _) =
        fetch("", b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_vec()).await;
    assert_eq!(page.unwrap_err().to_string(), "server returned HTTP status 503 Service Unavailable");
    let elsewhere =
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n".to_vec();
    let (page, _) = fetch("", elsewhere).await;
    assert!(describe(&page.unwrap_err()).contains("another host"));
    let (page, _) =
        fetch("scrape_timeout: 50ms\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_vec()).await;
    assert!(page.is_err());
}

/// A compressed page: `a 1`, or two thousand times the letter x.
fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut response =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bytes.len())
            .into_bytes();
    response.extend_from_slice(bytes);
    response
}

#[tokio::test]
async fn compressed_pages_are_unfolded_within_the_limit() {
    let (page, _) = fetch("", gzipped(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x4b\x54\x30\xe4\x02\x00\x36\xe7\x1b\xbc\x04\x00\x00\x00")).await;
    assert_eq!(page.unwrap().body, b"a 1\n");
    let (page, _) = fetch("body_size_limit: 1KB\n", gzipped(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xab\xa8\x18\x05\xa3\x60\x14\x8c\x82\x51\x30\x0a\x46\xc1\x50\x07\x00\x7a\x65\x08\x29\xd0\x07\x00\x00")).await;
    assert!(matches!(page, Err(ClientError::TooLarge { limit: 1024 })), "{page:?}");
}

/// Hands on what is appended.
struct Recorder(mpsc::UnboundedSender<Vec<Record>>);

impl Appender for Recorder {
    fn append(&self, records: &[Record]) -> Result<Appended, AppendError> {
        self.0.send(records.to_vec()).unwrap_or_default();
        Ok(Appended { accepted: records.len(), ..Appended::default() })
    }
}

fn value_of(records: &[Record], name: &str) -> Option<f64> {
    records.iter().find(|record| record.labels.metric_name() == Some(name)).map(|record| record.sample.value)
}

#[tokio::test]
async fn a_target_goes_up_down_and_away() {
    let responses =
        vec![ok("text/plain", "a 1\n"), b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".to_vec()];
    let (address, _requests) = server(responses).await;
    let (sender, mut appended) = mpsc::unbounded_channel();
    let millis = AtomicI64::new(0);
    let options = ScraperOptions {
        appender: Arc::new(Recorder(sender)),
        clock: Arc::new(move || Timestamp::from_millis(millis.fetch_add(10, Ordering::Relaxed))),
        token: CancellationToken::new(),
        external_host: Some("board.example".to_owned()),
    };
    let scraper = Scraper::start(&[job("scrape_interval: 20ms\n", &address)], &options).unwrap();
    let before = scraper.targets();
    assert_eq!((before[0].health, before[0].last_scrape), (TargetHealth::Unknown, None));
    assert!(before[0].global_url.starts_with("http://board.example:"), "{}", before[0].global_url);

    let mut next = async || tokio::time::timeout(PATIENCE, appended.recv()).await.unwrap().unwrap();
    let first = next().await;
    assert_eq!((value_of(&first, "a"), value_of(&first, "up")), (Some(1.0), Some(1.0)));
    assert!(first.iter().all(|record| record.labels.value("instance") == address));
    let second = next().await;
    assert_eq!(value_of(&second, "up"), Some(0.0));
    assert!(value_of(&second, "a").is_some_and(is_stale));
    next().await;
    let down = &scraper.targets()[0];
    assert_eq!(down.health, TargetHealth::Down);
    assert!(down.last_error.contains("HTTP status 500"), "{}", down.last_error);

    tokio::time::timeout(PATIENCE, scraper.retire()).await.unwrap();
    assert!(!options.token.is_cancelled());
    let mut last = Vec::new();
    while let Ok(records) = appended.try_recv() {
        last = records;
    }
    assert_eq!(last.len(), 5);
    assert!(last.iter().all(|record| is_stale(record.sample.value)));
}

#[tokio::test]
async fn the_end_of_the_host_does_not_end_the_series() {
    let (address, _requests) = server(vec![ok("text/plain", "a 1\n")]).await;
    let (sender, mut appended) = mpsc::unbounded_channel();
    let options = ScraperOptions {
        appender: Arc::new(Recorder(sender)),
        clock: Arc::new(|| Timestamp::from_millis(0)),
        token: CancellationToken::new(),
        external_host: None,
    };
    let scraper = Scraper::start(&[job("scrape_interval: 20ms\n", &address)], &options).unwrap();
    tokio::time::timeout(PATIENCE, appended.recv()).await.unwrap().unwrap();
    options.token.cancel();
    tokio::time::timeout(PATIENCE, scraper.stopped()).await.unwrap();
    while let Ok(records) = appended.try_recv() {
        assert!(records.iter().all(|record| !is_stale(record.sample.value)), "{records:?}");
    }
}

#[tokio::test]
async fn a_target_that_is_not_there_is_down_with_the_cause() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let job = job("", &address);
    let error = Client::new(&job).unwrap().fetch(&job.targets[0].url).await.unwrap_err();
    let text = describe(&error);
    assert!(text.starts_with(&format!("cannot get http://{address}/metrics: ")), "{text}");
    assert!(text.contains("refused"), "{text}");
}

#[test]
fn targets_are_spread_over_the_interval_and_keep_their_place() {
    let interval = Duration::from_secs(15);
    let labels = |number: usize| Labels::from_pairs([("instance", format!("dev-{number}:9100"))]);
    let places: std::collections::BTreeSet<u64> = (0..100)
        .map(|number| {
            let place = |now: i64| {
                let delay = first_delay(&labels(number), interval, Timestamp::from_millis(now));
                assert!(delay < interval);
                (now as u64 + delay.as_millis() as u64) % 15_000
            };
            assert_eq!(place(1_000_003), place(2_345_678));
            place(0) / 1000
        })
        .collect();
    assert!(places.len() > 10, "{places:?}");
}
