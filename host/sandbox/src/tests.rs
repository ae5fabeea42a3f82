//! The committed plugins, and hostile ones, through the whole sandbox.

mod compiling;
mod first_party;
mod hostile;
mod models;
mod redirects;
mod registry;
mod wasi_http;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bellwether_model::alert::AlertStatus;
use bellwether_model::device::{DeviceContext, Frame};
use bellwether_model::receiver::{
    FingerprintText, Notification, NotificationReason, NotifiedAlert, ReceiverCall,
};
use bellwether_model::{BoxFuture, Labels, Timestamp};
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::{
    EmbeddedPlugin, HttpClient, HttpError, HttpRequest, HttpResponse, Limits, Plugins, PluginsOptions,
};

const FIRST_PARTY: [EmbeddedPlugin; 5] = [
    EmbeddedPlugin { name: "jsonl", wasm: include_bytes!("../../../plugins/dist/jsonl.wasm") },
    EmbeddedPlugin { name: "kv", wasm: include_bytes!("../../../plugins/dist/kv.wasm") },
    EmbeddedPlugin { name: "zscore", wasm: include_bytes!("../../../plugins/dist/zscore.wasm") },
    EmbeddedPlugin { name: "webhook", wasm: include_bytes!("../../../plugins/dist/webhook.wasm") },
    EmbeddedPlugin { name: "slack", wasm: include_bytes!("../../../plugins/dist/slack.wasm") },
];
const HOSTILE_DRIVER: &[u8] = include_bytes!("../../../plugins/dist/hostile/driver.wasm");
const HOSTILE_DETECTOR: &[u8] = include_bytes!("../../../plugins/dist/hostile/detector.wasm");
const HOSTILE_RECEIVER: &[u8] = include_bytes!("../../../plugins/dist/hostile/receiver.wasm");
const HOSTILE_WASI: &[u8] = include_bytes!("../../../plugins/dist/hostile/wasi.wasm");
/// The time of all tests.
const NOW: Timestamp = Timestamp::from_millis(1_795_248_000_000);

/// Compiled code that all tests of this process and the next ones share; compiling takes a second without optimisation.
fn shared_cache() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tmp/sandbox-test-cache")
}

fn options() -> PluginsOptions {
    PluginsOptions { cache: Some(shared_cache()), ..PluginsOptions::new(Arc::new(|| NOW)) }
}

async fn first_party(http: Arc<dyn HttpClient>) -> Plugins {
    Plugins::load(PluginsOptions { embedded: FIRST_PARTY.to_vec(), http, ..options() }).await.unwrap()
}

/// The hostile plugins. The operator granted the receiver several places, and let its secret go to one of them.
async fn hostile(http: Arc<dyn HttpClient>, limits: Limits) -> (Plugins, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hostile-receiver.wasm"), HOSTILE_RECEIVER).unwrap();
    let grants = "[grants]\nhosts = [\"https://api.example\", \"https://other.example\", \"https://*.below.example\"]\n[grants.secrets.token]\nhosts = [\"https://api.example\"]\n";
    std::fs::write(folder.path().join("hostile-receiver.toml"), grants).unwrap();
    let embedded = vec![
        EmbeddedPlugin { name: "hostile-driver", wasm: HOSTILE_DRIVER },
        EmbeddedPlugin { name: "hostile-detector", wasm: HOSTILE_DETECTOR },
        EmbeddedPlugin { name: "hostile-wasi", wasm: HOSTILE_WASI },
        FIRST_PARTY[0],
    ];
    let folder_path = Some(folder.path().to_path_buf());
    let options = PluginsOptions { embedded, folder: folder_path, http, limits, ..options() };
    (Plugins::load(options).await.unwrap(), folder)
}

fn device(name: &str, config: &str) -> DeviceContext {
    DeviceContext {
        name: name.into(),
        address: "sim".into(),
        config: config.into(),
        now: NOW,
        extras: vec![],
    }
}

fn frame(text: &str) -> Frame {
    Frame { at: NOW, data: text.as_bytes().to_vec() }
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("not an object") };
    object
}

fn call(receiver: &str, config: &str, rendered: Vec<(String, String)>) -> ReceiverCall {
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
            receiver: receiver.into(),
            group_key: "{}:{alertname=\"DeviceOverheating\"}".into(),
            status: AlertStatus::Firing,
            reason: NotificationReason::First,
            at: NOW,
            group_labels: Labels::from_pairs([("alertname", "DeviceOverheating")]),
            common_labels: labels,
            common_annotations: Labels::from_pairs([("summary", "hot")]),
            route_labels: Labels::empty(),
            alerts: vec![alert],
            truncated_alerts: 0,
            external_url: "http://host".into(),
        },
        rendered,
        idempotency_key: "delivery-1".into(),
        attempt: 1,
        test: false,
        previous: None,
        now: NOW,
    }
}

/// Keeps what is sent, and answers the same each time.
#[derive(Debug)]
struct Recorder {
    sent: Mutex<Vec<HttpRequest>>,
    answer: Result<HttpResponse, HttpError>,
}

impl Recorder {
    fn answering(status: u16, headers: &[(&str, &str)], body: &str) -> Arc<Self> {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let body = Bytes::copy_from_slice(body.as_bytes());
        Arc::new(Self { sent: Mutex::default(), answer: Ok(HttpResponse { status, headers, body }) })
    }

    fn failing(error: HttpError) -> Arc<Self> {
        Arc::new(Self { sent: Mutex::default(), answer: Err(error) })
    }

    fn sent(&self) -> Vec<HttpRequest> {
        self.sent.lock().unwrap().clone()
    }
}

impl HttpClient for Recorder {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        self.sent.lock().unwrap().push(request);
        let answer = self.answer.clone();
        Box::pin(async { answer })
    }
}
