//! What guests cost: the rows about plugins in `docs/performance.md`. `cargo bench -p bellwether-sandbox` prints them.
//!
//! Times are medians of many calls, in processor time of this thread's clock; memory is what the system counts for the process.
//! `-- NAME` prints the rows whose names contain it.
#![expect(clippy::print_stdout, reason = "rows are what it is for")]

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellwether_model::alert::AlertStatus;
use bellwether_model::detector::{Detector, WindowMatrix};
use bellwether_model::device::{DeviceContext, Driver, DriverSession, Frame};
use bellwether_model::receiver::{
    FingerprintText, Notification, NotificationReason, NotifiedAlert, Receiver, ReceiverCall,
};
use bellwether_model::{BoxFuture, Labels, Timestamp};
use bellwether_sandbox::{
    EmbeddedPlugin, HttpClient, HttpError, HttpRequest, HttpResponse, Plugins, PluginsOptions,
};
use serde_json::{Map, Value, json};

const NOW: Timestamp = Timestamp::from_millis(1_795_248_000_000);
const JSONL: &[u8] = include_bytes!("../../../plugins/dist/jsonl.wasm");
const EMBEDDED: [EmbeddedPlugin; 3] = [
    EmbeddedPlugin { name: "jsonl", wasm: JSONL },
    EmbeddedPlugin { name: "zscore", wasm: include_bytes!("../../../plugins/dist/zscore.wasm") },
    EmbeddedPlugin { name: "webhook", wasm: include_bytes!("../../../plugins/dist/webhook.wasm") },
];
/// Lines of one call of a driver: as many as the host hands over at once.
const LINES: usize = 256;
const SERIES: usize = 1_000;
const POINTS: usize = 240;
const INSTANCES: usize = 1_000;
const PLUGINS: usize = 100;

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let home = tempfile::tempdir().expect("a temporary folder");
        let plugins = load(home.path(), EMBEDDED.to_vec(), None).await;
        if is_wanted("driver") {
            driver(&plugins).await;
        }
        if is_wanted("detector") {
            detector(&plugins).await;
        }
        if is_wanted("receiver") {
            receiver(&plugins).await;
        }
        if is_wanted("instances") {
            instances(&plugins).await;
        }
        if is_wanted("cache") {
            from_cache(home.path()).await;
        }
    });
}

fn row(name: &str, goal: &str, found: impl Display) {
    println!("| {name} | {goal} | {found} |");
}

async fn load(home: &Path, embedded: Vec<EmbeddedPlugin>, folder: Option<&Path>) -> Plugins {
    let options = PluginsOptions {
        embedded,
        folder: folder.map(Path::to_owned),
        cache: Some(home.join("cache")),
        http: Arc::new(Accepting),
        ..PluginsOptions::new(Arc::new(|| NOW))
    };
    Plugins::load(options).await.expect("plugins")
}

/// The median time of a call.
async fn median<T>(calls: usize, mut call: impl AsyncFnMut() -> T) -> Duration {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let begun = Instant::now();
        std::hint::black_box(call().await);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}

async fn open(plugins: &Plugins, name: &str) -> Box<dyn DriverSession> {
    let driver = plugins.driver("jsonl").expect("the driver");
    let config = driver.check_settings(&Map::new()).expect("its settings");
    let device =
        DeviceContext { name: name.into(), address: "bench".into(), config, now: NOW, extras: vec![] };
    driver.open(device).await.expect("a session")
}

/// Lines whose fields are all metrics, and lines of which one field is.
const ALL: &str = r#"{"temp":61.5,"cpu":41,"power_mw":187,"uptime_s":181240,"latency_ms":12.5}"#;
const ONE: &str = r#"{"temperature":61.5,"humidity":41,"rssi":-67,"heap":181240}"#;

fn frames(lines: usize, line: &str) -> Vec<Frame> {
    std::iter::repeat_n(Frame { at: NOW, data: line.into() }, lines).collect()
}

async fn driver(plugins: &Plugins) {
    let mut session = open(plugins, "bench").await;
    let lines = [
        ("JSON driver, 256 lines a call, five fields that are metrics: a sample", "0.5 µs", ALL),
        ("JSON driver, 256 lines a call, four fields of which one is a metric: a line", "–", ONE),
    ];
    for (name, goal, line) in lines {
        let samples = session.receive(frames(LINES, line)).await.expect("samples").samples.len();
        let took = median(500, async || session.receive(frames(LINES, line)).await).await;
        let each = took.as_secs_f64() * 1e6 / samples as f64;
        row(name, goal, format_args!("{each:.2} µs ({samples} samples in {took:.0?})"));
    }
}

async fn detector(plugins: &Plugins) {
    let detector = plugins.detectors().remove(0);
    let windows = [WindowMatrix {
        offsets: (0..=SERIES).map(|series| u32::try_from(series * POINTS).expect("few points")).collect(),
        times: (0..SERIES * POINTS).map(|i| (i % POINTS) as i64 * 15_000).collect(),
        values: (0..SERIES * POINTS)
            .map(|i| f64::from(u32::try_from(i * 7919 % 1_000).unwrap_or(0)))
            .collect(),
    }];
    let function = detector.functions()[0].name.clone();
    detector.evaluate(&function, &[], NOW, &windows).await.expect("scores");
    let took = median(200, async || detector.evaluate(&function, &[], NOW, &windows).await).await;
    row("`zscore` over 1,000 series of 240 points", "1 ms", format_args!("{took:.2?}"));
}

async fn receiver(plugins: &Plugins) {
    let Value::Object(settings) = json!({"url": "http://127.0.0.1:9/"}) else { unreachable!() };
    let plugin = plugins.receiver("webhook").expect("the receiver");
    let receiver = plugin.configure(&settings).expect("its settings");
    let call = || call(receiver.config());
    receiver.notify(call()).await.expect("delivered");
    let took = median(1_000, async || receiver.notify(call()).await).await;
    row(
        "webhook receiver: a fresh instance and a message of one alert",
        "0.2 ms",
        format_args!("{took:.1?}"),
    );
}

async fn instances(plugins: &Plugins) {
    let before = Resident::now();
    let begun = Instant::now();
    let mut sessions = Vec::with_capacity(INSTANCES);
    for i in 0..INSTANCES {
        let mut session = open(plugins, &format!("d{i}")).await;
        session.receive(frames(1, ONE)).await.expect("samples");
        sessions.push(session);
    }
    let took = begun.elapsed();
    let after = Resident::now();
    row(
        "1,000 live instances of the JSON driver, resident memory",
        "64 MiB",
        format_args!(
            "{} MiB, {} where pages that they share count once; opened in {took:.0?}; address space {} GiB",
            (after.pages - before.pages) >> 20,
            (after.own - before.own) >> 20,
            kibibytes("/proc/self/status", "VmPeak:") >> 20
        ),
    );
}

/// Plugins that differ in nothing but their digests.
async fn from_cache(home: &Path) {
    let folder = home.join("plugins");
    std::fs::create_dir(&folder).expect("a folder");
    for i in 0..PLUGINS {
        let mut wasm = JSONL.to_vec();
        // A custom section with nothing but a name.
        wasm.extend([0, 4, 3, b'a' + (i / 26) as u8, b'a' + (i % 26) as u8, b'x']);
        std::fs::write(folder.join(format!("p{i}.wasm")), wasm).expect("a plugin");
    }
    drop(load(home, vec![], Some(&folder)).await);
    let mut took = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        let plugins = load(home, vec![], Some(&folder)).await;
        took.push(begun.elapsed());
        drop(plugins);
    }
    took.sort_unstable();
    row("100 plugins loaded, compiled code cached", "50 ms", format_args!("{:.0?}", took[took.len() / 2]));
}

/// Resident bytes of this process.
struct Resident {
    /// Each page as often as it is mapped: the untouched part of a guest's memory is one file for all its instances.
    pages: u64,
    /// Each once.
    own: u64,
}

impl Resident {
    fn now() -> Self {
        let counted = |field| kibibytes("/proc/self/smaps_rollup", field) << 10;
        Self { pages: counted("Rss:"), own: counted("Pss:") }
    }
}

fn kibibytes(file: &str, field: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}

fn call(config: &str) -> ReceiverCall {
    let labels = Labels::from_pairs([("alertname", "DeviceOverheating"), ("device_id", "esp32-1")]);
    let alert = NotifiedAlert {
        fingerprint: FingerprintText(labels.fingerprint()),
        status: AlertStatus::Firing,
        labels: labels.clone(),
        annotations: Labels::from_pairs([("summary", "hot")]),
        starts_at: NOW,
        ends_at: None,
        value: Some(91.0),
        generator_url: "http://host/rule".into(),
    };
    ReceiverCall {
        config: config.into(),
        notification: Notification {
            receiver: "bench".into(),
            group_key: "{}:{alertname=\"DeviceOverheating\"}".into(),
            status: AlertStatus::Firing,
            reason: NotificationReason::First,
            at: NOW,
            group_labels: Labels::from_pairs([("alertname", "DeviceOverheating")]),
            common_labels: labels,
            common_annotations: Labels::empty(),
            route_labels: Labels::empty(),
            alerts: vec![alert],
            truncated_alerts: 0,
            external_url: "http://host".into(),
        },
        rendered: vec![],
        idempotency_key: "delivery-1".into(),
        attempt: 1,
        test: false,
        previous: None,
        now: NOW,
    }
}

/// Accepts every request at once.
#[derive(Debug)]
struct Accepting;

impl HttpClient for Accepting {
    fn send(&self, _request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(async { Ok(HttpResponse { status: 200, headers: vec![], body: bytes::Bytes::new() }) })
    }
}
